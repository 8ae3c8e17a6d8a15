//! What is asked when an endpoint or a model fails: other models of the same endpoint, then other endpoints.

/// Models and endpoints that one configuration may name for this, of each.
pub const MAX_FALLBACKS: usize = 8;

/// An endpoint, and the model that is asked there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its place; 0 is the configuration's own.
    pub endpoint: usize,
    /// The model's id.
    pub model: String,
}

/// The way of one request through its targets.
///
/// ```
/// use opencode_session::proto::provider::fallback::{Fallback, Target};
/// let target = |endpoint, model: &str| Target { endpoint, model: model.into() };
/// let mut way = Fallback::new(vec![target(0, "a"), target(0, "b"), target(1, "a")]);
/// assert!(way.handle_failed("server_error", false));
/// assert_eq!(way.target().model, "b");
/// assert!(way.handle_failed("unreachable", false));
/// assert_eq!(way.target().endpoint, 1);
/// assert!(!way.handle_failed("unreachable", false));
/// ```
#[derive(Debug)]
pub struct Fallback {
    targets: Vec<Target>,
    at: usize,
}

/// How much is in trouble.
enum Reach {
    /// Whoever is asked, the answer is the same: or nobody is to be asked any more.
    Request,
    /// The model, perhaps.
    Model,
    /// The whole endpoint.
    Endpoint,
}

impl Fallback {
    /// The first target is asked first. There is at least one.
    pub fn new(targets: Vec<Target>) -> Self {
        Fallback { targets, at: 0 }
    }

    /// Who is asked now.
    pub fn target(&self) -> &Target {
        &self.targets[self.at]
    }

    /// Whether anybody is left.
    pub fn has_more(&self) -> bool {
        self.at + 1 < self.targets.len()
    }

    /// The target failed for good. `produced`: some of its answer was handed out, and another one would tell it twice.
    /// Whether there is another one to ask.
    pub fn handle_failed(&mut self, code: &str, produced: bool) -> bool {
        let endpoint = self.target().endpoint;
        let next = match reach(code) {
            _ if produced => None,
            Reach::Request => None,
            Reach::Model => Some(self.at + 1),
            Reach::Endpoint => {
                let other = self.targets[self.at..]
                    .iter()
                    .position(|target| target.endpoint != endpoint);
                other.map(|skip| self.at + skip)
            }
        };
        match next.filter(|next| *next < self.targets.len()) {
            Some(next) => {
                self.at = next;
                true
            }
            None => false,
        }
    }
}

fn reach(code: &str) -> Reach {
    match code {
        // Gateways have limits and troubles of each model.
        "rate_limited" | "quota" | "server_error" | "cut" | "timeout" | "unknown_model" | "too_long" | "forbidden"
        | "fim_unsupported" | "invalid_response" => Reach::Model,
        "unreachable" | "circuit_open" | "queue_full" | "unauthorized" | "not_found" | "cors" | "redirected"
        | "version_mismatch" | "too_large" | "auth_unavailable" | "login_required" | "store_failed" => Reach::Endpoint,
        _ => Reach::Request,
    }
}
