use super::context::Context;
use super::session::{Phase, Session};
use crate::proto::error::Error;
use crate::proto::event::Glimpse;
use crate::proto::planted::{self, Bug};

/// What was missed makes a session fetch again, but not more often than this, milliseconds.
pub(super) const AGAIN_EVERY: u64 = 3_000;

/// Events that did not arrive on a stream that goes on.
impl Session {
    /// An event was lost: open texts may have a hole here. The next good snapshot takes the problem away.
    pub fn lose(&mut self, error: Error, context: &mut Context) {
        if !planted::is(Bug::BrokenUnseen) {
            self.messages.interrupt();
            // What waits for its message may have stood on both sides of the loss.
            self.parked.clear();
        }
        // Among kept events, in its place.
        self.keep(None, HOLE, context);
        self.fields.set_error(Some(error));
    }

    /// An event of this session, or one that concerns it, was lost; this much is known of it. Only what it may have told
    /// is unsure.
    pub fn miss(&mut self, lost: &Glimpse<'_>, error: Error, context: &mut Context) {
        if self.is_dead() {
            return;
        }
        let live = self.is_live();
        if lost.may_hold_text() && (!live || lost.message.is_empty()) {
            self.lose(error, context);
        } else {
            if lost.may_hold_text() {
                self.messages.unsure(lost.message);
                self.parked.clear();
            } else if live && lost.kind.is("message.updated") && self.parked.expect(&lost.message.to_text()) {
                return self.ask_parked(context);
            }
            self.fields.set_error(Some(error));
        }
        self.fetch_again(context);
    }

    /// The history is fetched again soon; until then nothing changes.
    pub(super) fn fetch_again(&mut self, context: &mut Context) {
        let at = context.now.max(self.page_asked_at + AGAIN_EVERY);
        self.again_at = Some(self.again_at.unwrap_or(at));
        self.again_timeout(context);
    }

    pub(super) fn again_timeout(&mut self, context: &mut Context) {
        // A history that is under way was asked for before.
        if matches!(self.phase, Phase::Live) && self.again_at.is_some_and(|at| context.now >= at) {
            self.begin(context);
        }
    }
}

/// The mark of missing events, for a session's own buffer.
pub(super) const HOLE: &[u8] = b"{\"type\":\"replay.hole\"}";
