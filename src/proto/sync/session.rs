use super::context::{Context, Purpose, Reply, What};
use super::fields::{Fields, Status};
use super::parked::Parked;
use super::snapshot::Snapshot;
use super::turn::Turn;
use crate::proto::change::{Change, Field};
use crate::proto::command::Outbox;
use crate::proto::error::{Code, Error};
use crate::proto::event::{Envelope, Event, MessageHead, Role, decode, message_head, session_directory};
use crate::proto::json::Cursor;
use crate::proto::request::{encode, query, session_path};
use crate::proto::store::{Messages, Page, PageItem, Placed, Seen, Stamp};

/// One session: its snapshot, its events, its prompts, and what of it changed.
///
/// The owner calls, in this order: [`begin`](Session::begin) when the stream is connected; [`event`](Session::event)
/// and [`answer`](Session::answer) as they come; [`timeout`](Session::timeout) at [`deadline`](Session::deadline);
/// [`drain`](Session::drain) once per frame.
#[derive(Debug)]
pub struct Session {
    /// The server's name for it.
    pub id: String,
    pub(super) handle: u32,
    limit: usize,
    pub(super) messages: Messages,
    pub(super) fields: Fields,
    seen: Seen,
    phase: Phase,
    parked: Parked,
    pub(super) outbox: Outbox,
    pub(super) turn: Turn,
    /// A user message that may be an own prompt under the server's name; it waits for its first part.
    held: Vec<Vec<u8>>,
    before: Option<String>,
    older: Option<Stamp>,
    /// When an event last told the status.
    status_told: Stamp,
    failures: u32,
    ready: Vec<u32>,
    /// Set when a good snapshot was applied at least once.
    shown: bool,
    directory: Option<String>,
}

/// Failed snapshots in a row after which `ready` fails.
const MAX_FAILURES: u32 = 3;

#[derive(Debug)]
enum Phase {
    /// No connection, or none that counts.
    Detached,
    /// The snapshot is on its way; events are kept.
    Fetching(Box<Snapshot>),
    /// The snapshot failed; the next try is at this time.
    Failed(u64),
    /// Events are applied as they come.
    Live,
    /// Ended by an error that trying again cannot mend.
    Dead,
}

impl Session {
    /// A session that shows nothing yet. `limit`: messages in a page.
    pub fn new(id: String, handle: u32, limit: usize, context: &Context) -> Self {
        let mut fields = Fields::default();
        fields.set_kept(true);
        Session {
            id,
            handle,
            limit: limit.max(1),
            messages: Messages::default(),
            fields,
            seen: Seen::new(context.limits.remembered_ids),
            phase: Phase::Detached,
            parked: Parked::default(),
            outbox: Outbox::default(),
            turn: Turn::default(),
            held: Vec::new(),
            before: None,
            older: None,
            status_told: 0,
            failures: 0,
            ready: Vec::new(),
            shown: false,
            directory: None,
        }
    }

    /// What the owner calls it.
    pub fn handle(&self) -> u32 {
        self.handle
    }

    /// Asks for the snapshot. Events from here on are kept and replayed over it.
    pub fn begin(&mut self, context: &mut Context) {
        if matches!(self.phase, Phase::Dead) {
            return;
        }
        let asked = context.tick();
        let directory = self.directory.clone().or_else(|| context.directory.clone());
        self.phase = Phase::Fetching(Box::new(Snapshot {
            asked,
            directory,
            ..Default::default()
        }));
        self.parked.clear();
        self.held.clear();
        let page = self.page_path(self.limit, None);
        self.get(context, What::Page, asked, page);
        self.get(context, What::Info, asked, session_path(&self.id, ""));
        self.get(context, What::Todos, asked, session_path(&self.id, "/todo"));
        self.get_scoped(context, What::Status, asked, "/session/status");
        self.get_scoped(context, What::Permissions, asked, "/permission");
        self.get_scoped(context, What::Questions, asked, "/question");
    }

