use std::cell::RefCell;
use std::rc::Rc;

use super::call::{Call, Made};
use super::inner::Place;
use super::reading::Reading;
use super::refused::Refused;
use super::shapes;
use crate::proto::provider::answer::Usage;
use crate::proto::provider::budget::estimate_aborted;
use crate::proto::provider::limiter::Outcome;
use crate::proto::provider::models::Sample;
use crate::web::http::Watch;

/// Books what a try used, also when it is dropped in the middle.
pub(super) struct Account<'a> {
    pub(super) call: &'a Call,
    pub(super) made: &'a Made<'a>,
    pub(super) reading: &'a Rc<RefCell<Reading>>,
    pub(super) watch: &'a Watch,
    pub(super) place: Option<Place>,
    /// The server may have begun to work.
    pub(super) sent: bool,
}

impl Account<'_> {
    /// `refused`: it failed.
    pub(super) fn close(&mut self, outcome: Outcome, refused: Option<&Refused>) {
        let Some(place) = self.place.take() else {
            return;
        };
        let inner = self.made.inner;
        let (told, first, bytes) = {
            let reading = self.reading.borrow();
            (reading.usage, reading.first, reading.bytes)
        };
        let answered = refused.is_none();
        let unused = refused.is_some_and(|refused| refused.failed.status >= 400 && bytes == 0);
        let lost = refused.is_some_and(|refused| refused.fault.code == "unreachable");
        if unused || lost {
            place.settle(outcome, Some(0));
        } else if self.sent {
            let usage = self.usage(told, bytes);
            let whole = usage.estimated && !answered;
            // What was broken off may have cost more than came: the guess stays.
            place.settle(outcome, (!whole).then_some(usage.total));
            inner.spend(&usage);
            if !usage.estimated {
                inner.learn(self.made.model, self.made.extent, usage.prompt);
            }
            self.call.sink.usage(&shapes::usage(&usage));
        }
        if outcome != Outcome::Aborted {
            let passed = self.watch.passed();
            let tokens = told.map_or(0, |usage| usage.completion);
            inner.measures.borrow_mut().handle_sample(
                self.made.model,
                Sample {
                    first_token: first.map(|at| at as u64),
                    rest: first.map_or(0, |at| (passed - at).max(0.0) as u64),
                    tokens,
                    failed: refused.is_some(),
                },
            );
        }
    }

    /// As told, or guessed from what came; with its cost, where that is known.
    fn usage(&self, told: Option<Usage>, bytes: usize) -> Usage {
        let price = self.made.known.as_ref().and_then(|model| model.price);
        let mut usage = match told {
            Some(usage) if usage.total > 0 => usage,
            told => {
                let completion = self.made.inner.estimate(self.made.model, (bytes, 0));
                estimate_aborted(self.made.prompt, completion, told.and_then(|usage| usage.cost))
            }
        };
        if let (None, Some(price)) = (usage.cost, price) {
            usage.cost = Some(price.cost(usage.prompt, usage.cached, usage.completion));
        }
        usage
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if self.sent {
            self.close(Outcome::Aborted, None);
        }
    }
}
