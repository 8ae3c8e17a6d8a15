//! Frames → events: both generations of the v1 dialect decoded into one model.
//!
//! - ≤ 1.1: `message.part.updated` with the full part and a `delta` that is already inside it.
//! - ≥ 1.2: `message.part.delta`, and full parts only at start and end.
//! - `/global/event`: the same events wrapped in `{directory, payload}`, stored ones a second time as `sync`.
//!
//! Unknown types and fields are left alone: they are skipped here and pass through raw to the page.

mod delta;
mod envelope;
mod heads;

pub use envelope::{Envelope, Event, decode};
pub use heads::{MessageHead, PartHead, PartKind, Role, message_head, part_head};
