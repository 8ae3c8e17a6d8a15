//! Any bytes, cut anywhere, under any limits: the frames of one simple reading of the standard, and bounded memory.

use opencode_session::proto::sse::{Decoder, Item, Notice, SseLimits};

#[derive(Debug, PartialEq, Eq)]
enum Got {
    Frame { event: Vec<u8>, data: Vec<u8>, id: Vec<u8> },
    TooLarge,
    Retry(u64),
}

/// Items, and the last event id.
type Outcome = (Vec<Got>, Vec<u8>);

/// Input: a byte for the limits, two for the cuts, the stream. `FF FF` in it starts a new connection.
pub(crate) fn run(input: &[u8]) {
    let [size, seed, step, stream @ ..] = input else { return };
    let limits = match *size {
        0..=99 => SseLimits::default(),
        size => SseLimits {
            line: usize::from(size & 31),
            event: usize::from(size >> 3),
        },
    };
    // The last event ends: going over a limit is told at once, not at the end of the line.
    let connections: Vec<Vec<u8>> = split(stream).map(|bytes| [bytes, b"\n\n"].concat()).collect();
    let want = simple(limits, &connections);
    assert_eq!(feed(limits, &connections, &mut || usize::MAX), want, "whole");
    let mut state = u32::from(*seed);
    let mut cut = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % (usize::from(*step % 32) + 1)
    };
    assert_eq!(feed(limits, &connections, &mut cut), want, "cut");
}

fn split(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(stream);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let cut = bytes.windows(2).position(|pair| pair == b"\xff\xff");
        rest = cut.map(|at| &bytes[at + 2..]);
        Some(cut.map_or(bytes, |at| &bytes[..at]))
    })
}

fn feed(limits: SseLimits, connections: &[Vec<u8>], size: &mut dyn FnMut() -> usize) -> Outcome {
    let mut decoder = Decoder::new(limits);
    let mut got = Vec::new();
    let mut fed = 0;
    for (at, connection) in connections.iter().enumerate() {
        if at > 0 {
            decoder.reset();
        }
        let mut rest = &connection[..];
        while !rest.is_empty() {
            let size = size();
            if size == 0 {
                decoder.feed(&[], &mut |item| got.push(item.into()));
            }
            let (chunk, next) = rest.split_at(size.clamp(1, rest.len()));
            decoder.feed(chunk, &mut |item| got.push(item.into()));
            (rest, fed) = (next, fed + chunk.len());
            // Four buffers hold a line at most, one holds an event; each may have room for twice what it holds.
            let bound = 2 * (4 * limits.line.min(fed) + limits.event.min(fed)) + 5 * 32;
            assert!(
                decoder.capacity() <= bound,
                "{} bytes held, {fed} fed",
                decoder.capacity()
            );
        }
    }
    (got, decoder.last_event_id().to_vec())
}

impl From<Item<'_>> for Got {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Frame(frame) => Got::Frame {
                event: frame.event.to_vec(),
                data: frame.data.to_vec(),
                id: frame.id.to_vec(),
            },
            Item::Notice(Notice::TooLarge) => Got::TooLarge,
            Item::Notice(Notice::Retry(ms)) => Got::Retry(ms),
        }
    }
}

/// The standard's steps on lines of bytes, the limits added.
fn simple(limits: SseLimits, connections: &[Vec<u8>]) -> Outcome {
    let mut got = Vec::new();
    let mut last = Vec::new();
    for bytes in connections {
        let (mut event, mut data, mut id) = (Vec::new(), None::<Vec<u8>>, last.clone());
        let mut skip = false;
        for line in lines(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) {
            if line.is_empty() {
                if !skip {
                    last = id;
                    if let Some(data) = data.take() {
                        let event = if event.is_empty() { b"message".to_vec() } else { event };
                        got.push(Got::Frame {
                            event,
                            data,
                            id: last.clone(),
                        });
                    }
                }
                (event, data, id, skip) = (Vec::new(), None, last.clone(), false);
                continue;
            }
            let (name, value) = match line.iter().position(|byte| *byte == b':') {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => (line, &[][..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            let known = matches!(name, b"data" | b"event" | b"id" | b"retry");
            if skip || !known {
                continue;
            }
            let joined = data.as_ref().map_or(0, |data| data.len() + 1) + value.len();
            if line.len() > limits.line || name == b"data" && joined > limits.event {
                got.push(Got::TooLarge);
                skip = true;
                continue;
            }
            match name {
                b"data" => match &mut data {
                    Some(data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                    None => data = Some(value.to_vec()),
                },
                b"event" => event = value.to_vec(),
                b"id" if !value.contains(&0) => id = value.to_vec(),
                b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                    let digits = String::from_utf8_lossy(value);
                    got.push(Got::Retry(digits.parse().unwrap_or(u64::MAX)));
                }
                _ => {}
            }
        }
    }
    (got, last)
}

/// Finished lines.
fn lines(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        lines.push(&rest[..at]);
        let end = if rest[at..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[at + end..];
    }
    lines
}
