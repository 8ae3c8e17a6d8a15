use super::context::{Context, Purpose, Reply, What};
use super::fields::Status;
use super::older::read_page;
use super::session::Session;
use super::snapshot::Scope;
use crate::proto::change::Delivery;
use crate::proto::command::{Catalog, Draft, Prompt, Stage};
use crate::proto::error::{Code, Error};
use crate::proto::planted::{self, Bug};
use crate::proto::request::session_path;
use crate::proto::store::Stamp;

/// Whether the session is settled: idle, and seen to equal the server.
///
/// `idle` may come before the last flush, so a turn that ended is checked against the server's history.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) busy: bool,
    /// That was told on this connection.
    pub(super) heard: bool,
    pub(super) settled: bool,
    check: Check,
    tries: u8,
    /// How many messages a check asked for.
    limit: usize,
    pub(super) ended: Stamp,
    pub(super) failed: Stamp,
    /// When the newest history that is not just its end was asked for.
    pub(super) surveyed: Stamp,
    waiters: Vec<u32>,
    since: Stamp,
    /// Digest of the prompt that ended the history when the server said that no turn runs.
    unanswered: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Check {
    #[default]
    None,
    Due(u64),
    /// The server was asked whether the turn is over: its word may have been lost.
    Confirm(Stamp),
    /// The newest messages were asked for.
    Asked(Stamp),
}

/// The last flush follows `idle` at once; this leaves it time.
const CHECK_AFTER: u64 = 150;
pub(super) const CHECK_AGAIN: u64 = 1_000;
const MAX_CHECKS: u8 = 3;
/// So many messages before those that are shown are looked at for an answer, before its prompt is called dropped.
const BEFORE_SHOWN: usize = 10;
pub(super) const MAX_POSTS: u8 = 3;

impl Turn {
    /// The server says whether a turn runs.
    pub(super) fn told(&mut self, busy: bool, context: &mut Context) {
        self.heard |= busy;
        let ended = std::mem::replace(&mut self.busy, busy) && self.heard;
        if (ended || planted::is(Bug::IdleIsEnd)) && !busy {
            self.ended = context.tick();
        }
        self.tries = 0;
        if busy {
            self.settled = false;
            self.check = Check::None;
        } else if !self.settled {
            self.check = Check::Due(context.now + CHECK_AFTER);
        }
    }

    /// A message or part changed.
    pub(super) fn touched(&mut self, now: u64) {
        self.settled = false;
        if !self.busy && !matches!(self.check, Check::Asked(_) | Check::Confirm(_)) {
            self.check = Check::Due(now + CHECK_AFTER);
        }
    }

    /// The turn failed.
    pub(super) fn failed(&mut self, stamp: Stamp) {
        self.failed = stamp;
    }

    /// Something may have been missed.
    pub(super) fn unsettle(&mut self) {
        self.settled = false;
        self.check = Check::None;
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match self.check {
            Check::Due(at) => Some(at),
            _ => None,
        }
    }
}

impl Session {
    /// Shows a prompt under `key` and queues it.
    pub fn send(&mut self, key: String, json: &[u8], stored: u32, done: u32, context: &mut Context) {
        let refused = match Draft::read(json) {
            Err(error) => error,
            Ok(_) if self.is_dead() => self
                .fields
                .error()
                .cloned()
                .unwrap_or_else(|| Error::new(Code::Closed, "The session is closed.")),
            Ok(_) if self.outbox.prompts.len() >= context.limits.outbox => {
                Error::new(Code::LimitReached, "Too many prompts are waiting (limits.outbox).")
            }
            Ok(draft) => return self.queue(key, draft, stored, done, context),
        };
        context.reply_all(vec![stored, done], &Err(refused));
    }

    /// Takes a prompt out of the list that failed, or was not sent yet. Gives whether there was one.
    pub fn discard(&mut self, key: &str, context: &mut Context) -> bool {
        let waits = |prompt: &mut Prompt| prompt.tries == 0 && matches!(prompt.stage, Stage::Queued | Stage::Unclear);
        match self.outbox.get(key).map(waits) {
            Some(false) => return false,
            Some(true) => self.refuse(key, &Error::new(Code::Cancelled, "The prompt was taken back."), context),
            None => {}
        }
        self.messages.discard(key)
    }

