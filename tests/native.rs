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
mod relay;
mod relayed;
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

/// Tests that are named neither here nor, with a program of their own, in Cargo.toml would not be run.
#[test]
fn all_tests_are_part_of_a_program() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let here = |name: &str| {
        include_str!("native.rs")
            .lines()
            .any(|line| line == format!("mod {name};"))
    };
    let apart = |name: &str| {
        include_str!("../Cargo.toml")
            .lines()
            .any(|line| line == format!("name = \"{name}\""))
    };
    let missing: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|each| each.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").exists())
        .filter(|path| {
            let name = path.file_stem().and_then(std::ffi::OsStr::to_str).unwrap();
            !here(name) && !apart(name)
        })
        .collect();
    assert!(
        missing.is_empty(),
        "neither tests/native.rs nor Cargo.toml names {missing:?}"
    );
}
