use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::channel::oneshot;
use gloo_net::http::Response;
use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::request::HttpError;
use super::wait::Watch;

#[wasm_bindgen(module = "/src/web/http/glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = pump)]
    fn run(body: &JsValue, feed: Feed, room: &JsValue) -> Function;
}

/// Whether more is wanted.
type Take = dyn Fn(&[u8]) -> bool;

/// One body on its way; the script that reads it owns it.
#[wasm_bindgen(skip_typescript)]
pub struct Feed {
    take: Box<Take>,
    end: Cell<Option<oneshot::Sender<bool>>>,
    watch: Watch,
}

#[wasm_bindgen]
impl Feed {
    /// A piece came. False: no more is wanted.
    pub fn take(&self, bytes: &[u8]) -> bool {
        self.watch.heard();
        (self.take)(bytes)
    }

    /// Reading waits for its reader, or goes on.
    pub fn pause(&self, paused: bool) {
        self.watch.pause(paused);
    }

    /// It is over; `clean`: up to its end.
    pub fn end(&self, clean: bool) {
        if let Some(end) = self.end.take() {
            let _ = end.send(clean);
        }
    }
}

/// Reads a body and hands it on piece by piece. Ends the reading when it goes out of scope.
///
/// The loop is a script, because a future for each piece costs half again as much as the whole rest.
pub(in crate::web) struct Pump {
    stop: Option<Function>,
    end: oneshot::Receiver<bool>,
}

impl Pump {
    /// `take` says whether more is wanted; `room`, where it is one, is a function that gives a promise while nothing
    /// more should be read.
    pub(in crate::web) fn new(
        response: &Response,
        watch: &Watch,
        room: &JsValue,
        take: impl Fn(&[u8]) -> bool + 'static,
    ) -> Self {
        let (sender, end) = oneshot::channel();
        let feed = Feed {
            take: Box::new(take),
            end: Cell::new(Some(sender)),
            watch: watch.clone(),
        };
        // An answer may have no body at all.
        let stop = match response.body() {
            Some(body) => Some(run(&body, feed, room)),
            None => {
                feed.end(true);
                None
            }
        };
        Pump { stop, end }
    }

    /// Whether it came up to its end. To be asked once.
    pub(in crate::web) async fn ended(&mut self) -> bool {
        (&mut self.end).await.unwrap_or(false)
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if let Some(stop) = &self.stop {
            let _ = stop.call0(&JsValue::UNDEFINED);
        }
    }
}

/// A whole body of at most `limit` bytes.
pub(in crate::web) async fn read_all(response: &Response, watch: &Watch, limit: usize) -> Result<Vec<u8>, HttpError> {
    let whole = Rc::new(RefCell::new(Vec::new()));
    let over = Rc::new(Cell::new(false));
    let (bytes, large) = (whole.clone(), over.clone());
    let take = move |piece: &[u8]| {
        let mut bytes = bytes.borrow_mut();
        if bytes.len() + piece.len() > limit {
            large.set(true);
            return false;
        }
        bytes.extend_from_slice(piece);
        true
    };
    let clean = Pump::new(response, watch, &JsValue::UNDEFINED, take).ended().await;
    match (over.get(), clean) {
        (true, _) => Err(HttpError::TooLarge),
        (_, false) => Err(HttpError::Cut),
        _ => Ok(whole.take()),
    }
}