    /// Posts the next prompt, if it may go. Gives whether the lists of models and agents are needed first.
    pub fn pump(&mut self, catalog: &mut Catalog, context: &mut Context) -> bool {
        self.note_crowds(context);
        while let (true, Some(own_ids)) = (self.is_live(), context.own_ids) {
            // Asked after each event: what costs is done only for a prompt that may go.
            let newest = self.outbox.upcoming().is_some().then(|| self.newest_place());
            let Some(prompt) = self.outbox.upcoming() else {
                return false;
            };
            let named = prompt.draft.model.is_some() || prompt.draft.agent.is_some();
            if named && !catalog.is_loaded() {
                return true;
            }
            let model = prompt.draft.model.as_ref().map(|model| model.name());
            if let Err(error) = catalog.check(model.as_deref(), prompt.draft.agent.as_deref()) {
                if !prompt.rechecked {
                    // The server's configuration may have changed since the lists were fetched.
                    prompt.rechecked = true;
                    catalog.clear();
                    return true;
                }
                let key = prompt.key.clone();
                self.refuse(&key, &error, context);
                continue;
            }
            if prompt.tries > 0 && prompt.names_itself && !own_ids {
                // The server is an older one now, and may still tell it: it is looked for as such servers want it.
                (prompt.stage, prompt.names_itself, prompt.since) = (Stage::Unclear, false, context.now);
                self.turn.check = Check::Due(context.now + CHECK_AGAIN);
                return false;
            }
            prompt.stage = Stage::Posting;
            prompt.names_itself = own_ids;
            prompt.after = newest.flatten();
            prompt.tries += 1;
            prompt.misses = 0;
            let ids = own_ids.then_some((prompt.key.as_str(), prompt.part_ids.as_slice()));
            let body = prompt.draft.body(ids);
            let what = What::Prompt {
                key: prompt.key.clone(),
            };
            let purpose = Purpose::Session {
                session: self.handle,
                what,
                asked: context.stamp,
            };
            let path = self.scoped(context, &session_path(&self.id, "/prompt_async"));
            context.request(purpose, "POST", path, Some(body));
            return false;
        }
        false
    }

    /// Answers when the session is settled.
    pub fn wait_settled(&mut self, token: u32, context: &mut Context) {
        if self.is_settled(context) {
            context.reply(token, Ok(Reply::Done));
        } else if let (true, Some(error)) = (self.is_dead(), self.fields.error()) {
            context.reply(token, Err(error.clone()));
        } else {
            self.turn.waiters.push(token);
        }
    }

    /// Answers those who wait, if the session is settled.
    pub fn answer_settled(&mut self, context: &mut Context) {
        if self.is_settled(context) {
            let waiters = std::mem::take(&mut self.turn.waiters);
            context.reply_all(waiters, &Ok(Reply::Done));
        }
    }

    fn is_settled(&self, context: &Context) -> bool {
        self.turn.settled && self.outbox.prompts.is_empty() && self.is_live() && !context.adrift
    }

    pub(super) fn turn_timeout(&mut self, context: &mut Context) {
        match self.turn.check {
            Check::Due(at) if context.now >= at && planted::is(Bug::SettleUnchecked) => self.settle(context),
            Check::Due(at) if context.now >= at && self.is_unanswered() => {
                self.turn.check = Check::Confirm(self.ask_status(context));
            }
            Check::Due(at) if context.now >= at => self.ask_newest(context),
            _ => {}
        }
    }

    /// Whether something is open that the end of a turn would have ended.
    fn is_unanswered(&self) -> bool {
        let waits = |prompt: &Prompt| matches!(prompt.stage, Stage::Stored(_)) && !prompt.draft.no_reply;
        self.is_unended() || self.outbox.prompts.iter().any(waits)
    }

    /// Whether the newest answer is open, or a prompt ends the history, perhaps another client's, whose turn the server
    /// may be about to begin.
    fn is_unended(&self) -> bool {
        self.messages.is_open() || ![0, self.turn.unanswered].contains(&self.messages.last_prompt())
    }

    fn ask_newest(&mut self, context: &mut Context) {
        let asked = context.tick();
        self.turn.check = Check::Asked(asked);
        // What is open may be further back than it looks: behind messages that are not loaded.
        let depth = self.messages.open_depth() * (1 + usize::from(self.turn.tries));
        let count = (self.messages.touched_since(self.turn.since) + 2).max(depth);
        // A prompt that is looked for may be anywhere in the first page.
        let least = if self.is_searching() { self.limit } else { 4 };
        self.turn.limit = self.reach(count.max(least) + self.hidden());
        let path = self.page_path(self.turn.limit, None);
        self.page_asked_at = context.now;
        self.get(context, What::Settle, asked, path);
    }

