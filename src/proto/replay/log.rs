use std::collections::BTreeSet;
use std::sync::Arc;

use super::ReplayLimits;
use super::entries::{Delta, Entries, Fresh, Owner, Visit};
use super::epochs::Epochs;
use super::parts::{Parts, Told};
use super::peek::{session, unwrapped};
use super::read::{HOLE, Mark, Read, hole_of, mark, pieces, read, stored};
use crate::proto::bytes::hash;
use crate::proto::event::{Envelope, Event, decode};
use crate::proto::json::{Cursor, Str};
use crate::proto::rng::Rng;
use crate::proto::store::Seen;

/// Whether a reader has missed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// Nothing: what it gets follows on what it has.
    Kept,
    /// Perhaps something.
    Lost,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It has a position now, and was written for the live readers.
    Logged,
    /// `server.connected`: not kept.
    Connected,
    /// `server.heartbeat`: not kept.
    Heartbeat,
    /// The server ends this stream's source: not kept.
    Disposed,
    /// The upstream is itself one that repeats: a relay. Not kept.
    Relayed,
    /// A copy of an event that came already.
    Repeated,
    /// It is no event; a hole stands in its place.
    Broken,
}

/// Gives events their positions and keeps what readers may still need.
///
/// Kept is everything since the start of the oldest part in flight, and a tail of recent events for short reconnects.
/// A full part makes older events of the same part needless, and deltas that follow each other are read as one: both
/// change no reader's end state.
///
/// ```
/// use opencode_session::proto::replay::{Continuity, Log, ReplayLimits};
/// let mut log = Log::new(ReplayLimits::default(), 1);
/// let mut live = Vec::new();
/// log.push(br#"{"type":"session.idle","properties":{"sessionID":"ses_1"}}"#, &mut live);
/// let frame = String::from_utf8(live).unwrap();
/// let position = frame.strip_prefix("id: ").unwrap().lines().next().unwrap();
/// assert_eq!(log.read(Some(position), &mut Vec::new()), Continuity::Kept);
/// assert_eq!(log.read(Some("another-1"), &mut Vec::new()), Continuity::Lost);
/// ```
#[derive(Debug)]
pub struct Log {
    epochs: Epochs,
    limits: ReplayLimits,
    /// The newest number given.
    last: u64,
    /// The newest number, if it is a hole's.
    hole: u64,
    entries: Entries,
    parts: Parts,
    seen: Seen,
    /// Whose the event is that is being kept.
    owner: Owner,
    /// Names of sessions, so that the entries of one share it.
    names: BTreeSet<Arc<str>>,
}

/// Names that are remembered; forgetting one costs its bytes once more.
const NAMES: usize = 1_024;

const LIVE: &[u8] = br#"{"type":"replay.live","properties":{}}"#;
const OPENED: &[u8] = br#"{"type":"replay.opened","properties":{"continuity":"#;

impl Log {
    /// An empty log. The seed makes its epoch: two logs with one seed would take each other's positions for their own.
    pub fn new(limits: ReplayLimits, seed: u64) -> Self {
        Log::resumed(limits, epoch(seed), 1)
    }

    /// An empty log whose first event is `seq` of an epoch that somebody else named. What was just before it is the last
    /// that a reader may have and miss nothing.
    pub fn resumed(limits: ReplayLimits, epoch: String, seq: u64) -> Self {
        Log {
            epochs: Epochs::new(epoch, seq),
            limits: ReplayLimits {
                tail: limits.tail.min(limits.bytes),
                ..limits
            },
            last: 0,
            hole: 0,
            entries: Entries::default(),
            parts: Parts::new(limits.parts),
            seen: Seen::new(limits.remembered_ids),
            owner: Owner::default(),
            names: BTreeSet::new(),
        }
    }

    /// Takes the data of one upstream event, and writes what live readers get for it to `out`.
    pub fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Taken {
        // A reader needs no wrapping, and reads the plain form several times faster.
        let data = unwrapped(data);
        let (id, envelope) = match read(data) {
            Read::Connected => return Taken::Connected,
            Read::Heartbeat => return Taken::Heartbeat,
            Read::Disposed => return Taken::Disposed,
            Read::Stored(session, seq) => {
                self.write(stored(session, seq).as_bytes(), out);
                return Taken::Logged;
            }
            Read::Event(id, envelope) => (id, envelope),
            Read::Broken => {
                self.hole(out);
                return Taken::Broken;
            }
        };
        if let Some(Event::ReplayOpened { .. }) = envelope.as_ref().map(|envelope| &envelope.event) {
            return Taken::Relayed;
        }
        if id.is_some_and(|id| !self.seen.insert(id.raw())) {
            return Taken::Repeated;
        }
        self.last += 1;
        match envelope {
            Some(envelope) => self.keep(&envelope, data),
            None => self.entries.push(self.last, 0, data, self.owner.clone()),
        }
        self.frame(self.last, &[data], out);
        self.trim();
        Taken::Logged
    }

