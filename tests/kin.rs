//! Sub-agents: sessions that run inside one that is open. What they ask is shown there.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use serde_json::{Value, json};
use support_rs::server::{Server, Wire};
use support_rs::world::World;

/// A session inside another; nobody was told.
fn child_of(server: &mut Server, parent: &str) -> String {
    let told = server.log.len();
    let id = server.create_session("/project");
    server.log.truncate(told);
    server.room(&id).info["parentID"] = json!(parent);
    id
}

fn told(server: &mut Server, session: &str) {
    let info = server.rooms[session].info.clone();
    server.publish(
        session,
        "session.created",
        json!({ "sessionID": session, "info": info }),
    );
}

fn ask(server: &mut Server, session: &str, id: &str) {
    let request = json!({ "id": id, "sessionID": session, "permission": "bash", "patterns": ["ls"] });
    server.room(session).permissions.push(request.clone());
    server.publish(session, "permission.asked", request);
}

fn reply(server: &mut Server, session: &str, id: &str) {
    server.room(session).permissions.retain(|request| request["id"] != id);
    let told = json!({ "sessionID": session, "requestID": id, "reply": "once" });
    server.publish(session, "permission.replied", told);
}

fn status(server: &mut Server, session: &str, kind: &str) {
    server.keep_status(session, json!({ "type": kind }));
    let told = json!({ "sessionID": session, "status": { "type": kind } });
    server.publish(session, "session.status", told);
}

/// Ids of the permissions that the parent shows.
fn shown(world: &mut World, handle: u32) -> Vec<String> {
    world.arrive();
    world.drain();
    let list = world.mirrors[&handle].field("permissions").as_array().cloned();
    let id = |request: &Value| request["id"].as_str().unwrap().to_owned();
    list.unwrap_or_default().iter().map(id).collect()
}

/// A world with an open parent whose turn runs.
fn busy_parent(wire: Wire) -> (World, u32, String) {
    let mut world = World::new(wire, 1);
    let parent = world.server.create_session("/project");
    let handle = world.open(&parent, 100);
    world.arrive();
    status(&mut world.server, &parent, "busy");
    world.arrive();
    (world, handle, parent)
}

#[test]
fn what_a_child_asks_is_shown_by_its_parent_until_it_is_answered() {
    for wire in [Wire::Old, Wire::Mid, Wire::New] {
        let (mut world, handle, parent) = busy_parent(wire);
        let child = child_of(&mut world.server, &parent);
        let below = child_of(&mut world.server, &child);
        told(&mut world.server, &child);
        told(&mut world.server, &below);
        ask(&mut world.server, &child, "per_1");
        ask(&mut world.server, &below, "per_2");
        assert_eq!(shown(&mut world, handle), ["per_1", "per_2"]);
        assert!(
            !world.requests.iter().any(|request| request.path.contains(&child)),
            "the events have told all"
        );
        reply(&mut world.server, &child, "per_1");
        assert_eq!(shown(&mut world, handle), ["per_2"]);
        status(&mut world.server, &below, "idle");
        assert_eq!(shown(&mut world, handle), [""; 0], "an idle session asks nothing");
    }
}

#[test]
fn a_child_that_began_unseen_is_found_and_a_stranger_is_not_shown() {
    let (mut world, handle, parent) = busy_parent(Wire::New);
    let child = child_of(&mut world.server, &parent);
    let below = child_of(&mut world.server, &child);
    let stranger = child_of(&mut world.server, "");
    ask(&mut world.server, &below, "per_1");
    ask(&mut world.server, &stranger, "per_2");
    assert_eq!(shown(&mut world, handle), ["per_1"]);
    let asked = |id: &str| {
        let path = format!("/session/{id}");
        world
            .requests
            .iter()
            .filter(|request| request.path.split('?').next() == Some(&path))
            .count()
    };
    assert_eq!((asked(&below), asked(&child), asked(&stranger)), (1, 1, 1));
}

#[test]
fn a_page_opened_while_a_child_asks_shows_it() {
    let mut world = World::new(Wire::New, 1);
    let parent = world.server.create_session("/project");
    let child = child_of(&mut world.server, &parent);
    status(&mut world.server, &parent, "busy");
    ask(&mut world.server, &child, "per_1");
    let handle = world.open(&parent, 100);
    assert_eq!(shown(&mut world, handle), ["per_1"]);
    world.cut(true);
    reply(&mut world.server, &child, "per_1");
    world.pass(20_000);
    assert_eq!(shown(&mut world, handle), [""; 0], "answered while nobody looked");
}

#[test]
fn a_request_answered_before_its_session_was_found_is_not_shown() {
    let (mut world, handle, parent) = busy_parent(Wire::New);
    let child = child_of(&mut world.server, &parent);
    ask(&mut world.server, &child, "per_1");
    world.flow(usize::MAX);
    reply(&mut world.server, &child, "per_1");
    world.flow(usize::MAX);
    assert_eq!(shown(&mut world, handle), [""; 0]);
}

#[test]
fn a_childs_own_turn_is_not_its_parents() {
    let (mut world, handle, parent) = busy_parent(Wire::New);
    let child = child_of(&mut world.server, &parent);
    told(&mut world.server, &child);
    ask(&mut world.server, &parent, "per_1");
    status(&mut world.server, &child, "busy");
    status(&mut world.server, &child, "idle");
    assert_eq!(
        shown(&mut world, handle),
        ["per_1"],
        "only what the child asked is over"
    );
    assert_eq!(world.mirrors[&handle].field("status")["type"], "busy");
}

#[test]
fn sessions_in_a_circle_do_not_hang() {
    let (mut world, handle, _) = busy_parent(Wire::New);
    let one = world.server.create_session("/project");
    let two = child_of(&mut world.server, &one);
    world.server.room(&one).info["parentID"] = json!(two);
    told(&mut world.server, &one);
    told(&mut world.server, &two);
    ask(&mut world.server, &two, "per_1");
    assert_eq!(shown(&mut world, handle), [""; 0]);
}
