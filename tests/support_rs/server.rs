//! A server by the book (`shared` facts of 1.1, 1.3 and 1.18): what it stores, what it says, and what it answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use opencode_session::proto::rng::Rng;
use serde_json::{Value, json};

use super::script;

/// A rocket's first half, in a text to be published.
pub(crate) const HIGH: &str = "\u{e000}";
/// And its second.
pub(crate) const LOW: &str = "\u{e001}";

/// Something the server does in one step. Urgent steps follow the one before without delay.
pub(crate) struct Op {
    pub(crate) urgent: bool,
    pub(crate) run: Box<dyn FnOnce(&mut Server)>,
}

/// The generations of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// 1.1.65: full parts with every delta, partial text stored, no event ids.
    Old,
    /// 1.3.2: deltas, text stored at its end and trimmed, no event ids, message ids made by the server.
    Mid,
    /// 1.18.33: deltas, event ids, message ids made by the client.
    New,
}

/// One published event: `/event` of its directory sends it plain.
pub(crate) struct Logged {
    pub(crate) directory: String,
    pub(crate) json: String,
    pub(crate) stored: bool,
    /// Of a delta: the part, and what it adds.
    pub(crate) piece: Option<(String, String)>,
}

impl Logged {
    /// As a stream sends it: that of all directories wraps it, and repeats what is stored.
    pub(crate) fn frames(&self, global: bool) -> String {
        let Logged {
            directory,
            json,
            stored,
            ..
        } = self;
        if !global {
            return if directory == "/project" {
                format!("data: {json}\n\n")
            } else {
                String::new()
            };
        }
        let plain = format!("data: {{\"directory\":\"{directory}\",\"payload\":{json}}}\n\n");
        let twin = format!(
            "data: {{\"directory\":\"{directory}\",\"payload\":{{\"type\":\"sync\",\"syncEvent\":{{\"data\":{json}}}}}}}\n\n"
        );
        if *stored { plain + &twin } else { plain }
    }
}

/// The first frame of a stream.
pub(crate) fn hello(global: bool) -> String {
    let event = "{\"type\":\"server.connected\",\"properties\":{}}";
    if global {
        format!("data: {{\"payload\":{event}}}\n\n")
    } else {
        format!("data: {event}\n\n")
    }
}

/// All that was ever said of a part's text.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The newest last; earlier ones were rewritten.
    pub(crate) versions: Vec<String>,
    pub(crate) rewritten: bool,
    /// The part was never ended, and is stored empty.
    pub(crate) lost: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) info: Value,
    pub(crate) status: Option<Value>,
    pub(crate) messages: Vec<Stored>,
    pub(crate) permissions: Vec<Value>,
    pub(crate) questions: Vec<Value>,
    pub(crate) todos: Value,
    pub(crate) title: u32,
}

#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) info: Value,
    pub(crate) parts: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) retry_after: &'static str,
    pub(crate) cursor: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    pub(crate) wire: Wire,
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) log: Vec<Logged>,
    pub(crate) rooms: BTreeMap<String, Room>,
    pub(crate) lanes: BTreeMap<String, VecDeque<Op>>,
    pub(crate) said: BTreeMap<String, Said>,
    /// Bodies of the prompts that were posted.
    pub(crate) posted: Vec<Value>,
    /// Answers new prompts by itself.
    pub(crate) plays: bool,
    /// Each character of a text is unique, instead of hostile to guesses.
    pub(crate) tagged: bool,
    /// Surrogate pairs are split between two deltas.
    pub(crate) halves: bool,
    /// Its cursors are like no other server's.
    pub(crate) opaque: bool,
    /// A proxy hides them.
    pub(crate) hides_cursors: bool,
    /// It is a fork, that numbers otherwise.
    pub(crate) forked: bool,
    /// No turn begins: plugins start.
    pub(crate) cold: bool,
    /// Some deltas are told before their part, and some parts before their message (1.14.48).
    pub(crate) early: bool,
    /// What is stored, and told after what should follow it: messages and parts.
    owed: Vec<(String, Value)>,
    /// Prompts that wait for their turns: session, message, and since when.
    pub(crate) waiting: Vec<(String, String, u64)>,
    /// Texts that grow.
    pub(crate) open: Vec<script::Spot>,
    /// First texts of the prompts stored, oldest first.
    pub(crate) stored: Vec<String>,
    /// What no client may do to a server, done.
    pub(crate) abuse: Vec<String>,
    pub(crate) letters: u32,
    /// Message ids that clients made.
    taken: BTreeSet<String>,
    /// Messages that were hidden at some time.
    pub(crate) hidden: BTreeSet<String>,
    /// Messages that were over, and had not failed, when they were removed.
    finished: BTreeSet<String>,
    /// Its clock has gone back.
    pub(crate) skewed: bool,
    /// The prompt that came last: its lane, how long that was then, and when.
    newest: (String, usize, u64),
    ids: u64,
    /// The server is going down: it changes things and tells nobody.
    mute: bool,
}

