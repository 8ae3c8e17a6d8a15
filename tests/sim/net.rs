//! The wires: one stream, and requests under way.

use std::collections::BTreeSet;

use opencode_session::proto::client::{Failure, Input};
use opencode_session::proto::connection::Transport;
use opencode_session::proto::request::{Request, Response};

use crate::fault::{Counts, Fault, Reached};
use crate::spoil::{garble, spoil};
use crate::support_rs::server::{Answer, hello};
use crate::world::World;

#[derive(Debug, Default)]
pub(crate) struct Net {
    pub(crate) stream: Option<Stream>,
    pub(crate) flights: Vec<Flight>,
    /// Faults that wait for something to strike, with what they strike.
    pub(crate) armed: Vec<(Fault, Target, u64)>,
    /// Length of the server's log at the newest read of a page that was delivered.
    newest_read: usize,
    /// Prompts as they were posted.
    posted: BTreeSet<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The head of the next stream.
    Stream,
    /// The next answer to a `GET`.
    Get,
    /// The next prompt.
    Post,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) generation: u32,
    pub(crate) opened: bool,
    pub(crate) global: bool,
    /// It comes through the keeper.
    pub(crate) kept: bool,
    pub(crate) crlf: bool,
    /// First event of the server's log that this stream carries, and the next one.
    pub(crate) first: usize,
    pub(crate) next: usize,
    /// Length of the log when the page came to the keeper, which heard what was before.
    pub(crate) joined: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) head: usize,
    /// Half open: nothing comes until then.
    pub(crate) still: u64,
    /// When the page heard of it last.
    pub(crate) heard_at: u64,
    /// Heartbeats only.
    pub(crate) mute: bool,
    /// An event of it was cut: said again whole, it would come behind later ones.
    pub(crate) broken: bool,
}

#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) request: Request,
    pub(crate) answer: Option<Answer>,
    born: u64,
    read: usize,
    pub(crate) hold: u64,
    lost: bool,
}

impl Net {
    pub(crate) fn disarm(&mut self) {
        self.armed.clear();
        for flight in &mut self.flights {
            flight.hold = 0;
        }
        if let Some(stream) = &mut self.stream {
            // A link that is dead stays dead: the client must notice.
            stream.still = if stream.still == u64::MAX { u64::MAX } else { 0 };
        }
    }

    /// What is under way gets no answer any more.
    pub(crate) fn doom(&mut self) {
        for flight in &mut self.flights {
            (flight.answer, flight.lost) = (Some(Answer::default()), true);
        }
    }

    pub(crate) fn asked(&mut self, request: &Request, counts: &mut Counts) {
        if request.path.contains("/message/") {
            counts.reach(Reached::Parked);
        }
        let prompt = request.body.as_ref().filter(|_| request.path.contains("/prompt_async"));
        if prompt.is_some_and(|body| !self.posted.insert(body.clone())) {
            counts.reach(Reached::Repeated);
        }
    }

    /// Whether an answer is under way that events may wait for.
    pub(crate) fn asks(&self) -> bool {
        self.flights.iter().any(|flight| flight.request.method == "GET")
    }

    pub(crate) fn next_timeout(&self) -> Option<u64> {
        self.flights
            .iter()
            .map(|flight| flight.born + flight.request.timeout)
            .min()
    }

    pub(crate) fn take_overdue(&mut self, now: u64) -> Option<u32> {
        let at = self
            .flights
            .iter()
            .position(|flight| flight.born + flight.request.timeout <= now)?;
        Some(self.flights.remove(at).request.id)
    }

    pub(crate) fn strike(&mut self, target: Target) -> Option<(Fault, u64)> {
        let at = self.armed.iter().position(|(_, at, _)| *at == target)?;
        let (fault, _, salt) = self.armed.remove(at);
        Some((fault, salt))
    }
}

impl Flight {
    pub(crate) fn new(request: Request, now: u64) -> Self {
        Flight {
            request,
            answer: None,
            born: now,
            read: 0,
            hold: 0,
            lost: false,
        }
    }

