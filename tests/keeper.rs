//! The keeper: one stream, many readers, and nothing that a server or a reader does may break it.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use std::collections::BTreeMap;

use opencode_session::proto::client::Failure;
use opencode_session::proto::keeper::{Config, Ending, Input, Keeper, Output};
use opencode_session::proto::request::Response;
use opencode_session::proto::rng::Rng;

const CONNECTED: &str = "data: {\"type\":\"server.connected\",\"properties\":{}}\n\n";
const OPEN: &str = "data: {\"type\":\"message.part.updated\",\"properties\":{\"part\":{\"id\":\"p\",\"messageID\":\"m\",\"sessionID\":\"s\",\"type\":\"text\",\"text\":\"\",\"time\":{\"start\":1}}}}\n\n";
const IDLE: &str = "data: {\"type\":\"session.idle\",\"properties\":{\"sessionID\":\"s\"}}\n\n";

fn delta(text: &str) -> String {
    format!(
        "data: {{\"type\":\"message.part.delta\",\"properties\":{{\"sessionID\":\"s\",\"messageID\":\"m\",\"partID\":\"p\",\"field\":\"text\",\"delta\":\"{text}\"}}}}\n\n"
    )
}

const STREAM: Response<'_> = Response {
    status: 200,
    content_type: "text/event-stream",
    cursor: "",
    retry_after: "",
    body: &[],
};

/// A keeper with its clock.
struct Desk {
    keeper: Keeper,
    now: u64,
    generation: u32,
}

impl Desk {
    fn new() -> Self {
        Desk {
            keeper: Keeper::new(Config::new(7)),
            now: 1_000,
            generation: 0,
        }
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Output> {
        self.keeper.handle_input(input, self.now);
        let outputs: Vec<Output> = std::iter::from_fn(|| self.keeper.poll_output()).collect();
        for output in &outputs {
            if let Output::OpenStream { generation } = output {
                self.generation = *generation;
            }
        }
        outputs
    }

    fn attach(&mut self, reader: u32) -> Vec<Output> {
        self.input(Input::Attach { reader, position: None })
    }

    fn bytes(&mut self, bytes: &str) -> Vec<Output> {
        let generation = self.generation;
        self.input(Input::StreamBytes {
            generation,
            bytes: bytes.as_bytes(),
        })
    }

    fn opened(&mut self, response: Response<'_>) -> Vec<Output> {
        let generation = self.generation;
        self.input(Input::StreamOpened { generation, response })
    }

    fn closed(&mut self, cause: Option<Failure>) -> Vec<Output> {
        let generation = self.generation;
        self.input(Input::StreamClosed { generation, cause })
    }

    /// Connected, with one reader.
    fn live() -> Self {
        let mut desk = Desk::new();
        desk.attach(1);
        desk.opened(STREAM);
        desk.bytes(CONNECTED);
        desk
    }

    /// Lets the next deadline pass.
    fn wait(&mut self) -> Vec<Output> {
        self.now = self.now.max(self.keeper.poll_timeout().unwrap());
        self.input(Input::Timeout)
    }
}

fn sent(outputs: &[Output], reader: u32) -> String {
    let bytes = outputs.iter().filter_map(|output| match output {
        Output::Send { reader: to, bytes } if *to == reader => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    });
    bytes.collect()
}

fn ends(outputs: &[Output]) -> Vec<(u32, Ending)> {
    let end = |output: &Output| match output {
        Output::End { reader, ending } => Some((*reader, ending.clone())),
        _ => None,
    };
    outputs.iter().filter_map(end).collect()
}

fn opens(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::OpenStream { .. }))
}

#[test]
fn readers_are_answered_when_the_server_is_connected() {
    let mut desk = Desk::new();
    assert_eq!(desk.attach(1), [Output::OpenStream { generation: 1 }]);
    assert_eq!(desk.attach(2), [], "one stream");
    assert_eq!(desk.opened(STREAM), []);
    let outputs = desk.bytes(CONNECTED);
    for reader in [1, 2] {
        assert!(sent(&outputs, reader).contains("replay.opened"), "{outputs:?}");
    }
    assert!(sent(&desk.attach(3), 3).contains("\"kept\""));
    let outputs = desk.bytes(&[OPEN, &delta("a"), &delta("b")].concat());
    assert_eq!(outputs.len(), 3, "one batch for each reader");
    assert_eq!(sent(&outputs, 1), sent(&outputs, 3));
    let late = sent(&desk.attach(4), 4);
    assert!(late.contains("\"kept\"") && late.contains("\"ab\""), "{late}");
}

#[test]
fn what_came_with_the_answer_is_told_once() {
    let mut desk = Desk::new();
    desk.attach(1);
    desk.opened(STREAM);
    let told = sent(&desk.bytes(&[CONNECTED, OPEN, &delta("only once")].concat()), 1);
    assert_eq!(told.matches("only once").count(), 1, "{told}");
}

