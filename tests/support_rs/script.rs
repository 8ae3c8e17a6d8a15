//! What a turn is made of: reasoning, text, tools, retries, aborts, removals, and what comes late.

use serde_json::{Value, json};

use super::server::{HIGH, LOW, Server, Stored, Wire};

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
    server.begin_message(session, info);
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
    // Some are still growing when a page that lost the stream is back.
    let most = if server.rng.below(4) == 0 { 70 } else { 12 };
    let pieces = server.rng.below(most);
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
    let put = |server: &mut Server, state: Value| {
        let part = json!({ "id": id, "sessionID": session, "messageID": message, "type": "tool", "callID": "c", "tool": "bash", "state": state });
        let s = session.to_owned();
        server.push(session, move |server| server.put_part(&s, part, None));
    };
    put(server, json!({ "status": "pending", "input": {}, "raw": "" }));
    let asked = (server.rng.below(2) == 0).then(|| ask(server, session));
    for n in 0..=outputs {
        let state = json!({ "status": "running", "input": { "command": "ls" }, "metadata": { "output": "x".repeat(n as usize) }, "time": { "start": 1 } });
        put(server, state);
    }
    if let Some(asked) = asked {
        answer(server, session, asked);
    }
    let state = json!({ "status": last, "input": { "command": "ls" }, "output": "__proto__", "time": { "start": 1, "end": 2 } });
    put(server, state);
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
            let asked = ask(server, session);
            answer(server, session, asked);
        }
        _ => {}
    }
}

/// A permission or a question: its kind, its id, and what says that it is answered.
type Asked = (&'static str, String);

fn ask(server: &mut Server, session: &str) -> Asked {
    let (kind, prefix) = [("permission", "per_"), ("question", "que_")][server.rng.below(2) as usize];
    let id = server.id(prefix);
    let request = json!({ "id": id, "sessionID": session, "permission": "bash", "patterns": ["ls"] });
    let s = session.to_owned();
    server.push(session, move |server| {
        server.asked(&s, kind).push(request.clone());
        server.publish(&s, &format!("{kind}.asked"), request);
    });
    (kind, id)
}

/// Somebody answers, here or elsewhere.
fn answer(server: &mut Server, session: &str, (kind, id): Asked) {
    let word = match server.rng.below(3) {
        0 if kind == "question" => "question.rejected",
        _ if kind == "question" => "question.replied",
        _ => "permission.replied",
    };
    let s = session.to_owned();
    server.push(session, move |server| {
        server.asked(&s, kind).retain(|asked| asked["id"] != id.as_str());
        server.publish(&s, word, json!({ "sessionID": s, "requestID": id, "reply": "once" }));
    });
}

/// The user message waits for its turn, which comes when what runs is over.
pub(crate) fn turn(server: &mut Server, session: &str, user: &str) {
    server.waiting.push((session.into(), user.into(), server.now));
    let s = session.to_owned();
    server.push(session, move |server| begin(server, &s));
}

/// Of all that waits, the newest is answered, and the others with it.
pub(crate) fn begin(server: &mut Server, session: &str) {
    if server.cold {
        return;
    }
    let waits = server.waiting.iter().rfind(|(room, ..)| room == session);
    let Some((_, user, _)) = waits.cloned() else { return };
    server.waiting.retain(|(room, ..)| room != session);
    let status = json!({ "type": "busy" });
    server.say_status(session, &status);
    server.keep_status(session, status);
    play(server, session, &user);
}

/// The turn that answers the user message.
fn play(server: &mut Server, session: &str, user: &str) {
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
            let failure = if server.pick(3) == 0 {
                "APIError"
            } else {
                "MessageAbortedError"
            };
            return abort(server, session, &message, failure);
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
    let (s, u) = (session.to_owned(), user.to_owned());
    server.push(session, move |server| finish(server, &s, &u));
}

/// What waits is answered next, without a pause. What was stored in this very moment may come too late for that: its turn
/// begins by itself.
fn finish(server: &mut Server, session: &str, user: &str) {
    let mut waits = server.waiting.iter().filter(|(room, ..)| room == session);
    if waits.any(|(_, _, since)| since + 1_000 < server.now) || server.pick(2) == 0 && waits.next().is_some() {
        return begin(server, session);
    }
    // The next turn begins behind what this one still has to say.
    server.lanes.remove(session);
    say(server, session, json!({ "type": "idle" }));
    late(server, session, user);
    let s = session.to_owned();
    server.push(session, move |server| begin(server, &s));
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

/// The turn is stopped, or fails, and what waits goes with it. Idle is said first; text, tools and the message end after it.
fn abort(server: &mut Server, session: &str, message: &str, failure: &'static str) {
    let at = Spot::new(server, session, message, "text");
    let pieces = server.rng.below(8);
    stream(server, &at, pieces);
    if server.rng.below(2) == 0 {
        // Nobody is told that it is not asked any more.
        ask(server, session);
    }
    let (s, message) = (session.to_owned(), message.to_owned());
    server.push(session, move |server| stop(server, &s, message, at, failure));
}

fn stop(server: &mut Server, session: &str, message: String, at: Spot, failure: &'static str) {
    server.lanes.remove(session);
    server.waiting.retain(|(room, ..)| room != session);
    let error = json!({ "name": failure, "data": { "message": "no" } });
    server.publish(
        session,
        "session.error",
        json!({ "sessionID": session, "error": error }),
    );
    let s = session.to_owned();
    server.push_urgent(session, move |server| {
        server.say_status(&s, &json!({ "type": "idle" }));
        server.room(&s).permissions.clear();
        server.room(&s).questions.clear();
    });
    server.push_urgent(session, move |server| match server.wire {
        Wire::Mid => server.lose_text(&at),
        Wire::Old => {}
        Wire::New => server.end_text(&at, None),
    });
    let (s, id) = (session.to_owned(), message);
    server.push_urgent(session, move |server| {
        let now = server.now;
        server.edit_message(&s, &id, |info| {
            info["error"] = error;
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
    if server.rng.below(3) == 0 {
        remove(server, session);
    }
}

fn remove(server: &mut Server, session: &str) {
    let pick = server.rng.below(1 << 20);
    let s = session.to_owned();
    server.push(session, move |server| remove_done(server, &s, pick));
}

/// Something goes that is done.
pub(crate) fn remove_done(server: &mut Server, session: &str, pick: u64) {
    let list = &server.rooms[session].messages;
    // A prompt that goes before its sender saw it cannot be told from one that never came: only those of others go.
    let other = |part: &Value| part["text"].as_str().is_some_and(|text| text.starts_with("prompt #o"));
    // What is taken back is counted from one that stays.
    let cut = |stored: &Stored| server.rooms[session].info["revert"]["messageID"] == stored.info["id"];
    let done = |stored: &&Stored| match stored.info["role"].as_str() {
        _ if cut(stored) => false,
        Some("user") => list.len() >= 6 && stored.parts.values().any(other),
        _ => stored.info["time"]["completed"].is_number(),
    };
    let done: Vec<&Stored> = list.iter().filter(done).collect();
    let Some(stored) = (pick as usize / 2).checked_rem(done.len()).map(|at| done[at]) else {
        return;
    };
    let message = stored.info["id"].as_str().unwrap().to_owned();
    let part = stored.parts.keys().next().cloned();
    match part {
        Some(part) if pick.is_multiple_of(2) => server.remove_part(session, &message, &part),
        _ => server.remove_message(session, &message),
    }
}
