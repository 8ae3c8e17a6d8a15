//! The decoder.

use memchr::memchr2;

use super::frame::{Frame, Item, Notice, SseLimits};

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];
/// Enough of a line to tell its field: the longest name and its colon.
const HEAD: usize = 6;
/// A buffer that grew over this is given back once it is empty.
const KEEP: usize = 1 << 20;
/// So much of the beginning of an event over the limit is told: enough for its type and whose it is.
const GLIMPSE: usize = 1 << 10;

/// Takes items in order. With the notice of an event that is too large comes the beginning of its data; else nothing.
type Sink<'s> = dyn FnMut(Item<'_>, &[u8]) + 's;

/// Decodes one event stream after another.
///
/// A line inside one chunk is looked at where it is; an event with one data line, all in one chunk, is handed
/// out from there. Only what a chunk leaves unfinished is copied, once. What cannot become a field is dropped unread.
pub struct Decoder {
    limits: SseLimits,
    /// Bytes of the leading BOM seen; all three also once it is clear that there is none.
    bom: usize,
    /// The last chunk ended with CR: a LF that comes now belongs to it.
    after_cr: bool,
    /// Passing over the rest of an event that went over a limit.
    skip: bool,
    /// The event has a data line, here or still in the chunk.
    has_data: bool,
    /// The event has an id line.
    has_id: bool,
    /// Length so far of a line that goes over chunks; 0 at the start of a line.
    partial: usize,
    kind: Kind,
    /// Start of the partial line, or all of it when [`Kind::Field`].
    line: Vec<u8>,
    data: Vec<u8>,
    event: Vec<u8>,
    id: Vec<u8>,
    last_id: Vec<u8>,
}

/// What the partial line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Too short to tell.
    Unknown,
    /// Its value goes straight to the event's data.
    Data,
    /// Another known field.
    Field,
    /// A comment or an unknown field.
    Ignored,
}

impl Decoder {
    /// A decoder at the start of a stream, without a last event id.
    pub fn new(limits: SseLimits) -> Self {
        Self {
            limits,
            bom: 0,
            after_cr: false,
            skip: false,
            has_data: false,
            has_id: false,
            partial: 0,
            kind: Kind::Unknown,
            line: Vec::new(),
            data: Vec::new(),
            event: Vec::new(),
            id: Vec::new(),
            last_id: Vec::new(),
        }
    }