#[test]
fn an_answer_that_is_no_stream_goes_to_all_who_wait() {
    for (status, content_type, retry_after) in [
        (401, "", ""),
        (403, "text/plain", ""),
        (429, "", "7"),
        (500, "application/json", ""),
        (200, "text/html", ""),
        (404, "", ""),
    ] {
        let mut desk = Desk::new();
        desk.attach(1);
        desk.attach(2);
        let outputs = desk.opened(Response {
            status,
            content_type,
            retry_after,
            ..STREAM
        });
        let ending = Ending::Answer {
            status,
            content_type: content_type.into(),
            retry_after: retry_after.into(),
        };
        assert_eq!(ends(&outputs), [(1, ending.clone()), (2, ending)]);
        assert_eq!(outputs[0], Output::CloseStream);
        // Readers know best whether to come again; a stream that never was is not worth own tries.
        desk.now += 30_000;
        assert!(!opens(&desk.input(Input::Timeout)), "{status}");
        assert!(opens(&desk.attach(3)), "{status}");
    }
}

#[test]
fn own_tries_end_when_access_is_refused() {
    let mut desk = Desk::live();
    desk.bytes(OPEN);
    assert_eq!(ends(&desk.closed(Some(Failure::Network))), [(1, Ending::Clean)]);
    assert!(opens(&desk.wait()), "something is in flight");
    desk.opened(Response { status: 401, ..STREAM });
    desk.now += 100_000;
    assert!(!opens(&desk.input(Input::Timeout)));
    assert!(opens(&desk.attach(2)));
}

#[test]
fn failures_before_the_answer_are_passed_on() {
    for (cause, ending) in [
        (None, Ending::Clean),
        (Some(Failure::Network), Ending::Failed(Failure::Network)),
        (Some(Failure::Timeout), Ending::Failed(Failure::Timeout)),
    ] {
        let mut desk = Desk::new();
        desk.attach(1);
        assert_eq!(ends(&desk.closed(cause)), [(1, ending)]);
    }
    let mut desk = Desk::new();
    desk.attach(1);
    desk.opened(STREAM);
    let outputs = desk.wait();
    assert_eq!(outputs[0], Output::CloseStream, "a proxy that holds the stream back");
    assert_eq!(ends(&outputs), [(1, Ending::Failed(Failure::Timeout))]);
}

#[test]
fn tries_are_half_a_second_apart() {
    let mut desk = Desk::new();
    assert!(opens(&desk.attach(1)));
    desk.closed(Some(Failure::Network));
    assert!(!opens(&desk.attach(1)));
    assert!(!opens(&desk.attach(2)));
    desk.now += 499;
    assert!(!opens(&desk.input(Input::Timeout)));
    desk.now += 1;
    assert!(opens(&desk.input(Input::Timeout)));
    desk.now += 1;
    assert_eq!(ends(&desk.closed(None)).len(), 2);
}

#[test]
fn a_dropped_stream_leaves_a_hole_in_order() {
    let mut desk = Desk::live();
    let before = sent(&desk.bytes(&[OPEN, &delta("before")].concat()), 1);
    let position = before.rsplit("id: ").next().unwrap().lines().next().unwrap().to_owned();
    assert_eq!(ends(&desk.closed(None)), [(1, Ending::Clean)]);
    desk.now += 600;
    let outputs = desk.input(Input::Attach {
        reader: 2,
        position: Some(position),
    });
    assert!(opens(&outputs), "a reader does not wait for the backoff");
    desk.opened(STREAM);
    let told = sent(&desk.bytes(CONNECTED), 2);
    assert!(
        told.contains("\"kept\"") && told.contains("replay.hole") && !told.contains("before"),
        "{told}"
    );
    let told = sent(&desk.attach(3), 3);
    assert!(told.contains("\"lost\"") && told.contains("before"), "{told}");
}

#[test]
fn silence_and_disposal_end_the_stream() {
    let mut desk = Desk::live();
    let outputs = desk.wait();
    assert_eq!(
        (outputs[0].clone(), ends(&outputs)),
        (Output::CloseStream, vec![(1, Ending::Clean)])
    );
    for kind in ["server.instance.disposed", "global.disposed"] {
        let mut desk = Desk::live();
        let outputs = desk.bytes(&format!(
            "{}data: {{\"type\":\"{kind}\",\"properties\":{{}}}}\n\n{}",
            delta("x"),
            delta("of the past")
        ));
        assert!(sent(&outputs, 1).contains("\"x\"") && !sent(&outputs, 1).contains("of the past"));
        assert!(outputs.contains(&Output::CloseStream));
        assert_eq!(ends(&outputs), [(1, Ending::Clean)]);
    }
}

