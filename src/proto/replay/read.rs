use super::peek::peek;
use crate::proto::event::{Envelope, Event, Glimpse, decode};
use crate::proto::json::{Object, Str};

/// Events may be missing here.
pub const HOLE: &[u8] = br#"{"type":"replay.hole","properties":{}}"#;

/// What an upstream event is to those who keep it. It is without its wrapping already.
#[derive(Debug)]
pub enum Read<'a> {
    /// `server.connected`: not kept.
    Connected,
    /// `server.heartbeat`: not kept.
    Heartbeat,
    /// The server ends this stream's source: not kept.
    Disposed,
    /// The copy of a stored event: only its number is kept.
    Stored(Str<'a>, i64),
    /// Anything else, by its id; without an envelope when nobody here knows its type.
    Event(Option<Str<'a>>, Option<Envelope<'a>>),
    /// It is no event.
    Broken,
}

/// Reads an upstream event.
pub fn read(data: &[u8]) -> Read<'_> {
    match decode(data, &|_| true) {
        Ok(Some(envelope)) => match envelope.event {
            Event::Connected => Read::Connected,
            Event::Heartbeat => Read::Heartbeat,
            Event::Disposed => Read::Disposed,
            Event::Stored { seq } => Read::Stored(envelope.session, seq),
            _ => Read::Event(envelope.id, Some(envelope)),
        },
        Ok(None) => peek(data).map_or(Read::Broken, |found| Read::Event(found.id, None)),
        Err(_) => Read::Broken,
    }
}

/// What is kept of the copy of a stored event: a reader sees by its number when an event is missing.
pub fn stored(session: Str<'_>, seq: i64) -> String {
    let mut stored = Object::new();
    stored.number("seq", seq).text("aggregateID", &session.to_text());
    let mut event = Object::new();
    event.text("type", "sync").raw("syncEvent", &stored.end());
    event.end()
}

/// What stands in the place of an event that was too large, by its beginning.
#[derive(Debug)]
pub enum Mark<'a> {
    /// Nobody reads such events.
    None,
    /// An event that says the same.
    Event(String),
    /// Events of this session may be missing.
    Of(Str<'a>),
    /// Events of any session may be missing.
    Hole,
}

/// The mark for an event that begins so.
pub fn mark(head: &[u8]) -> Mark<'_> {
    let lost = Glimpse::of(head);
    match decode(head, &|_| true) {
        Ok(Some(envelope)) => match envelope.event {
            Event::Stored { seq } => Mark::Event(stored(envelope.session, seq)),
            _ => Mark::None,
        },
        Ok(None) => Mark::None,
        Err(_) if lost.kind.raw().starts_with(b"message.") && !lost.session.is_empty() => Mark::Of(lost.session),
        Err(_) => Mark::Hole,
    }
}

/// A hole in one session.
pub fn hole_of(session: Str<'_>) -> String {
    let mut about = Object::new();
    about.text("sessionID", &session.to_text());
    let mut mark = Object::new();
    mark.text("type", "replay.hole").raw("properties", &about.end());
    mark.end()
}

/// A delta as what stands before its text, the text, and what stands behind.
pub fn pieces<'a>(envelope: &Envelope<'a>, data: &'a [u8]) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let Event::Delta { delta, .. } = envelope.event else {
        return None;
    };
    let text = delta.raw();
    // The text is a piece of the data.
    let at = (text.as_ptr() as usize).wrapping_sub(data.as_ptr() as usize);
    Some((data.get(..at)?, text, data.get(at.checked_add(text.len())?..)?))
}
