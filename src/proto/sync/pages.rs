use super::context::{Context, NOBODY, Reply, What};
use super::session::Session;
use crate::proto::error::{Code, Error};
use crate::proto::event::{Envelope, Event, decode};
use crate::proto::json::Cursor;
use crate::proto::planted::{self, Bug};
use crate::proto::request::{encode, session_path};
use crate::proto::store::{Page, PageItem, Stamp};

/// A list that begins in the middle of a turn is widened by so many messages, then by twice as many each time.
const WIDER: usize = 10;
const MOST_WIDENED: u8 = 6;

/// History beside the snapshot: older pages, and single messages that events spoke of before they were known.
impl Session {
    /// Loads `count` older messages (0: a page), and more until the list begins with a prompt.
    pub fn load_older(&mut self, count: usize, token: u32, context: &mut Context) {
        if !self.fields.has_older() || self.older.is_some() {
            return context.reply(token, Ok(Reply::More(self.fields.has_older())));
        }
        if self.messages.len() >= context.limits.messages {
            let message = "As many messages are loaded as are kept (limits.messages).";
            return context.reply(token, Err(Error::new(Code::LimitReached, message)));
        }
        let count = if count == 0 { self.limit } else { count };
        self.ask_older((token, count, 0), context);
    }

    /// A list that begins in the middle of a turn is widened until that turn is whole.
    pub(super) fn widen(&mut self, token: u32, widened: u8, context: &mut Context) {
        let room = self.messages.len() < context.limits.messages;
        if room
            && self.older.is_none()
            && widened < MOST_WIDENED
            && self.fields.has_older()
            && self.messages.begins_amid()
        {
            return self.ask_older((token, WIDER << widened, widened + 1), context);
        }
        context.reply(token, Ok(Reply::More(self.fields.has_older())));
    }

    /// Drops the oldest messages of a list that is too long.
    pub(super) fn evict(&mut self, context: &Context) {
        if self.messages.evict(context.limits.messages) {
            self.fields.set_has_older(true);
            self.before = None;
            self.older = None;
        }
    }

    fn ask_older(&mut self, (token, count, widened): (u32, usize, u8), context: &mut Context) {
        let asked = context.tick();
        self.older = Some(asked);
        // Servers before the `before` cursor give older messages only in a longer newest page.
        let (count, path) = match &self.before {
            Some(before) => (count, self.page_path(count, Some(before))),
            None => {
                let count = self.messages.len() + self.hidden() + count;
                (count, self.page_path(count, None))
            }
        };
        self.get(context, What::Older { token, count, widened }, asked, path);
    }

    /// When all that was loaded is hidden, what stands before it is loaded too.
    pub(super) fn look_behind(&mut self, context: &mut Context) {
        if self.cut.is_some() && self.messages.is_empty() && self.fields.has_older() {
            self.load_older(0, NOBODY, context);
        }
    }

    /// Keeps an event whose message or part is not known, and fetches the message once.
    pub(super) fn park(&mut self, envelope: &Envelope<'_>, data: &[u8], context: &mut Context) {
        let message = match &envelope.event {
            Event::Delta { message, .. } | Event::PartRemoved { message, .. } => message.to_text(),
            Event::Part { head, .. } => head.message.to_text(),
            _ => return,
        };
        let shown = self.messages.has(&message);
        match self.parked.keep(&message, shown, data, context.limits.buffered) {
            Some(true) => self.get_one(&message, context),
            Some(false) => {}
            None => {
                context.warn(
                    "limit_reached",
                    "Too many events of unknown messages; the history is fetched again.",
                );
                self.interrupt();
                self.begin(context);
            }
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
        let mut page = Page { items: vec![item] };
        if self.hide_page(&mut page, false) > 0 {
            return self.parked.take(message);
        }
        self.adopt_page(&mut page, context);
        self.messages.older(&page, asked);
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

    pub(super) fn older_answer(
        &mut self,
        (token, count, widened): (u32, usize, u8),
        asked: Stamp,
        cursor: &str,
        result: Result<&[u8], Error>,
        context: &mut Context,
    ) {
        let fits = self.older == Some(asked);
        if fits {
            self.older = None;
        }
        let page = result.and_then(|body| {
            let page = Page::read(body);
            page.map_err(|_| Error::new(Code::BadResponse, "The history is not a list of messages."))
        });
        match page {
            Err(error) => context.reply(token, Err(error)),
            Ok(_) if context.offline => context.reply(token, Err(Error::new(Code::Offline, "There is no network."))),
            // What was removed since would come back, what the history under way does not tell yet would go, and a list
            // that began anew would have a hole: it is asked for again.
            Ok(_) if !fits || self.messages.is_stale(asked) || self.is_asked_since(asked) => {
                if !self.fields.has_older() || self.older.is_some() {
                    return context.reply(token, Ok(Reply::More(self.fields.has_older())));
                }
                self.ask_older((token, count, widened), context);
            }
            Ok(mut page) => {
                let count_told = page.items.len();
                self.adopt_page(&mut page, context);
                self.hide_page(&mut page, false);
                self.messages.older(&page, asked);
                self.confirm_named(context);
                for message in self.parked.readmit(|message| self.messages.has(message)) {
                    self.get_one(&message, context);
                }
                if self.turn.settled {
                    // Nothing grows: what is open there was left so by an earlier turn.
                    self.messages.abandon(&page, asked);
                }
                let by_cursor = self.before.is_some();
                self.before = (!cursor.is_empty()).then(|| String::from(cursor));
                let more = self.before.is_some() || (!by_cursor && count_told >= count);
                self.fields.set_has_older(more);
                self.widen(token, widened, context);
                self.look_behind(context);
            }
        }
    }
}