    /// Events may be missing here. Writes what live readers get for it to `out`.
    pub fn hole(&mut self, out: &mut Vec<u8>) {
        self.parts.hole(None);
        if self.hole > 0 && self.hole == self.last {
            // One mark is enough for a reader that missed both.
            self.entries.drop_chain(self.hole);
        }
        self.write(HOLE, out);
        self.hole = self.last;
    }

    /// An event was too large. Its beginning says whose hole it leaves.
    pub fn miss(&mut self, head: &[u8], out: &mut Vec<u8>) {
        match mark(head) {
            Mark::None => {}
            Mark::Event(data) => self.write(data.as_bytes(), out),
            Mark::Of(session) => {
                self.parts.hole(Some(session));
                self.write(hole_of(session).as_bytes(), out);
            }
            Mark::Hole => self.hole(out),
        }
    }

    /// Takes an event that has the next number already, for readers of whom each sees only what is theirs. Holes are told by
    /// events of their own kind.
    pub fn record(&mut self, data: &[u8]) {
        self.last += 1;
        match decode(data, &|_| true) {
            Ok(Some(envelope)) => {
                let name = envelope.session;
                let is_hole = matches!(envelope.event, Event::ReplayHole);
                if is_hole {
                    self.parts.hole(Some(name).filter(|name| !name.is_empty()));
                }
                self.owner = self.owned(name, is_hole);
                self.keep(&envelope, data);
            }
            Ok(None) => {
                self.owner = self.owned(session(data), false);
                self.entries.push(self.last, 0, data, self.owner.clone());
            }
            Err(_) => {
                self.parts.hole(None);
                self.entries.push(self.last, 0, HOLE, Owner::Everyone);
            }
        }
        self.trim();
    }

    /// The next number is that of something which no reader gets.
    pub fn pass(&mut self) {
        self.last += 1;
    }

    /// The next event is the first of a new epoch.
    pub fn begin_epoch(&mut self, name: String) {
        self.epochs.begin(name, self.last + 1, 1, self.entries.evicted());
    }

    /// The newest number.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The newest number whose event may be gone although somebody needs it.
    pub fn evicted(&self) -> u64 {
        self.entries.evicted()
    }

    /// The number of a position, where nothing is missing from it on.
    pub fn find(&self, position: &str) -> Option<u64> {
        self.place(position)
            .filter(|number| (self.entries.evicted()..=self.last).contains(number))
    }

    /// The epoch of a number, and what it is called there.
    pub fn name(&self, number: u64) -> (&str, u64) {
        self.epochs.name(number)
    }

    /// Where a reader without a position begins, and whether it gets all texts in flight. `mine`: by the digest of a
    /// session's id.
    pub fn beginning(&self, mine: &dyn Fn(u64) -> bool) -> (u64, bool) {
        let evicted = self.entries.evicted();
        let from = self.parts.floor(evicted, mine).map(|floor| floor - 1);
        (from.unwrap_or(self.last), self.parts.are_whole(evicted, mine))
    }

    /// The oldest number that is still kept, or the next one.
    pub fn oldest(&self) -> u64 {
        self.entries.oldest().unwrap_or(self.last + 1)
    }

    /// Visits the events after a number, until `visit` gives `false`.
    pub fn visit(&self, number: u64, fresh: Option<&mut Fresh>, visit: &mut Visit<'_>) {
        self.entries.after(number, fresh, visit);
    }

    /// Writes the opening frame of a reader that is told everything after `number`.
    pub fn write_opened(&self, number: u64, kept: bool, out: &mut Vec<u8>) {
        let word: &[u8] = if kept { b"\"kept\"}}" } else { b"\"lost\"}}" };
        self.frame(number, &[OPENED, word], out);
    }

    /// Writes the mark behind which events are new.
    pub fn write_live(&self, number: u64, out: &mut Vec<u8>) {
        self.frame(number, &[LIVE], out);
    }

    /// Writes an event.
    pub fn write_event(&self, number: u64, data: &[&[u8]], out: &mut Vec<u8>) {
        self.frame(number, data, out);
    }

    /// Writes a frame that tells a reader only where it is.
    pub fn write_position(&self, number: u64, out: &mut Vec<u8>) {
        let (epoch, seq) = self.epochs.name(number);
        out.extend_from_slice(b": \nid: ");
        out.extend_from_slice(epoch.as_bytes());
        out.push(b'-');
        out.extend_from_slice(seq.to_string().as_bytes());
        out.extend_from_slice(b"\n\n");
    }

    /// Writes what a reader gets that comes now: the opening frame, what it has not seen, and the mark where new events
    /// begin. `position` is the last
    /// `id` that it saw. Without one, or with one that is not known any more, it gets all since the start of the oldest
    /// part in flight: together with a snapshot that is asked for now, that is everything.
    pub fn read(&self, position: Option<&str>, out: &mut Vec<u8>) -> Continuity {
        let evicted = self.entries.evicted();
        let known = position
            .and_then(|position| self.place(position))
            .filter(|number| (evicted..=self.last).contains(number));
        let whole = match position {
            Some(_) => known.is_some(),
            None => self.parts.are_whole(evicted, &|_| true),
        };
        let from = known
            .or_else(|| self.parts.floor(evicted, &|_| true).map(|floor| floor - 1))
            .unwrap_or(self.last);
        self.write_opened(from, whole, out);
        let mut fresh = known.is_none().then(|| Fresh::new(from));
        self.entries.after(from, fresh.as_mut(), &mut |number, _, data| {
            self.frame(number, data, out);
            true
        });
        self.frame(self.last, &[LIVE], out);
        if whole { Continuity::Kept } else { Continuity::Lost }
    }

