use super::moment::{decimal, moment};
use crate::proto::bytes::contains;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Requests.
    Requests,
    /// Tokens of both ways.
    Tokens,
    /// Tokens of prompts.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
}

/// One limit of a server, as far as its headers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// What is counted.
    pub dimension: Dimension,
    /// The policy's name, where the server has several. Else empty.
    pub name: String,
    /// Over which time, milliseconds.
    pub window: Option<u64>,
    /// How much is allowed in it.
    pub limit: Option<u64>,
    /// How much of it is left.
    pub remaining: Option<u64>,
    /// When it is whole again, milliseconds since 1970.
    pub reset_at: Option<u64>,
}

/// What the headers of an answer say about limits, in any dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// The limits; no more than any host has.
    pub rates: Vec<Rate>,
    /// `Retry-After` in any form, milliseconds since 1970.
    pub retry_at: Option<u64>,
    /// `x-should-retry`.
    pub should_retry: Option<bool>,
}

/// Limits taken from one answer: no host has half as many.
const MAX_RATES: usize = 16;

impl Rates {
    /// Reads the headers of an answer. `now` is the time since 1970.
    ///
    /// ```
    /// use opencode_session::proto::retry::Rates;
    /// let rates = Rates::read([("X-RateLimit-Remaining-Tokens", "0"), ("x-ratelimit-reset-tokens", "1m30s")], 0);
    /// assert_eq!(rates.wait_until(), Some(90_000));
    /// ```
    pub fn read<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>, now: u64) -> Self {
        let mut read = Rates::default();
        let mut copies = Vec::new();
        let mut coarse = None;
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            if let Some(name) = name.strip_prefix("llm_provider-") {
                copies.push((name.to_owned(), value));
            } else {
                read.header(&name, value, now, &mut coarse);
            }
        }
        // A gateway's copies of its upstream's headers: only what it does not say itself.
        let own = std::mem::take(&mut read);
        let mut inner = None;
        for (name, value) in copies {
            read.header(&name, value, now, &mut inner);
        }
        let upstream = read;
        let mut read = own;
        read.retry_at = read.retry_at.or(coarse).or(upstream.retry_at).or(inner);
        read.should_retry = read.should_retry.or(upstream.should_retry);
        for rate in upstream.rates {
            if !read.rates.iter().any(|known| known.dimension == rate.dimension) {
                read.rates.push(rate);
            }
        }
        read.share_resets();
        read
    }

    /// Until when to wait: `Retry-After` wins; else the last reset of those of which nothing is left.
    pub fn wait_until(&self) -> Option<u64> {
        let spent = self.rates.iter().filter(|rate| rate.remaining == Some(0));
        self.retry_at.or_else(|| spent.filter_map(|rate| rate.reset_at).max())
    }

    /// `coarse`: `Retry-After`, which gives way to the finer `retry-after-ms`.
    fn header(&mut self, name: &str, value: &str, now: u64, coarse: &mut Option<u64>) {
        let value = value.trim_ascii();
        match name {
            "retry-after" => *coarse = moment(value, now).map(|at| at.max(now)),
            "retry-after-ms" | "x-ms-retry-after-ms" => {
                self.retry_at = decimal(value).map(|wait| now.saturating_add(wait.ceil() as u64));
            }
            "x-should-retry" => self.should_retry = value.parse().ok(),
            "ratelimit" | "ratelimit-policy" => self.structured(value, now),
            _ => {
                if let Some((key, what)) = classify(name) {
                    self.set(key, what, value, now);
                }
            }
        }
    }

    fn set(&mut self, (dimension, name, window): Key, what: What, value: &str, now: u64) {
        // Older drafts add policies behind the number: `100, 100;w=60`.
        let first = value.split([',', ';']).next().unwrap_or_default().trim_ascii();
        let number = decimal(first).map(|number| number as u64);
        let reset = if what == What::Reset { moment(value, now) } else { None };
        if number.is_none() && reset.is_none() {
            return;
        }
        let Some(rate) = self.rate(dimension, &name, window) else {
            return;
        };
        match what {
            What::Limit => rate.limit = number,
            What::Remaining => rate.remaining = number,
            What::Reset => rate.reset_at = reset,
        }
    }

    /// `"default";r=998;t=241`, `"default";q=1000;w=300`, and the draft before: `limit=100, remaining=5, reset=30`.
    fn structured(&mut self, value: &str, now: u64) {
        let mut name = "";
        for part in value.split([',', ';']).map(str::trim_ascii) {
            let Some((key, value)) = part.split_once('=') else {
                name = part.trim_matches('"');
                continue;
            };
            let dimension = if contains(name.as_bytes(), b"token") {
                Dimension::Tokens
            } else {
                Dimension::Requests
            };
            let what = match key {
                "q" | "limit" => What::Limit,
                "r" | "remaining" => What::Remaining,
                "t" | "reset" => What::Reset,
                "w" => {
                    let window = decimal(value).map(|seconds| (seconds * 1_000.0) as u64);
                    if let Some(rate) = self.rate(dimension, name, None) {
                        rate.window = window;
                    }
                    continue;
                }
                _ => continue,
            };
            self.set((dimension, name.to_owned(), None), what, value, now);
        }
    }

    /// The one that is known by these, or a new one. None: there are too many.
    fn rate(&mut self, dimension: Dimension, name: &str, window: Option<u64>) -> Option<&mut Rate> {
        let is = |rate: &Rate| {
            rate.dimension == dimension && rate.name == name && (window.is_none() || rate.window == window)
        };
        let at = match self.rates.iter().position(is) {
            Some(at) => at,
            None if self.rates.len() >= MAX_RATES => return None,
            None => {
                self.rates.push(Rate {
                    dimension,
                    name: name.to_owned(),
                    window,
                    limit: None,
                    remaining: None,
                    reset_at: None,
                });
                self.rates.len() - 1
            }
        };
        self.rates.get_mut(at)
    }

    /// A reset that names no window is that of all of its dimension.
    fn share_resets(&mut self) {
        let loose: Vec<(Dimension, u64)> = self
            .rates
            .iter()
            .filter(|rate| rate.window.is_none() && rate.limit.is_none() && rate.remaining.is_none())
            .filter_map(|rate| Some((rate.dimension, rate.reset_at?)))
            .collect();
        for (dimension, at) in loose {
            for rate in self.rates.iter_mut().filter(|rate| rate.dimension == dimension) {
                rate.reset_at = rate.reset_at.or(Some(at));
            }
        }
    }
}

