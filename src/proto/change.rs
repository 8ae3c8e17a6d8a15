//! What moved since the last drain: the only thing that leaves the store.

/// One step. Applied in order to the previous state, the steps of a drain give the new one.
///
/// Structure comes first, then content at final positions; a slot that was just inserted is filled later in the same drain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An empty message slot.
    InsertMessage {
        /// Where.
        index: usize,
        /// Render key, stable from local echo to confirmed message.
        key: Box<str>,
    },
    /// The message at `index` goes.
    RemoveMessage {
        /// Where.
        index: usize,
    },
    /// A message moves: taken out at `from`, put in at `to` of the list without it.
    MoveMessage {
        /// Where it was.
        from: usize,
        /// Where it goes.
        to: usize,
    },
    /// An empty part slot.
    InsertPart {
        /// Message position.
        message: usize,
        /// Part position.
        index: usize,
    },
    /// The part goes.
    RemovePart {
        /// Message position.
        message: usize,
        /// Part position.
        index: usize,
    },
    /// A whole message as the server tells it: `{info, parts}`. All its parts are settled unless a `Meta` follows.
    Whole {
        /// Where.
        index: usize,
        /// `{info, parts}`.
        raw: Vec<u8>,
    },
    /// The message's `info`.
    Info {
        /// Where.
        index: usize,
        /// `info`.
        raw: Vec<u8>,
    },
    /// How far an own prompt got.
    Delivered {
        /// Where.
        index: usize,
        /// How far.
        delivery: Delivery,
    },
    /// The part, whole. `Meta` follows.
    Part {
        /// Message position.
        message: usize,
        /// Part position.
        index: usize,
        /// The part as the server tells it.
        raw: Vec<u8>,
    },
    /// The part's text is this, whatever its JSON says.
    Text {
        /// Message position.
        message: usize,
        /// Part position.
        index: usize,
        /// All of the text.
        text: String,
    },
    /// More text at the end of the part.
    Append {
        /// Message position.
        message: usize,
        /// Part position.
        index: usize,
        /// The new text.
        text: String,
    },
    /// What is known of the part's wholeness. Without a gap, its tail is empty.
    Meta {
        /// Message position.
        message: usize,
        /// Part position.
        index: usize,
        /// How whole.
        continuity: Continuity,
    },
    /// More text behind the gap.
    Tail {
        /// Message position.
        message: usize,
        /// Part position.
        index: usize,
        /// The new text.
        text: String,
    },
    /// A field beside the messages, as JSON.
    Field {
        /// Which.
        field: Field,
        /// Its new value; empty means absent.
        json: Vec<u8>,
    },
}

/// How far an own prompt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// On its way.
    Sending,
    /// Stored by the server.
    Sent,
    /// Not stored.
    Failed,
    /// Stored; the server answers another prompt before it.
    Queued,
    /// Stored, and the server will not answer it: it was stopped, or died, before its turn.
    Dropped,
}

/// How whole a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The server has said its last word on it.
    Settled,
    /// Still growing; what is shown is a true beginning of it.
    Streaming,
    /// Text was missed after this many UTF-16 units.
    Gapped(u32),
    /// The answer broke off, and the server lost what is shown.
    Interrupted,
}

/// The fields beside the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `session`.
    Session,
    /// `status`.
    Status,
    /// `connection`.
    Connection,
    /// `permissions`.
    Permissions,
    /// `questions`.
    Questions,
    /// `todos`.
    Todos,
    /// `hasOlder`.
    HasOlder,
    /// `continuity` of the last connect.
    Kept,
    /// `error`.
    Error,
}