    /// The stream broke or missed something: open texts may have a hole from here on.
    pub fn interrupt(&mut self) {
        self.messages.interrupt();
        self.turn.unsettle();
        if !matches!(self.phase, Phase::Dead) {
            self.phase = Phase::Detached;
        }
    }

    /// The caller asked to connect again: also where that seemed hopeless.
    pub fn revive(&mut self) {
        if matches!(self.phase, Phase::Dead) {
            self.phase = Phase::Detached;
        }
    }

    /// An event of this session. `data` is its JSON, kept when it cannot be applied yet.
    pub fn event(&mut self, envelope: &Envelope<'_>, data: &[u8], context: &mut Context) {
        match &mut self.phase {
            Phase::Live => self.apply(envelope, data, context),
            Phase::Fetching(snapshot) => {
                let full = !snapshot.keep(data, &context.limits);
                if full {
                    let message = "Too many events while the history loads (limits.buffered).";
                    self.fail(Error::new(Code::LimitReached, message), context);
                }
            }
            _ => {}
        }
    }

    /// An answer to a request of this session.
    pub fn answer(
        &mut self,
        what: What,
        asked: Stamp,
        cursor: &str,
        result: Result<&[u8], Error>,
        context: &mut Context,
    ) {
        match what {
            What::Page | What::Info | What::Status | What::Permissions | What::Questions | What::Todos => {
                self.snapshot_answer(&what, asked, cursor, result, context);
            }
            What::One { message } => self.one_answer(&message, asked, result, context),
            What::Older { token, count } => self.older_answer((token, count), asked, cursor, result, context),
            What::Settle => self.settle_answer(asked, result, context),
            What::Prompt { key } => self.prompt_answer(&key, result, context),
        }
    }

    /// Answers when the first snapshot is shown.
    pub fn wait_ready(&mut self, token: u32, context: &mut Context) {
        match (self.shown, self.fields.error()) {
            (true, _) => context.reply(token, Ok(Reply::Done)),
            (false, Some(error)) if matches!(self.phase, Phase::Dead) => context.reply(token, Err(error.clone())),
            _ => self.ready.push(token),
        }
    }

    /// Loads up to `count` older messages (0: a page).
    pub fn load_older(&mut self, count: usize, token: u32, context: &mut Context) {
        if !self.fields.has_older() || self.older.is_some() {
            return context.reply(token, Ok(Reply::More(self.fields.has_older())));
        }
        let asked = context.tick();
        self.older = Some(asked);
        let count = if count == 0 { self.limit } else { count };
        // Servers before the `before` cursor give older messages only in a longer newest page.
        let (count, path) = match &self.before {
            Some(before) => (count, self.page_path(count, Some(before))),
            None => (
                self.messages.len() + count,
                self.page_path(self.messages.len() + count, None),
            ),
        };
        self.get(context, What::Older { token, count }, asked, path);
    }

    /// Ends the session: whoever waits is told.
    pub fn close(&mut self, error: &Error, context: &mut Context) {
        self.phase = Phase::Dead;
        let result = Err(error.clone());
        context.reply_all(std::mem::take(&mut self.ready), &result);
        self.end_turns(error, context);
    }

    /// An error that ends all hope, until the caller reconnects. What is shown stays.
    pub fn die(&mut self, error: &Error, context: &mut Context) {
        self.phase = Phase::Dead;
        self.fields.set_error(Some(error.clone()));
        let result = Err(error.clone());
        context.reply_all(std::mem::take(&mut self.ready), &result);
        self.end_waiters(error, context);
    }

