use super::backoff::{Backoff, RetryPolicy};
use super::watchdog::Watchdog;
use crate::proto::error::{Code, Error};
use crate::proto::json::Object;
use crate::proto::planted::{self, Bug};
use crate::proto::rng::Rng;

/// What the caller allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// The fetch stream, then polling where a stream is refused.
    Auto,
    /// The fetch stream only.
    Fetch,
    /// The browser's `EventSource`.
    EventSource,
    /// No stream.
    Poll,
}

/// Where events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `/event` of one directory.
    Event,
    /// `/global/event`, when sessions of several directories are open.
    Global,
    /// Asking again and again.
    Poll,
}

/// Where the link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nobody needs a stream.
    Idle,
    /// Waiting for the stream's answer and `server.connected`.
    Connecting,
    /// Connected; snapshots are on their way.
    Syncing,
    /// All sessions are live.
    Live,
    /// No stream; snapshots again and again.
    Polling,
    /// Waiting for the next try.
    Waiting,
    /// The host says there is no network.
    Offline,
    /// Ended by an error that trying again cannot mend, until the caller reconnects.
    Closed,
}

impl Phase {
    /// Whether the server answers: a stream, or polls.
    pub fn is_connected(self) -> bool {
        matches!(self, Phase::Syncing | Phase::Live | Phase::Polling)
    }
}

/// Why a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It ended cleanly.
    End,
    /// It broke, was never reached, or the answer was no stream.
    Refused {
        /// Why.
        error: Error,
        /// The server's `Retry-After`, milliseconds.
        retry_after: Option<u64>,
    },
}

/// What the owner of the link is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Action {
    /// Nothing.
    None,
    /// Open a stream for the current generation.
    Open,
    /// Fetch snapshots without a stream.
    Poll,
}

/// Longest wait for `server.connected`.
const CONNECT_TIMEOUT: u64 = 20_000;
/// A stream refused this often in a row is given up for polling.
const REFUSALS_BEFORE_POLLING: u32 = 3;
/// While polling, the stream is tried again this often.
const PROBE_EVERY: u64 = 60_000;

/// The link to the server: one stream at most, whatever happens.
#[derive(Debug)]
pub struct Link {
    phase: Phase,
    source: Source,
    transport: Transport,
    /// Counts streams: what belongs to an older one is dropped.
    generation: u32,
    backoff: Backoff,
    watchdog: Watchdog,
    since: u64,
    retry_at: u64,
    refusals: u32,
    error: Option<Error>,
    changed: bool,
}

impl Link {
    /// Idle.
    pub fn new(transport: Transport, policy: RetryPolicy) -> Self {
        let source = if transport == Transport::Poll {
            Source::Poll
        } else {
            Source::Event
        };
        Link {
            phase: Phase::Idle,
            source,
            transport,
            generation: 0,
            backoff: Backoff::new(policy),
            watchdog: Watchdog::default(),
            since: 0,
            retry_at: 0,
            refusals: 0,
            error: None,
            changed: true,
        }
    }

    /// The current stream's number.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Where the link stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Where events come from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// A stream is wanted. Does nothing when there is one, or a wait for one.
    pub fn start(&mut self, now: u64) -> Action {
        if self.phase == Phase::Idle {
            self.open(now)
        } else {
            Action::None
        }
    }

    /// No stream is wanted any more.
    pub fn stop(&mut self) {
        self.generation += 1;
        self.enter(Phase::Idle);
    }

    /// The caller, or the host's network, asks to try now.
    pub fn reconnect(&mut self, now: u64) -> Action {
        if self.phase == Phase::Idle {
            return Action::None;
        }
        self.backoff.reset();
        self.refusals = 0;
        if self.transport != Transport::Poll && self.source == Source::Poll {
            self.source = Source::Event;
        }
        self.open(now)
    }

    /// The host says there is no network.
    pub fn offline(&mut self) {
        if self.phase != Phase::Idle {
            self.generation += 1;
            self.enter(if planted::is(Bug::AskOffline) {
                Phase::Waiting
            } else {
                Phase::Offline
            });
        }
    }

    /// The host says the network is back.
    pub fn online(&mut self, now: u64) -> Action {
        if self.phase == Phase::Offline {
            self.reconnect(now)
        } else {
            Action::None
        }
    }

    /// Sessions of another directory are open: only `/global/event` carries them all.
    pub fn widen(&mut self, now: u64) -> Action {
        if self.source != Source::Event {
            return Action::None;
        }
        self.source = Source::Global;
        self.changed = true;
        self.reopen(now)
    }

    /// The stream has the wrong path: it is opened anew. Where there is none, the next one will have the right path.
    pub fn reopen(&mut self, now: u64) -> Action {
        if matches!(self.phase, Phase::Connecting | Phase::Syncing | Phase::Live) {
            self.open(now)
        } else {
            Action::None
        }
    }

