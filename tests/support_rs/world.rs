//! A client, a server, and the wires between them, in virtual time: one seed, one run.

use std::collections::BTreeMap;

use opencode_session::proto::client::{Client, Config, Failure, Input};
use opencode_session::proto::connection::{RetryPolicy, Transport};
use opencode_session::proto::error::Error;
use opencode_session::proto::limits::Limits;
use opencode_session::proto::request::{Request, Response};
use opencode_session::proto::rng::Rng;
use opencode_session::proto::sync::{Output, Reply};
use serde_json::Value;

use super::mirror::Mirror;
use super::oracle::{Shown, equal};
use super::server::{Answer, Server, Wire, hello};

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) now: u64,
    pub(crate) mirrors: BTreeMap<u32, Mirror>,
    pub(crate) stream: Option<Stream>,
    pub(crate) inflight: Vec<Flight>,
    pub(crate) replies: Vec<(u32, Result<Reply, Error>)>,
    pub(crate) logs: Vec<&'static str>,
    pub(crate) streams: Vec<String>,
    pub(crate) requests: Vec<Request>,
    /// Of 100 posts, so many get no answer; the server has seen half of them.
    pub(crate) lossy: u64,
    /// What answers in the server's place, by path; a stream is asked for as a `GET`.
    pub(crate) front: Option<Front>,
    /// Drains at random moments; otherwise only when asked.
    pub(crate) drains: bool,
    /// Posts wait for the journal, as the shell has them wait.
    pub(crate) journaling: bool,
    /// Journal records by session, as the page wrote them last.
    pub(crate) journals: BTreeMap<String, Vec<u8>>,
    rng: Rng,
    drain_rng: Rng,
    pub(crate) shown: Shown,
    beat: u64,
}

pub(crate) type Front = Box<dyn FnMut(&str) -> Option<Answer>>;

pub(crate) struct Stream {
    pub(crate) generation: u32,
    opened: bool,
    global: bool,
    next: usize,
    bytes: Vec<u8>,
}

impl Stream {
    pub(crate) fn is_open(&self) -> bool {
        self.opened
    }
}

pub(crate) struct Flight {
    pub(crate) request: Request,
    pub(crate) answer: Option<Answer>,
}

pub(crate) fn config(seed: u64) -> Config {
    Config {
        directory: None,
        transport: Transport::Auto,
        keeper: false,
        retry: RetryPolicy::default(),
        limits: Limits::default(),
        seed,
    }
}

impl World {
    pub(crate) fn new(wire: Wire, seed: u64) -> Self {
        World::with(Server::new(wire, seed), config(seed))
    }

    pub(crate) fn with(server: Server, config: Config) -> Self {
        let seed = config.seed;
        World {
            client: Client::new(config),
            now: server.now,
            server,
            mirrors: BTreeMap::new(),
            stream: None,
            inflight: Vec::new(),
            replies: Vec::new(),
            logs: Vec::new(),
            streams: Vec::new(),
            requests: Vec::new(),
            lossy: 0,
            front: None,
            drains: true,
            journaling: false,
            journals: BTreeMap::new(),
            rng: Rng::new(seed.wrapping_mul(77)),
            drain_rng: Rng::new(seed.wrapping_mul(99)),
            shown: Shown::default(),
            beat: 0,
        }
    }

    pub(crate) fn open(&mut self, session: &str, limit: usize) -> u32 {
        let handle = self.client.open_session(session, limit, self.now);
        self.mirrors.insert(handle, Mirror::default());
        self.pump();
        handle
    }

    pub(crate) fn open_held(&mut self, session: &str, limit: usize) -> u32 {
        let handle = self.client.open_held(session, limit, self.now);
        self.mirrors.insert(handle, Mirror::default());
        self.pump();
        handle
    }

    pub(crate) fn resume(&mut self, handle: u32) {
        self.client.resume(handle, self.now);
        self.pump();
    }

    /// The page writes its journal, when it changed.
    pub(crate) fn save(&mut self, handle: u32, session: &str) {
        if let Some(record) = self.client.journal(handle, false) {
            self.journals.insert(session.into(), record);
        }
        self.pump();
    }

    /// The page goes without a word: what is under way is lost, or reached the server unseen.
    pub(crate) fn renew(&mut self) {
        let seed = self.rng.below(1 << 40);
        self.client = Client::new(config(seed));
        self.stream = None;
        self.inflight.clear();
        self.mirrors.clear();
        self.shown = Shown::default();
        self.replies.clear();
    }

    /// The page goes, and the next one opens the session with what the journal has.
    pub(crate) fn reload(&mut self, session: &str, limit: usize) -> u32 {
        self.renew();
        let handle = self.open_held(session, limit);
        if let Some(record) = self.journals.get(session).filter(|record| !record.is_empty()) {
            self.client.restore(handle, record, true, self.now);
        }
        self.resume(handle);
        handle
    }

