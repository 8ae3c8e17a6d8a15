//! A server that is replaced under an open page, by an older one, a newer one, or a fork.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::client::Input;
use opencode_session::proto::connection::Transport;
use serde_json::json;
use support_rs::server::{Answer, Server, Wire};
use support_rs::world::{World, config};

fn prompt(text: &str) -> serde_json::Value {
    json!({ "parts": [{ "type": "text", "text": text }] })
}

fn version(version: &str) -> Answer {
    Answer {
        status: 200,
        content_type: "application/json",
        body: json!({ "healthy": true, "version": version }).to_string().into_bytes(),
        ..Answer::default()
    }
}

fn live_through(world: &mut World, ms: u64) {
    let end = world.now + ms;
    while world.now < end {
        world.server.run_all();
        world.pass(100);
        world.arrive();
    }
}

/// Sends a prompt and sees it stored; gives whether it was posted with an id made here.
fn posts(world: &mut World, handle: u32, token: u32) -> bool {
    world.send(handle, &prompt("hi"), token);
    live_through(world, 20_000);
    assert!(
        world.result(token).is_some_and(Result::is_ok),
        "{:?}",
        world.result(token)
    );
    assert!(world.server.abuse.is_empty(), "{:?}", world.server.abuse);
    world.server.posted.last().unwrap()["messageID"].is_string()
}

/// All arrives but the answer about the version.
fn arrive_without_version(world: &mut World) {
    for _ in 0..20 {
        world.server.run_all();
        world.flow(usize::MAX);
        while let Some(at) = world
            .inflight
            .iter()
            .position(|flight| flight.request.path != "/global/health")
        {
            world.progress(at);
        }
    }
    world.drain();
}

#[test]
fn ids_made_here_go_only_to_the_server_that_takes_them() {
    for transport in [Transport::Auto, Transport::Poll] {
        let mut config = config(1);
        config.transport = transport;
        let mut world = World::with(Server::new(Wire::New, 1), config);
        let session = world.server.create_session("/project");
        let handle = world.open(&session, 100);
        live_through(&mut world, 2_000);
        for (token, wire) in [
            (1, Wire::New),
            (3, Wire::Mid),
            (5, Wire::New),
            (7, Wire::Old),
            (9, Wire::New),
        ] {
            world.server.wire = wire;
            world.cut(false);
            live_through(&mut world, 10_000);
            assert_eq!(
                posts(&mut world, handle, token),
                wire == Wire::New,
                "{transport:?} {wire:?}"
            );
        }
    }
}

#[test]
fn forks_that_number_otherwise_are_taken_for_old_servers() {
    for (told, own) in [
        ("1.18.15", false),
        ("1.18.16", true),
        ("1.19.0", true),
        ("2.0.0", false),
        ("7.0.33", false),
        ("dev", false),
    ] {
        // An able server, so that only the client's own decision counts.
        let mut world = World::new(Wire::New, 2);
        world.front = Some(Box::new(move |path| (path == "/global/health").then(|| version(told))));
        let session = world.server.create_session("/project");
        let handle = world.open(&session, 100);
        world.rest();
        assert_eq!(posts(&mut world, handle, 1), own, "{told}");
    }
}

#[test]
fn an_answer_that_is_cut_off_is_no_word_about_the_server() {
    let mut world = World::new(Wire::New, 2);
    let session = world.server.create_session("/project");
    let cut = || Answer {
        body: br#"{"healthy":true,"v"#.to_vec(),
        ..version("")
    };
    world.front = Some(Box::new(move |path| (path == "/global/health").then(cut)));
    let handle = world.open(&session, 100);
    live_through(&mut world, 500);
    world.front = None;
    assert!(posts(&mut world, handle, 1), "an able server is taken for an old one");
}

#[test]
fn nothing_is_posted_before_the_server_is_known_and_that_is_not_awaited_for_ever() {
    let mut world = World::new(Wire::New, 3);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.rest();
    world.cut(false);
    world.pass(2_000);
    arrive_without_version(&mut world);
    assert_eq!(world.mirrors[&handle].field("connection")["phase"], "live");
    world.send(handle, &prompt("wait"), 1);
    arrive_without_version(&mut world);
    assert!(world.server.posted.is_empty(), "it is not known what this server is");
    world.pass(5_000);
    arrive_without_version(&mut world);
    assert_eq!(world.server.posted.len(), 1);
    assert!(world.server.posted[0]["messageID"].is_null(), "taken for an old one");
    live_through(&mut world, 5_000);
    assert!(posts(&mut world, handle, 3), "the answer came late, and counts");
}

