//! How each fault is done.

use opencode_session::proto::client::Input;
use opencode_session::proto::rng::Rng;

use crate::fault::{Fault, Reached};
use crate::net::{Net, Target};
use crate::support_rs::server::Wire;
use crate::world::{MINUTE, SECOND, World};

impl World {
    pub(crate) fn hurt(&mut self, fault: Fault, rng: &mut Rng) {
        match fault {
            Fault::CleanEnd | Fault::Reset => {
                if self.until_open(rng) && self.has_stream() {
                    self.counts.hit(fault);
                    self.cut(fault == Fault::CleanEnd);
                    self.edit_any(rng);
                }
            }
            Fault::CutByte => self.cut_inside(rng),
            Fault::CutHeaders => {
                self.arm(fault, Target::Stream, rng);
                self.cut(false);
                self.live_through(2 * SECOND, rng);
            }
            Fault::CutSnapshot => {
                if self.until_syncing(rng) {
                    self.counts.hit(fault);
                    self.cut(rng.below(2) == 0);
                }
            }
            Fault::CutTwice => {
                self.cut(false);
                if self.until_open(rng) {
                    self.counts.hit(fault);
                    self.cut(rng.below(2) == 0);
                }
            }
            Fault::HalfOpen => {
                let wait = if rng.below(3) == 0 {
                    u64::MAX
                } else {
                    self.now + rng.below(90 * SECOND)
                };
                self.until_open(rng);
                if let Some(stream) = self.net.stream.as_mut().filter(|stream| stream.opened) {
                    stream.still = wait;
                    self.counts.hit(fault);
                    let patience = rng.below(70 * SECOND);
                    self.live_through(patience, rng);
                }
            }
            Fault::LateBytes => self.late_bytes(rng),
            Fault::Mute => {
                let until = self.now + MINUTE + rng.below(10 * MINUTE);
                self.until_open(rng);
                if self.hush() {
                    self.until.mute = Some(until);
                    for _ in 0..5 + rng.below(10) {
                        self.server.step(rng.next_u64() >> 20);
                    }
                    self.pull();
                }
            }
            Fault::Http401
            | Fault::Http403
            | Fault::Http404
            | Fault::Http429Seconds
            | Fault::Http429Date
            | Fault::Http429Absurd
            | Fault::Http500
            | Fault::Http502Html
            | Fault::Http503
            | Fault::Html200
            | Fault::WrongType
            | Fault::Truncated
            | Fault::NoContent
            | Fault::Redirect => self.answer_badly(fault, rng),
            Fault::SlowSnapshot => {
                self.arm(fault, Target::Get, rng);
                self.cut(false);
                self.live_through(4 * SECOND, rng);
            }
            Fault::OlderSnapshotLast => self.older_snapshot_last(rng),
            Fault::Overtaken => self.overtaken(rng),
            Fault::PostLost | Fault::PostAnswerLost | Fault::PostLate => {
                self.arm(fault, Target::Post, rng);
                self.send();
                self.work(rng);
            }
            Fault::AbortWhileSending => self.abort(rng),
            Fault::Restart | Fault::Replaced => self.restart(fault, rng),
            Fault::Front401 | Fault::Front403 | Fault::Front404 | Fault::Front502 => self.stand_before(fault, rng),
            Fault::Sleep => self.sleep(rng),
            Fault::WallBack => {
                self.counts.hit(fault);
                // A restored prompt that the server names is known by being newer than what was there before it.
                // Any server may be taken for one that names prompts, when the answer about its version was spoilt.
                if rng.below(2) == 0 && !self.is_journaling() {
                    self.server.skewed = true;
                    self.skew -= (SECOND + rng.below(60 * MINUTE)) as i64;
                } else {
                    self.back = 1 + rng.below(60 * MINUTE);
                    self.work(rng);
                    self.back = 0;
                }
            }
            Fault::WallForward => {
                self.counts.hit(fault);
                let by = SECOND + rng.below(20 * MINUTE);
                if rng.below(2) == 0 {
                    self.skew += by as i64;
                } else {
                    self.ahead += by;
                    self.pass(1);
                }
            }
            Fault::LateTimer1 | Fault::LateTimer60 => {
                let every = if fault == Fault::LateTimer1 { SECOND } else { MINUTE };
                self.clamp = (every, Some(fault));
                self.until.clamp = Some(self.now + 2 * every + rng.below(MINUTE));
                self.cut(rng.below(2) == 0);
                self.live_through(3 * SECOND, rng);
            }
            Fault::Hidden => {
                self.counts.hit(fault);
                self.look(false);
                let end = self.now + rng.below(5 * MINUTE);
                self.clamp = (SECOND, Some(Fault::LateTimer1));
                (self.until.clamp, self.until.slow) = (Some(end), Some(end));
                self.live_through(rng.below(MINUTE), rng);
            }
            Fault::Frozen | Fault::Bfcache => self.freeze(fault, rng),
            Fault::OfflineRight | Fault::OfflineWrong => {
                self.counts.hit(fault);
                let end = self.now + rng.below(2 * MINUTE);
                (self.until.offline, self.until.down) = (Some(end), (fault == Fault::OfflineRight).then_some(end));
                self.doubt();
                self.live_through(rng.below(2 * MINUTE), rng);
            }
            Fault::NetworkDown => {
                self.counts.hit(fault);
                self.until.down = Some(self.now + rng.below(3 * MINUTE));
                if rng.below(2) == 0 {
                    self.cut(false);
                } else if let Some(stream) = &mut self.net.stream {
                    stream.still = u64::MAX;
                }
                self.live_through(rng.below(3 * MINUTE), rng);
            }
            Fault::Reload => {
                self.counts.hit(fault);
                // A crash writes nothing.
                if rng.below(3) > 0 {
                    self.save();
                }
                self.reload();
            }
            Fault::SignedOut => {
                self.save();
                let refused = if rng.below(2) == 0 {
                    Fault::Front401
                } else {
                    Fault::Front403
                };
                self.until.front = Some((self.now + rng.below(MINUTE), refused));
                self.reload();
                if !self.opens.is_empty() {
                    self.counts.hit(fault);
                }
                self.live_through(rng.below(MINUTE), rng);
            }
            Fault::OtherPerson => {
                self.save();
                self.counts.hit(fault);
                // What is kept in the browser is kept under the name of each; so is the keeper.
                self.judge.leaves(&self.journal);
                std::mem::swap(&mut self.journal, &mut self.others);
                self.end_keeper(0);
                self.reload();
            }
            Fault::KeeperEnds => {
                self.until_open(rng);
                // A lock tells at once; without one, a ping does.
                let notice = if rng.below(2) == 0 { 100 } else { rng.below(18 * SECOND) };
                if self.end_keeper(notice) {
                    self.counts.hit(fault);
                }
                self.work(rng);
            }
            Fault::KeeperMissing if self.config.keeper => {
                self.counts.hit(fault);
                self.end_keeper(0);
                self.keep.missing = Some(self.now + rng.below(2 * MINUTE));
                self.live_through(rng.below(MINUTE), rng);
            }
            Fault::KeeperMissing => {}
            Fault::SlowSubscriber => {
                self.until.slow = Some(self.now + rng.below(2 * MINUTE));
                self.work(rng);
            }
            Fault::ByteWise => self.byte_wise(rng),
            Fault::CutUtf8 | Fault::CutCrlf => self.cut_pair(fault, rng),
            Fault::EmptyChunk => {
                self.until_open(rng);
                if let Some(stream) = self.net.stream.as_ref().filter(|stream| stream.opened) {
                    let generation = stream.generation;
                    self.counts.hit(fault);
                    if let Some(stream) = &mut self.net.stream {
                        stream.heard_at = self.now;
                    }
                    self.input(Input::StreamBytes { generation, bytes: &[] });
                }
            }
            Fault::SameIdAgain => {
                if self.server.wire == Wire::New {
                    self.say_again(fault, rng);
                }
            }
            // One after the other, too: the history is not fetched for each.
            Fault::CutJson => {
                for _ in 0..1 + rng.below(4) {
                    self.forge(fault, rng);
                    self.arrive();
                    for _ in 0..rng.below(6) {
                        self.server.step(rng.next_u64() >> 20);
                    }
                    self.arrive();
                }
            }
            _ => self.forge(fault, rng),
        }
    }

