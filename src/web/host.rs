//! What the shell needs of JavaScript, as narrow types: any host that has these will do (page, worker, Node).

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The client's own side of JavaScript (`src/js/host.ts`).
    pub type Host;

    /// Sends a request with the base URL and credentials added. `timeout` 0: none.
    #[wasm_bindgen(method)]
    pub(super) fn fetch(
        this: &Host,
        method: &str,
        path: &str,
        accept: &str,
        body: Option<Uint8Array>,
        timeout: f64,
        signal: Option<&AbortSignal>,
    ) -> Promise;

    /// The full URL for an `EventSource`, which cannot send headers.
    #[wasm_bindgen(method)]
    pub(super) fn url(this: &Host, path: &str) -> Promise;

    /// The session has changes to draw.
    #[wasm_bindgen(method)]
    pub(super) fn dirty(this: &Host, session: u32);

    /// Answers a token: `kind` 0 done, 1 message `(session, index)`, 2 whether there is more, 3 body, 4 error as JSON.
    #[wasm_bindgen(method)]
    pub(super) fn reply(this: &Host, token: u32, kind: u8, session: u32, index: u32, bytes: &[u8]);

    #[wasm_bindgen(method)]
    pub(super) fn log(this: &Host, level: u8, code: &str, message: &str);

    pub(super) type Response;

    #[wasm_bindgen(method, getter)]
    pub(super) fn status(this: &Response) -> u16;

    #[wasm_bindgen(method, getter)]
    fn headers(this: &Response) -> Headers;

    #[wasm_bindgen(method, getter)]
    pub(super) fn body(this: &Response) -> Option<Body>;

    #[wasm_bindgen(method, js_name = arrayBuffer)]
    pub(super) fn array_buffer(this: &Response) -> Promise;

    type Headers;

    #[wasm_bindgen(method)]
    fn get(this: &Headers, name: &str) -> Option<String>;

    pub(super) type Body;

    #[wasm_bindgen(method, js_name = getReader)]
    pub(super) fn get_reader(this: &Body) -> Reader;

    pub(super) type Reader;

    #[wasm_bindgen(method)]
    pub(super) fn read(this: &Reader) -> Promise;

    /// One answer of a reader.
    pub(super) type Chunk;

    #[wasm_bindgen(method, getter)]
    pub(super) fn done(this: &Chunk) -> bool;

    #[wasm_bindgen(method, getter)]
    pub(super) fn value(this: &Chunk) -> Uint8Array;

    pub(super) type AbortController;
    pub(super) type AbortSignal;

    #[wasm_bindgen(constructor)]
    pub(super) fn new() -> AbortController;

    #[wasm_bindgen(method)]
    pub(super) fn abort(this: &AbortController);

    #[wasm_bindgen(method, getter)]
    pub(super) fn signal(this: &AbortController) -> AbortSignal;

    #[wasm_bindgen(js_name = setTimeout)]
    pub(super) fn set_timeout(callback: &Closure<dyn FnMut()>, delay: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    pub(super) fn clear_timeout(timer: &JsValue);

    /// A failed promise's reason.
    pub(super) type Reason;

    #[wasm_bindgen(method, getter)]
    pub(super) fn name(this: &Reason) -> Option<String>;

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(super) fn performance_now() -> f64;
}

impl Response {
    pub(super) fn header(&self, name: &str) -> String {
        self.headers().get(name).unwrap_or_default()
    }
}
