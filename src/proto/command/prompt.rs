use crate::proto::error::{Code, Error};
use crate::proto::json::{Bad, Cursor, Object, push_utf8, quote};

/// A model, as prompts name it: nested. The flat form is silently ignored by servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// `providerID`.
    pub provider: String,
    /// `modelID`.
    pub model: String,
}

impl Model {
    /// Reads `"provider/model"` or `{providerID, modelID}`. The model's own name may hold more slashes.
    pub(super) fn read(value: &mut Cursor<'_>) -> Result<Self, Bad> {
        if value.peek() == Some(b'"') {
            let name = value.string()?.to_text();
            let (provider, model) = name.split_once('/').ok_or(Bad)?;
            return Ok(Model {
                provider: provider.into(),
                model: model.into(),
            });
        }
        let mut found = Model {
            provider: String::new(),
            model: String::new(),
        };
        value.object(&mut |key, value| {
            if key.is("providerID") {
                found.provider = value.string()?.to_text();
            } else if key.is("modelID") {
                found.model = value.string()?.to_text();
            }
            Ok(())
        })?;
        if found.provider.is_empty() || found.model.is_empty() {
            Err(Bad)
        } else {
            Ok(found)
        }
    }

    /// `provider/model`.
    pub fn name(&self) -> String {
        [&self.provider, "/", &self.model].concat()
    }

    /// What is said of a model that is neither form.
    pub(super) fn refused() -> Error {
        Error::new(
            Code::UnknownModel,
            "The model is neither \"provider/model\" nor {providerID, modelID}.",
        )
    }

    pub(super) fn to_json(&self) -> String {
        let mut object = Object::new();
        object.text("providerID", &self.provider).text("modelID", &self.model);
        object.end()
    }
}

/// A prompt as the caller gave it.
#[derive(Debug, Default)]
pub struct Draft {
    /// Each part as JSON, without ids.
    parts: Vec<String>,
    /// The model asked for.
    pub model: Option<Model>,
    /// The agent asked for.
    pub agent: Option<String>,
    /// Store it without asking for an answer.
    pub no_reply: bool,
    /// The first text, by which servers that name messages themselves are understood.
    pub text: Option<String>,
    /// `variant` and `system`, passed on as they are.
    extra: Vec<(&'static str, String)>,
}

impl Draft {
    /// Reads `{parts, model?, agent?, variant?, system?, noReply?}`.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        let mut draft = Draft::default();
        let mut bad_model = false;
        let read = Cursor::new(json).object(&mut |key, value| {
            if key.is("parts") {
                value.array(&mut |part| draft.part(part))?;
            } else if key.is("model") && value.peek() != Some(b'n') {
                draft.model = Some(Model::read(value).inspect_err(|_| bad_model = true)?);
            } else if key.is("agent") {
                draft.agent = value.maybe_string()?.map(|name| name.to_text());
            } else if key.is("noReply") {
                draft.no_reply = value.peek() == Some(b't');
            } else if key.is("variant") {
                draft
                    .extra
                    .extend(value.maybe_string()?.map(|text| ("variant", text.to_text())));
            } else if key.is("system") {
                draft
                    .extra
                    .extend(value.maybe_string()?.map(|text| ("system", text.to_text())));
            }
            Ok(())
        });
        if bad_model {
            return Err(Model::refused());
        }
        if read.is_err() || draft.parts.is_empty() {
            return Err(Error::new(Code::BadPrompt, "The prompt is empty."));
        }
        Ok(draft)
    }

    /// How many part ids `echo` and `body` want.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Its size, without the small things, bytes.
    pub fn size(&self) -> usize {
        self.parts.iter().map(String::len).sum()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The message to show before the server has it: `info` and parts in the server's shape.
    pub fn echo(&self, session: &str, id: &str, part_ids: &[String], now: u64) -> (String, Vec<String>) {
        let mut info = Object::new();
        info.text("id", id).text("sessionID", session).text("role", "user");
        info.raw("time", &["{\"created\":", &now.to_string(), "}"].concat());
        if let Some(agent) = &self.agent {
            info.text("agent", agent);
        }
        if let Some(model) = &self.model {
            info.raw("model", &model.to_json());
        }
        let parts = self.parts.iter().zip(part_ids).map(|(part, id_of_part)| {
            let mut head = Object::new();
            head.text("id", id_of_part)
                .text("sessionID", session)
                .text("messageID", id);
            join(&head.end(), part)
        });
        let parts = parts.collect();
        (info.end(), parts)
    }

    /// The request body. With ids the server stores it once, however often it arrives (measured on ≥ 1.18.16).
    pub fn body(&self, ids: Option<(&str, &[String])>) -> Vec<u8> {
        let mut parts = String::from("[");
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                parts.push(',');
            }
            match ids.and_then(|(_, ids)| ids.get(at)) {
                Some(id) => parts.push_str(&join(Object::new().text("id", id).end().as_str(), part)),
                None => parts.push_str(part),
            }
        }
        parts.push(']');
        let mut body = Object::new();
        if let Some((id, _)) = ids {
            body.text("messageID", id);
        }
        body.raw("parts", &parts);
        if let Some(model) = &self.model {
            body.raw("model", &model.to_json());
        }
        if let Some(agent) = &self.agent {
            body.text("agent", agent);
        }
        for (key, value) in &self.extra {
            body.text(key, value);
        }
        if self.no_reply {
            body.raw("noReply", "true");
        }
        body.end().into_bytes()
    }

    /// Keeps the part's fields but its ids, which are made here.
    fn part(&mut self, part: &mut Cursor<'_>) -> Result<(), Bad> {
        let mut clean = String::from("{");
        part.object(&mut |key, value| {
            let raw = value.raw()?;
            if key.is("id") || key.is("messageID") || key.is("sessionID") {
                return Ok(());
            }
            if key.is("text") && self.text.is_none() {
                self.text = Cursor::new(raw).maybe_string()?.map(|text| text.to_text());
            }
            if clean.len() > 1 {
                clean.push(',');
            }
            quote(&key.to_text(), &mut clean);
            clean.push(':');
            push_utf8(raw, &mut clean);
            Ok(())
        })?;
        clean.push('}');
        self.parts.push(clean);
        Ok(())
    }
}

/// Joins the fields of two objects.
fn join(first: &str, second: &str) -> String {
    let head = first.strip_suffix('}').unwrap_or(first);
    let tail = second.strip_prefix('{').unwrap_or(second);
    [head, if tail.len() > 1 { "," } else { "" }, tail].concat()
}
