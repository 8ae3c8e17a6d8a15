//! A reader: believes what it is told, and knows what it should have been told.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::server::{Server, name};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// The next delta is this one.
    Next(u64),
    /// It ended, as the stream said.
    Ended,
    /// It ended, as the history says; what the stream tells of it is older.
    Past,
}

pub(crate) struct Client {
    pub(crate) user: usize,
    /// It does not come again.
    pub(crate) is_gone: bool,
    pub(crate) all: bool,
    pub(crate) only: Option<usize>,
    pub(crate) position: Option<String>,
    /// Where it reads now: instance, incarnation, reader.
    pub(crate) at: Option<(usize, u64, u32)>,
    pub(crate) asked_with: Option<String>,
    pub(crate) is_open: bool,
    pub(crate) is_live: bool,
    pub(crate) is_full: bool,
    pub(crate) full_told: bool,
    claims_whole: bool,
    /// When the machine said so.
    claimed: u64,
    /// All in flight was to be told, and nothing was missed since.
    is_whole: bool,
    /// The first part that began after the first stream, in runs without faults.
    pub(crate) first_part: Option<u64>,
    parts: BTreeMap<u64, Known>,
    changes: BTreeMap<usize, u64>,
}

/// What a run met, so that none of it is missing from all of them.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Met {
    pub(crate) kept: u64,
    pub(crate) lost: u64,
    pub(crate) holes: u64,
    pub(crate) joined_midway: u64,
    pub(crate) moved: u64,
    pub(crate) fenced: u64,
    pub(crate) alone: u64,
    pub(crate) takeovers: u64,
    pub(crate) slow: u64,
    pub(crate) refused: u64,
    pub(crate) deltas: u64,
}

