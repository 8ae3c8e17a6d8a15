//! What of a session outlives its page: the text of open parts, and the prompts that the server may not have.
//!
//! The shell keeps one record for each session and tab. A record that cannot be read is dropped, never believed in part.

use super::json::{Bad, Cursor, Object, quote, utf8};

/// The newest form of a record; others are dropped.
const VERSION: i64 = 1;

/// One session's record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Texts of open parts.
    pub texts: Vec<Text>,
    /// Prompts, oldest first.
    pub prompts: Vec<Saved>,
}

/// The text of an open part, as far as it is known without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its message.
    pub message: String,
    /// Its part.
    pub part: String,
    /// A true beginning of it.
    pub text: String,
}

/// A prompt that the server may not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// As in `Prompt`.
    pub key: String,
    /// As in `Prompt`.
    pub part_ids: Vec<String>,
    /// The draft, as `Draft::read` reads it.
    pub draft: String,
    /// When it was sent, milliseconds by the clock of this side.
    pub created: u64,
    /// The newest message that was known before it was posted, if any was: time by the server's clock, and id.
    pub after: Option<(i64, String)>,
    /// It was posted.
    pub posted: bool,
    /// The server takes no ids made here: a post of it names nothing.
    pub unnamed: bool,
    /// The server said that it took it.
    pub taken: bool,
}

impl Record {
    /// Reads a record; `None`: it is none, or of another version.
    pub fn read(json: &[u8]) -> Option<Self> {
        let mut record = Record::default();
        let mut version = None;
        let mut cursor = Cursor::new(json);
        let read = cursor.object(&mut |key, value| {
            if key.is("v") {
                version = value.maybe_integer()?;
            } else if key.is("texts") {
                value.array(&mut |value| {
                    record.texts.push(text(value)?);
                    Ok(())
                })?;
            } else if key.is("prompts") {
                value.array(&mut |value| {
                    record.prompts.push(saved(value)?);
                    Ok(())
                })?;
            }
            Ok(())
        });
        (read.is_ok() && cursor.end().is_ok() && version == Some(VERSION)).then_some(record)
    }

    /// Writes the record in at most `limit` bytes; nothing when there is nothing to keep. Texts that do not fit are left
    /// out, then prompts; gives the keys of those.
    pub fn write(&self, limit: usize) -> (Vec<u8>, Vec<&str>) {
        let mut left_out = Vec::new();
        let mut room = limit.saturating_sub(64);
        let mut prompts = List::default();
        for prompt in &self.prompts {
            // What cannot fit is not even written: files may be large.
            if prompt.draft.len() > room || !prompts.add(&prompt.to_json(), &mut room) {
                left_out.push(prompt.key.as_str());
            }
        }
        let mut texts = List::default();
        for text in &self.texts {
            if text.text.len() <= room {
                texts.add(&text.to_json(), &mut room);
            }
        }
        if prompts.is_empty() && texts.is_empty() {
            return (Vec::new(), left_out);
        }
        let mut object = Object::new();
        object.number("v", VERSION);
        object.raw("prompts", &prompts.end()).raw("texts", &texts.end());
        (object.end().into_bytes(), left_out)
    }
}

impl Text {
    fn to_json(&self) -> String {
        let mut object = Object::new();
        object
            .text("message", &self.message)
            .text("part", &self.part)
            .text("text", &self.text);
        object.end()
    }
}

impl Saved {
    fn to_json(&self) -> String {
        let (mut ids, mut room) = (List::default(), usize::MAX);
        for id in &self.part_ids {
            let mut quoted = String::new();
            quote(id, &mut quoted);
            ids.add(&quoted, &mut room);
        }
        let mut object = Object::new();
        object
            .text("key", &self.key)
            .raw("parts", &ids.end())
            .raw("draft", &self.draft)
            .number("created", i64::try_from(self.created).unwrap_or(0));
        if let Some((time, id)) = &self.after {
            object.number("time", *time).text("after", id);
        }
        for (name, flag) in [
            ("posted", self.posted),
            ("unnamed", self.unnamed),
            ("taken", self.taken),
        ] {
            if flag {
                object.raw(name, "true");
            }
        }
        object.end()
    }
}

/// A JSON list that is written item by item, as long as there is room.
#[derive(Default)]
struct List {
    out: String,
}

impl List {
    fn add(&mut self, item: &str, room: &mut usize) -> bool {
        let Some(rest) = room.checked_sub(item.len() + 1) else {
            return false;
        };
        *room = rest;
        self.out.push(if self.out.is_empty() { '[' } else { ',' });
        self.out.push_str(item);
        true
    }

    fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    fn end(mut self) -> String {
        if self.out.is_empty() {
            self.out.push('[');
        }
        self.out.push(']');
        self.out
    }
}

fn text(value: &mut Cursor<'_>) -> Result<Text, Bad> {
    let mut found = Text {
        message: String::new(),
        part: String::new(),
        text: String::new(),
    };
    value.object(&mut |key, value| {
        if key.is("message") {
            found.message = value.string()?.to_text();
        } else if key.is("part") {
            found.part = value.string()?.to_text();
        } else if key.is("text") {
            found.text = value.string()?.to_text();
        }
        Ok(())
    })?;
    Ok(found)
}

fn saved(value: &mut Cursor<'_>) -> Result<Saved, Bad> {
    let mut found = Saved {
        key: String::new(),
        part_ids: Vec::new(),
        draft: String::new(),
        created: 0,
        after: None,
        posted: false,
        unnamed: false,
        taken: false,
    };
    let mut time = 0;
    value.object(&mut |key, value| {
        if key.is("key") {
            found.key = value.string()?.to_text();
        } else if key.is("parts") {
            value.array(&mut |value| {
                found.part_ids.push(value.string()?.to_text());
                Ok(())
            })?;
        } else if key.is("draft") {
            found.draft = utf8(value.raw()?);
        } else if key.is("created") {
            found.created = value
                .maybe_integer()?
                .and_then(|time| time.try_into().ok())
                .unwrap_or_default();
        } else if key.is("time") {
            time = value.maybe_integer()?.unwrap_or_default();
        } else if key.is("after") {
            found.after = value.maybe_string()?.map(|id| (0, id.to_text()));
        } else if key.is("posted") {
            found.posted = value.peek() == Some(b't');
        } else if key.is("unnamed") {
            found.unnamed = value.peek() == Some(b't');
        } else if key.is("taken") {
            found.taken = value.peek() == Some(b't');
        }
        Ok(())
    })?;
    if let Some(after) = &mut found.after {
        after.0 = time;
    }
    if found.key.is_empty() { Err(Bad) } else { Ok(found) }
}
