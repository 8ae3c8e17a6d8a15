use super::envelope::{Envelope, Event};
use crate::proto::bytes::strip;
use crate::proto::json::{Cursor, Str};

/// What a first look found.
pub(super) enum Peek<'a> {
    /// A delta.
    Delta(Envelope<'a>),
    /// A delta of a session that is not wanted.
    Skip,
    /// Anything else, or a delta spelled in another way: to be read in full.
    Other,
}

/// Recognises a delta in the very spelling that servers use. Nearly all events are deltas, and comparing fixed text is
/// several times faster than visiting fields.
pub(super) fn peek<'a>(data: &'a [u8], wanted: &dyn Fn(Str<'a>) -> bool) -> Peek<'a> {
    let mut text = Text { rest: data };
    let id = if text.skip(b"{\"id\":\"") {
        let Some(id) = text.plain(b"\",\"type\":\"message.part.delta\",\"properties\":{\"sessionID\":\"") else {
            return Peek::Other;
        };
        Some(id)
    } else if text.skip(b"{\"type\":\"message.part.delta\",\"properties\":{\"sessionID\":\"") {
        None
    } else {
        return Peek::Other;
    };
    let Some(session) = text.plain(b"\",\"messageID\":\"") else {
        return Peek::Other;
    };
    if !wanted(session) {
        return Peek::Skip;
    }
    let Some(message) = text.plain(b"\",\"partID\":\"") else {
        return Peek::Other;
    };
    let Some(part) = text.plain(b"\",\"field\":\"") else {
        return Peek::Other;
    };
    let Some(field) = text.plain(b"\",\"delta\":") else {
        return Peek::Other;
    };
    let mut cursor = Cursor::new(text.rest);
    match cursor.string() {
        Ok(delta) if cursor.rest() == b"}}" => Peek::Delta(Envelope {
            id,
            session,
            event: Event::Delta {
                message,
                part,
                field,
                delta,
            },
        }),
        _ => Peek::Other,
    }
}

struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    fn skip(&mut self, fixed: &[u8]) -> bool {
        match strip(self.rest, fixed) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A string without escapes, up to its closing quote and the fixed text that follows.
    fn plain(&mut self, fixed: &[u8]) -> Option<Str<'a>> {
        let end = memchr::memchr2(b'"', b'\\', self.rest)?;
        let (raw, rest) = self.rest.split_at_checked(end)?;
        self.rest = strip(rest, fixed)?;
        Some(Str::new(raw, false))
    }
}
