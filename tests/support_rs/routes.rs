//! What the model server answers.

use opencode_session::proto::request::Request;
use serde_json::{Value, json};

use super::server::{Answer, Room, Server, Stored, Wire};

impl Server {
    /// Answers as the state is now.
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let find = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let directory = find("directory").map_or(String::from("/project"), |text| decoded(&decoded(text)));
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let here = |room: &&Room| room.info["directory"] == directory.as_str();
        let rooms = || self.rooms.values().filter(here);
        match (request.method, segments.as_slice()) {
            ("GET", ["global", "health"]) => ok(&json!({ "healthy": true, "version": self.version() })),
            ("GET", ["path"]) => ok(&json!({ "directory": directory })),
            ("GET", ["config", "providers"]) => {
                ok(&json!({ "providers": [{ "id": "p", "models": { "m": {}, "other/deep": {} } }] }))
            }
            ("GET", ["command"]) => ok(&json!([{ "name": "count" }, { "name": "review" }])),
            ("GET", ["agent"]) => ok(&json!([{ "name": "build" }, { "name": "plan" }])),
            ("GET", ["permission"]) => ok(&json!(
                rooms().flat_map(|room| room.permissions.clone()).collect::<Vec<_>>()
            )),
            ("GET", ["question"]) => ok(&json!(
                rooms().flat_map(|room| room.questions.clone()).collect::<Vec<_>>()
            )),
            ("GET", ["session", "status"]) => {
                let busy =
                    rooms().filter_map(|room| Some((room.info["id"].as_str()?.to_owned(), room.status.clone()?)));
                ok(&Value::Object(busy.collect()))
            }
            (_, ["session", id, ..]) if !self.rooms.contains_key(*id) => missing(),
            ("GET", ["session", id]) => ok(&self.rooms[*id].info),
            ("GET", ["session", id, "todo"]) => ok(&self.rooms[*id].todos),
            ("GET", ["session", id, "message"]) => self.page(id, find("limit"), find("before")),
            ("GET", ["session", id, "message", message]) => {
                let found = self.rooms[*id]
                    .messages
                    .iter()
                    .find(|stored| stored.info["id"] == *message);
                found.map_or_else(missing, |stored| said(told(stored)))
            }
            ("POST", ["session", id, "prompt_async"]) => {
                let body = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
                self.prompt(id, body);
                Answer {
                    status: 204,
                    ..Answer::default()
                }
            }
            ("POST", ["session", id, "command" | "shell" | "summarize"]) => {
                self.posted
                    .push(serde_json::from_slice(request.body.as_deref().unwrap()).unwrap());
                ok(&json!({ "info": { "id": "msg_command", "sessionID": id, "role": "assistant" }, "parts": [] }))
            }
            ("POST", ["session", id, "abort"]) => {
                self.abort(id);
                ok(&json!(true))
            }
            other => panic!("no route {other:?}"),
        }
    }

    /// As real servers make it (1.2.27, 1.18.33), or in a way that nobody knows.
    fn cursor(&self, stored: &Stored) -> String {
        let (id, time) = (&stored.info["id"], &stored.info["time"]["created"]);
        if self.opaque {
            format!("cursor-{}", id.as_str().unwrap())
        } else {
            base64(format!("{{\"id\":{id},\"time\":{time}}}").as_bytes())
        }
    }

    fn page(&self, session: &str, limit: Option<&str>, before: Option<&str>) -> Answer {
        let list = &self.rooms[session].messages;
        // Older servers know no cursors, and give the newest messages.
        let end = before
            .filter(|_| self.wire == Wire::New)
            .and_then(|before| list.iter().position(|stored| self.cursor(stored) == before))
            .unwrap_or(list.len());
        let start = end.saturating_sub(limit.map_or(usize::MAX, |limit| limit.parse().unwrap()));
        let items: Vec<String> = list[start..end].iter().map(told).collect();
        let older = start > 0 && self.wire == Wire::New && !self.hides_cursors;
        let cursor = if older {
            self.cursor(&list[start])
        } else {
            String::new()
        };
        Answer {
            cursor,
            ..said(format!("[{}]", items.join(",")))
        }
    }
}

/// RFC 4648, the alphabet for URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect();
    let digit = |bits: &[u8]| {
        let value = (0..6).fold(0, |value, at| value << 1 | bits.get(at).copied().unwrap_or(0));
        match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => b'-',
            _ => b'_',
        }
    };
    bits.chunks(6).map(|bits| char::from(digit(bits))).collect()
}

/// Servers decode the directory as a part of the query, and then once more (measured, 1.18.33).
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.filter(|_| *byte == b'%');
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        out.push(code.unwrap_or(*byte));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// As `tell` makes it, without a copy.
fn told(stored: &Stored) -> String {
    let parts: Vec<String> = stored.parts.values().map(Value::to_string).collect();
    format!("{{\"info\":{},\"parts\":[{}]}}", stored.info, parts.join(","))
}

fn ok(body: &Value) -> Answer {
    said(body.to_string())
}

fn said(body: String) -> Answer {
    Answer {
        status: 200,
        content_type: "application/json",
        retry_after: "",
        cursor: String::new(),
        body: body.into_bytes(),
    }
}

fn missing() -> Answer {
    Answer {
        status: 404,
        ..ok(&json!({ "name": "NotFoundError", "data": { "message": "Not found" } }))
    }
}
