use super::Ticket;
use crate::proto::provider::planted::{self, Bug};
use crate::proto::provider::sort::sort_by_key;

/// What was sent in the last window, one by one: a bucket that fills up lets twice its size through in a minute.
///
/// A request counts from its start; its tokens count from its start until a window after its end. So the limit holds
/// whenever in between the server counts them.
#[derive(Debug)]
pub(super) struct Window {
    length: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    ticket: Ticket,
    started: u64,
    ended: Option<u64>,
    tokens: u64,
}

impl Window {
    pub(super) fn new(length: u64) -> Self {
        Window {
            length,
            entries: Vec::new(),
        }
    }

    pub(super) fn start(&mut self, ticket: Ticket, tokens: u64, now: u64) {
        self.entries.push(Entry {
            ticket,
            started: now,
            ended: None,
            tokens,
        });
    }

    /// Whether it was running.
    pub(super) fn end(&mut self, ticket: Ticket, now: u64) -> bool {
        let running = |entry: &&mut Entry| entry.ticket == ticket && entry.ended.is_none();
        let Some(entry) = self.entries.iter_mut().find(running) else {
            return false;
        };
        entry.ended = Some(now);
        true
    }

    /// The real number of tokens.
    pub(super) fn settle(&mut self, ticket: Ticket, tokens: u64) {
        if planted::is(Bug::KeepEstimate) {
            return;
        }
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.ticket == ticket) {
            entry.tokens = tokens;
        }
    }

    /// Forgets what no window from now on can hold.
    pub(super) fn forget(&mut self, now: u64) {
        let length = self.length;
        self.entries
            .retain(|entry| entry.ended.is_none_or(|ended| ended.saturating_add(length) > now));
    }

    pub(super) fn running(&self) -> usize {
        self.entries.iter().filter(|entry| entry.ended.is_none()).count()
    }

    pub(super) fn started_at(&self, ticket: Ticket) -> Option<u64> {
        let entry = self.entries.iter().find(|entry| entry.ticket == ticket)?;
        Some(entry.started)
    }

    /// Number and tokens of what runs and started after then.
    pub(super) fn running_since(&self, then: u64, but: Ticket) -> (u64, u64) {
        self.entries
            .iter()
            .filter(|entry| entry.ended.is_none() && entry.started >= then && entry.ticket != but)
            .fold((0, 0), |(count, tokens), entry| {
                (count + 1, entry.tokens.saturating_add(tokens))
            })
    }

    /// From when one more request fits, and one with so many tokens.
    /// `u64::MAX`: not before something ends.
    pub(super) fn free_at(&self, requests: u64, tokens: u64, need: u64, now: u64) -> u64 {
        self.request_free_at(requests, now)
            .max(self.tokens_free_at(tokens, need, now))
    }

    fn request_free_at(&self, limit: u64, now: u64) -> u64 {
        let mut ends: Vec<u64> = self
            .entries
            .iter()
            .map(|entry| entry.started.saturating_add(self.length))
            .filter(|end| *end > now)
            .collect();
        sort_by_key(&mut ends, |end| *end);
        // So many have to leave for one to fit.
        let leave = (ends.len() as u64 + 1).saturating_sub(limit);
        match leave {
            0 => now,
            leave => ends.get(leave as usize - 1).copied().unwrap_or(u64::MAX),
        }
    }

    fn tokens_free_at(&self, limit: u64, need: u64, now: u64) -> u64 {
        let mut held: Vec<(u64, u64)> = self
            .entries
            .iter()
            .map(|entry| {
                let end = match entry.ended {
                    Some(ended) => ended.saturating_add(self.length),
                    None if planted::is(Bug::CountFromStart) => entry.started.saturating_add(self.length),
                    None => u64::MAX,
                };
                (end, entry.tokens)
            })
            .filter(|(end, _)| *end > now)
            .collect();
        if planted::is(Bug::TokenBucket) {
            for (end, tokens) in &mut held {
                *tokens = tokens.saturating_mul((*end - now).min(self.length)) / self.length.max(1);
            }
        }
        sort_by_key(&mut held, |(end, _)| *end);
        let sum = held.iter().fold(need, |sum, (_, tokens)| sum.saturating_add(*tokens));
        let mut over = sum.saturating_sub(limit);
        let mut free = now;
        for (end, tokens) in held {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(tokens);
            free = end;
        }
        if over > 0 { u64::MAX } else { free }
    }
}
