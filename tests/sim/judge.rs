//! What must hold at every step, and what at rest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use opencode_session::proto::change::Delivery;
use opencode_session::proto::connection::Source;
use opencode_session::proto::error::{Code, Error};
use opencode_session::proto::journal::{Record, Text};
use opencode_session::proto::request::Request;
use opencode_session::proto::sync::Reply;

use crate::fault::{Counts, Profile, Reached};
use crate::net::Net;
use crate::support_rs::mirror::{Message, Mirror, Part};
use crate::support_rs::oracle::{Shown, equal};
use crate::support_rs::server::{HIGH, LOW, Server, Stored};

/// A session that the page shows.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) session: String,
    pub(crate) handle: u32,
    pub(crate) limit: usize,
    pub(crate) mirror: Mirror,
    shown: Shown,
    ids: BTreeSet<String>,
    was_live: bool,
    was_gapped: bool,
    /// Texts that the journal had, until the page is live.
    recalled: Vec<Text>,
    /// Keys of prompts that the journal had, while the server has not let the history be read.
    unseen: Option<Vec<String>>,
    /// The stream on which it was refused: until it was looked at again, it heard nothing.
    deaf: Option<u32>,
}

impl Open {
    pub(crate) fn new(session: String, handle: u32, limit: usize) -> Self {
        Open {
            session,
            handle,
            limit,
            mirror: Mirror::default(),
            shown: Shown::default(),
            ids: BTreeSet::new(),
            was_live: false,
            was_gapped: false,
            recalled: Vec::new(),
            unseen: None,
            deaf: None,
        }
    }

    /// After a reload, with what the journal had.
    pub(crate) fn restored(session: String, handle: u32, limit: usize, record: &[u8]) -> Self {
        let record = Record::read(record).unwrap_or_else(|| panic!("a record of the client's own cannot be read"));
        let keys = record.prompts.iter().map(|prompt| prompt.key.clone());
        Open {
            unseen: Some(keys.collect()),
            recalled: record.texts,
            ..Open::new(session, handle, limit)
        }
    }

    /// A page of its history came.
    pub(crate) fn may_see(&mut self, path: &str) {
        if path.starts_with(&format!("/session/{}/message?", self.session)) {
            self.unseen = None;
        }
    }

    /// P10: nothing is posted that may be another person's.
    pub(crate) fn may_post(&self, path: &str) {
        let own = path.starts_with(&format!("/session/{}/prompt_async", self.session));
        assert!(
            !own || self.unseen.is_none(),
            "P10: posted before the server let the history be read"
        );
    }

    pub(crate) fn shows_failed(&self, text: &str) -> bool {
        let failed = |message: &Message| message.delivery == Some(Delivery::Failed) && message.text() == text;
        self.mirror.messages.iter().any(failed)
    }

    /// P5: from the first moment on, a new page shows what the old one had kept.
    fn nothing_forgotten(&mut self, server: &Server, counts: &mut Counts) {
        for kept in std::mem::take(&mut self.recalled) {
            let Some(part) = self.mirror.parts().find(|part| part.id() == kept.part) else {
                continue;
            };
            let rewritten = server.said.get(part.id()).is_none_or(|said| said.rewritten);
            let message = part.value["messageID"].as_str().unwrap_or_default();
            let rewritten = rewritten || (server.said[part.id()].lost && server.is_complete(message));
            let ended = part.value["time"]["end"].is_number() || part.continuity == "settled";
            counts.reach(Reached::Recalled);
            assert!(
                rewritten || ended || part.text().starts_with(&kept.text),
                "P5: the journal had {:?}, but shown is {:?}",
                kept.text,
                part.text()
            );
        }
    }

