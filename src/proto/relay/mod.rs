//! One upstream server and any number of readers of whom each sees only what is theirs: what runs in a Node process.
//!
//! ```text
//! upstream ─► intake (joined for a flush) ─► store (fenced by epoch) ─► mirror (contiguous, or told) ─► readers
//! ```
//!
//! With a shared store, one of several instances leads: it holds the one upstream stream, numbers its records
//! `epoch-seq` and appends them. All instances, the leader too, read the store's log and serve their readers from what they
//! read, so that a position means the same everywhere. Without a store, or while it is down, an instance is alone: it numbers in
//! an epoch of its own. `docs/relay.md` says what readers are told in each case.

mod feed;
mod flow;
mod intake;
mod lease;
mod machine;
mod mirror;
#[doc(hidden)]
pub mod planted;
mod position;
mod readers;
mod shared;
mod store;
mod upstream;
mod verdicts;

pub use machine::Relay;
pub use position::Position;
pub use store::{Answer, Body, Op, Record};

use crate::proto::client::Failure;
use crate::proto::connection::RetryPolicy;
use crate::proto::replay::ReplayLimits;
use crate::proto::request::Response;

/// What a relay is made with. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// There is a store that several instances share.
    pub shared: bool,
    /// Reconnect timing of the upstream stream.
    pub retry: RetryPolicy,
    /// Bounds of the log.
    pub replay: ReplayLimits,
    /// Deltas that come within so long are joined.
    pub flush: u64,
    /// Readers at a time; one more is turned away with status 503.
    pub readers: usize,
    /// Readers of one user at a time; one more is turned away with status 429.
    pub readers_per_user: usize,
    /// A reader that nothing was sent to for so long gets a comment.
    pub keep_alive: u64,
    /// A reader that took nothing for so long is let go.
    pub stall: u64,
    /// Without readers and with nothing in flight, the stream is held this long.
    pub linger: u64,
    /// Without readers, the stream is never held longer than this.
    pub patience: u64,
    /// How long readers wait for an upstream that is away.
    pub grace: u64,
    /// What was found out about who may read what counts this long.
    pub verdict: u64,
    /// Sessions that are remembered of each user.
    pub verdicts: usize,
    /// Bytes that wait for the store.
    pub pending: usize,
    /// Bytes that a reader that comes back, or was slow, gets at once.
    pub chunk: usize,
    /// A leader that is not heard of for so long is replaced.
    pub lease: u64,
    /// The store may be out of reach for so long before an instance goes on alone.
    pub store_patience: u64,
    /// How long a reader waits whose position this instance has not read yet.
    pub catch_up: u64,
    /// A seed for waits and the epoch: two instances must not have the same.
    pub seed: u64,
}

impl Config {
    /// The defaults.
    pub fn new(seed: u64) -> Self {
        Config {
            shared: false,
            retry: RetryPolicy::default(),
            replay: ReplayLimits {
                bytes: 64 << 20,
                tail: 4 << 20,
                ..ReplayLimits::default()
            },
            flush: 40,
            readers: 10_000,
            readers_per_user: 32,
            keep_alive: 15_000,
            stall: 60_000,
            linger: 60_000,
            patience: 300_000,
            grace: 10_000,
            verdict: 60_000,
            verdicts: 4_096,
            pending: 8 << 20,
            chunk: 256 << 10,
            lease: 6_000,
            store_patience: 3_000,
            catch_up: 2_000,
            seed,
        }
    }
}

/// What a reader may see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// Whose it is: verdicts and the cap of readers count for a user.
    pub user: String,
    /// All of the server, also what is about no session.
    pub all: bool,
    /// Only this session.
    pub only: Option<String>,
}

/// What happens to a relay.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// A reader comes.
    Attach {
        /// The owner's number for it. One that is known already starts anew.
        reader: u32,
        /// What it may see.
        scope: Scope,
        /// The last `id` that it saw.
        position: Option<String>,
    },
    /// A reader goes.
    Detach {
        /// Its number.
        reader: u32,
    },
    /// A reader takes no more for now.
    Full {
        /// Its number.
        reader: u32,
    },
    /// A reader takes more.
    Drained {
        /// Its number.
        reader: u32,
    },
    /// The answer to `Output::Judge`.
    Judged {
        /// Who was asked about.
        user: String,
        /// The session.
        session: String,
        /// Whether the user may see it.
        allowed: bool,
    },
    /// What was found out about a user counts no more.
    Forget {
        /// The user.
        user: String,
    },
    /// The stream was answered.
    StreamOpened {
        /// Which stream.
        generation: u32,
        /// Its status and headers.
        response: Response<'a>,
    },
    /// Bytes of the stream.
    StreamBytes {
        /// Which stream.
        generation: u32,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The stream ended.
    StreamClosed {
        /// Which stream.
        generation: u32,
        /// Why; `None`: it ended cleanly.
        cause: Option<Failure>,
    },
    /// The answer to an `Output::Store`.
    Stored {
        /// Which one.
        id: u32,
        /// What it says.
        answer: Answer,
    },
    /// The log of the store goes on: whole records in their order. Without any it says that there are none.
    Entries {
        /// Which reading.
        generation: u32,
        /// The records.
        records: Vec<Record>,
        /// These are all that there are.
        all: bool,
    },
    /// The log of the store cannot be read.
    FollowFailed {
        /// Which reading.
        generation: u32,
    },
    /// The process is about to end: readers go elsewhere, another instance leads.
    Drain,
    /// A deadline may have passed.
    Timeout,
}

/// What the owner of a relay is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open the stream, in place of any older one.
    OpenStream {
        /// Its number.
        generation: u32,
    },
    /// Close the stream.
    CloseStream,
    /// Ask the store.
    Store {
        /// The answer names it.
        id: u32,
        /// What to do there.
        op: Op,
    },
    /// Read the store's log from behind this position on, in place of any older reading.
    Follow {
        /// Its number.
        generation: u32,
        /// The last record that was read; `None`: all that there is.
        after: Option<Position>,
    },
    /// Find out whether a user may see a session.
    Judge {
        /// The user.
        user: String,
        /// The session.
        session: String,
    },
    /// Give readers bytes of an event stream. The first ones answer them.
    Send {
        /// Their numbers.
        readers: Vec<u32>,
        /// Whole frames.
        bytes: Vec<u8>,
    },
    /// A reader's stream is over; the relay has forgotten it.
    End {
        /// Its number.
        reader: u32,
        /// Why.
        ending: Ending,
    },
    /// There is nothing to keep any more: drop this relay.
    Idle,
}

/// Why a reader's stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Coming back is worth while.
    Again,
    /// Too many readers: of this user (429), or at all (503).
    Full(u16),
    /// The server is not reached, or does not let the relay in.
    Unreached,
}
