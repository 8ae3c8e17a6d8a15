use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use futures::future::{Either, select};

use super::account::Account;
use super::exchange::{Opened, Plan, late};
use super::host::Sink;
use super::inner::{Inner, Place, Trouble};
use super::reading::Reading;
use super::refused::Refused;
use crate::proto::bytes::contains;
use crate::proto::json::utf8;
use crate::proto::provider::answer::MAX_ANSWER;
use crate::proto::provider::ask::{Ask, BodyOptions, Kind};
use crate::proto::provider::fallback::{Fallback, Target};
use crate::proto::provider::family::{Cleaner, Family, Fim};
use crate::proto::provider::fault::Fault;
use crate::proto::provider::limiter::Outcome;
use crate::proto::provider::models::Model;
use crate::proto::retry::{Retries, Verdict};
use crate::web::http::{Abort, HttpError, Pump, Times, Watch, read_all, sleep, wall};

/// Tokens that an answer is taken for, where the request names no limit.
const EXPECTED: u64 = 1_024;

/// One request of a caller, through all its tries.
pub(super) struct Call {
    /// Who is asked, one after the other.
    pub(super) inners: Rc<[Rc<Inner>]>,
    pub(super) id: u32,
    pub(super) sink: Rc<Sink>,
    pub(super) kind: Kind,
    pub(super) stream: bool,
    pub(super) json: String,
}

/// What does not change from try to try.
pub(super) struct Made<'a> {
    pub(super) inner: &'a Rc<Inner>,
    pub(super) ask: Ask<'a>,
    pub(super) model: &'a str,
    pub(super) known: Option<Model>,
    pub(super) cleaner: Option<Cleaner>,
    pub(super) fim: Option<Fim>,
    pub(super) times: Times,
    /// Tokens of the prompt, guessed.
    pub(super) prompt: u64,
    pub(super) extent: (usize, usize),
}

/// Why nobody answered, and whether something of an answer was handed out.
type Missed = (Trouble, bool);

impl Call {
    /// Runs to the end, which the sink is told, unless it is an error.
    pub(super) async fn run(&self) -> Result<(), Trouble> {
        let ask = Ask::read(self.kind, self.json.as_bytes())?;
        let mut way = Fallback::new(self.targets(&ask)?);
        let mut first: Option<Trouble> = None;
        loop {
            let Target { endpoint, model } = way.target().clone();
            let inner = &self.inners[endpoint];
            let Err((trouble, produced)) = self.ask(ask, inner, &model, way.has_more()).await else {
                return Ok(());
            };
            // The budget is that of all.
            let again = inner.check_budget().is_ok() && way.handle_failed(&trouble.code(), produced);
            if again || first.is_some() {
                self.sink.missed(inner.at, &model, &trouble.to_js());
            }
            if !again {
                // What the caller meant to ask says most, unless another one began to answer.
                return Err(first.filter(|_| !produced).unwrap_or(trouble));
            }
            first.get_or_insert(trouble);
        }
    }

    /// Endpoints and models, in the order in which they are asked.
    fn targets(&self, ask: &Ask<'_>) -> Result<Vec<Target>, Fault> {
        let config = &self.inners[0].config;
        let asked = Some(ask.model()).filter(|model| !model.is_empty());
        let asked = asked.unwrap_or_else(|| config.models.default_model.clone());
        if asked.is_empty() {
            let message = "The request names no model, and models.defaultModel is not set.";
            return Err(Fault::new("bad_request", message));
        }
        let enabled = config.models.enabled_models.as_ref();
        if enabled.is_some_and(|enabled| !enabled.contains(&asked)) {
            let message = [asked.as_str(), " is not in models.enabledModels."].concat();
            return Err(Fault::new("unknown_model", message));
        }
        if self.kind != Kind::Chat && !config.features.code_completion {
            return Err(Fault::new("bad_request", "features.codeCompletion is false."));
        }
        let mut targets = Vec::new();
        for (endpoint, inner) in self.inners.iter().enumerate() {
            let own = &inner.config.models.default_model;
            let name = if endpoint == 0 || own.is_empty() { &asked } else { own };
            for model in std::iter::once(name).chain(&inner.config.fallback.models) {
                let model = model.clone();
                targets.push(Target { endpoint, model });
            }
        }
        Ok(targets)
    }

