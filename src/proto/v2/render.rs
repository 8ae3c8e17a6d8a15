use crate::proto::json::{Cursor, Object, Str, field, quote, text_field};

/// A message as both dialects see it: read from the v2 form or built from v2 events, written in the v1 form.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) user: bool,
    /// Its place in the list: the server's time, moved on where the server's own order says so.
    pub(super) created: i64,
    /// The prompt that it answers.
    pub(super) parent: String,
    pub(super) completed: Option<i64>,
    pub(super) agent: String,
    /// `{id, providerID, variant?}` as JSON.
    pub(super) model: String,
    /// Of an answer: fields that both dialects write alike, as JSON.
    pub(super) finish: String,
    pub(super) cost: String,
    pub(super) tokens: String,
    /// `{type, message}` as JSON.
    pub(super) error: String,
    pub(super) summary: bool,
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Reasoning,
    Tool(Box<Tool>),
    /// The fields behind its ids, as JSON without the first brace.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// By what events name it: its id, or its number among those of its kind.
    pub(super) key: String,
    /// The text, as a JSON string.
    pub(super) text: String,
    pub(super) open: bool,
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tool {
    pub(super) name: String,
    /// 0 its input is written, 1 it runs, 2 done, 3 failed.
    pub(super) stage: u8,
    /// A JSON object, or while it is written a JSON string.
    pub(super) input: String,
    pub(super) metadata: String,
    pub(super) content: String,
    pub(super) error: String,
    pub(super) ran: Option<i64>,
}

/// A field's raw JSON; `null` counts as none.
pub(super) fn raw<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    field(object, name).filter(|raw| *raw != b"null")
}

/// The same as text.
pub(super) fn json(object: &[u8], name: &str) -> String {
    raw(object, name).map_or_else(String::new, |raw| String::from_utf8_lossy(raw).into_owned())
}

/// A field that is a string, as text; empty when there is none.
pub(super) fn text(object: &[u8], name: &str) -> String {
    text_field(object, name).map_or_else(String::new, |text| text.to_text())
}

/// A field that is a whole number.
pub(super) fn number(object: &[u8], name: &str) -> Option<i64> {
    Cursor::new(raw(object, name)?).maybe_integer().ok().flatten()
}

/// All items of an array; none of what is no array.
pub(super) fn items(array: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let _ = Cursor::new(array).array(&mut |item| {
        found.push(item.raw()?);
        Ok(())
    });
    found
}

/// JSON as UTF-8.
pub(super) fn utf8(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).into_owned()
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(text, &mut out);
    out
}

