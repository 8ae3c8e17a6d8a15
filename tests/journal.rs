//! The journal: what a page leaves, and what the next one makes of it.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::change::Delivery;
use opencode_session::proto::error::Code;
use opencode_session::proto::journal::{Record, Saved, Text};
use opencode_session::proto::rng::Rng;
use proptest::prelude::*;
use serde_json::{Value, json};
use support_rs::script::Spot;
use support_rs::seeds;
use support_rs::server::Wire;
use support_rs::world::World;

const WIRES: [Wire; 3] = [Wire::Old, Wire::Mid, Wire::New];

fn prompt(text: &str) -> Value {
    json!({ "parts": [{ "type": "text", "text": text }] })
}

fn stored(world: &World, session: &str, text: &str) -> usize {
    let history = world.server.history(session);
    history
        .iter()
        .filter(|message| message["parts"][0]["text"] == text)
        .count()
}

/// An open session in which an answer streams: its text so far is `w1 w2 `.
fn answering(wire: Wire) -> (World, u32, String, Spot) {
    let mut world = World::new(wire, 5);
    world.server.plays = false;
    let session = world.server.create_session("/project");
    let info = json!({ "id": "msg_9", "sessionID": session, "role": "assistant", "parentID": "msg_0", "time": { "created": 5 } });
    let handle = world.open(&session, 100);
    world.arrive();
    let busy = json!({ "type": "busy" });
    world.server.say_status(&session, &busy);
    world.server.keep_status(&session, busy);
    world.server.put_message(&session, info);
    let at = Spot::new(&mut world.server, &session, "msg_9", "text");
    world.server.begin_text(&at);
    world.server.delta(&at, "w1 ");
    world.server.delta(&at, "w2 ");
    world.arrive();
    (world, handle, session, at)
}

fn shown(world: &World, handle: u32, at: &Spot) -> (String, &'static str, String) {
    let part = world.mirrors[&handle].part(&at.part).unwrap();
    (part.text().into(), part.continuity, part.tail().into())
}

#[test]
fn a_reload_shows_the_text_up_to_it_with_the_first_drawing_then_the_whole() {
    for wire in WIRES {
        let (mut world, handle, session, at) = answering(wire);
        world.save(handle, &session);
        world.server.delta(&at, "w3 ");
        let handle = world.reload(&session, 100);
        world.flow(1);
        world.flow(usize::MAX);
        while !world.inflight.is_empty() {
            // Whatever is drawn while the snapshot comes holds the text from the start.
            world.progress(0);
            world.drain();
            let mirror = &world.mirrors[&handle];
            assert!(mirror.messages.is_empty() || mirror.part(&at.part).unwrap().text().starts_with("w1 w2 "));
        }
        let (text, continuity, _) = shown(&world, handle, &at);
        if wire == Wire::Old {
            // It stores what was said: nothing is missing.
            assert_eq!((text.as_str(), continuity), ("w1 w2 w3 ", "streaming"));
        } else {
            assert_eq!((text.as_str(), continuity), ("w1 w2 ", "gapped"));
            assert_eq!(world.mirrors[&handle].part(&at.part).unwrap().gap, Some(6));
        }
        world.server.delta(&at, "w4 ");
        world.arrive();
        if wire != Wire::Old {
            assert_eq!(shown(&world, handle, &at), ("w1 w2 ".into(), "gapped", "w4 ".into()));
        }
        world.server.end_text(&at, None);
        let idle = json!({ "type": "idle" });
        world.server.say_status(&session, &idle);
        world.server.keep_status(&session, idle);
        world.rest();
        assert_eq!(shown(&world, handle, &at).0.trim_end(), "w1 w2 w3 w4");
        world.assert_equal(handle, &session);
        assert_eq!(
            world.client.journal(handle, false),
            Some(Vec::new()),
            "nothing is in flight"
        );
    }
}

#[test]
fn the_text_of_a_part_that_ended_or_is_another_is_not_shown() {
    for ended in [true, false] {
        let (mut world, handle, session, at) = answering(Wire::New);
        world.save(handle, &session);
        if ended {
            world.server.end_text(&at, Some("other"));
        } else {
            let record = String::from_utf8(world.journals[&session].clone()).unwrap();
            world
                .journals
                .insert(session.clone(), record.replace(&at.part, "prt_other").into_bytes());
        }
        let handle = world.reload(&session, 100);
        world.arrive();
        let text = shown(&world, handle, &at).0;
        assert_eq!(text, if ended { "other" } else { "" });
    }
}