    /// A snapshot was applied: prompts that were unclear are clear now.
    pub(super) fn after_snapshot(&mut self, context: &mut Context) {
        self.confirm_named(context);
        self.hide(false);
        self.look_back(context);
        self.clear_up(context);
        if self.is_searching() {
            // The server may store it a moment after its answer was lost: the history is looked at for a while.
            self.turn.check = Check::Due(context.now + CHECK_AGAIN);
            return;
        }
        if std::mem::take(&mut self.withheld) {
            // It was nobody's after all.
            return self.begin(context);
        }
        if self.turn.busy || self.sides.awaits_status() {
            // Its end is awaited, or whether there is a turn at all.
        } else if !self.is_unended() && self.messages.open_depth() == 0 {
            self.settle(context);
        } else if !matches!(self.turn.check, Check::Due(_)) {
            // Idle, but something is open: the turn died, perhaps while nobody looked. Or it is to begin. A check that was
            // under way may have been answered while the history was.
            self.turn.tries = 0;
            self.turn.check = Check::Due(context.now + CHECK_AFTER);
        }
    }

    pub(super) fn settle_answer(&mut self, asked: Stamp, result: Result<&[u8], Error>, context: &mut Context) {
        if self.turn.check != Check::Asked(asked) || !self.is_live() {
            return;
        }
        self.turn.tries += 1;
        let page = read_page(result).ok();
        let Some(mut page) = page else {
            self.turn.check = Check::None;
            if self.turn.tries < MAX_CHECKS {
                self.turn.check = Check::Due(context.now + CHECK_AGAIN);
            } else {
                // The turn is over all the same: its answer is what is shown. What it ended with is still to be seen.
                self.answer_prompts(false, context);
                self.begin(context);
            }
            return;
        };
        let more = page.items.len() >= self.turn.limit;
        let hidden = self.screen(&mut page, more, context);
        if self.is_apart(&page, hidden) {
            // More came meanwhile than a check looks at.
            return self.begin(context);
        }
        if (self.vigil.is_looking() || self.is_searching()) && self.messages.lacks(&page) {
            // An event should have told it: a prompt that was taken, or what a look waits for.
            self.vigil.fetched();
        }
        self.messages.newest(&page, asked, true);
        self.recall();
        self.confirm_named(context);
        self.hide(false);
        if self.is_searching() {
            // A prompt the server took is not in its history yet.
            self.look_back(context);
            self.clear_up(context);
            self.turn.tries = 0;
            if self.cut.is_some() {
                // Or what was taken back is gone, and it is no longer hidden with that.
                return self.begin(context);
            }
            self.turn.check = Check::Due(context.now + CHECK_AGAIN);
            return;
        }
        if std::mem::take(&mut self.withheld) {
            return self.begin(context);
        }
        if self.turn.busy {
            // It was looked at for a prompt's sake; the end of the turn brings its own check.
            self.turn.check = Check::None;
            return;
        }
        if self.messages.touched_since(asked) > 0 && self.turn.tries < MAX_CHECKS {
            self.turn.check = Check::Due(context.now + CHECK_AFTER);
            return;
        }
        if (self.is_unended() || self.messages.open_depth() > 0) && self.turn.tries < MAX_CHECKS {
            // Idle, and something is not ended: its end may still be written, or is further back. Or it is to begin.
            self.turn.check = Check::Due(context.now + CHECK_AGAIN);
            return;
        }
        if self.messages.has_untold(asked) {
            // It is further back than a check looks, or was removed.
            return self.begin(context);
        }
        self.messages.abandon(&page, asked);
        self.settle(context);
    }

    /// A status asked for outside a snapshot, or nothing could be learned.
    pub(super) fn status_answer(&mut self, asked: Stamp, status: Option<Status>, context: &mut Context) {
        let busy = status.as_ref().is_some_and(Status::is_busy);
        let known = status.is_some();
        if let Some(status) = status {
            self.fields.set_status(status);
        }
        if self.turn.check == Check::Confirm(asked) && !busy {
            self.turn.unanswered = self.messages.last_prompt();
            return self.ask_newest(context);
        }
        if known {
            self.turn.told(busy, context);
        }
    }

    pub(super) fn prompt_answer(&mut self, key: &str, result: Result<&[u8], Error>, context: &mut Context) {
        let Some(prompt) = self.outbox.get(key) else {
            return;
        };
        match result {
            Ok(_) if planted::is(Bug::TakenIsStored) => self.stored(key, context),
            Ok(_) if !matches!(prompt.stage, Stage::Stored(_)) => {
                prompt.stage = Stage::Accepted;
                prompt.since = context.now;
                self.turn.unsettle();
                self.turn.check = Check::Due(context.now + CHECK_AGAIN);
            }
            Ok(_) => {}
            Err(_) if matches!(prompt.stage, Stage::Stored(_)) => {}
            Err(error) if planted::is(Bug::UnclearIsFailed) => self.refuse(key, &error, context),
            // A refusal says nothing of an earlier try, which the server may have got.
            Err(error)
                if prompt.tries > 1 || matches!(error.code, Code::Unreachable | Code::Timeout | Code::ServerError) =>
            {
                prompt.stage = Stage::Unclear;
                prompt.since = context.now;
                // What answers with an error may be a server that starts: it gets time, and four times as much the next time.
                prompt.looks = if error.status == 0 {
                    0
                } else {
                    1 << (2 * prompt.tries - 1)
                };
                context.unsure = true;
                context.warn("prompt_unclear", &error.message);
                if self.is_live() {
                    self.begin(context);
                }
            }
            Err(error) => {
                context.warn_of(&error);
                self.refuse(key, &error, context);
            }
        }
    }