    pub(crate) fn offline(&mut self, offline: bool) {
        self.input(if offline { Input::Offline } else { Input::Online });
    }

    /// Sends a prompt; its tokens are `token` (stored) and `token + 1` (done).
    pub(crate) fn send(&mut self, handle: u32, json: &Value, token: u32) -> String {
        let key = self.client.make_key(self.now);
        self.client.send(
            handle,
            key.clone(),
            json.to_string().as_bytes(),
            token,
            token + 1,
            self.now,
        );
        self.pump();
        key
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.trace(&input);
        self.client.handle_input(input, self.now);
        self.pump();
    }

    fn trace(&self, what: &dyn std::fmt::Debug) {
        if std::env::var_os("TRACE").is_some() {
            eprintln!("{} {what:?}", self.now - 1_795_240_000_000);
        }
    }

    /// Takes what the client wants done.
    pub(crate) fn pump(&mut self) {
        while let Some(output) = self.client.poll_output() {
            self.trace(&output);
            match output {
                Output::OpenStream { generation, path, .. } => {
                    let global = path.starts_with("/global");
                    self.streams.push(path);
                    self.stream = Some(Stream {
                        generation,
                        opened: false,
                        global,
                        next: usize::MAX,
                        bytes: Vec::new(),
                    });
                }
                Output::CloseStream => self.stream = None,
                Output::Request(request) => {
                    if self.journaling && request.path.contains("/prompt_async") {
                        // The post waits until it stands in the journal.
                        let session = request.path.split('/').nth(2).unwrap().to_owned();
                        let handles: Vec<u32> = self.mirrors.keys().copied().collect();
                        if let Some(record) = self.client.journal(handles[0], false) {
                            self.journals.insert(session, record);
                        }
                    }
                    self.requests.push(request.clone());
                    self.inflight.push(Flight { request, answer: None });
                }
                Output::Reply { token, result } => self.replies.push((token, result)),
                Output::Heard { .. } => panic!("nobody looks out"),
                Output::Log { code, .. } => self.logs.push(code),
            }
        }
    }

    pub(crate) fn result(&self, token: u32) -> Option<&Result<Reply, Error>> {
        let mut found = self
            .replies
            .iter()
            .filter(|(known, _)| *known == token)
            .map(|(_, result)| result);
        let first = found.next();
        assert!(found.next().is_none(), "token {token} was answered twice");
        first
    }

    /// One thing happens, somewhere.
    pub(crate) fn step(&mut self) {
        match self.rng.below(100) {
            0..35 => {
                let pick = self.rng.below(1 << 40);
                self.server.step(pick);
            }
            35..65 => {
                let most = if self.rng.below(4) == 0 { 4_000 } else { 300 };
                let count = 1 + self.rng.below(most) as usize;
                self.flow(count);
            }
            65..85 => {
                let at = self.rng.below(self.inflight.len() as u64) as usize;
                self.progress(at);
            }
            _ => {
                let wait = self.rng.below(60);
                self.pass(wait);
            }
        }
        if self.drains && self.drain_rng.below(3) == 0 {
            self.drain();
        }
    }

    /// Up to `count` bytes of the stream arrive.
    pub(crate) fn flow(&mut self, count: usize) {
        let Some(stream) = &mut self.stream else { return };
        let generation = stream.generation;
        if !stream.opened {
            let path = if stream.global { "/global/event" } else { "/event" };
            if let Some(answer) = self.front.as_mut().and_then(|front| front(path)) {
                let response = Response {
                    status: answer.status,
                    content_type: answer.content_type,
                    body: &answer.body,
                    ..Response::default()
                };
                return self.input(Input::StreamOpened { generation, response });
            }
            stream.opened = true;
            stream.next = self.server.log.len();
            stream.bytes = hello(stream.global).into_bytes();
            let response = Response {
                status: 200,
                content_type: "text/event-stream",
                ..Response::default()
            };
            return self.input(Input::StreamOpened { generation, response });
        }
        for event in self.server.log.get(stream.next..).unwrap_or_default() {
            let text = event.frames(stream.global);
            stream.bytes.extend_from_slice(text.as_bytes());
        }
        stream.next = self.server.log.len();
        let count = count.min(stream.bytes.len());
        let bytes: Vec<u8> = stream.bytes.drain(..count).collect();
        if !bytes.is_empty() {
            self.input(Input::StreamBytes {
                generation,
                bytes: &bytes,
            });
        }
    }

