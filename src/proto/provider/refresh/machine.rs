use std::collections::VecDeque;

use super::token::Tokens;
use crate::proto::provider::planted::{self, Bug};

/// Requests that wait for a token; one more is refused.
pub const MAX_WAITING: usize = 1_000;

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshError {
    /// The user has to log in again.
    LoginRequired,
    /// The token endpoint does not answer, or is busy. The same call may work later.
    Unavailable,
    /// The token endpoint's answer is none.
    InvalidResponse,
    /// The new tokens could not be stored. They are kept, and stored with the next call.
    StoreFailed,
    /// As many wait as may.
    QueueFull,
}

impl RefreshError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            RefreshError::LoginRequired => "login_required",
            RefreshError::Unavailable => "unavailable",
            RefreshError::InvalidResponse => "invalid_response",
            RefreshError::StoreFailed => "store_failed",
            RefreshError::QueueFull => "queue_full",
        }
    }
}

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Take the lock that all tabs share, read the store under it, and call `handle_locked`.
    Lock,
    /// Post this refresh token to the token endpoint, then call `handle_answer`.
    Refresh {
        /// `refresh_token`.
        token: String,
    },
    /// Write these over what is stored, then call `handle_stored`. Until then the old ones stay there.
    Store(Tokens),
    /// Give the lock back.
    Unlock,
    /// A request gets its token.
    Token {
        /// The number of the request.
        request: u64,
        /// The access token.
        access: String,
    },
    /// A request gets none.
    Refused {
        /// The number of the request.
        request: u64,
        /// Why.
        error: RefreshError,
    },
}

/// One login. It asks for one refresh at a time, and under a lock, because a refresh token that is rotated works once.
///
/// ```text
/// idle ── wanted, too old ──► locking ── locked ──► refreshing ── answer ──► storing ── stored ──► idle
///                                └── a sibling refreshed meanwhile ────────────────────────────────┘
/// ```
#[derive(Debug)]
pub struct Refresher {
    tokens: Option<Tokens>,
    phase: Phase,
    /// A refresh token that the endpoint refused: it is not tried again.
    refused: Option<u64>,
    waiting: VecDeque<u64>,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Locking,
    Refreshing,
    Storing,
    /// Tokens are here that are not in the store.
    Unstored,
}

