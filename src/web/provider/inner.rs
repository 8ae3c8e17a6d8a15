use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::channel::oneshot;
use gloo_timers::callback::Timeout;
use js_sys::Function;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::host::ProviderHost;
use super::shapes;
use crate::proto::provider::answer::{Usage, UsageOption};
use crate::proto::provider::ask::endpoint_of;
use crate::proto::provider::budget::{Alert, Budget, BudgetConfig};
use crate::proto::provider::config::Config;
use crate::proto::provider::family::{Families, ServerKind};
use crate::proto::provider::fault::Fault;
use crate::proto::provider::limiter::{Estimator, Limiter, LimiterConfig, Outcome, Output, Priority, Refused, Ticket};
use crate::proto::provider::models::{Measures, Model, ModelCache};
use crate::proto::retry::{RetryLimits, RetryPolicy};
use crate::proto::rng::Rng;
use crate::web::http::wall;

/// Why a call ends.
#[derive(Clone)]
pub(super) enum Trouble {
    /// Found here.
    Fault(Fault),
    /// Thrown by the host, and passed on as it is.
    Thrown(JsValue),
}

impl Trouble {
    /// The stable code.
    pub(super) fn code(&self) -> String {
        match self {
            Trouble::Fault(fault) => fault.code.to_owned(),
            Trouble::Thrown(thrown) => {
                let code = js_sys::Reflect::get(thrown, &JsValue::from_str("code"));
                code.ok().and_then(|code| code.as_string()).unwrap_or_default()
            }
        }
    }

    pub(super) fn to_js(&self) -> JsValue {
        match self {
            Trouble::Fault(fault) => shapes::fault(fault),
            Trouble::Thrown(thrown) => thrown.clone(),
        }
    }
}

impl<F: Into<Fault>> From<F> for Trouble {
    fn from(fault: F) -> Self {
        Trouble::Fault(fault.into())
    }
}

/// Tells a request that waits whether it may go.
type Word = oneshot::Sender<Result<(), Refused>>;

/// What all endpoints of one provider have together.
pub(super) struct Shared {
    pub(super) host: ProviderHost,
    pub(super) fetch: Function,
    pub(super) budget: RefCell<Budget>,
    /// Completes what servers' lists leave out.
    pub(super) catalogue: RefCell<Vec<Model>>,
    pub(super) measures: RefCell<Measures>,
    pub(super) families: Families,
    pub(super) rng: RefCell<Rng>,
}

impl Shared {
    pub(super) fn new(host: ProviderHost, budget: BudgetConfig, families: Families, seed: u64) -> Rc<Self> {
        Rc::new(Shared {
            fetch: host.fetch(),
            host,
            budget: RefCell::new(Budget::new(budget)),
            catalogue: RefCell::default(),
            measures: RefCell::default(),
            families,
            rng: RefCell::new(Rng::new(seed)),
        })
    }
}

/// One endpoint, and all that is known of it.
pub(super) struct Inner {
    shared: Rc<Shared>,
    /// Its place; 0 is the configuration's own.
    pub(super) at: u32,
    pub(super) config: Config,
    /// With the version, where it goes there.
    pub(super) endpoint: String,
    pub(super) limiter: RefCell<Limiter>,
    pub(super) models: RefCell<ModelCache>,
    /// Those who wait for the first list.
    pub(super) readers: RefCell<Vec<oneshot::Sender<Result<(), Trouble>>>>,
    /// The server has no `/models/{id}`.
    pub(super) lists_only: Cell<bool>,
    pub(super) usage_option: RefCell<UsageOption>,
    estimators: RefCell<Vec<(String, Estimator)>>,
    places: RefCell<Vec<(Ticket, Word)>>,
    timer: RefCell<Option<Timeout>>,
}

