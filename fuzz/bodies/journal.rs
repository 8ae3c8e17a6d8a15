//! A record of any bytes: it is read or it is none, in bounds; what is written is read again as it was; and whatever a page
//! takes up, the course after it is a usual one: each prompt is posted once, and a new one after them.

use std::collections::BTreeMap;

use opencode_session::proto::client::{Client, Config, Input};
use opencode_session::proto::command::Draft;
use opencode_session::proto::connection::{RetryPolicy, Transport};
use opencode_session::proto::journal::{Record, Saved, Text};
use opencode_session::proto::json::quote;
use opencode_session::proto::limits::Limits;
use opencode_session::proto::request::{Request, Response};
use opencode_session::proto::sync::{Output, Reply};
use serde_json::{Value, json};

const SESSION: &str = "ses_1";
const DRAFTS: [&str; 5] = [
    r#"{"parts":[{"type":"text","text":"one"}],"noReply":true}"#,
    r#"{"parts":[{"type":"text","text":"two"},{"type":"file","url":"data:,"}],"noReply":true}"#,
    r#"{"parts":[{"type":"text","text":"one"}],"model":"p/m","agent":"build","noReply":true}"#,
    r#"{"parts":[]}"#,
    "0",
];

/// Input: a byte for what the record is made of, one for the page that takes it up, one for the limit; the rest is it.
pub(crate) fn run(input: &[u8]) {
    let [mode, page, limit, rest @ ..] = input else { return };
    let bytes = match mode % 3 {
        0 => rest.to_vec(),
        1 => made(&mut Tape(rest)),
        _ => edited(&mut Tape(rest)),
    };
    let record = Record::read(&bytes);
    if let Some(record) = &record {
        bounded(record, bytes.len());
        written(record, usize::from(*limit) * 16);
    }
    taken_up(&bytes, record, *page);
}

fn bounded(record: &Record, size: usize) {
    let texts = record
        .texts
        .iter()
        .map(|text| text.message.len() + text.part.len() + text.text.len());
    let prompts = record.prompts.iter().map(|prompt| {
        let ids: usize = prompt.part_ids.iter().map(String::len).sum();
        prompt.key.len() + prompt.draft.len() + ids + prompt.after.as_ref().map_or(0, |(_, id)| id.len())
    });
    let kept = texts.chain(prompts).sum::<usize>();
    // A byte that is no UTF-8 becomes three.
    assert!(kept <= 3 * size, "{kept} of {size} bytes");
    assert!(record.texts.len() + record.prompts.len() <= size);
}

fn written(record: &Record, limit: usize) {
    let (bytes, left_out) = record.write(limit);
    assert!(bytes.len() <= limit, "{} bytes", bytes.len());
    assert!(left_out.len() <= record.prompts.len());
    let sound =
        |prompt: &Saved| serde_json::from_str::<Value>(&prompt.draft).is_ok() && i64::try_from(prompt.created).is_ok();
    if !record.prompts.iter().all(sound) {
        return;
    }
    if !bytes.is_empty() {
        let part = Record::read(&bytes).unwrap();
        assert_eq!(part.prompts.len() + left_out.len(), record.prompts.len());
        assert!(part.prompts.iter().all(|prompt| record.prompts.contains(prompt)));
        assert!(part.texts.iter().all(|text| record.texts.contains(text)));
    }
    let (bytes, left_out) = record.write(usize::MAX);
    assert!(left_out.is_empty());
    if record.texts.is_empty() && record.prompts.is_empty() {
        assert!(bytes.is_empty(), "nothing to keep");
    } else {
        assert_eq!(Record::read(&bytes).as_ref(), Some(record));
    }
}

fn taken_up(bytes: &[u8], record: Option<Record>, page: u8) {
    let [mine, late, old, twice] = [1, 2, 4, 8].map(|bit| page & bit != 0);
    let mut world = World::new(old, page >> 4);
    let handle = if late {
        world.client.open_session(SESSION, 100, world.now)
    } else {
        world.client.open_held(SESSION, 100, world.now)
    };
    if late {
        world.settle();
    }
    for _ in 0..=u8::from(twice) {
        world.client.restore(handle, bytes, mine, world.now);
    }
    world.client.resume(handle, world.now);
    world.settle();
    world.pass(60_000);
    let key = world.client.make_key(world.now);
    let draft = br#"{"parts":[{"type":"text","text":"a new one"}],"noReply":true}"#;
    world.client.send(handle, key, draft, 1, 2, world.now);
    world.settle();
    world.pass(60_000);
    assert_eq!(world.posts.get("a new one"), Some(&1), "{:?}", world.replies.get(&1));
    assert_eq!(world.replies.get(&1), Some(&true));
    // Each of the record's own at most once, and nothing that it does not name.
    let mut allowed: BTreeMap<String, usize> = BTreeMap::from([(String::from("a new one"), 1)]);
    for prompt in record.into_iter().flat_map(|record| record.prompts).filter(|_| mine) {
        *allowed.entry(first_text(prompt.draft.as_bytes())).or_default() += 1;
    }
    for (text, count) in &world.posts {
        assert!(
            *count <= allowed.get(text).copied().unwrap_or(0),
            "{text:?} was posted {count} times"
        );
    }
    let kept = world.client.journal(handle, false);
    assert!(
        kept.is_none_or(|bytes| bytes.is_empty() || Record::read(&bytes).is_some()),
        "what it keeps cannot be read"
    );
}

