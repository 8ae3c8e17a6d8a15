use std::cmp::Ordering;

use super::list::{ModelsError, by_id, read_models};
use super::model::Model;

/// A list counts as fresh this long, milliseconds.
pub const TTL: u64 = 300_000;
/// After a failure nobody asks again for this long, milliseconds.
const RETRY_AFTER: u64 = 10_000;
/// Notices that wait to be taken; older ones are joined into none, because the list itself tells the same.
const MAX_OUTPUTS: usize = 16;

/// What a cache is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// Use it.
    Fresh,
    /// Use it; a newer one is on its way.
    Stale,
    /// Wait for the answer.
    Missing,
}

/// What a cache wants, and what it noticed.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelOutput {
    /// Ask the server, with this as `If-None-Match` unless it is empty.
    Ask {
        /// The `ETag` of what is known.
        etag: String,
    },
    /// The list is not what it was.
    Changed(Changes),
}

/// Ids of what moved between two lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Were not there.
    pub new: Vec<String>,
    /// Say something else.
    pub changed: Vec<String>,
    /// Are not there any more.
    pub withdrawn: Vec<String>,
}

/// The list of models of one endpoint: fresh for a while, then used while it is asked for again.
#[derive(Debug)]
pub struct ModelCache {
    ttl: u64,
    models: Vec<Model>,
    etag: String,
    fetched: Option<u64>,
    failed: Option<u64>,
    asking: bool,
    outputs: Vec<ModelOutput>,
}

impl ModelCache {
    /// Nothing is known. `ttl` in milliseconds; [`TTL`] is usual.
    pub fn new(ttl: u64) -> Self {
        ModelCache {
            ttl,
            models: Vec::new(),
            etag: String::new(),
            fetched: None,
            failed: None,
            asking: false,
            outputs: Vec::new(),
        }
    }

    /// Someone wants the list.
    pub fn handle_wanted(&mut self, now: u64) -> Shelf {
        let age = self.fetched.map(|at| now.saturating_sub(at));
        if age.is_some_and(|age| age < self.ttl) {
            return Shelf::Fresh;
        }
        let waits = self.failed.is_some_and(|at| now.saturating_sub(at) < RETRY_AFTER) && age.is_some();
        if !self.asking && !waits {
            self.asking = true;
            self.push(ModelOutput::Ask {
                etag: self.etag.clone(),
            });
        }
        if age.is_some() { Shelf::Stale } else { Shelf::Missing }
    }

    /// The server answered. What is known stays when the answer is of no use.
    pub fn handle_answer(&mut self, status: u16, etag: &str, body: &[u8], now: u64) -> Result<(), ModelsError> {
        self.asking = false;
        let read = match status {
            304 if self.fetched.is_some() => Ok(None),
            200..=299 => read_models(body).map(Some),
            _ => Err(ModelsError::Status(status)),
        };
        let models = read.inspect_err(|_| self.failed = Some(now))?;
        self.fetched = Some(now);
        self.failed = None;
        if let Some(models) = models {
            let changes = compare(&self.models, &models);
            self.models = models;
            etag.clone_into(&mut self.etag);
            if changes != Changes::default() {
                self.push(ModelOutput::Changed(changes));
            }
        }
        Ok(())
    }

    /// There was no answer.
    pub fn handle_failed(&mut self, now: u64) {
        self.asking = false;
        self.failed = Some(now);
    }

    /// The next thing to do or to tell.
    pub fn poll_output(&mut self) -> Option<ModelOutput> {
        (!self.outputs.is_empty()).then(|| self.outputs.remove(0))
    }

    /// All that are known.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// One of them, by its id or another of its names.
    pub fn get(&self, id: &str) -> Option<&Model> {
        let named = |model: &&Model| model.id == id;
        let other = |model: &&Model| model.aliases.iter().any(|alias| alias == id);
        self.models
            .iter()
            .find(named)
            .or_else(|| self.models.iter().find(other))
    }

    fn push(&mut self, output: ModelOutput) {
        if self.outputs.len() >= MAX_OUTPUTS {
            let notice = |output: &ModelOutput| matches!(output, ModelOutput::Changed(_));
            let at = self.outputs.iter().position(notice).unwrap_or_default();
            self.outputs.remove(at);
        }
        self.outputs.push(output);
    }
}

/// Both lists name each id once.
fn compare(before: &[Model], after: &[Model]) -> Changes {
    let id = |models: &[Model], place: Option<&usize>| place.map(|at| models[*at].id.clone());
    let (old, new) = (by_id(before), by_id(after));
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut changes = Changes::default();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(is)) => before[**was].id.cmp(&after[**is].id),
        };
        match order {
            Ordering::Less => changes.withdrawn.extend(id(before, old.next())),
            Ordering::Greater => changes.new.extend(id(after, new.next())),
            Ordering::Equal => {
                if let (Some(was), Some(is)) = (old.next(), new.next())
                    && before[*was] != after[*is]
                {
                    changes.changed.push(after[*is].id.clone());
                }
            }
        }
    }
}
