//! The event stream decoder against outside vectors, a naive reading of the standard, and its limits.
//!
//! The vectors are `tests/conformance/sse/*.json`; each file names its source. `input` is a string or a list of
//! strings, `{"repeat": string, "times": n}`, and null for a new connection. `\xHH` in a string is a raw byte, and ¶ is
//! each of `ends` in turn.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::sse::{Decoder, Item, Notice, SseLimits};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::Value;

const BOM: &[u8] = b"\xef\xbb\xbf";
const MIB: usize = 1 << 20;

#[derive(Clone, PartialEq, Eq)]
enum Got {
    Frame { event: Vec<u8>, data: Vec<u8>, id: Vec<u8> },
    TooLarge,
    Retry(u64),
}

impl std::fmt::Debug for Got {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame { event, data, id } => write!(
                f,
                "{}({:.200}, {} bytes)#{}",
                event.escape_ascii(),
                data.escape_ascii().to_string(),
                data.len(),
                id.escape_ascii()
            ),
            Self::TooLarge => f.write_str("too large"),
            Self::Retry(ms) => write!(f, "retry {ms}"),
        }
    }
}

impl From<Item<'_>> for Got {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Frame(f) => Self::Frame {
                event: f.event.to_vec(),
                data: f.data.to_vec(),
                id: f.id.to_vec(),
            },
            Item::Notice(Notice::TooLarge) => Self::TooLarge,
            Item::Notice(Notice::Retry(ms)) => Self::Retry(ms),
        }
    }
}

fn message(data: impl AsRef<[u8]>) -> Got {
    Got::Frame {
        event: b"message".to_vec(),
        data: data.as_ref().to_vec(),
        id: Vec::new(),
    }
}

fn feed(decoder: &mut Decoder, chunk: &[u8]) -> Vec<Got> {
    let mut got = Vec::new();
    decoder.feed(chunk, &mut |item| got.push(item.into()));
    got
}

/// Items and the last event id.
type Outcome = (Vec<Got>, Vec<u8>);

/// Connections one after the other, each cut at `cuts` (positions in all of their bytes together).
fn run(limits: SseLimits, connections: &[Vec<u8>], cuts: &[usize]) -> Outcome {
    let mut decoder = Decoder::new(limits);
    let mut got = Vec::new();
    let mut offset = 0;
    for (i, bytes) in connections.iter().enumerate() {
        if i > 0 {
            decoder.reset();
        }
        let mut from = 0;
        for cut in cuts.iter().filter(|cut| (offset..=offset + bytes.len()).contains(cut)) {
            decoder.feed(&bytes[from..cut - offset], &mut |item| got.push(item.into()));
            from = cut - offset;
        }
        decoder.feed(&bytes[from..], &mut |item| got.push(item.into()));
        offset += bytes.len();
    }
    (got, decoder.last_event_id().to_vec())
}

// Vectors ------------------------------------------------------------------------------------------------------------

/// A string of a vector as bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut out = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).unwrap());
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    out
}

fn connections(input: &Value, end: &str) -> Vec<Vec<u8>> {
    let pieces = input.as_array().map_or(std::slice::from_ref(input), Vec::as_slice);
    let mut out = vec![Vec::new()];
    for piece in pieces {
        match piece {
            Value::Null => out.push(Vec::new()),
            Value::String(text) => out.last_mut().unwrap().extend(bytes(&text.replace('¶', end))),
            _ => {
                let times = piece["times"].as_u64().unwrap() as usize;
                out.last_mut()
                    .unwrap()
                    .extend(piece["repeat"].as_str().unwrap().repeat(times).into_bytes());
            }
        }
    }
    out
}

fn expected(item: &Value) -> Got {
    if item == "too-large" {
        return Got::TooLarge;
    }
    if let Some(ms) = item["retry"].as_u64() {
        return Got::Retry(ms);
    }
    let field = |name: &str, default: &str| bytes(item[name].as_str().unwrap_or(default));
    assert!(item["data"].is_string(), "bad item {item}");
    Got::Frame {
        event: field("event", "message"),
        data: field("data", ""),
        id: field("id", ""),
    }
}