    /// `server.connected` came: from here on nothing is missed.
    pub fn connected(&mut self, now: u64) {
        self.since = now;
        self.refusals = 0;
        self.enter(Phase::Syncing);
    }

    /// All sessions have their snapshots.
    pub fn synced(&mut self) {
        match self.phase {
            Phase::Syncing => self.enter(Phase::Live),
            // A poll that worked: the trouble is over.
            Phase::Polling if self.transport == Transport::Poll && self.error.is_some() => {
                self.error = None;
                self.changed = true;
            }
            _ => {}
        }
    }

    /// Bytes came.
    pub fn fed(&mut self, now: u64) {
        self.watchdog.fed(now);
    }

    /// A heartbeat came.
    pub fn beat(&mut self, now: u64) {
        self.watchdog.beat(now);
    }

    /// The stream ended, whoever ended it.
    pub fn ended(&mut self, cause: Cause, now: u64, rng: &mut Rng) {
        self.generation += 1;
        if matches!(self.phase, Phase::Live | Phase::Syncing) {
            self.backoff.ended(now.saturating_sub(self.since));
        }
        let (error, asked) = match cause {
            Cause::End => (Error::new(Code::StreamEnded, "The event stream ended."), None),
            Cause::Refused { error, retry_after } => (error, retry_after),
        };
        let code = error.code;
        self.error = Some(error);
        if matches!(code, Code::Unauthorized | Code::Forbidden) {
            return self.enter(Phase::Closed);
        }
        let refused = matches!(
            code,
            Code::HtmlResponse | Code::WrongContentType | Code::NotFound | Code::BadRequest
        );
        self.refusals = if refused { self.refusals + 1 } else { 0 };
        self.retry_at = now + self.backoff.next(asked, rng);
        if self.transport == Transport::Auto && self.refusals >= REFUSALS_BEFORE_POLLING {
            self.source = Source::Poll;
        }
        self.enter(Phase::Waiting);
    }

    /// When `timeout` wants to run. `busy`: polls follow each other faster.
    pub fn deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Connecting => Some(self.since + CONNECT_TIMEOUT),
            Phase::Syncing | Phase::Live => Some(self.watchdog.deadline()),
            Phase::Waiting | Phase::Polling => Some(self.retry_at),
            Phase::Idle | Phase::Offline | Phase::Closed => None,
        }
    }

    /// A deadline may have passed.
    pub fn timeout(&mut self, now: u64, rng: &mut Rng) -> Action {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Action::None;
        }
        match self.phase {
            Phase::Waiting => self.open(now),
            Phase::Polling if self.transport != Transport::Poll && now >= self.since + PROBE_EVERY => {
                self.source = Source::Event;
                self.refusals = REFUSALS_BEFORE_POLLING - 1;
                self.open(now)
            }
            Phase::Polling => Action::Poll,
            _ => {
                let silent = Error::new(Code::Silent, "The event stream fell silent.");
                self.ended(
                    Cause::Refused {
                        error: silent,
                        retry_after: None,
                    },
                    now,
                    rng,
                );
                Action::None
            }
        }
    }

    /// The next poll comes at `at`.
    pub fn poll_at(&mut self, at: u64) {
        self.retry_at = at;
    }

    /// Whether `to_json` would say something new since the last call of it.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// `SessionState.connection`.
    pub fn to_json(&self) -> String {
        let phase = match self.phase {
            Phase::Idle | Phase::Connecting => "connecting",
            Phase::Syncing => "syncing",
            Phase::Live => "live",
            Phase::Polling => "polling",
            Phase::Waiting => "waiting",
            Phase::Offline => "offline",
            Phase::Closed => "closed",
        };
        let source = match self.source {
            Source::Event => "event",
            Source::Global => "global",
            Source::Poll => "poll",
        };
        let mut object = Object::new();
        object
            .text("phase", phase)
            .text("source", source)
            .number("attempt", i64::from(self.attempt()));
        if self.phase == Phase::Waiting {
            object.number("retryAt", self.retry_at as i64);
        }
        if let Some(error) = self.error.as_ref().filter(|_| self.phase != Phase::Live) {
            object.raw("error", &error.to_json());
        }
        object.end()
    }

    fn attempt(&self) -> u32 {
        if self.phase == Phase::Live {
            0
        } else {
            self.backoff.failures()
        }
    }

    fn open(&mut self, now: u64) -> Action {
        self.generation += 1;
        self.since = now;
        self.watchdog.start(now);
        if self.source == Source::Poll {
            self.retry_at = now;
            self.enter(Phase::Polling);
            return Action::Poll;
        }
        self.enter(Phase::Connecting);
        Action::Open
    }

    fn enter(&mut self, phase: Phase) {
        self.changed = true;
        self.phase = phase;
        if phase == Phase::Live {
            self.error = None;
        }
    }
}
