//! What no correct server sends, and what it sends twice.

use opencode_session::proto::rng::Rng;
use serde_json::json;

use crate::fault::Fault;
use crate::net::{Stream, Target};
use crate::world::{SECOND, World};

impl World {
    /// An event that this stream has carried comes again.
    pub(crate) fn say_again(&mut self, fault: Fault, rng: &mut Rng) {
        if !self.until_pending(rng) {
            return;
        }
        self.flow(usize::MAX);
        let late = |stream: &Stream| stream.broken && fault == Fault::SameIdAgain;
        let fits = |stream: &&mut Stream| !stream.mute && !late(stream);
        let Some((first, next, global)) = self
            .source()
            .filter(fits)
            .map(|stream| (stream.first, stream.next, stream.global))
        else {
            return;
        };
        let carried = next.saturating_sub(first).min(20) as u64;
        if carried == 0 {
            return;
        }
        let event = &self.server.log[next - 1 - rng.below(carried) as usize];
        let mut frames = event.frames(global);
        if fault == Fault::NewIdAgain {
            frames = frames.replace("\"id\":\"evt_", "\"id\":\"evt_again_");
            self.honest = false;
        }
        if !frames.is_empty() {
            self.counts.hit(fault);
            if let Some(stream) = self.source() {
                stream.push(&frames);
            }
        }
    }

    /// What no correct server sends.
    pub(crate) fn forge(&mut self, fault: Fault, rng: &mut Rng) {
        if fault == Fault::BadBody {
            self.arm(fault, Target::Get, rng);
            self.cut(false);
            return self.live_through(2 * SECOND, rng);
        }
        if fault == Fault::NewIdAgain {
            return self.say_again(fault, rng);
        }
        if !self.until_pending(rng) {
            return;
        }
        let session = self.opens[0].session.clone();
        let flags = self.flags;
        let Some(stream) = self.net.stream.as_mut() else { return };
        let generation = stream.generation;
        let mut broken = false;
        self.honest &= !matches!(fault, Fault::Dropped | Fault::Swapped | Fault::FlippedByte);
        match fault {
            Fault::Dropped => {
                stream.bytes.truncate(stream.head);
            }
            Fault::Swapped => {
                let Some([first, second]) = self.server.log.get(stream.next.wrapping_sub(2)..stream.next) else {
                    return;
                };
                stream.bytes.truncate(stream.head);
                let frames = second.frames(stream.global) + &first.frames(stream.global);
                stream.push(&frames);
            }
            Fault::FlippedByte => {
                let at = stream.head + rng.below(stream.pending().len() as u64) as usize;
                let bit = 1 << rng.below(8);
                let marks = stream.marks();
                stream.bytes[at] ^= bit;
                if stream.marks() != marks {
                    // A text without a start is an ended one, and stays so until the server ends it; and a prompt with
                    // another text is another's.
                    stream.bytes[at] ^= bit;
                    return;
                }
            }
            Fault::CutJson => {
                // In the middle of the last event.
                let pending = stream.pending();
                let last = pending
                    .windows(6)
                    .rposition(|window| window == b"data: ")
                    .unwrap_or_default();
                let cut = (last + pending.len()) / 2;
                stream.bytes.truncate(stream.head + cut);
                stream.push("\n\n");
                stream.broken = true;
            }
            Fault::DeepNesting => {
                let depth = 1 + rng.below(3_000) as usize;
                let deep = "[".repeat(depth);
                broken = true;
                stream.push(&format!(
                    "data: {{\"type\":\"message.updated\",\"properties\":{{\"sessionID\":\"{session}\",\"info\":{deep}\n\n"
                ));
            }
            Fault::ProtoIds => {
                let id = ["__proto__", "constructor", "toString", ""][rng.below(4) as usize];
                let info = json!({ "id": id, "sessionID": session, "role": "user", "time": { "created": self.now }, "__proto__": {} });
                let part = json!({ "id": id, "messageID": id, "sessionID": session, "type": "text", "text": id });
                stream.push(&format!(
                    "data: {{\"type\":\"message.updated\",\"properties\":{{\"info\":{info}}}}}\n\ndata: {{\"type\":\"message.part.updated\",\"properties\":{{\"part\":{part}}}}}\n\n"
                ));
            }
            Fault::UnknownType => {
                let kind = ["message.part.exploded", "session.", "", "a"][rng.below(4) as usize];
                let event = json!({ "type": kind, "properties": { "sessionID": session, "part": 7, "info": [] } });
                stream.push(&format!("data: {event}\n\n"));
            }
            Fault::GiantLine => {
                let size = 30_000 + rng.below(30_000) as usize;
                // Of nobody, of a session that is not open, and of a type that nobody reads.
                let start = [
                    "\"type\":\"message.updated\",\"x\":",
                    "\"type\":\"message.part.updated\",\"properties\":{\"sessionID\":\"ses_other\"},\"x\":",
                    "\"type\":\"file.watcher.updated\",\"x\":",
                ][rng.below(3) as usize];
                broken = size > self.config.limits.line && start.starts_with("\"type\":\"message.updated");
                stream.push(&format!("data: {{{start}\"{}\"}}\n\n", "y".repeat(size)));
            }
            Fault::EndlessLine => {
                stream.push(&format!("data: {}", "z".repeat(45_000)));
                self.counts.hit(fault);
                (0..12).for_each(|_| self.flow(4_000));
                let arrived = self.net.stream.as_ref().is_some_and(Stream::is_drained);
                assert!(!arrived || self.flags > flags, "{} is not noticed", fault.name());
                return self.cut(false);
            }
            _ => stream.push("retry: 0\nretry:0\n\n"),
        }
        stream.broken |= broken;
        self.counts.hit(fault);
        self.flow(usize::MAX);
        if let Some(stream) = &mut self.net.stream {
            stream.broken |= self.flags > flags;
        }
        let arrived = self
            .net
            .stream
            .as_ref()
            .is_some_and(|stream| stream.generation == generation && stream.is_drained());
        assert!(
            !broken || !arrived || self.flags > flags,
            "{} is not noticed",
            fault.name()
        );
        // Where the cut is, an event may be gone without a trace.
        self.honest &= fault != Fault::CutJson || self.flags > flags;
    }
}
