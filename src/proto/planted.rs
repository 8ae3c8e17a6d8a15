//! Bugs on purpose, for the simulation in `tests/sim` to find. Compiled only with the feature `planted`; in every other
//! build `is` is a constant `false`, and nothing of this is left.

/// The bugs of one simulation.
macro_rules! bugs {
    ($($name:ident: $what:literal,)+) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug { $(#[doc = $what] $name,)+ }

        /// All of them, by name.
        #[cfg(feature = "planted")]
        pub const ALL: &[(Bug, &str)] = &[$((Bug::$name, stringify!($name)),)+];

        #[cfg(feature = "planted")]
        thread_local! {
            static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
        }

        /// Plants a bug in what runs on this thread.
        #[cfg(feature = "planted")]
        pub fn set(bug: Option<Bug>) {
            PLANTED.set(bug);
        }

        /// Whether the bug is there.
        #[cfg(feature = "planted")]
        pub(crate) fn is(bug: Bug) -> bool {
            PLANTED.get() == Some(bug)
        }

        /// Whether the bug is there: it is not.
        #[cfg(not(feature = "planted"))]
        pub(crate) const fn is(_: Bug) -> bool {
            false
        }
    };
}

#[cfg(any(feature = "provider", feature = "relay"))]
pub(crate) use bugs;

bugs! {
    SkipBuffering: "Events that come while the snapshot is on its way are dropped.",
    NoFence: "Bytes of an older stream are taken.",
    AppendAfterGap: "A broken stream leaves texts as if nothing had been missed.",
    DropTombstones: "What was removed may come back.",
    ResetBackoff: "Each wait is the first.",
    RollBack: "Shown text goes back to its stored beginning.",
    IgnoreSeen: "Repeated events are applied again.",
    SettleUnchecked: "Idle is taken for settled.",
    UnclearIsFailed: "A post without an answer is called failed.",
    ResendBlindly: "A post without an answer is sent again, also where that stores it twice.",
    OwnIdsEverywhere: "Ids made here are sent to old servers.",
    LoseTail: "Text behind a gap is dropped.",
    StaleSnapshot: "The answers of an older snapshot are taken for those of a newer one.",
    PartsByArrival: "Parts are in the order in which they came.",
    MessagesById: "Messages are in the order of their ids.",
    DeafWatchdog: "Silence is never noticed.",
    IgnoreRetryAfter: "A server that wants to be left alone is not.",
    DropParked: "Events of unknown messages are forgotten when the message comes.",
    AlwaysKept: "Continuity is called kept, whatever was missed.",
    DropHalfPair: "Half of a surrogate pair is dropped.",
    ForgetInterrupt: "Sessions are not told that the stream broke.",
    SettleTwice: "Who waits for settled is told twice.",
    PromptsReversed: "The newest prompt is posted first.",
    PromptsTogether: "A prompt is posted although the one before it is not shown yet.",
    TakenIsStored: "A prompt that the server took is called stored.",
    NeverAdopt: "Own prompts are not recognised under the server's names.",
    JoinAsWhole: "A text joined in the middle is taken for whole.",
    KeepHalfFrame: "A new stream continues the last frame of the old one.",
    DeltaAfterEnd: "Late deltas are appended to an ended text.",
    KeepRequests: "Permissions stay when the session is idle.",
    ForgetEcho: "A prompt that the history names is not called stored.",
    ShortSnapshot: "A snapshot looks no further back than a page.",
    OvertakeParked: "Events overtake those that wait for their message.",
    BrokenUnseen: "A broken event leaves texts as if nothing had been missed.",
    KeepTakenBack: "What was taken back comes again with the next page.",
    ForgetLost: "A text that the server lost is taken away.",
    DropAtOnce: "A prompt whose turn has not begun is called dropped when the session is idle.",
    KnowForever: "What is known of a server is believed of the one that takes its place.",
    JournalAtOnce: "What the journal has is believed before the server let the history be read.",
    FullIsWhole: "A full page without a cursor is taken for all there is.",
    FrontsWord: "A front's word about a session is taken for the server's.",
    IdleIsEnd: "A server that is idle is taken for one that has ended a turn.",
    AnyAnswer: "An answer to an earlier prompt counts for one that has none.",
}
