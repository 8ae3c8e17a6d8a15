use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::host::Host;
use super::options;
use super::shell::Shell;
use super::sink::Sink;
use crate::proto::client::Input;

/// What `src/js/client.ts` drives. Tokens are its own numbers for promises that wait.
#[wasm_bindgen]
pub struct Core {
    shell: Rc<Shell>,
}

#[wasm_bindgen]
impl Core {
    /// A client; `options` is JSON that was checked already.
    #[wasm_bindgen(constructor)]
    pub fn new(host: Host, options: &str, seed: f64) -> Core {
        Core { shell: Shell::new(host, options::read(options, seed.to_bits())) }
    }

    /// Opens a session and gives its handle.
    pub fn open(&self, id: &str, limit: usize) -> u32 {
        self.shell.run(|client, now| client.open_session(id, limit, now))
    }

    /// Closes a session.
    #[wasm_bindgen(js_name = closeSession)]
    pub fn close_session(&self, session: u32) {
        self.shell.run(|client, _| client.close_session(session));
    }

    /// The key of a prompt to be sent.
    #[wasm_bindgen(js_name = makeKey)]
    pub fn make_key(&self) -> String {
        self.shell.run(|client, now| client.make_key(now))
    }

    /// Sends a prompt.
    pub fn send(&self, session: u32, key: String, json: &[u8], stored: u32, done: u32) {
        self.shell.run(|client, now| client.send(session, key, json, stored, done, now));
    }

    /// Takes out a failed prompt.
    pub fn discard(&self, session: u32, key: &str) -> bool {
        self.shell.run(|client, _| client.discard(session, key))
    }

    /// Answers when the first snapshot is shown.
    pub fn ready(&self, session: u32, token: u32) {
        self.shell.run(|client, _| client.wait_ready(session, token));
    }

    /// Answers when the session is settled.
    pub fn settled(&self, session: u32, token: u32) {
        self.shell.run(|client, _| client.wait_settled(session, token));
    }

    /// Loads older messages.
    #[wasm_bindgen(js_name = loadOlder)]
    pub fn load_older(&self, session: u32, count: usize, token: u32) {
        self.shell.run(|client, _| client.load_older(session, count, token));
    }

    /// Any other call to the server.
    pub fn call(&self, session: u32, method: &str, path: &str, body: Option<Vec<u8>>, token: u32) {
        let method = match method {
            "POST" => "POST",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            _ => "GET",
        };
        self.shell.run(|client, _| client.call(session, method, path, body, token));
    }

    /// Tries again now.
    pub fn reconnect(&self) {
        self.shell.run(|client, now| client.reconnect(now));
    }

    /// The host's network came or went.
    pub fn online(&self, online: bool) {
        self.shell.input(if online { Input::Online } else { Input::Offline });
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
