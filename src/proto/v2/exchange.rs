use std::collections::VecDeque;

use super::path::Path;
use super::render::{items, json, number, quoted, raw, text, utf8};
use super::shadow::Shadow;
use super::{Answer, Ask, Server, Step, Translator, second};
use crate::proto::cursor::encode64;
use crate::proto::json::Object;
use crate::proto::request::{encode, query};

/// A request of the core that takes other requests to answer.
#[derive(Debug)]
pub(super) struct Exchange {
    kind: Kind,
    /// What is still to be asked, in order.
    queue: VecDeque<Ask>,
}

#[derive(Debug)]
enum Kind {
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

#[derive(Debug)]
struct PageLoad {
    session: String,
    limit: usize,
    newest: bool,
    /// What the last request asked for at most.
    asked: usize,
    /// Newest first.
    found: Vec<Vec<u8>>,
    /// The server's own place behind them.
    next: String,
    /// The messages are all there; what waits to be promoted is asked for.
    whole: bool,
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

/// The servers' longest page.
const LONGEST: usize = 200;
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
                let forms: Vec<Ask> = self.shadows.keys().map(|id| get(api(id, "/form"))).collect();
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
            ("POST", ["permission", request, "reply"]) if self.requests.contains_key(*request) => {
                self.reply(request, &json(body, "reply"), &json(body, "message"))
            }
            ("POST", ["session", _, "permissions", request]) if second || self.requests.contains_key(*request) => {
                self.reply(request, &json(body, "response"), "")
            }
            ("POST", ["question", request, how]) if second || self.requests.contains_key(*request) => {
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
        let Some(Exchange { kind, mut queue }) = self.exchanges.remove(&id) else {
            return done(500, "{}");
        };
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
                let told = self.shadows.get_mut(&session).and_then(|shadow| shadow.one(message));
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
        self.exchanges.remove(&id);
    }

