use std::collections::VecDeque;

use super::planted::{self, Bug};
use super::store::{Body, Op};
use super::{Position, Relay};

/// What this instance is to the others.
#[derive(Debug)]
pub(super) enum Role {
    /// Another leads, or nobody; tried from then on.
    Follower(u64),
    /// The lease was asked for.
    Asking(Asked),
    Leader(Box<Leader>),
}

/// A question to the store: its id, and when it was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) id: u32,
    pub(super) at: u64,
}

#[derive(Debug)]
pub(super) struct Leader {
    pub(super) epoch: u64,
    /// The next record's.
    next: u64,
    /// Nobody else leads before then, by this clock.
    pub(super) until: u64,
    pub(super) renewal: Option<Asked>,
    renew_at: u64,
    pub(super) append: Option<Append>,
    /// What was appended and is not read yet: should the store go, it is not lost.
    unread: VecDeque<(u64, Body)>,
    unread_bytes: usize,
    /// Something of it had to be forgotten.
    is_torn: bool,
    /// Records since the log said the last time that the stream is live.
    pub(super) silent: usize,
    /// Events may have been missed before this term.
    pub(super) gap: bool,
    pub(super) wanted: bool,
}

/// Records on their way to the store, until it says that they are there.
#[derive(Debug)]
pub(super) struct Append {
    /// `None`: it failed, and is tried again.
    pub(super) asked: Option<Asked>,
    first: u64,
    records: Vec<Body>,
    again_at: u64,
    is_last: bool,
    /// It failed before.
    pub(super) has_failed: bool,
}

/// An answer of the store that comes later than this counts for nothing.
const OP_TIMEOUT: u64 = 5_000;
const AGAIN: u64 = 250;
/// Records that go at once, and their bytes.
const BATCH: (usize, usize) = (512, 1 << 20);

impl Leader {
    pub(super) fn new(epoch: u64, top: Option<Position>, asked_at: u64, lease: u64) -> Self {
        Leader {
            epoch,
            next: 1,
            until: asked_at + lease,
            renewal: None,
            renew_at: asked_at + lease / 3,
            append: None,
            unread: VecDeque::new(),
            unread_bytes: 0,
            is_torn: false,
            silent: 0,
            gap: top.is_some() && !planted::is(Bug::NoTakeoverHole),
            wanted: false,
        }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> u64 {
        let renewal = self.renewal.map_or(self.renew_at, |asked| asked.at + OP_TIMEOUT);
        let append = self.append.as_ref().map(|append| match append.asked {
            Some(asked) => asked.at + OP_TIMEOUT,
            None => append.again_at,
        });
        self.until.min(renewal).min(append.unwrap_or(u64::MAX))
    }

    /// What was appended has been read up to there.
    pub(super) fn read(&mut self, last: Option<Position>) {
        let Some(last) = last.filter(|last| last.epoch == self.epoch) else {
            return;
        };
        while let Some((seq, body)) = self.unread.front()
            && *seq <= last.seq
        {
            self.unread_bytes -= body.size();
            self.unread.pop_front();
        }
    }

    /// All that nobody has read yet, and whether that is all.
    pub(super) fn take_unread(&mut self) -> (Vec<Body>, bool) {
        let whole = !std::mem::take(&mut self.is_torn);
        self.unread_bytes = 0;
        (self.unread.drain(..).map(|(_, body)| body).collect(), whole)
    }
}

/// Leading: one append at a time, in order, each until it is answered.
impl Relay {
    pub(super) fn ask_store(&mut self, op: Op, now: u64) -> Asked {
        self.asked = self.asked.wrapping_add(1);
        let id = self.asked;
        self.outputs.push_back(super::Output::Store { id, op });
        Asked { id, at: now }
    }

