//! What something in front of the server says, for a while: it must not end a session.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::error::Code;
use serde_json::json;
use support_rs::server::{Answer, Wire};
use support_rs::world::World;

const OWN: &str = r#"{"name":"NotFoundError","data":{"message":"Session not found"}}"#;

fn says(status: u16, content_type: &'static str, body: &str) -> Answer {
    Answer {
        status,
        content_type,
        body: body.into(),
        ..Answer::default()
    }
}

/// A session that is live and at rest, with one prompt.
fn live(seed: u64) -> (World, String, u32) {
    let mut world = World::new(Wire::New, seed);
    let session = world.server.create_session("/project");
    world
        .server
        .prompt(&session, json!({ "parts": [{ "type": "text", "text": "hi" }] }));
    world.server.run_all();
    let handle = world.open(&session, 100);
    world.rest();
    world.assert_equal(handle, &session);
    (world, session, handle)
}

/// Time passes, and everything under way arrives at once.
fn live_through(world: &mut World, ms: u64) {
    let end = world.now + ms;
    while world.now < end {
        world.server.run_all();
        world.pass(100);
        world.arrive();
    }
}

fn code(world: &World, handle: u32) -> &str {
    world.mirrors[&handle].field("error")["code"]
        .as_str()
        .unwrap_or_default()
}

#[test]
fn a_front_without_a_route_ends_no_session() {
    for (status, kind, body) in [
        (404, "text/plain", "404 page not found"),
        (404, "text/html", "<h1>Not found</h1>"),
        (
            404,
            "application/json",
            r#"{"message":"no Route matched with those values"}"#,
        ),
    ] {
        let (mut world, session, handle) = live(1);
        world.front = Some(Box::new(move |_| Some(says(status, kind, body))));
        world.cut(false);
        live_through(&mut world, 12_000);
        assert_eq!(code(&world, handle), "no_route", "{body}");
        world.front = None;
        world.server.touch(&session);
        let key = world.send(
            handle,
            &json!({ "parts": [{ "type": "text", "text": "there?" }], "noReply": true }),
            1,
        );
        live_through(&mut world, 47_000);
        assert_eq!(code(&world, handle), "", "{body}");
        assert!(world.result(1).is_some_and(Result::is_ok), "the prompt is stored");
        assert!(world.mirrors[&handle].ids().contains(&key.as_str()));
    }
}

#[test]
fn the_servers_own_word_must_be_said_twice() {
    let (mut world, session, handle) = live(2);
    let mut left = 1;
    world.front = Some(Box::new(move |path| {
        let refused = path.contains("/message?") && left > 0;
        left -= u32::from(refused);
        refused.then(|| says(404, "application/json", OWN))
    }));
    world.cut(false);
    live_through(&mut world, 10_000);
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn a_session_that_was_refused_revives_when_it_is_there_again() {
    for (status, body, shown) in [(404, OWN, Code::SessionNotFound), (403, "{}", Code::Forbidden)] {
        let (mut world, session, handle) = live(3);
        world.front = Some(Box::new(move |path| {
            path.starts_with("/session/ses")
                .then(|| says(status, "application/json", body))
        }));
        world.cut(false);
        live_through(&mut world, 20_000);
        assert_eq!(code(&world, handle), shown.name());
        world.send(handle, &json!({ "parts": [{ "type": "text", "text": "no" }] }), 1);
        assert_eq!(world.result(1).unwrap().as_ref().unwrap_err().code, shown);
        let asked = world.requests.len();
        live_through(&mut world, 600_000);
        let looks = world.requests[asked..]
            .iter()
            .filter(|request| request.path.starts_with("/session/ses"));
        assert!((2..12).contains(&looks.count()), "it is looked at, slowly");
        world.front = None;
        live_through(&mut world, 300_000);
        world.rest();
        world.assert_equal(handle, &session);
    }
}

#[test]
fn credentials_refused_twice_are_not_sent_again() {
    let (mut world, _, handle) = live(4);
    world.front = Some(Box::new(|path| {
        path.starts_with("/session/ses").then(|| says(401, "", ""))
    }));
    world.cut(false);
    live_through(&mut world, 20_000);
    assert_eq!(code(&world, handle), "unauthorized");
    let asked = world.requests.len();
    live_through(&mut world, 600_000);
    let looks = world.requests[asked..]
        .iter()
        .filter(|request| request.path.starts_with("/session/ses"));
    assert_eq!(looks.count(), 0);
}

#[test]
fn one_refusal_of_a_front_closes_nothing() {
    for status in [401, 403] {
        let (mut world, session, handle) = live(5);
        let mut left = 1;
        world.front = Some(Box::new(move |path| {
            let refused = path == "/event" && left > 0;
            left -= u32::from(refused);
            refused.then(|| says(status, "text/plain", "no"))
        }));
        world.cut(false);
        live_through(&mut world, 10_000);
        world.rest();
        world.assert_equal(handle, &session);

        let mut asked = 0;
        world.front = Some(Box::new(move |_| {
            asked += 1;
            assert!(asked <= 2, "access is asked for a third time");
            Some(says(status, "text/plain", "no"))
        }));
        world.cut(false);
        live_through(&mut world, 120_000);
        assert_eq!(
            world.mirrors[&handle].field("connection")["phase"],
            "closed",
            "{status}"
        );
    }
}
