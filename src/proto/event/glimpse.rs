use crate::proto::json::{Bad, Cursor, Str};

/// What the beginning of an event tells of it. Empty where it does not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Glimpse<'a> {
    /// `type` of the event.
    pub kind: Str<'a>,
    /// The session it is about.
    pub session: Str<'a>,
    /// The message it is about, or holds the part it is about.
    pub message: Str<'a>,
    /// `type` of the part it is about, or `state`.
    pub part: Str<'a>,
}

impl<'a> Glimpse<'a> {
    /// Reads as far as `head`, which may end anywhere, goes.
    pub fn of(head: &'a [u8]) -> Self {
        let mut found = Glimpse::default();
        let _ = found.read(&mut Cursor::new(head), Str::default());
        found
    }

    /// Whether texts may have been in it: a part of another kind never has any.
    pub fn may_hold_text(&self) -> bool {
        let part = self.kind.raw().starts_with(b"message.part.");
        part && (self.part.is_empty() || self.part.is("text") || self.part.is("reasoning"))
    }

    fn read(&mut self, cursor: &mut Cursor<'a>, place: Str<'a>) -> Result<(), Bad> {
        cursor.object(&mut |key, value| {
            let inside = ["payload", "properties", "data", "info", "part"];
            if value.peek() == Some(b'{') && inside.iter().any(|name| key.is(name)) {
                return self.read(value, key);
            }
            if place.is("part") && key.is("state") {
                // Only tools have one.
                self.part = key;
            }
            let info = place.is("info");
            let slot = match key.raw() {
                b"type" if place.is("part") => &mut self.part,
                b"type" if self.kind.is_empty() => &mut self.kind,
                b"sessionID" => &mut self.session,
                b"messageID" => &mut self.message,
                b"id" if info && self.kind.raw().starts_with(b"session.") => &mut self.session,
                b"id" if info => &mut self.message,
                _ => return Ok(()),
            };
            *slot = value.maybe_string()?.unwrap_or_default();
            Ok(())
        })
    }
}
