use std::collections::BTreeMap;
use std::sync::Arc;

use super::planted::{self, Bug};
use crate::proto::bytes::hash;

/// Who may see what, as far as it was found out.
#[derive(Debug)]
pub(super) struct Verdicts {
    users: BTreeMap<String, User>,
    /// How long one counts, milliseconds.
    life: u64,
    /// Sessions remembered of each user.
    limit: usize,
}

#[derive(Debug, Default)]
struct User {
    /// By the digest of the session's id; a name that differs is another session.
    known: BTreeMap<u64, Verdict>,
    /// What is asked, since then.
    asked: BTreeMap<Arc<str>, u64>,
}

#[derive(Debug)]
struct Verdict {
    session: Arc<str>,
    allowed: bool,
    since: u64,
}

/// A question without an answer is asked again after this long, milliseconds.
const ASK_AGAIN: u64 = 15_000;

impl Verdicts {
    pub(super) fn new(life: u64, limit: usize) -> Self {
        Verdicts {
            users: BTreeMap::new(),
            life,
            limit: limit.max(1),
        }
    }

    /// Whether a user may see a session, if that is known.
    pub(super) fn get(&self, user: &str, session: &str, now: u64) -> Option<bool> {
        let is_due = |since: u64| now >= since + self.life && !planted::is(Bug::LateVerdict);
        let look = |user: &User| {
            let verdict = user.known.get(&hash(session.as_bytes()))?;
            (*verdict.session == *session && !is_due(verdict.since)).then_some(verdict.allowed)
        };
        if planted::is(Bug::VerdictForAll) {
            return self.users.values().find_map(look);
        }
        self.users.get(user).and_then(look)
    }

    /// Whether a user surely may not see the session with this digest.
    pub(super) fn is_denied(&self, user: &str, digest: u64) -> bool {
        let known = self.users.get(user).and_then(|user| user.known.get(&digest));
        known.is_some_and(|verdict| !verdict.allowed)
    }

    /// Whether the question is to be asked now.
    pub(super) fn ask(&mut self, user: &str, session: &Arc<str>, now: u64) -> bool {
        let asked = &mut self.users.entry(String::from(user)).or_default().asked;
        if asked.get(session).is_some_and(|since| now < since + ASK_AGAIN) {
            return false;
        }
        if asked.len() >= self.limit {
            asked.clear();
        }
        asked.insert(Arc::clone(session), now);
        true
    }

    /// The answer.
    pub(super) fn judged(&mut self, user: &str, session: String, allowed: bool, now: u64) {
        // Whose readers went does not matter any more.
        let Some(user) = self.users.get_mut(user) else { return };
        user.asked.remove(session.as_str());
        if user.known.len() >= self.limit {
            let oldest = user.known.iter().min_by_key(|(_, verdict)| verdict.since);
            if let Some(digest) = oldest.map(|(digest, _)| *digest) {
                user.known.remove(&digest);
            }
        }
        let digest = hash(session.as_bytes());
        let session = session.into();
        let verdict = Verdict {
            session,
            allowed,
            since: now,
        };
        user.known.insert(digest, verdict);
    }

    /// All that is known of a user counts no more.
    pub(super) fn forget(&mut self, user: &str) {
        self.users.remove(user);
    }
}
