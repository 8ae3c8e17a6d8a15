//! The page: what goes into the client, what comes out of it, and what is shown.

use opencode_session::proto::client::{Client, Input};
use opencode_session::proto::connection::Source;
use opencode_session::proto::sync::{Output, Reply};

use crate::fault::{Fault, Profile, Reached};
use crate::judge::Open;
use crate::net::{Flight, Stream};
use crate::world::{START, World};

impl World {
    pub(crate) fn input(&mut self, input: Input<'_>) {
        if self.trace.on {
            self.trace.note(self.now - START, &input);
        }
        self.seen = self.seen.max(self.clock());
        self.client.handle_input(input, self.clock());
        self.undrained += 1;
        self.pump();
        if self.now >= self.save_at {
            self.save();
        }
        let slow = self.until.slow.is_some() && !self.calm;
        if self.drains && !slow && self.drain_rng.below(3) == 0 {
            self.drain();
        }
    }

    pub(crate) fn is_journaling(&self) -> bool {
        self.journaling
    }

    /// The page writes its journal. Not more often than this, but for the reasons that cannot wait.
    pub(crate) fn save(&mut self) {
        const EVERY: u64 = 250;
        if !self.journaling {
            return;
        }
        self.save_at = self.now + EVERY;
        for open in &self.opens {
            if let Some(record) = self.client.journal(open.handle, false) {
                self.journal.insert(open.session.clone(), record);
            }
        }
    }

    /// Takes what the client wants done.
    pub(crate) fn pump(&mut self) {
        while let Some(output) = self.client.poll_output() {
            if self.trace.on {
                self.trace.note(self.now - START, &output);
            }
            let clock = self.now + self.ahead;
            match output {
                Output::OpenStream {
                    generation,
                    source,
                    path,
                    position,
                } => {
                    self.judge.opens_stream(clock, source);
                    if path.starts_with("/global") {
                        self.counts.reach(Reached::Global);
                    }
                    // The way to a keeper whose own stream is mute is as mute as it was.
                    if !(source == Source::Keeper && self.is_hushed()) && self.until.mute.take().is_some() {
                        self.counts.reach(Reached::MuteNoticed);
                        self.end_hush();
                    }
                    self.net.stream = Some(Stream::new(
                        generation,
                        path.starts_with("/global"),
                        self.rng.below(2) == 0,
                    ));
                    if source == Source::Keeper {
                        if let Some(stream) = &mut self.net.stream {
                            (stream.kept, stream.global, stream.crlf) = (true, true, false);
                        }
                        self.attach(position);
                    }
                }
                Output::CloseStream => {
                    self.judge.stream_ended(self.seen);
                    self.detach();
                    self.net.stream = None;
                }
                Output::Request(request) => {
                    if request.path.contains("/prompt_async") {
                        // The post waits until it stands in the journal.
                        self.save();
                        self.opens.iter().for_each(|open| open.may_post(&request.path));
                        self.judge.posts(request.body.as_deref().unwrap_or_default());
                    }
                    self.judge.asks(clock, &request, self.opens.len());
                    self.net.asked(&request, &mut self.counts);
                    self.net.flights.push(Flight::new(request, self.now));
                }
                Output::Reply { token, result } => {
                    if let (Ok(Reply::Message { session, index }), false) = (&result, self.calm && !self.drains) {
                        self.drain();
                        let open = self.opens.iter().find(|open| open.handle == *session);
                        let there = open.is_none_or(|open| *index < open.mirror.messages.len());
                        assert!(there, "the answer is at {index}, behind the list");
                        if let Some(open) = open {
                            self.judge
                                .reads(token, &open.mirror.messages[*index], &self.server, self.profile);
                        }
                    }
                    self.judge.answered(token, &result, &self.server, self.profile);
                }
                Output::Heard { .. } => panic!("nobody looks out"),
                Output::Log { level, code, message } => {
                    assert!(level < 3, "an error was logged: {code} {message}");
                    let broken = code == "bad_event" || code == "event_too_large";
                    self.flags += u32::from(broken);
                    assert!(
                        !broken || self.profile == Profile::Hostile,
                        "a good stream is called broken: {code} {message}"
                    );
                }
            }
        }
    }

    /// The page shows what changed.
    pub(crate) fn drain(&mut self) {
        if self.frozen {
            return;
        }
        if self.undrained > 50 && self.until.slow.is_some() {
            self.counts.hit(Fault::SlowSubscriber);
        }
        // With two sessions one is shown before the connection is live, and a gap may open meanwhile.
        let fresh = std::mem::take(&mut self.undrained) <= 1 && self.opens.len() == 1;
        for open in &mut self.opens {
            if !self.client.is_dirty(open.handle) {
                continue;
            }
            let mut changes = Vec::new();
            self.client.drain(open.handle, &mut changes);
            if self.trace.print {
                self.trace.note(self.now - START, &changes);
            }
            open.mirror.apply(changes);
            open.check(&self.server, self.honest, fresh, &mut self.counts);
            if self.profile == Profile::Lawful {
                open.nothing_left_out(&self.server, &self.net);
            }
        }
        let bytes = self.client.buffered_bytes();
        let bound = 4 * (self.config.limits.event + self.config.limits.buffered * self.opens.len());
        assert!(bytes < bound, "{bytes} bytes are held");
    }

    /// The page is shown or hidden.
    pub(crate) fn look(&mut self, visible: bool) {
        if !self.frozen && self.hidden == visible {
            self.hidden = !visible;
            if visible {
                self.judge.kicked_now();
            } else {
                self.save();
            }
            self.input(Input::Visible(visible));
        }
    }

    /// A new page: of the old one, only the journal is left.
    pub(crate) fn reload(&mut self) {
        self.config.seed = self.config.seed.wrapping_add(1_000_003);
        self.client = Client::new(self.config.clone());
        self.seen = self.clock();
        self.detach();
        self.net.stream = None;
        self.net.flights.clear();
        self.judge.reloaded(&self.journal);
        self.hidden = false;
        self.save_at = 0;
        for open in std::mem::take(&mut self.opens) {
            let record = self
                .journal
                .get(&open.session)
                .filter(|record| !record.is_empty())
                .cloned();
            let Some(record) = record else {
                self.open(open.session, open.limit);
                continue;
            };
            self.counts.reach(Reached::Restored);
            let handle = self.client.open_held(&open.session, open.limit, self.clock());
            self.opens
                .push(Open::restored(open.session, handle, open.limit, &record));
            self.pump();
            if self.rng.below(2) == 0 {
                self.arrive();
            }
            self.client.restore(handle, &record, true, self.clock());
            self.client.resume(handle, self.clock());
            self.pump();
        }
        if self.until.offline.is_some() {
            self.doubt();
        }
    }

    /// The host says that there is no network, rightly or not.
    pub(crate) fn doubt(&mut self) {
        self.judge.kicked_now();
        self.input(Input::Doubt);
    }

    /// The page is put away.
    pub(crate) fn go_offline(&mut self) {
        self.judge.goes_offline();
        self.input(Input::Offline);
    }
}
