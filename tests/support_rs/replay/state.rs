//! What a reader makes of events.

use std::collections::BTreeMap;

use serde_json::Value;

/// One part as a reader has it. Texts are kept as the events spell them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Part {
    pub(crate) rank: u8,
    pub(crate) grows: bool,
    pub(crate) text: String,
    pub(crate) rest: Value,
    /// Nothing is missing from `text`.
    pub(crate) whole: bool,
    pub(crate) tail: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) parts: BTreeMap<String, Part>,
    pub(crate) holes: u32,
}

impl State {
    pub(crate) fn take(&mut self, data: &str) {
        // Escapes stay as they are spelled: a half of a pair is no text of its own.
        let Ok(event) = serde_json::from_str::<Value>(&data.replace("\\u", "\\\\u")) else {
            return;
        };
        let event = if event["payload"].is_object() {
            &event["payload"]
        } else {
            &event
        };
        let fields = &event["properties"];
        let id = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap_or_default() {
            "message.part.updated" => self.told(&fields["part"]),
            "message.part.delta" => {
                let part = self.parts.entry(id("partID")).or_insert_with(|| Part {
                    grows: true,
                    ..Part::default()
                });
                if part.rank < 2 && part.grows {
                    let delta = id("delta");
                    if part.whole { &mut part.text } else { &mut part.tail }.push_str(&delta);
                }
            }
            "message.part.removed" => {
                self.parts.remove(&id("partID"));
            }
            "message.removed" => {
                let message = id("messageID");
                self.parts.retain(|_, part| part.rest["messageID"] != message.as_str());
            }
            "replay.hole" => {
                self.holes += 1;
                self.parts
                    .values_mut()
                    .filter(|part| part.rank < 2 && part.grows)
                    .for_each(|part| part.whole = false);
            }
            _ => {}
        }
    }

    pub(crate) fn told(&mut self, raw: &Value) {
        let kind = raw["type"].as_str().unwrap_or_default();
        let grows = matches!(kind, "text" | "reasoning");
        let rank = match (kind, raw["state"]["status"].as_str()) {
            ("tool", Some("pending")) => 0,
            ("tool", Some("running")) => 1,
            _ if grows && raw["time"]["start"].is_i64() && !raw["time"]["end"].is_i64() => 0,
            _ => 2,
        };
        let text = raw["text"].as_str().unwrap_or_default().to_owned();
        let mut rest = raw.clone();
        rest.as_object_mut().unwrap().remove("text");
        let part = self.parts.entry(raw["id"].as_str().unwrap().to_owned()).or_default();
        if rank < part.rank {
            return;
        }
        if grows && rank < 2 && text.len() < part.text.len() && part.text.starts_with(&text) {
            part.rest = rest;
            return;
        }
        *part = Part {
            rank,
            grows,
            text,
            rest,
            whole: true,
            tail: String::new(),
        };
    }
}
