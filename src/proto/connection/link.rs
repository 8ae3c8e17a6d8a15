use super::watchdog::Watchdog;
use crate::proto::error::{Code, Error};
use crate::proto::json::Object;
use crate::proto::retry::{Backoff, RetryPolicy};
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

/// Where events come from: the rungs of the ladder, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A stream that somebody else keeps open and can repeat: the keeper.
    Keeper,
    /// The server's own stream, where what answers is a relay, which can repeat it too.
    Relay,
    /// `/event` of one directory.
    Event,
    /// `/global/event`: all directories.
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
    /// Nothing is asked: the page is put away.
    Offline,
    /// Ended by an error that trying again cannot mend, until the caller reconnects.
    Closed,
}

impl Source {
    /// Whether a stream of it goes on where this client left the one before.
    pub fn repeats(self) -> bool {
        matches!(self, Source::Keeper | Source::Relay)
    }
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
    /// The stream takes long: show the history meanwhile.
    Look,
}

/// Longest wait for `server.connected`.
const CONNECT_TIMEOUT: u64 = 20_000;
/// The same, when the server answers other requests meanwhile: something holds the stream back.
const HELD_BACK: u64 = 8_000;
/// A stream that takes longer than this does not keep the page empty: the history is shown before it.
const PATIENCE: u64 = 3_000;
/// Below the best rung, it is tried again after this long; twice as long after each try that failed.
const PROBE_AFTER: u64 = 60_000;
const MAX_PROBE_AFTER: u64 = 600_000;
/// After a timer that came late, the stream has this long to show that it lives.
const GRACE: u64 = 5_000;
/// Between tries while the host says that there is no network, at least.
pub(crate) const SLOW: u64 = 20_000;

/// The link to the server: one stream at most, whatever happens.
#[derive(Debug)]
pub struct Link {
    phase: Phase,
    source: Source,
    transport: Transport,
    /// A keeper may be asked for its stream.
    keeper: bool,
    /// What answers is a relay: nothing is gained by a keeper before it.
    relay: bool,
    /// Sessions of several directories are open.
    wide: bool,
    /// Counts streams: what belongs to an older one is dropped.
    generation: u32,
    backoff: Backoff,
    watchdog: Watchdog,
    since: u64,
    retry_at: u64,
    /// The server asked for the wait.
    asked: bool,
    /// The host says that there is no network. It may be wrong: for a server near by it often is.
    says_offline: bool,
    /// The server was reached since the host said so, or since the last try that failed.
    reached: bool,
    /// Streams that this rung refused in a row.
    refusals: u32,
    /// Streams in a row for which credentials were asked, or access was refused.
    denials: u32,
    /// When the best rung is tried again, and the wait before it.
    probe_at: u64,
    probe_after: u64,
    /// The server answered a request since the stream was asked for.
    answered: bool,
    looked: bool,
    error: Option<Error>,
    /// Why a lower rung than the best is in use.
    fallback: Option<Error>,
    changed: bool,
}

