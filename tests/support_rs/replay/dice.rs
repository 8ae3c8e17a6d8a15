//! What decides.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use opencode_session::proto::rng::Rng;

/// A seed, or bytes that are taken one by one; copies take from the same.
#[derive(Clone)]
pub(crate) enum Dice {
    Seed(Rc<RefCell<Rng>>),
    Tape(Rc<(Vec<u8>, Cell<usize>)>),
}

impl Dice {
    pub(crate) fn seed(rng: Rng) -> Self {
        Dice::Seed(Rc::new(RefCell::new(rng)))
    }

    pub(crate) fn tape(bytes: &[u8]) -> Self {
        Dice::Tape(Rc::new((bytes.to_vec(), Cell::new(0))))
    }

    pub(crate) fn below(&self, bound: u64) -> u64 {
        match self {
            Dice::Seed(rng) => rng.borrow_mut().below(bound),
            Dice::Tape(tape) => {
                let at = tape.1.replace(tape.1.get() + 1);
                tape.0.get(at).map_or(0, |byte| u64::from(*byte) % bound.max(1))
            }
        }
    }

    /// All bytes are taken; what is asked for now is 0.
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self, Dice::Tape(tape) if tape.1.get() >= tape.0.len())
    }
}
