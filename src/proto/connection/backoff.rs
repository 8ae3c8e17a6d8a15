use crate::proto::planted::{self, Bug};
use crate::proto::rng::Rng;

/// Reconnect timing, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Shortest wait.
    pub min: u64,
    /// Longest wait.
    pub max: u64,
    /// The link must have been good this long before waits start small again.
    pub reset_after: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            min: 500,
            max: 20_000,
            reset_after: 60_000,
        }
    }
}

/// Longest wait a server may ask for, milliseconds: a wrong header must not silence the page for a day.
const MAX_RETRY_AFTER: u64 = 300_000;

/// Waits between tries: full jitter under a cap that doubles, so that many pages do not return at once.
#[derive(Debug)]
pub struct Backoff {
    policy: RetryPolicy,
    failures: u32,
}

impl Backoff {
    /// No failures yet.
    pub fn new(policy: RetryPolicy) -> Self {
        Backoff { policy, failures: 0 }
    }

    /// Failed tries in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failure and gives the wait before the next try. `asked` is the server's `Retry-After`.
    pub fn next(&mut self, asked: Option<u64>, rng: &mut Rng) -> u64 {
        self.failures = self.failures.saturating_add(1);
        if planted::is(Bug::ResetBackoff) {
            self.failures = 1;
        }
        let cap = self
            .policy
            .min
            .saturating_mul(1 << self.failures.min(16))
            .clamp(self.policy.min, self.policy.max.max(self.policy.min));
        let wait = self.policy.min + rng.below(cap - self.policy.min + 1);
        asked.map_or(wait, |asked| asked.clamp(self.policy.min, MAX_RETRY_AFTER))
    }

    /// The link ended after `good` milliseconds of work.
    pub fn ended(&mut self, good: u64) {
        if good >= self.policy.reset_after {
            self.failures = 0;
        }
    }

    /// Starts small again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as milliseconds from `now`. A date that is past is 0.
pub fn retry_after(header: &str, now: u64) -> Option<u64> {
    let header = header.trim_ascii();
    if let Ok(seconds) = header.parse::<u32>() {
        return Some(u64::from(seconds) * 1_000);
    }
    Some(date(header)?.saturating_sub(now))
}

/// The one date form that senders may use: `Sun, 06 Nov 1994 08:49:37 GMT`, as milliseconds since 1970.
fn date(text: &str) -> Option<u64> {
    let text = text.as_bytes().get(5..).filter(|text| text.len() == 24)?;
    let number = |from: usize, length: usize| {
        text[from..from + length].iter().try_fold(0, |number, digit| {
            let digit = digit.wrapping_sub(b'0');
            (digit < 10).then(|| number * 10 + u64::from(digit))
        })
    };
    let (day, year) = (number(0, 2)?, number(7, 4)?);
    let (hours, minutes, seconds) = (number(12, 2)?, number(15, 2)?, number(18, 2)?);
    let month = MONTHS.iter().position(|month| month[..] == text[3..6])? as u64;
    if !(1..=31).contains(&day) || hours > 23 || minutes > 59 || seconds > 60 || year < 1970 {
        return None;
    }
    // Years begin in March here, so that the leap day is their last.
    let (year, month) = if month < 2 {
        (year - 1, month + 10)
    } else {
        (year, month - 2)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((((days.checked_sub(DAYS_TO_1970)? * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000)
}

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// From 1 March of the year 0.
const DAYS_TO_1970: u64 = 719_468;