#[test]
fn a_stored_text_that_differs_or_is_longer_wins() {
    for (kept, told, seen) in [("abc", "abX", "abX"), ("abc", "abcd", "abcd"), ("abc", "ab", "abc")] {
        let (mut world, handle, session, at) = answering(Wire::New);
        world.save(handle, &session);
        let record = String::from_utf8(world.journals[&session].clone()).unwrap();
        world
            .journals
            .insert(session.clone(), record.replace("w1 w2 ", kept).into_bytes());
        world
            .server
            .said
            .get_mut(&at.part)
            .unwrap()
            .versions
            .extend([kept.into(), told.into()]);
        world.server.put_part(&session, at.value(told, Some(1), None), None);
        let handle = world.reload(&session, 100);
        world.arrive();
        assert_eq!(shown(&world, handle, &at).0, seen);
    }
}

#[test]
fn texts_of_several_records_give_the_longest() {
    let (mut world, handle, session, at) = answering(Wire::New);
    world.save(handle, &session);
    let short = world.journals[&session].clone();
    world.server.delta(&at, "w3 ");
    world.arrive();
    world.save(handle, &session);
    let long = world.journals[&session].clone();
    for records in [[short.clone(), long.clone()], [long, short]] {
        world.renew();
        let handle = world.open_held(&session, 100);
        for record in &records {
            world.client.restore(handle, record, false, world.now);
        }
        world.resume(handle);
        world.arrive();
        assert_eq!(shown(&world, handle, &at).0, "w1 w2 w3 ");
    }
}

#[test]
fn a_record_read_late_still_fills_what_is_shown_empty_but_not_before_a_tail() {
    for tail in [false, true] {
        let (mut world, handle, session, at) = answering(Wire::New);
        world.save(handle, &session);
        world.renew();
        let handle = world.open(&session, 100);
        world.arrive();
        if tail {
            world.server.delta(&at, "w3 ");
            world.arrive();
        }
        let record = world.journals[&session].clone();
        world.client.restore(handle, &record, true, world.now);
        world.arrive();
        let expected = if tail { ("", "w3 ") } else { ("w1 w2 ", "") };
        let (text, continuity, shown_tail) = shown(&world, handle, &at);
        assert_eq!((text.as_str(), shown_tail.as_str()), expected);
        assert_eq!(continuity, "gapped");
    }
}

#[test]
fn prompts_sent_offline_survive_a_reload_in_order_and_are_stored_once() {
    for wire in WIRES {
        let mut world = World::new(wire, 7);
        let session = world.server.create_session("/project");
        let handle = world.open(&session, 100);
        world.rest();
        world.offline(true);
        let asked = world.requests.len();
        for n in 0..3 {
            world.send(handle, &prompt(&format!("prompt #{n}")), 10 + 2 * n);
        }
        world.client.call(handle, "GET", "/x", None, 99);
        world.pump();
        assert_eq!(world.result(99).unwrap().as_ref().unwrap_err().code, Code::Offline);
        world.save(handle, &session);
        let handle = world.reload(&session, 100);
        world.drain();
        assert!(
            world.mirrors[&handle].messages.is_empty(),
            "not before the history was let be read"
        );
        let kept = world
            .client
            .journal(handle, false)
            .map(|bytes| Record::read(&bytes).unwrap());
        assert_eq!(kept.unwrap().prompts.len(), 3, "and yet kept");
        let posts = |world: &World| world.requests[asked..].iter().filter(|r| r.method == "POST").count();
        assert_eq!(posts(&world), 0);
        world.rest();
        assert_eq!(posts(&world), 3, "{wire:?}");
        let bodies: Vec<&str> = world
            .server
            .posted
            .iter()
            .map(|body| body["parts"][0]["text"].as_str().unwrap())
            .collect();
        assert_eq!(bodies, ["prompt #0", "prompt #1", "prompt #2"]);
        let deliveries: Vec<_> = world.mirrors[&handle]
            .messages
            .iter()
            .filter_map(|m| m.delivery)
            .collect();
        assert_eq!(deliveries, [Delivery::Sent; 3]);
        world.assert_equal(handle, &session);
        // Nothing stays but the text that a stop has lost on the server.
        let kept = world.client.journal(handle, false).unwrap();
        let kept = Record::read(&kept).unwrap_or_default();
        assert!(kept.prompts.is_empty());
        let lost = |text: &Text| world.server.said[&text.part].lost;
        assert!(kept.texts.iter().all(lost), "{kept:?}");
        assert_eq!(world.client.journal(handle, false), None, "nothing changed since");
    }
}

