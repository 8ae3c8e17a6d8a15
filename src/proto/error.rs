//! Everything that can go wrong, with a stable code and the one thing to do about it.

use super::bytes::contains;
use super::json::{Object, field, has_control, quote, text_field};
use super::request::Response;

/// Stable codes. [`Code::name`] is what callers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// No answer: the server is not running, the network is down, or CORS hides it.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The caller's `auth` function failed.
    AuthFailed,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404, in the server's own words.
    NotFound,
    /// 404 from something in front of the server.
    NoRoute,
    /// 404 for a session.
    SessionNotFound,
    /// 429.
    RateLimited,
    /// 409.
    Busy,
    /// Other 4xx.
    BadRequest,
    /// 5xx.
    ServerError,
    /// A web page where JSON or events were expected.
    HtmlResponse,
    /// Another content type than expected.
    WrongContentType,
    /// 3xx: another address is named, and not gone to.
    Redirected,
    /// The answer is not the JSON that was expected.
    BadResponse,
    /// A broken event in the stream.
    BadEvent,
    /// An event over the limit.
    EventTooLarge,
    /// Something beside the history could not be had.
    Incomplete,
    /// A buffer is full.
    LimitReached,
    /// The stream went silent.
    Silent,
    /// The stream ended.
    StreamEnded,
    /// The stream carries heartbeats but no events.
    Mute,
    /// Something between server and page keeps the stream back.
    HeldBack,
    /// The keeper does not answer.
    KeeperFailed,
    /// The server does not take the keeper's own requests.
    KeeperRefused,
    /// The model is not among the server's.
    UnknownModel,
    /// The agent is not among the server's.
    UnknownAgent,
    /// The slash command is not among the server's.
    UnknownCommand,
    /// The prompt has nothing to send.
    BadPrompt,
    /// The prompt surely did not reach the server.
    NotStored,
    /// The caller took the prompt back.
    Cancelled,
    /// The host says that there is no network.
    Offline,
    /// The turn failed: the server's own `session.error`.
    TurnFailed,
    /// The turn was stopped.
    Aborted,
    /// The server has the prompt, and stopped before its turn.
    Dropped,
    /// The session or client was closed.
    Closed,
    /// This server or host does not offer what was asked for.
    Unsupported,
}

