//! The event decoder on streams recorded from real servers, and on what may become of them.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::event::{Event, PartKind, Role, decode, message_head, named, part_head};
use opencode_session::proto::json::{Cursor, text_field};
use opencode_session::proto::sse::{Decoder, Item, SseLimits};
use proptest::prelude::*;
use serde_json::{Value, json};
use support_rs::{fixture, frames};

const RECORDED: [&str; 4] = [
    "events-1.1.65.sse",
    "events-1.18.33.sse",
    "global-events-1.1.65.sse",
    "global-events-1.18.33.sse",
];

/// What an event says, in words that do not depend on its spelling.
fn told(data: &[u8]) -> Result<Option<Value>, ()> {
    let json = |raw: &[u8]| serde_json::from_slice::<Value>(raw).unwrap_or(Value::Null);
    let Some(found) = decode(data, &|_| true).map_err(|_| ())? else {
        return Ok(None);
    };
    let id = |id: opencode_session::proto::json::Str<'_>| id.to_text();
    let what = match found.event {
        Event::Delta {
            message,
            part,
            field,
            delta,
        } => json!(["delta", id(message), id(part), id(field), id(delta)]),
        Event::Part { head, raw } => json!([
            "part",
            id(head.id),
            id(head.message),
            id(head.session),
            head.rank,
            head.text.map(id),
            json(raw)
        ]),
        Event::Message { head, raw, .. } => json!([
            "message",
            id(head.id),
            head.created,
            head.completed,
            head.parent.map(id),
            json(raw)
        ]),
        Event::PartRemoved { message, part } => json!(["part-removed", id(message), id(part)]),
        Event::MessageRemoved { message } => json!(["removed", id(message)]),
        Event::Session { raw } => json!(["session", json(raw)]),
        Event::Status { raw } => json!(["status", json(raw)]),
        Event::Error { raw } => json!(["error", json(raw)]),
        Event::PermissionAsked { id: name, raw } => json!(["asked", id(name), json(raw)]),
        Event::PermissionReplied { id: name } => json!(["replied", id(name)]),
        Event::QuestionAsked { id: name, raw } => json!(["question", id(name), json(raw)]),
        Event::QuestionDone { id: name } => json!(["answered", id(name)]),
        Event::Todos { raw } => json!(["todos", json(raw)]),
        Event::Stored { seq } => json!(["stored", seq]),
        other => json!(format!("{other:?}")),
    };
    Ok(Some(json!([found.id.map(id), id(found.session), what])))
}

fn parsed(data: &[u8]) -> Value {
    serde_json::from_slice(data).unwrap()
}

