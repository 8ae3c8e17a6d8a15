//! Time: timers, heartbeats, time limits, and ends of states that last.

use opencode_session::proto::client::{Failure, Input};
use serde_json::json;

use crate::support_rs::server::Wire;
use crate::world::{SECOND, Until, World};

impl World {
    /// Time passes: timers, heartbeats, time limits, ends of faults. Not while the server is in the middle of
    /// something that takes none.
    pub(crate) fn pass(&mut self, ms: u64) {
        if self.server.is_urgent() {
            return;
        }
        let end = self.now + ms;
        if ms >= 500 || self.now >= self.taken_at + 2_000 {
            // Taking a prompt in does not last as long.
            self.taken_at = self.now;
            for at in 0..self.opens.len() {
                let session = self.opens[at].session.clone();
                self.server.intake(&session);
                self.server.begin_due(&session);
            }
        }
        let mut spins = 0;
        loop {
            let due = self.timer();
            let limit = self.net.next_timeout().filter(|_| !self.frozen);
            let kept = self.keep.due();
            let next = [due, limit, Some(self.beat_at), self.until.next(), kept];
            let next = next.into_iter().flatten().min().unwrap_or(end).clamp(self.now, end);
            spins = if next == self.now { spins + 1 } else { 0 };
            assert!(spins < 300, "a tight loop: {:?}", self.client.poll_timeout());
            self.now = next;
            self.notices_silence();
            self.server.now = self.now.saturating_add_signed(self.skew);
            if self.beat_at <= self.now {
                self.beat_at = self.now + if self.server.wire == Wire::Old { 30_000 } else { 10_000 };
                self.server.publish("", "server.heartbeat", json!({}));
                // A keeper reads on, whatever the page does.
                self.relay();
            } else if self.until.next().is_some_and(|at| at <= self.now) {
                self.recover();
            } else if kept.is_some_and(|at| at <= self.now) {
                self.keep_time();
            } else if limit.is_some_and(|at| at <= self.now) {
                self.time_out();
            } else if due.is_some_and(|at| at <= self.now) {
                let late = self
                    .client
                    .poll_timeout()
                    .is_some_and(|at| self.now + self.ahead > at + 50);
                if let (true, Some(fault)) = (late, self.clamp.1) {
                    self.counts.hit(fault);
                }
                self.back = 0;
                self.input(Input::Timeout);
            } else if self.now >= end {
                return;
            }
        }
    }

    /// P7: a page that is awake does not sit by a dead stream.
    fn notices_silence(&mut self) {
        // 2.5 beats, of which the longest believed is 45 s, and a moment of grace.
        const LONGEST: u64 = 120 * SECOND;
        let awake = !self.frozen && !self.hidden && self.clamp.0 == 0 && self.back == 0;
        if !awake {
            self.awake_at = self.now;
        }
        if let Some(stream) = self.net.stream.as_ref().filter(|stream| stream.opened) {
            let silence = self.now - stream.heard_at.max(self.awake_at);
            assert!(silence <= LONGEST, "P7: {silence} ms of silence are not noticed");
        }
    }

    /// When the page's timer fires, in true time.
    fn timer(&self) -> Option<u64> {
        if self.frozen {
            return None;
        }
        let at = self.client.poll_timeout()?.saturating_sub(self.ahead).max(self.now);
        match self.clamp.0 {
            0 => Some(at),
            clamp => Some(at.next_multiple_of(clamp)),
        }
    }

    fn time_out(&mut self) {
        while let Some(id) = self.net.take_overdue(self.now) {
            self.input(Input::Failed {
                id,
                cause: Failure::Timeout,
            });
        }
    }

    /// States that lasted long enough end.
    pub(crate) fn recover(&mut self) {
        let past = |at: &Option<u64>, now| at.is_some_and(|at| at <= now);
        if past(&self.until.down, self.now) {
            self.until.down = None;
        }
        if past(&self.until.front.map(|(at, _)| at), self.now) {
            self.until.front = None;
        }
        if past(&self.until.cold, self.now) {
            self.until.cold = None;
            self.server.cold = false;
        }
        if past(&self.until.clamp, self.now) {
            (self.until.clamp, self.clamp) = (None, (0, None));
            self.look(true);
        }
        if past(&self.until.slow, self.now) {
            self.drain();
            self.until.slow = None;
        }
        if past(&self.until.offline, self.now) && !self.frozen {
            self.until.offline = None;
            self.judge.kicked();
            self.input(Input::Online);
        } else if self.frozen && past(&self.until.offline, self.now) {
            self.until.offline = Some(self.now + 1_000);
        }
        if past(&self.until.mute, self.now) {
            self.until.mute = None;
            // What no message tells of, a title, is only found when the proxy ends the stream.
            self.end_hush();
        }
    }
}

impl Until {
    pub(crate) fn next(&self) -> Option<u64> {
        let front = self.front.map(|(at, _)| at);
        let all = [
            self.offline,
            self.down,
            self.mute,
            self.clamp,
            self.slow,
            self.cold,
            front,
        ];
        all.into_iter().flatten().min()
    }
}
