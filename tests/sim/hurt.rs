//! How each fault is done.

use opencode_session::proto::client::{Failure, Input};
use opencode_session::proto::connection::Transport;
use opencode_session::proto::rng::Rng;
use serde_json::json;

use crate::fault::{Fault, Reached};
use crate::net::{Net, Target};
use crate::support_rs::server::Wire;
use crate::world::World;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

impl World {
    pub(crate) fn hurt(&mut self, fault: Fault, rng: &mut Rng) {
        match fault {
            Fault::CleanEnd | Fault::Reset => {
                if self.until_open(rng) && self.has_stream() {
                    self.counts.hit(fault);
                    self.cut(fault == Fault::CleanEnd);
                }
            }
            Fault::CutByte => self.cut_inside(rng),
            Fault::CutHeaders => {
                self.arm(fault, Target::Stream, rng);
                self.cut(false);
                self.live_through(2 * SECOND, rng);
            }
            Fault::CutSnapshot => {
                if self.until_syncing(rng) {
                    self.counts.hit(fault);
                    self.cut(rng.below(2) == 0);
                }
            }
            Fault::CutTwice => {
                self.cut(false);
                if self.until_open(rng) {
                    self.counts.hit(fault);
                    self.cut(rng.below(2) == 0);
                }
            }
            Fault::HalfOpen => {
                let wait = if rng.below(3) == 0 {
                    u64::MAX
                } else {
                    self.now + rng.below(90 * SECOND)
                };
                self.until_open(rng);
                if let Some(stream) = self.net.stream.as_mut().filter(|stream| stream.opened) {
                    stream.still = wait;
                    self.counts.hit(fault);
                    let patience = rng.below(70 * SECOND);
                    self.live_through(patience, rng);
                }
            }
            Fault::LateBytes => self.late_bytes(rng),
            Fault::Mute => {
                let until = self.now + MINUTE + rng.below(10 * MINUTE);
                self.until_open(rng);
                if let Some(stream) = self.net.stream.as_mut().filter(|stream| stream.opened) {
                    stream.mute = true;
                    self.until.mute = Some(until);
                    for _ in 0..5 + rng.below(10) {
                        self.server.step(rng.next_u64() >> 20);
                    }
                    self.pull();
                }
            }
            Fault::Http401
            | Fault::Http403
            | Fault::Http404
            | Fault::Http429Seconds
            | Fault::Http429Date
            | Fault::Http429Absurd
            | Fault::Http500
            | Fault::Http502Html
            | Fault::Http503
            | Fault::Html200
            | Fault::WrongType
            | Fault::Truncated
            | Fault::NoContent
            | Fault::Redirect => self.answer_badly(fault, rng),
            Fault::SlowSnapshot => {
                self.arm(fault, Target::Get, rng);
                self.cut(false);
                self.live_through(4 * SECOND, rng);
            }
            Fault::OlderSnapshotLast => self.older_snapshot_last(rng),
            Fault::PostLost | Fault::PostAnswerLost | Fault::PostLate => {
                self.arm(fault, Target::Post, rng);
                self.send();
                self.work(rng);
            }
            Fault::AbortWhileSending => self.abort(rng),
            Fault::Restart => self.restart(rng),
            Fault::Sleep => self.sleep(rng),
            Fault::WallBack => {
                self.counts.hit(fault);
                // A restored prompt that the server names is known by being newer than what was there before it.
                // Any server may be taken for one that names prompts, when the answer about its version was spoilt.
                if rng.below(2) == 0 && !self.is_journaling() {
                    self.skew -= (SECOND + rng.below(60 * MINUTE)) as i64;
                } else {
                    self.back = 1 + rng.below(60 * MINUTE);
                    self.work(rng);
                    self.back = 0;
                }
            }
            Fault::WallForward => {
                self.counts.hit(fault);
                let by = SECOND + rng.below(20 * MINUTE);
                if rng.below(2) == 0 {
                    self.skew += by as i64;
                } else {
                    self.ahead += by;
                    self.pass(1);
                }
            }
            Fault::LateTimer1 | Fault::LateTimer60 => {
                let every = if fault == Fault::LateTimer1 { SECOND } else { MINUTE };
                self.clamp = (every, Some(fault));
                self.until.clamp = Some(self.now + 2 * every + rng.below(MINUTE));
                self.cut(rng.below(2) == 0);
                self.live_through(3 * SECOND, rng);
            }
            Fault::Hidden => {
                self.counts.hit(fault);
                self.look(false);
                let end = self.now + rng.below(5 * MINUTE);
                self.clamp = (SECOND, Some(Fault::LateTimer1));
                (self.until.clamp, self.until.slow) = (Some(end), Some(end));
                self.live_through(rng.below(MINUTE), rng);
            }
            Fault::Frozen | Fault::Bfcache => self.freeze(fault, rng),
            Fault::OfflineRight | Fault::OfflineWrong => {
                self.counts.hit(fault);
                let end = self.now + rng.below(2 * MINUTE);
                (self.until.offline, self.until.down) = (Some(end), (fault == Fault::OfflineRight).then_some(end));
                self.go_offline();
                self.live_through(rng.below(2 * MINUTE), rng);
            }
            Fault::NetworkDown => {
                self.counts.hit(fault);
                self.until.down = Some(self.now + rng.below(3 * MINUTE));
                if rng.below(2) == 0 {
                    self.cut(false);
                } else if let Some(stream) = &mut self.net.stream {
                    stream.still = u64::MAX;
                }
                self.live_through(rng.below(3 * MINUTE), rng);
            }
            Fault::Reload => {
                self.counts.hit(fault);
                // A crash writes nothing.
                if rng.below(3) > 0 {
                    self.save();
                }
                self.reload();
            }
            Fault::SlowSubscriber => {
                self.until.slow = Some(self.now + rng.below(2 * MINUTE));
                self.work(rng);
            }
            Fault::ByteWise => self.byte_wise(rng),
            Fault::CutUtf8 | Fault::CutCrlf => self.cut_pair(fault, rng),
            Fault::EmptyChunk => {
                self.until_open(rng);
                if let Some(stream) = self.net.stream.as_ref().filter(|stream| stream.opened) {
                    let generation = stream.generation;
                    self.counts.hit(fault);
                    self.input(Input::StreamBytes { generation, bytes: &[] });
                }
            }
            Fault::SameIdAgain => {
                if self.server.wire == Wire::New {
                    self.say_again(fault, rng);
                }
            }
            _ => self.forge(fault, rng),
        }
    }

