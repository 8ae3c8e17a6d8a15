use super::prompt::Model;
use crate::proto::error::{Code, Error};
use crate::proto::json::{Cursor, Object, utf8};

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A slash command of the server's configuration.
    Slash,
    /// A shell command in the session's directory.
    Shell,
    /// The history made short.
    Summarize,
}

/// A command as the caller gave it. Its answer comes when the turn is over.
#[derive(Debug)]
pub struct Command {
    kind: Kind,
    /// The name of a slash command.
    pub name: Option<String>,
    /// The model asked for.
    pub model: Option<Model>,
    /// The agent asked for.
    pub agent: Option<String>,
    /// All but the model, as the server wants it.
    fields: Object,
}

impl Command {
    /// Reads `{command?, arguments?, agent?, model?, variant?, parts?}`.
    pub fn read(kind: Kind, json: &[u8]) -> Result<Self, Error> {
        let mut command = Command {
            kind,
            name: None,
            model: None,
            agent: None,
            fields: Object::new(),
        };
        let mut bad_model = false;
        let read = Cursor::new(json).object(&mut |key, value| {
            if key.is("model") {
                command.model = Some(Model::read(value).inspect_err(|_| bad_model = true)?);
                return Ok(());
            }
            let raw = value.raw()?;
            let text = || {
                Cursor::new(raw)
                    .maybe_string()
                    .ok()
                    .flatten()
                    .map(|text| text.to_text())
            };
            if key.is("command") && kind == Kind::Slash {
                command.name = text();
            } else if key.is("agent") {
                command.agent = text();
            }
            command.fields.raw(&key.to_text(), &utf8(raw));
            Ok(())
        });
        match (read, bad_model) {
            (Ok(()), _) => Ok(command),
            (_, true) => Err(Model::refused()),
            _ => Err(Error::new(Code::BadPrompt, "The command cannot be read.")),
        }
    }

    /// Whether it names something that the server may not have.
    pub fn names(&self) -> bool {
        self.name.is_some() || self.model.is_some() || self.agent.is_some()
    }

    /// The last segment of its route.
    pub fn route(&self) -> &'static str {
        match self.kind {
            Kind::Slash => "/command",
            Kind::Shell => "/shell",
            Kind::Summarize => "/summarize",
        }
    }

    /// The request body. Each route wants the model in a shape of its own (server 1.18.33).
    pub fn body(mut self) -> Vec<u8> {
        if let Some(model) = &self.model {
            match self.kind {
                Kind::Slash => self.fields.text("model", &model.name()),
                Kind::Shell => self.fields.raw("model", &model.to_json()),
                Kind::Summarize => self
                    .fields
                    .text("providerID", &model.provider)
                    .text("modelID", &model.model),
            };
        }
        self.fields.end().into_bytes()
    }
}
