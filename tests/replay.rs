//! The replay log: whoever was away ends where the one ends who never left, or is told that something is lost.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use opencode_session::proto::replay::{Continuity, Log, ReplayLimits, Taken};
use opencode_session::proto::rng::Rng;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Value, json};

/// One part as a reader has it. Texts are kept as the events spell them.
#[derive(Debug, Clone, PartialEq, Default)]
struct Part {
    rank: u8,
    grows: bool,
    text: String,
    rest: Value,
    /// Nothing is missing from `text`.
    whole: bool,
    tail: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct State {
    parts: BTreeMap<String, Part>,
    holes: u32,
}

impl State {
    fn take(&mut self, data: &str) {
        // Escapes stay as they are spelled: a half of a pair is no text of its own.
        let Ok(event) = serde_json::from_str::<Value>(&data.replace("\\u", "\\\\u")) else {
            return;
        };
        let event = if event["payload"].is_object() {
            &event["payload"]
        } else {
            &event
        };
        let fields = &event["properties"];
        let id = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap_or_default() {
            "message.part.updated" => self.told(&fields["part"]),
            "message.part.delta" => {
                let part = self.parts.entry(id("partID")).or_insert_with(|| Part {
                    grows: true,
                    ..Part::default()
                });
                if part.rank < 2 && part.grows {
                    let delta = id("delta");
                    if part.whole { &mut part.text } else { &mut part.tail }.push_str(&delta);
                }
            }
            "message.part.removed" => {
                self.parts.remove(&id("partID"));
            }
            "message.removed" => {
                let message = id("messageID");
                self.parts.retain(|_, part| part.rest["messageID"] != message.as_str());
            }
            "replay.hole" => {
                self.holes += 1;
                self.parts
                    .values_mut()
                    .filter(|part| part.rank < 2)
                    .for_each(|part| part.whole = false);
            }
            _ => {}
        }
    }

    fn told(&mut self, raw: &Value) {
        let kind = raw["type"].as_str().unwrap_or_default();
        let grows = matches!(kind, "text" | "reasoning");
        let rank = match (kind, raw["state"]["status"].as_str()) {
            ("tool", Some("pending")) => 0,
            ("tool", Some("running")) => 1,
            _ if grows && raw["time"]["start"].is_i64() && !raw["time"]["end"].is_i64() => 0,
            _ => 2,
        };
        let text = raw["text"].as_str().unwrap_or_default().to_owned();
        let mut rest = raw.clone();
        rest.as_object_mut().unwrap().remove("text");
        let part = self.parts.entry(raw["id"].as_str().unwrap().to_owned()).or_default();
        if rank < part.rank {
            return;
        }
        if grows && rank < 2 && text.len() < part.text.len() && part.text.starts_with(&text) {
            part.rest = rest;
            return;
        }
        *part = Part {
            rank,
            grows,
            text,
            rest,
            whole: true,
            tail: String::new(),
        };
    }

    /// Without what a fresh reader cannot have seen, and nobody needs.
    fn shown(&self) -> BTreeMap<String, Part> {
        self.parts.clone()
    }
}

/// Frames of the log's output: id and data.
fn frames(bytes: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(bytes).unwrap();
    let frame = |frame: &str| {
        let mut id = String::new();
        let mut data = Vec::new();
        for line in frame.lines() {
            if let Some(value) = line.strip_prefix("id: ") {
                id = value.to_owned();
            } else {
                data.push(line.strip_prefix("data: ").unwrap());
            }
        }
        (id, data.join("\n"))
    };
    text.split_terminator("\n\n").map(frame).collect()
}

struct Reader {
    state: State,
    position: Option<String>,
    attached: bool,
    lost: bool,
}

impl Reader {
    fn take(&mut self, frames: &[(String, String)]) {
        for (id, data) in frames {
            self.state.take(data);
            self.position = Some(id.clone());
        }
    }
}

/// A server that plays turns, one event at a time.
struct Server {
    rng: Rng,
    /// Resends the whole part with each piece of text, as 1.1 does.
    resends: bool,
    wraps: bool,
    count: u64,
    open: Vec<Open>,
    /// What a snapshot tells.
    stored: BTreeMap<String, Value>,
}

#[derive(Clone)]
struct Open {
    session: String,
    message: String,
    id: String,
    kind: &'static str,
    text: String,
    rank: u8,
}

const PIECES: [&str; 8] = [
    "word ",
    "\\ud83d",
    "\\ude00",
    "漢字",
    "\\n",
    "\\\"q\\\"",
    "",
    "a longer piece of text, ",
];

impl Server {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        rng.next_u64();
        Server {
            resends: rng.below(3) == 0,
            wraps: rng.below(2) == 0,
            rng,
            count: 0,
            open: Vec::new(),
            stored: BTreeMap::new(),
        }
    }

