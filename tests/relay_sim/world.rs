//! One run: instances, a store, an upstream server and readers, in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use opencode_session::proto::client::Failure;
use opencode_session::proto::relay::{Answer, Config, Ending, Input, Op, Output, Position, Record, Relay, Scope};
use opencode_session::proto::replay::ReplayLimits;
use opencode_session::proto::request::Response;
use opencode_session::proto::rng::Rng;

use crate::client::{Client, Met};
use crate::redis::Redis;
use crate::server::{Server, name};

pub(crate) const USERS: usize = 3;
const OP_PATIENCE: u64 = 1_500;
const STORMY: u64 = 25_000;
const REST: u64 = 40_000;
pub(crate) const LIMIT: usize = 3;

/// What will happen.
pub(crate) enum Later {
    /// The server says something.
    Server,
    Heartbeat,
    /// For an instance.
    To(usize, u64, Message),
    /// To a reader.
    Bytes(usize, (usize, u64, u32), u64, String),
    Gone(usize, (usize, u64, u32)),
    Connect(usize),
    /// The store runs an operation.
    Run(usize, u64, u64, u32, Op),
    /// The log is read.
    Read(usize, u64, u32, Option<Position>, u64),
    Fault,
    Drained(usize),
}

pub(crate) enum Message {
    Opened(u32, u16),
    Bytes(u32, String),
    Closed(u32),
    Stored(u32, Answer),
    Entries(u32, Vec<Record>, bool),
    FollowFailed(u32),
    Judged(String, String, bool),
    Attach(u32, usize),
    Detach(u32),
    Full(u32),
    Drained(u32),
    Drain,
    Tick,
}

pub(crate) struct Instance {
    pub(crate) relay: Option<Relay>,
    pub(crate) incarnation: u64,
    pub(crate) paused: u64,
    /// The stream that the server holds for it.
    pub(crate) stream: Option<u32>,
    pub(crate) is_live: bool,
    pub(crate) link: bool,
    /// Questions to the store that wait for an answer.
    pub(crate) asked: BTreeMap<u32, u64>,
    pub(crate) following: u32,
    pub(crate) armed: u64,
    pub(crate) spins: (u64, u32),
    /// Readers that it has, and of whom.
    pub(crate) attached: BTreeMap<u32, usize>,
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    pub(crate) count: u64,
    pub(crate) queue: BinaryHeap<Reverse<(u64, u64)>>,
    pub(crate) messages: BTreeMap<u64, Later>,
    pub(crate) server: Server,
    pub(crate) redis: Redis,
    pub(crate) instances: Vec<Instance>,
    pub(crate) clients: Vec<Client>,
    pub(crate) readers: u32,
    pub(crate) book: BTreeMap<String, String>,
    pub(crate) shared: bool,
    pub(crate) calm: bool,
    /// The store is down at the end.
    pub(crate) ends_down: bool,
    pub(crate) resting: bool,
    pub(crate) quiet: bool,
    pub(crate) first_part: Option<u64>,
    /// user × session: who may see what, and since when not any more.
    pub(crate) may: Vec<Vec<bool>>,
    pub(crate) revoked: BTreeMap<(usize, usize), u64>,
    pub(crate) met: Met,
    pub(crate) trace: Option<Vec<String>>,
}

pub(crate) type Verdict = Result<(), String>;

impl World {
    pub(crate) fn new(seed: u64, is_unfenced: bool) -> Self {
        let mut rng = Rng::new(seed.wrapping_mul(0x9E37_79B9).wrapping_add(17));
        rng.next_u64();
        let shared = rng.below(5) > 0;
        let calm = rng.below(5) == 0;
        let sessions = 2 + rng.below(3) as usize;
        let count = if shared { 1 + rng.below(3) as usize } else { 1 };
        let may = (0..USERS)
            .map(|_| (0..sessions).map(|_| rng.below(3) > 0).collect())
            .collect();
        let mut world = World {
            now: 1_000,
            count: 0,
            queue: BinaryHeap::new(),
            messages: BTreeMap::new(),
            server: Server::new(sessions),
            redis: Redis::new(is_unfenced),
            instances: Vec::new(),
            clients: Vec::new(),
            readers: 0,
            book: BTreeMap::new(),
            shared,
            calm,
            ends_down: shared && !calm && rng.below(6) == 0,
            resting: false,
            quiet: false,
            first_part: None,
            may,
            revoked: BTreeMap::new(),
            met: Met::default(),
            trace: None,
            rng,
        };
        for _ in 0..count {
            world.instances.push(Instance {
                relay: None,
                incarnation: 0,
                paused: 0,
                stream: None,
                is_live: false,
                link: true,
                asked: BTreeMap::new(),
                following: 0,
                armed: u64::MAX,
                spins: (0, 0),
                attached: BTreeMap::new(),
            });
        }
        for client in 0..2 + world.rng.below(5) as usize {
            let user = world.rng.below(USERS as u64) as usize;
            let all = user == 0;
            let only = (world.rng.below(4) == 0).then(|| world.rng.below(sessions as u64) as usize);
            world.clients.push(Client::new(user, all, only));
            let delay = world.rng.below(3_000);
            world.later(delay, Later::Connect(client));
        }
        world.later(1, Later::Server);
        world.later(10_000, Later::Heartbeat);
        world.later(1_000, Later::Fault);
        world
    }

