use crate::proto::error::{Code, Error};
use crate::proto::json::{Bad, Cursor};

/// The server's models, agents and slash commands: what a prompt or command may name.
#[derive(Debug, Default)]
pub struct Catalog {
    models: Option<Vec<String>>,
    agents: Option<Vec<String>>,
    commands: Option<Vec<String>>,
}

impl Catalog {
    /// Whether all lists are known.
    pub fn is_loaded(&self) -> bool {
        self.models.is_some() && self.agents.is_some() && self.commands.is_some()
    }

    /// The answer of `GET /config/providers`.
    pub fn set_models(&mut self, body: &[u8]) -> Result<(), Bad> {
        let mut models = Vec::new();
        Cursor::new(body).object(&mut |key, value| {
            if !key.is("providers") {
                return Ok(());
            }
            value.array(&mut |provider| {
                let (mut id, mut names) = (String::new(), Vec::new());
                provider.object(&mut |key, value| {
                    if key.is("id") {
                        id = value.string()?.to_text();
                    } else if key.is("models") && value.peek() == Some(b'{') {
                        value.object(&mut |name, _| {
                            names.push(name.to_text());
                            Ok(())
                        })?;
                    }
                    Ok(())
                })?;
                models.extend(names.iter().map(|name| [&id, "/", name].concat()));
                Ok(())
            })
        })?;
        self.models = Some(models);
        Ok(())
    }

    /// The answer of `GET /agent`.
    pub fn set_agents(&mut self, body: &[u8]) -> Result<(), Bad> {
        self.agents = Some(names(body)?);
        Ok(())
    }

    /// The answer of `GET /command`.
    pub fn set_commands(&mut self, body: &[u8]) -> Result<(), Bad> {
        self.commands = Some(names(body)?);
        Ok(())
    }

    /// Forgets all lists.
    pub fn clear(&mut self) {
        *self = Catalog::default();
    }

    /// Refuses a model (`provider/model`) or agent that the server does not have.
    pub fn check(&self, model: Option<&str>, agent: Option<&str>) -> Result<(), Error> {
        known(model, self.models.as_deref(), Code::UnknownModel, "model")?;
        known(agent, self.agents.as_deref(), Code::UnknownAgent, "agent")
    }

    /// The same for a slash command.
    pub fn check_command(&self, name: Option<&str>) -> Result<(), Error> {
        known(name, self.commands.as_deref(), Code::UnknownCommand, "command")
    }
}

/// `name` of each.
fn names(body: &[u8]) -> Result<Vec<String>, Bad> {
    let mut names = Vec::new();
    Cursor::new(body).array(&mut |item| {
        item.object(&mut |key, value| {
            if key.is("name") {
                names.push(value.string()?.to_text());
            }
            Ok(())
        })
    })?;
    Ok(names)
}

fn known(name: Option<&str>, names: Option<&[String]>, code: Code, what: &str) -> Result<(), Error> {
    let (Some(name), Some(names)) = (name, names) else {
        return Ok(());
    };
    // An empty list says nothing: the server has the last word.
    if names.is_empty() || names.iter().any(|known| known == name) {
        return Ok(());
    }
    let near = near(name, names);
    let mut message = ["The server has no ", what, " \"", name, "\"."].concat();
    if !near.is_empty() {
        message.push_str(&[" Near: ", &near.join(", "), "."].concat());
    }
    Err(Error {
        near,
        ..Error::new(code, message)
    })
}

/// The closest names, best first.
fn near(name: &str, names: &[String]) -> Vec<String> {
    let mut best: Vec<(usize, &String)> = Vec::new();
    let worst = name.len().div_ceil(2).max(3);
    for known in names {
        let score = distance(name, known);
        let at = best.iter().take_while(|(other, _)| *other <= score).count();
        if score <= worst && at < 3 {
            best.insert(at, (score, known));
            best.truncate(3);
        }
    }
    best.into_iter().map(|(_, known)| known.clone()).collect()
}

/// Edits between two names, case aside.
fn distance(a: &str, b: &str) -> usize {
    // Names longer than this are no typing mistakes of each other; the bound keeps the work small.
    let cut = |name: &str| -> Vec<u8> { name.bytes().take(100).map(|byte| byte.to_ascii_lowercase()).collect() };
    let (a, b) = (cut(a), cut(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
