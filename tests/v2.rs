//! The v2 dialect, told as v1: recordings of a real server, and joining their streams at every moment.
//!
//! `support_rs` is not used: what is tested here is the translator alone; `tests/browser/v2.test.mjs` runs it with all the rest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use opencode_session::proto::v2::{Answer, Step, Translator};
use proptest::prelude::*;
use serde_json::{Value, json};

const RECORDED: &str = include_str!("support/fixtures/v2-global-events-1.18.33.sse");
const PAGE: &str = include_str!("support/fixtures/v2-messages-1.18.33.json");
const HISTORY: &str = include_str!("support/fixtures/v2-history-1.18.33.json");

/// The recorded stream behind its `server.connected`.
fn stream() -> &'static str {
    RECORDED.split_once("\n\n").unwrap().1
}

fn session() -> String {
    let history: Value = serde_json::from_str(HISTORY).unwrap();
    let id = &history["data"][0]["data"]["sessionID"];
    String::from(id.as_str().unwrap())
}

fn good(body: &str) -> Answer {
    Answer {
        status: 200,
        content_type: String::from("application/json"),
        body: body.as_bytes().to_vec(),
        ..Answer::default()
    }
}

fn failed(status: u16, body: &str) -> Answer {
    Answer { status, ..good(body) }
}

fn page_of(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).unwrap()
}