/// Runs a vector whole, byte by byte, in every two pieces and, when short, in every three.
fn check(name: &str, limits: SseLimits, connections: &[Vec<u8>], want: &Outcome) {
    let length = connections.iter().map(Vec::len).sum::<usize>();
    let try_cuts = |cuts: &[usize]| {
        let got = run(limits, connections, cuts);
        assert_eq!(got, *want, "{name:?}, cut at {cuts:?}");
    };
    try_cuts(&[]);
    try_cuts(&(0..=length).collect::<Vec<_>>());
    try_cuts(&(0..=length).flat_map(|at| [at, at]).collect::<Vec<_>>());
    for step in [2, 3] {
        try_cuts(&(0..length).step_by(step).collect::<Vec<_>>());
    }
    for first in 0..=length {
        try_cuts(&[first]);
        if length <= 300 {
            for second in first..=length {
                try_cuts(&[first, second]);
            }
        }
    }
}

fn check_file(text: &str, least: usize) {
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= least, "{} cases, {least} wanted", cases.len());
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let want = (
            case["items"].as_array().unwrap().iter().map(expected).collect(),
            bytes(case["last"].as_str().unwrap_or_default()),
        );
        let limit = |i: usize| case["limits"][i].as_u64().map_or(16 * MIB, |n| n as usize);
        let limits = SseLimits {
            line: limit(0),
            event: limit(1),
        };
        let ends = case["ends"]
            .as_array()
            .map_or(vec![""], |ends| ends.iter().map(|e| e.as_str().unwrap()).collect());
        for end in ends {
            check(
                &format!("{name} {end:?}"),
                limits,
                &connections(&case["input"], end),
                &want,
            );
        }
    }
}

#[test]
fn standard() {
    check_file(include_str!("conformance/sse/whatwg.json"), 40);
}

#[test]
fn web_platform_tests() {
    check_file(include_str!("conformance/sse/wpt.json"), 29);
}

#[test]
fn chromium() {
    check_file(include_str!("conformance/sse/chromium.json"), 26);
}

#[test]
fn launchdarkly() {
    check_file(include_str!("conformance/sse/launchdarkly.json"), 34);
}

#[test]
fn tiny_limits() {
    check_file(include_str!("conformance/sse/limits.json"), 23);
}

// A naive reading of the standard ------------------------------------------------------------------------------------

/// Decodes each connection whole to text, splits it into lines, and follows the standard's steps word for word. With
/// limits, the text must be good UTF-8 and end in a blank line.
fn naive(limits: SseLimits, connections: &[Vec<u8>]) -> Outcome {
    let mut got = Vec::new();
    let mut last_event_id = String::new();
    for bytes in connections {
        let text = String::from_utf8_lossy(bytes.strip_prefix(BOM).unwrap_or(bytes)).into_owned();
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut lines: Vec<&str> = text.split('\n').collect();
        lines.pop(); // unfinished

        let (mut data, mut event_type, mut id) = (String::new(), String::new(), last_event_id.clone());
        let mut skip = false;
        for line in lines {
            if line.is_empty() {
                if skip {
                    skip = false;
                } else {
                    last_event_id = id.clone();
                    if let Some(data) = data.strip_suffix('\n') {
                        let event = if event_type.is_empty() { "message" } else { &event_type };
                        got.push(Got::Frame {
                            event: event.into(),
                            data: data.into(),
                            id: id.clone().into(),
                        });
                    }
                }
                data.clear();
                event_type.clear();
                id = last_event_id.clone();
                continue;
            }
            if skip || line.starts_with(':') {
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            let known = ["data", "event", "id", "retry"].contains(&field);
            if known && line.len() > limits.line || field == "data" && data.len() + value.len() > limits.event {
                got.push(Got::TooLarge);
                skip = true;
                continue;
            }
            match field {
                "event" => event_type = value.to_string(),
                "data" => data = format!("{data}{value}\n"),
                "id" if !value.contains('\0') => id = value.to_string(),
                "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                    got.push(Got::Retry(value.parse().unwrap_or(u64::MAX)));
                }
                _ => {}
            }
        }
    }
    (got, last_event_id.into_bytes())
}

