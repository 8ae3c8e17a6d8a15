//! The decoder as a process, for the contract suite: lines of chunks in, lines of events out.
//!
//! In: `STREAM HEX` feeds a chunk, `STREAM` alone starts the stream's next connection. Out: `{stream, type, data, id}`.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use opencode_session::proto::json::Object;
use opencode_session::proto::sse::{Decoder, Item, SseLimits};

fn main() -> std::io::Result<()> {
    let mut decoders = HashMap::new();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (stream, chunk) = line.split_once(' ').unwrap_or((&line, ""));
        let decoder = decoders
            .entry(stream.to_owned())
            .or_insert_with(|| Decoder::new(SseLimits::default()));
        if chunk.is_empty() {
            decoder.reset();
            continue;
        }
        let mut told = String::new();
        decoder.feed(&bytes(chunk), &mut |item| {
            if let Item::Frame(frame) = item {
                let text = String::from_utf8_lossy;
                let mut event = Object::new();
                event
                    .text("stream", stream)
                    .text("type", &text(frame.event))
                    .text("data", &text(frame.data))
                    .text("id", &text(frame.id));
                told.push_str(&event.end());
                told.push('\n');
            }
        });
        out.write_all(told.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}