    fn abort(&mut self, rng: &mut Rng) {
        if self.frozen || self.opens.is_empty() {
            return;
        }
        self.until_open(rng);
        let posting = |net: &Net| {
            net.flights
                .iter()
                .any(|flight| flight.request.path.contains("prompt_async"))
        };
        if !posting(&self.net) {
            self.send();
        }
        for _ in 0..12 {
            if !posting(&self.net) {
                self.flow(usize::MAX);
                self.progress(rng.below(4) as usize);
                self.pass(10);
            }
        }
        let posting = posting(&self.net);
        let token = self.next_token();
        let path = format!("/session/{}/abort", self.opens[0].session);
        self.client.call(self.opens[0].handle, "POST", &path, None, token);
        self.pump();
        if posting {
            self.counts.hit(Fault::AbortWhileSending);
        }
        self.work(rng);
    }

    /// Something before the server answers for it, while that goes on.
    fn stand_before(&mut self, fault: Fault, rng: &mut Rng) {
        let long = if rng.below(4) == 0 { 2 * MINUTE } else { 5 * SECOND };
        self.until.front = Some((self.now + rng.below(long), fault));
        if rng.below(4) > 0 {
            self.cut_upstream();
            self.cut(rng.below(2) == 0);
        }
        if rng.below(2) == 0 {
            self.send();
        }
        self.live_through(rng.below(long), rng);
    }

