use super::event::{Event, Told};
use super::exchange::Then;
use super::path::Path;
use super::render::{items, json, quoted, raw, text, utf8};
use super::wire::{api, done, get, missing, post};
use super::{Ask, Step, Translator};
use crate::proto::json::{Cursor, Object};
use crate::proto::request::query;

/// Servers of 2.x, by their documented shapes: everything is v2 there.
impl Translator {
    /// A request that is of no session.
    pub(super) fn second_request(&mut self, method: &str, pieces: &[&str], path: &Path) -> Step {
        let location = path.location();
        match (method, pieces) {
            ("GET", ["path"]) => self.one(
                get(["/api/location", &location].concat()),
                Then::Body(|body| ["{\"directory\":", &json(body, "directory"), "}"].concat()),
            ),
            ("GET", ["config", "providers"]) => self.begin_providers(&location),
            ("GET", ["agent"]) => self.one(get(["/api/agent", &location].concat()), Then::List(agent)),
            ("GET", ["command"]) => self.one(get(["/api/command", &location].concat()), Then::List(command)),
            ("GET", ["session"]) => {
                let mut list = String::from("/api/session");
                for name in ["directory", "limit", "search"] {
                    if let Some(value) = path.query(name) {
                        query(&mut list, name, value);
                    }
                }
                if path.query("roots") == Some("true") {
                    query(&mut list, "parentID", "null");
                }
                self.one(get(list), Then::Sessions)
            }
            _ => Step::Done(missing()),
        }
    }

    /// A request of a session that 1.18 answers by its v1 routes.
    pub(super) fn second_session(&mut self, method: &str, session: &str, rest: &[&str], body: &[u8]) -> Step {
        match (method, rest) {
            ("GET", []) => self.one(get(api(session, "")), Then::Session),
            ("GET", ["children"]) => {
                let mut path = String::from("/api/session");
                query(&mut path, "parentID", session);
                self.one(get(path), Then::Sessions)
            }
            ("GET", ["todo"]) => done(200, "[]"),
            ("PATCH", []) if raw(body, "title").is_some() => {
                let title = ["{\"title\":", &json(body, "title"), "}"].concat();
                let rename = Ask {
                    method: "PATCH",
                    ..post(api(session, ""), Some(title))
                };
                self.one_then_session(rename, session)
            }
            ("DELETE", []) => self.one(
                Ask {
                    method: "DELETE",
                    ..get(api(session, ""))
                },
                Then::True,
            ),
            ("POST", ["fork"]) => {
                let before = raw(body, "messageID").map_or_else(String::new, |id| ["\"before\":", &utf8(id)].concat());
                self.one(
                    post(api(session, "/fork"), Some(["{", &before, "}"].concat())),
                    Then::Session,
                )
            }
            _ => Step::Done(missing()),
        }
    }

    /// An event beside those of messages. `None`: it is one of those.
    pub(super) fn second_event(&mut self, kind: &str, event: &Event<'_>) -> Option<Told> {
        let mut told = Told::default();
        let session = event.session();
        let mut properties = Object::new();
        match kind {
            "server.connected" => told.tell("server.connected", "{}"),
            "session.deleted" => told.tell("session.deleted", &properties.text("sessionID", &session).end()),
            "session.renamed" => {
                if let Some(shadow) = self.shadow(&session).filter(|shadow| !shadow.info.is_empty()) {
                    shadow.info = with(shadow.info.as_bytes(), "title", &json(event.data, "title"));
                    properties.text("sessionID", &session).raw("info", &shadow.info);
                    told.tell("session.updated", &properties.end());
                }
            }
            "session.revert.staged" | "session.revert.cleared" => {
                if let Some(shadow) = self.shadow(&session).filter(|shadow| !shadow.info.is_empty()) {
                    shadow.info = with(shadow.info.as_bytes(), "revert", &json(event.data, "revert"));
                    properties.text("sessionID", &session).raw("info", &shadow.info);
                    told.tell("session.updated", &properties.end());
                }
            }
            _ if kind.starts_with("session.") => return None,
            _ => {}
        }
        Some(told)
    }
}

/// A session in the v1 form.
pub(super) fn session(told: &[u8], version: &str) -> String {
    let mut session = Object::new();
    let location = raw(told, "location").unwrap_or_default();
    for key in [
        "id",
        "parentID",
        "projectID",
        "title",
        "time",
        "agent",
        "model",
        "cost",
        "tokens",
        "revert",
    ] {
        if let Some(value) = raw(told, key) {
            session.raw(key, &utf8(value));
        }
    }
    if let Some(directory) = raw(location, "directory") {
        session.raw("directory", &utf8(directory));
    }
    session.text("version", version).end()
}

/// A permission request in the v1 form.
pub(super) fn permission(asked: &[u8]) -> String {
    let mut request = Object::new();
    for (from, to) in [
        ("id", "id"),
        ("sessionID", "sessionID"),
        ("action", "permission"),
        ("resources", "patterns"),
        ("save", "always"),
        ("reason", "reason"),
        ("metadata", "metadata"),
    ] {
        match raw(asked, from) {
            Some(value) => drop(request.raw(to, &utf8(value))),
            None if to == "metadata" => drop(request.raw(to, "{}")),
            None if to == "always" => drop(request.raw(to, "[]")),
            None => {}
        }
    }
    if let Some(source) = raw(asked, "source") {
        let mut tool = Object::new();
        tool.raw("messageID", &json(source, "messageID"))
            .raw("callID", &json(source, "callID"));
        request.raw("tool", &tool.end());
    }
    request.end()
}