    fn event(&mut self, kind: &str, properties: &str) -> String {
        self.count += 1;
        let id = format!("evt_{:06}", self.count);
        let event = format!(r#"{{"id":"{id}","type":"{kind}","properties":{properties}}}"#);
        if self.wraps {
            format!(r#"{{"directory":"/p","payload":{event}}}"#)
        } else {
            event
        }
    }

    fn full(&mut self, part: &Open) -> String {
        let Open {
            session,
            message,
            id,
            kind,
            text,
            rank,
        } = part.clone();
        let extra = match (kind, rank) {
            ("tool", rank) => format!(
                r#""state":{{"status":"{}","output":"{text}"}}"#,
                ["pending", "running", "completed"][usize::from(rank)]
            ),
            (_, 2) => format!(r#""text":"{text}","time":{{"start":1,"end":2}}"#),
            _ => format!(r#""text":"{text}","time":{{"start":1}}"#),
        };
        let raw = format!(r#"{{"id":"{id}","sessionID":"{session}","messageID":"{message}","type":"{kind}",{extra}}}"#);
        // Newer servers store an open text empty.
        let stored = if rank < 2 && kind != "tool" && !self.resends {
            raw.replace(&format!(r#""text":"{text}""#), r#""text":"""#)
        } else {
            raw.clone()
        };
        self.stored
            .insert(id, serde_json::from_str(&stored.replace("\\u", "\\\\u")).unwrap());
        self.event(
            "message.part.updated",
            &format!(r#"{{"sessionID":"{session}","part":{raw}}}"#),
        )
    }

    fn step(&mut self) -> Vec<String> {
        let dice = self.rng.below(20);
        if self.open.is_empty() || (dice == 0 && self.open.len() < 4) {
            let session = format!("ses_{}", self.open.len() % 2);
            self.count += 1;
            let kind = ["text", "reasoning", "tool"][self.rng.below(3) as usize];
            let part = Open {
                message: format!("msg_{session}"),
                session,
                id: format!("prt_{:05}", self.count),
                kind,
                text: String::new(),
                rank: 0,
            };
            self.open.push(part.clone());
            return vec![self.full(&part)];
        }
        let at = self.rng.below(self.open.len() as u64) as usize;
        let mut part = self.open[at].clone();
        let Open {
            session, message, id, ..
        } = part.clone();
        match dice {
            1 | 2 => {
                part.rank = 2;
                self.open.remove(at);
                vec![self.full(&part)]
            }
            3 => {
                self.open.remove(at);
                self.stored.remove(&id);
                vec![self.event(
                    "message.part.removed",
                    &format!(r#"{{"sessionID":"{session}","messageID":"{message}","partID":"{id}"}}"#),
                )]
            }
            4 => vec![self.event(
                "session.status",
                &format!(r#"{{"sessionID":"{session}","status":{{"type":"busy"}}}}"#),
            )],
            5 => vec![self.event("file.edited", r#"{"file":"x"}"#)],
            6 if self.rng.below(4) == 0 => {
                // Idle comes before the last flush, as it may.
                let mut events = vec![self.event("session.idle", &format!(r#"{{"sessionID":"{session}"}}"#))];
                for mut part in std::mem::take(&mut self.open) {
                    if part.session == session {
                        part.rank = 2;
                        events.push(self.full(&part));
                    } else {
                        self.open.push(part);
                    }
                }
                events
            }
            7 if self.rng.below(4) == 0 => {
                self.open.retain(|part| part.message != message);
                self.stored.retain(|_, part| part["messageID"] != message.as_str());
                vec![self.event(
                    "message.removed",
                    &format!(r#"{{"sessionID":"{session}","messageID":"{message}"}}"#),
                )]
            }
            _ => {
                let piece = PIECES[self.rng.below(PIECES.len() as u64) as usize];
                part.text.push_str(piece);
                if part.kind == "tool" {
                    part.rank = 1;
                }
                self.open[at] = part.clone();
                if part.kind == "tool" || self.resends {
                    return vec![self.full(&part)];
                }
                vec![self.event(
                    "message.part.delta",
                    &format!(r#"{{"sessionID":"{session}","messageID":"{message}","partID":"{id}","field":"text","delta":"{piece}"}}"#),
                )]
            }
        }
    }

    fn finish(&mut self) -> Vec<String> {
        let open = std::mem::take(&mut self.open);
        open.into_iter()
            .map(|part| self.full(&Open { rank: 2, ..part }))
            .collect()
    }

    /// A fresh load: what is open may be stored with less than was said.
    fn snapshot(&self) -> State {
        let mut state = State::default();
        for part in self.stored.values() {
            state.told(part);
        }
        state
            .parts
            .values_mut()
            .filter(|part| part.rank < 2)
            .for_each(|part| part.whole = false);
        state
    }
}

/// How many were told `kept`, and how many `lost`.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    kept: u32,
    lost: u32,
    fresh_kept: u32,
    fresh_lost: u32,
}

/// One history, with readers that come and go.
fn run(seed: u64, steps: u32, limits: ReplayLimits, holes: bool) -> Count {
    let mut count = Count::default();
    let mut server = Server::new(seed);
    let mut rng = Rng::new(seed.wrapping_mul(7).wrapping_add(3));
    let mut log = Log::new(limits, seed);
    let mut always = State::default();
    let mut readers: Vec<Reader> = Vec::new();
    let mut fresh: Vec<Reader> = Vec::new();
    let mut first = Vec::new();
    log.read(None, &mut first);
    for _ in 0..3 {
        let mut reader = Reader {
            state: State::default(),
            position: None,
            attached: true,
            lost: false,
        };
        reader.take(&frames(&first));
        readers.push(reader);
    }
    for step in 0..=steps {
        // The mark of a hole says that something may be missing; what is, the uninterrupted reader would miss, too.
        let gap = holes && rng.below(60) == 0;
        let events = match step {
            _ if step == steps => server.finish(),
            _ if gap => Vec::new(),
            _ => server.step(),
        };
        for (at, event) in events.iter().enumerate() {
            let mut out = Vec::new();
            assert_eq!(log.push(event.as_bytes(), &mut out), Taken::Logged, "{event}");
            assert!(log.bytes() <= limits.bytes);
            let live = frames(&out);
            always.take(event);
            let quiet = at + 1 == events.len();
            hear(&live, &mut readers, &mut fresh);
            come_and_go(&log, &mut rng, &mut readers, &always, &mut count);
            if quiet && fresh.len() < 12 && rng.below(10) == 0 {
                let mut reader = Reader {
                    state: server.snapshot(),
                    position: None,
                    attached: true,
                    lost: false,
                };
                let mut out = Vec::new();
                if log.read(None, &mut out) == Continuity::Kept {
                    count.fresh_kept += 1;
                    reader.take(&frames(&out));
                    assert_eq!(
                        reader.state.shown(),
                        always.shown(),
                        "fresh at step {step} of seed {seed}"
                    );
                    fresh.push(reader);
                } else {
                    count.fresh_lost += 1;
                }
            }
        }
        if gap {
            let mut out = Vec::new();
            log.hole(&mut out);
            let live = frames(&out);
            always.take(&live[0].1);
            hear(&live, &mut readers, &mut fresh);
        }
    }
    for reader in &mut readers {
        if !reader.attached {
            let mut out = Vec::new();
            let kept = log.read(reader.position.as_deref(), &mut out) == Continuity::Kept;
            reader.lost |= !kept;
            if kept {
                reader.take(&frames(&out));
            } else {
                reader.state = always.clone();
            }
        }
        assert_eq!(reader.state.shown(), always.shown(), "a reader of seed {seed}");
    }
    for reader in &fresh {
        assert_eq!(reader.state.shown(), always.shown(), "a fresh reader of seed {seed}");
    }
    count
}

fn hear(live: &[(String, String)], readers: &mut [Reader], fresh: &mut [Reader]) {
    for reader in readers.iter_mut().chain(fresh).filter(|reader| reader.attached) {
        reader.take(live);
    }
}

fn come_and_go(log: &Log, rng: &mut Rng, readers: &mut [Reader], always: &State, count: &mut Count) {
    for reader in readers {
        match rng.below(30) {
            0 => reader.attached = false,
            1 | 2 if !reader.attached => {
                let mut out = Vec::new();
                let continuity = log.read(reader.position.as_deref(), &mut out);
                let all = frames(&out);
                let told = if continuity == Continuity::Kept { "kept" } else { "lost" };
                assert!(all[0].1.contains(told), "{:?}", all[0]);
                if continuity == Continuity::Lost {
                    count.lost += 1;
                    reader.lost = true;
                    // It loads everything anew.
                    reader.state = always.clone();
                    reader.position = all.last().map(|(id, _)| id.clone());
                    reader.attached = true;
                    continue;
                }
                count.kept += 1;
                // The connection may break again at any frame.
                let heard = if rng.below(2) == 0 {
                    all.len()
                } else {
                    rng.below(all.len() as u64 + 1) as usize
                };
                reader.take(&all[..heard]);
                reader.attached = heard == all.len();
            }
            _ => {}
        }
    }
}

fn limits(rng: &mut Rng) -> ReplayLimits {
    let bytes = 1_000 + rng.below(60_000) as usize;
    ReplayLimits {
        bytes,
        tail: bytes / (1 + rng.below(8) as usize),
        parts: 64,
        remembered_ids: 64,
    }
}

#[test]
fn law_of_readers() {
    let mut sum = Count::default();
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        rng.next_u64();
        let one = run(seed, 400, limits(&mut rng), seed % 2 == 1);
        sum.kept += one.kept;
        sum.lost += one.lost;
        sum.fresh_kept += one.fresh_kept;
        sum.fresh_lost += one.fresh_lost;
    }
    // All four happen often, or the law says little.
    assert!(
        sum.kept > 2_000 && sum.lost > 200 && sum.fresh_kept > 200 && sum.fresh_lost > 50,
        "{sum:?}"
    );
}

#[test]
fn with_room_nothing_is_lost() {
    for seed in 0..40 {
        let count = run(seed, 400, ReplayLimits::default(), false);
        assert_eq!((count.lost, count.fresh_lost), (0, 0), "seed {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/replay.proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_history(seed: u64, steps in 0u32..200, bytes in 200usize..40_000, tail in 0usize..40_000, holes: bool) {
        run(seed, steps, ReplayLimits { bytes, tail, parts: 64, remembered_ids: 64 }, holes);
    }

    #[test]
    fn any_bytes(inputs in prop::collection::vec(input(), 0..200), bytes in 0usize..10_000, tail in 0usize..10_000) {
        let limits = ReplayLimits { bytes, tail, parts: 3, remembered_ids: 8 };
        let mut log = Log::new(limits, 1);
        let mut ids = Vec::new();
        for input in &inputs {
            let mut out = Vec::new();
            log.push(input, &mut out);
            prop_assert!(log.bytes() <= bytes);
            prop_assert!(log.is_in_flight() || log.bytes() <= tail.min(bytes));
            prop_assert!(out.len() <= 2 * input.len() * "data: ".len() + 120);
            ids.extend(frames_lossy(&out));
            for position in [None, Some("x-1"), Some("-"), Some(""), ids.last().map(String::as_str)] {
                let mut out = Vec::new();
                log.read(position, &mut out);
                prop_assert!(out.starts_with(b"id: ") && out.ends_with(b"\n\n"));
            }
        }
        // Numbers only grow.
        let numbers: Vec<u64> = ids.iter().map(|id| id.rsplit('-').next().unwrap().parse().unwrap()).collect();
        prop_assert!(numbers.is_sorted());
    }
}

/// The ids of frames that need not be UTF-8.
fn frames_lossy(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    text.split("\n\n")
        .filter_map(|frame| frame.strip_prefix("id: ")?.lines().next())
        .map(String::from)
        .collect()
}

/// Events of few names, so that they meet; and bytes that are no events.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let name = || prop::sample::select(vec!["a", "b", "c", "d", "e"]);
    let part = (name(), name(), name(), prop::sample::select(vec!["text", "tool", "step"]), 0u8..3, "\\PC{0,20}").prop_map(
        |(session, message, part, kind, rank, text)| {
            let status = ["pending", "running", "completed"][usize::from(rank)];
            let mut time = json!({ "start": 1 });
            if rank == 2 {
                time["end"] = json!(2);
            }
            json!({ "type": "message.part.updated", "properties": { "sessionID": session, "part": {
                "id": part, "messageID": message, "sessionID": session, "type": kind, "text": text, "time": time, "state": { "status": status },
            } } })
            .to_string()
        },
    );
    let delta = (name(), name(), name(), "\\PC{0,20}").prop_map(|(session, message, part, text)| {
        json!({ "type": "message.part.delta", "properties": { "sessionID": session, "messageID": message, "partID": part, "field": "text", "delta": text } }).to_string()
    });
    let other = (
        name(),
        prop::sample::select(vec![
            "session.idle",
            "session.deleted",
            "message.removed",
            "message.part.removed",
            "x",
        ]),
    )
        .prop_map(|(name, kind)| {
            json!({ "type": kind, "properties": { "sessionID": name, "messageID": name, "partID": name } }).to_string()
        });
    prop_oneof![
        4 => part.prop_map(String::into_bytes),
        6 => delta.prop_map(String::into_bytes),
        2 => other.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => "[ \\r\\n\\{\\}\\[\\]\",:a-z0-9]{0,60}".prop_map(String::into_bytes),
    ]
}

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

fn replayed(log: &Log, position: Option<&str>) -> (Continuity, Vec<String>) {
    let mut out = Vec::new();
    let continuity = log.read(position, &mut out);
    (
        continuity,
        frames(&out)
            .into_iter()
            .skip(1)
            .map(|(_, data)| data)
            .filter(|data| !data.contains("replay.live"))
            .collect(),
    )
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
fn recorded_streams() {
    for file in [
        "events-1.18.33",
        "events-1.1.65",
        "global-events-1.18.33",
        "global-events-1.1.65",
    ] {
        let text = std::fs::read_to_string(format!("tests/support/fixtures/{file}.sse")).unwrap();
        let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        for cut in 0..events.len() {
            let mut log = Log::new(ReplayLimits::default(), 1);
            let (mut always, mut away) = (State::default(), State::default());
            let mut position = None;
            for (at, event) in events.iter().enumerate() {
                let mut out = Vec::new();
                if log.push(event.as_bytes(), &mut out) == Taken::Logged {
                    always.take(event);
                    if at < cut {
                        away.take(event);
                        position = Some(frames(&out)[0].0.clone());
                    }
                }
                if at == cut {
                    // A fresh load: parts that are open are stored empty.
                    let mut stored = always.clone();
                    for part in stored.parts.values_mut().filter(|part| part.rank < 2 && part.grows) {
                        part.text.clear();
                        part.whole = false;
                    }
                    let (continuity, all) = replayed(&log, None);
                    assert_eq!(continuity, Continuity::Kept, "{file} at {at}");
                    all.iter().for_each(|data| stored.take(data));
                    assert_eq!(stored.shown(), always.shown(), "{file} at {at}");
                }
            }
            if let Some(position) = position {
                let (continuity, rest) = replayed(&log, Some(&position));
                assert_eq!(continuity, Continuity::Kept);
                rest.iter().for_each(|data| away.take(data));
                assert_eq!(away.shown(), always.shown(), "{file} cut at {cut}");
            }
        }
    }
}
