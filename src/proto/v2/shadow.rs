use std::collections::BTreeMap;

use super::render::{Message, items, prompt_parts, raw, text};

/// What is known of one v2 session: enough to tell its events in the v1 form, where each names its part by its place in
/// the message and says all of it.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    pub(super) id: String,
    /// The newest page was seen since the stream began: places in messages are known.
    pub(super) known: bool,
    /// Frames of events that wait for it.
    held: Vec<Vec<u8>>,
    held_bytes: usize,
    /// All messages seen: place, prompt that they answer, whether they are over.
    places: BTreeMap<String, Place>,
    /// Answers that are not over.
    pub(super) open: Vec<Message>,
    /// The newest place, prompts that wait left out.
    last: i64,
    /// The newest prompt that the model got.
    prompt: String,
    /// Prompts that the server took and the model did not get yet, oldest first.
    pub(super) pending: Vec<Message>,
    /// The ids that the core gave the parts of its own prompts.
    own: Vec<(String, Vec<String>)>,
    pub(super) busy: bool,
    /// The newest number of a stored event.
    pub(super) seq: Option<i64>,
    /// What the next prompt will be answered with, as JSON.
    pub(super) model: String,
    pub(super) agent: String,
    /// The session in the v1 form, where it was translated.
    pub(super) info: String,
}

#[derive(Debug, Clone, Default)]
struct Place {
    created: i64,
    parent: String,
    over: bool,
}

/// Bounds of what waits for a page, and of what is remembered.
const HELD: usize = 4_096;
const HELD_BYTES: usize = 4 * 1024 * 1024;
const PLACES: usize = 20_000;
const OWN: usize = 256;

impl Shadow {
    pub(super) fn new(id: &str) -> Self {
        Shadow {
            id: String::from(id),
            ..Shadow::default()
        }
    }

    /// The stream began anew: nothing is certain until the next page.
    pub(super) fn unsure(&mut self) {
        self.known = false;
        self.held.clear();
        self.held_bytes = 0;
    }