/// Models whose tokens are guessed one by one; what comes later shares one guess.
const MAX_ESTIMATORS: usize = 256;
/// Policy of second tries, milliseconds.
const RETRY: RetryPolicy = RetryPolicy {
    min: 500,
    max: 30_000,
    reset_after: 60_000,
};

impl std::ops::Deref for Inner {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Inner {
    pub(super) fn new(shared: &Rc<Shared>, at: u32, config: Config) -> Result<Rc<Self>, Fault> {
        let version = if config.version_in_path {
            config.api_version.as_str()
        } else {
            ""
        };
        let endpoint = endpoint_of(&config.api_endpoint, version).map_err(|error| {
            let crate::proto::provider::ask::UrlError::OtherVersion { found } = error;
            Fault::new(
                "version_mismatch",
                [
                    "apiEndpoint ends with ",
                    &found,
                    ", and apiVersion is ",
                    &config.api_version,
                    ".",
                ]
                .concat(),
            )
        })?;
        let limits = &config.rate_limits;
        let limiter = LimiterConfig {
            requests: limits.requests_per_minute,
            tokens: limits.tokens_per_minute,
            max_concurrent: limits.concurrent_requests,
            max_queue: limits.max_queue_size,
            max_wait: limits.max_wait,
            ..LimiterConfig::default()
        };
        Ok(Rc::new(Inner {
            shared: shared.clone(),
            at,
            endpoint,
            limiter: RefCell::new(Limiter::new(limiter)),
            models: RefCell::new(ModelCache::new(config.models.cache_timeout.saturating_mul(1_000))),
            readers: RefCell::default(),
            lists_only: Cell::new(false),
            usage_option: RefCell::default(),
            estimators: RefCell::default(),
            places: RefCell::default(),
            timer: RefCell::default(),
            config,
        }))
    }

    pub(super) fn retry_limits(&self, max_wait: u64) -> RetryLimits {
        RetryLimits {
            policy: RETRY,
            max_tries: self.config.retry.max_tries,
            max_wait,
        }
    }

    /// Carries out what the limiter says, and sets the timer for what comes next.
    pub(super) fn drive(self: &Rc<Self>) {
        let now = wall();
        loop {
            let output = self.limiter.borrow_mut().poll_output(now);
            let (ticket, word) = match output {
                None => break,
                Some(Output::Start(ticket)) => (ticket, Ok(())),
                Some(Output::Refuse(ticket, refused)) => (ticket, Err(refused)),
            };
            let place = self.take_place(ticket);
            if place.is_none_or(|place| place.send(word).is_err()) && word.is_ok() {
                self.limiter.borrow_mut().handle_cancel(ticket, now);
            }
        }
        let at = self.limiter.borrow_mut().poll_timeout(now);
        let timer = at.map(|at| {
            let wait = u32::try_from(at.saturating_sub(now)).unwrap_or(u32::MAX).min(1 << 30);
            let inner = Rc::downgrade(self);
            Timeout::new(wait, move || {
                // Not here: it takes this very timer away.
                if let Some(inner) = inner.upgrade() {
                    spawn_local(async move { inner.drive() });
                }
            })
        });
        *self.timer.borrow_mut() = timer;
    }

    fn take_place(&self, ticket: Ticket) -> Option<Word> {
        let mut places = self.places.borrow_mut();
        let at = places.iter().position(|(place, _)| *place == ticket)?;
        Some(places.swap_remove(at).1)
    }

    /// Whether the budget has room.
    pub(super) fn check_budget(&self) -> Result<(), Fault> {
        self.budget.borrow_mut().check(wall()).map_err(|at| Fault {
            retry_at: Some(at),
            ..Fault::new("quota", "The budget of the day or month is used up.")
        })
    }

    /// Something was used.
    pub(super) fn spend(&self, usage: &Usage) {
        self.budget.borrow_mut().handle_usage(usage, wall());
        self.tell_alerts();
        self.host.tell(2, &JsValue::UNDEFINED);
    }