    /// Asks one endpoint for one model, as often as may be. `has_more`: there is something else to ask.
    async fn ask(&self, ask: Ask<'_>, inner: &Rc<Inner>, model: &str, has_more: bool) -> Result<(), Missed> {
        let early = |fault: Fault| (fault.into(), false);
        let made = self.make(ask, inner, model).map_err(early)?;
        let own = &self.inners[0].config;
        let mut max_wait = inner.config.rate_limits.max_wait;
        if has_more {
            max_wait = max_wait.min(own.fallback.max_wait);
        }
        let mut retries = Retries::new(inner.retry_limits(max_wait));
        let (mut renewed, mut without) = (false, false);
        loop {
            inner.check_budget().map_err(early)?;
            let usage = self.stream && !without && inner.usage_option.borrow().is_wanted(&inner.endpoint);
            let body = ask.body(&BodyOptions {
                model,
                stream: self.stream,
                usage,
                server: inner.server_of(made.known.as_ref()),
                custom: own.features.custom_parameters,
                fim: made.fim.as_ref(),
                max_tokens: 0,
            });
            let body = body.map_err(early)?;
            let expected = ask.max_tokens().unwrap_or(EXPECTED);
            let tokens = expected
                .saturating_mul(ask.choices().into())
                .saturating_add(made.prompt);
            let place = Place::take(inner, ask.priority(), tokens, max_wait)
                .await
                .map_err(early)?;
            self.sink.begin(inner.at, model);
            let tried = self.attempt(&made, place, body.path, &body.json, usage).await;
            let Some(refused) = tried.map_err(|trouble| (trouble, false))? else {
                return Ok(());
            };
            // Both are no failures: the same is asked in another way, once.
            if refused.renewed && !renewed {
                renewed = true;
                continue;
            }
            let error = refused.error.as_ref().filter(|_| usage && !refused.failed.produced);
            if error.is_some_and(|error| inner.usage_option.borrow_mut().handle_refused(&inner.endpoint, error)) {
                without = true;
                continue;
            }
            let mut fault = refused.fault;
            let verdict = retries.handle_failed(refused.failed, wall(), &mut inner.rng.borrow_mut());
            match verdict {
                Verdict::Again { at } => {
                    sleep(at.saturating_sub(wall()) as f64).await;
                    continue;
                }
                Verdict::Quota { retry_at } => {
                    fault.code = "quota";
                    fault.retry_at = retry_at;
                }
                Verdict::Final => fault.retry_at = refused.failed.wait_until,
            }
            return Err((fault.into(), refused.failed.produced));
        }
    }

