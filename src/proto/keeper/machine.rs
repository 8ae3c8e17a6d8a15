use std::collections::VecDeque;

use super::readers::Readers;
use super::{Config, Ending, Input, Output};
use crate::proto::client::Failure;
use crate::proto::connection::{Backoff, Watchdog, retry_after};
use crate::proto::error::{Code, Error};
use crate::proto::event::named;
use crate::proto::replay::{Log, Taken};
use crate::proto::request::Response;
use crate::proto::rng::Rng;
use crate::proto::sse::{Decoder, Item, Notice, SseLimits};

/// Longest wait for `server.connected`.
const CONNECT_TIMEOUT: u64 = 20_000;
/// Shortest time between two tries, whoever asks for them.
const BETWEEN_TRIES: u64 = 500;
const MINUTE: u64 = 60_000;

/// Holds the one stream of a server for all its readers.
///
/// Like the client: [`handle_input`](Keeper::handle_input), then [`poll_output`](Keeper::poll_output) until there is
/// none, then a timer for [`poll_timeout`](Keeper::poll_timeout). `now` is in milliseconds and never goes back.
///
/// ```
/// use opencode_session::proto::keeper::{Config, Input, Keeper, Output};
/// let mut keeper = Keeper::new(Config::new(1));
/// keeper.handle_input(Input::Attach { reader: 1, position: None }, 0);
/// assert_eq!(keeper.poll_output(), Some(Output::OpenStream { generation: 1 }));
/// ```
pub struct Keeper {
    config: Config,
    log: Log,
    rng: Rng,
    backoff: Backoff,
    watchdog: Watchdog,
    decoder: Decoder,
    readers: Readers,
    phase: Phase,
    generation: u32,
    /// When the last try began.
    tried: Option<u64>,
    /// Events may have been missed since the last stream.
    hole: bool,
    /// There was a stream: its log is worth keeping up.
    connected: bool,
    /// When the last reader went.
    left: u64,
    outputs: VecDeque<Output>,
    /// What live readers get for this input.
    frames: Vec<u8>,
    /// When the log was last looked through for texts that were given up.
    aged: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No stream, and none before a reader comes.
    Closed,
    /// Waiting for the answer and `server.connected`, since then.
    Connecting(u64),
    /// Connected, since then.
    Live(u64),
    /// Waiting until then for the next try.
    Waiting(u64),
    /// Given up.
    Done,
}

impl Keeper {
    /// A keeper that does nothing until a reader comes.
    pub fn new(config: Config) -> Self {
        Keeper {
            log: Log::new(config.replay, config.seed),
            rng: Rng::new(config.seed),
            backoff: Backoff::new(config.retry.clone()),
            watchdog: Watchdog::default(),
            decoder: Decoder::new(SseLimits::default()),
            readers: Readers::default(),
            phase: Phase::Closed,
            generation: 0,
            tried: None,
            aged: 0,
            hole: false,
            connected: false,
            left: 0,
            outputs: VecDeque::new(),
            frames: Vec::new(),
            config,
        }
    }

    /// Takes one input.
    pub fn handle_input(&mut self, input: Input<'_>, now: u64) {
        match input {
            Input::Attach { reader, position } => self.attach(reader, position, now),
            Input::Detach { reader } => {
                let had = !self.readers.is_empty();
                self.readers.remove(reader);
                if had && self.readers.is_empty() {
                    self.left = now;
                }
            }
            Input::StreamOpened { generation, response } => {
                if generation == self.generation && matches!(self.phase, Phase::Connecting(_)) {
                    self.opened(&response, now);
                }
            }
            Input::StreamBytes { generation, bytes } => {
                if generation == self.generation && self.has_stream() {
                    self.bytes(bytes, now);
                }
            }
            Input::StreamClosed { generation, cause } => {
                if generation == self.generation && self.has_stream() {
                    self.ended(cause.map_or(Ending::Clean, Ending::Failed), None, now);
                }
            }
            Input::Timeout => self.timeout(now),
        }
        self.flush();
        if self.phase != Phase::Done && self.release().is_some_and(|at| now >= at) {
            self.close();
            self.phase = Phase::Done;
            self.outputs.push_back(Output::Idle);
        }
    }

    /// The next thing for the owner to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `Input::Timeout` wants to be handled next. May change after each input.
    pub fn poll_timeout(&self) -> Option<u64> {
        let own = match self.phase {
            Phase::Connecting(since) => Some(since + CONNECT_TIMEOUT),
            Phase::Live(_) => Some(self.watchdog.deadline()),
            Phase::Waiting(until) => Some(until),
            Phase::Closed => None,
            Phase::Done => return None,
        };
        own.into_iter().chain(self.release()).min()
    }

    /// Whether there is a reader, or a part in flight that one may come back for.
    pub fn is_needed(&self) -> bool {
        self.phase != Phase::Done && (!self.readers.is_empty() || self.log.is_in_flight())
    }

    fn has_stream(&self) -> bool {
        matches!(self.phase, Phase::Connecting(_) | Phase::Live(_))
    }

    /// When this keeper is of no use any more, should nobody come.
    fn release(&self) -> Option<u64> {
        if !self.readers.is_empty() || self.tried.is_none() {
            return None;
        }
        let hold = if self.log.is_in_flight() {
            self.config.patience
        } else {
            self.config.linger.min(self.config.patience)
        };
        Some(self.left + hold)
    }

