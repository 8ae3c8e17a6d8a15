/// Appends `text` as a JSON string, quotes included.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "\\u00",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(short);
        if short.len() == 4 {
            out.push(char::from(b'0' + (byte >> 4)));
            out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Writes one JSON object, field by field.
///
/// ```
/// use opencode_session::proto::json::Object;
/// let mut object = Object::new();
/// object.text("type", "text").number("n", 3);
/// assert_eq!(object.end(), r#"{"type":"text","n":3}"#);
/// ```
#[derive(Debug)]
pub struct Object {
    out: String,
}

impl Object {
    /// An object without fields.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Object { out: String::from("{") }
    }

    /// Adds a string field.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        quote(value, &mut self.out);
        self
    }

    /// Adds a whole-number field.
    pub fn number(&mut self, key: &str, value: i64) -> &mut Self {
        self.raw(key, &value.to_string())
    }

    /// Adds a field whose value is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key);
        self.out.push_str(json);
        self
    }

    /// The finished JSON.
    pub fn end(&mut self) -> String {
        self.out.push('}');
        std::mem::take(&mut self.out)
    }

    fn key(&mut self, key: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        quote(key, &mut self.out);
        self.out.push(':');
    }
}
