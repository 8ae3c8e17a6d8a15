use super::context::{Context, What};
use super::naming::MAX_MISSES;
use super::older::read_page;
use super::session::Session;
use crate::proto::bytes::hash;
use crate::proto::command::{Draft, Prompt, Stage};
use crate::proto::error::{Code, Error};
use crate::proto::event::Role;
use crate::proto::journal::{Record, Saved};
use crate::proto::planted::{self, Bug};
use crate::proto::store::{Page, PageItem, Stamp};

/// How far back a restored prompt is looked for, messages.
const LOOK: usize = 1_000;
/// The record may be a moment older than the end of its page: also a prompt that it calls unsent is looked for, so many
/// times.
const UNSENT_MISSES: u8 = 2;

/// What of a session outlives its page, and what becomes of it in the next one.
impl Session {
    /// Lets the first snapshot wait for `resume`, so that it is drawn with what the journal has.
    pub fn hold(&mut self) {
        self.held_back = true;
    }

    /// The journal was read.
    pub fn unhold(&mut self) {
        self.held_back = false;
    }

    /// What kept the snapshot from being shown may be gone.
    pub fn show_due(&mut self, context: &mut Context) {
        self.finish_due(context);
    }

    /// The record to keep, when it differs from the last one given; empty: there is nothing to keep.
    pub fn journal(&mut self, closing: bool, context: &mut Context) -> Option<Vec<u8>> {
        let limit = context.limits.journal;
        let newest = self.newest_place();
        let mut record = Record {
            texts: self.messages.open_texts(),
            prompts: Vec::new(),
        };
        record.texts.extend(self.recalled.iter().cloned());
        for (bytes, mine) in &self.unseen {
            let kept = Record::read(bytes).unwrap_or_default();
            record.texts.extend(kept.texts);
            record.prompts.extend(kept.prompts.into_iter().filter(|_| *mine));
        }
        let mut left_out: Vec<String> = Vec::new();
        for prompt in &self.outbox.prompts {
            if matches!(prompt.stage, Stage::Stored(_)) || (closing && !prompt.restored) {
                continue;
            }
            if prompt.draft.size() > limit {
                left_out.push(prompt.key.clone());
            } else {
                record.prompts.push(saved(prompt, newest.as_ref(), context.own_ids));
            }
        }
        let (bytes, more) = record.write(limit);
        left_out.extend(more.into_iter().map(String::from));
        for key in left_out {
            let told = self.outbox.get(&key).map(|prompt| &mut prompt.unsaved);
            if told.is_some_and(|told| !std::mem::replace(told, true)) {
                context.warn("limit_reached", "A prompt is too large for limits.journal.");
            }
        }
        let digest = hash(&bytes);
        (std::mem::replace(&mut self.journaled, digest) != digest).then_some(bytes)
    }

    /// Takes up a record, once the server has let the history be read. `mine`: its page is gone, and its prompts are this
    /// one's now; otherwise only its texts count.
    pub fn restore(&mut self, bytes: &[u8], mine: bool, context: &mut Context) {
        if self.shown || planted::is(Bug::JournalAtOnce) || Record::read(bytes).is_none() {
            return self.admit(bytes, mine, context);
        }
        if mine {
            // What was kept is another's record until it is written anew.
            self.journaled = !0;
        }
        self.unseen.push((bytes.to_vec(), mine));
        self.finish_due(context);
    }

    /// The server gave a page of the history: whoever reads here may see, and say again, what the journal has of it.
    pub(super) fn admit_unseen(&mut self, context: &mut Context) {
        for (bytes, mine) in std::mem::take(&mut self.unseen) {
            self.admit(&bytes, mine, context);
        }
    }

    fn admit(&mut self, bytes: &[u8], mine: bool, context: &mut Context) {
        let Some(record) = Record::read(bytes) else {
            return context.warn("journal_dropped", "A journal record cannot be read.");
        };
        let death = self.fields.error().filter(|_| self.is_dead()).cloned();
        if self.is_dead() && death.is_none() {
            return;
        }
        if mine {
            // What was kept is another's record until it is written anew.
            self.journaled = !0;
        }
        for text in record.texts {
            if self.shown && self.messages.recall(&text) {
                continue;
            }
            match self.recalled.iter_mut().find(|known| known.part == text.part) {
                Some(known) if text.text.starts_with(&known.text) => *known = text,
                Some(_) => {}
                None => self.recalled.push(text),
            }
        }
        let before = self.outbox.prompts.len();
        for prompt in record.prompts.into_iter().filter(|_| mine) {
            self.readmit(prompt, context);
        }
        if let Some(error) = death {
            // As if they had been there when it died.
            self.end_waiters(&error, context);
        } else if self.outbox.prompts.len() > before && self.is_live() {
            self.begin(context);
        }
    }