    /// Feeds one chunk; calls `sink` for each item in order.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Item<'_>)) {
        self.feed_telling(chunk, &mut |item, _| sink(item));
    }

    /// Feeds one chunk; calls `sink` for each item in order. With [`Notice::TooLarge`] comes the beginning of the event's
    /// data.
    pub fn feed_telling(&mut self, chunk: &[u8], sink: &mut Sink<'_>) {
        let mut rest = self.start(chunk, sink);
        // The only data line of the event so far, when it lies in this chunk.
        let mut held = None;
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let (line, tail) = rest.split_at(end);
            rest = &tail[1..];
            if tail[0] == b'\r' {
                match rest.split_first() {
                    Some((b'\n', next)) => rest = next,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if self.partial == 0 {
                self.line(line, &mut held, sink);
            } else {
                self.more(line, sink);
                self.end(sink);
            }
        }
        if let Some(value) = held {
            self.data.extend_from_slice(value);
        }
        if !rest.is_empty() {
            self.more(rest, sink);
        }
    }

    /// The last event id, to be sent back on a new connection.
    pub fn last_event_id(&self) -> &[u8] {
        &self.last_id
    }

    /// Starts a new stream: forgets the unfinished line and event, keeps the last event id.
    pub fn reset(&mut self) {
        self.bom = 0;
        self.after_cr = false;
        self.skip = false;
        self.partial = 0;
        self.kind = Kind::Unknown;
        self.drop_event();
    }

    /// Bytes of memory held, for tests of its bounds.
    #[doc(hidden)]
    pub fn capacity(&self) -> usize {
        let Self {
            line,
            data,
            event,
            id,
            last_id,
            ..
        } = self;
        [line, data, event, id, last_id].map(Vec::capacity).iter().sum()
    }

    /// Takes off the stream's BOM and the LF of a CRLF that was cut.
    fn start<'c>(&mut self, chunk: &'c [u8], sink: &mut Sink<'_>) -> &'c [u8] {
        let mut rest = chunk;
        while self.bom < BOM.len() {
            match rest.split_first() {
                Some((&byte, next)) if byte == BOM[self.bom] => {
                    self.bom += 1;
                    rest = next;
                }
                Some(_) => {
                    let seen = std::mem::replace(&mut self.bom, BOM.len());
                    self.more(&BOM[..seen], sink);
                }
                None => break,
            }
        }
        if self.after_cr
            && let Some((&byte, next)) = rest.split_first()
        {
            self.after_cr = false;
            if byte == b'\n' {
                rest = next;
            }
        }
        rest
    }

    /// A whole line. `held` as in [`Self::feed`].
    fn line<'c>(&mut self, line: &'c [u8], held: &mut Option<&'c [u8]>, sink: &mut Sink<'_>) {
        if line.is_empty() {
            return self.dispatch(held.take(), sink);
        }
        if self.skip {
            return;
        }
        let fits = line.len() <= self.limits.line;
        if let Some(value) = value(line, b"data") {
            let first = !std::mem::replace(&mut self.has_data, true);
            if !first {
                self.data.extend_from_slice(held.take().unwrap_or_default());
                self.data.push(b'\n');
            }
            if !fits || self.data.len() + value.len() > self.limits.event {
                self.too_large(value, sink);
            } else if first {
                *held = Some(value);
            } else {
                self.data.extend_from_slice(value);
            }
        } else if let Some(field) = Field::of(line) {
            if !fits {
                return self.too_large(held.take().unwrap_or_default(), sink);
            }
            match field {
                Field::Event(value) => set(&mut self.event, value),
                Field::Id(value) => {
                    if !value.contains(&0) {
                        set(&mut self.id, value);
                        self.has_id = true;
                    }
                }
                Field::Retry(value) => {
                    if let Some(ms) = digits(value) {
                        sink(Item::Notice(Notice::Retry(ms)), &[]);
                    }
                }
            }
        }
    }

    /// More bytes of a line that goes over chunks, without its end.
    fn more(&mut self, mut bytes: &[u8], sink: &mut Sink<'_>) {
        self.partial = self.partial.saturating_add(bytes.len());
        if self.skip {
            return;
        }
        if self.kind == Kind::Unknown {
            let (head, tail) = bytes.split_at(bytes.len().min(HEAD - self.line.len()));
            self.line.extend_from_slice(head);
            bytes = tail;
            if self.line.len() < HEAD {
                return;
            }
            if let Some(value) = value(&self.line, b"data") {
                self.kind = Kind::Data;
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.line.clear();
            } else if Field::of(&self.line).is_some() {
                self.kind = Kind::Field;
            } else {
                self.kind = Kind::Ignored;
                self.line.clear();
            }
        }
        let (buffer, fits) = match self.kind {
            Kind::Data => (&mut self.data, self.limits.event),
            Kind::Field => (&mut self.line, self.limits.line),
            Kind::Unknown | Kind::Ignored => return,
        };
        if self.partial > self.limits.line || buffer.len() + bytes.len() > fits {
            let more = if self.kind == Kind::Data { bytes } else { &[] };
            self.too_large(more, sink);
        } else {
            buffer.extend_from_slice(bytes);
        }
    }

    /// The end of a line that went over chunks.
    fn end(&mut self, sink: &mut Sink<'_>) {
        self.partial = 0;
        self.kind = Kind::Unknown;
        let mut line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            // A data line is left here only when too short to have a value, so nothing is held.
            self.line(&line, &mut None, sink);
            clear(&mut line);
            self.line = line;
        }
    }

    /// A blank line: the event is complete.
    fn dispatch(&mut self, held: Option<&[u8]>, sink: &mut Sink<'_>) {
        self.skip = false;
        if self.has_id {
            std::mem::swap(&mut self.id, &mut self.last_id);
        }
        if self.has_data {
            let frame = Frame {
                event: if self.event.is_empty() { b"message" } else { &self.event },
                data: held.unwrap_or(&self.data),
                id: &self.last_id,
            };
            sink(Item::Frame(frame), &[]);
        }
        self.drop_event();
    }

    /// `more`: what of the event's data is still in the chunk.
    fn too_large(&mut self, more: &[u8], sink: &mut Sink<'_>) {
        self.skip = true;
        let known = self.data.iter().chain(more);
        let head: Vec<u8> = known.take(GLIMPSE).copied().collect();
        self.drop_event();
        sink(Item::Notice(Notice::TooLarge), &head);
    }

    fn drop_event(&mut self) {
        self.has_data = false;
        self.has_id = false;
        for buffer in [&mut self.line, &mut self.data, &mut self.event, &mut self.id] {
            clear(buffer);
        }
    }
}

/// A field that is not data, with its value.
enum Field<'a> {
    Event(&'a [u8]),
    Id(&'a [u8]),
    Retry(&'a [u8]),
}

impl<'a> Field<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        if let Some(value) = value(line, b"event") {
            Some(Self::Event(value))
        } else if let Some(value) = value(line, b"id") {
            Some(Self::Id(value))
        } else {
            value(line, b"retry").map(Self::Retry)
        }
    }
}

/// The value of `line` when its field is `name`. Without a colon, the whole line is the name.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        [] => Some(&[]),
        _ => None,
    }
}

/// A number of ASCII digits only, saturating.
fn digits(value: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    (!value.is_empty()).then_some(number)
}

fn set(buffer: &mut Vec<u8>, value: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(value);
}

fn clear(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEEP {
        *buffer = Vec::new();
    } else {
        buffer.clear();
    }
}
