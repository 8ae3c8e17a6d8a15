//! The upstream server: what it says, and what is true there.

use std::collections::BTreeMap;

use opencode_session::proto::rng::Rng;

#[derive(Default)]
pub(crate) struct Session {
    /// How often it was changed.
    pub(crate) changes: u64,
    /// The open parts and their deltas so far.
    open: Vec<(u64, u64)>,
}

pub(crate) struct Server {
    pub(crate) sessions: Vec<Session>,
    /// All parts: whether they ended.
    pub(crate) parts: BTreeMap<u64, bool>,
    events: u64,
    pub(crate) is_away: bool,
}

pub(crate) fn name(session: usize) -> String {
    format!("ses_{session:04}")
}

impl Server {
    pub(crate) fn new(sessions: usize) -> Self {
        Server {
            sessions: (0..sessions).map(|_| Session::default()).collect(),
            parts: BTreeMap::new(),
            events: 0,
            is_away: false,
        }
    }

    fn event(&mut self, kind: &str, properties: &str) -> String {
        self.events += 1;
        format!(
            r#"{{"id":"evt_{:08}","type":"{kind}","properties":{{{properties}}}}}"#,
            self.events
        )
    }

    /// Something happens in a session.
    pub(crate) fn step(&mut self, session: usize, rng: &mut Rng) -> String {
        let id = name(session);
        let open = &self.sessions[session].open;
        let at = rng.below(open.len() as u64) as usize;
        match (rng.below(12), open.get(at).copied()) {
            (0, _) => self.change(session),
            (1, _) if rng.below(4) == 0 => self.event("file.edited", r#""file":"a""#),
            (2, _) if rng.below(4) == 0 => self.event("ext.noted", &format!(r#""sessionID":"{id}","note":1"#)),
            (3, Some((part, count))) if rng.below(4) == 0 => {
                self.sessions[session].open.remove(at);
                self.parts.insert(part, true);
                self.part(session, part, count, true)
            }
            (4, Some((part, count))) if rng.below(4) == 0 => self.part(session, part, count, false),
            (kind, open) if open.is_none() || (kind == 5 && self.sessions[session].open.len() < 2) => {
                let part = self.parts.len() as u64;
                self.parts.insert(part, false);
                self.sessions[session].open.push((part, 0));
                self.part(session, part, 0, false)
            }
            (_, None) => self.change(session),
            (_, Some((part, count))) => {
                self.sessions[session].open[at].1 = count + 1;
                let properties = format!(
                    r#""sessionID":"{id}","messageID":"msg_{session}","partID":"prt_{part}","field":"text","delta":"{count},""#
                );
                self.event("message.part.delta", &properties)
            }
        }
    }

    /// An event that nothing makes needless.
    pub(crate) fn change(&mut self, session: usize) -> String {
        self.sessions[session].changes += 1;
        let (id, changes) = (name(session), self.sessions[session].changes);
        self.event(
            "session.updated",
            &format!(r#""sessionID":"{id}","info":{{"id":"{id}","version":"{changes}"}}"#),
        )
    }

    fn part(&mut self, session: usize, part: u64, count: u64, ended: bool) -> String {
        let text: String = (0..count).map(|token| format!("{token},")).collect();
        let end = if ended { r#","end":2"# } else { "" };
        let properties = format!(
            r#""sessionID":"{id}","part":{{"id":"prt_{part}","sessionID":"{id}","messageID":"msg_{session}","type":"text","text":"{text}","time":{{"start":1{end}}}}}"#,
            id = name(session)
        );
        self.event("message.part.updated", &properties)
    }

    /// It was killed: what was open stays so for ever, and is not in flight any more.
    pub(crate) fn crash(&mut self) {
        for session in &mut self.sessions {
            session.open.clear();
        }
    }
}
