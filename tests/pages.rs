//! Histories longer than a page, and events that come before what they belong to.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::client::Input;
use serde_json::json;
use support_rs::script::Spot;
use support_rs::server::{HIGH, LOW, Wire};
use support_rs::world::World;

const PAGE: usize = 3;

fn put(world: &mut World, session: &str, n: u64) {
    let id = format!("msg_{n}");
    // Each page is a turn.
    let role = if n % PAGE as u64 == 1 { "user" } else { "assistant" };
    let info = json!({
        "id": id, "sessionID": session, "role": role, "time": { "created": n, "completed": n },
    });
    world.server.put_message(session, info);
    let text = json!({ "id": format!("prt_{n}"), "sessionID": session, "messageID": id, "type": "text", "text": id });
    world.server.put_part(session, text, None);
}

/// A session of `count` messages, open with small pages.
fn opened(wire: Wire, count: u64) -> (World, u32, String) {
    let mut world = World::new(wire, 5);
    let session = world.server.create_session("/project");
    for n in 1..=count {
        put(&mut world, &session, n);
    }
    let handle = world.open(&session, PAGE);
    world.rest();
    (world, handle, session)
}

fn grow(world: &mut World, session: &str, message: &str) -> Spot {
    let at = Spot::new(&mut world.server, session, message, "text");
    world.server.begin_text(&at);
    at
}

