//! A page, a server, and what is between them, in virtual time.

use std::collections::BTreeMap;

use opencode_session::proto::client::{Client, Config};
use opencode_session::proto::connection::{RetryPolicy, Transport};
use opencode_session::proto::limits::Limits;
use opencode_session::proto::rng::Rng;
use serde_json::json;

use crate::fault::{Counts, Fault, Profile, Reached};
use crate::judge::{Judge, Open, words};
use crate::keep::Keep;
use crate::net::Net;
use crate::plan::{Plan, Step};
use crate::support_rs::server::{Server, Wire};
use crate::trace::Trace;

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) net: Net,
    pub(crate) keep: Keep,
    pub(crate) judge: Judge,
    pub(crate) opens: Vec<Open>,
    pub(crate) counts: Counts,
    pub(crate) rng: Rng,
    pub(crate) config: Config,
    pub(crate) profile: Profile,
    /// Nothing false was told yet that reads like the truth.
    pub(crate) honest: bool,
    /// How often something broken was logged.
    pub(crate) flags: u32,
    /// True time. The page's clock may be ahead, the server's anywhere.
    pub(crate) now: u64,
    pub(crate) ahead: u64,
    /// The page's clock goes back for a moment.
    pub(crate) back: u64,
    pub(crate) skew: i64,
    /// The latest time that the page's clock has shown: the client knows no other.
    pub(crate) seen: u64,
    /// The page does nothing.
    pub(crate) frozen: bool,
    /// Nobody looks at it.
    pub(crate) hidden: bool,
    /// Records by session, as the page wrote them last; and when the next may be written.
    pub(crate) journal: BTreeMap<String, Vec<u8>>,
    /// Those of the person who is not here.
    pub(crate) others: BTreeMap<String, Vec<u8>>,
    pub(crate) journaling: bool,
    pub(crate) save_at: u64,
    /// Timers fire at multiples of this.
    pub(crate) clamp: (u64, Option<Fault>),
    pub(crate) until: Until,
    pub(crate) beat_at: u64,
    /// When the server last took in what was posted.
    pub(crate) taken_at: u64,
    /// Until then the page's timers did not run, or not in time.
    pub(crate) awake_at: u64,
    pub(crate) token: u32,
    pub(crate) prompts: u32,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    /// Whether drains happen on the way; at the end they always do.
    pub(crate) drains: bool,
    pub(crate) trace: Trace,
    pub(crate) undrained: u32,
    pub(crate) drain_rng: Rng,
}

/// Ends of states that last.
#[derive(Debug, Default)]
pub(crate) struct Until {
    pub(crate) offline: Option<u64>,
    pub(crate) down: Option<u64>,
    pub(crate) mute: Option<u64>,
    pub(crate) clamp: Option<u64>,
    pub(crate) slow: Option<u64>,
    /// The server is cold.
    pub(crate) cold: Option<u64>,
    /// Something answers for the server.
    pub(crate) front: Option<(u64, Fault)>,
}

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const START: u64 = 1_795_240_000_000;

