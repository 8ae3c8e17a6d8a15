//! All native tests but the simulation, as one program: what they share is compiled once, which is most of what a program of each
//! would cost. `cargo test --test native outcomes::` runs those of one file.

#[path = "support_rs/desk.rs"]
mod desk;
#[path = "support_rs/replay/mod.rs"]
mod law;
mod support_rs;

mod commands;
mod conformance_sse;
mod connection;
mod cursors;
mod events;
mod fronts;
mod fuzz_corpus;
mod hostile;
mod journal;
mod json;
mod keeper;
mod keeper_and_history;
mod keeper_laws;
mod kin;
mod lookout;
mod lost;
mod lost_events;
mod odd_words;
mod offline;
mod order;
mod outcomes;
mod pages;
mod partial;
mod provider_answer;
mod provider_ask;
mod provider_budget;
mod provider_config;
mod provider_fallback;
mod provider_family;
mod provider_limiter;
mod provider_models;
mod provider_refresh;
mod provider_retry;
mod races;
mod repeatable;
mod replay;
mod replay_laws;
mod rewritten;
mod server_changes;
mod session;
mod sides;
mod store;
mod turns;
mod v2;

/// A file that is not named here would not be run.
#[test]
fn every_file_of_tests_is_part_of_this_program() {
    let own = include_str!("native.rs");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let named =
        |file: &str| ["native", "planted"].contains(&file) || own.lines().any(|line| line == format!("mod {file};"));
    let files = std::fs::read_dir(folder).unwrap().map(|each| each.unwrap().path());
    let missing: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !named(path.file_stem().and_then(std::ffi::OsStr::to_str).unwrap()))
        .collect();
    assert!(missing.is_empty(), "tests/native.rs does not name {missing:?}");
}
