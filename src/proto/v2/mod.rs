//! The v2 dialect, told as v1: the core knows one event model and one set of requests, and this stands between it and
//! servers that speak another.
//!
//! Two kinds of servers do. 1.16 to 1.18 have v2 sessions beside v1 ones: the session's row is shared, its messages are
//! apart, and its events (`session.next.*`) come on the v1 streams. 2.x has nothing else. A [`Translator`] takes the core's
//! v1 requests and gives what to ask instead, and rewrites the stream's frames.
//!
//! ```
//! use opencode_session::proto::v2::{Step, Translator};
//! let mut translator = Translator::new();
//! translator.adopt("ses_1");
//! let Step::Ask(ask) = translator.ask("GET", "/session/ses_1/message?limit=10", b"") else { panic!() };
//! assert_eq!(ask.path, "/api/session/ses_1/message?limit=11");
//! ```

mod acts;
mod event;
mod exchange;
mod frames;
mod page;
mod path;
mod render;
mod second;
mod shadow;
mod time;
mod wire;

use event::{Ends, Event, Told};
use exchange::Exchange;
use frames::{Frames, Piece, lines};
use render::{items, raw, text};
use shadow::Shadow;

use crate::proto::json::Cursor;

/// A request to send in place of the core's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// Its answer names it.
    pub id: u32,
    /// `GET`, `POST`, `PATCH`, `DELETE`.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// JSON body.
    pub body: Option<Vec<u8>>,
}

/// An answer: the server's, or the one that the core is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `content-type`.
    pub content_type: String,
    /// `x-next-cursor`.
    pub cursor: String,
    /// The whole body.
    pub body: Vec<u8>,
}

/// What to do for a request of the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The server understands it as it is.
    Through,
    /// Send this, then call [`Translator::answered`].
    Ask(Ask),
    /// This is the answer.
    Done(Answer),
}

/// What the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Server {
    /// v1, with v2 sessions beside.
    #[default]
    First,
    /// 2.0.0 to 2.0.3.
    Early,
    /// 2.0.4 and later.
    Second,
}

/// A permission or a question of a v2 session.
#[derive(Debug, Default)]
struct Request {
    id: String,
    session: String,
    /// The form as the server told it, where questions are forms.
    form: String,
}

/// Speaks v1 to the core and v2 to the server. See the module.
#[derive(Debug, Default)]
pub struct Translator {
    server: Server,
    version: String,
    shadows: Vec<Shadow>,
    requests: Vec<Request>,
    exchanges: Vec<Exchange>,
    last: u32,
    frames: Frames,
    /// Milliseconds until the server is to be asked which sessions run, and how often it was asked in vain.
    due: Option<(u32, u32)>,
}

/// Where the server says which sessions run.
pub const ACTIVE: &str = "/api/session/active";

const HOLE: &str = r#"{"type":"replay.hole","properties":{}}"#;
/// Waits between two questions whether a turn is over, milliseconds.
const AGAIN: [u32; 6] = [30, 60, 120, 250, 500, 1_000];
/// After so many the core finds it by its own looks.
const TRIES: u32 = 60;
/// A turn that may go on is given this long to do so, milliseconds.
const MAYBE: u32 = 300;
const REQUESTS: usize = 512;

