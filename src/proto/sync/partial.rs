use super::context::{Context, What};
use super::session::{Phase, Session};
use super::snapshot::Snapshot;
use crate::proto::error::{Code, Error};
use crate::proto::store::Page;

/// After a page that had to be smaller, the whole one is tried again after this, milliseconds, and then twice as late
/// each time, but for so many times.
const WHOLE_AGAIN: u64 = 3_000;
const MOST_LATER: u32 = 4;

/// A history that the server can tell only in part.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// Why it is not whole now.
    pub(super) error: Option<Error>,
    /// Pages in a row that had to be smaller.
    count: u32,
}

impl Session {
    /// One message that the server cannot encode, or a line too slow for all of it, costs what a smaller page leaves out.
    /// Gives whether one was asked for.
    pub(super) fn ask_less(&mut self, error: &Error, context: &mut Context) -> bool {
        let sure = matches!((error.status, error.code), (400, _) | (_, Code::LimitReached))
            || (error.status == 500 && self.failures > 0);
        let Phase::Fetching(snapshot) = &mut self.phase else {
            return false;
        };
        if !sure || snapshot.limit < 2 {
            return false;
        }
        context.warn_of(error);
        snapshot.limit /= 2;
        snapshot.smaller = Some(error.clone());
        let (limit, asked) = (snapshot.limit, snapshot.asked);
        self.get(context, What::Page, asked, self.page_path(limit, None));
        true
    }

    /// A page that took too long is asked for again with fewer messages.
    pub(super) fn lessen(&self, snapshot: &mut Snapshot) {
        if let Some(error) = self.fields.error().filter(|error| error.code == Code::Timeout) {
            snapshot.limit = (snapshot.limit >> self.failures.min(7)).max(1);
            snapshot.smaller = Some(error.clone());
        }
    }

    /// Notes what of the history is missing; a smaller page is followed by a try for the whole one.
    pub(super) fn note_partial(&mut self, page: &Page<'_>, smaller: Option<Error>, context: &mut Context) {
        if smaller.is_some() {
            let at = context.now + (WHOLE_AGAIN << self.partial.count);
            self.partial.count = (self.partial.count + 1).min(MOST_LATER);
            self.again_at.get_or_insert(at);
        } else {
            self.partial.count = 0;
        }
        let bad = || Error::new(Code::BadResponse, "One of its messages cannot be read.");
        self.partial.error = smaller.or_else(|| (page.bad > 0).then(bad)).map(|error| Error {
            code: Code::Incomplete,
            message: ["The history is not whole. ", &error.message].concat(),
            ..error
        });
    }

    /// The server cannot tell the history at all, not even its newest message: events are shown without it.
    pub(super) fn show_blind(&mut self, snapshot: &Snapshot, at: u64, context: &mut Context) {
        self.phase = Phase::Live;
        self.again_at = Some(at);
        self.catch_up(snapshot, context);
    }
}