    pub(crate) fn later(&mut self, delay: u64, what: Later) {
        self.count += 1;
        self.queue.push(Reverse((self.now + delay, self.count)));
        self.messages.insert(self.count, what);
    }

    pub(crate) fn note(&mut self, text: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:>6} {}", text()));
        }
    }

    pub(crate) fn run(&mut self) -> Verdict {
        let begin = self.now;
        self.run_until(begin + STORMY)?;
        self.heal();
        self.run_until(begin + STORMY + REST)?;
        // The server falls silent after one more change of each session.
        self.quiet = true;
        for session in 0..self.server.sessions.len() {
            let event = self.server.change(session);
            self.say(&event);
        }
        let now = self.now;
        self.run_until(now + 4_000)?;
        self.judge()?;
        // All readers go.
        for client in 0..self.clients.len() {
            if let Some((instance, incarnation, reader)) = self.clients[client].at.take() {
                self.to(instance, incarnation, Message::Detach(reader))?;
            }
        }
        let now = self.now;
        self.run_until(now + 16_000)?;
        for (at, instance) in self.instances.iter().enumerate() {
            if instance.stream.is_some() {
                return Err(format!("instance {at} holds a stream that nobody reads"));
            }
        }
        Ok(())
    }

    fn run_until(&mut self, end: u64) -> Verdict {
        while let Some(Reverse((at, id))) = self.queue.peek().copied()
            && at <= end
        {
            self.queue.pop();
            self.now = self.now.max(at);
            let Some(what) = self.messages.remove(&id) else {
                continue;
            };
            if let Later::To(instance, ..) = &what
                && self.instances[*instance].paused > self.now
            {
                // In its turn when it wakes up.
                self.queue.push(Reverse((self.instances[*instance].paused, id)));
                self.messages.insert(id, what);
                continue;
            }
            self.happen(what)?;
        }
        self.now = self.now.max(end);
        Ok(())
    }

    fn happen(&mut self, what: Later) -> Verdict {
        match what {
            Later::Server => {
                if !self.quiet {
                    let session = self.rng.below(self.server.sessions.len() as u64) as usize;
                    let event = self.server.step(session, &mut self.rng);
                    self.say(&event);
                    let pause = if self.rng.below(20) == 0 {
                        self.rng.below(1_500)
                    } else {
                        1 + self.rng.below(60)
                    };
                    self.later(pause, Later::Server);
                }
            }
            Later::Heartbeat => {
                self.say(r#"{"type":"server.heartbeat","properties":{}}"#);
                self.later(10_000, Later::Heartbeat);
            }
            Later::To(instance, incarnation, message) => self.to(instance, incarnation, message)?,
            Later::Bytes(client, at, sent, text) => {
                if self.clients[client].at == Some(at) {
                    self.deliver(client, sent, &text)?;
                }
            }
            Later::Gone(client, at) => {
                if self.clients[client].at == Some(at) {
                    self.clients[client].at = None;
                    let wait = 50 + self.rng.below(400);
                    self.later(wait, Later::Connect(client));
                }
            }
            Later::Connect(client) => self.connect(client),
            Later::Run(instance, incarnation, node, id, op) => self.operate(instance, incarnation, node, id, &op)?,
            Later::Read(instance, incarnation, generation, after, idle) => {
                self.read(instance, incarnation, generation, after, idle);
            }
            Later::Fault => {
                if !self.resting {
                    self.fault()?;
                    let wait = 200 + self.rng.below(if self.calm { 15_000 } else { 3_000 });
                    self.later(wait, Later::Fault);
                }
            }
            Later::Drained(client) => {
                self.clients[client].is_full = false;
                self.clients[client].full_told = false;
                if let Some((instance, incarnation, reader)) = self.clients[client].at {
                    self.later(0, Later::To(instance, incarnation, Message::Drained(reader)));
                }
            }
        }
        Ok(())
    }

    /// To all streams that there are.
    pub(crate) fn say(&mut self, event: &str) {
        self.note(|| format!("server says {event}"));
        for at in 0..self.instances.len() {
            let (instance, delay) = (&self.instances[at], 3);
            if let (Some(stream), true) = (instance.stream, instance.is_live) {
                let incarnation = instance.incarnation;
                let frame = format!("data: {{\"directory\":\"/x\",\"payload\":{event}}}\n\n");
                self.later(delay, Later::To(at, incarnation, Message::Bytes(stream, frame)));
            }
        }
    }

    fn config(&mut self, at: usize) -> Config {
        Config {
            shared: self.shared,
            replay: ReplayLimits {
                bytes: if self.calm { 400_000 } else { 40_000 },
                tail: if self.calm { 200_000 } else { 6_000 },
                ..ReplayLimits::default()
            },
            readers: 5,
            readers_per_user: LIMIT,
            keep_alive: 3_000,
            stall: 6_000,
            // Without faults, longer than it takes to hear that another wants the stream.
            linger: if self.calm { 3_500 } else { 400 },
            patience: 4_000,
            grace: 6_000,
            verdict: 2_000,
            pending: 4_000,
            chunk: 2_000,
            lease: 3_000,
            store_patience: 2_500,
            ..Config::new(self.rng.next_u64() ^ at as u64)
        }
    }

    fn connect(&mut self, client: usize) {
        if self.clients[client].at.is_some() || self.clients[client].is_gone {
            return;
        }
        let at = self.rng.below(self.instances.len() as u64) as usize;
        if self.instances[at].relay.is_none() {
            let config = self.config(at);
            let instance = &mut self.instances[at];
            instance.incarnation += 1;
            instance.relay = Some(Relay::new(config));
            instance.asked.clear();
            instance.attached.clear();
            instance.stream = None;
            instance.is_live = false;
            instance.armed = u64::MAX;
        }
        self.readers += 1;
        let key = (at, self.instances[at].incarnation, self.readers);
        let fresh = self.rng.below(6) == 0;
        let reader = &mut self.clients[client];
        if fresh {
            reader.forget();
        }
        self.met.moved += u64::from(reader.position.is_some());
        reader.at = Some(key);
        reader.is_open = false;
        reader.is_live = false;
        reader.is_full = false;
        reader.full_told = false;
        reader.asked_with = reader.position.clone();
        self.later(1, Later::To(at, key.1, Message::Attach(key.2, client)));
        if !self.resting && self.rng.below(3) > 0 {
            // Cut one day.
            let (life, reader) = (200 + self.rng.below(6_000), key);
            self.later(life, Later::Gone(client, reader));
            self.later(life + 20, Later::To(at, key.1, Message::Detach(key.2)));
        }
    }

    pub(crate) fn to(&mut self, at: usize, incarnation: u64, message: Message) -> Verdict {
        if self.instances[at].incarnation != incarnation || self.instances[at].relay.is_none() {
            if let Message::Attach(reader, client) = message {
                self.later(1, Later::Gone(client, (at, incarnation, reader)));
            }
            return Ok(());
        }
        let response = |status| Response {
            status,
            content_type: "text/event-stream",
            ..Response::default()
        };
        let text;
        let input = match message {
            Message::Opened(generation, status) => Input::StreamOpened {
                generation,
                response: response(status),
            },
            Message::Bytes(generation, frame) => {
                text = frame;
                Input::StreamBytes {
                    generation,
                    bytes: text.as_bytes(),
                }
            }
            Message::Closed(generation) => Input::StreamClosed {
                generation,
                cause: Some(Failure::Network),
            },
            Message::Stored(id, answer) => {
                if self.instances[at].asked.remove(&id).is_none() {
                    return Ok(());
                }
                self.met.fenced += u64::from(answer == Answer::Fenced);
                self.met.takeovers += u64::from(matches!(answer, Answer::Led { top: Some(_), .. }));
                self.note(|| format!("{at} <- store {id} {answer:?}"));
                Input::Stored { id, answer }
            }
            Message::Entries(generation, records, all) => {
                if !records.is_empty() {
                    self.note(|| {
                        let told: Vec<String> = records
                            .iter()
                            .map(|each| format!("{}:{}", each.position.to_text(), each.body.parts().0))
                            .collect();
                        format!("{at} <- entries {told:?} {all}")
                    });
                }
                Input::Entries {
                    generation,
                    records,
                    all,
                }
            }
            Message::FollowFailed(generation) => Input::FollowFailed { generation },
            Message::Judged(user, session, allowed) => Input::Judged { user, session, allowed },
            Message::Attach(reader, client) => {
                let client = &self.clients[client];
                self.instances[at].attached.insert(reader, client.user);
                let scope = Scope {
                    user: format!("user{}", client.user),
                    all: client.all,
                    only: client.only.map(name),
                };
                let position = client.asked_with.clone();
                self.note(|| format!("{at} <- attach {reader} {scope:?} {position:?}"));
                Input::Attach {
                    reader,
                    scope,
                    position,
                }
            }
            Message::Detach(reader) => {
                self.instances[at].attached.remove(&reader);
                Input::Detach { reader }
            }
            Message::Full(reader) => {
                let of = |client: &&mut Client| client.at == Some((at, incarnation, reader)) && client.is_full;
                if let Some(client) = self.clients.iter_mut().find(of) {
                    client.full_told = true;
                }
                Input::Full { reader }
            }
            Message::Drained(reader) => Input::Drained { reader },
            Message::Drain => Input::Drain,
            Message::Tick => {
                if self.instances[at].armed > self.now {
                    return Ok(());
                }
                self.instances[at].armed = u64::MAX;
                Input::Timeout
            }
        };
        self.feed(at, input)
    }

    fn feed(&mut self, at: usize, input: Input<'_>) -> Verdict {
        let now = self.now;
        let Some(mut relay) = self.instances[at].relay.take() else {
            return Ok(());
        };
        relay.handle_input(input, now);
        let mut over = false;
        while let Some(output) = relay.poll_output() {
            over |= output == Output::Idle;
            self.act(at, output)?;
        }
        if over {
            self.note(|| format!("{at} is idle"));
            let incarnation = self.instances[at].incarnation;
            for client in 0..self.clients.len() {
                if let Some(key) = self.clients[client]
                    .at
                    .filter(|key| (key.0, key.1) == (at, incarnation))
                {
                    self.later(1, Later::Gone(client, key));
                }
            }
            return Ok(());
        }
        let attached = &self.instances[at].attached;
        let most = (0..USERS)
            .map(|user| attached.values().filter(|each| **each == user).count())
            .max()
            .unwrap_or(0);
        if attached.len() > 5 || most > LIMIT {
            return Err(format!("instance {at} has {attached:?}"));
        }
        let (log, pending) = relay.bytes();
        if log > if self.calm { 404_000 } else { 44_000 } || pending > 4_000 + 1_500 {
            return Err(format!("instance {at} keeps {log} and {pending} bytes"));
        }
        let due = relay.poll_timeout();
        let instance = &mut self.instances[at];
        instance.relay = Some(relay);
        if let Some(due) = due.filter(|due| *due < instance.armed) {
            instance.armed = due;
            instance.spins = if instance.spins.0 == now {
                (now, instance.spins.1 + 1)
            } else {
                (now, 0)
            };
            if instance.spins.1 > 2_000 {
                return Err(format!("instance {at} asks for a timer again and again"));
            }
            let incarnation = instance.incarnation;
            self.later(due.saturating_sub(now), Later::To(at, incarnation, Message::Tick));
        }
        Ok(())
    }

    fn act(&mut self, at: usize, output: Output) -> Verdict {
        let incarnation = self.instances[at].incarnation;
        match output {
            Output::OpenStream { generation } => {
                self.note(|| format!("{at} opens stream {generation}"));
                self.instances[at].stream = Some(generation);
                self.instances[at].is_live = false;
                if self.server.is_away {
                    self.instances[at].stream = None;
                    self.later(5, Later::To(at, incarnation, Message::Opened(generation, 503)));
                    return Ok(());
                }
                self.later(4, Later::To(at, incarnation, Message::Opened(generation, 200)));
                self.instances[at].is_live = true;
                if self.calm && self.first_part.is_none() {
                    self.first_part = Some(self.server.parts.len() as u64);
                }
                let hello = String::from("data: {\"type\":\"server.connected\",\"properties\":{}}\n\n");
                // Sent before all that happens from here on.
                self.later(3, Later::To(at, incarnation, Message::Bytes(generation, hello)));
            }
            Output::CloseStream => {
                self.instances[at].stream = None;
                self.instances[at].is_live = false;
            }
            Output::Store { id, op } => {
                self.note(|| format!("{at} asks store {id} {op:?}").chars().take(200).collect());
                self.instances[at].asked.insert(id, self.now);
                let node = (at as u64) << 32 | incarnation;
                let odd = !self.calm && !self.resting;
                self.later(
                    OP_PATIENCE,
                    Later::To(at, incarnation, Message::Stored(id, Answer::Failed)),
                );
                if odd && self.rng.below(40) == 0 {
                    return Ok(());
                }
                let delay = if odd && self.rng.below(40) == 0 {
                    self.rng.below(9_000)
                } else {
                    1 + self.rng.below(6)
                };
                self.later(delay, Later::Run(at, incarnation, node, id, op));
            }
            Output::Follow { generation, after } => {
                self.note(|| format!("{at} follows {generation} after {after:?}"));
                self.instances[at].following = generation;
                self.later(2, Later::Read(at, incarnation, generation, after, 0));
            }
            Output::Judge { user, session } => {
                let index: usize = session[4..].parse().unwrap_or(0);
                let who: usize = user[4..].parse().unwrap_or(0);
                let allowed = self.may[who][index];
                let lost = !self.calm && !self.resting && self.rng.below(30) == 0;
                if !lost {
                    let delay = 1 + self.rng.below(40);
                    self.later(
                        delay,
                        Later::To(at, incarnation, Message::Judged(user, session, allowed)),
                    );
                }
            }
            Output::Send { readers, bytes } => {
                let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
                for reader in readers {
                    self.send(at, incarnation, reader, &text)?;
                }
            }
            Output::End { reader, ending } => {
                self.note(|| format!("{at} ends {reader} {ending:?}"));
                self.instances[at].attached.remove(&reader);
                self.met.refused += u64::from(matches!(ending, Ending::Full(_)));
                let of = |client: &Client| client.at == Some((at, incarnation, reader));
                if let Some(client) = self.clients.iter().position(of) {
                    self.later(6, Later::Gone(client, (at, incarnation, reader)));
                }
            }
            Output::Idle => {}
        }
        Ok(())
    }

    fn send(&mut self, at: usize, incarnation: u64, reader: u32, text: &str) -> Verdict {
        let key = (at, incarnation, reader);
        let Some(client) = self.clients.iter().position(|client| client.at == Some(key)) else {
            return Ok(());
        };
        if self.clients[client].full_told {
            return Err(format!("{client} takes no more, and gets {text}"));
        }
        let sent = self.now;
        self.later(5, Later::Bytes(client, key, sent, String::from(text)));
        if !self.clients[client].is_full && self.rng.below(25) == 0 {
            self.met.slow += 1;
            self.clients[client].is_full = true;
            self.later(0, Later::To(at, incarnation, Message::Full(reader)));
            let rest = self.rng.below(if self.calm || self.resting { 300 } else { 4_000 });
            self.later(10 + rest, Later::Drained(client));
        }
        Ok(())
    }

    fn deliver(&mut self, client: usize, sent: u64, text: &str) -> Verdict {
        self.note(|| format!("client {client} gets {text:?}"));
        let (user, all, only) = (
            self.clients[client].user,
            self.clients[client].all,
            self.clients[client].only,
        );
        let now = self.now;
        let calm = self.calm;
        let (may, revoked) = (&self.may, &self.revoked);
        let allowed = |session: usize| {
            // What was found out counts for a while.
            let lately = revoked
                .get(&(user, session))
                .is_some_and(|at| !calm || now <= at + 2_000 + 400);
            only.is_none_or(|only| only == session) && (all || may[user][session] || lately)
        };
        let lost = self.met.lost + self.met.holes;
        self.clients[client].first_part = self.first_part;
        self.clients[client]
            .read(text, sent, &self.server, &allowed, &mut self.book, &mut self.met)
            .map_err(|what| format!("client {client}: {what}"))?;
        let alone = self.clients[client]
            .position
            .as_ref()
            .is_some_and(|position| position.starts_with('m'));
        self.met.alone += u64::from(alone && self.shared);
        if self.calm && self.clients[client].asked_with.is_some() && self.met.lost + self.met.holes > lost {
            return Err(format!(
                "client {client} was told of a loss where nothing went wrong: {text}"
            ));
        }
        Ok(())
    }
}
