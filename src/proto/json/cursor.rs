use super::text::Str;
use crate::proto::bytes;

/// The input is not the JSON that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bad;

/// Visiting deeper than this is refused: it bounds the stack. What is skipped may be nested as it likes.
const MAX_DEPTH: u32 = 256;

/// Reads JSON front to back without building a tree.
///
/// ```
/// use opencode_session::proto::json::Cursor;
/// let mut cursor = Cursor::new(br#"{"type":"x","n":[1,2]}"#);
/// let mut kind = String::new();
/// cursor.object(&mut |key, value| {
///     if key.is("type") { kind = value.string()?.to_text(); }
///     Ok(())
/// }).unwrap();
/// assert_eq!(kind, "x");
/// ```
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0, depth: 0 }
    }

    /// Visits the fields of an object in order. The visitor may read the value, once; what it leaves is skipped.
    pub fn object(&mut self, visit: &mut dyn FnMut(Str<'a>, &mut Cursor<'a>) -> Result<(), Bad>) -> Result<(), Bad> {
        self.open(b'{')?;
        if self.take(b'}') {
            return self.close();
        }
        loop {
            let key = self.string()?;
            if !self.take(b':') {
                return Err(Bad);
            }
            self.one_value(&mut |cursor| visit(key, cursor))?;
            if self.take(b',') {
                continue;
            }
            return if self.take(b'}') { self.close() } else { Err(Bad) };
        }
    }

    /// Visits the items of an array in order, like [`Cursor::object`].
    pub fn array(&mut self, visit: &mut dyn FnMut(&mut Cursor<'a>) -> Result<(), Bad>) -> Result<(), Bad> {
        self.open(b'[')?;
        if self.take(b']') {
            return self.close();
        }
        loop {
            self.one_value(visit)?;
            if self.take(b',') {
                continue;
            }
            return if self.take(b']') { self.close() } else { Err(Bad) };
        }
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Str<'a>, Bad> {
        if !self.take(b'"') {
            return Err(Bad);
        }
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += quote_or_backslash(self.rest()).ok_or(Bad)?;
            // Escapes often follow each other closely: they are stepped over without a new search.
            while self.bytes.get(self.at) == Some(&b'\\') {
                escaped = true;
                self.escape()?;
            }
            if self.bytes.get(self.at) == Some(&b'"') {
                let raw = &self.bytes[start..self.at];
                self.at += 1;
                return Ok(Str::new(raw, escaped));
            }
        }
    }

    /// Reads a string if there is one; any other value is skipped.
    pub fn maybe_string(&mut self) -> Result<Option<Str<'a>>, Bad> {
        match self.peek() {
            Some(b'"') => self.string().map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    /// Reads the whole part of a number if there is one; any other value is skipped. Times are whole milliseconds.
    pub fn maybe_integer(&mut self) -> Result<Option<i64>, Bad> {
        let raw = self.raw()?;
        let (negative, digits) = match raw.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, raw),
        };
        if !digits.first().is_some_and(u8::is_ascii_digit) {
            return Ok(None);
        }
        let value = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0_i64, |sum, byte| {
                sum.saturating_mul(10).saturating_add(i64::from(byte - b'0'))
            });
        Ok(Some(if negative { -value } else { value }))
    }

    /// Skips the next value and gives its bytes, without surrounding space.
    pub fn raw(&mut self) -> Result<&'a [u8], Bad> {
        self.space();
        let start = self.at;
        self.skip()?;
        Ok(&self.bytes[start..self.at])
    }

    /// The bytes from here to where `later`, a clone that was moved on, stands.
    pub fn upto(&self, later: &Cursor<'a>) -> &'a [u8] {
        self.bytes.get(self.at..later.at).unwrap_or_default()
    }

    /// Skips the next value.
    pub fn skip(&mut self) -> Result<(), Bad> {
        let mut open = Brackets::default();
        loop {
            match self.peek().ok_or(Bad)? {
                bracket @ (b'{' | b'[') => {
                    self.at += 1;
                    open.push(bracket == b'{');
                    if !self.take(open.end()) {
                        self.key(open.object)?;
                        continue;
                    }
                    open.pop();
                }
                b'"' => drop(self.string()?),
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            // Behind a value.
            while open.depth > 0 && !self.take(b',') {
                if !self.take(open.end()) {
                    return Err(Bad);
                }
                open.pop();
            }
            if open.depth == 0 {
                return Ok(());
            }
            self.key(open.object)?;
        }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Fails unless only space is left.
    pub fn end(&mut self) -> Result<(), Bad> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Bad),
        }
    }

    /// The first byte of the next value.
    pub fn peek(&mut self) -> Option<u8> {
        self.space();
        self.bytes.get(self.at).copied()
    }

    fn one_value(&mut self, visit: &mut dyn FnMut(&mut Cursor<'a>) -> Result<(), Bad>) -> Result<(), Bad> {
        self.space();
        let before = self.at;
        visit(self)?;
        if self.at == before { self.skip() } else { Ok(()) }
    }

    /// Steps over a field's name in an object.
    fn key(&mut self, object: bool) -> Result<(), Bad> {
        if object && (self.string().is_err() || !self.take(b':')) {
            return Err(Bad);
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<(), Bad> {
        self.depth += 1;
        if self.depth <= MAX_DEPTH && self.take(bracket) {
            Ok(())
        } else {
            Err(Bad)
        }
    }

    fn close(&mut self) -> Result<(), Bad> {
        self.depth -= 1;
        Ok(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Bad> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(Bad)
    }

    fn digits(&mut self) -> Result<(), Bad> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Bad) }
    }

    fn number(&mut self) -> Result<(), Bad> {
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    /// Steps over one escape, from its backslash.
    fn escape(&mut self) -> Result<(), Bad> {
        match self.bytes.get(self.at + 1).ok_or(Bad)? {
            b'n' | b'"' | b'\\' | b'/' | b'b' | b'f' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).ok_or(Bad)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Bad);
                }
                self.at += 6;
            }
            _ => return Err(Bad),
        }
        Ok(())
    }
}

