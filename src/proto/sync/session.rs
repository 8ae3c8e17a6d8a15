use super::context::{Context, Purpose, Reply, What};
use super::fields::{Fields, Status};
use super::missed::HOLE;
use super::parked::Parked;
use super::partial::Partial;
use super::reverted::Cut;
use super::side::Sides;
use super::snapshot::{Scope, Snapshot};
use super::turn::Turn;
use super::vigil::Vigil;
use crate::proto::bytes::hash;
use crate::proto::change::{Change, Field};
use crate::proto::command::Outbox;
use crate::proto::error::{Code, Error};
use crate::proto::event::{Envelope, Event, part_head};
use crate::proto::journal::Text;
use crate::proto::json::{Cursor, text_field};
use crate::proto::planted::{self, Bug};
use crate::proto::request::{directory_query, query, session_path};
use crate::proto::store::{Messages, Placed, Seen, Stamp, Telling};

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
    pub(super) limit: usize,
    pub(super) messages: Messages,
    pub(super) fields: Fields,
    pub(super) seen: Seen,
    pub(super) phase: Phase,
    pub(super) parked: Parked,
    pub(super) outbox: Outbox,
    pub(super) turn: Turn,
    pub(super) vigil: Vigil,
    /// The number of the last stored event, on streams that tell it.
    pub(super) seq: Option<i64>,
    /// Digest of the last page a poll fetched, and how many polls in a row found nothing new.
    pub(super) polled: u64,
    pub(super) unmoved: u32,
    /// Polls since the last one that fetched everything.
    pub(super) light: u32,
    /// A user message that may be an own prompt under the server's name; it waits for its first part.
    pub(super) held: Vec<Vec<u8>>,
    /// Such a message of a page is not shown.
    pub(super) withheld: bool,
    pub(super) before: Option<String>,
    pub(super) older: Option<Stamp>,
    /// The server's cursors are understood here.
    pub(super) makes_cursors: bool,
    /// The server's cursors can be read here, or that they may be hidden was told.
    pub(super) warned: bool,
    /// When the newest page was asked for, milliseconds.
    pub(super) page_asked_at: u64,
    pub(super) sides: Sides,
    pub(super) failures: u32,
    pub(super) partial: Partial,
    /// When what was missed is fetched, milliseconds.
    pub(super) again_at: Option<u64>,
    /// How often in a row the server refused the session.
    pub(super) refusals: u32,
    pub(super) ready: Vec<u32>,
    /// Set when a good snapshot was applied at least once.
    pub(super) shown: bool,
    pub(super) directory: Option<String>,
    /// Texts of an earlier page, until their parts are loaded.
    pub(super) recalled: Vec<Text>,
    /// Records of the journal that nobody may see before the history came, and whether their pages are gone.
    pub(super) unseen: Vec<(Vec<u8>, bool)>,
    /// Digest of the journal record given last.
    pub(super) journaled: u64,
    /// The snapshot waits for the journal.
    pub(super) held_back: bool,
    /// A look far back is under way.
    pub(super) deep: Option<Stamp>,
    /// From where on the history is taken back.
    pub(super) cut: Option<Cut>,
    /// Whether it was told of messages, and of requests, that there are more than are kept.
    pub(super) crowds: (bool, bool),
    announced: bool,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// No connection, or none that counts.
    Detached,
    /// The snapshot is on its way; events are kept.
    Fetching(Box<Snapshot>),
    /// The snapshot failed; the next try is at this time. Events are kept for it.
    Failed(u64, Box<Snapshot>),
    /// Events are applied as they come.
    Live,
    /// Ended by an error that trying again at once cannot mend.
    Dead(Death),
}

/// How a session died.
#[derive(Debug, Clone, Copy)]
pub(super) enum Death {
    /// Its owner, the link, or a word that is the last one ended it: only the caller brings it back.
    Ended,
    /// The server refused it twice. It is looked at again at this time; the last look was asked for at this stamp.
    Refused(u64, Stamp),
}

/// A session that was refused is looked at again after so long, then each time after twice as long, milliseconds.
const REVISIT: u64 = 20_000;
const REVISIT_LONGEST: u64 = 300_000;

