//! What the server does not keep: events with positions, so that a reader that was away gets all it missed, or is told
//! that something is lost.
//!
//! Wire out is plain SSE: each frame has an `id` of the form `<epoch>-<number>`, and a reader's first frame is
//! `replay.opened` with `continuity` `kept` or `lost`.

mod entries;
mod epochs;
mod log;
mod parts;
mod peek;
mod read;

pub use entries::{Fresh, Owner, Visit};
pub use log::{Continuity, Log, Taken};
pub use peek::unwrapped;
pub use read::{HOLE, Mark, Read, hole_of, mark, pieces, read, stored};

/// Bounds of a [`Log`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Bytes of events kept, whatever is in flight.
    pub bytes: usize,
    /// Bytes of events kept when nothing is in flight.
    pub tail: usize,
    /// Parts in flight that are followed.
    pub parts: usize,
    /// Event ids remembered to drop repeats.
    pub remembered_ids: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        ReplayLimits {
            bytes: 8 << 20,
            tail: 1 << 20,
            parts: 1_024,
            remembered_ids: 4_096,
        }
    }
}
