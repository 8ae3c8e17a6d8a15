use std::cell::{Cell, RefCell};

use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::proto::client::Failure;
use crate::proto::relay::{Answer, Body, Config, Ending, Input, Op, Output, Position, Record, Relay as Machine, Scope};
use crate::proto::request::Response;

#[wasm_bindgen]
extern "C" {
    /// The relay's own side of JavaScript (`src/js/relay/hub.ts`). Its methods must not throw.
    pub type RelayHost;

    /// Opens the event stream, in place of any older one. Answers with `streamOpened`, `streamBytes`, `streamClosed`.
    #[wasm_bindgen(method, js_name = openStream)]
    fn open_stream(this: &RelayHost, generation: u32);

    /// Closes the event stream.
    #[wasm_bindgen(method, js_name = closeStream)]
    fn close_stream(this: &RelayHost);

    /// Gives readers bytes, all the same.
    #[wasm_bindgen(method)]
    fn send(this: &RelayHost, readers: &[u32], bytes: &[u8]);

    /// A reader's stream is over: 0, coming back is worth while; else a status.
    #[wasm_bindgen(method)]
    fn end(this: &RelayHost, reader: u32, status: u16);

    /// Finds out whether a user may see a session. Answers with `judged`.
    #[wasm_bindgen(method)]
    fn judge(this: &RelayHost, user: &str, session: &str);

    /// Asks the store for the lease. As the others, answers with `led`, `taken`, `done`, `fenced` or `failed`.
    #[wasm_bindgen(method)]
    fn acquire(this: &RelayHost, id: u32, lease: f64);

    /// Keeps the lease.
    #[wasm_bindgen(method)]
    fn renew(this: &RelayHost, id: u32, epoch: f64, lease: f64);

    /// Appends records: their kinds, their lengths, and their bytes one after the other. `last`: and lets the lease go.
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments)] // a structure would be made only to be taken apart
    fn append(
        this: &RelayHost,
        id: u32,
        epoch: f64,
        first: f64,
        kinds: &[u8],
        lengths: &[u32],
        data: &[u8],
        keep: Option<String>,
        last: bool,
    );

    /// Reads the store's log from behind a position on, in place of any older reading. Answers with `entries`, `followFailed`.
    #[wasm_bindgen(method)]
    fn follow(this: &RelayHost, generation: u32, after: Option<String>);

    /// Calls `timeout` after so many milliseconds, in place of any later call.
    #[wasm_bindgen(method)]
    fn arm(this: &RelayHost, delay: f64);

    /// There is nothing to keep any more.
    #[wasm_bindgen(method)]
    fn idle(this: &RelayHost);
}

/// `limits` of `createRelay`, as far as they are the machine's. Times are milliseconds.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Limits {
    flush: Option<f64>,
    readers: Option<f64>,
    readers_per_user: Option<f64>,
    keep_alive: Option<f64>,
    stall: Option<f64>,
    linger: Option<f64>,
    patience: Option<f64>,
    grace: Option<f64>,
    verdict: Option<f64>,
    verdicts: Option<f64>,
    pending: Option<f64>,
    chunk: Option<f64>,
    replay: Option<f64>,
    tail: Option<f64>,
    lease: Option<f64>,
    store_patience: Option<f64>,
    catch_up: Option<f64>,
}

impl Limits {
    fn config(&self, seed: u64, shared: bool) -> Config {
        let mut config = Config::new(seed);
        config.shared = shared;
        let times = [
            (&mut config.flush, self.flush),
            (&mut config.keep_alive, self.keep_alive),
            (&mut config.stall, self.stall),
            (&mut config.linger, self.linger),
            (&mut config.patience, self.patience),
            (&mut config.grace, self.grace),
            (&mut config.verdict, self.verdict),
            (&mut config.lease, self.lease),
            (&mut config.store_patience, self.store_patience),
            (&mut config.catch_up, self.catch_up),
        ];
        for (to, from) in times {
            *to = from.map_or(*to, |from| from as u64);
        }
        let counts = [
            (&mut config.readers, self.readers),
            (&mut config.readers_per_user, self.readers_per_user),
            (&mut config.verdicts, self.verdicts),
            (&mut config.pending, self.pending),
            (&mut config.chunk, self.chunk),
            (&mut config.replay.bytes, self.replay),
            (&mut config.replay.tail, self.tail),
        ];
        for (to, from) in counts {
            *to = from.map_or(*to, |from| from as usize);
        }
        config
    }
}

