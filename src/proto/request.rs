//! HTTP as data: what the client asks of its shell, and what comes back.

/// One HTTP request. The shell adds the base URL and the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Answers name it.
    pub id: u32,
    /// `GET`, `POST`, `PATCH`, `DELETE`.
    pub method: &'static str,
    /// Path and query, starting with `/`.
    pub path: String,
    /// JSON body.
    pub body: Option<Vec<u8>>,
    /// Milliseconds after which the shell gives up.
    pub timeout: u64,
}

/// The answer's head and body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Response<'a> {
    /// HTTP status.
    pub status: u16,
    /// `content-type`, empty when missing.
    pub content_type: &'a str,
    /// `x-next-cursor`, empty when missing.
    pub cursor: &'a str,
    /// `retry-after`, empty when missing.
    pub retry_after: &'a str,
    /// The whole body.
    pub body: &'a [u8],
}

/// Percent-encodes one query value or path segment.
pub fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

/// Appends `key=value` to a path, with `?` or `&` as needed.
pub fn query(path: &mut String, key: &str, value: &str) {
    path.push(if path.contains('?') { '&' } else { '?' });
    path.push_str(key);
    path.push('=');
    encode(value, path);
}

/// Appends the directory. Servers decode it once more where that can be done: there a `%` is written twice.
pub fn directory_query(path: &mut String, directory: &str) {
    let mut rest = directory.as_bytes().iter();
    let (mut any, mut all) = (false, true);
    while rest.any(|byte| *byte == b'%') {
        any = true;
        let digits = rest.as_slice().get(..2);
        all &= digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    }
    let mut once = String::new();
    encode(directory, &mut once);
    query(path, "directory", if any && all { &once } else { directory });
}

/// `/session/{id}{rest}`.
pub fn session_path(session: &str, rest: &str) -> String {
    let mut path = String::from("/session/");
    encode(session, &mut path);
    path.push_str(rest);
    path
}
