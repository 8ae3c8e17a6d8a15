//! The one state machine: inputs and commands go in, outputs come out, time is an argument.

mod command;
mod input;
mod lookout;
mod server;
mod stream;
mod version;

pub use input::{Config, Failure, Input};

use crate::proto::change::Change;
use crate::proto::command::Catalog;
use crate::proto::connection::{Cause, Link, Phase};
use crate::proto::error::{Code, Error};
use crate::proto::sse::{Decoder, SseLimits};
use crate::proto::sync::{Context, Heard, Output, Purpose, Session, with_directory};
use command::Waiting;
use version::Version;

/// A connection to one server, without its I/O.
///
/// Four families of methods: commands (`open_session`, `send`, …), [`handle_input`](Client::handle_input),
/// [`poll_output`](Client::poll_output) and [`poll_timeout`](Client::poll_timeout), and getters. After each command or
/// input, poll outputs until there is none, then arm a timer for `poll_timeout`. `now` is in milliseconds since 1970.
///
/// ```
/// use opencode_session::proto::client::{Client, Config, Input};
/// use opencode_session::proto::connection::{RetryPolicy, Transport};
/// use opencode_session::proto::limits::Limits;
/// use opencode_session::proto::sync::Output;
/// let mut client = Client::new(Config {
///     directory: None, transport: Transport::Auto, keeper: false, retry: RetryPolicy::default(), limits: Limits::default(), seed: 1,
/// });
/// client.open_session("ses_1", 100, 0);
/// assert!(matches!(client.poll_output(), Some(Output::Request(_))));
/// ```
pub struct Client {
    context: Context,
    link: Link,
    decoder: Decoder,
    sessions: Vec<Session>,
    catalog: Catalog,
    /// Not sent yet.
    commands: Vec<Waiting>,
    catalog_asked: u8,
    version: Version,
    /// A stream was opened before.
    streamed: bool,
    directory_asked: bool,
    /// When the stream was last opened anew under the server's own spelling of the directory.
    respelled_at: Option<u64>,
    last_handle: u32,
    resync_at: Option<u64>,
    last_resync: u64,
    /// What happens to all sessions is told.
    lookout: bool,
    /// Lists that wait for the directory's name: path and token.
    lists: Vec<(String, u32)>,
    /// The directory is spelled as the server spells it, or it does not say.
    is_located: bool,
    /// The session being opened waits for the journal.
    holds: bool,
    /// The last event heard of a stream that can be repeated.
    position: Option<String>,
    /// Such a stream was lost, and may go on from there.
    resuming: bool,
    /// Something was answered since such a stream was heard: it may have been silent, or away.
    strayed: bool,
    hidden: bool,
}

/// Between polls while something is expected, milliseconds.
const POLL_BUSY: u64 = 1_000;

impl Client {
    /// A client that does nothing until a session is opened or a call is made.
    pub fn new(config: Config) -> Self {
        let limits = SseLimits {
            line: config.limits.line,
            event: config.limits.event,
        };
        Client {
            context: Context::new(config.limits, config.seed, config.directory.map(unslashed)),
            link: Link::new(config.transport, config.keeper, config.retry),
            decoder: Decoder::new(limits),
            sessions: Vec::new(),
            catalog: Catalog::default(),
            commands: Vec::new(),
            catalog_asked: 0,
            version: Version::default(),
            streamed: false,
            directory_asked: false,
            respelled_at: None,
            last_handle: 0,
            resync_at: None,
            last_resync: 0,
            lookout: false,
            lists: Vec::new(),
            is_located: false,
            holds: false,
            position: None,
            resuming: false,
            strayed: false,
            hidden: false,
        }
    }

