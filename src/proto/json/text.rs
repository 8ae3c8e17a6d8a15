/// A JSON string as it stands in the input, between its quotes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Str<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Str<'a> {
    pub(in crate::proto) fn new(raw: &'a [u8], escaped: bool) -> Self {
        Str { raw, escaped }
    }

    /// A piece of a string of valid JSON, cut at no escape.
    pub(in crate::proto) fn within(raw: &'a [u8]) -> Self {
        Str {
            raw,
            escaped: memchr::memchr(b'\\', raw).is_some(),
        }
    }

    /// The bytes between the quotes, escapes and all.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether the string, unescaped, is `text`.
    pub fn is(&self, text: &str) -> bool {
        if self.escaped {
            self.to_text() == text
        } else {
            self.raw == text.as_bytes()
        }
    }

    /// Whether it is `""`.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The string as text. Lone surrogates and bad UTF-8 become U+FFFD, as `TextDecoder` makes them.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut unescape = Unescape::default();
        unescape.push(*self, &mut text);
        unescape.finish(&mut text);
        text
    }
}

/// Joins the text of consecutive JSON strings. A surrogate pair may be split between two of them: the first half waits
/// here, because Rust text cannot hold it alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unescape {
    high: u16,
}

impl Unescape {
    /// Appends the text of `string` to `out`.
    pub fn push(&mut self, string: Str<'_>, out: &mut String) {
        if !string.escaped {
            if !string.raw.is_empty() {
                self.finish(out);
            }
            return push_utf8(string.raw, out);
        }
        let mut rest = string.raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            if at > 0 {
                self.finish(out);
                push_utf8(&rest[..at], out);
            }
            rest = self.escape(&rest[at + 1..], out);
        }
        if !rest.is_empty() {
            self.finish(out);
            push_utf8(rest, out);
        }
    }

    /// Ends the text: a first half still waiting becomes U+FFFD.
    pub fn finish(&mut self, out: &mut String) {
        if self.high != 0 {
            self.high = 0;
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn escape<'a>(&mut self, rest: &'a [u8], out: &mut String) -> &'a [u8] {
        let (unit, rest) = match rest {
            [b'u', a, b, c, d, rest @ ..] => ([a, b, c, d].iter().fold(0, |sum, digit| sum << 4 | hex(**digit)), rest),
            [letter, rest @ ..] => (control(*letter), rest),
            [] => return rest,
        };
        self.unit(unit, out);
        rest
    }

    fn unit(&mut self, unit: u16, out: &mut String) {
        if self.high != 0 && (0xDC00..0xE000).contains(&unit) {
            let pair = 0x1_0000 + ((u32::from(self.high) - 0xD800) << 10) + (u32::from(unit) - 0xDC00);
            self.high = 0;
            return out.push(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.finish(out);
        if (0xD800..0xDC00).contains(&unit) {
            self.high = unit;
        } else {
            out.push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

/// Text of bytes that came as UTF-8, with U+FFFD where they are none.
pub fn utf8(bytes: &[u8]) -> String {
    let mut out = String::new();
    push_utf8(bytes, &mut out);
    out
}

/// Like [`utf8`], behind `out`.
pub fn push_utf8(bytes: &[u8], out: &mut String) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return out.push_str(text);
    }
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

fn hex(digit: u8) -> u16 {
    let value = match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    };
    u16::from(value)
}

fn control(letter: u8) -> u16 {
    u16::from(match letter {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    })
}
