use crate::proto::bytes::{contains, find};
use crate::proto::json::{Cursor, field, utf8};

/// Stable codes of what goes wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerCode {
    /// The key is missing or wrong.
    Unauthorized,
    /// The key may not do this.
    Forbidden,
    /// What was bought, or allowed for a day or month, is used up.
    Quota,
    /// Too many requests or tokens for now.
    RateLimited,
    /// The server does not have this model.
    UnknownModel,
    /// The server does not have this route.
    NotFound,
    /// Prompt and answer are longer than the model's context.
    TooLong,
    /// The request is not what the server takes.
    BadRequest,
    /// The server failed.
    ServerError,
    /// The stream ended before the answer did.
    Cut,
    /// The answer is not what was expected.
    InvalidResponse,
    /// The answer is longer than it may be.
    TooLarge,
}

impl AnswerCode {
    /// The code that callers see.
    pub fn name(self) -> &'static str {
        match self {
            AnswerCode::Unauthorized => "unauthorized",
            AnswerCode::Forbidden => "forbidden",
            AnswerCode::Quota => "quota",
            AnswerCode::RateLimited => "rate_limited",
            AnswerCode::UnknownModel => "unknown_model",
            AnswerCode::NotFound => "not_found",
            AnswerCode::TooLong => "too_long",
            AnswerCode::BadRequest => "bad_request",
            AnswerCode::ServerError => "server_error",
            AnswerCode::Cut => "cut",
            AnswerCode::InvalidResponse => "invalid_response",
            AnswerCode::TooLarge => "too_large",
        }
    }
}

/// An answer that is an error, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerError {
    /// What it is.
    pub code: AnswerCode,
    /// HTTP status; 200 in the middle of a stream.
    pub status: u16,
    /// The server's words, at most [`MAX_MESSAGE`](Self::MAX_MESSAGE) bytes.
    pub message: String,
    /// The server's own name for it.
    pub kind: String,
    /// Headers that a gateway put into the body, to be read like those of the answer.
    pub headers: Vec<(String, String)>,
}

impl AnswerError {
    /// Longest message that is kept, bytes.
    pub const MAX_MESSAGE: usize = 2_000;
    const MAX_HEADERS: usize = 32;

    /// One that is found here.
    pub fn new(code: AnswerCode, message: &str) -> Self {
        AnswerError {
            code,
            status: 200,
            message: message.to_owned(),
            kind: String::new(),
            headers: Vec::new(),
        }
    }

    /// Reads any server's error: `{error:{…}}`, `{error:"…"}`, `{type:"error",error:{…}}`, `{detail}`, `{message}`, text, HTML.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let mut words = Words::default();
        match Cursor::new(body).peek() {
            Some(b'{') if words.object(&mut Cursor::new(body), 0).is_some() => {}
            Some(b'<') => words.message = title(&utf8(&body[..body.len().min(HTML_LOOKED_AT)])),
            _ => words.message = utf8(&body[..body.len().min(Self::MAX_MESSAGE)]).trim_ascii().to_owned(),
        }
        // In a stream the status is 200, and the real one stands in `code`.
        let told = words.code.parse().ok().filter(|code| (400..600).contains(code));
        let judged = if status < 400 { told.unwrap_or(status) } else { status };
        let code = judge(judged, &words, body);
        let mut message = words.message;
        if message.is_empty() {
            message = ["HTTP ", &status.to_string()].concat();
        }
        cut(&mut message, Self::MAX_MESSAGE);
        let mut kind = if words.kind.is_empty() { words.code } else { words.kind };
        cut(&mut kind, Self::MAX_MESSAGE);
        words.headers.truncate(Self::MAX_HEADERS);
        AnswerError {
            code,
            status,
            message,
            kind,
            headers: words.headers,
        }
    }
}

/// As much of a page is searched for its title.
const HTML_LOOKED_AT: usize = 16_384;

#[derive(Default)]
struct Words {
    message: String,
    kind: String,
    code: String,
    headers: Vec<(String, String)>,
}

