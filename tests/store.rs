//! The merge rules, one by one: M1–M9, and the rules for a snapshot met by a stream.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::client::Input;
use opencode_session::proto::store::{Placed, Seen};
use serde_json::{Value, json};
use support_rs::bench::{Bench, info, item, live, loaded, text, tool};
use support_rs::script::Spot;
use support_rs::server::Wire;
use support_rs::world::World;

/// A world with one busy session, and a text of two pieces in it.
fn world() -> (World, String, Spot) {
    let mut world = World::new(Wire::New, 1);
    let session = world.server.create_session("/project");
    world.server.put_message(
        &session,
        json!({ "id": "msg_1", "sessionID": session, "role": "assistant", "time": { "created": 1 } }),
    );
    let at = Spot::new(&mut world.server, &session, "msg_1", "text");
    (world, session, at)
}

#[test]
fn m1_events_that_come_before_the_snapshot_are_replayed_over_it() {
    let (mut world, session, at) = world();
    let handle = world.open(&session, 100);
    world.flow(1);
    world.flow(usize::MAX);
    // The history is read now, and arrives when the text is already at its third piece.
    world.advance("/message?");
    world.server.begin_text(&at);
    ["one ", "two ", "three"]
        .into_iter()
        .for_each(|piece| world.server.delta(&at, piece));
    world.flow(usize::MAX);
    world.drain();
    assert!(world.mirrors[&handle].messages.is_empty());
    world.arrive();
    let part = world.mirrors[&handle].part(&at.part).unwrap();
    assert_eq!((part.text(), part.continuity), ("one two three", "streaming"));
}

#[test]
fn m2_what_belongs_to_an_older_stream_changes_nothing() {
    let (mut world, session, at) = world();
    let handle = world.open(&session, 100);
    world.arrive();
    world.cut(true);
    world.pass(20_000);
    world.arrive();
    let before = world.mirrors[&handle].clone();
    let late = format!(
        "data: {{\"type\":\"message.part.updated\",\"properties\":{{\"part\":{}}}}}\n\n",
        at.value("late", Some(1), Some(2))
    );
    world.input(Input::StreamBytes {
        generation: 1,
        bytes: late.as_bytes(),
    });
    world.input(Input::StreamClosed {
        generation: 1,
        cause: None,
    });
    world.drain();
    assert_eq!(world.mirrors[&handle], before);
}

#[test]
fn m2_an_answer_to_an_older_snapshot_is_dropped() {
    let (mut world, session, at) = world();
    let handle = world.open(&session, 100);
    world.flow(1);
    world.flow(usize::MAX);
    world.advance("/message?");
    world.cut(true);
    world.server.begin_text(&at);
    world.server.delta(&at, "said while away");
    world.server.end_text(&at, None);
    world.pass(20_000);
    world.flow(1);
    world.flow(usize::MAX);
    // All answers to the second snapshot but its page, then the page of the first.
    for path in ["/todo", "/status", "/permission", "/question", "/session/ses_", "/path"] {
        let at = world
            .inflight
            .iter()
            .rposition(|flight| flight.request.path.contains(path) && !flight.request.path.contains("/message"));
        world.progress(at.unwrap());
        world.progress(at.unwrap());
    }
    world.progress(
        world
            .inflight
            .iter()
            .position(|flight| flight.request.path.contains("/message?"))
            .unwrap(),
    );
    world.drain();
    assert!(world.mirrors[&handle].messages.is_empty(), "old news was shown");
    world.arrive();
    assert_eq!(world.mirrors[&handle].part(&at.part).unwrap().text(), "said while away");
}

#[test]
fn m3_the_rank_of_a_part_never_goes_down() {
    let mut bench = live();
    bench
        .told(&tool("pending", ""))
        .told(&tool("running", "a"))
        .told(&tool("completed", "b"));
    bench.told(&tool("running", "late")).told(&tool("pending", "late"));
    bench.page(&[item("msg_1", 1, &[tool("running", "late")])], 99, false);
    assert_eq!(bench.mirror.part("prt_1").unwrap().value, tool("completed", "b"));
    let mut bench = live();
    bench.told(&text("whole", true)).told(&text("who", false)).grows("x");
    bench.page(&[item("msg_1", 1, &[text("", false)])], 99, false);
    assert_eq!(bench.shown(), ("whole", "settled", ""));
}

