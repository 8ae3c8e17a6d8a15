//! The limiter again, as plainly as it can be said: all requests ever, looked through from end to end.

use opencode_session::proto::provider::limiter::{LimiterConfig, Outcome, Output, Priority, Refused, Ticket};
use opencode_session::proto::retry::{Dimension, Rates};

/// A month is the longest pause that is believed.
const MAX_PAUSE: u64 = 31 * 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Queued,
    Running,
    Ended(u64),
    Gone,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) priority: Priority,
    pub(crate) need: u64,
    pub(crate) tokens: u64,
    pub(crate) submitted: u64,
    pub(crate) started: u64,
    pub(crate) state: State,
}

pub(crate) struct Model {
    config: LimiterConfig,
    pub(crate) records: Vec<Record>,
    /// The clock without its steps back.
    pub(crate) now: u64,
    raw: Option<u64>,
    paused: u64,
    /// Of requests, of tokens: what is left, until when.
    left: [Vec<(u64, u64)>; 2],
    failures: u32,
    opened: u32,
    open_until: Option<u64>,
    probe: Option<usize>,
}

impl Model {
    pub(crate) fn new(config: LimiterConfig) -> Self {
        Model {
            config,
            records: Vec::new(),
            now: 0,
            raw: None,
            paused: 0,
            left: [Vec::new(), Vec::new()],
            failures: 0,
            opened: 0,
            open_until: None,
            probe: None,
        }
    }

    pub(crate) fn tick(&mut self, raw: u64) {
        if let Some(before) = self.raw.replace(raw)
            && raw > before
        {
            self.now += raw - before;
        }
    }

    pub(crate) fn those(&self, state: impl Fn(State) -> bool) -> Vec<usize> {
        (0..self.records.len())
            .filter(|at| state(self.records[*at].state))
            .collect()
    }

    pub(crate) fn submit(&mut self, priority: Priority, need: u64) -> Result<Ticket, Refused> {
        if need > self.config.tokens {
            return Err(Refused::TooLarge {
                limit: self.config.tokens,
            });
        }
        let record = Record {
            priority,
            need,
            tokens: need,
            submitted: self.now,
            started: 0,
            state: State::Queued,
        };
        if let Some(refused) = self.refusal(&record) {
            return Err(refused);
        }
        if self.those(|state| state == State::Queued).len() >= self.config.max_queue {
            return Err(Refused::QueueFull);
        }
        self.records.push(record);
        Ok(Ticket(self.records.len() as u64 - 1))
    }

    pub(crate) fn cancel(&mut self, at: usize) {
        match self.records[at].state {
            State::Queued => self.records[at].state = State::Gone,
            State::Running => self.finish(at, Outcome::Aborted, None),
            State::Ended(_) | State::Gone => {}
        }
    }

    pub(crate) fn finish(&mut self, at: usize, outcome: Outcome, usage: Option<u64>) {
        if self.records[at].state != State::Running {
            return;
        }
        self.records[at].state = State::Ended(self.now);
        if let Some(usage) = usage {
            self.records[at].tokens = usage;
        }
        let probe = self.probe == Some(at);
        if probe {
            self.probe = None;
        }
        match outcome {
            Outcome::Aborted => {}
            Outcome::Answered => {
                (self.failures, self.opened, self.open_until, self.probe) = (0, 0, None, None);
            }
            Outcome::Failed if probe || self.open_until.is_none() => {
                self.failures += 1;
                if probe || self.failures >= self.config.circuit.failures {
                    let circuit = &self.config.circuit;
                    self.open_until = Some(self.now + (circuit.pause << self.opened.min(16)).min(circuit.max_pause));
                    self.opened += 1;
                }
            }
            Outcome::Failed => {}
        }
    }

    pub(crate) fn usage(&mut self, at: usize, usage: u64) {
        let counts = match self.records[at].state {
            State::Running => true,
            State::Ended(ended) => ended + self.config.window > self.now,
            State::Queued | State::Gone => false,
        };
        if counts {
            self.records[at].tokens = usage;
        }
    }

    pub(crate) fn rates(&mut self, at: usize, rates: &Rates, wall: u64) {
        if let Some(until) = rates.retry_at {
            let wait = if until > wall { (until - wall).min(MAX_PAUSE) } else { 0 };
            self.paused = self.paused.max(self.now + wait);
        }
        let since = self.records[at].started;
        let flying: Vec<&Record> = (0..self.records.len())
            .filter(|other| *other != at)
            .map(|other| &self.records[other])
            .filter(|other| other.state == State::Running && other.started >= since)
            .collect();
        let flying = [flying.len() as u64, flying.iter().map(|other| other.tokens).sum()];
        for (kind, flying) in flying.iter().enumerate() {
            let mut new = Vec::new();
            for rate in &rates.rates {
                let (true, Some(remaining), Some(reset)) = (
                    (rate.dimension == Dimension::Requests) == (kind == 0),
                    rate.remaining,
                    rate.reset_at,
                ) else {
                    continue;
                };
                let reset = rates.retry_at.map_or(reset, |until| until.min(reset));
                let wait = if reset > wall { (reset - wall).min(MAX_PAUSE) } else { 0 };
                new.push((remaining.saturating_sub(*flying), self.now + wait));
            }
            if !new.is_empty() {
                self.left[kind] = new;
            }
        }
    }

