//! The configuration: one table of fields that is checked against, filled up from, and written out as JSON Schema.

mod check;
mod fields;
mod schema;
mod typed;

pub use check::{ConfigError, Reason};
pub use schema::json_schema;
pub use typed::{Algorithm, Auth, Config, Fallbacks, Features, ModelChoice, RateLimits, Retry, Timeouts};
