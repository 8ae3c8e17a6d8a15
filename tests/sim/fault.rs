//! Everything that goes wrong on purpose, by name, and how often it really did.

/// Who may do such a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What networks and correct servers can do: every promise holds.
    Lawful,
    /// A broken server or proxy: nothing breaks, it is flagged, and the next load heals it.
    Hostile,
}

macro_rules! faults {
    ($($profile:ident: $($name:ident)+;)+) => {
        /// One class of faults.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault { $($($name,)+)+ }

        /// All classes.
        pub(crate) const ALL: &[(Fault, Profile, &str)] =
            &[$($((Fault::$name, Profile::$profile, stringify!($name)),)+)+];
    };
}

faults! {
    Lawful:
        // The stream.
        CleanEnd Reset CutByte CutHeaders CutSnapshot CutTwice HalfOpen LateBytes Mute
        // Answers, of the stream or of a request.
        Http401 Http403 Http404 Http429Seconds Http429Date Http429Absurd Http500 Http502Html Http503 Html200 WrongType
        Truncated NoContent Redirect
        // Races.
        SlowSnapshot OlderSnapshotLast Overtaken
        // Prompts.
        PostLost PostAnswerLost PostLate AbortWhileSending
        // The server, time, and the page.
        Restart Sleep WallBack WallForward LateTimer1 LateTimer60 Hidden Frozen Bfcache OfflineRight OfflineWrong
        NetworkDown Reload SlowSubscriber
        // Another server in its place: an older one, a newer one, a fork. And something before it that answers for it.
        Replaced Front401 Front403 Front404 Front502
        // The next page's person is signed out, or is another one.
        SignedOut OtherPerson
        // The keeper: its worker is ended, or its tab closed; or there is none.
        KeeperEnds KeeperMissing
        // Bytes.
        ByteWise CutUtf8 CutCrlf EmptyChunk SameIdAgain;
    Hostile:
        NewIdAgain Dropped Swapped FlippedByte CutJson DeepNesting ProtoIds UnknownType GiantLine EndlessLine RetryZero
        BadBody;
}

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        ALL[self as usize].2
    }

    pub(crate) fn of(name: &str) -> Option<Fault> {
        ALL.iter()
            .find(|(_, _, known)| *known == name)
            .map(|(fault, ..)| *fault)
    }
}

macro_rules! reached {
    ($($name:ident)+) => {
        /// What a run got to: a simulation whose runs reach nothing proves nothing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Reached { $($name,)+ }

        /// All of them.
        pub(crate) const GOALS: &[(Reached, &str)] = &[$((Reached::$name, stringify!($name)),)+];
    };
}

reached! {
    Gapped GapHealed Tail Resync Restarted Polled OfflinePhase ClosedPhase DeadSession Parked Removed Unclear Repeated
    Global TwoSessions Busy Restored Recalled MuteNoticed Kept RolledBack Upgraded Forked Cold
}

/// How often each class took effect, and what was reached.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(crate) faults: [u64; ALL.len()],
    pub(crate) reached: [u64; GOALS.len()],
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            faults: [0; ALL.len()],
            reached: [0; GOALS.len()],
        }
    }
}

impl Counts {
    pub(crate) fn hit(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    pub(crate) fn reach(&mut self, goal: Reached) {
        self.reached[goal as usize] = 1;
    }

    pub(crate) fn add(&mut self, other: &Counts) {
        for (sum, one) in self.faults.iter_mut().zip(&other.faults) {
            *sum += one;
        }
        for (sum, one) in self.reached.iter_mut().zip(&other.reached) {
            *sum += one;
        }
    }
}
