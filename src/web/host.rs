use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The client's own side of JavaScript (`src/js/link.ts`). Its methods must not throw.
    pub type Host;

    /// Opens the event stream, in place of any older one: `way` 0 with `fetch`, 1 with `EventSource`, 2 from the keeper,
    /// after `position` if there is one. Answers with `streamOpened`, `streamBytes` and `streamClosed`.
    #[wasm_bindgen(method, js_name = openStream)]
    pub(super) fn open_stream(this: &Host, generation: u32, path: &str, way: u8, position: Option<&str>);

    /// Closes the event stream.
    #[wasm_bindgen(method, js_name = closeStream)]
    pub(super) fn close_stream(this: &Host);

    /// Sends a request. Answers with `answered` or `failed`.
    #[wasm_bindgen(method)]
    pub(super) fn request(this: &Host, id: u32, method: &str, path: &str, body: Option<Vec<u8>>, timeout: f64);

    /// Calls `timeout` after so many milliseconds, in place of any later call. Infinity: not at all.
    #[wasm_bindgen(method)]
    pub(super) fn arm(this: &Host, delay: f64);

    /// The session has changes to draw.
    #[wasm_bindgen(method)]
    pub(super) fn dirty(this: &Host, session: u32);

    /// Answers a token: `kind` 0 done, 1 message `(session, index)`, 2 whether there is more, 3 body, 4 error as JSON.
    #[wasm_bindgen(method)]
    pub(super) fn reply(this: &Host, token: u32, kind: u8, session: u32, index: u32, bytes: &[u8]);

    /// What `Output::Heard` says; `kind` in the order of `Heard`.
    #[wasm_bindgen(method)]
    pub(super) fn heard(this: &Host, kind: u8, id: &str, raw: &[u8]);

    #[wasm_bindgen(method)]
    pub(super) fn log(this: &Host, level: u8, code: &str, message: &str);
}
