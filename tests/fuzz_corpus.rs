//! What fuzzing found worth keeping, run again on a stable toolchain: the corpora, and each input that ever failed.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

#[path = "../fuzz/bodies/decoder.rs"]
mod decoder;
#[path = "../fuzz/bodies/events.rs"]
mod events;
#[path = "../fuzz/bodies/session.rs"]
mod session;

use std::path::{Path, PathBuf};

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
}

/// Runs a target on its corpus and its crashes. An archive is a row of inputs, each behind its length in two bytes.
fn replay(target: &str, run: fn(&[u8])) {
    let archive = std::fs::read(fuzz(&format!("corpus/{target}.bin"))).unwrap();
    let mut rest = &archive[..];
    let mut count = 0;
    while let [low, high, tail @ ..] = rest {
        let (input, next) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])));
        run(input);
        (rest, count) = (next, count + 1);
    }
    assert!(rest.is_empty() && count >= 100, "{count} inputs of {target}");
    for entry in std::fs::read_dir(fuzz(&format!("crashes/{target}")))
        .into_iter()
        .flatten()
    {
        run(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}

#[test]
fn decoder() {
    replay("decoder", decoder::run);
}

#[test]
fn events() {
    replay("events", events::run);
}

#[test]
fn session() {
    replay("session", session::run);
}
