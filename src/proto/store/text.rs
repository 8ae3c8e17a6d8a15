use crate::proto::json::{Str, Unescape};
use crate::proto::planted::{self, Bug};

/// Text that grows, and how much of it was handed out.
#[derive(Debug, Clone, Default)]
pub(super) struct Growing {
    text: String,
    join: Unescape,
    sent: usize,
}

impl Growing {
    /// Starts with `base`, which was handed out already.
    pub(super) fn after(base: String) -> Self {
        Growing {
            sent: base.len(),
            text: base,
            join: Unescape::default(),
        }
    }

    pub(super) fn push(&mut self, delta: Str<'_>) {
        if planted::is(Bug::DropHalfPair) {
            self.join = Unescape::default();
        }
        self.join.push(delta, &mut self.text);
    }

    pub(super) fn push_text(&mut self, text: &str) {
        self.join.finish(&mut self.text);
        self.text.push_str(text);
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing was added, not even half a pair.
    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty() && !self.is_split()
    }

    /// Whether half a surrogate pair waits for the other one.
    pub(super) fn is_split(&self) -> bool {
        self.join != Unescape::default()
    }

    /// As much of it was handed out as of `other`, which is a beginning of it.
    pub(super) fn sent_as(&mut self, other: &Growing) {
        self.sent = other.sent;
    }

    /// What was not handed out yet.
    pub(super) fn take(&mut self) -> Option<String> {
        let fresh = self.text.get(self.sent..).filter(|fresh| !fresh.is_empty())?;
        self.sent = self.text.len();
        Some(String::from(fresh))
    }

    /// Everything, as if nothing had been handed out.
    pub(super) fn take_all(&mut self) -> String {
        self.sent = self.text.len();
        self.text.clone()
    }
}

/// Length as JavaScript counts it.
pub(super) fn utf16_len(text: &str) -> u32 {
    text.chars().map(|c| c.len_utf16() as u32).sum()
}
