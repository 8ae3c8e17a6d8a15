use crate::proto::json::Str;
use crate::proto::planted::{self, Bug};

/// Events of messages or parts that are not known yet, kept until the message was fetched: once per burst, not once
/// per event.
#[derive(Debug, Default)]
pub(super) struct Parked {
    groups: Vec<Group>,
    bytes: usize,
    /// There were too many: until the history is asked for, no further message is followed.
    full: bool,
    /// Nothing is asked for: the history is being laid under what waits.
    pub(super) hushed: bool,
}

#[derive(Debug)]
struct Group {
    message: String,
    events: Vec<Vec<u8>>,
    tries: u8,
    /// To be fetched.
    asked: bool,
    /// Being fetched.
    sent: bool,
    shunned: bool,
}

/// A message that the server does not give after this many fetches is given up.
const MAX_TRIES: u8 = 3;
/// Messages that are fetched at the same time; the others wait for their turn.
const FETCHES: usize = 4;
/// Messages that are followed so. Where there are more, the history tells of them.
const MAX_UNKNOWN: usize = 64;

impl Parked {
    /// Keeps an event; `false` when a limit is reached. `shown`: the message is in the list.
    pub(super) fn keep(&mut self, message: &str, shown: bool, event: &[u8], limit: usize) -> bool {
        let known = self.groups.iter().position(|group| group.message == message);
        if let Some(group) = known.map(|at| &mut self.groups[at]) {
            group.shunned &= !shown || group.tries >= MAX_TRIES;
            if group.shunned {
                return true;
            }
        }
        if self.bytes + event.len() > limit {
            self.full = true;
            return false;
        }
        let Some(at) = known.or_else(|| self.begin(message)) else {
            return false;
        };
        self.bytes += event.len();
        let group = &mut self.groups[at];
        group.events.push(event.to_vec());
        if group.tries >= MAX_TRIES {
            self.shun(message);
        } else {
            group.tries += u8::from(!group.asked);
            group.asked = true;
        }
        true
    }

    fn begin(&mut self, message: &str) -> Option<usize> {
        self.full |= self.groups.len() >= MAX_UNKNOWN;
        if self.full {
            return None;
        }
        self.groups.push(Group {
            message: message.into(),
            events: Vec::new(),
            tries: 0,
            asked: false,
            sent: false,
            shunned: false,
        });
        Some(self.groups.len() - 1)
    }

    /// The message is fetched, though nothing waits for it; `false` when it is being fetched already.
    pub(super) fn expect(&mut self, message: &str) -> bool {
        if message.is_empty() || self.has(message) {
            return false;
        }
        let new = self.begin(message).map(|at| &mut self.groups[at]);
        new.is_some_and(|group| {
            (group.tries, group.asked) = (1, true);
            true
        })
    }

    /// The next message to be fetched now.
    pub(super) fn next(&mut self) -> Option<String> {
        let sent = self.groups.iter().filter(|group| group.sent).count();
        if sent >= FETCHES || self.hushed {
            return None;
        }
        let next = self.groups.iter_mut().find(|group| group.asked && !group.sent)?;
        next.sent = true;
        Some(next.message.clone())
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
        (group.asked, group.sent) = (false, false);
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

    /// Shunned messages that are shown by now are to be fetched, because events of them were dropped.
    pub(super) fn readmit(&mut self, shown: impl Fn(&str) -> bool) {
        for group in &mut self.groups {
            if group.shunned && group.tries < MAX_TRIES && shown(&group.message) {
                (group.shunned, group.asked) = (false, true);
                group.tries += 1;
            }
        }
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

    /// The history is asked for: it tells of those that there was no place for.
    pub(super) fn reopen(&mut self) {
        self.full = false;
    }

    /// Forgets everything: the stream that told it is gone.
    pub(super) fn clear(&mut self) {
        *self = Parked::default();
    }
}