impl Message {
    /// Reads a message of a v2 page. `None`: of a kind that is no part of a conversation.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let time = raw(message, "time").unwrap_or_default();
        let mut read = Message {
            id: text(message, "id"),
            created: number(time, "created").unwrap_or_default(),
            completed: number(time, "completed"),
            ..Message::default()
        };
        if read.id.is_empty() {
            return None;
        }
        match text(message, "type").as_str() {
            "user" => {
                read.user = true;
                read.parts = prompt_parts(message);
            }
            "synthetic" | "skill" => {
                read.user = true;
                let said = json(message, "text");
                read.parts = vec![Part::other(
                    0,
                    &["\"type\":\"text\",\"synthetic\":true,\"text\":", &said, "}"].concat(),
                )];
            }
            "assistant" => {
                read.agent = text(message, "agent");
                read.model = json(message, "model");
                read.finish = json(message, "finish");
                read.cost = json(message, "cost");
                read.tokens = json(message, "tokens");
                read.error = json(message, "error");
                read.parts = contents(message, read.created, read.completed.is_some());
            }
            "shell" => read.parts = vec![shell(message)],
            "compaction" => {
                read.summary = true;
                // Servers that have a state say it; the others tell only what is done.
                let running = text(message, "status") == "running";
                let completed = read.completed.or(Some(read.created));
                read.completed = if running { None } else { completed };
                read.error = json(message, "error");
                read.parts = vec![Part::said(
                    Kind::Text,
                    "0",
                    &json(message, "summary"),
                    running,
                    read.created,
                )];
            }
            _ => return None,
        }
        Some(read)
    }

    /// The message in the v1 form.
    pub(super) fn to_item(&self, session: &str) -> String {
        let mut out = String::from("{\"info\":");
        out.push_str(&self.info(session));
        out.push_str(",\"parts\":[");
        for at in 0..self.parts.len() {
            if at > 0 {
                out.push(',');
            }
            out.push_str(&self.part(session, at));
        }
        out.push_str("]}");
        out
    }

    /// The v1 `info`.
    pub(super) fn info(&self, session: &str) -> String {
        let mut info = Object::new();
        info.text("id", &self.id).text("sessionID", session);
        info.text("role", if self.user { "user" } else { "assistant" });
        info.raw(
            "time",
            &time("created", Some(self.created), "completed", self.completed),
        );
        if self.user {
            return info.end();
        }
        info.text("parentID", &self.parent);
        let model = self.model.as_bytes();
        info.text("modelID", &text(model, "id"));
        info.text("providerID", &text(model, "providerID"));
        if let Some(variant) = raw(model, "variant") {
            info.raw("variant", &utf8(variant));
        }
        info.text("mode", &self.agent).text("agent", &self.agent);
        for (key, value) in [("finish", &self.finish), ("cost", &self.cost), ("tokens", &self.tokens)] {
            if !value.is_empty() {
                info.raw(key, value);
            }
        }
        if !self.error.is_empty() {
            info.raw("error", &error(self.error.as_bytes()));
        }
        if self.summary {
            info.raw("summary", "true");
        }
        info.end()
    }

    /// The v1 form of the part at a position.
    pub(super) fn part(&self, session: &str, at: usize) -> String {
        let part = &self.parts[at];
        let mut out = Object::new();
        out.text("id", &self.part_id(at))
            .text("sessionID", session)
            .text("messageID", &self.id);
        match &part.kind {
            Kind::Other(fields) => {
                let head = out.end();
                return [head.strip_suffix('}').unwrap_or(&head), ",", fields].concat();
            }
            Kind::Tool(tool) => {
                out.text("type", "tool")
                    .text("callID", &part.key)
                    .text("tool", &tool.name);
                out.raw("state", &tool.state(part.start, part.end));
            }
            Kind::Text | Kind::Reasoning => {
                let reasoning = part.kind == Kind::Reasoning;
                out.text("type", if reasoning { "reasoning" } else { "text" });
                out.raw("text", &part.text);
                // Of a text the server tells no times. One that grows needs a start to be known as such.
                if reasoning || part.open {
                    out.raw("time", &time("start", part.start, "end", part.end));
                }
            }
        }
        out.end()
    }

    /// Parts of a message are shown in the order of their ids.
    pub(super) fn part_id(&self, at: usize) -> String {
        let number = at.to_string();
        let name = self.id.strip_prefix("msg_").unwrap_or(&self.id);
        let zeros = &"0000"[number.len().min(4)..];
        ["prt_", name, "_", zeros, &number].concat()
    }

    /// Where the part is that an event names.
    pub(super) fn find(&self, same: &dyn Fn(&Part) -> bool) -> Option<usize> {
        self.parts.iter().position(same)
    }
}

impl Part {
    pub(super) fn said(kind: Kind, key: &str, text: &str, open: bool, start: i64) -> Self {
        Part {
            kind,
            key: String::from(key),
            text: String::from(if text.is_empty() { "\"\"" } else { text }),
            open,
            start: Some(start),
            end: None,
        }
    }

    pub(super) fn tool(key: &str, tool: Tool, start: i64) -> Self {
        Part::said(Kind::Tool(Box::new(tool)), key, "", true, start)
    }

    fn other(at: usize, fields: &str) -> Self {
        Part::said(Kind::Other(String::from(fields)), &at.to_string(), "", false, 0)
    }