impl Translator {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Translator::default()
    }

    /// The session is a v2 one.
    pub fn adopt(&mut self, session: &str) {
        if !self.knows(session) {
            self.shadows.push(Shadow::new(session));
        }
    }

    /// Whether the session is known to be a v2 one.
    pub fn knows(&self, session: &str) -> bool {
        self.shadows.iter().any(|shadow| shadow.id == session)
    }

    fn shadow(&mut self, session: &str) -> Option<&mut Shadow> {
        self.shadows.iter_mut().find(|shadow| shadow.id == session)
    }

    fn request_of(&self, id: &str) -> Option<&Request> {
        self.requests.iter().find(|request| request.id == id)
    }

    /// Whether the server is a 2.x one.
    pub fn is_second(&self) -> bool {
        self.server != Server::First
    }

    /// The stream to open in place of a v1 one.
    pub fn stream<'a>(&self, path: &'a str) -> &'a str {
        if self.is_second() { "/api/event" } else { path }
    }

    /// A stream begins. `joined`: it was read by somebody else until now.
    pub fn opened(&mut self, joined: bool) {
        if joined {
            self.frames.join();
        } else {
            self.frames.open();
        }
    }

    /// Bytes of the stream, as the core is to read them.
    pub fn bytes(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut frames = std::mem::take(&mut self.frames);
        frames.feed(chunk, &mut |piece| match piece {
            Piece::Raw(bytes) => out.extend_from_slice(bytes),
            Piece::Frame(frame) => self.frame(frame, &mut out),
        });
        self.frames = frames;
        out
    }

    /// In how many milliseconds [`ACTIVE`] is to be asked for, given back with [`Translator::checked`].
    pub fn due(&self) -> Option<u32> {
        self.due.map(|(wait, _)| wait)
    }

    /// The answer to that; `None`: there was none. Gives frames for the stream.
    pub fn checked(&mut self, answer: Option<&[u8]>) -> Vec<u8> {
        let Some((_, tries)) = self.due.take() else {
            return Vec::new();
        };
        let mut out = Vec::new();
        let active = answer.and_then(|body| raw(body, "data"));
        let mut waits = active.is_none() || !self.frames.is_between();
        if let Some(active) = active.filter(|_| !waits) {
            for shadow in self.shadows.iter_mut().filter(|shadow| shadow.busy) {
                if raw(active, &shadow.id).is_some() {
                    waits = true;
                    continue;
                }
                shadow.busy = false;
                let mut told = Told::default();
                told.idle(&shadow.id);
                write(&told.events, None, &mut out);
            }
        }
        if waits && tries < TRIES {
            let at = usize::try_from(tries).unwrap_or(usize::MAX).min(AGAIN.len() - 1);
            self.due = Some((AGAIN[at], tries + 1));
        }
        out
    }

    /// Frames that waited for a page that is there now.
    pub fn released(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for at in 0..self.shadows.len() {
            if !self.shadows[at].known {
                continue;
            }
            let held = self.shadows[at].take_held();
            for frame in held {
                self.frame(&frame, &mut out);
            }
        }
        out
    }

    /// One frame with its blank line.
    fn frame(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        let (id, data) = lines(frame);
        let Ok(event) = Event::read(&data) else {
            // The core has its own way with what cannot be read.
            return out.extend_from_slice(frame);
        };
        if data.is_empty() {
            return out.extend_from_slice(frame);
        }
        let kind = String::from_utf8_lossy(event.kind);
        if kind == "server.connected" || (kind == "replay.opened" && text(event.data, "continuity") != "kept") {
            self.shadows.iter_mut().for_each(Shadow::unsure);
        }
        if kind == "sync" {
            let session = event.session();
            if let Some(shadow) = self.shadow(&session) {
                shadow.seq = shadow.seq.max(event.seq);
            }
        }
        match self.translate(&kind, &event, &data) {
            Some(told) => write(&told.events, id, out),
            None => out.extend_from_slice(frame),
        }
    }

    /// `None`: the event is one of v1, and goes on as it is.
    fn translate(&mut self, kind: &str, event: &Event<'_>, data: &[u8]) -> Option<Told> {
        if let Some(told) = self.request_event(kind, event) {
            return Some(told);
        }
        if self.is_second() {
            if let Some(told) = self.second_event(kind, event) {
                return Some(told);
            }
        } else if !kind.starts_with("session.next.") {
            // v1 messages of a session that is shown by its v2 ones.
            let foreign =
                kind.starts_with("message.") || ["session.status", "session.idle", "session.error"].contains(&kind);
            return (foreign && self.knows(&event.session())).then(Told::default);
        }
        let Some(name) = kind
            .strip_prefix("session.next.")
            .or_else(|| kind.strip_prefix("session."))
        else {
            return Some(Told::default());
        };
        let session = event.session();
        let Some(shadow) = self.shadow(&session) else {
            return Some(Told::default());
        };
        if !shadow.known {
            shadow.hold(data);
            return Some(Told::default());
        }
        let mut told = event::tell(shadow, name, event);
        if told.lost {
            shadow.unsure();
            told.events.push(String::from(HOLE));
        }
        match told.ends {
            Some(Ends::No) => self.due = None,
            Some(_) if self.is_second() => {}
            Some(Ends::Surely) => self.due = Some((0, 0)),
            Some(Ends::Maybe) => self.due = Some((MAYBE, 0)),
            None => {}
        }
        Some(told)
    }

    /// Permissions and questions, of whatever session: what sub-agents ask counts too.
    fn request_event(&mut self, kind: &str, event: &Event<'_>) -> Option<Told> {
        let second = self.is_second();
        let name = kind.strip_prefix("permission.v2.").map(|name| ("permission", name));
        let name = name.or_else(|| kind.strip_prefix("question.v2.").map(|name| ("question", name)));
        let name = name.or_else(|| {
            kind.strip_prefix("form.")
                .filter(|_| second)
                .map(|name| ("question", name))
        });
        let name = name.or_else(|| {
            kind.strip_prefix("permission.")
                .filter(|_| second)
                .map(|name| ("permission", name))
        });
        let (what, name) = name?;
        let mut told = Told::default();
        if name == "asked" || name == "created" {
            let asked = raw(event.data, "form").unwrap_or(event.data);
            let asked = self.request(what, asked);
            told.tell(
                if what == "question" {
                    "question.asked"
                } else {
                    "permission.asked"
                },
                &asked,
            );
        } else {
            let id = ["requestID", "id"]
                .iter()
                .map(|key| text(event.data, key))
                .find(|id| !id.is_empty())
                .unwrap_or_default();
            self.requests.retain(|request| request.id != id);
            let mut properties = crate::proto::json::Object::new();
            properties
                .text("sessionID", &text(event.data, "sessionID"))
                .text("requestID", &id);
            told.tell(
                if what == "question" {
                    "question.replied"
                } else {
                    "permission.replied"
                },
                &properties.end(),
            );
            self.due = self
                .due
                .or_else(|| (!second && what == "question").then_some((MAYBE, 0)));
        }
        Some(told)
    }

    /// Remembers whose request it is, and gives it in the v1 form.
    fn request(&mut self, what: &str, asked: &[u8]) -> String {
        if self.requests.len() >= REQUESTS {
            self.requests.remove(0);
        }
        let request = Request {
            id: text(asked, "id"),
            session: text(asked, "sessionID"),
            form: if raw(asked, "fields").is_some() {
                render::utf8(asked)
            } else {
                String::new()
            },
        };
        let form = !request.form.is_empty();
        self.requests.retain(|known| known.id != request.id);
        self.requests.push(request);
        match what {
            "question" if form || raw(asked, "url").is_some() => second::question(asked),
            "question" => render::utf8(asked),
            _ => second::permission(asked),
        }
    }

    /// A list of requests in the v1 form.
    fn request_list(&mut self, what: &str, body: &[u8]) -> String {
        let list = raw(body, "data").unwrap_or_default();
        let told: Vec<String> = items(list).into_iter().map(|asked| self.request(what, asked)).collect();
        ["[", &told.join(","), "]"].concat()
    }

    /// Which sessions run, in the v1 form.
    fn status(&mut self, body: &[u8]) -> String {
        let active = raw(body, "data").unwrap_or_default();
        for shadow in self.shadows.iter_mut() {
            shadow.busy = raw(active, &shadow.id).is_some();
        }
        let mut status = crate::proto::json::Object::new();
        let _ = Cursor::new(active).object(&mut |session, value| {
            value.skip()?;
            status.raw(&session.to_text(), r#"{"type":"busy"}"#);
            Ok(())
        });
        status.end()
    }
}

/// Writes events as frames. The position of the frame that they come from is told behind the last one.
fn write(events: &[String], id: Option<&[u8]>, out: &mut Vec<u8>) {
    for (at, event) in events.iter().enumerate() {
        if let (Some(id), true) = (id, at + 1 == events.len()) {
            out.extend_from_slice(b"id: ");
            out.extend_from_slice(id);
            out.push(b'\n');
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(event.as_bytes());
        out.extend_from_slice(b"\n\n");
    }
    if let (Some(id), true) = (id, events.is_empty()) {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(id);
        out.extend_from_slice(b"\n\n");
    }
}
