use super::context::Context;
use super::missed::HOLE;
use super::session::{Phase, Session};
use crate::proto::bytes::hash;
use crate::proto::error::{Code, Error};
use crate::proto::event::{Envelope, Event, PartKind, decode};
use crate::proto::store::Telling;

/// Events that wait for the history, in order. Of whole parts only the newest waits: those before it say nothing more.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    pub(super) events: Vec<Waiting>,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) data: Vec<u8>,
    pub(super) telling: Telling,
    /// Digest of the id of the part it is about; 0: of none.
    part: u64,
    /// How final it tells the part, if it tells it whole.
    rank: Option<u8>,
}

impl Buffer {
    /// The history is asked for after the last hole: it is newer than what was told before that. `telling`: what comes
    /// next; when that is outdated, so is all that is here.
    pub(super) fn outdate(&mut self, telling: Telling) {
        let hole = self.events.iter().rposition(|waiting| waiting.data == HOLE);
        let count = match telling {
            Telling::Before => self.events.len(),
            _ => hole.map_or(0, |at| at + 1),
        };
        for waiting in self.events.iter_mut().take(count) {
            if waiting.telling == Telling::Now {
                waiting.telling = Telling::Before;
            }
        }
    }

    fn push(&mut self, event: Waiting) {
        self.bytes += event.data.len();
        self.events.push(event);
    }
}

impl Session {
    /// While the snapshot is on its way, events wait for it. `envelope`: none for a mark made here.
    pub(super) fn keep(&mut self, envelope: Option<&Envelope<'_>>, data: &[u8], context: &mut Context) {
        let (Phase::Fetching(snapshot) | Phase::Failed(_, snapshot)) = &mut self.phase else {
            return;
        };
        let buffer = &mut snapshot.buffer;
        let id = envelope.and_then(|envelope| envelope.id).map(|id| id.raw());
        if id.is_some_and(|id| self.seen.contains(id)) {
            return;
        }
        let (part, rank, grows) = match envelope.map(|envelope| &envelope.event) {
            Some(Event::Part { head, .. }) => (hash(head.id.raw()), Some(head.rank), head.kind == PartKind::Text),
            Some(Event::Delta { part, .. } | Event::PartRemoved { part, .. }) => (hash(part.raw()), None, false),
            _ => (0, None, false),
        };
        let newest = rank.and_then(|_| buffer.events.iter().rposition(|waiting| waiting.part == part));
        if let Some(at) = newest {
            let old = &buffer.events[at];
            let size = old.data.len();
            let outdated = old.rank.is_some_and(|old| Some(old) <= rank)
                && old.telling == context.telling
                && !(grows && data.len() < size);
            if outdated {
                if let Ok(Some(Envelope { id: Some(known), .. })) = decode(&old.data, &|_| true) {
                    if id == Some(known.raw()) {
                        return;
                    }
                    self.seen.insert(known.raw());
                }
                buffer.bytes -= size;
                buffer.events.remove(at);
            }
        }
        let full = buffer.bytes + data.len() > context.limits.buffered
            || buffer.events.len() >= context.limits.buffered_events;
        let event = |data: &[u8], part, rank| Waiting {
            data: data.to_vec(),
            telling: context.telling,
            part,
            rank,
        };
        if !full {
            return buffer.push(event(data, part, rank));
        }
        // The snapshot stays: the session shows, with a hole, and what it has missed is fetched then.
        *buffer = Buffer::default();
        buffer.push(event(HOLE, 0, None));
        let error = Error::new(Code::LimitReached, "Too many events wait (limits.buffered).");
        context.warn_of(&error);
        self.fields.set_error(Some(error));
        self.messages.interrupt();
        self.parked.clear();
        self.fetch_again(context);
    }
}
