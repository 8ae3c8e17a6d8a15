//! What the model server answers.

use opencode_session::proto::request::Request;
use serde_json::{Value, json};

use super::server::{Answer, Room, Server, Wire, tell};

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
                found.map_or_else(missing, |stored| ok(&tell(stored)))
            }
            ("POST", ["session", id, "prompt_async"]) => {
                let body = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
                self.prompt(id, body);
                Answer {
                    status: 204,
                    ..Answer::default()
                }
            }
            ("POST", ["session", id, "abort"]) => {
                self.abort(id);
                ok(&json!(true))
            }
            other => panic!("no route {other:?}"),
        }
    }

    fn page(&self, session: &str, limit: Option<&str>, before: Option<&str>) -> Answer {
        let list = &self.rooms[session].messages;
        let end = before
            .and_then(|id| list.iter().position(|stored| stored.info["id"] == id))
            .unwrap_or(list.len());
        let start = end.saturating_sub(limit.map_or(usize::MAX, |limit| limit.parse().unwrap()));
        let items: Vec<Value> = list[start..end].iter().map(tell).collect();
        let older = start > 0 && self.wire == Wire::New;
        let cursor = if older {
            list[start].info["id"].as_str().unwrap().to_owned()
        } else {
            String::new()
        };
        Answer {
            cursor,
            ..ok(&json!(items))
        }
    }
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

fn ok(body: &Value) -> Answer {
    Answer {
        status: 200,
        content_type: "application/json",
        retry_after: "",
        cursor: String::new(),
        body: body.to_string().into_bytes(),
    }
}

fn missing() -> Answer {
    Answer {
        status: 404,
        ..ok(&json!({}))
    }
}
