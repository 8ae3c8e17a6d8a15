use super::Stamp;
use super::message::Message;
use super::page::{MAX_PARTS, PageItem};
use super::part::Part;
use crate::proto::bytes::hash;
use crate::proto::change::{Change, Delivery};
use crate::proto::event::{MessageHead, PartHead, Role};
use crate::proto::journal::Text;
use crate::proto::json::{Cursor, Str};
use crate::proto::planted::{self, Bug};

/// Removed messages and parts remembered until the next history; the oldest are forgotten.
const MAX_TOMBSTONES: usize = 4_096;

/// The stamp of such a message: no page that tells it again is older.
pub(super) const GONE: Stamp = 0;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Placed {
    /// It is in the list, or was stale.
    Done,
    /// It belongs to a message or part that is not known: fetch the message.
    Unknown,
}

/// How events stand to the history that was applied last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// They came after it was asked for.
    #[default]
    Now,
    /// They came before; behind them some are missing, and their words are in the history. Texts need them, to be whole.
    Before,
    /// They are told again, from the start of what is open.
    Again,
}

/// The messages of a session: order, merge, tombstones, and what to hand out.
#[derive(Debug, Default)]
pub struct Messages {
    pub(super) list: Vec<Message>,
    pub(super) ops: Vec<Change>,
    pub(super) dirty_from: usize,
    pub(super) dirty: bool,
    /// Removed ids, until a snapshot that was asked for later (M9); with [`GONE`] messages that a page left out.
    pub(super) tombstones: Vec<(u64, Stamp)>,
    /// When the last page that was applied was asked for.
    pub(super) paged: Stamp,
    pub(super) last_hit: (usize, usize),
    pub(super) telling: Telling,
    /// A message has more parts than are kept.
    pub crowded: bool,
}

impl Messages {
    /// `message.updated`.
    pub fn message(&mut self, head: &MessageHead<'_>, raw: &[u8], stamp: Stamp) {
        let at = match self.find(head.id) {
            Some(at) => at,
            None if self.is_gone(head.id) => return,
            None => self.insert(Message::new(head, head.id.to_text().into())),
        };
        let message = &mut self.list[at];
        if head.completed >= message.completed {
            message.stamp = stamp;
            message.tell(head, raw);
        }
        self.told(at);
    }

    /// `message.part.updated`.
    pub fn part(&mut self, head: &PartHead<'_>, raw: &[u8], stamp: Stamp) -> Placed {
        let Some(at) = self.find(head.message) else {
            return Placed::Unknown;
        };
        let again = self.telling == Telling::Again;
        match self.find_part(at, head.id) {
            // What is not a text that grows is in the newer history as it is.
            Ok(part) if self.is_telling_old() && !self.list[at].parts[part].is_open_text() => return Placed::Done,
            Err(_) if self.is_telling_old() => return Placed::Done,
            Ok(part) => self.list[at].parts[part].receive(head, raw, stamp, again),
            Err(_) => {
                self.drop_local_part(at);
                self.insert_part(at, Part::from_event(head, raw, stamp));
            }
        }
        self.mark(at);
        Placed::Done
    }

    /// `message.part.delta`.
    pub fn delta(&mut self, message: Str<'_>, part: Str<'_>, delta: Str<'_>, stamp: Stamp) -> Placed {
        let Some(at) = self.find(message) else {
            return Placed::Unknown;
        };
        let Ok(index) = self.find_part(at, part) else {
            return if self.is_telling_old() {
                Placed::Done
            } else {
                Placed::Unknown
            };
        };
        let again = self.telling == Telling::Again;
        self.list[at].parts[index].append(delta, stamp, again);
        self.mark(at);
        Placed::Done
    }

    /// `message.removed`.
    pub fn remove_message(&mut self, id: Str<'_>, stamp: Stamp) {
        if let Some(at) = self.find(id) {
            self.remove(at);
        }
        self.bury(id.raw(), stamp);
    }

    /// `message.part.removed`.
    pub fn remove_part(&mut self, message: Str<'_>, part: Str<'_>, stamp: Stamp) {
        if let Some(at) = self.find(message)
            && let Ok(index) = self.find_part(at, part)
        {
            self.take_part(at, index);
        }
        self.bury(part.raw(), stamp);
    }

    pub(super) fn bury(&mut self, id: &[u8], stamp: Stamp) {
        if self.tombstones.len() >= MAX_TOMBSTONES {
            self.tombstones.drain(..MAX_TOMBSTONES / 2);
        }
        self.tombstones.push((hash(id), stamp));
    }