    pub(crate) fn is_page(&self) -> bool {
        self.request.path.contains("/message?")
    }
}

impl Stream {
    pub(crate) fn new(generation: u32, global: bool, crlf: bool) -> Self {
        Stream {
            generation,
            opened: false,
            global,
            kept: false,
            crlf,
            first: 0,
            next: 0,
            joined: 0,
            bytes: Vec::new(),
            head: 0,
            still: 0,
            heard_at: 0,
            mute: false,
            broken: false,
        }
    }

    pub(crate) fn push(&mut self, frames: &str) {
        if self.crlf {
            self.bytes.extend_from_slice(frames.replace('\n', "\r\n").as_bytes());
        } else {
            self.bytes.extend_from_slice(frames.as_bytes());
        }
    }

    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// What is to come that is taken at its word: that a text began, and the text of a prompt.
    pub(crate) fn marks(&self) -> Vec<Vec<u8>> {
        const WORDS: [&[u8]; 2] = [b"\"time\":{\"start\"", b"\"text\":\"prompt #"];
        let pending = self.pending().windows(28);
        let marks = pending.filter(|window| WORDS.iter().any(|word| window.starts_with(word)));
        marks.map(<[u8]>::to_vec).collect()
    }

    /// Whether all that was put on it has arrived.
    pub(crate) fn is_drained(&self) -> bool {
        self.opened && !self.mute && self.pending().is_empty()
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.bytes.len() - self.head);
        let bytes = self.bytes[self.head..self.head + count].to_vec();
        self.head += count;
        if self.head == self.bytes.len() {
            self.bytes.clear();
            self.head = 0;
        }
        bytes
    }
}

impl World {
    fn is_down(&self) -> bool {
        self.until.down.is_some()
    }

    /// Up to `count` bytes of the stream arrive.
    pub(crate) fn flow(&mut self, count: usize) {
        if self.frozen {
            return;
        }
        let Some(stream) = &self.net.stream else { return };
        if stream.still > self.now {
            return;
        }
        if stream.kept {
            self.relay();
            if self.net.stream.as_ref().is_none_or(|stream| !stream.opened) {
                return;
            }
        } else if self.is_down() {
            return self.cut(false);
        } else if !stream.opened {
            return self.open_stream();
        }
        self.pull();
        let whole = self.config.transport == Transport::EventSource;
        let Some(stream) = &mut self.net.stream else { return };
        let generation = stream.generation;
        if whole {
            return self.frames(count / 200 + 1);
        }
        let border = stream.head.saturating_add(count);
        match stream
            .bytes
            .get(border - 1..border.saturating_add(1))
            .unwrap_or_default()
        {
            [_, next] if next & 0xC0 == 0x80 => self.counts.hit(Fault::CutUtf8),
            [b'\r', b'\n'] => self.counts.hit(Fault::CutCrlf),
            _ => {}
        }
        let bytes = stream.take(count);
        if !bytes.is_empty() {
            stream.heard_at = self.now;
            self.input(Input::StreamBytes {
                generation,
                bytes: &bytes,
            });
        }
    }

    /// What the server said since goes on the wire.
    pub(crate) fn pull(&mut self) {
        if self.net.stream.as_ref().is_some_and(|stream| stream.kept) {
            return self.relay();
        }
        let Some(stream) = self.net.stream.as_mut().filter(|stream| stream.opened) else {
            return;
        };
        let mut muted = false;
        for event in self.server.log.get(stream.next..).unwrap_or_default() {
            if stream.mute && !event.json.contains("server.heartbeat") {
                muted = true;
            } else {
                stream.push(&event.frames(stream.global));
            }
        }
        stream.next = self.server.log.len();
        if muted {
            self.counts.hit(Fault::Mute);
        }
    }

