use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The provider's own side of JavaScript (`src/js/provider/host.ts`). Its methods must not throw.
    pub type ProviderHost;

    /// `fetch`, the host's or the caller's own.
    #[wasm_bindgen(method, getter, js_name = fetch)]
    pub(super) fn fetch(this: &ProviderHost) -> Function;

    /// New `Headers` with the credentials of an endpoint and the caller's own for this call. Rejects with a fault.
    #[wasm_bindgen(method)]
    pub(super) fn headers(this: &ProviderHost, call: u32, endpoint: u32) -> Promise;

    /// The server refused what `headers` gave. Promises whether there are other credentials now.
    #[wasm_bindgen(method)]
    pub(super) fn refused(this: &ProviderHost, headers: &web_sys::Headers, endpoint: u32) -> Promise;

    /// There is no answer. Promises whether there is a server that only does not answer pages of this origin.
    #[wasm_bindgen(method, js_name = isHidden)]
    pub(super) fn is_hidden(this: &ProviderHost, url: &str) -> Promise;

    /// Something to tell: `kind` 0 an alert of the budget, 1 other models, 2 the budget changed.
    #[wasm_bindgen(method)]
    pub(super) fn tell(this: &ProviderHost, kind: u8, value: &JsValue);

    /// Where the pieces of one answer go (`src/js/provider/stream.ts`). Its methods must not throw.
    pub type Sink;

    /// A try begins, at an endpoint, with a model.
    #[wasm_bindgen(method)]
    pub(super) fn begin(this: &Sink, endpoint: u32, model: &str);

    /// The endpoint and model of `begin`, or those that it did not even come to, failed, and others are asked.
    #[wasm_bindgen(method)]
    pub(super) fn missed(this: &Sink, endpoint: u32, model: &str, fault: &JsValue);

    #[wasm_bindgen(method)]
    pub(super) fn model(this: &Sink, name: &str);

    #[wasm_bindgen(method)]
    pub(super) fn text(this: &Sink, choice: u32, text: &str);

    /// Of the next piece of the choice, raw JSON.
    #[wasm_bindgen(method)]
    pub(super) fn logprobs(this: &Sink, choice: u32, json: &str);

    #[wasm_bindgen(method)]
    pub(super) fn reasoning(this: &Sink, choice: u32, text: &str);

    #[wasm_bindgen(method)]
    pub(super) fn tool(this: &Sink, choice: u32, index: u32, id: &str, name: &str, arguments: &str);

    #[wasm_bindgen(method)]
    pub(super) fn finish(this: &Sink, choice: u32, reason: &str);

    /// An answer that is no stream, as it came.
    #[wasm_bindgen(method)]
    pub(super) fn raw(this: &Sink, json: &str);

    /// Usage; also of what failed.
    #[wasm_bindgen(method)]
    pub(super) fn usage(this: &Sink, usage: &JsValue);

    /// It is over and whole.
    #[wasm_bindgen(method)]
    pub(super) fn end(this: &Sink);

    /// It is over, and why it is not whole.
    #[wasm_bindgen(method)]
    pub(super) fn fail(this: &Sink, fault: &JsValue);

    /// `() => Promise | undefined`: a promise while more is here than is taken.
    #[wasm_bindgen(method, getter)]
    pub(super) fn room(this: &Sink) -> Function;
}