    /// Shows a text that an earlier page saw of an open part. Gives whether the part is there.
    pub fn recall(&mut self, told: &Text) -> bool {
        let Some(at) = self.list.iter().rposition(|message| *message.id == *told.message) else {
            return false;
        };
        let Ok(part) = self.list[at].find_part(told.part.as_bytes()) else {
            return false;
        };
        self.list[at].parts[part].recall(&told.text);
        self.mark(at);
        true
    }

    /// The texts of parts that are open, or broke off, as far as they are known without a gap.
    pub fn open_texts(&self) -> Vec<Text> {
        let mut texts = Vec::new();
        for message in self.list.iter().filter(|message| message.role == Role::Assistant) {
            for part in &message.parts {
                if let Some(text) = part.beginning() {
                    texts.push(Text {
                        message: String::from(&*message.id),
                        part: String::from(&*part.id),
                        text,
                    });
                }
            }
        }
        texts
    }

    /// Time and id of the newest message that the server told.
    pub fn newest_place(&self) -> Option<(i64, String)> {
        let newest = self.list.iter().rev().find(|message| !message.echo)?;
        Some((newest.created, String::from(&*newest.id)))
    }

    /// The stream broke: open texts may have a hole from here on.
    pub fn interrupt(&mut self) {
        for part in self.list.iter_mut().flat_map(|message| &mut message.parts) {
            part.interrupt();
        }
    }

    /// Texts of this message may have a hole from here on.
    pub fn unsure(&mut self, message: Str<'_>) {
        if let Some(at) = self.find(message) {
            self.list[at].parts.iter_mut().for_each(Part::interrupt);
        }
    }

    /// Events are missing here, among those that are told again.
    pub fn hole(&mut self) {
        for at in 0..self.list.len() {
            let Some(message) = self.list.get_mut(at) else { continue };
            message.parts.iter_mut().for_each(Part::hole);
            if message.parts.iter().any(Part::is_dirty) {
                self.mark(at);
            }
        }
    }

    /// How the events that follow stand to the history that was applied last.
    pub fn set_telling(&mut self, telling: Telling) {
        self.telling = telling;
    }

    /// Whether the events that follow are old ones, told again from the start of what is open.
    pub fn set_replaying(&mut self, again: bool) {
        self.telling = if again { Telling::Again } else { Telling::Now };
    }

    /// Whether that history is newer than the events that follow.
    pub fn is_telling_old(&self) -> bool {
        self.telling != Telling::Now
    }

    /// Whether the message is in the list, told by the server.
    pub fn knows(&self, id: &str) -> bool {
        self.named(id).is_some_and(|message| !message.echo)
    }

    /// Position of the last message that answers the message `id`.
    pub fn answer(&self, id: &str) -> Option<usize> {
        let answers = |message: &Message| message.parent.as_deref() == Some(id);
        self.list.iter().rposition(answers)
    }

