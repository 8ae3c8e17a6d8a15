//! What callers see when something goes wrong.

use super::answer::{AnswerCode, AnswerError};
use super::family::FimError;
use super::limiter::Refused;

/// What went wrong with a call, as callers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable.
    pub code: &'static str,
    /// What happened; the server's own words where it gave some.
    pub message: String,
    /// HTTP status; 0: there was no answer.
    pub status: u16,
    /// The server's own name for it; may be empty.
    pub kind: String,
    /// From when it works again, milliseconds since 1970, where that is known.
    pub retry_at: Option<u64>,
}

/// Code, whether the same call may work later without a change, and the one thing to do.
pub const FAULTS: &[(&str, bool, &str)] = &[
    (
        "unauthorized",
        false,
        "Check the key, and that it belongs to this endpoint.",
    ),
    (
        "forbidden",
        false,
        "The key may not do this: ask whoever gave it, or use another model.",
    ),
    (
        "quota",
        false,
        "What was bought or allowed is used up: wait until retryAt, raise the budget, or use another endpoint.",
    ),
    (
        "rate_limited",
        true,
        "Send less, or lower rateLimits to what the plan allows.",
    ),
    (
        "unknown_model",
        false,
        "Take an id from models(), and check that the key may use it.",
    ),
    (
        "not_found",
        false,
        "Check apiEndpoint: it ends with the version, such as /v1; some servers lack this route.",
    ),
    (
        "too_long",
        false,
        "Shorten the prompt or lower maxTokens: both have to fit into the model's context.",
    ),
    (
        "bad_request",
        false,
        "The message says what the server or this client does not take.",
    ),
    (
        "server_error",
        true,
        "The server failed. Try later, or use another endpoint.",
    ),
    (
        "cut",
        true,
        "The answer broke off before its end: what came of it is not whole. Ask again.",
    ),
    (
        "invalid_response",
        false,
        "Check apiEndpoint: what answers there is no OpenAI-compatible server.",
    ),
    (
        "too_large",
        false,
        "Ask for less at once, or raise rateLimits.tokensPerMinute.",
    ),
    (
        "queue_full",
        true,
        "Wait for answers before more is asked, or raise rateLimits.maxQueueSize.",
    ),
    (
        "circuit_open",
        true,
        "The endpoint failed many times in a row and is left alone until retryAt.",
    ),
    (
        "timeout",
        true,
        "Raise the wait that the message names, for one request with its timeouts. A server that has to load the model first needs minutes: firstByteTimeout and timeout.",
    ),
    ("cancelled", false, "The caller ended it. There is nothing to do."),
    (
        "unreachable",
        true,
        "Check the network, the address of the endpoint, and that its server runs.",
    ),
    (
        "cors",
        false,
        "The server answers, but not to pages of this origin: call it from a server of your own that passes requests on (a relay).",
    ),
    (
        "redirected",
        false,
        "Put the address that the server moved to into apiEndpoint: keys are not sent after redirects.",
    ),
    (
        "version_mismatch",
        false,
        "Set apiVersion to the version that the server names in the message, or leave it out.",
    ),
    (
        "fim_unsupported",
        false,
        "This model does not fill in the middle: use one whose fim is true, add its family, or say native where the server takes suffix.",
    ),
    (
        "login_required",
        false,
        "The refresh token is not good any more: let the user sign in again.",
    ),
    (
        "auth_unavailable",
        true,
        "The token endpoint does not answer. Try later.",
    ),
    (
        "store_failed",
        true,
        "The new tokens could not be stored; they are kept and stored with the next call.",
    ),
    ("disposed", false, "dispose() was called: make a new provider."),
];

impl Fault {
    /// One that is found here.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Fault {
            code,
            message: message.into(),
            status: 0,
            kind: String::new(),
            retry_at: None,
        }
    }

    /// The one thing to do.
    pub fn hint(&self) -> &'static str {
        row(self.code).map_or("", |(_, _, hint)| hint)
    }

    /// Whether the same call may work later without a change.
    pub fn is_retryable(&self) -> bool {
        row(self.code).is_some_and(|(_, retryable, _)| *retryable)
    }
}

fn row(code: &str) -> Option<&'static (&'static str, bool, &'static str)> {
    FAULTS.iter().find(|(name, ..)| *name == code)
}

impl From<AnswerError> for Fault {
    fn from(error: AnswerError) -> Self {
        Fault {
            code: error.code.name(),
            message: error.message,
            status: error.status,
            kind: error.kind,
            retry_at: None,
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let (message, retry_at) = match refused {
            Refused::QueueFull => ("As many requests wait as may.", None),
            Refused::TooLarge { .. } => ("The request has more tokens than a whole minute may have.", None),
            Refused::Quota { retry_at } => ("There is no room for this request within maxWait.", retry_at),
            Refused::CircuitOpen { retry_at } => ("The endpoint is down.", Some(retry_at)),
        };
        Fault {
            retry_at,
            ..Fault::new(refused.code(), message)
        }
    }
}

impl From<FimError> for Fault {
    fn from(error: FimError) -> Self {
        match error {
            FimError::Unsupported => Fault::new(error.code(), "The model's family does not fill in the middle."),
            FimError::TooLarge => Fault::new(error.code(), "Prefix, suffix and files are more than may be."),
        }
    }
}

/// Whether an endpoint that answers so is in trouble itself.
pub fn is_trouble(code: AnswerCode) -> bool {
    matches!(
        code,
        AnswerCode::ServerError | AnswerCode::Cut | AnswerCode::InvalidResponse
    )
}
