//! What the page shows: change sets applied as `src/js/view.ts` applies them.

use std::collections::{BTreeMap, BTreeSet};

use opencode_session::proto::change::{Change, Continuity, Delivery, Field};
use serde_json::{Value, json};

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Mirror {
    pub(crate) messages: Vec<Message>,
    pub(crate) fields: BTreeMap<&'static str, Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) key: String,
    pub(crate) info: Value,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) value: Value,
    pub(crate) continuity: &'static str,
    pub(crate) gap: Option<u32>,
    pub(crate) tail: Option<String>,
}

impl Part {
    fn new(value: Value, continuity: &'static str) -> Self {
        Part {
            value,
            continuity,
            gap: None,
            tail: None,
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.value["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        self.value["text"].as_str().unwrap_or_default()
    }

    pub(crate) fn tail(&self) -> &str {
        self.tail.as_deref().unwrap_or_default()
    }
}

impl Message {
    pub(crate) fn id(&self) -> &str {
        self.info["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        self.parts.iter().map(Part::text).collect()
    }
}

impl Mirror {
    /// Applies one drain, and checks that it left no slot empty.
    pub(crate) fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.step(change);
        }
        let mut keys = BTreeSet::new();
        for message in &self.messages {
            assert!(!message.info.is_null(), "a message slot was left empty: {message:?}");
            assert!(
                keys.insert(message.key.as_str()),
                "two messages under one key: {}",
                message.key
            );
            for part in &message.parts {
                assert!(part.value.is_object(), "a part slot was left empty: {message:?}");
                assert!(
                    part.gap.is_some() || part.tail.is_none(),
                    "a tail without a gap: {part:?}"
                );
            }
        }
    }

    fn step(&mut self, change: Change) {
        match change {
            Change::InsertMessage { index, key } => {
                let message = Message {
                    key: key.into(),
                    info: Value::Null,
                    delivery: None,
                    parts: Vec::new(),
                };
                self.messages.insert(index, message);
            }
            Change::RemoveMessage { index } => drop(self.messages.remove(index)),
            Change::MoveMessage { from, to } => {
                let message = self.messages.remove(from);
                self.messages.insert(to, message);
            }
            Change::InsertPart { message, index } => {
                self.messages[message]
                    .parts
                    .insert(index, Part::new(Value::Null, "settled"));
            }
            Change::RemovePart { message, index } => drop(self.messages[message].parts.remove(index)),
            Change::Whole { index, raw } => {
                let mut told = parse(&raw);
                let message = &mut self.messages[index];
                message.info = told["info"].take();
                let parts = told["parts"].as_array_mut().map(std::mem::take).unwrap_or_default();
                message.parts = parts.into_iter().map(|part| Part::new(part, "settled")).collect();
            }
            Change::Info { index, raw } => self.messages[index].info = parse(&raw),
            Change::Delivered { index, delivery } => self.messages[index].delivery = Some(delivery),
            Change::Part { message, index, raw } => {
                let part = &mut self.messages[message].parts[index];
                *part = Part::new(parse(&raw), part.continuity);
            }
            Change::Text { message, index, text } => self.messages[message].parts[index].value["text"] = json!(text),
            Change::Append { message, index, text } => {
                let part = &mut self.messages[message].parts[index];
                match &mut part.value["text"] {
                    Value::String(shown) => shown.push_str(&text),
                    other => *other = json!(text),
                }
            }
            Change::Meta {
                message,
                index,
                continuity,
            } => {
                let part = &mut self.messages[message].parts[index];
                (part.gap, part.tail) = (None, None);
                part.continuity = match continuity {
                    Continuity::Settled => "settled",
                    Continuity::Streaming => "streaming",
                    Continuity::Interrupted => "interrupted",
                    Continuity::Gapped(at) => {
                        part.gap = Some(at);
                        "gapped"
                    }
                };
            }
            Change::Tail { message, index, text } => {
                let part = &mut self.messages[message].parts[index];
                part.tail.get_or_insert_default().push_str(&text);
            }
            Change::Field { field, json } => {
                let value = if json.is_empty() { Value::Null } else { parse(&json) };
                self.fields.insert(name(field), value);
            }
        }
    }

    pub(crate) fn field(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    pub(crate) fn part(&self, id: &str) -> Option<&Part> {
        self.messages
            .iter()
            .flat_map(|message| &message.parts)
            .find(|part| part.id() == id)
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.messages.iter().flat_map(|message| &message.parts)
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.messages.iter().map(Message::id).collect()
    }

    /// As a fresh load would tell it: `[{info, parts}]`, without prompts that failed.
    pub(crate) fn history(&self) -> Vec<Value> {
        let plain = |message: &Message| {
            let parts: Vec<&Value> = message.parts.iter().map(|part| &part.value).collect();
            json!({ "info": message.info, "parts": parts })
        };
        self.history_of().map(plain).collect()
    }

    /// The messages of which a fresh load may tell: not the prompts that failed.
    pub(crate) fn history_of(&self) -> impl Iterator<Item = &Message> {
        self.messages
            .iter()
            .filter(|message| message.delivery != Some(Delivery::Failed))
    }
}

pub(crate) fn utf16(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap()
}

fn parse(raw: &[u8]) -> Value {
    // `TextDecoder` mends what is no UTF-8.
    serde_json::from_str(&String::from_utf8_lossy(raw))
        .unwrap_or_else(|error| panic!("{error}: {}", raw.escape_ascii()))
}

fn name(field: Field) -> &'static str {
    match field {
        Field::Session => "session",
        Field::Status => "status",
        Field::Connection => "connection",
        Field::Permissions => "permissions",
        Field::Questions => "questions",
        Field::Todos => "todos",
        Field::HasOlder => "hasOlder",
        Field::Kept => "continuity",
        Field::Error => "error",
    }
}