impl Client {
    pub(crate) fn new(user: usize, all: bool, only: Option<usize>) -> Self {
        Client {
            user,
            is_gone: false,
            all,
            only,
            position: None,
            at: None,
            asked_with: None,
            is_open: false,
            is_live: false,
            is_full: false,
            full_told: false,
            claims_whole: false,
            claimed: 0,
            is_whole: false,
            first_part: None,
            parts: BTreeMap::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Another device of the same person.
    pub(crate) fn forget(&mut self) {
        self.position = None;
        self.is_whole = false;
        self.parts.clear();
        self.changes.clear();
    }

    pub(crate) fn last_change(&self, session: usize) -> Option<u64> {
        self.changes.get(&session).copied()
    }

    /// The history is fetched.
    fn fetch(&mut self, server: &Server) {
        self.parts = server
            .parts
            .iter()
            .filter(|(_, ended)| **ended)
            .map(|(part, _)| (*part, Known::Past))
            .collect();
        self.changes.clear();
    }

    /// Reads whole frames. Events are remembered by position in `book`: one position, one event.
    pub(crate) fn read(
        &mut self,
        text: &str,
        sent: u64,
        server: &Server,
        may: &dyn Fn(usize) -> bool,
        book: &mut BTreeMap<String, String>,
        met: &mut Met,
    ) -> Result<(), String> {
        for frame in text.split_terminator("\n\n") {
            let mut id = None;
            let mut data = None;
            for line in frame.lines() {
                if let Some(rest) = line.strip_prefix("id: ") {
                    id = Some(rest);
                } else if let Some(rest) = line.strip_prefix("data: ") {
                    data = Some(rest);
                } else if line != ": " {
                    return Err(format!("odd line {line:?}"));
                }
            }
            self.position = id.map(String::from).or(self.position.take());
            let Some(data) = data else { continue };
            let event: Value = serde_json::from_str(data).map_err(|error| format!("{error}: {data}"))?;
            // What was written later than the claim is not what was claimed.
            self.claims_whole &= kind_is_opening(&event) || sent == self.claimed;
            if kind_is_opening(&event) {
                self.claimed = sent;
            }
            self.event(&event, data, id.unwrap_or_default(), server, may, book, met)
                .map_err(|what| format!("{what}: {id:?} {data}"))?;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // all of a world that one event is judged by
    fn event(
        &mut self,
        event: &Value,
        data: &str,
        id: &str,
        server: &Server,
        may: &dyn Fn(usize) -> bool,
        book: &mut BTreeMap<String, String>,
        met: &mut Met,
    ) -> Result<(), String> {
        let properties = &event["properties"];
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "replay.opened" {
            if self.is_open {
                return Err(String::from("opened twice"));
            }
            self.is_open = true;
            let kept = properties["continuity"] == "kept";
            *(if kept { &mut met.kept } else { &mut met.lost }) += 1;
            let goes_on = kept && self.asked_with.is_some();
            self.claims_whole = kept && !goes_on;
            self.is_whole = kept && (self.is_whole || !goes_on);
            if !goes_on {
                self.fetch(server);
            }
            return Ok(());
        }
        if !self.is_open {
            return Err(String::from("told before it was opened"));
        }
        match kind {
            "replay.live" => {
                self.is_live = true;
                self.claims_whole = false;
                return Ok(());
            }
            "replay.hole" if properties["sessionID"].is_null() => {
                met.holes += 1;
                self.is_whole = false;
                self.fetch(server);
                return Ok(());
            }
            "file.edited" => {
                return if self.all {
                    Ok(())
                } else {
                    Err(String::from("not about a session"))
                };
            }
            _ => {}
        }
        let about = properties["sessionID"].as_str().unwrap_or_default();
        let session = (0..server.sessions.len())
            .find(|session| name(*session) == about)
            .ok_or("about no session")?;
        if !may(session) {
            return Err(String::from("not for this reader"));
        }
        if kind != "message.part.delta" {
            let told = book.entry(String::from(id)).or_insert_with(|| String::from(data));
            if told != data {
                return Err(format!("this position was another event: {told}"));
            }
        }
        match kind {
            "session.updated" => {
                let count: u64 = properties["info"]["version"]
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0);
                if let Some(last) = self.changes.insert(session, count)
                    && count != last + 1
                {
                    return Err(format!("change {count} came after {last}"));
                }
            }
            "message.part.updated" => {
                let part = number(&properties["part"]["id"]);
                let ended = !properties["part"]["time"]["end"].is_null();
                let text = properties["part"]["text"].as_str().unwrap_or_default();
                let count = text.split_terminator(',').count() as u64;
                match (self.parts.get(&part), ended) {
                    (Some(Known::Past), _) => {}
                    (Some(Known::Ended), _) => return Err(String::from("told after its end")),
                    (Some(Known::Next(next)), _) if count < *next => return Err(format!("shrinks from {next}")),
                    (_, true) => {
                        self.parts.insert(part, Known::Ended);
                    }
                    (_, false) => {
                        self.parts.insert(part, Known::Next(count));
                    }
                }
            }
            "message.part.delta" => {
                let part = number(&properties["partID"]);
                let text = properties["delta"].as_str().unwrap_or_default();
                let tokens: Vec<u64> = text
                    .split_terminator(',')
                    .filter_map(|token| token.parse().ok())
                    .collect();
                let (first, last) = (
                    tokens.first().copied().unwrap_or(0),
                    tokens.last().copied().unwrap_or(0),
                );
                if tokens.iter().zip(first..).any(|(token, at)| *token != at) {
                    return Err(String::from("a joined text has a hole"));
                }
                met.deltas += 1;
                match self.parts.get(&part) {
                    Some(Known::Next(next)) if *next == first => {
                        met.joined_midway += u64::from(self.claims_whole);
                        self.parts.insert(part, Known::Next(last + 1));
                    }
                    Some(Known::Next(next)) => return Err(format!("delta {first} came where {next} was to come")),
                    Some(Known::Ended) => return Err(String::from("a delta after the end")),
                    Some(Known::Past) => {}
                    None if self.claims_whole => {
                        return Err(String::from("called whole, and its beginning is missing"));
                    }
                    None if self.is_whole && first > 0 && self.first_part.is_some_and(|oldest| part >= oldest) => {
                        return Err(String::from("nothing was missed, and its beginning is missing"));
                    }
                    None => {}
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn number(id: &Value) -> u64 {
    let text = id.as_str().unwrap_or_default();
    text.split('_')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(u64::MAX)
}

fn kind_is_opening(event: &Value) -> bool {
    event["type"] == "replay.opened"
}
