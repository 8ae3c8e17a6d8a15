use gloo_net::http::Response;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestInit, RequestRedirect, ResponseType};

/// What is sent.
pub(in crate::web) struct Request<'a> {
    pub(in crate::web) method: &'a str,
    pub(in crate::web) url: &'a str,
    /// With the credentials, which are only in there.
    pub(in crate::web) headers: &'a web_sys::Headers,
    pub(in crate::web) body: Option<&'a str>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum HttpError {
    /// No connection, or none that a page may use.
    Unreachable,
    /// The answer names another address. It is not followed: the key would go there too.
    Redirected,
    /// The body is over its limit.
    TooLarge,
    /// The body broke off.
    Cut,
}

/// Ends its request when it goes out of scope, whatever became of it.
pub(in crate::web) struct Abort(AbortController);

impl Abort {
    pub(in crate::web) fn new() -> Result<Self, HttpError> {
        // Every host of ours has it: `engines` of package.json.
        AbortController::new().map(Abort).map_err(|_| HttpError::Unreachable)
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends, and waits for the headers of the answer. `fetch` may be anybody's.
pub(in crate::web) async fn send(fetch: &Function, request: Request<'_>, abort: &Abort) -> Result<Response, HttpError> {
    let init = RequestInit::new();
    init.set_method(request.method);
    init.set_headers(request.headers);
    init.set_signal(Some(&abort.0.signal()));
    init.set_redirect(RequestRedirect::Manual);
    if let Some(body) = request.body {
        init.set_body(&JsValue::from_str(body));
    }
    let answer = fetch
        .call2(&JsValue::UNDEFINED, &JsValue::from_str(request.url), &init)
        .map_err(|_| HttpError::Unreachable)?;
    let answer = JsFuture::from(Promise::resolve(&answer)).await;
    let raw: web_sys::Response = answer.map_err(|_| HttpError::Unreachable)?.unchecked_into();
    let opaque = raw.type_() == ResponseType::Opaqueredirect;
    let response = Response::from(raw);
    match response.status() {
        // 304 is an answer of its own.
        300..=303 | 305..=399 => Err(HttpError::Redirected),
        _ if opaque => Err(HttpError::Redirected),
        _ => Ok(response),
    }
}
