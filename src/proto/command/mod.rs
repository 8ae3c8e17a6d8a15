//! What the user sends: prompts, their ids, the check of their model, and the outbox that sees them stored once.

mod catalog;
mod commands;
mod id;
mod outbox;
mod prompt;

pub use catalog::Catalog;
pub use commands::{Command, Kind};
pub use id::{IdMaker, is_made_since};
pub use outbox::{Outbox, Prompt, Stage};
pub use prompt::{Draft, Model};
