use std::collections::VecDeque;

use super::intake::Intake;
use super::lease::Role;
use super::mirror::Mirror;
use super::planted::{self, Bug};
use super::readers::Readers;
use super::upstream::Upstream;
use super::{Config, Ending, Input, Output};
use crate::proto::rng::Rng;

/// Longest way out.
const DRAIN: u64 = 2_000;

/// Holds the one stream of a server, alone or with others, for all its readers.
///
/// Like the keeper: [`handle_input`](Relay::handle_input), then [`poll_output`](Relay::poll_output) until there is none, then
/// a timer for [`poll_timeout`](Relay::poll_timeout). `now` is in milliseconds and never goes back.
///
/// ```
/// use opencode_session::proto::relay::{Config, Input, Output, Relay, Scope};
/// let mut relay = Relay::new(Config::new(1));
/// let scope = Scope { user: String::from("ada"), all: false, only: None };
/// relay.handle_input(Input::Attach { reader: 1, scope, position: None }, 0);
/// assert_eq!(relay.poll_output(), Some(Output::OpenStream { generation: 1 }));
/// ```
pub struct Relay {
    pub(super) config: Config,
    pub(super) rng: Rng,
    pub(super) mirror: Mirror,
    pub(super) readers: Readers,
    pub(super) intake: Intake,
    pub(super) upstream: Upstream,
    pub(super) role: Role,
    pub(super) mode: Mode,
    /// What is read of a store's log before it counts.
    pub(super) loading: Mirror,
    pub(super) following: u32,
    /// When the log is read again; `None` while it is.
    pub(super) follow_at: Option<u64>,
    /// When the reading gave a sign the last time.
    pub(super) followed: u64,
    /// Since when the store is out of reach.
    pub(super) trouble: Option<u64>,
    pub(super) asked: u32,
    pub(super) outputs: VecDeque<Output>,
    pub(super) flush_at: u64,
    pub(super) flushed: u64,
    pub(super) aged: u64,
    /// When the last reader went.
    left: u64,
    /// Since when readers wait for the upstream stream.
    down: Option<u64>,
    draining: Option<u64>,
    is_over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What this instance writes nobody else reads.
    Alone,
    /// The store's log is read for the first time.
    Loading,
    Joined,
}

impl Relay {
    /// A relay that does nothing until a reader comes.
    pub fn new(config: Config) -> Self {
        let mut rng = Rng::new(config.seed);
        // The first number of a seed is close to that of its neighbour.
        rng.next_u64();
        let epoch = private(&mut rng);
        Relay {
            mirror: Mirror::new(&config, epoch.clone()),
            loading: Mirror::new(&config, epoch),
            readers: Readers::new(&config),
            intake: Intake::new(config.pending, config.replay.remembered_ids),
            upstream: Upstream::new(config.retry.clone()),
            role: Role::Follower(0),
            mode: if config.shared { Mode::Loading } else { Mode::Alone },
            following: 0,
            follow_at: Some(0),
            followed: 0,
            trouble: None,
            asked: 0,
            outputs: VecDeque::new(),
            flush_at: 0,
            flushed: 0,
            aged: 0,
            left: 0,
            down: None,
            draining: None,
            is_over: false,
            rng,
            config,
        }
    }

