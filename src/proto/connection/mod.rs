//! When there is a stream: the state machine of the link, its backoff and its watchdog. The table is in `SPEC.md`.

mod link;
mod watchdog;

pub use crate::proto::retry::{Backoff, RetryPolicy, retry_after};
pub(crate) use link::SLOW;
pub use link::{Action, Cause, Link, Phase, Source, Transport};
pub use watchdog::Watchdog;