/// What `src/js/relay/hub.ts` drives. Times are as in `Core`.
#[wasm_bindgen]
pub struct Relay {
    machine: RefCell<Machine>,
    host: RelayHost,
    /// When the timer is set to fire.
    armed: Cell<u64>,
}

#[wasm_bindgen]
impl Relay {
    /// A relay of one server. `shared`: `host` can ask a store. `limits`: see `proto::relay::Config`.
    ///
    /// # Errors
    /// `limits` are no object of numbers.
    #[wasm_bindgen(constructor)]
    pub fn new(host: RelayHost, seed: f64, shared: bool, limits: JsValue) -> Result<Relay, JsValue> {
        let limits: Limits = serde_wasm_bindgen::from_value(limits)?;
        Ok(Relay {
            machine: RefCell::new(Machine::new(limits.config(seed.to_bits(), shared))),
            host,
            armed: Cell::new(u64::MAX),
        })
    }

    /// A reader comes. `all`: it may see all of the server; `only`: nothing but this session.
    pub fn attach(
        &self,
        now: f64,
        reader: u32,
        user: String,
        all: bool,
        only: Option<String>,
        position: Option<String>,
    ) {
        let scope = Scope { user, all, only };
        self.input(
            now,
            Input::Attach {
                reader,
                scope,
                position,
            },
        );
    }

    /// A reader goes.
    pub fn detach(&self, now: f64, reader: u32) {
        self.input(now, Input::Detach { reader });
    }

    /// A reader takes no more for now.
    pub fn full(&self, now: f64, reader: u32) {
        self.input(now, Input::Full { reader });
    }

    /// A reader takes more.
    pub fn drained(&self, now: f64, reader: u32) {
        self.input(now, Input::Drained { reader });
    }

    /// Whether a user may see a session.
    pub fn judged(&self, now: f64, user: String, session: String, allowed: bool) {
        self.input(now, Input::Judged { user, session, allowed });
    }

    /// What was found out about a user counts no more.
    pub fn forget(&self, now: f64, user: String) {
        self.input(now, Input::Forget { user });
    }

    /// The stream was answered.
    #[wasm_bindgen(js_name = streamOpened)]
    pub fn stream_opened(&self, now: f64, generation: u32, status: u16, content_type: &str, retry_after: &str) {
        let response = Response {
            status,
            content_type,
            retry_after,
            ..Response::default()
        };
        self.input(now, Input::StreamOpened { generation, response });
    }

    /// Bytes of the stream.
    #[wasm_bindgen(js_name = streamBytes)]
    pub fn stream_bytes(&self, now: f64, generation: u32, bytes: &[u8]) {
        self.input(now, Input::StreamBytes { generation, bytes });
    }

    /// The stream ended; `failed`: it broke.
    #[wasm_bindgen(js_name = streamClosed)]
    pub fn stream_closed(&self, now: f64, generation: u32, failed: bool) {
        let cause = failed.then_some(Failure::Network);
        self.input(now, Input::StreamClosed { generation, cause });
    }

    /// The lease is taken. `top`: the newest record before.
    pub fn led(&self, now: f64, id: u32, epoch: f64, top: Option<String>) {
        let top = top.as_deref().and_then(Position::of_text);
        let epoch = epoch as u64;
        self.stored(now, id, Answer::Led { epoch, top });
    }

    /// Another has the lease, for so many milliseconds at most.
    pub fn taken(&self, now: f64, id: u32, left: f64) {
        self.stored(now, id, Answer::Taken(left as u64));
    }

    /// It was done. `wanted`: another instance wants to lead, or has readers.
    pub fn done(&self, now: f64, id: u32, wanted: bool) {
        self.stored(now, id, Answer::Done { wanted });
    }

    /// There is a newer epoch.
    pub fn fenced(&self, now: f64, id: u32) {
        self.stored(now, id, Answer::Fenced);
    }