    fn tell_alerts(&self) {
        loop {
            let alert: Option<Alert> = self.budget.borrow_mut().poll_output();
            match alert {
                Some(alert) => self.host.tell(0, &shapes::alert(alert)),
                None => break,
            }
        }
    }

    /// Tokens of a prompt, guessed.
    pub(super) fn estimate(&self, model: &str, (bytes, messages): (usize, usize)) -> u64 {
        let estimators = self.estimators.borrow();
        let of = |name: &str| {
            estimators
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, known)| known)
        };
        let known = of(model).or_else(|| of(""));
        known.cloned().unwrap_or_default().prompt(bytes, messages)
    }

    /// The server counted the tokens of a prompt.
    pub(super) fn learn(&self, model: &str, (bytes, messages): (usize, usize), tokens: u64) {
        let mut estimators = self.estimators.borrow_mut();
        let of = |all: &[(String, Estimator)], name: &str| all.iter().position(|(known, _)| known == name);
        let at = of(&estimators, model).or_else(|| of(&estimators, "").filter(|_| estimators.len() > MAX_ESTIMATORS));
        let at = at.unwrap_or_else(|| {
            let name = if estimators.len() < MAX_ESTIMATORS { model } else { "" };
            estimators.push((name.to_owned(), Estimator::default()));
            estimators.len() - 1
        });
        estimators[at].1.learn(bytes, messages, tokens);
    }

    /// What is known of a model, without asking.
    pub(super) fn known(&self, id: &str) -> Option<Model> {
        let listed = self.models.borrow().get(id).cloned();
        let catalogue = self.catalogue.borrow();
        let other = catalogue.iter().find(|model| model.id == id);
        match (listed, other) {
            (Some(mut model), Some(other)) => {
                model.complete(other);
                Some(model)
            }
            (listed, other) => listed.or_else(|| other.cloned()),
        }
    }

    /// Which names of parameters the server has.
    pub(super) fn server_of(&self, model: Option<&Model>) -> ServerKind {
        match model.map(|model| model.owner.as_str()) {
            Some("llamacpp" | "library") => ServerKind::LlamaCpp,
            Some("vllm" | "sglang") => ServerKind::Vllm,
            _ => ServerKind::Unknown,
        }
    }
}

/// A place in the limiter. What goes out of scope without a word was aborted.
pub(super) struct Place {
    inner: Rc<Inner>,
    pub(super) ticket: Ticket,
    settled: bool,
}

impl Place {
    /// Waits for its turn.
    pub(super) async fn take(
        inner: &Rc<Inner>,
        priority: Priority,
        tokens: u64,
        max_wait: u64,
    ) -> Result<Place, Fault> {
        let now = wall();
        let submitted = inner
            .limiter
            .borrow_mut()
            .handle_submit_within(priority, tokens, max_wait, now);
        let ticket = submitted.map_err(Fault::from)?;
        let (sender, word) = oneshot::channel();
        inner.places.borrow_mut().push((ticket, sender));
        let mut place = Place {
            inner: inner.clone(),
            ticket,
            settled: false,
        };
        inner.drive();
        match word.await {
            Ok(Ok(())) => Ok(place),
            Ok(Err(refused)) => {
                place.settled = true;
                Err(refused.into())
            }
            Err(_) => Err(Fault::new("disposed", "The provider was disposed of.")),
        }
    }

    /// How it ended. `usage`: its tokens; None keeps the guess.
    pub(super) fn settle(mut self, outcome: Outcome, usage: Option<u64>) {
        self.settled = true;
        let mut limiter = self.inner.limiter.borrow_mut();
        limiter.handle_finished(self.ticket, outcome, usage, wall());
        drop(limiter);
        self.inner.drive();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.settled {
            self.inner.take_place(self.ticket);
            self.inner.limiter.borrow_mut().handle_cancel(self.ticket, wall());
            self.inner.drive();
        }
    }
}
