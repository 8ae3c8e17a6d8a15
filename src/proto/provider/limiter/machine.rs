use std::collections::VecDeque;

use super::circuit::Circuit;
use super::clock::Clock;
use super::queue::{Priority, Queue, Waiting};
use super::server::Server;
use super::window::Window;
use super::{LimiterConfig, Outcome, Refused, Ticket};
use crate::proto::provider::planted::{self, Bug};
use crate::proto::retry::Rates;

/// What a limiter says about a request that was submitted. Each gets one of them, unless it is cancelled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// It goes now.
    Start(Ticket),
    /// It does not go.
    Refuse(Ticket, Refused),
}

/// The limiter of one endpoint. After each `handle_*`, take outputs until there is none, and come back at `poll_timeout`.
///
/// ```
/// use opencode_session::proto::provider::limiter::*;
/// let mut limiter = Limiter::new(LimiterConfig { requests: 1, ..LimiterConfig::default() });
/// let first = limiter.handle_submit(Priority::Normal, 100, 0).unwrap();
/// let second = limiter.handle_submit(Priority::Normal, 100, 0).unwrap();
/// assert_eq!(limiter.poll_output(0), Some(Output::Start(first)));
/// assert_eq!(limiter.poll_output(0), None);
/// assert_eq!(limiter.poll_timeout(0), Some(60_000));
/// assert_eq!(limiter.poll_output(60_000), Some(Output::Start(second)));
/// ```
#[derive(Debug)]
pub struct Limiter {
    config: LimiterConfig,
    clock: Clock,
    window: Window,
    queue: Queue,
    server: Server,
    circuit: Circuit,
    refused: VecDeque<Output>,
    next: u64,
}

impl Limiter {
    /// Nothing was sent yet.
    pub fn new(config: LimiterConfig) -> Self {
        Limiter {
            clock: Clock::default(),
            window: Window::new(config.window),
            queue: Queue::default(),
            server: Server::default(),
            circuit: Circuit::new(config.circuit.clone()),
            refused: VecDeque::new(),
            next: 0,
            config,
        }
    }

    /// A request of so many tokens, prompt and answer, wants to go.
    pub fn handle_submit(&mut self, priority: Priority, tokens: u64, now: u64) -> Result<Ticket, Refused> {
        self.handle_submit_within(priority, tokens, self.config.max_wait, now)
    }

    /// The same, of one that waits no longer than `max_wait`.
    pub fn handle_submit_within(
        &mut self,
        priority: Priority,
        tokens: u64,
        max_wait: u64,
        now: u64,
    ) -> Result<Ticket, Refused> {
        let now = self.clock.tick(now);
        if tokens > self.config.tokens {
            let limit = self.config.tokens;
            return Err(Refused::TooLarge { limit });
        }
        let waiting = Waiting {
            ticket: Ticket(self.next),
            tokens,
            deadline: now.saturating_add(max_wait.min(self.config.max_wait)),
        };
        if let Some(refused) = self.refusal(&waiting, now) {
            return Err(refused);
        }
        if self.queue.len() >= self.config.max_queue && !planted::is(Bug::EndlessQueue) {
            return Err(Refused::QueueFull);
        }
        self.next += 1;
        self.queue.push(priority, self.config.age, now, waiting);
        Ok(waiting.ticket)
    }

    /// The caller does not want it any more, waiting or running.
    pub fn handle_cancel(&mut self, ticket: Ticket, now: u64) {
        let inner = self.clock.tick(now);
        match self.queue.remove(ticket) {
            Some(waiting) if planted::is(Bug::CountCancelled) => {
                self.window.start(ticket, waiting.tokens, inner);
                self.window.end(ticket, inner);
            }
            Some(_) => {}
            None => self.handle_finished(ticket, Outcome::Aborted, None, now),
        }
    }

    /// A request is over. `usage`: its tokens, when the server told them; else the estimate stays.
    pub fn handle_finished(&mut self, ticket: Ticket, outcome: Outcome, usage: Option<u64>, now: u64) {
        let now = self.clock.tick(now);
        if outcome == Outcome::Aborted && planted::is(Bug::LeakPlaces) {
            return;
        }
        if self.window.end(ticket, now) {
            self.circuit.end(ticket, outcome, now);
            if let Some(usage) = usage {
                self.window.settle(ticket, usage);
            }
        }
    }

