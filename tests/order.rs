//! The order of messages and parts, which of them are gone, and what is handed out of a change.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::json::Cursor;
use opencode_session::proto::store::Placed;
use serde_json::json;
use support_rs::bench::{Bench, info, item, live, text, with};
use support_rs::mirror::Part;

#[test]
fn a_message_missing_from_a_newer_page_is_gone() {
    let mut bench = Bench::default();
    bench.page(
        &[
            item("msg_1", 1, &[text("a", true)]),
            item("msg_2", 2, &[]),
            item("msg_3", 3, &[]),
        ],
        0,
        false,
    );
    bench.page(&[item("msg_1", 1, &[]), item("msg_3", 3, &[])], 5, false);
    assert_eq!(bench.mirror.ids(), ["msg_1", "msg_3"]);
    assert!(bench.mirror.part("prt_1").is_none());
    // Older than the page, it is not spoken of; a page that shares nothing starts anew.
    bench.page(&[item("msg_3", 3, &[]), item("msg_4", 4, &[])], 6, true);
    assert_eq!(bench.mirror.ids(), ["msg_1", "msg_3", "msg_4"]);
    bench.page(&[item("msg_8", 8, &[])], 7, true);
    assert_eq!(bench.mirror.ids(), ["msg_8"]);
}

#[test]
fn messages_sort_by_time_and_id_and_parts_by_id() {
    let mut bench = Bench::default();
    for (id, created) in [("msg_c", 2), ("msg_a", 3), ("msg_b", 2), ("msg_z", 1)] {
        bench.message(&info(id, created));
    }
    assert_eq!(bench.mirror.ids(), ["msg_z", "msg_b", "msg_c", "msg_a"]);
    for id in ["prt_3", "prt_1", "prt_2"] {
        let mut part = text(id, true);
        (part["id"], part["messageID"]) = (json!(id), json!("msg_b"));
        bench.told(&part);
    }
    let ids: Vec<&str> = bench.mirror.parts().map(Part::id).collect();
    assert_eq!(ids, ["prt_1", "prt_2", "prt_3"]);
}

#[test]
fn a_message_told_an_earlier_time_moves_and_one_told_a_later_time_stays() {
    let mut bench = Bench::default();
    bench
        .message(&info("msg_1", 1))
        .message(&info("msg_2", 2))
        .message(&info("msg_3", 3));
    // As a prompt that was posted again.
    bench.message(&info("msg_1", 9));
    assert_eq!(bench.mirror.ids(), ["msg_1", "msg_2", "msg_3"]);
    bench.message(&info("msg_3", 0));
    assert_eq!(bench.mirror.ids(), ["msg_3", "msg_1", "msg_2"]);
}

#[test]
fn a_page_keeps_the_order_of_the_server() {
    // A prompt that was posted again has the time of the second post, and the place of the first.
    for ids in [
        ["msg_1", "msg_2", "msg_3"],
        ["msg_1", "msg_3", "msg_2"],
        ["msg_3", "msg_2", "msg_1"],
    ] {
        let list = [item(ids[0], 1, &[]), item(ids[1], 9, &[]), item(ids[2], 5, &[])];
        let mut bench = Bench::default();
        bench.page(&list, 1, false);
        assert_eq!(bench.mirror.ids(), ids);
        bench.message(&info(ids[1], 9)).page(&list, 3, false);
        assert_eq!(bench.mirror.ids(), ids);
        let mut late = Bench::default();
        late.message(&info(ids[1], 9))
            .message(&info(ids[2], 5))
            .page(&list, 3, false);
        assert_eq!(late.mirror.ids(), ids);
    }
}

#[test]
fn a_pair_cut_between_two_deltas_joins() {
    let mut bench = live();
    bench.told(&text("", false));
    for (raw, want) in [(r#""a\ud83d""#, "a"), (r#""\ude80b""#, "a🚀b")] {
        let piece = Cursor::new(raw.as_bytes()).string().unwrap();
        let stamp = bench.tick();
        let placed = with("msg_1", |m| with("prt_1", |p| bench.messages.delta(m, p, piece, stamp)));
        assert_eq!(placed, Placed::Done);
        assert_eq!(bench.drain().shown(), (want, "streaming", ""));
    }
}

#[test]
fn only_what_is_new_is_handed_out() {
    let mut bench = live();
    bench.told(&text("", false)).grows("one");
    let stamp = bench.tick();
    let messages = &mut bench.messages;
    let _ = with("msg_1", |m| {
        with("prt_1", |p| with(" two", |piece| messages.delta(m, p, piece, stamp)))
    });
    let mut changes = Vec::new();
    bench.messages.drain(&mut changes);
    assert_eq!(
        format!("{changes:?}"),
        r#"[Append { message: 0, index: 0, text: " two" }]"#
    );
}

#[test]
fn a_message_or_part_that_a_page_lists_twice_is_shown_once() {
    let mut bench = Bench::default();
    let twice = item("msg_1", 1, &[text("a", true), text("a", true)]);
    bench.page(&[twice.clone(), twice], 0, false);
    assert_eq!(bench.mirror.ids(), ["msg_1"]);
    assert_eq!(bench.mirror.messages[0].parts.len(), 1);
}

#[test]
fn a_wrong_time_is_mended_by_the_next_page() {
    // A broken byte in the event cost the message its time.
    let mut bench = Bench::default();
    let list = [item("msg_1", 1, &[]), item("msg_2", 2, &[])];
    bench.page(&list, 1, false).message(&info("msg_2", 0));
    assert_eq!(bench.mirror.ids(), ["msg_2", "msg_1"]);
    let asked = bench.tick();
    bench.page(&list, asked, false);
    assert_eq!(bench.mirror.ids(), ["msg_1", "msg_2"]);
}
