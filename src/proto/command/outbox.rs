use super::prompt::Draft;
use crate::proto::planted::{self, Bug};
use crate::proto::store::Stamp;

/// A prompt on its way to the server.
#[derive(Debug)]
pub struct Prompt {
    /// Key of the shown message; on servers that take client-made ids, also the message's id.
    pub key: String,
    /// Ids of its parts.
    pub part_ids: Vec<String>,
    /// What to send.
    pub draft: Draft,
    /// How far it is.
    pub stage: Stage,
    /// Whether the model and agent lists were fetched again for it.
    pub rechecked: bool,
    /// How often it was posted.
    pub tries: u8,
    /// It was posted with ids made here.
    pub names_itself: bool,
    /// When it was sent, milliseconds.
    pub created: u64,
    /// The newest message that was known when it was last posted: time by the server's clock, and id.
    pub after: Option<(i64, String)>,
    /// It comes from a page that is gone, which may have posted it unseen.
    pub restored: bool,
    /// The history was seen back to where it would be stored.
    pub looked: bool,
    /// Its answer stands in a part of the history that is not loaded.
    pub answered_behind: bool,
    /// It is too large for the journal; that was told.
    pub unsaved: bool,
    /// When it came to its stage, or the history was last seen to lack it, milliseconds.
    pub since: u64,
    /// How often the history was seen to lack it.
    pub misses: u8,
    /// How often it must be, before it is posted again.
    pub looks: u8,
    /// Who waits for it to be stored; 0: nobody.
    pub stored: u32,
    /// Who waits for its answer.
    pub done: u32,
}

impl Prompt {
    /// One that was sent now, and waits for its turn.
    pub fn new(key: String, part_ids: Vec<String>, draft: Draft, now: u64) -> Self {
        Prompt {
            key,
            part_ids,
            draft,
            stage: Stage::Queued,
            rechecked: false,
            tries: 0,
            names_itself: false,
            created: now,
            after: None,
            restored: false,
            looked: true,
            answered_behind: false,
            unsaved: false,
            since: now,
            misses: 0,
            looks: 0,
            stored: 0,
            done: 0,
        }
    }

    /// Whether it was stored after this stamp.
    pub fn is_stored_since(&self, stamp: Stamp) -> bool {
        matches!(self.stage, Stage::Stored(at) if at > stamp)
    }
}

/// How far a prompt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for its turn, for the connection, or for the check of its model.
    Queued,
    /// The request is under way.
    Posting,
    /// The request failed in a way that leaves open whether the server has it: the next snapshot tells.
    Unclear,
    /// The server took it, but has not told it yet: servers answer before they store (1.1.65 always; 1.18.33 when cold).
    Accepted,
    /// The server has it since this stamp.
    Stored(Stamp),
}

/// The prompts of a session that are not answered yet, oldest first. One is posted at a time, so their order is kept.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Oldest first.
    pub prompts: Vec<Prompt>,
}

impl Outbox {
    /// The prompt shown under `key`.
    pub fn get(&mut self, key: &str) -> Option<&mut Prompt> {
        self.prompts.iter_mut().find(|prompt| prompt.key == key)
    }

    /// The prompt to post next, unless one before it is not shown by the server yet: it may store two that come together in
    /// the wrong order (seen on 1.1.65 and 1.18.33).
    pub fn upcoming(&mut self) -> Option<&mut Prompt> {
        if planted::is(Bug::PromptsReversed) {
            return self
                .prompts
                .iter_mut()
                .rev()
                .find(|prompt| prompt.stage == Stage::Queued);
        }
        let together = planted::is(Bug::PromptsTogether);
        let passed = |stage| matches!(stage, Stage::Stored(_)) || (together && stage == Stage::Accepted);
        let first = self.prompts.iter_mut().find(|prompt| !passed(prompt.stage))?;
        (first.stage == Stage::Queued).then_some(first)
    }

    /// Takes a prompt out.
    pub fn take(&mut self, key: &str) -> Option<Prompt> {
        let at = self.prompts.iter().position(|prompt| prompt.key == key)?;
        Some(self.prompts.remove(at))
    }
}
