use super::{Outcome, Ticket};
use crate::proto::provider::planted::{self, Bug};

/// When an endpoint counts as down, and for how long it is left alone. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitConfig {
    /// Failures in a row.
    pub failures: u32,
    /// First pause. It doubles with each probe that fails.
    pub pause: u64,
    /// Longest pause.
    pub max_pause: u64,
}

impl Default for CircuitConfig {
    fn default() -> Self {
        CircuitConfig {
            failures: 5,
            pause: 5_000,
            max_pause: 60_000,
        }
    }
}

/// Closed, open, or half open: after the pause one request goes first and sees.
#[derive(Debug)]
pub(super) struct Circuit {
    config: CircuitConfig,
    failures: u32,
    opened: u32,
    open_until: Option<u64>,
    probe: Option<Ticket>,
}

impl Circuit {
    pub(super) fn new(config: CircuitConfig) -> Self {
        Circuit {
            config,
            failures: 0,
            opened: 0,
            open_until: None,
            probe: None,
        }
    }

    /// Until when nothing goes.
    pub(super) fn open_until(&self, now: u64) -> Option<u64> {
        self.open_until
            .filter(|until| *until > now && !planted::is(Bug::DeafCircuit))
    }

    /// Whether one is out to see.
    pub(super) fn is_probing(&self) -> bool {
        self.probe.is_some() && !planted::is(Bug::ManyProbes)
    }

    pub(super) fn start(&mut self, ticket: Ticket) {
        if self.open_until.is_some() && self.probe.is_none() {
            self.probe = Some(ticket);
        }
    }

    pub(super) fn end(&mut self, ticket: Ticket, outcome: Outcome, now: u64) {
        let probe = self.probe == Some(ticket);
        if probe {
            self.probe = None;
        }
        match outcome {
            Outcome::Aborted => {}
            Outcome::Answered => {
                self.failures = 0;
                self.opened = 0;
                self.open_until = None;
                self.probe = None;
            }
            // Of those that were out before it opened nothing more is learnt.
            Outcome::Failed if self.open_until.is_some() && !probe => {}
            Outcome::Failed => {
                self.failures = self.failures.saturating_add(1);
                if probe || self.failures >= self.config.failures {
                    let pause = self.config.pause.saturating_mul(1 << self.opened.min(16));
                    self.opened += 1;
                    self.open_until = Some(now.saturating_add(pause.min(self.config.max_pause)));
                }
            }
        }
    }
}
