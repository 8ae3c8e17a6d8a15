use super::Client;
use crate::proto::event::{Envelope, Event};
use crate::proto::store::Telling;
use crate::proto::sync::{Heard, Output};

/// What happens to sessions that need not be open, told for lists of them.
impl Client {
    /// Whether `Output::Heard` tells what happens to all sessions. Then there is a stream, also while no session is open.
    pub fn lookout(&mut self, on: bool, now: u64) {
        self.context.now = self.context.now.max(now);
        let idle = self.sessions.is_empty() && !self.lookout;
        self.lookout = on;
        if !on {
            return self.rest();
        }
        if idle {
            self.start();
        }
        self.hear(Heard::Connection, "", self.link.to_json().as_bytes());
        if self.link.phase().is_connected() {
            self.again();
        }
        self.after();
    }

    pub(super) fn hear(&mut self, kind: Heard, id: &str, raw: &[u8]) {
        if self.lookout {
            self.context.outputs.push_back(Output::Heard {
                kind,
                id: String::from(id),
                raw: raw.to_vec(),
            });
        }
    }

    /// Lists are asked for anew, in the directory's own name. While that is asked for, its answer does this.
    pub(super) fn again(&mut self) {
        if !self.directory_asked && self.context.telling != Telling::Again {
            let directory = self.context.directory.clone().unwrap_or_default();
            self.hear(Heard::Again, &directory, &[]);
        }
    }

    /// Old events that are told again are older than any list.
    pub(super) fn hear_event(&mut self, envelope: &Envelope<'_>) {
        if !self.lookout || self.context.telling == Telling::Again {
            return;
        }
        let (kind, raw) = match envelope.event {
            Event::Session { raw } => (Heard::Told, raw),
            Event::SessionDeleted => (Heard::Gone, &[][..]),
            Event::Status { raw } => (Heard::Status, raw),
            Event::PermissionAsked { raw, .. } | Event::QuestionAsked { raw, .. } => (Heard::Asked, raw),
            Event::PermissionReplied { id } | Event::QuestionDone { id } => {
                return self.hear(Heard::Answered, &id.to_text(), &[]);
            }
            _ => return,
        };
        self.hear(kind, &envelope.session.to_text(), raw);
    }
}