impl Server {
    pub(crate) fn new(wire: Wire, seed: u64) -> Self {
        Server {
            wire,
            now: 1_795_240_000_000,
            rng: Rng::new(seed),
            log: Vec::new(),
            rooms: BTreeMap::new(),
            lanes: BTreeMap::new(),
            said: BTreeMap::new(),
            posted: Vec::new(),
            plays: true,
            tagged: false,
            halves: false,
            opaque: false,
            hides_cursors: false,
            forked: false,
            cold: false,
            early: false,
            owed: Vec::new(),
            waiting: Vec::new(),
            open: Vec::new(),
            stored: Vec::new(),
            abuse: Vec::new(),
            letters: 0,
            taken: BTreeSet::new(),
            hidden: BTreeSet::new(),
            finished: BTreeSet::new(),
            skewed: false,
            newest: Default::default(),
            ids: 0x1fca_0000_0000,
            mute: false,
        }
    }

    /// The time part of ids runs over soon.
    pub(crate) fn wrap_ids(&mut self, left: u64) {
        self.ids = (1 << 48) - left;
    }

    pub(crate) fn id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!(
            "{prefix}{:012x}Model{:09}",
            self.ids & ((1 << 48) - 1),
            self.ids & 0xfff_ffff
        )
    }

    /// One of `count`, by chance, without a draw: what is drawn later stays as it was.
    pub(crate) fn pick(&self, count: u64) -> u64 {
        (self.ids.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % count
    }

    pub(crate) fn version(&self) -> &'static str {
        match self.wire {
            Wire::Mid if self.forked => "7.0.33",
            Wire::Old => "1.1.65",
            Wire::Mid => "1.3.2",
            Wire::New => "1.18.33",
        }
    }

    pub(crate) fn create_session(&mut self, directory: &str) -> String {
        let id = self.id("ses_");
        let info = json!({ "id": id, "directory": directory, "title": "New", "time": { "created": self.now } });
        self.rooms.insert(
            id.clone(),
            Room {
                info: info.clone(),
                todos: json!([]),
                ..Room::default()
            },
        );
        self.publish(&id, "session.created", json!({ "sessionID": id, "info": info }));
        id
    }

    pub(crate) fn push(&mut self, lane: &str, op: impl FnOnce(&mut Server) + 'static) {
        self.lanes.entry(lane.into()).or_default().push_back(Op {
            urgent: false,
            run: Box::new(op),
        });
    }

    pub(crate) fn push_urgent(&mut self, lane: &str, op: impl FnOnce(&mut Server) + 'static) {
        self.lanes.entry(lane.into()).or_default().push_back(Op {
            urgent: true,
            run: Box::new(op),
        });
    }

    /// Whether a step is due that must not wait.
    pub(crate) fn is_urgent(&self) -> bool {
        self.lanes.values().any(|lane| lane.front().is_some_and(|op| op.urgent))
    }

    /// Does one step of one lane; `false` when there is nothing to do.
    pub(crate) fn step(&mut self, pick: u64) -> bool {
        self.lanes.retain(|_, lane| !lane.is_empty());
        let Some(at) = pick.checked_rem(self.lanes.len() as u64) else {
            return false;
        };
        let op = self
            .lanes
            .values_mut()
            .nth(at as usize)
            .and_then(VecDeque::pop_front)
            .unwrap();
        (op.run)(self);
        true
    }

    /// Stores the prompts that were posted.
    pub(crate) fn intake(&mut self, session: &str) {
        let lane = self.lanes.remove(&format!("{session} intake")).unwrap_or_default();
        lane.into_iter().for_each(|op| (op.run)(self));
    }

    /// A turn begins within seconds when none runs, and the server is warm.
    pub(crate) fn begin_due(&mut self, session: &str) {
        let waits = |server: &Server| server.waiting.iter().any(|(room, ..)| room == session);
        while !self.cold && self.rooms[session].status.is_none() && waits(self) {
            match self.lanes.get_mut(session).and_then(VecDeque::pop_front) {
                Some(op) => (op.run)(self),
                None => script::begin(self, session),
            }
        }
    }

    pub(crate) fn run_all(&mut self) {
        while self.step(0) {
            self.now += 3;
        }
    }

    /// Says it on the stream, in the shape of the generation.
    pub(crate) fn publish(&mut self, session: &str, kind: &str, mut properties: Value) {
        if self.mute {
            return;
        }
        let in_info = kind.starts_with("message.updated")
            || kind.starts_with("session.updated")
            || kind.starts_with("session.created");
        if self.wire == Wire::Old && (in_info || kind == "message.part.updated") {
            properties.as_object_mut().unwrap().remove("sessionID");
        }
        let id = if self.wire == Wire::New {
            format!("\"id\":\"{}\",", self.id("evt_"))
        } else {
            String::new()
        };
        // Rust text cannot hold half a pair: its halves are written into the JSON.
        let split = |json: String| json.replace(HIGH, "\\ud83d").replace(LOW, "\\ude80");
        // Some proxies and languages sort keys: the order says nothing.
        let json = if self.rng.below(8) == 0 {
            format!("{{{id}\"properties\":{properties},\"type\":\"{kind}\"}}")
        } else {
            format!("{{{id}\"type\":\"{kind}\",\"properties\":{properties}}}")
        };
        let json = if self.halves { split(json) } else { json };
        let directory = self
            .rooms
            .get(session)
            .map_or("/project", |room| room.info["directory"].as_str().unwrap())
            .into();
        let stored = !["message.part.delta", "session.status", "session.idle"].contains(&kind);
        self.log.push(Logged {
            directory,
            json,
            stored,
            piece: None,
        });
    }

    pub(crate) fn room(&mut self, session: &str) -> &mut Room {
        self.rooms.get_mut(session).unwrap()
    }

    /// What the session asks its user.
    pub(crate) fn asked(&mut self, session: &str, kind: &str) -> &mut Vec<Value> {
        let room = self.room(session);
        if kind == "question" {
            &mut room.questions
        } else {
            &mut room.permissions
        }
    }

    pub(crate) fn put_message(&mut self, session: &str, info: Value) {
        self.store_message(session, &info);
        self.publish(
            session,
            "message.updated",
            json!({ "sessionID": session, "info": info }),
        );
    }

    /// A message begins. It may be told after its first part.
    pub(crate) fn begin_message(&mut self, session: &str, info: Value) {
        if self.early && self.rng.below(3) == 0 {
            self.store_message(session, &info);
            self.owed.push((session.into(), info));
        } else {
            self.put_message(session, info);
        }
    }

    /// Tells what was to be told before something of the message or part `id`.
    fn tell_owed(&mut self, id: &str) {
        let Some(at) = self.owed.iter().position(|(_, owed)| owed["id"] == id) else {
            return;
        };
        let (session, value) = self.owed.remove(at);
        if value["role"].is_string() {
            self.edit_message(&session, id, |_| {});
        } else {
            let properties = json!({ "sessionID": session, "part": value });
            self.publish(&session, "message.part.updated", properties);
        }
    }

    fn store_message(&mut self, session: &str, info: &Value) {
        let list = &mut self.room(session).messages;
        match list.iter_mut().find(|message| message.info["id"] == info["id"]) {
            Some(message) => message.info = info.clone(),
            None => {
                let place = |info: &Value| {
                    (
                        info["time"]["created"].as_u64(),
                        info["id"].as_str().unwrap().to_owned(),
                    )
                };
                let at = list.partition_point(|message| place(&message.info) < place(info));
                list.insert(
                    at,
                    Stored {
                        info: info.clone(),
                        parts: BTreeMap::new(),
                    },
                );
            }
        }
    }

    /// Changes `info`, when the message is still there.
    pub(crate) fn edit_message(&mut self, session: &str, message: &str, edit: impl FnOnce(&mut Value)) {
        let found = self
            .room(session)
            .messages
            .iter()
            .find(|stored| stored.info["id"] == message);
        let Some(mut info) = found.map(|stored| stored.info.clone()) else {
            return;
        };
        edit(&mut info);
        self.put_message(session, info);
    }

    pub(crate) fn has(&self, session: &str, message: &str) -> bool {
        self.visible(session).iter().any(|told| told.id() == message)
    }

    /// Where a message stands in its session.
    pub(crate) fn place(&self, session: &str, message: &str) -> Option<usize> {
        let list = &self.rooms[session].messages;
        list.iter().position(|stored| stored.info["id"] == message)
    }

    /// Whether an answer names the prompt, and was never taken back.
    pub(crate) fn is_answered(&self, session: &str, prompt: &str) -> bool {
        let mut list = self.rooms[session].messages.iter();
        let id = |stored: &Stored| stored.info["id"].as_str().unwrap().to_owned();
        list.any(|stored| stored.info["parentID"] == prompt && !self.hidden.contains(&id(stored)))
    }

    /// Whether a prompt has no text.
    pub(crate) fn is_bare(&self, session: &str, message: &str) -> bool {
        let list = &self.rooms[session].messages;
        let found = list.iter().find(|stored| stored.info["id"] == message);
        found.is_some_and(|stored| stored.info["role"] == "user" && stored.parts.is_empty())
    }

    pub(crate) fn put_part(&mut self, session: &str, part: Value, delta: Option<&str>) {
        if !self.store_part(session, &part) {
            return;
        }
        let message = part["messageID"].as_str().unwrap().to_owned();
        let mut properties = json!({ "sessionID": session, "part": part });
        if let Some(delta) = delta {
            properties["delta"] = json!(delta);
        }
        self.publish(session, "message.part.updated", properties);
        self.tell_owed(&message);
    }

    fn store_part(&mut self, session: &str, part: &Value) -> bool {
        let list = &mut self.room(session).messages;
        let Some(message) = list.iter_mut().find(|message| message.info["id"] == part["messageID"]) else {
            return false;
        };
        message.parts.insert(part["id"].as_str().unwrap().into(), part.clone());
        true
    }

    pub(crate) fn remove_message(&mut self, session: &str, message: &str) {
        if self.is_complete(message) {
            self.finished.insert(message.into());
        }
        self.room(session)
            .messages
            .retain(|stored| stored.info["id"] != message);
        self.publish(
            session,
            "message.removed",
            json!({ "sessionID": session, "messageID": message }),
        );
    }

    pub(crate) fn remove_part(&mut self, session: &str, message: &str, part: &str) {
        for stored in &mut self.room(session).messages {
            stored.parts.remove(part);
        }
        let properties = json!({ "sessionID": session, "messageID": message, "partID": part });
        self.publish(session, "message.part.removed", properties);
    }

    /// A text or reasoning part begins: stored empty, but on the old wire.
    pub(crate) fn begin_text(&mut self, at: &script::Spot) {
        self.said
            .entry(at.part.clone())
            .or_default()
            .versions
            .push(String::new());
        self.open.push(at.clone());
        if self.wire == Wire::Old {
            return;
        }
        let part = at.value("", Some(self.now), None);
        if self.early && self.rng.below(3) == 0 && self.store_part(&at.session, &part) {
            self.owed.push((at.session.clone(), part));
        } else {
            self.put_part(&at.session, part, None);
        }
    }

    pub(crate) fn delta(&mut self, at: &script::Spot, piece: &str) {
        let live = self.said.get_mut(&at.part).unwrap().versions.last_mut().unwrap();
        match piece {
            HIGH => {}
            LOW => live.push('🚀'),
            _ => live.push_str(piece),
        }
        let text = live.clone();
        if self.wire == Wire::Old {
            return self.put_part(&at.session, at.value(&text, Some(self.now), None), Some(piece));
        }
        let properties = json!({
            "sessionID": at.session, "messageID": at.message, "partID": at.part, "field": "text", "delta": piece,
        });
        self.publish(&at.session, "message.part.delta", properties);
        if let (Some(event), false) = (self.log.last_mut(), self.mute) {
            event.piece = Some((at.part.clone(), piece.into()));
        }
        self.tell_owed(&at.part);
    }

    /// The part's end: trimmed before 1.14, and a plugin may rewrite it.
    pub(crate) fn end_text(&mut self, at: &script::Spot, rewrite: Option<&str>) {
        self.open.retain(|open| open.part != at.part);
        self.owed.retain(|(_, owed)| owed["id"] != at.part.as_str());
        let live = self.said(&at.part).to_owned();
        let trimmed = if self.wire == Wire::New {
            live.as_str()
        } else {
            live.trim_end()
        };
        let text = rewrite.unwrap_or(trimmed).to_owned();
        if self.wire == Wire::Old && live.is_empty() {
            return;
        }
        if text != live {
            let said = self.said.get_mut(&at.part).unwrap();
            said.rewritten = true;
            said.versions.push(text.clone());
        }
        self.put_part(&at.session, at.value(&text, Some(self.now), Some(self.now)), None);
    }

    /// The part will never end: what is stored is all that is left of it.
    pub(crate) fn lose_text(&mut self, at: &script::Spot) {
        self.open.retain(|open| open.part != at.part);
        self.tell_owed(&at.part);
        if self.wire != Wire::Old {
            self.said.get_mut(&at.part).unwrap().lost = true;
        }
    }

    /// Whether the message is over, and did not fail; or was so when it was removed.
    pub(crate) fn is_complete(&self, message: &str) -> bool {
        let mut all = self.rooms.values().flat_map(|room| &room.messages);
        let found = all.find(|stored| stored.info["id"] == message);
        let over = |stored: &Stored| stored.info["time"]["completed"].is_number() && stored.info["error"].is_null();
        found.map_or_else(|| self.finished.contains(message), over)
    }

    pub(crate) fn said(&self, part: &str) -> &str {
        self.said[part].versions.last().unwrap()
    }

    pub(crate) fn say_status(&mut self, session: &str, status: &Value) {
        self.publish(
            session,
            "session.status",
            json!({ "sessionID": session, "status": status }),
        );
        if status["type"] == "idle" {
            self.publish(session, "session.idle", json!({ "sessionID": session }));
        }
    }

    pub(crate) fn keep_status(&mut self, session: &str, status: Value) {
        self.room(session).status = (status["type"] != "idle").then_some(status);
    }

    pub(crate) fn touch(&mut self, session: &str) {
        let room = self.room(session);
        room.title += 1;
        room.info["title"] = json!(format!("Title {}", room.title));
        let info = room.info.clone();
        self.publish(
            session,
            "session.updated",
            json!({ "sessionID": session, "info": info }),
        );
    }

    /// `POST /session/{id}/abort`: what runs ends, idle is told first.
    pub(crate) fn abort(&mut self, session: &str) {
        let running = self.lanes.remove(session).is_some_and(|lane| !lane.is_empty());
        self.waiting.retain(|(room, ..)| room != session);
        if !running {
            return;
        }
        let error = json!({ "name": "MessageAbortedError", "data": { "message": "Aborted" } });
        self.publish(
            session,
            "session.error",
            json!({ "sessionID": session, "error": error }),
        );
        self.say_status(session, &json!({ "type": "idle" }));
        let room = self.room(session);
        (room.permissions, room.questions) = (Vec::new(), Vec::new());
        self.end_turn(session);
        self.keep_status(session, json!({ "type": "idle" }));
        self.say_status(session, &json!({ "type": "idle" }));
    }

    /// The process dies and starts again: what is not stored is lost, and nobody is told. `marks`: it closes the
    /// answers that it left open.
    pub(crate) fn restart(&mut self, marks: bool) {
        self.lanes.clear();
        self.waiting.clear();
        self.owed.clear();
        self.mute = true;
        let sessions: Vec<String> = self.rooms.keys().cloned().collect();
        for session in &sessions {
            let room = self.room(session);
            (room.status, room.permissions, room.questions) = (None, Vec::new(), Vec::new());
            if marks {
                self.end_turn(session);
            }
        }
        for at in std::mem::take(&mut self.open) {
            self.lose_text(&at);
        }
        self.mute = false;
        let stored = self.rooms.values().flat_map(|room| &room.messages);
        let stored: BTreeSet<&str> = stored.filter_map(|message| message.info["id"].as_str()).collect();
        self.taken.retain(|id| stored.contains(id.as_str()));
    }

    fn end_turn(&mut self, session: &str) {
        let open: Vec<script::Spot> = self.open.iter().filter(|at| at.session == session).cloned().collect();
        for at in open {
            match self.wire {
                Wire::New if !self.mute => self.end_text(&at, None),
                _ => self.lose_text(&at),
            }
        }
        let unfinished =
            |stored: &&Stored| stored.info["role"] == "assistant" && stored.info["time"]["completed"].is_null();
        let messages = self.rooms[session].messages.iter().filter(unfinished);
        let messages: Vec<String> = messages
            .map(|stored| stored.info["id"].as_str().unwrap().into())
            .collect();
        let now = self.now;
        for message in messages {
            self.edit_message(session, &message, |info| {
                info["error"] = json!({ "name": "MessageAbortedError", "data": { "message": "Aborted" } });
                info["time"]["completed"] = json!(now);
            });
        }
    }

    /// The history as a fresh load gives it.
    pub(crate) fn history(&self, session: &str) -> Vec<Value> {
        self.rooms[session].messages.iter().map(tell).collect()
    }

    /// Stores a prompt step by step, then plays its turn. A message id that is known already is not stored again.
    pub(crate) fn prompt(&mut self, session: &str, body: Value) {
        self.posted.push(body.clone());
        if self.wire != Wire::New && !body["messageID"].is_null() {
            self.abuse
                .push("a message id made by a client makes this server loop".into());
        }
        let text = body["parts"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|part| part["text"].as_str());
        let text = text.unwrap_or_default().to_owned();
        let id = match body["messageID"].as_str() {
            Some(id) if !self.taken.insert(id.to_owned()) || self.place(session, id).is_some() => return,
            Some(id) => id.to_owned(),
            None => self.id("msg_"),
        };
        let lane = format!("{session} intake");
        let waiting = self.lanes.get(&lane).map_or(0, VecDeque::len);
        let (room, message) = (session.to_owned(), id.clone());
        self.push(&lane, move |server| {
            server.delete_hidden(&room);
            // The time part of ids runs over between two milliseconds, never within one.
            let before = |stored: &Stored| {
                let id = stored.info["id"].as_str().unwrap();
                id.starts_with("msg_ff") && stored.info["time"]["created"] == server.now
            };
            let over = message.starts_with("msg_00") && server.rooms[&room].messages.iter().any(before);
            let created = server.now + u64::from(over);
            server.stored.push(text);
            let info = json!({ "id": message, "sessionID": room, "role": "user", "time": { "created": created }, "agent": "build" });
            server.put_message(&room, info);
        });
        for part in body["parts"].as_array().unwrap().clone() {
            let (room, message) = (session.to_owned(), id.clone());
            self.push_urgent(&lane, move |server| {
                let mut part = part;
                if part["id"].is_null() {
                    part["id"] = json!(server.id("prt_"));
                }
                part["messageID"] = json!(message);
                part["sessionID"] = json!(room);
                server.put_part(&room, part, None);
            });
        }
        let session = session.to_owned();
        let no_reply = body["noReply"] == true || !self.plays;
        self.push(&lane, move |server| {
            if !no_reply {
                script::turn(server, &session, &id);
            }
        });
        self.overtake(lane, waiting);
    }

    /// Servers answer before they store, and may store two prompts that come together in the wrong order (seen on 1.1.65
    /// and 1.18.33): the new one, behind `waiting` steps, goes before one that came within a second and is not stored at all.
    fn overtake(&mut self, lane: String, waiting: usize) {
        let now = self.now;
        let steps = self.lanes.get_mut(&lane).unwrap();
        let fresh = waiting > 0 && (&self.newest.0, self.newest.1) == (&lane, waiting) && now < self.newest.2 + 1_000;
        if fresh {
            steps.rotate_left(waiting);
        }
        self.newest = (lane, steps.len(), now);
    }
}

pub(crate) fn tell(stored: &Stored) -> Value {
    json!({ "info": stored.info, "parts": stored.parts.values().collect::<Vec<_>>() })
}