    /// Keeps an event until the page is there. When there are too many the oldest go: the page holds what they led to.
    pub(super) fn hold(&mut self, data: &[u8]) {
        if self.held.len() >= HELD || self.held_bytes + data.len() > HELD_BYTES {
            self.unsure();
        }
        self.held_bytes += data.len();
        // Its place in the stream was told already.
        let line = data.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte });
        self.held
            .push([b"data: ".to_vec(), line.collect(), b"\n\n".to_vec()].concat());
    }

    pub(super) fn take_held(&mut self) -> Vec<Vec<u8>> {
        self.held_bytes = 0;
        std::mem::take(&mut self.held)
    }

    /// An own prompt is on its way: the server will name its parts otherwise.
    pub(super) fn name_parts(&mut self, message: &str, parts: Vec<String>) {
        if self.own.len() >= OWN {
            self.own.remove(0);
        }
        self.own.push((String::from(message), parts));
    }

    /// The core's names for the parts of an own prompt, told once.
    pub(super) fn take_own(&mut self, message: &str) -> Vec<String> {
        let known = self.own.iter().position(|(id, _)| id == message);
        known.map_or_else(Vec::new, |at| self.own.swap_remove(at).1)
    }

    pub(super) fn has(&self, message: &str) -> bool {
        self.places.contains_key(message)
    }

    pub(super) fn is_over(&self, message: &str) -> bool {
        self.places.get(message).is_some_and(|place| place.over)
    }

    /// A page in the v1 form, oldest first. `newest`: nothing comes after it.
    pub(super) fn page(&mut self, page: &[&[u8]], newest: bool) -> String {
        let mut out = String::from("[");
        let mut before = 0;
        let mut prompt = String::new();
        let mut open = Vec::new();
        for message in page {
            let Some(mut message) = Message::read(message) else {
                continue;
            };
            let known = self.places.get(&message.id);
            message.created = message.created.max(known.map_or(0, |place| place.created));
            if message.created < before {
                message.created = before + 1;
            }
            before = message.created;
            if message.user {
                prompt.clone_from(&message.id);
            } else {
                // The prompt of a page's first answers is on the page before it.
                let parent = known.map(|place| place.parent.clone()).filter(|id| !id.is_empty());
                message.parent = if prompt.is_empty() {
                    parent.unwrap_or_default()
                } else {
                    prompt.clone()
                };
                if message.completed.is_none() && self.is_over(&message.id) {
                    // The stream was quicker than this page.
                } else if let Some(live) = self.open.iter().find(|live| live.id == message.id) {
                    merge(&mut message, live);
                }
                if newest && message.completed.is_none() && !self.is_over(&message.id) {
                    open.push(message.clone());
                }
            }
            self.pending.retain(|waiting| waiting.id != message.id);
            self.note(&message);
            self.push(&mut out, &message);
        }
        if newest {
            self.last = self.last.max(before);
            if !prompt.is_empty() {
                self.prompt = prompt;
            }
            // What began after the page was made is in none.
            let later = self.open.iter().filter(|live| !page_has(page, &live.id)).cloned();
            open.extend(later.collect::<Vec<_>>());
            self.open = open;
            self.known = true;
            for mut waiting in std::mem::take(&mut self.pending) {
                waiting.created = self.place_waiting(waiting.created);
                self.note(&waiting);
                self.push(&mut out, &waiting);
                self.pending.push(waiting);
            }
        }
        out.push(']');
        out
    }

    /// One message in the v1 form.
    pub(super) fn one(&mut self, message: &[u8]) -> Option<String> {
        let mut message = Message::read(message)?;
        if let Some(place) = self.places.get(&message.id) {
            message.created = place.created;
            message.parent.clone_from(&place.parent);
        }
        if let Some(live) = self.open.iter().find(|live| live.id == message.id) {
            merge(&mut message, live);
        }
        Some(message.to_item(&self.id))
    }

    /// Places a message behind all others that do not wait.
    fn place(&mut self, told: i64) -> i64 {
        self.last = if told <= self.last { self.last + 1 } else { told };
        self.last
    }

    /// Places a prompt that waits.
    fn place_waiting(&self, told: i64) -> i64 {
        let last = self
            .pending
            .iter()
            .map(|message| message.created)
            .fold(self.last, i64::max);
        if told <= last { last + 1 } else { told }
    }

    /// A prompt was taken: it is shown from now on.
    pub(super) fn admit(&mut self, id: &str, prompt: &[u8], told: i64) -> Option<Message> {
        if self.has(id) || id.is_empty() {
            return None;
        }
        let message = Message {
            id: String::from(id),
            user: true,
            created: self.place_waiting(told),
            parts: prompt_parts(prompt),
            ..Message::default()
        };
        self.note(&message);
        self.pending.push(message.clone());
        Some(message)
    }

    /// The model gets a prompt now: its place is behind what was said until now.
    pub(super) fn promote(&mut self, id: &str, prompt: Option<&[u8]>, told: i64) -> Option<Message> {
        let waiting = self.pending.iter().position(|message| message.id == id);
        let mut message = match waiting {
            Some(at) => self.pending.remove(at),
            None => {
                self.admit(id, prompt?, told)?;
                self.pending.pop()?
            }
        };
        message.created = self.place(told);
        self.note(&message);
        self.prompt = String::from(id);
        Some(message)
    }

    /// An answer begins.
    pub(super) fn begin(&mut self, id: &str, data: &[u8], told: i64) -> Option<&Message> {
        if self.has(id) || id.is_empty() {
            return None;
        }
        let message = Message {
            id: String::from(id),
            created: self.place(told),
            parent: self.prompt.clone(),
            agent: text(data, "agent"),
            model: raw(data, "model").map_or_else(String::new, super::render::utf8),
            ..Message::default()
        };
        self.note(&message);
        self.open.push(message);
        self.open.last()
    }

    /// An answer is over: its place is all that is kept.
    pub(super) fn over(&mut self, id: &str) {
        self.open.retain(|message| message.id != id);
        if let Some(place) = self.places.get_mut(id) {
            place.over = true;
        }
    }

    /// Prompts that wait, as a list of the server tells them.
    pub(super) fn inbox(&mut self, list: &[u8]) {
        let mut found = Vec::new();
        for item in items(list) {
            let id = text(item, "id");
            if text(item, "type") == "user"
                && let Some(payload) = raw(item, "payload")
            {
                let told = super::render::number(item, "timeCreated").unwrap_or_default();
                match self.pending.iter().find(|message| message.id == id) {
                    Some(known) => found.push(known.clone()),
                    None => found.extend(self.admit(&id, payload, told)),
                }
            }
        }
        self.pending = found;
    }

    fn note(&mut self, message: &Message) {
        if self.places.len() >= PLACES && !self.has(&message.id) {
            self.places.pop_first();
        }
        let place = self.places.entry(message.id.clone()).or_default();
        place.created = message.created;
        place.parent.clone_from(&message.parent);
        place.over |= message.completed.is_some();
    }

    fn push(&self, out: &mut String, message: &Message) {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&message.to_item(&self.id));
    }
}

fn page_has(page: &[&[u8]], id: &str) -> bool {
    page.iter().any(|message| text(message, "id") == id)
}

/// A page may be older than what the stream told: of each part the further one counts.
fn merge(message: &mut Message, live: &Message) {
    for (at, part) in live.parts.iter().enumerate() {
        match message.parts.get_mut(at) {
            Some(told) if told.is(&part.kind) && told.key == part.key && part.rank() > told.rank() => {
                *told = part.clone()
            }
            Some(_) => {}
            None => message.parts.push(part.clone()),
        }
    }
}
