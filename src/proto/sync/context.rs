use super::older::Older;
use std::collections::VecDeque;

use super::family::Family;
use crate::proto::clock::ServerClock;
use crate::proto::command::IdMaker;
use crate::proto::connection::Source;
use crate::proto::error::Error;
use crate::proto::event::message_head;
use crate::proto::json::Cursor;
use crate::proto::limits::Limits;
use crate::proto::request::Request;
use crate::proto::rng::Rng;
use crate::proto::store::{Stamp, Telling};

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open the event stream, in place of any older one.
    OpenStream {
        /// Its number; bytes and ends of the stream name it.
        generation: u32,
        /// Whose stream.
        source: Source,
        /// Path and query.
        path: String,
        /// The last event heard of a stream that can be repeated.
        position: Option<String>,
    },
    /// Close the event stream.
    CloseStream,
    /// Send a request.
    Request(Request),
    /// Answer the caller who waits under this token.
    Reply {
        /// The caller's token.
        token: u32,
        /// The answer.
        result: Result<Reply, Error>,
    },
    /// Something of sessions that need not be open: for lists of them, on a client that looks out.
    Heard {
        /// What.
        kind: Heard,
        /// The session; of `Answered` the request; of `Again` the client's directory, empty where the server has not told it.
        id: String,
        /// JSON, for what has any.
        raw: Vec<u8>,
    },
    /// Log something.
    Log {
        /// 0 debug, 1 info, 2 warn, 3 error.
        level: u8,
        /// Stable code.
        code: &'static str,
        /// One sentence without secrets; of `connection` its JSON.
        message: String,
    },
}

/// What a client that looks out tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// From here on nothing is missed; what was before is to be asked for.
    Again,
    /// The connection, as in a session's state.
    Connection,
    /// A session as it is now.
    Told,
    /// It is gone.
    Gone,
    /// Its status.
    Status,
    /// A request for a person.
    Asked,
    /// That request is answered.
    Answered,
}

/// The token of nobody.
pub(super) const NOBODY: u32 = 0;

/// What a caller waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// The message at this position of the session's list.
    Message {
        /// The session's handle.
        session: u32,
        /// Position in the list after the next drain.
        index: usize,
    },
    /// Whether there is more.
    More(bool),
    /// The body of an answer.
    Body(Vec<u8>),
}

/// Why a request was sent: what its answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The caller asked for it.
    Call {
        /// The caller's token.
        token: u32,
    },
    /// Whether the server can be reached.
    Around,
    /// The server's version.
    Version {
        /// When it was asked for.
        asked: Stamp,
    },
    /// The server's own directory.
    Directory,
    /// The models a prompt may name.
    Models,
    /// The agents a prompt may name.
    Agents,
    /// The slash commands.
    Commands,
    /// The place of a session that is not open.
    Kin {
        /// Its id.
        session: String,
    },
    /// A session asked for it.
    Session {
        /// The session's handle.
        session: u32,
        /// For what.
        what: What,
        /// When it asked.
        asked: Stamp,
    },
}

/// What a session asks the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The newest page of messages, for the snapshot.
    Page,
    /// The session itself.
    Info,
    /// Its status.
    Status,
    /// Open permission requests.
    Permissions,
    /// Open questions.
    Questions,
    /// The to-do list.
    Todos,
    /// The newest messages, to see that the turn is over and all is shown.
    Settle,
    /// The newest messages, to see whether the stream leaves something out.
    Look,
    /// Many messages, to see whether restored prompts are stored far back.
    Search,
    /// One message that events spoke of before it was known.
    One {
        /// Its id.
        message: String,
    },
    /// An older page.
    Older(Older),
    /// A prompt was posted.
    Prompt {
        /// Its key.
        key: String,
    },
}

