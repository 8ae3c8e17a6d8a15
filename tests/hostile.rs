//! What a broken or hostile server may do: no panic, no hang, and every bound holds and is seen.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

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

#[test]
fn an_id_that_is_no_piece_of_a_path_is_not_asked_for() {
    for id in ["", ".", ".."] {
        let mut rig = Rig::new();
        rig.settle();
        rig.part(id, "prt_1");
        assert!(rig.settle().is_empty(), "{id}");
    }
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

/// A live session whose server says nothing of itself but what a test wants.
struct Rig {
    client: Client,
    handle: u32,
    generation: u32,
    now: u64,
}

impl Rig {
    fn new() -> Rig {
        let mut client = Client::new(config(1));
        let handle = client.open_session("ses_1", 10, 0);
        Rig {
            client,
            handle,
            generation: 0,
            now: 1_000,
        }
    }

    /// Hands out the requests, after opening the stream where that is wanted.
    fn requests(&mut self) -> Vec<opencode_session::proto::request::Request> {
        let mut found = Vec::new();
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::OpenStream { generation, .. } => {
                    self.generation = generation;
                    let response = Response {
                        status: 200,
                        content_type: "text/event-stream",
                        ..Response::default()
                    };
                    let now = self.now;
                    self.client
                        .handle_input(Input::StreamOpened { generation, response }, now);
                    self.stream(&json!({ "type": "server.connected", "properties": {} }));
                }
                Output::Request(request) => found.push(request),
                _ => {}
            }
        }
        found
    }

    fn stream(&mut self, event: &serde_json::Value) {
        let bytes = format!("data: {event}\n\n");
        let (generation, bytes) = (self.generation, bytes.as_bytes());
        self.client
            .handle_input(Input::StreamBytes { generation, bytes }, self.now);
    }

    fn answer(&mut self, id: u32, status: u16, body: &str) {
        let response = Response {
            status,
            content_type: "application/json",
            body: body.as_bytes(),
            ..Response::default()
        };
        self.client.handle_input(Input::Response { id, response }, self.now);
    }

    /// Answers everything but single messages until nothing more is asked, and gives the requests for those.
    fn settle(&mut self) -> Vec<u32> {
        let mut single = Vec::new();
        loop {
            let requests = self.requests();
            if requests.is_empty() {
                return single;
            }
            for request in requests {
                if request.path.contains("/message/") {
                    single.push(request.id);
                } else {
                    self.reply(&request);
                }
            }
        }
    }

    /// A server with one session that has no messages.
    fn reply(&mut self, request: &opencode_session::proto::request::Request) {
        let body = match request.path.split('?').next().unwrap_or_default() {
            "/global/health" => r#"{"healthy":true,"version":"1.18.33"}"#,
            "/path" => r#"{"directory":"/project"}"#,
            "/session/status" => "{}",
            "/session/ses_1" => r#"{"id":"ses_1","directory":"/project"}"#,
            _ => "[]",
        };
        self.answer(request.id, 200, body);
    }

    fn part(&mut self, message: &str, part: &str) {
        let part = json!({ "id": part, "messageID": message, "sessionID": "ses_1", "type": "text", "text": "x" });
        self.stream(&json!({ "type": "message.part.updated", "properties": { "sessionID": "ses_1", "part": part } }));
    }

    fn pass(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now = self.client.poll_timeout().unwrap_or(end).clamp(self.now + 1, end);
            self.client.handle_input(Input::Timeout, self.now);
        }
        self.stream(&json!({ "type": "server.heartbeat", "properties": {} }));
    }

    fn changes(&mut self) -> Vec<opencode_session::proto::change::Change> {
        let mut changes = Vec::new();
        self.client.drain(self.handle, &mut changes);
        changes
    }
}

/// Parts of so many unknown messages: how many single messages are asked for, how many at most at once.
fn unknown(count: usize) -> (usize, usize) {
    let mut rig = Rig::new();
    assert!(rig.settle().is_empty());
    for n in 0..count {
        rig.part(&format!("msg_{n}"), "prt_1");
    }
    let mut open = rig.settle();
    let (mut asked, mut most) = (open.len(), open.len());
    while let Some(id) = open.pop() {
        rig.answer(
            id,
            404,
            r#"{"name":"NotFoundError","data":{"message":"Session not found"}}"#,
        );
        let more = rig.settle();
        asked += more.len();
        open.extend(more);
        most = most.max(open.len());
    }
    (asked, most)
}

