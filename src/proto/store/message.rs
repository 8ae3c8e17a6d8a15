use super::Stamp;
use super::part::Part;
use crate::proto::bytes::hash;
use crate::proto::change::{Change, Delivery};
use crate::proto::event::{MessageHead, Role};
use crate::proto::planted::{self, Bug};

/// One message with its parts.
#[derive(Debug)]
pub struct Message {
    pub(super) id: Box<str>,
    pub(super) key: Box<str>,
    pub(super) role: Role,
    pub(super) parent: Option<Box<str>>,
    /// The earliest `time.created` that was told: a prompt that is posted again gets a new time, but keeps its place at the
    /// server. A local echo sorts behind everything until the server has named a time.
    pub(super) created: i64,
    pub(super) completed: bool,
    pub(super) error: Option<Vec<u8>>,
    pub(super) stamp: Stamp,
    pub(super) parts: Vec<Part>,
    pub(super) delivery: Option<Delivery>,
    /// When an own prompt was known to be stored.
    pub(super) sent: Stamp,
    /// Shown here, not yet told by the server.
    pub(super) echo: bool,
    /// The session is idle without its end: nobody works on it any more.
    pub(super) given_up: bool,
    /// An echo that the server stored under a name of its own.
    pub(super) adopted: bool,
    raw: Option<Vec<u8>>,
    digest: u64,
    /// The message as a page told it, to be handed out in one piece.
    whole: Option<Vec<u8>>,
    delivery_dirty: bool,
    pub(super) dirty: bool,
}

impl Message {
    pub(super) fn new(head: &MessageHead<'_>, key: Box<str>) -> Self {
        Message {
            id: head.id.to_text().into(),
            key,
            role: head.role,
            parent: head.parent.map(|id| id.to_text().into()),
            created: head.created,
            completed: head.completed,
            error: head.error.map(<[u8]>::to_vec),
            stamp: 0,
            parts: Vec::new(),
            delivery: None,
            sent: 0,
            echo: false,
            given_up: false,
            adopted: false,
            raw: None,
            digest: 0,
            whole: None,
            delivery_dirty: false,
            dirty: false,
        }
    }

    /// The server's `info`.
    pub(super) fn tell(&mut self, head: &MessageHead<'_>, info: &[u8]) {
        self.role = head.role;
        self.created = if self.echo {
            head.created
        } else {
            self.created.min(head.created)
        };
        self.completed = head.completed;
        self.given_up = false;
        self.error = head.error.map(<[u8]>::to_vec);
        self.parent = head.parent.map(|id| id.to_text().into());
        let digest = hash(info);
        if digest != self.digest {
            self.digest = digest;
            self.raw = Some(info.to_vec());
            self.dirty = true;
        }
    }

    /// A page told all of it; nothing was shown before.
    pub(super) fn tell_whole(&mut self, info: &[u8], raw: &[u8]) {
        self.digest = hash(info);
        self.whole = Some(raw.to_vec());
        self.dirty = true;
    }

    /// The message as a page told it, if it was not handed out yet.
    pub(super) fn take_whole(&mut self) -> Option<Vec<u8>> {
        self.whole.take()
    }

    /// Hands out `info` by itself.
    pub(super) fn refill(&mut self, info: &[u8]) {
        self.raw.get_or_insert_with(|| info.to_vec());
        self.dirty = true;
    }

    pub(super) fn deliver(&mut self, delivery: Delivery) {
        if self.delivery != Some(delivery) {
            self.delivery = Some(delivery);
            self.delivery_dirty = true;
            self.dirty = true;
        }
    }

    /// Stored before `asked`, and still not told by the server.
    pub(super) fn is_untold(&self, asked: Stamp) -> bool {
        self.echo && self.sent > 0 && self.sent < asked
    }

    /// Position of a part, or where it would go: parts sort by id, as the server sorts them.
    pub(super) fn find_part(&self, id: &[u8]) -> Result<usize, usize> {
        if planted::is(Bug::PartsByArrival) {
            let found = self.parts.iter().position(|part| part.id.as_bytes() == id);
            return found.ok_or(self.parts.len());
        }
        self.parts.binary_search_by(|part| part.id.as_bytes().cmp(id))
    }

    pub(super) fn drain(&mut self, index: usize, out: &mut Vec<Change>) {
        self.dirty = false;
        if let Some(raw) = self.whole.take() {
            out.push(Change::Whole { index, raw });
        }
        if let Some(raw) = self.raw.take() {
            out.push(Change::Info { index, raw });
        }
        if let (true, Some(delivery)) = (std::mem::take(&mut self.delivery_dirty), self.delivery) {
            out.push(Change::Delivered { index, delivery });
        }
        for (at, part) in self.parts.iter_mut().enumerate() {
            if part.is_dirty() {
                part.drain(index, at, out);
            }
        }
    }

    /// The message's place in the list.
    pub(super) fn place(&self) -> (i64, &str) {
        let created = if planted::is(Bug::MessagesById) {
            0
        } else {
            self.created
        };
        (if self.echo { i64::MAX } else { created }, &self.id)
    }
}
