use wasm_bindgen::prelude::*;

use super::host::Host;
use super::options;
use super::shell::Shell;
use super::sink::Sink;
use crate::proto::client::{Failure, Input};
use crate::proto::command::Kind;
use crate::proto::request::Response;

/// What `src/js` drives. Tokens are its own numbers for promises that wait; `now` is milliseconds since 1970 on a clock
/// that never goes back.
#[wasm_bindgen]
pub struct Core {
    shell: Shell,
}

#[wasm_bindgen]
impl Core {
    /// A client; `options` is JSON that was checked already.
    #[wasm_bindgen(constructor)]
    pub fn new(host: Host, options: &str, seed: f64) -> Core {
        Core {
            shell: Shell::new(host, options::read(options, seed.to_bits())),
        }
    }

    /// Opens a session and gives its handle. `held`: its first snapshot waits for `resume`.
    pub fn open(&self, now: f64, id: &str, limit: usize, held: bool) -> u32 {
        self.shell.run(now, |client, now| match held {
            true => client.open_held(id, limit, now),
            false => client.open_session(id, limit, now),
        })
    }

    /// Takes up a journal record.
    pub fn restore(&self, now: f64, session: u32, record: &[u8], mine: bool) {
        self.shell
            .run(now, |client, now| client.restore(session, record, mine, now));
    }

    /// The journal was read.
    pub fn resume(&self, now: f64, session: u32) {
        self.shell.run(now, |client, now| client.resume(session, now));
    }

    /// The session's journal record, when it changed; empty: there is nothing to keep. `closing`: the session is about
    /// to be closed.
    pub fn journal(&self, now: f64, session: u32, closing: bool) -> Option<Vec<u8>> {
        self.shell.run(now, |client, _| client.journal(session, closing))
    }

    /// Closes a session.
    #[wasm_bindgen(js_name = closeSession)]
    pub fn close_session(&self, now: f64, session: u32) {
        self.shell.run(now, |client, _| client.close_session(session));
    }

    /// The key of a prompt to be sent.
    #[wasm_bindgen(js_name = makeKey)]
    pub fn make_key(&self, now: f64) -> String {
        self.shell.run(now, |client, now| client.make_key(now))
    }

    /// Sends a prompt.
    pub fn send(&self, now: f64, session: u32, key: String, json: &[u8], stored: u32, done: u32) {
        self.shell
            .run(now, |client, now| client.send(session, key, json, stored, done, now));
    }

    /// Takes out a prompt that failed or was not sent yet.
    pub fn discard(&self, now: f64, session: u32, key: &str) -> bool {
        self.shell.run(now, |client, _| client.discard(session, key))
    }

    /// Answers when the first snapshot is shown.
    pub fn ready(&self, now: f64, session: u32, token: u32) {
        self.shell.run(now, |client, _| client.wait_ready(session, token));
    }

    /// Answers when the session is settled.
    pub fn settled(&self, now: f64, session: u32, token: u32) {
        self.shell.run(now, |client, _| client.wait_settled(session, token));
    }

    /// Loads older messages.
    #[wasm_bindgen(js_name = loadOlder)]
    pub fn load_older(&self, now: f64, session: u32, count: usize, token: u32) {
        self.shell
            .run(now, |client, _| client.load_older(session, count, token));
    }

    /// Any other call to the server.
    pub fn call(&self, now: f64, session: u32, method: &str, path: &str, body: Option<Vec<u8>>, token: u32) {
        let method = match method {
            "POST" => "POST",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            _ => "GET",
        };
        self.shell
            .run(now, |client, _| client.call(session, method, path, body, token));
    }

    /// Runs a command: 0 a slash command, 1 a shell command, 2 makes the history short.
    pub fn command(&self, now: f64, session: u32, kind: u8, json: &[u8], token: u32) {
        let kind = match kind {
            0 => Kind::Slash,
            1 => Kind::Shell,
            _ => Kind::Summarize,
        };
        self.shell
            .run(now, |client, now| client.command(session, kind, json, token, now));
    }

    /// The answer of a call: the session as it is now.
    pub fn told(&self, now: f64, session: u32, json: &[u8]) {
        self.shell
            .run(now, |client, now| client.session_told(session, json, now));
    }

    /// Whether `heard` is told what happens to all sessions.
    pub fn lookout(&self, now: f64, on: bool) {
        self.shell.run(now, |client, now| client.lookout(on, now));
    }

    /// Tries again now.
    pub fn reconnect(&self, now: f64) {
        self.shell.run(now, |client, now| client.reconnect(now));
    }

    /// The host's word: 0 the page is put away, 1 there is a network, or the page again, 2 there is no network.
    pub fn online(&self, now: f64, word: u8) {
        let input = match word {
            0 => Input::Offline,
            1 => Input::Online,
            _ => Input::Doubt,
        };
        self.shell.input(now, input);
    }

    /// The page is shown or hidden.
    pub fn visible(&self, now: f64, visible: bool) {
        self.shell.input(now, Input::Visible(visible));
    }

    /// The timer fired.
    pub fn timeout(&self, now: f64) {
        self.shell.timeout(now);
    }

    /// The fetch stream answered; `body`: JSON that says why it is no stream, if anything does.
    #[wasm_bindgen(js_name = streamOpened)]
    pub fn stream_opened(
        &self,
        now: f64,
        generation: u32,
        status: u16,
        content_type: &str,
        retry_after: &str,
        body: &str,
    ) {
        let response = Response {
            status,
            content_type,
            retry_after,
            body: body.as_bytes(),
            ..Response::default()
        };
        self.shell.input(now, Input::StreamOpened { generation, response });
    }

    /// Bytes of the fetch stream.
    #[wasm_bindgen(js_name = streamBytes)]
    pub fn stream_bytes(&self, now: f64, generation: u32, bytes: &[u8]) {
        self.shell.input(now, Input::StreamBytes { generation, bytes });
    }

    /// The stream ended: 0 cleanly, else as in `failed`.
    #[wasm_bindgen(js_name = streamClosed)]
    pub fn stream_closed(&self, now: f64, generation: u32, cause: u8) {
        let cause = if cause == 0 { None } else { Some(failure(cause)) };
        self.shell.input(now, Input::StreamClosed { generation, cause });
    }

    /// A request was answered.
    #[allow(clippy::too_many_arguments)]
    pub fn answered(
        &self,
        now: f64,
        id: u32,
        status: u16,
        content_type: &str,
        cursor: &str,
        retry_after: &str,
        body: &[u8],
    ) {
        let response = Response {
            status,
            content_type,
            cursor,
            retry_after,
            body,
        };
        self.shell.input(now, Input::Response { id, response });
    }

    /// A request got no answer: 1 network, 2 time ran out, 3 no credentials, 4 no keeper, 5 too large.
    pub fn failed(&self, now: f64, id: u32, cause: u8) {
        self.shell.input(
            now,
            Input::Failed {
                id,
                cause: failure(cause),
            },
        );
    }

    /// Hands the session's changes to the sink.
    pub fn drain(&self, session: u32, sink: &Sink) {
        for change in self.shell.drain(session) {
            sink.take(change);
        }
    }

    /// Ends the stream and the timer.
    pub fn close(&self) {
        self.shell.close();
    }
}

fn failure(cause: u8) -> Failure {
    match cause {
        2 => Failure::Timeout,
        3 => Failure::Auth,
        4 => Failure::Keeper,
        5 => Failure::Large,
        _ => Failure::Network,
    }
}