    fn make<'a>(&self, ask: Ask<'a>, inner: &'a Rc<Inner>, model: &'a str) -> Result<Made<'a>, Fault> {
        let known = inner.known(model);
        let base = known.as_ref().map_or("", |model| &model.base_model);
        let mut family = inner.families.of(model).or_else(|| inner.families.of(base));
        let any = Family::default();
        if self.kind == Kind::Fim && family.is_none() && ask.fim().native {
            family = Some(&any);
        }
        let (fim, cleaner) = match (self.kind, family) {
            (Kind::Fim, Some(family)) => {
                let hole = ask.fim();
                (Some(family.fim(&hole)?), Some(family.cleaner(&hole.suffix)))
            }
            (Kind::Fim, None) => {
                let message = ["No family of models is known for ", model, "."].concat();
                return Err(Fault::new("fim_unsupported", message));
            }
            _ => (None, None),
        };
        let extent = ask.extent();
        let usual = inner.times();
        let times = Times {
            total: ask.timeout("total").unwrap_or(usual.total),
            first_byte: ask.timeout("firstByte").unwrap_or(usual.first_byte),
            idle: ask.timeout("idle").unwrap_or(usual.idle),
        };
        let prompt = inner.estimate(model, extent);
        Ok(Made {
            inner,
            ask,
            model,
            known,
            cleaner,
            fim,
            times,
            prompt,
            extent,
        })
    }

    /// One try. None: the answer is whole.
    async fn attempt(
        &self,
        made: &Made<'_>,
        place: Place,
        path: &str,
        body: &str,
        option: bool,
    ) -> Result<Option<Refused>, Trouble> {
        let reading = Reading::new(self.sink.clone(), made.ask.choices(), made.cleaner.clone());
        let watch = Watch::new(made.times);
        let abort = Abort::new().map_err(|_| Fault::new("unreachable", "This host has no AbortController."))?;
        let mut account = Account {
            call: self,
            made,
            reading: &reading,
            watch: &watch,
            place: Some(place),
            sent: false,
        };
        let plan = Plan {
            call: self.id,
            method: "POST",
            path,
            body: Some(body),
            accept: if self.stream {
                "text/event-stream, application/json"
            } else {
                "application/json"
            },
            etag: "",
        };
        account.sent = true;
        let work = self.work(&plan, &account, &abort, option);
        let refusal = match watch.over(work).await {
            Err(stage) => Refused::of(late(stage)),
            Ok(Err(Trouble::Fault(fault))) => Refused::of(fault),
            Ok(Err(thrown)) => {
                account.sent = false;
                return Err(thrown);
            }
            Ok(Ok(Some(refused))) => refused,
            Ok(Ok(None)) => {
                let end = reading.borrow_mut().end.take();
                match end {
                    Some(Err(error)) => Refused::from_answer(error),
                    _ => {
                        account.close(Outcome::Answered, None);
                        self.sink.end();
                        return Ok(None);
                    }
                }
            }
        };
        let mut refused = refusal;
        refused.failed.produced = reading.borrow().has_produced();
        account.close(refused.outcome(), Some(&refused));
        Ok(Some(refused))
    }

    /// Sends, and reads the answer into `reading`. Some: it is none.
    async fn work(
        &self,
        plan: &Plan<'_>,
        account: &Account<'_>,
        abort: &Abort,
        option: bool,
    ) -> Result<Option<Refused>, Trouble> {
        let (inner, watch, reading) = (account.made.inner, account.watch, account.reading);
        let Some(place) = &account.place else {
            return Ok(None);
        };
        let response = match inner.open(plan, place, abort, watch).await? {
            Opened::Answer(response) => response,
            Opened::Refused(refusal) => {
                let mut refused = Refused::from_answer(refusal.error);
                refused.failed.wait_until = refusal.rates.wait_until();
                refused.failed.should_retry = refusal.rates.should_retry;
                refused.renewed = refusal.renewed;
                return Ok(Some(refused));
            }
        };
        if self.stream {
            inner.usage_option.borrow_mut().handle_taken(&inner.endpoint, option);
        }
        let kind = response
            .headers()
            .get("content-type")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let is = |word: &[u8]| contains(kind.as_bytes(), word);
        let events = is(b"event-stream") || (self.stream && !is(b"json") && !is(b"html"));
        if !events {
            let body = read_all(&response, watch, MAX_ANSWER).await;
            let body = body.map_err(|error| match error {
                HttpError::TooLarge => Fault::new("too_large", "The answer is over its limit."),
                _ => Fault::new("cut", "The answer broke off."),
            })?;
            if !self.stream {
                self.sink.raw(&utf8(&body));
            }
            reading.borrow_mut().whole(&body, wall(), watch.passed());
            return Ok(None);
        }
        watch.set(Times {
            total: account
                .made
                .ask
                .timeout("total")
                .unwrap_or(inner.config.timeouts.stream),
            ..account.made.times
        });
        self.follow(&response, watch, reading).await;
        Ok(None)
    }

    /// Reads a stream up to its end, or to the end of the answer where the server leaves it open.
    async fn follow(&self, response: &gloo_net::http::Response, watch: &Watch, reading: &Rc<RefCell<Reading>>) {
        let (sender, marked) = futures::channel::oneshot::channel();
        let mark = std::cell::Cell::new(Some(sender));
        let (taker, clock) = (reading.clone(), watch.clone());
        let take = move |bytes: &[u8]| {
            let mut reading = taker.borrow_mut();
            let more = reading.take(bytes, wall(), clock.heard_after());
            if reading.deadline().is_some()
                && let Some(mark) = mark.take()
            {
                let _ = mark.send(());
            }
            more
        };
        let mut pump = Pump::new(response, watch, &self.sink.room(), take);
        {
            let mut ended = pin!(pump.ended());
            // The sender lives as long as the pump: it is sent, or the pump ends.
            if let Either::Right(_) = select(ended.as_mut(), marked).await {
                loop {
                    let at = reading.borrow().deadline();
                    let Some(at) = at else { break };
                    let wait = pin!(sleep(at.saturating_sub(wall()) as f64));
                    if let Either::Left(_) = select(ended.as_mut(), wait).await {
                        break;
                    }
                    reading.borrow_mut().timeout(wall(), watch.passed());
                }
            }
        }
        let mut reading = reading.borrow_mut();
        if reading.enough && reading.end.is_none() {
            reading.end = Some(Ok(()));
            self.sink.finish(0, "stop");
        }
        if reading.end.is_none() {
            reading.over(wall(), watch.passed());
        }
    }
}
