//! Which models there are, what they can do, and how they do here.

mod cache;
mod catalogue;
mod fields;
mod list;
mod measure;
mod model;

pub use cache::{Changes, ModelCache, ModelOutput, Shelf, TTL};
pub use catalogue::read_catalogue;
pub use list::{MAX_BODY, MAX_MODELS, ModelsError, read_model, read_models};
pub use measure::{Figures, MAX_MEASURED, MAX_SAMPLES, Measures, Sample};
pub use model::{Model, Price};