#[test]
fn m3_at_equal_rank_an_event_beats_a_snapshot_asked_for_before_it() {
    let mut bench = live();
    bench.told(&tool("running", "new"));
    bench.page(&[item("msg_1", 1, &[tool("running", "old")])], 0, false);
    assert_eq!(bench.mirror.part("prt_1").unwrap().value, tool("running", "new"));
    bench.page(&[item("msg_1", 1, &[tool("running", "newer")])], 99, false);
    assert_eq!(bench.mirror.part("prt_1").unwrap().value, tool("running", "newer"));
    // A higher rank wins whenever it was asked for.
    bench.told(&tool("running", "newest"));
    bench.page(&[item("msg_1", 1, &[tool("error", "end")])], 0, false);
    assert_eq!(bench.mirror.part("prt_1").unwrap().value, tool("error", "end"));
}

#[test]
fn m3_the_order_of_snapshot_and_event_does_not_matter() {
    let snapshot = [item("msg_1", 1, &[text("all of it", true)])];
    let mut first = loaded(text("all of it", true));
    first
        .message(&info("msg_1", 1))
        .told(&text("", false))
        .grows("all ")
        .told(&text("all of it", true));
    let mut second = live();
    second
        .told(&text("", false))
        .grows("all ")
        .told(&text("all of it", true))
        .page(&snapshot, 0, false);
    assert_eq!(first.mirror.history(), second.mirror.history());
    assert_eq!(first.shown(), second.shown());
    // And telling it again changes nothing.
    let before = second.mirror.clone();
    second.page(&snapshot, 99, false).told(&text("all of it", true));
    assert_eq!(second.mirror, before);
}

#[test]
fn m3_a_whole_text_replaces_a_longer_live_text() {
    let mut bench = live();
    bench
        .told(&text("", false))
        .grows("trimmed   ")
        .told(&text("trimmed", true));
    assert_eq!(bench.shown(), ("trimmed", "settled", ""));
    let mut bench = live();
    bench
        .told(&text("", false))
        .grows("as streamed")
        .told(&text("rewritten", true));
    assert_eq!(bench.shown(), ("rewritten", "settled", ""));
}

#[test]
fn m3_a_correction_of_an_ended_part_shows_at_once() {
    let mut bench = live();
    bench.told(&text("as streamed", true)).told(&text("corrected", true));
    assert_eq!(bench.shown(), ("corrected", "settled", ""));
    let mut bench = loaded(text("as stored", true));
    bench.told(&text("corrected", true));
    assert_eq!(bench.shown(), ("corrected", "settled", ""));
    let mut bench = live();
    bench.told(&tool("completed", "cut")).told(&tool("completed", "whole"));
    assert_eq!(bench.mirror.part("prt_1").unwrap().value, tool("completed", "whole"));
}

#[test]
fn m8_a_check_does_not_end_what_grew_after_it_was_asked_for() {
    for grows in [false, true] {
        let mut bench = live();
        bench.told(&text("", false)).grows("one ");
        let asked = bench.tick();
        if grows {
            bench.grows("two");
        }
        bench.confirm(&[item("msg_1", 1, &[text("one ", false)])], asked);
        let after = if grows {
            ("one two", "streaming", "")
        } else {
            ("one ", "settled", "")
        };
        assert_eq!(bench.shown(), after);
    }
}

#[test]
fn m3_a_completed_message_does_not_become_open_again() {
    let mut done = info("msg_1", 1);
    done["time"]["completed"] = json!(5);
    let mut bench = live();
    bench.message(&done).message(&info("msg_1", 1));
    bench.page(&[item("msg_1", 1, &[])], 99, false);
    assert_eq!(bench.mirror.messages[0].info, done);
}

#[test]
fn m4_a_delta_is_appended_to_a_base_seen_whole() {
    let mut bench = live();
    bench
        .told(&text("", false))
        .grows("a")
        .grows("a")
        .grows("👩\u{200d}")
        .grows("🚀");
    assert_eq!(bench.shown(), ("aa👩\u{200d}🚀", "streaming", ""));
}

#[test]
fn m4_a_delta_to_a_text_of_unknown_beginning_goes_to_the_tail() {
    let mut bench = loaded(text("", false));
    assert_eq!(bench.mirror.part("prt_1").unwrap().gap, Some(0));
    bench.grows("five ").grows("six");
    assert_eq!(bench.shown(), ("", "gapped", "five six"));
}

#[test]
fn m4_a_delta_after_a_hole_goes_to_the_tail() {
    let mut bench = live();
    bench
        .told(&text("", false))
        .grows("one 🚀")
        .interrupt()
        .grows("one")
        .grows(" more");
    assert_eq!(bench.shown(), ("one 🚀", "gapped", "one more"));
    assert_eq!(
        bench.mirror.part("prt_1").unwrap().gap,
        Some(6),
        "counted as JavaScript counts"
    );
    // A second hole leaves the first mark where it is. What was heard before it does not join what comes after it.
    bench
        .interrupt()
        .page(&[item("msg_1", 1, &[text("", false)])], 99, false)
        .grows("!");
    assert_eq!(bench.shown(), ("one 🚀", "gapped", "!"));
}

