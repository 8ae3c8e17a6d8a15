//! A page, a server, and what is between them, in virtual time.

use std::collections::BTreeMap;

use opencode_session::proto::change::Delivery;
use opencode_session::proto::client::{Client, Config, Failure, Input};
use opencode_session::proto::connection::{RetryPolicy, Transport};
use opencode_session::proto::limits::Limits;
use opencode_session::proto::rng::Rng;
use opencode_session::proto::sync::{Output, Reply};
use serde_json::json;

use crate::fault::{Counts, Fault, Profile, Reached};
use crate::judge::{Judge, Open};
use crate::net::{Flight, Net, Stream};
use crate::plan::{Plan, Step};
use crate::support_rs::mirror::Mirror;
use crate::support_rs::server::{Server, Wire};

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) net: Net,
    pub(crate) judge: Judge,
    pub(crate) opens: Vec<Open>,
    pub(crate) counts: Counts,
    pub(crate) rng: Rng,
    pub(crate) config: Config,
    pub(crate) profile: Profile,
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
    journaling: bool,
    save_at: u64,
    /// Timers fire at multiples of this.
    pub(crate) clamp: (u64, Option<Fault>),
    pub(crate) until: Until,
    pub(crate) beat_at: u64,
    /// When the server last took in what was posted.
    taken_at: u64,
    pub(crate) token: u32,
    pub(crate) prompts: u32,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    /// Whether drains happen on the way; at the end they always do.
    pub(crate) drains: bool,
    pub(crate) trace: Trace,
    undrained: u32,
    drain_rng: Rng,
}

/// Ends of states that last.
#[derive(Debug, Default)]
pub(crate) struct Until {
    pub(crate) offline: Option<u64>,
    pub(crate) down: Option<u64>,
    pub(crate) mute: Option<u64>,
    pub(crate) clamp: Option<u64>,
    pub(crate) slow: Option<u64>,
}

/// What is kept of a run beside its verdict.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) on: bool,
    pub(crate) print: bool,
    pub(crate) hash: u64,
}

