//! When there is a stream: the state machine of the link, its backoff and its watchdog. The table is in `SPEC.md`.

mod backoff;
mod link;
mod watchdog;

pub use backoff::{Backoff, RetryPolicy, retry_after};
pub(crate) use link::SLOW;
pub use link::{Action, Cause, Link, Phase, Source, Transport};
pub use watchdog::Watchdog;
