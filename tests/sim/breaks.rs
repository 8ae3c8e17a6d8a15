//! Faults of the wire: streams and answers that break, come late, or in the wrong order.

use opencode_session::proto::client::{Failure, Input};
use opencode_session::proto::connection::Transport;
use opencode_session::proto::rng::Rng;

use crate::fault::Fault;
use crate::net::{Flight, Target};
use crate::support_rs::script;
use crate::world::{SECOND, World};

impl World {
    pub(crate) fn has_stream(&self) -> bool {
        self.net.stream.is_some() && !self.frozen
    }

    pub(crate) fn arm(&mut self, fault: Fault, target: Target, rng: &mut Rng) {
        if self.net.armed.len() < 4 {
            self.net.armed.push((fault, target, 50 + rng.below(9 * SECOND)));
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.net
            .stream
            .as_ref()
            .is_some_and(|stream| stream.opened && stream.still == 0)
    }

    /// Waits for a stream to be open, as long as one backoff takes.
    pub(crate) fn until_open(&mut self, rng: &mut Rng) -> bool {
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

    pub(crate) fn until_syncing(&mut self, rng: &mut Rng) -> bool {
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
    pub(crate) fn until_pending(&mut self, rng: &mut Rng) -> bool {
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

    pub(crate) fn cut_inside(&mut self, rng: &mut Rng) {
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
    pub(crate) fn late_bytes(&mut self, rng: &mut Rng) {
        if !self.until_pending(rng) {
            return;
        }
        let session = self.opens[0].session.clone();
        self.server.touch(&session);
        self.pull();
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
        // In the middle of an event of the new one.
        self.server.touch(&session);
        self.flow(1 + rng.below(120) as usize);
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

    pub(crate) fn answer_badly(&mut self, fault: Fault, rng: &mut Rng) {
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
    pub(crate) fn older_snapshot_last(&mut self, rng: &mut Rng) {
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
        let mut old = Vec::new();
        if rng.below(2) == 0 {
            // All of them, and while the next snapshot is on its way.
            (0..self.net.flights.len()).rev().for_each(|at| self.read(at));
            old.extend(self.net.flights.iter().map(|flight| flight.request.id));
        }
        let session = self.opens[0].session.clone();
        self.server.touch(&session);
        for _ in 0..6 {
            self.server.step(rng.next_u64() >> 20);
        }
        if old.is_empty() {
            self.cut(false);
        } else if self.until_syncing(rng) {
            self.flow(usize::MAX);
            self.flow(usize::MAX);
            for at in 0..self.net.flights.len() {
                let Flight { request, .. } = &self.net.flights[at];
                let slow = self.net.flights[at].is_page()
                    || request.path.split('?').next() == Some(&format!("/session/{session}"));
                if slow && !old.contains(&request.id) {
                    self.read(at);
                }
            }
            for id in old {
                let found = self.net.flights.iter().position(|flight| flight.request.id == id);
                if let Some(at) = found {
                    self.net.flights[at].hold = 0;
                    self.counts.hit(Fault::OlderSnapshotLast);
                    self.progress(at);
                }
            }
        }
        self.live_through(12 * SECOND, rng);
    }

    /// Events overtake the answer of a request beside the snapshot: a check, a look, an older page, a single message.
    pub(crate) fn overtaken(&mut self, rng: &mut Rng) {
        if !self.until_open(rng) || self.frozen {
            return;
        }
        self.arrive();
        let session = self.opens[0].session.clone();
        // A change outside a turn makes the client check.
        self.edit(0, rng);
        if !self.judge.is_offline() {
            self.older();
        }
        let waits = |flight: &Flight| flight.request.path.contains("/message") && flight.answer.is_none();
        for _ in 0..8 {
            let Some(at) = self.net.flights.iter().position(waits) else {
                self.flow(usize::MAX);
                self.pass(100);
                continue;
            };
            let id = self.net.flights[at].request.id;
            self.progress(at);
            script::remove_done(&mut self.server, &session, rng.next_u64() >> 20);
            for _ in 0..rng.below(6) {
                self.server.step(rng.next_u64() >> 20);
            }
            self.flow(usize::MAX);
            if let Some(at) = self.net.flights.iter().position(|flight| flight.request.id == id) {
                self.counts.hit(Fault::Overtaken);
                self.progress(at);
            }
            return;
        }
    }

    /// A change outside a turn, as a plugin or another client makes it, anywhere in the history.
    pub(crate) fn edit_any(&mut self, rng: &mut Rng) {
        let count = self.server.rooms[&self.opens[0].session].messages.len();
        let at = rng.below(count.max(1) as u64) as usize;
        self.edit(at, rng);
    }

    fn edit(&mut self, at: usize, rng: &mut Rng) {
        let session = self.opens[0].session.clone();
        let message = self.server.rooms[&session].messages.get(at);
        if let Some(id) = message
            .and_then(|message| message.info["id"].as_str())
            .map(String::from)
        {
            let note = rng.next_u64();
            self.server
                .edit_message(&session, &id, |info| info["note"] = serde_json::json!(note));
        }
    }

    pub(crate) fn byte_wise(&mut self, rng: &mut Rng) {
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
    pub(crate) fn cut_pair(&mut self, fault: Fault, rng: &mut Rng) {
        // Between a keeper and its pages no line ends so.
        self.keep.split |= fault == Fault::CutCrlf;
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
}