    /// Asks for the lease, renews it, gives it up when it ran out, and appends what waits.
    pub(super) fn lead(&mut self, now: u64) {
        let lease = self.config.lease;
        match &mut self.role {
            Role::Follower(at) => {
                let deaf = planted::is(Bug::DeafFollower) && self.mirror.last.is_some();
                if now >= *at && self.wants_stream(now) && !deaf {
                    let asked = self.ask_store(Op::Acquire { lease }, now);
                    self.role = Role::Asking(asked);
                }
            }
            Role::Asking(asked) => {
                if now >= asked.at + OP_TIMEOUT {
                    self.role = Role::Follower(now);
                    self.troubled(now);
                }
            }
            Role::Leader(leader) => {
                if now >= leader.until {
                    return self.step_down(now);
                }
                if leader.renewal.is_some_and(|asked| now >= asked.at + OP_TIMEOUT) {
                    leader.renewal = None;
                    leader.renew_at = now;
                }
                if leader.renewal.is_none() && now >= leader.renew_at {
                    let epoch = leader.epoch;
                    let asked = self.ask_store(Op::Renew { epoch, lease }, now);
                    if let Role::Leader(leader) = &mut self.role {
                        leader.renewal = Some(asked);
                    }
                }
                self.append(now);
            }
        }
    }

    fn append(&mut self, now: u64) {
        let wants = self.wants_stream(now);
        let keep = self.mirror.needed();
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(append) = &mut leader.append {
            if append.asked.is_some_and(|asked| now >= asked.at + OP_TIMEOUT) {
                append.asked = None;
                append.has_failed = true;
                append.again_at = now;
            }
            if append.asked.is_some() || now < append.again_at {
                return;
            }
        } else {
            if wants && (self.intake.is_empty() || now < self.flush_at) {
                return;
            }
            let mut records = self.intake.drain(BATCH.0, BATCH.1);
            leader.silent += records.len();
            if leader.silent >= 256 && self.upstream.is_live() {
                // Whoever begins to read behind the trimmed part knows by it that the stream is live.
                leader.silent = 0;
                records.push(Body::Up { hole: false });
            }
            let is_last = !wants && self.intake.is_empty();
            if is_last {
                records.push(Body::Over);
            }
            let first = leader.next;
            leader.next += records.len() as u64;
            for (seq, body) in (first..).zip(&records) {
                leader.unread_bytes += body.size();
                leader.unread.push_back((seq, body.clone()));
            }
            while leader.unread_bytes > self.config.pending
                && let Some((_, body)) = leader.unread.pop_front()
            {
                leader.unread_bytes -= body.size();
                leader.is_torn = true;
            }
            self.flushed = now;
            leader.append = Some(Append {
                asked: None,
                first,
                records,
                again_at: now,
                is_last,
                has_failed: false,
            });
        }
        let epoch = leader.epoch;
        let Some(append) = &leader.append else { return };
        let (first, records) = (append.first, append.records.clone());
        let op = if append.is_last {
            Op::Release { epoch, first, records }
        } else {
            Op::Append {
                epoch,
                first,
                records,
                keep,
            }
        };
        let asked = self.ask_store(op, now);
        if let Role::Leader(leader) = &mut self.role
            && let Some(append) = &mut leader.append
        {
            append.asked = Some(asked);
        }
    }

    /// An append is answered. Gives whether the lease was let go with it.
    pub(super) fn appended(leader: &mut Leader, is_done: bool, now: u64) -> bool {
        if is_done {
            return leader.append.take().is_some_and(|append| append.is_last);
        }
        if planted::is(Bug::DropUnanswered) {
            if let Some(append) = leader.append.take() {
                leader.next = append.first;
            }
        } else if let Some(append) = &mut leader.append {
            append.asked = None;
            append.has_failed = true;
            append.again_at = now + AGAIN;
            if planted::is(Bug::RetryAsNew) {
                append.first = leader.next;
                leader.next += append.records.len() as u64;
            }
        }
        false
    }

    pub(super) fn renewed(leader: &mut Leader, is_done: bool, lease: u64, now: u64) {
        let Some(asked) = leader.renewal.take() else { return };
        if is_done {
            leader.until = leader.until.max(asked.at + lease);
            leader.renew_at = asked.at + lease / 3;
        } else {
            leader.renew_at = now + AGAIN;
        }
    }

    /// Another leads, or may soon. What waits is not told by this instance: the other one tells that something may be missing.
    pub(super) fn step_down(&mut self, now: u64) {
        self.role = Role::Follower(now + self.rng.below(100));
        self.intake.clear();
        self.close_stream();
    }
}
