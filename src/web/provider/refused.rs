use crate::proto::provider::answer::{AnswerCode, AnswerError};
use crate::proto::provider::fault::{Fault, is_trouble};
use crate::proto::provider::limiter::Outcome;
use crate::proto::retry::Failed;

/// A try that failed.
pub(super) struct Refused {
    pub(super) fault: Fault,
    pub(super) error: Option<AnswerError>,
    pub(super) failed: Failed,
    pub(super) trouble: bool,
    pub(super) renewed: bool,
}

impl Refused {
    pub(super) fn of(fault: Fault) -> Self {
        Refused {
            failed: Failed {
                status: fault.status,
                // No second try makes the others another answer. A server that was too slow may still be at work on what it
                // was sent: asking again costs once more.
                should_retry: match fault.code {
                    "unreachable" | "cut" => None,
                    _ => Some(false),
                },
                ..Failed::default()
            },
            trouble: matches!(fault.code, "unreachable" | "timeout" | "cut"),
            fault,
            error: None,
            renewed: false,
        }
    }

    pub(super) fn from_answer(error: AnswerError) -> Self {
        // In the middle of a stream the status is 200: what the error is decides.
        let status = match (error.status, error.code) {
            (400.., _) => error.status,
            (_, AnswerCode::Cut) => 0,
            (_, AnswerCode::RateLimited) => 429,
            (_, AnswerCode::ServerError) => 500,
            (status, _) => status,
        };
        Refused {
            failed: Failed {
                status,
                spent: error.code == AnswerCode::Quota,
                ..Failed::default()
            },
            trouble: is_trouble(error.code),
            fault: error.clone().into(),
            error: Some(error),
            renewed: false,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        if self.trouble {
            Outcome::Failed
        } else {
            Outcome::Answered
        }
    }
}
