//! The bounds.

/// Bounds of every buffer and wait. A bound reached is an error that the caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest line of the stream, bytes.
    pub line: usize,
    /// Largest event, bytes.
    pub event: usize,
    /// Bytes of events kept while a snapshot is on its way, per session.
    pub buffered: usize,
    /// Events kept while a snapshot is on its way, per session.
    pub buffered_events: usize,
    /// Event ids remembered to drop repeats.
    pub remembered_ids: usize,
    /// Messages kept of a session: the newest ones.
    pub messages: usize,
    /// Prompts waiting to be sent or confirmed, per session.
    pub outbox: usize,
    /// Largest journal record of a session, bytes.
    pub journal: usize,
    /// Longest wait for an HTTP answer, milliseconds.
    pub request_timeout: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line: 16 << 20,
            event: 16 << 20,
            buffered: 8 << 20,
            buffered_events: 10_000,
            remembered_ids: 4_096,
            messages: 5_000,
            outbox: 100,
            journal: 1 << 20,
            request_timeout: 30_000,
        }
    }
}
