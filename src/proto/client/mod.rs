//! The one state machine: inputs and commands go in, outputs come out, time is an argument.

mod input;
mod server;

pub use input::{Config, Failure, Input};

use crate::proto::change::Change;
use crate::proto::command::Catalog;
use crate::proto::connection::{Action, Cause, Link, Phase, Source, retry_after};
use crate::proto::error::{Code, Error};
use crate::proto::event::{Event, decode};
use crate::proto::planted::{self, Bug};
use crate::proto::request::Response;
use crate::proto::sse::{Decoder, Item, Notice, SseLimits};
use crate::proto::sync::{Context, Output, Purpose, Session, with_directory};

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
    catalog_asked: u8,
    version_asked: bool,
    directory_asked: bool,
    /// When the stream was last opened anew under the server's own spelling of the directory.
    respelled_at: Option<u64>,
    last_handle: u32,
    /// When the version is asked for again.
    version_at: Option<u64>,
    resync_at: Option<u64>,
    last_resync: u64,
    offline: bool,
    /// The session being opened waits for the journal.
    holds: bool,
    /// The last event heard of a stream that can be repeated.
    position: Option<String>,
    /// Such a stream was lost, and may go on from there.
    resuming: bool,
    hidden: bool,
}

/// A broken event makes all sessions fetch again, but not more often than this, milliseconds.
const RESYNC_EVERY: u64 = 3_000;
/// Prompts wait for the version, and the stream for the directory's name; when asking failed on a good link, both are
/// asked again.
const VERSION_AGAIN: u64 = 2_000;
const POLL_BUSY: u64 = 1_000;
const RESPELL_AGAIN: u64 = 60_000;
const POLL_IDLE: u64 = 5_000;
const POLL_LONGEST: u64 = 30_000;
/// A timer later than this was held up: the page was asleep or frozen.
const LATE: u64 = 5_000;

