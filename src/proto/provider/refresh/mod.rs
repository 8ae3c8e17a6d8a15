//! OAuth tokens: when to refresh, once for all who wait, and never losing a token that was rotated.

mod machine;
mod token;

pub use machine::{MAX_WAITING, Output, RefreshError, Refresher};
pub use token::{MARGIN, Tokens, read_token_answer};
