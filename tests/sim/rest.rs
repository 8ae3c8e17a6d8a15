//! The end of a run: faults are over, everything comes to rest, and is compared.

use crate::fault::Profile;
use crate::judge::Open;
use crate::support_rs::mirror::Mirror;
use crate::support_rs::oracle::as_stored;
use crate::world::World;

impl World {
    /// Faults are over; the server ends its work, and the client its own.
    pub(crate) fn rest(&mut self) {
        self.calm = true;
        self.frozen = false;
        self.back = 0;
        self.clamp = (0, None);
        self.net.disarm();
        (self.until.down, self.until.front) = (None, None);
        self.keep.missing = None;
        self.look(true);
        for at in [&mut self.until.offline, &mut self.until.slow] {
            *at = at.map(|_| self.now);
        }
        self.recover();
        self.drain();
        if self.profile == Profile::Hostile || self.opens.iter().any(Open::is_hopeless) {
            self.reconnect();
        }
        let start = self.now;
        let grace = self.judge.grace(self.now + self.ahead);
        let mut live_at = None;
        let mut idle_since = self.now;
        let mut done = false;
        let mut clicked = false;
        for _ in 0..6_000 {
            let pick = self.rng.below(1 << 40);
            if self.server.step(pick) {
                self.pass(2);
                idle_since = self.now;
            }
            self.arrive();
            self.drain();
            if !clicked && self.opens.iter().any(Open::is_hopeless) {
                // By a refusal that was under way when the faults ended.
                clicked = true;
                self.reconnect();
            }
            if live_at.is_none() && self.opens.iter().all(Open::is_up) {
                live_at = Some(self.now);
                idle_since = self.now;
            }
            if live_at.is_none() {
                assert!(
                    self.now - start <= RECOVERY + grace,
                    "P7: not live {} s after the last fault: {} {}",
                    (self.now - start) / 1_000,
                    self.opens[0].mirror.field("connection"),
                    self.opens[0].mirror.field("error"),
                );
            }
            let idle = self.server.lanes.values().all(std::collections::VecDeque::is_empty);
            if !idle || !self.net.flights.is_empty() {
                continue;
            }
            if !self.server.waiting.is_empty() {
                self.pass(500);
                continue;
            }
            let wait = self
                .client
                .poll_timeout()
                .map(|at| at.saturating_sub(self.now + self.ahead));
            match wait {
                Some(wait)
                    if wait < 2_500
                        || live_at.is_none()
                        || (self.now < idle_since + self.patience() && !self.is_at_rest()) =>
                {
                    self.pass(wait.clamp(1, 9_000));
                }
                _ => {
                    done = true;
                    break;
                }
            }
        }
        assert!(done, "never comes to rest: {:?}", self.judge.last_asked);
        self.arrive();
        self.drain();
    }

    fn patience(&self) -> u64 {
        let polls = self
            .opens
            .iter()
            .any(|open| open.mirror.field("connection")["phase"] == "polling");
        let mute = self.until.mute.is_some();
        let partial = PART_PATIENCE * u64::from(self.opens.iter().any(Open::is_partial));
        if polls || mute {
            POLL_PATIENCE + 400_000 * u64::from(mute) + partial
        } else {
            PATIENCE + partial
        }
    }

    /// Nobody waits for anything, and what is shown is all there is. Polls and checks may take a while to get there; and a
    /// history that is called incomplete is asked for again.
    fn is_at_rest(&self) -> bool {
        let rests = |open: &Open| open.is_live() && open.differs(&self.server).is_none();
        self.judge.is_answered() && self.opens.iter().all(rests)
    }

    /// Equal to the server, to a client that starts now, and to what the callers were told.
    pub(crate) fn conclude(&mut self) {
        for open in &self.opens {
            if let Some(error) = open.differs(&self.server) {
                panic!("{error}");
            }
        }
        self.judge
            .conclude(&self.server, self.profile, self.honest, &self.opens);
        let known: Vec<(String, Mirror)> = self
            .opens
            .iter()
            .map(|open| (open.session.clone(), open.mirror.clone()))
            .collect();
        // A fresh client, with nothing to restore.
        self.journal.clear();
        self.others.clear();
        self.journaling = false;
        self.reload();
        self.rest();
        for (open, (session, mirror)) in self.opens.iter().zip(&known) {
            assert!(open.session == *session);
            if open.limit < 100 {
                continue;
            }
            let same = |mirror: &Mirror| {
                let history = as_stored(mirror, &self.server);
                let count = history.len().min(open.mirror.messages.len());
                history[history.len() - count..].to_vec()
            };
            assert_eq!(
                same(mirror),
                same(&open.mirror),
                "P3: a fresh client shows something else"
            );
        }
    }
}

/// P7: one backoff of at most 20 s, one watchdog period of 25 s, and a moment to connect and load.
const RECOVERY: u64 = 47_000;

/// Longer than any check or wait for an answer takes; and than the polls of which one fetches everything.
const PATIENCE: u64 = 100_000;
const POLL_PATIENCE: u64 = 400_000;
/// The longest wait before the whole of a history is asked for again that came in part: 3 s, four times doubled.
const PART_PATIENCE: u64 = 48_000;
