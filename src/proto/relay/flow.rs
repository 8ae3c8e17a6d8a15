use super::intake::Taken;
use super::lease::Role;
use super::planted::{self, Bug};
use super::store::Body;
use super::{Output, Relay};
use crate::proto::connection::retry_after;
use crate::proto::error::Error;
use crate::proto::event::named;
use crate::proto::replay::{Read, read, unwrapped};
use crate::proto::request::Response;
use crate::proto::sse::{Decoder, Item, Notice, SseLimits};

const MINUTE: u64 = 60_000;

/// The upstream stream: what comes on it, and what becomes of it.
impl Relay {
    pub(super) fn stream_opened(&mut self, response: &Response<'_>, now: u64) {
        if self.upstream.is_live() {
            return;
        }
        if Error::check_stream(response).is_ok() {
            self.upstream.watchdog.fed(now);
        } else {
            self.outputs.push_back(Output::CloseStream);
            self.stream_lost(retry_after(response.retry_after, now), now);
        }
    }

    pub(super) fn stream_bytes(&mut self, bytes: &[u8], now: u64) {
        self.upstream.watchdog.fed(now);
        let generation = self.upstream.generation();
        // The decoder is lent out while its frames are handled.
        let limits = SseLimits { line: 0, event: 0 };
        let mut decoder = std::mem::replace(&mut self.upstream.decoder, Decoder::new(limits));
        decoder.feed_telling(bytes, &mut |item, head| match item {
            // A frame may end this stream; what follows it in the chunk is of the past.
            _ if generation != self.upstream.generation() => {}
            Item::Frame(frame) => self.frame(&named(&frame), now),
            Item::Notice(Notice::TooLarge) if self.upstream.is_live() => self.intake.miss(head),
            Item::Notice(_) => {}
        });
        if generation != self.upstream.generation() {
            decoder.reset();
        }
        self.upstream.decoder = decoder;
    }

    fn frame(&mut self, data: &[u8], now: u64) {
        if !self.upstream.is_live() {
            // Before the server says that this stream is registered, nothing on it counts.
            match read(unwrapped(data)) {
                Read::Connected => self.stream_live(now),
                Read::Disposed => self.stream_ends(now),
                _ => {}
            }
            return;
        }
        let empty = self.intake.is_empty();
        match self.intake.take(data) {
            Taken::Connected => {}
            Taken::Heartbeat => {
                self.upstream.watchdog.beat(now);
                if now >= self.aged + MINUTE {
                    self.aged = now;
                    self.mirror.log.age();
                }
            }
            Taken::Disposed => self.stream_ends(now),
            Taken::Other => {}
        }
        self.pace(empty, now);
    }

    /// What comes first after a pause goes at once; what follows is joined.
    pub(super) fn pace(&mut self, was_empty: bool, now: u64) {
        if was_empty && !self.intake.is_empty() {
            self.flush_at = now.max(self.flushed + self.config.flush);
        }
    }

    fn stream_live(&mut self, now: u64) {
        if !self.upstream.connected(now) {
            return;
        }
        let mut hole = self.mirror.is_used && !planted::is(Bug::NoReconnectHole);
        if let Role::Leader(leader) = &mut self.role {
            hole = leader.gap;
            leader.gap = !planted::is(Bug::NoReconnectHole);
        }
        self.intake.push(Body::Up { hole });
        self.flush_at = now;
    }

    pub(super) fn stream_closed(&mut self, now: u64) {
        self.stream_lost(None, now);
    }

    /// This side ends it.
    pub(super) fn stream_ends(&mut self, now: u64) {
        self.outputs.push_back(Output::CloseStream);
        self.stream_lost(None, now);
    }

    fn stream_lost(&mut self, asked: Option<u64>, now: u64) {
        if self.upstream.lost(asked, &mut self.rng, now) {
            self.intake.push(Body::Down);
            self.flush_at = now;
        } else if !self.mirror.is_up {
            // Whoever waits for it alone is told at once; with others, they may reach it.
            if matches!(self.role, Role::Leader(_)) || self.is_alone() {
                self.readers.refuse(now, 0, &mut self.outputs);
            }
        }
    }

    pub(super) fn close_stream(&mut self) {
        if self.upstream.close() {
            self.outputs.push_back(Output::CloseStream);
        }
    }
}
