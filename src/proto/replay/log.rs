use super::ReplayLimits;
use super::entries::{Delta, Entries};
use super::parts::{Parts, Told};
use super::peek::{peek, unwrapped};
use crate::proto::bytes::hash;
use crate::proto::event::{Envelope, Event, Glimpse, decode};
use crate::proto::json::{Cursor, Object, Str};
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
    epoch: String,
    limits: ReplayLimits,
    /// The newest number given.
    last: u64,
    /// The newest number, if it is a hole's.
    hole: u64,
    entries: Entries,
    parts: Parts,
    seen: Seen,
}

const HOLE: &[u8] = br#"{"type":"replay.hole","properties":{}}"#;
const LIVE: &[u8] = br#"{"type":"replay.live","properties":{}}"#;
const OPENED: &[u8] = br#"{"type":"replay.opened","properties":{"continuity":"#;

impl Log {
    /// An empty log. The seed makes its epoch: two logs with one seed would take each other's positions for their own.
    pub fn new(limits: ReplayLimits, seed: u64) -> Self {
        Log {
            epoch: epoch(seed),
            limits: ReplayLimits {
                tail: limits.tail.min(limits.bytes),
                ..limits
            },
            last: 0,
            hole: 0,
            entries: Entries::default(),
            parts: Parts::new(limits.parts),
            seen: Seen::new(limits.remembered_ids),
        }
    }

    /// Takes the data of one upstream event, and writes what live readers get for it to `out`.
    pub fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Taken {
        // A reader needs no wrapping, and reads the plain form several times faster.
        let data = unwrapped(data);
        let decoded = decode(data, &|_| true);
        let id = match &decoded {
            Ok(Some(envelope)) => match envelope.event {
                Event::Connected => return Taken::Connected,
                Event::Heartbeat => return Taken::Heartbeat,
                Event::Disposed => return Taken::Disposed,
                Event::Stored { seq } => return self.number(envelope.session, seq, out),
                _ => envelope.id,
            },
            Ok(None) => match peek(data) {
                Ok(found) => found.id,
                Err(_) => return self.broken(out),
            },
            Err(_) => return self.broken(out),
        };
        if id.is_some_and(|id| !self.seen.insert(id.raw())) {
            return Taken::Repeated;
        }
        self.last += 1;
        match decoded {
            Ok(Some(envelope)) => self.keep(&envelope, data),
            _ => self.entries.push(self.last, 0, data),
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
        let lost = Glimpse::of(head);
        match decode(head, &|_| true) {
            // Nobody reads such events.
            Ok(None) => {}
            Ok(Some(envelope)) => {
                if let Event::Stored { seq } = envelope.event {
                    self.number(envelope.session, seq, out);
                }
            }
            Err(_) if lost.kind.raw().starts_with(b"message.") && !lost.session.is_empty() => {
                self.parts.hole(Some(lost.session));
                let mut about = Object::new();
                about.text("sessionID", &lost.session.to_text());
                let mut mark = Object::new();
                mark.text("type", "replay.hole").raw("properties", &about.end());
                self.write(mark.end().as_bytes(), out);
            }
            Err(_) => self.hole(out),
        }
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
            None => self.parts.are_whole(evicted),
        };
        let from = known
            .or_else(|| self.parts.floor(evicted).map(|floor| floor - 1))
            .unwrap_or(self.last);
        let (continuity, word) = if whole {
            (Continuity::Kept, &b"\"kept\"}}"[..])
        } else {
            (Continuity::Lost, &b"\"lost\"}}"[..])
        };
        self.frame(from, &[OPENED, word], out);
        self.entries
            .after(from, known.is_none(), &mut |number, data| self.frame(number, data, out));
        self.frame(self.last, &[LIVE], out);
        continuity
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

    /// Of the copy of a stored event only its number is kept: a reader sees by it when an event is missing.
    fn number(&mut self, session: Str<'_>, seq: i64, out: &mut Vec<u8>) -> Taken {
        let mut stored = Object::new();
        stored.number("seq", seq).text("aggregateID", &session.to_text());
        let mut event = Object::new();
        event.text("type", "sync").raw("syncEvent", &stored.end());
        self.write(event.end().as_bytes(), out);
        Taken::Logged
    }

    /// An event made here.
    fn write(&mut self, data: &[u8], out: &mut Vec<u8>) {
        self.last += 1;
        self.entries.push(self.last, 0, data);
        self.frame(self.last, &[data], out);
        self.trim();
    }

    fn broken(&mut self, out: &mut Vec<u8>) -> Taken {
        self.hole(out);
        Taken::Broken
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
                let text = delta.raw();
                // The text is a piece of the data.
                let at = (text.as_ptr() as usize).wrapping_sub(data.as_ptr() as usize);
                let size = if field.is("text") { text.len() } else { 0 };
                before = self.parts.delta(envelope.session, message, part, size, number);
                if let (Some(head), Some(tail)) = (data.get(..at), data.get(at + text.len()..)) {
                    let about = [envelope.session, message, part, field]
                        .iter()
                        .fold(0_u64, |sum, name| (sum ^ hash(name.raw())).wrapping_mul(31));
                    let delta = Delta {
                        about,
                        head,
                        text,
                        tail,
                    };
                    if self.entries.push_delta(number, before, delta) {
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
        self.entries.push(number, before, data);
    }

    fn trim(&mut self) {
        if self.entries.bytes() <= self.limits.tail {
            return;
        }
        while let Some(oldest) = self.entries.oldest() {
            let bytes = self.entries.bytes();
            let needed = || {
                self.parts
                    .floor(self.entries.evicted())
                    .is_some_and(|floor| oldest >= floor)
            };
            if bytes <= self.limits.tail || (bytes <= self.limits.bytes && needed()) {
                break;
            }
            self.entries.evict();
        }
    }

    fn place(&self, position: &str) -> Option<u64> {
        let (epoch, number) = position.split_once('-')?;
        number.parse().ok().filter(|_| epoch == self.epoch)
    }

    /// Writes one frame. A line feed or carriage return in the data would end its line.
    fn frame(&self, number: u64, data: &[&[u8]], out: &mut Vec<u8>) {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(self.epoch.as_bytes());
        out.push(b'-');
        out.extend_from_slice(number.to_string().as_bytes());
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
