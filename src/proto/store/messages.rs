use super::Stamp;
use super::message::Message;
use super::page::{Page, PageItem};
use super::part::Part;
use super::seen::Seen;
use crate::proto::bytes::hash;
use crate::proto::change::{Change, Delivery};
use crate::proto::event::{MessageHead, PartHead, Role, message_head, part_head};
use crate::proto::journal::Text;
use crate::proto::json::{Cursor, Str};
use crate::proto::planted::{self, Bug};

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Placed {
    /// It is in the list, or was stale.
    Done,
    /// It belongs to a message or part that is not known: fetch the message.
    Unknown,
}

/// The messages of a session: order, merge, tombstones, and what to hand out.
#[derive(Debug, Default)]
pub struct Messages {
    list: Vec<Message>,
    ops: Vec<Change>,
    dirty_from: usize,
    dirty: bool,
    /// Removed ids, until a snapshot that was asked for later (M9).
    tombstones: Vec<(u64, Stamp)>,
    /// When the newest page that was applied was asked for.
    paged: Stamp,
    last_hit: (usize, usize),
    /// Events are old ones, told again from the start of what is open.
    replaying: bool,
}

impl Messages {
    /// `message.updated`.
    pub fn message(&mut self, head: &MessageHead<'_>, raw: &[u8], stamp: Stamp) {
        let at = match self.find(head.id) {
            Some(at) => at,
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
        let replaying = self.replaying;
        match self.find_part(at, head.id) {
            Ok(part) => self.list[at].parts[part].receive(head, raw, stamp, replaying),
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
            return Placed::Unknown;
        };
        let replaying = self.replaying;
        self.list[at].parts[index].append(delta, stamp, replaying);
        self.mark(at);
        Placed::Done
    }

    /// `message.removed`.
    pub fn remove_message(&mut self, id: Str<'_>, stamp: Stamp) {
        if let Some(at) = self.find(id) {
            self.remove(at);
        }
        self.tombstones.push((hash(id.raw()), stamp));
    }

    /// `message.part.removed`.
    pub fn remove_part(&mut self, message: Str<'_>, part: Str<'_>, stamp: Stamp) {
        if let Some(at) = self.find(message)
            && let Ok(index) = self.find_part(at, part)
        {
            self.take_part(at, index);
        }
        self.tombstones.push((hash(part.raw()), stamp));
    }

    /// The newest page of history, asked for at `asked`. `more`: the server has older messages.
    pub fn newest(&mut self, page: &Page<'_>, asked: Stamp, more: bool) {
        let ids = id_set(page.items.iter().map(|item| item.head.id.raw()), page.items.len());
        let known = |message: &Message| ids.contains(message.id.as_bytes());
        let oldest = page.items.first().map(|item| item.head.created).unwrap_or(i64::MIN);
        // A partial page that shares nothing with the list leaves a hole between them: the list starts anew.
        let apart = more && !self.shares(page);
        let stale: Vec<usize> = (0..self.list.len())
            .filter(|at| {
                let message = &self.list[*at];
                let gone = if apart && message.created <= oldest {
                    true
                } else {
                    (!more || message.created > oldest) && message.stamp <= asked
                };
                gone && !message.echo && !known(message)
            })
            .collect();
        for at in stale.into_iter().rev() {
            self.remove(at);
        }
        self.older(page, asked);
        self.paged = asked;
        self.tombstones.retain(|(_, stamp)| *stamp > asked);
    }

    /// A page of history, or one message, that says nothing of what is not in it.
    pub fn older(&mut self, page: &Page<'_>, asked: Stamp) {
        // So that a long history does not search the list for each new message.
        let count = self.list.len() + page.items.len();
        let mut known = id_set(self.list.iter().map(|message| message.id.as_bytes()), count);
        let mut before = i64::MIN;
        for item in &page.items {
            if self.is_buried(item.head.id, asked) {
                continue;
            }
            // Also of this page: a broken server may list a message twice.
            let maybe = !known.insert(item.head.id.raw());
            before = match maybe.then(|| self.place_of(item)).flatten() {
                Some(at) => self.again(at, item, asked, before),
                None => self.fresh(item, asked),
            };
        }
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

    /// The texts of open parts, as far as they are known without a gap.
    pub fn open_texts(&self) -> Vec<Text> {
        let mut texts = Vec::new();
        for message in self.list.iter().filter(|message| message.role == Role::Assistant) {
            for part in message.parts.iter().filter(|part| part.is_open()) {
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

    /// Time and id of the message shown under `key`, once the server told it.
    pub fn told_place(&self, key: &str) -> Option<(i64, String)> {
        let message = &self.list[self.by_key(key)?];
        (!message.echo).then(|| (message.created, String::from(&*message.id)))
    }

    /// Whether the prompt shown under `key` has a name of the server's.
    pub fn is_adopted(&self, key: &str) -> bool {
        self.by_key(key).is_some_and(|at| self.list[at].adopted)
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

    /// Whether the events that follow are old ones, told again from the start of what is open.
    pub fn set_replaying(&mut self, replaying: bool) {
        self.replaying = replaying;
    }

    /// Whether they are.
    pub fn is_replaying(&self) -> bool {
        self.replaying
    }

    /// Whether any message of the page is in the list. An own prompt that the page is the first to tell is no bridge.
    pub fn shares(&mut self, page: &Page<'_>) -> bool {
        page.items.iter().any(|item| {
            let at = self.find(item.head.id);
            at.and_then(|at| self.list.get(at)).is_some_and(|message| !message.echo)
        })
    }

    /// Whether the page has something that no event has told here: a message, a part, its end, or more of its text.
    pub fn lacks(&mut self, page: &Page<'_>) -> bool {
        page.items.iter().any(|item| {
            if self.is_buried(item.head.id, 0) {
                return false;
            }
            let Some(at) = self.find(item.head.id) else {
                return true;
            };
            item.parts.iter().any(|(head, _)| match self.find_part(at, head.id) {
                Ok(part) => self.list[at].parts[part].lacks(head),
                Err(_) => !self.is_buried(head.id, 0),
            })
        })
    }

    /// The session is idle and the page, asked for at `asked`, confirms it: parts still open will stay as stored.
    pub fn abandon(&mut self, page: &Page<'_>, asked: Stamp) {
        for item in &page.items {
            let Some(at) = self.find(item.head.id) else {
                continue;
            };
            for (head, raw) in &item.parts {
                if head.rank < 2
                    && let Ok(part) = self.find_part(at, head.id)
                {
                    self.list[at].parts[part].abandon(head, raw, asked);
                    self.mark(at);
                }
            }
        }
    }

    /// Shows an own prompt before the server has it. `info` and `parts` are in the server's shape.
    pub fn echo(&mut self, info: &str, parts: &[String]) {
        let Ok(head) = message_head(&mut Cursor::new(info.as_bytes())) else {
            return;
        };
        let mut message = Message::new(&head, head.id.to_text().into());
        message.echo = true;
        message.tell(&head, info.as_bytes());
        message.deliver(Delivery::Sending);
        let at = self.insert(message);
        for part in parts {
            if let Ok(head) = part_head(&mut Cursor::new(part.as_bytes())) {
                self.insert_part(at, Part::from_echo(&head, part.as_bytes()));
            }
        }
        self.mark(at);
    }

    /// Says how far the prompt shown under `key` got.
    pub fn deliver(&mut self, key: &str, delivery: Delivery) {
        if let Some(at) = self.by_key(key) {
            self.list[at].deliver(delivery);
            self.mark(at);
        }
    }

    /// The server stored the prompt shown under `key`.
    pub fn sent(&mut self, key: &str, stamp: Stamp) {
        if let Some(at) = self.by_key(key) {
            self.list[at].sent = stamp;
        }
        self.deliver(key, Delivery::Sent);
    }

    /// Takes out own prompts that were stored before the newest page was asked for, and that it does not tell: they are
    /// on a page that is not loaded, or were removed.
    pub fn drop_untold(&mut self, asked: Stamp) {
        while let Some(at) = self.list.iter().position(|message| message.is_untold(asked)) {
            self.remove(at);
        }
    }

    /// Whether `drop_untold` would take anything out.
    pub fn has_untold(&self, asked: Stamp) -> bool {
        self.list.iter().any(|message| message.is_untold(asked))
    }

    /// The server's name for the prompt shown under `key`.
    pub fn adopt(&mut self, key: &str, id: Str<'_>) {
        if let Some(at) = self.by_key(key) {
            self.list[at].id = id.to_text().into();
            self.list[at].adopted = true;
        }
    }

    /// Takes out the prompt shown under `key`, unless the server has it.
    pub fn discard(&mut self, key: &str) -> bool {
        match self.by_key(key).filter(|at| self.list[*at].echo) {
            Some(at) => {
                self.remove(at);
                true
            }
            None => false,
        }
    }

    /// Whether the message is in the list, told by the server.
    pub fn knows(&self, id: &str) -> bool {
        self.list
            .iter()
            .rev()
            .any(|message| !message.echo && *message.id == *id)
    }

    /// The server's id of the message shown under `key`.
    pub fn id_of(&self, key: &str) -> Option<&str> {
        self.by_key(key).map(|at| &*self.list[at].id)
    }

    /// Position of the last message that answers `parent`, and `true`; else of the last that is no prompt, and `false`.
    pub fn answer(&self, parent: &str) -> Option<(usize, bool)> {
        let answers = |message: &Message| message.parent.as_deref() == Some(parent);
        let own = self.list.iter().rposition(answers).map(|at| (at, true));
        own.or_else(|| {
            self.list
                .iter()
                .rposition(|m| m.role == Role::Assistant)
                .map(|at| (at, false))
        })
    }

    /// Position of the message shown under `key`.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.by_key(key)
    }

    /// Whether the message is in the list, told by the server or not.
    pub fn has(&self, id: &str) -> bool {
        self.list.iter().rev().any(|message| *message.id == *id)
    }

    /// Whether the message is shown for an own prompt, under the prompt's key.
    pub fn is_own(&self, id: &str) -> bool {
        let shown = self.list.iter().rev().find(|message| *message.id == *id);
        shown.is_some_and(|message| !message.echo && (message.adopted || message.delivery.is_some()))
    }

    /// Id of the oldest message.
    pub fn first(&self) -> Option<&str> {
        self.list.first().map(|message| &*message.id)
    }

    /// Whether a message made then is older than all in the list.
    pub fn is_before_all(&self, created: i64) -> bool {
        self.list.first().is_some_and(|message| created < message.created)
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

    /// Whether an answer to what was asked then tells old news: a newest page was asked for later, and applied.
    pub fn is_stale(&self, asked: Stamp) -> bool {
        asked < self.paged
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

    /// A message that is in the list already. `before`: the time of the one before it on the page. Gives its own.
    fn again(&mut self, at: usize, item: &PageItem<'_>, asked: Stamp, before: i64) -> i64 {
        let message = &mut self.list[at];
        // Only a wrong time can be earlier: a page is in order.
        if message.created < before {
            message.created = item.head.created;
        }
        let newer = (item.head.completed && !message.completed)
            || (item.head.completed == message.completed && message.stamp <= asked);
        if newer || message.echo {
            message.tell(&item.head, item.info);
        }
        // A page that was asked for earlier and comes later may not know it yet.
        message.stamp = message.stamp.max(asked);
        let created = message.created;
        let gone: Vec<usize> = (0..message.parts.len())
            .filter(|index| {
                let part = &message.parts[*index];
                part.stamp <= asked && !item.parts.iter().any(|(head, _)| head.id.raw() == part.id.as_bytes())
            })
            .collect();
        for index in gone.into_iter().rev() {
            self.take_part(at, index);
        }
        for (head, raw) in &item.parts {
            match self.find_part(at, head.id) {
                Ok(part) => self.list[at].parts[part].merge(head, raw, asked),
                Err(_) if self.is_buried(head.id, asked) => {}
                Err(_) => self.insert_part(at, Part::from_snapshot(head, raw, false)),
            }
        }
        self.told(at);
        created
    }

    /// A message that was not shown before: handed out in one piece where possible.
    fn fresh(&mut self, item: &PageItem<'_>, asked: Stamp) -> i64 {
        let sorted = item
            .parts
            .windows(2)
            .all(|pair| pair[0].0.id.raw() < pair[1].0.id.raw());
        let buried = item.parts.iter().any(|(head, _)| self.is_buried(head.id, asked));
        let mut message = Message::new(&item.head, item.head.id.to_text().into());
        message.stamp = asked;
        if sorted && !buried {
            message.tell_whole(item.info, item.raw);
            message.parts = item
                .parts
                .iter()
                .map(|(head, raw)| Part::from_snapshot(head, raw, true))
                .collect();
            self.insert(message);
            return item.head.created;
        }
        message.tell(&item.head, item.info);
        let at = self.insert(message);
        for (head, raw) in &item.parts {
            if !self.is_buried(head.id, asked) && self.find_part(at, head.id).is_err() {
                self.insert_part(at, Part::from_snapshot(head, raw, false));
            }
        }
        item.head.created
    }

    fn is_buried(&self, id: Str<'_>, asked: Stamp) -> bool {
        !planted::is(Bug::DropTombstones)
            && self
                .tombstones
                .iter()
                .any(|(buried, stamp)| *stamp > asked && *buried == hash(id.raw()))
    }

    /// The server has told the message at `at`: an echo is confirmed, and goes to its real place.
    fn told(&mut self, at: usize) {
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

    fn insert(&mut self, message: Message) -> usize {
        let at = self.list.partition_point(|other| other.place() <= message.place());
        self.ops.push(Change::InsertMessage {
            index: at,
            key: message.key.clone(),
        });
        self.list.insert(at, message);
        self.mark(at);
        at
    }

    fn remove(&mut self, at: usize) {
        self.list.remove(at);
        self.ops.push(Change::RemoveMessage { index: at });
        self.dirty = true;
        self.dirty_from = self.dirty_from.min(at);
    }

    fn insert_part(&mut self, at: usize, part: Part) {
        self.explode(at);
        let Err(index) = self.list[at].find_part(part.id.as_bytes()) else {
            return;
        };
        self.list[at].parts.insert(index, part);
        self.ops.push(Change::InsertPart { message: at, index });
        self.mark(at);
    }

    fn take_part(&mut self, at: usize, index: usize) {
        self.explode(at);
        self.list[at].parts.remove(index);
        self.ops.push(Change::RemovePart { message: at, index });
        self.mark(at);
    }

    /// An adopted prompt shows its own parts until the server's arrive, one for one.
    fn drop_local_part(&mut self, at: usize) {
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
    fn explode(&mut self, at: usize) {
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
            if let Some((_, raw)) = item.parts.iter().find(|(head, _)| head.id.raw() == part.id.as_bytes()) {
                part.refill(raw);
            }
        }
    }

    fn mark(&mut self, at: usize) {
        self.list[at].dirty = true;
        self.dirty = true;
        self.dirty_from = self.dirty_from.min(at);
    }

    fn by_key(&self, key: &str) -> Option<usize> {
        self.list.iter().rposition(|message| *message.key == *key)
    }

    /// Pages come in order, so a search by place nearly always hits; a moved message is found by its id.
    fn place_of(&mut self, item: &PageItem<'_>) -> Option<usize> {
        let id = item.head.id.raw();
        let key = (item.head.created, id);
        let found = self.list.binary_search_by(|message| {
            let (created, id) = message.place();
            (created, id.as_bytes()).cmp(&key)
        });
        found.ok().or_else(|| self.find(item.head.id))
    }

    fn find(&mut self, id: Str<'_>) -> Option<usize> {
        let id = id.raw();
        let hit = self.last_hit.0;
        if self.list.get(hit).is_some_and(|message| message.id.as_bytes() == id) {
            return Some(hit);
        }
        let at = self.list.iter().rposition(|message| message.id.as_bytes() == id)?;
        self.last_hit = (at, 0);
        Some(at)
    }

    fn find_part(&mut self, at: usize, id: Str<'_>) -> Result<usize, usize> {
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

fn id_set<'a>(ids: impl Iterator<Item = &'a [u8]>, count: usize) -> Seen {
    let mut set = Seen::new(count);
    for id in ids {
        set.insert(id);
    }
    set
}

fn message_place(list: &[Message], at: usize) -> (i64, &str) {
    list[at].place()
}
