//! A keeper between the page and the server: the service worker, or a tab that leads. It outlives pages, and may end at any moment.

use opencode_session::proto::client::{Failure, Input};
use opencode_session::proto::keeper::{Config, Ending, Input as In, Keeper, Output};
use opencode_session::proto::request::Response;

use crate::fault::{Fault, Reached};
use crate::net::Stream;
use crate::spoil::spoil;
use crate::support_rs::server::{Answer, hello};
use crate::world::World;

#[derive(Default)]
pub(crate) struct Keep {
    machine: Option<Keeper>,
    /// Its own stream from the server.
    up: Option<Stream>,
    /// The page's number with it; each attachment has a new one.
    reader: u32,
    seed: u64,
    /// What it is told next comes in two pieces, cut inside a line's end.
    pub(crate) split: bool,
    /// There is none until then: its file cannot be fetched, or the browser starts no worker.
    pub(crate) missing: Option<u64>,
    /// The page notices then that its keeper is gone.
    pub(crate) orphaned: Option<u64>,
}

const STREAM: Response<'static> = Response {
    status: 200,
    content_type: "text/event-stream",
    cursor: "",
    retry_after: "",
    body: &[],
};

impl Keep {
    /// When it wants to be looked at next.
    pub(crate) fn due(&self) -> Option<u64> {
        let machine = self.machine.as_ref().and_then(Keeper::poll_timeout);
        [machine, self.missing, self.orphaned].into_iter().flatten().min()
    }
}

impl World {
    /// The page asks for the stream.
    pub(crate) fn attach(&mut self, position: Option<String>) {
        self.detach();
        self.keep.reader += 1;
        self.keep.orphaned = None;
        if self.keep.missing.is_some() {
            // Told when the stream is looked at next.
            return;
        }
        self.keep.seed = self
            .keep
            .seed
            .wrapping_add(self.config.seed)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            | 1;
        let seed = self.keep.seed;
        self.keep.machine.get_or_insert_with(|| Keeper::new(Config::new(seed)));
        // It is as far as the server: what it was told on the way here is no news.
        self.relay();
        if let Some(stream) = &mut self.net.stream {
            stream.joined = self.server.log.len();
        }
        let reader = self.keep.reader;
        self.keep_input(In::Attach { reader, position });
    }

    /// The page is gone, or wants no stream any more.
    pub(crate) fn detach(&mut self) {
        let reader = self.keep.reader;
        self.keep_input(In::Detach { reader });
    }

    /// What comes from the server goes through the keeper onto the page's stream.
    pub(crate) fn relay(&mut self) {
        if self.keep.machine.is_none() {
            if self.keep.missing.is_some() && self.net.stream.as_ref().is_some_and(|stream| stream.kept) {
                self.end_kept(Some(Failure::Keeper));
            }
            return;
        }
        if self.until.down.is_some() {
            return self.cut_upstream();
        }
        let Some(up) = &self.keep.up else { return };
        let generation = up.generation;
        if !up.opened && !self.open_upstream(generation) {
            return;
        }
        let Some(up) = &mut self.keep.up else { return };
        for event in self.server.log.get(up.next..).unwrap_or_default() {
            if !up.mute || event.json.contains("server.heartbeat") {
                up.push(&event.frames(true));
            } else {
                self.counts.hit(Fault::Mute);
            }
        }
        up.next = self.server.log.len();
        let bytes = std::mem::take(&mut up.bytes);
        let (first, next, mute) = (up.first, up.next, up.mute);
        let end = bytes
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .filter(|_| self.keep.split);
        if end.is_some() {
            self.keep.split = false;
            self.counts.hit(Fault::CutCrlf);
        }
        let (start, rest) = bytes.split_at(end.map_or(0, |at| at + 1));
        for bytes in [start, rest].into_iter().filter(|bytes| !bytes.is_empty()) {
            self.keep_input(In::StreamBytes { generation, bytes });
        }
        if let Some(stream) = self.net.stream.as_mut().filter(|stream| stream.kept) {
            (stream.first, stream.next, stream.mute) = (first, next, mute);
        }
    }

    /// The server's answer to the keeper. A page hears of it by what the keeper makes of it.
    fn open_upstream(&mut self, generation: u32) -> bool {
        let Some(fault) = self.strikes_stream() else {
            let next = self.server.log.len();
            if let Some(up) = &mut self.keep.up {
                (up.opened, up.first, up.next) = (true, next, next);
                up.push(&hello(true));
            }
            let response = STREAM;
            self.keep_input(In::StreamOpened { generation, response });
            return true;
        };
        self.counts.hit(fault);
        if matches!(fault, Fault::CutHeaders | Fault::Truncated) {
            self.cut_upstream();
            return false;
        }
        let answer = spoil(fault, Answer::default());
        self.keep_input(In::StreamOpened {
            generation,
            response: Response {
                status: answer.status,
                content_type: answer.content_type,
                retry_after: answer.retry_after,
                ..Response::default()
            },
        });
        false
    }