    /// After a drain. `honest`: no lie was told that cannot be seen. `fresh`: nothing happened between this drain and the input before it.
    pub(crate) fn check(&mut self, server: &Server, honest: bool, fresh: bool, counts: &mut Counts) {
        let phase = self.mirror.field("connection")["phase"].as_str().unwrap_or_default();
        match phase {
            "polling" => counts.reach(Reached::Polled),
            "offline" => counts.reach(Reached::OfflinePhase),
            "closed" => counts.reach(Reached::ClosedPhase),
            _ => {}
        }
        if self.is_hopeless() {
            counts.reach(Reached::DeadSession);
        }
        assert!(
            !honest || self.mirror.field("error")["code"] != "session_not_found",
            "P11: called gone, but the server has it"
        );
        let gapped = self.mirror.parts().any(|part| part.gap.is_some());
        if gapped {
            counts.reach(Reached::Gapped);
        } else if self.was_gapped {
            counts.reach(Reached::GapHealed);
        }
        self.was_gapped = gapped;
        if self.mirror.parts().any(|part| !part.tail().is_empty()) {
            counts.reach(Reached::Tail);
        }
        let live = phase == "live";
        let unseen = self.unseen.iter().flatten();
        let shown = unseen.filter(|key| self.mirror.ids().contains(&key.as_str()));
        assert!(
            shown.count() == 0,
            "P10: shown before the server let the history be read"
        );
        if !honest {
            return;
        }
        // A session that was refused has not come back with its stream.
        if live && !self.was_live && !self.is_hopeless() {
            counts.reach(Reached::Resync);
            self.nothing_forgotten(server, counts);
            let kept = self.mirror.field("continuity") == "kept";
            assert!(
                !(fresh && gapped && kept),
                "P4: continuity is called kept: {:?}",
                self.mirror
            );
        }
        self.was_live = live;
        if let Err(error) = self.shown.check(&self.mirror, server) {
            panic!("{error}");
        }
        self.nothing_vanishes(server, counts);
    }

    /// With nothing under way, the session is as the server has it. P4: what grows is whole, or its tail is all that this
    /// stream has told of it.
    pub(crate) fn nothing_left_out(&mut self, server: &Server, net: &Net) {
        if self.is_hopeless() {
            self.deaf = net.stream.as_ref().map(|stream| stream.generation);
        }
        let Some(stream) = net.stream.as_ref().filter(|stream| stream.is_drained()) else {
            return;
        };
        // One that still waits for its journal shows nothing.
        let shows = !self.mirror.field("session").is_null();
        if !shows || !self.is_live() || self.mirror.field("connection")["phase"] != "live" || net.asks() {
            return;
        }
        // Until the client knows of a second directory, it listens to its own.
        let carried = stream.global || server.rooms[&self.session].info["directory"] == "/project";
        if carried && stream.next == server.log.len() {
            let (shown, stored) = (
                &self.mirror.field("session")["title"],
                &server.rooms[&self.session].info["title"],
            );
            assert!(
                shown == stored,
                "P3: all was told, but the title is {shown} instead of {stored}"
            );
            let visible = server.visible(&self.session);
            let told = self.mirror.messages.iter().filter(|message| message.delivery.is_none());
            for message in told {
                let stored = visible.iter().find(|stored| stored.id() == message.id());
                let stored = stored.unwrap_or_else(|| panic!("P3: all was told, but {} is shown", message.id()));
                let there = |part: &&Part| stored.parts().any(|stored| stored["id"] == part.id());
                let more = message.parts.iter().find(|part| !there(part));
                assert!(more.is_none(), "P3: all was told, but a part is shown: {more:?}");
            }
        }
        let whole = |part: &&Part| matches!(part.continuity, "settled" | "interrupted");
        // What a keeper heard before is told again only of what is open.
        let first = stream.first.max(stream.joined).min(stream.next);
        for part in self.mirror.parts().filter(|part| !whole(part)) {
            let Some(said) = server.said.get(part.id()) else {
                continue;
            };
            let told = &server.log[first..stream.next];
            if part.gap.is_some() {
                let mut heard = String::new();
                for (_, piece) in told
                    .iter()
                    .filter_map(|event| event.piece.as_ref())
                    .filter(|(id, _)| id == part.id())
                {
                    heard += piece;
                }
                // A pair split by the hole is half there, and one that is not ended is not there yet.
                let heard = heard
                    .replace("\u{e000}\u{e001}", "🚀")
                    .replace(LOW, "\u{fffd}")
                    .replace(HIGH, "");
                // What was told of a message on a page that is not loaded is not kept, nor what was told of one that
                // was settled since.
                let message = part.value["messageID"].as_str().unwrap_or_default();
                let ended = |shown: &&Message| shown.id() == message && !shown.info["time"]["completed"].is_null();
                // A keeper's repetition without its start is not guessed into place.
                let less = stream.kept || self.limit < 100 || self.mirror.messages.iter().any(|shown| ended(&shown));
                let less = less || self.deaf == Some(stream.generation);
                let end = part.tail().trim_start_matches(char::REPLACEMENT_CHARACTER);
                // What it has told again, or the page heard on another stream, was before that.
                let rest = heard.trim_start_matches(char::REPLACEMENT_CHARACTER);
                let more = stream.kept && part.tail().ends_with(rest);
                let kept = part.tail() == heard || more || (less && heard.ends_with(end));
                assert!(
                    heard.is_empty() || kept,
                    "P4: the tail is {:?}, but this stream told {heard:?}",
                    part.tail()
                );
            } else if stream.next == server.log.len() {
                assert!(
                    said.versions.iter().any(|version| version == part.text()),
                    "P4: called whole, but it is {:?} of {said:?}",
                    part.text()
                );
            }
        }
    }