#[test]
fn heartbeats_pass_without_a_position() {
    let mut desk = Desk::live();
    let beat = "data: {\"type\":\"server.heartbeat\",\"properties\":{}}\n\n";
    assert_eq!(sent(&desk.bytes(beat), 1), beat);
}

#[test]
fn a_stream_is_let_go_when_nobody_needs_it() {
    for (in_flight, hold) in [(false, 60_000), (true, 300_000)] {
        let mut desk = Desk::live();
        if in_flight {
            desk.bytes(OPEN);
        }
        assert_eq!(desk.input(Input::Detach { reader: 1 }), []);
        let left = desk.now;
        // Heartbeats keep the watchdog quiet.
        while desk.now + 10_000 < left + hold {
            desk.now += 10_000;
            assert_eq!(
                desk.bytes("data: {\"type\":\"server.heartbeat\",\"properties\":{}}\n\n"),
                [],
                "at {}",
                desk.now - left
            );
        }
        desk.now = left + hold - 1;
        assert_eq!(desk.input(Input::Timeout), []);
        desk.now += 1;
        assert_eq!(desk.keeper.poll_timeout(), Some(desk.now));
        assert_eq!(desk.input(Input::Timeout), [Output::CloseStream, Output::Idle]);
        assert_eq!(desk.keeper.poll_timeout(), None);
        assert!(!desk.keeper.is_needed());
    }
    let mut desk = Desk::live();
    desk.bytes(OPEN);
    desk.input(Input::Detach { reader: 1 });
    desk.now += 61_000;
    assert_eq!(desk.bytes(&delta("x")), []);
    assert_eq!(
        desk.bytes(IDLE),
        [Output::CloseStream, Output::Idle],
        "what was waited for has ended"
    );
}

#[test]
fn readers_are_bounded() {
    let mut desk = Desk::live();
    for reader in 2..=64 {
        assert!(ends(&desk.attach(reader)).is_empty());
    }
    assert!(matches!(
        &ends(&desk.attach(65))[..],
        [(65, Ending::Answer { status: 503, .. })]
    ));
    desk.input(Input::Detach { reader: 9 });
    assert!(ends(&desk.attach(65)).is_empty());
    assert!(ends(&desk.attach(65)).is_empty(), "the same reader anew");
}

/// Every input in every phase: what belongs to no stream changes nothing, and no reader is left without an answer.
#[test]
fn every_input_in_every_phase() {
    type Make = fn() -> Desk;
    let phases: [(&str, Make); 5] = [
        ("closed", Desk::new),
        ("connecting", || {
            let mut desk = Desk::new();
            desk.attach(1);
            desk
        }),
        ("live", Desk::live),
        ("waiting", || {
            let mut desk = Desk::live();
            desk.closed(None);
            desk
        }),
        ("done", || {
            let mut desk = Desk::live();
            desk.input(Input::Detach { reader: 1 });
            desk.now += 60_000;
            desk.input(Input::Timeout);
            desk
        }),
    ];
    for (name, make) in phases {
        let streams = matches!(name, "connecting" | "live");
        // What carries another generation changes nothing.
        for wrong in [0, 17, u32::MAX] {
            let mut desk = make();
            desk.generation = wrong;
            assert_eq!(desk.opened(Response { status: 500, ..STREAM }), [], "{name}");
            assert_eq!(desk.bytes(CONNECTED), [], "{name}");
            assert_eq!(desk.closed(None), [], "{name}");
        }
        let mut desk = make();
        assert_eq!(
            !ends(&desk.closed(Some(Failure::Network))).is_empty(),
            streams,
            "{name}"
        );
        let mut desk = make();
        assert_eq!(!desk.bytes(CONNECTED).is_empty(), name == "connecting", "{name}");
        assert_eq!(!desk.bytes(&delta("x")).is_empty(), streams, "{name}");
        let mut desk = make();
        assert_eq!(desk.input(Input::Detach { reader: 99 }), [], "{name}");
        assert_eq!(make().input(Input::Timeout), [], "{name}: no deadline has passed");
        let mut desk = make();
        desk.now += 1_000;
        let outputs = desk.attach(5);
        let answered = sent(&outputs, 5).contains("replay.opened");
        assert_eq!((opens(&outputs), answered), (!streams, name == "live"), "{name}");
    }
}

#[test]
fn hostile_bytes() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut desk = Desk::live();
        for _ in 0..100 {
            let pieces = [
                "data: ",
                "\n",
                "\r",
                "\n\n",
                "{",
                "}",
                "\"",
                "id: 5\n",
                CONNECTED,
                OPEN,
                IDLE,
                "\u{feff}",
                "data: {\"type\":\"global.disposed\",\"properties\":{}}\n\n",
                "null",
                "retry: 1\n",
            ];
            let text: String = (0..rng.below(12))
                .map(|_| pieces[rng.below(pieces.len() as u64) as usize])
                .collect();
            desk.now += rng.below(2_000);
            desk.attach(rng.below(5) as u32);
            desk.bytes(&text);
            desk.input(Input::Timeout);
            if rng.below(3) == 0 {
                desk.opened(STREAM);
            }
        }
    }
}

