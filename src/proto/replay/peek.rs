use crate::proto::json::{Bad, Cursor, Str};

/// What is read of events that the client does not act on.
#[derive(Debug, Default)]
pub(super) struct Peek<'a> {
    pub(super) id: Option<Str<'a>>,
}

/// The event inside the wrapping of `/global/event`: `{directory, payload: {…}}`. Anything else as it is.
pub fn unwrapped(data: &[u8]) -> &[u8] {
    if data.starts_with(br#"{"id":"#) || data.starts_with(br#"{"type":"#) {
        return data;
    }
    let mut payload = None;
    let mut cursor = Cursor::new(data);
    let read = cursor.object(&mut |key, value| {
        if key.is("payload") && value.peek() == Some(b'{') {
            payload = Some(value.raw()?);
        }
        Ok(())
    });
    match (read.and_then(|()| cursor.end()), payload) {
        (Ok(()), Some(payload)) => payload,
        _ => data,
    }
}

/// Reads the envelope of any event; fails for what is no JSON object.
pub(super) fn peek(data: &[u8]) -> Result<Peek<'_>, Bad> {
    let mut cursor = Cursor::new(data);
    let mut peek = Peek::default();
    cursor.object(&mut |key, value| {
        if key.is("id") {
            peek.id = value.maybe_string()?;
        }
        Ok(())
    })?;
    cursor.end()?;
    Ok(peek)
}

/// The session that an event of a type unknown here is about: `properties.sessionID`. Empty when it names none.
pub(super) fn session(data: &[u8]) -> Str<'_> {
    let mut session = Str::default();
    let _ = Cursor::new(data).object(&mut |key, value| {
        if key.is("properties") && value.peek() == Some(b'{') {
            value.object(&mut |key, value| {
                if key.is("sessionID") {
                    session = value.maybe_string()?.unwrap_or_default();
                }
                Ok(())
            })?;
        }
        Ok(())
    });
    session
}