    /// P2 for whole messages: only what the server removed goes, when all of the history is loaded.
    fn nothing_vanishes(&mut self, server: &Server, counts: &mut Counts) {
        let there: BTreeSet<&str> = self.mirror.ids().into_iter().collect();
        if there.iter().eq(self.ids.iter()) {
            return;
        }
        let ids: BTreeSet<String> = there.into_iter().map(String::from).collect();
        for id in self.ids.difference(&ids) {
            // What was put back since was hidden before.
            if server.has(&self.session, id) && !server.hidden.contains(id) {
                // A list may begin anew with a page that does not reach back to it; no other message goes. A page is small
                // by choice, or because the history comes only in part, which is told.
                let small = self.limit < 100 || self.is_partial();
                let at = server.place(&self.session, id);
                let newer = |shown: &String| server.place(&self.session, shown).is_none_or(|other| Some(other) > at);
                // One without text may be an own prompt: it waits for its first part.
                let bare = server.is_bare(&self.session, id);
                assert!(
                    small && (bare || ids.iter().all(newer)),
                    "P2: message {id} vanished, place {at:?}: shown are {:?}, before {:?}",
                    ids.iter()
                        .map(|id| (server.place(&self.session, id), id))
                        .collect::<Vec<_>>(),
                    self.ids
                        .iter()
                        .map(|id| (server.place(&self.session, id), id))
                        .collect::<Vec<_>>()
                );
            } else {
                counts.reach(Reached::Removed);
            }
        }
        self.ids = ids;
    }

    /// Only the caller can mend it.
    pub(crate) fn is_hopeless(&self) -> bool {
        let code = self.mirror.field("error")["code"].as_str().unwrap_or_default();
        const FATAL: [&str; 6] = [
            "session_not_found",
            "unauthorized",
            "forbidden",
            "html_response",
            "wrong_content_type",
            "closed",
        ];
        FATAL.contains(&code) || self.mirror.field("connection")["phase"] == "closed"
    }

    /// The server could tell the history only in part; the whole of it is asked for ever more rarely.
    pub(crate) fn is_partial(&self) -> bool {
        let error = self.mirror.field("error");
        let message = error["message"].as_str().unwrap_or_default();
        error["code"] == "incomplete" && message.starts_with("The history is not whole.")
    }

    /// It shows what it has, and events as they come.
    pub(crate) fn is_up(&self) -> bool {
        let phase = self.mirror.field("connection")["phase"].as_str().unwrap_or_default();
        self.is_live() || (matches!(phase, "live" | "polling") && self.is_partial())
    }

    pub(crate) fn is_live(&self) -> bool {
        let phase = self.mirror.field("connection")["phase"].as_str().unwrap_or_default();
        matches!(phase, "live" | "polling") && self.mirror.field("error").is_null()
    }

    /// Nothing waits when nothing runs; and what is answered is not called dropped.
    fn misjudged(&self, server: &Server) -> Option<String> {
        let wrong = |message: &&Message| match message.delivery {
            Some(Delivery::Queued) => true,
            Some(Delivery::Dropped) => server.is_answered(&self.session, message.id()),
            _ => false,
        };
        let message = self.mirror.messages.iter().find(wrong)?;
        Some(format!("at rest, but {:?}: {message:?}", message.delivery))
    }

