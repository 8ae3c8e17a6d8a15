use std::collections::VecDeque;

use super::{Ending, Output};
use crate::proto::replay::Log;

/// Who listens.
#[derive(Debug, Default)]
pub(super) struct Readers {
    all: Vec<Reader>,
}

#[derive(Debug)]
struct Reader {
    id: u32,
    position: Option<String>,
    /// It had its opening frame.
    live: bool,
}

impl Readers {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn add(&mut self, id: u32, position: Option<String>) {
        self.all.push(Reader {
            id,
            position,
            live: false,
        });
    }

    pub(super) fn remove(&mut self, id: u32) {
        self.all.retain(|reader| reader.id != id);
    }

    /// Answers those who wait.
    pub(super) fn answer(&mut self, log: &Log, outputs: &mut VecDeque<Output>) {
        for reader in self.all.iter_mut().filter(|reader| !reader.live) {
            reader.live = true;
            let mut bytes = Vec::new();
            log.read(reader.position.take().as_deref(), &mut bytes);
            outputs.push_back(Output::Send {
                reader: reader.id,
                bytes,
            });
        }
    }

    /// Hands frames to those who were answered.
    pub(super) fn send(&self, frames: &[u8], outputs: &mut VecDeque<Output>) {
        for reader in self.all.iter().filter(|reader| reader.live) {
            outputs.push_back(Output::Send {
                reader: reader.id,
                bytes: frames.to_vec(),
            });
        }
    }

    /// Ends all.
    pub(super) fn end(&mut self, ending: &Ending, outputs: &mut VecDeque<Output>) {
        for reader in self.all.drain(..) {
            outputs.push_back(Output::End {
                reader: reader.id,
                ending: ending.clone(),
            });
        }
    }
}
