use super::context::Context;
use super::restored::is_later;
use super::session::Session;
use super::turn::{CHECK_AGAIN, MAX_POSTS};
use crate::proto::bytes::contains;
use crate::proto::command::{Prompt, Stage};
use crate::proto::error::{Code, Error};
use crate::proto::event::{MessageHead, Role, message_head};
use crate::proto::json::Cursor;
use crate::proto::planted::{self, Bug};
use crate::proto::store::{Page, PageItem, Stamp};

/// A prompt that the server may have was looked for long enough after so many looks at its history, a second or more
/// apart. They are counted, not timed: a clock that jumps, or a machine that sleeps, is no wait.
pub(super) const MAX_MISSES: u8 = 10;

/// How own prompts are recognised when the server tells them: by their id where ids are made here, by their text where
/// the server makes them.
impl Session {
    pub(super) fn message_event(&mut self, head: &MessageHead<'_>, raw: &[u8], stamp: Stamp, context: &mut Context) {
        context.clock.see(head.created);
        let id = head.id.to_text();
        if self.fields.has_older() && self.messages.is_before_all((head.created, &id)) && !self.messages.has(&id) {
            // It belongs to a page that is not loaded.
            return self.answered_behind(head.parent);
        }
        if self.is_hidden(head.created, head.id) {
            return;
        }
        let user = head.role == Role::User;
        // An own prompt under the server's name cannot be told from another client's before its text comes.
        if user && self.awaits_name() && !self.messages.has(&id) {
            self.held.retain(|held| !is_message(held, head.id.raw()));
            self.held.push(raw.to_vec());
            return;
        }
        self.messages.message(head, raw, stamp);
        if user {
            self.prompt_echoed(&id, context);
        }
        self.line_up();
    }

    /// The first part of a held message tells whose it is.
    pub(super) fn release(&mut self, message: &[u8], text: Option<String>, stamp: Stamp, context: &mut Context) {
        let Some(at) = self.held.iter().position(|held| is_message(held, message)) else {
            return;
        };
        if text.is_none() && self.expecting(None, None).is_none() {
            // A file first: the text that tells whose it is follows.
            return;
        }
        let raw = self.held.remove(at);
        let Ok(head) = message_head(&mut Cursor::new(&raw)) else {
            return;
        };
        if let Some(key) = self.expecting(text.as_deref(), Some((head.created, head.id.raw()))) {
            self.messages.adopt(&key, head.id);
        }
        let id = head.id.to_text();
        self.messages.message(&head, &raw, stamp);
        self.prompt_echoed(&id, context);
        self.line_up();
    }

