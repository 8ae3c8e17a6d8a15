//! One upstream stream and many readers: what runs in the service worker, and in the tab that leads where there is none.

mod machine;
mod readers;

pub use machine::Keeper;

use crate::proto::client::Failure;
use crate::proto::connection::RetryPolicy;
use crate::proto::replay::ReplayLimits;
use crate::proto::request::Response;

/// What a keeper is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Reconnect timing.
    pub retry: RetryPolicy,
    /// Bounds of the log.
    pub replay: ReplayLimits,
    /// Readers at a time; one more is turned away with status 503.
    pub readers: usize,
    /// Without readers and with nothing in flight, the stream is held this long, milliseconds.
    pub linger: u64,
    /// Without readers, the stream is never held longer than this, milliseconds.
    pub patience: u64,
    /// A seed for waits and the epoch.
    pub seed: u64,
}

impl Config {
    /// The defaults.
    pub fn new(seed: u64) -> Self {
        Config {
            retry: RetryPolicy::default(),
            replay: ReplayLimits::default(),
            readers: 64,
            linger: 60_000,
            patience: 300_000,
            seed,
        }
    }
}

/// What happens to a keeper.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// A reader comes.
    Attach {
        /// The owner's number for it. One that is known already starts anew.
        reader: u32,
        /// The last `id` that it saw.
        position: Option<String>,
    },
    /// A reader goes.
    Detach {
        /// Its number.
        reader: u32,
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
    /// A deadline may have passed.
    Timeout,
}

/// What the owner of a keeper is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open the stream, in place of any older one.
    OpenStream {
        /// Its number.
        generation: u32,
    },
    /// Close the stream.
    CloseStream,
    /// Give a reader bytes of an event stream. The first ones answer it.
    Send {
        /// Its number.
        reader: u32,
        /// Whole frames.
        bytes: Vec<u8>,
    },
    /// A reader's stream is over; the keeper has forgotten it.
    End {
        /// Its number.
        reader: u32,
        /// Why.
        ending: Ending,
    },
    /// There is nothing to keep any more: drop this keeper.
    Idle,
}

/// Why a reader's stream is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It ended cleanly; coming back is worth while.
    Clean,
    /// The server was not reached.
    Failed(Failure),
    /// The server's answer was no event stream.
    Answer {
        /// HTTP status.
        status: u16,
        /// `content-type`.
        content_type: String,
        /// `retry-after`.
        retry_after: String,
    },
}