    /// `EventSource` hands out whole events.
    fn frames(&mut self, most: usize) {
        for _ in 0..most {
            let Some(stream) = &mut self.net.stream else { return };
            let blank: &[u8] = if stream.crlf { b"\r\n\r\n" } else { b"\n\n" };
            let Some(end) = stream.pending().windows(blank.len()).position(|window| window == blank) else {
                return;
            };
            let generation = stream.generation;
            stream.heard_at = self.now;
            let frame = stream.take(end + blank.len());
            // What the shell makes of an `EventSource`'s message.
            if let Some(data) = frame[..end].strip_prefix(b"data: ") {
                let bytes = &[b"data:", data, b"\n\n"].concat();
                self.input(Input::StreamBytes { generation, bytes });
            }
        }
    }

    fn open_stream(&mut self) {
        let Some(stream) = &self.net.stream else { return };
        let generation = stream.generation;
        let Some(fault) = self.strikes_stream() else {
            return self.accept();
        };
        self.counts.hit(fault);
        if fault == Fault::CutHeaders {
            return self.cut(false);
        }
        if fault == Fault::Truncated {
            self.accept();
            self.flow(10);
            return self.cut(true);
        }
        let answer = spoil(fault, Answer::default());
        // A page that was frozen hears of it when it goes on.
        self.judge
            .refuses(self.seen.max(self.clock()), answer.retry_after, answer.status);
        self.input(Input::StreamOpened {
            generation,
            response: response(&answer),
        });
    }

    /// What comes instead of a stream.
    pub(crate) fn strikes_stream(&mut self) -> Option<Fault> {
        let front = self.until.front.map(|(_, fault)| fault);
        front.or_else(|| Some(self.net.strike(Target::Stream)?.0))
    }

    fn accept(&mut self) {
        let next = self.server.log.len();
        let Some(stream) = &mut self.net.stream else { return };
        (stream.opened, stream.first, stream.next, stream.heard_at) = (true, next, next, self.now);
        stream.push(&hello(stream.global));
        let generation = stream.generation;
        let response = Response {
            status: 200,
            content_type: "text/event-stream",
            ..Response::default()
        };
        self.input(Input::StreamOpened { generation, response });
    }

    /// The stream breaks, or ends.
    pub(crate) fn cut(&mut self, clean: bool) {
        if self.net.stream.as_ref().is_some_and(|stream| stream.kept) {
            // The way to the keeper breaks, or the keeper's own to the server.
            if self.rng.below(2) == 0 && self.keep.due().is_some() {
                self.cut_upstream();
            } else {
                self.detach();
            }
        }
        if let Some(stream) = self.net.stream.take() {
            self.judge.stream_ended(self.seen);
            self.input(Input::StreamClosed {
                generation: stream.generation,
                cause: (!clean).then_some(Failure::Network),
            });
        }
    }

    /// A request reaches the server, or its answer the page.
    pub(crate) fn progress(&mut self, at: usize) {
        if self.frozen || at >= self.net.flights.len() {
            return;
        }
        if self.is_down() {
            return self.lose(at);
        }
        if self.net.flights[at].answer.is_none() {
            return self.reach(at);
        }
        let flight = &self.net.flights[at];
        if flight.hold > self.now {
            return;
        }
        let flight = self.net.flights.remove(at);
        let log = self.server.log.len();
        if flight.is_page() {
            if flight.hold > 0 && log > flight.read {
                self.counts.hit(Fault::SlowSnapshot);
            }
            if flight.read < self.net.newest_read {
                self.counts.hit(Fault::OlderSnapshotLast);
            }
            self.net.newest_read = self.net.newest_read.max(flight.read);
        }
        let id = flight.request.id;
        if flight.lost {
            return self.input(Input::Failed {
                id,
                cause: Failure::Timeout,
            });
        }
        let mut answer = flight.answer.unwrap_or_default();
        if flight.request.method == "GET"
            && let Some((fault, salt)) = self.net.strike(Target::Get)
        {
            self.counts.hit(fault);
            self.honest &= fault != Fault::BadBody;
            answer = if fault == Fault::BadBody {
                // The version decides how prompts are named; a wrong one is another fault.
                let health = flight.request.path == "/global/health";
                garble(answer, if health { salt % 3 } else { salt })
            } else {
                spoil(fault, answer)
            };
        }
        if answer.status == 200 {
            self.opens
                .iter_mut()
                .for_each(|open| open.may_see(&flight.request.path));
        }
        self.input(Input::Response {
            id,
            response: response(&answer),
        });
    }