    fn attach(&mut self, reader: u32, position: Option<String>, now: u64) {
        self.readers.remove(reader);
        if self.readers.len() >= self.config.readers {
            let ending = Ending::Answer {
                status: 503,
                content_type: String::from("text/plain"),
                retry_after: String::from("5"),
            };
            return self.outputs.push_back(Output::End { reader, ending });
        }
        self.readers.add(reader, position);
        match self.phase {
            Phase::Live(_) => self.answer(),
            Phase::Connecting(_) => {}
            Phase::Closed | Phase::Waiting(_) | Phase::Done => {
                let at = self.tried.map_or(now, |tried| tried + BETWEEN_TRIES);
                if now >= at {
                    self.open(now);
                } else {
                    self.phase = Phase::Waiting(at);
                }
            }
        }
    }

    /// Hands out what was collected, so that whoever is answered next does not get it twice, and answers.
    fn answer(&mut self) {
        self.flush();
        self.readers.answer(&self.log, &mut self.outputs);
    }

    fn flush(&mut self) {
        if !self.frames.is_empty() {
            self.readers.send(&self.frames, &mut self.outputs);
            self.frames.clear();
        }
    }

    fn open(&mut self, now: u64) {
        self.generation = self.generation.wrapping_add(1);
        self.tried = Some(now);
        self.phase = Phase::Connecting(now);
        self.decoder.reset();
        self.watchdog.start(now);
        self.outputs.push_back(Output::OpenStream {
            generation: self.generation,
        });
    }

    fn opened(&mut self, response: &Response<'_>, now: u64) {
        match Error::check_stream(response) {
            Ok(()) => self.watchdog.fed(now),
            Err(error) => {
                let ending = Ending::Answer {
                    status: response.status,
                    content_type: String::from(response.content_type),
                    retry_after: String::from(response.retry_after),
                };
                self.outputs.push_back(Output::CloseStream);
                self.ended(ending, retry_after(response.retry_after, now), now);
                if matches!(error.code, Code::Unauthorized | Code::Forbidden) {
                    // Only a reader with other credentials can mend that.
                    self.phase = Phase::Closed;
                }
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8], now: u64) {
        self.watchdog.fed(now);
        let generation = self.generation;
        // The decoder is lent out while its frames are handled.
        let limits = SseLimits { line: 0, event: 0 };
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::new(limits));
        decoder.feed_telling(bytes, &mut |item, head| match item {
            // A frame may end this stream; what follows it in the chunk is of the past.
            _ if generation != self.generation || !self.has_stream() => {}
            Item::Frame(frame) => self.frame(&named(&frame), now),
            Item::Notice(Notice::TooLarge) => self.log.miss(head, &mut self.frames),
            Item::Notice(Notice::Retry(_)) => {}
        });
        self.decoder = decoder;
    }

    fn frame(&mut self, data: &[u8], now: u64) {
        if std::mem::take(&mut self.hole) {
            self.log.hole(&mut self.frames);
        }
        match self.log.push(data, &mut self.frames) {
            Taken::Connected => {
                if matches!(self.phase, Phase::Connecting(_)) {
                    self.phase = Phase::Live(now);
                    self.connected = true;
                    self.answer();
                }
            }
            Taken::Heartbeat => {
                self.watchdog.beat(now);
                if now >= self.aged + MINUTE {
                    self.aged = now;
                    self.log.age();
                }
                self.frames.extend_from_slice(b"data: ");
                self.frames.extend(data.iter().filter(|byte| !b"\r\n".contains(byte)));
                self.frames.extend_from_slice(b"\n\n");
            }
            Taken::Disposed => {
                self.flush();
                self.outputs.push_back(Output::CloseStream);
                self.ended(Ending::Clean, None, now);
            }
            // It repeats what it tells by itself, joined in other ways each time.
            Taken::Relayed => {
                self.outputs.push_back(Output::CloseStream);
                self.ended(Ending::Failed(Failure::Keeper), None, now);
            }
            Taken::Logged | Taken::Repeated | Taken::Broken => {}
        }
    }

    fn timeout(&mut self, now: u64) {
        match self.phase {
            Phase::Connecting(since) if now >= since + CONNECT_TIMEOUT => {
                self.outputs.push_back(Output::CloseStream);
                self.ended(Ending::Failed(Failure::Timeout), None, now);
            }
            Phase::Live(_) if now >= self.watchdog.deadline() => {
                self.outputs.push_back(Output::CloseStream);
                self.ended(Ending::Clean, None, now);
            }
            Phase::Waiting(until) if now >= until => self.open(now),
            _ => {}
        }
    }

    /// The stream ended, whoever ended it. Its readers come back by their own ladder.
    fn ended(&mut self, ending: Ending, asked: Option<u64>, now: u64) {
        self.flush();
        let ending = match self.phase {
            Phase::Live(since) => {
                self.backoff.ended(now.saturating_sub(since));
                Ending::Clean
            }
            _ => ending,
        };
        self.generation = self.generation.wrapping_add(1);
        self.hole = self.connected;
        let wait = self.backoff.next(asked, &mut self.rng);
        self.phase = if self.connected {
            Phase::Waiting(now + wait)
        } else {
            Phase::Closed
        };
        if !self.readers.is_empty() {
            self.left = now;
            self.readers.end(&ending, &mut self.outputs);
        }
    }

    fn close(&mut self) {
        if self.has_stream() {
            self.generation = self.generation.wrapping_add(1);
            self.outputs.push_back(Output::CloseStream);
        }
    }
}
