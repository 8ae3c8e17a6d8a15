use super::family::Family;
use crate::proto::change::{Change, Field};
use crate::proto::error::{Code, Error};
use crate::proto::json::{Bad, Cursor, Object, Str, text_field};
use crate::proto::planted::{self, Bug};

/// What the session is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Status {
    /// Nothing.
    #[default]
    Idle,
    /// A turn runs.
    Busy,
    /// The provider failed and is asked again; the server's own `{type, attempt, message, next}`.
    Retry(Vec<u8>),
    /// The last turn failed.
    Error(Error),
}

impl Status {
    /// Reads the server's status.
    pub fn read(raw: &[u8]) -> Result<Self, Bad> {
        let mut status = Status::Idle;
        Cursor::new(raw).object(&mut |key, value| {
            if key.is("type") {
                let kind = value.string()?;
                status = if kind.is("idle") {
                    Status::Idle
                } else if kind.is("retry") {
                    Status::Retry(raw.to_vec())
                } else {
                    // Whatever it is called: something is done.
                    Status::Busy
                };
            }
            Ok(())
        })?;
        Ok(status)
    }

    /// Whether a turn runs.
    pub fn is_busy(&self) -> bool {
        matches!(self, Status::Busy | Status::Retry(_))
    }

    fn to_json(&self) -> Vec<u8> {
        match self {
            Status::Idle => b"{\"type\":\"idle\"}".to_vec(),
            Status::Busy => b"{\"type\":\"busy\"}".to_vec(),
            Status::Retry(raw) => raw.clone(),
            Status::Error(error) => {
                let mut object = Object::new();
                object.text("type", "error").raw("error", &error.to_json());
                object.end().into_bytes()
            }
        }
    }
}

/// Permissions kept of a session, and questions. Those that come later are asked for again when these are answered.
const MAX_REQUESTS: usize = 1_000;

/// A list of requests (permissions or questions), by id.
type Requests = Vec<(Box<str>, Vec<u8>)>;

/// The fields of a session's state beside its messages, and which of them changed.
#[derive(Debug, Default)]
pub struct Fields {
    /// Of the session.
    id: String,
    session: Vec<u8>,
    status: Status,
    permissions: Requests,
    questions: Requests,
    todos: Vec<u8>,
    has_older: bool,
    kept: bool,
    error: Option<Error>,
    connection: Vec<u8>,
    /// More was asked of a person than is kept.
    pub crowded: bool,
    dirty: u16,
}

impl Fields {
    /// The fields of the session `id`.
    pub fn new(id: &str) -> Self {
        Fields {
            id: id.into(),
            ..Fields::default()
        }
    }

    /// Whether `drain` has something to say.
    pub fn is_dirty(&self) -> bool {
        self.dirty != 0
    }

    /// The status.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The problem shown now.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Whether older messages can be loaded.
    pub fn has_older(&self) -> bool {
        self.has_older
    }

    /// A new status. A failed turn stays failed until the next one starts.
    pub fn set_status(&mut self, status: Status) {
        let keeps = matches!(self.status, Status::Error(_)) && status == Status::Idle;
        if !keeps && self.status != status {
            self.status = status;
            self.mark(Field::Status);
        }
        if !self.status.is_busy() && !planted::is(Bug::KeepRequests) {
            let id = self.id.clone();
            self.clear_requests(&id);
        }
    }

    /// What was told last of the session itself.
    pub fn session(&self) -> &[u8] {
        &self.session
    }

    /// The session itself.
    pub fn set_session(&mut self, raw: &[u8]) {
        if self.session != raw {
            self.session = raw.to_vec();
            self.mark(Field::Session);
        }
    }

    /// The to-do list.
    pub fn set_todos(&mut self, raw: &[u8]) {
        let list = todo_list(raw);
        if self.todos != list {
            self.todos = list;
            self.mark(Field::Todos);
        }
    }

    /// The link's state.
    pub fn set_connection(&mut self, json: &str) {
        if self.connection != json.as_bytes() {
            self.connection = json.as_bytes().to_vec();
            self.mark(Field::Connection);
        }
    }

    /// Whether older messages can be loaded.
    pub fn set_has_older(&mut self, has_older: bool) {
        if self.has_older != has_older {
            self.has_older = has_older;
            self.mark(Field::HasOlder);
        }
    }

    /// Whether the last connect missed nothing.
    pub fn set_kept(&mut self, kept: bool) {
        if self.kept != kept {
            self.kept = kept;
            self.mark(Field::Kept);
        }
    }

    /// The problem to show.
    pub fn set_error(&mut self, error: Option<Error>) {
        if self.error != error {
            self.error = error;
            self.mark(Field::Error);
        }
    }

    /// `session.error`. Stopping a turn is no failure.
    pub fn fail_turn(&mut self, raw: &[u8]) {
        let error = Error::from_turn(raw);
        if error.code == Code::Aborted {
            self.set_status(Status::Idle);
        } else {
            self.status = Status::Error(error);
            self.mark(Field::Status);
        }
    }

