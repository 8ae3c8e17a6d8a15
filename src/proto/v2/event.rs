use super::render::{Kind, Message, Part, Tool, json, metadata, number, raw, text};
use super::shadow::Shadow;
use super::time::millis;
use crate::proto::json::{Bad, Cursor, Object};

/// One event of any stream of any dialect.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Event<'a> {
    pub(super) id: &'a [u8],
    pub(super) kind: &'a [u8],
    /// `properties` of the v1 streams, `data` of the v2 ones.
    pub(super) data: &'a [u8],
    pub(super) created: Option<i64>,
    /// Its number among the stored ones of its session.
    pub(super) seq: Option<i64>,
    /// The session of a `sync` copy.
    pub(super) aggregate: &'a [u8],
}

impl<'a> Event<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Self, Bad> {
        let mut event = Event::default();
        Cursor::new(json).object(&mut |key, value| {
            if key.is("payload") && value.peek() == Some(b'{') {
                event = Event::read(value.raw()?)?;
            } else if key.is("id") {
                event.id = value.maybe_string()?.unwrap_or_default().raw();
            } else if key.is("type") {
                event.kind = value.maybe_string()?.unwrap_or_default().raw();
            } else if key.is("properties") || key.is("data") {
                event.data = value.raw()?;
            } else if key.is("created") {
                event.created = millis(value.raw()?);
            } else if key.is("durable") || key.is("syncEvent") {
                let stored = value.raw()?;
                event.seq = number(stored, "seq");
                event.aggregate = crate::proto::json::text_field(stored, "aggregateID")
                    .unwrap_or_default()
                    .raw();
            } else {
                value.skip()?;
            }
            Ok(())
        })?;
        Ok(event)
    }

    /// The session that it is of.
    pub(super) fn session(&self) -> String {
        let named = text(self.data, "sessionID");
        if named.is_empty() {
            String::from_utf8_lossy(self.aggregate).into_owned()
        } else {
            named
        }
    }

    /// When it happened.
    fn told(&self) -> i64 {
        raw(self.data, "timestamp")
            .and_then(millis)
            .or(self.created)
            .unwrap_or_default()
    }
}

/// The v1 events that one v2 event becomes.
#[derive(Debug, Default)]
pub(super) struct Told {
    id: String,
    pub(super) events: Vec<String>,
    /// The turn may be over: the server is to be asked, at once or after a moment.
    pub(super) ends: Option<Ends>,
    /// It is of something that is not known: the history is needed.
    pub(super) lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Surely,
    Maybe,
    /// It goes on.
    No,
}

impl Told {
    fn new(event: &Event<'_>) -> Self {
        Told {
            id: String::from_utf8_lossy(event.id).into_owned(),
            ..Told::default()
        }
    }

    /// Adds an event. Ids are made from the one there was, so that repeats are known as such.
    pub(super) fn tell(&mut self, kind: &str, properties: &str) {
        let mut event = Object::new();
        if !self.id.is_empty() {
            let nth = match self.events.len() {
                0 => String::new(),
                count => [".", &count.to_string()].concat(),
            };
            event.text("id", &[self.id.as_str(), &nth].concat());
        }
        event.text("type", kind).raw("properties", properties);
        self.events.push(event.end());
    }

    fn message(&mut self, session: &str, message: &Message) {
        let mut properties = Object::new();
        properties
            .text("sessionID", session)
            .raw("info", &message.info(session));
        self.tell("message.updated", &properties.end());
    }

    fn part(&mut self, session: &str, message: &Message, at: usize) {
        let mut properties = Object::new();
        properties
            .text("sessionID", session)
            .raw("part", &message.part(session, at));
        self.tell("message.part.updated", &properties.end());
    }

    fn prompt(&mut self, shadow: &mut Shadow, message: &Message) {
        self.message(&shadow.id, message);
        for part in shadow.take_own(&message.id) {
            let mut properties = Object::new();
            properties.text("sessionID", &shadow.id).text("messageID", &message.id);
            self.tell("message.part.removed", &properties.text("partID", &part).end());
        }
        for at in 0..message.parts.len() {
            self.part(&shadow.id, message, at);
        }
    }

    pub(super) fn status(&mut self, session: &str, status: &str) {
        let mut properties = Object::new();
        properties.text("sessionID", session).raw("status", status);
        self.tell("session.status", &properties.end());
    }