/// A reader with what it was told; the text of each part of the one session.
#[derive(Default)]
struct Seen {
    position: Option<String>,
    text: BTreeMap<u64, String>,
    attached: bool,
    excused: bool,
}

/// Readers that come and go at random against a server whose stream drops: each ends with the whole text of the newest
/// part, or was told that something is missing from it.
#[test]
fn readers_come_and_go() {
    let (mut whole, mut excused) = (0, 0);
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        rng.next_u64();
        let mut desk = Desk::new();
        let mut readers: Vec<Seen> = (0..4).map(|_| Seen::default()).collect();
        let mut connected = false;
        let mut part = 0;
        let mut truth = String::new();
        for step in 0..400 {
            desk.now += rng.below(300);
            let mut outputs = desk.input(Input::Timeout);
            match rng.below(12) {
                0 | 1 => {
                    let at = rng.below(4) as usize;
                    if readers[at].attached {
                        readers[at].attached = false;
                        outputs.extend(desk.input(Input::Detach { reader: at as u32 }));
                    } else {
                        readers[at].attached = true;
                        let position = readers[at].position.clone();
                        outputs.extend(desk.input(Input::Attach {
                            reader: at as u32,
                            position,
                        }));
                    }
                }
                2 if connected && rng.below(8) == 0 => {
                    connected = false;
                    outputs.extend(desk.closed(None));
                }
                3 => {
                    // A new part; the server stores the old one.
                    part += 1;
                    truth.clear();
                    let open = OPEN
                        .replace("\"p\"", &format!("\"p{part}\""))
                        .replace("\"m\"", &format!("\"m{part}\""));
                    outputs.extend(desk.bytes(&format!("{IDLE}{open}")));
                }
                _ if part > 0 => {
                    let word = format!("w{step} ");
                    truth.push_str(&word);
                    let event = delta(&word)
                        .replace("\"p\"", &format!("\"p{part}\""))
                        .replace("\"m\"", &format!("\"m{part}\""));
                    outputs.extend(desk.bytes(&event));
                }
                _ => {}
            }
            let mut at = 0;
            while at < outputs.len() {
                if opens(&outputs[at..=at]) {
                    connected = true;
                    outputs.extend(desk.opened(STREAM));
                    outputs.extend(desk.bytes(CONNECTED));
                }
                at += 1;
            }
            for (at, reader) in readers.iter_mut().enumerate() {
                for (id, _) in ends(&outputs) {
                    if id == at as u32 {
                        reader.attached = false;
                    }
                }
                hear(reader, &sent(&outputs, at as u32));
            }
        }
        for (at, reader) in readers.iter_mut().enumerate() {
            if !reader.attached {
                desk.now += 600;
                let position = reader.position.clone();
                let mut outputs = desk.input(Input::Attach {
                    reader: at as u32,
                    position,
                });
                if opens(&outputs) {
                    outputs.extend(desk.opened(STREAM));
                    outputs.extend(desk.bytes(CONNECTED));
                }
                hear(reader, &sent(&outputs, at as u32));
            }
            if part == 0 {
                continue;
            }
            let text = reader.text.get(&part).cloned().unwrap_or_default();
            if reader.excused {
                excused += 1;
            } else {
                whole += 1;
                assert_eq!(text, truth, "reader {at} of seed {seed}");
            }
        }
    }
    assert!(whole > 300 && excused > 50, "{whole} whole, {excused} told");
}

fn hear(reader: &mut Seen, told: &str) {
    for frame in told.split_terminator("\n\n") {
        let mut lines = frame.lines();
        let first = lines.next().unwrap();
        let Some(id) = first.strip_prefix("id: ") else { continue };
        reader.position = Some(id.to_owned());
        let event: serde_json::Value =
            serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
        let fields = &event["properties"];
        let number = |id: &serde_json::Value| id.as_str().unwrap()[1..].parse::<u64>().unwrap();
        match event["type"].as_str().unwrap() {
            "replay.opened" => {
                reader.excused |= fields["continuity"] == "lost";
            }
            "replay.hole" => reader.excused = true,
            "message.part.updated" => {
                reader.excused = false;
                reader.text.insert(number(&fields["part"]["id"]), String::new());
            }
            "message.part.delta" => {
                let text = fields["delta"].as_str().unwrap();
                reader.text.entry(number(&fields["partID"])).or_default().push_str(text);
            }
            _ => {}
        }
    }
}
