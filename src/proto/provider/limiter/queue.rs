use super::Ticket;
use crate::proto::provider::planted::{self, Bug};

/// How urgent a request is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// In the background.
    Low,
    /// As most are.
    #[default]
    Normal,
    /// Someone waits for it.
    High,
}

/// A request that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) tokens: u64,
    pub(super) deadline: u64,
}

/// Who waits, in the order in which they go. Growing old and being urgent are one number, which does not change while a
/// request waits: each level of priority is worth a fixed time.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// In their order. There are at most a few hundred: moving them is cheap, and a tree is large in wasm.
    waiting: Vec<(i128, Waiting)>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, priority: Priority, age: u64, now: u64, waiting: Waiting) {
        let mut level = match priority {
            Priority::Low => 0,
            Priority::Normal => 1,
            Priority::High => 2,
        };
        if planted::is(Bug::IgnorePriority) {
            level = 0;
        }
        let mut key = i128::from(now) - level * i128::from(age);
        if planted::is(Bug::NeverAge) {
            key = -level;
        }
        // Tickets grow: who comes later goes behind its equals.
        let at = self.waiting.partition_point(|(other, _)| *other <= key);
        self.waiting.insert(at, (key, waiting));
    }

    /// Who is next.
    pub(super) fn first(&self) -> Option<Waiting> {
        self.waiting.first().map(|(_, waiting)| *waiting)
    }

    /// All, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().map(|(_, waiting)| waiting)
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waiting> {
        let at = self.waiting.iter().position(|(_, waiting)| waiting.ticket == ticket)?;
        Some(self.waiting.remove(at).1)
    }
}