    /// Called once a minute: a text that has been silent for long is not in flight any more.
    pub fn age(&mut self) {
        self.parts.age();
        self.trim();
    }

    /// Whether a text is open, which the server stores only at its end.
    pub fn is_in_flight(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Bytes kept.
    pub fn bytes(&self) -> usize {
        self.entries.bytes()
    }

    /// An event made here.
    fn write(&mut self, data: &[u8], out: &mut Vec<u8>) {
        self.last += 1;
        self.entries.push(self.last, 0, data, Owner::Everyone);
        self.frame(self.last, &[data], out);
        self.trim();
    }

    fn owned(&mut self, session: Str<'_>, is_hole: bool) -> Owner {
        if session.is_empty() {
            return if is_hole { Owner::Everyone } else { Owner::Server };
        }
        let name = session.to_text();
        if let Some(known) = self.names.get(name.as_str()) {
            return Owner::Session(Arc::clone(known));
        }
        if self.names.len() >= NAMES {
            self.names.clear();
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        Owner::Session(name)
    }

    fn keep(&mut self, envelope: &Envelope<'_>, data: &[u8]) {
        let number = self.last;
        let mut before = 0;
        let mut removed = Vec::new();
        match envelope.event {
            Event::Delta {
                message,
                part,
                field,
                delta,
            } => {
                let size = if field.is("text") { delta.raw().len() } else { 0 };
                before = self.parts.delta(envelope.session, message, part, size, number);
                if let Some((head, text, tail)) = pieces(envelope, data) {
                    let about = [envelope.session, message, part, field]
                        .iter()
                        .fold(0_u64, |sum, name| (sum ^ hash(name.raw())).wrapping_mul(31));
                    let delta = Delta {
                        about,
                        head,
                        text,
                        tail,
                    };
                    if self.entries.push_delta(number, before, delta, self.owner.clone()) {
                        self.parts.moved(part, number);
                    }
                    return;
                }
            }
            Event::Part { ref head, .. } => match self.parts.told(envelope.session, head, number) {
                Told::Replaces(older) => self.entries.drop_chain(older),
                Told::Joins(older) => before = older,
            },
            Event::PartRemoved { part, .. } => removed = self.parts.close_part(part),
            Event::MessageRemoved { message } => removed = self.parts.close_message(message),
            Event::SessionDeleted => removed = self.parts.close_session(envelope.session),
            Event::Idle => drop(self.parts.close_session(envelope.session)),
            Event::Status { raw } if is_idle(raw) => drop(self.parts.close_session(envelope.session)),
            _ => {}
        }
        for last in removed {
            self.entries.drop_chain(last);
        }
        self.entries.push(number, before, data, self.owner.clone());
    }

    fn trim(&mut self) {
        if self.entries.bytes() <= self.limits.tail {
            return;
        }
        while let Some(oldest) = self.entries.oldest() {
            let bytes = self.entries.bytes();
            let needed = || {
                self.parts
                    .floor(self.entries.evicted(), &|_| true)
                    .is_some_and(|floor| oldest >= floor)
            };
            if bytes <= self.limits.tail || (bytes <= self.limits.bytes && needed()) {
                break;
            }
            self.entries.evict();
        }
    }

    fn place(&self, position: &str) -> Option<u64> {
        let (epoch, seq) = position.split_once('-')?;
        self.epochs.number(epoch, seq.parse().ok()?)
    }

    /// Writes one frame. A line feed or carriage return in the data would end its line.
    fn frame(&self, number: u64, data: &[&[u8]], out: &mut Vec<u8>) {
        let (epoch, seq) = self.epochs.name(number);
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(epoch.as_bytes());
        out.push(b'-');
        out.extend_from_slice(seq.to_string().as_bytes());
        out.extend_from_slice(b"\ndata: ");
        for piece in data {
            let mut rest = *piece;
            while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
                let (line, more) = rest.split_at(at);
                out.extend_from_slice(line);
                out.extend_from_slice(b"\ndata: ");
                rest = more.get(1..).unwrap_or_default();
            }
            out.extend_from_slice(rest);
        }
        out.extend_from_slice(b"\n\n");
    }
}

fn is_idle(status: &[u8]) -> bool {
    let mut idle = false;
    let read = Cursor::new(status).object(&mut |key: Str<'_>, value| {
        if key.is("type") {
            idle = value.maybe_string()?.is_some_and(|kind| kind.is("idle"));
        }
        Ok(())
    });
    read.is_ok() && idle
}

/// Ten letters and digits.
fn epoch(seed: u64) -> String {
    let mut rng = Rng::new(seed);
    // The first number of a seed is close to that of its neighbour.
    rng.next_u64();
    (0..10)
        .map(|_| char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[rng.below(36) as usize]))
        .collect()
}