    /// Opens a session and gives its handle. `limit`: messages in a page.
    pub fn open_session(&mut self, id: &str, limit: usize, now: u64) -> u32 {
        self.context.now = self.context.now.max(now);
        self.last_handle += 1;
        let mut session = Session::new(String::from(id), self.last_handle, limit, &self.context);
        session.set_connection(&self.link.to_json());
        if self.holds {
            session.hold();
        }
        if !id.starts_with("ses") {
            // Servers answer such an id with a 500, as if they were broken.
            let error = Error::new(
                Code::SessionNotFound,
                "This is no session id: those start with \"ses\".",
            );
            session.die(&error, &mut self.context);
        }
        let connected = self.link.phase().is_connected();
        if connected {
            session.begin(&mut self.context);
        }
        self.sessions.push(session);
        if connected && self.link.source().repeats() {
            // What it heard of this session before is told again.
            self.position = None;
            self.reopen();
        }
        self.start();
        self.after();
        self.last_handle
    }

    fn start(&mut self) {
        self.ask_version();
        self.ask_directory();
        let action = self.link.start(self.context.now);
        if self.context.offline {
            self.link.offline();
        } else {
            self.act(action);
        }
    }

    /// Opens a session whose first snapshot waits for `resume`, so that it is drawn with what `restore` brings.
    pub fn open_held(&mut self, id: &str, limit: usize, now: u64) -> u32 {
        self.holds = true;
        let handle = self.open_session(id, limit, now);
        self.holds = false;
        handle
    }

    /// Takes up a record that `journal` gave an earlier page. `mine`: that page is gone, and its prompts are sent here;
    /// otherwise only its texts are shown.
    pub fn restore(&mut self, handle: u32, record: &[u8], mine: bool, now: u64) {
        self.context.now = self.context.now.max(now);
        if let Some(session) = session(&mut self.sessions, handle) {
            session.restore(record, mine, &mut self.context);
        }
        self.after();
    }

    /// Nothing more is to be restored that the first snapshot should show.
    pub fn resume(&mut self, handle: u32, now: u64) {
        self.context.now = self.context.now.max(now);
        if let Some(session) = session(&mut self.sessions, handle) {
            session.unhold();
        }
        self.show_due();
        self.after();
    }

    /// What of a session should outlive this page; `None`: nothing changed since the last call. Empty: nothing should.
    /// `closing`: the session is about to be closed, which its callers take for the end of their prompts.
    pub fn journal(&mut self, handle: u32, closing: bool) -> Option<Vec<u8>> {
        session(&mut self.sessions, handle)?.journal(closing, &mut self.context)
    }

    /// Closes a session. The stream ends with the last one.
    pub fn close_session(&mut self, handle: u32) {
        let Some(at) = self.sessions.iter().position(|session| session.handle() == handle) else {
            return;
        };
        let mut session = self.sessions.remove(at);
        session.close(&Error::new(Code::Closed, "The session was closed."), &mut self.context);
        self.rest();
    }

    /// The stream is of use to nobody any more.
    fn rest(&mut self) {
        if self.sessions.is_empty() && !self.lookout {
            self.leave_repeating();
            self.link.stop();
            self.context.outputs.push_back(Output::CloseStream);
        }
    }

    /// Makes the key of a prompt to be sent; also its message id, where the server takes ids made here.
    pub fn make_key(&mut self, now: u64) -> String {
        self.context.now = self.context.now.max(now);
        self.context.make_id("msg_")
    }

    /// Shows a prompt under `key` and sends it; `stored` and `done` are tokens of those who wait.
    pub fn send(&mut self, handle: u32, key: String, json: &[u8], stored: u32, done: u32, now: u64) {
        self.context.now = self.context.now.max(now);
        match session(&mut self.sessions, handle) {
            Some(session) => session.send(key, json, stored, done, &mut self.context),
            None => {
                let error = Error::new(Code::Closed, "The session is closed.");
                self.context.reply_all(vec![stored, done], &Err(error));
            }
        }
        self.after();
    }

    /// Takes a prompt out of the list that failed, or was surely not posted yet. Gives whether there was one.
    pub fn discard(&mut self, handle: u32, key: &str) -> bool {
        let context = &mut self.context;
        let gone = session(&mut self.sessions, handle).is_some_and(|session| session.discard(key, context));
        self.after();
        gone
    }

    /// Answers `token` when the session's first snapshot is shown.
    pub fn wait_ready(&mut self, handle: u32, token: u32) {
        match session(&mut self.sessions, handle) {
            Some(session) => session.wait_ready(token, &mut self.context),
            None => self.closed(token),
        }
    }