#[test]
fn m4_the_end_of_the_part_closes_the_gap() {
    let mut bench = live();
    bench
        .told(&text("", false))
        .grows("one ")
        .interrupt()
        .grows("three")
        .told(&text("one two three", true));
    assert_eq!(bench.shown(), ("one two three", "settled", ""));
}

#[test]
fn m4_a_full_part_after_a_hole_is_a_whole_base_again() {
    let mut bench = live();
    bench
        .told(&text("one ", false))
        .interrupt()
        .told(&text("one two ", false))
        .grows("three");
    assert_eq!(bench.shown(), ("one two three", "streaming", ""));
}

#[test]
fn m4_a_longer_snapshot_does_not_make_the_base_whole() {
    // A stored partial text says nothing of what the stream sends next.
    let mut bench = live();
    bench.told(&text("one ", false)).interrupt();
    bench.page(&[item("msg_1", 1, &[text("one two ", false)])], 99, false);
    assert_eq!(bench.shown(), ("one two ", "streaming", ""));
    bench.grows("four");
    assert_eq!(bench.shown(), ("one two ", "gapped", "four"));
}

#[test]
fn m5_a_field_that_is_not_text_is_never_appended() {
    let (mut world, session, at) = world();
    let handle = world.open(&session, 100);
    world.arrive();
    world.server.begin_text(&at);
    world.server.delta(&at, "text");
    let other = json!({ "sessionID": session, "messageID": "msg_1", "partID": at.part, "field": "metadata", "delta": "no text" });
    world.server.publish(&session, "message.part.delta", other);
    world.arrive();
    assert_eq!(world.mirrors[&handle].part(&at.part).unwrap().text(), "text");
}

#[test]
fn m6_an_event_id_seen_before_is_dropped() {
    let (mut world, session, at) = world();
    let handle = world.open(&session, 100);
    world.arrive();
    world.server.begin_text(&at);
    world.server.delta(&at, "once ");
    let twin = world.server.log.last().unwrap().json.clone();
    world.arrive();
    for _ in 0..3 {
        let bytes = format!("data: {twin}\n\n");
        world.input(Input::StreamBytes {
            generation: 1,
            bytes: bytes.as_bytes(),
        });
    }
    world.server.delta(&at, "twice");
    world.arrive();
    assert_eq!(world.mirrors[&handle].part(&at.part).unwrap().text(), "once twice");
}

#[test]
fn m6_the_ids_remembered_are_bounded() {
    let mut seen = Seen::new(100);
    for round in 0..5 {
        for n in 0..1_000_u32 {
            assert!(
                seen.insert(format!("evt_{n}").as_bytes()),
                "{round} {n}: forgotten by then"
            );
            assert!(!seen.insert(format!("evt_{n}").as_bytes()));
            let back = n.saturating_sub(99);
            assert!(
                seen.contains(format!("evt_{back}").as_bytes()),
                "{round} {n}: remembered still"
            );
        }
    }
}

#[test]
fn m7_a_broken_event_makes_the_history_be_fetched_again() {
    for broken in [
        "data: {\"type\":\"message.part.delta\",\"proper\n\n",
        "data: {\"type\":\"session.idle\"]\n\n",
    ] {
        let (mut world, session, at) = world();
        let handle = world.open(&session, 100);
        world.arrive();
        world.pass(5_000);
        world.input(Input::StreamBytes {
            generation: 1,
            bytes: broken.as_bytes(),
        });
        world.drain();
        assert_eq!(world.mirrors[&handle].field("error")["code"], "bad_event");
        // What the broken event said is found in the history.
        world.server.begin_text(&at);
        world.server.delta(&at, "whole");
        world.server.end_text(&at, None);
        world.rest();
        assert_eq!(world.mirrors[&handle].field("error"), &Value::Null);
        world.assert_equal(handle, &session);
        assert_eq!(world.streams.len(), 1, "the stream goes on");
    }
}

#[test]
fn m8_a_turn_that_ended_is_checked_a_few_times_and_no_more() {
    let (mut world, session, _) = world();
    let handle = world.open(&session, 100);
    world
        .server
        .edit_message(&session, "msg_1", |info| info["time"]["completed"] = json!(2));
    world.rest();
    world.client.wait_settled(handle, 1);
    world.pump();
    assert!(world.result(1).is_some());
    world.server.say_status(&session, &json!({ "type": "busy" }));
    world.server.say_status(&session, &json!({ "type": "idle" }));
    world.flow(usize::MAX);
    // Shorter than the silence after which the stream itself is doubted.
    let mut checks = 0;
    for _ in 0..15 {
        world.pass(1_500);
        while !world.inflight.is_empty() {
            checks += usize::from(
                world
                    .inflight
                    .iter()
                    .any(|flight| flight.request.path.contains("limit=4")),
            );
            world.lose("");
        }
        world.flow(usize::MAX);
    }
    assert_eq!(checks, 3);
    // What they could not tell is learned with the history, as soon as it can be had.
    world.client.wait_settled(handle, 2);
    assert!(world.result(2).is_none());
    world.pass(20_000);
    world.rest();
    assert!(world.result(2).is_some_and(|result| result.is_ok()));
}

