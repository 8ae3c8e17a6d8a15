/// Appends `text` as a JSON string, quotes included.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.push('\\'),
            '\0'..' ' => {
                let code = letter as u8;
                out.push_str("\\u00");
                out.push(char::from(b'0' + (code >> 4)));
                out.push(char::from(b"0123456789abcdef"[usize::from(code & 15)]));
                continue;
            }
            _ => {}
        }
        out.push(letter);
    }
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
