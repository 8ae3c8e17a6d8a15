use super::exchange::Kind;
use super::path::Path;
use super::render::{items, number, quoted, raw, text};
use super::shadow::Shadow;
use super::wire::{answer_with, api, get, is_good};
use super::{Answer, Server, Step, Translator};
use crate::proto::cursor::encode64;
use crate::proto::request::query;

#[derive(Debug)]
pub(super) struct PageLoad {
    session: String,
    limit: usize,
    newest: bool,
    /// What the last request asked for at most.
    asked: usize,
    /// Newest first.
    found: Vec<Vec<u8>>,
    /// The server's own place behind them.
    next: String,
    /// The messages are all there; what waits to be promoted is asked for.
    pub(super) whole: bool,
}

/// The servers' longest page.
const LONGEST: usize = 200;

/// Pages of a history: as long as the core asks for, beginning where it says.
impl Translator {
    pub(super) fn load(&mut self, session: String, limit: usize, before: &str) -> Step {
        let load = PageLoad {
            session,
            limit,
            newest: before.is_empty(),
            asked: 0,
            found: Vec::new(),
            next: place(before),
            whole: false,
        };
        self.more(load)
    }

    pub(super) fn more(&mut self, mut load: PageLoad) -> Step {
        load.asked = (load.limit + 1 - load.found.len().min(load.limit)).min(LONGEST);
        let mut path = api(&load.session, "/message");
        query(&mut path, "limit", &load.asked.to_string());
        if !load.next.is_empty() {
            query(&mut path, "cursor", &load.next);
        }
        self.begin(Kind::Page(load), [get(path)])
    }

    pub(super) fn page(&mut self, mut load: PageLoad, answer: &Answer) -> Step {
        let data = raw(&answer.body, "data").unwrap_or_default();
        let listed = self.server == Server::Second;
        if !load.whole {
            let found = items(data);
            let count = found.len();
            load.found.extend(found.into_iter().map(<[u8]>::to_vec));
            load.next = text(raw(&answer.body, "cursor").unwrap_or_default(), "next");
            if load.found.len() <= load.limit && count == load.asked && !load.next.is_empty() {
                return self.more(load);
            }
            load.whole = true;
            let seq = self.shadow(&load.session).and_then(|shadow| shadow.seq);
            let waiting = match seq {
                _ if !load.newest => None,
                _ if self.server == Server::Second => Some(api(&load.session, "/inbox")),
                // What came while nobody listened: the page tells all of it but prompts that still wait.
                Some(seq) if self.server == Server::First => Some(
                    [
                        &api(&load.session, "/history?limit=100&after="),
                        seq.to_string().as_str(),
                    ]
                    .concat(),
                ),
                _ => None,
            };
            if let Some(path) = waiting {
                return self.begin(Kind::Page(load), [get(path)]);
            }
        } else if is_good(answer)
            && let Some(shadow) = self.shadow(&load.session)
        {
            if listed {
                shadow.inbox(data);
            } else {
                missed(shadow, data);
            }
        }
        let PageLoad {
            session,
            limit,
            newest,
            mut found,
            next,
            ..
        } = load;
        let more = found.len() > limit;
        let own = found.last().is_some_and(|last| server_place(&text(last, "id")) == next);
        if own || next.is_empty() {
            found.truncate(limit);
        }
        found.reverse();
        let page: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
        self.adopt(&session);
        let told = self
            .shadow(&session)
            .map(|shadow| shadow.page(&page, newest))
            .unwrap_or_default();
        let cursor = if !more {
            String::new()
        } else if own {
            // The core reads such a cursor as it reads those of v1.
            let first = raw(told.as_bytes().get(1..).unwrap_or_default(), "info").map(<[u8]>::to_vec);
            let first = first.as_deref().or_else(|| page.first().copied()).unwrap_or_default();
            let created = raw(first, "time")
                .and_then(|time| number(time, "created"))
                .unwrap_or_default();
            crate::proto::cursor::cursor(&text(first, "id"), created)
        } else {
            next
        };
        let mut answer = answer_with(200, &told);
        answer.cursor = cursor;
        Step::Done(answer)
    }
}

/// Prompts that were taken while nobody listened, of a page of stored events.
pub(super) fn missed(shadow: &mut Shadow, events: &[u8]) {
    for stored in items(events) {
        let Ok(event) = super::event::Event::read(stored) else {
            continue;
        };
        shadow.seq = shadow.seq.max(event.seq);
        let data = event.data;
        let told = raw(data, "timestamp").and_then(super::time::millis).unwrap_or_default();
        let id = text(data, "messageID");
        if event.kind == b"session.next.prompt.admitted" {
            let _ = shadow.admit(&id, raw(data, "prompt").unwrap_or_default(), told);
        } else if event.kind == b"session.next.prompted" {
            let _ = shadow.promote(&id, raw(data, "prompt"), told);
        }
    }
}

pub(super) fn limit(path: &Path) -> usize {
    path.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100)
}

/// The server's cursor for what is older than a message.
pub(super) fn server_place(id: &str) -> String {
    encode64(
        ["{\"id\":", &quoted(id), ",\"order\":\"desc\",\"direction\":\"next\"}"]
            .concat()
            .as_bytes(),
    )
}

/// The same, from a cursor that the core was given.
pub(super) fn place(before: &str) -> String {
    let json = decode64(before).unwrap_or_default();
    let id = text(&json, "id");
    if id.is_empty() || raw(&json, "order").is_some() {
        return String::from(before);
    }
    server_place(&id)
}

pub(super) fn decode64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}
