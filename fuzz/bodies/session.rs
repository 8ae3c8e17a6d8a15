//! Any order of commands and inputs, through the whole client: no panic, no endless work, and every step of a change
//! set names a place that is there.

use std::collections::VecDeque;

use opencode_session::proto::change::Change;
use opencode_session::proto::client::{Client, Config, Failure, Input};
use opencode_session::proto::connection::{RetryPolicy, Transport};
use opencode_session::proto::json::{Cursor, quote};
use opencode_session::proto::limits::Limits;
use opencode_session::proto::request::{Request, Response};
use opencode_session::proto::sync::Output;

/// No single step may cause more.
const MOST_OUTPUTS: usize = 2_000;
const MOST_STEPS: usize = 400;
const SESSIONS: [&str; 4] = ["ses_1", "ses_2", "ses_3", "x"];
const STATUS: [u16; 10] = [200, 200, 200, 200, 204, 401, 404, 429, 500, 302];
const TYPES: [&str; 4] = ["application/json", "text/event-stream; charset=utf-8", "text/html", ""];

/// Input: choices, taken byte by byte; what they run out of is 0.
pub(crate) fn run(input: &[u8]) {
    let mut tape = Tape(input);
    let mut world = World::new(&mut tape);
    for _ in 0..MOST_STEPS {
        if tape.0.is_empty() {
            break;
        }
        world.step(&mut tape);
        world.carry_out();
    }
    world.finish();
}

struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn name(&mut self, prefix: &str) -> String {
        format!("{prefix}_{}", self.byte() % 5)
    }

    fn text(&mut self) -> String {
        let mut out = String::new();
        quote(&String::from_utf8_lossy(self.bytes()), &mut out);
        out
    }
}

type Shown = Vec<(Box<str>, usize)>;

struct World {
    client: Client,
    now: u64,
    generation: u32,
    requests: VecDeque<Request>,
    /// Open sessions, with what a page would show: the key of each message and its number of parts.
    sessions: Vec<(u32, Shown)>,
    token: u32,
    /// Keys of prompts.
    keys: Vec<String>,
}