#[test]
fn unknown_messages_are_fetched_a_few_at_a_time_and_the_history_instead_of_many() {
    assert_eq!(unknown(40), (40, 4));
    assert_eq!(unknown(1_000), (64, 4));
    assert_eq!(unknown(4_000), (64, 4));
}

#[test]
fn what_too_many_unknown_messages_told_is_in_the_history() {
    let mut rig = Rig::new();
    rig.settle();
    rig.part("msg_known", "prt_0");
    let one = rig.settle();
    assert_eq!(one.len(), 1);
    for n in 0..200 {
        rig.part(&format!("msg_{n}"), "prt_1");
    }
    rig.settle();
    assert!(
        rig.changes()
            .iter()
            .any(|change| format!("{change:?}").contains("Error")),
        "nothing tells of it"
    );
    let mut histories = 0;
    for _ in 0..10 {
        rig.pass(1_000);
        for request in rig.requests() {
            if request.path.starts_with("/session/ses_1/message?") {
                histories += usize::from(request.path.contains("limit=10"));
                let list: Vec<_> = (0..5).map(|n| json!({ "info": { "id": format!("msg_{n:03}"), "sessionID": "ses_1", "role": "assistant", "time": { "created": n } }, "parts": [] })).collect();
                rig.answer(request.id, 200, &json!(list).to_string());
            } else {
                rig.reply(&request);
            }
        }
    }
    assert_eq!(histories, 1);
}

#[test]
fn a_history_that_is_too_large_is_asked_for_with_fewer_messages_and_then_seldom() {
    let mut rig = Rig::new();
    let mut pages = Vec::new();
    let fail = |rig: &mut Rig, pages: &mut Vec<u64>| {
        loop {
            let requests = rig.requests();
            if requests.is_empty() {
                break;
            }
            for request in requests {
                if request.path.contains("/message?") {
                    pages.push(rig.now);
                    let cause = opencode_session::proto::client::Failure::Large;
                    rig.client
                        .handle_input(Input::Failed { id: request.id, cause }, rig.now);
                } else {
                    rig.reply(&request);
                }
            }
        }
    };
    for _ in 0..300 {
        fail(&mut rig, &mut pages);
        rig.pass(1_000);
    }
    // Ten, five, two and one message, once a minute; and a look at the newest one now and then.
    assert!((20..=32).contains(&pages.len()), "{pages:?}");
    assert!(
        rig.changes()
            .iter()
            .any(|change| format!("{change:?}").contains("Error")),
        "nothing tells of it"
    );
}

#[test]
fn one_message_that_is_too_large_is_not_asked_for_again_with_each_event() {
    let mut rig = Rig::new();
    rig.settle();
    let mut asked = 0;
    for _ in 0..50 {
        rig.part("msg_1", "prt_1");
        for id in rig.settle() {
            asked += 1;
            let cause = opencode_session::proto::client::Failure::Large;
            rig.client.handle_input(Input::Failed { id, cause }, rig.now);
        }
    }
    assert_eq!(asked, 1);
}

#[test]
fn parts_and_permissions_have_a_bound_that_is_told() {
    let mut world = Rig::new();
    world.settle();
    world.stream(&json!({ "type": "message.updated", "properties": { "sessionID": "ses_1", "info": { "id": "msg_1", "sessionID": "ses_1", "role": "assistant", "time": { "created": 1 } } } }));
    for n in 0..5_000 {
        world.part("msg_1", &format!("prt_{n:05}"));
        let asked = json!({ "id": format!("per_{n:05}"), "sessionID": "ses_1", "permission": "bash" });
        world.stream(&json!({ "type": "permission.asked", "properties": asked }));
    }
    let mut warned = 0;
    while let Some(output) = world.client.poll_output() {
        warned += usize::from(matches!(
            output,
            Output::Log {
                code: "limit_reached",
                ..
            }
        ));
    }
    assert_eq!(warned, 2, "each is told once");
    let mut mirror = support_rs::mirror::Mirror::default();
    mirror.apply(world.changes());
    let json = mirror.field("permissions");
    assert_eq!(json.as_array().map(Vec::len), Some(1_000));
    // When all of those are answered, the others are asked for.
    for n in 0..1_000 {
        world.stream(&json!({ "type": "permission.replied", "properties": { "sessionID": "ses_1", "requestID": format!("per_{n:05}"), "permissionID": format!("per_{n:05}") } }));
    }
    world.pass(5_000);
    assert!(
        world
            .requests()
            .iter()
            .any(|request| request.path.starts_with("/permission"))
    );
}