#[test]
fn what_is_shown_is_compared_as_far_back_as_it_reaches() {
    let (mut world, handle, session) = opened(Wire::New, PAGE as u64);
    for n in 4..9 {
        put(&mut world, &session, n);
    }
    world.rest();
    assert_eq!(world.mirrors[&handle].messages.len(), 8);
    world.cut(false);
    world.server.remove_message(&session, "msg_2");
    world.pass(20_000);
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn a_text_behind_a_page_is_whole_or_gapped_after_a_break() {
    let (mut world, handle, session) = opened(Wire::New, PAGE as u64);
    let at = grow(&mut world, &session, "msg_3");
    world.server.delta(&at, "one ");
    for n in 4..9 {
        put(&mut world, &session, n);
    }
    world.arrive();
    world.cut(false);
    world.server.delta(&at, "two ");
    world.pass(20_000);
    world.arrive();
    let part = world.mirrors[&handle].part(&at.part).unwrap();
    assert_eq!((part.text(), part.gap), ("one ", Some(4)));
}

#[test]
fn a_part_that_an_older_page_shows_open_is_settled_when_the_session_is() {
    let mut world = World::new(Wire::New, 5);
    let session = world.server.create_session("/project");
    put(&mut world, &session, 1);
    // A retry left it.
    grow(&mut world, &session, "msg_1");
    for n in 2..7 {
        put(&mut world, &session, n);
    }
    let handle = world.open(&session, PAGE);
    world.rest();
    world.client.load_older(handle, 10, 1);
    world.pump();
    world.rest();
    assert!(world.result(1).is_some_and(Result::is_ok));
    world.assert_equal(handle, &session);
}

#[test]
fn an_older_page_is_not_taken_back_by_a_snapshot_that_was_asked_for_before_it() {
    let (mut world, handle, session) = opened(Wire::Mid, 6);
    world.cut(false);
    world.pass(20_000);
    world.flow(1);
    world.flow(usize::MAX);
    // The snapshot is read before the newest message, the longer page after it.
    world.advance("/message?");
    world.server.publish("", "server.heartbeat", json!({}));
    world.client.load_older(handle, PAGE, 1);
    world.pump();
    put(&mut world, &session, 7);
    world.advance("limit=6");
    world.advance("limit=6");
    world.drain();
    assert!(world.mirrors[&handle].ids().contains(&"msg_7"));
    while !world.inflight.is_empty() {
        world.progress(0);
        world.drain();
        assert!(world.mirrors[&handle].ids().contains(&"msg_7"), "it went and came");
    }
}

#[test]
fn a_delta_before_its_part_is_not_overtaken_by_the_next() {
    let (mut world, handle, session) = opened(Wire::Mid, 2);
    world.server.early = true;
    let at = loop {
        let from = world.server.log.len();
        let at = grow(&mut world, &session, "msg_2");
        if world.server.log.len() == from {
            break at;
        }
    };
    for piece in ["one ", "two ", "three "] {
        world.server.delta(&at, piece);
        world.flow(usize::MAX);
        world.drain();
    }
    world.arrive();
    let part = world.mirrors[&handle].part(&at.part).unwrap();
    assert_eq!((part.gap, part.tail()), (Some(0), "one two three "));
    world.server.end_text(&at, None);
    world.rest();
    assert_eq!(world.mirrors[&handle].part(&at.part).unwrap().text(), "one two three");
}

#[test]
fn events_of_an_unknown_part_outlive_a_new_fetch_on_the_same_stream() {
    let (mut world, handle, session) = opened(Wire::Mid, 2);
    world.server.early = true;
    let at = loop {
        let from = world.server.log.len();
        let at = grow(&mut world, &session, "msg_2");
        if world.server.log.len() == from {
            break at;
        }
    };
    world.server.delta(&at, "one ");
    world.flow(usize::MAX);
    // A post without an answer makes the client look at the history.
    world.send(handle, &json!({ "parts": [{ "type": "text", "text": "hi" }] }), 1);
    world.lose("prompt_async");
    world.arrive();
    assert_eq!(world.mirrors[&handle].part(&at.part).unwrap().tail(), "one ");
}

#[test]
fn half_a_pair_behind_a_gap_is_something_heard() {
    let (mut world, handle, session) = opened(Wire::Mid, 2);
    world.server.halves = true;
    let at = grow(&mut world, &session, "msg_2");
    world.arrive();
    world.cut(false);
    world.pass(20_000);
    world.arrive();
    world.server.delta(&at, HIGH);
    world.arrive();
    // The part is told once more, still empty.
    world.server.put_part(&session, at.value("", Some(1), None), None);
    world.server.delta(&at, LOW);
    world.arrive();
    let part = world.mirrors[&handle].part(&at.part).unwrap();
    assert_eq!((part.gap, part.text(), part.tail()), (Some(0), "", "🚀"));
}

/// The next delta comes broken.
fn lose_delta(world: &mut World, at: &Spot, piece: &str) {
    world.server.delta(at, piece);
    world.server.log.pop();
    let generation = world.stream.as_ref().unwrap().generation;
    let bytes = b"data: {\"type\":\"message.part.delta\",\"properties\":{\"field\n\n";
    world.input(Input::StreamBytes { generation, bytes });
}

#[test]
fn a_text_is_unsure_from_a_broken_event_on_not_only_from_the_fetch_that_follows() {
    let (mut world, handle, session) = opened(Wire::Mid, 2);
    let at = grow(&mut world, &session, "msg_2");
    world.arrive();
    lose_delta(&mut world, &at, "one ");
    world.arrive();
    let at = grow(&mut world, &session, "msg_2");
    world.server.delta(&at, "two ");
    world.arrive();
    // So soon after the first, nothing is fetched yet.
    let asked = world.requests.len();
    lose_delta(&mut world, &at, "three ");
    world.server.delta(&at, "four ");
    world.arrive();
    assert_eq!(world.requests.len(), asked);
    let part = world.mirrors[&handle].part(&at.part).unwrap();
    assert_eq!((part.text(), part.gap, part.tail()), ("two ", Some(4), "four "));
}

#[test]
fn an_event_broken_among_those_that_wait_for_the_history_leaves_a_hole_there() {
    let (mut world, handle, session) = opened(Wire::Mid, 2);
    let lost = grow(&mut world, &session, "msg_1");
    world.arrive();
    lose_delta(&mut world, &lost, "lost");
    let at = grow(&mut world, &session, "msg_2");
    world.server.delta(&at, "one ");
    world.flow(usize::MAX);
    lose_delta(&mut world, &at, "two ");
    world.server.delta(&at, "three ");
    world.arrive();
    let part = world.mirrors[&handle].part(&at.part).unwrap();
    assert_eq!((part.text(), part.gap, part.tail()), ("one ", Some(4), "three "));
}

#[test]
fn what_is_shown_stays_where_an_answer_comes_before_it() {
    let mut world = World::new(Wire::New, 5);
    let session = world.server.create_session("/project");
    // It begins with an answer, and all of it is shown.
    for n in [12, 13, 14, 15] {
        put(&mut world, &session, n);
    }
    let handle = world.open(&session, 5);
    world.rest();
    world.cut(false);
    // By a clock that was set back, a turn stands before all of that; and what is shown is one less.
    for n in [1, 2, 3] {
        put(&mut world, &session, n);
    }
    world.server.remove_message(&session, "msg_15");
    world.pass(20_000);
    while !world.inflight.is_empty() || world.stream.as_ref().is_some_and(|stream| !stream.is_open()) {
        world.flow(usize::MAX);
        world.flow(usize::MAX);
        world.progress(0);
        world.drain();
        assert!(world.mirrors[&handle].ids().contains(&"msg_12"), "it vanished");
    }
    world.rest();
    assert_eq!(world.mirrors[&handle].ids()[..2], ["msg_1", "msg_2"]);
    world.assert_equal(handle, &session);
}

#[test]
fn an_own_prompt_is_no_bridge_to_what_is_taken_back() {
    let (mut world, handle, session) = opened(Wire::Mid, PAGE as u64);
    for n in 4..10 {
        put(&mut world, &session, n);
    }
    world.rest();
    world.server.plays = false;
    world.send(handle, &json!({ "parts": [{ "type": "text", "text": "hello" }] }), 10);
    world.advance("prompt_async");
    world.advance("prompt_async");
    world.cut(false);
    world.server.run_all();
    // After the prompt was stored, which nobody knows here.
    world.server.revert(&session, "msg_4", None);
    world.pass(20_000);
    for _ in 0..200 {
        world.flow(usize::MAX);
        world.progress(0);
        world.pass(10);
        world.drain();
        assert!(world.mirrors[&handle].ids().contains(&"msg_3"), "it vanished");
    }
}

#[test]
fn the_answer_of_an_undo_hides_at_once_also_when_its_event_came_first() {
    for wire in [Wire::Old, Wire::Mid, Wire::New] {
        let (mut world, handle, session) = opened(wire, PAGE as u64);
        world.server.revert(&session, "msg_3", None);
        // The event alone, and no answer about the history.
        world.flow(usize::MAX);
        let answer = world.server.rooms[&session].info.to_string();
        let now = world.now;
        world.client.session_told(handle, answer.as_bytes(), now);
        world.drain();
        assert_eq!(world.mirrors[&handle].ids(), ["msg_1", "msg_2"], "{wire:?}");
        world.rest();
        assert_eq!(world.mirrors[&handle].ids(), ["msg_1", "msg_2"], "{wire:?}");
    }
}