impl Link {
    /// Idle. `keeper`: somebody else's stream is the best rung.
    pub fn new(transport: Transport, keeper: bool, policy: RetryPolicy) -> Self {
        let mut link = Link {
            phase: Phase::Idle,
            source: Source::Poll,
            transport,
            keeper: keeper && transport == Transport::Auto,
            relay: false,
            wide: false,
            generation: 0,
            backoff: Backoff::new(policy),
            watchdog: Watchdog::default(),
            since: 0,
            retry_at: 0,
            asked: false,
            says_offline: false,
            reached: false,
            refusals: 0,
            denials: 0,
            probe_at: 0,
            probe_after: PROBE_AFTER,
            answered: false,
            looked: false,
            error: None,
            fallback: None,
            changed: true,
        };
        link.source = link.top();
        link
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

    /// The caller, or the host's network, asks to try now: from the best rung on.
    pub fn reconnect(&mut self, now: u64) -> Action {
        if self.phase == Phase::Idle {
            return Action::None;
        }
        self.backoff.reset();
        self.climb();
        self.open(now)
    }

    /// The stream is opened anew, on the same rung. Where there is none, the next one comes when it is due.
    pub fn reopen(&mut self, now: u64) -> Action {
        if matches!(self.phase, Phase::Connecting | Phase::Syncing | Phase::Live) {
            self.open(now)
        } else {
            Action::None
        }
    }

    /// Somebody looks: the wait is over, unless the server asked for it.
    pub fn wake(&mut self, now: u64) -> Action {
        if self.phase == Phase::Waiting && !self.asked {
            self.open(now)
        } else {
            Action::None
        }
    }

    /// The host says that there is no network: waits end, and tries tell whether it is so.
    pub fn doubt(&mut self, now: u64) -> Action {
        self.says_offline = true;
        self.reached = false;
        self.changed = true;
        if self.phase == Phase::Polling {
            return Action::Poll;
        }
        self.wake(now)
    }

    /// The host says that there is no network, and nothing has shown yet that it is wrong.
    pub fn is_doubted(&self) -> bool {
        self.says_offline && !self.reached
    }

    /// A request did not reach the server. A stream is over too, where the host has said so.
    pub fn cut(&mut self) -> bool {
        self.reached = false;
        self.says_offline && matches!(self.phase, Phase::Syncing | Phase::Live)
    }

    /// Nothing is to be asked: the page is put away.
    pub fn offline(&mut self) {
        if self.phase != Phase::Idle {
            self.generation += 1;
            self.enter(Phase::Offline);
        }
    }

    /// The host says the network is back, or the page is.
    pub fn online(&mut self, now: u64) -> Action {
        let waits = self.is_doubted() && matches!(self.phase, Phase::Connecting | Phase::Waiting | Phase::Polling);
        self.says_offline = false;
        if waits || self.phase == Phase::Offline {
            self.reconnect(now)
        } else {
            Action::None
        }
    }

    /// Sessions of another directory are open: `/event` does not carry them.
    pub fn widen(&mut self, now: u64) -> Action {
        self.wide = true;
        if self.source != Source::Event {
            return Action::None;
        }
        self.source = Source::Global;
        self.changed = true;
        self.reopen(now)
    }

    /// The stream that is open, asked for without a keeper, is a relay's.
    pub fn relayed(&mut self) {
        self.relay = true;
        self.source = Source::Relay;
    }

    /// There is no relay any more: the stream that is open is the server's own.
    pub fn unrelayed(&mut self) {
        self.relay = false;
        self.source = self.direct();
    }

    /// `server.connected` came: from here on nothing is missed.
    pub fn connected(&mut self, now: u64) {
        self.since = now;
        self.refusals = 0;
        self.denials = 0;
        self.reached = true;
        if self.source == self.top() {
            self.fallback = None;
        }
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

    /// A request was answered: the server is there.
    pub fn answered(&mut self) {
        self.answered = true;
        self.changed |= self.is_doubted();
        self.reached = true;
    }

    /// The page itself reaches the server, and the keeper has not: it is left.
    pub fn outreach(&mut self, now: u64) -> Action {
        let unreached = self.error.as_ref().is_some_and(|error| error.code == Code::Unreachable);
        if !unreached || self.phase != Phase::Waiting || self.source != Source::Keeper {
            return Action::None;
        }
        self.error = Some(keeper_refused());
        let _ = self.fall(now, false);
        self.open(now)
    }

    /// A timer came late or the page was asleep: the silence may be the page's own.
    pub fn woke(&mut self, now: u64) {
        self.watchdog.forgive(now, GRACE);
    }

    /// The stream ended, whoever ended it.
    pub fn ended(&mut self, cause: Cause, now: u64, rng: &mut Rng) {
        self.generation += 1;
        if matches!(self.phase, Phase::Live | Phase::Syncing) {
            self.backoff.ended(now.saturating_sub(self.since));
        }
        let (mut error, asked) = match cause {
            Cause::End => (Error::new(Code::StreamEnded, "The event stream ended."), None),
            Cause::Refused { error, retry_after } => (error, retry_after),
        };
        if self.source == Source::Keeper && matches!(error.code, Code::Unauthorized | Code::Forbidden) {
            // It may be the page's own `fetch` that the server wants: the page asks itself.
            error = Error {
                status: error.status,
                ..keeper_refused()
            };
        }
        self.asked = asked.is_some();
        self.reached &= self.phase != Phase::Connecting || error.code != Code::Unreachable;
        let code = error.code;
        self.error = Some(error);
        if matches!(code, Code::Unauthorized | Code::Forbidden) {
            self.denials += 1;
            // It must be said twice: a proxy may say so once, while it restarts.
            if self.denials > 1 {
                return self.enter(Phase::Closed);
            }
        }
        let refused = matches!(
            code,
            Code::HtmlResponse
                | Code::WrongContentType
                | Code::NotFound
                | Code::BadRequest
                | Code::HeldBack
                | Code::KeeperFailed
                | Code::KeeperRefused
                | Code::Redirected
        );
        self.refusals = if refused { self.refusals + 1 } else { 0 };
        // Below the best rung each refusal counts: that one was refused already.
        let patience = if self.source == Source::Keeper || self.source > self.direct() {
            1
        } else {
            2
        };
        if self.refusals >= patience && self.fall(now, code == Code::HeldBack) {
            // The next rung is another stream: it need not wait for this one's trouble to pass.
            self.retry_at = now;
        } else {
            let wait = self.backoff.next(asked, rng);
            self.retry_at = now + if self.is_doubted() { wait.max(SLOW) } else { wait };
        }
        self.enter(Phase::Waiting);
    }

    /// The stream carries no events although there are some: the next rung is taken. On the lowest, the stream ends, so
    /// that the next one brings what this one did not.
    pub fn mute(&mut self, now: u64, rng: &mut Rng) -> Action {
        if !matches!(self.phase, Phase::Live | Phase::Syncing) {
            return Action::None;
        }
        let error = Error::new(
            Code::Mute,
            "The event stream carries no events, though the session moves on.",
        );
        self.error = Some(error.clone());
        if self.fall(now, false) {
            return self.open(now);
        }
        let retry_after = None;
        self.ended(Cause::Refused { error, retry_after }, now, rng);
        Action::None
    }

    /// When `timeout` wants to run.
    pub fn deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Connecting if !self.looked => Some(self.since + PATIENCE),
            Phase::Connecting => Some(self.since + self.connect_timeout()),
            Phase::Syncing | Phase::Live => Some(self.watchdog.deadline()),
            Phase::Waiting | Phase::Polling => Some(self.retry_at),
            Phase::Idle | Phase::Offline | Phase::Closed => None,
        }
    }

