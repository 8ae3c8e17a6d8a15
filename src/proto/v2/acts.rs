use super::exchange::{Kind, Then};
use super::page::limit;
use super::path::Path;
use super::render::{items, json, quoted, raw, text, utf8};
use super::wire::{api, done, get, missing, not_found, post};
use super::{Ask, MAYBE, Server, Step, Translator, second};
use crate::proto::json::Object;
use crate::proto::request::encode;

/// What is asked of one session.
impl Translator {
    pub(super) fn session_request(
        &mut self,
        method: &str,
        session: &str,
        rest: &[&str],
        path: &Path,
        body: &[u8],
    ) -> Step {
        let second = self.is_second();
        if second {
            self.adopt(session);
        }
        match (method, rest) {
            ("GET", ["message"]) => {
                let before = path.query("before").unwrap_or_default();
                self.load(String::from(session), limit(path), before)
            }
            ("GET", ["message", message]) => {
                let mut path = api(session, "/message/");
                encode(message, &mut path);
                self.begin(
                    Kind::One {
                        session: String::from(session),
                    },
                    [get(path)],
                )
            }
            ("POST", ["prompt_async"]) => self.prompt(session, body),
            ("POST", ["abort"]) => {
                if !second {
                    self.due = Some((MAYBE, 0));
                }
                self.one(post(api(session, "/interrupt"), None), Then::True)
            }
            ("POST", ["revert"]) => {
                if raw(body, "partID").is_some() {
                    return self.refuse("take back parts of a message: take back the whole message");
                }
                let stage = ["{\"messageID\":", &json(body, "messageID"), "}"].concat();
                self.one_then_session(post(api(session, "/revert/stage"), Some(stage)), session)
            }
            ("POST", ["unrevert"]) => {
                let clear = if second {
                    Ask {
                        method: "DELETE",
                        ..get(api(session, "/revert"))
                    }
                } else {
                    post(api(session, "/revert/clear"), None)
                };
                self.one_then_session(clear, session)
            }
            ("POST", ["summarize"]) => self.one(post(api(session, "/compact"), Some(String::from("{}"))), Then::True),
            ("POST", ["command" | "shell" | "fork" | "share" | "init"]) | ("DELETE", ["share"]) | ("GET", ["diff"])
                if !second =>
            {
                Step::Done(missing())
            }
            _ if second => self.second_session(method, session, rest, body),
            // The session itself is one row in both dialects.
            _ => Step::Through,
        }
    }

    pub(super) fn get_session(&self, session: &str) -> Ask {
        let path = api(session, "");
        get(if self.is_second() {
            path
        } else {
            String::from(&path["/api".len()..])
        })
    }

    pub(super) fn session_answer(&self) -> Then {
        if self.is_second() { Then::Session } else { Then::Same }
    }

    /// `prompt_async`, as the v2 prompt and what has to come before it.
    pub(super) fn prompt(&mut self, session: &str, body: &[u8]) -> Step {
        if raw(body, "system").is_some() {
            return self.refuse("take system instructions with a prompt");
        }
        let message = text(body, "messageID");
        let (mut said, mut files, mut agents, mut ids) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        for part in items(raw(body, "parts").unwrap_or_default()) {
            ids.push(text(part, "id"));
            match text(part, "type").as_str() {
                "text" => {
                    if !said.is_empty() {
                        said.push_str("\n\n");
                    }
                    said.push_str(&text(part, "text"));
                }
                "file" => {
                    let mut file = Object::new();
                    file.raw("uri", &json(part, "url"));
                    for (from, to) in [("filename", "name"), ("mime", "mime")] {
                        if let Some(value) = raw(part, from).filter(|_| to == "name" || self.is_second()) {
                            file.raw(to, &utf8(value));
                        }
                    }
                    files.push(file.end());
                }
                "agent" => {
                    let mut agent = Object::new();
                    agents.push(agent.raw("name", &json(part, "name")).end());
                }
                _ => return self.refuse("take such a part in a prompt"),
            }
        }
        let mut prompt = Object::new();
        prompt.text("text", &said);
        for (name, list) in [("files", &files), ("agents", &agents)] {
            if !list.is_empty() {
                prompt.raw(name, &["[", &list.join(","), "]"].concat());
            }
        }
        let prompt = prompt.end();
        let mut whole = Object::new();
        if !message.is_empty() {
            whole.text("id", &message);
        }
        if utf8(raw(body, "noReply").unwrap_or_default()) == "true" {
            whole.raw("resume", "false");
        }
        let whole = if self.is_second() {
            let head = whole.end();
            let comma = if head.len() > 2 { "," } else { "" };
            [head.trim_end_matches('}'), comma, prompt.trim_start_matches('{')].concat()
        } else {
            whole.raw("prompt", &prompt).end()
        };
        let mut asks = Vec::new();
        let Some(shadow) = self.shadow(session) else {
            return done(500, "{}");
        };
        if !message.is_empty() {
            shadow.name_parts(&message, ids);
        }
        if let Some(model) = raw(body, "model") {
            let mut named = Object::new();
            named
                .raw("id", &json(model, "modelID"))
                .raw("providerID", &json(model, "providerID"));
            if let Some(variant) = raw(body, "variant") {
                named.raw("variant", &utf8(variant));
            }
            let model = named.end();
            // Each choice is a message of its own, so that it is not made again.
            if !same_model(shadow.model.as_bytes(), model.as_bytes()) {
                asks.push(post(
                    api(session, "/model"),
                    Some(["{\"model\":", &model, "}"].concat()),
                ));
                shadow.model = model;
            }
        }
        let agent = text(body, "agent");
        if !agent.is_empty() && agent != shadow.agent {
            asks.push(post(
                api(session, "/agent"),
                Some(["{\"agent\":", &quoted(&agent), "}"].concat()),
            ));
            shadow.agent = agent;
        }
        asks.push(post(api(session, "/prompt"), Some(whole)));
        self.begin(Kind::Then(Then::Nothing), asks)
    }