/// The brackets around a value, one bit each: memory is taken only for very deep ones.
#[derive(Default)]
struct Brackets {
    depth: usize,
    /// The innermost is an object's.
    object: bool,
    near: u64,
    far: Vec<u64>,
}

impl Brackets {
    fn end(&self) -> u8 {
        if self.object { b'}' } else { b']' }
    }

    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.far.push(self.near);
        }
        self.depth += 1;
        self.near = self.near << 1 | u64::from(object);
        self.object = object;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.near >>= 1;
        if self.depth.is_multiple_of(64) {
            self.near = self.far.pop().unwrap_or_default();
        }
        self.object = self.near & 1 == 1;
    }
}

/// Whether a control character stands where `JSON.parse` allows none. The cursor does not look for them.
pub fn has_control(json: &[u8]) -> bool {
    if !bytes::has_control(json) {
        return false;
    }
    let (mut inside, mut escaped) = (false, false);
    json.iter().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside,
            b'"' => inside = !inside,
            _ => {}
        }
        *byte < b' ' && (inside || !b"\t\n\r".contains(byte))
    })
}

/// The next quote or backslash. Tool output is full of escapes: near ones are found eight bytes at a time right here,
/// far ones by the vector search, which costs more to start.
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const NEAR: usize = 64;
    let mut at = 0;
    while at < NEAR {
        let Some(word) = bytes.get(at..at + 8).and_then(|word| <[u8; 8]>::try_from(word).ok()) else {
            break;
        };
        let word = u64::from_le_bytes(word);
        let found = zero_bytes(word ^ 0x2222_2222_2222_2222) | zero_bytes(word ^ 0x5C5C_5C5C_5C5C_5C5C);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    memchr::memchr2(b'"', b'\\', bytes.get(at..)?).map(|hit| at + hit)
}

/// The high bit of the lowest zero byte of `word` is set; bits below it are not.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
}