    fn has_stream(&self) -> bool {
        self.net.stream.is_some() && !self.frozen
    }

    fn arm(&mut self, fault: Fault, target: Target, rng: &mut Rng) {
        if self.net.armed.len() < 4 {
            self.net.armed.push((fault, target, 50 + rng.below(9 * SECOND)));
        }
    }

    fn is_open(&self) -> bool {
        self.net
            .stream
            .as_ref()
            .is_some_and(|stream| stream.opened && stream.still == 0)
    }

    /// Waits for a stream to be open, as long as one backoff takes.
    fn until_open(&mut self, rng: &mut Rng) -> bool {
        for _ in 0..60 {
            if self.is_open() {
                return true;
            }
            self.server.step(rng.next_u64() >> 20);
            self.flow(usize::MAX);
            self.pass(500);
        }
        false
    }

    fn until_syncing(&mut self, rng: &mut Rng) -> bool {
        self.cut(false);
        for _ in 0..60 {
            if self.is_open() && self.net.flights.iter().any(|flight| flight.is_page()) {
                for _ in 0..rng.below(6) {
                    self.progress(rng.below(4) as usize);
                }
                return self.net.flights.iter().any(|flight| flight.is_page());
            }
            self.flow(usize::MAX);
            self.pass(500);
        }
        false
    }