    /// A request reaches the server, or its answer the client.
    pub(crate) fn progress(&mut self, at: usize) {
        let Some(flight) = self.inflight.get_mut(at) else {
            return;
        };
        let id = flight.request.id;
        if flight.answer.is_none() {
            let lost = flight.request.method == "POST" && self.rng.below(100) < self.lossy;
            if lost && self.rng.below(2) == 0 {
                self.inflight.remove(at);
                return self.input(Input::Failed {
                    id,
                    cause: Failure::Network,
                });
            }
            let front = self.front.as_mut().and_then(|front| front(&flight.request.path));
            let answer = front.unwrap_or_else(|| self.server.answer(&flight.request));
            if lost {
                // A loss shows after a while: what was posted is stored by then.
                let session = flight.request.path.split('/').nth(2).unwrap().to_owned();
                self.server.intake(&session);
            }
            flight.answer = Some(Answer {
                status: if lost { 0 } else { answer.status },
                ..answer
            });
            return;
        }
        let answer = self.inflight.remove(at).answer.unwrap();
        if answer.status == 0 {
            return self.input(Input::Failed {
                id,
                cause: Failure::Timeout,
            });
        }
        let response = Response {
            status: answer.status,
            content_type: answer.content_type,
            cursor: &answer.cursor,
            retry_after: answer.retry_after,
            body: &answer.body,
        };
        self.input(Input::Response { id, response });
    }

    /// The newest request whose path contains `path` goes one step on: read by the server, then answered.
    pub(crate) fn advance(&mut self, path: &str) {
        let at = self
            .inflight
            .iter()
            .rposition(|flight| flight.request.path.contains(path));
        self.progress(at.unwrap_or_else(|| panic!("nobody asks for {path}")));
    }

    /// The newest request whose path contains `path` gets no answer.
    pub(crate) fn lose(&mut self, path: &str) {
        let at = self
            .inflight
            .iter()
            .rposition(|flight| flight.request.path.contains(path))
            .unwrap();
        let id = self.inflight.remove(at).request.id;
        self.input(Input::Failed {
            id,
            cause: Failure::Network,
        });
    }

    /// Time passes, unless the server is in the middle of something that takes none.
    pub(crate) fn pass(&mut self, wait: u64) {
        if self.server.is_urgent() {
            return;
        }
        self.now += wait;
        self.server.now = self.now;
        if self.now / 10_000 > self.beat {
            self.beat = self.now / 10_000;
            if self.stream.as_ref().is_some_and(|stream| stream.opened) {
                self.server.publish("", "server.heartbeat", serde_json::json!({}));
            }
        }
        let end = self.now;
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(end - wait);
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    /// Of the stream that is open.
    pub(crate) fn generation(&self) -> u32 {
        self.stream.as_ref().unwrap().generation
    }

    /// The stream breaks.
    pub(crate) fn cut(&mut self, clean: bool) {
        if let Some(stream) = self.stream.take() {
            self.input(Input::StreamClosed {
                generation: stream.generation,
                cause: (!clean).then_some(Failure::Network),
            });
        }
    }

    /// Everything that is under way arrives, in order and at once.
    pub(crate) fn arrive(&mut self) {
        for _ in 0..1_000 {
            let before = self.stream.as_ref().is_some_and(|stream| !stream.opened);
            self.flow(usize::MAX);
            self.flow(usize::MAX);
            while !self.inflight.is_empty() {
                self.progress(0);
            }
            if !before
                && self
                    .stream
                    .as_ref()
                    .is_none_or(|stream| stream.next >= self.server.log.len())
                && self.inflight.is_empty()
            {
                break;
            }
        }
        if self.drains {
            self.drain();
        }
    }

    /// The server ends its work, and the client its own.
    pub(crate) fn rest(&mut self) {
        let mut calm = false;
        for _ in 0..3_000 {
            let pick = self.rng.below(1 << 40);
            if self.server.step(pick) {
                self.pass(2);
            }
            self.arrive();
            if !self.server.lanes.values().all(std::collections::VecDeque::is_empty) || !self.inflight.is_empty() {
                continue;
            }
            match self.client.poll_timeout() {
                Some(at) if at <= self.now + 22_000 => self.pass(at.saturating_sub(self.now).clamp(1, 9_000)),
                _ => {
                    calm = true;
                    break;
                }
            }
        }
        assert!(calm, "never comes to rest: {:?}", self.requests.last());
        self.arrive();
        assert!(self.inflight.is_empty(), "still asking: {:?}", self.requests.last());
    }

    pub(crate) fn drain(&mut self) {
        let handles: Vec<u32> = self.mirrors.keys().copied().collect();
        for handle in handles {
            if !self.client.is_dirty(handle) {
                continue;
            }
            let mut changes = Vec::new();
            self.client.drain(handle, &mut changes);
            let mirror = self.mirrors.get_mut(&handle).unwrap();
            mirror.apply(changes);
            self.shown.check(mirror, &self.server).unwrap();
        }
    }

    /// P3: what is shown equals a fresh load, and the client knows that it does.
    pub(crate) fn assert_equal(&self, handle: u32, session: &str) {
        let mirror = &self.mirrors[&handle];
        equal(mirror, &self.server, session).unwrap();
        // A turn that failed stays told until the next one.
        let status = mirror.field("status")["type"].as_str().unwrap_or("idle");
        assert!(matches!(status, "idle" | "error"), "{status}");
        assert_eq!(mirror.field("connection")["phase"], "live");
    }
}
