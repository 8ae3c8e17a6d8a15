//! Frames → events: both generations of the v1 dialect decoded into one model.
//!
//! - ≤ 1.1: `message.part.updated` with the full part and a `delta` that is already inside it.
//! - ≥ 1.2: `message.part.delta`, and full parts only at start and end.
//! - `/global/event`: the same events wrapped in `{directory, payload}`, stored ones a second time as `sync`.
//!
//! Gateways that rewrite events are read as far as they can be: the type in the `event:` line, fields under `data` or beside the
//! type instead of under `properties`, a message told with its `parts`, and a delta called `text`.
//!
//! Unknown types and fields are left alone: they are skipped here and pass through raw to the page.

mod delta;
mod envelope;
mod glimpse;
mod heads;
mod named;

pub use envelope::{Envelope, Event, decode};
pub use glimpse::Glimpse;
pub use heads::{MessageHead, PartHead, PartKind, Role, message_head, part_head};
pub use named::named;