    pub(crate) fn differs(&self, server: &Server) -> Option<String> {
        if let Some(wrong) = self.misjudged(server) {
            return Some(wrong);
        }
        if self.mirror.field("status")["type"]
            .as_str()
            .is_some_and(|kind| kind != "idle" && kind != "error")
        {
            return Some(format!("P3: at rest, but {}", self.mirror.field("status")));
        }
        equal(&self.mirror, server, &self.session).err()
    }
}

/// A prompt, and what its sender was told.
#[derive(Debug)]
pub(crate) struct Sent {
    number: u32,
    session: String,
    stored: u32,
    done: u32,
}

/// What the client does to the server and its callers, over time.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) sent: Vec<Sent>,
    /// Prompts that a journal brought over from an earlier page.
    pub(crate) carried: Vec<Sent>,
    /// Those of the person who is not here.
    away: Vec<Sent>,
    /// Tokens of those who wait for the session to be settled.
    pub(crate) owed: Vec<u32>,
    pub(crate) last_asked: String,
    answers: BTreeMap<u32, Result<(), Error>>,
    streams: VecDeque<u64>,
    requests: VecDeque<u64>,
    ended_at: Option<u64>,
    /// Of the last stream.
    rung: Option<Source>,
    not_before: u64,
    /// The same, whether or not somebody asked for a new try meanwhile.
    refused_until: u64,
    kicks: u32,
    kicked: bool,
    /// The client was told so, and nobody asked it to try all the same.
    offline: bool,
}

/// The shortest wait before a stream is opened again, as `RetryPolicy` has it.
const MIN_WAIT: u64 = 500;
const MINUTE: u64 = 60_000;

impl Judge {
    pub(crate) fn sends(&mut self, number: u32, session: &str, stored: u32, done: u32) {
        self.sent.push(Sent {
            number,
            session: session.into(),
            stored,
            done,
        });
    }

    /// The caller, or the host, asks to try now: no wait is owed.
    pub(crate) fn kicked(&mut self) {
        self.kicks += 1;
        self.kicked = true;
        self.offline = false;
        self.not_before = 0;
        self.ended_at = None;
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.offline
    }

    pub(crate) fn goes_offline(&mut self) {
        self.offline = true;
    }

    pub(crate) fn stream_ended(&mut self, clock: u64) {
        self.ended_at = Some(clock);
    }

    /// Somebody looks at the page again: no wait is owed, but what the server asked for.
    pub(crate) fn kicked_now(&mut self) {
        self.kicks += 1;
        self.ended_at = None;
    }

    /// A stream was refused, perhaps with the wish to be left alone for a while.
    pub(crate) fn refuses(&mut self, clock: u64, retry_after: &str, status: u16) {
        if status == 429
            && let Ok(seconds) = retry_after.parse::<u64>()
        {
            self.not_before = clock + (seconds * 1_000).min(300_000);
            self.refused_until = self.not_before;
        }
    }

    /// How much longer than usual it may take to be live.
    pub(crate) fn grace(&self, clock: u64) -> u64 {
        self.refused_until.saturating_sub(clock)
    }

    pub(crate) fn opens_stream(&mut self, clock: u64, source: Source) {
        assert!(
            !self.offline,
            "a stream is opened while the host says that there is no network"
        );
        let kicked = std::mem::take(&mut self.kicked);
        // A stream that takes the place of a good one, for another directory, owes no wait; nor does the next rung.
        let same = self.rung.replace(source) == Some(source);
        let ended = self.ended_at.take().filter(|_| same && !kicked);
        assert!(
            ended.is_none_or(|ended| clock >= ended + MIN_WAIT),
            "reconnected too early"
        );
        assert!(
            kicked || clock >= self.not_before,
            "Retry-After is ignored: {} ms too early",
            self.not_before - clock
        );
        self.streams.push_back(clock);
        while self.streams.front().is_some_and(|at| at + MINUTE < clock) {
            self.streams.pop_front();
        }
        let most = 34 + 2 * self.kicks as usize;
        assert!(self.streams.len() <= most, "{} streams in a minute", self.streams.len());
    }

    /// The person goes, and another one comes. `journal`: what is kept of the first.
    pub(crate) fn leaves(&mut self, journal: &BTreeMap<String, Vec<u8>>) {
        self.reloaded(journal);
        std::mem::swap(&mut self.carried, &mut self.away);
    }

