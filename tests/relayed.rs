//! A client whose `baseUrl` is a relay's: it is told apart by itself, goes on where it was, and is left again.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::client::{Config, Failure, Input};
use opencode_session::proto::request::Response;
use opencode_session::proto::sync::Output;
use serde_json::json;
use support_rs::kept::{Kept, shows};
use support_rs::world::config;

/// Path and position of the stream that is asked for next.
fn asked(kept: &mut Kept) -> Option<(String, Option<String>)> {
    let mut found = None;
    while let Some(output) = kept.world.client.poll_output() {
        if let Output::OpenStream { path, position, .. } = output {
            found = Some((path, position));
        }
    }
    found
}

fn connection(kept: &mut Kept) -> serde_json::Value {
    kept.world.drain();
    kept.world.mirrors[&kept.handle].field("connection").clone()
}

#[test]
fn who_joins_in_the_middle_gets_the_whole_text() {
    let mut kept = Kept::relayed(&["one ", "two "]);
    kept.attach("kept").starts().grows("one two ").live().answered();
    kept.says("three");
    assert_eq!(kept.shown(), shows("one two three", "streaming", ""));
    assert_eq!(
        (kept.source(), connection(&mut kept)["phase"].clone()),
        (json!("relay"), json!("live"))
    );
}

#[test]
fn a_broken_stream_goes_on_behind_the_last_position() {
    let mut kept = Kept::relayed(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered().beats();
    let requests = kept.world.requests.len();
    let count = kept.count;
    kept.world.cut(false);
    kept.world.now += 1_000;
    kept.world.client.handle_input(Input::Timeout, kept.world.now);
    assert_eq!(
        asked(&mut kept),
        Some((String::from("/global/event"), Some(format!("epoch-{count}"))))
    );

    let mut kept = Kept::relayed(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered().beats();
    kept.lost();
    kept.attach("kept").says("two ").live();
    assert_eq!(kept.shown(), shows("one two ", "streaming", ""));
    assert_eq!(kept.world.requests.len(), requests, "nothing had to be fetched");
    // What is joined in another way comes again: nothing is doubled.
    kept.lost();
    kept.attach("lost").starts().grows("one two ").live().answered();
    assert_eq!(kept.shown(), shows("one two ", "streaming", ""));
}

#[test]
fn a_server_in_its_place_is_the_servers_own_stream_again() {
    let mut kept = Kept::relayed(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    kept.lost();
    kept.world.server.delta(&kept.at, "two ");
    kept.connected().answered();
    assert_eq!(kept.source(), "event");
    let (text, continuity, _) = kept.shown();
    assert_eq!((text.as_str(), continuity.as_str()), ("one ", "gapped"));
    kept.world.cut(false);
    kept.world.now += 1_000;
    kept.world.client.handle_input(Input::Timeout, kept.world.now);
    assert_eq!(asked(&mut kept).and_then(|(_, position)| position), None);
}

#[test]
fn another_session_makes_what_was_told_be_told_again() {
    let mut kept = Kept::relayed(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    kept.world.client.open_session("ses_other", 100, kept.world.now);
    assert_eq!(asked(&mut kept), Some((String::from("/global/event"), None)));
}

#[test]
fn a_keeper_before_a_relay_is_left_and_not_tried_again() {
    let mut kept = Kept::new(&["one "]);
    let generation = kept.generation();
    kept.world.stream = None;
    let cause = Some(Failure::Keeper);
    kept.world.input(Input::StreamClosed { generation, cause });
    kept.world.pass(1);
    kept.attach("kept").starts().grows("one ").live().answered();
    assert_eq!(kept.source(), "relay");
    assert_eq!(connection(&mut kept)["fallback"], json!(null));
    let streams = kept.world.streams.len();
    for _ in 0..100 {
        kept.beats().answered();
        kept.world.pass(10_000);
    }
    assert_eq!(kept.world.streams.len(), streams);
}

#[test]
fn a_relay_that_refuses_its_stream_is_polled_and_taken_again_once_it_answers() {
    let mut kept = Kept::relayed(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    kept.lost();
    for _ in 0..2 {
        let generation = kept.generation();
        kept.world.stream = None;
        let response = Response {
            status: 404,
            ..Response::default()
        };
        kept.world.input(Input::StreamOpened { generation, response });
        kept.answered();
        kept.world.pass(2_000);
    }
    assert_eq!(kept.source(), "poll");
    for _ in 0..100 {
        if kept.world.stream.is_some() {
            break;
        }
        kept.answered();
        kept.world.pass(5_000);
    }
    kept.attach("lost").live().answered();
    assert_eq!(kept.source(), "relay");
}

#[test]
fn without_positions_a_relays_stream_is_one_of_its_own_each_time() {
    // As `EventSource` gives it.
    let transport = opencode_session::proto::connection::Transport::EventSource;
    let mut kept = Kept::relayed_by(Config { transport, ..config(1) }, &["one "]);
    kept.unnumbered()
        .attach("kept")
        .starts()
        .grows("one ")
        .live()
        .answered();
    kept.lost();
    kept.world.server.delta(&kept.at, "two ");
    kept.attach("kept").starts().grows("one two ").live().answered();
    assert_eq!(kept.shown().0, "one two ");
}