impl Code {
    /// The code that callers see and may match on.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// Code, hint, and whether the same call may work later.
    fn facts(self) -> (&'static str, &'static str, bool) {
        match self {
            Code::Unreachable => (
                "unreachable",
                "Check that the server runs at this address and allows this page's origin (opencode serve --cors ORIGIN).",
                true,
            ),
            Code::Timeout => ("timeout", "Try again; if it lasts, look at the server's log.", true),
            Code::AuthFailed => (
                "auth_failed",
                "Let the auth function return { type: \"basic\" | \"bearer\" | \"header\", … }, and see why it failed.",
                true,
            ),
            Code::Unauthorized => ("unauthorized", "Pass auth; with cookies, pass identity.", false),
            Code::Forbidden => (
                "forbidden",
                "Use credentials that may do this, or ask who runs the server.",
                false,
            ),
            Code::NotFound => (
                "not_found",
                "Check the id, and that the server is new enough for this call.",
                false,
            ),
            Code::NoRoute => (
                "no_route",
                "Wait: a proxy answers so while its server restarts. If it lasts, check baseUrl.",
                true,
            ),
            Code::SessionNotFound => (
                "session_not_found",
                "Open a session from sessions.list(), or create one.",
                false,
            ),
            Code::RateLimited => (
                "rate_limited",
                "Wait until the server allows more, then try again.",
                true,
            ),
            Code::Busy => ("busy", "Wait for the running turn to end, or abort it.", true),
            Code::BadRequest => ("bad_request", "The message says what it refused.", false),
            Code::ServerError => ("server_error", "Look at the server's log.", true),
            Code::HtmlResponse => ("html_response", "Point baseUrl at the OpenCode server itself.", false),
            Code::WrongContentType => (
                "wrong_content_type",
                "Point baseUrl at the OpenCode server itself.",
                false,
            ),
            Code::Redirected => (
                "redirected",
                "Set baseUrl to the final address: redirects are not followed.",
                false,
            ),
            Code::BadResponse => (
                "bad_response",
                "Check the server's version and any proxy in between.",
                false,
            ),
            Code::BadEvent => (
                "bad_event",
                "Nothing to do: the history is fetched again. If it repeats, check any proxy in between.",
                true,
            ),
            Code::EventTooLarge => (
                "event_too_large",
                "The history is fetched instead; raise limits.event to receive such events live.",
                true,
            ),
            Code::Incomplete => (
                "incomplete",
                "Nothing to do: the rest is asked for again. If it lasts, look at the server's log.",
                true,
            ),
            Code::LimitReached => (
                "limit_reached",
                "Wait for what is pending, or raise the limit named in the message.",
                true,
            ),
            Code::Silent => ("silent", "Nothing to do: the stream is opened again.", true),
            Code::StreamEnded => ("stream_ended", "Nothing to do: the stream is opened again.", true),
            Code::Mute => (
                "mute",
                "Nothing to do: another way is used. Often the directory option is not the exact one of the server's /path.",
                true,
            ),
            Code::HeldBack => (
                "held_back",
                "Turn off response buffering for text/event-stream in the proxy; until then the session is polled.",
                true,
            ),
            Code::KeeperFailed => (
                "keeper_failed",
                "Serve the keeper file at the keeper option's address: npx opencode-session keeper PUBLIC_FOLDER.",
                true,
            ),
            Code::KeeperRefused => (
                "keeper_refused",
                "The keeper asks without the fetch option of the page: let the server take that, or leave keeper out.",
                true,
            ),
            Code::UnknownModel => ("unknown_model", "Choose a model from client.models().", false),
            Code::UnknownAgent => ("unknown_agent", "Choose an agent from client.agents().", false),
            Code::UnknownCommand => ("unknown_command", "Choose a command from client.commands().", false),
            Code::BadPrompt => ("bad_prompt", "Give some text, or at least one part.", false),
            Code::NotStored => ("not_stored", "Send it again.", true),
            Code::Cancelled => ("cancelled", "Send it again if it was meant to go.", false),
            Code::Offline => (
                "offline",
                "Try again when state.connection is no longer offline; prompts wait by themselves.",
                true,
            ),
            Code::TurnFailed => (
                "turn_failed",
                "Read the server's message; often the provider's key, quota or model is the cause.",
                true,
            ),
            Code::Aborted => ("aborted", "Send a new prompt to go on.", false),
            Code::Dropped => ("dropped", "Send it again if it is still to be answered.", true),
            Code::Closed => ("closed", "Open the session again.", false),
            Code::Unsupported => ("unsupported", "Use a newer server, or do without.", false),
        }
    }
}

const JSON: &str = "application/json";

/// What went wrong, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind.
    pub code: Code,
    /// One sentence. Holds no secrets, URLs or bodies.
    pub message: String,
    /// HTTP status, when the server answered.
    pub status: u16,
    /// Close names, for unknown models and agents.
    pub near: Vec<String>,
}