impl Session {
    /// A session that shows nothing yet. `limit`: messages in a page.
    pub fn new(id: String, handle: u32, limit: usize, context: &Context) -> Self {
        let mut fields = Fields::new(&id);
        fields.set_kept(true);
        Session {
            id,
            handle,
            limit: limit.clamp(1, context.limits.messages),
            messages: Messages::default(),
            fields,
            seen: Seen::new(context.limits.remembered_ids),
            phase: Phase::Detached,
            parked: Parked::default(),
            outbox: Outbox::default(),
            turn: Turn::default(),
            vigil: Vigil::default(),
            seq: None,
            polled: 0,
            unmoved: 0,
            light: 0,
            held: Vec::new(),
            withheld: false,
            before: None,
            older: None,
            makes_cursors: false,
            warned: false,
            page_asked_at: 0,
            sides: Sides::default(),
            failures: 0,
            partial: Partial::default(),
            again_at: None,
            refusals: 0,
            ready: Vec::new(),
            shown: false,
            directory: None,
            recalled: Vec::new(),
            unseen: Vec::new(),
            journaled: hash(b""),
            held_back: false,
            deep: None,
            cut: None,
            crowds: (false, false),
            announced: false,
        }
    }

    /// What the owner calls it.
    pub fn handle(&self) -> u32 {
        self.handle
    }

    /// Asks for the snapshot. Events from here on are kept and replayed over it.
    pub fn begin(&mut self, context: &mut Context) {
        // What is shown, too, may have changed while nobody looked.
        let shown = if planted::is(Bug::ShortSnapshot) {
            0
        } else {
            // Of one more than there is the answer is no full page, and surely all.
            self.messages.len() + usize::from(!self.fields.has_older())
        };
        self.fetch(Scope::All, self.limit.max(shown) + self.hidden(), context);
    }

    /// The stream broke or missed something: open texts may have a hole from here on.
    pub fn interrupt(&mut self) {
        self.messages.interrupt();
        self.parked.clear();
        self.turn.unsettle();
        // What ran may have died with its server, which is a cold one now.
        self.turn.heard = false;
        if !self.is_dead() {
            self.phase = Phase::Detached;
        }
    }

    /// The stream was lost and goes on without a hole.
    pub fn resume(&mut self, context: &mut Context) {
        // A repetition that was torn off goes on; a history asked for now is newer than all of it.
        if matches!(self.phase, Phase::Detached) || context.telling != Telling::Now {
            self.begin(context);
        } else {
            self.fields.set_kept(!self.messages.has_gaps());
        }
    }

    /// The stream tells again what is still open, from its start: nothing counts as seen.
    pub fn rewind(&mut self) {
        self.seen.clear();
    }

    /// Events are missing from the stream at this place.
    pub fn hole(&mut self, context: &mut Context) {
        if self.is_live() {
            self.interrupt();
        } else {
            // In its place among the kept events. What waits for its message was told before.
            self.parked.clear();
            self.keep(None, HOLE, context);
            match &mut self.phase {
                // The history was asked for after all of this.
                Phase::Fetching(snapshot) if context.telling != Telling::Now => {
                    return snapshot.buffer.outdate(context.telling);
                }
                Phase::Fetching(_) => {}
                _ => return,
            }
        }
        // What was asked for before the hole may not hold what is missing there.
        self.begin(context);
    }

    /// The caller asked to connect again: also where that seemed hopeless.
    pub fn revive(&mut self) {
        if self.is_dead() {
            self.phase = Phase::Detached;
            self.refusals = 0;
        }
    }

    /// An event of this session. `data` is its JSON, kept when it cannot be applied yet.
    pub fn event(&mut self, envelope: &Envelope<'_>, data: &[u8], context: &mut Context) {
        match self.phase {
            Phase::Live => {
                self.messages.set_telling(context.telling);
                self.apply(envelope, data, context);
            }
            Phase::Fetching(_) if planted::is(Bug::SkipBuffering) => {}
            _ => self.keep(Some(envelope), data, context),
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
            What::Info if self.is_dead() => self.looked_again(asked, &result, context),
            What::Page => self.page_answer(asked, cursor, result, context),
            What::Info | What::Status | What::Permissions | What::Questions | What::Todos => {
                self.side_answer(&what, asked, result, context);
            }
            What::One { message } => self.one_answer(&message, asked, result, context),
            What::Older(load) => self.older_answer(load, asked, cursor, result, context),
            What::Search => self.search_answer(asked, result, context),
            What::Settle => self.settle_answer(asked, result, context),
            What::Look => self.look_answer(asked, result, context),
            What::Prompt { key } => self.prompt_answer(&key, result, context),
        }
    }

