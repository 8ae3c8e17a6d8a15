use super::context::{Context, What};
use super::older::read_page;
use super::session::Session;
use crate::proto::error::Error;
use crate::proto::store::Stamp;

/// Notices a stream that carries heartbeats but no events: after a silence of this session it looks at the newest
/// messages, and when they have moved on twice without an event, the stream is mute.
#[derive(Debug, Default)]
pub(super) struct Vigil {
    /// When the last event came, or the last look found nothing new.
    heard: u64,
    /// Longer after each look that found nothing new.
    wait: u64,
    /// The look under way.
    asked: Option<Stamp>,
    /// The messages had moved on; an event may still be on its way until then.
    doubt: Option<u64>,
    /// Something else fetched what had moved on: the looks do not find it any more.
    fetched: bool,
}

/// First and longest silence before a look, milliseconds: while a turn runs, and while none does.
const BUSY: (u64, u64) = (5_000, 30_000);
const IDLE: (u64, u64) = (30_000, 300_000);
/// How long an event may be later than the answer of a request.
const LAG: u64 = 2_000;
/// The newest messages tell whether anything moves.
const NEWEST: usize = 2;

impl Vigil {
    /// An event came, or a snapshot.
    pub(super) fn heard(&mut self, now: u64) {
        *self = Vigil {
            heard: now,
            ..Vigil::default()
        };
    }

    /// Whether the messages are being looked at.
    pub(super) fn is_looking(&self) -> bool {
        self.asked.is_some() || self.doubt.is_some()
    }

    /// The messages had moved on, and are shown now.
    pub(super) fn fetched(&mut self) {
        self.fetched = true;
    }

    pub(super) fn deadline(&self, busy: bool) -> Option<u64> {
        if self.asked.is_some() {
            return None;
        }
        let (first, longest) = if busy { BUSY } else { IDLE };
        Some(self.doubt.unwrap_or(self.heard + self.wait.clamp(first, longest)))
    }
}

impl Session {
    pub(super) fn vigil_deadline(&self) -> Option<u64> {
        self.vigil.deadline(self.expects())
    }

    pub(super) fn vigil_timeout(&mut self, context: &mut Context) {
        if !context.streaming || self.vigil_deadline().is_none_or(|at| context.now < at) {
            return;
        }
        if self.cut.is_some() {
            // What is new cannot be told from what is hidden.
            return self.begin(context);
        }
        let asked = context.tick();
        self.vigil.asked = Some(asked);
        self.get(context, What::Look, asked, self.page_path(NEWEST, None));
        if self.expects() {
            // The word that the turn is over may have been lost alone.
            self.ask_status(context);
        }
    }

    pub(super) fn look_answer(&mut self, asked: Stamp, result: Result<&[u8], Error>, context: &mut Context) {
        if self.vigil.asked != Some(asked) || !self.is_live() {
            return;
        }
        self.vigil.asked = None;
        let moved = read_page(result).is_ok_and(|page| self.vigil.fetched || self.messages.lacks(&page));
        if !moved {
            let wait = context.now.saturating_sub(self.vigil.heard);
            self.vigil.heard(context.now);
            self.vigil.wait = wait * 2;
        } else if self.vigil.doubt.take().is_some() {
            context.mute = true;
        } else {
            self.vigil.doubt = Some(context.now + LAG);
        }
    }
}
