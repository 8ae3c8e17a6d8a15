//! Streams that can be repeated: what a keeper tells again closes gaps, and never doubles or shortens a text.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::client::{Failure, Input};
use opencode_session::proto::request::Response;
use serde_json::{Value, json};
use support_rs::bench::{Bench, item, live, text};
use support_rs::kept::{Kept, shows};
use support_rs::server::Wire;

#[test]
fn who_joins_in_the_middle_gets_the_whole_text() {
    let mut kept = Kept::new(&["one ", "two "]);
    kept.attach("kept")
        .starts()
        .grows("one ")
        .grows("two ")
        .live()
        .answered();
    assert_eq!(kept.shown(), shows("one two ", "streaming", ""));
    kept.says("three");
    assert_eq!(kept.shown(), shows("one two three", "streaming", ""));
    assert_eq!(kept.source(), "keeper");
}

#[test]
fn what_was_repeated_before_the_history_came_and_after_it_is_the_same() {
    let mut kept = Kept::new(&["one ", "two "]);
    kept.attach("kept")
        .starts()
        .answered()
        .grows("one ")
        .grows("two ")
        .live();
    assert_eq!(kept.shown(), shows("one two ", "streaming", ""));
}

#[test]
fn a_stream_that_goes_on_where_it_was_left_loses_nothing() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered().beats();
    kept.world.drain();
    kept.lost();
    let asked = kept.world.requests.len();
    kept.attach("kept").says("two ").live();
    assert_eq!(kept.shown(), shows("one two ", "streaming", ""));
    assert_eq!(kept.world.requests.len(), asked, "nothing had to be fetched");
    assert_eq!(kept.world.mirrors[&kept.handle].field("continuity"), "kept");
}

#[test]
fn nothing_is_called_settled_before_it_is_told_what_was_missed() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    let idle = json!({ "type": "idle" });
    kept.world.server.end_text(&kept.at, None);
    kept.world.server.keep_status(&kept.session, idle.clone());
    let status =
        |status: &Value| json!({ "type": "session.status", "properties": { "sessionID": "", "status": status } });
    let told = |kept: &mut Kept, value: &Value| {
        let mut event = status(value);
        event["properties"]["sessionID"] = json!(kept.session);
        kept.frame(&event);
    };
    told(&mut kept, &idle);
    for _ in 0..8 {
        kept.world.pass(1_000);
        kept.answered();
    }
    let wait = |kept: &mut Kept, token: u32| {
        kept.world.client.wait_settled(kept.handle, token);
        kept.world.pump();
    };
    wait(&mut kept, 1);
    assert!(kept.world.result(1).is_some(), "the turn is over");
    kept.beats().lost();
    wait(&mut kept, 2);
    assert!(kept.world.result(2).is_none(), "the stream is away");
    kept.attach("kept");
    assert!(kept.world.result(2).is_none(), "what was missed is not told yet");
    kept.live();
    assert!(kept.world.result(2).is_some(), "nothing was missed");
    kept.lost();
    wait(&mut kept, 3);
    kept.attach("kept");
    told(&mut kept, &json!({ "type": "busy" }));
    kept.live();
    assert!(kept.world.result(3).is_none(), "a turn has begun meanwhile");
}

#[test]
fn the_last_position_is_asked_for_again() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    let generation = kept.generation();
    kept.world.client.handle_input(
        Input::StreamClosed {
            generation,
            cause: None,
        },
        kept.world.now,
    );
    kept.world.now += 1_000;
    kept.world.client.handle_input(Input::Timeout, kept.world.now);
    assert_eq!(kept.position().as_deref(), Some("epoch-4"));
}

