use super::delta::{self, Peek};
use super::heads::{MessageHead, PartHead, message_head, part_head};
use crate::proto::json::{Bad, Cursor, Str, has_control, text_field};

/// One event, with the session it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// `id` of the event, on servers that send one (≥ 1.14.41).
    pub id: Option<Str<'a>>,
    /// The session it is about; empty for events of the whole server.
    pub session: Str<'a>,
    /// What happened.
    pub event: Event<'a>,
}

/// What happened. Raw fields are JSON values as the server sent them.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// `server.connected`: the stream is registered; from here on nothing is missed.
    Connected,
    /// `server.heartbeat`.
    Heartbeat,
    /// `server.instance.disposed`, `global.disposed`: the server ends this stream's source.
    Disposed,
    /// A stream that can be repeated begins: whether it goes on where this reader left it.
    ReplayOpened {
        /// Nothing is missing since then.
        kept: bool,
    },
    /// What was repeated ends; from here on events are new.
    ReplayLive,
    /// Events are missing here.
    ReplayHole,
    /// A `sync` copy of a stored event (`/global/event`): its number in the session, counted without holes.
    Stored {
        /// The number.
        seq: i64,
    },
    /// `message.part.delta`.
    Delta {
        /// The message that holds the part.
        message: Str<'a>,
        /// The part that grows.
        part: Str<'a>,
        /// The field that grows; `text` on all known servers.
        field: Str<'a>,
        /// The text to append.
        delta: Str<'a>,
    },
    /// `message.part.updated`, whole.
    Part {
        /// What merging needs.
        head: PartHead<'a>,
        /// The part.
        raw: &'a [u8],
    },
    /// `message.part.removed`.
    PartRemoved {
        /// Its message.
        message: Str<'a>,
        /// The part.
        part: Str<'a>,
    },
    /// `message.updated`.
    Message {
        /// What merging needs.
        head: MessageHead<'a>,
        /// The message's `info`.
        raw: &'a [u8],
        /// All its parts, where they are told with it; else empty.
        parts: &'a [u8],
    },
    /// `message.removed`.
    MessageRemoved {
        /// The message.
        message: Str<'a>,
    },
    /// `session.created` and `session.updated`.
    Session {
        /// The session.
        raw: &'a [u8],
    },
    /// `session.deleted`.
    SessionDeleted,
    /// `session.status`.
    Status {
        /// `{type, …}`.
        raw: &'a [u8],
    },
    /// `session.idle`.
    Idle,
    /// `session.error`.
    Error {
        /// `{name, data}`; empty when the server gave none.
        raw: &'a [u8],
    },
    /// `permission.asked` (≥ 1.1), `permission.updated` (older).
    PermissionAsked {
        /// Its id.
        id: Str<'a>,
        /// The request.
        raw: &'a [u8],
    },
    /// `permission.replied`.
    PermissionReplied {
        /// The request's id.
        id: Str<'a>,
    },
    /// `question.asked`.
    QuestionAsked {
        /// Its id.
        id: Str<'a>,
        /// The request.
        raw: &'a [u8],
    },
    /// `question.replied`, `question.rejected`.
    QuestionDone {
        /// The request's id.
        id: Str<'a>,
    },
    /// `todo.updated`.
    Todos {
        /// The list.
        raw: &'a [u8],
    },
}