    /// Time and id of the newest message of the history; `None` before the history was seen.
    pub(super) fn newest_place(&self) -> Option<(i64, String)> {
        let newest = || self.messages.newest_place().unwrap_or_default();
        self.shown.then(newest)
    }

    /// Whether the snapshot must wait: for the journal, or to know how the server names what the journal brought.
    pub(super) fn must_wait(&self, context: &Context) -> bool {
        let unsure = |prompt: &Prompt| prompt.restored && prompt.stage == Stage::Unclear;
        self.held_back || (context.own_ids.is_none() && self.outbox.prompts.iter().any(unsure))
    }

    /// The texts of an earlier page, over a page of the history that was just applied.
    pub(super) fn recall(&mut self) {
        for text in &self.recalled {
            self.messages.recall(text);
        }
    }

    /// Those of parts that are not in the list wait for theirs, as long as there are older ones, or hidden ones.
    pub(super) fn forget_recalled(&mut self) {
        let waits = self.fields.has_older() || self.cut.is_some();
        self.recalled.retain(|text| waits && !self.messages.recall(text));
    }

    /// The server's version is known: whether restored prompts may be repeated under their ids.
    pub(super) fn name_restored(&mut self, context: &Context) {
        if context.own_ids == Some(false) {
            for prompt in self.outbox.prompts.iter_mut().filter(|prompt| prompt.restored) {
                prompt.names_itself = false;
            }
        }
    }

    /// A newest page was applied; `more`: there are older messages. Restored prompts that it reaches back to were
    /// looked for.
    pub(super) fn note_looked(&mut self, page: &Page<'_>, more: bool, smaller: bool) {
        let oldest = page.items.first();
        for prompt in self
            .outbox
            .prompts
            .iter_mut()
            .filter(|prompt| smaller || !prompt.looked)
        {
            prompt.looked = !more || oldest.is_none_or(|item| !is_later(item.place(), prompt));
        }
    }

    /// Looks further back for restored prompts that the newest page does not reach to.
    pub(super) fn look_back(&mut self, context: &mut Context) {
        if self.deep.is_none() && self.outbox.prompts.iter().any(|prompt| !prompt.looked) {
            let asked = context.tick();
            self.deep = Some(asked);
            let path = self.page_path(LOOK, None);
            self.get(context, What::Search, asked, path);
        }
    }

    /// Whether the history is to be looked at again for a prompt.
    pub(super) fn is_searching(&self) -> bool {
        let looked_for = |prompt: &Prompt| !prompt.looked || self.is_untold(prompt) || self.is_unnamed(prompt);
        self.outbox.prompts.iter().any(looked_for)
    }

    pub(super) fn search_answer(&mut self, asked: Stamp, result: Result<&[u8], Error>, context: &mut Context) {
        if self.deep != Some(asked) {
            return;
        }
        self.deep = None;
        let page = read_page(result).ok();
        let (Some(page), true) = (page, self.is_live()) else {
            return;
        };
        for item in &page.items {
            if let Some(key) = self.claim(item, context) {
                if self
                    .messages
                    .is_before_all((item.head.created, &item.head.id.to_text()))
                {
                    // It is further back than what is shown.
                    self.messages.discard(&key);
                } else {
                    // A page that had to be smaller left it out: the whole one tells it.
                    self.messages.adopt(&key, item.head.id);
                }
            }
        }
        self.note_looked(&page, page.items.len() >= LOOK, false);
        while let Some(lost) = self.outbox.prompts.iter().find(|prompt| !prompt.looked) {
            let key = lost.key.clone();
            let error = Error::new(Code::NotStored, "The prompt is too old to be looked for.");
            self.refuse(&key, &error, context);
        }
        self.clear_up(context);
    }