impl Refresher {
    /// With what was stored.
    pub fn new(tokens: Option<Tokens>) -> Self {
        Refresher {
            tokens,
            phase: Phase::Idle,
            refused: None,
            waiting: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A request needs a token.
    pub fn handle_wanted(&mut self, request: u64, now: u64) {
        if self.waiting.len() >= MAX_WAITING {
            let error = RefreshError::QueueFull;
            return self.outputs.push_back(Output::Refused { request, error });
        }
        self.waiting.push_back(request);
        self.go(now);
    }

    /// The request is not wanted any more.
    pub fn handle_cancel(&mut self, request: u64) {
        self.waiting.retain(|waiting| *waiting != request);
    }

    /// The server refused the access token of this generation before its time: it is not used again.
    pub fn handle_rejected(&mut self, access: &str) {
        if let Some(tokens) = self.tokens.as_mut().filter(|tokens| tokens.access == access) {
            tokens.expires_at = 0;
        }
    }

    /// A sibling told what it refreshed, or the user logged in: those are stored under the lock, one generation on.
    pub fn handle_tokens(&mut self, tokens: Tokens, now: u64) {
        self.adopt(tokens);
        if self.phase == Phase::Idle {
            self.go(now);
        }
    }

    /// The lock is here, and this is what the store holds. None: it holds nothing.
    pub fn handle_locked(&mut self, stored: Option<Tokens>, now: u64) {
        if self.phase != Phase::Locking {
            return;
        }
        if let Some(stored) = stored
            && !planted::is(Bug::IgnoreSibling)
        {
            self.adopt(stored);
        }
        if self.usable(now).is_some() {
            self.phase = Phase::Idle;
            self.outputs.push_back(Output::Unlock);
            return self.go(now);
        }
        match &self.tokens {
            Some(tokens) if !tokens.refresh.is_empty() && self.refused != Some(tokens.generation) => {
                self.phase = Phase::Refreshing;
                let token = tokens.refresh.clone();
                self.outputs.push_back(Output::Refresh { token });
            }
            _ => self.give_up(RefreshError::LoginRequired),
        }
    }

    /// The token endpoint answered, or did not ([`RefreshError::Unavailable`]).
    pub fn handle_answer(&mut self, answer: Result<Tokens, RefreshError>, now: u64) {
        if self.phase != Phase::Refreshing {
            return;
        }
        let Some(old) = self.tokens.take() else {
            return self.give_up(RefreshError::LoginRequired);
        };
        match answer {
            Ok(mut new) => {
                new.generation = old.generation + 1;
                // Without a new one the old one stays good.
                if new.refresh.is_empty() || planted::is(Bug::ForgetRotation) {
                    new.refresh = old.refresh;
                }
                self.outputs.push_back(Output::Store(new.clone()));
                self.tokens = Some(new);
                self.phase = Phase::Storing;
                if planted::is(Bug::TokenBeforeStore) {
                    self.serve(now);
                }
            }
            Err(error) => {
                if error == RefreshError::LoginRequired && !planted::is(Bug::RefreshAfterRefusal) {
                    self.refused = Some(old.generation);
                }
                self.tokens = Some(old);
                self.give_up(error);
            }
        }
    }

    /// The store has the new tokens, or has not.
    pub fn handle_stored(&mut self, stored: bool, now: u64) {
        if self.phase != Phase::Storing {
            return;
        }
        if stored {
            self.phase = Phase::Idle;
            self.outputs.push_back(Output::Unlock);
            self.serve(now);
            // A token that is old when it comes is not refreshed without end.
            self.refuse_all(RefreshError::Unavailable);
        } else {
            // The old refresh token is spent: these must not be lost, and no other tab may try the old ones.
            self.phase = Phase::Unstored;
            self.refuse_all(RefreshError::StoreFailed);
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When a token should be refreshed although nobody waits for one.
    pub fn poll_timeout(&self) -> Option<u64> {
        let tokens = self.tokens.as_ref().filter(|tokens| !tokens.refresh.is_empty())?;
        (self.phase == Phase::Idle).then(|| tokens.expires_at.saturating_sub(tokens.margin()))
    }

    fn go(&mut self, now: u64) {
        match self.phase {
            Phase::Unstored => {
                if let Some(tokens) = &self.tokens {
                    self.outputs.push_back(Output::Store(tokens.clone()));
                    self.phase = Phase::Storing;
                }
            }
            Phase::Idle => {
                self.serve(now);
                if !self.waiting.is_empty() {
                    self.phase = Phase::Locking;
                    self.outputs.push_back(Output::Lock);
                }
            }
            _ if planted::is(Bug::RefreshTogether) => {
                let token = self.tokens.as_ref().map(|tokens| tokens.refresh.clone());
                self.outputs.extend(token.map(|token| Output::Refresh { token }));
            }
            Phase::Locking | Phase::Refreshing | Phase::Storing => {}
        }
    }

    fn serve(&mut self, now: u64) {
        let Some(access) = self.usable(now) else {
            return;
        };
        for request in std::mem::take(&mut self.waiting) {
            let access = access.clone();
            self.outputs.push_back(Output::Token { request, access });
        }
    }

    fn usable(&self, now: u64) -> Option<String> {
        let tokens = self.tokens.as_ref()?;
        let margin = if planted::is(Bug::NoMargin) { 0 } else { tokens.margin() };
        (tokens.expires_at > now.saturating_add(margin)).then(|| tokens.access.clone())
    }

    /// The newer of two: never back to a refresh token that was spent.
    fn adopt(&mut self, other: Tokens) {
        let newer = |own: &Tokens| other.generation > own.generation;
        if self.tokens.as_ref().is_none_or(newer) && matches!(self.phase, Phase::Idle | Phase::Locking) {
            self.tokens = Some(other);
        }
    }

    fn give_up(&mut self, error: RefreshError) {
        self.phase = Phase::Idle;
        self.outputs.push_back(Output::Unlock);
        self.refuse_all(error);
    }

    fn refuse_all(&mut self, error: RefreshError) {
        for request in std::mem::take(&mut self.waiting) {
            self.outputs.push_back(Output::Refused { request, error });
        }
    }
}