/// As a consumer that wants text reads it.
fn lossy((items, last): Outcome) -> Outcome {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned().into_bytes();
    let items = items.into_iter().map(|item| match item {
        Got::Frame { event, data, id } => Got::Frame {
            event: text(event),
            data: text(data),
            id: text(id),
        },
        other => other,
    });
    (items.collect(), text(last))
}

const GOOD: &[&[u8]] = &[
    b"\n",
    b"\n",
    b"\n",
    b"\n\n",
    b"\n\n",
    b"\r",
    b"\r",
    b"\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\r",
    b":",
    b":",
    b" ",
    b" ",
    b"\0",
    b"\t",
    BOM,
    b"data",
    b"data:",
    b"data:",
    b"data:",
    b"data: ",
    b"data: ",
    b"\ndata: ",
    b"\ndata:",
    b"event",
    b"event:",
    b"\nevent: ",
    b"id",
    b"id:",
    b"\nid: ",
    b"retry",
    b"retry:",
    b"\nretry: ",
    b"d",
    b"da",
    b"i",
    b"e",
    b"x",
    b"xyz",
    b"0",
    b"7",
    b"123",
    b"{\"a\":1}",
    "é".as_bytes(),
    "…".as_bytes(),
    "豆腐".as_bytes(),
    "😀".as_bytes(),
    "\u{2028}".as_bytes(),
    b"\x0b",
    b"\x0c",
];
const BAD: &[&[u8]] = &[
    b"\xff",
    b"\xef",
    b"\xef\xbb",
    b"\xbb",
    b"\xbf",
    b"\xe8",
    b"\xe8\xb1",
    b"\xf0\x9f",
    b"\xf0\x9f\x98",
    b"\xc2",
    b"\xc0",
    b"\xed\xa0\x80",
    b"\xf4\x90",
    b"\x80",
    b"\xc2\xa0",
];

fn soup(alphabet: Vec<&'static [u8]>) -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![3 => Just(&b""[..]), 2 => Just(BOM), 1 => Just(&BOM[..1]), 1 => Just(&BOM[..2])];
    let body = prop::collection::vec(prop::sample::select(alphabet), 0..60);
    (start, body).prop_map(|(start, body)| [start, &body.concat()].concat())
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 4096,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/conformance/sse.proptest-regressions",
        ))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_any_cuts_as_the_standard(
        connections in prop::collection::vec(soup([GOOD, BAD].concat()), 1..3),
        mut cuts in prop::collection::vec(0usize..300, 0..12),
    ) {
        let want = naive(SseLimits::default(), &connections);
        let length = connections.iter().map(Vec::len).sum::<usize>();
        cuts.sort_unstable();
        let whole = run(SseLimits::default(), &connections, &[]);
        prop_assert_eq!(&run(SseLimits::default(), &connections, &cuts), &whole);
        prop_assert_eq!(&run(SseLimits::default(), &connections, &(0..=length).collect::<Vec<_>>()), &whole);
        prop_assert_eq!(&lossy(whole), &want);
    }

    #[test]
    fn any_limits_any_cuts(
        mut stream in soup(GOOD.to_vec()),
        line in 0usize..24,
        event in 0usize..24,
        mut cuts in prop::collection::vec(0usize..300, 0..12),
    ) {
        // A part of a BOM at the start is bad UTF-8, which has another length as text.
        if !stream.starts_with(BOM) {
            stream.insert(0, b'\n');
        }
        let stream = String::from_utf8_lossy(&stream).replace('\u{fffd}', "?").into_bytes();
        let connections = [[&stream[..], b"\n\n"].concat()];
        let limits = SseLimits { line, event };
        let want = naive(limits, &connections);
        cuts.sort_unstable();
        prop_assert_eq!(&run(limits, &connections, &[]), &want);
        prop_assert_eq!(&run(limits, &connections, &cuts), &want);
        prop_assert_eq!(&run(limits, &connections, &(0..=stream.len()).collect::<Vec<_>>()), &want);
    }
}

// Promptness, copies, memory, limits ---------------------------------------------------------------------------------

