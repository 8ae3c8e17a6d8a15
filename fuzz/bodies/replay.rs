//! Any history of events, holes, cuts and reads, also from positions that nobody gave out: readers end where the one ends
//! who never left, or are told `lost`; what is kept is bounded.

use opencode_session::proto::json::quote;
use opencode_session::proto::replay::{Continuity, Log, ReplayLimits};

use crate::law::{self, Dice};

const MOST_STEPS: u32 = 400;

/// Input: a byte for what follows, three for the limits; then choices, or lines of which each is an event or a read.
pub(crate) fn run(input: &[u8]) {
    let [mode, bytes, tail, few, rest @ ..] = input else {
        return;
    };
    let limits = ReplayLimits {
        bytes: usize::from(*bytes) * 150,
        tail: usize::from(*tail) * 150,
        parts: usize::from(few & 7) + if mode & 1 == 0 { 57 } else { 1 },
        remembered_ids: usize::from(few >> 3) + 1,
    };
    if mode & 1 == 0 {
        let dice = Dice::tape(rest);
        law::play(dice.clone(), dice, MOST_STEPS, limits, mode & 2 != 0);
    } else {
        hostile(rest, limits);
    }
}

/// Events of a few names, so that they meet; bytes that are no events; reads.
fn hostile(mut tape: &[u8], limits: ReplayLimits) {
    let mut log = Log::new(limits, 1);
    let mut ids: Vec<Vec<u8>> = Vec::new();
    let mut live = Vec::new();
    for _ in 0..MOST_STEPS {
        let Some((choice, rest)) = tape.split_first() else {
            break;
        };
        tape = rest;
        match choice % 16 {
            0..=8 => {
                let data = event(*choice % 16, &mut tape);
                push(&mut log, &data, limits, &mut live, &mut ids);
            }
            9 | 10 => {
                let data = bytes(&mut tape);
                push(&mut log, data, limits, &mut live, &mut ids);
            }
            11 => {
                live.clear();
                log.hole(&mut live);
                ids.extend(ids_of(&live));
            }
            12 => drop(read(&log, None, &ids)),
            13 => {
                let position = String::from_utf8_lossy(bytes(&mut tape)).into_owned();
                read(&log, Some(&position), &ids);
            }
            // Near the truth: a right epoch, or a number that is far off.
            14 => {
                let [epoch, number] = [byte(&mut tape), byte(&mut tape)];
                let known = ids
                    .get(usize::from(epoch))
                    .map(|id| String::from_utf8_lossy(id).into_owned());
                let known = known.unwrap_or_default();
                let epoch = known.split('-').next().unwrap_or_default();
                let off = [
                    "",
                    "-1",
                    "0",
                    "18446744073709551615",
                    "18446744073709551616",
                    "1e3",
                    " 1",
                    "+1",
                ];
                read(
                    &log,
                    Some(&format!("{epoch}-{}", off[usize::from(number) % off.len()])),
                    &ids,
                );
            }
            _ => {
                let at = usize::from(byte(&mut tape)) % ids.len().max(1);
                if let Some(id) = ids.get(at) {
                    read(&log, Some(&String::from_utf8_lossy(id)), &ids);
                }
            }
        }
    }
    // Whoever heard all misses nothing, whatever was forgotten.
    if let Some(last) = ids.last() {
        let (continuity, told) = read(&log, Some(&String::from_utf8_lossy(last)), &ids);
        assert_eq!((continuity, told.len()), (Continuity::Kept, 2), "an opening and an end");
    }
}

fn push(log: &mut Log, data: &[u8], limits: ReplayLimits, live: &mut Vec<u8>, ids: &mut Vec<Vec<u8>>) {
    live.clear();
    log.push(data, live);
    assert!(log.bytes() <= limits.bytes, "{} bytes", log.bytes());
    assert!(log.is_in_flight() || log.bytes() <= limits.tail.min(limits.bytes));
    assert!(live.len() <= 12 * data.len() + 120, "much from little");
    ids.extend(ids_of(live));
    assert!(ids.is_sorted_by_key(|id| number(id)), "numbers only grow");
}

