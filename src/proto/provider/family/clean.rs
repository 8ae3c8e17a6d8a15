use crate::proto::bytes::find;

/// Takes leaked tokens and an echo of the suffix out of an answer that comes bit by bit. What may yet become one of them is
/// held back.
#[derive(Debug, Clone)]
pub struct Cleaner {
    noise: Vec<String>,
    tokens: Vec<String>,
    suffix: String,
    held: String,
    begun: bool,
    over: bool,
}

/// As much of a suffix is looked for: it bounds what is held back.
const MAX_ECHO: usize = 4_096;
/// Shorter ones may well be meant: a closing bracket stands on both sides of many holes.
const MIN_ECHO: usize = 16;

impl Cleaner {
    /// `noise`: tokens of the prompt; at the beginning they are left out. All `tokens` end the answer.
    pub(super) fn new(noise: Vec<String>, tokens: Vec<String>, mut suffix: String) -> Self {
        let mut at = suffix.len().min(MAX_ECHO);
        while !suffix.is_char_boundary(at) {
            at -= 1;
        }
        suffix.truncate(at);
        Cleaner {
            noise,
            tokens,
            suffix,
            held: String::new(),
            begun: false,
            over: false,
        }
    }

    /// More of the answer; gives what of it is sure.
    pub fn handle_text(&mut self, text: &str) -> String {
        if self.over {
            return String::new();
        }
        self.held.push_str(text);
        while !self.begun {
            let rest = self.held.trim_start_matches(' ');
            match self.noise.iter().find(|token| rest.starts_with(token.as_str())) {
                Some(token) => self.held = rest[token.len()..].to_owned(),
                None if rest.is_empty() || self.tokens.iter().any(|token| token != rest && token.starts_with(rest)) => {
                    return String::new();
                }
                None => self.begun = true,
            }
        }
        if let Some(at) = self
            .tokens
            .iter()
            .filter_map(|token| find(self.held.as_bytes(), token.as_bytes()))
            .min()
        {
            self.held.truncate(at);
            self.over = true;
            return self.end();
        }
        let echo = overlap(&self.held, &self.suffix);
        let halves = self.tokens.iter().map(|token| overlap(&self.held, token));
        let keep = halves.max().unwrap_or_default().max(echo);
        let held = self.held.split_off(self.held.len() - keep);
        std::mem::replace(&mut self.held, held)
    }

    /// The answer is over; gives what was held back and is text.
    pub fn handle_end(&mut self) -> String {
        if self.over {
            return String::new();
        }
        self.over = true;
        self.end()
    }

    /// Whether the rest of the answer is of no use: the request may be ended.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn end(&mut self) -> String {
        let echo = overlap(&self.held, &self.suffix);
        let at = self.held.len() - echo;
        let letters = self.held[at..]
            .chars()
            .filter(|letter| !letter.is_ascii_whitespace())
            .count();
        if letters >= MIN_ECHO {
            self.held.truncate(at);
        }
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` that is a beginning of `of`.
fn overlap(text: &str, of: &str) -> usize {
    let most = text.len().min(of.len());
    let fits = |length: &usize| {
        let at = text.len() - length;
        text.is_char_boundary(at) && of.as_bytes().starts_with(&text.as_bytes()[at..])
    };
    (1..=most).rev().find(fits).unwrap_or_default()
}