    /// Position of the message shown under `key`.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.by_key(key)
    }

    /// Whether the message is in the list, told by the server or not.
    pub fn has(&self, id: &str) -> bool {
        self.named(id).is_some()
    }

    /// Id of the oldest message.
    pub fn first(&self) -> Option<&str> {
        self.list.first().map(|message| &*message.id)
    }

    /// Time and id of the oldest message.
    pub fn first_place(&self) -> Option<(i64, &str)> {
        self.list.first().map(Message::place)
    }

    /// When the message was made.
    pub fn created(&self, id: &str) -> Option<i64> {
        self.named(id).map(|message| message.created)
    }

    /// Takes out what the server told and does not stay, by its key and place, and of the message `id` the parts from
    /// `part` on. Gives how many messages that changes.
    pub fn cut(&mut self, (id, part): (&str, Option<&str>), stays: &dyn Fn(&str, (i64, &str)) -> bool) -> usize {
        let stays = |message: &Message| {
            message.echo || (part.is_some() && *message.id == *id) || stays(&message.key, message.place())
        };
        let before = self.list.len();
        while let Some(at) = self.list.iter().rposition(|message| !stays(message)) {
            self.remove(at);
        }
        let mut cut = before - self.list.len();
        if let (Some(part), Some(at)) = (part, self.list.iter().position(|message| *message.id == *id)) {
            while let Some(last) = self.list[at].parts.iter().position(|shown| *shown.id >= *part) {
                self.take_part(at, last);
                cut = cut.max(1);
            }
        }
        cut
    }

    /// Whether the list begins with an answer: its prompt is further back.
    pub fn begins_amid(&self) -> bool {
        self.list.first().is_some_and(|message| message.role == Role::Assistant)
    }

    /// Drops what stands before a prompt that is older than the message `than`: the newest such prompt if `least`, else the
    /// oldest; and one that has the newest answer behind it. Gives whether there is one.
    pub fn trim(&mut self, than: Option<&str>, least: bool) -> bool {
        let end = than.and_then(|id| self.index_of(id)).unwrap_or(self.list.len());
        let newest = self.list.iter().rfind(|message| message.role == Role::Assistant);
        let asked = newest.and_then(|message| message.parent.as_deref());
        let end = match asked {
            None => end,
            Some(id) => self.index_of(id).map_or(0, |at| end.min(at + 1)),
        };
        let prompt = |message: &Message| message.role == Role::User && !message.echo;
        let mut prompts = self.list[..end].iter();
        let first = if least {
            prompts.rposition(prompt)
        } else {
            prompts.position(prompt)
        };
        self.drop_before(first.unwrap_or_default());
        first.is_some()
    }

    /// Drops all messages older than `id`.
    pub fn drop_older(&mut self, id: &str) {
        self.drop_before(self.index_of(id).unwrap_or_default());
    }

    /// Drops the oldest messages until no more than `most` are left, and the turn that this cuts. Gives whether any went.
    pub fn evict(&mut self, most: usize) -> bool {
        let over = self.list.len().saturating_sub(most);
        if over == 0 {
            return false;
        }
        let prompt = |at: &usize| self.list[*at].role == Role::User;
        let first = (over..self.list.len()).find(prompt).unwrap_or(over);
        self.drop_before(first);
        true
    }

    /// Whether a message of this time and id is older than all that the server told.
    pub fn is_before_all(&self, (created, id): (i64, &str)) -> bool {
        let first = self.list.first().filter(|message| !message.echo);
        first.is_some_and(|message| (created, id) < message.place())
    }

    /// The error of the message at `at`, as the server tells it.
    pub fn error(&self, at: usize) -> Option<&[u8]> {
        self.list.get(at)?.error.as_deref()
    }

    /// Whether the newest answer is still open. One that is complete may have parts that never end: a retry leaves them.
    pub fn is_open(&self) -> bool {
        let last = self.list.iter().rev().find(|message| message.role == Role::Assistant);
        last.is_some_and(|message| !message.completed)
    }

    /// Digest of the newest message's id, if that is a prompt; else 0.
    pub fn last_prompt(&self) -> u64 {
        let last = self.list.iter().rev().find(|message| !message.echo);
        let prompt = last.filter(|message| message.role == Role::User);
        prompt.map_or(0, |message| hash(message.id.as_bytes()))
    }

    /// How many of the newest messages there are down to the oldest part that is still open.
    pub fn open_depth(&self) -> usize {
        let oldest = self
            .list
            .iter()
            .position(|message| message.parts.iter().any(Part::is_open));
        oldest.map_or(0, |at| self.list.len() - at)
    }

    /// How many messages came or changed since `stamp`.
    pub fn touched_since(&self, stamp: Stamp) -> usize {
        let new = |message: &&Message| message.stamp > stamp || message.parts.iter().any(|part| part.stamp > stamp);
        self.list.iter().rev().take_while(new).count()
    }

    /// Whether text of any part was missed.
    pub fn has_gaps(&self) -> bool {
        self.list.iter().flat_map(|message| &message.parts).any(Part::is_gapped)
    }

    /// How many messages are in the list.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether `drain` has something to say.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Hands out what changed since the last call.
    pub fn drain(&mut self, out: &mut Vec<Change>) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        out.append(&mut self.ops);
        let from = std::mem::replace(&mut self.dirty_from, usize::MAX);
        for (at, message) in self.list.iter_mut().enumerate().skip(from) {
            if message.dirty {
                message.drain(at, out);
            }
        }
    }

    pub(super) fn is_buried(&self, id: Str<'_>, asked: Stamp) -> bool {
        !planted::is(Bug::DropTombstones)
            && self
                .tombstones
                .iter()
                .any(|(buried, stamp)| *stamp > asked && *buried == hash(id.raw()))
    }

    /// Whether a page has left the message out that was shown: what a late stream tells of it is old.
    pub fn is_gone(&self, id: Str<'_>) -> bool {
        self.tombstones.contains(&(hash(id.raw()), GONE))
    }

    /// The server has told the message at `at`: an echo is confirmed, and goes to its real place.
    pub(super) fn told(&mut self, at: usize) {
        let message = &mut self.list[at];
        if std::mem::take(&mut message.echo) {
            message.deliver(Delivery::Sent);
        }
        self.mark(at);
        let place = message_place(&self.list, at);
        let sorted = (at == 0 || message_place(&self.list, at - 1) <= place)
            && (at + 1 == self.list.len() || place <= message_place(&self.list, at + 1));
        if !sorted {
            let message = self.list.remove(at);
            let to = self.list.partition_point(|other| other.place() < message.place());
            self.list.insert(to, message);
            self.ops.push(Change::MoveMessage { from: at, to });
            self.dirty_from = self.dirty_from.min(at).min(to);
        }
    }

    pub(super) fn insert(&mut self, message: Message) -> usize {
        let at = self.list.partition_point(|other| other.place() <= message.place());
        self.ops.push(Change::InsertMessage {
            index: at,
            key: message.key.clone(),
        });
        self.list.insert(at, message);
        self.mark(at);
        at
    }

    pub(super) fn named(&self, id: &str) -> Option<&Message> {
        self.list.iter().rev().find(|message| *message.id == *id)
    }

    fn index_of(&self, id: &str) -> Option<usize> {
        self.list.iter().position(|message| *message.id == *id)
    }

    fn drop_before(&mut self, first: usize) {
        if first > 0 {
            self.list.drain(..first);
            self.ops
                .extend((0..first).rev().map(|index| Change::RemoveMessage { index }));
            self.dirty = true;
            self.dirty_from = 0;
        }
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.list.remove(at);
        self.ops.push(Change::RemoveMessage { index: at });
        self.dirty = true;
        self.dirty_from = self.dirty_from.min(at);
    }

    pub(super) fn insert_part(&mut self, at: usize, part: Part) {
        self.explode(at);
        let Err(mut index) = self.list[at].find_part(part.id.as_bytes()) else {
            return;
        };
        if self.list[at].parts.len() >= MAX_PARTS {
            self.crowded = true;
            if index == 0 {
                return;
            }
            self.take_part(at, 0);
            index -= 1;
        }
        self.list[at].parts.insert(index, part);
        self.ops.push(Change::InsertPart { message: at, index });
        self.mark(at);
    }

    pub(super) fn take_part(&mut self, at: usize, index: usize) {
        self.explode(at);
        self.list[at].parts.remove(index);
        self.ops.push(Change::RemovePart { message: at, index });
        self.mark(at);
    }

    /// An adopted prompt shows its own parts until the server's arrive, one for one.
    pub(super) fn drop_local_part(&mut self, at: usize) {
        let message = &self.list[at];
        if let Some(index) = message
            .parts
            .iter()
            .position(|part| part.local)
            .filter(|_| message.adopted)
        {
            self.take_part(at, index);
        }
    }

    /// A message waiting to be handed out in one piece is to be handed out part by part after all.
    pub(super) fn explode(&mut self, at: usize) {
        let message = &mut self.list[at];
        let Some(whole) = message.take_whole() else {
            return;
        };
        let Ok(item) = PageItem::read(&mut Cursor::new(&whole)) else {
            return;
        };
        message.refill(item.info);
        for (index, part) in message.parts.iter_mut().enumerate() {
            self.ops.push(Change::InsertPart { message: at, index });
            // They came in the order of their ids, and nothing was added since.
            if let Some((_, raw)) = item.parts.get(index) {
                part.refill(raw);
            }
        }
    }

    pub(super) fn mark(&mut self, at: usize) {
        self.list[at].dirty = true;
        self.dirty = true;
        self.dirty_from = self.dirty_from.min(at);
    }

    pub(super) fn find(&mut self, id: Str<'_>) -> Option<usize> {
        let id = id.raw();
        let hit = self.last_hit.0;
        if self.list.get(hit).is_some_and(|message| message.id.as_bytes() == id) {
            return Some(hit);
        }
        let at = self.list.iter().rposition(|message| message.id.as_bytes() == id)?;
        self.last_hit = (at, 0);
        Some(at)
    }

    pub(super) fn find_part(&mut self, at: usize, id: Str<'_>) -> Result<usize, usize> {
        let parts = &self.list[at].parts;
        let hit = self.last_hit.1;
        if parts.get(hit).is_some_and(|part| part.id.as_bytes() == id.raw()) {
            return Ok(hit);
        }
        let found = self.list[at].find_part(id.raw());
        if let Ok(index) = found {
            self.last_hit.1 = index;
        }
        found
    }
}

fn message_place(list: &[Message], at: usize) -> (i64, &str) {
    list[at].place()
}
