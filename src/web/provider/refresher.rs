use wasm_bindgen::prelude::*;

use super::shape::Shape;
use crate::proto::provider::refresh::{Output, RefreshError, Refresher as Machine, Tokens, read_token_answer};

/// When to refresh an OAuth token (`src/js/provider/oauth.ts`). The tokens that it is told are handles: the real ones stay
/// with the host.
#[wasm_bindgen]
pub struct Refresher {
    machine: Machine,
}

fn tokens(access: String, refresh: String, expires_at: f64, issued_at: f64, generation: f64) -> Option<Tokens> {
    let some = !access.is_empty() || !refresh.is_empty();
    some.then_some(Tokens {
        access,
        refresh,
        expires_at: expires_at as u64,
        issued_at: issued_at as u64,
        generation: generation as u64,
    })
}

#[wasm_bindgen]
impl Refresher {
    /// Without tokens.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Refresher {
        Refresher {
            machine: Machine::new(None),
        }
    }

    /// A request needs a token.
    pub fn wanted(&mut self, request: f64, now: f64) {
        self.machine.handle_wanted(request as u64, now as u64);
    }

    /// The server refused this one.
    pub fn rejected(&mut self, access: &str) {
        self.machine.handle_rejected(access);
    }

    /// The user logged in, or a sibling refreshed.
    pub fn adopt(&mut self, access: String, refresh: String, expires: f64, issued: f64, generation: f64, now: f64) {
        if let Some(tokens) = tokens(access, refresh, expires, issued, generation) {
            self.machine.handle_tokens(tokens, now as u64);
        }
    }

    /// The lock is here, and this is what the store holds; without both tokens: nothing.
    pub fn locked(&mut self, access: String, refresh: String, expires: f64, issued: f64, generation: f64, now: f64) {
        let stored = tokens(access, refresh, expires, issued, generation);
        self.machine.handle_locked(stored, now as u64);
    }

    /// The token endpoint answered; `status` 0: it did not. `json` has handles in place of tokens.
    pub fn answered(&mut self, status: u16, json: &str, now: f64) {
        let answer = match status {
            0 => Err(RefreshError::Unavailable),
            _ => read_token_answer(status, json.as_bytes(), now as u64),
        };
        self.machine.handle_answer(answer, now as u64);
    }

    /// The store has them, or has not.
    pub fn stored(&mut self, done: bool, now: f64) {
        self.machine.handle_stored(done, now as u64);
    }

    /// The next thing to do; undefined: nothing.
    pub fn next(&mut self) -> JsValue {
        let Some(output) = self.machine.poll_output() else {
            return JsValue::UNDEFINED;
        };
        let mut all = Shape::default();
        match &output {
            Output::Lock => all.text("kind", "lock"),
            Output::Unlock => all.text("kind", "unlock"),
            Output::Refresh { token } => {
                all.text("kind", "refresh");
                all.text("token", token);
            }
            Output::Token { request, access } => {
                all.text("kind", "token");
                all.count("request", Some(*request));
                all.text("token", access);
            }
            Output::Refused { request, error } => {
                let code = match error {
                    RefreshError::Unavailable => "auth_unavailable",
                    other => other.code(),
                };
                all.text("kind", "refused");
                all.count("request", Some(*request));
                all.text("code", code);
            }
            Output::Store(tokens) => {
                let mut told = Shape::default();
                told.text("access", &tokens.access);
                told.text("refresh", &tokens.refresh);
                told.count("expiresAt", Some(tokens.expires_at));
                told.count("issuedAt", Some(tokens.issued_at));
                told.count("generation", Some(tokens.generation));
                all.text("kind", "store");
                all.shape("tokens", told);
            }
        }
        all.to_js()
    }
}
