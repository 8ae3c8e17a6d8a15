use super::planted::{self, Bug};
use super::store::{Body, Record};
use super::{Config, Position};
use crate::proto::replay::{HOLE, Log, ReplayLimits};

/// What this instance has read of the log: what its readers are served from.
#[derive(Debug)]
pub(super) struct Mirror {
    pub(super) log: Log,
    limits: ReplayLimits,
    /// The newest record of the shared log.
    pub(super) last: Option<Position>,
    /// The upstream stream was live when the newest record was written.
    pub(super) is_up: bool,
    /// The number of the newest record that says so.
    pub(super) up_at: u64,
    /// Something was read or written.
    pub(super) is_used: bool,
    /// The leader went.
    pub(super) is_over: bool,
}

/// Whether a record follows on what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Next,
    /// Records between were never read.
    Gap,
}

impl Mirror {
    /// Of nothing yet.
    pub(super) fn new(config: &Config, epoch: String) -> Self {
        Mirror {
            log: Log::resumed(config.replay, epoch, 1),
            limits: config.replay,
            last: None,
            is_up: false,
            up_at: 0,
            is_used: false,
            is_over: false,
        }
    }

    /// Takes the next record of the shared log.
    pub(super) fn take(&mut self, record: &Record) -> Step {
        let Record { position, ref body } = *record;
        let name = position.epoch.to_string();
        match self.last {
            None => self.log = Log::resumed(self.limits, name, position.seq),
            // Told again.
            Some(last) if position <= last => return Step::Next,
            Some(last) if position.epoch == last.epoch => {
                if position.seq != last.seq + 1 && !planted::is(Bug::TrimUnnoticed) {
                    return Step::Gap;
                }
            }
            Some(last) => {
                let follows = position.seq == 1 && *body == Body::Begin(Some(last));
                if !follows && !planted::is(Bug::TrimUnnoticed) {
                    return Step::Gap;
                }
                self.log.begin_epoch(name);
            }
        }
        self.last = Some(position);
        self.apply(body);
        Step::Next
    }

    /// From here on this instance numbers by itself, in an epoch of its own.
    pub(super) fn leave(&mut self, epoch: String) {
        self.log.begin_epoch(epoch);
        self.last = None;
    }

    /// The oldest record that somebody who begins to read the shared log now has a use for.
    pub(super) fn needed(&self) -> Option<Position> {
        let oldest = self.log.oldest().min(self.up_at);
        let (epoch, seq) = self.log.name(oldest);
        Some(Position {
            epoch: epoch.parse().ok()?,
            seq,
        })
    }

    /// Takes what has the next number.
    pub(super) fn apply(&mut self, body: &Body) {
        self.is_used = true;
        match body {
            Body::Event(data) => {
                // There are none but of a live stream: the record that says so may be trimmed.
                self.is_up = true;
                self.log.record(data);
            }
            Body::Up { hole } => {
                self.is_up = true;
                if *hole {
                    self.log.record(HOLE);
                } else {
                    self.log.pass();
                }
                self.up_at = self.log.last();
            }
            Body::Begin(_) | Body::Down | Body::Over => {
                self.is_up = false;
                self.is_over = *body == Body::Over;
                self.log.pass();
            }
        }
        if !matches!(body, Body::Over) {
            self.is_over = false;
        }
    }
}