    /// How far it is: what two sources tell of one part is compared by it.
    pub(super) fn rank(&self) -> u8 {
        match &self.kind {
            Kind::Tool(tool) => tool.stage,
            _ => u8::from(!self.open),
        }
    }

    pub(super) fn is(&self, kind: &Kind) -> bool {
        matches!(
            (&self.kind, kind),
            (Kind::Text, Kind::Text) | (Kind::Reasoning, Kind::Reasoning) | (Kind::Tool(_), Kind::Tool(_))
        )
    }
}

impl Tool {
    fn state(&self, created: Option<i64>, end: Option<i64>) -> String {
        let mut state = Object::new();
        state.text(
            "status",
            ["pending", "running", "completed", "error"][usize::from(self.stage.min(3))],
        );
        if self.stage == 0 {
            let written = if self.input.starts_with('"') {
                &self.input
            } else {
                "\"\""
            };
            return state.raw("input", "{}").raw("raw", written).end();
        }
        let input = if self.input.starts_with('{') { &self.input } else { "{}" };
        state.raw("input", input);
        let content = self.content.as_bytes();
        match self.stage {
            2 => {
                state.raw("output", &output(content)).text("title", "");
            }
            3 => {
                state.raw("error", &json_or(&json(self.error.as_bytes(), "message"), "\"\""));
            }
            _ => {}
        }
        state.raw("metadata", &json_or(&self.metadata, "{}"));
        state.raw("time", &time("start", self.ran.or(created), "end", end));
        let files = attachments(content);
        if self.stage == 2 && !files.is_empty() {
            state.raw("attachments", &["[", &files, "]"].concat());
        }
        state.end()
    }
}

/// `{a: from, b: to}` of the times that are known.
fn time(a: &str, from: Option<i64>, b: &str, to: Option<i64>) -> String {
    let mut time = Object::new();
    for (key, value) in [(a, from), (b, to)] {
        if let Some(value) = value {
            time.number(key, value);
        }
    }
    time.end()
}

fn json_or(json: &str, otherwise: &str) -> String {
    String::from(if json.is_empty() { otherwise } else { json })
}

/// A v2 error in the v1 form.
pub(super) fn error(raw: &[u8]) -> String {
    let message = json_or(&json(raw, "message"), "\"\"");
    let kind = text(raw, "type");
    // 1.18 has one type for all errors.
    let stopped = kind.contains("abort") || kind.contains("interrupt") || message == "\"Provider turn interrupted\"";
    let mut error = Object::new();
    error.text("name", if stopped { "MessageAbortedError" } else { "UnknownError" });
    error.raw("data", &["{\"message\":", &message, "}"].concat()).end()
}

/// Text, files and agents of a prompt: `{text, files?, agents?}`.
pub(super) fn prompt_parts(prompt: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let said = json(prompt, "text");
    let files = items(raw(prompt, "files").unwrap_or_default());
    let agents = items(raw(prompt, "agents").unwrap_or_default());
    if said.len() > 2 || (files.is_empty() && agents.is_empty()) {
        let said = json_or(&said, "\"\"");
        parts.push(Part::other(0, &["\"type\":\"text\",\"text\":", &said, "}"].concat()));
    }
    for file in files {
        parts.push(Part::other(
            parts.len(),
            attachment(file).strip_prefix('{').unwrap_or_default(),
        ));
    }
    for agent in agents {
        let mut fields = Object::new();
        let fields = fields.text("type", "agent").text("name", &text(agent, "name")).end();
        parts.push(Part::other(parts.len(), fields.strip_prefix('{').unwrap_or_default()));
    }
    parts
}

fn attachment(file: &[u8]) -> String {
    let mut fields = Object::new();
    fields.text("type", "file").text("mime", &text(file, "mime"));
    // Some versions tell where it is, some hold it.
    let uri = raw(file, "uri")
        .or_else(|| raw(file, "url"))
        .map_or_else(|| quoted(""), utf8);
    fields.raw("url", &uri);
    if let Some(name) = raw(file, "name") {
        fields.raw("filename", &utf8(name));
    }
    fields.end()
}