/// Decodes one event. `None`: of a type, or a session, that nobody here asked for; such events cost a peek, not a parse.
///
/// `wanted` is asked with the session's id as soon as it is known. Events by which sub-agents are followed come of any
/// session.
pub fn decode<'a>(data: &'a [u8], wanted: &dyn Fn(Str<'a>) -> bool) -> Result<Option<Envelope<'a>>, Bad> {
    match delta::peek(data, wanted) {
        Peek::Delta(envelope) => return Ok(Some(envelope)),
        Peek::Skip => return Ok(None),
        Peek::Other => {}
    }
    let mut cursor = Cursor::new(data);
    let event = envelope(&mut cursor, wanted)?;
    if !matches!(event, Found::Skip) && has_control(data) {
        return Err(Bad);
    }
    if matches!(event, Found::Whole(_)) {
        cursor.end()?;
    }
    Ok(match event {
        Found::Whole(envelope) | Found::Part(envelope) => Some(envelope),
        Found::Skip => None,
    })
}

enum Found<'a> {
    Whole(Envelope<'a>),
    /// The rest of it was not read.
    Part(Envelope<'a>),
    Skip,
}

/// Ends a visit early: not an error, the rest is of no interest.
const SKIPPED: Bad = Bad;

fn envelope<'a>(cursor: &mut Cursor<'a>, wanted: &dyn Fn(Str<'a>) -> bool) -> Result<Found<'a>, Bad> {
    let mut id = None;
    let mut kind: Option<Str<'a>> = None;
    let mut early: Option<&'a [u8]> = None;
    let mut fields = Fields::default();
    let mut inner = None;
    let mut skip = false;
    let bare = cursor.clone();
    let visited = cursor.object(&mut |key, value| {
        if key.is("id") {
            id = value.maybe_string()?;
        } else if key.is("type") {
            let name = value.string()?;
            kind = Some(name);
            if !known(name) {
                skip = true;
                return Err(SKIPPED);
            }
        } else if key.is("properties") || key.is("data") && value.peek() == Some(b'{') {
            match kind {
                // Servers send the type first. If one does not, the fields wait for it.
                None => early = Some(value.raw()?),
                Some(kind) => fields = read(value, &|id| is_kin(kind) || wanted(id), &mut skip)?,
            }
        } else if key.is("syncEvent") && value.peek() == Some(b'{') {
            inner = Some(stored(value, wanted)?);
            skip = true;
            return Err(SKIPPED);
        } else if key.is("payload") && value.peek() == Some(b'{') {
            let found = envelope(value, wanted)?;
            skip = !matches!(found, Found::Whole(_));
            inner = Some(found);
            if skip {
                return Err(SKIPPED);
            }
        }
        Ok(())
    });
    if skip {
        return Ok(inner.unwrap_or(Found::Skip));
    }
    visited?;
    if let Some(found) = inner {
        return Ok(found);
    }
    let kind = kind.ok_or(Bad)?;
    if fields.raw.is_empty() {
        let mut rest = early.map_or(bare, Cursor::new);
        match read(&mut rest, &|id| is_kin(kind) || wanted(id), &mut skip) {
            Err(_) if skip => return Ok(Found::Skip),
            other => fields = other?,
        }
    }
    let session = fields.session();
    Ok(match fields.event(kind)? {
        Some(event) if event.is_global() || is_kin(kind) || wanted(session) => {
            Found::Whole(Envelope { id, session, event })
        }
        _ => Found::Skip,
    })
}

/// Types that count whichever session they are of: it may run inside one that is open.
fn is_kin(kind: Str<'_>) -> bool {
    let raw = kind.raw();
    raw.starts_with(b"permission.")
        || raw.starts_with(b"question.")
        || [
            "session.created",
            "session.updated",
            "session.deleted",
            "session.status",
            "session.idle",
        ]
        .iter()
        .any(|name| kind.is(name))
}

/// Types that the client acts on. The list is checked before `properties` are read.
fn known(name: Str<'_>) -> bool {
    let raw = name.raw();
    [
        &b"message."[..],
        b"session.",
        b"permission.",
        b"question.",
        b"todo.",
        b"server.",
        b"global.",
        b"sync",
        b"replay.",
    ]
    .iter()
    .any(|prefix| raw.starts_with(prefix))
        && !raw.starts_with(b"session.next.")
        && !raw.starts_with(b"permission.v2.")
        && !raw.starts_with(b"question.v2.")
}

/// A `sync` copy: only its number is read, not the data that the plain event has told already.
fn stored<'a>(value: &mut Cursor<'a>, wanted: &dyn Fn(Str<'a>) -> bool) -> Result<Found<'a>, Bad> {
    let (mut seq, mut session) = (None, Str::default());
    let _ = value.object(&mut |key, value| {
        if key.is("seq") {
            seq = value.maybe_integer()?;
        } else if key.is("aggregateID") {
            session = value.maybe_string()?.unwrap_or_default();
        } else if seq.is_some() && !session.is_empty() {
            return Err(SKIPPED);
        }
        Ok(())
    });
    match seq {
        Some(seq) if wanted(session) => Ok(Found::Part(Envelope {
            id: None,
            session,
            event: Event::Stored { seq },
        })),
        _ => Ok(Found::Skip),
    }
}

/// The union of all `properties` that matter.
#[derive(Default)]
struct Fields<'a> {
    raw: &'a [u8],
    kept: bool,
    id: Option<Str<'a>>,
    session: Str<'a>,
    message: Option<Str<'a>>,
    part: Option<Str<'a>>,
    field: Option<Str<'a>>,
    delta: Option<Str<'a>>,
    request: Option<Str<'a>>,
    info: Option<&'a [u8]>,
    parts: &'a [u8],
    part_raw: Option<(PartHead<'a>, &'a [u8])>,
    status: Option<&'a [u8]>,
    error: Option<&'a [u8]>,
    todos: Option<&'a [u8]>,
}

fn read<'a>(value: &mut Cursor<'a>, wanted: &dyn Fn(Str<'a>) -> bool, skip: &mut bool) -> Result<Fields<'a>, Bad> {
    let mut fields = Fields::default();
    let mut whole = value.clone();
    value.object(&mut |key, value| {
        if key.is("sessionID") {
            fields.session = value.maybe_string()?.unwrap_or_default();
            if !wanted(fields.session) {
                *skip = true;
                return Err(SKIPPED);
            }
        } else if key.is("messageID") {
            fields.message = value.maybe_string()?;
        } else if key.is("partID") {
            fields.part = value.maybe_string()?;
        } else if key.is("field") {
            fields.field = value.maybe_string()?;
        } else if key.is("delta") || key.is("text") {
            fields.delta = value.maybe_string()?;
        } else if key.is("id") {
            fields.id = value.maybe_string()?;
        } else if key.is("requestID") || key.is("permissionID") {
            fields.request = value.maybe_string()?;
        } else if key.is("part") && value.peek() == Some(b'{') {
            let mut again = value.clone();
            let head = part_head(&mut again)?;
            // The head's end is the part's end: nothing is scanned twice.
            let raw = value.upto(&again);
            *value = again;
            fields.part_raw = Some((head, raw));
        } else if key.is("info") && value.peek() == Some(b'{') {
            fields.info = Some(value.raw()?);
        } else if key.is("parts") && value.peek() == Some(b'[') {
            fields.parts = value.raw()?;
        } else if key.is("status") {
            fields.status = Some(value.raw()?);
        } else if key.is("error") {
            fields.error = Some(value.raw()?);
        } else if key.is("todos") {
            fields.todos = Some(value.raw()?);
        } else if key.is("continuity") {
            fields.kept = value.maybe_string()?.is_some_and(|word| word.is("kept"));
        }
        Ok(())
    })?;
    whole.peek();
    fields.raw = whole.upto(value);
    Ok(fields)
}

impl<'a> Fields<'a> {
    /// Old servers name the session only inside the part or the info.
    fn session(&self) -> Str<'a> {
        if !self.session.is_empty() {
            return self.session;
        }
        match (self.part_raw, self.info) {
            (Some((head, _)), _) => head.session,
            (None, Some(info)) => owner(info),
            _ => self.session,
        }
    }

    fn event(&self, kind: Str<'a>) -> Result<Option<Event<'a>>, Bad> {
        let message = self.message.unwrap_or_default();
        let part = self.part.unwrap_or_default();
        let event = if kind.is("message.part.delta") {
            let delta = self.delta.ok_or(Bad)?;
            Event::Delta {
                message,
                part: self.part.ok_or(Bad)?,
                field: self.field.unwrap_or_default(),
                delta,
            }
        } else if kind.is("message.part.updated") {
            let (head, raw) = self.part_raw.ok_or(Bad)?;
            if head.id.is_empty() || head.message.is_empty() {
                return Err(Bad);
            }
            Event::Part { head, raw }
        } else if kind.is("message.updated") {
            let raw = self.info.ok_or(Bad)?;
            let head = message_head(&mut Cursor::new(raw))?;
            if head.id.is_empty() {
                return Err(Bad);
            }
            let parts = self.parts;
            Event::Message { head, raw, parts }
        } else if kind.is("message.part.removed") {
            Event::PartRemoved { message, part }
        } else if kind.is("message.removed") {
            Event::MessageRemoved { message }
        } else if kind.is("session.status") {
            Event::Status {
                raw: self.status.ok_or(Bad)?,
            }
        } else if kind.is("session.idle") {
            Event::Idle
        } else if kind.is("session.error") {
            Event::Error {
                raw: self.error.unwrap_or_default(),
            }
        } else if kind.is("session.created") || kind.is("session.updated") {
            Event::Session {
                raw: self.info.ok_or(Bad)?,
            }
        } else if kind.is("session.deleted") {
            Event::SessionDeleted
        } else if kind.is("permission.asked") || kind.is("permission.updated") {
            Event::PermissionAsked {
                id: self.id.ok_or(Bad)?,
                raw: self.raw,
            }
        } else if kind.is("permission.replied") {
            Event::PermissionReplied {
                id: self.request.or(self.id).ok_or(Bad)?,
            }
        } else if kind.is("question.asked") {
            Event::QuestionAsked {
                id: self.id.ok_or(Bad)?,
                raw: self.raw,
            }
        } else if kind.is("question.replied") || kind.is("question.rejected") {
            Event::QuestionDone {
                id: self.request.or(self.id).ok_or(Bad)?,
            }
        } else if kind.is("todo.updated") {
            Event::Todos {
                raw: self.todos.ok_or(Bad)?,
            }
        } else if kind.is("server.connected") {
            Event::Connected
        } else if kind.is("server.heartbeat") {
            Event::Heartbeat
        } else if kind.is("server.instance.disposed") || kind.is("global.disposed") {
            Event::Disposed
        } else if kind.is("replay.opened") {
            Event::ReplayOpened { kept: self.kept }
        } else if kind.is("replay.live") {
            Event::ReplayLive
        } else if kind.is("replay.hole") {
            Event::ReplayHole
        } else {
            return Ok(None);
        };
        Ok(Some(event))
    }
}

impl Event<'_> {
    /// Whether it changes messages or parts.
    pub fn is_content(&self) -> bool {
        matches!(
            self,
            Event::Delta { .. }
                | Event::Part { .. }
                | Event::PartRemoved { .. }
                | Event::Message { .. }
                | Event::MessageRemoved { .. }
        )
    }

    /// Whether it asks a person for something.
    pub fn is_request(&self) -> bool {
        matches!(self, Event::PermissionAsked { .. } | Event::QuestionAsked { .. })
    }

    /// Whether it concerns those, too, that the session runs inside: a request, or the end of one.
    pub fn is_surfacing(&self) -> bool {
        self.is_request()
            || matches!(
                self,
                Event::PermissionReplied { .. }
                    | Event::QuestionDone { .. }
                    | Event::SessionDeleted
                    | Event::Status { .. }
                    | Event::Idle
            )
    }

    fn is_global(&self) -> bool {
        matches!(
            self,
            Event::Connected
                | Event::Heartbeat
                | Event::Disposed
                | Event::ReplayOpened { .. }
                | Event::ReplayLive
                | Event::ReplayHole
        )
    }
}

/// The session that an `info` belongs to: `sessionID` of a message, `id` of a session.
fn owner(info: &[u8]) -> Str<'_> {
    let session = text_field(info, "sessionID").or_else(|| text_field(info, "id"));
    session.unwrap_or_default()
}
