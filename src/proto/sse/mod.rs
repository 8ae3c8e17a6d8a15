//! Server-sent events: bytes in, frames out.
//!
//! Follows the event stream format of the [WHATWG HTML standard][spec]. The frames are the same however the
//! bytes are cut, and come as soon as their last byte is there.
//!
//! [spec]: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

mod decoder;
mod frame;

pub use decoder::Decoder;
pub use frame::{Frame, Item, Notice, SseLimits};