#[test]
fn m9_a_message_that_a_page_passes_over_is_gone_and_one_before_the_page_is_not() {
    let page = |ids: &[u64]| -> Vec<Value> { ids.iter().map(|id| item(&format!("msg_{id}"), *id, &[])).collect() };
    let mut bench = Bench::default();
    bench.page(&page(&[1, 2, 3, 4]), 1, false);
    bench.page(&page(&[2, 4]), 2, true);
    let left: Vec<_> = bench.mirror.messages.iter().map(|message| message.id()).collect();
    assert_eq!(left, ["msg_1", "msg_2", "msg_4"]);
}

#[test]
fn m9_a_slow_page_does_not_revive_what_was_removed() {
    let page = [item("msg_1", 1, &[text("gone", true)]), item("msg_2", 2, &[])];
    let mut bench = Bench::default();
    bench.page(&page, 0, false).remove_message("msg_2").remove_part();
    bench.page(&page, 0, false);
    assert_eq!(bench.mirror.ids(), ["msg_1"]);
    assert!(bench.mirror.part("prt_1").is_none());
    // Nor what was not known when it was removed.
    let mut bench = Bench::default();
    bench.remove_message("msg_2").older(&page, 0);
    assert_eq!(bench.mirror.ids(), ["msg_1"]);
    // A page asked for later knows better.
    bench.page(&page, 99, false);
    assert_eq!(bench.mirror.ids(), ["msg_1", "msg_2"]);
}

#[test]
fn rule1_deltas_of_an_ended_part_are_ignored() {
    let mut bench = loaded(text("all of it", true));
    bench.grows("of it").grows("!");
    assert_eq!(bench.shown(), ("all of it", "settled", ""));
}

#[test]
fn rule2_a_full_part_replaces_and_its_delta_is_not_added() {
    let mut bench = live();
    for told in ["a", "aa", "aaa", "aaaa"] {
        bench.told(&text(told, false));
        assert_eq!(bench.shown(), (told, "streaming", ""));
    }
}

#[test]
fn rule3_older_deltas_behind_a_full_snapshot_do_not_double() {
    let mut bench = live();
    bench.told(&text("", false)).grows("aa");
    bench
        .page(&[item("msg_1", 1, &[text("aaaa", true)])], 99, false)
        .grows("aa");
    assert_eq!(bench.shown(), ("aaaa", "settled", ""));
}

#[test]
fn rule4_a_delta_of_an_unknown_part_asks_for_its_message_once() {
    let mut bench = live();
    assert_eq!(bench.delta("x"), Placed::Unknown);
    let (mut world, session, at) = world();
    let handle = world.open(&session, 100);
    world.arrive();
    world.server.begin_text(&at);
    world.server.log.pop();
    ["a", "b", "c"]
        .into_iter()
        .for_each(|piece| world.server.delta(&at, piece));
    world.flow(usize::MAX);
    let asked = world
        .requests
        .iter()
        .filter(|request| request.path.split('?').next().unwrap().ends_with("/message/msg_1"));
    assert_eq!(asked.count(), 1);
    world.arrive();
    let part = world.mirrors[&handle].part(&at.part).unwrap();
    assert_eq!((part.text(), part.continuity, part.tail()), ("", "gapped", "abc"));
}

#[test]
fn rule5_a_stored_beginning_does_not_roll_the_text_back() {
    let mut bench = live();
    bench.told(&text("", false)).grows("long text");
    bench.page(&[item("msg_1", 1, &[text("long", false)])], 99, false);
    assert_eq!(bench.shown(), ("long text", "streaming", ""));
    bench
        .grows("!")
        .page(&[item("msg_1", 1, &[text("", false)])], 99, false);
    assert_eq!(bench.shown(), ("long text!", "streaming", ""));
    bench.told(&text("", false));
    assert_eq!(bench.shown(), ("long text!", "streaming", ""));
}

#[test]
fn rule6_tombstones_end_with_the_next_full_page() {
    let mut bench = Bench::default();
    bench.remove_message("msg_1");
    bench.page(&[], 50, false).older(&[item("msg_1", 1, &[])], 50);
    assert_eq!(bench.mirror.ids(), ["msg_1"]);
}
