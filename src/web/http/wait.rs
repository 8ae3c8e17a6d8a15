use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use futures::channel::oneshot;
use futures::future::{Either, select};
use gloo_timers::callback::Timeout;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/web/http/glue.js")]
extern "C" {
    /// Milliseconds that grow evenly, whatever is done to the clock.
    fn steady() -> f64;
}

/// Milliseconds since 1970.
pub(in crate::web) fn wall() -> u64 {
    js_sys::Date::now() as u64
}

/// Longest time that a timer takes, milliseconds: hosts count in 32 bits.
const LONGEST: f64 = 2_147_000_000.0;

/// Waits at least so many milliseconds.
pub(in crate::web) async fn sleep(milliseconds: f64) {
    let (sender, done) = oneshot::channel();
    let wait = milliseconds.clamp(0.0, LONGEST).ceil() as u32;
    let _timer = Timeout::new(wait, move || {
        let _ = sender.send(());
    });
    let _ = done.await;
}

/// Bounds of one exchange, milliseconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct Times {
    /// From the request to the end of its answer.
    pub(in crate::web) total: u64,
    /// From the request to the first byte of its answer.
    pub(in crate::web) first_byte: u64,
    /// Between two pieces of the answer.
    pub(in crate::web) idle: u64,
}

/// Which of them was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Stage {
    Total,
    FirstByte,
    Idle,
}

/// Watches over one exchange.
///
/// A timer for each piece would cost more than the piece: one timer sleeps until the nearest bound, and then looks again.
#[derive(Clone)]
pub(in crate::web) struct Watch(Rc<Inner>);

struct Inner {
    began: f64,
    times: Cell<Times>,
    heard: Cell<Option<f64>>,
    /// Nobody takes what comes: the silence is ours.
    paused: Cell<bool>,
    changed: RefCell<Option<oneshot::Sender<()>>>,
}

impl Watch {
    pub(in crate::web) fn new(times: Times) -> Self {
        Watch(Rc::new(Inner {
            began: steady(),
            times: Cell::new(times),
            heard: Cell::new(None),
            paused: Cell::new(false),
            changed: RefCell::new(None),
        }))
    }

    /// Something came.
    pub(in crate::web) fn heard(&self) {
        // The nearest bound may be another one now.
        if self.0.heard.replace(Some(steady())).is_none() {
            self.look();
        }
    }

    /// Reading stands still, or goes on.
    pub(in crate::web) fn pause(&self, paused: bool) {
        if self.0.paused.replace(paused) && !paused {
            self.heard();
            self.look();
        }
    }

    /// Other bounds from now on.
    pub(in crate::web) fn set(&self, times: Times) {
        self.0.times.set(times);
        self.look();
    }

    /// Lets the watch look at its bounds again.
    fn look(&self) {
        if let Some(changed) = self.0.changed.take() {
            let _ = changed.send(());
        }
    }

    /// Milliseconds since it began.
    pub(in crate::web) fn passed(&self) -> f64 {
        steady() - self.0.began
    }

    /// Milliseconds from its beginning to what came last: without another look at the clock.
    pub(in crate::web) fn heard_after(&self) -> f64 {
        self.0.heard.get().unwrap_or_else(steady) - self.0.began
    }

    /// The work's result, or which bound it passed; then the work is dropped.
    pub(in crate::web) async fn over<T>(&self, work: impl Future<Output = T>) -> Result<T, Stage> {
        let work = pin!(work);
        let expired = pin!(self.expired());
        match select(work, expired).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right((stage, _)) => Err(stage),
        }
    }

    async fn expired(&self) -> Stage {
        loop {
            let (at, stage) = self.next();
            let wait = at - steady();
            if wait <= 0.0 {
                return stage;
            }
            let (sender, changed) = oneshot::channel();
            *self.0.changed.borrow_mut() = Some(sender);
            let sleep = pin!(sleep(wait));
            select(sleep, changed).await;
        }
    }

    fn next(&self) -> (f64, Stage) {
        let times = self.0.times.get();
        let total = (self.0.began + times.total as f64, Stage::Total);
        let silence = match self.0.heard.get() {
            _ if self.0.paused.get() => (steady() + times.idle as f64, Stage::Idle),
            Some(heard) => (heard + times.idle as f64, Stage::Idle),
            None => (self.0.began + times.first_byte as f64, Stage::FirstByte),
        };
        if silence.0 < total.0 { silence } else { total }
    }
}
