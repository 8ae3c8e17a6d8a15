//! What a keeper tells, beside a history that is newer than it.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::client::Input;
use serde_json::{Value, json};
use support_rs::kept::Kept;

/// The server's title changes, and nobody is told.
fn retitle(kept: &mut Kept, title: &str) {
    let session = kept.session.clone();
    kept.world.server.room(&session).info["title"] = json!(title);
}

/// What an event of that moment said.
fn titled(kept: &Kept, title: &str) -> Value {
    let mut info = kept.world.server.rooms[&kept.session].info.clone();
    info["title"] = json!(title);
    json!({ "type": "session.updated", "properties": { "sessionID": kept.session, "info": info } })
}

fn title(kept: &mut Kept) -> Value {
    kept.world.drain();
    kept.world.mirrors[&kept.handle].field("session")["title"].clone()
}

fn histories(kept: &Kept) -> usize {
    let requests = kept.world.requests.iter();
    requests.filter(|request| request.path.contains("/message?")).count()
}

#[test]
fn what_was_told_before_a_hole_is_older_than_the_history_asked_for_after_it() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("lost").starts().live();
    let first = titled(&kept, "first");
    kept.frame(&first);
    retitle(&mut kept, "second");
    kept.hole().answered();
    assert_eq!(title(&mut kept), "second");
}

#[test]
fn a_loss_is_fetched_though_the_stream_went_on_meanwhile() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("lost").starts().live().answered();
    for title in ["first", "second"] {
        // Broken events, the second too soon after the first to be fetched at once.
        retitle(&mut kept, title);
        let (generation, bytes) = (kept.generation(), b"data: {\"type\":\n\n");
        kept.world.input(Input::StreamBytes { generation, bytes });
        if title == "first" {
            kept.answered();
        }
    }
    kept.lost();
    kept.world.pass(5_000);
    kept.attach("kept").live();
    kept.world.pass(5_000);
    kept.answered();
    assert_eq!(title(&mut kept), "second");
}

#[test]
fn an_answer_that_came_after_the_last_word_of_the_stream_makes_the_history_be_asked_for_again() {
    for (heard, answered) in [(true, false), (false, false), (true, true)] {
        let mut kept = Kept::new(&["one "]);
        kept.attach("lost").starts().live().answered();
        if heard {
            kept.says("two ");
        }
        kept.lost();
        if answered {
            kept.world.client.call(kept.handle, "GET", "/agent", None, 9);
            kept.world.pump();
            kept.answered();
        }
        let before = histories(&kept);
        kept.attach("kept").live();
        assert_eq!(histories(&kept) - before, usize::from(answered || !heard));
    }
}

#[test]
fn a_page_that_is_put_away_asks_nothing_while_it_waits_for_a_keeper() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("lost").starts().live().answered();
    // The server took it, and does not show it yet: the client looks for it.
    kept.world
        .send(kept.handle, &json!({ "parts": [{ "type": "text", "text": "hi" }] }), 1);
    kept.answered();
    kept.world.input(Input::Offline);
    let before = kept.world.requests.len();
    for _ in 0..20 {
        kept.world.pass(1_000);
    }
    assert_eq!(kept.world.requests.len(), before);
}

#[test]
fn whoever_connects_again_gets_all_anew_from_a_keeper_too() {
    let mut kept = Kept::new(&["one "]);
    kept.attach("lost").starts().live().answered();
    retitle(&mut kept, "second");
    let now = kept.world.now;
    kept.world.client.reconnect(now);
    assert_eq!(kept.position(), None);
    kept.world.pump();
}

#[test]
fn a_piece_that_was_told_before_its_text_is_not_lost_in_silence() {
    let mut kept = Kept::new(&["one ", "two "]);
    kept.attach("lost")
        .grows("one ")
        .starts()
        .grows("two ")
        .live()
        .answered();
    let (text, continuity, _) = kept.shown();
    assert!("one two ".starts_with(&text), "{text}");
    assert!(text == "one two " || continuity == "gapped", "{text} {continuity}");
}

#[test]
fn a_part_that_the_history_does_not_have_any_more_is_not_told_back() {
    let mut kept = Kept::new(&["one "]);
    let part = json!({ "id": "prt_gone", "sessionID": kept.session, "messageID": "msg_1", "type": "step-start" });
    let told = json!({ "type": "message.part.updated", "properties": { "sessionID": kept.session, "part": part } });
    kept.attach("lost").starts().frame(&told).hole().live().answered();
    kept.world.drain();
    let parts = kept.world.mirrors[&kept.handle].parts();
    assert_eq!(parts.filter(|part| part.id() == "prt_gone").count(), 0);
}