    /// Answers `token` when the session is settled.
    pub fn wait_settled(&mut self, handle: u32, token: u32) {
        match session(&mut self.sessions, handle) {
            Some(session) => session.wait_settled(token, &mut self.context),
            None => self.closed(token),
        }
    }

    /// Loads up to `count` older messages (0: a page) and answers `token` with whether there are still older ones.
    pub fn load_older(&mut self, handle: u32, count: usize, token: u32) {
        match session(&mut self.sessions, handle) {
            _ if self.context.offline => self.offline_reply(token),
            Some(session) => session.load_older(count, token, &mut self.context),
            None => self.closed(token),
        }
    }

    /// Any other call to the server; its body answers `token`. It runs in the directory of the session `handle`, or in
    /// the client's when there is no such session.
    pub fn call(&mut self, handle: u32, method: &'static str, path: &str, body: Option<Vec<u8>>, token: u32) {
        if self.context.offline {
            return self.offline_reply(token);
        }
        let scope = self
            .sessions
            .iter()
            .find(|session| session.handle() == handle)
            .and_then(Session::directory);
        if !self.is_located && method == "GET" && (path == "/session" || path.starts_with("/session?")) {
            // Servers compare it with the directories that they have stored, letter by letter.
            self.lists.push((String::from(path), token));
            return self.ask_directory();
        }
        let path = with_directory(path, scope.or(self.context.directory.as_deref()));
        self.context.request(Purpose::Call { token }, method, path, body);
    }

    /// Tries again now, whatever the link waits for.
    pub fn reconnect(&mut self, now: u64) {
        self.context.now = self.context.now.max(now);
        self.context.offline = false;
        self.sessions.iter_mut().for_each(Session::revive);
        self.detach();
        // Whoever asks for it wants all anew, also from a keeper or relay.
        self.leave_repeating();
        let action = self.link.reconnect(self.context.now);
        self.act(action);
        self.after();
    }

    /// Something happened. Then poll outputs.
    pub fn handle_input(&mut self, input: Input<'_>, now: u64) {
        self.context.now = self.context.now.max(now);
        match input {
            Input::StreamBytes { generation, bytes } => self.bytes(generation, bytes),
            Input::StreamOpened { generation, response } => self.opened(generation, &response),
            Input::StreamClosed { generation, cause } => {
                if generation == self.link.generation() {
                    self.stream_ended(match cause {
                        None => Cause::End,
                        Some(failure) => Cause::Refused {
                            error: failure.error(),
                            retry_after: None,
                        },
                    });
                }
            }
            Input::Response { id, response } => {
                self.strayed = true;
                self.response(id, &response);
            }
            Input::Failed { id, cause } => {
                if let Some(purpose) = self.take(id) {
                    self.answer(purpose, "", Err(cause.error()));
                }
            }
            Input::Timeout => self.timeout(),
            Input::Online => {
                self.context.offline = false;
                let action = self.link.online(self.context.now);
                self.act(action);
            }
            Input::Offline => {
                self.context.offline = true;
                self.drop_commands(Code::Offline, "There is no network.");
                self.detach();
                // Nothing is asked while it waits for a keeper that it may not go to.
                self.leave_repeating();
                self.link.offline();
                self.context.outputs.push_back(Output::CloseStream);
            }
            Input::Doubt => {
                let action = self.link.doubt(self.context.now);
                self.act(action);
                if matches!(self.link.phase(), Phase::Syncing | Phase::Live) {
                    self.look_around();
                }
            }
            Input::Visible(visible) => self.visible(visible),
        }
        self.after();
    }

