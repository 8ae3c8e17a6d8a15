use super::Stamp;
use super::message::Message;
use super::messages::Messages;
use super::part::Part;
use crate::proto::change::Delivery;
use crate::proto::event::{Role, message_head, part_head};
use crate::proto::json::{Cursor, Str};
use crate::proto::planted::{self, Bug};

/// Own prompts: shown before the server has them, and known by their keys.
impl Messages {
    /// Shows an own prompt before the server has it. `info` and `parts` are in the server's shape.
    pub fn echo(&mut self, info: &str, parts: &[String]) {
        let Ok(head) = message_head(&mut Cursor::new(info.as_bytes())) else {
            return;
        };
        let mut message = Message::new(&head, head.id.to_text().into());
        message.echo = true;
        message.tell(&head, info.as_bytes());
        message.deliver(Delivery::Sending);
        let at = self.insert(message);
        for part in parts {
            if let Ok(head) = part_head(&mut Cursor::new(part.as_bytes())) {
                self.insert_part(at, Part::from_echo(&head, part.as_bytes()));
            }
        }
        self.mark(at);
    }

    /// Says how far the prompt shown under `key` got.
    pub fn deliver(&mut self, key: &str, delivery: Delivery) {
        if let Some(at) = self.by_key(key) {
            self.list[at].deliver(delivery);
            self.mark(at);
        }
    }

    /// The server stored the prompt shown under `key`.
    pub fn sent(&mut self, key: &str, stamp: Stamp) {
        if let Some(at) = self.by_key(key) {
            self.list[at].sent = stamp;
        }
        self.deliver(key, Delivery::Sent);
    }

    /// Says whether the prompt shown under `key`, which is stored, waits behind the answer to another one. `busy`: a turn runs.
    pub fn line_up(&mut self, key: &str, busy: bool) {
        let Some(at) = self.by_key(key) else { return };
        let prompt = &self.list[at];
        let delivery = if self.answer(&prompt.id).is_some() {
            Delivery::Sent
        } else if !busy {
            // Whether it is still to be answered shows when the session is settled.
            return;
        } else {
            let behind = self.list.iter().rev().find(|message| message.role == Role::Assistant);
            let behind = behind.is_some_and(|answer| match answer.error {
                // Its end takes the queue with it; what runs now may be the next turn of what was there before.
                Some(_) => prompt.delivery == Some(Delivery::Queued),
                None => answer.parent.is_some() && !answer.completed && !answer.given_up,
            });
            if behind { Delivery::Queued } else { Delivery::Sent }
        };
        self.deliver(key, delivery);
    }

    /// Whether the prompt shown under `key` waits behind the answer to another one.
    pub fn is_queued(&self, key: &str) -> bool {
        self.by_key(key)
            .is_some_and(|at| self.list[at].delivery == Some(Delivery::Queued))
    }

    /// Prompts that were called dropped, and have an answer after all, are not.
    pub fn redeem(&mut self) {
        for at in 0..self.list.len() {
            let message = &self.list[at];
            if message.delivery == Some(Delivery::Dropped) && self.answer(&message.id).is_some() {
                self.list[at].deliver(Delivery::Sent);
                self.mark(at);
            }
        }
    }

    /// Position of the newest answer that is later than the prompt shown under `key`, and did not fail; and whether it
    /// answers a later prompt. The server took the newest of several prompts, and read all of them.
    pub fn later_answer(&self, key: &str) -> Option<(usize, bool)> {
        let own = match self.by_key(key)? + 1 {
            _ if planted::is(Bug::AnyAnswer) => 0,
            own => own,
        };
        let later = self.list.get(own..)?;
        let at = later
            .iter()
            .rposition(|message| message.role == Role::Assistant && message.error.is_none())?;
        let asked = later[at].parent.as_deref();
        Some((own + at, later.iter().any(|message| asked == Some(&*message.id))))
    }

    /// Takes out own prompts that were stored before the newest page was asked for, and that it does not tell: they are
    /// on a page that is not loaded, or were removed.
    pub fn drop_untold(&mut self, asked: Stamp) {
        while let Some(at) = self.list.iter().position(|message| message.is_untold(asked)) {
            self.remove(at);
        }
    }

    /// Whether `drop_untold` would take anything out.
    pub fn has_untold(&self, asked: Stamp) -> bool {
        self.list.iter().any(|message| message.is_untold(asked))
    }

    /// The server's name for the prompt shown under `key`. What a broken event put under that name goes.
    pub fn adopt(&mut self, key: &str, id: Str<'_>) {
        let own = self.by_key(key);
        if let Some(other) = self.find(id).filter(|at| own.is_some_and(|own| own != *at)) {
            self.remove(other);
        }
        if let Some(at) = self.by_key(key) {
            self.list[at].id = id.to_text().into();
            self.list[at].adopted = true;
        }
    }

    /// Takes out the prompt shown under `key`, unless the server has it.
    pub fn discard(&mut self, key: &str) -> bool {
        match self.by_key(key).filter(|at| self.list[*at].echo) {
            Some(at) => {
                self.remove(at);
                true
            }
            None => false,
        }
    }

    /// Time and id of the message shown under `key`, once the server told it.
    pub fn told_place(&self, key: &str) -> Option<(i64, String)> {
        let message = &self.list[self.by_key(key)?];
        (!message.echo).then(|| (message.created, String::from(&*message.id)))
    }

    /// Whether the prompt shown under `key` has a name of the server's.
    pub fn is_adopted(&self, key: &str) -> bool {
        self.by_key(key).is_some_and(|at| self.list[at].adopted)
    }

    /// The server's id of the message shown under `key`.
    pub fn id_of(&self, key: &str) -> Option<&str> {
        self.by_key(key).map(|at| &*self.list[at].id)
    }

    /// Whether the message is an own prompt that the server has not told.
    pub fn is_echo(&self, id: Str<'_>) -> bool {
        self.named(&id.to_text()).is_some_and(|message| message.echo)
    }

    /// Whether the message is shown for an own prompt, under the prompt's key.
    pub fn is_own(&self, id: &str) -> bool {
        self.named(id)
            .is_some_and(|message| !message.echo && (message.adopted || message.delivery.is_some()))
    }

    pub(super) fn by_key(&self, key: &str) -> Option<usize> {
        self.list.iter().rposition(|message| *message.key == *key)
    }
}
