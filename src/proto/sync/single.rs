use super::context::{Context, What};
use super::missed::AGAIN_EVERY;
use super::session::Session;
use crate::proto::error::{Code, Error};
use crate::proto::event::{Envelope, Event, decode};
use crate::proto::json::Cursor;
use crate::proto::planted::{self, Bug};
use crate::proto::request::{encode, session_path};
use crate::proto::store::{Page, PageItem, Stamp};

/// Single messages, that events spoke of before they were known.
impl Session {
    /// Keeps an event whose message or part is not known, and fetches the message once.
    pub(super) fn park(&mut self, envelope: &Envelope<'_>, data: &[u8], context: &mut Context) {
        let id = match &envelope.event {
            Event::Delta { message, .. } | Event::PartRemoved { message, .. } => *message,
            Event::Part { head, .. } => head.message,
            _ => return,
        };
        let message = id.to_text();
        let shown = self.messages.has(&message);
        if matches!(message.as_str(), "" | "." | "..") || (!shown && self.messages.is_gone(id)) {
            // As a piece of a path it would name another one; or the server has it no more.
            return;
        }
        if self.parked.keep(&message, shown, data, context.limits.buffered) {
            return self.ask_parked(context);
        }
        // Only what this message tells is unsure; the history, which is fetched soon, is told that of all others.
        self.messages.unsure(id);
        self.parked.take(&message);
        if self.again_at.is_none() {
            let error = Error::new(Code::LimitReached, "Too many events of unknown messages.");
            context.warn_of(&error);
            self.fields.set_error(Some(error));
            self.again_at = Some(context.now.max(self.page_asked_at + AGAIN_EVERY));
        }
    }

    /// Fetches what waits for its turn, a few at a time.
    pub(super) fn ask_parked(&mut self, context: &mut Context) {
        while let Some(message) = self.parked.next() {
            self.get_one(&message, context);
        }
    }

    pub(super) fn get_one(&self, message: &str, context: &mut Context) {
        let asked = context.tick();
        let mut path = session_path(&self.id, "/message/");
        encode(message, &mut path);
        let message = String::from(message);
        self.get(context, What::One { message }, asked, path);
    }

    pub(super) fn one_answer(
        &mut self,
        message: &str,
        asked: Stamp,
        result: Result<&[u8], Error>,
        context: &mut Context,
    ) {
        self.take_one(message, asked, result, context);
        if self.is_live() {
            self.ask_parked(context);
        }
    }

    fn take_one(&mut self, message: &str, asked: Stamp, result: Result<&[u8], Error>, context: &mut Context) {
        if !self.is_live() || !self.parked.has(message) {
            return;
        }
        if self.messages.is_stale(asked) {
            return self.get_one(message, context);
        }
        let item = result.and_then(|body| {
            PageItem::read(&mut Cursor::new(body))
                .map_err(|_| Error::new(Code::BadResponse, "The message cannot be read."))
        });
        let item = match item {
            Ok(item) => item,
            Err(error) if error.code == Code::NotFound => return self.parked.take(message),
            // So it is in the history.
            Err(error) if error.code == Code::LimitReached => return self.parked.shun(message),
            // Nothing may tell of it again: the history is fetched, with the patience that it has.
            Err(_) => return self.begin(context),
        };
        if self.fields.has_older()
            && self.messages.is_before_all((item.head.created, message))
            && !self.messages.has(message)
        {
            // It belongs to a page that is not loaded.
            return self.parked.shun(message);
        }
        let mut page = Page {
            items: vec![item],
            bad: 0,
        };
        if self.screen(&mut page, true, context) > 0 {
            return self.parked.take(message);
        }
        self.messages.older(&page, asked);
        self.recall();
        self.confirm_named(context);
        self.apply_parked(message, context);
        self.parked.forget(message);
    }

    pub(super) fn apply_parked(&mut self, message: &str, context: &mut Context) {
        for data in self.parked.replay(message) {
            if !planted::is(Bug::DropParked)
                && let Ok(Some(envelope)) = decode(&data, &|_| true)
            {
                // Their ids were seen when they were parked.
                self.apply(&Envelope { id: None, ..envelope }, &data, context);
            }
        }
    }
}
