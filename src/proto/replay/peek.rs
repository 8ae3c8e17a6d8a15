use crate::proto::json::{Bad, Cursor, Str};

/// What is read of events that the client does not act on.
#[derive(Debug, Default)]
pub(super) struct Peek<'a> {
    pub(super) id: Option<Str<'a>>,
    /// A `sync` copy of an event that came already.
    pub(super) is_sync: bool,
}

/// Reads the envelope of any event, wrapped or not; fails for what is no JSON object.
pub(super) fn peek(data: &[u8]) -> Result<Peek<'_>, Bad> {
    let mut cursor = Cursor::new(data);
    let mut peek = Peek::default();
    fields(&mut cursor, &mut peek, true)?;
    cursor.end()?;
    Ok(peek)
}

fn fields<'a>(cursor: &mut Cursor<'a>, peek: &mut Peek<'a>, outer: bool) -> Result<(), Bad> {
    cursor.object(&mut |key, value| {
        if key.is("id") {
            peek.id = value.maybe_string()?;
        } else if key.is("type") {
            peek.is_sync = value.maybe_string()?.is_some_and(|name| name.is("sync"));
        } else if outer && key.is("payload") && value.peek() == Some(b'{') {
            fields(value, peek, false)?;
        }
        Ok(())
    })
}