/// Reads, and checks what holds for every read. Gives the ids of the frames.
fn read(log: &Log, position: Option<&str>, ids: &[Vec<u8>]) -> (Continuity, Vec<Vec<u8>>) {
    let mut out = Vec::new();
    let continuity = log.read(position, &mut out);
    let word: &[u8] = if continuity == Continuity::Kept {
        b"\"kept\""
    } else {
        b"\"lost\""
    };
    let opening = out.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    assert!(
        opening.windows(word.len()).any(|part| part == word),
        "the opening says so"
    );
    // Each kept byte is told at most once, in a frame of little more.
    assert!(
        out.len() <= 8 * log.bytes() + 400,
        "{} of {} bytes",
        out.len(),
        log.bytes()
    );
    let told = ids_of(&out);
    assert!(told.is_sorted_by_key(|id| number(id)) && told.len() >= 2);
    if let Some(newest) = ids.last() {
        assert_eq!(told.last(), Some(newest), "the end is where all is known");
    }
    if position.is_some() && continuity == Continuity::Kept {
        assert_eq!(
            told.first().map(|id| number(id)),
            position.and_then(|position| position.split_once('-')?.1.parse().ok())
        );
    }
    (continuity, told)
}

/// The ids of frames that need not be UTF-8.
fn ids_of(frames: &[u8]) -> Vec<Vec<u8>> {
    let lines = frames.split(|byte| *byte == b'\n');
    let known = |line: &[u8]| line.is_empty() || line.starts_with(b"id: ") || line.starts_with(b"data: ");
    assert!(
        lines.clone().all(known) && !frames.contains(&b'\r'),
        "a line that no frame has"
    );
    lines
        .filter_map(|line| line.strip_prefix(b"id: "))
        .map(<[u8]>::to_vec)
        .collect()
}

fn number(id: &[u8]) -> u64 {
    let digits = id.rsplit(|byte| *byte == b'-').next().unwrap_or_default();
    digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

fn event(kind: u8, tape: &mut &[u8]) -> Vec<u8> {
    let mut name = || byte(tape) % 5;
    let (session, message, part) = (name(), name(), name());
    let how = byte(tape);
    let mut text = String::new();
    quote(&String::from_utf8_lossy(bytes(tape)), &mut text);
    let place = format!(r#""sessionID":"s{session}","messageID":"m{message}""#);
    let (kind, fields) = match kind {
        0..=3 => {
            let field = if how == 255 { "x" } else { "text" };
            (
                "message.part.delta",
                format!(r#"{place},"partID":"p{part}","field":"{field}","delta":{text}"#),
            )
        }
        4..=6 => {
            let shape = match how % 6 {
                0 => String::from(r#""type":"text","text":"","time":{"start":1}"#),
                1 => format!(r#""type":"text","text":{text},"time":{{"start":1}}"#),
                2 => format!(r#""type":"reasoning","text":{text},"time":{{"start":1,"end":2}}"#),
                3 => String::from(r#""type":"tool","state":{"status":"running"}"#),
                4 => format!(r#""type":"tool","state":{{"status":"completed","output":{text}}}"#),
                _ => String::from(r#""type":"step-start""#),
            };
            (
                "message.part.updated",
                format!(r#""part":{{"id":"p{part}",{place},{shape}}}"#),
            )
        }
        7 => {
            let kinds = [
                "message.removed",
                "message.part.removed",
                "session.idle",
                "session.deleted",
                "server.connected",
                "global.disposed",
                "server.heartbeat",
            ];
            (
                kinds[usize::from(how) % kinds.len()],
                format!(r#"{place},"partID":"p{part}""#),
            )
        }
        _ => {
            return format!(
                r#"{{"type":"sync","syncEvent":{{"id":"e{part}","seq":{how},"aggregateID":"s{session}"}}}}"#
            )
            .into_bytes();
        }
    };
    let id = if message == 4 {
        format!(r#""id":"e{how}","#)
    } else {
        String::new()
    };
    // Space is allowed anywhere, also what would end a line.
    let space = ["", "\n", "\r\n"][usize::from(how >> 4) % 3];
    let event = format!(r#"{{{id}{space}"type":"{kind}","properties":{{{fields}}}}}"#);
    if session == 4 {
        format!(r#"{{"directory":"/p","payload":{event}}}"#).into_bytes()
    } else {
        event.into_bytes()
    }
}

fn byte(tape: &mut &[u8]) -> u8 {
    let Some((byte, rest)) = tape.split_first() else {
        return 0;
    };
    *tape = rest;
    *byte
}

fn bytes<'a>(tape: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::from(byte(tape) % 64).min(tape.len());
    let (bytes, rest) = tape.split_at(length);
    *tape = rest;
    bytes
}