/// Asks for the newest page and answers it with this one; whatever else is asked has nothing.
fn load(translator: &mut Translator, session: &str, page: &str) -> Value {
    let path = format!("/session/{session}/message?limit=199");
    let mut step = translator.ask("GET", &path, b"");
    loop {
        step = match step {
            Step::Ask(ask) if ask.path.contains("/message?") => translator.answered(ask.id, good(page)),
            Step::Ask(ask) => translator.answered(ask.id, good(r#"{"data":[]}"#)),
            Step::Done(answer) => return page_of(&answer),
            Step::Through => panic!("a v2 session went through"),
        }
    }
}

fn joined(session: &str, page: &str) -> (Translator, Value) {
    let mut translator = Translator::new();
    translator.adopt(session);
    translator.opened(false);
    let _ = translator.bytes(b"data: {\"payload\":{\"type\":\"server.connected\",\"properties\":{}}}\n\n");
    let page = load(&mut translator, session, page);
    (translator, page)
}

/// What a v1 client makes of a page and the events after it.
#[derive(Debug, Clone, Default)]
struct Reader {
    infos: BTreeMap<String, Value>,
    parts: BTreeMap<(String, String), Value>,
    status: String,
    holes: usize,
    asked: Vec<String>,
    answered: Vec<String>,
}

impl Reader {
    fn page(page: &Value) -> Self {
        let mut reader = Reader::default();
        for item in page.as_array().unwrap() {
            reader.item(item);
        }
        reader
    }

    fn item(&mut self, item: &Value) {
        let id = text(&item["info"]["id"]);
        self.infos.insert(id, item["info"].clone());
        for part in item["parts"].as_array().unwrap() {
            self.part(part);
        }
    }

    fn part(&mut self, part: &Value) {
        let key = (text(&part["messageID"]), text(&part["id"]));
        assert!(self.infos.contains_key(&key.0), "a part of an unknown message: {part}");
        self.parts.insert(key, part.clone());
    }

    fn feed(&mut self, bytes: &[u8]) {
        for frame in String::from_utf8(bytes.to_vec()).unwrap().split("\n\n") {
            let Some(data) = frame.lines().find_map(|line| line.strip_prefix("data: ")) else {
                continue;
            };
            let event: Value = serde_json::from_str(data).unwrap();
            let event = event.get("payload").unwrap_or(&event);
            let properties = &event["properties"];
            match event["type"].as_str().unwrap() {
                "message.updated" => {
                    self.infos
                        .insert(text(&properties["info"]["id"]), properties["info"].clone());
                }
                "message.removed" => {
                    self.infos.remove(&text(&properties["messageID"]));
                }
                "message.part.updated" => self.part(&properties["part"]),
                "message.part.delta" => {
                    let key = (text(&properties["messageID"]), text(&properties["partID"]));
                    let part = self.parts.get_mut(&key).expect("a delta of an unknown part");
                    assert!(part["time"]["end"].is_null(), "a delta of an ended part");
                    part["text"] = json!(text(&part["text"]) + &text(&properties["delta"]));
                }
                "session.status" => self.status = text(&properties["status"]["type"]),
                "permission.asked" | "question.asked" => self.asked.push(properties.to_string()),
                "permission.replied" | "question.replied" => self.answered.push(text(&properties["requestID"])),
                "replay.hole" => self.holes += 1,
                "session.idle" | "session.error" | "session.created" | "session.updated" | "server.connected"
                | "server.heartbeat" | "sync" | "session.deleted" => {}
                other => assert!(!other.starts_with("session.next."), "{other} was not translated"),
            }
        }
    }

    fn texts(&self) -> impl Iterator<Item = (&(String, String), String)> {
        self.parts
            .iter()
            .filter(|(_, part)| part["text"].is_string())
            .map(|(key, part)| (key, text(&part["text"])))
    }

    /// In the order in which a v1 client shows them.
    fn order(&self) -> Vec<String> {
        let mut list: Vec<(i64, String)> = self
            .infos
            .iter()
            .map(|(id, info)| (info["time"]["created"].as_i64().unwrap(), id.clone()))
            .collect();
        list.sort();
        list.into_iter().map(|(_, id)| id).collect()
    }
}

fn text(value: &Value) -> String {
    String::from(value.as_str().unwrap_or_default())
}

/// The server's own way from events to messages, as far as the recording goes: what its page said at any moment.
fn server_page(events: &[Value]) -> String {
    let mut list: Vec<Value> = Vec::new();
    for event in events {
        let data = &event["data"];
        let when = &data["timestamp"];
        let at = |list: &[Value]| {
            list.iter()
                .position(|message| message["id"] == data["assistantMessageID"])
        };
        let content = |message: &Value, id: &Value| {
            message["content"]
                .as_array()
                .unwrap()
                .iter()
                .position(|item| item["id"] == *id)
                .unwrap()
        };
        match event["type"].as_str().unwrap().strip_prefix("session.next.").unwrap() {
            "prompted" => list.push(json!({"id": data["messageID"], "time": {"created": when}, "text": data["prompt"]["text"], "type": "user"})),
            "step.started" => list.push(json!({"id": data["assistantMessageID"], "time": {"created": when}, "type": "assistant",
                "agent": data["agent"], "model": data["model"], "content": []})),
            "step.ended" => {
                let message = at(&list).map(|at| &mut list[at]).unwrap();
                for key in ["finish", "cost", "tokens"] {
                    message[key] = data[key].clone();
                }
                message["time"]["completed"] = when.clone();
            }
            "step.failed" => {
                let message = at(&list).map(|at| &mut list[at]).unwrap();
                message["finish"] = json!("error");
                message["error"] = data["error"].clone();
                message["time"]["completed"] = when.clone();
            }
            kind => {
                let Some(message) = at(&list).map(|at| &mut list[at]) else { continue };
                let push = |message: &mut Value, item: Value| message["content"].as_array_mut().unwrap().push(item);
                match kind {
                    "text.started" => push(message, json!({"type": "text", "id": data["textID"], "text": ""})),
                    "text.ended" => {
                        let at = content(message, &data["textID"]);
                        message["content"][at]["text"] = data["text"].clone();
                    }
                    "reasoning.started" => push(message, json!({"type": "reasoning", "id": data["reasoningID"], "text": "", "time": {"created": when}})),
                    "reasoning.ended" => {
                        let at = content(message, &data["reasoningID"]);
                        message["content"][at]["text"] = data["text"].clone();
                        message["content"][at]["time"]["completed"] = when.clone();
                    }
                    "tool.input.started" => push(message, json!({"type": "tool", "id": data["callID"], "name": data["name"],
                        "state": {"status": "pending", "input": ""}, "time": {"created": when}})),
                    "tool.input.ended" => {
                        let at = content(message, &data["callID"]);
                        message["content"][at]["state"]["input"] = data["text"].clone();
                    }
                    "tool.called" => {
                        let at = content(message, &data["callID"]);
                        message["content"][at]["state"] = json!({"status": "running", "input": data["input"], "structured": {}, "content": []});
                        message["content"][at]["time"]["ran"] = when.clone();
                    }
                    "tool.success" => {
                        let at = content(message, &data["callID"]);
                        let input = message["content"][at]["state"]["input"].clone();
                        message["content"][at]["state"] = json!({"status": "completed", "input": input,
                            "content": data["content"], "outputPaths": data["outputPaths"], "structured": data["structured"]});
                        message["content"][at]["provider"] = data["provider"].clone();
                        message["content"][at]["time"]["completed"] = when.clone();
                    }
                    _ => {}
                }
            }
        }
    }
    list.reverse();
    json!({"data": list, "cursor": {"next": null}}).to_string()
}

fn stored() -> Vec<Value> {
    let history: Value = serde_json::from_str(HISTORY).unwrap();
    history["data"].as_array().unwrap().clone()
}

fn frames() -> Vec<&'static str> {
    stream().split_inclusive("\n\n").collect()
}

/// The ids of the stored events that a frame tells, for putting stream and history side by side.
fn stored_before(frames: &[&str], stored: &[Value]) -> usize {
    let told: Vec<String> = frames
        .iter()
        .filter_map(|frame| serde_json::from_str::<Value>(frame.trim().strip_prefix("data: ")?).ok())
        .map(|event| text(&event["payload"]["id"]))
        .collect();
    stored.iter().filter(|event| told.contains(&text(&event["id"]))).count()
}

#[test]
fn the_recording_is_what_the_server_makes_of_its_events() {
    let recorded: Value = serde_json::from_str(PAGE).unwrap();
    let made: Value = serde_json::from_str(&server_page(&stored())).unwrap();
    let strip = |page: &Value| -> Vec<Value> {
        let mut list = page["data"].as_array().unwrap().clone();
        for message in &mut list {
            for item in message["content"].as_array_mut().into_iter().flatten() {
                item.as_object_mut().unwrap().remove("provider");
            }
        }
        list
    };
    assert_eq!(strip(&made), strip(&recorded));
}

#[test]
fn p3_the_state_after_the_events_is_that_of_the_history() {
    let session = session();
    let (mut translator, page) = joined(&session, r#"{"data":[],"cursor":{}}"#);
    assert_eq!(page, json!([]));
    let mut reader = Reader::page(&page);
    reader.feed(&translator.bytes(stream().as_bytes()));
    let (_, fresh) = joined(&session, PAGE);
    let fresh = Reader::page(&fresh);
    assert_eq!(reader.infos, fresh.infos);
    assert_eq!(reader.parts, fresh.parts);
    assert_eq!(reader.holes, 0);
    let server: Value = serde_json::from_str(PAGE).unwrap();
    let order: Vec<String> = server["data"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|message| text(&message["id"]))
        .collect();
    assert_eq!(fresh.order(), order);
    assert_eq!(reader.order(), order);
    // The end of a turn is told by the server alone.
    assert_eq!(reader.status, "busy");
    assert_eq!(translator.due(), Some(0));
    reader.feed(&translator.checked(Some(br#"{"data":{}}"#)));
    assert_eq!(reader.status, "idle");
    assert_eq!(translator.due(), None);
}

#[test]
fn p1_every_text_is_a_beginning_of_the_stored_one_at_every_event() {
    let session = session();
    let (_, fresh) = joined(&session, PAGE);
    let fresh = Reader::page(&fresh);
    let whole: BTreeMap<_, _> = fresh.texts().map(|(key, text)| (key.clone(), text)).collect();
    let (mut translator, page) = joined(&session, r#"{"data":[],"cursor":{}}"#);
    let mut reader = Reader::page(&page);
    let mut seen = 0;
    for frame in frames() {
        reader.feed(&translator.bytes(frame.as_bytes()));
        for (key, text) in reader.texts() {
            seen += usize::from(!text.is_empty());
            assert!(
                whole[key].starts_with(&text),
                "{key:?}: {text:?} is not the beginning of {:?}",
                whole[key]
            );
        }
    }
    assert!(seen > 200, "{seen} texts");
}

#[test]
fn who_joins_at_any_moment_ends_where_the_server_is() {
    let session = session();
    let (frames, stored) = (frames(), stored());
    let (_, fresh) = joined(&session, PAGE);
    let fresh = Reader::page(&fresh);
    for at in 0..=frames.len() {
        // The page may be older than the stream's beginning, and newer.
        for (early, late) in [(0, 0), (3, 0), (0, 3)] {
            let known = stored_before(&frames[..at.saturating_sub(early)], &stored);
            let mut translator = Translator::new();
            translator.adopt(&session);
            translator.opened(false);
            let mut bytes = translator.bytes(b"data: {\"type\":\"server.connected\",\"properties\":{}}\n\n");
            let first = (at.saturating_sub(early)..(at + late).min(frames.len())).map(|at| frames[at]);
            for frame in first {
                bytes.extend(translator.bytes(frame.as_bytes()));
            }
            let page = load(&mut translator, &session, &server_page(&stored[..known]));
            let mut reader = Reader::page(&page);
            reader.feed(&bytes);
            reader.feed(&translator.released());
            for frame in &frames[(at + late).min(frames.len())..] {
                reader.feed(&translator.bytes(frame.as_bytes()));
            }
            assert_eq!(reader.holes, 0, "joined at {at}");
            assert_eq!(
                reader.order(),
                fresh.order(),
                "joined at {at}, {early} early, {late} late"
            );
            assert_eq!(reader.parts, fresh.parts, "joined at {at}, {early} early, {late} late");
            assert_eq!(reader.infos, fresh.infos, "joined at {at}, {early} early, {late} late");
        }
    }
}

#[test]
fn a_stream_cut_anywhere_is_told_alike() {
    let session = session();
    let whole = {
        let (mut translator, _) = joined(&session, r#"{"data":[],"cursor":{}}"#);
        translator.bytes(stream().as_bytes())
    };
    for size in [1, 2, 3, 7, 64, 1_000] {
        let (mut translator, _) = joined(&session, r#"{"data":[],"cursor":{}}"#);
        let mut told = Vec::new();
        for piece in stream().as_bytes().chunks(size) {
            told.extend(translator.bytes(piece));
        }
        assert!(told == whole, "chunks of {size} bytes");
    }
}

#[test]
fn a_stream_joined_in_the_middle_of_a_frame_loses_nothing_of_it() {
    let mut translator = Translator::new();
    translator.adopt("ses_1");
    translator.opened(true);
    let mut told = translator.bytes(b"ype\":\"x\"}\n");
    told.extend(translator.bytes(b"\ndata: {\"type\":\"todo.updated\",\"properties\":{}}\n"));
    told.extend(translator.bytes(b"\n"));
    assert_eq!(
        String::from_utf8(told).unwrap(),
        "ype\":\"x\"}\n\ndata: {\"type\":\"todo.updated\",\"properties\":{}}\n\n"
    );
}

#[test]
fn what_is_not_of_a_v2_session_goes_on_byte_for_byte() {
    let v1 = include_str!("support/fixtures/global-events-1.18.33.sse");
    let mut translator = Translator::new();
    translator.adopt("ses_other");
    translator.opened(false);
    assert_eq!(String::from_utf8(translator.bytes(v1.as_bytes())).unwrap(), v1);
}

#[test]
fn what_is_lost_is_fetched_again() {
    let session = session();
    let (mut translator, page) = joined(&session, r#"{"data":[],"cursor":{}}"#);
    let mut reader = Reader::page(&page);
    // The beginning of an answer is missing.
    let later: Vec<&str> = frames()
        .into_iter()
        .skip_while(|frame| !frame.contains("text.delta"))
        .collect();
    reader.feed(&translator.bytes(later[0].as_bytes()));
    assert_eq!(reader.holes, 1);
    // Until the page is there nothing is told; then all of it.
    let rest = later[1..].concat();
    reader.feed(&translator.bytes(rest.as_bytes()));
    assert_eq!(reader.holes, 1);
    let known = stored_before(&frames()[..frames().len() - later.len()], &stored());
    let page = load(&mut translator, &session, &server_page(&stored()[..known]));
    let mut reader = Reader::page(&page);
    reader.feed(&translator.released());
    let (_, fresh) = joined(&session, PAGE);
    assert_eq!(reader.parts, Reader::page(&fresh).parts);
}

#[test]
fn permissions_and_questions_are_told_and_answered_where_they_belong() {
    let session = session();
    let (mut translator, page) = joined(&session, r#"{"data":[],"cursor":{}}"#);
    let mut reader = Reader::page(&page);
    for frame in frames() {
        reader.feed(&translator.bytes(frame.as_bytes()));
        let Some(asked) = reader.asked.pop() else { continue };
        let asked: Value = serde_json::from_str(&asked).unwrap();
        let id = text(&asked["id"]);
        if asked.get("questions").is_some() {
            let step = translator.ask("POST", &format!("/question/{id}/reply"), br#"{"answers":[["Tea"]]}"#);
            let Step::Ask(ask) = step else { panic!("{step:?}") };
            assert_eq!(ask.path, format!("/api/session/{session}/question/{id}/reply"));
            assert_eq!(ask.body.unwrap(), br#"{"answers":[["Tea"]]}"#);
        } else {
            assert_eq!(asked["permission"], "bash");
            assert_eq!(asked["patterns"], json!(["echo hello from bash"]));
            assert!(asked["tool"]["callID"].is_string());
            let path = format!("/session/{session}/permissions/{id}");
            let Step::Ask(ask) = translator.ask("POST", &path, br#"{"response":"once"}"#) else {
                panic!()
            };
            assert_eq!(ask.path, format!("/api/session/{session}/permission/{id}/reply"));
            assert_eq!(ask.body.unwrap(), br#"{"reply":"once"}"#);
        }
    }
    assert_eq!(reader.answered.len(), 2);
}

#[test]
fn a_prompt_is_posted_under_its_own_id_with_its_model_before_it() {
    let mut translator = Translator::new();
    translator.adopt("ses_1");
    let body = br#"{"messageID":"msg_1","parts":[{"id":"prt_1","type":"text","text":"Hi"},{"id":"prt_2","type":"file","mime":"text/plain","url":"data:,x","filename":"x.txt"}],"model":{"providerID":"p","modelID":"m"},"variant":"high"}"#;
    let Step::Ask(ask) = translator.ask("POST", "/session/ses_1/prompt_async", body) else {
        panic!()
    };
    assert_eq!((ask.method, ask.path.as_str()), ("POST", "/api/session/ses_1/model"));
    assert_eq!(
        ask.body.unwrap(),
        br#"{"model":{"id":"m","providerID":"p","variant":"high"}}"#
    );
    let Step::Ask(ask) = translator.answered(
        ask.id,
        Answer {
            status: 204,
            ..Answer::default()
        },
    ) else {
        panic!()
    };
    assert_eq!(ask.path, "/api/session/ses_1/prompt");
    assert_eq!(
        String::from_utf8(ask.body.unwrap()).unwrap(),
        r#"{"id":"msg_1","prompt":{"text":"Hi","files":[{"uri":"data:,x","name":"x.txt"}]}}"#
    );
    let Step::Done(answer) = translator.answered(ask.id, good(r#"{"data":{"admittedSeq":1}}"#)) else {
        panic!()
    };
    assert_eq!(answer.status, 204);
    // The model is chosen already.
    let Step::Ask(ask) = translator.ask("POST", "/session/ses_1/prompt_async", body) else {
        panic!()
    };
    assert_eq!(ask.path, "/api/session/ses_1/prompt");
    // A refusal is the server's own.
    let Step::Done(answer) = translator.answered(ask.id, failed(409, r#"{"_tag":"ConflictError","message":"no"}"#))
    else {
        panic!()
    };
    assert_eq!(answer.status, 409);
    let Step::Done(answer) = translator.ask("POST", "/session/ses_1/prompt_async", br#"{"system":"x","parts":[]}"#)
    else {
        panic!()
    };
    assert_eq!(answer.status, 400);
}

#[test]
fn a_session_without_v1_messages_is_looked_for_in_v2() {
    let mut translator = Translator::new();
    let path = "/session/ses_1/message?limit=10";
    let Step::Ask(ask) = translator.ask("GET", path, b"") else {
        panic!()
    };
    assert_eq!(ask.path, path);
    let v1 = r#"[{"info":{"id":"msg_1"},"parts":[]}]"#;
    assert_eq!(translator.answered(ask.id, good(v1)), Step::Done(good(v1)));
    assert!(!translator.knows("ses_1"));
    for (v2, is) in [(r#"{"data":[]}"#, false), (PAGE, true)] {
        let Step::Ask(ask) = translator.ask("GET", path, b"") else {
            panic!()
        };
        let Step::Ask(ask) = translator.answered(ask.id, good("[]")) else {
            panic!()
        };
        assert_eq!(ask.path, "/api/session/ses_1/message?limit=1");
        let step = translator.answered(ask.id, good(v2));
        assert_eq!(matches!(step, Step::Ask(_)), is);
        assert_eq!(translator.knows("ses_1"), is);
    }
    // An old server has no such route.
    let mut translator = Translator::new();
    let Step::Ask(ask) = translator.ask("GET", path, b"") else {
        panic!()
    };
    let Step::Ask(ask) = translator.answered(ask.id, good("[]")) else {
        panic!()
    };
    let html = Answer {
        content_type: String::from("text/html"),
        ..good("<!doctype html>")
    };
    assert_eq!(translator.answered(ask.id, html), Step::Done(good("[]")));
}

#[test]
fn servers_are_probed_in_order() {
    let html = || Answer {
        content_type: String::from("text/html"),
        ..good("<!doctype html>")
    };
    // What each server answers at /global/health, /api/health and /api/info; the version told.
    let json = |body: &str| good(body);
    let cases = [
        (vec![json(r#"{"healthy":true,"version":"1.18.33"}"#)], "1.18.33", false),
        (
            vec![html(), json(r#"{"healthy":true,"version":"2.0.2"}"#)],
            "2.0.2",
            true,
        ),
        (
            vec![
                html(),
                json(r#"{"healthy":true}"#),
                json(r#"{"version":"2.0.6","pid":1}"#),
            ],
            "2.0.6",
            true,
        ),
        (
            vec![failed(404, "{}"), html(), json(r#"{"version":"2.1.0"}"#)],
            "2.1.0",
            true,
        ),
    ];
    for (answers, version, second) in cases {
        let mut translator = Translator::new();
        let mut step = translator.ask("GET", "/global/health", b"");
        let mut asked = Vec::new();
        for answer in answers {
            let Step::Ask(ask) = step else { panic!("{step:?}") };
            asked.push(ask.path.clone());
            step = translator.answered(ask.id, answer);
        }
        assert_eq!(asked, ["/global/health", "/api/health", "/api/info"][..asked.len()]);
        let Step::Done(answer) = step else { panic!("{step:?}") };
        let health = page_of(&answer);
        assert_eq!(
            (&health["version"], &health["healthy"]),
            (&json!(version), &json!(true))
        );
        assert_eq!(health["dialect"], if second { json!("v2") } else { Value::Null });
        assert_eq!(translator.is_second(), second);
        assert_eq!(translator.stream("/event") == "/api/event", second);
    }
    // Neither: what came first is the answer, as it is.
    for first in [html(), failed(401, "{}")] {
        let mut translator = Translator::new();
        let mut step = translator.ask("GET", "/global/health", b"");
        let mut next = first.clone();
        while let Step::Ask(ask) = step {
            step = translator.answered(ask.id, next);
            next = html();
        }
        assert_eq!(step, Step::Done(first));
        assert!(!translator.is_second());
    }
}

#[test]
fn prompts_taken_while_nobody_listened_are_shown_and_stay_until_they_are_cancelled() {
    let session = session();
    let (mut translator, _) = joined(&session, r#"{"data":[],"cursor":{}}"#);
    let frame = |kind: &str, seq: i64, data: Value| {
        let data = json!({"sessionID": session, "timestamp": 5_000 + seq, "messageID": data["id"], "prompt": {"text": data["text"]}});
        json!({"id": format!("evt_{seq}"), "type": format!("session.next.{kind}"), "durable": {"aggregateID": session, "seq": seq}, "data": data})
    };
    let first = frame("prompt.admitted", 1, json!({"id": "msg_1", "text": "one"}));
    let _ = translator.bytes(format!("data: {first}\n\n").as_bytes());
    // After a break the page does not tell what waits; the numbered events since do.
    let path = format!("/session/{session}/message?limit=10");
    let Step::Ask(ask) = translator.ask("GET", &path, b"") else {
        panic!()
    };
    let Step::Ask(ask) = translator.answered(ask.id, good(r#"{"data":[],"cursor":{}}"#)) else {
        panic!()
    };
    assert_eq!(ask.path, format!("/api/session/{session}/history?limit=100&after=1"));
    let missed = json!({"data": [frame("prompt.admitted", 2, json!({"id": "msg_2", "text": "two"})), frame("prompted", 3, json!({"id": "msg_1"}))]});
    let Step::Done(answer) = translator.answered(ask.id, good(&missed.to_string())) else {
        panic!()
    };
    let page = page_of(&answer);
    assert_eq!(page[0]["info"]["id"], "msg_2");
    assert_eq!(page[0]["parts"][0]["text"], "two");
    let Step::Ask(ask) = translator.ask("GET", &path, b"") else {
        panic!()
    };
    let Step::Ask(ask) = translator.answered(ask.id, good(r#"{"data":[],"cursor":{}}"#)) else {
        panic!()
    };
    assert!(ask.path.ends_with("after=3"));
}

#[test]
fn lists_of_both_dialects_are_one() {
    let mut translator = Translator::new();
    assert_eq!(translator.ask("GET", "/session/status", b""), Step::Through);
    translator.adopt("ses_2");
    let asked = json!({"id": "per_2", "sessionID": "ses_2", "action": "edit", "resources": ["a"], "save": ["a"]});
    let cases = [
        (
            "/session/status",
            "/api/session/active",
            r#"{"ses_1":{"type":"retry","next":1}}"#,
            json!({"ses_2": {"type": "running"}}),
            json!({"ses_1": {"type": "retry", "next": 1}, "ses_2": {"type": "busy"}}),
        ),
        ("/session/status", "/api/session/active", "{}", json!({}), json!({})),
        (
            "/permission?directory=%2Fa%2520b",
            "/api/permission/request?location%5Bdirectory%5D=%2Fa%20b",
            r#"[{"id":"per_1","patterns":["x"]}]"#,
            json!([asked]),
            json!([{"id": "per_1", "patterns": ["x"]}, {"id": "per_2", "sessionID": "ses_2", "permission": "edit", "patterns": ["a"], "always": ["a"], "metadata": {}}]),
        ),
        (
            "/question",
            "/api/question/request",
            "[]",
            json!([{"id": "que_2", "questions": []}]),
            json!([{"id": "que_2", "questions": []}]),
        ),
    ];
    for (path, v2, first, second, both) in cases {
        let Step::Ask(ask) = translator.ask("GET", path, b"") else {
            panic!()
        };
        assert_eq!(ask.path, path);
        let Step::Ask(ask) = translator.answered(ask.id, good(first)) else {
            panic!()
        };
        assert_eq!(ask.path.replace("%2F", "/"), v2.replace("%2F", "/"));
        let Step::Done(answer) = translator.answered(ask.id, good(&json!({"data": second}).to_string())) else {
            panic!()
        };
        assert_eq!(page_of(&answer), both);
        // Without an answer of v2 there is that of v1.
        let Step::Ask(ask) = translator.ask("GET", path, b"") else {
            panic!()
        };
        let Step::Ask(ask) = translator.answered(ask.id, good(first)) else {
            panic!()
        };
        assert_eq!(translator.answered(ask.id, failed(500, "{}")), Step::Done(good(first)));
    }
}

#[test]
fn pages_longer_than_the_servers_are_put_together_and_begin_where_the_core_asks() {
    let message =
        |n: usize| json!({"id": format!("msg_{n:03}"), "type": "user", "text": "x", "time": {"created": 1_000 + n}});
    let mut translator = Translator::new();
    translator.adopt("ses_1");
    let serve = |path: &str| {
        let query: BTreeMap<&str, &str> = path
            .split_once('?')
            .unwrap()
            .1
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let limit: usize = query["limit"].parse().unwrap();
        assert!(limit <= 200);
        let below = query.get("cursor").map_or(500, |cursor| {
            let json = String::from_utf8(base64(cursor)).unwrap();
            json.split("msg_").nth(1).unwrap()[..3].parse().unwrap()
        });
        let data: Vec<Value> = (0..below).rev().take(limit).map(message).collect();
        let next = data
            .last()
            .map(|last| format!(r#"{{"id":{},"order":"desc","direction":"next"}}"#, last["id"]));
        json!({"data": data, "cursor": {"next": next.map(|next| base64_of(next.as_bytes()))}}).to_string()
    };
    let mut run = |path: &str| {
        let mut step = translator.ask("GET", path, b"");
        loop {
            step = match step {
                Step::Ask(ask) => translator.answered(ask.id, good(&serve(&ask.path))),
                Step::Done(answer) => return (page_of(&answer), answer.cursor),
                Step::Through => panic!(),
            };
        }
    };
    let ids = |page: &Value| -> Vec<String> {
        page.as_array()
            .unwrap()
            .iter()
            .map(|item| text(&item["info"]["id"]))
            .collect()
    };
    let (page, cursor) = run("/session/ses_1/message?limit=450");
    assert_eq!(ids(&page), (50..500).map(|n| format!("msg_{n:03}")).collect::<Vec<_>>());
    // The kind of cursor that the core makes itself, too.
    assert_eq!(
        String::from_utf8(base64(&cursor)).unwrap(),
        r#"{"id":"msg_050","time":1050}"#
    );
    let (page, cursor) = run(&format!("/session/ses_1/message?limit=50&before={cursor}"));
    assert_eq!(ids(&page), (0..50).map(|n| format!("msg_{n:03}")).collect::<Vec<_>>());
    assert_eq!(cursor, "");
}

const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(text: &str) -> Vec<u8> {
    let mut bits = Vec::new();
    for digit in text.replace("%3D", "").bytes() {
        let value = DIGITS.iter().position(|known| *known == digit).unwrap();
        bits.extend((0..6).rev().map(|bit| value >> bit & 1));
    }
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | *bit as u8))
        .collect()
}

fn base64_of(bytes: &[u8]) -> String {
    let bits: Vec<usize> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)))
        .collect();
    let digit = |six: &[usize]| (0..6).fold(0, |sum, at| sum << 1 | six.get(at).copied().unwrap_or_default());
    bits.chunks(6).map(|six| char::from(DIGITS[digit(six)])).collect()
}

proptest! {
    /// Whatever comes from outside is no reason to panic, and whole frames come out.
    #[test]
    fn broken_input_never_panics(at in 0..stream().len(), with in prop::collection::vec(any::<u8>(), 0..40), cut in 0..80usize, size in 1..3_000usize) {
        let session = session();
        let mut stream = stream().as_bytes().to_vec();
        let end = (at + cut).min(stream.len());
        stream.splice(at..end, with.iter().copied());
        let (mut translator, _) = joined(&session, r#"{"data":[],"cursor":{}}"#);
        for piece in stream.chunks(size) {
            let _ = translator.bytes(piece);
        }
        let _ = translator.checked(Some(&with));
        let mut page = PAGE.as_bytes().to_vec();
        let at = at % page.len();
        let end = (at + cut).min(page.len());
        page.splice(at..end, with.iter().copied());
        for path in ["message?limit=5", "message/msg_1", "permission", "x"] {
            let mut step = translator.ask("GET", &format!("/session/{session}/{path}"), &page);
            for _ in 0..10 {
                let Step::Ask(ask) = step else { break };
                step = translator.answered(ask.id, Answer { body: page.clone(), ..good("") });
            }
        }
        let mut step = translator.ask("POST", &format!("/session/{session}/prompt_async"), &page);
        for _ in 0..10 {
            let Step::Ask(ask) = step else { break };
            step = translator.answered(ask.id, Answer { body: with.clone(), ..good("") });
        }
        let _ = translator.released();
    }
}
