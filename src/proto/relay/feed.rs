use std::sync::Arc;

use super::Scope;
use super::planted::{self, Bug};
use super::verdicts::Verdicts;
use crate::proto::replay::{Fresh, Log, Owner};

/// What a reader gets of the log at once.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) bytes: Vec<u8>,
    /// It was told all up to this number.
    pub(super) at: u64,
    /// It is not known whether it may see this session, whose event is the next.
    pub(super) ask: Option<Arc<str>>,
    /// There is more that it may see.
    pub(super) more: bool,
}

/// Writes what a reader that was told all up to `from` may see of what came after, up to about `most` bytes, and not beyond
/// what is undecided.
pub(super) fn feed(
    log: &Log,
    from: u64,
    fresh: Option<&mut Fresh>,
    scope: &Scope,
    verdicts: &Verdicts,
    most: usize,
    now: u64,
) -> Cut {
    let mut cut = Cut {
        bytes: Vec::new(),
        at: from,
        ask: None,
        more: false,
    };
    let mut all = true;
    log.visit(from, fresh, &mut |number, owner, data| {
        let visible = match owner {
            Owner::Everyone => true,
            Owner::Server => scope.all,
            Owner::Session(name) if scope.only.as_ref().is_some_and(|only| **name != **only) => false,
            Owner::Session(_) if scope.all => true,
            Owner::Session(name) => match verdicts.get(&scope.user, name, now) {
                Some(allowed) => allowed,
                None if planted::is(Bug::SkipUndecided) => false,
                None if planted::is(Bug::ShowUndecided) => true,
                None => {
                    cut.ask = Some(Arc::clone(name));
                    all = false;
                    return false;
                }
            },
        };
        if visible && cut.bytes.len() > most {
            cut.more = true;
            all = false;
            return false;
        }
        if visible {
            log.write_event(number, data, &mut cut.bytes);
        }
        cut.at = number;
        true
    });
    if all {
        cut.at = log.last();
    }
    cut
}
