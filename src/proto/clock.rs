//! The server's clock, as far as its messages tell it.

/// The newest time that the server has told, milliseconds. An id made here with a time ahead of the server's own is newer than
/// the answer to it, and an old server answers such a prompt without end.
#[derive(Debug, Default)]
pub struct ServerClock {
    newest: i64,
}

impl ServerClock {
    /// The server told this time.
    pub fn see(&mut self, time: i64) {
        self.newest = self.newest.max(time);
    }

    /// The page's time, not ahead of the server's where that is known.
    pub fn cap(&self, now: u64) -> u64 {
        match u64::try_from(self.newest) {
            Ok(newest) if newest > 0 => now.min(newest),
            _ => now,
        }
    }
}
