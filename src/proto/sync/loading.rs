use super::context::{Context, Reply, What};
use super::fields::Status;
use super::older::{Older, read_page};
use super::session::{Phase, Session};
use super::side::PATIENCE;
use super::snapshot::{Scope, Snapshot};
use crate::proto::bytes::hash;
use crate::proto::error::{Code, Error};
use crate::proto::event::decode;
use crate::proto::json::Cursor;
use crate::proto::planted::{self, Bug};
use crate::proto::store::{Page, Stamp};

/// Failed snapshots in a row after which `ready` fails.
const MAX_FAILURES: u32 = 3;
/// A history that is too large, to its newest message, is asked for again after this, milliseconds.
const LARGE_AGAIN: u64 = 60_000;
/// One poll of so many fetches everything.
const WHOLE_POLLS: u32 = 12;
/// A poll fetches at least so many messages.
const NEWEST: usize = 4;

/// The snapshot: asked for, put together, laid under the events that came meanwhile.
impl Session {
    /// Asks for what may have changed since the last fetch: all of it the first time, and once in a while.
    ///
    /// A fetch that takes longer than a poll goes on, and one that failed is tried again when its wait is over.
    pub fn poll(&mut self, context: &mut Context) {
        if matches!(self.phase, Phase::Fetching(_) | Phase::Failed(..)) {
            return;
        }
        let whole = !self.is_live()
            || self.fields.error().is_some_and(|error| error.code != Code::Incomplete)
            || self.light >= WHOLE_POLLS;
        if whole {
            self.unmoved += 1;
            return self.begin(context);
        }
        let scope = if self.expects() { Scope::Busy } else { Scope::Idle };
        self.fetch(scope, self.messages.open_depth().max(NEWEST), context);
    }

    /// How many polls in a row found nothing new.
    pub fn unmoved(&self) -> u32 {
        self.unmoved
    }

    pub(super) fn fetch(&mut self, scope: Scope, limit: usize, context: &mut Context) {
        if self.is_dead() {
            return;
        }
        self.deep = None;
        if scope == Scope::All {
            self.again_at = None;
        }
        self.parked.reopen();
        let limit = self.reach(limit);
        let asked = context.tick();
        let mut snapshot = Snapshot {
            asked,
            scope,
            limit,
            ..Default::default()
        };
        if let Phase::Fetching(old) | Phase::Failed(_, old) = std::mem::replace(&mut self.phase, Phase::Detached) {
            // Events that were kept for an older fetch are as needed for this one.
            snapshot.take_over(*old);
            snapshot.buffer.outdate(context.telling);
        }
        self.lessen(&mut snapshot);
        let limit = snapshot.limit;
        self.phase = Phase::Fetching(Box::new(snapshot));
        self.held.clear();
        self.seq = None;
        self.page_asked_at = context.now;
        self.get(context, What::Page, asked, self.page_path(limit, None));
        self.ask_sides(scope, asked, context);
    }

    pub(super) fn page_answer(
        &mut self,
        asked: Stamp,
        cursor: &str,
        result: Result<&[u8], Error>,
        context: &mut Context,
    ) {
        let Phase::Fetching(snapshot) = &mut self.phase else {
            return;
        };
        if snapshot.asked != asked && !planted::is(Bug::StaleSnapshot) {
            return;
        }
        match result {
            Ok(body) => {
                snapshot.page = Some(body.to_vec());
                snapshot.waits_until = Some(context.now + PATIENCE);
                snapshot.cursor = String::from(cursor);
                self.finish_due(context);
            }
            Err(error) if self.ask_less(&error, context) => {}
            Err(error) => self.fail(error, context),
        }
    }

    /// Whether a history is under way that was asked for later.
    pub(super) fn is_asked_since(&self, asked: Stamp) -> bool {
        matches!(&self.phase, Phase::Fetching(snapshot) if snapshot.asked > asked)
    }

    /// Finishes when the page is there, and what it is to be shown with, or that takes too long.
    pub(super) fn finish_due(&mut self, context: &mut Context) {
        let Phase::Fetching(snapshot) = &self.phase else {
            return;
        };
        let came = snapshot.page.as_deref();
        if !self.unseen.is_empty() && came.is_some_and(|body| Page::read(body).is_ok()) {
            self.admit_unseen(context);
        }
        let Phase::Fetching(snapshot) = &self.phase else {
            return;
        };
        let waits = snapshot.waits_until.is_some() && self.sides.are_due(snapshot.asked);
        let due = snapshot.page.is_some() && !waits && !self.needs_info();
        if due && !self.must_wait(context) {
            self.name_restored(context);
            self.finish(context);
        }
    }