    /// P10: nobody posts what another person wrote.
    pub(crate) fn posts(&self, body: &[u8]) {
        let body = String::from_utf8_lossy(body);
        let foreign = self
            .away
            .iter()
            .find(|sent| body.contains(&format!("{}\"", sent.text())));
        assert!(foreign.is_none(), "P10: posted by another person: {foreign:?}");
    }

    pub(crate) fn asks(&mut self, clock: u64, request: &Request, sessions: usize) {
        let by_user = request.path.contains("/abort") || request.path.contains("&before=");
        assert!(!self.offline || by_user, "asked while offline: {}", request.path);
        self.last_asked.clone_from(&request.path);
        self.requests.push_back(clock);
        while self.requests.front().is_some_and(|at| at + MINUTE < clock) {
            self.requests.pop_front();
        }
        // Polls of a busy session: 60 a minute, 7 requests each; the rest leaves room for loads and checks.
        let most = 600 * sessions + 20 * self.kicks as usize;
        assert!(
            self.requests.len() <= most,
            "{} requests in a minute, the last: {}",
            self.requests.len(),
            request.path
        );
    }

    pub(crate) fn answered(&mut self, token: u32, result: &Result<Reply, Error>, server: &Server, profile: Profile) {
        let result = result.as_ref().map(|_| ()).map_err(Clone::clone);
        let sent = self.sent.iter().find(|sent| sent.stored == token);
        // Of a server whose version was garbled it may not be known that it stores a prompt after it took it.
        let sent = sent.filter(|sent| sent.times(server) > 0 || profile == Profile::Lawful);
        if let (Some(sent), Ok(())) = (sent, &result) {
            assert!(
                sent.is_once(server),
                "P6: called stored, but it is not, or twice: {sent:?}"
            );
        }
        let again = self.answers.insert(token, result);
        assert!(again.is_none(), "token {token} was answered twice: {again:?}");
    }

    /// A prompt's answer names it, or is later and no failure of another prompt. `done` is the token of who waits for it.
    pub(crate) fn reads(&self, done: u32, message: &Message, server: &Server, profile: Profile) {
        let Some(sent) = self.sent.iter().find(|sent| sent.done == done) else {
            return;
        };
        let Some(prompt) = sent.stored_at(server).filter(|_| profile == Profile::Lawful) else {
            return;
        };
        let own = message.text() == sent.text() || message.info["parentID"] == prompt.1.as_str();
        let later = server.place(&sent.session, message.id()).is_none_or(|at| at > prompt.0);
        assert!(
            own || (later && message.info["error"].is_null()),
            "{sent:?} is told that its answer is {message:?}"
        );
    }

    pub(crate) fn is_answered(&self) -> bool {
        let tokens = self.sent.iter().flat_map(|sent| [sent.stored, sent.done]);
        tokens
            .chain(self.owed.iter().copied())
            .all(|token| self.answers.contains_key(&token))
    }

    pub(crate) fn reloaded(&mut self, journal: &BTreeMap<String, Vec<u8>>) {
        // A page that is gone waits for nothing; but what its journal has is the next one's to send.
        let answers = &self.answers;
        let open = self.sent.drain(..).filter(|sent| !answers.contains_key(&sent.stored));
        self.carried.extend(open);
        self.carried.retain(|sent| {
            let record = journal
                .get(&sent.session)
                .map(|record| String::from_utf8_lossy(record).into_owned());
            // The draft stands in the record as JSON in a string, or as JSON.
            let (plain, quoted) = (format!("{}\"", sent.text()), format!("{}\\\"", sent.text()));
            record.is_some_and(|record| record.contains(&plain) || record.contains(&quoted))
        });
        self.owed.clear();
        self.kicked();
    }

