//! What a broken or hostile server may do: no panic, no hang, and every bound holds and is seen.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

mod support_rs;

use opencode_session::proto::client::{Client, Input};
use opencode_session::proto::request::Response;
use opencode_session::proto::sync::Output;
use proptest::prelude::*;
use serde_json::json;
use support_rs::server::{Server, Wire};
use support_rs::world::{World, config};
use support_rs::{fixture, frames};

#[test]
fn events_too_many_while_the_history_loads_are_a_visible_error() {
    let mut server = Server::new(Wire::New, 1);
    let session = server.create_session("/project");
    let mut config = config(1);
    config.limits.buffered_events = 50;
    let mut world = World::with(server, config);
    let handle = world.open(&session, 100);
    world.flow(1);
    world.flow(usize::MAX);
    (0..60).for_each(|_| world.server.touch(&session));
    world.flow(usize::MAX);
    world.drain();
    assert_eq!(world.mirrors[&handle].field("error")["code"], "limit_reached");
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn events_of_unknown_messages_are_bounded() {
    let mut server = Server::new(Wire::New, 1);
    let session = server.create_session("/project");
    let mut config = config(1);
    config.limits.buffered = 20_000;
    let mut world = World::with(server, config);
    let handle = world.open(&session, 100);
    world.arrive();
    for n in 0..1_000 {
        let stray = json!({ "sessionID": session, "messageID": format!("msg_{}", n % 7), "partID": "prt_x", "field": "text", "delta": "x".repeat(100) });
        world.server.publish(&session, "message.part.delta", stray);
        world.flow(usize::MAX);
    }
    assert!(world.logs.contains(&"limit_reached"), "{:?}", world.logs);
    assert!(world.requests.len() < 400, "{} requests", world.requests.len());
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn an_event_too_large_is_told_and_mended() {
    let mut server = Server::new(Wire::New, 1);
    let session = server.create_session("/project");
    let mut config = config(1);
    (config.limits.line, config.limits.event) = (2_000, 2_000);
    let mut world = World::with(server, config);
    let handle = world.open(&session, 100);
    world.arrive();
    world.pass(5_000);
    let todos = json!([{ "content": "x".repeat(5_000), "status": "pending", "priority": "low" }]);
    world.server.room(&session).todos = todos.clone();
    world.server.publish(
        &session,
        "todo.updated",
        json!({ "sessionID": session, "todos": todos }),
    );
    world.flow(usize::MAX);
    world.drain();
    assert_eq!(world.mirrors[&handle].field("error")["code"], "event_too_large");
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn a_server_with_a_new_name_for_the_directory_each_time_is_not_followed() {
    let mut client = Client::new(config(1));
    client.open_session("ses_1", 10, 0);
    let (mut streams, mut paths) = (0, 0);
    for _ in 0..2_000 {
        match client.poll_output() {
            Some(Output::OpenStream { generation, .. }) => {
                streams += 1;
                let response = Response {
                    status: 200,
                    content_type: "text/event-stream",
                    ..Response::default()
                };
                client.handle_input(Input::StreamOpened { generation, response }, 10);
                let bytes = b"data: {\"type\":\"server.connected\",\"properties\":{}}\n\n";
                client.handle_input(Input::StreamBytes { generation, bytes }, 10);
            }
            Some(Output::Request(request)) if request.path.starts_with("/path") => {
                paths += 1;
                let body = json!({ "directory": format!("/project/{paths}") }).to_string();
                let response = Response {
                    status: 200,
                    content_type: "application/json",
                    body: body.as_bytes(),
                    ..Response::default()
                };
                client.handle_input(
                    Input::Response {
                        id: request.id,
                        response,
                    },
                    10,
                );
            }
            Some(_) => {}
            None => break,
        }
    }
    assert!(
        (2..5).contains(&paths) && streams < 4,
        "{streams} streams, {paths} questions"
    );
}

/// A client whose every request gets `body`, and whose stream gets `bytes`.
fn torment(seed: u64, bytes: &[u8], body: &[u8], status: u16) {
    let mut client = Client::new(config(seed));
    let handle = client.open_session("ses_1", 10, 0);
    client.send(
        handle,
        "msg_key".into(),
        br#"{"parts":[{"type":"text","text":"x"}],"model":"p/m"}"#,
        1,
        2,
        0,
    );
    let (mut generation, mut now) = (0, 0);
    let hello = b"data: {\"type\":\"server.connected\",\"properties\":{}}\n\n";
    for round in 0..60 {
        now += 700;
        let outputs: Vec<Output> = std::iter::from_fn(|| client.poll_output()).collect();
        assert!(outputs.len() < 200, "an endless stream of outputs");
        for output in outputs {
            match output {
                Output::OpenStream { generation: new, .. } => {
                    generation = new;
                    let response = Response {
                        status: 200,
                        content_type: "text/event-stream",
                        ..Response::default()
                    };
                    client.handle_input(Input::StreamOpened { generation, response }, now);
                    client.handle_input(
                        Input::StreamBytes {
                            generation,
                            bytes: hello,
                        },
                        now,
                    );
                }
                Output::Request(request) => {
                    let response = Response {
                        status,
                        content_type: "application/json",
                        cursor: "c",
                        retry_after: "",
                        body,
                    };
                    client.handle_input(
                        Input::Response {
                            id: request.id,
                            response,
                        },
                        now,
                    );
                }
                _ => {}
            }
        }
        let at = bytes.len() * round / 60;
        let to = bytes.len() * (round + 1) / 60;
        client.handle_input(
            Input::StreamBytes {
                generation,
                bytes: &bytes[at..to],
            },
            now,
        );
        client.handle_input(Input::Timeout, now);
        let mut changes = Vec::new();
        client.drain(handle, &mut changes);
    }
    client.load_older(handle, 5, 3);
    client.close_session(handle);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_and_bodies_never_panic(seed: u64, bytes in prop::collection::vec(any::<u8>(), 0..3_000), body in prop::collection::vec(any::<u8>(), 0..300), status in prop::sample::select(vec![200_u16, 204, 404, 500])) {
        torment(seed, &bytes, &body, status);
    }

    #[test]
    fn mutated_recordings_never_panic(seed: u64, name in prop::sample::select(vec!["events-1.1.65.sse", "events-1.18.33.sse"]), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20)) {
        // The recorded session is the one that is open.
        let id = frames(name).iter().find_map(|data| {
            let text = String::from_utf8_lossy(data).into_owned();
            let at = text.find("ses_")?;
            Some(text[at..at + 30].to_owned())
        }).unwrap();
        let mut bytes = String::from_utf8(fixture(name)).unwrap().replace(&id, "ses_1").into_bytes();
        let mut body = String::from_utf8(fixture(&name.replace("events", "messages").replace("sse", "json"))).unwrap().replace(&id, "ses_1").into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let at = at % body.len();
            body[at] = byte;
        }
        torment(seed, &bytes, &body, 200);
    }
}
