//! What a session can be told beside prompts: checked before it is sent, sent once, and answered however long it takes.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::command::Kind;
use opencode_session::proto::error::{Code, Error};
use opencode_session::proto::sync::Reply;
use serde_json::{Value, json};
use support_rs::server::Wire;
use support_rs::world::World;

fn opened() -> (World, u32, String) {
    let mut world = World::new(Wire::New, 3);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.rest();
    (world, handle, session)
}

fn command(world: &mut World, handle: u32, kind: Kind, json: &Value, token: u32) {
    let now = world.now;
    world
        .client
        .command(handle, kind, json.to_string().as_bytes(), token, now);
    world.pump();
}

fn error(world: &World, token: u32) -> Error {
    world.result(token).unwrap().as_ref().unwrap_err().clone()
}

fn posts(world: &World) -> usize {
    let posts = world.requests.iter().filter(|request| request.method == "POST");
    posts.count()
}

#[test]
fn each_route_gets_the_model_in_the_shape_that_it_wants() {
    let (mut world, handle, session) = opened();
    let slash = json!({ "command": "review", "arguments": "src", "model": "p/other/deep", "agent": "plan" });
    command(&mut world, handle, Kind::Slash, &slash, 1);
    let model = json!({ "providerID": "p", "modelID": "m" });
    let shell = json!({ "command": "ls", "agent": "build", "model": model });
    command(&mut world, handle, Kind::Shell, &shell, 2);
    command(&mut world, handle, Kind::Summarize, &json!({ "model": "p/m" }), 3);
    world.rest();
    assert!((1..4).all(|token| matches!(world.result(token), Some(Ok(Reply::Body(_))))));
    let paths: Vec<&str> = world
        .requests
        .iter()
        .filter(|request| request.method == "POST")
        .map(|request| request.path.split('?').next().unwrap())
        .collect();
    let of = |name: &str| format!("/session/{session}/{name}");
    assert_eq!(paths, [of("command"), of("shell"), of("summarize")]);
    assert_eq!(
        world.server.posted,
        [
            json!({ "command": "review", "arguments": "src", "agent": "plan", "model": "p/other/deep" }),
            json!({ "command": "ls", "agent": "build", "model": model }),
            json!({ "providerID": "p", "modelID": "m" }),
        ]
    );
}

#[test]
fn what_the_server_does_not_have_is_refused_before_it_is_sent() {
    let (mut world, handle, _) = opened();
    command(&mut world, handle, Kind::Slash, &json!({ "command": "revue" }), 1);
    command(
        &mut world,
        handle,
        Kind::Shell,
        &json!({ "command": "ls", "agent": "bild" }),
        2,
    );
    command(&mut world, handle, Kind::Summarize, &json!({ "model": "p/n" }), 3);
    command(&mut world, handle, Kind::Summarize, &json!({ "model": 7 }), 4);
    world.rest();
    assert_eq!(error(&world, 1).code, Code::UnknownCommand);
    assert_eq!(error(&world, 1).near, ["review"]);
    assert_eq!(error(&world, 2).code, Code::UnknownAgent);
    assert_eq!(error(&world, 3).code, Code::UnknownModel);
    assert_eq!(error(&world, 4).code, Code::UnknownModel);
    assert_eq!(posts(&world), 0);
}

#[test]
fn a_command_takes_as_long_as_its_turn_and_is_sent_once() {
    let (mut world, handle, _) = opened();
    let shell = json!({ "command": "make", "agent": "build" });
    command(&mut world, handle, Kind::Shell, &shell, 1);
    for list in ["/config/providers", "/agent", "/command"] {
        world.advance(list);
        world.advance(list);
    }
    let sent = world
        .requests
        .iter()
        .find(|request| request.path.contains("/shell"))
        .unwrap();
    assert_eq!(sent.timeout, 0, "no wait is too long");
    world.lose("/shell");
    world.rest();
    assert_eq!(error(&world, 1).code, Code::Unreachable);
    world.cut(false);
    world.pass(20_000);
    world.rest();
    assert_eq!(posts(&world), 1, "it may have run");
}

#[test]
fn offline_or_closed_it_fails_at_once() {
    let (mut world, handle, _) = opened();
    let shell = json!({ "command": "ls", "agent": "build" });
    world.offline(true);
    command(&mut world, handle, Kind::Shell, &shell, 1);
    assert_eq!(error(&world, 1).code, Code::Offline);
    world.offline(false);
    world.rest();
    // It waits for the lists when its session is closed.
    command(&mut world, handle, Kind::Shell, &shell, 2);
    world.client.close_session(handle);
    world.pump();
    world.rest();
    assert_eq!(error(&world, 2).code, Code::Closed);
    assert_eq!(posts(&world), 0);
}