    /// The server reads a request, if it did not yet; its answer is under way for long.
    pub(crate) fn read(&mut self, at: usize) {
        if self.frozen || self.is_down() {
            return;
        }
        if self.net.flights[at].answer.is_none() {
            self.reach(at);
        }
        if let Some(flight) = self.net.flights.get_mut(at) {
            flight.hold = flight.hold.max(self.now + 9_000);
        }
    }

    /// The server takes a request.
    fn reach(&mut self, at: usize) {
        let flight = &self.net.flights[at];
        let is_prompt = flight.request.path.contains("prompt_async");
        let request = flight.request.clone();
        if let Some((_, fault)) = self.until.front {
            self.counts.hit(fault);
            self.net.flights[at].answer = Some(spoil(fault, Answer::default()));
            return;
        }
        let strike = if is_prompt { self.net.strike(Target::Post) } else { None };
        let mut lost = false;
        let mut hold = 0;
        let mut spoiled = None;
        if let Some((fault, salt)) = strike {
            self.counts.hit(fault);
            match fault {
                Fault::PostLost => return self.lose(at),
                Fault::PostAnswerLost => lost = true,
                Fault::PostLate => hold = self.now + 200 + salt % 12_000,
                // A proxy may say so after the server took it.
                Fault::Http500 | Fault::Http502Html | Fault::Http503 if salt % 2 == 0 => spoiled = Some(fault),
                _ => {
                    let answer = spoil(fault, Answer::default());
                    self.net.flights[at].answer = Some(answer);
                    return;
                }
            }
        }
        let mut answer = self.server.answer(&request);
        if is_prompt {
            self.counts.reach(Reached::Busy);
            if lost {
                // A loss shows after a while. A server's answer comes before it stores, a proxy's own word even earlier.
                let session = request.path.split('/').nth(2).unwrap_or_default().to_owned();
                self.server.intake(&session);
            }
            if lost || spoiled.is_some() {
                self.counts.reach(Reached::Unclear);
            }
        }
        if let Some(fault) = spoiled {
            answer = spoil(fault, answer);
        }
        let slow = |(fault, ..): &(Fault, Target, u64)| matches!(fault, Fault::SlowSnapshot | Fault::OlderSnapshotLast);
        let flight = &mut self.net.flights[at];
        if flight.is_page()
            && let Some(armed) = self.net.armed.iter().position(slow)
        {
            hold = self.now + self.net.armed.remove(armed).2;
        }
        (flight.answer, flight.read, flight.lost, flight.hold) = (Some(answer), self.server.log.len(), lost, hold);
    }

    /// A request gets no answer.
    pub(crate) fn lose(&mut self, at: usize) {
        let id = self.net.flights.remove(at).request.id;
        self.input(Input::Failed {
            id,
            cause: Failure::Network,
        });
    }

    /// Everything that is under way arrives, in order and at once; what is held up does not.
    pub(crate) fn arrive(&mut self) {
        for _ in 0..60 {
            self.flow(usize::MAX);
            self.flow(usize::MAX);
            let before = self.net.flights.len();
            let mut at = 0;
            let mut moved = false;
            while at < self.net.flights.len() && !self.frozen {
                let (count, asked) = (self.net.flights.len(), self.net.flights[at].answer.is_some());
                self.progress(at);
                let same =
                    self.net.flights.len() == count && self.net.flights.get(at).is_some_and(|f| f.answer.is_some());
                if same && asked {
                    at += 1;
                } else {
                    moved = true;
                }
            }
            if !moved && before == self.net.flights.len() {
                return;
            }
        }
    }
}

fn response(answer: &Answer) -> Response<'_> {
    Response {
        status: answer.status,
        content_type: answer.content_type,
        cursor: &answer.cursor,
        retry_after: answer.retry_after,
        body: &answer.body,
    }
}
