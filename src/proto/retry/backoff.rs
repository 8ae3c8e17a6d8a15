use crate::proto::planted::{self, Bug};
use crate::proto::rng::Rng;

/// Reconnect timing, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Shortest wait.
    pub min: u64,
    /// Longest wait.
    pub max: u64,
    /// The link must have been good this long before waits start small again.
    pub reset_after: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            min: 500,
            max: 20_000,
            reset_after: 60_000,
        }
    }
}

/// Longest wait a server may ask for, milliseconds: a wrong header must not silence the page for a day.
const MAX_RETRY_AFTER: u64 = 300_000;

/// Waits between tries: full jitter under a cap that doubles, so that many pages do not return at once.
#[derive(Debug)]
pub struct Backoff {
    policy: RetryPolicy,
    failures: u32,
}

impl Backoff {
    /// No failures yet.
    pub fn new(policy: RetryPolicy) -> Self {
        Backoff { policy, failures: 0 }
    }

    /// Failed tries in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failure and gives the wait before the next try. `asked` is the server's `Retry-After`.
    pub fn next(&mut self, asked: Option<u64>, rng: &mut Rng) -> u64 {
        self.failures = self.failures.saturating_add(1);
        if planted::is(Bug::ResetBackoff) {
            self.failures = 1;
        }
        let cap = self
            .policy
            .min
            .saturating_mul(1 << self.failures.min(16))
            .clamp(self.policy.min, self.policy.max.max(self.policy.min));
        let wait = self.policy.min + rng.below(cap - self.policy.min + 1);
        asked.map_or(wait, |asked| asked.clamp(self.policy.min, MAX_RETRY_AFTER))
    }

    /// The link ended after `good` milliseconds of work.
    pub fn ended(&mut self, good: u64) {
        if good >= self.policy.reset_after {
            self.failures = 0;
        }
    }

    /// Starts small again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}