    /// Answers when the first snapshot is shown.
    pub fn wait_ready(&mut self, token: u32, context: &mut Context) {
        match (self.shown, self.fields.error()) {
            (true, _) => context.reply(token, Ok(Reply::Done)),
            (false, Some(error)) if self.is_dead() => context.reply(token, Err(error.clone())),
            _ => self.ready.push(token),
        }
    }

    /// Ends the session: whoever waits is told.
    pub fn close(&mut self, error: &Error, context: &mut Context) {
        self.phase = Phase::Dead(Death::Ended);
        self.not_ready(error, context);
        self.end_turns(error, context);
    }

    /// Whoever waits for the first snapshot waits no longer.
    pub(super) fn not_ready(&mut self, error: &Error, context: &mut Context) {
        context.reply_all(std::mem::take(&mut self.ready), &Err(error.clone()));
    }

    /// An error that ends all hope, until the caller reconnects. What is shown stays.
    pub fn die(&mut self, error: &Error, context: &mut Context) {
        // Events that were kept are lost, and those that come are not heard.
        self.interrupt();
        self.phase = Phase::Dead(Death::Ended);
        context.warn_of(error);
        self.fields.set_error(Some(error.clone()));
        self.not_ready(error, context);
        self.end_waiters(error, context);
    }

    /// The server refused the session. What a proxy may have said, too, must be said twice; gives whether it was.
    pub(super) fn is_refused(&mut self, error: &Error, context: &mut Context) -> bool {
        self.refusals += 1;
        if self.refusals > 1 {
            self.die(error, context);
            // Wrong credentials, sent again and again, would lock an account.
            if error.code != Code::Unauthorized {
                self.phase = Phase::Dead(Death::Refused(context.now + self.revisit(), 0));
            }
        }
        self.is_dead()
    }

    fn revisit(&self) -> u64 {
        (REVISIT << self.refusals.saturating_sub(2).min(5)).min(REVISIT_LONGEST)
    }

    /// Looks whether a session that was refused is there again.
    fn look_again(&mut self, context: &mut Context) {
        self.refusals += 1;
        let asked = context.tick();
        self.phase = Phase::Dead(Death::Refused(context.now + self.revisit(), asked));
        if !context.offline {
            self.get(context, What::Info, asked, session_path(&self.id, ""));
        }
    }

    /// The answer to such a look.
    fn looked_again(&mut self, asked: Stamp, result: &Result<&[u8], Error>, context: &mut Context) {
        let own = |info: &&[u8]| text_field(info, "id").is_some_and(|id| id.is(&self.id));
        if matches!(self.phase, Phase::Dead(Death::Refused(_, last)) if last == asked)
            && result.as_ref().ok().is_some_and(own)
            && !context.offline
        {
            self.phase = Phase::Detached;
            self.begin(context);
        }
    }

