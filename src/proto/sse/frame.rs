//! What the decoder hands out, and its limits.

/// Limits of a [`Decoder`](super::Decoder), in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseLimits {
    /// Longest line of a known field, its end not counted.
    pub line: usize,
    /// Longest data of one event, its lines joined.
    pub event: usize,
}

impl Default for SseLimits {
    fn default() -> Self {
        Self {
            line: 16 << 20,
            event: 16 << 20,
        }
    }
}

/// One dispatched event. It borrows the decoder's or the chunk's memory.
///
/// The bytes are as sent, bad UTF-8 included; replace it when making text of them ([`String::from_utf8_lossy`], or
/// `new TextDecoder('utf-8', { ignoreBOM: true })`: the stream's own BOM is gone, one in a value is text).
/// The standard decodes the whole stream first. That gives the same text: CR, LF, colon, space and the field
/// names are ASCII, and an ASCII byte always ends a broken sequence and is never swallowed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Event type; `message` when unset or empty.
    pub event: &'a [u8],
    /// Values of the data lines, joined by LF.
    pub data: &'a [u8],
    /// Last event id, of this event or an earlier one.
    pub id: &'a [u8],
}

/// Something to know that is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A line or an event went over its limit. The whole event is skipped, up to its blank line; it counts as
    /// never sent, so its id is not taken over.
    TooLarge,
    /// Reconnection time asked for by the server, in milliseconds, saturating. Clamp it before use.
    Retry(u64),
}

/// What [`Decoder::feed`](super::Decoder::feed) passes to its sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An event.
    Frame(Frame<'a>),
    /// A notice.
    Notice(Notice),
}
