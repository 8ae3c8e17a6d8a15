use crate::proto::provider::planted::{self, Bug};
use crate::proto::retry::{Dimension, Rates};

/// A server's pause is believed up to this, milliseconds: budgets of a month exist, longer ones are mistakes.
const MAX_PAUSE: u64 = 31 * 24 * 3_600_000;

/// What the server says is left, and until when it wants to be left alone.
#[derive(Debug, Default)]
pub(super) struct Server {
    paused_until: u64,
    requests: Vec<Left>,
    tokens: Vec<Left>,
}

#[derive(Debug)]
struct Left {
    remaining: u64,
    reset: u64,
}

impl Server {
    pub(super) fn pause(&mut self, wait: u64, now: u64) {
        // Answers of requests that went together say different things: the longest is safe.
        self.paused_until = self.paused_until.max(now.saturating_add(wait.min(MAX_PAUSE)));
    }

    /// `wall`: the time since 1970 at `now`. `flying`: requests and tokens that the server may not have counted yet.
    pub(super) fn observe(&mut self, rates: &Rates, wall: u64, flying: (u64, u64), now: u64) {
        let flying = if planted::is(Bug::ForgetInFlight) {
            (0, 0)
        } else {
            flying
        };
        let left = |requests: bool, flying: u64| -> Vec<Left> {
            rates
                .rates
                .iter()
                .filter(|rate| (rate.dimension == Dimension::Requests) == requests)
                .filter_map(|rate| {
                    // `Retry-After` wins: several servers tell in `reset` when all is back, not when there is room again.
                    let reset = rate.reset_at?.min(rates.retry_at.unwrap_or(u64::MAX));
                    let wait = reset.saturating_sub(wall).min(MAX_PAUSE);
                    Some(Left {
                        remaining: rate.remaining?.saturating_sub(flying),
                        reset: now.saturating_add(wait),
                    })
                })
                .collect()
        };
        for (known, new) in [
            (&mut self.requests, left(true, flying.0)),
            (&mut self.tokens, left(false, flying.1)),
        ] {
            if !new.is_empty() {
                *known = new;
            }
        }
    }

    /// A request goes.
    pub(super) fn take(&mut self, tokens: u64, now: u64) {
        for (known, used) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            known.retain(|left| left.reset > now);
            for left in known {
                left.remaining = left.remaining.saturating_sub(used);
            }
        }
    }

    /// Until when a request of so many tokens has to wait; what is past is no wait.
    pub(super) fn blocked_until(&self, tokens: u64) -> u64 {
        if planted::is(Bug::IgnoreRemaining) {
            return self.paused_until;
        }
        let wait = |known: &[Left], need: u64| {
            let short = known.iter().filter(|left| left.remaining < need);
            short.map(|left| left.reset).max().unwrap_or_default()
        };
        wait(&self.requests, 1)
            .max(wait(&self.tokens, tokens))
            .max(self.paused_until)
    }
}