/// A page, and a server that does what it is told.
struct World {
    client: Client,
    now: u64,
    version: &'static str,
    history: Vec<Value>,
    generation: u32,
    requests: Vec<Request>,
    stream: Option<u32>,
    /// How often each text was posted.
    posts: BTreeMap<String, usize>,
    /// Whether the callers got what they wanted.
    replies: BTreeMap<u32, bool>,
}

impl World {
    fn new(old: bool, seed: u8) -> Self {
        let client = Client::new(Config {
            directory: None,
            transport: Transport::Fetch,
            retry: RetryPolicy::default(),
            keeper: false,
            limits: Limits::default(),
            seed: u64::from(seed),
        });
        World {
            client,
            now: 1_000_000,
            version: if old { "1.1.65" } else { "1.18.33" },
            history: Vec::new(),
            generation: 0,
            requests: Vec::new(),
            stream: None,
            posts: BTreeMap::new(),
            replies: BTreeMap::new(),
        }
    }

    /// Until nothing is under way.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            while let Some(output) = self.client.poll_output() {
                match output {
                    Output::OpenStream { generation, .. } => self.stream = Some(generation),
                    Output::Request(request) => self.requests.push(request),
                    Output::Reply { token, result } => {
                        self.replies
                            .insert(token, matches!(result, Ok(Reply::Done | Reply::Message { .. })));
                    }
                    Output::CloseStream | Output::Heard { .. } | Output::Log { .. } => {}
                }
            }
            if let Some(generation) = self.stream.take() {
                self.generation = generation;
                let response = Response {
                    status: 200,
                    content_type: "text/event-stream",
                    ..Response::default()
                };
                self.client
                    .handle_input(Input::StreamOpened { generation, response }, self.now);
                self.say(&json!({ "type": "server.connected", "properties": {} }));
            } else if self.requests.is_empty() {
                return;
            } else {
                let request = self.requests.remove(0);
                self.answer(&request);
            }
        }
        panic!("no end");
    }

    /// Lets time pass, with a heartbeat every ten seconds.
    fn pass(&mut self, time: u64) {
        let end = self.now + time;
        for _ in 0..2_000 {
            let beat = self.now - self.now % 10_000 + 10_000;
            let due = self.client.poll_timeout().unwrap_or(u64::MAX).max(self.now);
            if beat.min(due) > end {
                self.now = end;
                return;
            }
            self.now = beat.min(due);
            self.client.handle_input(Input::Timeout, self.now);
            if self.now == beat {
                self.say(&json!({ "type": "server.heartbeat", "properties": {} }));
            }
            self.settle();
        }
        panic!("deadlines without end");
    }

    fn say(&mut self, event: &Value) {
        let generation = self.generation;
        let bytes = format!("data: {event}\n\n");
        self.client.handle_input(
            Input::StreamBytes {
                generation,
                bytes: bytes.as_bytes(),
            },
            self.now,
        );
    }

    fn answer(&mut self, request: &Request) {
        let route = request.path.split('?').next().unwrap_or_default();
        let (status, body) = match route.trim_start_matches("/session/ses_1") {
            "/global/health" => (200, json!({ "healthy": true, "version": self.version })),
            "/path" => (200, json!({ "directory": "/p" })),
            "/config/providers" => (
                200,
                json!({ "providers": [{ "id": "p", "models": { "m": { "id": "m", "name": "M" } } }], "default": { "p": "m" } }),
            ),
            "/agent" => (200, json!([{ "name": "build", "mode": "primary" }])),
            "/session/status" => (200, json!({})),
            "" => (
                200,
                json!({ "id": SESSION, "title": "t", "directory": "/p", "time": { "created": 1, "updated": 1 } }),
            ),
            "/message" => (200, Value::Array(self.history.clone())),
            // A damaged draft may be no JSON: servers refuse it.
            "/prompt_async" => match serde_json::from_slice(request.body.as_deref().unwrap_or_default()) {
                Ok(draft) => {
                    *self
                        .posts
                        .entry(first_text(request.body.as_deref().unwrap_or_default()))
                        .or_default() += 1;
                    self.store(&draft);
                    (204, Value::Null)
                }
                Err(_) => (400, Value::Null),
            },
            path if path.starts_with("/message/") => {
                let one = self
                    .history
                    .iter()
                    .find(|message| path.ends_with(message["info"]["id"].as_str().unwrap_or("?")));
                one.map_or((404, Value::Null), |one| (200, one.clone()))
            }
            _ => (200, json!([])),
        };
        let body = if status == 204 { String::new() } else { body.to_string() };
        let response = Response {
            status,
            content_type: "application/json",
            body: body.as_bytes(),
            ..Response::default()
        };
        self.client.handle_input(
            Input::Response {
                id: request.id,
                response,
            },
            self.now,
        );
    }

    /// Stores a prompt and tells it. The server names what has no name; what it has already, it has.
    fn store(&mut self, draft: &Value) {
        let made = format!("msg_{:04}", self.history.len());
        let id = draft["messageID"].as_str().unwrap_or(&made).to_owned();
        if self.history.iter().any(|message| message["info"]["id"] == id.as_str()) {
            return;
        }
        let mut parts = draft["parts"].as_array().cloned().unwrap_or_default();
        for (at, part) in parts.iter_mut().enumerate() {
            let name = part["id"]
                .as_str()
                .map_or_else(|| format!("prt_{id}_{at}"), String::from);
            part["id"] = json!(name);
            part["messageID"] = json!(id);
            part["sessionID"] = json!(SESSION);
        }
        let info = json!({ "id": id, "sessionID": SESSION, "role": "user", "time": { "created": self.now } });
        self.history.push(json!({ "info": info, "parts": parts }));
        self.say(&json!({ "type": "message.updated", "properties": { "info": info } }));
        for part in parts {
            self.say(&json!({ "type": "message.part.updated", "properties": { "part": part } }));
        }
    }
}

