use crate::proto::planted::{self, Bug};

/// Longest silence before anything is known of the server's heartbeat. Old servers beat every 30 s.
const FIRST_GUESS: u64 = 45_000;
/// Never shorter than this, whatever was learned.
const FLOOR: u64 = 25_000;

/// Notices a stream that is open but silent. Learns the server's heartbeat: patience is 2.5 beats.
#[derive(Debug, Default)]
pub struct Watchdog {
    last: u64,
    last_beat: Option<u64>,
    beat: Option<u64>,
}

impl Watchdog {
    /// The stream was opened.
    pub fn start(&mut self, now: u64) {
        self.last = now;
        self.last_beat = None;
    }

    /// Bytes came.
    pub fn fed(&mut self, now: u64) {
        self.last = now;
    }

    /// A heartbeat came.
    pub fn beat(&mut self, now: u64) {
        if let Some(last) = self.last_beat.replace(now) {
            let period = now.saturating_sub(last);
            self.beat = Some(self.beat.map_or(period, |known| known.max(period)).min(FIRST_GUESS));
        }
        self.last = now;
    }

    /// When the silence becomes too long.
    pub fn deadline(&self) -> u64 {
        if planted::is(Bug::DeafWatchdog) {
            return self.last + (1 << 40);
        }
        self.last + self.patience()
    }

    /// Silence up to `now` does not count: at least `grace` is left.
    pub fn forgive(&mut self, now: u64, grace: u64) {
        self.last = self.last.max((now + grace).saturating_sub(self.patience()));
    }

    fn patience(&self) -> u64 {
        self.beat.map_or(FIRST_GUESS, |beat| (beat * 5 / 2).max(FLOOR))
    }
}
