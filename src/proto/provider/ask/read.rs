use super::body::{FAMILY, NAMES};
use crate::proto::json::{Cursor, field, is_whole, text_field};
use crate::proto::provider::family::{FimRequest, NearbyFile};
use crate::proto::provider::fault::Fault;
use crate::proto::provider::limiter::Priority;
use crate::proto::provider::near::meant;

/// Which of the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `/chat/completions`
    Chat,
    /// `/completions`
    Completion,
    /// A hole; the family says which route.
    Fim,
}

/// Names in `timeouts`.
const WAITS: &[&str] = &["total", "firstByte", "idle"];
/// Largest request, bytes of its JSON.
pub const MAX_REQUEST: usize = 64 << 20;

/// A caller's request, as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub(super) kind: Kind,
    pub(super) json: &'a [u8],
}

impl<'a> Ask<'a> {
    /// Looks at what every request has.
    pub fn read(kind: Kind, json: &'a [u8]) -> Result<Self, Fault> {
        if json.len() > MAX_REQUEST {
            return Err(Fault::new("too_large", "The request is over 64 MiB."));
        }
        if !json.starts_with(b"{") || !is_whole(json) {
            return Err(Fault::new("bad_request", "The request is no JSON object."));
        }
        let ask = Ask { kind, json };
        let (name, first, wanted) = match kind {
            Kind::Chat => ("messages", b"[", "a list of messages"),
            Kind::Completion => ("prompt", b"\"", "text"),
            Kind::Fim => ("prefix", b"\"", "text"),
        };
        if !field(json, name).is_some_and(|value| value.starts_with(first)) {
            let message = ["The request has no ", name, ", or it is not ", wanted, "."].concat();
            return Err(Fault::new("bad_request", message));
        }
        if kind == Kind::Chat && field(json, name).is_some_and(|list| count(list) == 0) {
            return Err(Fault::new("bad_request", "The request has no message."));
        }
        let wrong = ask.wrong();
        if wrong.is_empty() {
            Ok(ask)
        } else {
            Err(Fault::new("bad_request", wrong.join(" ")))
        }
    }

    /// What would do nothing, or something else than is meant: all of it.
    fn wrong(&self) -> Vec<String> {
        let mut known: Vec<&str> = match self.kind {
            Kind::Chat => vec!["messages"],
            Kind::Completion => vec!["prompt", "suffix"],
            Kind::Fim => vec!["prefix", "suffix", "path", "repo", "files", "native"],
        };
        known.extend(["model", "maxTokens", "stop", "parameters", "priority", "timeouts"]);
        known.extend(NAMES.iter().chain(FAMILY).map(|(name, _)| *name));
        let mut wrong = Vec::new();
        unknown(self.json, "", &known, &mut wrong);
        let told = |name: &str| field(self.json, name).filter(|raw| *raw != b"null");
        if !matches!(self.text("priority").as_str(), "low" | "normal" | "high") && told("priority").is_some() {
            wrong.push("priority must be low, normal or high.".into());
        }
        for name in ["maxTokens", "n"] {
            if told(name).is_some_and(|raw| whole(raw).is_none_or(|number| number == 0)) {
                wrong.push([name, " must be a whole number, 1 or more."].concat());
            }
        }
        for name in ["seed", "topK", "topLogprobs"] {
            if told(name).is_some_and(|raw| integer(raw).is_none()) {
                wrong.push([name, " must be a whole number."].concat());
            }
        }
        match told("timeouts") {
            Some(raw) if raw.starts_with(b"{") => {
                unknown(raw, "timeouts.", WAITS, &mut wrong);
                for name in WAITS {
                    if field(raw, name).is_some_and(|raw| whole(raw).is_none()) {
                        wrong.push(["timeouts.", name, " must be a whole number, 0 or more."].concat());
                    }
                }
            }
            Some(_) => wrong.push("timeouts must be an object.".into()),
            None => {}
        }
        wrong
    }

    /// The model that is named; empty: none is.
    pub fn model(&self) -> String {
        self.text("model")
    }

    /// How urgent it is.
    pub fn priority(&self) -> Priority {
        match self.text("priority").as_str() {
            "high" => Priority::High,
            "low" => Priority::Low,
            _ => Priority::Normal,
        }
    }

    /// `n`
    pub fn choices(&self) -> u32 {
        let told = self.number("n").and_then(|number| u32::try_from(number).ok());
        told.unwrap_or(1).max(1)
    }

    /// `maxTokens`
    pub fn max_tokens(&self) -> Option<u64> {
        self.number("maxTokens").filter(|number| *number > 0)
    }

    /// A wait of this request alone, milliseconds: `total`, `firstByte` or `idle` of `timeouts`.
    pub fn timeout(&self, name: &str) -> Option<u64> {
        whole(field(field(self.json, "timeouts")?, name)?).filter(|wait| *wait > 0)
    }

    /// What the limiter's guess is made of: bytes of the prompt, and messages.
    pub fn extent(&self) -> (usize, usize) {
        let size = |name: &str| field(self.json, name).map_or(0, <[u8]>::len);
        match self.kind {
            Kind::Chat => {
                let messages = field(self.json, "messages").map_or(0, count);
                (size("messages") + size("tools"), messages)
            }
            Kind::Completion => (size("prompt"), 0),
            Kind::Fim => (size("prefix") + size("suffix") + size("files"), 0),
        }
    }

    /// The hole.
    pub fn fim(&self) -> FimRequest {
        let mut files = Vec::new();
        if let Some(list) = field(self.json, "files").filter(|list| list.starts_with(b"[")) {
            // The whole request was looked at: this list can be read.
            let _ = Cursor::new(list).array(&mut |item| {
                let file = item.raw()?;
                let text = |name: &str| text_field(file, name).map(|text| text.to_text()).unwrap_or_default();
                files.push(NearbyFile {
                    path: text("path"),
                    text: text("text"),
                });
                Ok(())
            });
        }
        FimRequest {
            prefix: self.text("prefix"),
            suffix: self.text("suffix"),
            path: self.text("path"),
            repo: self.text("repo"),
            files,
            native: field(self.json, "native") == Some(b"true"),
        }
    }

    fn text(&self, name: &str) -> String {
        text_field(self.json, name)
            .map(|text| text.to_text())
            .unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<u64> {
        whole(field(self.json, name)?)
    }
}

fn whole(raw: &[u8]) -> Option<u64> {
    u64::try_from(integer(raw)?).ok()
}

/// `1.5` and `1e3` are none: a part of a number would be read as another one.
fn integer(raw: &[u8]) -> Option<i64> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    let plain = digits.iter().all(u8::is_ascii_digit);
    Cursor::new(raw).maybe_integer().ok().flatten().filter(|_| plain)
}

fn unknown(object: &[u8], at: &str, known: &[&str], wrong: &mut Vec<String>) {
    let _ = Cursor::new(object).object(&mut |key, _| {
        let name = key.to_text();
        if !known.contains(&name.as_str()) {
            wrong.push([at, &name, " is not known. ", &meant(&name, known)].concat());
        }
        Ok(())
    });
}

fn count(list: &[u8]) -> usize {
    let mut count = 0;
    let _ = Cursor::new(list).array(&mut |item| {
        count += 1;
        item.skip()
    });
    count
}
