//! When a request may go: windows of requests and tokens, places, priorities, the server's own word, and a circuit. One
//! limiter is one endpoint.

mod circuit;
mod clock;
mod estimate;
mod machine;
mod queue;
mod server;
mod window;

pub use circuit::CircuitConfig;
pub use estimate::Estimator;
pub use machine::{Limiter, Output};
pub use queue::Priority;

/// A request, from `handle_submit` to `handle_finished`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Bounds of a [`Limiter`]. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimiterConfig {
    /// Requests in any window.
    pub requests: u64,
    /// Tokens in any window.
    pub tokens: u64,
    /// The window.
    pub window: u64,
    /// Requests at a time.
    pub max_concurrent: usize,
    /// Requests that wait; one more is refused.
    pub max_queue: usize,
    /// Longest wait; what would wait longer is refused.
    pub max_wait: u64,
    /// After so long, a request counts as one priority higher.
    pub age: u64,
    /// When an endpoint counts as down.
    pub circuit: CircuitConfig,
}

impl Default for LimiterConfig {
    fn default() -> Self {
        LimiterConfig {
            requests: 60,
            tokens: 60_000,
            window: 60_000,
            max_concurrent: 5,
            max_queue: 100,
            max_wait: 120_000,
            age: 10_000,
            circuit: CircuitConfig::default(),
        }
    }
}

/// Why a request may not go. Times are on the caller's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// As many wait as may.
    QueueFull,
    /// It alone is more than a window holds.
    TooLarge {
        /// Tokens of a window.
        limit: u64,
    },
    /// It would wait longer than it may.
    Quota {
        /// From when there is room, where that is known.
        retry_at: Option<u64>,
    },
    /// The endpoint is down.
    CircuitOpen {
        /// When it is tried again.
        retry_at: u64,
    },
}

impl Refused {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Refused::QueueFull => "queue_full",
            Refused::TooLarge { .. } => "too_large",
            Refused::Quota { .. } => "quota",
            Refused::CircuitOpen { .. } => "circuit_open",
        }
    }
}

/// How a request ended, as far as the endpoint's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was an answer, also one that refuses.
    Answered,
    /// Server error, no answer, or a cut one.
    Failed,
    /// The caller ended it.
    Aborted,
}