#[test]
fn a_lost_place_is_mended_by_telling_all_again() {
    let mut kept = Kept::new(&["one ", "two "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    assert_eq!(kept.shown(), shows("one ", "streaming", ""));
    kept.lost();
    kept.attach("lost")
        .starts()
        .grows("on")
        .grows("e tw")
        .grows("o ")
        .live()
        .answered();
    assert_eq!(kept.shown(), shows("one two ", "streaming", ""));
}

#[test]
fn a_repetition_without_its_start_is_not_guessed_into_place() {
    let mut kept = Kept::new(&["one ", "two ", "three "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    kept.lost();
    kept.attach("lost").grows("two ").grows("three ").live().answered();
    assert_eq!(kept.shown(), shows("one ", "gapped", ""));
    kept.says("four");
    assert_eq!(kept.shown(), shows("one ", "gapped", "four"));
}

#[test]
fn a_hole_in_what_is_told_again_stays_a_hole() {
    let mut kept = Kept::new(&["one ", "two ", "three "]);
    kept.attach("lost")
        .starts()
        .grows("one ")
        .hole()
        .grows("three ")
        .live()
        .answered();
    assert_eq!(kept.shown(), shows("one ", "gapped", "three "));
    assert_eq!(kept.world.mirrors[&kept.handle].field("continuity"), "lost");
}

#[test]
fn a_hole_on_a_live_stream_is_fetched_around() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    let asked = kept.world.requests.len();
    kept.world.server.delta(&kept.at, "two ");
    kept.hole().answered().says("three");
    assert!(kept.world.requests.len() > asked);
    assert_eq!(kept.shown(), shows("one ", "gapped", "three"));
}

#[test]
fn a_hole_while_the_history_is_on_its_way_is_fetched_around() {
    // On the stream that lives, on one that goes on where it was left, and on one that was lost while it told old events.
    for (before, cut) in [(true, false), (true, true), (false, true)] {
        let mut kept = Kept::new(&["one "]);
        kept.attach("lost").starts();
        if before {
            kept.live();
        }
        // The history is of a moment before the hole, the rest of the snapshot of one after it.
        kept.world.advance("/message");
        kept.world.advance("/message");
        if cut {
            kept.lost();
            kept.attach("kept");
        }
        kept.world.server.put_message(
            &kept.session,
            json!({ "id": "msg_2", "sessionID": kept.session, "role": "user", "time": { "created": 2 } }),
        );
        kept.hole().live().answered();
        kept.world.drain();
        assert_eq!(
            kept.world.mirrors[&kept.handle].ids(),
            ["msg_1", "msg_2"],
            "{before} {cut}"
        );
    }
}

#[test]
fn a_version_that_could_not_be_asked_while_the_stream_was_away_is_asked_when_it_goes_on() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("kept").starts().live();
    kept.world.lose("/global/health");
    kept.answered().lost();
    kept.world.pass(2_000);
    kept.attach("kept").live().answered();
    let prompt = json!({ "parts": [{ "type": "text", "text": "hello" }] });
    kept.world.send(kept.handle, &prompt, 10);
    let posted = |kept: &Kept| {
        kept.world
            .requests
            .iter()
            .any(|request| request.path.contains("/prompt_async"))
    };
    assert!(posted(&kept), "it waits for the version");
}

#[test]
fn what_is_told_again_of_anything_but_texts_is_older_than_the_history() {
    for early in [false, true] {
        let mut kept = Kept::new(&["one "]);
        let session = kept.session.clone();
        let prompt = json!({ "id": "msg_0", "sessionID": session, "role": "user", "time": { "created": 0 } });
        let mut summed = prompt.clone();
        summed["summary"] = json!({ "diffs": [] });
        kept.world.server.put_message(&session, summed);
        kept.attach("kept");
        if early {
            kept.answered();
        }
        // What followed these is behind a hole.
        let tell = |kind: &str, mut properties: Value| {
            properties["sessionID"] = json!(session);
            json!({ "type": kind, "properties": properties })
        };
        let mut gone = prompt.clone();
        gone["id"] = json!("msg_gone");
        kept.frame(&tell("message.updated", json!({ "info": prompt })))
            .frame(&tell("message.updated", json!({ "info": gone })))
            .frame(&tell("session.status", json!({ "status": { "type": "retry" } })))
            .starts()
            .grows("one ")
            .hole()
            .live()
            .answered();
        kept.world.drain();
        let mirror = &kept.world.mirrors[&kept.handle];
        assert_eq!(mirror.ids(), ["msg_0", "msg_1"], "{early}");
        assert_eq!(mirror.field("status")["type"], "busy", "{early}");
        assert_eq!(
            mirror.messages[0].info,
            kept.world.server.history(&session)[0]["info"],
            "{early}"
        );
    }
}

#[test]
fn what_is_new_in_a_repetition_that_was_torn_off_is_not_taken_for_old() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("lost").starts().answered().lost();
    let session = kept.session.clone();
    let info = json!({ "id": "msg_2", "sessionID": session, "role": "user", "time": { "created": 2 } });
    kept.world.server.put_message(&session, info.clone());
    kept.attach("kept")
        .grows("one ")
        .frame(&json!({ "type": "message.updated", "properties": { "sessionID": session, "info": info } }))
        .live()
        .answered();
    assert_eq!(kept.shown(), shows("one ", "streaming", ""));
    assert_eq!(kept.world.mirrors[&kept.handle].ids(), ["msg_1", "msg_2"]);
}

#[test]
fn an_old_hole_that_is_told_again_costs_no_fetch() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("lost");
    let asked = kept.world.requests.len();
    kept.hole().hole().starts().live().answered();
    assert_eq!(kept.world.requests.len(), asked);
}

