//! The keeper under anything: nothing that a server or a reader does may break it.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::desk;

use std::collections::BTreeMap;

use desk::{CONNECTED, Desk, IDLE, OPEN, STREAM, delta, ends, opens, sent};
use opencode_session::proto::keeper::Input;
use opencode_session::proto::rng::Rng;

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