    fn begin(&mut self, kind: Kind, asks: impl IntoIterator<Item = Ask>) -> Step {
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

    fn go_on(&mut self, kind: Kind, mut queue: VecDeque<Ask>) -> Step {
        let Some(mut ask) = queue.pop_front() else {
            return done(500, "{}");
        };
        self.last = self.last.wrapping_add(1);
        ask.id = self.last;
        self.exchanges.insert(ask.id, Exchange { kind, queue });
        Step::Ask(ask)
    }

    fn finish(&mut self, then: Then, answer: Answer) -> Step {
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
                if let Some(shadow) = self.shadows.get_mut(&id) {
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

    fn health(&mut self, at: usize, first: Answer, answer: Answer) -> Step {
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
            _ => Step::Done(first),
        }
    }

    fn probed(&mut self, session: String, limit: usize, empty: Option<Answer>, answer: Answer) -> Step {
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

    fn session_request(&mut self, method: &str, session: &str, rest: &[&str], path: &Path, body: &[u8]) -> Step {
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
                    self.due = Some((super::MAYBE, 0));
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

    fn get_session(&self, session: &str) -> Ask {
        let path = api(session, "");
        get(if self.is_second() {
            path
        } else {
            String::from(&path["/api".len()..])
        })
    }

    fn session_answer(&self) -> Then {
        if self.is_second() { Then::Session } else { Then::Same }
    }

    fn load(&mut self, session: String, limit: usize, before: &str) -> Step {
        let load = PageLoad {
            session,
            limit,
            newest: before.is_empty(),
            asked: 0,
            found: Vec::new(),
            next: place(before),
            whole: false,
        };
        self.more(load)
    }

    fn more(&mut self, mut load: PageLoad) -> Step {
        load.asked = (load.limit + 1 - load.found.len().min(load.limit)).min(LONGEST);
        let mut path = api(&load.session, "/message");
        query(&mut path, "limit", &load.asked.to_string());
        if !load.next.is_empty() {
            query(&mut path, "cursor", &load.next);
        }
        self.begin(Kind::Page(load), [get(path)])
    }

    fn page(&mut self, mut load: PageLoad, answer: &Answer) -> Step {
        let data = raw(&answer.body, "data").unwrap_or_default();
        if !load.whole {
            let found = items(data);
            let count = found.len();
            load.found.extend(found.into_iter().map(<[u8]>::to_vec));
            load.next = text(raw(&answer.body, "cursor").unwrap_or_default(), "next");
            if load.found.len() <= load.limit && count == load.asked && !load.next.is_empty() {
                return self.more(load);
            }
            load.whole = true;
            let seq = self.shadows.get(&load.session).and_then(|shadow| shadow.seq);
            let waiting = match seq {
                _ if !load.newest => None,
                _ if self.server == Server::Second => Some(api(&load.session, "/inbox")),
                // What came while nobody listened: the page tells all of it but prompts that still wait.
                Some(seq) if self.server == Server::First => Some(
                    [
                        &api(&load.session, "/history?limit=100&after="),
                        seq.to_string().as_str(),
                    ]
                    .concat(),
                ),
                _ => None,
            };
            if let Some(path) = waiting {
                return self.begin(Kind::Page(load), [get(path)]);
            }
        } else if is_good(answer)
            && let Some(shadow) = self.shadows.get_mut(&load.session)
        {
            if self.server == Server::Second {
                shadow.inbox(data);
            } else {
                missed(shadow, data);
            }
        }
        let PageLoad {
            session,
            limit,
            newest,
            mut found,
            next,
            ..
        } = load;
        let more = found.len() > limit;
        let own = found.last().is_some_and(|last| server_place(&text(last, "id")) == next);
        if own || next.is_empty() {
            found.truncate(limit);
        }
        found.reverse();
        let page: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
        self.adopt(&session);
        let told = self
            .shadows
            .get_mut(&session)
            .map(|shadow| shadow.page(&page, newest))
            .unwrap_or_default();
        let cursor = if !more {
            String::new()
        } else if own {
            // The core reads such a cursor as it reads those of v1.
            let first = raw(told.as_bytes().get(1..).unwrap_or_default(), "info").map(<[u8]>::to_vec);
            let first = first.as_deref().or_else(|| page.first().copied()).unwrap_or_default();
            let created = raw(first, "time")
                .and_then(|time| number(time, "created"))
                .unwrap_or_default();
            crate::proto::cursor::cursor(&text(first, "id"), created)
        } else {
            next
        };
        let mut answer = answer_with(200, &told);
        answer.cursor = cursor;
        Step::Done(answer)
    }

    /// `prompt_async`, as the v2 prompt and what has to come before it.
    fn prompt(&mut self, session: &str, body: &[u8]) -> Step {
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
        let Some(shadow) = self.shadows.get_mut(session) else {
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

    fn create(&mut self, path: &Path, body: &[u8]) -> Step {
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

    fn reply(&mut self, request: &str, reply: &str, message: &str) -> Step {
        let Some(known) = self.requests.get(request) else {
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

    fn answer(&mut self, request: &str, how: &str, body: &[u8]) -> Step {
        let Some(known) = self.requests.get(request) else {
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

    fn refuse(&self, what: &str) -> Step {
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

/// Prompts that were taken while nobody listened, of a page of stored events.
fn missed(shadow: &mut Shadow, events: &[u8]) {
    for stored in items(events) {
        let Ok(event) = super::event::Event::read(stored) else {
            continue;
        };
        shadow.seq = shadow.seq.max(event.seq);
        let data = event.data;
        let told = raw(data, "timestamp").and_then(super::time::millis).unwrap_or_default();
        let id = text(data, "messageID");
        if event.kind == b"session.next.prompt.admitted" {
            let _ = shadow.admit(&id, raw(data, "prompt").unwrap_or_default(), told);
        } else if event.kind == b"session.next.prompted" {
            let _ = shadow.promote(&id, raw(data, "prompt"), told);
        }
    }
}

fn same_model(a: &[u8], b: &[u8]) -> bool {
    let variant = |model| Some(text(model, "variant")).filter(|name| !name.is_empty() && name != "default");
    ["id", "providerID"].iter().all(|key| text(a, key) == text(b, key)) && variant(a) == variant(b)
}

fn created(session: &str, title: &str, server: Server) -> Vec<Ask> {
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

fn limit(path: &Path) -> usize {
    path.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100)
}

/// The server's cursor for what is older than a message.
fn server_place(id: &str) -> String {
    encode64(
        ["{\"id\":", &quoted(id), ",\"order\":\"desc\",\"direction\":\"next\"}"]
            .concat()
            .as_bytes(),
    )
}

/// The same, from a cursor that the core was given.
fn place(before: &str) -> String {
    let id = decode64(before)
        .map(|json| text(&json, "id"))
        .filter(|id| !id.is_empty());
    match id {
        Some(id) if !decode64(before).is_some_and(|json| raw(&json, "order").is_some()) => server_place(&id),
        _ => String::from(before),
    }
}

fn decode64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

/// Two arrays or objects as one.
fn joined(first: &[u8], second: &str, open: char, close: char) -> String {
    let inner = |json: &str| {
        let json = json.trim().strip_prefix(open).and_then(|json| json.strip_suffix(close));
        String::from(json.unwrap_or_default().trim())
    };
    let (first, second) = (inner(&String::from_utf8_lossy(first)), inner(second));
    let comma = if first.is_empty() || second.is_empty() { "" } else { "," };
    let mut out = String::from(open);
    out.push_str(&first);
    out.push_str(comma);
    out.push_str(&second);
    out.push(close);
    out
}

/// `/api/session/{id}{rest}`.
pub(super) fn api(session: &str, rest: &str) -> String {
    let mut path = String::from("/api/session/");
    encode(session, &mut path);
    path.push_str(rest);
    path
}

pub(super) fn get(path: String) -> Ask {
    Ask {
        method: "GET",
        path,
        ..Ask::default()
    }
}

pub(super) fn post(path: String, body: Option<String>) -> Ask {
    Ask {
        method: "POST",
        path,
        body: body.map(String::into_bytes),
        ..Ask::default()
    }
}

/// A failure is given on as it is; what a version is not ready for yet is not there.
fn fail(answer: Answer) -> Step {
    let unready = answer.status == 503 && text(&answer.body, "_tag") == "ServiceUnavailableError";
    Step::Done(if unready { missing() } else { answer })
}

fn is_good(answer: &Answer) -> bool {
    (200..300).contains(&answer.status) && (answer.body.is_empty() || answer.content_type.contains("json"))
}

/// As servers answer for a route that they do not have.
pub(super) fn missing() -> Answer {
    Answer {
        status: 200,
        content_type: String::from("text/html"),
        ..Answer::default()
    }
}

fn not_found() -> Step {
    done(
        404,
        r#"{"name":"NotFoundError","data":{"message":"It is answered already, or not known."}}"#,
    )
}

fn answer_with(status: u16, body: &str) -> Answer {
    Answer {
        status,
        content_type: String::from("application/json"),
        cursor: String::new(),
        body: body.as_bytes().to_vec(),
    }
}

pub(super) fn done(status: u16, body: &str) -> Step {
    Step::Done(answer_with(status, body))
}

fn done_with(body: Vec<u8>) -> Step {
    Step::Done(Answer {
        body,
        ..answer_with(200, "")
    })
}
