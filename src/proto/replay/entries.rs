use std::collections::VecDeque;
use std::sync::Arc;

use crate::proto::bytes::same;

/// The events kept, oldest first. Numbers only grow; those of events that a later one made needless are left out.
#[derive(Debug, Default)]
pub(super) struct Entries {
    all: VecDeque<Entry>,
    bytes: usize,
    gone: usize,
    /// The newest number that was given up for want of room.
    evicted: u64,
}

/// Whose an event is: where a log has readers who may not see all of it, each gets what is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Owner {
    /// Whoever reads: a hole.
    #[default]
    Everyone,
    /// It is about no session.
    Server,
    /// It is about this session.
    Session(Arc<str>),
}

/// Is shown an event: its number, whose it is, and the pieces of its data. Gives whether it wants the next one.
pub type Visit<'a> = dyn FnMut(u64, &Owner, &[&[u8]]) -> bool + 'a;

/// What a reader without a position was not told, because its beginning is gone.
#[derive(Debug, Default)]
pub struct Fresh {
    from: u64,
    skipped: Vec<u64>,
}

impl Fresh {
    /// A reader that is told everything after this number.
    pub fn new(from: u64) -> Self {
        Fresh {
            from,
            skipped: Vec::new(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    owner: Owner,
    first: u64,
    last: u64,
    /// The entry before it about the same part, 0 when there is none.
    before: u64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Event(Box<[u8]>),
    Run(Box<Run>),
    /// A later event made it needless.
    Gone,
}

/// Deltas of one part that follow each other: their texts joined, and the rest of the newest one around them.
#[derive(Debug)]
struct Run {
    /// Digest of what they are about.
    about: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    text: Vec<u8>,
    /// Where each delta ends in `text`.
    ends: Vec<u32>,
}

/// A delta inside its event: `head`, `text`, `tail` make up the JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delta<'a> {
    pub(super) about: u64,
    pub(super) head: &'a [u8],
    pub(super) text: &'a [u8],
    pub(super) tail: &'a [u8],
}

/// What an entry costs besides its bytes, so that a flood of small ones is bounded, too.
const OVERHEAD: usize = 128;
/// Longest text of a run: one event of it must not be much larger than the server's own.
const RUN: usize = 64 << 10;

impl Entries {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Adds an event.
    pub(super) fn push(&mut self, number: u64, before: u64, data: &[u8], owner: Owner) {
        self.add(number, before, Body::Event(data.into()), owner);
    }

    /// Adds a delta. Gives whether it stands in an entry of its own.
    pub(super) fn push_delta(&mut self, number: u64, before: u64, delta: Delta<'_>, owner: Owner) -> bool {
        if let Some(Entry {
            last,
            body: Body::Run(run),
            ..
        }) = self.all.back_mut()
            && *last + 1 == number
            && run.about == delta.about
            && same(&run.tail, delta.tail)
            && run.text.len() + delta.text.len() <= RUN
        {
            *last = number;
            self.bytes = self.bytes + delta.text.len() + delta.head.len() + 4 - run.head.len();
            run.append(delta);
            return false;
        }
        let mut run = Run {
            about: delta.about,
            head: Vec::new(),
            tail: delta.tail.to_vec(),
            text: Vec::new(),
            ends: Vec::new(),
        };
        run.append(delta);
        self.add(number, before, Body::Run(Box::new(run)), owner);
        true
    }

    /// Drops the bytes of an entry and of all before it about the same part.
    pub(super) fn drop_chain(&mut self, mut number: u64) {
        while number > self.evicted {
            let at = self.all.partition_point(|entry| entry.last < number);
            let Some(entry) = self.all.get_mut(at).filter(|entry| entry.first <= number) else {
                break;
            };
            if matches!(entry.body, Body::Gone) {
                break;
            }
            self.bytes = self.bytes + OVERHEAD - entry.cost();
            entry.body = Body::Gone;
            self.gone += 1;
            number = entry.before;
        }
        if self.gone > 64 && self.gone > self.all.len() / 2 {
            self.all.retain(|entry| !matches!(entry.body, Body::Gone));
            self.bytes -= self.gone * OVERHEAD;
            self.gone = 0;
        }
    }

    /// Number of the oldest entry.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.all.front().map(|entry| entry.last)
    }

    /// Gives up the oldest entry.
    pub(super) fn evict(&mut self) {
        if let Some(entry) = self.all.pop_front() {
            self.bytes -= entry.cost();
            match entry.body {
                Body::Gone => self.gone -= 1,
                _ => self.evicted = entry.last,
            }
        }
    }

    /// Visits what came after `number`: each event with its own number, until `visit` gives `false`. A reader that is
    /// `fresh` has no use for deltas without their beginning.
    pub(super) fn after(&self, number: u64, mut fresh: Option<&mut Fresh>, visit: &mut Visit<'_>) {
        let at = self.all.partition_point(|entry| entry.last <= number);
        for entry in self.all.range(at..) {
            let goes_on = match (&entry.body, &mut fresh) {
                (Body::Gone, _) => true,
                (Body::Event(data), _) => visit(entry.last, &entry.owner, &[data]),
                (Body::Run(_), Some(fresh))
                    if entry.before > 0
                        && (entry.before <= fresh.from || fresh.skipped.binary_search(&entry.before).is_ok()) =>
                {
                    fresh.skipped.push(entry.first);
                    true
                }
                (Body::Run(run), _) => {
                    let text = run.after((number + 1).saturating_sub(entry.first) as usize);
                    visit(entry.last, &entry.owner, &[&run.head, text, &run.tail])
                }
            };
            if !goes_on {
                break;
            }
        }
    }

    fn add(&mut self, number: u64, before: u64, body: Body, owner: Owner) {
        let entry = Entry {
            owner,
            first: number,
            last: number,
            before,
            body,
        };
        self.bytes += entry.cost();
        self.all.push_back(entry);
    }
}

impl Entry {
    fn cost(&self) -> usize {
        OVERHEAD
            + match &self.body {
                Body::Event(data) => data.len(),
                Body::Run(run) => run.head.len() + run.tail.len() + run.text.len() + run.ends.len() * 4,
                Body::Gone => 0,
            }
    }
}

impl Run {
    fn append(&mut self, delta: Delta<'_>) {
        self.head.clear();
        self.head.extend_from_slice(delta.head);
        self.text.extend_from_slice(delta.text);
        self.ends.push(self.text.len() as u32);
    }

    /// The text behind the first `count` deltas.
    fn after(&self, count: usize) -> &[u8] {
        let start = count
            .checked_sub(1)
            .and_then(|at| self.ends.get(at))
            .map_or(0, |end| *end as usize);
        self.text.get(start..).unwrap_or_default()
    }
}
