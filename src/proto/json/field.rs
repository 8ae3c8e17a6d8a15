use super::cursor::Cursor;
use super::text::Str;

/// A field of an object, as raw JSON. `None`: there is none, or the object cannot be read up to its end.
///
/// ```
/// use opencode_session::proto::json::field;
/// assert_eq!(field(br#"{"a":[1],"b":2}"#, "a"), Some(&b"[1]"[..]));
/// ```
pub fn field<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut found = None;
    let read = Cursor::new(object).object(&mut |key, value| {
        if key.is(name) {
            found = Some(value.raw()?);
        }
        Ok(())
    });
    read.ok().and(found)
}

/// Whether this is one whole JSON value: an answer may be cut off.
pub fn is_whole(body: &[u8]) -> bool {
    let mut cursor = Cursor::new(body);
    cursor.raw().is_ok() && cursor.end().is_ok()
}

/// The same as [`field`] for one that is a string.
pub fn text_field<'a>(object: &'a [u8], name: &str) -> Option<Str<'a>> {
    Cursor::new(field(object, name)?).maybe_string().ok().flatten()
}