#[test]
fn nothing_is_asked_offline_even_by_a_session_opened_there() {
    let mut world = World::new(Wire::New, 7);
    let session = world.server.create_session("/project");
    world.offline(true);
    let handle = world.open(&session, 100);
    world.send(handle, &prompt("prompt #1"), 1);
    world.client.load_older(handle, 1, 5);
    world.pump();
    for _ in 0..50 {
        world.pass(5_000);
    }
    assert!(
        world.requests.is_empty() && world.streams.is_empty(),
        "{:?}",
        world.requests
    );
    world.offline(false);
    world.rest();
    assert!(world.result(1).unwrap().is_ok());
    world.assert_equal(handle, &session);
}

const TEXTS: [&str; 4] = ["prompt #0", "prompt #1", "again", "again"];

/// How many parts with this text the server ever told.
fn ever_stored(world: &World, text: &str) -> usize {
    let events = world
        .server
        .log
        .iter()
        .map(|event| serde_json::from_str::<Value>(&event.json).unwrap());
    let parts = events.filter(|event| event["properties"]["part"]["text"] == text);
    let ids = parts.map(|event| event["properties"]["part"]["id"].to_string());
    ids.collect::<std::collections::BTreeSet<String>>().len()
}

/// The page goes at any moment; its record is as old as it may be, but never older than the newest post.
#[test]
fn law_of_reloads_p6() {
    for wire in WIRES {
        seeds(200, |seed| {
            let mut world = World::new(wire, seed);
            world.lossy = 30 * (seed % 2);
            world.journaling = true;
            let session = world.server.create_session("/project");
            let mut handle = world.open(&session, 100);
            let mut rng = Rng::new(seed ^ 0x77);
            let mut sent = 0;
            for _ in 0..400 {
                match rng.below(60) {
                    0 if sent < 4 => {
                        // Two of them say the same.
                        world.send(handle, &prompt(TEXTS[sent]), 1_000 + 2 * sent as u32);
                        world.save(handle, &session);
                        sent += 1;
                    }
                    1 => handle = world.reload(&session, 100),
                    2..8 => world.save(handle, &session),
                    _ => world.step(),
                }
            }
            world.save(handle, &session);
            handle = world.reload(&session, 100);
            world.rest();
            for text in ["prompt #0", "prompt #1", "again"] {
                let wanted = TEXTS[..sent].iter().filter(|known| **known == text).count();
                let there = stored(&world, &session, text);
                assert!(there <= wanted, "{wire:?}: {text:?} is stored {there} times");
                // A removal later in the run may have taken it; a caller may have been told that it failed.
                let told = ever_stored(&world, text);
                assert!(
                    told == wanted || world.lossy > 0,
                    "{wire:?}: of {wanted} {text:?} only {told} were stored"
                );
            }
            world.assert_equal(handle, &session);
        });
    }
}

#[test]
fn a_prompt_stored_before_the_crash_is_found_and_not_posted_again() {
    for wire in [Wire::Old, Wire::Mid] {
        let (mut world, handle, session) = rested(wire);
        // The same words, long ago.
        world.server.prompt(&session, prompt("yes"));
        world.server.run_all();
        world.now = world.server.now;
        world.rest();
        world.send(handle, &prompt("yes"), 1);
        world.save(handle, &session);
        world.advance("prompt_async");
        world.server.intake(&session);
        assert_eq!(world.server.posted.len(), 2);
        let handle = world.reload(&session, 100);
        world.rest();
        assert_eq!(world.server.posted.len(), 2, "posted again");
        assert_eq!(stored(&world, &session, "yes"), 2);
        assert_eq!(
            world.mirrors[&handle].messages.last().map(|m| m.info["role"] == "user"),
            Some(false)
        );
        world.assert_equal(handle, &session);
    }
}

#[test]
fn a_prompt_that_never_reached_the_server_is_sent_although_the_same_words_are_there() {
    for wire in WIRES {
        let (mut world, handle, session) = rested(wire);
        world.server.prompt(&session, prompt("yes"));
        world.server.run_all();
        world.rest();
        world.send(handle, &prompt("yes"), 1);
        world.save(handle, &session);
        let handle = world.reload(&session, 100);
        world.rest();
        assert_eq!(stored(&world, &session, "yes"), 2, "{wire:?}");
        world.assert_equal(handle, &session);
    }
}