#[test]
fn items_come_with_their_last_byte() {
    let input = b"\xef\xbb\xbfdata: x\r\r\ndata: y\n\nretry: 5\r\ndata:z\r\n\r\n\nid:1\n\n";
    let mut decoder = Decoder::new(SseLimits::default());
    let mut at = Vec::new();
    let mut ids = Vec::new();
    for (i, byte) in input.iter().enumerate() {
        decoder.feed(&[*byte], &mut |item| at.push((i, Got::from(item))));
        ids.push(decoder.last_event_id().to_vec());
    }
    let want = [
        (11, message("x")),
        (21, message("y")),
        (30, Got::Retry(5)),
        (40, message("z")),
    ];
    assert_eq!(at, want);
    assert_eq!(ids.iter().position(|id| id == b"1"), Some(input.len() - 1));
    // Over a limit: with the first byte too many, not at the end of the line.
    let mut decoder = Decoder::new(SseLimits { line: 10, event: 99 });
    assert_eq!(feed(&mut decoder, b"data: 1234"), []);
    assert_eq!(feed(&mut decoder, b"5"), [Got::TooLarge]);
}

#[test]
fn a_frame_inside_a_chunk_is_not_copied() {
    let chunk = b"data: {\"a\":1}\n\n: idle\n\nevent: x\r\ndata:two\r\n\r\ndata: three\r\r".repeat(1000);
    let mut decoder = Decoder::new(SseLimits::default());
    let mut frames = 0;
    decoder.feed(&chunk, &mut |item| {
        let Item::Frame(frame) = item else { panic!("no frame") };
        frames += 1;
        assert!(chunk.as_ptr_range().contains(&frame.data.as_ptr()));
    });
    assert_eq!(frames, 3000);
    assert!(
        decoder.capacity() <= 16,
        "only the type is kept, {}",
        decoder.capacity()
    );
}

/// Feeds `input` in pieces of `size` and returns the items and the most memory held.
fn drip(decoder: &mut Decoder, input: &[u8], size: usize) -> (Vec<Got>, usize) {
    let mut most = 0;
    let mut got = Vec::new();
    for chunk in input.chunks(size) {
        decoder.feed(chunk, &mut |item| got.push(item.into()));
        most = most.max(decoder.capacity());
    }
    (got, most)
}

fn line_of(length: usize) -> Vec<u8> {
    let mut line = b"data: ".to_vec();
    // All bytes but line ends, so that no byte may be dropped or doubled unseen.
    line.extend(
        (0u8..=255)
            .filter(|b| !matches!(b, b'\r' | b'\n'))
            .cycle()
            .take(length - line.len()),
    );
    line
}

#[test]
fn sixteen_mib_in_any_pieces() {
    // A decoder that looks at bytes again never gets to the end of the first of these.
    for size in [1, 4096, 65_537, usize::MAX] {
        for end in [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"] {
            if size == 1 && end != b"\n\n" {
                continue;
            }
            let line = line_of(16 * MIB);
            let mut decoder = Decoder::new(SseLimits::default());
            let (got, most) = drip(&mut decoder, &[&line, end, b"data: ok\n\n"].concat(), size);
            assert!(got == [message(&line[6..]), message("ok")], "{size} {end:?} {got:?}");
            assert!(most <= 32 * MIB, "{most}");
            assert!(decoder.capacity() <= MIB, "given back, {}", decoder.capacity());

            let line = line_of(16 * MIB + 1);
            let (got, most) = drip(&mut decoder, &[&line, end, b"data: ok\n\n"].concat(), size);
            assert_eq!(got, [Got::TooLarge, message("ok")]);
            assert!(most <= 32 * MIB, "{most}");
            assert!(decoder.capacity() <= MIB);
        }
    }
}