/// The first text of a draft, by which it is counted. What the client reads of a damaged one is what it may post.
fn first_text(draft: &[u8]) -> String {
    Draft::read(draft).ok().and_then(|draft| draft.text).unwrap_or_default()
}

/// Choices, taken byte by byte; what they run out of is 0.
struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte() % 64).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}_{}", self.byte() % 4)
    }
}

/// A record as it is written.
fn made(tape: &mut Tape<'_>) -> Vec<u8> {
    let mut record = Record::default();
    for _ in 0..tape.byte() % 4 {
        let (message, part, text) = (tape.id("msg"), tape.id("prt"), tape.text());
        record.texts.push(Text { message, part, text });
    }
    for at in 0..tape.byte() % 6 {
        let flags = tape.byte();
        let draft = match usize::from(tape.byte()) {
            known if known < 160 => String::from(DRAFTS[known % DRAFTS.len()]),
            _ => {
                let mut text = String::new();
                quote(&tape.text(), &mut text);
                format!(r#"{{"parts":[{{"type":"text","text":{text}}}],"noReply":true}}"#)
            }
        };
        record.prompts.push(Saved {
            key: if flags & 1 == 0 {
                format!("msg_key{at}")
            } else {
                tape.id("msg")
            },
            part_ids: (0..flags >> 6).map(|_| tape.id("prt")).collect(),
            draft,
            created: 900_000 + u64::from(tape.byte()) * 1_000,
            after: (flags & 2 != 0).then(|| (i64::from(tape.byte()), tape.id("msg"))),
            posted: flags & 4 != 0,
            unnamed: flags & 8 != 0,
            taken: flags & 16 != 0,
        });
    }
    let (bytes, left_out) = record.write(usize::MAX);
    assert!(left_out.is_empty());
    if !bytes.is_empty() {
        assert_eq!(Record::read(&bytes), Some(record));
    }
    bytes
}

/// A record into which something came.
fn edited(tape: &mut Tape<'_>) -> Vec<u8> {
    let edits: Vec<(u8, u8, &[u8])> = (0..tape.byte() % 4)
        .map(|_| (tape.byte(), tape.byte() % 8, tape.bytes()))
        .collect();
    let mut bytes = made(tape);
    for (at, removed, put) in edits {
        let start = usize::from(at) * bytes.len() / 256;
        let end = (start + usize::from(removed)).min(bytes.len());
        bytes.splice(start..end, put.iter().copied());
    }
    bytes
}
