use std::cell::{Cell, RefCell};

use wasm_bindgen::prelude::*;

use crate::proto::client::Failure;
use crate::proto::keeper::{Config, Ending, Input, Keeper as Machine, Output};
use crate::proto::request::Response;

#[wasm_bindgen]
extern "C" {
    /// The keeper's own side of JavaScript (`src/js/keeper/upstream.ts`). Its methods must not throw.
    pub type KeeperHost;

    /// Opens the event stream, in place of any older one. Answers with `streamOpened`, `streamBytes`, `streamClosed`.
    #[wasm_bindgen(method, js_name = openStream)]
    fn open_stream(this: &KeeperHost, generation: u32);

    /// Closes the event stream.
    #[wasm_bindgen(method, js_name = closeStream)]
    fn close_stream(this: &KeeperHost);

    /// Gives a reader bytes.
    #[wasm_bindgen(method)]
    fn send(this: &KeeperHost, reader: u32, bytes: &[u8]);

    /// A reader's stream is over: `cause` as in `streamClosed`; with a status, the server's answer was no event stream.
    #[wasm_bindgen(method)]
    fn end(this: &KeeperHost, reader: u32, cause: u8, status: u16, content_type: &str, retry_after: &str);

    /// Calls `timeout` after so many milliseconds, in place of any later call.
    #[wasm_bindgen(method)]
    fn arm(this: &KeeperHost, delay: f64);

    /// There is nothing to keep any more.
    #[wasm_bindgen(method)]
    fn idle(this: &KeeperHost);
}

/// What `src/js/keeper/upstream.ts` drives. Times are as in `Core`.
#[wasm_bindgen]
pub struct Keeper {
    machine: RefCell<Machine>,
    host: KeeperHost,
    /// When the timer is set to fire.
    armed: Cell<u64>,
}

#[wasm_bindgen]
impl Keeper {
    /// A keeper of one stream. `linger` and `patience`: see `proto::keeper::Config`.
    #[wasm_bindgen(constructor)]
    pub fn new(host: KeeperHost, seed: f64, linger: f64, patience: f64) -> Keeper {
        let config = Config {
            linger: linger as u64,
            patience: patience as u64,
            ..Config::new(seed.to_bits())
        };
        Keeper {
            machine: RefCell::new(Machine::new(config)),
            host,
            armed: Cell::new(u64::MAX),
        }
    }

    /// A reader comes.
    pub fn attach(&self, now: f64, reader: u32, position: Option<String>) {
        self.input(now, Input::Attach { reader, position });
    }

    /// A reader goes.
    pub fn detach(&self, now: f64, reader: u32) {
        self.input(now, Input::Detach { reader });
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

    /// The stream ended: 0 cleanly, 1 network, 2 time ran out.
    #[wasm_bindgen(js_name = streamClosed)]
    pub fn stream_closed(&self, now: f64, generation: u32, cause: u8) {
        let cause = match cause {
            0 => None,
            2 => Some(Failure::Timeout),
            _ => Some(Failure::Network),
        };
        self.input(now, Input::StreamClosed { generation, cause });
    }

    /// The timer fired.
    pub fn timeout(&self, now: f64) {
        self.armed.set(u64::MAX);
        self.input(now, Input::Timeout);
    }

    /// Whether there is a reader, or a part in flight.
    #[wasm_bindgen(js_name = isNeeded)]
    pub fn is_needed(&self) -> bool {
        self.machine.borrow().is_needed()
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
                Some(Output::Send { reader, bytes }) => self.host.send(reader, &bytes),
                Some(Output::End { reader, ending }) => self.end(reader, &ending),
                Some(Output::Idle) => self.host.idle(),
            }
        }
        let deadline = self.machine.borrow().poll_timeout();
        if let Some(deadline) = deadline.filter(|deadline| *deadline < self.armed.get()) {
            self.armed.set(deadline);
            self.host.arm(deadline.saturating_sub(now as u64) as f64);
        }
    }

    fn end(&self, reader: u32, ending: &Ending) {
        match ending {
            Ending::Clean => self.host.end(reader, 0, 0, "", ""),
            Ending::Failed(Failure::Timeout) => self.host.end(reader, 2, 0, "", ""),
            Ending::Failed(Failure::Keeper) => self.host.end(reader, 4, 0, "", ""),
            Ending::Failed(_) => self.host.end(reader, 1, 0, "", ""),
            Ending::Answer {
                status,
                content_type,
                retry_after,
            } => self.host.end(reader, 0, *status, content_type, retry_after),
        }
    }
}
