use std::cell::{Cell, RefCell};

use super::host::Host;
use crate::proto::change::Change;
use crate::proto::client::{Client, Config, Input};
use crate::proto::connection::{Source, Transport};
use crate::proto::error::Error;
use crate::proto::sync::{Output, Reply};

/// Runs one client: hands inputs in, carries outputs out, keeps its timer.
///
/// JavaScript is only called while the client is not borrowed, so that it may call back at once.
pub(super) struct Shell {
    client: RefCell<Client>,
    host: Host,
    transport: Transport,
    /// When the timer is set to fire.
    armed: Cell<u64>,
    /// The newest time heard of.
    now: Cell<u64>,
    closed: Cell<bool>,
}

impl Shell {
    pub(super) fn new(host: Host, config: Config) -> Self {
        let transport = config.transport;
        Shell {
            client: RefCell::new(Client::new(config)),
            host,
            transport,
            armed: Cell::new(u64::MAX),
            now: Cell::new(0),
            closed: Cell::new(false),
        }
    }

    /// Runs a command and carries out what follows. `now`: milliseconds since 1970, on a clock that never goes back.
    pub(super) fn run<T>(&self, now: f64, command: impl FnOnce(&mut Client, u64) -> T) -> T {
        self.now.set(now as u64);
        let result = command(&mut self.client.borrow_mut(), now as u64);
        self.carry_out();
        result
    }

    /// Hands an input in and carries out what follows.
    pub(super) fn input(&self, now: f64, input: Input<'_>) {
        if !self.closed.get() {
            self.now.set(now as u64);
            self.client.borrow_mut().handle_input(input, now as u64);
            self.carry_out();
        }
    }

    /// The timer fired.
    pub(super) fn timeout(&self, now: f64) {
        self.armed.set(u64::MAX);
        self.input(now, Input::Timeout);
    }

    /// Takes the session's changes; those that follow are announced.
    pub(super) fn drain(&self, session: u32) -> Vec<Change> {
        let mut changes = Vec::new();
        self.client.borrow_mut().drain(session, &mut changes);
        changes
    }

    /// Ends everything.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.host.close_stream();
    }

    fn carry_out(&self) {
        loop {
            let output = self.client.borrow_mut().poll_output();
            match output {
                None => break,
                Some(Output::Request(request)) => {
                    let timeout = request.timeout as f64;
                    self.host
                        .request(request.id, request.method, &request.path, request.body, timeout);
                }
                Some(Output::OpenStream {
                    generation,
                    source,
                    path,
                    position,
                }) => {
                    let way = match (source, self.transport) {
                        (Source::Keeper, _) => 2,
                        (_, Transport::EventSource) => 1,
                        _ => 0,
                    };
                    self.host.open_stream(generation, &path, way, position.as_deref());
                }
                Some(Output::CloseStream) => self.host.close_stream(),
                Some(Output::Reply { token, result }) => {
                    // Who is told of a message looks it up at once: what changed is to be known by then.
                    self.announce();
                    self.reply(token, result);
                }
                Some(Output::Heard { kind, id, raw }) => self.host.heard(kind as u8, &id, &raw),
                Some(Output::Log { level, code, message }) => self.host.log(level, code, &message),
            }
        }
        self.announce();
        self.arm();
    }

    fn announce(&self) {
        let mut next = 0;
        loop {
            let fresh = self.client.borrow_mut().next_dirty(&mut next);
            let Some(handle) = fresh else { break };
            self.host.dirty(handle);
        }
    }

    /// A timer that fires early costs one call; one that is moved with each chunk costs more.
    fn arm(&self) {
        let Some(deadline) = self.client.borrow().poll_timeout() else {
            if self.armed.replace(u64::MAX) != u64::MAX {
                self.host.arm(f64::INFINITY);
            }
            return;
        };
        if deadline < self.armed.get() && !self.closed.get() {
            self.armed.set(deadline);
            self.host.arm(deadline.saturating_sub(self.now.get()) as f64);
        }
    }

    fn reply(&self, token: u32, result: Result<Reply, Error>) {
        let (kind, session, index, bytes) = match result {
            Ok(Reply::Done) => (0, 0, 0, Vec::new()),
            Ok(Reply::Message { session, index }) => (1, session, index as u32, Vec::new()),
            Ok(Reply::More(more)) => (2, 0, u32::from(more), Vec::new()),
            Ok(Reply::Body(body)) => (3, 0, 0, body),
            Err(error) => (4, 0, 0, error.to_json().into_bytes()),
        };
        self.host.reply(token, kind, session, index, &bytes);
    }
}
