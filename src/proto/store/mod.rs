//! The one truth: the messages of one session, merged from snapshots and events.
//!
//! The rules are M1–M9 of `SPEC.md`. `part` and `message` merge one item each; `messages` keeps the list, its order and
//! its tombstones; `page` reads what the server's history answers.

mod merge;
mod message;
mod messages;
mod own;
mod page;
mod part;
mod seen;
mod text;

pub use message::Message;
pub use messages::{Messages, Placed, Telling};
pub use page::{Page, PageItem};
pub use part::Part;
pub use seen::Seen;

/// Position in the order of arrival, counted by the client. Tells what came after a snapshot was asked for.
pub type Stamp = u64;
