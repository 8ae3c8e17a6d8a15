use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;

use futures::channel::oneshot;
use futures::future::{Either, select};
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use super::call::Call;
use super::host::{ProviderHost, Sink};
use super::inner::{Inner, Shared, Trouble};
use super::shapes;
use crate::proto::json::utf8;
use crate::proto::provider::ask::Kind;
use crate::proto::provider::config::Config;
use crate::proto::provider::family::{Families, code_blocks, prompt_of};
use crate::proto::provider::fault::Fault;
use crate::proto::provider::models::read_catalogue;
use crate::web::http::wall;

/// A call, and what ends it.
type Running = (u32, oneshot::Sender<Fault>);

/// What `src/js/provider/index.ts` drives: one endpoint, and those that are asked when it fails.
#[wasm_bindgen]
pub struct Engine {
    /// The configuration's own first.
    inners: Rc<[Rc<Inner>]>,
    /// How running calls are ended.
    calls: Rc<RefCell<Vec<Running>>>,
    disposed: Rc<Cell<bool>>,
}

#[wasm_bindgen]
impl Engine {
    /// `config` was checked, and has no secrets; `families` is a JSON list, or empty. Throws a fault.
    #[wasm_bindgen(constructor)]
    pub fn new(host: ProviderHost, config: &str, families: &str, seed: f64) -> Result<Engine, JsValue> {
        let thrown = |fault: Fault| shapes::fault(&fault);
        let mut config = Config::read(config.as_bytes())
            .map_err(|_| thrown(Fault::new("bad_request", "The configuration was not checked.")))?;
        let families = match families {
            "" => Families::default(),
            json => Families::with_custom(json.as_bytes()).map_err(|error| {
                thrown(Fault::new(
                    "bad_request",
                    ["The families cannot be used: ", error.code(), "."].concat(),
                ))
            })?,
        };
        let shared = Shared::new(host, config.budget.clone(), families, seed.to_bits());
        let further = std::mem::take(&mut config.fallback.endpoints);
        let all = std::iter::once(config).chain(further).enumerate();
        let inners: Result<Vec<_>, Fault> = all.map(|(at, config)| Inner::new(&shared, at as u32, config)).collect();
        Ok(Engine {
            inners: inners.map_err(thrown)?.into(),
            calls: Rc::default(),
            disposed: Rc::default(),
        })
    }

    /// Everything that is wrong with a configuration; empty: nothing is. Any text may stand for a secret.
    pub fn check(json: &str) -> JsValue {
        match Config::read(json.as_bytes()) {
            Ok(_) => Array::new().into(),
            Err(errors) => shapes::problems(&errors),
        }
    }

    /// The fenced blocks of code in a text.
    pub fn blocks(text: &str) -> JsValue {
        code_blocks(text).iter().map(shapes::block).collect::<Array>().into()
    }

    /// What of a message is the prompt of a plain completion: its first block of code, or all of it.
    pub fn prompt(text: &str) -> String {
        prompt_of(text)
    }

    /// Starts a call: `kind` 0 chat, 1 completion, 2 a hole. `id` is the caller's, and is not used twice.
    pub fn start(&self, id: u32, sink: Sink, kind: u8, stream: bool, json: String) {
        let kind = match kind {
            0 => Kind::Chat,
            1 => Kind::Completion,
            _ => Kind::Fim,
        };
        let sink = Rc::new(sink);
        if self.disposed.get() {
            return sink.fail(&gone());
        }
        let (sender, ended) = oneshot::channel();
        self.calls.borrow_mut().push((id, sender));
        let calls = self.calls.clone();
        let call = Call {
            inners: self.inners.clone(),
            id,
            sink: sink.clone(),
            kind,
            stream: stream && self.inner().config.features.streaming,
            json,
        };
        spawn_local(async move {
            let done = {
                let work = pin!(call.run());
                match select(work, ended).await {
                    Either::Left((done, _)) => done,
                    Either::Right((fault, _)) => Err(fault.unwrap_or(Fault::new("cancelled", "")).into()),
                }
            };
            calls.borrow_mut().retain(|(call, _)| *call != id);
            if let Err(trouble) = done {
                sink.fail(&trouble.to_js());
            }
        });
    }