impl Error {
    /// An error with its sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error {
            code,
            message: message.into(),
            status: 0,
            near: Vec::new(),
        }
    }

    /// As JSON for the page: `{code, message, hint, retryable, status?, near?}`.
    pub fn to_json(&self) -> String {
        let (code, hint, retryable) = self.code.facts();
        let mut object = Object::new();
        object
            .text("code", code)
            .text("message", &self.message)
            .text("hint", hint);
        object.raw("retryable", if retryable { "true" } else { "false" });
        if self.status != 0 {
            object.number("status", i64::from(self.status));
        }
        if !self.near.is_empty() {
            let mut near = String::from("[");
            for (at, name) in self.near.iter().enumerate() {
                if at > 0 {
                    near.push(',');
                }
                quote(name, &mut near);
            }
            near.push(']');
            object.raw("near", &near);
        }
        object.end()
    }

    /// Checks status and content type of an answer that should be JSON.
    pub fn check_json(response: &Response<'_>) -> Result<(), Error> {
        Error::check(response, JSON)?;
        if has_control(response.body) {
            return Err(Error::new(Code::BadResponse, "The answer is not valid JSON."));
        }
        Ok(())
    }

    /// Checks status and content type of an answer that should be an event stream.
    pub fn check_stream(response: &Response<'_>) -> Result<(), Error> {
        Error::check(response, "text/event-stream")
    }

    fn check(response: &Response<'_>, expected: &str) -> Result<(), Error> {
        let fail = |code, message: String| {
            let mut error = Error::new(code, message);
            error.status = response.status;
            Err(error)
        };
        let kind = response.content_type.split(';').next().unwrap_or_default().trim_ascii();
        match response.status {
            204 if expected == JSON => Ok(()),
            // A stream is a 200 and no other success, as the standard has it.
            200..=299 if kind.eq_ignore_ascii_case(expected) && (response.status == 200 || expected == JSON) => Ok(()),
            200..=299 if kind.eq_ignore_ascii_case("text/html") => fail(
                Code::HtmlResponse,
                String::from("A web page answered where the OpenCode server was expected."),
            ),
            200..=299 => fail(Code::WrongContentType, ["The answer is not ", expected, "."].concat()),
            300..=303 | 305..=399 => fail(
                Code::Redirected,
                said(response, "The address sends on to another one, which is not followed."),
            ),
            401 => fail(
                Code::Unauthorized,
                String::from("The server wants credentials, or does not accept the given ones."),
            ),
            403 => fail(Code::Forbidden, String::from("The server refused access.")),
            404 if expected == JSON && !is_own_word(response.body) => fail(
                Code::NoRoute,
                String::from("Something answered that does not know this address."),
            ),
            404 => fail(Code::NotFound, said(response, "The server does not know this.")),
            409 => fail(Code::Busy, said(response, "The session is busy.")),
            429 => fail(Code::RateLimited, String::from("Too many requests.")),
            400..=499 => fail(Code::BadRequest, said(response, "The server refused the request.")),
            status => {
                let message = said(response, &["The server answered ", &status.to_string(), "."].concat());
                // Servers before 1.18 say so only in words.
                let busy = contains(message.as_bytes(), BUSY);
                fail(if busy { Code::Busy } else { Code::ServerError }, message)
            }
        }
    }

    /// The server's `session.error` or a message's `error`: `{name, data: {message}}`.
    pub fn from_turn(raw: &[u8]) -> Error {
        let name = text_field(raw, "name").unwrap_or_default();
        let aborted = name.is("MessageAbortedError");
        let code = if aborted { Code::Aborted } else { Code::TurnFailed };
        let unsaid = || match name.to_text() {
            name if name.is_empty() => String::from("The turn failed."),
            name => ["The turn failed: ", &name, "."].concat(),
        };
        Error::new(code, server_message(raw).unwrap_or_else(unsaid))
    }
}

/// Whether a 404 is the server's own: a proxy without its server, too, knows nothing of anything.
fn is_own_word(body: &[u8]) -> bool {
    let names = ["name", "_tag"].map(|name| text_field(body, name));
    names
        .into_iter()
        .flatten()
        .any(|name| name.to_text().ends_with("NotFoundError"))
}

fn said(response: &Response<'_>, otherwise: &str) -> String {
    server_message(response.body).unwrap_or_else(|| String::from(otherwise))
}

/// In what servers before 1.18 say of a session that runs a turn.
const BUSY: &[u8] = b" is busy";

/// Servers put their sentence into `message` or `data.message`; it is shown shortened, since it may quote input.
fn server_message(raw: &[u8]) -> Option<String> {
    let data = field(raw, "data").and_then(|data| text_field(data, "message"));
    let said = data.or_else(|| text_field(raw, "message"))?.to_text();
    (!said.is_empty()).then(|| said.chars().take(500).collect())
}