    /// The snapshot is there: apply it, replay what came meanwhile, go live.
    pub(super) fn finish(&mut self, context: &mut Context) {
        let Phase::Fetching(mut snapshot) = std::mem::replace(&mut self.phase, Phase::Live) else {
            return;
        };
        let body = snapshot.page.take().unwrap_or_default();
        let digest = hash(&body);
        let mut page = match read_page(Ok(&body)) {
            Ok(page) => page,
            Err(error) => {
                self.phase = Phase::Fetching(snapshot);
                return self.fail(error, context);
            }
        };
        if let Some(newest) = page.items.last() {
            context.clock.see(newest.head.created);
        }
        // Servers without cursors do not say whether a full page is the last one, nor do those whose cursors a proxy hides.
        // That an earlier page had one says nothing: this one may be another server's.
        self.warned |= !snapshot.cursor.is_empty();
        let guess = snapshot.cursor.is_empty() && page.items.len() >= snapshot.limit && !planted::is(Bug::FullIsWhole);
        self.makes_cursors &= !guess;
        let more = !snapshot.cursor.is_empty() || guess;
        if guess && snapshot.scope == Scope::All && context.own_ids == Some(true) && !self.warned {
            self.warned = true;
            context.warn("cursor_hidden", "A proxy may hide X-Next-Cursor.");
        }
        if let Some((asked, info)) = self.sides.take(&What::Info) {
            // Or of a page of older messages that came meanwhile.
            let outdated = asked < snapshot.asked || self.messages.is_stale(asked);
            if outdated && self.cuts_otherwise(&info) {
                // A prompt that is in the page may have ended that cut.
                let asked = context.tick();
                self.ask_side(&What::Info, asked, context);
            } else {
                self.recut(&info);
                context.learn(&info);
            }
        }
        self.note_cursor(&page, &snapshot.cursor);
        // Of a page that does not meet what is shown nobody knows what stands between.
        let meets = self.messages.first().is_none() || !more || self.messages.meets(&page);
        let hidden = self.screen(&mut page, more, context);
        self.hide(snapshot.scope == Scope::All && meets);
        if snapshot.scope != Scope::All && more && self.is_apart(&page, hidden) {
            // So much has come that a small page does not reach what is shown.
            return self.begin(context);
        }
        let first = self.messages.first().map(String::from);
        let amid = self.messages.begins_amid();
        let smaller = snapshot.smaller.take();
        let whole_page = smaller.is_none();
        if whole_page || self.messages.shares(&page) {
            self.messages.newest(&page, snapshot.asked, more);
        } else {
            // What is missing between may be what the server cannot tell: what is shown stays.
            self.messages.older(&page, snapshot.asked);
        }
        let reaches =
            !more || self.messages.first() == page.items.first().map(|item| item.head.id.to_text()).as_deref();
        let reaches = reaches || planted::is(Bug::ShortSnapshot);
        if !reaches && whole_page && snapshot.scope == Scope::All && self.messages.len() + hidden > snapshot.limit {
            // What is shown lies behind messages that were not known.
            let limit = (self.messages.len() + self.hidden()).max(snapshot.limit * 2);
            self.phase = Phase::Fetching(snapshot);
            // Own prompts that it told may be hidden in the next one.
            self.confirm_named(context);
            return self.fetch(Scope::All, limit, context);
        }
        self.recall();
        self.note_looked(&page, more, !whole_page);
        if snapshot.scope != Scope::All && self.messages.has_untold(snapshot.asked) {
            // The server's clock may have put an own prompt further back than a small page looks.
            return self.begin(context);
        }
        if whole_page {
            self.messages.drop_untold(snapshot.asked);
        }
        // A small page that is guessed to have others before it says nothing new of a list that is known.
        if reaches && !(guess && snapshot.scope != Scope::All) {
            self.fields.set_has_older(more);
            let before = (!snapshot.cursor.is_empty()).then(|| snapshot.cursor.clone());
            if before != self.before {
                // The page before the old beginning is no longer the next one.
                self.older = None;
                self.before = before;
            }
        }
        match &mut self.again_at {
            // Events come faster than the history: most of the time they are shown.
            Some(at) => *at = (*at).max(context.now + 3 * (context.now - self.page_asked_at)),
            None => self.fields.set_error(None),
        }
        if snapshot.scope == Scope::All || smaller.is_some() || page.bad > 0 {
            // A small page has nothing to say of what a whole one left out.
            self.note_partial(&page, smaller, context);
        }
        let status = self
            .sides
            .take(&What::Status)
            .map(|(_, body)| own_status(&body, &self.id));
        let busy = status.as_ref().is_some_and(Status::is_busy);
        let whole = snapshot.scope == Scope::All;
        let moved = whole || busy || digest != self.polled;
        if moved && status.is_some() {
            self.turn.told(busy, context);
        }
        if whole {
            self.turn.surveyed = snapshot.asked;
            self.light = 0;
        } else {
            self.polled = digest;
            self.unmoved = if moved { 0 } else { self.unmoved + 1 };
            // What a turn did beside its messages is fetched when it ends.
            self.light = if moved && !busy { WHOLE_POLLS } else { self.light + 1 };
        }
        if let Some(status) = status {
            self.fields.set_status(status);
        }
        self.show_sides(context);
        self.parked.hushed = true;
        while let Some(message) = self.parked.first() {
            self.apply_parked(&message, context);
            self.parked.take(&message);
        }
        self.parked.hushed = false;
        self.catch_up(&snapshot, context);
        (self.failures, self.refusals) = (0, 0);
        self.fields
            .set_kept(!self.messages.has_gaps() || planted::is(Bug::AlwaysKept));
        self.look_behind(context);
        if self.messages.first() != first.as_deref() {
            // Where what was shown begins with an answer, that stays.
            let first = first.filter(|_| amid);
            let load = Older {
                first,
                ..Older::default()
            };
            self.align(load, context);
        }
        self.forget_recalled();
        self.shown = true;
        context.reply_all(std::mem::take(&mut self.ready), &Ok(Reply::Done));
        self.after_snapshot(context);
    }

