use super::lease::{Leader, Role};
use super::machine::{Mode, private};
use super::mirror::{Mirror, Step};
use super::planted::{self, Bug};
use super::store::{Answer, Body, Record};
use super::{Output, Relay};

/// The log of a store that is out of reach is looked for this often.
const PROBE: u64 = 5_000;
const FOLLOW_AGAIN: u64 = 250;
/// Between two looks whether the lease can be had.
const LOOK: u64 = 1_000;

/// The store: what is read of it, what it answers, and what is done without it.
impl Relay {
    /// Reads the store's log, and notices when that cannot be done.
    pub(super) fn follow(&mut self, now: u64) {
        if self.follow_at.is_none() && now >= self.followed + self.config.store_patience {
            self.follow_failed(now);
        }
        if self.follow_at.is_some_and(|at| now >= at) && !(self.is_alone() && planted::is(Bug::StayAlone)) {
            self.following = self.following.wrapping_add(1);
            self.follow_at = None;
            self.followed = now;
            let after = self.mirror.last.filter(|_| self.mode == Mode::Joined);
            if self.mode != Mode::Joined {
                self.loading = Mirror::new(&self.config, private(&mut self.rng));
            }
            let generation = self.following;
            self.outputs.push_back(Output::Follow { generation, after });
        }
        let patience = self.config.store_patience;
        if self.mode != Mode::Alone
            && self.trouble.is_some_and(|since| now >= since + patience)
            && !planted::is(Bug::NeverAlone)
        {
            self.go_alone(now);
        }
    }

    pub(super) fn follow_failed(&mut self, now: u64) {
        self.following = self.following.wrapping_add(1);
        let wait = if self.is_alone() { PROBE } else { FOLLOW_AGAIN };
        self.follow_at = Some(now + wait);
        self.troubled(now);
    }

    pub(super) fn troubled(&mut self, now: u64) {
        self.trouble.get_or_insert(now);
    }

    pub(super) fn entries(&mut self, records: &[Record], all: bool, now: u64) {
        self.followed = now;
        if self.mode != Mode::Joined {
            for record in records {
                if self.loading.take(record) == Step::Gap {
                    self.loading.last = None;
                    self.loading.take(record);
                }
            }
            if all {
                self.join(now);
            }
            return;
        }
        for record in records {
            if self.mirror.take(record) == Step::Gap {
                // What is missing was trimmed before it was read. Whoever comes back is told so by its position.
                self.readers.send_away(&mut self.outputs);
                self.mirror = Mirror::new(&self.config, private(&mut self.rng));
                self.mirror.take(record);
            }
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.read(self.mirror.last);
        }
        if matches!(self.role, Role::Follower(_) | Role::Leader(_)) && self.trouble.is_some() && !self.is_unanswered() {
            self.trouble = None;
        }
    }

    /// An append or a renewal waits for a store that does not answer.
    fn is_unanswered(&self) -> bool {
        match &self.role {
            Role::Leader(leader) => leader.append.as_ref().is_some_and(|append| append.has_failed),
            _ => false,
        }
    }

    /// The store's log is read whole: from here on positions are shared.
    fn join(&mut self, now: u64) {
        let fresh = Mirror::new(&self.config, private(&mut self.rng));
        self.mirror = std::mem::replace(&mut self.loading, fresh);
        if self.is_alone() {
            self.readers.send_away(&mut self.outputs);
            self.intake.clear();
            self.close_stream();
        }
        self.mode = Mode::Joined;
        self.role = Role::Follower(now);
        self.trouble = None;
    }

    /// The store is out of reach: readers are served from here alone until it is back.
    fn go_alone(&mut self, now: u64) {
        let begun = self.mirror.last.map(|last| last.epoch);
        if self.mode == Mode::Loading {
            let epoch = private(&mut self.rng);
            self.mirror = Mirror::new(&self.config, epoch);
        } else {
            let epoch = if planted::is(Bug::EpochAgain) {
                String::from("alone")
            } else {
                private(&mut self.rng)
            };
            self.mirror.leave(epoch);
        }
        self.mode = Mode::Alone;
        self.trouble = None;
        self.following = self.following.wrapping_add(1);
        self.follow_at = Some(now + PROBE);
        match std::mem::replace(&mut self.role, Role::Follower(now)) {
            Role::Leader(mut leader) if self.upstream.is_live() => {
                let (unread, whole) = leader.take_unread();
                // What this term begins with may not be what was read last.
                if !whole || begun != Some(leader.epoch) {
                    self.mirror.apply(&Body::Up { hole: true });
                }
                for body in unread {
                    // That others begin or end a term is over.
                    if !matches!(body, Body::Begin(_) | Body::Over) {
                        self.mirror.apply(&body);
                    }
                }
                self.flush_at = now;
            }
            _ => {
                self.intake.clear();
                self.close_stream();
                self.mirror.is_up = false;
            }
        }
    }

    pub(super) fn stored(&mut self, id: u32, answer: Answer, now: u64) {
        let failed = answer == Answer::Failed;
        match &mut self.role {
            Role::Asking(asked) if asked.id == id => {
                let at = asked.at;
                self.role = match answer {
                    Answer::Led { epoch, top } => {
                        let leader = Leader::new(epoch, top, at, self.config.lease);
                        self.intake.clear();
                        self.intake.push(Body::Begin(top));
                        self.flush_at = now;
                        Role::Leader(Box::new(leader))
                    }
                    Answer::Taken(left) => Role::Follower(now + left.min(LOOK) + self.rng.below(50)),
                    _ => Role::Follower(now + FOLLOW_AGAIN),
                };
            }
            Role::Leader(leader) => {
                let is_append = leader
                    .append
                    .as_ref()
                    .and_then(|append| append.asked)
                    .is_some_and(|asked| asked.id == id);
                let is_renewal = leader.renewal.is_some_and(|asked| asked.id == id);
                if !is_append && !is_renewal {
                    return;
                }
                let fenced = answer == Answer::Fenced && !planted::is(Bug::UnfencedLeader);
                if fenced {
                    return self.step_down(now);
                }
                if let Answer::Done { wanted } = answer
                    && is_renewal
                {
                    leader.wanted = wanted;
                }
                if is_renewal {
                    Relay::renewed(leader, !failed, self.config.lease, now);
                } else if Relay::appended(leader, !failed, now) {
                    self.role = Role::Follower(now);
                    self.close_stream();
                }
            }
            _ => return,
        }
        if failed {
            self.troubled(now);
        }
    }
}
