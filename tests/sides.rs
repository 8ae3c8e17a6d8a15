//! What is asked for beside the history: one that fails or is slow costs itself only.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use serde_json::json;
use support_rs::server::{Answer, Wire};
use support_rs::world::World;

const SIDES: [&str; 5] = ["/todo", "/permission", "/question", "/session/status", "/session/ses_"];

/// Whether the path is this side route; the last one is the session itself.
fn is(side: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap();
    if side.ends_with('_') {
        path.starts_with(side) && path.matches('/').count() == 2
    } else {
        path.ends_with(side)
    }
}

fn failure(status: u16) -> Answer {
    Answer {
        status,
        content_type: "application/json",
        body: br#"{"name":"UnknownError","data":{"message":"Unexpected server error"}}"#.to_vec(),
        ..Answer::default()
    }
}

fn world(seed: u64) -> (World, String) {
    let mut world = World::new(Wire::New, seed);
    let session = world.server.create_session("/project");
    let todos = json!([{ "content": "one", "status": "pending", "priority": "high" }]);
    world.server.room(&session).todos = todos;
    world
        .server
        .prompt(&session, json!({ "parts": [{ "type": "text", "text": "hi" }] }));
    world.server.run_all();
    (world, session)
}

fn refuse(world: &mut World, side: &'static str, status: u16) {
    world.front = Some(Box::new(move |path| is(side, path).then(|| failure(status))));
}

fn live_through(world: &mut World, ms: u64) {
    let end = world.now + ms;
    while world.now < end {
        world.server.run_all();
        world.pass(100);
        world.arrive();
    }
}

/// All that is under way arrives, but for what `side` asks.
fn arrive_without(world: &mut World, side: &str) {
    for _ in 0..40 {
        world.flow(usize::MAX);
        while let Some(at) = world.inflight.iter().position(|flight| !is(side, &flight.request.path)) {
            world.progress(at);
        }
    }
    world.drain();
}

fn error(world: &World, handle: u32) -> &str {
    world.mirrors[&handle].field("error")["code"]
        .as_str()
        .unwrap_or_default()
}

#[test]
fn a_side_route_that_fails_hides_no_message() {
    for side in SIDES {
        for status in [500, 400, 403, 401] {
            let (mut world, session) = world(1);
            refuse(&mut world, side, status);
            let handle = world.open(&session, 100);
            world.client.wait_ready(handle, 1);
            world.arrive();
            assert!(!world.mirrors[&handle].ids().is_empty(), "{side} {status}");
            assert!(world.result(1).is_some_and(Result::is_ok), "{side} {status}");
            live_through(&mut world, 60_000);
            assert_eq!(error(&world, handle), "incomplete", "{side} {status}");
            assert_eq!(world.mirrors[&handle].field("error")["retryable"], true);
            assert_eq!(world.mirrors[&handle].field("connection")["phase"], "live");
            let asked = world.requests.iter().filter(|request| is(side, &request.path)).count();
            assert!((5..16).contains(&asked), "{side} is asked {asked} times in a minute");
            world.front = None;
            live_through(&mut world, 21_000);
            world.rest();
            world.assert_equal(handle, &session);
            assert_eq!(error(&world, handle), "");
        }
    }
}

#[test]
fn a_side_route_that_is_slow_hides_no_message() {
    for side in SIDES {
        let (mut world, session) = world(2);
        let handle = world.open(&session, 100);
        arrive_without(&mut world, side);
        assert!(world.mirrors[&handle].ids().is_empty(), "it is waited for, a moment");
        world.pass(1_000);
        arrive_without(&mut world, side);
        assert!(!world.mirrors[&handle].ids().is_empty(), "{side}");
        assert_eq!(world.mirrors[&handle].field("connection")["phase"], "live");
        world.rest();
        world.assert_equal(handle, &session);
    }
}

#[test]
fn an_open_session_goes_on_without_a_side_route_after_a_reconnect() {
    for side in SIDES {
        let (mut world, session) = world(4);
        let handle = world.open(&session, 100);
        world.rest();
        let todos = world.mirrors[&handle].field("todos").clone();
        refuse(&mut world, side, 500);
        world.cut(false);
        live_through(&mut world, 10_000);
        assert_eq!(world.mirrors[&handle].field("connection")["phase"], "live", "{side}");
        assert_eq!(*world.mirrors[&handle].field("todos"), todos, "it stays as it was");
        world.send(handle, &json!({ "parts": [{ "type": "text", "text": "on" }] }), 1);
        live_through(&mut world, 40_000);
        for token in [1, 2] {
            assert!(
                world.result(token).is_some_and(Result::is_ok),
                "{side} {:?}",
                world.result(token)
            );
        }
        world.client.wait_settled(handle, 3);
        world.pump();
        live_through(&mut world, 2_000);
        assert!(world.result(3).is_some_and(Result::is_ok), "{side}");
        world.front = None;
        live_through(&mut world, 21_000);
        world.rest();
        world.assert_equal(handle, &session);
    }
}

#[test]
fn an_answer_that_is_late_does_not_undo_what_an_event_told() {
    let (mut world, session) = world(4);
    let handle = world.open(&session, 100);
    arrive_without(&mut world, "/todo");
    world.pass(1_000);
    // Read before the event, and answered after it.
    world.advance("/todo");
    let todos = json!([{ "content": "two", "status": "pending", "priority": "low" }]);
    world.server.room(&session).todos = todos.clone();
    let told = json!({ "sessionID": session, "todos": todos });
    world.server.publish(&session, "todo.updated", told);
    world.flow(usize::MAX);
    world.advance("/todo");
    world.drain();
    assert_eq!(*world.mirrors[&handle].field("todos"), todos);
}

#[test]
fn a_session_is_not_settled_before_it_is_known_whether_a_turn_runs() {
    let (mut world, session) = world(5);
    world.server.keep_status(&session, json!({ "type": "busy" }));
    let handle = world.open(&session, 100);
    world.client.wait_settled(handle, 1);
    arrive_without(&mut world, "/session/status");
    world.pass(5_000);
    arrive_without(&mut world, "/session/status");
    assert!(world.result(1).is_none(), "the status is not known");
    world.arrive();
    assert!(world.result(1).is_none(), "a turn runs");
    assert_eq!(world.mirrors[&handle].field("status")["type"], "busy");
}