    /// Something to be cut: the server speaks until a frame is on the wire.
    fn until_pending(&mut self, rng: &mut Rng) -> bool {
        if self.config.transport == Transport::EventSource || !self.until_open(rng) {
            return false;
        }
        for _ in 0..30 {
            self.pull();
            if self
                .net
                .stream
                .as_ref()
                .is_some_and(|stream| stream.pending().len() > 40)
            {
                return true;
            }
            if !self.server.step(rng.next_u64() >> 20) {
                let session = self.opens[0].session.clone();
                self.server.touch(&session);
            }
        }
        false
    }

    fn cut_inside(&mut self, rng: &mut Rng) {
        if !self.until_pending(rng) {
            return;
        }
        let length = self.net.stream.as_ref().map_or(0, |stream| stream.pending().len());
        self.flow(1 + rng.below(length as u64 - 1) as usize);
        if self.has_stream() {
            self.counts.hit(Fault::CutByte);
            self.cut(rng.below(2) == 0);
        }
    }

    /// A stream that the client believes dead speaks again, after its successor.
    fn late_bytes(&mut self, rng: &mut Rng) {
        if !self.until_pending(rng) {
            return;
        }
        let Some(stream) = &self.net.stream else { return };
        let (generation, bytes) = (stream.generation, stream.pending().to_vec());
        self.cut(false);
        if rng.below(2) == 0 {
            self.live_through(rng.below(6 * SECOND), rng);
        } else {
            // The server says nothing meanwhile: what comes late is what is still open.
            for _ in 0..24 {
                self.pass(500);
                self.arrive();
            }
        }
        if self.frozen
            || self
                .net
                .stream
                .as_ref()
                .is_some_and(|stream| stream.generation == generation)
        {
            return;
        }
        self.counts.hit(Fault::LateBytes);
        self.input(Input::StreamBytes {
            generation,
            bytes: &bytes,
        });
        self.input(Input::StreamClosed {
            generation,
            cause: Some(Failure::Network),
        });
    }

    fn answer_badly(&mut self, fault: Fault, rng: &mut Rng) {
        let target = match rng.below(6) {
            0..3 => Target::Stream,
            3 | 4 => Target::Get,
            _ if matches!(fault, Fault::Truncated | Fault::NoContent) => Target::Get,
            _ => Target::Post,
        };
        // Refused three times in a row, the stream is given up for polling.
        let times = if target == Target::Stream && rng.below(3) == 0 {
            3
        } else {
            1
        };
        for _ in 0..times {
            self.arm(fault, target, rng);
        }
        match target {
            Target::Post => {
                self.send();
                self.work(rng);
            }
            _ => {
                self.cut(false);
                self.live_through(times * 2 * SECOND, rng);
            }
        }
    }

    /// A page read before the stream broke is answered after the next one.
    fn older_snapshot_last(&mut self, rng: &mut Rng) {
        self.arm(Fault::OlderSnapshotLast, Target::Get, rng);
        if !self.until_syncing(rng) {
            return;
        }
        let Some(at) = self
            .net
            .flights
            .iter()
            .position(|flight| flight.is_page() && flight.answer.is_none())
        else {
            return;
        };
        self.progress(at);
        for _ in 0..6 {
            self.server.step(rng.next_u64() >> 20);
        }
        self.cut(false);
        self.live_through(12 * SECOND, rng);
    }

    fn abort(&mut self, rng: &mut Rng) {
        if self.frozen || self.opens.is_empty() {
            return;
        }
        self.until_open(rng);
        let posting = |net: &Net| {
            net.flights
                .iter()
                .any(|flight| flight.request.path.contains("prompt_async"))
        };
        if !posting(&self.net) {
            self.send();
        }
        for _ in 0..12 {
            if !posting(&self.net) {
                self.flow(usize::MAX);
                self.progress(rng.below(4) as usize);
                self.pass(10);
            }
        }
        let posting = posting(&self.net);
        let token = self.next_token();
        let path = format!("/session/{}/abort", self.opens[0].session);
        self.client.call(self.opens[0].handle, "POST", &path, None, token);
        self.pump();
        if posting {
            self.counts.hit(Fault::AbortWhileSending);
        }
        self.work(rng);
    }