/// Spells a value with the keys of every object in another order.
fn shuffle(value: &Value, next: &mut impl FnMut() -> usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            (1..keys.len()).for_each(|at| keys.swap(at, next() % (at + 1)));
            out.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&json!(key).to_string());
                out.push(':');
                shuffle(&map[key], next, out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (at, item) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                shuffle(item, next, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[test]
fn every_recorded_frame_decodes() {
    for name in RECORDED {
        let mut kinds = std::collections::BTreeMap::<String, usize>::new();
        for data in frames(name) {
            let told = told(&data).unwrap_or_else(|()| panic!("{name}: {}", data.escape_ascii()));
            let kind = told.map_or(json!("skipped"), |told| told[2].get(0).unwrap_or(&told[2]).clone());
            *kinds.entry(kind.as_str().unwrap().to_owned()).or_default() += 1;
        }
        for kind in [
            "part",
            "message",
            "session",
            "status",
            "Connected",
            "Idle",
            "asked",
            "replied",
        ] {
            assert!(kinds.contains_key(kind), "{name} without {kind}: {kinds:?}");
        }
        assert_eq!(kinds.contains_key("delta"), name.contains("1.18"), "{name}");
    }
}

/// The JSON of a frame with this `event:` line.
fn framed(event: &str, data: &Value) -> Vec<u8> {
    let mut decoder = Decoder::new(SseLimits {
        line: 1 << 20,
        event: 1 << 20,
    });
    let mut found = Vec::new();
    decoder.feed(format!("event: {event}\ndata: {data}\n\n").as_bytes(), &mut |item| {
        if let Item::Frame(frame) = item {
            found = named(&frame).into_owned();
        }
    });
    found
}

#[test]
fn gateways_may_frame_events_their_own_way() {
    let mut count = 0;
    for name in ["events-1.1.65.sse", "events-1.18.33.sse"] {
        for data in frames(name) {
            let value = parsed(&data);
            let kind = value["type"].as_str().unwrap();
            let expected = told(&data).unwrap();
            let event = |fields: Value| {
                let mut event = fields;
                if let Some(id) = value.get("id")
                    && event.get("id").is_none()
                {
                    event["id"] = id.clone();
                }
                event
            };
            let under_data = event(json!({ "data": value["properties"] }));
            let mut typed = under_data.clone();
            typed["type"] = json!(kind);
            assert_eq!(
                told(typed.to_string().as_bytes()).unwrap(),
                expected,
                "under data: {kind}"
            );
            let given = framed(kind, &under_data);
            assert_eq!(told(&given).unwrap(), expected, "named by the frame: {kind}");
            assert_eq!(
                framed("other.name", &value),
                value.to_string().into_bytes(),
                "its own type counts"
            );
            // A request's id would be the event's.
            if value["properties"].get("id").is_none() {
                let bare = framed(kind, &event(value["properties"].clone()));
                assert_eq!(told(&bare).unwrap(), expected, "bare: {kind}");
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count} events");
    assert_eq!(framed("session.idle", &json!({})), br#"{"type":"session.idle"}"#);
    assert_eq!(framed("session.idle", &json!([1])), b"[1]");
    let text = json!({ "messageID": "msg_1", "partID": "prt_1", "sessionID": "ses_1", "text": "more" });
    let grown = told(&framed("message.part.delta", &text)).unwrap().unwrap();
    assert_eq!(grown[2], json!(["delta", "msg_1", "prt_1", "", "more"]));
}

#[test]
fn both_generations_give_the_same_model() {
    let end = |name: &str| {
        let mut texts = Vec::new();
        for data in frames(name) {
            let Some(found) = decode(&data, &|_| true).unwrap() else {
                continue;
            };
            if let Event::Part { head, .. } = found.event
                && head.kind == PartKind::Text
                && head.rank == 2
            {
                assert_eq!(found.session.raw(), head.session.raw());
                texts.push(head.text.unwrap().to_text().trim_end().to_owned());
            }
        }
        texts
    };
    assert_eq!(end("events-1.1.65.sse"), end("events-1.18.33.sse"));
    assert_eq!(end("events-1.1.65.sse").len(), 4);
    for name in RECORDED {
        let mut tool = Vec::new();
        for data in frames(name) {
            if let Some(Event::Part { head, .. }) = decode(&data, &|_| true).unwrap().map(|found| found.event)
                && head.kind == PartKind::Tool
            {
                tool.push(head.rank);
            }
        }
        tool.dedup();
        assert_eq!(tool, [0, 1, 2], "{name}");
    }
}

#[test]
fn the_session_is_found_in_the_old_shape() {
    for data in frames("events-1.1.65.sse")
        .into_iter()
        .chain(frames("global-events-1.1.65.sse"))
    {
        let Some(found) = decode(&data, &|_| true).unwrap() else {
            continue;
        };
        let global = matches!(found.event, Event::Connected | Event::Heartbeat | Event::Disposed);
        assert_eq!(
            found.session.to_text().starts_with("ses_"),
            !global,
            "{}",
            data.escape_ascii()
        );
        let other = decode(&data, &|id| id.is("ses_other")).unwrap();
        let kin = matches!(found.event, Event::Session { .. }) || found.event.is_surfacing();
        assert_eq!(other.is_some(), global || kin);
    }
}

#[test]
fn the_global_stream_tells_the_same_once() {
    for version in ["1.1.65", "1.18.33"] {
        let plain: Vec<_> = frames(&format!("events-{version}.sse"))
            .iter()
            .filter_map(|data| told(data).unwrap())
            .collect();
        let global: Vec<_> = frames(&format!("global-events-{version}.sse"))
            .iter()
            .filter_map(|data| told(data).unwrap())
            .collect();
        let hello = |told: &&Value| told[2] != "Connected" && told[2] != "Heartbeat" && told[2][0] != "stored";
        let plain: Vec<_> = plain.iter().filter(hello).collect();
        let global: Vec<_> = global.iter().filter(hello).collect();
        assert_eq!(plain, global, "{version}");
    }
    let numbers: Vec<i64> = frames("global-events-1.18.33.sse")
        .iter()
        .filter_map(|data| match decode(data, &|_| true).unwrap()?.event {
            Event::Stored { seq } => Some(seq),
            _ => None,
        })
        .collect();
    assert_eq!(
        numbers,
        (0..29).collect::<Vec<_>>(),
        "stored events are counted without a hole"
    );
}

#[test]
fn events_of_other_sessions_are_skipped_before_they_are_read() {
    // The rest is broken on purpose: whoever reads on would fail.
    let broken = br#"{"type":"message.part.delta","properties":{"sessionID":"ses_other","delta":BROKEN"#;
    assert!(matches!(decode(broken, &|id| id.is("ses_1")), Ok(None)));
    let old = br#"{"type":"message.part.updated","properties":{"part":{"id":"p","messageID":"m","sessionID":"ses_other","type":"text"}}}"#;
    assert!(matches!(decode(old, &|id| id.is("ses_1")), Ok(None)));
    assert!(decode(old, &|id| id.is("ses_other")).unwrap().is_some());
}

#[test]
fn unknown_types_and_fields_pass() {
    for kind in [
        "installation.updated",
        "session.next.text",
        "permission.v2.asked",
        "question.v2.asked",
        "message.next",
        "",
        "file.edited",
    ] {
        let data = json!({ "type": kind, "properties": { "sessionID": "ses_1", "x": [1, { "y": null }] } }).to_string();
        assert!(matches!(decode(data.as_bytes(), &|_| true), Ok(None)), "{kind}");
    }
    let data = br#"{"type":"session.idle","v":2,"properties":{"sessionID":"ses_1","x":[{"sessionID":"no"}],"__proto__":{}},"z":"}"}"#;
    assert!(matches!(decode(data, &|_| true).unwrap().unwrap().event, Event::Idle));
}

#[test]
fn broken_events_are_errors() {
    let broken: [&[u8]; 9] = [
        b"",
        b"null",
        b"{",
        b"{\"properties\":{}}",
        br#"{"type":7}"#,
        br#"{"type":"session.idle","properties":{"sessionID":"s"}"#,
        br#"{"type":"session.idle","properties":{"sessionID":"s"}} x"#,
        br#"{"type":"message.part.delta","properties":{"sessionID":"s","messageID":"m","partID":"p","field":"text"}}"#,
        br#"{"type":"message.part.updated","properties":{"sessionID":"s","part":{"id":"p"}}}"#,
    ];
    for data in broken {
        assert!(decode(data, &|_| true).is_err(), "{}", data.escape_ascii());
    }
}

#[test]
fn ranks_and_roles() {
    let rank = |part: Value| part_head(&mut Cursor::new(part.to_string().as_bytes())).unwrap().rank;
    assert_eq!(rank(json!({ "type": "text", "text": "a", "time": { "start": 1 } })), 0);
    assert_eq!(
        rank(json!({ "type": "text", "text": "a", "time": { "start": 1, "end": null } })),
        0
    );
    assert_eq!(
        rank(json!({ "time": { "start": 1, "end": 2 }, "type": "reasoning" })),
        2
    );
    assert_eq!(rank(json!({ "type": "text", "text": "of a user" })), 2);
    assert_eq!(rank(json!({ "state": { "status": "pending" }, "type": "tool" })), 0);
    assert_eq!(rank(json!({ "type": "tool", "state": { "status": "running" } })), 1);
    assert_eq!(rank(json!({ "type": "tool", "state": { "status": "error" } })), 2);
    assert_eq!(rank(json!({ "type": "step-start" })), 2);
    let info = json!({ "role": "user", "time": { "created": 12.5 }, "id": "m" }).to_string();
    let head = message_head(&mut Cursor::new(info.as_bytes())).unwrap();
    assert_eq!((head.role, head.created, head.completed), (Role::User, 12, false));
    let field = |object| text_field(object, "directory").map(|text| text.to_text());
    assert_eq!(field(br#"{"directory":"/a b"}"#).as_deref(), Some("/a b"));
    assert_eq!(
        (field(br#"{"directory":1}"#), field(br#"{"directory":"a""#)),
        (None, None)
    );
}

#[test]
fn a_delta_in_any_spelling_is_the_same() {
    let quick = br#"{"id":"evt_1","type":"message.part.delta","properties":{"sessionID":"s","messageID":"m","partID":"p","field":"text","delta":"a\"\\\ud83d\ude80"}}"#;
    let slow = br#" { "properties" : {"delta":"a\"\\\ud83d\ude80","field":"text","partID":"p","messageID":"m","sessionID":"s"},"type":"message.part.delta","id":"evt_1" } "#;
    assert_eq!(told(quick), told(slow));
    assert_eq!(told(quick).unwrap().unwrap()[2][4], "a\"\\🚀");
}

#[test]
fn recorded_histories_are_read() {
    for version in ["1.1.65", "1.18.33"] {
        let body = fixture(&format!("messages-{version}.json"));
        let page = opencode_session::proto::store::Page::read(&body).unwrap();
        let want = parsed(&body);
        assert_eq!(page.items.len(), want.as_array().unwrap().len());
        for (item, want) in page.items.iter().zip(want.as_array().unwrap()) {
            assert_eq!(&parsed(item.raw), want);
            assert_eq!(&parsed(item.info), &want["info"]);
            assert_eq!(item.head.completed, !want["info"]["time"]["completed"].is_null());
            assert!(item.parts.iter().all(|(head, _)| head.rank == 2));
            assert_eq!(item.parts.len(), want["parts"].as_array().unwrap().len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_keys_says_nothing(name in prop::sample::select(RECORDED.to_vec()), at: prop::sample::Index, seed: u32) {
        let all = frames(name);
        let data = &all[at.index(all.len())];
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize
        };
        let mut shuffled = String::new();
        shuffle(&parsed(data), &mut next, &mut shuffled);
        prop_assert_eq!(told(shuffled.as_bytes()), told(data), "{}", shuffled);
    }

    #[test]
    fn mutated_frames_never_panic(
        name in prop::sample::select(RECORDED.to_vec()), at: prop::sample::Index,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut: prop::sample::Index,
    ) {
        let all = frames(name);
        let mut data = all[at.index(all.len())].clone();
        for (at, byte) in edits {
            let at = at.index(data.len());
            data[at] = byte;
        }
        let _ = told(&data);
        data.truncate(cut.index(data.len()));
        let _ = told(&data);
        let _ = part_head(&mut Cursor::new(&data));
        let _ = message_head(&mut Cursor::new(&data));
    }
}
