use super::read::{Ask, Kind};
use crate::proto::json::{Bad, Cursor, Object, field, quote, utf8};
use crate::proto::provider::family::{Fim, ServerKind, parameter_name};
use crate::proto::provider::fault::Fault;

/// What is decided beside the request.
#[derive(Debug, Clone, Copy)]
pub struct BodyOptions<'a> {
    /// The model that is used.
    pub model: &'a str,
    /// The answer comes bit by bit.
    pub stream: bool,
    /// `stream_options: {include_usage: true}`
    pub usage: bool,
    /// What parameters are called there.
    pub server: ServerKind,
    /// `parameters` may be given.
    pub custom: bool,
    /// The prompt of a hole.
    pub fim: Option<&'a Fim>,
    /// `max_tokens` where the request names none; 0: none.
    pub max_tokens: u64,
}

/// What goes to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Behind the endpoint: `/chat/completions` …
    pub path: &'static str,
    /// JSON.
    pub json: String,
}

/// The caller's names, and those of the wire. Values go on as they are.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("temperature", "temperature"),
    ("topP", "top_p"),
    ("n", "n"),
    ("seed", "seed"),
    ("frequencyPenalty", "frequency_penalty"),
    ("presencePenalty", "presence_penalty"),
    ("logitBias", "logit_bias"),
    ("logprobs", "logprobs"),
    ("topLogprobs", "top_logprobs"),
    ("tools", "tools"),
    ("toolChoice", "tool_choice"),
    ("responseFormat", "response_format"),
    ("reasoningEffort", "reasoning_effort"),
    ("user", "user"),
];
/// Parameters of families: servers have names of their own for them, or none.
pub(super) const FAMILY: &[(&str, &str)] = &[
    ("topK", "top_k"),
    ("minP", "min_p"),
    ("repeatPenalty", "repeat_penalty"),
    ("alphaFrequency", "alpha_frequency"),
    ("alphaPresence", "alpha_presence"),
];
/// What `parameters` cannot set: the client lives by it.
const OWN: &[&str] = &["model", "messages", "prompt", "stream", "stream_options"];

impl Ask<'_> {
    /// The request for a server.
    pub fn body(&self, options: &BodyOptions<'_>) -> Result<Body, Fault> {
        let mut body = Object::new();
        let mut written = vec!["model"];
        body.text("model", options.model);
        // What stands in `parameters` too is meant as it stands there.
        let custom = self.value("parameters").unwrap_or(b"{}");
        let mut put = |body: &mut Object, name: &'static str, raw: &[u8]| {
            if !written.contains(&name) && field(custom, name).is_none() {
                written.push(name);
                body.raw(name, &utf8(raw));
            }
        };
        let path = self.prompt(&mut body, options)?;
        if let Some(stop) = self.stop(options.fim) {
            put(&mut body, "stop", stop.as_bytes());
        }
        match (self.max_tokens(), options.max_tokens) {
            (Some(most), _) | (None, most @ 1..) => put(&mut body, "max_tokens", most.to_string().as_bytes()),
            _ => {}
        }
        for (name, wire) in NAMES {
            if let Some(raw) = self.value(name) {
                put(&mut body, wire, raw);
            }
        }
        for (name, family) in FAMILY {
            if let (Some(raw), Some(wire)) = (self.value(name), parameter_name(family, options.server, false)) {
                put(&mut body, wire, raw);
                // Of a server that is not known either name may be the right one.
                if wire == "repeat_penalty" && options.server == ServerKind::Unknown {
                    put(&mut body, "repetition_penalty", raw);
                }
            }
        }
        if let Some(raw) = self.value("parameters") {
            self.parameters(&mut body, raw, options)?;
        }
        if options.stream {
            body.raw("stream", "true");
            if options.usage {
                body.raw("stream_options", r#"{"include_usage":true}"#);
            }
        }
        Ok(Body { path, json: body.end() })
    }

    /// Messages or prompt; gives the route.
    fn prompt(&self, body: &mut Object, options: &BodyOptions<'_>) -> Result<&'static str, Fault> {
        let fim = match self.kind {
            Kind::Chat => {
                body.raw("messages", &utf8(self.value("messages").unwrap_or(b"[]")));
                return Ok("/chat/completions");
            }
            Kind::Completion => {
                body.raw("prompt", &utf8(self.value("prompt").unwrap_or(b"\"\"")));
                if let Some(suffix) = self.value("suffix") {
                    body.raw("suffix", &utf8(suffix));
                }
                return Ok("/completions");
            }
            Kind::Fim => options
                .fim
                .ok_or(Fault::new("fim_unsupported", "The model's family is not known."))?,
        };
        if fim.turn {
            let mut turn = Object::new();
            turn.text("role", "user").text("content", &fim.prompt);
            body.raw("messages", &["[", &turn.end(), "]"].concat());
            return Ok("/chat/completions");
        }
        body.text("prompt", &fim.prompt);
        if let Some(suffix) = &fim.suffix {
            body.text("suffix", suffix);
        }
        Ok("/completions")
    }

    /// The caller's stops and those of the family.
    fn stop(&self, fim: Option<&Fim>) -> Option<String> {
        let mut all = Vec::new();
        match self.value("stop") {
            Some(one) if one.starts_with(b"\"") => all.push(utf8(one)),
            Some(list) if list.starts_with(b"[") => {
                let _ = Cursor::new(list).array(&mut |item| {
                    all.push(utf8(item.raw()?));
                    Ok(())
                });
            }
            _ => {}
        }
        for stop in fim.iter().flat_map(|fim| &fim.stops) {
            let mut quoted = String::new();
            quote(stop, &mut quoted);
            if !all.contains(&quoted) {
                all.push(quoted);
            }
        }
        (!all.is_empty()).then(|| ["[", &all.join(","), "]"].concat())
    }

    fn parameters(&self, body: &mut Object, raw: &[u8], options: &BodyOptions<'_>) -> Result<(), Fault> {
        if !options.custom {
            let message = "The request has parameters, and features.customParameters is false.";
            return Err(Fault::new("bad_request", message));
        }
        let mut refused = None;
        let read = Cursor::new(raw).object(&mut |key, value| {
            let name = key.to_text();
            if OWN.contains(&name.as_str()) {
                refused = Some(name);
                return Err(Bad);
            }
            body.raw(&name, &utf8(value.raw()?));
            Ok(())
        });
        match (refused, read) {
            (Some(name), _) => Err(Fault::new(
                "bad_request",
                ["parameters.", &name, " cannot be set: the client sets it itself."].concat(),
            )),
            (None, Err(Bad)) => Err(Fault::new("bad_request", "parameters is no object.")),
            (None, Ok(())) => Ok(()),
        }
    }

    /// A field that says something.
    fn value(&self, name: &str) -> Option<&[u8]> {
        field(self.json, name).filter(|raw| *raw != b"null")
    }
}