#[test]
fn a_restored_prompt_is_looked_for_beyond_the_first_page() {
    for wire in WIRES {
        for there in [true, false] {
            let (mut world, handle, session) = rested(wire);
            world.server.plays = false;
            world.send(handle, &prompt("far"), 1);
            world.save(handle, &session);
            if there {
                world.advance("prompt_async");
                world.server.intake(&session);
            }
            world.renew();
            for n in 0..30 {
                world.server.now += 10;
                world.server.prompt(&session, prompt(&format!("other {n}")));
                world.server.run_all();
            }
            world.now = world.server.now;
            let before = world.server.posted.len();
            let handle = world.open_held(&session, 5);
            let record = world.journals[&session].clone();
            world.client.restore(handle, &record, true, world.now);
            world.resume(handle);
            world.rest();
            assert_eq!(stored(&world, &session, "far"), 1, "{wire:?} {there}");
            assert_eq!(
                world.server.posted.len() - before,
                usize::from(!there),
                "{wire:?} {there}"
            );
            world.assert_equal(handle, &session);
        }
    }
}

#[test]
fn no_id_made_here_is_posted_to_a_server_that_takes_none() {
    for wire in [Wire::Old, Wire::Mid] {
        let (mut world, handle, session) = rested(wire);
        world.lossy = 60;
        for n in 0..5 {
            world.send(handle, &prompt(&format!("prompt #{n}")), 10 + 2 * n);
        }
        world.save(handle, &session);
        world.reload(&session, 100);
        world.rest();
        let posts = world
            .requests
            .iter()
            .filter(|request| request.path.contains("prompt_async"));
        let mut count = 0;
        for request in posts {
            let body: Value = serde_json::from_slice(request.body.as_ref().unwrap()).unwrap();
            assert!(
                body["messageID"].is_null() && body["parts"][0]["id"].is_null(),
                "{body}"
            );
            count += 1;
        }
        assert!(count >= 5);
    }
}