    /// Tells everybody who waits for a turn that it will not come.
    pub(super) fn end_turns(&mut self, error: &Error, context: &mut Context) {
        let mut waiting = std::mem::take(&mut self.turn.waiters);
        for prompt in std::mem::take(&mut self.outbox.prompts) {
            if matches!(prompt.stage, Stage::Stored(_)) {
                // Nobody looks any more whether it waits.
                self.messages.deliver(&prompt.key, Delivery::Sent);
            }
            waiting.extend([prompt.stored, prompt.done]);
        }
        context.reply_all(waiting, &Err(error.clone()));
    }

    /// Tells everybody who waits, but for prompts that the server may have: those stay until it can be asked again.
    pub(super) fn end_waiters(&mut self, error: &Error, context: &mut Context) {
        let mut unclear = Vec::new();
        for prompt in std::mem::take(&mut self.outbox.prompts) {
            match prompt.stage {
                Stage::Posting | Stage::Unclear | Stage::Accepted => {
                    unclear.push(prompt);
                    continue;
                }
                Stage::Queued => self.messages.deliver(&prompt.key, Delivery::Failed),
                Stage::Stored(_) => {}
            }
            self.outbox.prompts.push(prompt);
        }
        self.end_turns(error, context);
        self.outbox.prompts = unclear;
    }

    fn queue(&mut self, key: String, draft: Draft, stored: u32, done: u32, context: &mut Context) {
        let part_ids: Vec<String> = (0..draft.len()).map(|_| context.make_id("prt_")).collect();
        let (info, parts) = draft.echo(&self.id, &key, &part_ids, context.now);
        self.messages.echo(&info, &parts);
        let mut prompt = Prompt::new(key, part_ids, draft, context.now);
        (prompt.stored, prompt.done) = (stored, done);
        self.outbox.prompts.push(prompt);
    }

    pub(super) fn stored(&mut self, key: &str, context: &mut Context) {
        let Some(prompt) = self.outbox.get(key) else {
            return;
        };
        context.reply(std::mem::take(&mut prompt.stored), Ok(Reply::Done));
        self.note_stored(key, self.messages.told_place(key));
        let Some(prompt) = self.outbox.get(key) else {
            return;
        };
        if !matches!(prompt.stage, Stage::Stored(_)) {
            let stamp = context.tick();
            prompt.stage = Stage::Stored(stamp);
            prompt.since = context.now;
            let no_reply = prompt.draft.no_reply;
            self.messages.sent(key, stamp);
            self.end_cut(context);
            self.turn.settled = false;
            if no_reply && !self.turn.busy {
                self.turn.check = Check::Due(context.now + CHECK_AFTER);
            }
        }
    }

    pub(super) fn refuse(&mut self, key: &str, error: &Error, context: &mut Context) {
        let Some(prompt) = self.outbox.take(key) else {
            return;
        };
        self.messages.deliver(key, Delivery::Failed);
        context.reply_all(vec![prompt.stored, prompt.done], &Err(error.clone()));
        // It may have been all that was left of a turn that was checked.
        self.answer_settled(context);
    }

    fn settle(&mut self, context: &mut Context) {
        self.turn.check = Check::None;
        self.turn.settled = true;
        self.turn.since = context.stamp;
        self.evict(context);
        self.answer_prompts(true, context);
        if self.outbox.prompts.is_empty() {
            let waiters = std::mem::take(&mut self.turn.waiters);
            if planted::is(Bug::SettleTwice) {
                context.reply_all(waiters.clone(), &Ok(Reply::Done));
            }
            return context.reply_all(waiters, &Ok(Reply::Done));
        }
        if self
            .outbox
            .prompts
            .iter()
            .any(|prompt| self.is_overdue(prompt, context.now))
        {
            // By the server's clock its answer may be further back than a check looks, and before all that is shown.
            self.turn.unsettle();
            let limit = self.limit.max(self.messages.len() + BEFORE_SHOWN) + self.hidden();
            return self.fetch(Scope::All, limit, context);
        }
        // A stored prompt without a turn: its turn may start late, or may have died with the server.
        let patience = self.outbox.prompts.iter().filter_map(|prompt| self.patience(prompt));
        if let Some(until) = patience.min() {
            self.turn.tries = 0;
            self.turn.check = Check::Due(until.max(context.now + CHECK_AGAIN));
        }
    }
}