    /// Own prompts in a page, under the server's names.
    pub(super) fn adopt_page(&mut self, page: &mut Page<'_>, more: bool, context: &mut Context) {
        if self.outbox.prompts.is_empty() {
            return;
        }
        if self.awaits_name() {
            // Without its text, an own prompt cannot be told from another client's: it waits for its first part.
            let texts = |item: &PageItem<'_>| item.parts.iter().any(|(head, _)| head.text.is_some());
            let plain = self.expecting(None, None).is_some();
            let told = |item: &PageItem<'_>| texts(item) || plain || self.messages.has(&item.head.id.to_text());
            let open = |item: &PageItem<'_>| {
                // What is older than all that was known when it was posted is not it, unless this is the whole history:
                // then the server's clock may have gone back.
                let place = (item.head.created, &*item.head.id.to_text());
                let mut prompts = self.outbox.prompts.iter();
                !(more && self.messages.is_before_all(place))
                    && prompts.any(|prompt| self.is_unnamed(prompt) && may_be(prompt, item.place()))
            };
            let before = page.items.len();
            page.items
                .retain(|item| item.head.role != Role::User || told(item) || !open(item));
            self.withheld |= page.items.len() < before;
        }
        let prompts = || page.items.iter().filter(|item| item.head.role == Role::User);
        for item in prompts() {
            if self.messages.has(&item.head.id.to_text()) {
                if let Some(key) = self.claim(item, context).filter(|key| !item.head.id.is(key)) {
                    // Restored late, over a list that shows it already. Under its own name it stays: this page may not
                    // be the one that is shown.
                    self.messages.discard(&key);
                }
                continue;
            }
            let place = Some((item.head.created, item.head.id.raw()));
            if self.awaits_name()
                && let Some(key) = self.expecting(item.first_text().as_deref(), place)
            {
                self.messages.adopt(&key, item.head.id);
            }
        }
        // What says just the same goes first.
        for item in prompts() {
            if let Some(key) = self.rewritten(item) {
                self.messages.adopt(&key, item.head.id);
            }
        }
    }

    /// An own prompt that a plugin of the server has put more text around, or another part before: the first that was
    /// taken and whose text this newer message holds.
    fn rewritten(&self, item: &PageItem<'_>) -> Option<String> {
        if self.messages.is_own(&item.head.id.to_text()) {
            return None;
        }
        let holds = |text: &str| {
            let mut texts = item.parts.iter().filter_map(|(head, _)| head.text);
            !text.trim_ascii().is_empty()
                && texts.any(|told| contains(told.to_text().as_bytes(), text.trim_ascii().as_bytes()))
        };
        let mut prompts = self.outbox.prompts.iter();
        let found = prompts.find(|prompt| {
            prompt.stage == Stage::Accepted
                && self.is_unnamed(prompt)
                && !self.messages.is_adopted(&prompt.key)
                && is_later(item.place(), prompt)
                && prompt.draft.text.as_deref().is_some_and(holds)
        });
        found.map(|prompt| prompt.key.clone())
    }

    /// The server told a user message: if it is an own prompt, it is stored.
    pub(super) fn prompt_echoed(&mut self, id: &str, context: &mut Context) {
        let named = |prompt: &&Prompt| self.messages.id_of(&prompt.key) == Some(id);
        let key = self.outbox.prompts.iter().find(named).map(|prompt| prompt.key.clone());
        if let Some(key) = key {
            self.stored(&key, context);
        }
    }

    /// Whether a posted prompt waits for the server to name it.
    pub(super) fn awaits_name(&self) -> bool {
        self.outbox.prompts.iter().any(|prompt| self.is_unnamed(prompt))
    }

    /// The oldest posted prompt with this text that the server has not named, for a message of this time and id.
    pub(super) fn expecting(&self, text: Option<&str>, place: Option<(i64, &[u8])>) -> Option<String> {
        if planted::is(Bug::NeverAdopt) {
            return None;
        }
        // Two of them may say the same in one page.
        let open =
            |prompt: &&Prompt| self.is_unnamed(prompt) && (place.is_none() || !self.messages.is_adopted(&prompt.key));
        let mut unnamed = self.outbox.prompts.iter().filter(open);
        unnamed
            .find(|prompt| prompt.draft.text.as_deref() == text && place.is_none_or(|place| may_be(prompt, place)))
            .map(|prompt| prompt.key.clone())
    }

    /// Prompts that a page named are stored.
    pub(super) fn confirm_named(&mut self, context: &mut Context) {
        if planted::is(Bug::ForgetEcho) {
            return;
        }
        let prompts = self.outbox.prompts.iter().filter(|prompt| self.is_stored(&prompt.key));
        let keys: Vec<String> = prompts.map(|prompt| prompt.key.clone()).collect();
        for key in keys {
            self.stored(&key, context);
        }
        self.line_up();
    }

    /// The history was seen, and maybe far enough: prompts that it does not tell are posted again, or given up.
    pub(super) fn clear_up(&mut self, context: &mut Context) {
        let asked_at = self.page_asked_at;
        let mut next = 0;
        while let Some(prompt) = self.outbox.prompts.get(next) {
            next += 1;
            if !prompt.looked || !self.is_untold(prompt) {
                continue;
            }
            let prompt = &mut self.outbox.prompts[next - 1];
            // A page that was asked for earlier proves nothing.
            if asked_at >= prompt.since + CHECK_AGAIN {
                prompt.since = asked_at;
                prompt.misses += 1;
            }
            let unclear = prompt.stage == Stage::Unclear;
            let own = prompt.names_itself || planted::is(Bug::ResendBlindly);
            // Under a name of its own a prompt is stored once, however often it is posted. Any other was looked for long
            // enough before.
            let enough = if unclear && own { prompt.looks } else { MAX_MISSES };
            if (unclear || own) && prompt.misses >= enough && prompt.tries < MAX_POSTS {
                prompt.stage = Stage::Queued;
                context.warn("prompt_again", "A prompt is sent again.");
            } else if prompt.misses >= MAX_MISSES {
                let key = prompt.key.clone();
                next -= 1;
                let error = Error::new(Code::NotStored, "The server does not show the prompt.");
                self.refuse(&key, &error, context);
            }
        }
    }

    /// Whether the server may have the prompt under a name that is not known.
    pub(super) fn is_unnamed(&self, prompt: &Prompt) -> bool {
        !prompt.names_itself
            && !matches!(prompt.stage, Stage::Queued | Stage::Stored(_))
            && !self.is_stored(&prompt.key)
    }

    /// Whether the server took the prompt, or may have taken it, and is to show it.
    pub(super) fn is_untold(&self, prompt: &Prompt) -> bool {
        matches!(prompt.stage, Stage::Accepted | Stage::Unclear) && !self.is_stored(&prompt.key)
    }

    pub(super) fn is_stored(&self, key: &str) -> bool {
        self.messages.id_of(key).is_some_and(|id| self.messages.knows(id))
    }
}

/// Whether a message of this time and id may be the prompt. Those of this page are told from older ones by being new.
fn may_be(prompt: &Prompt, place: (i64, &[u8])) -> bool {
    !prompt.restored || is_later(place, prompt)
}

/// Whether `info` is of the message `id`.
fn is_message(info: &[u8], id: &[u8]) -> bool {
    message_head(&mut Cursor::new(info)).is_ok_and(|head| head.id.raw() == id)
}
