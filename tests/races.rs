//! Races that were once lost, or are still: each is one short story between a client and a server by the book.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use std::cell::Cell;
use std::rc::Rc;

use opencode_session::proto::change::Delivery;
use opencode_session::proto::error::Code;
use serde_json::{Value, json};
use support_rs::script::Spot;
use support_rs::server::{Answer, Wire};
use support_rs::world::{Flight, World};

fn put(world: &mut World, session: &str, id: &str, created: u64, parent: Option<&str>) {
    let role = if parent.is_some() { "assistant" } else { "user" };
    let mut info = json!({ "id": id, "sessionID": session, "role": role, "time": { "created": created } });
    if let Some(parent) = parent {
        info["parentID"] = json!(parent);
        info["time"]["completed"] = json!(created);
    }
    world.server.put_message(session, info);
    let text = json!({ "id": format!("prt_{id}"), "sessionID": session, "messageID": id, "type": "text", "text": id });
    world.server.put_part(session, text, None);
}

/// A session with `pairs` of prompt and answer, open and settled.
fn settled(wire: Wire, pairs: u64, limit: usize) -> (World, u32, String) {
    let mut world = World::new(wire, 3);
    world.server.plays = false;
    let session = world.server.create_session("/project");
    for n in 0..pairs {
        put(&mut world, &session, &format!("msg_{n}a"), 10 * n + 1, None);
        put(
            &mut world,
            &session,
            &format!("msg_{n}b"),
            10 * n + 2,
            Some(&format!("msg_{n}a")),
        );
    }
    let handle = world.open(&session, limit);
    world.rest();
    world.assert_equal(handle, &session);
    (world, handle, session)
}

fn prompt(text: &str) -> Value {
    json!({ "parts": [{ "type": "text", "text": text }] })
}

/// The first prompt is called stored, and all is shown as the server has it.
fn assert_stored(world: &World, handle: u32, session: &str) {
    let result = world.result(1);
    assert!(matches!(result, Some(Ok(_))), "called failed, but stored: {result:?}");
    world.assert_equal(handle, session);
}

fn busy(world: &mut World, session: &str, busy: bool) {
    let status = json!({ "type": if busy { "busy" } else { "idle" } });
    world.server.say_status(session, &status);
    world.server.keep_status(session, status);
}

