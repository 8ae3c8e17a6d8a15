use super::Stamp;
use super::message::Message;
use super::messages::{GONE, Messages};
use super::page::{Page, PageItem};
use super::part::Part;
use super::seen::Seen;

/// Pages of history, merged into what the events told.
impl Messages {
    /// The newest page of history, asked for at `asked`. `more`: the server has older messages.
    pub fn newest(&mut self, page: &Page<'_>, asked: Stamp, more: bool) {
        let ids = id_set(page.items.iter().map(|item| item.head.id.raw()), page.items.len());
        let known = |message: &Message| ids.contains(message.id.as_bytes());
        // Two may be of the same millisecond.
        let oldest = page.items.first().map_or((i64::MAX, &b""[..]), PageItem::place);
        // A partial page that shares nothing with the list leaves a hole between them: the list starts anew.
        let apart = more && !page.items.is_empty() && !self.shares(page);
        let stale: Vec<usize> = (0..self.list.len())
            .filter(|at| {
                let message = &self.list[*at];
                let (created, id) = message.place();
                let inside = (created, id.as_bytes()) > oldest;
                let gone = (apart && !inside) || ((!more || inside) && message.stamp <= asked);
                gone && !message.echo && !known(message)
            })
            .collect();
        for at in stale.into_iter().rev() {
            if !apart && page.bad == 0 {
                let id = self.list[at].id.clone();
                self.bury(id.as_bytes(), GONE);
            }
            self.remove(at);
        }
        self.older(page, asked);
        self.note_paged(asked);
        self.tombstones.retain(|(_, stamp)| *stamp > asked || *stamp == GONE);
    }

    /// A page of history, or one message, that says nothing of what is not in it.
    pub fn older(&mut self, page: &Page<'_>, asked: Stamp) {
        // So that a long history does not search the list for each new message.
        let count = self.list.len() + page.items.len();
        let mut known = id_set(self.list.iter().map(|message| message.id.as_bytes()), count);
        let mut before = i64::MIN;
        for item in &page.items {
            self.crowded |= item.cut;
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

    /// Whether any message of the page is in the list. An own prompt that the page is the first to tell is no bridge.
    pub fn shares(&mut self, page: &Page<'_>) -> bool {
        self.has_any(page, |message| !message.echo)
    }

    /// Whether the page goes on from the list. Own prompts are shown also where what is before them is hidden.
    pub fn meets(&mut self, page: &Page<'_>) -> bool {
        self.has_any(page, |message| message.delivery.is_none())
    }

    fn has_any(&mut self, page: &Page<'_>, counts: fn(&Message) -> bool) -> bool {
        page.items.iter().any(|item| {
            let at = self.find(item.head.id);
            at.and_then(|at| self.list.get(at)).is_some_and(counts)
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
            let Some(at) = self.place_of(item) else {
                continue;
            };
            let message = &mut self.list[at];
            message.given_up = true;
            let broken = !message.completed || message.error.is_some();
            for (head, raw) in &item.parts {
                if head.rank < 2
                    && let Ok(part) = self.find_part(at, head.id)
                {
                    self.list[at].parts[part].abandon(head, raw, asked, broken);
                    self.mark(at);
                }
            }
        }
    }

    /// A page that was asked for then was applied.
    pub fn note_paged(&mut self, asked: Stamp) {
        self.paged = self.paged.max(asked);
    }

    /// Whether an answer to what was asked then tells old news: a page was asked for later, and applied.
    pub fn is_stale(&self, asked: Stamp) -> bool {
        asked < self.paged
    }

    /// A message that is in the list already. `before`: the time of the one before it on the page. Gives its own.
    pub(super) fn again(&mut self, at: usize, item: &PageItem<'_>, asked: Stamp, before: i64) -> i64 {
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
        // Servers store a prompt before its parts: what was sent stays until they come.
        let bare = message.echo && item.parts.is_empty();
        let told = id_set(item.parts.iter().map(|(head, _)| head.id.raw()), item.parts.len());
        let gone: Vec<usize> = (0..message.parts.len())
            .filter(|index| {
                let part = &message.parts[*index];
                !bare && part.stamp <= asked && !told.contains(part.id.as_bytes())
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
    pub(super) fn fresh(&mut self, item: &PageItem<'_>, asked: Stamp) -> i64 {
        let sorted = item
            .parts
            .windows(2)
            .all(|pair| pair[0].0.id.raw() < pair[1].0.id.raw());
        let buried = item.parts.iter().any(|(head, _)| self.is_buried(head.id, asked));
        let mut message = Message::new(&item.head, item.head.id.to_text().into());
        message.stamp = asked;
        if sorted && !buried && !item.raw.is_empty() {
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

    /// Pages come in order, so a search by place nearly always hits; a moved message is found by its id.
    pub(super) fn place_of(&mut self, item: &PageItem<'_>) -> Option<usize> {
        let id = item.head.id.raw();
        let key = (item.head.created, id);
        let found = self.list.binary_search_by(|message| {
            let (created, id) = message.place();
            (created, id.as_bytes()).cmp(&key)
        });
        found.ok().or_else(|| self.find(item.head.id))
    }
}

fn id_set<'a>(ids: impl Iterator<Item = &'a [u8]>, count: usize) -> Seen {
    let mut set = Seen::new(count);
    for id in ids {
        set.insert(id);
    }
    set
}
