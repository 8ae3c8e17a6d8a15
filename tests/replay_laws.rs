//! The replay log under any history: whoever was away ends where the one ends who never left, or is told that something
//! is lost.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::law;

use law::{Count, State, frames, replayed, run};
use opencode_session::proto::replay::{Continuity, Log, ReplayLimits, Taken};
use opencode_session::proto::rng::Rng;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::json;

fn limits(rng: &mut Rng) -> ReplayLimits {
    let bytes = 1_000 + rng.below(60_000) as usize;
    ReplayLimits {
        bytes,
        tail: bytes / (1 + rng.below(8) as usize),
        parts: 64,
        remembered_ids: 64,
    }
}

#[test]
fn law_of_readers() {
    let mut sum = Count::default();
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        rng.next_u64();
        println!("seed {seed}"); // shown when it fails
        let one = run(seed, 400, limits(&mut rng), seed % 2 == 1);
        sum.kept += one.kept;
        sum.lost += one.lost;
        sum.fresh_kept += one.fresh_kept;
        sum.fresh_lost += one.fresh_lost;
    }
    // All four happen often, or the law says little.
    assert!(
        sum.kept > 2_000 && sum.lost > 200 && sum.fresh_kept > 200 && sum.fresh_lost > 50,
        "{sum:?}"
    );
}

#[test]
fn with_room_nothing_is_lost() {
    for seed in 0..40 {
        println!("seed {seed}");
        let count = run(seed, 400, ReplayLimits::default(), false);
        assert_eq!((count.lost, count.fresh_lost), (0, 0), "seed {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/replay_laws.proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_history(seed: u64, steps in 0u32..200, bytes in 200usize..40_000, tail in 0usize..40_000, holes: bool) {
        run(seed, steps, ReplayLimits { bytes, tail, parts: 64, remembered_ids: 64 }, holes);
    }

    #[test]
    fn any_bytes(inputs in prop::collection::vec(input(), 0..200), bytes in 0usize..10_000, tail in 0usize..10_000) {
        let limits = ReplayLimits { bytes, tail, parts: 3, remembered_ids: 8 };
        let mut log = Log::new(limits, 1);
        let mut ids = Vec::new();
        for input in &inputs {
            let mut out = Vec::new();
            log.push(input, &mut out);
            prop_assert!(log.bytes() <= bytes);
            prop_assert!(log.is_in_flight() || log.bytes() <= tail.min(bytes));
            prop_assert!(out.len() <= 2 * input.len() * "data: ".len() + 120);
            ids.extend(frames_lossy(&out));
            for position in [None, Some("x-1"), Some("-"), Some(""), ids.last().map(String::as_str)] {
                let mut out = Vec::new();
                log.read(position, &mut out);
                prop_assert!(out.starts_with(b"id: ") && out.ends_with(b"\n\n"));
            }
        }
        // Numbers only grow.
        let numbers: Vec<u64> = ids.iter().map(|id| id.rsplit('-').next().unwrap().parse().unwrap()).collect();
        prop_assert!(numbers.is_sorted());
    }
}

/// The ids of frames that need not be UTF-8.
fn frames_lossy(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    text.split("\n\n")
        .filter_map(|frame| frame.strip_prefix("id: ")?.lines().next())
        .map(String::from)
        .collect()
}

/// Events of few names, so that they meet; and bytes that are no events.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let name = || prop::sample::select(vec!["a", "b", "c", "d", "e"]);
    let part = (name(), name(), name(), prop::sample::select(vec!["text", "tool", "step"]), 0u8..3, "\\PC{0,20}").prop_map(
        |(session, message, part, kind, rank, text)| {
            let status = ["pending", "running", "completed"][usize::from(rank)];
            let mut time = json!({ "start": 1 });
            if rank == 2 {
                time["end"] = json!(2);
            }
            json!({ "type": "message.part.updated", "properties": { "sessionID": session, "part": {
                "id": part, "messageID": message, "sessionID": session, "type": kind, "text": text, "time": time, "state": { "status": status },
            } } })
            .to_string()
        },
    );
    let delta = (name(), name(), name(), "\\PC{0,20}").prop_map(|(session, message, part, text)| {
        json!({ "type": "message.part.delta", "properties": { "sessionID": session, "messageID": message, "partID": part, "field": "text", "delta": text } }).to_string()
    });
    let other = (
        name(),
        prop::sample::select(vec![
            "session.idle",
            "session.deleted",
            "message.removed",
            "message.part.removed",
            "x",
        ]),
    )
        .prop_map(|(name, kind)| {
            json!({ "type": kind, "properties": { "sessionID": name, "messageID": name, "partID": name } }).to_string()
        });
    prop_oneof![
        4 => part.prop_map(String::into_bytes),
        6 => delta.prop_map(String::into_bytes),
        2 => other.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => "[ \\r\\n\\{\\}\\[\\]\",:a-z0-9]{0,60}".prop_map(String::into_bytes),
    ]
}

#[test]
fn recorded_streams() {
    for file in [
        "events-1.18.33",
        "events-1.1.65",
        "global-events-1.18.33",
        "global-events-1.1.65",
    ] {
        let text = std::fs::read_to_string(format!("tests/support/fixtures/{file}.sse")).unwrap();
        let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        for cut in 0..events.len() {
            let mut log = Log::new(ReplayLimits::default(), 1);
            let (mut always, mut away) = (State::default(), State::default());
            let mut position = None;
            for (at, event) in events.iter().enumerate() {
                let mut out = Vec::new();
                if log.push(event.as_bytes(), &mut out) == Taken::Logged {
                    always.take(event);
                    if at < cut {
                        away.take(event);
                        position = Some(frames(&out)[0].0.clone());
                    }
                }
                if at == cut {
                    // A fresh load: parts that are open are stored empty.
                    let mut stored = always.clone();
                    for part in stored.parts.values_mut().filter(|part| part.rank < 2 && part.grows) {
                        part.text.clear();
                        part.whole = false;
                    }
                    let (continuity, all) = replayed(&log, None);
                    assert_eq!(continuity, Continuity::Kept, "{file} at {at}");
                    all.iter().for_each(|data| stored.take(data));
                    assert_eq!(stored.parts, always.parts, "{file} at {at}");
                }
            }
            if let Some(position) = position {
                let (continuity, rest) = replayed(&log, Some(&position));
                assert_eq!(continuity, Continuity::Kept);
                rest.iter().for_each(|data| away.take(data));
                assert_eq!(away.parts, always.parts, "{file} cut at {cut}");
            }
        }
    }
}