/// What an assistant said and did. A text that is empty while its message is not over is still written.
fn contents(message: &[u8], created: i64, completed: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for item in items(raw(message, "content").unwrap_or_default()) {
        let kind = text(item, "type");
        let time = raw(item, "time").unwrap_or_default();
        let start = number(time, "created");
        let end = number(time, "completed");
        let part = match kind.as_str() {
            "tool" => Part {
                end,
                ..Part::tool(&text(item, "id"), tool(item, time), start.unwrap_or(created))
            },
            "text" | "reasoning" => {
                let kind = if kind == "text" { Kind::Text } else { Kind::Reasoning };
                let said = json(item, "text");
                let nth = parts.iter().filter(|part| part.is(&kind)).count();
                let key = raw(item, "id").map_or_else(|| nth.to_string(), |_| text(item, "id"));
                let open = end.is_none() && !completed && said.len() <= 2;
                Part {
                    end,
                    ..Part::said(kind, &key, &said, open, start.unwrap_or(created))
                }
            }
            _ => Part::other(parts.len(), "\"type\":\"unknown\"}"),
        };
        parts.push(part);
    }
    parts
}

fn tool(item: &[u8], time: &[u8]) -> Tool {
    let state = raw(item, "state").unwrap_or_default();
    let status = text(state, "status");
    let known = ["running", "completed", "error"]
        .iter()
        .position(|name| *name == status);
    Tool {
        name: text(item, "name"),
        stage: known.map_or(0, |at| at as u8 + 1),
        input: json(state, "input"),
        metadata: metadata(state),
        content: json(state, "content"),
        error: json(state, "error"),
        ran: number(time, "ran"),
    }
}

/// What a tool says beside its output: `structured`, later `metadata`.
pub(super) fn metadata(state: &[u8]) -> String {
    let found = raw(state, "structured").or_else(|| raw(state, "metadata"));
    found.map_or_else(String::new, utf8)
}

/// A command that a person ran, as the call of a tool.
fn shell(message: &[u8]) -> Part {
    let time = raw(message, "time").unwrap_or_default();
    let end = number(time, "completed");
    // A string, later an object that holds one.
    let said = raw(message, "output").unwrap_or_default();
    let said = raw(said, "output").unwrap_or(said);
    let said = if said.starts_with(b"\"") {
        utf8(said)
    } else {
        quoted("")
    };
    let key = ["callID", "shellID", "id"]
        .iter()
        .map(|name| text(message, name))
        .find(|id| !id.is_empty());
    let tool = Tool {
        name: String::from("bash"),
        stage: if end.is_some() { 2 } else { 1 },
        input: ["{\"command\":", &json_or(&json(message, "command"), "\"\""), "}"].concat(),
        content: ["[{\"type\":\"text\",\"text\":", &said, "}]"].concat(),
        ran: number(time, "created"),
        ..Tool::default()
    };
    Part {
        end,
        ..Part::tool(
            &key.unwrap_or_default(),
            tool,
            number(time, "created").unwrap_or_default(),
        )
    }
}

/// The texts of a tool's content as one JSON string, each on lines of its own.
fn output(content: &[u8]) -> String {
    let mut out = String::from("\"");
    for item in items(content) {
        let Some(said) = text_field(item, "text") else { continue };
        if out.len() > 1 && !out.ends_with("\\n") {
            out.push_str("\\n");
        }
        out.push_str(&String::from_utf8_lossy(Str::raw(&said)));
    }
    out.push('"');
    out
}

fn attachments(content: &[u8]) -> String {
    let mut out = String::new();
    for item in items(content) {
        if text(item, "type") == "file" {
            if !out.is_empty() {
                out.push(',');
            }
            out.push_str(&attachment(item));
        }
    }
    out
}