    fn restart(&mut self, rng: &mut Rng) {
        let running = !self.server.open.is_empty() || self.server.lanes.values().any(|lane| !lane.is_empty());
        if !running {
            let session = self.opens[0].session.clone();
            let text = format!("prompt #other{}", self.prompts);
            self.prompts += 1;
            self.server.prompt(&session, crate::world::prompt(&text));
            for _ in 0..5 + rng.below(20) {
                self.server.step(0);
            }
        }
        // A message is stored with its parts at once.
        while self.server.is_urgent() {
            self.server.step(0);
        }
        self.flow(usize::MAX);
        self.server.restart(rng.below(2) == 0);
        self.counts.hit(Fault::Restart);
        self.counts.reach(Reached::Restarted);
        while !self.frozen && !self.net.flights.is_empty() {
            self.lose(0);
            if self.net.flights.len() > 40 {
                break;
            }
        }
        self.cut(rng.below(2) == 0);
        if rng.below(2) == 0 {
            self.until.down = Some(self.now + rng.below(8 * SECOND));
        }
    }

    /// The machine sleeps; the server goes on.
    fn sleep(&mut self, rng: &mut Rng) {
        let long = if rng.below(2) == 0 {
            48 * 60 * MINUTE
        } else {
            30 * MINUTE
        };
        let time = MINUTE + rng.below(long);
        self.counts.hit(Fault::Sleep);
        for _ in 0..rng.below(200) {
            self.server.step(rng.next_u64() >> 20);
        }
        while self.server.is_urgent() {
            self.server.step(0);
        }
        self.now += time;
        self.beat_at = self.now + 5 * SECOND;
        self.server.now = self.now.saturating_add_signed(self.skew);
        match rng.below(3) {
            0 => self.cut(false),
            1 => {
                if let Some(stream) = &mut self.net.stream {
                    stream.still = u64::MAX;
                }
            }
            _ => {}
        }
        self.pass(1);
    }

    /// The page stands still, and then gets everything at once; or, from the back-forward cache, nothing of it.
    fn freeze(&mut self, fault: Fault, rng: &mut Rng) {
        // Browsers tell most pages; a machine that sleeps tells none.
        let told = rng.below(2) == 0 && self.until.offline.is_none() && !self.judge.is_offline();
        if told {
            self.save();
            self.go_offline();
        }
        self.frozen = true;
        self.live_through(rng.below(3 * MINUTE), rng);
        self.frozen = false;
        self.counts.hit(fault);
        if fault == Fault::Bfcache {
            self.cut(false);
            for _ in 0..self.net.flights.len() {
                self.lose(0);
            }
        }
        if told {
            self.judge.kicked();
            self.input(Input::Online);
        }
        self.arrive();
        self.pass(1);
    }

    fn byte_wise(&mut self, rng: &mut Rng) {
        if !self.until_pending(rng) {
            return;
        }
        for n in 0..rng.below(160) {
            if !self.has_stream() {
                return;
            }
            self.flow(1);
            if n == 10 {
                self.counts.hit(Fault::ByteWise);
            }
        }
    }

    /// The next chunk ends in the middle of a character, or of a line end.
    fn cut_pair(&mut self, fault: Fault, rng: &mut Rng) {
        for _ in 0..12 {
            if !self.until_pending(rng) {
                return;
            }
            let Some(stream) = &self.net.stream else { return };
            let inside = |pair: &[u8]| match fault {
                Fault::CutUtf8 => pair[1] & 0xC0 == 0x80,
                _ => pair == b"\r\n",
            };
            if let Some(at) = stream.pending().windows(2).position(inside) {
                return self.flow(at + 1);
            }
            self.flow(usize::MAX);
            self.server.step(rng.next_u64() >> 20);
        }
    }

