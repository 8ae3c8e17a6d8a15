//! When to try again: waits between tries, and what servers say about it.

mod after;
mod backoff;
#[cfg(feature = "provider")]
mod moment;
#[cfg(feature = "provider")]
mod rates;
#[cfg(feature = "provider")]
mod retries;

pub use after::retry_after;
pub use backoff::{Backoff, RetryPolicy};
#[cfg(feature = "provider")]
pub use moment::moment;
#[cfg(feature = "provider")]
pub use rates::{Dimension, Rate, Rates};
#[cfg(feature = "provider")]
pub use retries::{Failed, MAX_WAIT, Retries, RetryLimits, Verdict};
