//! One session, from the opening of the stream to "equal to the server": buffer → snapshot → replay → live → settled.

mod buffer;
mod context;
mod family;
mod fields;
mod loading;
mod missed;
mod naming;
mod older;
mod outcome;
mod parked;
mod partial;
mod restored;
mod reverted;
mod session;
mod side;
mod single;
mod snapshot;
mod turn;
mod vigil;

pub use context::{Context, Heard, Output, Purpose, Reply, What};
pub use family::Family;
pub use fields::{Fields, Status};
pub use older::Older;
pub use session::Session;
pub(crate) use session::with_directory;
