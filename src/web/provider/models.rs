use std::rc::Rc;

use futures::channel::oneshot;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::exchange::{Opened, Plan, late};
use super::inner::{Inner, Place, Trouble};
use super::shapes;
use crate::proto::provider::fault::{Fault, is_trouble};
use crate::proto::provider::limiter::{Outcome, Priority};
use crate::proto::provider::models::{MAX_BODY, Model, ModelOutput, ModelsError, Shelf, read_model};
use crate::proto::retry::{Failed, Retries, Verdict};
use crate::web::http::{Abort, HttpError, Watch, read_all, sleep, wall};

/// An answer to a question without a body.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) etag: String,
    pub(super) body: Vec<u8>,
}

impl Inner {
    /// Asks for a path, again where that may help.
    pub(super) async fn get(self: &Rc<Self>, path: &str, etag: &str) -> Result<Told, Trouble> {
        let max_wait = self.config.rate_limits.max_wait;
        let mut retries = Retries::new(self.retry_limits(max_wait));
        let mut renewed = false;
        loop {
            let place = Place::take(self, Priority::High, 0, max_wait).await?;
            let (mut fault, failed) = match self.get_once(path, etag, place).await? {
                Ok(told) => return Ok(told),
                Err((_, _, true)) if !renewed => {
                    renewed = true;
                    continue;
                }
                Err((fault, failed, _)) => (fault, failed),
            };
            let verdict = retries.handle_failed(failed, wall(), &mut self.rng.borrow_mut());
            match verdict {
                Verdict::Again { at } => sleep(at.saturating_sub(wall()) as f64).await,
                Verdict::Quota { retry_at } => {
                    fault.code = "quota";
                    fault.retry_at = retry_at;
                    return Err(fault.into());
                }
                Verdict::Final => return Err(fault.into()),
            }
        }
    }

    #[allow(clippy::type_complexity)] // the inner error is judged at once
    async fn get_once(
        &self,
        path: &str,
        etag: &str,
        place: Place,
    ) -> Result<Result<Told, (Fault, Failed, bool)>, Trouble> {
        let watch = Watch::new(self.times());
        let abort = Abort::new().map_err(|_| Fault::new("unreachable", "This host has no AbortController."))?;
        let plan = Plan {
            call: 0,
            method: "GET",
            path,
            body: None,
            accept: "application/json",
            etag,
        };
        let work = async {
            let response = match self.open(&plan, &place, &abort, &watch).await? {
                Opened::Answer(response) => response,
                Opened::Refused(refusal) => return Ok(Err(refusal)),
            };
            let body = read_all(&response, &watch, MAX_BODY).await;
            let body = body.map_err(|error| match error {
                HttpError::TooLarge => Fault::new("too_large", "The answer is over its limit."),
                _ => Fault::new("cut", "The answer broke off."),
            })?;
            let etag = response.headers().get("etag").unwrap_or_default();
            Ok(Ok(Told {
                status: response.status(),
                etag,
                body,
            }))
        };
        let done = watch.over(work).await.unwrap_or_else(|stage| Err(late(stage).into()));
        match done {
            Ok(Ok(told)) => {
                place.settle(Outcome::Answered, Some(0));
                Ok(Ok(told))
            }
            Ok(Err(refusal)) => {
                let failed = Failed {
                    status: refusal.error.status,
                    wait_until: refusal.rates.wait_until(),
                    should_retry: refusal.rates.should_retry,
                    ..Failed::default()
                };
                let outcome = if is_trouble(refusal.error.code) {
                    Outcome::Failed
                } else {
                    Outcome::Answered
                };
                place.settle(outcome, Some(0));
                Ok(Err((refusal.error.into(), failed, refusal.renewed)))
            }
            Err(Trouble::Fault(fault)) => {
                let again = matches!(fault.code, "unreachable" | "timeout" | "cut");
                place.settle(if again { Outcome::Failed } else { Outcome::Answered }, Some(0));
                let failed = Failed {
                    should_retry: (!again).then_some(false),
                    ..Failed::default()
                };
                Ok(Err((fault, failed, false)))
            }
            Err(thrown) => Err(thrown),
        }
    }

