use super::context::Context;
use super::session::Session;
use crate::proto::command::is_made_since;
use crate::proto::json::{Str, field, text_field};
use crate::proto::planted::{self, Bug};
use crate::proto::store::Page;

/// From here on the history is taken back (`session.revert`): hidden until it is put back, or deleted by the next prompt.
#[derive(Debug)]
pub(super) struct Cut {
    message: String,
    /// The message keeps the parts before this one.
    part: Option<String>,
    /// When the message was made, once that is known.
    created: Option<i64>,
    /// The whole history was seen without it.
    gone: bool,
    /// How many messages are hidden, as far as is known.
    hides: usize,
}

impl Session {
    /// An event told the session itself. A stream that is late tells of cuts that have ended: what the history was told
    /// since would vanish. So another cut than the known one is asked for, not believed.
    pub(super) fn session_heard(&mut self, raw: &[u8], context: &mut Context) {
        if self.cuts_otherwise(raw) {
            self.fields.set_session(raw);
            // Once for all kept events that are replayed.
            if self.is_live() {
                self.begin(context);
            }
            return;
        }
        self.session_told(raw, context);
    }

    /// The server told the session itself.
    pub(super) fn session_told(&mut self, raw: &[u8], context: &mut Context) {
        let ended = self.recut(raw);
        let found = self
            .cut
            .as_ref()
            .is_none_or(|cut| self.messages.created(&cut.message).is_some());
        if ended || !found {
            // What was hidden may be back, or gone for good; and only the history tells where an unknown message stands.
            return self.begin(context);
        }
        self.hide(false);
    }

    /// The answer of a call tells the session itself. What the history is asked for later is newer, unless it is asked for because
    /// an event told this cut before.
    pub fn told_itself(&mut self, raw: &[u8], context: &mut Context) {
        if self.is_live() || field(self.fields.session(), "revert") == field(raw, "revert") {
            self.session_told(raw, context);
        }
    }

    /// Takes the cut from the session. Gives whether another one, which hid something, has ended.
    pub(super) fn recut(&mut self, raw: &[u8]) -> bool {
        self.fields.set_session(raw);
        if !self.cuts_otherwise(raw) {
            return false;
        }
        let hid = self.cut.take().is_some_and(|cut| cut.hides > 0);
        self.cut = read(raw).map(|(message, part)| Cut {
            // A page that is newer may not have it any more.
            created: self.messages.created(&message),
            message,
            part,
            gone: false,
            hides: 0,
        });
        hid
    }

    /// Whether the session tells another cut than the one that is known.
    pub(super) fn cuts_otherwise(&self, raw: &[u8]) -> bool {
        let known = self.cut.as_ref().map(|cut| (&cut.message, &cut.part));
        read(raw).as_ref().map(|(message, part)| (message, part)) != known
    }

    /// Takes what is hidden out of the list. `all`: a cut that is not found is further back than what is loaded.
    pub(super) fn hide(&mut self, all: bool) {
        let Some(cut) = &mut self.cut else { return };
        cut.created = cut.created.or_else(|| self.messages.created(&cut.message));
        if cut.created.is_none() && !all {
            return;
        }
        // A prompt is stored behind a cut only when that has ended.
        let prompts = &self.outbox.prompts;
        let own = |key: &str| prompts.iter().any(|prompt| prompt.key == key);
        let stays = |key: &str, (created, id): (i64, &str)| !cut.covers(created, id.as_bytes()) || own(key);
        let texts = self.messages.open_texts();
        let gone = self.messages.cut((&cut.message, cut.part.as_deref()), &stays);
        cut.hides = cut.hides.max(gone);
        if gone > 0 {
            // What is put back may have been lost by the server.
            self.recalled.extend(texts);
            self.forget_recalled();
        }
    }

    /// How many messages are hidden, as far as is known.
    pub(super) fn hidden(&self) -> usize {
        self.cut.as_ref().map_or(0, |cut| cut.hides)
    }

    /// A prompt was stored: what was hidden is deleted.
    pub(super) fn end_cut(&mut self, context: &mut Context) {
        if self.cut.take().is_some() {
            self.begin(context);
        }
    }

    /// Whether messages may be missing between what is shown and the page, of which so many were hidden.
    pub(super) fn is_apart(&mut self, page: &Page<'_>, hidden: usize) -> bool {
        !self.messages.shares(page) && (hidden == 0 || !page.items.is_empty())
    }

    /// Names own prompts in a page, and takes what is hidden out of it. `more`: there are older messages. Gives how many
    /// messages were hidden.
    pub(super) fn screen(&mut self, page: &mut Page<'_>, more: bool, context: &mut Context) -> usize {
        if let Some(cut) = &mut self.cut {
            // It may be one that waits for its first part.
            match page.items.iter().find(|item| item.head.id.is(&cut.message)) {
                Some(item) => cut.created = Some(item.head.created),
                None => cut.gone |= !more,
            }
        }
        self.adopt_page(page, more, context);
        let Some(cut) = self.cut.as_mut().filter(|_| !planted::is(Bug::KeepTakenBack)) else {
            return 0;
        };
        let before = page.items.len();
        page.items.retain_mut(|item| {
            if item.head.id.is(&cut.message)
                && let Some(part) = &cut.part
            {
                item.parts.retain(|(head, _)| head.id.raw() < part.as_bytes());
                // Not to be handed out in one piece.
                item.raw = &[];
                cut.hides = cut.hides.max(1);
                return true;
            }
            // An own prompt is to be seen once, to know that it was stored.
            !cut.covers(item.head.created, item.head.id.raw()) || self.messages.is_echo(item.head.id)
        });
        let hidden = before - page.items.len();
        cut.hides = cut.hides.max(hidden);
        hidden
    }

    /// Whether a message is hidden.
    pub(super) fn is_hidden(&mut self, created: i64, id: Str<'_>) -> bool {
        let Some(cut) = &mut self.cut else { return false };
        let hidden = cut.covers(created, id.raw()) && !(id.is(&cut.message) && cut.part.is_some());
        cut.hides = cut.hides.max(usize::from(hidden));
        hidden
    }

    /// Whether a part is hidden, of a message that is not.
    pub(super) fn is_part_hidden(&mut self, message: Str<'_>, id: Str<'_>) -> bool {
        let Some(cut) = &mut self.cut else { return false };
        let hidden = message.is(&cut.message) && cut.part.as_ref().is_some_and(|part| id.raw() >= part.as_bytes());
        cut.hides = cut.hides.max(usize::from(hidden));
        hidden
    }
}

impl Cut {
    /// Whether a message stands at the cut or behind it. One that is not loaded is further back than all that is; of one
    /// that is gone the ids tell: they grow, but for a wrap.
    fn covers(&self, created: i64, id: &[u8]) -> bool {
        let cut = self.message.as_bytes();
        match self.created {
            Some(at) => (created, id) >= (at, cut),
            None => !self.gone || is_made_since(id, cut),
        }
    }
}

/// Message and part of `revert`.
fn read(session: &[u8]) -> Option<(String, Option<String>)> {
    let revert = field(session, "revert")?;
    let message = text_field(revert, "messageID")?.to_text();
    Some((message, text_field(revert, "partID").map(|part| part.to_text())))
}
