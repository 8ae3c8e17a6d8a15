//! The replay log, case by case.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::law;

use std::time::{Duration, Instant};

use law::{frames, replayed};
use opencode_session::proto::replay::{Continuity, Log, ReplayLimits, Taken};
use serde_json::Value;

fn delta(part: &str, text: &str) -> String {
    format!(
        r#"{{"type":"message.part.delta","properties":{{"sessionID":"ses_1","messageID":"msg_1","partID":"{part}","field":"text","delta":"{text}"}}}}"#
    )
}

fn text_part(part: &str, text: &str, ended: bool) -> String {
    let end = if ended { r#","end":2"# } else { "" };
    format!(
        r#"{{"type":"message.part.updated","properties":{{"part":{{"id":"{part}","sessionID":"ses_1","messageID":"msg_1","type":"text","text":"{text}","time":{{"start":1{end}}}}}}}}}"#
    )
}

fn logged(events: &[String]) -> (Log, Vec<String>) {
    let mut log = Log::new(ReplayLimits::default(), 5);
    let ids = events
        .iter()
        .map(|event| {
            let mut out = Vec::new();
            log.push(event.as_bytes(), &mut out);
            frames(&out)[0].0.clone()
        })
        .collect();
    (log, ids)
}

#[test]
fn deltas_that_follow_each_other_are_read_as_one() {
    let (log, ids) = logged(&[
        text_part("prt_1", "", false),
        delta("prt_1", "a \\ud83d"),
        delta("prt_1", "\\ude00 b"),
        delta("prt_1", "\\n"),
        delta("prt_2", "x"),
        delta("prt_1", "c"),
    ]);
    let start = text_part("prt_1", "", false);
    let merged = delta("prt_1", "a \\ud83d\\ude00 b\\n");
    let (continuity, all) = replayed(&log, None);
    assert_eq!(continuity, Continuity::Lost, "prt_2 was first seen in the middle");
    assert_eq!(all, [start, merged, delta("prt_2", "x"), delta("prt_1", "c")]);
    let (continuity, rest) = replayed(&log, Some(&ids[1]));
    assert_eq!(continuity, Continuity::Kept);
    assert_eq!(rest[0], delta("prt_1", "\\ude00 b\\n"), "cut inside of the run");
    assert_eq!(replayed(&log, ids.last().map(String::as_str)).1.len(), 0);
}

#[test]
fn a_run_may_begin_with_a_longer_event_than_it_goes_on_with() {
    let long = delta("prt_1", "a").replacen('{', &format!(r#"{{"id":"evt_{}","#, "x".repeat(200)), 1);
    let (log, _) = logged(&[text_part("prt_1", "", false), long, delta("prt_1", "b")]);
    assert_eq!(replayed(&log, None).1.last(), Some(&delta("prt_1", "ab")));
    assert!(log.bytes() < 1_000, "{} bytes", log.bytes());
}

#[test]
fn a_full_part_makes_older_events_needless_but_not_their_numbers() {
    let mut events = vec![text_part("prt_1", "", false)];
    let mut text = String::new();
    for word in 0..2_000 {
        text.push_str(&format!("w{word} "));
        events.push(text_part("prt_1", &text, false));
    }
    let (log, ids) = logged(&events);
    assert!(log.bytes() < 50_000, "{} bytes", log.bytes());
    for position in [None, Some(ids[0].as_str()), Some(ids[1_000].as_str())] {
        let (continuity, rest) = replayed(&log, position);
        assert_eq!((continuity, rest), (Continuity::Kept, vec![events[2_000].clone()]));
    }
}

#[test]
fn what_is_lower_or_shorter_replaces_nothing() {
    let tool = |status: &str| {
        format!(
            r#"{{"type":"message.part.updated","properties":{{"part":{{"id":"prt_t","sessionID":"s","messageID":"m","type":"tool","state":{{"status":"{status}"}}}}}}}}"#
        )
    };
    let events = [
        text_part("prt_1", "", false),
        delta("prt_1", "long text"),
        text_part("prt_1", "long", false),
        tool("running"),
        tool("pending"),
    ];
    let (log, _) = logged(&events);
    assert_eq!(replayed(&log, None), (Continuity::Kept, events.to_vec()));
}

#[test]
fn a_hole_stands_in_order_until_a_whole_part_closes_it() {
    let (mut log, ids) = logged(&[text_part("prt_1", "", false), delta("prt_1", "before")]);
    let mut out = Vec::new();
    log.hole(&mut out);
    log.hole(&mut out);
    log.push(delta("prt_1", "after").as_bytes(), &mut out);
    let hole = String::from(r#"{"type":"replay.hole","properties":{}}"#);
    let expected = vec![
        text_part("prt_1", "", false),
        delta("prt_1", "before"),
        hole.clone(),
        delta("prt_1", "after"),
    ];
    assert_eq!(
        replayed(&log, None),
        (Continuity::Lost, expected),
        "two holes in a row are one"
    );
    assert_eq!(
        replayed(&log, Some(&ids[1])),
        (Continuity::Kept, vec![hole.clone(), delta("prt_1", "after")])
    );
    let first_hole = frames(&out)[0].0.clone();
    assert_eq!(
        replayed(&log, Some(&first_hole)).1,
        [hole, delta("prt_1", "after")],
        "the second one is told, too"
    );
    log.push(text_part("prt_1", "before, missed, after", false).as_bytes(), &mut out);
    assert_eq!(
        replayed(&log, None),
        (
            Continuity::Kept,
            vec![text_part("prt_1", "before, missed, after", false)]
        )
    );
}

#[test]
fn what_a_hole_left_open_ends_with_the_next_message() {
    let (mut log, _) = logged(&[text_part("prt_1", "", false)]);
    log.hole(&mut Vec::new());
    let next = text_part("prt_2", "", false).replace("msg_1", "msg_2");
    log.push(next.as_bytes(), &mut Vec::new());
    assert_eq!(replayed(&log, None), (Continuity::Kept, vec![next]));
}

#[test]
fn closings() {
    let closing = |kind: &str| {
        format!(
            r#"{{"type":"{kind}","properties":{{"sessionID":"ses_1","messageID":"msg_1","partID":"prt_1","status":{{"type":"idle"}}}}}}"#
        )
    };
    for kind in [
        "message.part.removed",
        "message.removed",
        "session.deleted",
        "session.idle",
        "session.status",
    ] {
        let (mut log, _) = logged(&[text_part("prt_1", "", false)]);
        assert!(log.is_in_flight());
        log.push(closing(kind).as_bytes(), &mut Vec::new());
        assert!(!log.is_in_flight(), "{kind}");
        assert_eq!(replayed(&log, None), (Continuity::Kept, vec![]));
    }
    let (mut log, _) = logged(&[text_part("prt_1", "", false), text_part("prt_1", "x", true)]);
    assert!(!log.is_in_flight());
    for stale in [delta("prt_1", "late"), text_part("prt_1", "", false)] {
        log.push(stale.as_bytes(), &mut Vec::new());
        assert!(!log.is_in_flight(), "what comes for an ended part is stale");
    }
}

#[test]
fn what_is_not_logged() {
    let mut log = Log::new(ReplayLimits::default(), 1);
    for (event, taken) in [
        (r#"{"type":"server.connected","properties":{}}"#, Taken::Connected),
        (
            r#"{"payload":{"type":"server.heartbeat","properties":{}}}"#,
            Taken::Heartbeat,
        ),
        (
            r#"{"type":"server.instance.disposed","properties":{}}"#,
            Taken::Disposed,
        ),
        (
            r#"{"directory":"/p","payload":{"type":"sync","syncEvent":{"id":"e1","seq":4,"aggregateID":"ses_1"},"id":"e1"}}"#,
            Taken::Logged,
        ),
        (
            r#"{"id":"e1","type":"session.idle","properties":{"sessionID":"s"}}"#,
            Taken::Logged,
        ),
        (
            r#"{"id":"e1","type":"session.idle","properties":{"sessionID":"s"}}"#,
            Taken::Repeated,
        ),
        (r#"{"id":"e2","type":"unknown.kind"}"#, Taken::Logged),
        (r#"{"id":"e2","type":"unknown.kind"}"#, Taken::Repeated),
        (r#"{"type":"message.part.delta"}"#, Taken::Broken),
        (r#"{"type":"unknown.kind","x":tru}"#, Taken::Broken),
        ("", Taken::Broken),
    ] {
        let mut out = Vec::new();
        assert_eq!(log.push(event.as_bytes(), &mut out), taken, "{event}");
        assert_eq!(
            out.is_empty(),
            !matches!(taken, Taken::Logged | Taken::Broken),
            "{event}"
        );
    }
}

#[test]
fn line_feeds_do_not_break_a_frame() {
    let (log, _) = logged(&[
        text_part("prt_1", "", false),
        delta("prt_1", "x").replace(r#","field""#, ",\n\r\n\"field\""),
    ]);
    let (_, all) = replayed(&log, None);
    let value: Value = serde_json::from_str(&all[1]).unwrap();
    assert_eq!(value["properties"]["delta"], "x");
}

#[test]
fn an_evicted_start_is_told_while_the_part_is_open() {
    let limits = ReplayLimits {
        bytes: 10_000,
        tail: 1_000,
        parts: 8,
        remembered_ids: 8,
    };
    let mut log = Log::new(limits, 1);
    let mut out = Vec::new();
    log.push(text_part("prt_1", "", false).as_bytes(), &mut out);
    let begin = frames(&out)[0].0.clone();
    for n in 0..200 {
        // Other events in between keep the deltas apart.
        log.push(
            delta("prt_1", &format!("a rather long piece of text {n} ")).as_bytes(),
            &mut out,
        );
        log.push(br#"{"type":"file.edited","properties":{}}"#, &mut out);
    }
    assert_eq!(replayed(&log, None).0, Continuity::Lost);
    assert_eq!(replayed(&log, Some(&begin)).0, Continuity::Lost);
    let last = frames(&out).last().unwrap().0.clone();
    assert_eq!(replayed(&log, Some(&last)).0, Continuity::Kept);
    log.push(text_part("prt_1", "whole", true).as_bytes(), &mut out);
    assert_eq!(replayed(&log, None).0, Continuity::Kept);
}

#[test]
fn positions_of_others_are_lost() {
    let (log, ids) = logged(&[text_part("prt_1", "", false)]);
    let (epoch, _) = ids[0].split_once('-').unwrap();
    let (other, other_ids) = logged(&[]);
    assert!(other_ids.is_empty() && replayed(&other, Some(&ids[0])).0 == Continuity::Lost);
    for position in [
        "",
        "-",
        "1",
        "zzz-1",
        &format!("{epoch}-2"),
        &format!("{epoch}-x"),
        &format!("{epoch}--1"),
        &format!("{epoch}-18446744073709551616"),
    ] {
        assert_eq!(replayed(&log, Some(position)).0, Continuity::Lost, "{position}");
    }
    assert_eq!(replayed(&log, Some(&format!("{epoch}-0"))).0, Continuity::Kept);
}

#[test]
fn long_answers_are_few_events_and_cheap() {
    let begin = Instant::now();
    let mut log = Log::new(ReplayLimits::default(), 1);
    let mut out = Vec::new();
    log.push(text_part("prt_1", "", false).as_bytes(), &mut out);
    for n in 0..300_000 {
        out.clear();
        log.push(delta("prt_1", &format!("word{n:06} ")).as_bytes(), &mut out);
    }
    let (continuity, all) = replayed(&log, None);
    assert_eq!(continuity, Continuity::Kept);
    assert!(all.len() < 70, "{} events", all.len());
    assert!(all.iter().map(String::len).sum::<usize>() > 3_300_000);
    // Two parts in turn cannot be joined; each event still costs the same.
    for n in 0..100_000 {
        out.clear();
        log.push(delta(["prt_1", "prt_2"][n % 2], "word ").as_bytes(), &mut out);
    }
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[test]
fn a_text_that_its_server_gave_up_is_not_kept_for_ever() {
    for (hole, calls) in [(false, 11), (true, 3)] {
        let mut log = Log::new(ReplayLimits::default(), 1);
        let mut out = Vec::new();
        log.push(br#"{"type":"message.part.updated","properties":{"part":{"id":"prt_1","messageID":"msg_1","sessionID":"ses_1","type":"text","text":"","time":{"start":1}}}}"#, &mut out);
        log.push(br#"{"type":"message.part.delta","properties":{"sessionID":"ses_1","messageID":"msg_1","partID":"prt_1","field":"text","delta":"a"}}"#, &mut out);
        if hole {
            // The server was killed in the middle, and says no more of it.
            log.hole(&mut out);
        }
        for _ in 1..calls {
            log.age();
            assert!(log.is_in_flight());
        }
        log.age();
        assert!(!log.is_in_flight());
    }
}

#[test]
fn a_tool_needs_no_place_because_the_server_stores_it() {
    let mut log = Log::new(ReplayLimits::default(), 1);
    log.push(br#"{"type":"message.part.updated","properties":{"part":{"id":"prt_1","messageID":"msg_1","sessionID":"ses_1","type":"tool","state":{"status":"running","input":{}}}}}"#, &mut Vec::new());
    assert!(!log.is_in_flight());
}
