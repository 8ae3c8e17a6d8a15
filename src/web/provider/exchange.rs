use gloo_net::http::{QueryParams, Response};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::Headers;

use super::inner::{Inner, Place, Trouble};
use crate::proto::provider::answer::AnswerError;
use crate::proto::provider::ask::address;
use crate::proto::provider::fault::Fault;
use crate::proto::retry::Rates;
use crate::web::http::{Abort, HttpError, Request, Stage, Times, Watch, read_all, send, wall};

/// Largest body of an answer that is an error, bytes.
const MAX_ERROR: usize = 256 << 10;

/// What is asked for.
pub(super) struct Plan<'a> {
    /// The call, for headers of its own; 0: none.
    pub(super) call: u32,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) body: Option<&'a str>,
    pub(super) accept: &'a str,
    pub(super) etag: &'a str,
}

/// An answer that is an error, and what it says about limits.
pub(super) struct Refusal {
    pub(super) error: AnswerError,
    pub(super) rates: Rates,
    /// There are other credentials now: the same once more.
    pub(super) renewed: bool,
}

pub(super) enum Opened {
    Answer(Response),
    Refused(Refusal),
}

impl Inner {
    /// The address of a path behind the endpoint, with the query of every request.
    pub(super) fn url(&self, path: &str) -> String {
        let url = address(&self.endpoint, path);
        if self.config.query.is_empty() {
            return url;
        }
        let Ok(raw) = web_sys::UrlSearchParams::new() else {
            return url;
        };
        let query = QueryParams::from_raw(raw.clone());
        for (name, value) in &self.config.query {
            query.append(name, value);
        }
        let query = String::from(raw.to_string());
        let sign = if url.contains('?') { "&" } else { "?" };
        [&url, sign, &query].concat()
    }

    /// Sends with credentials, and reads what the headers of the answer say.
    pub(super) async fn open(
        &self,
        plan: &Plan<'_>,
        place: &Place,
        abort: &Abort,
        watch: &Watch,
    ) -> Result<Opened, Trouble> {
        let headers = JsFuture::from(self.host.headers(plan.call, self.at))
            .await
            .map_err(Trouble::Thrown)?;
        let headers: Headers = headers.unchecked_into();
        let set = |name: &str, value: &str| {
            if !value.is_empty() {
                // Names and values were checked, or are ours.
                let _ = headers.set(name, value);
            }
        };
        set("accept", plan.accept);
        set("if-none-match", plan.etag);
        if plan.body.is_some() {
            set("content-type", "application/json");
        }
        if !self.config.version_in_path {
            set("api-version", &self.config.api_version);
        }
        let url = self.url(plan.path);
        let request = Request {
            method: plan.method,
            url: &url,
            headers: &headers,
            body: plan.body,
        };
        let response = match send(&self.fetch, request, abort).await {
            Ok(response) => response,
            Err(error) => return Err(self.explain(error, &url).await.into()),
        };
        let told = response.headers();
        let all: Vec<(String, String)> = told.entries().collect();
        let rates = Rates::read(all.iter().map(|(name, value)| (name.as_str(), value.as_str())), wall());
        self.limiter
            .borrow_mut()
            .handle_rates(place.ticket, &rates, wall(), wall());
        self.check_version(&told.get("api-version").unwrap_or_default())?;
        let status = response.status();
        if status < 400 {
            return Ok(Opened::Answer(response));
        }
        let renewed = status == 401
            && JsFuture::from(self.host.refused(&headers, self.at))
                .await
                .is_ok_and(|renewed| renewed.is_truthy());
        // Of a long page the beginning would do, but a body that is left alone holds its connection.
        let body = read_all(&response, watch, MAX_ERROR).await.unwrap_or_default();
        let mut error = AnswerError::read(status, &body);
        // A gateway's own headers in the body count like those of the answer.
        let inside = Rates::read(
            error
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            wall(),
        );
        error.headers.clear();
        let rates = if rates.wait_until().is_some() { rates } else { inside };
        Ok(Opened::Refused(Refusal { error, rates, renewed }))
    }

    fn check_version(&self, told: &str) -> Result<(), Fault> {
        let wanted = self.config.api_version.as_str();
        if wanted.is_empty() || told.is_empty() || self.config.version_in_path || told == wanted {
            return Ok(());
        }
        let message = ["The server speaks version ", told, ", and apiVersion is ", wanted, "."].concat();
        Err(Fault::new("version_mismatch", message))
    }

    async fn explain(&self, error: HttpError, url: &str) -> Fault {
        match error {
            HttpError::Redirected => Fault::new("redirected", "The server sends the request to another address."),
            HttpError::TooLarge => Fault::new("too_large", "The answer is over its limit."),
            HttpError::Cut => Fault::new("cut", "The answer broke off."),
            HttpError::Unreachable => {
                let hidden = JsFuture::from(self.host.is_hidden(url)).await;
                if hidden.is_ok_and(|hidden| hidden.is_truthy()) {
                    Fault::new("cors", "The server answers, but lets no page of this origin read it.")
                } else {
                    Fault::new("unreachable", "The server cannot be reached.")
                }
            }
        }
    }

    pub(super) fn times(&self) -> Times {
        let timeouts = &self.config.timeouts;
        Times {
            total: timeouts.total,
            first_byte: timeouts.first_byte,
            idle: timeouts.idle,
        }
    }
}

pub(super) fn late(stage: Stage) -> Fault {
    Fault::new(
        "timeout",
        match stage {
            Stage::Total => "The answer took longer than it may (timeout, or streamTimeout where it streams).",
            Stage::FirstByte => "No byte of the answer came in time (firstByteTimeout).",
            Stage::Idle => "The answer stood still for too long (idleTimeout).",
        },
    )
}