    /// If the message, which is not the one shown for an own prompt, is a restored prompt, that prompt is stored: gives its
    /// key.
    pub(super) fn claim(&mut self, item: &PageItem<'_>, context: &mut Context) -> Option<String> {
        let id = item.head.id.to_text();
        if item.head.role != Role::User || self.messages.is_own(&id) {
            return None;
        }
        let restored = |prompt: &&Prompt| prompt.restored && !matches!(prompt.stage, Stage::Queued | Stage::Stored(_));
        let text = item.first_text();
        let found = self.outbox.prompts.iter().filter(restored).find(|prompt| {
            prompt.key == id || (!prompt.names_itself && prompt.draft.text == text && is_later(item.place(), prompt))
        });
        let key = found?.key.clone();
        self.stored(&key, context);
        self.note_stored(&key, Some((item.head.created, id)));
        self.outbox.take(&key);
        Some(key)
    }

    /// Prompts are stored in their order: those after one that is stored here can only be stored later.
    pub(super) fn note_stored(&mut self, key: &str, place: Option<(i64, String)>) {
        let prompts = self.outbox.prompts.iter_mut();
        for prompt in prompts.skip_while(|prompt| prompt.key != key).skip(1) {
            if place > prompt.after {
                prompt.after.clone_from(&place);
            }
        }
    }

    fn readmit(&mut self, saved: Saved, context: &mut Context) {
        if self.outbox.get(&saved.key).is_some() || self.messages.has(&saved.key) {
            return;
        }
        if self.outbox.prompts.len() >= context.limits.outbox {
            return context.warn("limit_reached", "The journal has more prompts than limits.outbox.");
        }
        let Ok(draft) = Draft::read(saved.draft.as_bytes()) else {
            return context.warn("journal_dropped", "A prompt of the journal cannot be read.");
        };
        let mut part_ids = saved.part_ids;
        part_ids.truncate(draft.len());
        while part_ids.len() < draft.len() {
            part_ids.push(context.make_id("prt_"));
        }
        let (info, parts) = draft.echo(&self.id, &saved.key, &part_ids, saved.created);
        self.messages.echo(&info, &parts);
        // A post waits for the journal to say so: a page that never saw the history posted nothing.
        let unsent = !saved.posted && saved.after.is_none();
        let older = |prompt: &Prompt| prompt.restored && prompt.created <= saved.created;
        let at = self.outbox.prompts.partition_point(older);
        let mut prompt = Prompt::new(saved.key, part_ids, draft, context.now);
        prompt.stage = match saved.taken {
            // Under a name of its own it may be sent again.
            true if saved.unnamed => Stage::Accepted,
            false if unsent => Stage::Queued,
            _ => Stage::Unclear,
        };
        prompt.tries = u8::from(saved.posted);
        prompt.names_itself = !saved.unnamed;
        prompt.created = saved.created;
        prompt.after = saved.after;
        prompt.restored = true;
        prompt.looked = unsent;
        prompt.misses = if saved.posted { 0 } else { MAX_MISSES - UNSENT_MISSES };
        self.outbox.prompts.insert(at, prompt);
    }
}

/// Whether a message of this time and id may be newer than all that were known when the prompt was posted. Ids do not tell
/// within a millisecond: the newest known may have come from somewhere else.
pub(super) fn is_later((created, own): (i64, &[u8]), prompt: &Prompt) -> bool {
    match &prompt.after {
        Some((time, id)) => created >= *time && own != id.as_bytes(),
        None => true,
    }
}

fn saved(prompt: &Prompt, newest: Option<&(i64, String)>, own_ids: Option<bool>) -> Saved {
    let queued = prompt.stage == Stage::Queued && prompt.tries == 0;
    Saved {
        key: prompt.key.clone(),
        part_ids: prompt.part_ids.clone(),
        draft: String::from_utf8_lossy(&prompt.draft.body(None)).into_owned(),
        created: prompt.created,
        // What is posted next comes after all that is known now.
        after: if queued {
            newest.or(prompt.after.as_ref()).cloned()
        } else {
            prompt.after.clone()
        },
        posted: prompt.tries > 0,
        unnamed: if prompt.tries > 0 {
            !prompt.names_itself
        } else {
            own_ids == Some(false)
        },
        taken: prompt.stage == Stage::Accepted,
    }
}