    pub(super) fn create(&mut self, path: &Path, body: &[u8]) -> Step {
        let mut init = Object::new();
        let second = self.is_second();
        let title = json(body, "title");
        if second {
            for (key, value) in [("title", &title), ("parentID", &json(body, "parentID"))] {
                if !value.is_empty() {
                    init.raw(key, value);
                }
            }
        } else if raw(body, "parentID").is_some() {
            return self.refuse("make a session under another one");
        }
        if let Some(directory) = path.query("directory") {
            init.raw("location", &["{\"directory\":", &quoted(directory), "}"].concat());
        }
        let title = if second { String::new() } else { title };
        self.begin(
            Kind::Create { title },
            [post(String::from("/api/session"), Some(init.end()))],
        )
    }

    pub(super) fn reply(&mut self, request: &str, reply: &str, message: &str) -> Step {
        let Some(known) = self.request_of(request) else {
            return not_found();
        };
        let mut path = api(&known.session, "/permission/");
        encode(request, &mut path);
        path.push_str("/reply");
        let mut body = Object::new();
        body.raw(
            if self.server == Server::Second {
                "decision"
            } else {
                "reply"
            },
            reply,
        );
        if !message.is_empty() {
            body.raw("message", message);
        }
        self.one(post(path, Some(body.end())), Then::True)
    }

    pub(super) fn answer(&mut self, request: &str, how: &str, body: &[u8]) -> Step {
        let Some(known) = self.request_of(request) else {
            return not_found();
        };
        let form = !known.form.is_empty();
        let mut path = api(&known.session, if form { "/form/" } else { "/question/" });
        encode(request, &mut path);
        let body = match how {
            "reject" => {
                path.push_str(if form { "/cancel" } else { "/reject" });
                None
            }
            _ => {
                path.push_str("/reply");
                let answers = raw(body, "answers").unwrap_or_default();
                Some(if form {
                    second::form_answer(known.form.as_bytes(), answers)
                } else {
                    utf8(body)
                })
            }
        };
        self.one(post(path, body), Then::True)
    }

    pub(super) fn refuse(&self, what: &str) -> Step {
        let name = if self.version.is_empty() {
            "This OpenCode server"
        } else {
            "OpenCode "
        };
        let message = [name, &self.version, " cannot ", what, " (v2 session)."].concat();
        let mut error = Object::new();
        error
            .text("name", "BadRequest")
            .raw("data", &["{\"message\":", &quoted(&message), "}"].concat());
        done(400, &error.end())
    }
}

pub(super) fn same_model(a: &[u8], b: &[u8]) -> bool {
    let variant = |model| Some(text(model, "variant")).filter(|name| !name.is_empty() && name != "default");
    ["id", "providerID"].iter().all(|key| text(a, key) == text(b, key)) && variant(a) == variant(b)
}

pub(super) fn created(session: &str, title: &str, server: Server) -> Vec<Ask> {
    let path = api(session, "");
    if server != Server::First {
        return vec![get(path)];
    }
    let path = String::from(&path["/api".len()..]);
    if title.is_empty() {
        return vec![get(path)];
    }
    // Its row is one of v1, too, where titles can be given.
    let body = ["{\"title\":", title, "}"].concat();
    vec![Ask {
        method: "PATCH",
        ..post(path, Some(body))
    }]
}