/// What a session may use while it works: the rest of the client, without the other sessions.
#[derive(Debug)]
pub struct Context {
    /// Milliseconds since 1970, never going back.
    pub now: u64,
    /// Counts events and requests.
    pub stamp: Stamp,
    /// For the shell, oldest first.
    pub outputs: VecDeque<Output>,
    /// Requests under way.
    pub pending: Vec<(u32, Purpose)>,
    /// Bounds.
    pub limits: Limits,
    /// For jitter and ids.
    pub rng: Rng,
    /// Makes ids.
    pub ids: IdMaker,
    /// What time it is at the server.
    pub clock: ServerClock,
    /// The client's directory, in the exact form the server uses.
    pub directory: Option<String>,
    /// The server takes message ids made here: safe to send again (≥ 1.18.16, measured). Unknown until asked.
    pub own_ids: Option<bool>,
    /// The host says that there is no network: nothing is asked.
    pub offline: bool,
    /// Events come by a stream that is live.
    pub streaming: bool,
    /// How what the stream tells now stands to the history that is asked for.
    pub telling: Telling,
    /// The stream is away, or has not told yet what was missed: nothing is known to equal the server.
    pub adrift: bool,
    /// A session has seen that the stream carries no events of it.
    pub mute: bool,
    /// A session has seen that an event of it is missing.
    pub missed: bool,
    /// A post got no answer, or none of the server's: it may be another one now.
    pub unsure: bool,
    /// Which session runs inside which.
    pub family: Family,
    last_request: u32,
}

impl Context {
    /// Nothing under way.
    pub fn new(limits: Limits, seed: u64, directory: Option<String>) -> Self {
        Context {
            now: 0,
            stamp: 0,
            outputs: VecDeque::new(),
            pending: Vec::new(),
            limits,
            rng: Rng::new(seed),
            ids: IdMaker::default(),
            clock: ServerClock::default(),
            directory,
            own_ids: None,
            offline: false,
            streaming: false,
            telling: Telling::Now,
            adrift: false,
            mute: false,
            missed: false,
            unsure: false,
            family: Family::default(),
            last_request: 0,
        }
    }

    /// The next position in the order of arrival.
    pub fn tick(&mut self) -> Stamp {
        self.stamp += 1;
        self.stamp
    }

    /// A new id in the server's form.
    pub fn make_id(&mut self, prefix: &str) -> String {
        self.ids.make(prefix, self.clock.cap(self.now), &mut self.rng)
    }

    /// The server told a session: whom it runs inside, and what time it was made.
    pub fn learn(&mut self, info: &[u8]) {
        self.family.learn(info);
        if let Ok(head) = message_head(&mut Cursor::new(info)) {
            self.clock.see(head.created);
        }
    }

    /// Sends a request.
    pub fn request(&mut self, purpose: Purpose, method: &'static str, path: String, body: Option<Vec<u8>>) {
        self.request_within(self.limits.request_timeout, purpose, method, path, body);
    }

    /// Sends a request that is answered when a turn is over.
    pub fn request_patiently(&mut self, purpose: Purpose, path: String, body: Vec<u8>) {
        self.request_within(0, purpose, "POST", path, Some(body));
    }

    fn request_within(
        &mut self,
        timeout: u64,
        purpose: Purpose,
        method: &'static str,
        path: String,
        body: Option<Vec<u8>>,
    ) {
        self.last_request = self.last_request.wrapping_add(1);
        let id = self.last_request;
        self.pending.push((id, purpose));
        self.outputs.push_back(Output::Request(Request {
            id,
            method,
            path,
            body,
            timeout,
        }));
    }

    /// Answers a caller.
    pub fn reply(&mut self, token: u32, result: Result<Reply, Error>) {
        if token != NOBODY {
            self.outputs.push_back(Output::Reply { token, result });
        }
    }

    /// Answers callers alike.
    pub fn reply_all(&mut self, tokens: Vec<u32>, result: &Result<Reply, Error>) {
        for token in tokens {
            self.reply(token, result.clone());
        }
    }

    /// Logs an error as a warning.
    pub fn warn_of(&mut self, error: &Error) {
        self.warn(error.code.name(), &error.message);
    }

    /// Logs a warning.
    pub fn warn(&mut self, code: &'static str, message: &str) {
        self.log(2, code, String::from(message));
    }

    /// Logs something.
    pub fn log(&mut self, level: u8, code: &'static str, message: String) {
        self.outputs.push_back(Output::Log { level, code, message });
    }
}