    /// An event that this stream has carried comes again.
    fn say_again(&mut self, fault: Fault, rng: &mut Rng) {
        if !self.until_pending(rng) {
            return;
        }
        self.flow(usize::MAX);
        let Some(stream) = self.net.stream.as_mut().filter(|stream| stream.opened && !stream.mute) else {
            return;
        };
        let carried = stream.next.saturating_sub(stream.first).min(20) as u64;
        if carried == 0 {
            return;
        }
        let event = &self.server.log[stream.next - 1 - rng.below(carried) as usize];
        let mut frames = event.frames(stream.global);
        if fault == Fault::NewIdAgain {
            frames = frames.replace("\"id\":\"evt_", "\"id\":\"evt_again_");
        }
        if !frames.is_empty() {
            self.counts.hit(fault);
            stream.push(&frames);
        }
    }

    /// What no correct server sends.
    fn forge(&mut self, fault: Fault, rng: &mut Rng) {
        if fault == Fault::BadBody {
            self.arm(fault, Target::Get, rng);
            self.cut(false);
            return self.live_through(2 * SECOND, rng);
        }
        if fault == Fault::NewIdAgain {
            return self.say_again(fault, rng);
        }
        if !self.until_pending(rng) {
            return;
        }
        let session = self.opens[0].session.clone();
        let Some(stream) = self.net.stream.as_mut() else { return };
        match fault {
            Fault::Dropped => {
                stream.bytes.truncate(stream.head);
            }
            Fault::Swapped => {
                let Some([first, second]) = self.server.log.get(stream.next.wrapping_sub(2)..stream.next) else {
                    return;
                };
                stream.bytes.truncate(stream.head);
                let frames = second.frames(stream.global) + &first.frames(stream.global);
                stream.push(&frames);
            }
            Fault::FlippedByte => {
                let at = stream.head + rng.below(stream.pending().len() as u64) as usize;
                stream.bytes[at] ^= 1 << rng.below(8);
            }
            Fault::CutJson => {
                let cut = stream.pending().len() / 2;
                stream.bytes.truncate(stream.head + cut);
                stream.push("\n\n");
            }
            Fault::DeepNesting => {
                let depth = 1 + rng.below(3_000) as usize;
                let deep = "[".repeat(depth);
                stream.push(&format!(
                    "data: {{\"type\":\"message.updated\",\"properties\":{{\"sessionID\":\"{session}\",\"info\":{deep}\n\n"
                ));
            }
            Fault::ProtoIds => {
                let id = ["__proto__", "constructor", "toString", ""][rng.below(4) as usize];
                let info = json!({ "id": id, "sessionID": session, "role": "user", "time": { "created": self.now }, "__proto__": {} });
                let part = json!({ "id": id, "messageID": id, "sessionID": session, "type": "text", "text": id });
                stream.push(&format!(
                    "data: {{\"type\":\"message.updated\",\"properties\":{{\"info\":{info}}}}}\n\ndata: {{\"type\":\"message.part.updated\",\"properties\":{{\"part\":{part}}}}}\n\n"
                ));
            }
            Fault::UnknownType => {
                let kind = ["message.part.exploded", "session.", "", "a"][rng.below(4) as usize];
                let event = json!({ "type": kind, "properties": { "sessionID": session, "part": 7, "info": [] } });
                stream.push(&format!("data: {event}\n\n"));
            }
            Fault::GiantLine => {
                let size = 30_000 + rng.below(30_000) as usize;
                stream.push(&format!(
                    "data: {{\"type\":\"message.updated\",\"x\":\"{}\"}}\n\n",
                    "y".repeat(size)
                ));
            }
            Fault::EndlessLine => {
                stream.push(&format!("data: {}", "z".repeat(45_000)));
                self.counts.hit(fault);
                (0..12).for_each(|_| self.flow(4_000));
                return self.cut(false);
            }
            _ => stream.push("retry: 0\nretry:0\n\n"),
        }
        self.counts.hit(fault);
        self.flow(usize::MAX);
    }
}