    /// Ends a call, waiting or running.
    pub fn cancel(&self, id: u32) {
        let mut calls = self.calls.borrow_mut();
        if let Some(at) = calls.iter().position(|(call, _)| *call == id) {
            let _ = calls
                .swap_remove(at)
                .1
                .send(Fault::new("cancelled", "The caller ended it."));
        }
    }

    /// All models.
    pub fn models(&self) -> Promise {
        let inner = self.inner().clone();
        self.promise(Box::pin(async move {
            let models = inner.list().await?;
            Ok(models.iter().map(|model| inner.shape(model)).collect::<Array>().into())
        }))
    }

    /// One model.
    pub fn model(&self, id: String) -> Promise {
        let inner = self.inner().clone();
        self.promise(Box::pin(async move {
            let model = inner.one(&id).await?;
            Ok(inner.shape(&model))
        }))
    }

    /// Asks the route that checks the key.
    pub fn validate(&self) -> Promise {
        let inner = self.inner().clone();
        self.promise(Box::pin(async move {
            inner.get(&inner.config.validate_path, "").await?;
            Ok(JsValue::UNDEFINED)
        }))
    }

    /// The answer of the route that tells usage, as text.
    pub fn usage(&self) -> Promise {
        let inner = self.inner().clone();
        self.promise(Box::pin(async move {
            let path = inner.config.usage_path.clone();
            if path.is_empty() {
                return Err(Fault::new("bad_request", "paths.usage is not set.").into());
            }
            let told = inner.get(&path, "").await?;
            Ok(JsValue::from_str(&utf8(&told.body)))
        }))
    }

    /// What was used here, and what waits and runs.
    pub fn stats(&self) -> JsValue {
        let (day, month) = self.inner().budget.borrow_mut().spent(wall());
        let (mut waiting, mut running) = (0, 0);
        for inner in self.inners.iter() {
            let limiter = inner.limiter.borrow();
            waiting += limiter.waiting();
            running += limiter.running();
        }
        shapes::stats(day, month, waiting, running)
    }

    /// How a model did; undefined: it was not used yet.
    pub fn figures(&self, model: &str) -> JsValue {
        let figures = self.inner().measures.borrow().figures(model);
        figures.map_or(JsValue::UNDEFINED, shapes::figures)
    }

    /// The budget's state as JSON.
    pub fn snapshot(&self) -> String {
        self.inner().budget.borrow_mut().snapshot(wall())
    }

    /// Takes up the budget's state. False: it is none.
    pub fn restore(&self, json: &str) -> bool {
        self.inner().budget.borrow_mut().restore(json.as_bytes(), wall())
    }

    /// Takes up a catalogue in the form of models.dev. The number of its models; less than 0: it is none.
    pub fn catalogue(&self, json: &str, provider: &str) -> i32 {
        let Ok(models) = read_catalogue(json.as_bytes(), provider) else {
            return -1;
        };
        let count = models.len() as i32;
        *self.inner().catalogue.borrow_mut() = models;
        count
    }

    /// What the server and its failures said is forgotten: the key or the plan is another one.
    pub fn reset(&self) {
        for inner in self.inners.iter() {
            inner.limiter.borrow_mut().handle_reset(wall());
            inner.drive();
        }
    }

    /// Ends all calls.
    pub fn dispose(&self) {
        self.disposed.set(true);
        for (_, call) in std::mem::take(&mut *self.calls.borrow_mut()) {
            let _ = call.send(Fault::new("disposed", "The provider was disposed of."));
        }
    }
}

impl Engine {
    fn inner(&self) -> &Rc<Inner> {
        &self.inners[0]
    }

    /// Boxed, so that all that is asked for shares one way to a promise.
    fn promise(&self, work: Pin<Box<dyn Future<Output = Result<JsValue, Trouble>>>>) -> Promise {
        let disposed = self.disposed.clone();
        future_to_promise(async move {
            if disposed.get() {
                return Err(gone());
            }
            work.await.map_err(|trouble| trouble.to_js())
        })
    }
}

fn gone() -> JsValue {
    shapes::fault(&Fault::new("disposed", "The provider was disposed of."))
}
