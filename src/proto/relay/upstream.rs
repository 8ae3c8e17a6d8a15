use crate::proto::connection::{Backoff, RetryPolicy, Watchdog};
use crate::proto::rng::Rng;
use crate::proto::sse::{Decoder, SseLimits};

/// Longest wait for `server.connected`.
const CONNECT_TIMEOUT: u64 = 20_000;
/// Shortest time between two tries, whoever asks for them.
const BETWEEN_TRIES: u64 = 500;

/// The one stream from the server: whether there is one, and when the next is tried.
pub(super) struct Upstream {
    pub(super) decoder: Decoder,
    pub(super) watchdog: Watchdog,
    backoff: Backoff,
    phase: Phase,
    generation: u32,
    tried: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    /// Since then.
    Connecting(u64),
    /// Since then.
    Live(u64),
    /// Until then.
    Waiting(u64),
}

impl Upstream {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Upstream {
            decoder: Decoder::new(SseLimits::default()),
            watchdog: Watchdog::default(),
            backoff: Backoff::new(policy),
            phase: Phase::Closed,
            generation: 0,
            tried: None,
        }
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn has_stream(&self) -> bool {
        matches!(self.phase, Phase::Connecting(_) | Phase::Live(_))
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    /// Opens the stream, if it is time. Gives its number.
    pub(super) fn open(&mut self, now: u64) -> Option<u32> {
        let due = match self.phase {
            Phase::Closed => self.tried.map_or(now, |tried| tried + BETWEEN_TRIES),
            Phase::Waiting(until) => until,
            _ => return None,
        };
        if now < due {
            self.phase = Phase::Waiting(due);
            return None;
        }
        self.generation = self.generation.wrapping_add(1);
        self.tried = Some(now);
        self.phase = Phase::Connecting(now);
        self.decoder.reset();
        self.watchdog.start(now);
        Some(self.generation)
    }

    /// `server.connected` came. Gives whether it was waited for.
    pub(super) fn connected(&mut self, now: u64) -> bool {
        let awaited = matches!(self.phase, Phase::Connecting(_));
        if awaited {
            self.phase = Phase::Live(now);
        }
        awaited
    }

    /// The stream is lost; the next one is tried after a wait. Gives whether it was live.
    pub(super) fn lost(&mut self, asked: Option<u64>, rng: &mut Rng, now: u64) -> bool {
        let was_live = match self.phase {
            Phase::Live(since) => {
                self.backoff.ended(now.saturating_sub(since));
                true
            }
            _ => false,
        };
        self.generation = self.generation.wrapping_add(1);
        self.phase = Phase::Waiting(now + self.backoff.next(asked, rng));
        was_live
    }

    /// Lets go of the stream; gives whether there was one. None is opened before `open`.
    pub(super) fn close(&mut self) -> bool {
        let had = self.has_stream();
        self.generation = self.generation.wrapping_add(1);
        self.phase = Phase::Closed;
        had
    }

    /// Whether nothing came for too long.
    pub(super) fn is_overdue(&self, now: u64) -> bool {
        match self.phase {
            Phase::Connecting(since) => now >= since + CONNECT_TIMEOUT,
            Phase::Live(_) => now >= self.watchdog.deadline(),
            _ => false,
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Connecting(since) => Some(since + CONNECT_TIMEOUT),
            Phase::Live(_) => Some(self.watchdog.deadline()),
            Phase::Waiting(until) => Some(until),
            Phase::Closed => None,
        }
    }
}
