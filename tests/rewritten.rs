//! Own prompts that a plugin of the server rewrites before they are stored, on servers that name messages themselves.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::error::Code;
use serde_json::{Value, json};
use support_rs::server::Wire;
use support_rs::world::World;

fn prompt(parts: &[&str]) -> Value {
    let parts: Vec<Value> = parts
        .iter()
        .map(|text| json!({ "type": "text", "text": text }))
        .collect();
    json!({ "parts": parts })
}

fn live_through(world: &mut World, ms: u64) {
    let end = world.now + ms;
    while world.now < end {
        world.server.run_all();
        world.pass(100);
        world.arrive();
    }
}

/// Sends `own`, and has the server take `told` in its place.
fn sent(wire: Wire, own: &str, told: &[&str], others: &[&str]) -> (World, u32, String) {
    let mut world = World::new(wire, 1);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.rest();
    for other in others {
        world.server.prompt(&session, prompt(&[other]));
    }
    world.send(handle, &prompt(&[own]), 1);
    let at = world
        .inflight
        .iter_mut()
        .find(|flight| flight.request.path.contains("/prompt_async"));
    at.unwrap().request.body = Some(prompt(told).to_string().into_bytes());
    live_through(&mut world, 30_000);
    (world, handle, session)
}

#[test]
fn a_prompt_that_is_rewritten_is_one_prompt_and_answered() {
    for wire in [Wire::Old, Wire::Mid] {
        for told in [
            &["[search-mode]\n\nsay: hello"][..],
            &["injected", "say: hello"][..],
            &["say: hello\n(rewritten)"][..],
        ] {
            let (mut world, handle, session) = sent(wire, "say: hello ", told, &[]);
            for token in [1, 2] {
                assert!(
                    world.result(token).is_some_and(Result::is_ok),
                    "{wire:?} {told:?} {:?}",
                    world.result(token)
                );
            }
            world.rest();
            world.assert_equal(handle, &session);
            let users = world.mirrors[&handle]
                .messages
                .iter()
                .filter(|message| message.info["role"] == "user");
            assert_eq!(users.count(), 1, "{told:?}");
        }
    }
}

#[test]
fn what_says_just_the_same_goes_before_what_holds_it() {
    let (mut world, handle, session) = sent(Wire::Mid, "hello", &["hello"], &["oh, hello there"]);
    assert!(world.result(1).is_some_and(Result::is_ok));
    world.rest();
    world.assert_equal(handle, &session);
    let own = world.mirrors[&handle]
        .messages
        .iter()
        .find(|message| message.delivery.is_some());
    assert_eq!(own.unwrap().text(), "hello");
}

#[test]
fn the_only_new_message_is_no_own_prompt_when_it_does_not_hold_its_text() {
    for wire in [Wire::Old, Wire::Mid] {
        let (mut world, handle, _) = sent(wire, "hello", &["what somebody else may have sent"], &[]);
        let told = world.result(1).unwrap().as_ref().unwrap_err();
        assert_eq!(told.code, Code::NotStored, "{wire:?}");
        assert_eq!(world.server.posted.len(), 1, "{wire:?}: it is not posted again");
        world.rest();
        let other = world.mirrors[&handle]
            .messages
            .iter()
            .find(|message| message.text().starts_with("what"));
        assert_eq!(other.unwrap().delivery, None, "{wire:?}");
    }
}
