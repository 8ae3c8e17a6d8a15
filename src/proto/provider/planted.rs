//! Bugs on purpose, for the schedules in `tests/provider_*.rs` to find. As in [`crate::proto::planted`].

crate::proto::planted::bugs! {
    TokenBucket: "Room comes back bit by bit, and not when a window is over.",
    KeepEstimate: "An estimate is never settled.",
    CountCancelled: "What was cancelled in the queue counts as sent.",
    CountFromStart: "Tokens of a long answer are forgotten while it still comes.",
    IgnorePriority: "The queue is by age alone.",
    NeverAge: "The queue is by priority alone.",
    SkipAhead: "What is small overtakes what does not fit yet.",
    LeakPlaces: "A place is not given back when a request was aborted.",
    EndlessQueue: "The queue has no end.",
    SleepForDays: "A wait that is too long is waited for.",
    TrustClock: "A clock that goes back takes the windows with it.",
    IgnoreRemaining: "What the server says is left is not looked at.",
    ForgetInFlight: "What is on its way does not count against what is left.",
    DeafCircuit: "An endpoint that is down is asked on and on.",
    ManyProbes: "All ask at once whether an endpoint is back.",
    SettleLater: "Usage that comes after the end is not taken.",
}
