/// A place in the shared log: the number of a leader's term, and of the record in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Grows with each leader.
    pub epoch: u64,
    /// From 1 on, without holes.
    pub seq: u64,
}

impl Position {
    /// Reads `<epoch>-<seq>`. Names of epochs that are not shared are no numbers.
    pub fn of_text(text: &str) -> Option<Self> {
        let (epoch, seq) = text.split_once('-')?;
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(epoch) || !plain(seq) {
            return None;
        }
        Some(Position {
            epoch: epoch.parse().ok()?,
            seq: seq.parse().ok()?,
        })
    }

    /// As it is written.
    pub fn to_text(self) -> String {
        [self.epoch.to_string().as_str(), "-", self.seq.to_string().as_str()].concat()
    }
}