    /// The process ends, and another one begins: as it was, or of another version.
    fn restart(&mut self, fault: Fault, rng: &mut Rng) {
        let running = !self.server.open.is_empty() || self.server.lanes.values().any(|lane| !lane.is_empty());
        if !running {
            let session = self.opens[0].session.clone();
            let text = format!("prompt #other{}", self.prompts);
            self.prompts += 1;
            self.server.prompt(&session, crate::world::prompt(&text));
            for _ in 0..5 + rng.below(20) {
                self.server.step(0);
            }
        }
        // A message is stored with its parts at once.
        while self.server.is_urgent() {
            self.server.step(0);
        }
        self.flow(usize::MAX);
        if fault == Fault::Replaced && rng.below(2) == 0 {
            // A prompt is on its way to the old one.
            self.send();
            for at in (0..self.net.flights.len()).rev() {
                if self.net.flights[at].request.path.contains("prompt_async") && !self.frozen {
                    self.progress(at);
                }
            }
        }
        let mut lanes = std::mem::take(&mut self.server.lanes);
        self.server.restart(rng.below(2) == 0);
        if fault == Fault::Replaced && rng.below(2) == 0 {
            // The old one still stores what it has taken, while the new one answers already.
            lanes.retain(|lane, _| lane.ends_with(" intake"));
            self.server.lanes = lanes;
        }
        self.counts.hit(fault);
        self.counts.reach(Reached::Restarted);
        if fault == Fault::Replaced {
            self.replace(rng);
        }
        if rng.below(2) == 0 {
            self.server.cold = true;
            self.until.cold = Some(self.now + 2 * SECOND + rng.below(13 * SECOND));
            self.counts.reach(Reached::Cold);
            self.send();
        }
        while !self.frozen && !self.net.flights.is_empty() {
            self.lose(0);
            if self.net.flights.len() > 40 {
                break;
            }
        }
        self.net.doom();
        self.cut_upstream();
        self.cut(rng.below(2) == 0);
        if rng.below(2) == 0 {
            self.until.down = Some(self.now + rng.below(8 * SECOND));
        }
    }

    fn replace(&mut self, rng: &mut Rng) {
        let server = &mut self.server;
        let (old, fork) = (server.wire, rng.below(4) == 0);
        server.wire = match old {
            _ if fork => Wire::Mid,
            Wire::New => [Wire::Old, Wire::Mid][rng.below(2) as usize],
            _ => Wire::New,
        };
        server.forked = fork;
        // What it says is older than what its texts are made of.
        server.halves &= server.wire != Wire::Old;
        server.early &= server.wire == Wire::Mid;
        self.counts.reach(match (old, server.wire) {
            _ if fork => Reached::Forked,
            (_, Wire::New) => Reached::Upgraded,
            _ => Reached::RolledBack,
        });
    }

    /// The machine sleeps; the server goes on.
    fn sleep(&mut self, rng: &mut Rng) {
        let long = if rng.below(2) == 0 {
            48 * 60 * MINUTE
        } else {
            30 * MINUTE
        };
        let time = MINUTE + rng.below(long);
        self.counts.hit(Fault::Sleep);
        for _ in 0..rng.below(200) {
            self.server.step(rng.next_u64() >> 20);
        }
        while self.server.is_urgent() {
            self.server.step(0);
        }
        self.now += time;
        self.awake_at = self.now;
        self.beat_at = self.now + 5 * SECOND;
        self.server.now = self.now.saturating_add_signed(self.skew);
        match rng.below(3) {
            0 => self.cut(false),
            1 => {
                if let Some(stream) = &mut self.net.stream {
                    stream.still = u64::MAX;
                }
            }
            _ => {}
        }
        self.pass(1);
    }

    /// The page stands still, and then gets everything at once; or, from the back-forward cache, nothing of it.
    fn freeze(&mut self, fault: Fault, rng: &mut Rng) {
        // Browsers tell most pages; a machine that sleeps tells none.
        let told = rng.below(2) == 0 && self.until.offline.is_none() && !self.judge.is_offline();
        if told {
            self.save();
            self.go_offline();
        }
        self.frozen = true;
        self.live_through(rng.below(3 * MINUTE), rng);
        self.frozen = false;
        self.counts.hit(fault);
        if fault == Fault::Bfcache {
            self.cut(false);
            for _ in 0..self.net.flights.len() {
                self.lose(0);
            }
        }
        if told {
            self.judge.kicked();
            self.input(Input::Online);
        }
        self.arrive();
        self.pass(1);
    }
}