#[test]
fn without_a_keeper_the_next_rung_is_taken_at_once_and_the_text_is_not_called_whole() {
    let mut kept = Kept::new(&["one ", "two "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    let generation = kept.generation();
    kept.world.stream = None;
    kept.world.input(Input::StreamClosed {
        generation,
        cause: Some(Failure::Keeper),
    });
    kept.world.pass(1);
    assert_eq!(kept.source(), "event");
    kept.world.arrive();
    kept.world.server.delta(&kept.at, "three");
    kept.world.flow(usize::MAX);
    assert_eq!(kept.shown(), shows("one ", "gapped", "three"));
    let fallback = kept.world.mirrors[&kept.handle].field("connection")["fallback"].clone();
    assert_eq!(fallback["code"], "keeper_failed");
}

/// The keeper's own request was answered like this, and the page's next stream is asked for.
fn refused(kept: &mut Kept, status: u16) -> Value {
    let generation = kept.generation();
    kept.world.stream = None;
    let response = Response {
        status,
        ..Response::default()
    };
    kept.world.input(Input::StreamOpened { generation, response });
    kept.world.pass(1);
    assert_eq!(kept.source(), "event");
    kept.world.arrive();
    kept.world.drain();
    let connection = kept.world.mirrors[&kept.handle].field("connection").clone();
    assert_eq!(connection["phase"], "live");
    connection["fallback"].clone()
}

#[test]
fn a_refusal_of_the_keepers_own_request_costs_that_rung_only() {
    for status in [401, 403] {
        let mut kept = Kept::new(&["one "]);
        let fallback = refused(&mut kept, status);
        assert_eq!(
            (&fallback["code"], &fallback["status"]),
            (&json!("keeper_refused"), &json!(status))
        );
    }
    let mut kept = Kept::new(&["one "]);
    assert_eq!(refused(&mut kept, 302)["code"], "redirected");
}

#[test]
fn what_the_server_says_to_the_page_itself_counts() {
    let mut kept = Kept::new(&["one "]);
    for status in [401, 401, 401] {
        let generation = kept.generation();
        let response = Response {
            status,
            ..Response::default()
        };
        kept.world.input(Input::StreamOpened { generation, response });
        kept.world.pass(2_000);
    }
    kept.world.drain();
    let connection = kept.world.mirrors[&kept.handle].field("connection");
    assert_eq!(
        (&connection["phase"], &connection["error"]["code"]),
        (&json!("closed"), &json!("unauthorized"))
    );
}

#[test]
fn a_keeper_that_does_not_reach_the_server_is_left_once_the_page_does() {
    let unreached = |kept: &mut Kept| {
        let generation = kept.generation();
        kept.world.stream = None;
        let cause = Some(Failure::Network);
        kept.world.input(Input::StreamClosed { generation, cause });
    };
    let mut kept = Kept::new(&["one "]);
    kept.answered();
    unreached(&mut kept);
    kept.answered();
    assert_eq!(kept.source(), "event");
    let connection = kept.world.mirrors[&kept.handle].field("connection");
    assert_eq!(connection["fallback"]["code"], "keeper_refused");
    // A server that is away for both is no reason.
    let mut kept = Kept::new(&["one "]);
    kept.answered();
    unreached(&mut kept);
    kept.world.lose("/global/health");
    kept.world.pass(1_000);
    assert_eq!(kept.source(), "keeper");
}

#[test]
fn an_old_place_is_not_used_after_another_way_was() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("kept").starts().grows("one ").live().answered();
    let generation = kept.generation();
    kept.world.stream = None;
    kept.world.input(Input::StreamClosed {
        generation,
        cause: Some(Failure::Keeper),
    });
    kept.world.pass(1);
    kept.world.client.reconnect(kept.world.now);
    assert_eq!(kept.position(), None);
}

#[test]
fn a_missing_number_of_a_stored_event_is_noticed_and_fetched() {
    let mut kept = Kept::new(&[]);
    kept.attach("kept").starts().live().answered();
    let stored = |kept: &mut Kept, seq: u64| {
        let session = kept.session.clone();
        kept.frame(
            &json!({ "directory": "/project", "payload": { "type": "sync", "syncEvent": {
            "id": "evt_1", "type": "message.updated.1", "seq": seq, "aggregateID": session, "data": {},
        } } }),
        );
    };
    let asked = kept.world.requests.len();
    for seq in [5, 6, 6, 7] {
        stored(&mut kept, seq);
    }
    assert_eq!(kept.world.requests.len(), asked);
    stored(&mut kept, 9);
    kept.world.pass(3_000);
    assert!(kept.world.requests.len() > asked, "event 8 is missing");
}

#[test]
fn the_journal_and_the_keeper_together_give_the_whole_text() {
    // The journal of an earlier page, which had heard less.
    let mut earlier = Kept::new(&["one "]);
    earlier.attach("kept").starts().grows("one ").live().answered();
    let record = earlier.world.client.journal(earlier.handle, false).unwrap();
    assert!(!record.is_empty());
    // It is read before, while and after the keeper tells everything again.
    for moment in 0..4 {
        let mut kept = Kept::opened(&["one ", "two "], |world, session| {
            let handle = world.client.open_held(session, 100, world.now);
            world.mirrors.insert(handle, Default::default());
            world.pump();
            handle
        });
        let restore = |kept: &mut Kept, now: bool| {
            if now {
                kept.world.client.restore(kept.handle, &record, true, kept.world.now);
                kept.world.client.resume(kept.handle, kept.world.now);
                kept.world.pump();
            }
        };
        restore(&mut kept, moment == 0);
        kept.attach("kept").starts().grows("one ");
        restore(&mut kept, moment == 1);
        kept.grows("two ").live();
        restore(&mut kept, moment == 2);
        kept.answered();
        restore(&mut kept, moment == 3);
        assert_eq!(
            kept.shown(),
            shows("one two ", "streaming", ""),
            "read at moment {moment}"
        );
    }
}

#[test]
fn a_history_that_fails_at_first_does_not_cost_what_was_told_again() {
    for (status, kind) in [(500, "application/json"), (200, "text/html")] {
        let mut kept = Kept::new(&["one ", "two "]);
        kept.attach("kept").starts().grows("one ").grows("two ").live();
        let page = kept
            .world
            .inflight
            .iter()
            .position(|flight| flight.request.path.contains("/message?"))
            .unwrap();
        let id = kept.world.inflight.remove(page).request.id;
        let response = Response {
            status,
            content_type: kind,
            body: b"no",
            ..Response::default()
        };
        kept.world.input(Input::Response { id, response });
        kept.answered();
        kept.world.pass(2_000);
        kept.answered();
        assert_eq!(kept.shown(), shows("one two ", "streaming", ""), "{status} {kind}");
    }
}

fn again(bench: &mut Bench) -> &mut Bench {
    bench.messages.set_replaying(true);
    bench
}

#[test]
fn told_again_a_text_does_not_shrink_and_goes_on_where_it_ends() {
    let mut bench = live();
    bench.told(&text("", false)).grows("one two").interrupt();
    again(&mut bench).told(&text("", false));
    assert_eq!(bench.shown(), ("one two", "streaming", ""));
    bench.grows("one ");
    assert_eq!(bench.shown(), ("one two", "streaming", ""));
    bench.grows("two three");
    assert_eq!(bench.shown(), ("one two three", "streaming", ""));
    bench.grows(" four");
    assert_eq!(bench.shown(), ("one two three four", "streaming", ""));
}

#[test]
fn told_again_a_gap_closes_and_its_tail_goes_into_the_text() {
    let mut bench = live();
    bench
        .told(&text("", false))
        .grows("one ")
        .interrupt()
        .page(&[item("msg_1", 1, &[text("", false)])], 50, false)
        .grows("three ");
    assert_eq!(bench.shown(), ("one ", "gapped", "three "));
    bench.interrupt();
    again(&mut bench)
        .told(&text("", false))
        .grows("one ")
        .grows("two ")
        .grows("three ");
    assert_eq!(bench.shown(), ("one two three ", "streaming", ""));
}

#[test]
fn told_again_and_torn_off_the_old_text_stays_with_a_gap() {
    let mut bench = live();
    bench.told(&text("", false)).grows("one two").interrupt();
    again(&mut bench).told(&text("", false)).grows("one ").interrupt();
    bench.messages.set_replaying(false);
    bench.grows("five");
    assert_eq!(bench.shown(), ("one two", "gapped", "five"));
}

#[test]
fn told_again_in_other_words_the_server_is_right() {
    let mut bench = live();
    bench.told(&text("", false)).grows("one two").interrupt();
    again(&mut bench).told(&text("", false)).grows("one ").grows("new");
    assert_eq!(bench.shown(), ("one new", "streaming", ""));
}

#[test]
fn nothing_is_posted_while_the_stream_is_away() {
    for own in [true, false] {
        let mut kept = Kept::new(&["one "]);
        kept.attach("kept").starts().grows("one ").live().answered().beats();
        kept.lost();
        kept.world
            .send(kept.handle, &json!({ "parts": [{ "type": "text", "text": "hi" }] }), 10);
        let posts = |kept: &Kept| {
            let requests = kept.world.requests.iter();
            let mut posts = requests.filter(|request| request.method == "POST");
            let named = |body: &[u8]| String::from_utf8_lossy(body).contains("messageID");
            posts.next().map(|post| named(post.body.as_deref().unwrap()))
        };
        assert_eq!(posts(&kept), None, "another server may be there now");
        kept.attach("kept");
        if !own {
            // The keeper's own stream broke: another server has come.
            kept.world.server.wire = Wire::Mid;
            kept.hole();
        }
        assert_eq!(posts(&kept), None, "what was missed is not told yet");
        kept.live().answered();
        assert_eq!(posts(&kept), Some(own));
    }
}
