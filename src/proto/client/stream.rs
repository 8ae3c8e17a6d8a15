use super::{Client, POLL_BUSY};
use crate::proto::connection::{Action, Cause, Phase, SLOW, Source, retry_after};
use crate::proto::error::{Code, Error};
use crate::proto::event::{Envelope, Event, Glimpse, decode, named};
use crate::proto::json::Str;
use crate::proto::planted::{self, Bug};
use crate::proto::request::Response;
use crate::proto::sse::{Decoder, Item, Notice, SseLimits};
use crate::proto::store::Telling;
use crate::proto::sync::{Output, Session, with_directory};

/// A broken event makes all sessions fetch again, but not more often than this, milliseconds.
const RESYNC_EVERY: u64 = 3_000;
const POLL_IDLE: u64 = 5_000;
const POLL_LONGEST: u64 = 30_000;
/// A timer later than this was held up: the page was asleep or frozen.
const LATE: u64 = 5_000;

/// The stream: what comes on it, what becomes of it, and what the link wants done.
impl Client {
    pub(super) fn bytes(&mut self, generation: u32, bytes: &[u8]) {
        if generation != self.link.generation() && !planted::is(Bug::NoFence) {
            return;
        }
        self.link.fed(self.context.now);
        self.strayed &= self.resuming;
        // The decoder is lent out while its frames are handled.
        let limits = SseLimits { line: 0, event: 0 };
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::new(limits));
        decoder.feed_telling(bytes, &mut |item, head| match item {
            // A frame may end this stream; what follows it in the chunk is of the past.
            _ if generation != self.link.generation() && !planted::is(Bug::NoFence) => {}
            Item::Frame(frame) => self.frame(&named(&frame)),
            Item::Notice(Notice::TooLarge) => self.too_large(head),
            Item::Notice(Notice::Retry(_)) => {}
        });
        if generation != self.link.generation() {
            decoder.reset();
        } else if self.link.source().repeats() {
            let id = decoder.last_event_id();
            self.position = str::from_utf8(id).ok().filter(|id| !id.is_empty()).map(String::from);
        }
        self.decoder = decoder;
    }

    pub(super) fn frame(&mut self, data: &[u8]) {
        let sessions = &self.sessions;
        let wanted = |id: Str<'_>| sessions.iter().any(|session| id.is(&session.id));
        match decode(data, &wanted) {
            Ok(None) => {}
            Ok(Some(envelope)) => match envelope.event {
                Event::Connected => self.connected(),
                Event::Heartbeat => self.link.beat(self.context.now),
                Event::ReplayOpened { kept } => self.attached(kept),
                Event::ReplayLive => {
                    self.context.telling = Telling::Now;
                    self.release_version();
                    self.again();
                    self.moor();
                }
                Event::ReplayHole => {
                    // The own stream of the keeper or relay broke.
                    if self.context.telling != Telling::Again {
                        self.renew_version();
                    }
                    for session in &mut self.sessions {
                        if envelope.session.is_empty() || envelope.session.is(&session.id) {
                            session.hole(&mut self.context);
                        }
                    }
                    self.again();
                }
                Event::Disposed => {
                    self.stream_ended(Cause::End);
                    self.context.outputs.push_back(Output::CloseStream);
                }
                _ => self.session_event(&envelope, data),
            },
            Err(_) => self.missed(Error::new(Code::BadEvent, "An event of the stream is not valid JSON.")),
        }
        if std::mem::take(&mut self.context.missed) {
            self.missed(Error::new(Code::BadEvent, "An event of the stream was lost."));
        }
    }

    /// An event was too large. Its beginning says whom it concerns.
    fn too_large(&mut self, head: &[u8]) {
        let error = Error::new(Code::EventTooLarge, "An event was larger than limits.event.");
        let sessions = &self.sessions;
        let wanted = |id: Str<'_>| sessions.iter().any(|session| id.is(&session.id));
        match decode(head, &wanted) {
            // Nobody reads such events, or none of that session.
            Ok(None) => return self.context.log(0, error.code.name(), error.message),
            Ok(Some(envelope)) => return self.session_event(&envelope, head),
            Err(_) => {}
        }
        let lost = Glimpse::of(head);
        if lost.kind.is_empty() || lost.session.is_empty() {
            return self.missed(error);
        }
        self.context.warn_of(&error);
        let kind = lost.kind.raw();
        // What a person is asked concerns those, too, that the session runs inside.
        let asks = kind.starts_with(b"permission.") || kind.starts_with(b"question.");
        for session in &mut self.sessions {
            if asks || lost.session.is(&session.id) {
                session.miss(&lost, error.clone(), &mut self.context);
            }
        }
        if !kind.starts_with(b"message.") {
            self.again();
        }
    }

    /// To the session that it is of, and to those that this one runs inside.
    pub(super) fn session_event(&mut self, envelope: &Envelope<'_>, data: &[u8]) {
        self.hear_event(envelope);
        match envelope.event {
            Event::Session { raw } => self.context.family.learn(raw),
            Event::PermissionReplied { id } | Event::QuestionDone { id } => self.context.family.answered(id),
            Event::Idle | Event::SessionDeleted => self.context.family.over(envelope.session),
            _ => {}
        }
        for session in self
            .sessions
            .iter_mut()
            .filter(|session| envelope.session.is(&session.id))
        {
            session.event(envelope, data, &mut self.context);
        }
        if envelope.event.is_surfacing() {
            self.surface(envelope, data);
        }
    }

    /// To the sessions that the one of this event runs inside.
    pub(super) fn surface(&mut self, envelope: &Envelope<'_>, data: &[u8]) {
        let id = envelope.session.to_text();
        // Most run inside none: then no session is looked at.
        let (above, known) = self.context.family.above(&id);
        let mut others = 0;
        if !known || !above.is_empty() {
            for session in self.sessions.iter_mut().filter(|session| session.id != id) {
                if above.contains(&session.id) {
                    session.event(envelope, data, &mut self.context);
                } else {
                    others += 1;
                }
            }
        }
        if !known && others > 0 && envelope.event.is_request() {
            self.context.stray(&id, data);
        }
    }

    pub(super) fn connected(&mut self) {
        if self.link.phase() != Phase::Connecting {
            return;
        }
        if self.link.source() == Source::Relay {
            // There is none any more.
            self.link.unrelayed();
            self.leave_repeating();
        }
        self.link.connected(self.context.now);
        self.await_version();
        self.ask_directory();
        // Servers may number their events anew for each stream.
        self.sessions.iter_mut().for_each(Session::rewind);
        self.begin();
    }

    /// A stream that can be repeated is open. `kept`: it goes on where this client left it.
    pub(super) fn attached(&mut self, kept: bool) {
        if self.link.phase() != Phase::Connecting {
            return;
        }
        if !self.link.source().repeats() {
            self.link.relayed();
        }
        self.link.connected(self.context.now);
        let kept = std::mem::take(&mut self.resuming) && kept;
        if !kept {
            self.reconnected();
        }
        self.await_version();
        let strayed = std::mem::take(&mut self.strayed);
        if kept {
            if strayed {
                // What was answered meanwhile is newer than the first of what is told now.
                self.context.telling = Telling::Before;
                return self.begin();
            }
            for session in &mut self.sessions {
                session.resume(&mut self.context);
            }
        } else {
            self.ask_directory();
            self.context.telling = Telling::Again;
            self.interrupt();
            self.sessions.iter_mut().for_each(Session::rewind);
            self.begin();
        }
    }

    /// Sessions that waited with their snapshot may not have to wait any more.
    pub(super) fn show_due(&mut self) {
        for session in &mut self.sessions {
            session.show_due(&mut self.context);
        }
    }

    pub(super) fn begin(&mut self) {
        self.resync_at = None;
        for session in &mut self.sessions {
            session.begin(&mut self.context);
        }
        self.again();
    }

    /// An event was lost on a stream that goes on: what it said is fetched.
    pub(super) fn missed(&mut self, error: Error) {
        self.context.warn_of(&error);
        for session in self.sessions.iter_mut().filter(|session| !session.is_dead()) {
            session.lose(error.clone(), &mut self.context);
        }
        let at = self.context.now.max(self.last_resync + RESYNC_EVERY);
        self.resync_at = Some(self.resync_at.unwrap_or(at));
        self.timeout_resync();
    }

    /// When what was lost on a stream is fetched: not before there is one again.
    pub(super) fn resync_due(&self) -> Option<u64> {
        self.resync_at
            .filter(|_| matches!(self.link.phase(), Phase::Syncing | Phase::Live))
    }

    pub(super) fn timeout_resync(&mut self) {
        if self.resync_due().is_some_and(|at| self.context.now >= at) {
            self.last_resync = self.context.now;
            self.interrupt();
            self.begin();
        }
    }

    pub(super) fn interrupt(&mut self) {
        self.sessions.iter_mut().for_each(Session::interrupt);
    }

    /// The stream is lost. One that can be repeated may go on without a hole.
    pub(super) fn detach(&mut self) {
        self.detached(self.link.phase(), self.link.source());
    }

    pub(super) fn detached(&mut self, phase: Phase, source: Source) {
        let live = matches!(phase, Phase::Syncing | Phase::Live);
        self.resuming |= live && source.repeats() && self.position.is_some();
        self.context.adrift |= self.resuming;
        // Also one that never told anything.
        self.streamed = true;
        if self.resuming {
            self.hold_version();
        } else {
            self.interrupt();
        }
    }

    /// What was missed has been told, or is fetched: who waits for settled sessions may be answered.
    pub(super) fn moor(&mut self) {
        if std::mem::take(&mut self.context.adrift) {
            for session in &mut self.sessions {
                session.answer_settled(&mut self.context);
            }
        }
    }

    /// From here on events come another way, and what a keeper or relay would repeat is not what was missed.
    pub(super) fn leave_repeating(&mut self) {
        self.position = None;
        self.context.telling = Telling::Now;
        self.strayed = false;
        if std::mem::take(&mut self.resuming) {
            self.interrupt();
            self.forget_version();
        }
        self.moor();
    }

    /// A session has seen that the stream carries no events of it.
    pub(super) fn mute(&mut self) {
        let generation = self.link.generation();
        let action = self.link.mute(self.context.now, &mut self.context.rng);
        if generation != self.link.generation() {
            self.interrupt();
            self.context.outputs.push_back(Output::CloseStream);
            self.act(action);
        }
    }

    /// The page is shown or hidden. What slept while it was hidden is looked after.
    pub(super) fn visible(&mut self, visible: bool) {
        let woken = self.hidden && visible;
        self.hidden = !visible;
        if !woken {
            return;
        }
        self.woke();
        if self.link.phase() == Phase::Waiting {
            let action = self.link.wake(self.context.now);
            self.act(action);
        } else {
            self.timeout();
        }
    }

    /// When the best rung may be tried again: where that tears no answer.
    pub(super) fn probe_at(&self) -> Option<u64> {
        let tears = self.link.phase() == Phase::Live && !self.sessions.iter().all(Session::is_resting);
        self.link.probe_at().filter(|_| !tears)
    }

    pub(super) fn opened(&mut self, generation: u32, response: &Response<'_>) {
        if generation != self.link.generation() {
            return;
        }
        if let Err(error) = Error::check_stream(response) {
            let retry_after =
                retry_after(response.retry_after, self.context.now).filter(|_| !planted::is(Bug::IgnoreRetryAfter));
            self.context.outputs.push_back(Output::CloseStream);
            self.stream_ended(Cause::Refused { error, retry_after });
        } else {
            self.link.fed(self.context.now);
        }
    }

    pub(super) fn stream_ended(&mut self, cause: Cause) {
        let fatal = match &cause {
            Cause::Refused { error, .. } => Some(error.clone()),
            _ => None,
        };
        if !planted::is(Bug::ForgetInterrupt) {
            self.detach();
        }
        if !planted::is(Bug::KeepHalfFrame) {
            self.decoder.reset();
        }
        let (source, phase) = (self.link.source(), self.link.phase());
        self.link.ended(cause, self.context.now, &mut self.context.rng);
        if source == Source::Keeper
            && phase == Phase::Connecting
            && fatal.as_ref().is_some_and(|error| error.code == Code::Unreachable)
        {
            self.look_around();
        }
        if let (Phase::Closed, Some(error)) = (self.link.phase(), fatal) {
            for session in &mut self.sessions {
                session.die(&error, &mut self.context);
            }
        }
    }

    /// Nothing that was awaited over a sleep is late: what should have brought it may have slept too.
    pub(super) fn woke(&mut self) {
        let now = self.context.now;
        self.link.woke(now);
        self.sessions.iter_mut().for_each(|session| session.woke(now));
    }

    pub(super) fn timeout(&mut self) {
        let (now, phase) = (self.context.now, self.link.phase());
        if self.poll_timeout().is_some_and(|due| now > due + LATE) {
            self.woke();
        }
        let source = self.link.source();
        let action = self.link.timeout(now, &mut self.context.rng);
        if phase != Phase::Waiting && self.link.phase() == Phase::Waiting {
            self.detached(phase, source);
            self.decoder.reset();
            self.context.outputs.push_back(Output::CloseStream);
        }
        self.act(action);
        if self.probe_at().is_some_and(|at| now >= at) {
            self.interrupt();
            let action = self.link.probe(now);
            self.act(action);
        }
        self.timeout_resync();
        self.version_timeout();
        for session in &mut self.sessions {
            session.timeout(&mut self.context);
        }
        if std::mem::take(&mut self.context.mute) {
            self.mute();
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::None => {}
            Action::Open => {
                if !planted::is(Bug::KeepHalfFrame) {
                    self.decoder.reset();
                }
                let source = self.link.source();
                if !source.repeats() {
                    self.reconnected();
                    self.leave_repeating();
                }
                let path = match source {
                    Source::Event => with_directory("/event", self.context.directory.as_deref()),
                    _ => String::from("/global/event"),
                };
                self.context.outputs.push_back(Output::OpenStream {
                    generation: self.link.generation(),
                    source,
                    path,
                    position: self.position.clone(),
                });
            }
            Action::Poll => {
                self.leave_repeating();
                let idle = self.sessions.iter().map(Session::unmoved).min().unwrap_or_default();
                let wait = if self.link.is_doubted() {
                    SLOW
                } else if self.sessions.iter().any(Session::expects) {
                    POLL_BUSY
                } else {
                    (POLL_IDLE * u64::from(idle.clamp(1, 6))).min(POLL_LONGEST)
                };
                self.link.poll_at(self.context.now + wait);
                self.await_version();
                for session in &mut self.sessions {
                    session.poll(&mut self.context);
                }
                self.again();
            }
            Action::Look => {
                self.ask_version();
                for session in self.sessions.iter_mut().filter(|session| !session.is_live()) {
                    session.begin(&mut self.context);
                }
                self.again();
            }
        }
    }
}