    /// When the best rung may be tried again.
    pub fn probe_at(&self) -> Option<u64> {
        let below = self.source != self.top() && matches!(self.phase, Phase::Live | Phase::Polling);
        below.then_some(self.probe_at)
    }

    /// Tries the best rung again. The owner calls it when no answer would be torn by that.
    pub fn probe(&mut self, now: u64) -> Action {
        if self.probe_at().is_none_or(|at| now < at) {
            return Action::None;
        }
        self.probe_after = (self.probe_after * 2).min(MAX_PROBE_AFTER);
        self.source = self.top();
        // One refusal is enough to come back down.
        self.refusals = 1;
        self.open(now)
    }

    /// A deadline may have passed.
    pub fn timeout(&mut self, now: u64, rng: &mut Rng) -> Action {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Action::None;
        }
        match self.phase {
            Phase::Waiting => self.open(now),
            Phase::Polling => Action::Poll,
            Phase::Connecting if !self.looked => {
                self.looked = true;
                Action::Look
            }
            phase => {
                let error = if phase == Phase::Connecting && self.answered {
                    Error::new(
                        Code::HeldBack,
                        "The server answers, but its event stream sends nothing.",
                    )
                } else {
                    Error::new(Code::Silent, "The event stream fell silent.")
                };
                let retry_after = None;
                self.ended(Cause::Refused { error, retry_after }, now, rng);
                Action::None
            }
        }
    }

    /// The next poll comes at `at`.
    pub fn poll_at(&mut self, at: u64) {
        self.retry_at = at;
    }

    /// The next poll comes no later than `at`.
    pub fn hurry(&mut self, at: u64) {
        if self.phase == Phase::Polling && !self.is_doubted() {
            self.retry_at = self.retry_at.min(at);
        }
    }

    /// Whether `to_json` would say something new since the last call of it.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// `SessionState.connection`.
    pub fn to_json(&self) -> String {
        let phase = match self.phase {
            Phase::Connecting | Phase::Waiting | Phase::Polling if self.is_doubted() => "offline",
            Phase::Idle | Phase::Connecting => "connecting",
            Phase::Syncing => "syncing",
            Phase::Live => "live",
            Phase::Polling => "polling",
            Phase::Waiting => "waiting",
            Phase::Offline => "offline",
            Phase::Closed => "closed",
        };
        let source = match self.source {
            Source::Keeper => "keeper",
            Source::Relay => "relay",
            Source::Event => "event",
            Source::Global => "global",
            Source::Poll => "poll",
        };
        let mut object = Object::new();
        object
            .text("phase", phase)
            .text("source", source)
            .number("attempt", i64::from(self.attempt()));
        if phase == "waiting" {
            object.number("retryAt", self.retry_at as i64);
        }
        if let Some(error) = self.error.as_ref().filter(|_| self.phase != Phase::Live) {
            object.raw("error", &error.to_json());
        }
        if let Some(error) = &self.fallback {
            object.raw("fallback", &error.to_json());
        }
        object.end()
    }

    /// Takes the next rung, if there is one. `held_back`: what holds one stream back holds all of them.
    fn fall(&mut self, now: u64, held_back: bool) -> bool {
        let polls = self.transport == Transport::Auto;
        self.source = match self.source {
            Source::Keeper => self.direct(),
            Source::Event if !held_back => Source::Global,
            Source::Relay | Source::Event | Source::Global if polls => Source::Poll,
            _ => return false,
        };
        self.refusals = 0;
        self.fallback = self.error.clone();
        if now.saturating_sub(self.since) > MAX_PROBE_AFTER {
            self.probe_after = PROBE_AFTER;
        }
        self.probe_at = now + self.probe_after;
        true
    }

    /// The best rung that is allowed.
    fn top(&self) -> Source {
        if self.keeper && !self.relay {
            Source::Keeper
        } else {
            self.direct()
        }
    }

    /// The best rung without a keeper.
    fn direct(&self) -> Source {
        match self.transport {
            Transport::Poll => Source::Poll,
            _ if self.relay => Source::Relay,
            _ if self.wide => Source::Global,
            _ => Source::Event,
        }
    }

    /// Back to the best rung.
    fn climb(&mut self) {
        self.source = self.top();
        self.refusals = 0;
        self.denials = 0;
        self.probe_after = PROBE_AFTER;
        self.fallback = None;
    }

    fn connect_timeout(&self) -> u64 {
        if self.answered { HELD_BACK } else { CONNECT_TIMEOUT }
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
        self.answered = false;
        self.looked = false;
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

fn keeper_refused() -> Error {
    Error::new(
        Code::KeeperRefused,
        "The server does not take the keeper's own requests.",
    )
}