    /// The snapshot failed. Errors that may pass are tried again.
    pub(super) fn fail(&mut self, mut error: Error, context: &mut Context) {
        if error.code == Code::NotFound || (error.code == Code::NoRoute && planted::is(Bug::FrontsWord)) {
            error.code = Code::SessionNotFound;
            error.message = String::from("The server does not know this session.");
        }
        let refused = matches!(error.code, Code::SessionNotFound | Code::Unauthorized | Code::Forbidden);
        if refused && self.is_refused(&error, context) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        // What is too large now is so in a second.
        let large = error.code == Code::LimitReached;
        let at = context.now
            + if large {
                LARGE_AGAIN
            } else {
                backoff(self.failures, context)
            };
        let mut kept = Snapshot::default();
        let blind = large || (self.failures >= MAX_FAILURES && matches!(error.status, 400 | 500));
        match std::mem::replace(&mut self.phase, Phase::Detached) {
            Phase::Fetching(old) if blind => self.show_blind(&old, at, context),
            Phase::Fetching(old) => {
                kept.take_over(*old);
                self.phase = Phase::Failed(at, Box::new(kept));
            }
            _ => {
                self.messages.interrupt();
                self.phase = Phase::Failed(at, Box::new(kept));
            }
        }
        context.warn_of(&error);
        // A web page in the place of the history may be a proxy's for a moment, but more often the address is wrong.
        let wrong = matches!(
            error.code,
            Code::HtmlResponse | Code::WrongContentType | Code::Redirected
        );
        if self.failures >= MAX_FAILURES || wrong || large {
            // Who waits is told; the tries go on.
            self.not_ready(&error, context);
        }
        self.fields.set_error(Some(error));
    }

    /// What came meanwhile.
    pub(super) fn catch_up(&mut self, snapshot: &Snapshot, context: &mut Context) {
        for waiting in &snapshot.buffer.events {
            self.messages.set_telling(waiting.telling);
            self.replay(&waiting.data, context);
        }
        self.vigil.heard(context.now);
    }

    pub(super) fn replay(&mut self, data: &[u8], context: &mut Context) {
        if let Ok(Some(envelope)) = decode(data, &|_| true) {
            self.apply(&envelope, data, context);
        }
    }
}

/// The wait after so many failures, milliseconds.
pub(super) fn backoff(failures: u32, context: &mut Context) -> u64 {
    let wait = (500_u64 << failures.min(6)).min(20_000);
    wait / 2 + context.rng.below(wait / 2)
}

/// The session's entry in the map of sessions that are not idle.
pub(super) fn own_status(map: &[u8], id: &str) -> Status {
    let mut status = Status::Idle;
    let _ = Cursor::new(map).object(&mut |key, value| {
        if key.is(id) {
            status = Status::read(value.raw()?)?;
        }
        Ok(())
    });
    status
}
