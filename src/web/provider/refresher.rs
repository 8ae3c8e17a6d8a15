use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::shapes::to_js;
use crate::proto::provider::refresh::{Output, RefreshError, Refresher as Machine, Tokens, read_token_answer};

/// When to refresh an OAuth token (`src/js/provider/oauth.ts`). The tokens that it is told are handles: the real ones stay
/// with the host.
#[wasm_bindgen]
pub struct Refresher {
    machine: Machine,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<TokensShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokensShape {
    access: String,
    refresh: String,
    expires_at: f64,
    issued_at: f64,
    generation: f64,
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
        let step = |kind| Step {
            kind,
            request: None,
            token: None,
            code: None,
            tokens: None,
        };
        let Some(output) = self.machine.poll_output() else {
            return JsValue::UNDEFINED;
        };
        to_js(&match output {
            Output::Lock => step("lock"),
            Output::Unlock => step("unlock"),
            Output::Refresh { token } => Step {
                token: Some(token),
                ..step("refresh")
            },
            Output::Token { request, access } => Step {
                request: Some(request as f64),
                token: Some(access),
                ..step("token")
            },
            Output::Refused { request, error } => {
                let code = match error {
                    RefreshError::Unavailable => "auth_unavailable",
                    other => other.code(),
                };
                Step {
                    request: Some(request as f64),
                    code: Some(code),
                    ..step("refused")
                }
            }
            Output::Store(tokens) => Step {
                tokens: Some(TokensShape {
                    access: tokens.access,
                    refresh: tokens.refresh,
                    expires_at: tokens.expires_at as f64,
                    issued_at: tokens.issued_at as f64,
                    generation: tokens.generation as f64,
                }),
                ..step("store")
            },
        })
    }
}
