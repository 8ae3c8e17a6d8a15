use super::buffer::Buffer;
use super::context::What;
use crate::proto::error::{Code, Error};
use crate::proto::store::Stamp;

/// A snapshot on its way, and the events that came since it was asked for.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) asked: Stamp,
    pub(super) page: Option<Vec<u8>>,
    pub(super) cursor: String,
    /// Until then the page waits for what goes with it, milliseconds.
    pub(super) waits_until: Option<u64>,
    pub(super) buffer: Buffer,
    /// What was asked for.
    pub(super) scope: Scope,
    /// How many messages were asked for.
    pub(super) limit: usize,
    /// Why that is less than was wanted.
    pub(super) smaller: Option<Error>,
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
    /// What is asked for beside the page.
    pub(super) fn sides(self) -> &'static [What] {
        match self {
            Scope::All => &[
                What::Info,
                What::Todos,
                What::Status,
                What::Permissions,
                What::Questions,
            ],
            Scope::Busy => &[What::Status, What::Permissions, What::Questions],
            Scope::Idle => &[What::Status],
        }
    }
}

impl Snapshot {
    /// Takes over the events that were kept for an older fetch, on the same stream.
    pub(super) fn take_over(&mut self, old: Snapshot) {
        self.buffer = old.buffer;
    }
}

/// Whether the error says that the server does not have the route: old servers answer their web page, or 4xx.
pub(super) fn lacks(error: &Error) -> bool {
    matches!(
        error.code,
        Code::NotFound | Code::NoRoute | Code::HtmlResponse | Code::BadRequest
    )
}
