use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::feed::{Cut, feed};
use super::mirror::Mirror;
use super::planted::{self, Bug};
use super::verdicts::Verdicts;
use super::{Config, Ending, Output, Position, Scope};
use crate::proto::replay::Fresh;

/// Who listens.
#[derive(Debug)]
pub(super) struct Readers {
    all: BTreeMap<u32, Reader>,
    per_user: BTreeMap<String, usize>,
    pub(super) verdicts: Verdicts,
    /// Somebody can be told more right now.
    pub(super) more: bool,
}

#[derive(Debug)]
struct Reader {
    scope: Arc<Scope>,
    came: u64,
    place: Place,
    /// It takes no more, since then.
    full: Option<u64>,
    /// When it got something the last time.
    sent: u64,
}

#[derive(Debug)]
enum Place {
    /// It had no opening frame; the last position that it saw.
    Waiting(Option<String>),
    /// It was opened, and is told what it missed: all up to this number.
    Opening(u64, Option<Fresh>),
    /// It was told all up to this number.
    Open(u64),
}

impl Readers {
    pub(super) fn new(config: &Config) -> Self {
        Readers {
            all: BTreeMap::new(),
            per_user: BTreeMap::new(),
            verdicts: Verdicts::new(config.verdict, config.verdicts),
            more: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds a reader, or says why not.
    pub(super) fn add(
        &mut self,
        id: u32,
        scope: Scope,
        position: Option<String>,
        config: &Config,
        now: u64,
    ) -> Option<Ending> {
        self.remove(id);
        let counted = !planted::is(Bug::UncountedReaders);
        if self.all.len() >= config.readers && counted {
            return Some(Ending::Full(503));
        }
        let own = self.per_user.entry(scope.user.clone()).or_default();
        if *own >= config.readers_per_user && counted {
            return Some(Ending::Full(429));
        }
        *own += 1;
        let reader = Reader {
            scope: Arc::new(scope),
            came: now,
            place: Place::Waiting(position),
            full: None,
            sent: now,
        };
        self.all.insert(id, reader);
        None
    }

    pub(super) fn remove(&mut self, id: u32) {
        let Some(reader) = self.all.remove(&id) else { return };
        let user = &reader.scope.user;
        if let Some(own) = self.per_user.get_mut(user) {
            *own -= 1;
            if *own == 0 {
                self.per_user.remove(user);
                self.verdicts.forget(user);
            }
        }
    }

    /// Whether a reader takes more.
    pub(super) fn set_full(&mut self, id: u32, is_full: bool, head: u64, now: u64) {
        if planted::is(Bug::QueueForSlow) {
            return;
        }
        if let Some(reader) = self.all.get_mut(&id) {
            if reader.full.is_some() && !is_full && planted::is(Bug::CursorAtHead) {
                reader.place = Place::Open(head);
            }
            reader.full = is_full.then(|| reader.full.unwrap_or(now));
        }
    }

    /// Answers those who wait, as far as it is known what they have missed. `alone`: nobody else's positions count.
    pub(super) fn answer(
        &mut self,
        mirror: &Mirror,
        alone: bool,
        config: &Config,
        now: u64,
        out: &mut VecDeque<Output>,
    ) {
        let verdicts = &self.verdicts;
        for (id, reader) in &mut self.all {
            let Place::Waiting(position) = &mut reader.place else {
                continue;
            };
            let late = now >= reader.came + config.catch_up;
            let is_ahead = |position: &str| {
                let asked = Position::of_text(position);
                asked.is_some_and(|asked| mirror.last.is_none_or(|last| asked > last)) && !alone
            };
            let mut known = position.as_deref().and_then(|position| mirror.log.find(position));
            if known.is_none() && position.as_deref().is_some_and(is_ahead) {
                if planted::is(Bug::AheadIsKnown) {
                    known = Some(mirror.log.last());
                } else if !late {
                    continue;
                }
            }
            let user = reader.scope.user.as_str();
            let mine = |digest: u64| reader.scope.all || !verdicts.is_denied(user, digest);
            let (mut beginning, whole) = mirror.log.beginning(&mine);
            if planted::is(Bug::FloorOfOthers) {
                beginning = mirror.log.last();
            }
            let kept = if position.is_some() { known.is_some() } else { whole };
            let from = known.unwrap_or(beginning);
            let mut bytes = Vec::new();
            mirror
                .log
                .write_opened(from, kept || planted::is(Bug::AlwaysKept), &mut bytes);
            reader.place = Place::Opening(from, known.is_none().then(|| Fresh::new(from)));
            reader.sent = now;
            out.push_back(Output::Send {
                readers: vec![*id],
                bytes,
            });
        }
    }

    /// Tells readers what is new, what is the same for several only once.
    pub(super) fn feed(&mut self, mirror: &Mirror, config: &Config, now: u64, out: &mut VecDeque<Output>) {
        let log = &mirror.log;
        let head = log.last();
        self.more = false;
        let mut groups: BTreeMap<(Arc<Scope>, u64), Vec<u32>> = BTreeMap::new();
        let mut behind = Vec::new();
        let mut ended = Vec::new();
        for (id, reader) in &self.all {
            if let Some(since) = reader.full {
                // It is told later, if that can be done then.
                if now >= since + config.stall {
                    ended.push(*id);
                }
                continue;
            }
            match reader.place {
                Place::Open(at) | Place::Opening(at, _) if at < log.evicted() => ended.push(*id),
                Place::Open(at) if at < head => {
                    groups.entry((Arc::clone(&reader.scope), at)).or_default().push(*id);
                }
                Place::Opening(..) => behind.push(*id),
                Place::Open(_) | Place::Waiting(_) => {}
            }
        }
        for ((scope, at), readers) in groups {
            let cut = feed(log, at, None, &scope, &self.verdicts, config.chunk, now);
            self.told(&readers, Place::Open(cut.at), cut, &scope, now, out);
        }
        for id in behind {
            let Some(reader) = self.all.get_mut(&id) else { continue };
            let scope = Arc::clone(&reader.scope);
            let Place::Opening(at, mut fresh) = std::mem::replace(&mut reader.place, Place::Open(0)) else {
                continue;
            };
            let mut cut = feed(log, at, fresh.as_mut(), &scope, &self.verdicts, config.chunk, now);
            let place = if cut.at == head {
                log.write_live(head, &mut cut.bytes);
                Place::Open(head)
            } else {
                Place::Opening(cut.at, fresh)
            };
            self.told(&[id], place, cut, &scope, now, out);
        }
        for id in ended {
            self.remove(id);
            let ending = Ending::Again;
            out.push_back(Output::End { reader: id, ending });
        }
    }

    fn told(&mut self, ids: &[u32], place: Place, cut: Cut, scope: &Scope, now: u64, out: &mut VecDeque<Output>) {
        let mut place = Some(place);
        for id in ids {
            let Some(reader) = self.all.get_mut(id) else { continue };
            reader.place = match &place {
                Some(Place::Open(at)) => Place::Open(*at),
                _ => place.take().unwrap_or(Place::Open(cut.at)),
            };
            if !cut.bytes.is_empty() {
                reader.sent = now;
            }
        }
        self.more |= cut.more;
        if let Some(session) = cut.ask
            && self.verdicts.ask(&scope.user, &session, now)
        {
            out.push_back(Output::Judge {
                user: scope.user.clone(),
                session: String::from(&*session),
            });
        }
        if !cut.bytes.is_empty() {
            out.push_back(Output::Send {
                readers: ids.to_vec(),
                bytes: cut.bytes,
            });
        }
    }

    /// Those whom nothing was sent to for long get to know where they are.
    pub(super) fn keep_alive(&mut self, mirror: &Mirror, config: &Config, now: u64, out: &mut VecDeque<Output>) {
        let mut groups: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for (id, reader) in &mut self.all {
            if let (Place::Open(at) | Place::Opening(at, _), false) = (&reader.place, reader.full.is_some())
                && now >= reader.sent + config.keep_alive
            {
                reader.sent = now;
                groups.entry(*at).or_default().push(*id);
            }
        }
        for (at, readers) in groups {
            let mut bytes = Vec::new();
            mirror.log.write_position(at, &mut bytes);
            out.push_back(Output::Send { readers, bytes });
        }
    }

    /// When the next of them has waited long enough for something. `is_up`: who waits, waits for his position to be read.
    pub(super) fn deadline(&self, config: &Config, is_up: bool) -> Option<u64> {
        let due = |reader: &Reader| match &reader.place {
            Place::Waiting(_) => Some(reader.came + if is_up { config.catch_up } else { config.grace }),
            _ if reader.full.is_some() => reader.full.map(|since| since + config.stall),
            _ => Some(reader.sent + config.keep_alive),
        };
        self.all.values().filter_map(due).min()
    }

    /// Ends those who have waited for an answer for so long.
    pub(super) fn refuse(&mut self, now: u64, grace: u64, out: &mut VecDeque<Output>) {
        let late = |reader: &Reader| matches!(reader.place, Place::Waiting(_)) && now >= reader.came + grace;
        self.end(&late, Ending::Unreached, out);
    }

    /// Ends those who were answered. They come back with their positions.
    pub(super) fn send_away(&mut self, out: &mut VecDeque<Output>) {
        let answered = |reader: &Reader| !matches!(reader.place, Place::Waiting(_));
        self.end(&answered, Ending::Again, out);
    }

    /// Ends all.
    pub(super) fn close(&mut self, out: &mut VecDeque<Output>) {
        self.end(&|_| true, Ending::Again, out);
    }

    fn end(&mut self, which: &dyn Fn(&Reader) -> bool, ending: Ending, out: &mut VecDeque<Output>) {
        let ids: Vec<u32> = self
            .all
            .iter()
            .filter(|(_, reader)| which(reader))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.remove(id);
            out.push_back(Output::End { reader: id, ending });
        }
    }
}