#[test]
fn an_answer_about_the_server_before_says_nothing_of_this_one() {
    let mut world = World::new(Wire::New, 4);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    // Read by the server, and on its way for long.
    world.advance("/global/health");
    arrive_without_version(&mut world);
    world.cut(false);
    world.server.wire = Wire::Mid;
    world.pass(2_000);
    arrive_without_version(&mut world);
    let at = world.inflight.iter().position(|flight| flight.answer.is_some());
    world.progress(at.unwrap());
    world.send(handle, &prompt("now"), 1);
    arrive_without_version(&mut world);
    assert!(world.server.posted.is_empty());
    assert!(!posts(&mut world, handle, 3));
}

#[test]
fn an_id_made_here_does_not_lie_ahead_of_the_servers_clock() {
    let time = |id: &str| u64::from_str_radix(&id[4..16], 16).unwrap();
    let of = |ms: u64| (ms << 12) & ((1 << 48) - 1);
    let mut world = World::new(Wire::New, 5);
    let session = world.server.create_session("/project");
    let ahead = world.now + 60_000;
    assert_eq!(
        time(&world.client.make_key(ahead)),
        of(ahead),
        "no other time is known yet"
    );
    let handle = world.open(&session, 100);
    world.rest();
    let key = world.client.make_key(ahead);
    assert!(time(&key) <= of(world.now), "the session tells a time");
    assert!(posts(&mut world, handle, 1));
    let created = world.server.rooms[&session].messages[0].info["time"]["created"]
        .as_u64()
        .unwrap();
    let (one, two) = (world.client.make_key(ahead), world.client.make_key(ahead));
    assert!(of(created) <= time(&one) && one < two && time(&two) <= of(world.now));
    world.input(Input::Timeout);
}

#[test]
fn a_prompt_that_has_a_name_is_looked_for_before_an_older_server_gets_it_without() {
    let mut world = World::new(Wire::New, 6);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    live_through(&mut world, 1_000);
    let key = world.send(handle, &prompt("once"), 1);
    world.advance("prompt_async");
    world.lose("prompt_async");
    // It was taken, and is stored late, when an older server has come.
    world.cut(false);
    world.server.wire = Wire::Mid;
    let late = world.now + 6_000;
    while world.now < late {
        world.pass(100);
        world.arrive();
    }
    assert_eq!(world.server.posted.len(), 1, "it may still be stored");
    live_through(&mut world, 30_000);
    assert_eq!(world.server.posted.len(), 1);
    assert!(matches!(world.result(1), Some(Ok(_))));
    assert!(world.mirrors[&handle].ids().contains(&key.as_str()));
}

#[test]
fn after_a_post_without_an_answer_the_server_is_asked_anew_who_it_is() {
    let mut config = config(7);
    config.transport = Transport::Poll;
    let mut world = World::with(Server::new(Wire::New, 7), config);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    live_through(&mut world, 2_000);
    world.send(handle, &prompt("again"), 1);
    world.advance("/global/health");
    world.advance("/global/health");
    // No stream tells that it is another one now.
    world.lose("prompt_async");
    world.server.wire = Wire::Mid;
    live_through(&mut world, 30_000);
    assert!(matches!(world.result(1), Some(Ok(_))));
    assert!(world.server.abuse.is_empty(), "{:?}", world.server.abuse);
}

#[test]
fn a_poll_waits_for_the_word_that_is_on_its_way() {
    let mut config = config(8);
    config.transport = Transport::Poll;
    let mut world = World::with(Server::new(Wire::New, 8), config);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    live_through(&mut world, 2_000);
    let asked = |world: &World| {
        let requests = world.requests.iter();
        requests.filter(|request| request.path == "/global/health").count()
    };
    let before = asked(&world);
    world.send(handle, &prompt("slow"), 1);
    // Three polls pass meanwhile.
    for _ in 0..35 {
        arrive_without_version(&mut world);
        world.pass(100);
    }
    assert_eq!(asked(&world), before + 1, "it is asked once");
    world.arrive();
    assert_eq!(world.server.posted.len(), 1, "its answer counts");
    assert!(world.server.posted[0]["messageID"].is_string());
}
