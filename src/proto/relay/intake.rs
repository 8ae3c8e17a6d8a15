use std::collections::{BTreeMap, VecDeque};

use super::planted::{self, Bug};
use super::store::Body;
use crate::proto::bytes::{hash, same};
use crate::proto::event::Event;
use crate::proto::replay::{HOLE, Mark, Read, hole_of, mark, pieces, read, stored, unwrapped};
use crate::proto::store::Seen;

/// What is to be written to the log, joined as far as that changes nothing.
#[derive(Debug)]
pub(super) struct Intake {
    seen: Seen,
    waiting: VecDeque<Waiting>,
    /// How many were taken out so far: `last` counts from the first ever.
    taken: usize,
    bytes: usize,
    limit: usize,
    /// The newest that waits, of each session.
    last: BTreeMap<u64, usize>,
}

#[derive(Debug)]
enum Waiting {
    Body(Body),
    /// Deltas of one part.
    Run {
        about: u64,
        head: Vec<u8>,
        text: Vec<u8>,
        tail: Vec<u8>,
    },
}

/// What an upstream event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Connected,
    Heartbeat,
    Disposed,
    Other,
}

/// Longest text that is joined, bytes.
const RUN: usize = 64 << 10;

impl Intake {
    pub(super) fn new(limit: usize, remembered: usize) -> Self {
        Intake {
            seen: Seen::new(remembered),
            waiting: VecDeque::new(),
            taken: 0,
            bytes: 0,
            limit,
            last: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the data of an upstream event.
    pub(super) fn take(&mut self, data: &[u8]) -> Taken {
        let data = unwrapped(data);
        let (id, envelope) = match read(data) {
            Read::Connected => return Taken::Connected,
            Read::Heartbeat => return Taken::Heartbeat,
            Read::Disposed => return Taken::Disposed,
            Read::Stored(session, seq) => {
                self.add(hash(session.raw()), stored(session, seq).into_bytes());
                return Taken::Other;
            }
            Read::Event(id, envelope) => (id, envelope),
            Read::Broken => {
                self.hole();
                return Taken::Other;
            }
        };
        if id.is_some_and(|id| !self.seen.insert(id.raw())) {
            return Taken::Other;
        }
        let Some(envelope) = envelope else {
            // Nobody knows what it is about: nothing is joined over it.
            self.last.clear();
            self.push(Body::Event(data.to_vec()));
            return Taken::Other;
        };
        let session = hash(envelope.session.raw());
        match envelope.event {
            // Only a relay of ours says so, and none stands between.
            Event::ReplayOpened { .. } | Event::ReplayLive => {}
            Event::ReplayHole => self.hole(),
            Event::Delta {
                message, part, field, ..
            } => match pieces(&envelope, data) {
                Some((head, text, tail)) => {
                    let names = [message, part, field];
                    let about = names
                        .iter()
                        .fold(session, |sum, name| (sum ^ hash(name.raw())).wrapping_mul(31));
                    self.delta(session, about, head, text, tail);
                }
                None => self.add(session, data.to_vec()),
            },
            _ if envelope.session.is_empty() => {
                self.last.clear();
                self.push(Body::Event(data.to_vec()));
            }
            _ => self.add(session, data.to_vec()),
        }
        Taken::Other
    }

    /// An event was too large; its beginning says whose hole it leaves.
    pub(super) fn miss(&mut self, head: &[u8]) {
        match mark(head) {
            Mark::None => {}
            Mark::Event(data) => self.push(Body::Event(data.into_bytes())),
            Mark::Of(session) => self.add(hash(session.raw()), hole_of(session).into_bytes()),
            Mark::Hole => self.hole(),
        }
    }

    /// Adds what is no event.
    pub(super) fn push(&mut self, body: Body) {
        if !matches!(body, Body::Event(_)) {
            // What comes behind may follow on nothing that is before.
            self.last.clear();
        }
        self.bytes += body.size();
        self.waiting.push_back(Waiting::Body(body));
        if self.bytes > self.limit && !planted::is(Bug::EndlessPending) {
            // What it would take to tell all is not there: it is told that something is missing.
            self.clear();
            self.hole();
        }
    }

    /// The oldest, as many as may go at once.
    pub(super) fn drain(&mut self, most: usize, bytes: usize) -> Vec<Body> {
        let mut drained = Vec::new();
        let mut size = 0;
        while drained.len() < most && size < bytes {
            let Some(next) = self.waiting.pop_front() else { break };
            self.taken += 1;
            let body = match next {
                Waiting::Body(body) => body,
                Waiting::Run { head, text, tail, .. } => Body::Event([head, text, tail].concat()),
            };
            size += body.size();
            drained.push(body);
        }
        self.bytes = if self.waiting.is_empty() {
            0
        } else {
            self.bytes.saturating_sub(size)
        };
        if self.waiting.is_empty() {
            self.last.clear();
        }
        drained
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.taken += self.waiting.len();
        self.waiting.clear();
        self.last.clear();
        self.bytes = 0;
    }

    fn hole(&mut self) {
        self.last.clear();
        self.push(Body::Event(HOLE.to_vec()));
    }

    fn add(&mut self, session: u64, data: Vec<u8>) {
        if !planted::is(Bug::JoinAcross) {
            self.last.remove(&session);
        }
        self.push(Body::Event(data));
    }

    fn delta(&mut self, session: u64, about: u64, head: &[u8], text: &[u8], tail: &[u8]) {
        let at = self.last.get(&session).and_then(|at| at.checked_sub(self.taken));
        if let Some(Waiting::Run {
            about: other,
            head: first,
            text: so_far,
            tail: end,
        }) = at.and_then(|at| self.waiting.get_mut(at))
            && (*other == about || planted::is(Bug::JoinForeign))
            && same(end, tail)
            && so_far.len() + text.len() <= RUN
        {
            // The newest id stands for all.
            self.bytes = (self.bytes + text.len() + head.len()).saturating_sub(first.len());
            first.clear();
            first.extend_from_slice(head);
            so_far.extend_from_slice(text);
            return;
        }
        self.last.insert(session, self.taken + self.waiting.len());
        self.bytes += head.len() + text.len() + tail.len() + 64;
        self.waiting.push_back(Waiting::Run {
            about,
            head: head.to_vec(),
            text: text.to_vec(),
            tail: tail.to_vec(),
        });
        if self.bytes > self.limit && !planted::is(Bug::EndlessPending) {
            self.clear();
            self.hole();
        }
    }
}
