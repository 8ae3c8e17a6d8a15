use crate::proto::provider::planted::{self, Bug};

/// Time that never goes back. A clock that is set back stands still for once and goes on from there: windows get longer by
/// that, never shorter, and no wait becomes endless.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<u64>,
    inner: u64,
}

impl Clock {
    /// The inner time of the caller's `now`.
    pub(super) fn tick(&mut self, now: u64) -> u64 {
        let passed = self.last.map_or(0, |last| now.saturating_sub(last));
        self.last = Some(now);
        self.inner += passed;
        if planted::is(Bug::TrustClock) {
            self.inner = now;
        }
        self.inner
    }

    /// The caller's time of an inner one that is not past.
    pub(super) fn outer(&self, inner: u64) -> u64 {
        let wait = inner.saturating_sub(self.inner);
        self.last.unwrap_or_default().saturating_add(wait)
    }
}
