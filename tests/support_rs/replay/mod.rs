//! The law of the replay log, for tests and for fuzzing: readers that come and go end where the one ends who never left.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)] // each user takes its own share

mod dice;
mod server;
mod state;

use opencode_session::proto::replay::{Continuity, Log, ReplayLimits, Taken};
use opencode_session::proto::rng::Rng;

pub(crate) use dice::Dice;
use server::Server;
pub(crate) use state::State;

/// How many were told `kept`, and how many `lost`.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) kept: u32,
    pub(crate) lost: u32,
    pub(crate) fresh_kept: u32,
    pub(crate) fresh_lost: u32,
}

/// One history, with readers that come and go.
pub(crate) fn run(seed: u64, steps: u32, limits: ReplayLimits, holes: bool) -> Count {
    let mut rng = Rng::new(seed);
    rng.next_u64();
    let readers = Rng::new(seed.wrapping_mul(7).wrapping_add(3));
    play(Dice::seed(rng), Dice::seed(readers), steps, limits, holes)
}

/// The same, led by dice: of the server, and of all else.
pub(crate) fn play(server: Dice, dice: Dice, steps: u32, limits: ReplayLimits, holes: bool) -> Count {
    let mut count = Count::default();
    let mut server = Server::new(server);
    let mut log = Log::new(limits, 5);
    let mut always = State::default();
    let mut readers: Vec<Reader> = Vec::new();
    let mut fresh: Vec<Reader> = Vec::new();
    let mut first = Vec::new();
    log.read(None, &mut first);
    for _ in 0..3 {
        let mut reader = Reader {
            state: State::default(),
            position: None,
            attached: true,
            lost: false,
        };
        reader.take(&frames(&first));
        readers.push(reader);
    }
    for step in 0..=steps {
        let last = if dice.is_spent() { step } else { steps };
        // The mark of a hole says that something may be missing; what is, the uninterrupted reader would miss, too.
        let gap = holes && dice.below(60) == 0;
        let events = match step {
            _ if step == last => server.finish(),
            _ if gap => Vec::new(),
            _ => server.step(),
        };
        for (at, event) in events.iter().enumerate() {
            let mut out = Vec::new();
            assert_eq!(log.push(event.as_bytes(), &mut out), Taken::Logged, "{event}");
            assert!(log.bytes() <= limits.bytes);
            let live = frames(&out);
            always.take(event);
            let quiet = at + 1 == events.len();
            hear(&live, &mut readers, &mut fresh);
            come_and_go(&log, &dice, &mut readers, &always, &mut count);
            if quiet && fresh.len() < 12 && dice.below(10) == 0 {
                let mut reader = Reader {
                    state: server.snapshot(),
                    position: None,
                    attached: true,
                    lost: false,
                };
                let mut out = Vec::new();
                if log.read(None, &mut out) == Continuity::Kept {
                    count.fresh_kept += 1;
                    reader.take(&frames(&out));
                    assert_eq!(reader.state.parts, always.parts, "fresh at step {step}");
                    fresh.push(reader);
                } else {
                    count.fresh_lost += 1;
                }
            }
        }
        if gap {
            let mut out = Vec::new();
            log.hole(&mut out);
            let live = frames(&out);
            always.take(&live[0].1);
            hear(&live, &mut readers, &mut fresh);
        }
    }
    for reader in &mut readers {
        if !reader.attached {
            let mut out = Vec::new();
            let kept = log.read(reader.position.as_deref(), &mut out) == Continuity::Kept;
            reader.lost |= !kept;
            if kept {
                reader.take(&frames(&out));
            } else {
                reader.state = always.clone();
            }
        }
        assert_eq!(reader.state.parts, always.parts, "a reader");
    }
    for reader in &fresh {
        assert_eq!(reader.state.parts, always.parts, "a fresh reader");
    }
    count
}

fn hear(live: &[(String, String)], readers: &mut [Reader], fresh: &mut [Reader]) {
    for reader in readers.iter_mut().chain(fresh).filter(|reader| reader.attached) {
        reader.take(live);
    }
}

fn come_and_go(log: &Log, dice: &Dice, readers: &mut [Reader], always: &State, count: &mut Count) {
    for reader in readers {
        match dice.below(30) {
            0 => reader.attached = false,
            1 | 2 if !reader.attached => {
                let mut out = Vec::new();
                let continuity = log.read(reader.position.as_deref(), &mut out);
                let all = frames(&out);
                let told = if continuity == Continuity::Kept { "kept" } else { "lost" };
                assert!(all[0].1.contains(told), "{:?}", all[0]);
                if continuity == Continuity::Lost {
                    count.lost += 1;
                    reader.lost = true;
                    // It loads everything anew.
                    reader.state = always.clone();
                    reader.position = all.last().map(|(id, _)| id.clone());
                    reader.attached = true;
                    continue;
                }
                count.kept += 1;
                // The connection may break again at any frame.
                let heard = if dice.below(2) == 0 {
                    all.len()
                } else {
                    dice.below(all.len() as u64 + 1) as usize
                };
                reader.take(&all[..heard]);
                reader.attached = heard == all.len();
            }
            _ => {}
        }
    }
}

/// Frames of the log's output: id and data.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(bytes).unwrap();
    let frame = |frame: &str| {
        let mut id = String::new();
        let mut data = Vec::new();
        for line in frame.lines() {
            if let Some(value) = line.strip_prefix("id: ") {
                id = value.to_owned();
            } else {
                data.push(line.strip_prefix("data: ").unwrap());
            }
        }
        (id, data.join("\n"))
    };
    text.split_terminator("\n\n").map(frame).collect()
}

pub(crate) struct Reader {
    state: State,
    position: Option<String>,
    attached: bool,
    lost: bool,
}

impl Reader {
    fn take(&mut self, frames: &[(String, String)]) {
        for (id, data) in frames {
            self.state.take(data);
            self.position = Some(id.clone());
        }
    }
}

/// What a reader gets behind the opening, without the mark of its end.
pub(crate) fn replayed(log: &Log, position: Option<&str>) -> (Continuity, Vec<String>) {
    let mut out = Vec::new();
    let continuity = log.read(position, &mut out);
    (
        continuity,
        frames(&out)
            .into_iter()
            .skip(1)
            .map(|(_, data)| data)
            .filter(|data| !data.contains("replay.live"))
            .collect(),
    )
}