    /// All models, from the cache where it has them.
    pub(super) async fn list(self: &Rc<Self>) -> Result<Vec<Model>, Trouble> {
        let choice = &self.config.models;
        if choice.auto_discovery {
            let shelf = self.models.borrow_mut().handle_wanted(wall());
            let reader = (shelf == Shelf::Missing).then(|| {
                let (sender, reader) = oneshot::channel();
                self.readers.borrow_mut().push(sender);
                reader
            });
            self.carry_out();
            if let Some(reader) = reader {
                let gone = || Err(Fault::new("disposed", "The provider was disposed of.").into());
                reader.await.unwrap_or_else(|_| gone())?;
            }
        }
        let mut ids: Vec<String> = self
            .models
            .borrow()
            .models()
            .iter()
            .map(|model| model.id.clone())
            .collect();
        if !choice.auto_discovery {
            ids = choice.enabled_models.clone().unwrap_or_default();
            if ids.is_empty() && !choice.default_model.is_empty() {
                ids.push(choice.default_model.clone());
            }
        }
        let enabled = |id: &String| {
            choice
                .enabled_models
                .as_ref()
                .is_none_or(|enabled| enabled.contains(id))
        };
        let model = |id: String| {
            self.known(&id).unwrap_or_else(|| Model {
                name: id.clone(),
                id,
                ..Model::default()
            })
        };
        Ok(ids.into_iter().filter(enabled).map(model).collect())
    }

    /// One model: the server's own word, or what its list says.
    pub(super) async fn one(self: &Rc<Self>, id: &str) -> Result<Model, Trouble> {
        if !self.lists_only.get() && self.config.models.auto_discovery {
            let path = ["/models/", &String::from(js_sys::encode_uri_component(id))].concat();
            match self.get(&path, "").await {
                Ok(told) => {
                    // Some answer every path with a page of theirs: then the list decides.
                    if let Some(mut model) = read_model(&told.body).ok().filter(|model| model.id == id) {
                        if let Some(known) = self.known(id) {
                            model.complete(&known);
                        }
                        return Ok(model);
                    }
                }
                // An unknown model may be an unknown route too: the list knows.
                Err(Trouble::Fault(fault)) if matches!(fault.code, "not_found" | "unknown_model" | "bad_request") => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let found = self
            .list()
            .await?
            .into_iter()
            .find(|model| model.id == id || model.aliases.iter().any(|alias| alias == id));
        match found {
            Some(model) => {
                // The list has it, and the route did not: there is no such route.
                self.lists_only.set(true);
                Ok(model)
            }
            None => Err(Fault::new("unknown_model", ["The server does not list ", id, "."].concat()).into()),
        }
    }

    fn carry_out(self: &Rc<Self>) {
        loop {
            let output = self.models.borrow_mut().poll_output();
            match output {
                None => break,
                Some(ModelOutput::Changed(changes)) => self.host.tell(1, &shapes::changes(&changes)),
                Some(ModelOutput::Ask { etag }) => {
                    let inner = self.clone();
                    spawn_local(async move { inner.refresh(&etag).await });
                }
            }
        }
    }

    async fn refresh(self: Rc<Self>, etag: &str) {
        let done = match self.get("/models", etag).await {
            Ok(told) => {
                let mut models = self.models.borrow_mut();
                models
                    .handle_answer(told.status, &told.etag, &told.body, wall())
                    .map_err(|error| {
                        Trouble::Fault(match error {
                            ModelsError::TooLarge => Fault::new("too_large", "The list of models is over its limit."),
                            _ => Fault::new(
                                "invalid_response",
                                "The list of models is not the JSON that was expected.",
                            ),
                        })
                    })
            }
            Err(trouble) => {
                self.models.borrow_mut().handle_failed(wall());
                Err(trouble)
            }
        };
        for reader in self.readers.take() {
            let _ = reader.send(done.clone());
        }
        self.carry_out();
    }

    pub(super) fn shape(&self, model: &Model) -> JsValue {
        shapes::model(model, &self.families)
    }
}