#[test]
fn an_unclosed_part_of_an_old_turn_is_settled_as_stored() {
    let mut world = World::new(Wire::New, 1);
    let session = world.server.create_session("/project");
    put(&mut world, &session, "msg_1", 1, None);
    put(&mut world, &session, "msg_2", 2, Some("msg_1"));
    let at = Spot::new(&mut world.server, &session, "msg_2", "text");
    world.server.begin_text(&at);
    for n in 3..9 {
        put(&mut world, &session, &format!("msg_{n}"), n, Some("msg_1"));
    }
    let handle = world.open(&session, 100);
    world.rest();
    world.assert_equal(handle, &session);
    // Later checks leave it so.
    busy(&mut world, &session, true);
    put(&mut world, &session, "msg_9", 9, Some("msg_1"));
    busy(&mut world, &session, false);
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn an_event_of_a_message_that_is_not_loaded_shows_nothing() {
    let (mut world, handle, session) = settled(Wire::New, 3, 2);
    world
        .server
        .edit_message(&session, "msg_0a", |info| info["summary"] = json!({ "diffs": [] }));
    world.flow(usize::MAX);
    world.drain();
    assert_eq!(world.mirrors[&handle].ids(), ["msg_2a", "msg_2b"]);
    world.rest();
    world.assert_equal(handle, &session);
    world.client.load_older(handle, 100, 1);
    world.pump();
    world.rest();
    world.assert_equal(handle, &session);
    assert_eq!(world.mirrors[&handle].messages.len(), 6);
}

#[test]
fn a_check_may_be_the_first_to_tell_an_own_prompt() {
    for parts_too in [false, true] {
        let (mut world, handle, session) = settled(Wire::Old, 1, 100);
        busy(&mut world, &session, true);
        world.arrive();
        world.send(handle, &prompt("prompt #1"), 1);
        busy(&mut world, &session, false);
        world.flow(usize::MAX);
        world.pass(200);
        world.advance("prompt_async");
        world.server.step(0);
        if parts_too {
            world.server.step(0);
        }
        world.advance("/message?");
        world.advance("/message?");
        world.drain();
        world.rest();
        world.assert_equal(handle, &session);
        assert_eq!(world.mirrors[&handle].messages.len(), 3);
    }
}

#[test]
fn m9_a_slow_older_page_does_not_revive_what_was_removed() {
    let (mut world, handle, session) = settled(Wire::New, 3, 2);
    world.client.load_older(handle, 100, 1);
    world.pump();
    world.advance("before=");
    world.server.remove_message(&session, "msg_0b");
    busy(&mut world, &session, true);
    busy(&mut world, &session, false);
    world.flow(usize::MAX);
    world.pass(200);
    // The check of the ended turn is answered before the older page.
    world.advance("limit=4");
    world.advance("limit=4");
    world.advance("before=");
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn the_later_of_two_requests_wins() {
    let (mut world, handle, session) = settled(Wire::New, 2, 100);
    // A part of a message that is not known: the message is fetched.
    put(&mut world, &session, "msg_9", 100, Some("msg_0a"));
    let told = world.server.log.len() - 2;
    world.server.log.remove(told);
    world.flow(usize::MAX);
    world.advance("/message/msg_9");
    // Before its answer comes, the stream is lost, and the message grows meanwhile.
    world.cut(true);
    let late = json!({ "id": "prt_z", "sessionID": session, "messageID": "msg_9", "type": "text", "text": "late" });
    world.server.put_part(&session, late, None);
    world.pass(20_000);
    world.flow(1);
    world.flow(usize::MAX);
    for path in [
        "/message?",
        "/todo",
        "/status",
        "/permission",
        "/question",
        "/session/ses",
        "/path",
    ] {
        world.advance(path);
        world.advance(path);
    }
    world.advance("/message/msg_9");
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn a_late_status_answer_does_not_end_a_turn_that_began_since() {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    // The server's list lags: the snapshot says busy although the answer is complete, so it is asked again.
    world.server.keep_status(&session, json!({ "type": "busy" }));
    world.cut(true);
    world.pass(20_000);
    world.arrive();
    world.pass(5_001);
    world.server.keep_status(&session, json!({ "type": "idle" }));
    world.advance("/session/status");
    busy(&mut world, &session, true);
    world.flow(usize::MAX);
    world.advance("/session/status");
    world.drain();
    assert_eq!(world.mirrors[&handle].field("status")["type"], "busy");
}

#[test]
fn a_part_that_a_retry_left_open_does_not_keep_the_session_busy() {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    let at = Spot::new(&mut world.server, &session, "msg_0b", "text");
    world.server.begin_text(&at);
    // The server's list lags, and idle was said while nobody listened.
    world.server.keep_status(&session, json!({ "type": "busy" }));
    world.cut(true);
    world.pass(20_000);
    world.arrive();
    assert_eq!(world.mirrors[&handle].field("status")["type"], "busy");
    world.server.keep_status(&session, json!({ "type": "idle" }));
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn another_clients_prompt_with_the_same_text_is_not_taken_for_ours() {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    let key = world.send(handle, &prompt("hi"), 1);
    world.server.prompt(&session, prompt("hi"));
    world.server.intake(&session);
    world.flow(usize::MAX);
    world.drain();
    world.rest();
    world.assert_equal(handle, &session);
    let mirror = &world.mirrors[&handle];
    assert_eq!(
        mirror.messages.iter().filter(|message| message.text() == "hi").count(),
        2
    );
    assert!(
        mirror
            .messages
            .iter()
            .any(|message| message.key == key && message.id() == key)
    );
}

#[test]
fn a_prompt_whose_turn_died_with_the_server_is_answered_with_an_error() {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    world.send(handle, &prompt("prompt #1"), 1);
    world.advance("prompt_async");
    world.server.intake(&session);
    // The answer of the post and the stream are lost; after its restart the server has the prompt, and is idle.
    world.lose("prompt_async");
    world.cut(false);
    world.pass(20_000);
    world.client.wait_settled(handle, 9);
    world.rest();
    assert!(matches!(world.result(1), Some(Ok(_))));
    assert!(world.result(2).is_some(), "`done` is never answered");
    assert!(world.result(9).is_some(), "`settled` is never answered");
    world.assert_equal(handle, &session);
}

#[test]
fn p6_a_snapshot_asked_before_the_post_failed_does_not_prove_that_it_is_not_stored() {
    let (mut world, handle, session) = settled(Wire::Old, 1, 100);
    world.send(handle, &prompt("prompt #1"), 1);
    world.cut(true);
    world.pass(20_000);
    world.flow(1);
    world.flow(usize::MAX);
    world.advance("/message?");
    // The server takes the prompt after it has read the history; the answer is lost.
    world.advance("prompt_async");
    world.server.intake(&session);
    world.lose("prompt_async");
    world.rest();
    assert_stored(&world, handle, &session);
}

#[test]
fn p6_a_prompt_stored_a_moment_after_the_post_failed_is_not_called_failed() {
    let (mut world, handle, session) = settled(Wire::Old, 1, 100);
    world.send(handle, &prompt("prompt #1"), 1);
    world.advance("prompt_async");
    world.lose("prompt_async");
    world.arrive();
    world.rest();
    assert_stored(&world, handle, &session);
}

#[test]
fn p6_a_refusal_says_nothing_of_an_earlier_try() {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    world.send(handle, &prompt("prompt #1"), 1);
    let posts = |world: &World| {
        let post = |flight: &Flight| flight.request.path.contains("prompt_async");
        world.inflight.iter().position(post)
    };
    let first = world.inflight[posts(&world).unwrap()].request.clone();
    world.lose("prompt_async");
    while posts(&world).is_none() {
        world.advance("");
    }
    // The first one was only slow; the second one meets a proxy.
    world.server.answer(&first);
    world.server.intake(&session);
    let at = posts(&world).unwrap();
    world.inflight[at].answer = Some(Answer {
        status: 403,
        ..Answer::default()
    });
    world.progress(at);
    world.rest();
    assert_stored(&world, handle, &session);
}

/// A world where posts are answered with 503 while `down` says so, with a prompt sent; and when it was posted, for so long.
fn posted_while_down(down: &Rc<Cell<bool>>, time: u64) -> (World, u32, String, Vec<u64>) {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    let is_down = Rc::clone(down);
    world.front = Some(Box::new(move |path| {
        let answer = Answer {
            status: 503,
            ..Answer::default()
        };
        (is_down.get() && path.contains("prompt_async")).then_some(answer)
    }));
    world.send(handle, &prompt("prompt #1"), 1);
    let (start, mut posts) = (world.now, Vec::new());
    while world.now < start + time {
        world.arrive();
        let sent = world.requests.iter().filter(|sent| sent.path.contains("prompt_async"));
        posts.resize(sent.count(), world.now - start);
        world.pass(100);
    }
    (world, handle, session, posts)
}

#[test]
fn a_server_that_is_away_for_some_seconds_does_not_cost_the_prompt() {
    let down = Rc::new(Cell::new(true));
    let (mut world, handle, session, posts) = posted_while_down(&down, 8_000);
    assert_eq!(posts.len(), 2, "{posts:?}");
    down.set(false);
    world.rest();
    assert_stored(&world, handle, &session);
}

#[test]
fn a_post_that_is_answered_with_an_error_is_repeated_ever_later() {
    let down = Rc::new(Cell::new(true));
    let (world, _, _, posts) = posted_while_down(&down, 40_000);
    assert_eq!(posts.len(), 3, "{posts:?}");
    let waits = (posts[1] - posts[0], posts[2] - posts[1]);
    assert!(waits.0 >= 2_000 && waits.1 >= 3 * waits.0, "{posts:?}");
    let told = world.result(1).unwrap().as_ref().unwrap_err();
    assert_eq!(told.code, Code::NotStored);
}

#[test]
fn prompts_go_out_although_the_version_could_not_be_asked_at_first() {
    let mut world = World::new(Wire::New, 3);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.flow(1);
    world.flow(usize::MAX);
    world.lose("/global/health");
    world.arrive();
    world.send(handle, &prompt("prompt #1"), 1);
    world.rest();
    assert!(matches!(world.result(1), Some(Ok(_))), "still waiting");
}

#[test]
fn a_prompt_with_a_file_first_is_not_shown_twice_where_servers_name_messages() {
    let (mut world, handle, session) = settled(Wire::Old, 1, 100);
    let file = json!({ "type": "file", "mime": "text/plain", "url": "data:text/plain,hi" });
    world.send(
        handle,
        &json!({ "parts": [file, { "type": "text", "text": "prompt #1" }] }),
        1,
    );
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn a_prompt_whose_page_is_not_loaded_does_not_stay_at_the_end() {
    let (mut world, handle, session) = settled(Wire::New, 1, 2);
    world.send(handle, &prompt("prompt #1"), 1);
    world.advance("prompt_async");
    world.advance("prompt_async");
    world.cut(true);
    world.server.intake(&session);
    let id = world.server.posted[0]["messageID"].as_str().unwrap().to_owned();
    for n in 0..4 {
        world.server.now += 5;
        let created = world.server.now;
        put(&mut world, &session, &format!("msg_z{n}"), created, Some(&id));
    }
    world.pass(20_000);
    world.rest();
    assert!(world.result(2).is_some());
    world.assert_equal(handle, &session);
}

#[test]
fn a_part_given_up_that_grows_after_all_is_streaming_again() {
    for wire in [Wire::Old, Wire::New] {
        let (mut world, handle, session) = settled(wire, 1, 100);
        let at = Spot::new(&mut world.server, &session, "msg_0b", "text");
        world.server.begin_text(&at);
        if wire == Wire::Old {
            world.server.delta(&at, "one ");
        }
        world.rest();
        assert_eq!(world.mirrors[&handle].part(&at.part).unwrap().continuity, "settled");
        busy(&mut world, &session, true);
        world.server.delta(&at, "two");
        world.arrive();
        assert_eq!(world.mirrors[&handle].part(&at.part).unwrap().continuity, "streaming");
    }
}

/// What is shown stays (P2) while the last flush may still come; only then the store is the truth (P3).
#[test]
fn p2_a_flush_that_comes_long_after_idle_blanks_nothing() {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    busy(&mut world, &session, true);
    let at = Spot::new(&mut world.server, &session, "msg_0b", "text");
    world.server.begin_text(&at);
    world.server.delta(&at, "so far");
    busy(&mut world, &session, false);
    world.arrive();
    // `drain` checks that nothing shown shrinks.
    world.pass(1_500);
    world.arrive();
    world.server.end_text(&at, None);
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn a_prompt_removed_before_its_answer_came_is_answered_all_the_same() {
    for wire in [Wire::Old, Wire::New] {
        let (mut world, handle, session) = settled(wire, 1, 100);
        world.send(handle, &prompt("prompt #1"), 1);
        world.arrive();
        world.server.intake(&session);
        busy(&mut world, &session, true);
        world.arrive();
        let id = world.mirrors[&handle].messages[2].id().to_owned();
        world.server.remove_message(&session, &id);
        busy(&mut world, &session, false);
        world.rest();
        assert!(world.result(2).is_some());
        world.assert_equal(handle, &session);
    }
}

#[test]
fn a_failed_prompt_can_be_taken_out() {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    let key = world.send(
        handle,
        &json!({ "parts": [{ "type": "text", "text": "x" }], "model": "no/such" }),
        1,
    );
    world.rest();
    assert_eq!(
        world.mirrors[&handle].messages.last().unwrap().delivery,
        Some(Delivery::Failed)
    );
    assert!(world.client.discard(handle, &key));
    assert!(!world.client.discard(handle, &key));
    world.drain();
    assert_eq!(world.mirrors[&handle].messages.len(), 2);
    world.assert_equal(handle, &session);
}

#[test]
fn a_settled_session_is_called_so_when_its_last_prompt_fails() {
    let (mut world, handle, _) = settled(Wire::New, 1, 100);
    let refused = json!({ "parts": [{ "type": "text", "text": "x" }], "model": "no/such" });
    world.send(handle, &refused, 1);
    world.client.wait_settled(handle, 9);
    world.rest();
    assert!(matches!(world.result(1), Some(Err(_))));
    assert!(matches!(world.result(9), Some(Ok(_))), "{:?}", world.result(9));
    // Taken back before it could be posted.
    let key = world.send(handle, &refused, 10);
    world.client.wait_settled(handle, 19);
    assert!(world.client.discard(handle, &key));
    world.rest();
    assert!(matches!(world.result(19), Some(Ok(_))), "{:?}", world.result(19));
}

#[test]
fn a_turn_is_not_over_before_the_server_says_so() {
    // The prompt is told, and no event of its turn comes: the stream is mute from there on.
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    let key = world.send(handle, &prompt("hello"), 10);
    world.advance("/prompt_async");
    world.advance("/prompt_async");
    world.server.run_all();
    world.flow(usize::MAX);
    busy(&mut world, &session, true);
    let parent = world.server.history(&session).pop().unwrap()["info"]["id"].clone();
    assert_eq!(parent, key.as_str());
    world.server.put_message(
        &session,
        json!({ "id": "msg_answer", "sessionID": session, "role": "assistant", "parentID": parent, "time": { "created": u64::MAX >> 12 } }),
    );
    world.client.wait_settled(handle, 20);
    for _ in 0..40 {
        world.pass(100);
        while !world.inflight.is_empty() {
            world.progress(0);
        }
    }
    assert!(world.result(11).is_none(), "done: the server is busy");
    assert!(world.result(20).is_none(), "settled: the server is busy");
    world.drain();
    assert_eq!(world.mirrors[&handle].field("status")["type"], "busy", "it was asked");
    world.server.edit_message(&session, "msg_answer", |info| {
        info["time"]["completed"] = json!(u64::MAX >> 12)
    });
    busy(&mut world, &session, false);
    world.rest();
    assert!(matches!(world.result(11), Some(Ok(_))), "{:?}", world.result(11));
    assert!(matches!(world.result(20), Some(Ok(_))));
}

#[test]
fn a_session_is_not_settled_between_anothers_prompt_and_its_turn() {
    let (mut world, handle, session) = settled(Wire::Mid, 1, 100);
    world.cut(true);
    world.pass(20_000);
    world.flow(usize::MAX);
    world.flow(usize::MAX);
    world.client.wait_settled(handle, 20);
    // The snapshot's status is of the moment before the prompt, and its history of the one after.
    world.advance("/session/status");
    put(&mut world, &session, "msg_9a", 90, None);
    while !world.inflight.is_empty() {
        world.progress(0);
    }
    assert!(
        world.result(20).is_none(),
        "settled: nobody knows whether its turn begins"
    );
    world.server.keep_status(&session, json!({ "type": "busy" }));
    for _ in 0..10 {
        world.pass(100);
        while !world.inflight.is_empty() {
            world.progress(0);
        }
    }
    assert!(world.result(20).is_none(), "settled: the server is busy");
    put(&mut world, &session, "msg_9b", 91, Some("msg_9a"));
    busy(&mut world, &session, false);
    world.rest();
    assert!(matches!(world.result(20), Some(Ok(_))));
    world.assert_equal(handle, &session);
}

#[test]
fn a_history_that_ends_with_a_prompt_is_settled_and_asked_about_once() {
    for wire in [Wire::Old, Wire::Mid, Wire::New] {
        let (mut world, handle, session) = settled(wire, 1, 100);
        put(&mut world, &session, "msg_9a", 90, None);
        world.client.wait_settled(handle, 20);
        world.rest();
        assert!(matches!(world.result(20), Some(Ok(_))));
        world.requests.clear();
        world.cut(true);
        world.pass(20_000);
        world.rest();
        let asked = |path: &str| {
            world
                .requests
                .iter()
                .filter(|request| request.path.contains(path))
                .count()
        };
        assert!(asked("/todo") > 0);
        assert_eq!(
            asked("/session/status"),
            asked("/todo"),
            "{wire:?}: with the snapshots only"
        );
        world.assert_equal(handle, &session);
    }
}

#[test]
fn an_own_prompt_whose_event_was_lost_is_in_its_place_when_its_answer_is_there() {
    let (mut world, handle, session) = settled(Wire::New, 1, 100);
    let key = world.send(handle, &prompt("hello"), 10);
    let told = world.server.log.len();
    world.advance("/prompt_async");
    world.advance("/prompt_async");
    world.server.run_all();
    world.server.log.truncate(told);
    let created = world.now + 1_000;
    for n in 0..5 {
        put(&mut world, &session, &format!("msg_z{n}"), created + n, Some(&key));
    }
    busy(&mut world, &session, false);
    world.rest();
    assert!(matches!(world.result(11), Some(Ok(_))), "{:?}", world.result(11));
    world.assert_equal(handle, &session);
}

#[test]
fn a_prompt_sent_while_polling_is_polled_for_at_once() {
    let mut config = support_rs::world::config(4);
    config.transport = opencode_session::proto::connection::Transport::Poll;
    let mut server = support_rs::server::Server::new(Wire::New, 4);
    server.plays = false;
    let session = server.create_session("/project");
    put_in(&mut server, &session);
    let mut world = World::with(server, config);
    let handle = world.open(&session, 100);
    world.rest();
    // Long idle, the polls are rare.
    for _ in 0..100 {
        world.pass(1_000);
        world.arrive();
    }
    world.send(handle, &prompt("hello"), 10);
    let wait = world.client.poll_timeout().unwrap().saturating_sub(world.now);
    assert!(wait <= 1_000, "{wait}");
}

fn put_in(server: &mut support_rs::server::Server, session: &str) {
    server.put_message(
        session,
        json!({ "id": "msg_1", "sessionID": session, "role": "user", "time": { "created": 1 } }),
    );
}
