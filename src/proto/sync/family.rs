use super::context::{Context, Purpose};
use super::session::with_directory;
use crate::proto::error::{Code, Error};
use crate::proto::json::{Cursor, Str, field, text_field};
use crate::proto::request::session_path;

/// Which session runs inside which: sub-agents have sessions of their own, whose requests a person answers in the one
/// they look at.
#[derive(Debug, Default)]
pub struct Family {
    /// Child and parent, by child; the parent is empty where there is none. The newer half, and the one before it.
    links: [Vec<Link>; 2],
    /// Sessions whose parent was asked for.
    asked: Vec<Box<str>>,
    /// Events of sessions whose place is not known yet.
    strays: Vec<Vec<u8>>,
}

type Link = (Box<str>, Box<str>);

/// Sessions remembered; the older half is forgotten and asked for again.
const MAX_LINKS: usize = 1_000;
const MAX_STRAYS: usize = 100;
/// A chain longer than this is a circle.
const MAX_DEPTH: usize = 32;

impl Family {
    /// Reads a session's `id` and `parentID`.
    pub fn learn(&mut self, session: &[u8]) {
        if let Some(id) = text_field(session, "id") {
            let parent = text_field(session, "parentID").unwrap_or_default();
            self.link(&id.to_text(), &parent.to_text());
        }
    }

    /// The sessions that `id` runs inside, the nearest first, and whether these are all.
    pub fn above(&self, id: &str) -> (Vec<String>, bool) {
        let mut above: Vec<String> = Vec::new();
        while above.len() < MAX_DEPTH {
            match self.parent(above.last().map_or(id, String::as_str)) {
                Some("") => break,
                Some(parent) => above.push(parent.into()),
                None => return (above, false),
            }
        }
        (above, true)
    }

    /// A request was answered: it waits for nothing any more.
    pub fn answered(&mut self, request: Str<'_>) {
        self.strays.retain(|event| {
            let asked = field(event, "properties").and_then(|asked| text_field(asked, "id"));
            asked.is_none_or(|id| id.raw() != request.raw())
        });
    }

    /// A session is idle or gone: what it asked is over.
    pub fn over(&mut self, session: Str<'_>) {
        self.strays.retain(|event| {
            let owner = field(event, "properties").and_then(|asked| text_field(asked, "sessionID"));
            owner.is_none_or(|owner| owner.raw() != session.raw())
        });
    }

    fn link(&mut self, id: &str, parent: &str) {
        self.asked.retain(|asked| **asked != *id);
        let [newer, older] = &mut self.links;
        match place(newer, id) {
            Ok(at) => newer[at].1 = parent.into(),
            Err(at) => {
                newer.insert(at, (id.into(), parent.into()));
                if newer.len() >= MAX_LINKS / 2 {
                    *older = std::mem::take(newer);
                }
            }
        }
    }

    fn parent(&self, id: &str) -> Option<&str> {
        self.links
            .iter()
            .find_map(|half| place(half, id).ok().map(|at| &*half[at].1))
    }

    /// The first of the chain above `id` whose parent is not known.
    fn unknown<'a>(&'a self, mut id: &'a str) -> &'a str {
        for _ in 0..MAX_DEPTH {
            match self.parent(id) {
                Some(parent) if !parent.is_empty() => id = parent,
                _ => break,
            }
        }
        id
    }
}

/// Where the link of a child is, or belongs.
fn place(links: &[Link], child: &str) -> Result<usize, usize> {
    links.binary_search_by(|(known, _)| (**known).cmp(child))
}

impl Context {
    /// Keeps an event of a session whose place is not known, and asks for that once.
    pub fn stray(&mut self, session: &str, data: &[u8]) {
        if self.family.strays.len() >= MAX_STRAYS {
            return self.warn("limit_reached", "Too many requests of unknown sessions.");
        }
        self.family.strays.push(data.to_vec());
        let id = String::from(self.family.unknown(session));
        if self.family.asked.iter().any(|asked| **asked == *id) {
            return;
        }
        self.family.asked.push(id.as_str().into());
        let path = with_directory(&session_path(&id, ""), self.directory.as_deref());
        self.request(Purpose::Kin { session: id }, "GET", path, None);
    }

    /// Items of a list of requests that are of sessions whose place is not known, as the events that told them.
    pub fn stray_requests(&mut self, kind: &str, list: &[u8], root: &str) {
        let mut strays = Vec::new();
        let _ = Cursor::new(list).array(&mut |item| {
            let raw = item.raw()?;
            let owner = text_field(raw, "sessionID").unwrap_or_default().to_text();
            let (above, known) = self.family.above(&owner);
            if !owner.is_empty() && owner != root && !known && !above.iter().any(|id| id == root) {
                let event = [b"{\"type\":\"", kind.as_bytes(), b"\",\"properties\":", raw, b"}"].concat();
                strays.push((owner, event));
            }
            Ok(())
        });
        for (owner, event) in strays {
            self.stray(&owner, &event);
        }
    }

    /// The parent of a session was told, or cannot be had. Gives the events that waited for it, if they may have a place.
    pub fn kin_answer(&mut self, session: &str, result: Result<&[u8], Error>) -> Vec<Vec<u8>> {
        match result {
            Ok(raw) => self.family.learn(raw),
            Err(error) if error.code == Code::NotFound => self.family.link(session, ""),
            Err(_) => {
                // The next event or list of it asks again.
                self.family.asked.retain(|asked| **asked != *session);
                return Vec::new();
            }
        }
        std::mem::take(&mut self.family.strays)
    }
}