impl World {
    /// The server, and what it went through before the page came, follow from the seed.
    pub(crate) fn new(plan: &Plan, trace: Trace, drains: bool) -> World {
        let seed = plan.seed;
        let mut rng = Rng::new(seed.wrapping_mul(77) ^ 0xABCD);
        let wire = [Wire::Old, Wire::Mid, Wire::New, Wire::New][rng.below(4) as usize];
        let mut server = Server::new(wire, seed);
        server.now = START;
        server.tagged = rng.below(2) == 0;
        server.halves = wire != Wire::Old && rng.below(2) == 0;
        server.opaque = seed.is_multiple_of(5);
        server.early = wire == Wire::Mid && rng.below(3) == 0;
        if rng.below(4) == 0 {
            server.wrap_ids(1 + rng.below(300));
        }
        let config = Config {
            directory: None,
            transport: if rng.below(12) == 0 {
                Transport::EventSource
            } else {
                Transport::Auto
            },
            // Drawn from nothing, so that what a seed is known for stays.
            keeper: matches!(seed % 5, 2 | 4),
            retry: RetryPolicy::default(),
            limits: limits(plan.profile),
            seed,
        };
        let first = server.create_session("/project");
        let mut sessions = vec![first.clone()];
        if rng.below(6) == 0 {
            sessions.push(server.create_session(if rng.below(2) == 0 { "/project" } else { "/elsewhere" }));
        }
        let small = rng.below(4) == 0;
        for n in 0..rng.below(if small { 8 } else { 3 }) {
            server.prompt(&first, prompt(&format!("prompt #old{n}")));
            server.run_all();
        }
        if rng.below(2) == 0 {
            server.prompt(&first, prompt("prompt #open"));
            for _ in 0..rng.below(40) {
                server.step(0);
                server.now += 2;
            }
        }
        let mut world = World {
            client: Client::new(config.clone()),
            now: server.now,
            beat_at: server.now + 7_000,
            taken_at: server.now,
            awake_at: server.now,
            net: Net::default(),
            keep: Keep::default(),
            judge: Judge::default(),
            opens: Vec::new(),
            counts: Counts::default(),
            drain_rng: Rng::new(seed.wrapping_mul(99)),
            profile: plan.profile,
            honest: true,
            flags: 0,
            ahead: 0,
            back: 0,
            skew: 0,
            seen: 0,
            frozen: false,
            hidden: false,
            journal: BTreeMap::new(),
            others: BTreeMap::new(),
            journaling: rng.below(4) > 0,
            save_at: 0,
            clamp: (0, None),
            until: Until::default(),
            token: 0,
            prompts: 0,
            calm: false,
            undrained: 0,
            server,
            rng,
            config,
            drains,
            trace,
        };
        // With small pages, what was missed can leave a hole in a longer list.
        let limit = if small { 3 + world.rng.below(6) as usize } else { 100 };
        if sessions.len() > 1 {
            world.counts.reach(Reached::TwoSessions);
        }
        for session in sessions {
            world.open(session, limit);
        }
        world
    }

    pub(crate) fn open(&mut self, session: String, limit: usize) {
        let handle = self.client.open_session(&session, limit, self.clock());
        self.opens.push(Open::new(session, handle, limit));
        self.pump();
    }

    pub(crate) fn run(&mut self, plan: &Plan) {
        for step in &plan.steps {
            if self.trace.on {
                self.trace.note(self.now - START, step);
            }
            self.step(*step);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Work(salt) => self.work(&mut Rng::new(salt)),
            Step::Wait(ms) => self.live_through(ms, &mut Rng::new(ms)),
            Step::Send => self.send(),
            Step::Other => {
                let session = self.opens[0].session.clone();
                let text = format!("prompt #other{}", self.prompts);
                self.prompts += 1;
                self.server.prompt(&session, prompt(&text));
            }
            Step::Revert(salt) => self.revert(salt),
            Step::Older if self.judge.is_offline() => {}
            Step::Older => self.older(),
            Step::Settled => {
                let (token, handle) = (self.next_token(), self.opens[0].handle);
                self.judge.owed.push(token);
                self.client.wait_settled(handle, token);
                self.pump();
            }
            Step::Arrive => self.arrive(),
            Step::Fault(fault, salt) => self.hurt(fault, &mut Rng::new(salt)),
        }
    }

    /// Some things happen, here and there.
    pub(crate) fn work(&mut self, rng: &mut Rng) {
        self.tend(rng);
        for _ in 0..6 + rng.below(24) {
            match rng.below(100) {
                0..40 => drop(self.server.step(rng.next_u64() >> 20)),
                40..65 => {
                    let most = if rng.below(4) == 0 { 4_000 } else { 400 };
                    self.flow(1 + rng.below(most) as usize);
                }
                65..85 => {
                    let at = rng.below(self.net.flights.len() as u64) as usize;
                    self.progress(at);
                }
                _ => self.pass(rng.below(80)),
            }
        }
    }