type Key = (Dimension, String, Option<u64>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Limit,
    Remaining,
    Reset,
}

/// What a header's name says: `x-ratelimit-limit-requests`, `anthropic-ratelimit-tokens-reset`,
/// `x-ratelimitbysize-remaining-minute` …
fn classify(name: &str) -> Option<(Key, What)> {
    let name = name.strip_prefix("x-").unwrap_or(name);
    let name = name.strip_prefix("anthropic-").unwrap_or(name);
    let (scheme, words) = name.split_once('-')?;
    let (mut input, mut output) = (false, false);
    let mut tokens = match scheme {
        "ratelimit" => false,
        "tokenlimit" | "ratelimitbysize" => true,
        _ => return None,
    };
    let (mut what, mut window) = (None, None);
    for word in words.split('-') {
        match word {
            "limit" => what = Some(What::Limit),
            "remaining" => what = Some(What::Remaining),
            "reset" => what = Some(What::Reset),
            "requests" => {}
            "tokens" => tokens = true,
            "input" => input = true,
            "output" => output = true,
            "second" => window = Some(1_000),
            "minute" => window = Some(60_000),
            "hour" => window = Some(3_600_000),
            "day" => window = Some(86_400_000),
            _ => return None,
        }
    }
    let dimension = match (tokens, input, output) {
        (_, true, _) => Dimension::InputTokens,
        (_, _, true) => Dimension::OutputTokens,
        (true, ..) => Dimension::Tokens,
        _ => Dimension::Requests,
    };
    Some(((dimension, String::new(), window), what?))
}