    /// All that happens at this moment.
    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            let mut refused = false;
            for at in self.in_order() {
                if let Some(why) = self.refusal(&self.records[at]) {
                    outputs.push((at, Output::Refuse(Ticket(at as u64), why)));
                    refused = true;
                }
            }
            for (at, output) in &outputs {
                if matches!(output, Output::Refuse(..)) {
                    self.records[*at].state = State::Gone;
                }
            }
            match self.in_order().first() {
                Some(&first) if self.can_start(first) => {
                    self.start(first);
                    outputs.push((first, Output::Start(Ticket(first as u64))));
                }
                _ if refused => {}
                _ => return outputs.into_iter().map(|(_, output)| output).collect(),
            }
        }
    }

    /// The next moment at which something happens by itself, as the caller's time.
    pub(crate) fn next_moment(&self) -> Option<u64> {
        let first = *self.in_order().first()?;
        let deadline = self
            .in_order()
            .iter()
            .map(|at| self.deadline(&self.records[*at]))
            .min()?;
        let open = self.open_until.filter(|until| *until > self.now).unwrap_or(0);
        let room = match self.probe.is_some() || self.running() >= self.config.max_concurrent {
            true => u64::MAX,
            false => self.room_at(&self.records[first]).max(open),
        };
        Some(self.raw.unwrap() + (deadline.min(room) - self.now))
    }

    /// Whether requests and tokens stay within their limits in every window, with the tokens of each request at the
    /// moment that `place` chooses between its start and its end.
    pub(crate) fn judge(&self, mut place: impl FnMut(u64, u64) -> u64) -> Result<(), String> {
        let sent: Vec<&Record> = self.records.iter().filter(|record| record.was_sent()).collect();
        let placed: Vec<(u64, u64)> = sent
            .iter()
            .map(|record| {
                let end = match record.state {
                    State::Ended(at) => at,
                    _ => self.now,
                };
                (place(record.started, end), record.tokens)
            })
            .collect();
        for from in sent.iter().map(|record| record.started) {
            let within = |at: u64| (from..from + self.config.window).contains(&at);
            let count = sent.iter().filter(|record| within(record.started)).count() as u64;
            if count > self.config.requests {
                return Err(format!("{count} requests in the window from {from}"));
            }
        }
        for (from, _) in &placed {
            let within = |at: u64| (*from..from + self.config.window).contains(&at);
            let sum: u64 = placed
                .iter()
                .filter(|(at, _)| within(*at))
                .map(|(_, tokens)| tokens)
                .sum();
            if sum > self.config.tokens {
                return Err(format!("{sum} tokens in the window from {from}"));
            }
        }
        Ok(())
    }

    fn running(&self) -> usize {
        self.those(|state| state == State::Running).len()
    }

    fn deadline(&self, record: &Record) -> u64 {
        record.submitted + self.config.max_wait
    }

    fn in_order(&self) -> Vec<usize> {
        let mut queued = self.those(|state| state == State::Queued);
        let worth = |at: &usize| {
            let level = self.records[*at].priority as i64;
            self.records[*at].submitted as i64 - level * self.config.age as i64
        };
        queued.sort_by_key(|at| (worth(at), *at));
        queued
    }

    fn refusal(&self, record: &Record) -> Option<Refused> {
        if let Some(until) = self.open_until.filter(|until| *until > self.now) {
            return Some(Refused::CircuitOpen {
                retry_at: self.raw.unwrap() + (until - self.now),
            });
        }
        let deadline = self.deadline(record);
        if self.blocked(record) <= deadline && deadline > self.now {
            return None;
        }
        let room = self.room_at(record);
        let known = room > self.now && room < u64::MAX;
        Some(Refused::Quota {
            retry_at: known.then(|| self.raw.unwrap() + (room - self.now)),
        })
    }

    fn blocked(&self, record: &Record) -> u64 {
        let mut until = self.paused;
        for (kind, need) in [(0, 1), (1, record.need)] {
            for (remaining, reset) in &self.left[kind] {
                if *remaining < need {
                    until = until.max(*reset);
                }
            }
        }
        until
    }

    /// The first of all moments at which an old request leaves a window where there is room.
    fn room_at(&self, record: &Record) -> u64 {
        let length = self.config.window;
        let mut moments = vec![self.now];
        for sent in self.records.iter().filter(|record| record.was_sent()) {
            moments.push(sent.started + length);
            if let State::Ended(at) = sent.state {
                moments.push(at + length);
            }
        }
        moments.retain(|at| *at >= self.now);
        moments.sort_unstable();
        let room = moments.into_iter().find(|moment| {
            let sent = || self.records.iter().filter(|record| record.was_sent());
            let requests = sent().filter(|sent| sent.started + length > *moment).count() as u64;
            let tokens: u64 = sent()
                .filter(|sent| match sent.state {
                    State::Ended(at) => at + length > *moment,
                    _ => true,
                })
                .map(|sent| sent.tokens)
                .sum();
            requests < self.config.requests && tokens + record.need <= self.config.tokens
        });
        room.map_or(u64::MAX, |room| room.max(self.blocked(record)))
    }

    fn can_start(&self, at: usize) -> bool {
        self.running() < self.config.max_concurrent
            && self.probe.is_none()
            && self.open_until.is_none_or(|until| until <= self.now)
            && self.room_at(&self.records[at]) <= self.now
    }

    fn start(&mut self, at: usize) {
        let now = self.now;
        for (kind, used) in [(0, 1), (1, self.records[at].need)] {
            self.left[kind].retain(|(_, reset)| *reset > now);
            for (remaining, _) in &mut self.left[kind] {
                *remaining = remaining.saturating_sub(used);
            }
        }
        self.records[at].state = State::Running;
        self.records[at].started = now;
        if self.open_until.is_some() && self.probe.is_none() {
            self.probe = Some(at);
        }
    }
}

impl Record {
    fn was_sent(&self) -> bool {
        matches!(self.state, State::Running | State::Ended(_))
    }
}