    /// Takes one input.
    pub fn handle_input(&mut self, input: Input<'_>, now: u64) {
        if self.is_over {
            if let Input::Attach { reader, .. } = input {
                let ending = Ending::Again;
                self.outputs.push_back(Output::End { reader, ending });
            }
            return;
        }
        match input {
            Input::Attach {
                reader,
                scope,
                position,
            } => {
                let refused = if self.draining.is_some() {
                    Some(Ending::Again)
                } else {
                    self.readers.add(reader, scope, position, &self.config, now)
                };
                if let Some(ending) = refused {
                    self.outputs.push_back(Output::End { reader, ending });
                }
            }
            Input::Detach { reader } => {
                let had = !self.readers.is_empty();
                self.readers.remove(reader);
                if had && self.readers.is_empty() {
                    self.left = now;
                }
            }
            Input::Full { reader } => self.readers.set_full(reader, true, 0, now),
            Input::Drained { reader } => self.readers.set_full(reader, false, self.mirror.log.last(), now),
            Input::Judged { user, session, allowed } => self.readers.verdicts.judged(&user, session, allowed, now),
            Input::Forget { user } => self.readers.verdicts.forget(&user),
            Input::StreamOpened { generation, response } => {
                if generation == self.upstream.generation() && self.upstream.has_stream() {
                    self.stream_opened(&response, now);
                }
            }
            Input::StreamBytes { generation, bytes } => {
                if generation == self.upstream.generation() && self.upstream.has_stream() {
                    self.stream_bytes(bytes, now);
                }
            }
            Input::StreamClosed { generation, .. } => {
                if generation == self.upstream.generation() && self.upstream.has_stream() {
                    self.stream_closed(now);
                }
            }
            Input::Stored { id, answer } => self.stored(id, answer, now),
            Input::Entries {
                generation,
                records,
                all,
            } => {
                if generation == self.following {
                    self.entries(&records, all, now);
                }
            }
            Input::FollowFailed { generation } => {
                if generation == self.following {
                    self.follow_failed(now);
                }
            }
            Input::Drain => {
                if self.draining.is_none() {
                    self.draining = Some(now);
                    self.readers.close(&mut self.outputs);
                    self.left = now;
                }
            }
            Input::Timeout => {}
        }
        self.settle(now);
    }