    pub(super) fn idle(&mut self, session: &str) {
        self.status(session, r#"{"type":"idle"}"#);
        let mut properties = Object::new();
        self.tell("session.idle", &properties.text("sessionID", session).end());
    }

    fn error(&mut self, session: &str, error: &[u8]) {
        let mut properties = Object::new();
        properties
            .text("sessionID", session)
            .raw("error", &super::render::error(error));
        self.tell("session.error", &properties.end());
    }
}

/// Takes an event of the session into its shadow, and gives what it means in v1. `name` is its type without
/// `session.` and `next.`.
pub(super) fn tell(shadow: &mut Shadow, name: &str, event: &Event<'_>) -> Told {
    let mut told = Told::new(event);
    let data = event.data;
    let when = event.told();
    if let Some(seq) = event.seq {
        shadow.seq = shadow.seq.max(Some(seq));
    }
    match name {
        "prompt.admitted" | "input.admitted" | "inbox.enqueued" => {
            if let Some(message) = shadow.admit(&input_id(data), input(data), when) {
                told.prompt(shadow, &message);
            }
        }
        "prompted" | "prompt.promoted" | "input.promoted" | "inbox.delivered" => {
            let id = input_id(data);
            let prompt = raw(data, "prompt");
            match shadow.promote(&id, prompt, when) {
                Some(message) => told.prompt(shadow, &message),
                None => told.lost = !shadow.has(&id),
            }
            busy(shadow, &mut told);
            told.ends = Some(Ends::No);
        }
        "inbox.cancelled" => {
            let id = input_id(data);
            shadow.pending.retain(|message| message.id != id);
            let mut properties = Object::new();
            properties.text("sessionID", &shadow.id).text("messageID", &id);
            told.tell("message.removed", &properties.end());
        }
        "step.started" => {
            let id = text(data, "assistantMessageID");
            shadow.model = json(data, "model");
            shadow.agent = text(data, "agent");
            let session = shadow.id.clone();
            if let Some(message) = shadow.begin(&id, data, when) {
                told.message(&session, message);
            }
            if !shadow.is_over(&id) {
                busy(shadow, &mut told);
                told.ends = Some(Ends::No);
            }
        }
        "step.ended" | "step.failed" => {
            let id = text(data, "assistantMessageID");
            let failed = name == "step.failed";
            let goes_on = !failed && text(data, "finish") == "tool-calls";
            let session = shadow.id.clone();
            match shadow.open.iter_mut().find(|message| message.id == id) {
                Some(message) => {
                    message.completed = Some(when);
                    message.finish = if failed {
                        String::from("\"error\"")
                    } else {
                        json(data, "finish")
                    };
                    message.cost = json(data, "cost");
                    message.tokens = json(data, "tokens");
                    message.error = json(data, "error");
                    told.message(&session, message);
                    if failed {
                        told.error(&session, raw(data, "error").unwrap_or_default());
                    }
                    shadow.over(&id);
                }
                None => told.lost = !shadow.has(&id),
            }
            told.ends = Some(if goes_on { Ends::Maybe } else { Ends::Surely });
        }
        "execution.started" => busy(shadow, &mut told),
        "execution.succeeded" | "execution.failed" | "execution.interrupted" => {
            if name == "execution.failed" {
                told.error(&shadow.id, raw(data, "error").unwrap_or_default());
            }
            shadow.busy = false;
            told.idle(&shadow.id);
        }
        "retried" | "retry.scheduled" => {
            let mut status = Object::new();
            let error = raw(data, "error").unwrap_or_default();
            status
                .text("type", "retry")
                .number("attempt", number(data, "attempt").unwrap_or(1));
            status.text("message", &text(error, "message"));
            status.number("next", raw(data, "at").and_then(millis).unwrap_or(when));
            shadow.busy = true;
            told.status(&shadow.id, &status.end());
            told.ends = Some(Ends::No);
        }
        "compaction.delta"
        | "agent.switched"
        | "model.switched"
        | "agent.selected"
        | "model.selected"
        | "context.updated"
        | "instructions.updated"
        | "usage.updated"
        | "tool.input.delta"
        | "step.streamed"
        | "idle" => {}
        "compaction.ended"
        | "synthetic"
        | "skill.activated"
        | "shell.started"
        | "shell.ended"
        | "revert.committed"
        | "forked"
        | "moved"
        | "message.content.updated"
        | "compaction.failed" => told.lost = true,
        _ => part_event(shadow, name, event, when, &mut told),
    }
    told
}

/// Texts, thoughts and calls.
fn part_event(shadow: &mut Shadow, name: &str, event: &Event<'_>, when: i64, told: &mut Told) {
    let data = event.data;
    let id = text(data, "assistantMessageID");
    if id.is_empty() || shadow.is_over(&id) {
        return;
    }
    let session = shadow.id.clone();
    let Some(message) = shadow.open.iter_mut().find(|message| message.id == id) else {
        told.lost = true;
        return;
    };
    let (kind, what) = match name.split_once('.') {
        Some(("text", what)) => (Kind::Text, what),
        Some(("reasoning", what)) => (Kind::Reasoning, what),
        Some(("tool", what)) => (Kind::Tool(Box::default()), what),
        _ => return,
    };
    let key = ["textID", "reasoningID", "callID", "ordinal"]
        .iter()
        .find_map(|name| raw(data, name));
    let key = String::from_utf8_lossy(key.unwrap_or_default().trim_ascii())
        .trim_matches('"')
        .to_owned();
    let found = message.find(&|part| part.is(&kind) && part.key == key);
    if what == "delta" {
        match found {
            Some(at) if message.parts[at].open => {
                let mut properties = Object::new();
                properties.text("sessionID", &session).text("messageID", &id);
                properties.text("partID", &message.part_id(at)).text("field", "text");
                properties.raw("delta", &super::render::utf8(raw(data, "delta").unwrap_or(b"\"\"")));
                told.tell("message.part.delta", &properties.end());
            }
            Some(_) => {}
            None => told.lost = true,
        }
        return;
    }
    let at = match found {
        Some(at) => at,
        None if what == "started" => {
            message.parts.push(Part::said(kind, &key, "", true, when));
            message.parts.len() - 1
        }
        None if what == "input.started" || what == "called" => {
            let tool = Tool {
                name: [text(data, "name"), text(data, "tool")].concat(),
                ..Tool::default()
            };
            message.parts.push(Part::tool(&key, tool, when));
            message.parts.len() - 1
        }
        None => {
            told.lost = true;
            return;
        }
    };
    let part = &mut message.parts[at];
    let before = part.clone();
    match &mut part.kind {
        Kind::Tool(tool) => {
            if call(tool, what, data, when) >= 2 && part.end.is_none() {
                part.end = Some(when);
            }
            if what == "failed" {
                told.ends = Some(Ends::Maybe);
            }
        }
        _ if what == "ended" => {
            part.text = json(data, "text");
            part.open = false;
            if part.kind == Kind::Reasoning {
                part.end = part.end.or(Some(when));
            }
        }
        _ => {}
    }
    // A part that was told already is told again only when it begins: then all that follows is known to be whole.
    let begins = what == "started" && part.open;
    if found.is_none() || begins || *part != before {
        told.part(&session, message, at);
    }
}

/// One step of a call; gives how far it is.
fn call(tool: &mut Tool, what: &str, data: &[u8], when: i64) -> u8 {
    if tool.stage >= 2 {
        return tool.stage;
    }
    match what {
        "input.ended" if tool.stage == 0 => tool.input = json(data, "text"),
        "called" => {
            tool.stage = 1;
            tool.input = json(data, "input");
            tool.ran = tool.ran.or(Some(when));
        }
        "progress" => {
            tool.metadata = metadata(data);
            tool.content = json(data, "content");
        }
        "success" | "failed" => {
            tool.stage = if what == "success" { 2 } else { 3 };
            if tool.stage == 2 || raw(data, "content").is_some() {
                tool.metadata = metadata(data);
                tool.content = json(data, "content");
            }
            tool.error = json(data, "error");
        }
        _ => {}
    }
    tool.stage
}

fn busy(shadow: &mut Shadow, told: &mut Told) {
    shadow.busy = true;
    told.status(&shadow.id, r#"{"type":"busy"}"#);
}

fn input_id(data: &[u8]) -> String {
    ["messageID", "inputID", "inboxID"]
        .iter()
        .map(|name| text(data, name))
        .find(|id| !id.is_empty())
        .unwrap_or_default()
}

/// What is said in a prompt: `prompt`, or `item` or `input` with their `payload`.
fn input(data: &[u8]) -> &[u8] {
    let held = raw(data, "prompt")
        .or_else(|| raw(data, "item"))
        .or_else(|| raw(data, "input"))
        .unwrap_or_default();
    raw(held, "payload").or_else(|| raw(held, "data")).unwrap_or(held)
}