impl World {
    fn new(tape: &mut Tape<'_>) -> Self {
        let small = tape.byte();
        let limits = if small & 1 == 0 {
            Limits::default()
        } else {
            Limits {
                journal: 4_096,
                line: 2_000,
                event: 2_000,
                buffered: 3_000,
                buffered_events: 20,
                remembered_ids: 8,
                messages: 6,
                outbox: 3,
                request_timeout: 1_000,
            }
        };
        let transport = tape.pick(&[
            Transport::Auto,
            Transport::Fetch,
            Transport::EventSource,
            Transport::Poll,
        ]);
        let directory = (small & 2 != 0).then(|| String::from("/project"));
        let seed = u64::from(tape.byte());
        World {
            client: Client::new(Config {
                directory,
                transport,
                retry: RetryPolicy::default(),
                keeper: small & 4 != 0,
                limits,
                seed,
            }),
            now: 1_000,
            generation: 0,
            requests: VecDeque::new(),
            sessions: Vec::new(),
            token: 0,
            keys: Vec::new(),
        }
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        let generation = self.generation.wrapping_sub(u32::from(tape.byte() == 255));
        let handle = self.handle(tape);
        self.token += 2;
        let (now, token) = (self.now, self.token);
        match tape.byte() % 24 {
            0 => {
                let response = Response {
                    status: tape.pick(&STATUS),
                    content_type: tape.pick(&TYPES),
                    cursor: "",
                    retry_after: tape.pick(&["", "1", "999999999999", "x"]),
                    body: b"",
                };
                self.input(Input::StreamOpened { generation, response });
            }
            1 => self.input(Input::StreamBytes {
                generation,
                bytes: tape.bytes(),
            }),
            2..=7 => {
                let data = event(tape);
                self.input(Input::StreamBytes {
                    generation,
                    bytes: format!("data: {data}\n\n").as_bytes(),
                });
            }
            8 => {
                let data = event(tape);
                self.input(Input::StreamBytes {
                    generation,
                    bytes: format!("event: message\r\ndata: {data}\r\n\r\n").as_bytes(),
                });
            }
            9 => {
                let hello = b"data: {\"type\":\"server.connected\",\"properties\":{}}\n\n";
                let response = Response {
                    status: 200,
                    content_type: "text/event-stream",
                    ..Response::default()
                };
                self.input(Input::StreamOpened { generation, response });
                self.input(Input::StreamBytes {
                    generation,
                    bytes: hello,
                });
            }
            10 => self.input(Input::StreamClosed {
                generation,
                cause: tape.pick(&[
                    None,
                    Some(Failure::Network),
                    Some(Failure::Timeout),
                    Some(Failure::Auth),
                    Some(Failure::Keeper),
                ]),
            }),
            11..=14 => self.answer(tape),
            15 => {
                if let Some(request) = self.requests.pop_front() {
                    self.input(Input::Failed {
                        id: request.id,
                        cause: tape.pick(&[Failure::Network, Failure::Timeout, Failure::Auth, Failure::Keeper]),
                    });
                }
            }
            16 => self.pass(tape),
            17 => self.input(match tape.byte() & 3 {
                0 => Input::Online,
                1 => Input::Offline,
                more => Input::Visible(more == 2),
            }),
            18 if self.sessions.len() < 4 => {
                let handle = self
                    .client
                    .open_session(tape.pick(&SESSIONS), usize::from(tape.byte() % 8), now);
                self.sessions.push((handle, Vec::new()));
            }
            18 => {
                self.client.close_session(handle);
                self.sessions.retain(|(open, _)| *open != handle);
            }
            19 => {
                let key = self.client.make_key(now);
                self.keys.push(key.clone());
                let text = tape.text();
                let prompt = match tape.byte() % 4 {
                    0 => format!(r#"{{"parts":[{{"type":"text","text":{text}}}],"model":"p/m"}}"#),
                    1 => format!(
                        r#"{{"parts":[{{"type":"text","text":{text}}},{{"type":"file","url":"data:,"}}],"agent":"build"}}"#
                    ),
                    2 => String::from("{}"),
                    _ => format!(r#"{{"parts":[{{"type":"text","text":{text}}}]}}"#),
                };
                self.client.send(handle, key, prompt.as_bytes(), token, token + 1, now);
            }
            20 => self.client.load_older(handle, usize::from(tape.byte() % 4), token),
            21 => match tape.byte() % 4 {
                0 => self.client.wait_ready(handle, token),
                1 => self.client.wait_settled(handle, token),
                2 => self.client.call(handle, "GET", "/x?y=1", None, token),
                _ => {
                    let at = usize::from(tape.byte());
                    if let Some(key) = self.keys.get(at) {
                        self.client.discard(handle, key);
                    }
                }
            },
            22 => self.client.reconnect(now),
            _ => self.drain(),
        }
    }

    fn handle(&self, tape: &mut Tape<'_>) -> u32 {
        let at = usize::from(tape.byte()) % (self.sessions.len() + 1);
        self.sessions.get(at).map_or(99, |(handle, _)| *handle)
    }

    fn input(&mut self, input: Input<'_>) {
        self.client.handle_input(input, self.now);
    }

    /// Answers a request with what belongs to it, or with anything.
    fn answer(&mut self, tape: &mut Tape<'_>) {
        let at = usize::from(tape.byte()) % self.requests.len().max(1);
        let Some(request) = self.requests.remove(at) else {
            return;
        };
        let odd = tape.byte();
        let body = if odd < 32 {
            tape.bytes().to_vec()
        } else {
            reply(&request.path, tape).into_bytes()
        };
        let response = Response {
            status: if odd < 64 { tape.pick(&STATUS) } else { 200 },
            content_type: if odd < 16 {
                tape.pick(&TYPES)
            } else {
                "application/json"
            },
            cursor: tape.pick(&["", "c", "msg_1"]),
            retry_after: "",
            body: &body,
        };
        self.client.handle_input(
            Input::Response {
                id: request.id,
                response,
            },
            self.now,
        );
        if odd == 255 {
            // A second answer to the same request changes nothing.
            self.client.handle_input(
                Input::Response {
                    id: request.id,
                    response,
                },
                self.now,
            );
        }
    }

    /// Some time passes, or all of it up to the next deadline.
    fn pass(&mut self, tape: &mut Tape<'_>) {
        match tape.byte() {
            step @ 0..=127 => self.now += u64::from(step) * 100,
            _ => self.now = self.now.max(self.client.poll_timeout().unwrap_or_default()),
        }
        self.input(Input::Timeout);
        self.carry_out();
        for _ in 0..20 {
            if self.client.poll_timeout().is_none_or(|at| at > self.now) {
                return;
            }
            self.input(Input::Timeout);
            self.carry_out();
        }
        panic!("a deadline that never passes");
    }

    fn carry_out(&mut self) {
        let mut count = 0;
        while let Some(output) = self.client.poll_output() {
            count += 1;
            assert!(count < MOST_OUTPUTS, "endless outputs");
            match output {
                Output::OpenStream { generation, .. } => self.generation = generation,
                Output::Request(request) => self.requests.push_back(request),
                _ => {}
            }
        }
    }

    fn drain(&mut self) {
        for (handle, messages) in &mut self.sessions {
            let mut changes = Vec::new();
            self.client.drain(*handle, &mut changes);
            assert!(!self.client.is_dirty(*handle), "dirty right after a drain");
            for change in changes {
                apply(messages, change);
            }
        }
    }

    fn finish(&mut self) {
        self.drain();
        for (handle, _) in std::mem::take(&mut self.sessions) {
            self.client.close_session(handle);
        }
        self.carry_out();
        assert_eq!(self.client.next_dirty(&mut 0), None, "changes of closed sessions");
    }
}

/// Does what the page does with a step, as far as places go.
fn apply(messages: &mut Shown, change: Change) {
    match change {
        Change::InsertMessage { index, key } => {
            assert!(
                messages.iter().all(|(known, _)| *known != key),
                "two messages under one key"
            );
            messages.insert(index, (key, 0));
        }
        Change::RemoveMessage { index } => drop(messages.remove(index)),
        Change::MoveMessage { from, to } => {
            let message = messages.remove(from);
            messages.insert(to, message);
        }
        Change::InsertPart { message, index } => {
            assert!(index <= messages[message].1, "a part behind the end");
            messages[message].1 += 1;
        }
        Change::RemovePart { message, index } => {
            assert!(index < messages[message].1, "no such part");
            messages[message].1 -= 1;
        }
        Change::Whole { index, raw } => messages[index].1 = parts(&raw),
        Change::Info { index, .. } | Change::Delivered { index, .. } => {
            assert!(index < messages.len(), "no such message")
        }
        Change::Part { message, index, .. }
        | Change::Text { message, index, .. }
        | Change::Append { message, index, .. }
        | Change::Meta { message, index, .. }
        | Change::Tail { message, index, .. } => assert!(index < messages[message].1, "no such part"),
        Change::Field { .. } => {}
    }
}

fn parts(raw: &[u8]) -> usize {
    let mut count = 0;
    let read = Cursor::new(raw).object(&mut |key, value| {
        if key.is("parts") {
            value.array(&mut |_| {
                count += 1;
                Ok(())
            })?;
        }
        Ok(())
    });
    assert_eq!(read, Ok(()), "a message that cannot be read");
    count
}

/// An event, mostly as servers send them.
fn event(tape: &mut Tape<'_>) -> String {
    let (session, message, part) = (tape.pick(&SESSIONS), tape.name("msg"), tape.name("prt"));
    let (kind, fields) = match tape.byte() % 20 {
        0..=4 => (
            "message.part.delta",
            format!(
                r#""messageID":"{message}","partID":"{part}","field":"{}","delta":{}"#,
                tape.pick(&["text", "text", "text", "x"]),
                tape.text()
            ),
        ),
        5..=7 => (
            "message.part.updated",
            format!(r#""part":{}"#, part_json(session, &message, &part, tape)),
        ),
        8 | 9 => (
            "message.updated",
            format!(r#""info":{}"#, info_json(session, &message, tape)),
        ),
        10 => (
            "message.part.removed",
            format!(r#""messageID":"{message}","partID":"{part}""#),
        ),
        11 => ("message.removed", format!(r#""messageID":"{message}""#)),
        12 => ("session.status", format!(r#""status":{}"#, status_json(tape))),
        13 => ("session.idle", String::from(r#""x":1"#)),
        14 => (
            "session.error",
            String::from(r#""error":{"name":"MessageAbortedError","data":{"message":"m"}}"#),
        ),
        15 => ("session.updated", format!(r#""info":{}"#, session_json(session, tape))),
        16 => (
            tape.pick(&[
                "permission.asked",
                "permission.replied",
                "question.asked",
                "question.replied",
                "question.rejected",
            ]),
            format!(r#""id":"per_1","requestID":"{}""#, tape.name("per")),
        ),
        17 => ("todo.updated", String::from(r#""todos":[]"#)),
        18 => (
            tape.pick(&[
                "session.deleted",
                "server.instance.disposed",
                "global.disposed",
                "session.created",
            ]),
            format!(r#""info":{}"#, session_json(session, tape)),
        ),
        _ => (
            tape.pick(&[
                "server.heartbeat",
                "server.connected",
                "tui.toast",
                "replay.opened",
                "replay.live",
                "replay.hole",
            ]),
            format!(r#""continuity":"{}""#, tape.pick(&["kept", "lost"])),
        ),
    };
    let id = match tape.byte() {
        0..=99 => String::new(),
        id => format!(r#""id":"evt_{id}","#),
    };
    let payload = format!(r#"{{{id}"type":"{kind}","properties":{{"sessionID":"{session}",{fields}}}}}"#);
    if tape.byte() == 255 {
        format!(r#"{{"directory":"/project","payload":{payload}}}"#)
    } else {
        payload
    }
}

fn reply(path: &str, tape: &mut Tape<'_>) -> String {
    let session = SESSIONS.into_iter().find(|id| path.contains(id)).unwrap_or("ses_1");
    let route = path.split('?').next().unwrap_or_default();
    if route.ends_with("/message") {
        let messages: Vec<String> = (0..tape.byte() % 4).map(|_| message_json(session, tape)).collect();
        format!("[{}]", messages.join(","))
    } else if route.contains("/message/") {
        message_json(session, tape)
    } else if route == "/global/health" {
        format!(
            r#"{{"healthy":true,"version":"{}"}}"#,
            tape.pick(&["1.18.33", "1.1.65", "x"])
        )
    } else if route == "/path" {
        String::from(r#"{"directory":"/project"}"#)
    } else if route == "/session/status" {
        format!(r#"{{"{session}":{}}}"#, status_json(tape))
    } else if route.starts_with("/session/") && route.matches('/').count() == 2 {
        session_json(session, tape)
    } else if route == "/config/providers" {
        String::from(r#"{"providers":[{"id":"p","models":{"m":{"id":"m","name":"M"}}}],"default":{"p":"m"}}"#)
    } else if route == "/agent" {
        String::from(r#"[{"name":"build"}]"#)
    } else {
        String::from("[]")
    }
}

fn message_json(session: &str, tape: &mut Tape<'_>) -> String {
    let message = tape.name("msg");
    let info = info_json(session, &message, tape);
    let parts: Vec<String> = (0..tape.byte() % 4)
        .map(|_| {
            let part = tape.name("prt");
            part_json(session, &message, &part, tape)
        })
        .collect();
    format!(r#"{{"info":{info},"parts":[{}]}}"#, parts.join(","))
}

fn info_json(session: &str, message: &str, tape: &mut Tape<'_>) -> String {
    let role = tape.pick(&["assistant", "assistant", "user"]);
    let time = tape.pick(&[
        r#"{"created":1}"#,
        r#"{"created":2}"#,
        r#"{"created":1,"completed":9}"#,
        "{}",
    ]);
    let error = tape.pick(&["", "", "", r#","error":{"name":"E","data":{"message":"m"}}"#]);
    format!(
        r#"{{"id":"{message}","sessionID":"{session}","role":"{role}","parentID":"{}","time":{time}{error}}}"#,
        tape.name("msg")
    )
}

fn part_json(session: &str, message: &str, part: &str, tape: &mut Tape<'_>) -> String {
    let head = format!(r#""id":"{part}","sessionID":"{session}","messageID":"{message}""#);
    match tape.byte() % 6 {
        0 => format!(r#"{{{head},"type":"text","text":"","time":{{"start":1}}}}"#),
        1 => format!(
            r#"{{{head},"type":"text","text":{},"time":{{"start":1}}}}"#,
            tape.text()
        ),
        2 => format!(
            r#"{{{head},"type":"text","text":{},"time":{{"start":1,"end":2}}}}"#,
            tape.text()
        ),
        3 => format!(r#"{{{head},"type":"text","text":{}}}"#, tape.text()),
        4 => format!(
            r#"{{{head},"type":"tool","state":{{"status":"{}"}}}}"#,
            tape.pick(&["pending", "running", "completed", "error"])
        ),
        _ => format!(r#"{{{head},"type":"step-start"}}"#),
    }
}

fn session_json(session: &str, tape: &mut Tape<'_>) -> String {
    let directory = tape.pick(&["/project", "/project", "/other"]);
    format!(
        r#"{{"id":"{session}","title":"t","directory":"{directory}","time":{{"created":1,"updated":{}}}}}"#,
        tape.byte()
    )
}

fn status_json(tape: &mut Tape<'_>) -> &'static str {
    tape.pick(&[
        r#"{"type":"idle"}"#,
        r#"{"type":"busy"}"#,
        r#"{"type":"retry","attempt":1,"message":"m","next":5}"#,
    ])
}
