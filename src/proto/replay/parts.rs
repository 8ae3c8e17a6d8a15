use crate::proto::bytes::hash;
use crate::proto::event::{PartHead, PartKind};
use crate::proto::json::Str;
use crate::proto::store::Seen;

/// One part in flight. Ids are compared by their digests.
#[derive(Debug)]
pub(super) struct Track {
    part: u64,
    message: u64,
    session: u64,
    /// The event that its text starts from.
    start: u64,
    /// The newest entry about it.
    pub(super) last: u64,
    rank: u8,
    /// Bytes of its text, as spelled in the events.
    text: usize,
    /// Its beginning was never seen, or events about it may be missing.
    broken: bool,
    /// The server stores all of it while it goes on (tools): a snapshot has what a reader missed.
    stored: bool,
    /// How often `age` was called since the last event about it.
    quiet: u8,
}

/// A text is said without long pauses. One that is silent for so many calls of `age` was given up by its server, which
/// tells nobody when it is killed in the middle: after a hole, and without one.
const QUIET_AFTER_HOLE: u8 = 2;
const QUIET: u8 = 10;

/// What a full part does to the events that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Nobody needs the older events of the part: they end at this entry.
    Replaces(u64),
    /// They still count; the newest of them.
    Joins(u64),
}

/// The parts in flight.
#[derive(Debug)]
pub(super) struct Parts {
    open: Vec<Track>,
    /// Ended parts: what still comes for them is stale.
    ended: Seen,
    limit: usize,
    /// Some part had to be forgotten.
    overflowed: bool,
}

/// Ended parts that are remembered.
const ENDED: usize = 512;

impl Parts {
    pub(super) fn new(limit: usize) -> Self {
        Parts {
            open: Vec::new(),
            ended: Seen::new(ENDED),
            limit: limit.max(1),
            overflowed: false,
        }
    }

    /// Whether nothing is in flight that the server does not store.
    pub(super) fn is_empty(&self) -> bool {
        self.open.iter().all(|track| track.stored)
    }

    /// Called once a minute: what has been silent for long is given up.
    pub(super) fn age(&mut self) {
        for track in &mut self.open {
            track.quiet = track.quiet.saturating_add(1);
        }
        self.open.retain(|track| {
            let patience = if track.broken { QUIET_AFTER_HOLE } else { QUIET };
            track.quiet <= patience
        });
    }

    /// A delta: gives the newest older entry of its part, 0 when there is none.
    pub(super) fn delta(&mut self, session: Str<'_>, message: Str<'_>, part: Str<'_>, size: usize, number: u64) -> u64 {
        let key = hash(part.raw());
        if let Some(track) = self.open.iter_mut().find(|track| track.part == key) {
            track.text += size;
            track.quiet = 0;
            return track.last;
        }
        if !self.ended.contains(part.raw()) {
            self.open(Track {
                part: key,
                message: hash(message.raw()),
                session: hash(session.raw()),
                start: number,
                last: number,
                rank: 0,
                text: size,
                broken: true,
                stored: false,
                quiet: 0,
            });
        }
        0
    }

    /// The newest entry about a part is `number`.
    pub(super) fn moved(&mut self, part: Str<'_>, number: u64) {
        let key = hash(part.raw());
        if let Some(track) = self.open.iter_mut().find(|track| track.part == key) {
            track.last = number;
        }
    }

    /// A full part.
    pub(super) fn told(&mut self, session: Str<'_>, head: &PartHead<'_>, number: u64) -> Told {
        let key = hash(head.id.raw());
        let at = self.open.iter().position(|track| track.part == key);
        if head.rank == 2 {
            if head.kind != PartKind::Other {
                self.ended.insert(head.id.raw());
            }
            return Told::Replaces(at.map_or(0, |at| self.open.swap_remove(at).last));
        }
        if self.ended.contains(head.id.raw()) {
            return Told::Joins(0);
        }
        let text = head.text.map_or(0, |text| text.raw().len());
        let mut track = Track {
            part: key,
            message: hash(head.message.raw()),
            session: hash(session.raw()),
            start: number,
            last: number,
            rank: head.rank,
            text,
            broken: false,
            stored: head.kind != PartKind::Text,
            quiet: 0,
        };
        let Some(old) = at.and_then(|at| self.open.get_mut(at)) else {
            self.supplant(&track);
            self.open(track);
            return Told::Replaces(0);
        };
        let before = old.last;
        // A text never rolls back to a beginning of itself, and a tool never to an earlier state.
        if head.rank < old.rank || (head.kind == PartKind::Text && text < old.text) {
            old.last = number;
            old.quiet = 0;
            return Told::Joins(before);
        }
        std::mem::swap(old, &mut track);
        Told::Replaces(before)
    }

    /// The part is not open any more. Gives the newest entry about it; so do the others.
    pub(super) fn close_part(&mut self, part: Str<'_>) -> Vec<u64> {
        let key = hash(part.raw());
        self.close(&|track| track.part == key)
    }

    pub(super) fn close_message(&mut self, message: Str<'_>) -> Vec<u64> {
        let key = hash(message.raw());
        self.close(&|track| track.message == key)
    }

    pub(super) fn close_session(&mut self, session: Str<'_>) -> Vec<u64> {
        let key = hash(session.raw());
        self.close(&|track| track.session == key)
    }

    /// Events may be missing from here on.
    pub(super) fn hole(&mut self, session: Option<Str<'_>>) {
        let session = session.map(|id| hash(id.raw()));
        for track in &mut self.open {
            track.broken |= session.is_none_or(|session| session == track.session);
        }
    }

    /// The first number that a reader without any needs, where all up to `evicted` is gone. `mine`: by the digest of a session's id.
    pub(super) fn floor(&self, evicted: u64, mine: &dyn Fn(u64) -> bool) -> Option<u64> {
        let unstored = self.open.iter().filter(|track| !track.stored && mine(track.session));
        unstored.map(|track| track.start).filter(|start| *start > evicted).min()
    }

    /// Whether each part in flight is known from its start, where all up to `evicted` is gone.
    pub(super) fn are_whole(&self, evicted: u64, mine: &dyn Fn(u64) -> bool) -> bool {
        let whole = |track: &Track| track.stored || !mine(track.session) || (!track.broken && track.start > evicted);
        !self.overflowed && self.open.iter().all(whole)
    }

    /// A session works on one message at a time: what a hole left open in another one has ended unseen.
    fn supplant(&mut self, new: &Track) {
        self.open
            .retain(|old| !(old.broken && old.session == new.session && old.message != new.message));
    }

    fn close(&mut self, is_meant: &dyn Fn(&Track) -> bool) -> Vec<u64> {
        let closed = self
            .open
            .iter()
            .filter(|track| is_meant(track))
            .map(|track| track.last)
            .collect();
        self.open.retain(|track| !is_meant(track));
        closed
    }

    fn open(&mut self, track: Track) {
        if self.open.len() >= self.limit {
            self.open.remove(0);
            self.overflowed = true;
        }
        self.open.push(track);
    }
}