impl Client {
    /// A client that does nothing until a session is opened or a call is made.
    pub fn new(config: Config) -> Self {
        let limits = SseLimits {
            line: config.limits.line,
            event: config.limits.event,
        };
        Client {
            context: Context::new(config.limits, config.seed, config.directory),
            link: Link::new(config.transport, config.keeper, config.retry),
            decoder: Decoder::new(limits),
            sessions: Vec::new(),
            catalog: Catalog::default(),
            catalog_asked: 0,
            version_asked: false,
            directory_asked: false,
            respelled_at: None,
            last_handle: 0,
            version_at: None,
            resync_at: None,
            last_resync: 0,
            offline: false,
            holds: false,
            position: None,
            resuming: false,
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
        if connected && self.link.source() == Source::Keeper {
            // What it heard of this session before is told again.
            self.position = None;
            self.reopen();
        }
        self.ask_version();
        self.ask_directory();
        let action = self.link.start(self.context.now);
        if self.offline {
            self.link.offline();
        } else {
            self.act(action);
        }
        self.after();
        self.last_handle
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
        if self.sessions.is_empty() {
            self.leave_keeper();
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
            _ if self.offline => self.offline_reply(token),
            Some(session) => session.load_older(count, token, &mut self.context),
            None => self.closed(token),
        }
    }

    /// Any other call to the server; its body answers `token`. It runs in the directory of the session `handle`, or in
    /// the client's when there is no such session.
    pub fn call(&mut self, handle: u32, method: &'static str, path: &str, body: Option<Vec<u8>>, token: u32) {
        if self.offline {
            return self.offline_reply(token);
        }
        let scope = self
            .sessions
            .iter()
            .find(|session| session.handle() == handle)
            .and_then(Session::directory);
        let path = with_directory(path, scope.or(self.context.directory.as_deref()));
        self.context.request(Purpose::Call { token }, method, path, body);
    }

    /// Tries again now, whatever the link waits for.
    pub fn reconnect(&mut self, now: u64) {
        self.context.now = self.context.now.max(now);
        self.offline = false;
        self.sessions.iter_mut().for_each(Session::revive);
        self.detach();
        let action = self.link.reconnect(self.context.now);
        self.act(action);
        self.after();
    }

    /// Something happened. Then poll outputs.
    pub fn handle_input(&mut self, input: Input<'_>, now: u64) {
        self.context.now = self.context.now.max(now);
        match input {
            Input::StreamBytes { generation, bytes } => self.bytes(generation, bytes),
            Input::StreamEvent { generation, data } => {
                if generation == self.link.generation() {
                    self.link.fed(self.context.now);
                    self.frame(data);
                }
            }
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
            Input::Response { id, response } => self.response(id, &response),
            Input::Failed { id, cause } => {
                if let Some(purpose) = self.take(id) {
                    self.answer(purpose, "", Err(cause.error()));
                }
            }
            Input::Timeout => self.timeout(),
            Input::Online => {
                self.offline = false;
                let action = self.link.online(self.context.now);
                self.act(action);
            }
            Input::Offline => {
                self.offline = true;
                self.detach();
                self.link.offline();
                self.context.outputs.push_back(Output::CloseStream);
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
            .chain(self.resync_at)
            .chain(self.version_at)
            .min()
    }

    /// Whether the session has changes to hand out.
    pub fn is_dirty(&self, handle: u32) -> bool {
        self.sessions
            .iter()
            .any(|session| session.handle() == handle && session.is_dirty())
    }

    /// Handles of sessions with changes to hand out.
    pub fn dirty(&self) -> impl Iterator<Item = u32> {
        self.sessions
            .iter()
            .filter(|session| session.is_dirty())
            .map(Session::handle)
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

    fn bytes(&mut self, generation: u32, bytes: &[u8]) {
        if generation != self.link.generation() && !planted::is(Bug::NoFence) {
            return;
        }
        self.link.fed(self.context.now);
        // The decoder is lent out while its frames are handled.
        let limits = SseLimits { line: 0, event: 0 };
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::new(limits));
        decoder.feed(bytes, &mut |item| match item {
            // A frame may end this stream; what follows it in the chunk is of the past.
            _ if generation != self.link.generation() && !planted::is(Bug::NoFence) => {}
            Item::Frame(frame) => self.frame(frame.data),
            Item::Notice(Notice::TooLarge) => {
                self.missed(Error::new(
                    Code::EventTooLarge,
                    "An event was larger than limits.event.",
                ));
            }
            Item::Notice(Notice::Retry(_)) => {}
        });
        if generation != self.link.generation() {
            decoder.reset();
        } else if self.link.source() == Source::Keeper {
            let id = decoder.last_event_id();
            self.position = str::from_utf8(id).ok().filter(|id| !id.is_empty()).map(String::from);
        }
        self.decoder = decoder;
    }

    fn frame(&mut self, data: &[u8]) {
        let sessions = &self.sessions;
        let wanted = |id: crate::proto::json::Str<'_>| sessions.iter().any(|session| id.is(&session.id));
        match decode(data, &wanted) {
            Ok(None) => {}
            Ok(Some(envelope)) => match envelope.event {
                Event::Connected => self.connected(),
                Event::Heartbeat => self.link.beat(self.context.now),
                Event::ReplayOpened { kept } => self.attached(kept),
                Event::ReplayLive => {
                    self.context.replaying = false;
                    self.moor();
                }
                Event::ReplayHole => {
                    for session in &mut self.sessions {
                        session.hole(data, &mut self.context);
                    }
                }
                Event::Disposed => {
                    self.stream_ended(Cause::End);
                    self.context.outputs.push_back(Output::CloseStream);
                }
                _ => {
                    let context = &mut self.context;
                    for session in self
                        .sessions
                        .iter_mut()
                        .filter(|session| envelope.session.is(&session.id))
                    {
                        session.event(&envelope, data, context);
                    }
                }
            },
            Err(_) => self.missed(Error::new(Code::BadEvent, "An event of the stream is not valid JSON.")),
        }
        if std::mem::take(&mut self.context.missed) {
            self.missed(Error::new(
                Code::BadEvent,
                "A number in the stream is missing: an event was lost.",
            ));
        }
    }

    fn connected(&mut self) {
        if self.link.phase() != Phase::Connecting {
            return;
        }
        self.link.connected(self.context.now);
        self.ask_version();
        self.ask_directory();
        self.begin();
    }

    /// A stream that can be repeated is open. `kept`: it goes on where this client left it.
    fn attached(&mut self, kept: bool) {
        if self.link.phase() != Phase::Connecting || self.link.source() != Source::Keeper {
            return;
        }
        self.link.connected(self.context.now);
        self.ask_version();
        if std::mem::take(&mut self.resuming) && kept {
            for session in &mut self.sessions {
                session.resume(&mut self.context);
            }
        } else {
            self.ask_directory();
            self.context.replaying = true;
            self.interrupt();
            self.sessions.iter_mut().for_each(Session::rewind);
            self.begin();
        }
    }

    /// Sessions that waited with their snapshot may not have to wait any more.
    fn show_due(&mut self) {
        for session in &mut self.sessions {
            session.show_due(&mut self.context);
        }
    }

    fn begin(&mut self) {
        for session in &mut self.sessions {
            session.begin(&mut self.context);
        }
    }

    /// An event was lost on a stream that goes on: what it said is fetched.
    fn missed(&mut self, error: Error) {
        self.context.warn(error.code.name(), &error.message);
        for session in self.sessions.iter_mut().filter(|session| !session.is_dead()) {
            session.lose(error.clone(), &mut self.context);
        }
        let at = self.context.now.max(self.last_resync + RESYNC_EVERY);
        self.resync_at = Some(self.resync_at.unwrap_or(at));
        self.timeout_resync();
    }

    fn timeout_resync(&mut self) {
        if self.resync_at.is_some_and(|at| self.context.now >= at) {
            self.resync_at = None;
            self.last_resync = self.context.now;
            if matches!(self.link.phase(), Phase::Syncing | Phase::Live) {
                self.interrupt();
                self.begin();
            }
        }
    }

    fn interrupt(&mut self) {
        self.sessions.iter_mut().for_each(Session::interrupt);
    }

    /// The stream is lost. One that can be repeated may go on without a hole.
    fn detach(&mut self) {
        self.detached(self.link.phase(), self.link.source());
    }

    fn detached(&mut self, phase: Phase, source: Source) {
        let live = matches!(phase, Phase::Syncing | Phase::Live);
        self.resuming |= live && source == Source::Keeper && self.position.is_some();
        self.context.adrift |= self.resuming;
        if !self.resuming {
            self.interrupt();
        }
    }

    /// What was missed has been told, or is fetched: who waits for settled sessions may be answered.
    fn moor(&mut self) {
        if std::mem::take(&mut self.context.adrift) {
            for session in &mut self.sessions {
                session.answer_settled(&mut self.context);
            }
        }
    }

    /// From here on events come another way, and what the keeper would repeat is not what was missed.
    fn leave_keeper(&mut self) {
        self.position = None;
        self.context.replaying = false;
        if std::mem::take(&mut self.resuming) {
            self.interrupt();
        }
        self.moor();
    }

    /// A session has seen that the stream carries no events of it.
    fn mute(&mut self) {
        let generation = self.link.generation();
        let action = self.link.mute(self.context.now, &mut self.context.rng);
        if generation != self.link.generation() {
            self.interrupt();
            self.context.outputs.push_back(Output::CloseStream);
            self.act(action);
        }
    }

    /// The page is shown or hidden. What slept while it was hidden is looked after.
    fn visible(&mut self, visible: bool) {
        let woken = self.hidden && visible;
        self.hidden = !visible;
        if !woken {
            return;
        }
        self.woke();
        if self.link.phase() == Phase::Waiting {
            let action = self.link.wake(self.context.now);
            self.act(action);
        } else {
            self.timeout();
        }
    }

    /// When the best rung may be tried again: where that tears no answer.
    fn probe_at(&self) -> Option<u64> {
        let tears = self.link.phase() == Phase::Live && !self.sessions.iter().all(Session::is_resting);
        self.link.probe_at().filter(|_| !tears)
    }

    fn opened(&mut self, generation: u32, response: &Response<'_>) {
        if generation != self.link.generation() {
            return;
        }
        if let Err(error) = Error::check_stream(response) {
            let retry_after =
                retry_after(response.retry_after, self.context.now).filter(|_| !planted::is(Bug::IgnoreRetryAfter));
            self.context.outputs.push_back(Output::CloseStream);
            self.stream_ended(Cause::Refused { error, retry_after });
        } else {
            self.link.fed(self.context.now);
        }
    }

    fn stream_ended(&mut self, cause: Cause) {
        let fatal = match &cause {
            Cause::Refused { error, .. } => Some(error.clone()),
            _ => None,
        };
        if !planted::is(Bug::ForgetInterrupt) {
            self.detach();
        }
        if !planted::is(Bug::KeepHalfFrame) {
            self.decoder.reset();
        }
        self.link.ended(cause, self.context.now, &mut self.context.rng);
        if let (Phase::Closed, Some(error)) = (self.link.phase(), fatal) {
            for session in &mut self.sessions {
                session.die(&error, &mut self.context);
            }
        }
    }

    /// Nothing that was awaited over a sleep is late: what should have brought it may have slept too.
    fn woke(&mut self) {
        let now = self.context.now;
        self.link.woke(now);
        self.sessions.iter_mut().for_each(|session| session.woke(now));
    }

    fn timeout(&mut self) {
        let (now, phase) = (self.context.now, self.link.phase());
        if self.poll_timeout().is_some_and(|due| now > due + LATE) {
            self.woke();
        }
        let source = self.link.source();
        let action = self.link.timeout(now, &mut self.context.rng);
        if phase != Phase::Waiting && self.link.phase() == Phase::Waiting {
            self.detached(phase, source);
            self.decoder.reset();
            self.context.outputs.push_back(Output::CloseStream);
        }
        self.act(action);
        if self.probe_at().is_some_and(|at| now >= at) {
            self.interrupt();
            let action = self.link.probe(now);
            self.act(action);
        }
        self.timeout_resync();
        if self.version_at.is_some_and(|at| now >= at) {
            self.version_at = None;
            if self.link.phase().is_connected() {
                self.ask_version();
                self.ask_directory();
            }
        }
        for session in &mut self.sessions {
            session.timeout(&mut self.context);
        }
        if std::mem::take(&mut self.context.mute) {
            self.mute();
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::None => {}
            Action::Open => {
                if !planted::is(Bug::KeepHalfFrame) {
                    self.decoder.reset();
                }
                let source = self.link.source();
                let path = match source {
                    Source::Event => with_directory("/event", self.context.directory.as_deref()),
                    _ => String::from("/global/event"),
                };
                if source != Source::Keeper {
                    self.leave_keeper();
                }
                self.context.outputs.push_back(Output::OpenStream {
                    generation: self.link.generation(),
                    source,
                    path,
                    position: self.position.clone(),
                });
            }
            Action::Poll => {
                self.leave_keeper();
                let idle = self.sessions.iter().map(Session::unmoved).min().unwrap_or_default();
                let wait = if self.sessions.iter().any(Session::expects) {
                    POLL_BUSY
                } else {
                    (POLL_IDLE * u64::from(idle.clamp(1, 6))).min(POLL_LONGEST)
                };
                self.link.poll_at(self.context.now + wait);
                self.ask_version();
                for session in &mut self.sessions {
                    session.poll(&mut self.context);
                }
            }
            Action::Look => {
                self.ask_version();
                for session in self.sessions.iter_mut().filter(|session| !session.is_live()) {
                    session.begin(&mut self.context);
                }
            }
        }
    }

    /// What follows from any input: sessions that became live, prompts that may go, a link state to show.
    fn after(&mut self) {
        if !self.sessions.is_empty() && self.sessions.iter().all(Session::is_synced) {
            self.link.synced();
        }
        self.widen();
        self.context.streaming = self.link.phase() == Phase::Live;
        if self.sessions.iter().any(Session::expects) {
            self.link.hurry(self.context.now + POLL_BUSY);
        }
        let mut needs_catalog = false;
        for session in &mut self.sessions {
            needs_catalog |= session.pump(&mut self.catalog, &mut self.context);
        }
        if needs_catalog && self.catalog_asked == 0 {
            self.catalog_asked = 2;
            let directory = self.context.directory.clone();
            let path = |path| with_directory(path, directory.as_deref());
            self.context
                .request(Purpose::Models, "GET", path("/config/providers"), None);
            self.context.request(Purpose::Agents, "GET", path("/agent"), None);
        }
        if self.link.take_changed() {
            let json = self.link.to_json();
            for session in &mut self.sessions {
                session.set_connection(&json);
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

fn session(sessions: &mut [Session], handle: u32) -> Option<&mut Session> {
    sessions.iter_mut().find(|session| session.handle() == handle)
}
