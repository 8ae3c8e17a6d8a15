use crate::proto::json::Str;
use crate::proto::planted::{self, Bug};

/// Events of messages or parts that are not known yet, kept until the message was fetched: once per burst, not once
/// per event.
#[derive(Debug, Default)]
pub(super) struct Parked {
    groups: Vec<Group>,
    bytes: usize,
}

#[derive(Debug)]
struct Group {
    message: String,
    events: Vec<Vec<u8>>,
    tries: u8,
    asked: bool,
    shunned: bool,
}

/// A message that the server does not give after this many fetches is given up.
const MAX_TRIES: u8 = 3;

impl Parked {
    /// Keeps an event. Gives whether its message is to be fetched now; `None` when the limit is reached. `shown`: the
    /// message is in the list.
    pub(super) fn keep(&mut self, message: &str, shown: bool, event: &[u8], limit: usize) -> Option<bool> {
        if let Some(group) = self.groups.iter_mut().find(|group| group.message == message) {
            group.shunned &= !shown || group.tries >= MAX_TRIES;
            if group.shunned {
                return Some(false);
            }
        }
        if self.bytes + event.len() > limit {
            return None;
        }
        self.bytes += event.len();
        let at = self
            .groups
            .iter()
            .position(|group| group.message == message)
            .unwrap_or_else(|| {
                self.groups.push(Group {
                    message: message.into(),
                    events: Vec::new(),
                    tries: 0,
                    asked: false,
                    shunned: false,
                });
                self.groups.len() - 1
            });
        let group = &mut self.groups[at];
        group.events.push(event.to_vec());
        if group.tries >= MAX_TRIES {
            self.shun(message);
            return Some(false);
        }
        let fetch = !group.asked;
        group.asked = true;
        group.tries += u8::from(fetch);
        Some(fetch)
    }

    /// The message is fetched, though nothing waits for it; `false` when it is being fetched already.
    pub(super) fn expect(&mut self, message: &str) -> bool {
        let new = !message.is_empty() && !self.has(message);
        if new {
            self.groups.push(Group {
                message: message.into(),
                events: Vec::new(),
                tries: 1,
                asked: true,
                shunned: false,
            });
        }
        new
    }

    /// Whether the message is being fetched: what comes of it meanwhile must not overtake what waits.
    pub(super) fn holds(&self, message: Str<'_>) -> bool {
        let held = |group: &Group| group.asked && message.is(&group.message);
        self.groups.iter().any(held) && !planted::is(Bug::OvertakeParked)
    }

    /// Whether events of the message wait for it.
    pub(super) fn has(&self, message: &str) -> bool {
        self.groups.iter().any(|group| group.message == message)
    }

    /// The message was fetched: gives its events for replay. The group stays, to count the tries, until `forget`.
    pub(super) fn replay(&mut self, message: &str) -> Vec<Vec<u8>> {
        let Some(group) = self.groups.iter_mut().find(|group| group.message == message) else {
            return Vec::new();
        };
        group.asked = false;
        let events = std::mem::take(&mut group.events);
        self.bytes -= events.iter().map(Vec::len).sum::<usize>();
        events
    }

    /// Forgets the message if nothing of it waits any more.
    pub(super) fn forget(&mut self, message: &str) {
        self.groups
            .retain(|group| group.message != message || group.shunned || !group.events.is_empty());
    }

    /// What comes of the message from now on is dropped, until a history says more.
    pub(super) fn shun(&mut self, message: &str) {
        self.replay(message);
        if let Some(group) = self.groups.iter_mut().find(|group| group.message == message) {
            group.shunned = true;
        }
    }

    /// Shunned messages that are shown by now: they are to be fetched, because events of them were dropped.
    pub(super) fn readmit(&mut self, shown: impl Fn(&str) -> bool) -> Vec<String> {
        let due = |group: &&mut Group| group.shunned && group.tries < MAX_TRIES && shown(&group.message);
        let due = self.groups.iter_mut().filter(due).map(|group| {
            (group.shunned, group.asked) = (false, true);
            group.tries += 1;
            group.message.clone()
        });
        due.collect()
    }

    /// Gives the message up; an event of it begins anew.
    pub(super) fn take(&mut self, message: &str) {
        self.replay(message);
        self.groups.retain(|group| group.message != message);
    }

    /// Bytes of all events that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A message that events wait for.
    pub(super) fn first(&self) -> Option<String> {
        self.groups.first().map(|group| group.message.clone())
    }

    /// Forgets everything: the stream that told it is gone.
    pub(super) fn clear(&mut self) {
        *self = Parked::default();
    }
}