    /// A proxy mutes the stream: the page's, or the keeper's. Gives whether there is one.
    pub(crate) fn hush(&mut self) -> bool {
        self.source().is_some_and(|stream| {
            stream.mute = true;
            true
        })
    }

    /// The proxy ends the stream that it muted.
    pub(crate) fn end_hush(&mut self) {
        let mute = |stream: &Option<Stream>| stream.as_ref().is_some_and(|stream| stream.mute);
        if mute(&self.keep.up) {
            self.cut_upstream();
        }
        if mute(&self.net.stream) {
            self.cut(false);
        }
    }

    pub(crate) fn is_hushed(&self) -> bool {
        self.keep.up.as_ref().is_some_and(|up| up.mute)
    }

    /// The server's stream: the page's, or the keeper's.
    pub(crate) fn source(&mut self) -> Option<&mut Stream> {
        let kept = self.net.stream.as_ref().is_some_and(|stream| stream.kept);
        let stream = if kept {
            self.keep.up.as_mut()
        } else {
            self.net.stream.as_mut()
        };
        stream.filter(|stream| stream.opened)
    }

    /// The keeper's stream breaks.
    pub(crate) fn cut_upstream(&mut self) {
        if let Some(up) = self.keep.up.take() {
            self.keep_input(In::StreamClosed {
                generation: up.generation,
                cause: Some(Failure::Network),
            });
        }
    }

    /// The browser ends the worker, or the leading tab is closed: all that was kept is lost.
    pub(crate) fn end_keeper(&mut self, notice: u64) -> bool {
        let had = self.keep.machine.take().is_some();
        self.keep.up = None;
        if self.net.stream.as_ref().is_some_and(|stream| stream.kept) {
            self.keep.orphaned = Some(self.now + notice);
        }
        had
    }

    /// Deadlines of the keeper, and of those who wait for one.
    pub(crate) fn keep_time(&mut self) {
        let now = self.now;
        if self.keep.missing.is_some_and(|at| at <= now) {
            self.keep.missing = None;
        }
        if self.keep.orphaned.is_some_and(|at| at <= now) {
            if self.frozen {
                self.keep.orphaned = Some(now + 1_000);
            } else {
                self.keep.orphaned = None;
                self.end_kept(None);
            }
        }
        self.relay();
        if self
            .keep
            .machine
            .as_ref()
            .and_then(Keeper::poll_timeout)
            .is_some_and(|at| at <= now)
        {
            self.keep_input(In::Timeout);
        }
    }

    fn end_kept(&mut self, cause: Option<Failure>) {
        if self.net.stream.as_ref().is_some_and(|stream| stream.kept)
            && let Some(stream) = self.net.stream.take()
        {
            self.judge.stream_ended(self.seen.max(self.clock()));
            self.input(Input::StreamClosed {
                generation: stream.generation,
                cause,
            });
        }
    }

    fn keep_input(&mut self, input: In<'_>) {
        let now = self.now;
        let Some(machine) = &mut self.keep.machine else { return };
        machine.handle_input(input, now);
        while let Some(output) = self.keep.machine.as_mut().and_then(Keeper::poll_output) {
            if self.trace.on {
                self.trace.note(self.now - crate::world::START, &("keeper", &output));
            }
            match output {
                Output::OpenStream { generation } => {
                    let crlf = self.keep.seed & 8 == 0;
                    self.keep.up = Some(Stream::new(generation, true, crlf));
                }
                Output::CloseStream => self.keep.up = None,
                Output::Idle => self.keep.machine = None,
                Output::Send { reader, bytes } if reader == self.keep.reader => self.hand_over(&bytes),
                Output::End { reader, ending } if reader == self.keep.reader => self.end_reader(&ending),
                Output::Send { .. } | Output::End { .. } => {}
            }
        }
    }

    /// A keeper's first bytes are its answer.
    fn hand_over(&mut self, bytes: &[u8]) {
        let Some(stream) = self.net.stream.as_mut().filter(|stream| stream.kept) else {
            return;
        };
        stream.bytes.extend_from_slice(bytes);
        let generation = stream.generation;
        if !std::mem::replace(&mut stream.opened, true) {
            stream.heard_at = self.now;
            self.counts.reach(Reached::Kept);
            let response = STREAM;
            self.input(Input::StreamOpened { generation, response });
        }
    }

    fn end_reader(&mut self, ending: &Ending) {
        match ending {
            Ending::Clean => self.end_kept(None),
            Ending::Failed(cause) => self.end_kept(Some(*cause)),
            Ending::Answer {
                status,
                content_type,
                retry_after,
            } => {
                let Some(stream) = self.net.stream.as_ref().filter(|stream| stream.kept) else {
                    return;
                };
                let generation = stream.generation;
                self.judge.refuses(self.seen.max(self.clock()), retry_after, *status);
                self.input(Input::StreamOpened {
                    generation,
                    response: Response {
                        status: *status,
                        content_type,
                        retry_after,
                        ..Response::default()
                    },
                });
            }
        }
    }
}