#[test]
fn sixteen_mib_of_lines() {
    let rows = |n: usize| [b"data:0123456789abcde\n".repeat(n), b"\n".to_vec()].concat();
    // 16 bytes a row with its line feed, but for the last one.
    for size in [7, 4096, usize::MAX] {
        let mut decoder = Decoder::new(SseLimits::default());
        let (got, most) = drip(&mut decoder, &rows(MIB), size);
        assert!(
            matches!(&got[..], [Got::Frame { data, .. }] if data.len() == 16 * MIB - 1),
            "{got:?}"
        );
        assert!(most <= 32 * MIB, "{most}");
        let (got, _) = drip(&mut decoder, &[rows(MIB + 1), b"data: ok\n\n".to_vec()].concat(), size);
        assert_eq!(got, [Got::TooLarge, message("ok")]);
        assert!(decoder.capacity() <= MIB, "given back, {}", decoder.capacity());
    }
}

#[test]
fn skipping_takes_no_memory() {
    let mut decoder = Decoder::new(SseLimits {
        line: 2 * MIB,
        event: 2 * MIB,
    });
    for start in [&b"data: "[..], b"event: ", b"id: ", b"retry: "] {
        assert_eq!(feed(&mut decoder, start), []);
        let chunk = vec![b'7'; 65_536];
        let got: Vec<Got> = (0..40).flat_map(|_| feed(&mut decoder, &chunk)).collect();
        assert_eq!(got, [Got::TooLarge]);
        for _ in 0..1000 {
            assert_eq!(feed(&mut decoder, &chunk), []);
            assert_eq!(feed(&mut decoder, b"\r\ndata: "), []);
            assert!(decoder.capacity() <= 64, "{}", decoder.capacity());
        }
        assert_eq!(feed(&mut decoder, b"\n\ndata: ok\n\n"), [message("ok")]);
    }
    // What came before the line that is too long goes too.
    let mut decoder = Decoder::new(SseLimits {
        line: 1000,
        event: 1000,
    });
    let input = [b"data: ", &[b'7'; 900][..], b"\nevent: ", &[b'7'; 1000], b"\n"].concat();
    assert_eq!(feed(&mut decoder, &input), [Got::TooLarge]);
    assert_eq!(decoder.capacity(), 0);
}

#[test]
fn lines_that_cannot_count_take_no_memory() {
    for start in [&b":"[..], b"unknown: ", b"dataset: ", b"\xef\xbbdata: ", b"data : "] {
        for size in [1, 4096] {
            let mut decoder = Decoder::new(SseLimits {
                line: 1000,
                event: 1000,
            });
            let input = [start, &b"data: x ".repeat(MIB / 4), b"\ndata: ok\n\n"].concat();
            let (got, most) = drip(&mut decoder, &input, size);
            assert_eq!(got, [message("ok")]);
            assert!(most <= 32, "{most}");
        }
    }
    let mut decoder = Decoder::new(SseLimits::default());
    let (got, most) = drip(
        &mut decoder,
        &b":\n\n: ping\r\n\r\nevent: x\n\n\xff\r".repeat(MIB / 8),
        7,
    );
    assert_eq!(got, []);
    assert!(most <= 64, "{most}");
}

#[test]
fn giant_ids_and_types_are_given_back() {
    let mut decoder = Decoder::new(SseLimits::default());
    for name in ["id: ", "event: "] {
        let giant = [name.as_bytes(), &vec![b'x'; 3 * MIB], b"\ndata: y\n\n"].concat();
        for size in [4096, usize::MAX] {
            assert_eq!(drip(&mut decoder, &giant, size).0.len(), 1);
            assert_eq!(feed(&mut decoder, b"id: 1\ndata: z\n\n").len(), 1);
            assert_eq!(decoder.last_event_id(), b"1");
            assert!(decoder.capacity() <= MIB, "{}", decoder.capacity());
        }
    }
}

#[test]
fn reset_gives_memory_back() {
    for start in [&b"data: "[..], b"event: ", b"id: ", b"data: x\ndata: "] {
        let mut decoder = Decoder::new(SseLimits::default());
        assert_eq!(feed(&mut decoder, &[start, &vec![b'x'; 3 * MIB]].concat()), []);
        assert!(decoder.capacity() > 3 * MIB);
        decoder.reset();
        assert!(decoder.capacity() <= MIB, "{}", decoder.capacity());
        assert_eq!(feed(&mut decoder, b"\ndata: ok\n\n"), [message("ok")]);
    }
}
