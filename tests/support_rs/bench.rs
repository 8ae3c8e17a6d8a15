//! A store without a client: what it is told by hand, and what it shows.

use opencode_session::proto::event::{message_head, part_head};
use opencode_session::proto::json::{Cursor, Str};
use opencode_session::proto::store::{Messages, Page, Placed};
use serde_json::{Value, json};

use super::mirror::{Mirror, Part};

/// A store with one assistant message, and a mirror of what it hands out. Stamps are counted by hand.
#[derive(Default)]
pub(crate) struct Bench {
    pub(crate) messages: Messages,
    pub(crate) mirror: Mirror,
    stamp: u64,
}

pub(crate) fn with<T>(text: &str, run: impl FnOnce(Str<'_>) -> T) -> T {
    let quoted = json!(text).to_string();
    run(Cursor::new(quoted.as_bytes()).string().unwrap())
}

pub(crate) fn text(text: &str, ended: bool) -> Value {
    let mut part = json!({ "id": "prt_1", "messageID": "msg_1", "sessionID": "ses_1", "type": "text", "text": text, "time": { "start": 1 } });
    if ended {
        part["time"]["end"] = json!(2);
    }
    part
}

pub(crate) fn tool(status: &str, output: &str) -> Value {
    json!({ "id": "prt_1", "messageID": "msg_1", "sessionID": "ses_1", "type": "tool", "state": { "status": status, "output": output } })
}

pub(crate) fn info(id: &str, created: u64) -> Value {
    json!({ "id": id, "sessionID": "ses_1", "role": "assistant", "time": { "created": created } })
}

pub(crate) fn item(id: &str, created: u64, parts: &[Value]) -> Value {
    json!({ "info": info(id, created), "parts": parts })
}

impl Bench {
    pub(crate) fn tick(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    /// A page asked for at `asked`; `more`: there are older messages.
    pub(crate) fn page(&mut self, items: &[Value], asked: u64, more: bool) -> &mut Self {
        let body = json!(items).to_string();
        self.messages.newest(&Page::read(body.as_bytes()).unwrap(), asked, more);
        self.drain()
    }

    /// The session is idle, and this is its newest page, asked for at `asked`.
    pub(crate) fn confirm(&mut self, items: &[Value], asked: u64) -> &mut Self {
        let body = json!(items).to_string();
        self.messages.abandon(&Page::read(body.as_bytes()).unwrap(), asked);
        self.drain()
    }

    pub(crate) fn older(&mut self, items: &[Value], asked: u64) -> &mut Self {
        let body = json!(items).to_string();
        self.messages.older(&Page::read(body.as_bytes()).unwrap(), asked);
        self.drain()
    }

    pub(crate) fn message(&mut self, info: &Value) -> &mut Self {
        let (raw, stamp) = (info.to_string(), self.tick());
        self.messages.message(
            &message_head(&mut Cursor::new(raw.as_bytes())).unwrap(),
            raw.as_bytes(),
            stamp,
        );
        self.drain()
    }

    pub(crate) fn part(&mut self, part: &Value) -> Placed {
        let (raw, stamp) = (part.to_string(), self.tick());
        let placed = self.messages.part(
            &part_head(&mut Cursor::new(raw.as_bytes())).unwrap(),
            raw.as_bytes(),
            stamp,
        );
        self.drain();
        placed
    }

    pub(crate) fn told(&mut self, part: &Value) -> &mut Self {
        assert_eq!(self.part(part), Placed::Done);
        self
    }

    pub(crate) fn delta(&mut self, piece: &str) -> Placed {
        let stamp = self.tick();
        let messages = &mut self.messages;
        let placed = with("msg_1", |m| {
            with("prt_1", |p| with(piece, |piece| messages.delta(m, p, piece, stamp)))
        });
        self.drain();
        placed
    }

    pub(crate) fn grows(&mut self, piece: &str) -> &mut Self {
        assert_eq!(self.delta(piece), Placed::Done);
        self
    }

    pub(crate) fn remove_part(&mut self) -> &mut Self {
        let stamp = self.tick();
        with("msg_1", |m| with("prt_1", |p| self.messages.remove_part(m, p, stamp)));
        self.drain()
    }

    pub(crate) fn remove_message(&mut self, id: &str) -> &mut Self {
        let stamp = self.tick();
        with(id, |id| self.messages.remove_message(id, stamp));
        self.drain()
    }

    pub(crate) fn interrupt(&mut self) -> &mut Self {
        self.messages.interrupt();
        self
    }

    pub(crate) fn drain(&mut self) -> &mut Self {
        let mut changes = Vec::new();
        self.messages.drain(&mut changes);
        self.mirror.apply(changes);
        self
    }

    pub(crate) fn shown(&self) -> (&str, &'static str, &str) {
        let part: &Part = self.mirror.part("prt_1").unwrap();
        (part.text(), part.continuity, part.tail())
    }
}

/// One message with one part, as a snapshot asked for at stamp 0 tells it.
pub(crate) fn loaded(part: Value) -> Bench {
    let mut bench = Bench::default();
    bench.page(&[item("msg_1", 1, &[part])], 0, false);
    bench
}

/// One message, seen from its beginning.
pub(crate) fn live() -> Bench {
    let mut bench = Bench::default();
    bench.message(&info("msg_1", 1));
    bench
}
