//! Long histories: pages of whole turns, and the window that is kept.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::error::Code;
use opencode_session::proto::limits::Limits;
use opencode_session::proto::sync::Reply;
use serde_json::json;
use support_rs::server::{Server, Wire};
use support_rs::world::{World, config};

/// A world whose session has turns of these lengths, and the session's name.
fn world(wire: Wire, turns: &[u64], messages: usize) -> (World, String) {
    let mut config = config(5);
    config.limits = Limits {
        messages,
        ..Limits::default()
    };
    let mut world = World::with(Server::new(wire, 5), config);
    let session = world.server.create_session("/project");
    let mut created = 0;
    for length in turns {
        for step in 0..*length {
            created += 1;
            put(&mut world, &session, created, step == 0);
        }
    }
    (world, session)
}

fn put(world: &mut World, session: &str, n: u64, prompt: bool) {
    let id = format!("msg_{n:04}");
    let role = if prompt { "user" } else { "assistant" };
    let info = json!({
        "id": id, "sessionID": session, "role": role, "time": { "created": n, "completed": n },
    });
    world.server.put_message(session, info);
    let text =
        json!({ "id": format!("prt_{n:04}"), "sessionID": session, "messageID": id, "type": "text", "text": id });
    world.server.put_part(session, text, None);
}

fn first(world: &World, handle: u32) -> (String, usize) {
    let mirror = &world.mirrors[&handle];
    (mirror.ids()[0].to_owned(), mirror.messages.len())
}

fn older(world: &mut World, handle: u32, count: usize, token: u32) {
    world.client.load_older(handle, count, token);
    world.pump();
    world.rest();
}

#[test]
fn a_history_begins_with_a_prompt_however_small_its_page() {
    for wire in [Wire::Old, Wire::Mid, Wire::New] {
        let (mut world, session) = world(wire, &[90, 4, 40, 8], 5_000);
        let handle = world.open(&session, 3);
        world.rest();
        assert_eq!(first(&world, handle), ("msg_0135".into(), 8), "{wire:?}");
        older(&mut world, handle, 1, 1);
        assert_eq!(first(&world, handle), ("msg_0095".into(), 48), "{wire:?}");
        assert!(matches!(world.result(1), Some(Ok(Reply::More(true)))));
        older(&mut world, handle, 1, 2);
        assert_eq!(first(&world, handle), ("msg_0091".into(), 52), "{wire:?}");
        older(&mut world, handle, 1, 3);
        assert_eq!(first(&world, handle), ("msg_0001".into(), 142), "{wire:?}");
        assert!(matches!(world.result(3), Some(Ok(Reply::More(false)))));
        world.assert_equal(handle, &session);
    }
}

#[test]
fn a_whole_page_is_not_asked_for_more() {
    let (mut world, session) = world(Wire::New, &[3, 3], 5_000);
    let handle = world.open(&session, 3);
    world.rest();
    let pages = world
        .requests
        .iter()
        .filter(|request| request.path.contains("/message"));
    assert_eq!(pages.count(), 1);
    assert_eq!(first(&world, handle), ("msg_0004".into(), 3));
}

#[test]
fn the_window_keeps_the_newest_whole_turns() {
    for wire in [Wire::Old, Wire::Mid, Wire::New] {
        let (mut world, session) = world(wire, &[3, 3], 10);
        let handle = world.open(&session, 100);
        world.rest();
        for turn in 2..6 {
            for step in 0..3 {
                put(&mut world, &session, turn * 3 + step + 1, step == 0);
            }
            world.rest();
        }
        // Ten would cut a turn.
        assert_eq!(first(&world, handle), ("msg_0010".into(), 9), "{wire:?}");
        assert_eq!(world.mirrors[&handle].field("hasOlder"), true);
        world.assert_equal(handle, &session);
        // There is room for one, but not for a turn.
        older(&mut world, handle, 1, 1);
        assert_eq!(first(&world, handle), ("msg_0010".into(), 9), "{wire:?}");
        let refused = world.result(1).unwrap().as_ref().unwrap_err();
        assert_eq!(refused.code, Code::LimitReached);
        world.cut(false);
        world.pass(20_000);
        world.rest();
        world.assert_equal(handle, &session);
    }
}

#[test]
fn cursors_of_another_kind_are_left_alone() {
    let (mut world, session) = world(Wire::New, &[4, 6, 5], 5_000);
    world.server.opaque = true;
    let handle = world.open(&session, 7);
    world.rest();
    assert_eq!(first(&world, handle), ("msg_0011".into(), 5));
    older(&mut world, handle, 8, 1);
    assert_eq!(first(&world, handle), ("msg_0005".into(), 11));
    world.assert_equal(handle, &session);
}
