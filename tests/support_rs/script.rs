//! What a turn is made of: reasoning, text, tools, retries, aborts, removals, and what comes late.

use serde_json::{Value, json};

use super::server::{HIGH, LOW, Server, Wire};

/// Where a text grows.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) session: String,
    pub(crate) message: String,
    pub(crate) part: String,
    pub(crate) kind: &'static str,
}

impl Spot {
    pub(crate) fn new(server: &mut Server, session: &str, message: &str, kind: &'static str) -> Self {
        Spot {
            session: session.into(),
            message: message.into(),
            part: server.id("prt_"),
            kind,
        }
    }

    pub(crate) fn value(&self, text: &str, start: Option<u64>, end: Option<u64>) -> Value {
        let mut part = json!({
            "id": self.part, "sessionID": self.session, "messageID": self.message, "type": self.kind, "text": text,
        });
        if let Some(start) = start {
            part["time"] = json!({ "start": start });
        }
        if let Some(end) = end {
            part["time"]["end"] = json!(end);
        }
        part
    }
}

/// The `n`-th piece of a text: numbered, so that a loss shows, or alike, so that guesses by overlap fail.
fn piece(server: &mut Server, n: u64) -> String {
    if server.tagged {
        let count = 1 + server.rng.below(5) as u32;
        let first = server.letters;
        server.letters += count;
        // 20,000 different characters; no text is as long.
        return (first..first + count)
            .filter_map(|n| char::from_u32(0x4E00 + n % 20_000))
            .collect();
    }
    match server.rng.below(6) {
        0 => "aaaa".into(),
        1 => "a".into(),
        2 => "👩\u{200d}🚀".into(),
        3 => "\u{200d}e\u{301}\u{feff}\r\n".into(),
        _ => format!("{n} "),
    }
}

fn assistant(server: &mut Server, session: &str, id: &str, parent: &str) {
    let time = json!({ "created": server.now });
    let info =
        json!({ "id": id, "sessionID": session, "role": "assistant", "parentID": parent, "time": time, "cost": 0 });
    server.put_message(session, info);
}

fn say(server: &mut Server, session: &str, status: Value) {
    let (s, told) = (session.to_owned(), status.clone());
    server.push(session, move |server| server.say_status(&s, &told));
    let s = session.to_owned();
    // The map that `GET /session/status` reads changes after the event.
    server.push_urgent(session, move |server| server.keep_status(&s, status));
}

/// Begin and deltas of a text.
pub(crate) fn stream(server: &mut Server, at: &Spot, pieces: u64) {
    let spot = at.clone();
    server.push(&at.session, move |server| server.begin_text(&spot));
    for n in 0..pieces {
        if server.halves && server.rng.below(4) == 0 {
            for half in [HIGH, LOW] {
                let spot = at.clone();
                server.push(&at.session, move |server| server.delta(&spot, half));
            }
        }
        let (spot, text) = (at.clone(), piece(server, n));
        server.push(&at.session, move |server| server.delta(&spot, &text));
        noise(server, &at.session);
    }
}

fn text(server: &mut Server, session: &str, message: &str, kind: &'static str) {
    let at = Spot::new(server, session, message, kind);
    let pieces = server.rng.below(12);
    stream(server, &at, pieces);
    let rewrite = match server.rng.below(12) {
        0 => Some("rewritten by a plugin"),
        1 => Some("0"),
        _ => None,
    };
    server.push(session, move |server| server.end_text(&at, rewrite));
}

/// A tool from pending to its end, or to where an abort finds it.
fn tool(server: &mut Server, session: &str, message: &str, last: &'static str) {
    let id = server.id("prt_");
    let outputs = server.rng.below(4);
    let mut put = |state: Value| {
        let part = json!({ "id": id, "sessionID": session, "messageID": message, "type": "tool", "callID": "c", "tool": "bash", "state": state });
        let s = session.to_owned();
        server.push(session, move |server| server.put_part(&s, part, None));
    };
    put(json!({ "status": "pending", "input": {}, "raw": "" }));
    for n in 0..=outputs {
        put(
            json!({ "status": "running", "input": { "command": "ls" }, "metadata": { "output": "x".repeat(n as usize) }, "time": { "start": 1 } }),
        );
    }
    put(
        json!({ "status": last, "input": { "command": "ls" }, "output": "__proto__", "time": { "start": 1, "end": 2 } }),
    );
}

fn small_part(server: &mut Server, session: &str, message: &str, kind: &'static str) {
    let part = json!({ "id": server.id("prt_"), "sessionID": session, "messageID": message, "type": kind });
    let s = session.to_owned();
    server.push(session, move |server| server.put_part(&s, part, None));
}

