//! Words that this version of the server does not use: a newer server's, an adapter's, a plugin's.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::error::{Code, Error};
use serde_json::{Value, json};
use support_rs::script::Spot;
use support_rs::server::{Logged, Wire};
use support_rs::world::World;

/// An open session with one open answer.
fn scene() -> (World, u32, String) {
    let mut world = World::new(Wire::New, 1);
    let session = world.server.create_session("/project");
    let prompt = json!({ "id": "msg_0", "sessionID": session, "role": "user", "time": { "created": 1 } });
    world.server.put_message(&session, prompt);
    let handle = world.open(&session, 100);
    world.arrive();
    let busy = json!({ "type": "busy" });
    world.server.say_status(&session, &busy);
    world.server.keep_status(&session, busy);
    let info = json!({ "id": "msg_1", "sessionID": session, "role": "assistant", "time": { "created": 2 } });
    world.server.put_message(&session, info);
    world.arrive();
    (world, handle, session)
}

fn field<'a>(world: &'a World, handle: u32, name: &str) -> &'a Value {
    world.mirrors[&handle].field(name)
}

#[test]
fn a_turn_that_fails_without_a_sentence_is_told_by_its_name() {
    for name in ["MessageOutputLengthError", "ContentFilterError", "SomeNewError"] {
        let (mut world, handle, session) = scene();
        let error = json!({ "name": name, "data": {} });
        world.server.publish(
            &session,
            "session.error",
            json!({ "sessionID": session, "error": error }),
        );
        world.arrive();
        let told = &field(&world, handle, "status")["error"];
        assert_eq!(told["code"], "turn_failed");
        assert!(told["message"].as_str().unwrap().contains(name), "{told}");
    }
    let said = Error::from_turn(br#"{"name":"APIError","data":{"message":"No credit."}}"#);
    assert_eq!((said.code, said.message.as_str()), (Code::TurnFailed, "No credit."));
    assert_eq!(Error::from_turn(b"").message, "The turn failed.");
}

#[test]
fn a_tool_state_of_an_unknown_name_goes_on() {
    let (mut world, handle, session) = scene();
    let mut show = |state: Value| {
        let part = json!({ "id": "prt_t", "sessionID": session, "messageID": "msg_1", "type": "tool", "tool": "bash", "callID": "c", "state": state });
        world.server.put_part(&session, part, None);
        world.arrive();
        let shown = world.mirrors[&handle].part("prt_t").unwrap();
        assert_eq!(shown.value["state"], state);
        shown.continuity
    };
    assert_eq!(show(json!({ "status": "pending" })), "streaming");
    assert_eq!(show(json!({ "status": "streaming", "n": 1 })), "streaming");
    assert_eq!(show(json!({ "status": "streaming", "n": 2 })), "streaming");
    assert_eq!(
        show(json!({ "status": "running", "time": { "start": 1 } })),
        "streaming"
    );
    assert_eq!(
        show(json!({ "status": "paused", "time": { "start": 1, "end": null } })),
        "streaming"
    );
    assert_eq!(show(json!({ "status": "running", "n": 3 })), "streaming");
    assert_eq!(
        show(json!({ "status": "cancelled", "time": { "start": 1, "end": 2 } })),
        "settled"
    );
}

#[test]
fn todos_are_a_list_and_each_has_a_status() {
    let (mut world, handle, session) = scene();
    let full = json!({ "content": "a", "status": "completed" });
    for (told, shown) in [
        (
            json!([full, { "content": "b" }, {}, null, 7, { "status": null }]),
            json!([full, { "content": "b", "status": "pending" }, { "status": "pending" }, { "status": "pending" }]),
        ),
        (json!(null), json!([])),
        (json!({}), json!([])),
    ] {
        world
            .server
            .publish(&session, "todo.updated", json!({ "sessionID": session, "todos": told }));
        world.arrive();
        assert_eq!(*field(&world, handle, "todos"), shown);
        // And when they are asked for.
        world.server.room(&session).todos = told;
        let handle = world.open(&session, 100);
        world.arrive();
        assert_eq!(*field(&world, handle, "todos"), shown);
        world.client.close_session(handle);
        world.mirrors.remove(&handle);
    }
}

#[test]
fn event_ids_may_begin_anew_with_each_stream() {
    let (mut world, handle, session) = scene();
    let text = Spot::new(&mut world.server, &session, "msg_1", "text");
    world.server.begin_text(&text);
    world.arrive();
    let counted = |world: &mut World, n: u32, piece: &str| {
        let json = format!(
            "{{\"id\":\"{n}\",\"type\":\"message.part.delta\",\"properties\":{{\"sessionID\":\"{session}\",\"messageID\":\"msg_1\",\"partID\":\"{}\",\"field\":\"text\",\"delta\":\"{piece}\"}}}}",
            text.part
        );
        world.server.log.push(Logged {
            directory: "/project".into(),
            json,
            stored: false,
            piece: None,
        });
        world
            .server
            .said
            .get_mut(&text.part)
            .unwrap()
            .versions
            .push(String::from("one two three "));
        world.arrive();
    };
    counted(&mut world, 1, "one ");
    world.cut(false);
    world.pass(3_000);
    world.arrive();
    counted(&mut world, 1, "two ");
    // The same event again on the same stream is a repeat.
    counted(&mut world, 1, "two ");
    counted(&mut world, 2, "three ");
    let part = world.mirrors[&handle].part(&text.part).unwrap();
    assert_eq!((part.text(), part.tail()), ("one ", "two three "));
}

#[test]
fn a_status_of_an_unknown_name_is_busy() {
    let (mut world, handle, session) = scene();
    for (told, shown) in [("idle", "idle"), ("compacting", "busy"), ("idle", "idle")] {
        let status = json!({ "type": told });
        world.server.publish(
            &session,
            "session.status",
            json!({ "sessionID": session, "status": status }),
        );
        world.server.keep_status(&session, status);
        world.arrive();
        assert_eq!(field(&world, handle, "status")["type"], shown);
    }
}
