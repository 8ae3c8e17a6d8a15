/// How the numbers of a log are told: each epoch counts by itself. A position of an epoch that is not known any more is lost.
#[derive(Debug)]
pub(super) struct Epochs {
    all: Vec<Epoch>,
}

/// From the number `first` on, which is called `seq`.
#[derive(Debug)]
struct Epoch {
    name: String,
    first: u64,
    seq: u64,
}

/// Epochs that are remembered.
const EPOCHS: usize = 64;

impl Epochs {
    /// The number 1 is `seq` of the first epoch.
    pub(super) fn new(name: String, seq: u64) -> Self {
        Epochs {
            all: vec![Epoch { name, first: 1, seq }],
        }
    }

    /// The number `first` is `seq` of a new epoch. Epochs without a number above `evicted` are forgotten.
    pub(super) fn begin(&mut self, name: String, first: u64, seq: u64, evicted: u64) {
        self.all.push(Epoch { name, first, seq });
        let needless = self.all.partition_point(|epoch| epoch.first <= evicted + 1);
        let most = self.all.len().saturating_sub(EPOCHS);
        self.all.drain(..needless.saturating_sub(1).max(most));
    }

    /// The epoch of a number, and what it is called there.
    pub(super) fn name(&self, number: u64) -> (&str, u64) {
        let at = self.all.partition_point(|epoch| epoch.first <= number);
        match self.all.get(at.saturating_sub(1)) {
            Some(epoch) => (&epoch.name, (epoch.seq + number).saturating_sub(epoch.first)),
            None => ("", 0),
        }
    }

    /// The number that has this name. Just before an epoch's first counts, too: nothing was between.
    pub(super) fn number(&self, name: &str, seq: u64) -> Option<u64> {
        let at = self.all.iter().rposition(|epoch| epoch.name == name)?;
        let epoch = self.all.get(at)?;
        let number = seq.checked_add(epoch.first)?.checked_sub(epoch.seq)?;
        let ends = self.all.get(at + 1).map_or(u64::MAX, |next| next.first);
        (number + 1 >= epoch.first && number < ends).then_some(number)
    }
}