/// What else happens on a stream.
fn noise(server: &mut Server, session: &str) {
    let s = session.to_owned();
    match server.rng.below(40) {
        0 => server.push(session, move |server| server.touch(&s)),
        1 => server.push(session, move |server| {
            let todos = json!([{ "content": server.id("todo "), "status": "pending", "priority": "high" }]);
            server.room(&s).todos = todos.clone();
            server.publish(&s, "todo.updated", json!({ "sessionID": s, "todos": todos }));
        }),
        2 => server.push(session, |server| server.publish("", "file.edited", json!({ "file": "a", "sessionID": null }))),
        3 => server.push(session, move |server| server.publish(&s, "message.next.unknown", json!({ "sessionID": s, "deep": [[{}]] }))),
        4 => server.push(session, |server| {
            let part = json!({ "id": "prt_x", "messageID": "msg_x", "sessionID": "ses_other", "type": "text", "text": "not ours" });
            server.publish("ses_other", "message.part.updated", json!({ "sessionID": "ses_other", "part": part }));
        }),
        5 => {
            let id = server.id("per_");
            let request = json!({ "id": id, "sessionID": s, "permission": "bash", "patterns": ["ls"] });
            let (room, asked) = (s.clone(), request);
            server.push(session, move |server| {
                server.room(&room).permissions.push(asked.clone());
                server.publish(&room, "permission.asked", asked);
            });
            server.push(session, move |server| {
                server.room(&s).permissions.retain(|asked| asked["id"] != id.as_str());
                server.publish(&s, "permission.replied", json!({ "sessionID": s, "requestID": id, "reply": "once" }));
            });
        }
        _ => {}
    }
}

/// Queues the turn that answers the user message.
pub(crate) fn turn(server: &mut Server, session: &str, user: &str) {
    say(server, session, json!({ "type": "busy" }));
    let steps = 1 + server.rng.below(3);
    for step in 1..=steps {
        let message = server.id("msg_");
        let (s, id, parent) = (session.to_owned(), message.clone(), user.to_owned());
        server.push(session, move |server| assistant(server, &s, &id, &parent));
        small_part(server, session, &message, "step-start");
        if server.rng.below(2) == 0 {
            text(server, session, &message, "reasoning");
        }
        if server.rng.below(5) == 0 {
            retry(server, session, &message);
        }
        if step == steps && server.rng.below(4) == 0 {
            return abort(server, session, &message);
        }
        text(server, session, &message, "text");
        noise(server, session);
        if server.rng.below(2) == 0 {
            let last = if server.rng.below(3) == 0 { "error" } else { "completed" };
            tool(server, session, &message, last);
        }
        small_part(server, session, &message, "step-finish");
        let (s, id) = (session.to_owned(), message.clone());
        server.push(session, move |server| {
            let now = server.now;
            server.edit_message(&s, &id, |info| info["time"]["completed"] = json!(now));
        });
        if server.rng.below(4) == 0 {
            remove(server, session);
        }
    }
    say(server, session, json!({ "type": "idle" }));
    late(server, session, user);
}

/// The provider breaks: the open part stays as it is, and its text comes again in a new part.
fn retry(server: &mut Server, session: &str, message: &str) {
    let at = Spot::new(server, session, message, "text");
    let pieces = server.rng.below(5);
    stream(server, &at, pieces);
    server.push(session, move |server| server.lose_text(&at));
    say(
        server,
        session,
        json!({ "type": "retry", "attempt": 1, "message": "again", "next": 5 }),
    );
    say(server, session, json!({ "type": "busy" }));
}

/// Idle is said first; text, tools and the message end after it.
fn abort(server: &mut Server, session: &str, message: &str) {
    let at = Spot::new(server, session, message, "text");
    let pieces = server.rng.below(8);
    stream(server, &at, pieces);
    let s = session.to_owned();
    server.push(session, move |server| {
        let error = json!({ "name": "MessageAbortedError", "data": { "message": "Aborted" } });
        server.publish(&s, "session.error", json!({ "sessionID": s, "error": error }));
    });
    let s = session.to_owned();
    server.push_urgent(session, move |server| {
        server.say_status(&s, &json!({ "type": "idle" }));
        server.room(&s).permissions.clear();
    });
    server.push_urgent(session, move |server| match server.wire {
        Wire::Mid => server.lose_text(&at),
        Wire::Old => {}
        Wire::New => server.end_text(&at, None),
    });
    let (s, id) = (session.to_owned(), message.to_owned());
    server.push_urgent(session, move |server| {
        let now = server.now;
        server.edit_message(&s, &id, |info| {
            info["error"] = json!({ "name": "MessageAbortedError", "data": { "message": "Aborted" } });
            info["time"]["completed"] = json!(now);
        });
        server.keep_status(&s, json!({ "type": "idle" }));
    });
    let s = session.to_owned();
    server.push(session, move |server| server.say_status(&s, &json!({ "type": "idle" })));
}

/// Jobs of the background end when they end.
fn late(server: &mut Server, session: &str, user: &str) {
    if server.rng.below(2) == 0 {
        let (s, id) = (session.to_owned(), user.to_owned());
        server.push(session, move |server| {
            server.edit_message(&s, &id, |info| info["summary"] = json!({ "diffs": [] }))
        });
    }
    if server.rng.below(2) == 0 {
        let s = session.to_owned();
        server.push(session, move |server| server.touch(&s));
    }
}

/// Something old goes.
fn remove(server: &mut Server, session: &str) {
    let whole = server.rng.below(2) == 0;
    let s = session.to_owned();
    server.push(session, move |server| {
        let list = &server.rooms[&s].messages;
        if list.len() < 6 {
            return;
        }
        let message = list[1].info["id"].as_str().unwrap().to_owned();
        let part = list[1].parts.keys().next().cloned();
        match part {
            Some(part) if !whole => server.remove_part(&s, &message, &part),
            _ => server.remove_message(&s, &message),
        }
    });
}
