use super::backoff::{Backoff, RetryPolicy};
use crate::proto::rng::Rng;

/// How often and how long one call is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryLimits {
    /// Waits between tries.
    pub policy: RetryPolicy,
    /// Tries in all.
    pub max_tries: u32,
    /// Longest wait that a server may ask for, milliseconds. More is an error at once.
    pub max_wait: u64,
}

/// Default of [`RetryLimits::max_wait`].
pub const MAX_WAIT: u64 = 120_000;

impl Default for RetryLimits {
    fn default() -> Self {
        RetryLimits {
            policy: RetryPolicy {
                min: 500,
                max: 30_000,
                reset_after: 60_000,
            },
            max_tries: 4,
            max_wait: MAX_WAIT,
        }
    }
}

/// A try that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failed {
    /// HTTP status; 0: there was no answer, or it broke off.
    pub status: u16,
    /// Some of the answer was handed out. A second try would tell it twice.
    pub produced: bool,
    /// Until when the server wants to be left alone ([`Rates::wait_until`](super::Rates::wait_until)).
    pub wait_until: Option<u64>,
    /// The server's own word, where it gives one.
    pub should_retry: Option<bool>,
    /// What was bought is used up: no wait of seconds helps.
    pub spent: bool,
}

/// What comes after a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again then, milliseconds since 1970.
    Again {
        /// When.
        at: u64,
    },
    /// The wait is too long for a call that someone waits for.
    Quota {
        /// From when it works again, where that is known.
        retry_at: Option<u64>,
    },
    /// The failure stands.
    Final,
}

/// The tries of one call.
#[derive(Debug)]
pub struct Retries {
    limits: RetryLimits,
    backoff: Backoff,
}

impl Retries {
    /// No try failed yet.
    pub fn new(limits: RetryLimits) -> Self {
        Retries {
            backoff: Backoff::new(limits.policy.clone()),
            limits,
        }
    }

    /// Judges a failed try. `now` is the time since 1970.
    pub fn handle_failed(&mut self, failed: Failed, now: u64, rng: &mut Rng) -> Verdict {
        let far = failed
            .wait_until
            .filter(|at| at.saturating_sub(now) > self.limits.max_wait);
        // Also a stream that is not repeated tells when the next one may work.
        if failed.spent || (far.is_some() && is_limit(failed.status)) {
            return Verdict::Quota {
                retry_at: failed.wait_until.filter(|at| *at > now),
            };
        }
        let wanted = failed.should_retry.unwrap_or(may_pass(failed.status));
        if failed.produced || !wanted || self.backoff.failures() + 1 >= self.limits.max_tries {
            return Verdict::Final;
        }
        let wait = self.backoff.next(None, rng);
        // All who were told the same moment do not come in it.
        let spread = rng.below(self.limits.policy.min.saturating_add(1));
        let at = match failed.wait_until.filter(|_| far.is_none()) {
            Some(asked) => asked.max(now).saturating_add(spread),
            None => now.saturating_add(wait),
        };
        Verdict::Again { at }
    }
}

/// Whether a header about waiting is what the answer is about.
fn is_limit(status: u16) -> bool {
    matches!(status, 429 | 503 | 529)
}

/// Whether the same request may work a moment later.
fn may_pass(status: u16) -> bool {
    matches!(status, 0 | 408 | 425 | 429 | 500 | 502..=504 | 520..=530)
}