/// A form as a question request of v1: one question for each field.
pub(super) fn question(form: &[u8]) -> String {
    let mut questions = Vec::new();
    for field in items(raw(form, "fields").unwrap_or_default()) {
        let said = |names: [&str; 3]| {
            names
                .iter()
                .find_map(|name| raw(field, name))
                .map_or_else(|| quoted(""), utf8)
        };
        let mut question = Object::new();
        question.raw("question", &said(["description", "title", "key"]));
        question.raw("header", &said(["title", "key", "description"]));
        let kind = text(field, "type");
        let options: Vec<String> = if kind == "boolean" {
            ["Yes", "No"]
                .iter()
                .map(|label| ["{\"label\":\"", label, "\",\"description\":\"\"}"].concat())
                .collect()
        } else {
            items(raw(field, "options").unwrap_or_default())
                .into_iter()
                .map(option)
                .collect()
        };
        // Where nothing is offered anything may be said.
        let custom = options.is_empty() || json(field, "custom") == "true";
        question.raw("options", &["[", &options.join(","), "]"].concat());
        question.raw("multiple", if kind == "multiselect" { "true" } else { "false" });
        question.raw("custom", if custom { "true" } else { "false" });
        questions.push(question.end());
    }
    if let Some(url) = raw(form, "url") {
        let mut question = Object::new();
        question
            .raw("question", &utf8(url))
            .raw("header", &raw(form, "title").map_or_else(|| quoted(""), utf8));
        questions.push(question.raw("options", "[]").end());
    }
    let mut request = Object::new();
    request
        .raw("id", &json(form, "id"))
        .raw("sessionID", &json(form, "sessionID"));
    request
        .raw("questions", &["[", &questions.join(","), "]"].concat())
        .end()
}

fn option(told: &[u8]) -> String {
    let mut option = Object::new();
    option.raw("label", &json(told, "label"));
    option
        .raw(
            "description",
            &raw(told, "description").map_or_else(|| quoted(""), utf8),
        )
        .end()
}

/// The answers to such a question, as the form wants them: values for labels.
pub(super) fn form_answer(form: &[u8], answers: &[u8]) -> String {
    let mut answer = Object::new();
    let fields = items(raw(form, "fields").unwrap_or_default());
    for (field, chosen) in fields.into_iter().zip(items(answers)) {
        let chosen = items(chosen);
        let value = |label: &[u8]| {
            let options = items(raw(field, "options").unwrap_or_default());
            let option = options.into_iter().find(|option| raw(option, "label") == Some(label));
            option
                .and_then(|option| raw(option, "value"))
                .map_or_else(|| utf8(label), utf8)
        };
        let first = chosen.first().copied();
        let plain = first
            .map(|label| utf8(label).trim_matches('"').to_owned())
            .unwrap_or_default();
        let said = match text(field, "type").as_str() {
            "multiselect" => {
                let values: Vec<String> = chosen.iter().map(|label| value(label)).collect();
                ["[", &values.join(","), "]"].concat()
            }
            "boolean" => String::from(if plain == "Yes" || plain == "true" {
                "true"
            } else {
                "false"
            }),
            "number" | "integer" if is_number(&plain) => plain,
            // What is not answered is left out.
            _ => match first {
                Some(label) => value(label),
                None => continue,
            },
        };
        answer.raw(&text(field, "key"), &said);
    }
    ["{\"answer\":", &answer.end(), "}"].concat()
}

fn is_number(text: &str) -> bool {
    let mut cursor = Cursor::new(text.as_bytes());
    !text.starts_with(['"', '{', '[', 't', 'f', 'n']) && cursor.skip().is_ok() && cursor.end().is_ok()
}

/// Providers with their models, in the v1 form.
pub(super) fn providers(providers: &[u8], models: &[u8]) -> String {
    let models = items(raw(models, "data").unwrap_or_default());
    let mut list = Vec::new();
    for provider in items(raw(providers, "data").unwrap_or_default()) {
        let id = text(provider, "id");
        let mut own = Object::new();
        for model in &models {
            if text(model, "providerID") == id && json(model, "enabled") != "false" {
                own.raw(&text(model, "id"), &utf8(model));
            }
        }
        let mut told = Object::new();
        told.text("id", &id)
            .raw("name", &json(provider, "name"))
            .raw("models", &own.end());
        list.push(told.end());
    }
    ["{\"providers\":[", &list.join(","), "],\"default\":{}}"].concat()
}

fn agent(told: &[u8]) -> String {
    named(told, "id")
}

fn command(told: &[u8]) -> String {
    named(told, if raw(told, "name").is_some() { "name" } else { "id" })
}

/// All fields, and the name that v1 knows it by.
fn named(told: &[u8], by: &str) -> String {
    with(told, "name", &json(told, by))
}

/// An object with a field set, or taken out when the value is empty.
fn with(object: &[u8], name: &str, value: &str) -> String {
    let mut out = Object::new();
    let _ = Cursor::new(object).object(&mut |key, old| {
        let old = old.raw()?;
        if !key.is(name) {
            out.raw(&key.to_text(), &utf8(old));
        }
        Ok(())
    });
    if !value.is_empty() {
        out.raw(name, value);
    }
    out.end()
}