    /// Whether events are applied as they come.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    /// Whether the session needs nothing more to be called synced: it is live, or it is hopeless.
    pub fn is_synced(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Dead)
    }

    /// Whether the session is dead.
    pub fn is_dead(&self) -> bool {
        matches!(self.phase, Phase::Dead)
    }

    /// The directory the server runs it in, once known.
    pub fn directory(&self) -> Option<&str> {
        self.directory.as_deref()
    }

    /// Shows the link's state.
    pub fn set_connection(&mut self, json: &str) {
        self.fields.set_connection(json);
    }

    /// Whether a turn runs.
    pub fn is_busy(&self) -> bool {
        self.fields.status().is_busy()
    }

    /// Shows a problem; the next good snapshot takes it away.
    pub fn set_error(&mut self, error: Error) {
        self.fields.set_error(Some(error));
    }

    /// When `timeout` wants to run.
    pub fn deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Failed(at) => Some(at),
            Phase::Live => self.turn.deadline(),
            _ => None,
        }
    }

    /// A deadline may have passed.
    pub fn timeout(&mut self, context: &mut Context) {
        match self.phase {
            Phase::Failed(at) if context.now >= at => self.begin(context),
            Phase::Live => self.turn_timeout(context),
            _ => {}
        }
    }

    /// Whether `drain` has something to say.
    pub fn is_dirty(&self) -> bool {
        self.messages.is_dirty() || self.fields.is_dirty()
    }

    /// Hands out what changed since the last call.
    pub fn drain(&mut self, out: &mut Vec<Change>) {
        self.messages.drain(out);
        self.fields.drain(out);
    }

    /// The newest `limit` messages, or those before a cursor.
    pub(super) fn page_path(&self, limit: usize, before: Option<&str>) -> String {
        let mut path = session_path(&self.id, "/message");
        query(&mut path, "limit", &limit.to_string());
        if let Some(before) = before {
            query(&mut path, "before", before);
        }
        path
    }

    pub(super) fn get(&self, context: &mut Context, what: What, asked: Stamp, path: String) {
        let purpose = Purpose::Session {
            session: self.handle,
            what,
            asked,
        };
        context.request(purpose, "GET", path, None);
    }

    /// Asks for the status outside a snapshot.
    pub(super) fn ask_status(&self, context: &mut Context) {
        let asked = context.tick();
        self.get_scoped(context, What::Status, asked, "/session/status");
    }

    /// Status, permissions and questions are kept by directory.
    fn get_scoped(&self, context: &mut Context, what: What, asked: Stamp, path: &str) {
        let directory = self.directory.as_deref().or(context.directory.as_deref());
        let path = with_directory(path, directory);
        self.get(context, what, asked, path);
    }

    fn snapshot_answer(
        &mut self,
        what: &What,
        asked: Stamp,
        cursor: &str,
        result: Result<&[u8], Error>,
        context: &mut Context,
    ) {
        if let (Phase::Live, What::Status, Ok(body)) = (&self.phase, what, &result) {
            if asked < self.status_told {
                return;
            }
            return self.status_answer(own_status(body, &self.id), context);
        }
        let Phase::Fetching(snapshot) = &mut self.phase else {
            return;
        };
        if snapshot.asked != asked {
            return;
        }
        if let (What::Info, Ok(info)) = (what, &result) {
            let directory = session_directory(info);
            if directory.is_some() && directory != self.directory {
                self.directory = directory;
                let known = snapshot.directory.is_none() || snapshot.directory == self.directory;
                if !known {
                    // Asked in the wrong directory: ask all again in the right one.
                    return self.begin(context);
                }
            }
        }
        if *what == What::Page {
            snapshot.cursor = String::from(cursor);
        }
        match snapshot.take(what, result) {
            Err(error) => self.fail(error, context),
            Ok(()) if snapshot.is_complete() => self.finish(context),
            Ok(()) => {}
        }
    }

    /// The snapshot is there: apply it, replay what came meanwhile, go live.
    fn finish(&mut self, context: &mut Context) {
        let Phase::Fetching(snapshot) = std::mem::replace(&mut self.phase, Phase::Live) else {
            return;
        };
        let body = snapshot.page.unwrap_or_default();
        let Ok(mut page) = Page::read(&body) else {
            return self.fail(
                Error::new(Code::BadResponse, "The history is not a list of messages."),
                context,
            );
        };
        // Servers without cursors do not say whether a full page is the last one.
        let guess = context.own_ids != Some(true) && page.items.len() >= self.limit;
        let more = !snapshot.cursor.is_empty() || guess;
        self.adopt_page(&mut page);
        self.messages.newest(&page, snapshot.asked, more);
        if self.messages.first() == page.items.first().map(|item| item.head.id.to_text()).as_deref() || !more {
            self.fields.set_has_older(more);
            self.before = (!snapshot.cursor.is_empty()).then_some(snapshot.cursor);
        }
        self.fields.set_session(&snapshot.info.unwrap_or_default());
        self.fields.set_todos(&snapshot.todos.unwrap_or_default());
        self.fields.set_error(None);
        let status = own_status(&snapshot.status.unwrap_or_default(), &self.id);
        let busy = status.is_busy();
        self.turn.told(busy, context);
        self.fields.set_status(status);
        for (field, body) in [
            (Field::Permissions, snapshot.permissions),
            (Field::Questions, snapshot.questions),
        ] {
            if self
                .fields
                .set_requests(field, &self.id, &body.unwrap_or_default())
                .is_err()
            {
                context.warn("bad_response", "A list of requests could not be read.");
            }
        }
        for data in snapshot.buffer {
            self.replay(&data, context);
        }
        self.failures = 0;
        self.fields.set_kept(!self.messages.has_gaps());
        self.shown = true;
        context.reply_all(std::mem::take(&mut self.ready), &Ok(Reply::Done));
        self.after_snapshot(context);
    }

    /// The snapshot failed. Errors that may pass are tried again.
    fn fail(&mut self, mut error: Error, context: &mut Context) {
        if error.code == Code::NotFound {
            error.code = Code::SessionNotFound;
            error.message = String::from("The server does not know this session.");
        }
        let hopeless = matches!(
            error.code,
            Code::SessionNotFound | Code::Unauthorized | Code::Forbidden | Code::HtmlResponse | Code::WrongContentType
        );
        if hopeless {
            return self.die(&error, context);
        }
        self.messages.interrupt();
        self.failures = self.failures.saturating_add(1);
        let wait = (500_u64 << self.failures.min(6)).min(20_000);
        self.phase = Phase::Failed(context.now + wait / 2 + context.rng.below(wait / 2));
        context.warn(error.code.name(), &error.message);
        if self.failures >= MAX_FAILURES {
            // Who waits is told; the tries go on.
            context.reply_all(std::mem::take(&mut self.ready), &Err(error.clone()));
        }
        self.fields.set_error(Some(error));
    }

    fn replay(&mut self, data: &[u8], context: &mut Context) {
        if let Ok(Some(envelope)) = decode(data, &|_| true) {
            self.apply(&envelope, data, context);
        }
    }

    fn apply(&mut self, envelope: &Envelope<'_>, data: &[u8], context: &mut Context) {
        if envelope.id.is_some_and(|id| !self.seen.insert(id.raw())) {
            return;
        }
        let stamp = context.tick();
        let placed = match &envelope.event {
            Event::Delta {
                message,
                part,
                field,
                delta,
            } if field.is_empty() || field.is("text") => self.messages.delta(*message, *part, *delta, stamp),
            Event::Delta { .. } => Placed::Unknown,
            Event::Part { head, raw } => {
                if !self.held.is_empty() {
                    self.release(head.message.raw(), head.text.map(|text| text.to_text()), stamp, context);
                }
                self.messages.part(head, raw, stamp)
            }
            Event::Message { head, raw } => {
                self.message_event(head, raw, stamp, context);
                Placed::Done
            }
            other => {
                self.field_event(other, stamp, context);
                Placed::Done
            }
        };
        if envelope.event.is_content() {
            self.turn.touched(context.now);
        }
        if placed == Placed::Unknown {
            self.park(envelope, data, context);
        }
    }

    fn field_event(&mut self, event: &Event<'_>, stamp: Stamp, context: &mut Context) {
        if matches!(event, Event::Status { .. } | Event::Idle | Event::Error { .. }) {
            self.status_told = stamp;
        }
        match event {
            Event::PartRemoved { message, part } => self.messages.remove_part(*message, *part, stamp),
            Event::MessageRemoved { message } => self.messages.remove_message(*message, stamp),
            Event::Session { raw } => self.fields.set_session(raw),
            Event::SessionDeleted => {
                let error = Error::new(Code::SessionNotFound, "The session was deleted.");
                self.die(&error, context);
            }
            Event::Status { raw } => {
                if let Ok(status) = Status::read(raw) {
                    let busy = status.is_busy();
                    self.fields.set_status(status);
                    self.turn.told(busy, context);
                }
            }
            Event::Idle => {
                self.fields.set_status(Status::Idle);
                self.turn.told(false, context);
            }
            Event::Error { raw } => {
                self.fields.fail_turn(raw);
                self.turn.failed(stamp);
                self.turn.told(false, context);
            }
            Event::PermissionAsked { id, raw } => self.fields.ask(Field::Permissions, *id, raw),
            Event::PermissionReplied { id } => self.fields.answered(Field::Permissions, &id.to_text()),
            Event::QuestionAsked { id, raw } => self.fields.ask(Field::Questions, *id, raw),
            Event::QuestionDone { id } => self.fields.answered(Field::Questions, &id.to_text()),
            Event::Todos { raw } => self.fields.set_todos(raw),
            _ => {}
        }
    }

    fn message_event(&mut self, head: &MessageHead<'_>, raw: &[u8], stamp: Stamp, context: &mut Context) {
        let id = head.id.to_text();
        if self.fields.has_older() && self.messages.is_before_all(head.created) && !self.messages.has(&id) {
            // It belongs to a page that is not loaded.
            return;
        }
        let user = head.role == Role::User;
        // An own prompt under the server's name cannot be told from another client's before its text comes.
        if user && !self.messages.has(&id) && self.awaits_name() {
            self.held.retain(|held| !is_message(held, head.id.raw()));
            self.held.push(raw.to_vec());
            return;
        }
        self.messages.message(head, raw, stamp);
        if user {
            self.prompt_echoed(&id, context);
        }
    }

    /// The first part of a held message tells whose it is.
    fn release(&mut self, message: &[u8], text: Option<String>, stamp: Stamp, context: &mut Context) {
        let Some(at) = self.held.iter().position(|held| is_message(held, message)) else {
            return;
        };
        let raw = self.held.remove(at);
        let Ok(head) = message_head(&mut Cursor::new(&raw)) else {
            return;
        };
        if let Some(key) = self.expecting(text.as_deref()) {
            self.messages.adopt(&key, head.id);
        }
        let id = head.id.to_text();
        self.messages.message(&head, &raw, stamp);
        self.prompt_echoed(&id, context);
    }

    /// Own prompts in a page, under the server's names.
    pub(super) fn adopt_page(&mut self, page: &mut Page<'_>) {
        if self.awaits_name() {
            // Without its text, an own prompt cannot be told from another client's: it waits for its first part.
            let told = |item: &PageItem<'_>| !item.parts.is_empty() || self.messages.has(&item.head.id.to_text());
            page.items.retain(|item| item.head.role != Role::User || told(item));
        }
        for item in &page.items {
            if item.head.role != Role::User || self.messages.has(&item.head.id.to_text()) {
                continue;
            }
            let text = item
                .parts
                .iter()
                .find_map(|(head, _)| head.text)
                .map(|text| text.to_text());
            if self.awaits_name()
                && let Some(key) = self.expecting(text.as_deref())
            {
                self.messages.adopt(&key, item.head.id);
            }
        }
    }

    /// Keeps an event whose message or part is not known, and fetches the message once.
    fn park(&mut self, envelope: &Envelope<'_>, data: &[u8], context: &mut Context) {
        let message = match &envelope.event {
            Event::Delta { message, .. } => message.to_text(),
            Event::Part { head, .. } => head.message.to_text(),
            _ => return,
        };
        match self.parked.keep(&message, data, context.limits.buffered) {
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

    fn get_one(&self, message: &str, context: &mut Context) {
        let asked = context.tick();
        let mut path = session_path(&self.id, "/message/");
        encode(message, &mut path);
        let message = String::from(message);
        self.get(context, What::One { message }, asked, path);
    }

    fn one_answer(&mut self, message: &str, asked: Stamp, result: Result<&[u8], Error>, context: &mut Context) {
        if !self.is_live() || !self.parked.has(message) {
            return;
        }
        if self.messages.is_stale(asked) {
            return self.get_one(message, context);
        }
        let Ok(item) = result.and_then(|body| {
            PageItem::read(&mut Cursor::new(body))
                .map_err(|_| Error::new(Code::BadResponse, "The message cannot be read."))
        }) else {
            self.parked.take(message);
            return;
        };
        if self.fields.has_older() && self.messages.is_before_all(item.head.created) && !self.messages.has(message) {
            // It belongs to a page that is not loaded.
            self.parked.take(message);
            return;
        }
        let mut page = Page { items: vec![item] };
        self.adopt_page(&mut page);
        self.messages.older(&page, asked);
        for data in self.parked.replay(message) {
            if let Ok(Some(envelope)) = decode(&data, &|_| true) {
                // Their ids were seen when they were parked.
                self.apply(&Envelope { id: None, ..envelope }, &data, context);
            }
        }
        self.parked.forget(message);
    }

    fn older_answer(
        &mut self,
        (token, count): (u32, usize),
        asked: Stamp,
        cursor: &str,
        result: Result<&[u8], Error>,
        context: &mut Context,
    ) {
        if self.older == Some(asked) {
            self.older = None;
        }
        let page = result.and_then(|body| {
            let page = Page::read(body);
            page.map_err(|_| Error::new(Code::BadResponse, "The history is not a list of messages."))
        });
        match page {
            Err(error) => context.reply(token, Err(error)),
            // What was removed since would come back: it is asked for again.
            Ok(_) if self.messages.is_stale(asked) => self.load_older(count, token, context),
            Ok(mut page) => {
                self.adopt_page(&mut page);
                self.messages.older(&page, asked);
                let by_cursor = self.before.is_some();
                self.before = (!cursor.is_empty()).then(|| String::from(cursor));
                let more = self.before.is_some() || (!by_cursor && page.items.len() >= count);
                self.fields.set_has_older(more);
                context.reply(token, Ok(Reply::More(more)));
            }
        }
    }
}

/// Whether `info` is of the message `id`.
fn is_message(info: &[u8], id: &[u8]) -> bool {
    message_head(&mut Cursor::new(info)).is_ok_and(|head| head.id.raw() == id)
}

/// Adds the directory to a path. Servers decode it twice, so a `%` in it is written twice.
pub(crate) fn with_directory(path: &str, directory: Option<&str>) -> String {
    let mut path = String::from(path);
    if let Some(directory) = directory {
        query(&mut path, "directory", &directory.replace('%', "%25"));
    }
    path
}

/// The session's entry in the map of sessions that are not idle.
fn own_status(map: &[u8], id: &str) -> Status {
    let mut status = Status::Idle;
    let _ = Cursor::new(map).object(&mut |key, value| {
        if key.is(id) {
            status = Status::read(value.raw()?)?;
        }
        Ok(())
    });
    status
}
