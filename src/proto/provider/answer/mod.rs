//! Answers of `/chat/completions` and `/completions`, streamed and whole, of every server's making.

mod chunk;
mod error;
mod options;
mod stream;
mod usage;

pub use chunk::{Chunk, Delta, ToolDelta};
pub use error::{AnswerCode, AnswerError};
pub use options::UsageOption;
pub use stream::{AnswerStream, Finish, LINGER, LINGER_FINISHED, MAX_ANSWER, MAX_CHOICES, Piece};
pub use usage::Usage;
