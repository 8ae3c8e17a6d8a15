use std::collections::VecDeque;

use super::acts::created;
use super::page::{PageLoad, limit};
use super::path::Path;
use super::render::{items, json, raw, text};
use super::wire::{api, done, done_with, fail, get, is_good, joined};
use super::{Answer, Ask, Server, Step, Translator, second};
use crate::proto::json::Object;

/// A request of the core that takes other requests to answer.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Of the request that is under way.
    id: u32,
    kind: Kind,
    /// What is still to be asked, in order.
    queue: VecDeque<Ask>,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// In the order of the probes.
    Health {
        at: usize,
        first: Answer,
    },
    /// v1 has nothing of this session: whether v2 has.
    Probe {
        session: String,
        limit: usize,
        empty: Option<Answer>,
    },
    Page(PageLoad),
    One {
        session: String,
    },
    /// Both dialects' lists of what waits for an answer.
    Requests {
        what: &'static str,
        first: Vec<u8>,
    },
    /// The forms of the known sessions, one list after the other.
    Forms {
        list: Vec<String>,
    },
    Status {
        first: Vec<u8>,
    },
    /// The last answer is given on as this.
    Then(Then),
    Create {
        title: String,
    },
    Providers {
        models: Vec<u8>,
    },
}

/// What the core is told when all went well.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    Nothing,
    True,
    /// As it came: a v1 route was asked last.
    Same,
    Session,
    Sessions,
    List(fn(&[u8]) -> String),
    Body(fn(&[u8]) -> String),
}

const PROBES: [&str; 3] = ["/global/health", "/api/health", "/api/info"];

impl Translator {
    /// A request of the core, in the v1 form.
    pub fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Step {
        let read = Path::read(path);
        let pieces: Vec<&str> = read.pieces.iter().map(String::as_str).collect();
        let second = self.is_second();
        match (method, pieces.as_slice()) {
            ("GET", ["global", "health"]) => {
                let at = [0, 1, 2][self.server as usize];
                let kind = Kind::Health {
                    at,
                    first: Answer::default(),
                };
                self.begin(kind, [get(String::from(PROBES[at]))])
            }
            ("POST", ["session"]) if second || text(body, "dialect") == "v2" => self.create(&read, body),
            ("GET", ["session", "status"]) if second || !self.shadows.is_empty() => {
                let both = [get(String::from(path)), get(String::from(super::ACTIVE))];
                self.begin(
                    Kind::Status { first: Vec::new() },
                    both.into_iter().skip(usize::from(second)),
                )
            }
            ("GET", ["question"]) if second => {
                let forms: Vec<Ask> = self
                    .shadows
                    .iter()
                    .map(|shadow| get(api(&shadow.id, "/form")))
                    .collect();
                if forms.is_empty() {
                    return done(200, "[]");
                }
                self.begin(Kind::Forms { list: Vec::new() }, forms)
            }
            ("GET", [what @ ("permission" | "question")]) if second || !self.shadows.is_empty() => {
                let what = if *what == "permission" {
                    "permission"
                } else {
                    "question"
                };
                let list = ["/api/", what, "/request", &read.location()].concat();
                let both = [get(String::from(path)), get(list)];
                self.begin(
                    Kind::Requests {
                        what,
                        first: Vec::new(),
                    },
                    both.into_iter().skip(usize::from(second)),
                )
            }
            ("POST", ["permission", request, "reply"]) if self.request_of(request).is_some() => {
                self.reply(request, &json(body, "reply"), &json(body, "message"))
            }
            ("POST", ["session", _, "permissions", request]) if second || self.request_of(request).is_some() => {
                self.reply(request, &json(body, "response"), "")
            }
            ("POST", ["question", request, how]) if second || self.request_of(request).is_some() => {
                self.answer(request, how, body)
            }
            (_, ["session", session, rest @ ..]) if second || self.knows(session) => {
                let rest: Vec<String> = rest.iter().map(|piece| String::from(*piece)).collect();
                let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
                let session = String::from(*session);
                self.session_request(method, &session, &rest, &read, body)
            }
            ("GET", ["session", session, "message"]) => {
                let kind = Kind::Probe {
                    session: String::from(*session),
                    limit: limit(&read),
                    empty: None,
                };
                self.begin(kind, [get(String::from(path))])
            }
            _ if second => self.second_request(method, &pieces, &read),
            _ => Step::Through,
        }
    }