impl Trace {
    fn note(&mut self, now: u64, what: &dyn std::fmt::Debug) {
        let text = format!("{now} {what:?}");
        self.hash = text.bytes().fold(self.hash, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        if self.print {
            println!("{}", readable(&text));
        }
    }
}

/// Byte lists in a debug text, as the text that they are.
fn readable(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split('[').enumerate() {
        let (list, rest) = piece.split_once(']').unwrap_or(("", piece));
        let bytes: Option<Vec<u8>> = list.split(", ").map(|number| number.parse().ok()).collect();
        match bytes.filter(|_| at > 0) {
            Some(bytes) => out += &format!("{}{rest}", String::from_utf8_lossy(&bytes).escape_debug()),
            None if at > 0 => out += &format!("[{piece}"),
            None => out += piece,
        }
    }
    out
}

const START: u64 = 1_795_240_000_000;

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
            keeper: false,
            retry: RetryPolicy::default(),
            limits: limits(plan.profile),
            seed,
        };
        let first = server.create_session("/project");
        let mut sessions = vec![first.clone()];
        if rng.below(6) == 0 {
            sessions.push(server.create_session(if rng.below(2) == 0 { "/project" } else { "/elsewhere" }));
        }
        for n in 0..rng.below(3) {
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
            net: Net::default(),
            judge: Judge::default(),
            opens: Vec::new(),
            counts: Counts::default(),
            drain_rng: Rng::new(seed.wrapping_mul(99)),
            profile: plan.profile,
            ahead: 0,
            back: 0,
            skew: 0,
            seen: 0,
            frozen: false,
            hidden: false,
            journal: BTreeMap::new(),
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
        // PLACE FOR SMALL PAGES: with 5 messages a page, what was missed can leave a hole in a longer list.
        let limit = 100;
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
            Step::Older if self.judge.is_offline() => {}
            Step::Older => {
                let (token, handle) = (self.next_token(), self.opens[0].handle);
                self.client.load_older(handle, 3, token);
                self.pump();
            }
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
        let text = format!("prompt #{}", self.prompts);
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

    pub(crate) fn input(&mut self, input: Input<'_>) {
        if self.trace.on {
            self.trace.note(self.now - START, &input);
        }
        self.seen = self.seen.max(self.clock());
        self.client.handle_input(input, self.clock());
        self.undrained += 1;
        self.pump();
        if self.now >= self.save_at {
            self.save();
        }
        let slow = self.until.slow.is_some() && !self.calm;
        if self.drains && !slow && self.drain_rng.below(3) == 0 {
            self.drain();
        }
    }

    pub(crate) fn is_journaling(&self) -> bool {
        self.journaling
    }

    /// The page writes its journal. Not more often than this, but for the reasons that cannot wait.
    pub(crate) fn save(&mut self) {
        const EVERY: u64 = 250;
        if !self.journaling {
            return;
        }
        self.save_at = self.now + EVERY;
        for open in &self.opens {
            if let Some(record) = self.client.journal(open.handle, false) {
                self.journal.insert(open.session.clone(), record);
            }
        }
    }

    /// Takes what the client wants done.
    pub(crate) fn pump(&mut self) {
        while let Some(output) = self.client.poll_output() {
            if self.trace.on {
                self.trace.note(self.now - START, &output);
            }
            let clock = self.now + self.ahead;
            match output {
                Output::OpenStream {
                    generation,
                    source,
                    path,
                    ..
                } => {
                    self.judge.opens_stream(clock, source);
                    if path.starts_with("/global") {
                        self.counts.reach(Reached::Global);
                    }
                    if self.until.mute.take().is_some() {
                        self.counts.reach(Reached::MuteNoticed);
                    }
                    self.net.stream = Some(Stream::new(
                        generation,
                        path.starts_with("/global"),
                        self.rng.below(2) == 0,
                    ));
                }
                Output::CloseStream => {
                    self.judge.stream_ended(self.seen);
                    self.net.stream = None;
                }
                Output::Request(request) => {
                    if request.path.contains("/prompt_async") {
                        // The post waits until it stands in the journal.
                        self.save();
                    }
                    self.judge.asks(clock, &request, self.opens.len());
                    self.net.asked(&request, &mut self.counts);
                    self.net.flights.push(Flight::new(request, self.now));
                }
                Output::Reply { token, result } => {
                    if let (Ok(Reply::Message { session, index }), false) = (&result, self.calm && !self.drains) {
                        self.drain();
                        let open = self.opens.iter().find(|open| open.handle == *session);
                        let there = open.is_none_or(|open| *index < open.mirror.messages.len());
                        assert!(there, "the answer is at {index}, behind the list");
                    }
                    self.judge.answered(token, &result, &self.server, self.profile);
                }
                Output::Log { level, code, message } => {
                    assert!(level < 3, "an error was logged: {code} {message}");
                    let broken = code == "bad_event" || code == "event_too_large";
                    assert!(
                        !broken || self.profile == Profile::Hostile,
                        "a good stream is called broken: {code} {message}"
                    );
                }
            }
        }
    }

    /// The page shows what changed.
    pub(crate) fn drain(&mut self) {
        if self.frozen {
            return;
        }
        if self.undrained > 50 && self.until.slow.is_some() {
            self.counts.hit(Fault::SlowSubscriber);
        }
        let fresh = std::mem::take(&mut self.undrained) <= 1;
        for open in &mut self.opens {
            if !self.client.is_dirty(open.handle) {
                continue;
            }
            let mut changes = Vec::new();
            self.client.drain(open.handle, &mut changes);
            if self.trace.print {
                self.trace.note(self.now - START, &changes);
            }
            open.mirror.apply(changes);
            open.check(&self.server, self.profile, fresh, &mut self.counts);
        }
        let bytes = self.client.buffered_bytes();
        let bound = 4 * (self.config.limits.event + self.config.limits.buffered * self.opens.len());
        assert!(bytes < bound, "{bytes} bytes are held");
    }

    /// Time passes: timers, heartbeats, time limits, ends of faults. Not while the server is in the middle of
    /// something that takes none.
    pub(crate) fn pass(&mut self, ms: u64) {
        if self.server.is_urgent() {
            return;
        }
        let end = self.now + ms;
        if ms >= 500 || self.now >= self.taken_at + 2_000 {
            // Taking a prompt in does not last as long.
            self.taken_at = self.now;
            for at in 0..self.opens.len() {
                let session = self.opens[at].session.clone();
                self.server.intake(&session);
            }
        }
        let mut spins = 0;
        loop {
            let due = self.timer();
            let limit = self.net.next_timeout().filter(|_| !self.frozen);
            let next = [due, limit, Some(self.beat_at), self.until.next()];
            let next = next.into_iter().flatten().min().unwrap_or(end).clamp(self.now, end);
            spins = if next == self.now { spins + 1 } else { 0 };
            assert!(spins < 300, "a tight loop: {:?}", self.client.poll_timeout());
            self.now = next;
            self.server.now = self.now.saturating_add_signed(self.skew);
            if self.beat_at <= self.now {
                self.beat_at = self.now + if self.server.wire == Wire::Old { 30_000 } else { 10_000 };
                self.server.publish("", "server.heartbeat", json!({}));
            } else if self.until.next().is_some_and(|at| at <= self.now) {
                self.recover();
            } else if limit.is_some_and(|at| at <= self.now) {
                self.time_out();
            } else if due.is_some_and(|at| at <= self.now) {
                let late = self
                    .client
                    .poll_timeout()
                    .is_some_and(|at| self.now + self.ahead > at + 50);
                if let (true, Some(fault)) = (late, self.clamp.1) {
                    self.counts.hit(fault);
                }
                self.back = 0;
                self.input(Input::Timeout);
            } else if self.now >= end {
                return;
            }
        }
    }

    /// When the page's timer fires, in true time.
    fn timer(&self) -> Option<u64> {
        if self.frozen {
            return None;
        }
        let at = self.client.poll_timeout()?.saturating_sub(self.ahead).max(self.now);
        match self.clamp.0 {
            0 => Some(at),
            clamp => Some(at.next_multiple_of(clamp)),
        }
    }

    fn time_out(&mut self) {
        while let Some(id) = self.net.take_overdue(self.now) {
            self.input(Input::Failed {
                id,
                cause: Failure::Timeout,
            });
        }
    }

    /// States that lasted long enough end.
    pub(crate) fn recover(&mut self) {
        let past = |at: &Option<u64>, now| at.is_some_and(|at| at <= now);
        if past(&self.until.down, self.now) {
            self.until.down = None;
        }
        if past(&self.until.clamp, self.now) {
            (self.until.clamp, self.clamp) = (None, (0, None));
            self.look(true);
        }
        if past(&self.until.slow, self.now) {
            self.drain();
            self.until.slow = None;
        }
        if past(&self.until.offline, self.now) && !self.frozen {
            self.until.offline = None;
            self.judge.kicked();
            self.input(Input::Online);
        } else if self.frozen && past(&self.until.offline, self.now) {
            self.until.offline = Some(self.now + 1_000);
        }
        if past(&self.until.mute, self.now) {
            self.until.mute = None;
            // What no message tells of, a title, is only found when the proxy ends the stream.
            if self.net.stream.as_ref().is_some_and(|stream| stream.mute) {
                self.cut(false);
            }
        }
    }

    /// The page is shown or hidden.
    pub(crate) fn look(&mut self, visible: bool) {
        if !self.frozen && self.hidden == visible {
            self.hidden = !visible;
            if visible {
                self.judge.kicked_now();
            } else {
                self.save();
            }
            self.input(Input::Visible(visible));
        }
    }

    /// Faults are over; the server ends its work, and the client its own.
    pub(crate) fn rest(&mut self) {
        self.calm = true;
        self.frozen = false;
        self.back = 0;
        self.clamp = (0, None);
        self.net.disarm();
        self.until.down = None;
        self.look(true);
        for at in [&mut self.until.offline, &mut self.until.slow] {
            *at = at.map(|_| self.now);
        }
        self.recover();
        self.drain();
        if self.profile == Profile::Hostile || self.opens.iter().any(Open::is_hopeless) {
            self.reconnect();
        }
        let start = self.now;
        let grace = self.judge.grace(self.now + self.ahead);
        let mut live_at = None;
        let mut idle_since = self.now;
        let mut done = false;
        for _ in 0..6_000 {
            let pick = self.rng.below(1 << 40);
            if self.server.step(pick) {
                self.pass(2);
                idle_since = self.now;
            }
            self.arrive();
            self.drain();
            if live_at.is_none() && self.opens.iter().all(Open::is_live) {
                live_at = Some(self.now);
                idle_since = self.now;
            }
            if live_at.is_none() {
                assert!(
                    self.now - start <= RECOVERY + grace,
                    "P7: not live {} s after the last fault: {} {}",
                    (self.now - start) / 1_000,
                    self.opens[0].mirror.field("connection"),
                    self.opens[0].mirror.field("error"),
                );
            }
            let idle = self.server.lanes.values().all(std::collections::VecDeque::is_empty);
            if !idle || !self.net.flights.is_empty() {
                continue;
            }
            let wait = self
                .client
                .poll_timeout()
                .map(|at| at.saturating_sub(self.now + self.ahead));
            match wait {
                Some(wait)
                    if wait < 2_500
                        || live_at.is_none()
                        || (self.now < idle_since + self.patience() && !self.is_at_rest()) =>
                {
                    self.pass(wait.clamp(1, 9_000));
                }
                _ => {
                    done = true;
                    break;
                }
            }
        }
        assert!(done, "never comes to rest: {:?}", self.judge.last_asked);
        self.arrive();
        self.drain();
    }

    fn patience(&self) -> u64 {
        let polls = self
            .opens
            .iter()
            .any(|open| open.mirror.field("connection")["phase"] == "polling");
        let mute = self.until.mute.is_some();
        if polls || mute {
            POLL_PATIENCE + 400_000 * u64::from(mute)
        } else {
            PATIENCE
        }
    }

    /// Nobody waits for anything, and what is shown is all there is. Polls and checks may take a while to get there.
    fn is_at_rest(&self) -> bool {
        self.judge.is_answered() && self.opens.iter().all(|open| open.differs(&self.server).is_none())
    }

    /// A new page: of the old one, only the journal is left.
    pub(crate) fn reload(&mut self) {
        self.config.seed = self.config.seed.wrapping_add(1_000_003);
        self.client = Client::new(self.config.clone());
        self.seen = self.clock();
        self.net.stream = None;
        self.net.flights.clear();
        self.judge.reloaded(&self.journal);
        self.hidden = false;
        self.save_at = 0;
        for open in std::mem::take(&mut self.opens) {
            let record = self
                .journal
                .get(&open.session)
                .filter(|record| !record.is_empty())
                .cloned();
            let Some(record) = record else {
                self.open(open.session, open.limit);
                continue;
            };
            self.counts.reach(Reached::Restored);
            let handle = self.client.open_held(&open.session, open.limit, self.clock());
            self.opens
                .push(Open::restored(open.session, handle, open.limit, &record));
            self.pump();
            if self.rng.below(2) == 0 {
                self.arrive();
            }
            self.client.restore(handle, &record, true, self.clock());
            self.client.resume(handle, self.clock());
            self.pump();
        }
        if self.until.offline.is_some() {
            self.go_offline();
        }
    }

    /// The host says that there is no network.
    pub(crate) fn go_offline(&mut self) {
        self.judge.goes_offline();
        self.input(Input::Offline);
    }

    /// Equal to the server, to a client that starts now, and to what the callers were told.
    pub(crate) fn conclude(&mut self) {
        for open in &self.opens {
            if let Some(error) = open.differs(&self.server) {
                panic!("{error}");
            }
        }
        self.judge.conclude(&self.server, self.profile, &self.opens);
        if self.profile == Profile::Hostile {
            return;
        }
        let known: Vec<(String, Mirror)> = self
            .opens
            .iter()
            .map(|open| (open.session.clone(), open.mirror.clone()))
            .collect();
        // A fresh client, with nothing to restore.
        self.journal.clear();
        self.journaling = false;
        self.reload();
        self.rest();
        for (open, (session, mirror)) in self.opens.iter().zip(&known) {
            assert!(open.session == *session);
            if open.limit < 100 {
                continue;
            }
            let same = |mirror: &Mirror| {
                let history = mirror.history();
                let sent = mirror
                    .messages
                    .iter()
                    .filter(|message| message.delivery != Some(Delivery::Failed));
                let count = sent.count().min(open.mirror.messages.len());
                history[history.len() - count..].to_vec()
            };
            assert_eq!(
                same(mirror),
                same(&open.mirror),
                "P3: a fresh client shows something else"
            );
        }
    }
}

/// P7: one backoff, one watchdog (2.5 beats of at most 45 s), one wait for `connected`, and the wait after a failed load.
const RECOVERY: u64 = 20_000 + 113_000 + 20_000 + 20_000;

/// Longer than any check or wait for an answer takes; and than the polls of which one fetches everything.
const PATIENCE: u64 = 100_000;
const POLL_PATIENCE: u64 = 400_000;

impl Until {
    fn next(&self) -> Option<u64> {
        let all = [self.offline, self.down, self.mute, self.clamp, self.slow];
        all.into_iter().flatten().min()
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