impl Words {
    /// Takes what is found in an error and in the errors inside of it.
    fn object(&mut self, cursor: &mut Cursor<'_>, depth: u32) -> Option<()> {
        cursor
            .object(&mut |key, value| {
                let first = value.peek();
                match key.to_text().as_str() {
                    "error" if first == Some(b'"') => self.message = value.string()?.to_text(),
                    "error" if first == Some(b'{') && depth < 3 => {
                        let inside = value.raw()?;
                        let _ = self.object(&mut Cursor::new(inside), depth + 1);
                    }
                    "message" | "detail" | "msg" if first == Some(b'"') => {
                        let text = value.string()?.to_text();
                        if self.message.is_empty() || depth > 0 {
                            self.message = text;
                        }
                    }
                    "detail" if first == Some(b'[') => {
                        let mut all = Vec::new();
                        value.array(&mut |item| {
                            let text = field(item.raw()?, "msg").and_then(|text| Cursor::new(text).string().ok());
                            all.extend(text.map(|text| text.to_text()));
                            Ok(())
                        })?;
                        self.message = all.join("; ");
                    }
                    "type" if first == Some(b'"') => {
                        let text = value.string()?.to_text();
                        if text != "error" {
                            self.kind = text;
                        }
                    }
                    "code" => {
                        self.code = match first {
                            Some(b'"') => value.string()?.to_text(),
                            Some(b'0'..=b'9') => utf8(value.raw()?),
                            _ => return Ok(()),
                        }
                    }
                    "metadata" if first == Some(b'{') => {
                        return value.object(&mut |key, value| {
                            if key.is("headers") && value.peek() == Some(b'{') {
                                return value.object(&mut |name, value| {
                                    let text = match value.peek() {
                                        Some(b'"') => value.string()?.to_text(),
                                        _ => utf8(value.raw()?),
                                    };
                                    self.headers.push((name.to_text(), text));
                                    Ok(())
                                });
                            }
                            Ok(())
                        });
                    }
                    _ => {}
                }
                Ok(())
            })
            .ok()
    }
}

/// The server's own name for it counts before the status: gateways answer 401 for a missing model and for missing credit.
fn judge(status: u16, words: &Words, body: &[u8]) -> AnswerCode {
    for name in [words.kind.as_str(), words.code.as_str()] {
        match name {
            "CreditsError"
            | "MonthlyLimitError"
            | "UserLimitError"
            | "FreeUsageLimitError"
            | "GoUsageLimitError"
            | "insufficient_quota"
            | "insufficient_user_quota"
            | "billing_hard_limit_reached" => {
                return AnswerCode::Quota;
            }
            "ModelError" | "model_not_found" => return AnswerCode::UnknownModel,
            "AuthError" | "invalid_api_key" => return AnswerCode::Unauthorized,
            "exceed_context_size_error" | "context_length_exceeded" => return AnswerCode::TooLong,
            "RateLimitError" | "rate_limit_exceeded" | "throttling_error" => return AnswerCode::RateLimited,
            _ => {}
        }
    }
    match status {
        401 => AnswerCode::Unauthorized,
        402 => AnswerCode::Quota,
        403 | 426 => AnswerCode::Forbidden,
        404 if contains(words.message.to_ascii_lowercase().as_bytes(), b"model") => AnswerCode::UnknownModel,
        404 | 405 => AnswerCode::NotFound,
        413 => AnswerCode::TooLong,
        429 => AnswerCode::RateLimited,
        400..=499 => {
            let long = [&b"context length"[..], b"context size", b"maximum context", b"too long"];
            let said = words.message.to_ascii_lowercase();
            if long.iter().any(|text| contains(said.as_bytes(), text)) {
                AnswerCode::TooLong
            } else {
                AnswerCode::BadRequest
            }
        }
        200..=399 if Cursor::new(body).peek() != Some(b'{') => AnswerCode::InvalidResponse,
        _ => AnswerCode::ServerError,
    }
}

/// The title of a proxy's page, or nothing.
fn title(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = find(lower.as_bytes(), b"<title").and_then(|from| {
        let from = from + lower.get(from..)?.find('>')? + 1;
        let to = from + find(lower.as_bytes().get(from..)?, b"</title")?;
        page.get(from..to)
    });
    title
        .unwrap_or_default()
        .split_ascii_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn cut(text: &mut String, most: usize) {
    let mut at = text.len().min(most);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.truncate(at);
}
