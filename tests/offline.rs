//! The host's word "offline" is tried, not believed: it only ends waits early.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::client::{Failure, Input};
use opencode_session::proto::connection::RetryPolicy;
use opencode_session::proto::error::Code;
use serde_json::{Value, json};
use support_rs::server::{Server, Wire};
use support_rs::world::{World, config};

const SLOW: u64 = 20_000;

fn prompt(text: &str) -> Value {
    json!({ "parts": [{ "type": "text", "text": text }] })
}

fn connection(world: &mut World, handle: u32) -> Value {
    world.drain();
    world.mirrors[&handle].field("connection").clone()
}

fn phase(world: &mut World, handle: u32) -> Value {
    connection(world, handle)["phase"].clone()
}

/// All that is under way, and the stream, do not reach the server.
fn unreached(world: &mut World) {
    world.cut(false);
    while let Some(flight) = world.inflight.first() {
        let id = flight.request.id;
        world.inflight.remove(0);
        let cause = Failure::Network;
        world.input(Input::Failed { id, cause });
    }
}

/// A client that was told before it opened its first session.
fn told() -> (World, String, u32) {
    let mut world = World::new(Wire::New, 3);
    let session = world.server.create_session("/project");
    world.input(Input::Doubt);
    let handle = world.open(&session, 100);
    (world, session, handle)
}

/// A client that is live, and told then.
fn live() -> (World, String, u32) {
    let mut world = World::new(Wire::New, 3);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.rest();
    world.input(Input::Doubt);
    (world, session, handle)
}

#[test]
fn a_server_that_answers_is_used_whatever_the_host_says() {
    let (mut world, session, handle) = told();
    assert_eq!(phase(&mut world, handle), "offline");
    world.send(handle, &prompt("prompt #1"), 1);
    world.rest();
    assert!(world.result(1).unwrap().is_ok(), "the prompt is posted");
    world.assert_equal(handle, &session);
}

#[test]
fn one_try_then_slow_ones_and_a_success_ends_it() {
    let policy = RetryPolicy {
        min: 50,
        max: 400,
        ..RetryPolicy::default()
    };
    let mut world = World::with(
        Server::new(Wire::New, 3),
        opencode_session::proto::client::Config {
            retry: policy,
            ..config(3)
        },
    );
    let session = world.server.create_session("/project");
    world.input(Input::Doubt);
    let handle = world.open(&session, 100);
    assert_eq!(world.streams.len(), 1, "one try at once");
    unreached(&mut world);
    for tries in 2..5 {
        assert_eq!(phase(&mut world, handle), "offline");
        let asked = world.requests.len();
        world.pass(SLOW - 1_000);
        assert_eq!((world.streams.len(), world.requests.len()), (tries - 1, asked));
        world.pass(2_000);
        assert_eq!(world.streams.len(), tries);
        assert_eq!(phase(&mut world, handle), "offline", "while it tries, too");
        unreached(&mut world);
    }
    world.pass(SLOW + 1_000);
    world.rest();
    world.assert_equal(handle, &session);
    // The word was wrong once: from here on waits are as ever.
    world.cut(false);
    assert_eq!(phase(&mut world, handle), "waiting");
    world.pass(500);
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn a_stream_is_not_torn_by_the_word_but_by_a_try_that_fails() {
    let (mut world, session, handle) = live();
    let opened = world.streams.len();
    assert_eq!(phase(&mut world, handle), "live");
    world.rest();
    assert_eq!(world.streams.len(), opened);
    world.assert_equal(handle, &session);
    world.input(Input::Doubt);
    world.lose("/global/health");
    assert_eq!(phase(&mut world, handle), "offline");
    assert!(world.stream.is_none());
    let asked = world.requests.len();
    world.pass(SLOW - 1_000);
    assert_eq!((world.streams.len(), world.requests.len()), (opened, asked));
    world.input(Input::Online);
    assert_eq!(world.streams.len(), opened + 1, "the word ends the wait");
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn a_wait_ends_with_the_word() {
    let mut world = World::new(Wire::New, 3);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.rest();
    world.cut(false);
    let opened = world.streams.len();
    world.input(Input::Doubt);
    assert_eq!(world.streams.len(), opened + 1);
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn calls_are_tried_and_say_that_there_is_no_network_when_there_is_none() {
    let (mut world, _, _) = told();
    unreached(&mut world);
    world.client.call(0, "GET", "/agent", None, 7);
    world.pump();
    world.lose("/agent");
    assert_eq!(world.result(7).unwrap().as_ref().unwrap_err().code, Code::Offline);
    world.client.call(0, "GET", "/agent", None, 8);
    world.pump();
    world.arrive();
    assert!(world.result(8).unwrap().is_ok());
}

#[test]
fn polls_are_slow_too() {
    let mut world = World::with(
        Server::new(Wire::New, 3),
        opencode_session::proto::client::Config {
            transport: opencode_session::proto::connection::Transport::Poll,
            ..config(3)
        },
    );
    let session = world.server.create_session("/project");
    world.input(Input::Doubt);
    let handle = world.open(&session, 100);
    world.send(handle, &prompt("prompt #1"), 1);
    assert_eq!(phase(&mut world, handle), "offline");
    world.rest();
    assert_eq!(phase(&mut world, handle), "polling");
    assert!(world.result(1).unwrap().is_ok());
}

#[test]
fn a_page_that_is_put_away_asks_nothing_whatever_is_said() {
    let (mut world, session, handle) = live();
    world.arrive();
    world.input(Input::Offline);
    let asked = world.requests.len();
    world.input(Input::Doubt);
    world.pass(10 * SLOW);
    assert_eq!(world.requests.len(), asked);
    assert_eq!(connection(&mut world, handle)["phase"], json!("offline"));
    world.input(Input::Online);
    world.rest();
    world.assert_equal(handle, &session);
}