    /// `honest`: no lie was told that cannot be seen.
    pub(crate) fn conclude(&mut self, server: &Server, profile: Profile, honest: bool, opens: &[Open]) {
        for sent in &self.carried {
            let failed = opens.iter().any(|open| open.shows_failed(&sent.text()));
            assert!(
                sent.is_once(server) || failed || profile == Profile::Hostile,
                "P6: the journal had it, but it is neither stored nor called failed: {sent:?}"
            );
            assert!(
                !failed || !sent.is_shown(server) || profile == Profile::Hostile,
                "P6: restored and called failed, but it is stored: {sent:?}"
            );
        }
        // A restored prompt without a name of its own is known by its time: a false time hides it.
        let carried = self.carried.iter().filter(|_| honest);
        for sent in carried.chain(&self.sent) {
            assert!(
                sent.times(server) == 0 || sent.is_once(server),
                "P6: stored twice: {sent:?}"
            );
        }
        let abused = profile == Profile::Lawful && !server.abuse.is_empty();
        assert!(!abused, "{:?}", server.abuse);
        for sent in &self.sent {
            let stored = self.answers.get(&sent.stored);
            match stored {
                None => panic!("P6: nobody was told whether it is stored: {sent:?}"),
                Some(Ok(())) => {}
                // A hostile server may have said anything.
                Some(Err(_)) if profile == Profile::Hostile => {}
                Some(Err(error)) => assert!(
                    // One that was removed before anybody saw it cannot be told from one that never came.
                    sent.times(server) == 0 || !sent.is_shown(server),
                    "P6: called failed, but it is stored: {sent:?} {error:?}"
                ),
            }
            assert!(self.answers.contains_key(&sent.done), "{sent:?} got no answer");
            let dropped = |result: &Result<(), Error>| result.as_ref().is_err_and(|error| error.code == Code::Dropped);
            let answer = sent
                .stored_at(server)
                .filter(|(_, id)| server.is_answered(&sent.session, id));
            assert!(
                !self.answers.get(&sent.done).is_some_and(dropped) || answer.is_none() || profile == Profile::Hostile,
                "called dropped, but it is answered: {sent:?}"
            );
        }
        for token in &self.owed {
            let settled = self.answers.get(token);
            let given_up = |error: &Error| {
                matches!(
                    error.code,
                    Code::Unauthorized
                        | Code::Forbidden
                        | Code::SessionNotFound
                        | Code::HtmlResponse
                        | Code::WrongContentType
                )
            };
            match settled {
                None => panic!("`settled` is never answered"),
                Some(Err(error)) => assert!(given_up(error), "`settled` failed: {error:?}"),
                Some(Ok(())) => {}
            }
        }
        // The order of sending is the order of storing, for each session.
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for sent in &self.sent {
            let name = sent.text();
            if let Some(at) = server.stored.iter().position(|text| *text == name) {
                let before = last.insert(&sent.session, at);
                assert!(before.is_none_or(|before| before < at), "P6: {name} overtook another");
            }
        }
    }
}

/// What a prompt says. None says what another one does and more: on older servers that may be the same, rewritten.
pub(crate) fn words(number: u32) -> String {
    let digit = char::from_digit(number, 36).map(|digit| digit.to_ascii_uppercase());
    format!("prompt #{}", digit.map_or_else(|| format!("<{number}>"), String::from))
}

impl Sent {
    fn text(&self) -> String {
        words(self.number)
    }

    /// Where the prompt stands in the history, and its id.
    fn stored_at(&self, server: &Server) -> Option<(usize, String)> {
        let list = &server.rooms[&self.session].messages;
        let text = self.text();
        let at = list.iter().position(|stored| {
            stored.info["role"] == "user" && stored.parts.values().any(|part| part["text"] == text.as_str())
        })?;
        Some((at, list[at].info["id"].as_str()?.into()))
    }

    fn is_shown(&self, server: &Server) -> bool {
        shown(server, &self.session, &self.text()) > 0
    }

    /// Stored, and not twice. One that was removed before it was seen cannot be told from one that never came, and is
    /// sent again.
    fn is_once(&self, server: &Server) -> bool {
        match self.times(server) {
            0 => false,
            1 => true,
            _ => shown(server, &self.session, &self.text()) < 2,
        }
    }

    fn times(&self, server: &Server) -> usize {
        let text = self.text();
        server.stored.iter().filter(|stored| **stored == text).count()
    }
}

/// How often the text is a message of the history.
fn shown(server: &Server, session: &str, text: &str) -> usize {
    let says = |stored: &&Stored| stored.parts.values().next().is_some_and(|part| part["text"] == text);
    server.rooms[session].messages.iter().filter(says).count()
}
