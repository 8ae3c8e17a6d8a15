//! Cursors that a proxy hides from pages: a full page may have others before it.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::connection::Transport;
use opencode_session::proto::sync::Reply;
use serde_json::json;
use support_rs::server::{Server, Wire};
use support_rs::world::{World, config};

/// A session of so many prompts, behind something that hides the cursors.
fn world(transport: Transport, prompts: u64) -> (World, String) {
    let mut config = config(1);
    config.transport = transport;
    let mut server = Server::new(Wire::New, 1);
    server.hides_cursors = true;
    let session = server.create_session("/project");
    for n in 1..=prompts {
        let id = format!("msg_{n:04}");
        let info = json!({ "id": id, "sessionID": session, "role": "user", "time": { "created": n } });
        server.put_message(&session, info);
        let text =
            json!({ "id": format!("prt_{n:04}"), "sessionID": session, "messageID": id, "type": "text", "text": id });
        server.put_part(&session, text, None);
    }
    (World::with(server, config), session)
}

fn live_through(world: &mut World, ms: u64) {
    let end = world.now + ms;
    while world.now < end {
        world.pass(100);
        world.arrive();
    }
}

#[test]
fn a_hidden_cursor_does_not_end_the_history_and_polls_take_nothing_away() {
    for transport in [Transport::Auto, Transport::Poll] {
        let (mut world, session) = world(transport, 300);
        let handle = world.open(&session, 100);
        live_through(&mut world, 1_000);
        assert_eq!(*world.mirrors[&handle].field("hasOlder"), true);
        let mut shown = 100;
        for busy in [true, false] {
            world
                .server
                .keep_status(&session, json!({ "type": if busy { "busy" } else { "idle" } }));
            for _ in 0..200 {
                live_through(&mut world, 200);
                assert!(
                    world.mirrors[&handle].messages.len() >= shown,
                    "{transport:?}: shown messages vanish"
                );
            }
        }
        for token in 1..=3 {
            world.client.load_older(handle, 0, token);
            world.pump();
            live_through(&mut world, 1_000);
            shown = (shown + 100).min(300);
            assert!(world.mirrors[&handle].messages.len() >= shown, "{transport:?}");
        }
        assert_eq!(*world.result(3).unwrap(), Ok(Reply::More(false)));
        assert_eq!(world.logs.iter().filter(|code| **code == "cursor_hidden").count(), 1);
    }
}

#[test]
fn a_small_page_says_nothing_of_a_list_that_is_whole() {
    let (mut world, session) = world(Transport::Poll, 4);
    let handle = world.open(&session, 100);
    live_through(&mut world, 100_000);
    assert_ne!(*world.mirrors[&handle].field("hasOlder"), true);
    assert!(!world.logs.contains(&"cursor_hidden"));
}

#[test]
fn a_full_page_of_an_older_server_in_the_place_of_this_one_is_not_all() {
    for transport in [Transport::Auto, Transport::Poll] {
        let (mut world, session) = world(transport, 300);
        world.server.hides_cursors = false;
        let handle = world.open(&session, 100);
        live_through(&mut world, 1_000);
        // Cursors were seen. The server that comes knows none.
        world.server.wire = Wire::Mid;
        world.cut(false);
        live_through(&mut world, 60_000);
        assert_eq!(*world.mirrors[&handle].field("hasOlder"), true, "{transport:?}");
        for token in 1..=4 {
            world.client.load_older(handle, 0, token);
            world.pump();
            live_through(&mut world, 1_000);
        }
        assert_eq!(world.mirrors[&handle].messages.len(), 300, "{transport:?}");
        assert_eq!(*world.result(4).unwrap(), Ok(Reply::More(false)));
        // All is shown, and is known to be all after each connection.
        world.cut(false);
        live_through(&mut world, 60_000);
        assert_ne!(*world.mirrors[&handle].field("hasOlder"), true, "{transport:?}");
    }
}
