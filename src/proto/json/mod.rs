//! A small JSON reader and writer for the hot path.
//!
//! Events are read in one pass that stops at the fields the store needs; everything else stays raw and is parsed once,
//! by `JSON.parse`, when it is shown. That is several times faster than building a tree, and a fraction of the code.
//! Whatever `serde_json` accepts, this reader accepts with the same result (see `tests/json.rs`).

mod cursor;
mod field;
mod number;
mod text;
mod write;

pub use cursor::{Bad, Cursor, has_control};
pub use field::{field, is_whole, text_field};
pub use number::number;
pub use text::{Str, Unescape, push_utf8, utf8};
pub use write::{Object, quote};