    /// The answer to what a step asked.
    pub fn answered(&mut self, id: u32, answer: Answer) -> Step {
        let Some(at) = self.exchanges.iter().position(|exchange| exchange.id == id) else {
            return done(500, "{}");
        };
        let Exchange { kind, mut queue, .. } = self.exchanges.swap_remove(at);
        let ok = is_good(&answer);
        let kind = match kind {
            Kind::Health { at, first } => return self.health(at, first, answer),
            Kind::Probe { session, limit, empty } => return self.probed(session, limit, empty, answer),
            // The core knows what to do with a failure, and of which request it is does not matter to it. What waits is
            // asked for only as an addition.
            Kind::Page(load) if !ok && !load.whole => return fail(answer),
            Kind::Page(load) => return self.page(load, &answer),
            Kind::Status { first } if !ok && !first.is_empty() => return done_with(first),
            Kind::Requests { first, .. } if !ok && !first.is_empty() => return done_with(first),
            Kind::Forms { list } if !ok && !queue.is_empty() => Kind::Forms { list },
            _ if !ok => return fail(answer),
            Kind::One { session } => {
                let message = raw(&answer.body, "data").unwrap_or_default();
                let told = self.shadow(&session).and_then(|shadow| shadow.one(message));
                // A message that is no part of the conversation is not there for the core.
                return told.map_or_else(|| done(404, r#"{"name":"NotFoundError"}"#), |told| done(200, &told));
            }
            Kind::Requests { what, first } if queue.is_empty() => {
                let list = self.request_list(what, &answer.body);
                return done(200, &joined(&first, &list, '[', ']'));
            }
            Kind::Requests { what, .. } => Kind::Requests {
                what,
                first: answer.body.clone(),
            },
            Kind::Forms { mut list } => {
                let told = self.request_list("question", &answer.body);
                list.push(told);
                if queue.is_empty() {
                    let all = list
                        .iter()
                        .fold(String::from("[]"), |all, next| joined(all.as_bytes(), next, '[', ']'));
                    return done(200, &all);
                }
                Kind::Forms { list }
            }
            Kind::Status { first } if queue.is_empty() => {
                let status = self.status(&answer.body);
                return done(200, &joined(&first, &status, '{', '}'));
            }
            Kind::Status { .. } => Kind::Status {
                first: answer.body.clone(),
            },
            Kind::Create { title } => {
                let session = text(raw(&answer.body, "data").unwrap_or_default(), "id");
                self.adopt(&session);
                queue.extend(created(&session, &title, self.server));
                Kind::Then(if self.is_second() { Then::Session } else { Then::Same })
            }
            Kind::Providers { models } if models.is_empty() => Kind::Providers {
                models: answer.body.clone(),
            },
            Kind::Providers { models } => return done(200, &second::providers(&answer.body, &models)),
            Kind::Then(then) if queue.is_empty() => return self.finish(then, answer),
            Kind::Then(then) => Kind::Then(then),
        };
        self.go_on(kind, queue)
    }

    /// There will be no answer.
    pub fn dropped(&mut self, id: u32) {
        self.exchanges.retain(|exchange| exchange.id != id);
    }

    pub(super) fn begin(&mut self, kind: Kind, asks: impl IntoIterator<Item = Ask>) -> Step {
        self.go_on(kind, asks.into_iter().collect())
    }

    pub(super) fn begin_providers(&mut self, location: &str) -> Step {
        let asks = ["/api/model", "/api/provider"].map(|path| get([path, location].concat()));
        self.begin(Kind::Providers { models: Vec::new() }, asks)
    }

    /// One request, whose answer is given on as `then` says.
    pub(super) fn one(&mut self, ask: Ask, then: Then) -> Step {
        self.begin(Kind::Then(then), [ask])
    }

    /// A change of a session, which is told afterwards.
    pub(super) fn one_then_session(&mut self, ask: Ask, session: &str) -> Step {
        let asks = [ask, self.get_session(session)];
        let then = self.session_answer();
        self.begin(Kind::Then(then), asks)
    }

    pub(super) fn go_on(&mut self, kind: Kind, mut queue: VecDeque<Ask>) -> Step {
        let Some(mut ask) = queue.pop_front() else {
            return done(500, "{}");
        };
        self.last = self.last.wrapping_add(1);
        ask.id = self.last;
        self.exchanges.push(Exchange {
            id: ask.id,
            kind,
            queue,
        });
        Step::Ask(ask)
    }

    pub(super) fn finish(&mut self, then: Then, answer: Answer) -> Step {
        let data = raw(&answer.body, "data").unwrap_or_default();
        match then {
            Then::Nothing => done(204, ""),
            Then::True => done(200, "true"),
            Then::Same => Step::Done(answer),
            Then::Body(map) => done(200, &map(&answer.body)),
            Then::Session => {
                let told = second::session(data, &self.version);
                let id = text(data, "id");
                self.adopt(&id);
                if let Some(shadow) = self.shadow(&id) {
                    shadow.info.clone_from(&told);
                }
                done(200, &told)
            }
            Then::Sessions => {
                let list: Vec<String> = items(data)
                    .into_iter()
                    .map(|each| second::session(each, &self.version))
                    .collect();
                done(200, &["[", &list.join(","), "]"].concat())
            }
            Then::List(map) => {
                let list: Vec<String> = items(data).into_iter().map(map).collect();
                done(200, &["[", &list.join(","), "]"].concat())
            }
        }
    }

    pub(super) fn health(&mut self, at: usize, first: Answer, answer: Answer) -> Step {
        let version = if is_good(&answer) {
            text(&answer.body, "version")
        } else {
            String::new()
        };
        if !version.is_empty() {
            self.server = [Server::First, Server::Early, Server::Second][at];
            self.version.clone_from(&version);
            if at == 0 {
                return Step::Done(answer);
            }
            let mut health = Object::new();
            return done(
                200,
                &health
                    .raw("healthy", "true")
                    .text("version", &version)
                    .text("dialect", "v2")
                    .end(),
            );
        }
        let first = if at == 0 { answer } else { first };
        let other = matches!(first.status, 0 | 200 | 404 | 405);
        match PROBES.get(at + 1) {
            Some(next) if other && self.server == Server::First => {
                self.begin(Kind::Health { at: at + 1, first }, [get(String::from(*next))])
            }
            // It spoke v2, and does not any more: another server is there now.
            _ if other && self.server != Server::First => {
                self.server = Server::First;
                let first = Answer::default();
                self.begin(Kind::Health { at: 0, first }, [get(String::from(PROBES[0]))])
            }
            _ => Step::Done(first),
        }
    }

    pub(super) fn probed(&mut self, session: String, limit: usize, empty: Option<Answer>, answer: Answer) -> Step {
        match empty {
            None if is_good(&answer) && answer.body.trim_ascii() == b"[]" => {
                let ask = get(api(&session, "/message?limit=1"));
                self.begin(
                    Kind::Probe {
                        session,
                        limit,
                        empty: Some(answer),
                    },
                    [ask],
                )
            }
            None => Step::Done(answer),
            Some(_) if is_good(&answer) && !items(raw(&answer.body, "data").unwrap_or_default()).is_empty() => {
                self.adopt(&session);
                self.load(session, limit, "")
            }
            Some(empty) => Step::Done(empty),
        }
    }
}