    /// The next thing for the owner to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `Input::Timeout` wants to be handled next. May change after each input.
    pub fn poll_timeout(&self) -> Option<u64> {
        if self.is_over {
            return None;
        }
        let stream = self.upstream.deadline().filter(|_| self.may_stream());
        let role = match (&self.role, self.mode) {
            (_, Mode::Alone | Mode::Loading) => None,
            (Role::Follower(at), _) => {
                Some(*at).filter(|_| !self.readers.is_empty() && !planted::is(Bug::DeafFollower))
            }
            (Role::Asking(asked), _) => Some(asked.at + 5_000),
            (Role::Leader(leader), _) => Some(leader.deadline()),
        };
        let store = if self.config.shared {
            let silent = self.follow_at.unwrap_or(self.followed + self.config.store_patience);
            let trouble = self.trouble.map(|since| since + self.config.store_patience);
            let trouble = trouble.filter(|_| !self.is_alone() && !planted::is(Bug::NeverAlone));
            Some(silent.min(trouble.unwrap_or(u64::MAX)))
        } else {
            None
        };
        let stays = self.is_alone() && planted::is(Bug::StayAlone);
        let store = store.filter(|_| (!self.readers.is_empty() || !self.is_alone()) && !stays);
        let busy = match &self.role {
            Role::Leader(leader) => leader.append.is_some(),
            _ => !self.is_alone(),
        };
        let flush = (!self.intake.is_empty() && !busy).then_some(self.flush_at);
        let more = self.readers.more.then_some(0);
        let down = self
            .down
            .map(|since| since + self.config.grace)
            .filter(|_| !self.readers.is_empty());
        // Who leads lets go with an append, and waits for its answer.
        let leave = self.release().filter(|_| match &self.role {
            Role::Leader(leader) => leader.append.is_none() && !leader.wanted,
            Role::Asking(_) => false,
            Role::Follower(_) => true,
        });
        let drain = self.draining.map(|since| since + DRAIN);
        let is_up = self.mirror.is_up && self.mode != Mode::Loading;
        let readers = self.readers.deadline(&self.config, is_up);
        [stream, role, store, flush, more, down, leave, drain, readers]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether there is a reader, or a part in flight that one may come back for.
    pub fn is_needed(&self) -> bool {
        !self.is_over && (!self.readers.is_empty() || self.mirror.log.is_in_flight())
    }

    /// Bytes that are kept: of the log, and for the store.
    pub fn bytes(&self) -> (usize, usize) {
        (self.mirror.log.bytes(), self.intake.bytes())
    }

    pub(super) fn is_alone(&self) -> bool {
        self.mode == Mode::Alone
    }

    /// The stream is this instance's to hold.
    fn may_stream(&self) -> bool {
        self.is_alone() || matches!(self.role, Role::Leader(_))
    }

    /// When the stream is of no use any more, should nobody come.
    fn release(&self) -> Option<u64> {
        if !self.readers.is_empty() || planted::is(Bug::HeldForever) {
            return None;
        }
        let hold = if self.mirror.log.is_in_flight() && self.may_stream() {
            self.config.patience
        } else {
            self.config.linger.min(self.config.patience)
        };
        Some(self.left + hold)
    }

    /// Whether somebody has a use for the stream.
    pub(super) fn wants_stream(&self, now: u64) -> bool {
        if self.draining.is_some() {
            return false;
        }
        match &self.role {
            Role::Leader(leader) if leader.wanted => true,
            Role::Follower(_) | Role::Asking(_) if !self.is_alone() => !self.readers.is_empty(),
            _ => self.release().is_none_or(|at| now < at),
        }
    }

    /// Does all that is due.
    fn settle(&mut self, now: u64) {
        if self.may_stream() && self.upstream.is_overdue(now) {
            self.stream_ends(now);
        }
        if self.config.shared {
            self.follow(now);
        }
        if self.mode == Mode::Joined {
            self.lead(now);
        }
        if self.may_stream() {
            if !self.wants_stream(now) {
                self.close_stream();
            } else if let Some(generation) = self.upstream.open(now) {
                self.outputs.push_back(Output::OpenStream { generation });
            }
        }
        if self.is_alone() && !self.intake.is_empty() && now >= self.flush_at {
            self.flushed = now;
            for body in self.intake.drain(usize::MAX, usize::MAX) {
                self.mirror.apply(&body);
            }
        }
        if self.mode == Mode::Joined && self.mirror.is_over {
            self.mirror.is_over = false;
            if let Role::Follower(at) = &mut self.role
                && !planted::is(Bug::DeafFollower)
            {
                *at = now + self.rng.below(50);
            }
        }
        self.serve(now);
        self.leave(now);
    }

    fn serve(&mut self, now: u64) {
        if self.mirror.is_up && self.mode != Mode::Loading {
            self.down = None;
            self.readers
                .answer(&self.mirror, self.is_alone(), &self.config, now, &mut self.outputs);
        } else if self.readers.is_empty() {
            self.down = None;
        } else {
            let since = *self.down.get_or_insert(now);
            if now >= since + self.config.grace {
                self.down = Some(now);
                self.readers.send_away(&mut self.outputs);
            }
            self.readers.refuse(now, self.config.grace, &mut self.outputs);
        }
        self.readers.feed(&self.mirror, &self.config, now, &mut self.outputs);
        self.readers
            .keep_alive(&self.mirror, &self.config, now, &mut self.outputs);
        if self.readers.is_empty() {
            self.readers.more = false;
        } else {
            self.left = now;
        }
    }

    /// Ends what nobody needs any more.
    fn leave(&mut self, now: u64) {
        let drained = self.draining.is_some_and(|since| now >= since + DRAIN);
        let due = self.draining.is_some() || self.release().is_some_and(|at| now >= at);
        let leads = matches!(self.role, Role::Leader(_)) && !self.is_alone();
        if drained || (due && !leads && !matches!(self.role, Role::Asking(_))) {
            self.close_stream();
            self.is_over = true;
            self.outputs.push_back(Output::Idle);
        }
    }
}

/// A name for an epoch of this instance alone: no number, and nobody else's.
pub(super) fn private(rng: &mut Rng) -> String {
    let letters = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut name = String::from("m");
    for _ in 0..12 {
        name.push(char::from(letters[rng.below(36) as usize]));
    }
    name
}