    /// The server told the tokens of a request, before or after its end.
    pub fn handle_usage(&mut self, ticket: Ticket, usage: u64, now: u64) {
        let now = self.clock.tick(now);
        self.window.forget(now);
        if !planted::is(Bug::SettleLater) {
            self.window.settle(ticket, usage);
        }
    }

    /// The headers of the answer to a request. `wall` is the time since 1970 at `now`. Call it before `handle_finished`.
    pub fn handle_rates(&mut self, ticket: Ticket, rates: &Rates, wall: u64, now: u64) {
        let now = self.clock.tick(now);
        if let Some(at) = rates.retry_at {
            self.server.pause(at.saturating_sub(wall), now);
        }
        let started = self.window.started_at(ticket).unwrap_or_default();
        let flying = self.window.running_since(started, ticket);
        self.server.observe(rates, wall, flying, now);
    }

    /// Forgets what the server and its failures said: the key or the plan is another one.
    pub fn handle_reset(&mut self, now: u64) {
        self.clock.tick(now);
        self.server = Server::default();
        self.circuit = Circuit::new(self.config.circuit.clone());
    }

    /// What to do next.
    pub fn poll_output(&mut self, now: u64) -> Option<Output> {
        let now = self.clock.tick(now);
        self.window.forget(now);
        self.refuse(now);
        if let Some(output) = self.refused.pop_front() {
            return Some(output);
        }
        if planted::is(Bug::SkipAhead) {
            let ready = self
                .queue
                .iter()
                .copied()
                .find(|waiting| self.start_at(waiting, now) <= now);
            return ready.map(|waiting| self.start(waiting, now));
        }
        let first = self.queue.first()?;
        (self.start_at(&first, now) <= now).then(|| self.start(first, now))
    }

    /// When something may change without an input.
    pub fn poll_timeout(&mut self, now: u64) -> Option<u64> {
        let now = self.clock.tick(now);
        let first = self.queue.first()?;
        let deadline = self.queue.iter().map(|waiting| waiting.deadline).min()?;
        let at = deadline.min(self.start_at(&first, now));
        Some(self.clock.outer(if self.refused.is_empty() { at } else { now }))
    }

    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Requests that run.
    pub fn running(&self) -> usize {
        self.window.running()
    }

    fn start(&mut self, waiting: Waiting, now: u64) -> Output {
        self.queue.remove(waiting.ticket);
        self.server.take(waiting.tokens, now);
        self.window.start(waiting.ticket, waiting.tokens, now);
        self.circuit.start(waiting.ticket);
        Output::Start(waiting.ticket)
    }

    /// Takes those out of the queue that cannot go in time.
    fn refuse(&mut self, now: u64) {
        let lost: Vec<(Ticket, Refused)> = self
            .queue
            .iter()
            .filter_map(|waiting| Some((waiting.ticket, self.refusal(waiting, now)?)))
            .collect();
        for (ticket, refused) in lost {
            self.queue.remove(ticket);
            self.refused.push_back(Output::Refuse(ticket, refused));
        }
    }

    fn refusal(&self, waiting: &Waiting, now: u64) -> Option<Refused> {
        if let Some(until) = self.circuit.open_until(now) {
            let retry_at = self.clock.outer(until);
            return Some(Refused::CircuitOpen { retry_at });
        }
        let blocked = self.server.blocked_until(waiting.tokens);
        let far = blocked > waiting.deadline && !planted::is(Bug::SleepForDays);
        if !far && waiting.deadline > now {
            return None;
        }
        let free = self.room_at(waiting, now);
        Some(Refused::Quota {
            retry_at: (free > now && free < u64::MAX).then(|| self.clock.outer(free)),
        })
    }

    /// When it may go if it is the first. `u64::MAX`: not before something ends.
    fn start_at(&self, waiting: &Waiting, now: u64) -> u64 {
        if self.window.running() >= self.config.max_concurrent || self.circuit.is_probing() {
            return u64::MAX;
        }
        self.room_at(waiting, now)
            .max(self.circuit.open_until(now).unwrap_or(now))
    }

    /// When the windows, ours and the server's, have room for it.
    fn room_at(&self, waiting: &Waiting, now: u64) -> u64 {
        let (requests, tokens) = (self.config.requests, self.config.tokens);
        let free = self.window.free_at(requests, tokens, waiting.tokens, now);
        free.max(self.server.blocked_until(waiting.tokens))
    }
}