    /// A permission or question is asked.
    pub fn ask(&mut self, field: Field, id: Str<'_>, raw: &[u8]) {
        let id = id.to_text();
        let list = self.list(field);
        let full = list.len() >= MAX_REQUESTS;
        match list.iter_mut().find(|(known, _)| **known == *id) {
            Some((_, known)) => *known = raw.to_vec(),
            None if full => self.crowded = true,
            None => list.push((id.into(), raw.to_vec())),
        }
        self.mark(field);
    }

    /// What was asked beyond the limit may be asked for: all that is known is answered.
    pub fn has_room(&self) -> bool {
        self.crowded && self.permissions.is_empty() && self.questions.is_empty()
    }

    /// It was answered.
    pub fn answered(&mut self, field: Field, id: &str) {
        let list = self.list(field);
        let before = list.len();
        list.retain(|(known, _)| **known != *id);
        if list.len() < before {
            self.mark(field);
        }
    }

    /// The server's list for all sessions: those of this session, and of those that run inside it, are taken.
    pub fn set_requests(&mut self, field: Field, family: &Family, body: &[u8]) -> Result<(), Bad> {
        let (mut found, mut crowded) = (Requests::new(), false);
        Cursor::new(body).array(&mut |item| {
            let raw = item.raw()?;
            let id = text_field(raw, "id").ok_or(Bad)?.to_text();
            let owner = owner(raw).to_text();
            if owner == self.id || family.above(&owner).0.contains(&self.id) {
                if found.len() < MAX_REQUESTS {
                    found.push((id.into(), raw.to_vec()));
                } else {
                    crowded = true;
                }
            }
            Ok(())
        })?;
        self.crowded |= crowded;
        let list = self.list(field);
        if *list != found {
            *list = found;
            self.mark(field);
        }
        Ok(())
    }

    /// Servers drop what an aborted turn asked without a word: nothing can be open of a session that is idle.
    pub fn clear_requests(&mut self, session: &str) {
        for field in [Field::Permissions, Field::Questions] {
            let list = self.list(field);
            let before = list.len();
            list.retain(|(_, raw)| !owner(raw).is(session));
            if list.len() < before {
                self.mark(field);
            }
        }
    }

    /// Hands out what changed since the last call.
    pub fn drain(&mut self, out: &mut Vec<Change>) {
        let dirty = std::mem::take(&mut self.dirty);
        for field in ALL {
            if dirty & bit(field) != 0 {
                out.push(Change::Field {
                    field,
                    json: self.json(field),
                });
            }
        }
    }

    fn json(&self, field: Field) -> Vec<u8> {
        match field {
            Field::Session => self.session.clone(),
            Field::Status => self.status.to_json(),
            Field::Connection => self.connection.clone(),
            Field::Permissions => array(&self.permissions),
            Field::Questions => array(&self.questions),
            Field::Todos => self.todos.clone(),
            Field::HasOlder => self.has_older.to_string().into_bytes(),
            Field::Kept => if self.kept { "\"kept\"" } else { "\"lost\"" }.into(),
            Field::Error => self
                .error
                .as_ref()
                .map(|error| error.to_json().into_bytes())
                .unwrap_or_default(),
        }
    }

    fn list(&mut self, field: Field) -> &mut Requests {
        if field == Field::Permissions {
            &mut self.permissions
        } else {
            &mut self.questions
        }
    }

    fn mark(&mut self, field: Field) {
        self.dirty |= bit(field);
    }
}

const ALL: [Field; 9] = [
    Field::Session,
    Field::Status,
    Field::Connection,
    Field::Permissions,
    Field::Questions,
    Field::Todos,
    Field::HasOlder,
    Field::Kept,
    Field::Error,
];

fn bit(field: Field) -> u16 {
    1 << field as u16
}

fn array(list: &Requests) -> Vec<u8> {
    let items: Vec<&[u8]> = list.iter().map(|(_, raw)| raw.as_slice()).collect();
    [b"[".as_slice(), &items.join(&b','), b"]"].concat()
}

/// A list whatever was told, each to-do with a status.
fn todo_list(told: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    let _ = Cursor::new(told).array(&mut |item| {
        let raw = item.raw()?;
        let (mut empty, mut has_status) = (true, false);
        let read = Cursor::new(raw).object(&mut |key, value| {
            empty = false;
            has_status |= key.is("status") && value.peek() == Some(b'"');
            Ok(())
        });
        match raw.split_last() {
            Some((_, open)) if read.is_ok() && !has_status => {
                let comma: &[u8] = if empty { b"" } else { b"," };
                list.push([open, comma, b"\"status\":\"pending\"}"].concat());
            }
            _ if read.is_ok() => list.push(raw.to_vec()),
            _ => {}
        }
        Ok(())
    });
    [b"[".as_slice(), &list.join(&b','), b"]"].concat()
}

/// The session that asks.
fn owner(request: &[u8]) -> Str<'_> {
    text_field(request, "sessionID").unwrap_or_default()
}