    /// Time passes, and everything goes on meanwhile.
    pub(crate) fn live_through(&mut self, ms: u64, rng: &mut Rng) {
        let end = self.now + ms;
        let slice = (ms / 12).max(20);
        while self.now < end {
            for _ in 0..rng.below(6) {
                self.server.step(rng.next_u64() >> 20);
            }
            if rng.below(3) > 0 {
                self.flow(usize::MAX);
            }
            for _ in 0..rng.below(8) {
                let at = rng.below(self.net.flights.len() as u64) as usize;
                self.progress(at);
            }
            while self.server.is_urgent() {
                self.server.step(0);
            }
            self.pass((1 + rng.below(slice * 2)).min(end - self.now));
        }
    }

    /// The user sees that the session is dead, and clicks.
    fn tend(&mut self, rng: &mut Rng) {
        if self.frozen || rng.below(2) == 0 || self.until.slow.is_some() {
            return;
        }
        self.drain();
        if self.opens.iter().any(Open::is_hopeless) {
            self.reconnect();
        }
    }

    /// Another client takes something back, or puts it back. Servers allow that only when nothing runs.
    fn revert(&mut self, salt: u64) {
        let session = self.opens[0].session.clone();
        if self.server.is_busy(&session) {
            return;
        }
        let room = &self.server.rooms[&session];
        if !room.info["revert"].is_null() && salt.is_multiple_of(2) {
            return self.server.unrevert(&session);
        }
        let at = (salt as usize / 4).checked_rem(room.messages.len());
        let Some(stored) = at.map(|at| &room.messages[at]) else {
            return;
        };
        let message = stored.info["id"].as_str().unwrap_or_default().to_owned();
        let part = stored
            .parts
            .keys()
            .nth((salt as usize / 64) % 4)
            .filter(|_| (salt / 2).is_multiple_of(2));
        let part = part.filter(|_| stored.info["role"] == "assistant").cloned();
        self.server.revert(&session, &message, part.as_deref());
    }

    pub(crate) fn older(&mut self) {
        let (token, handle) = (self.next_token(), self.opens[0].handle);
        self.client.load_older(handle, 3, token);
        self.undrained += 1;
        self.pump();
    }

    pub(crate) fn reconnect(&mut self) {
        self.judge.kicked();
        self.client.reconnect(self.clock());
        self.pump();
    }

    pub(crate) fn send(&mut self) {
        if self.frozen || self.judge.sent.len() >= 8 {
            return;
        }
        let at = self.rng.below(self.opens.len() as u64) as usize;
        let text = words(self.prompts);
        let mut draft = prompt(&text);
        if self.rng.below(3) == 0 {
            draft["model"] = json!("p/m");
        }
        if self.rng.below(8) == 0 {
            draft["noReply"] = json!(true);
        }
        let (stored, done) = (self.next_token(), self.next_token());
        self.judge.sends(self.prompts, &self.opens[at].session, stored, done);
        self.prompts += 1;
        let key = self.client.make_key(self.clock());
        let (handle, now) = (self.opens[at].handle, self.clock());
        self.client
            .send(handle, key, draft.to_string().as_bytes(), stored, done, now);
        self.pump();
    }

    pub(crate) fn next_token(&mut self) -> u32 {
        self.token += 1;
        self.token
    }

    pub(crate) fn clock(&self) -> u64 {
        self.now + self.ahead - self.back
    }
}

fn limits(profile: Profile) -> Limits {
    match profile {
        Profile::Lawful => Limits::default(),
        Profile::Hostile => Limits {
            line: 40_000,
            event: 40_000,
            buffered: 60_000,
            buffered_events: 400,
            ..Limits::default()
        },
    }
}

pub(crate) fn prompt(text: &str) -> serde_json::Value {
    json!({ "parts": [{ "type": "text", "text": text }] })
}
