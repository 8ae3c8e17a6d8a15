//! A model of what the Lua scripts do with Redis Streams: each operation is one step.

use std::collections::VecDeque;

use opencode_session::proto::relay::{Answer, Body, Op, Position, Record};

#[derive(Default)]
pub(crate) struct Redis {
    lease: Option<(u64, u64)>,
    wanted: Option<(u64, u64)>,
    pub(crate) epoch: u64,
    pub(crate) stream: VecDeque<Record>,
    top: Option<Position>,
    pub(crate) is_down: bool,
    /// A bug of the scripts, for the judge to find.
    pub(crate) is_unfenced: bool,
}

impl Redis {
    pub(crate) fn new(is_unfenced: bool) -> Self {
        Redis {
            is_unfenced,
            ..Redis::default()
        }
    }

    /// Runs a script for a node.
    pub(crate) fn run(&mut self, node: u64, op: &Op, now: u64) -> Answer {
        self.lease = self.lease.filter(|(_, until)| now < *until);
        self.wanted = self.wanted.filter(|(_, until)| now < *until);
        match op {
            Op::Acquire { lease } => match self.lease {
                Some((other, until)) if other != node => {
                    self.wanted = Some((node, now + 2 * lease));
                    Answer::Taken(until - now)
                }
                _ => {
                    self.lease = Some((node, now + lease));
                    // The clock, so that an epoch never comes twice when the store forgot all.
                    self.epoch = (self.epoch + 1).max(1_000_000 + now);
                    Answer::Led {
                        epoch: self.epoch,
                        top: self.top,
                    }
                }
            },
            Op::Renew { epoch, lease } => {
                let mine = self.lease.is_none_or(|(other, _)| other == node);
                if self.epoch != *epoch || !mine {
                    return Answer::Fenced;
                }
                self.lease = Some((node, now + lease));
                Answer::Done {
                    wanted: self.wanted.is_some(),
                }
            }
            Op::Append {
                epoch,
                first,
                records,
                keep,
            } => {
                if !self.append(*epoch, *first, records) {
                    return Answer::Fenced;
                }
                if let Some(keep) = keep {
                    self.trim(*keep);
                }
                Answer::Done { wanted: false }
            }
            Op::Release { epoch, first, records } => {
                if !self.append(*epoch, *first, records) {
                    return Answer::Fenced;
                }
                if self.lease.is_some_and(|(other, _)| other == node) {
                    self.lease = None;
                }
                Answer::Done { wanted: false }
            }
        }
    }

    fn append(&mut self, epoch: u64, first: u64, records: &[Body]) -> bool {
        if self.epoch != epoch && !self.is_unfenced {
            return false;
        }
        for (seq, body) in (first..).zip(records) {
            let position = Position { epoch, seq };
            if self.top.is_some_and(|top| position <= top) {
                continue;
            }
            self.top = self.top.max(Some(position));
            self.stream.push_back(Record {
                position,
                body: body.clone(),
            });
        }
        true
    }

    /// Drops what is before a record.
    pub(crate) fn trim(&mut self, keep: Position) {
        while self.stream.front().is_some_and(|record| record.position < keep) {
            self.stream.pop_front();
        }
    }

    /// It was started anew without its data.
    pub(crate) fn wipe(&mut self) {
        *self = Redis {
            is_down: self.is_down,
            is_unfenced: self.is_unfenced,
            ..Redis::default()
        };
    }

    /// At most `most` records after a position, and whether that is all.
    pub(crate) fn read(&self, after: Option<Position>, most: usize) -> (Vec<Record>, bool) {
        let mut rest = self
            .stream
            .iter()
            .filter(|record| after.is_none_or(|after| record.position > after));
        let records: Vec<Record> = rest.by_ref().take(most).cloned().collect();
        (records, rest.next().is_none())
    }
}
