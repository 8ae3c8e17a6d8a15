use super::Position;

/// One record of the shared log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub position: Position,
    /// What it says.
    pub body: Body,
}

/// What a record says. Only what a leader writes is in the log: nothing of the upstream server's can pass for the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// An upstream event, or several joined.
    Event(Vec<u8>),
    /// The first record of an epoch: the last record before it.
    Begin(Option<Position>),
    /// The upstream stream is live.
    Up {
        /// Events may have been missed since it was the last time.
        hole: bool,
    },
    /// The upstream stream is lost.
    Down,
    /// The leader goes.
    Over,
}

impl Body {
    /// The kind, and the rest of it.
    pub fn parts(&self) -> (u8, Vec<u8>) {
        match self {
            Body::Event(data) => (0, data.clone()),
            Body::Begin(after) => (1, after.map(Position::to_text).unwrap_or_default().into_bytes()),
            Body::Up { hole } => (2, if *hole { b"hole".to_vec() } else { Vec::new() }),
            Body::Down => (3, Vec::new()),
            Body::Over => (4, Vec::new()),
        }
    }

    /// The inverse; `None` for what no relay of this version writes.
    pub fn of_parts(kind: u8, data: &[u8]) -> Option<Self> {
        Some(match (kind, data) {
            (0, data) => Body::Event(data.to_vec()),
            (1, b"") => Body::Begin(None),
            (1, text) => Body::Begin(Some(Position::of_text(str::from_utf8(text).ok()?)?)),
            (2, b"") => Body::Up { hole: false },
            (2, b"hole") => Body::Up { hole: true },
            (3, b"") => Body::Down,
            (4, b"") => Body::Over,
            _ => return None,
        })
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Body::Event(data) => data.len() + 64,
            _ => 64,
        }
    }
}

/// What is asked of the store. Each is one step there: nothing happens between its looks and its writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Take the lease, where nobody or this instance has it, and begin a new epoch: larger than all before, also when the
    /// store forgot them. Where another has it, say so, and that somebody wants it.
    Acquire {
        /// How long it counts, milliseconds.
        lease: u64,
    },
    /// Keep the lease.
    Renew {
        /// The epoch it was taken for; refused when there is a newer one.
        epoch: u64,
        /// How long it counts, milliseconds.
        lease: u64,
    },
    /// Append records, numbered from `first` on; those whose position is not above the newest one are there already.
    Append {
        /// Refused when there is a newer one.
        epoch: u64,
        /// `seq` of the first.
        first: u64,
        /// Their bodies.
        records: Vec<Body>,
        /// Records before this one are not needed any more.
        keep: Option<Position>,
    },
    /// The same, and let the lease go.
    Release {
        /// Refused when there is a newer one.
        epoch: u64,
        /// `seq` of the first.
        first: u64,
        /// Their bodies.
        records: Vec<Body>,
    },
}

/// What the store says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The lease is taken.
    Led {
        /// The new epoch.
        epoch: u64,
        /// The newest record before it.
        top: Option<Position>,
    },
    /// Another has it, for so many milliseconds at most.
    Taken(u64),
    /// It was done.
    Done {
        /// Another instance wants to lead, or has readers.
        wanted: bool,
    },
    /// There is a newer epoch: nothing was done.
    Fenced,
    /// No answer, or an error: whether it was done is not known.
    Failed,
}
