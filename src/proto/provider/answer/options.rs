use super::error::{AnswerCode, AnswerError};
use crate::proto::bytes::contains;

/// Which endpoints take `stream_options: {include_usage: true}`. Without it most tell no usage in a stream, and some answer
/// 400 to it: then it is tried once without, and what is learnt is remembered.
#[derive(Debug, Default)]
pub struct UsageOption {
    known: Vec<(String, bool)>,
}

/// Endpoints remembered; the oldest are forgotten.
const MAX_KNOWN: usize = 64;

impl UsageOption {
    /// Whether to send it to this endpoint.
    pub fn is_wanted(&self, endpoint: &str) -> bool {
        self.find(endpoint) != Some(false)
    }

    /// An endpoint refused a request that had it. Whether to try once without.
    pub fn handle_refused(&mut self, endpoint: &str, error: &AnswerError) -> bool {
        let may_be = matches!(error.status, 400 | 422) && error.code == AnswerCode::BadRequest;
        if !may_be || self.find(endpoint).is_some() {
            return false;
        }
        let named = ["stream_options", "include_usage"];
        if named
            .iter()
            .any(|name| contains(error.message.as_bytes(), name.as_bytes()))
        {
            self.remember(endpoint, false);
        }
        true
    }

    /// An endpoint took a request. `sent`: it had the option.
    pub fn handle_taken(&mut self, endpoint: &str, sent: bool) {
        if self.find(endpoint).is_none() {
            self.remember(endpoint, sent);
        }
    }

    fn find(&self, endpoint: &str) -> Option<bool> {
        let known = self.known.iter().find(|(name, _)| name == endpoint);
        known.map(|(_, takes)| *takes)
    }

    fn remember(&mut self, endpoint: &str, takes: bool) {
        if self.known.len() >= MAX_KNOWN {
            self.known.remove(0);
        }
        self.known.push((endpoint.to_owned(), takes));
    }
}