    /// The next thing for the shell to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.context.outputs.pop_front()
    }

    /// When `Input::Timeout` wants to be handled next. May change after each input, command or output.
    ///
    /// `None` while nobody looks and nothing is expected: what comes is taken, but nothing is asked for.
    pub fn poll_timeout(&self) -> Option<u64> {
        let settled = !matches!(self.link.phase(), Phase::Connecting | Phase::Syncing);
        if self.hidden && settled && self.sessions.iter().all(Session::is_resting) {
            return None;
        }
        let streaming = self.context.streaming;
        let sessions = self.sessions.iter().filter_map(|session| session.deadline(streaming));
        sessions
            .chain(self.link.deadline())
            .chain(self.probe_at())
            .chain(self.resync_due())
            .chain(self.version.again)
            .chain(self.version_deadline())
            .min()
    }

    /// Whether the session has changes to hand out.
    pub fn is_dirty(&self, handle: u32) -> bool {
        let at = self.sessions.binary_search_by_key(&handle, Session::handle);
        at.is_ok_and(|at| self.sessions[at].is_dirty())
    }

    /// The next session, from `at` on, with changes to hand out that it was not named for since its last drain.
    pub fn next_dirty(&mut self, at: &mut usize) -> Option<u32> {
        while let Some(session) = self.sessions.get_mut(*at) {
            *at += 1;
            if session.announce() {
                return Some(session.handle());
            }
        }
        None
    }

    /// Hands out what changed in a session since the last call.
    pub fn drain(&mut self, handle: u32, out: &mut Vec<Change>) {
        if let Some(session) = session(&mut self.sessions, handle) {
            session.drain(out);
        }
    }

    /// Bytes of memory held for what is unfinished, for tests of its bounds.
    #[doc(hidden)]
    pub fn buffered_bytes(&self) -> usize {
        let sessions = self.sessions.iter().map(Session::buffered_bytes);
        self.decoder.capacity() + sessions.sum::<usize>()
    }

    fn after(&mut self) {
        if (self.lookout || !self.sessions.is_empty()) && self.sessions.iter().all(Session::is_synced) {
            self.link.synced();
        }
        self.widen();
        self.context.streaming = self.link.phase() == Phase::Live;
        if self.sessions.iter().any(Session::expects) {
            self.link.hurry(self.context.now + POLL_BUSY);
        }
        // Without a stream, none breaks to tell that the server is another one now.
        let stale = !matches!(self.link.phase(), Phase::Syncing | Phase::Live)
            && self.context.own_ids.is_some()
            && self.version.told_at < self.context.now
            && self.sessions.iter_mut().any(Session::will_post);
        // While a keeper's stream is away, whether it goes on tells that, and later.
        if (std::mem::take(&mut self.context.unsure) && !self.resuming) || stale {
            self.renew_version();
        }
        let mut needs_catalog = self.pump_commands();
        for session in &mut self.sessions {
            needs_catalog |= session.pump(&mut self.catalog, &mut self.context);
        }
        if needs_catalog && self.catalog_asked == 0 {
            self.catalog_asked = 3;
            let directory = self.context.directory.clone();
            let path = |path| with_directory(path, directory.as_deref());
            self.context
                .request(Purpose::Models, "GET", path("/config/providers"), None);
            self.context.request(Purpose::Agents, "GET", path("/agent"), None);
            self.context.request(Purpose::Commands, "GET", path("/command"), None);
        }
        if self.link.take_changed() {
            let json = self.link.to_json();
            for session in &mut self.sessions {
                session.set_connection(&json);
            }
            self.hear(Heard::Connection, "", json.as_bytes());
            if !self.sessions.is_empty() {
                let failed = matches!(self.link.phase(), Phase::Waiting | Phase::Closed);
                self.context.log(1 + u8::from(failed), "connection", json);
            }
        }
    }

    fn offline_reply(&mut self, token: u32) {
        self.context
            .reply(token, Err(Error::new(Code::Offline, "There is no network.")));
    }

    fn closed(&mut self, token: u32) {
        self.context
            .reply(token, Err(Error::new(Code::Closed, "The session is closed.")));
    }
}

/// Servers before 1.2 take a directory with a slash at its end for another one.
fn unslashed(mut directory: String) -> String {
    while directory.len() > 1 && directory.ends_with('/') {
        directory.pop();
    }
    directory
}

fn session(sessions: &mut [Session], handle: u32) -> Option<&mut Session> {
    let at = sessions.binary_search_by_key(&handle, Session::handle).ok()?;
    sessions.get_mut(at)
}
