use super::context::{Context, Reply};
use super::fields::Status;
use super::session::Session;
use crate::proto::change::Delivery;
use crate::proto::command::{Prompt, Stage};
use crate::proto::error::{Code, Error};
use crate::proto::json::Str;
use crate::proto::planted::{self, Bug};

/// A cold server starts a turn seconds after it stored the prompt; one that restarted never does.
const ANSWER_WAIT: u64 = 20_000;
/// One that has ended a turn since is warm.
const NEXT_WAIT: u64 = 5_000;

/// What becomes of prompts that the server has stored. An answer names its prompt (`parentID`). Measured on 1.1.65, 1.2.27
/// and 1.18.33, which are alike in this:
///
/// - Prompts that come while a turn runs are stored at once, and the newest of them is answered by the next step of that
///   turn, or after it. Those before it get no answer of their own; the model reads them with the newest. So it is, too,
///   with two that are stored before their turn begins (1.1.65, 1.18.33).
/// - A stop, and a turn that fails, drop what waits: it stays in the history, nothing tells of it, and no later turn
///   answers it. Only one that is stored in the very moment of the stop may still begin a turn (1.1.65). A server that is
///   killed forgets what waits, too.
/// - Nothing can be taken out of the queue: `DELETE` of a message is refused while a turn runs (409; 500 before 1.18).
impl Session {
    /// What was told may say which prompts wait behind the answer to another one, and which do not any more.
    pub(super) fn line_up(&mut self) {
        self.messages.redeem();
        for prompt in &self.outbox.prompts {
            if matches!(prompt.stage, Stage::Stored(_)) && !prompt.draft.no_reply {
                self.messages.line_up(&prompt.key, self.turn.busy);
            }
        }
    }

    /// Until when a stored prompt may still be answered, though no turn runs.
    pub(super) fn patience(&self, prompt: &Prompt) -> Option<u64> {
        match prompt.stage {
            Stage::Stored(_) if planted::is(Bug::DropAtOnce) => Some(prompt.since),
            Stage::Stored(since) if self.turn.ended > since => Some(prompt.since + NEXT_WAIT),
            Stage::Stored(_) => Some(prompt.since + ANSWER_WAIT),
            _ => None,
        }
    }

    /// An answer to this prompt was told that is older, by a server's clock that was set back, than all that is loaded.
    pub(super) fn answered_behind(&mut self, parent: Option<Str<'_>>) {
        let Some(parent) = parent else { return };
        for prompt in &mut self.outbox.prompts {
            prompt.answered_behind |= parent.is(self.messages.id_of(&prompt.key).unwrap_or(&prompt.key));
        }
    }

    /// Whether a stored prompt has waited long enough, and only the end of the history was looked at since it was stored.
    pub(super) fn is_overdue(&self, prompt: &Prompt, now: u64) -> bool {
        matches!(prompt.stage, Stage::Stored(since) if self.turn.surveyed <= since)
            && self.patience(prompt).is_some_and(|until| now >= until)
    }

    /// The turn is over: tells those who wait for answers. `seen`: what is shown was compared with the server.
    pub(super) fn answer_prompts(&mut self, seen: bool, context: &mut Context) {
        let keys: Vec<String> = self.outbox.prompts.iter().map(|prompt| prompt.key.clone()).collect();
        for key in keys {
            let Some(result) = self.outcome(&key, seen, context.now) else {
                continue;
            };
            if let Some(prompt) = self.outbox.take(&key) {
                context.reply(prompt.done, result);
            }
        }
    }

    /// How the prompt was answered; `None` while it may still be.
    fn outcome(&mut self, key: &str, seen: bool, now: u64) -> Option<Result<Reply, Error>> {
        let prompt = self.outbox.prompts.iter().find(|prompt| prompt.key == key)?;
        let Stage::Stored(since) = prompt.stage else {
            return None;
        };
        let patient = self.patience(prompt).is_some_and(|until| now < until);
        let (no_reply, behind) = (prompt.draft.no_reply, prompt.answered_behind);
        let session = self.handle;
        let message = |index| Some(Ok(Reply::Message { session, index }));
        let shown = self.messages.position(key);
        if let (Some(index), true) = (shown, no_reply) {
            return message(index);
        }
        if !no_reply {
            if let Some(index) = self.messages.answer(self.messages.id_of(key).unwrap_or(key)) {
                return match self.messages.error(index) {
                    Some(raw) => Some(Err(Error::from_turn(raw))),
                    None => message(index),
                };
            }
            // What failed while it waited was the turn before it.
            if let (Status::Error(error), true) = (self.fields.status(), self.turn.failed > since)
                && !self.messages.is_queued(key)
            {
                return Some(Err(error.clone()));
            }
            match self.messages.later_answer(key) {
                Some((index, next)) if next || !patient => {
                    self.messages.deliver(key, Delivery::Sent);
                    return message(index);
                }
                _ => {}
            }
        }
        if behind {
            let message = "The answer is older than what is loaded.";
            return Some(Err(Error::new(Code::Incomplete, message)));
        }
        if patient || !seen || self.turn.surveyed <= since {
            return None;
        }
        if shown.is_none() {
            let gone = "The prompt is not in the history any more.";
            return Some(Err(Error::new(Code::TurnFailed, gone)));
        }
        self.messages.deliver(key, Delivery::Dropped);
        let dropped = "The server stopped before it answered the prompt.";
        Some(Err(Error::new(Code::Dropped, dropped)))
    }
}
