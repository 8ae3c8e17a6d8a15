use super::context::What;
use crate::proto::error::{Code, Error};
use crate::proto::json::Cursor;
use crate::proto::limits::Limits;
use crate::proto::store::Stamp;

/// A snapshot on its way, and the events that came since it was asked for.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) asked: Stamp,
    pub(super) page: Option<Vec<u8>>,
    pub(super) cursor: String,
    pub(super) info: Option<Vec<u8>>,
    pub(super) status: Option<Vec<u8>>,
    pub(super) permissions: Option<Vec<u8>>,
    pub(super) questions: Option<Vec<u8>>,
    pub(super) todos: Option<Vec<u8>>,
    pub(super) buffer: Vec<Vec<u8>>,
    pub(super) bytes: usize,
    /// So many of the buffered events are old ones, told again.
    pub(super) replayed: usize,
    /// The directory that status and requests were asked for.
    pub(super) directory: Option<String>,
    /// What was asked for.
    pub(super) scope: Scope,
    /// How many messages were asked for.
    pub(super) limit: usize,
}

/// How much of a session is fetched.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    #[default]
    All,
    /// A poll of a session where a turn runs.
    Busy,
    /// A poll of a session where nothing runs.
    Idle,
}

impl Scope {
    /// Everything that is asked for.
    pub(super) fn wants(self) -> &'static [What] {
        match self {
            Scope::All => &[
                What::Page,
                What::Info,
                What::Todos,
                What::Status,
                What::Permissions,
                What::Questions,
            ],
            Scope::Busy => &[What::Page, What::Status, What::Permissions, What::Questions],
            Scope::Idle => &[What::Page, What::Status],
        }
    }
}

impl Snapshot {
    /// Everything is there.
    pub(super) fn is_complete(&self) -> bool {
        self.scope.wants().iter().all(|what| {
            let slot = match what {
                What::Page => &self.page,
                What::Info => &self.info,
                What::Status => &self.status,
                What::Permissions => &self.permissions,
                What::Questions => &self.questions,
                _ => &self.todos,
            };
            slot.is_some()
        })
    }

    /// Takes one answer. What old servers may lack counts as empty; the rest must be there.
    pub(super) fn take(&mut self, what: &What, result: Result<&[u8], Error>, may_lack: bool) -> Result<(), Error> {
        let (slot, empty) = match what {
            What::Page => (&mut self.page, None),
            What::Info => (&mut self.info, None),
            What::Status => (&mut self.status, Some(&b"{}"[..])),
            What::Permissions => (&mut self.permissions, Some(&b"[]"[..])),
            What::Questions => (&mut self.questions, Some(&b"[]"[..])),
            What::Todos => (&mut self.todos, Some(&b"[]"[..])),
            _ => return Ok(()),
        };
        match (result, empty) {
            (Ok(body), _) if *what != What::Page && !is_json(body) => {
                return Err(Error::new(Code::BadResponse, "An answer is not whole."));
            }
            (Ok(body), _) => *slot = Some(body.to_vec()),
            (Err(error), Some(empty)) if lacks(&error) && may_lack => *slot = Some(empty.to_vec()),
            // It has the route: this answer came from somewhere else.
            (Err(error), Some(_)) if lacks(&error) => return Err(Error::new(Code::BadResponse, error.message)),
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }

    /// Takes over the events that were kept for an older fetch, on the same stream.
    pub(super) fn take_over(&mut self, old: Snapshot) {
        self.buffer = old.buffer;
        self.bytes = old.bytes;
        self.replayed = old.replayed;
    }

    /// Keeps an event for the replay; `false` when a limit is reached.
    pub(super) fn keep(&mut self, event: &[u8], replaying: bool, limits: &Limits) -> bool {
        self.bytes += event.len();
        if self.bytes > limits.buffered || self.buffer.len() >= limits.buffered_events {
            return false;
        }
        self.buffer.push(event.to_vec());
        if replaying {
            self.replayed = self.buffer.len();
        }
        true
    }
}

/// What is handed on unread must be whole. The page is read anyway.
fn is_json(body: &[u8]) -> bool {
    let mut cursor = Cursor::new(body);
    cursor.raw().is_ok() && cursor.end().is_ok()
}

/// Whether the error says that the server does not have the route: old servers answer their web page, or 4xx.
pub(super) fn lacks(error: &Error) -> bool {
    matches!(
        error.code,
        Code::NotFound | Code::NoRoute | Code::HtmlResponse | Code::BadRequest
    )
}
