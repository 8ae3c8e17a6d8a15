use crate::proto::connection::{RetryPolicy, Transport};
use crate::proto::error::{Code, Error};
use crate::proto::limits::Limits;
use crate::proto::request::Response;

/// How a client is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Project directory on the server; `None`: the server's own.
    pub directory: Option<String>,
    /// How events arrive.
    pub transport: Transport,
    /// Somebody may be asked for a stream that can be repeated, before the server is asked for one.
    pub keeper: bool,
    /// Reconnect timing.
    pub retry: RetryPolicy,
    /// Bounds.
    pub limits: Limits,
    /// For jitter and ids: one seed replays one run.
    pub seed: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Broken, or never reached.
    Network,
    /// Time ran out.
    Timeout,
    /// The caller's credentials could not be had.
    Auth,
    /// There is no keeper, or it does not answer.
    Keeper,
    /// More came than an answer may have.
    Large,
}

impl Failure {
    pub(super) fn error(self) -> Error {
        match self {
            Failure::Network => Error::new(Code::Unreachable, "The server cannot be reached."),
            Failure::Timeout => Error::new(Code::Timeout, "There was no answer in time (limits.requestTimeout)."),
            Failure::Keeper => Error::new(Code::KeeperFailed, "There is no keeper, or it does not answer."),
            Failure::Large => Error::new(Code::LimitReached, "The answer is larger than limits.answer."),
            Failure::Auth => Error::new(Code::AuthFailed, "The auth option gave no usable credentials."),
        }
    }
}

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// The stream answered: its status and content type.
    StreamOpened {
        /// The stream's number.
        generation: u32,
        /// Its head.
        response: Response<'a>,
    },
    /// Bytes of the stream.
    StreamBytes {
        /// The stream's number.
        generation: u32,
        /// Any number of them, cut anywhere.
        bytes: &'a [u8],
    },
    /// The stream ended.
    StreamClosed {
        /// The stream's number.
        generation: u32,
        /// Why; `None`: it ended cleanly.
        cause: Option<Failure>,
    },
    /// A request was answered.
    Response {
        /// Its id.
        id: u32,
        /// The answer.
        response: Response<'a>,
    },
    /// A request got no answer.
    Failed {
        /// Its id.
        id: u32,
        /// Why.
        cause: Failure,
    },
    /// A deadline passed. Extra calls do nothing.
    Timeout,
    /// The host says that the network is back, or the page is.
    Online,
    /// The page is put away: nothing may be asked.
    Offline,
    /// The host says that there is no network, which may be wrong.
    Doubt,
    /// The page is shown (`true`) or hidden.
    Visible(bool),
}
