use super::context::{Context, NOBODY, Reply, What};
use super::session::Session;
use crate::proto::cursor::cursor;
use crate::proto::error::{Code, Error};
use crate::proto::store::{Page, Stamp};

/// A load of older messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Older {
    /// Who waits.
    pub(super) token: u32,
    /// How many messages are asked for.
    pub(super) count: usize,
    /// How many times it was widened, to begin with a prompt.
    pub(super) widened: u8,
    /// The oldest message before it.
    pub(super) first: Option<String>,
}

/// The page of an answer.
pub(super) fn read_page(result: Result<&[u8], Error>) -> Result<Page<'_>, Error> {
    let page = Page::read(result?);
    page.map_err(|_| Error::new(Code::BadResponse, "The history is not a list of messages."))
}

/// A load that begins in the middle of a turn is widened by so many messages, then by twice as many each time.
const WIDER: usize = 10;
const MOST_WIDENED: u8 = 6;

/// Older messages. The list begins with a prompt wherever that can be had: answers whose prompt is further back go again,
/// and come with it.
impl Session {
    /// Loads up to `count` older messages (0: a page), or more to have a whole turn.
    pub fn load_older(&mut self, count: usize, token: u32, context: &mut Context) {
        if !self.fields.has_older() || self.older.is_some() {
            return self.reply_older(token, context);
        }
        if self.messages.len() >= context.limits.messages {
            return self.refuse_older(token, context);
        }
        let load = Older {
            token,
            count: if count == 0 { self.limit } else { count },
            widened: 0,
            first: self.messages.first().map(String::from),
        };
        self.ask_older(load, context);
    }

    pub(super) fn older_answer(
        &mut self,
        load: Older,
        asked: Stamp,
        cursor: &str,
        result: Result<&[u8], Error>,
        context: &mut Context,
    ) {
        let fits = self.older == Some(asked);
        let fewer = load.count > 1 && self.before.is_some();
        if let Err(error) = &result
            && (fits && fewer && (matches!(error.status, 400 | 500) || error.code == Code::Timeout))
        {
            // One message that the server cannot tell costs what a smaller page leaves out.
            let count = load.count / 2;
            return self.ask_older(Older { count, ..load }, context);
        }
        if fits {
            self.older = None;
        }
        match read_page(result) {
            Err(error) => context.reply(load.token, Err(error)),
            Ok(_) if context.offline => {
                context.reply(load.token, Err(Error::new(Code::Offline, "There is no network.")));
            }
            // What was removed since would come back, what the history under way does not tell yet would go, and a list
            // that began anew would have a hole: it is asked for again.
            Ok(_) if !fits || self.messages.is_stale(asked) || self.is_asked_since(asked) => {
                if self.fields.has_older() && self.older.is_none() {
                    return self.ask_older(load, context);
                }
                self.reply_older(load.token, context);
            }
            Ok(mut page) => {
                let count_told = page.items.len();
                // A server that knows no cursors, and is newly in the place of one that does, gives its newest page.
                let by_cursor = self.before.is_some() && !self.messages.shares(&page);
                self.note_cursor(&page, cursor);
                // One that is longer than it need be is the whole history.
                self.screen(&mut page, by_cursor || count_told >= load.count, context);
                self.messages.older(&page, asked);
                self.messages.note_paged(asked);
                self.recall();
                if self.messages.has_gaps() {
                    // A text that grows there was missed, too.
                    self.fields.set_kept(false);
                }
                self.confirm_named(context);
                self.parked.readmit(|message| self.messages.has(message));
                self.ask_parked(context);
                if self.turn.settled {
                    // Nothing grows: what is open there was left so by an earlier turn.
                    self.messages.abandon(&page, asked);
                }
                self.before = (!cursor.is_empty()).then(|| String::from(cursor));
                let more = self.before.is_some() || (!by_cursor && count_told >= load.count);
                self.fields.set_has_older(more);
                self.align(load, context);
                self.forget_recalled();
                self.look_behind(context);
            }
        }
    }

    /// Makes the list begin with a prompt, after its beginning changed; then whoever waits for the load is told.
    pub(super) fn align(&mut self, load: Older, context: &mut Context) {
        if self.fields.has_older() && self.messages.begins_amid() && self.older.is_none() {
            let room = self.messages.len() < context.limits.messages;
            if self.messages.trim(load.first.as_deref(), load.widened > 0) {
                self.begin_here();
            } else if let (false, Some(first)) = (room, &load.first) {
                // Not a part of a turn: it would stay.
                self.messages.drop_older(first);
                self.begin_here();
                return self.refuse_older(load.token, context);
            } else if room && load.widened < MOST_WIDENED {
                let wider = Older {
                    count: WIDER << load.widened,
                    widened: load.widened + 1,
                    ..load
                };
                return self.ask_older(wider, context);
            }
        }
        self.reply_older(load.token, context);
    }

    /// Drops the oldest messages of a list that is too long.
    pub(super) fn evict(&mut self, context: &Context) {
        if self.messages.evict(context.limits.messages) {
            self.fields.set_has_older(true);
            self.begin_here();
        }
    }

    /// When all that was loaded is hidden, what stands before it is loaded too.
    pub(super) fn look_behind(&mut self, context: &mut Context) {
        if self.cut.is_some() && self.messages.is_empty() && self.fields.has_older() {
            self.load_older(0, NOBODY, context);
        }
    }

    /// The page's cursor, if it has one, shows whether this server's are understood here.
    pub(super) fn note_cursor(&mut self, page: &Page<'_>, told: &str) {
        if let (Some(first), false) = (page.items.first(), told.is_empty()) {
            self.makes_cursors = cursor(&first.head.id.to_text(), first.head.created) == told;
        }
    }

    /// Older pages begin before what is the oldest message now.
    fn begin_here(&mut self) {
        let first = self.messages.first_place().filter(|_| self.makes_cursors);
        self.before = first.map(|(created, id)| cursor(id, created));
        self.older = None;
    }

    fn ask_older(&mut self, load: Older, context: &mut Context) {
        let asked = context.tick();
        self.older = Some(asked);
        // Servers before the `before` cursor give older messages only in a longer newest page.
        let longer = self.messages.len() + self.hidden() + load.count;
        let (count, path) = match &self.before {
            Some(before) => (load.count, self.page_path(load.count, Some(before))),
            None => (longer, self.page_path(longer, None)),
        };
        self.get(context, What::Older(Older { count, ..load }), asked, path);
    }

    fn refuse_older(&self, token: u32, context: &mut Context) {
        let message = "As many messages are loaded as are kept (limits.messages).";
        context.reply(token, Err(Error::new(Code::LimitReached, message)));
    }

    fn reply_older(&self, token: u32, context: &mut Context) {
        context.reply(token, Ok(Reply::More(self.fields.has_older())));
    }
}
