//! Helpers of the native tests: a server by the book, a mirror of the page, and a world without clock or threads.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)] // each test file uses its own share

pub(crate) mod bench;
pub(crate) mod kept;
pub(crate) mod mirror;
pub(crate) mod oracle;
pub(crate) mod revert;
pub(crate) mod routes;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod world;

/// Bytes of a recorded file.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/support/fixtures")
        .join(name);
    std::fs::read(path).unwrap()
}

/// The JSON of each event of a recorded stream.
pub(crate) fn frames(name: &str) -> Vec<Vec<u8>> {
    let bytes = fixture(name);
    let lines = bytes.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| line.strip_prefix(b"data: "))
        .map(<[u8]>::to_vec)
        .collect()
}

/// Runs a scenario for many seeds. `SEED=n` runs one, `SEEDS=n` that many.
pub(crate) fn seeds(count: u64, scenario: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        return scenario(seed);
    }
    for seed in 0..number("SEEDS").unwrap_or(count) {
        if let Err(panic) = std::panic::catch_unwind(|| scenario(seed)) {
            eprintln!("failed with SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
