//! The one who speaks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::dice::Dice;
use super::state::State;

/// A server that plays turns, one event at a time.
pub(crate) struct Server {
    dice: Dice,
    /// Resends the whole part with each piece of text, as 1.1 does.
    resends: bool,
    wraps: bool,
    count: u64,
    open: Vec<Open>,
    /// What a snapshot tells.
    stored: BTreeMap<String, Value>,
}

#[derive(Clone)]
struct Open {
    session: String,
    message: String,
    id: String,
    kind: &'static str,
    text: String,
    rank: u8,
}

const PIECES: [&str; 8] = [
    "word ",
    "\\ud83d",
    "\\ude00",
    "漢字",
    "\\n",
    "\\\"q\\\"",
    "",
    "a longer piece of text, ",
];

impl Server {
    pub(crate) fn new(dice: Dice) -> Self {
        Server {
            resends: dice.below(3) == 0,
            wraps: dice.below(2) == 0,
            dice,
            count: 0,
            open: Vec::new(),
            stored: BTreeMap::new(),
        }
    }

    fn event(&mut self, kind: &str, properties: &str) -> String {
        self.count += 1;
        let id = format!("evt_{:06}", self.count);
        let event = format!(r#"{{"id":"{id}","type":"{kind}","properties":{properties}}}"#);
        if self.wraps {
            format!(r#"{{"directory":"/p","payload":{event}}}"#)
        } else {
            event
        }
    }

    fn full(&mut self, part: &Open) -> String {
        let Open {
            session,
            message,
            id,
            kind,
            text,
            rank,
        } = part.clone();
        let extra = match (kind, rank) {
            ("tool", rank) => format!(
                r#""state":{{"status":"{}","output":"{text}"}}"#,
                ["pending", "running", "completed"][usize::from(rank)]
            ),
            (_, 2) => format!(r#""text":"{text}","time":{{"start":1,"end":2}}"#),
            _ => format!(r#""text":"{text}","time":{{"start":1}}"#),
        };
        let raw = format!(r#"{{"id":"{id}","sessionID":"{session}","messageID":"{message}","type":"{kind}",{extra}}}"#);
        // Newer servers store an open text empty.
        let stored = if rank < 2 && kind != "tool" && !self.resends {
            raw.replace(&format!(r#""text":"{text}""#), r#""text":"""#)
        } else {
            raw.clone()
        };
        self.stored
            .insert(id, serde_json::from_str(&stored.replace("\\u", "\\\\u")).unwrap());
        self.event(
            "message.part.updated",
            &format!(r#"{{"sessionID":"{session}","part":{raw}}}"#),
        )
    }

    pub(crate) fn step(&mut self) -> Vec<String> {
        let dice = self.dice.below(20);
        if self.open.is_empty() || (dice == 0 && self.open.len() < 4) {
            let session = format!("ses_{}", self.open.len() % 2);
            self.count += 1;
            let kind = ["text", "reasoning", "tool"][self.dice.below(3) as usize];
            let part = Open {
                message: format!("msg_{session}"),
                session,
                id: format!("prt_{:05}", self.count),
                kind,
                text: String::new(),
                rank: 0,
            };
            self.open.push(part.clone());
            return vec![self.full(&part)];
        }
        let at = self.dice.below(self.open.len() as u64) as usize;
        let mut part = self.open[at].clone();
        let Open {
            session, message, id, ..
        } = part.clone();
        match dice {
            1 | 2 => {
                part.rank = 2;
                self.open.remove(at);
                vec![self.full(&part)]
            }
            3 => {
                self.open.remove(at);
                self.stored.remove(&id);
                vec![self.event(
                    "message.part.removed",
                    &format!(r#"{{"sessionID":"{session}","messageID":"{message}","partID":"{id}"}}"#),
                )]
            }
            4 => vec![self.event(
                "session.status",
                &format!(r#"{{"sessionID":"{session}","status":{{"type":"busy"}}}}"#),
            )],
            5 => vec![self.event("file.edited", r#"{"file":"x"}"#)],
            6 if self.dice.below(4) == 0 => {
                // Idle comes before the last flush, as it may.
                let mut events = vec![self.event("session.idle", &format!(r#"{{"sessionID":"{session}"}}"#))];
                for mut part in std::mem::take(&mut self.open) {
                    if part.session == session {
                        part.rank = 2;
                        events.push(self.full(&part));
                    } else {
                        self.open.push(part);
                    }
                }
                events
            }
            7 if self.dice.below(4) == 0 => {
                self.open.retain(|part| part.message != message);
                self.stored.retain(|_, part| part["messageID"] != message.as_str());
                vec![self.event(
                    "message.removed",
                    &format!(r#"{{"sessionID":"{session}","messageID":"{message}"}}"#),
                )]
            }
            _ => {
                let piece = PIECES[self.dice.below(PIECES.len() as u64) as usize];
                part.text.push_str(piece);
                if part.kind == "tool" {
                    part.rank = 1;
                }
                self.open[at] = part.clone();
                if part.kind == "tool" || self.resends {
                    return vec![self.full(&part)];
                }
                vec![self.event(
                    "message.part.delta",
                    &format!(r#"{{"sessionID":"{session}","messageID":"{message}","partID":"{id}","field":"text","delta":"{piece}"}}"#),
                )]
            }
        }
    }

    pub(crate) fn finish(&mut self) -> Vec<String> {
        let open = std::mem::take(&mut self.open);
        open.into_iter()
            .map(|part| self.full(&Open { rank: 2, ..part }))
            .collect()
    }

    /// A fresh load: what is open may be stored with less than was said.
    pub(crate) fn snapshot(&self) -> State {
        let mut state = State::default();
        for part in self.stored.values() {
            state.told(part);
        }
        state
            .parts
            .values_mut()
            // The server stores all of a tool while it runs.
            .filter(|part| part.rank < 2 && part.grows)
            .for_each(|part| part.whole = false);
        state
    }
}