#[test]
fn a_prompt_can_be_taken_back_until_it_is_posted() {
    let (mut world, handle, session) = rested(Wire::New);
    world.offline(true);
    let keys: Vec<String> = (0..4)
        .map(|n| world.send(handle, &prompt(&format!("prompt #{n}")), 10 + 2 * n))
        .collect();
    assert!(world.client.discard(handle, &keys[1]));
    world.pump();
    for token in [12, 13] {
        assert_eq!(world.result(token).unwrap().as_ref().unwrap_err().code, Code::Cancelled);
    }
    world.save(handle, &session);
    let handle = world.reload(&session, 100);
    assert!(
        !world.client.discard(handle, &keys[2]),
        "not known before the history came"
    );
    for _ in 0..10_000 {
        if !world.mirrors[&handle].messages.is_empty() {
            break;
        }
        world.step();
        world.drain();
    }
    // Also after a reload, when nobody holds its promise any more.
    assert!(world.client.discard(handle, &keys[2]));
    assert!(!world.client.discard(handle, "msg_unknown"));
    world.rest();
    assert!(!world.client.discard(handle, &keys[0]), "it is at the server");
    let texts: Vec<&str> = world
        .server
        .posted
        .iter()
        .map(|body| body["parts"][0]["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["prompt #0", "prompt #3"]);
    world.assert_equal(handle, &session);
}

#[test]
fn a_prompt_under_way_cannot_be_taken_back() {
    for wire in WIRES {
        let (mut world, handle, session) = rested(wire);
        let key = world.send(handle, &prompt("prompt #1"), 1);
        assert!(!world.client.discard(handle, &key));
        world.save(handle, &session);
        let handle = world.reload(&session, 100);
        assert!(!world.client.discard(handle, &key), "it may be at the server");
        world.rest();
        assert_eq!(stored(&world, &session, "prompt #1"), 1);
        world.assert_equal(handle, &session);
    }
}

#[test]
fn a_closed_session_keeps_no_prompt_whose_caller_was_told() {
    let (mut world, handle, session) = rested(Wire::New);
    world.offline(true);
    world.send(handle, &prompt("prompt #1"), 1);
    world.save(handle, &session);
    assert_eq!(world.client.journal(handle, true), Some(Vec::new()));
    world.client.close_session(handle);
    world.pump();
    assert_eq!(world.result(1).unwrap().as_ref().unwrap_err().code, Code::Closed);
}

#[test]
fn a_prompt_too_large_is_left_out_and_told_once() {
    let (mut world, handle, _) = rested(Wire::New);
    world.offline(true);
    world.send(handle, &prompt(&"x".repeat(2 << 20)), 1);
    world.send(handle, &prompt("small"), 3);
    let record = world.client.journal(handle, false).unwrap();
    world.client.journal(handle, false);
    world.pump();
    assert_eq!(Record::read(&record).unwrap().prompts.len(), 1);
    assert_eq!(world.logs.iter().filter(|code| **code == "limit_reached").count(), 1);
}

#[test]
fn records_that_cannot_be_read_are_dropped_with_one_line_each() {
    let bad: [&[u8]; 8] = [
        b"",
        b"null",
        b"{}",
        b"{\"v\":2,\"prompts\":[],\"texts\":[]}",
        b"{\"v\":1,\"prompts\":[{}]}",
        b"{\"v\":1,\"prompts\":[{\"key\":1}]}",
        b"{\"v\":1,\"texts\":[{\"message\":1}]}",
        b"\xff\xfe{\"v\":1}",
    ];
    for record in bad {
        let mut world = World::new(Wire::New, 1);
        let session = world.server.create_session("/project");
        let handle = world.open_held(&session, 100);
        world.client.restore(handle, record, true, world.now);
        world.resume(handle);
        world.rest();
        world.logs.retain(|code| *code != "connection");
        assert_eq!(world.logs, ["journal_dropped"], "{}", record.escape_ascii());
        world.assert_equal(handle, &session);
    }
}

fn rested(wire: Wire) -> (World, u32, String) {
    let mut world = World::new(wire, 7);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.rest();
    (world, handle, session)
}

fn records() -> impl Strategy<Value = Record> {
    let text = (".{0,8}", ".{0,8}", ".{0,40}").prop_map(|(message, part, text)| Text { message, part, text });
    let saved = (
        (".{1,8}", proptest::collection::vec(".{0,6}", 0..3), ".{0,30}"),
        (0..1_u64 << 50, proptest::option::of((any::<i32>(), ".{0,6}"))),
        any::<[bool; 3]>(),
    );
    let saved = saved.prop_map(
        |((key, part_ids, text), (created, after), [posted, unnamed, taken])| Saved {
            key,
            part_ids,
            draft: prompt(&text).to_string(),
            created,
            after: after.map(|(time, id)| (i64::from(time), id)),
            posted,
            unnamed,
            taken,
        },
    );
    (
        proptest::collection::vec(text, 0..4),
        proptest::collection::vec(saved, 0..4),
    )
        .prop_map(|(texts, prompts)| Record { texts, prompts })
}

proptest! {
    #[test]
    fn what_is_written_is_read(record in records()) {
        let (bytes, left_out) = record.write(1 << 20);
        prop_assert!(left_out.is_empty());
        if record.texts.is_empty() && record.prompts.is_empty() {
            prop_assert!(bytes.is_empty());
        } else {
            prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
            prop_assert_eq!(Record::read(&bytes), Some(record));
        }
    }

    #[test]
    fn a_record_keeps_its_bound_and_drops_texts_first(record in records(), limit in 0..2_000_usize) {
        let (bytes, left_out) = record.write(limit);
        prop_assert!(bytes.len() <= limit.max(64), "{} of {limit}", bytes.len());
        if let Some(kept) = Record::read(&bytes) {
            prop_assert_eq!(kept.prompts.len() + left_out.len(), record.prompts.len());
            prop_assert!(kept.texts.iter().all(|text| record.texts.contains(text)));
        } else {
            prop_assert!(bytes.is_empty());
        }
        if left_out.len() < record.prompts.len() {
            prop_assert!(!bytes.is_empty());
        }
    }

    #[test]
    fn broken_records_change_nothing(record in records(), cut in 0..400_usize, flip in any::<(u16, u8)>()) {
        let (mut bytes, _) = record.write(1 << 20);
        if !bytes.is_empty() {
            let at = usize::from(flip.0) % bytes.len();
            bytes[at] ^= flip.1;
            bytes.truncate(bytes.len().saturating_sub(cut));
        }
        let mut world = World::new(Wire::New, 1);
        world.server.plays = false;
        let session = world.server.create_session("/project");
        let handle = world.open_held(&session, 100);
        world.client.restore(handle, &bytes, true, world.now);
        world.resume(handle);
        world.arrive();
        world.drain();
        prop_assert!(world.mirrors[&handle].field("connection")["phase"] == "live");
    }
}