    /// Whether events are applied as they come.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    /// Whether the session needs nothing more to be called synced: it is live, or it is hopeless.
    pub fn is_synced(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Dead(_))
    }

    /// Whether the session is dead.
    pub fn is_dead(&self) -> bool {
        matches!(self.phase, Phase::Dead(_))
    }

    /// The directory the server runs it in, once known.
    pub fn directory(&self) -> Option<&str> {
        self.directory.as_deref()
    }

    /// Shows the link's state.
    pub fn set_connection(&mut self, json: &str) {
        self.fields.set_connection(json);
    }

    /// Whether a turn runs, or one is to come of a prompt.
    pub fn expects(&self) -> bool {
        self.fields.status().is_busy() || !self.outbox.prompts.is_empty()
    }

    /// Whether a prompt is to be posted now.
    pub fn will_post(&mut self) -> bool {
        self.is_live() && self.outbox.upcoming().is_some()
    }

    /// The server is another one now: what it lacks is to be seen again.
    pub fn forget_routes(&mut self) {
        self.sides.forget();
    }

    /// Whether nothing is expected and nothing is left to be checked.
    pub fn is_resting(&self) -> bool {
        // What is missing of a history that came in part can wait until somebody looks.
        let again = self.again_at.filter(|_| self.partial.error.is_none());
        !self.expects()
            && self.turn.deadline().or(again).is_none()
            && !matches!(self.phase, Phase::Fetching(_) | Phase::Failed(..))
    }

    /// When `timeout` wants to run. `streaming`: as in the context.
    pub fn deadline(&self, streaming: bool) -> Option<u64> {
        match self.phase {
            Phase::Failed(at, _) | Phase::Dead(Death::Refused(at, _)) => Some(at),
            Phase::Live => {
                let vigil = self.vigil_deadline().filter(|_| streaming);
                let again = self.again_at;
                let sides = self.sides.deadline();
                self.turn
                    .deadline()
                    .into_iter()
                    .chain(vigil)
                    .chain(again)
                    .chain(sides)
                    .min()
            }
            Phase::Fetching(ref snapshot) => snapshot.waits_until,
            _ => None,
        }
    }

    /// A deadline may have passed.
    pub fn timeout(&mut self, context: &mut Context) {
        match &mut self.phase {
            Phase::Failed(at, _) if context.now >= *at => self.begin(context),
            Phase::Dead(Death::Refused(at, _)) if context.now >= *at => self.look_again(context),
            Phase::Fetching(snapshot) if snapshot.waits_until.is_some_and(|at| context.now >= at) => {
                snapshot.waits_until = None;
                self.finish_due(context);
            }
            Phase::Live => {
                self.again_timeout(context);
                self.turn_timeout(context);
                self.vigil_timeout(context);
                self.sides_timeout(context);
            }
            _ => {}
        }
    }

    /// The wait for what the server took begins anew.
    pub fn woke(&mut self, now: u64) {
        for prompt in &mut self.outbox.prompts {
            prompt.since = now;
        }
    }

    /// Whether `drain` has something to say.
    pub fn is_dirty(&self) -> bool {
        self.messages.is_dirty() || self.fields.is_dirty()
    }

    /// Whether it is to be named as one that changed: once from drain to drain.
    pub fn announce(&mut self) -> bool {
        let news = !self.announced && self.is_dirty();
        self.announced |= news;
        news
    }

    /// Hands out what changed since the last call.
    pub fn drain(&mut self, out: &mut Vec<Change>) {
        self.announced = false;
        self.messages.drain(out);
        self.fields.drain(out);
    }

    /// Bytes of events kept for later.
    pub(crate) fn buffered_bytes(&self) -> usize {
        let snapshot = match &self.phase {
            Phase::Fetching(snapshot) => snapshot.buffer.bytes,
            _ => 0,
        };
        snapshot + self.parked.bytes() + self.held.iter().map(Vec::len).sum::<usize>()
    }

    /// A page that does not reach back to a prompt proves nothing about it.
    pub(super) fn reach(&self, limit: usize) -> usize {
        const REACH: usize = 100;
        if self.is_searching() { limit.max(REACH) } else { limit }
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
        context.request(purpose, "GET", self.scoped(context, &path), None);
    }

    /// Asks for the status outside a snapshot.
    pub(super) fn ask_status(&self, context: &mut Context) -> Stamp {
        let asked = context.tick();
        self.get(context, What::Status, asked, String::from("/session/status"));
        asked
    }

    /// In the session's directory. Servers before 1.18 do not look it up, and run its prompts in the one that is named.
    pub fn scoped(&self, context: &Context, path: &str) -> String {
        with_directory(path, self.directory.as_deref().or(context.directory.as_deref()))
    }

    pub(super) fn apply(&mut self, envelope: &Envelope<'_>, data: &[u8], context: &mut Context) {
        if envelope.id.is_some_and(|id| !self.seen.insert(id.raw())) && !planted::is(Bug::IgnoreSeen) {
            return;
        }
        self.vigil.heard(context.now);
        let stamp = context.tick();
        if !envelope.session.is(&self.id) && envelope.event.is_surfacing() {
            return self.kin_event(envelope);
        }
        let placed = match &envelope.event {
            Event::ReplayHole => {
                self.messages.hole();
                // What waits for its message may stand on both sides of it.
                self.parked.clear();
                self.seq = None;
                Placed::Done
            }
            Event::Stored { seq } => {
                context.missed |= self.seq.is_some_and(|last| *seq > last + 1);
                self.seq = Some(self.seq.map_or(*seq, |last| last.max(*seq)));
                Placed::Done
            }
            Event::Delta {
                message,
                part,
                field,
                delta,
            } if (field.is_empty() || field.is("text")) && !self.parked.holds(*message) => {
                if self.is_part_hidden(*message, *part) {
                    return;
                }
                self.messages.delta(*message, *part, *delta, stamp)
            }
            Event::Delta { .. } => Placed::Unknown,
            Event::Part { head, .. } if self.parked.holds(head.message) => Placed::Unknown,
            Event::Part { head, .. } if self.is_part_hidden(head.message, head.id) => Placed::Done,
            Event::Part { head, raw } => {
                if !self.held.is_empty() && !self.messages.is_telling_old() {
                    self.release(head.message.raw(), head.text.map(|text| text.to_text()), stamp, context);
                }
                self.messages.part(head, raw, stamp)
            }
            // In its place among what waits for the message.
            Event::PartRemoved { message, .. } if self.parked.holds(*message) => Placed::Unknown,
            Event::PartRemoved { message, part } => {
                self.messages.remove_part(*message, *part, stamp);
                Placed::Done
            }
            // The history was asked for since, and the end of this story may be behind a hole.
            _ if self.messages.is_telling_old() => Placed::Done,
            Event::Message { head, raw, parts } => {
                self.message_event(head, raw, stamp, context);
                let _ = Cursor::new(parts).array(&mut |part| {
                    let mut whole = part.clone();
                    whole.peek();
                    let head = part_head(part)?;
                    if !self.is_part_hidden(head.message, head.id) {
                        let _ = self.messages.part(&head, whole.upto(part), stamp);
                    }
                    Ok(())
                });
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

    /// Something has more than is kept of it, which is told once.
    pub(super) fn note_crowds(&mut self, context: &mut Context) {
        let crowds = (self.messages.crowded, self.fields.crowded);
        if crowds.0 && !self.crowds.0 {
            context.warn("limit_reached", "A message has more parts than are kept.");
        }
        if crowds.1 && !self.crowds.1 {
            context.warn("limit_reached", "More is asked of a person than is kept.");
        }
        self.crowds = crowds;
        if self.fields.has_room() {
            self.fields.crowded = false;
            self.fetch_again(context);
        }
    }

    /// Of a session that runs inside this one.
    fn kin_event(&mut self, envelope: &Envelope<'_>) {
        match &envelope.event {
            Event::PermissionAsked { id, raw } => self.fields.ask(Field::Permissions, *id, raw),
            Event::PermissionReplied { id } => self.fields.answered(Field::Permissions, &id.to_text()),
            Event::QuestionAsked { id, raw } => self.fields.ask(Field::Questions, *id, raw),
            Event::QuestionDone { id } => self.fields.answered(Field::Questions, &id.to_text()),
            Event::Status { raw } if Status::read(raw).is_ok_and(|status| status.is_busy()) => {}
            _ => self.fields.clear_requests(&envelope.session.to_text()),
        }
    }

    pub(super) fn field_event(&mut self, event: &Event<'_>, stamp: Stamp, context: &mut Context) {
        let side = match event {
            Event::Status { .. } | Event::Idle | Event::Error { .. } => Some(What::Status),
            Event::Session { .. } => Some(What::Info),
            Event::Todos { .. } => Some(What::Todos),
            Event::PermissionAsked { .. } | Event::PermissionReplied { .. } => Some(What::Permissions),
            Event::QuestionAsked { .. } | Event::QuestionDone { .. } => Some(What::Questions),
            _ => None,
        };
        // What is under way while kept events are replayed was asked for after all of them.
        if let Some(what) = side.filter(|_| self.is_live()) {
            self.side_heard(&what, stamp);
        }
        match event {
            Event::MessageRemoved { message } => {
                // What is removed was stored.
                self.prompt_echoed(&message.to_text(), context);
                self.messages.remove_message(*message, stamp);
            }
            Event::Session { raw } => self.session_heard(raw, context),
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
}

/// Adds the directory, if there is one, to a path.
pub(crate) fn with_directory(path: &str, directory: Option<&str>) -> String {
    let mut path = String::from(path);
    if let Some(directory) = directory {
        directory_query(&mut path, directory);
    }
    path
}