    /// The store gave no answer, or an error.
    pub fn failed(&self, now: f64, id: u32) {
        self.stored(now, id, Answer::Failed);
    }

    /// The store's log goes on: positions as pairs of epoch and number, kinds, lengths, and the bytes one after the other.
    /// What no relay of this version writes is passed over.
    #[allow(clippy::too_many_arguments)] // plain numbers and bytes cross at no cost, a structure does not
    pub fn entries(
        &self,
        now: f64,
        generation: u32,
        positions: &[f64],
        kinds: &[u8],
        lengths: &[u32],
        data: &[u8],
        all: bool,
    ) {
        let mut records = Vec::with_capacity(kinds.len());
        let mut rest = data;
        for ((pair, kind), length) in positions.chunks_exact(2).zip(kinds).zip(lengths) {
            let Some((own, after)) = rest.split_at_checked(*length as usize) else {
                break;
            };
            rest = after;
            let position = Position {
                epoch: pair[0] as u64,
                seq: pair[1] as u64,
            };
            if let Some(body) = Body::of_parts(*kind, own) {
                records.push(Record { position, body });
            }
        }
        self.input(
            now,
            Input::Entries {
                generation,
                records,
                all,
            },
        );
    }

    /// The store's log cannot be read.
    #[wasm_bindgen(js_name = followFailed)]
    pub fn follow_failed(&self, now: f64, generation: u32) {
        self.input(now, Input::FollowFailed { generation });
    }

    /// The process is about to end.
    pub fn drain(&self, now: f64) {
        self.input(now, Input::Drain);
    }

    /// The timer fired.
    pub fn timeout(&self, now: f64) {
        self.armed.set(u64::MAX);
        self.input(now, Input::Timeout);
    }

    fn stored(&self, now: f64, id: u32, answer: Answer) {
        self.input(now, Input::Stored { id, answer });
    }

    fn input(&self, now: f64, input: Input<'_>) {
        self.machine.borrow_mut().handle_input(input, now as u64);
        loop {
            // The host may call back at once: the machine is not borrowed while it is called.
            let output = self.machine.borrow_mut().poll_output();
            match output {
                None => break,
                Some(Output::OpenStream { generation }) => self.host.open_stream(generation),
                Some(Output::CloseStream) => self.host.close_stream(),
                Some(Output::Store { id, op }) => self.store(id, op),
                Some(Output::Follow { generation, after }) => {
                    self.host.follow(generation, after.map(Position::to_text));
                }
                Some(Output::Judge { user, session }) => self.host.judge(&user, &session),
                Some(Output::Send { readers, bytes }) => self.host.send(&readers, &bytes),
                Some(Output::End { reader, ending }) => {
                    let status = match ending {
                        Ending::Again => 0,
                        Ending::Full(status) => status,
                        Ending::Unreached => 502,
                    };
                    self.host.end(reader, status);
                }
                Some(Output::Idle) => self.host.idle(),
            }
        }
        let deadline = self.machine.borrow().poll_timeout();
        if let Some(deadline) = deadline.filter(|deadline| *deadline < self.armed.get()) {
            self.armed.set(deadline);
            self.host.arm(deadline.saturating_sub(now as u64) as f64);
        }
    }

    fn store(&self, id: u32, op: Op) {
        match op {
            Op::Acquire { lease } => self.host.acquire(id, lease as f64),
            Op::Renew { epoch, lease } => self.host.renew(id, epoch as f64, lease as f64),
            Op::Append {
                epoch,
                first,
                records,
                keep,
            } => self.append(id, epoch, first, &records, keep.map(Position::to_text), false),
            Op::Release { epoch, first, records } => self.append(id, epoch, first, &records, None, true),
        }
    }

    fn append(&self, id: u32, epoch: u64, first: u64, records: &[Body], keep: Option<String>, last: bool) {
        let (mut kinds, mut lengths, mut data) = (Vec::new(), Vec::new(), Vec::new());
        for record in records {
            let (kind, bytes) = record.parts();
            kinds.push(kind);
            lengths.push(bytes.len() as u32);
            data.extend_from_slice(&bytes);
        }
        self.host
            .append(id, epoch as f64, first as f64, &kinds, &lengths, &data, keep, last);
    }
}
