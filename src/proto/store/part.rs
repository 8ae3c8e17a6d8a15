use super::Stamp;
use super::text::{Growing, utf16_len};
use crate::proto::bytes::{hash, same};
use crate::proto::change::{Change, Continuity};
use crate::proto::event::{PartHead, PartKind};
use crate::proto::json::Str;
use crate::proto::planted::{self, Bug};

/// One part, merged by rules M3 and M4.
///
/// The JSON of an ended part is forgotten once it was handed out: its digest is enough to see a later change.
#[derive(Debug)]
pub struct Part {
    pub(super) id: Box<str>,
    kind: PartKind,
    rank: u8,
    /// When it was last told by an event; snapshots leave it.
    pub(super) stamp: Stamp,
    raw: Option<Vec<u8>>,
    /// Where the text stands in `raw`, and how much of it was handed out.
    text: Span,
    digest: u64,
    /// The shown text, once it differs from the text in `raw`.
    live: Option<Growing>,
    /// The base was seen whole on this connection, and no hole since: deltas may be appended.
    whole: bool,
    gap: Option<Gap>,
    /// The stream broke since the gap's tail was heard: what comes next does not follow on it.
    torn: bool,
    /// What a replay tells now surely comes after the gap.
    follows: bool,
    /// A replay tells the open text again from its start; so far it said this beginning of what is shown.
    retold: Option<Growing>,
    /// The session is over and the server will not end this part any more.
    abandoned: bool,
    /// Shown here, not yet told by the server.
    pub(super) local: bool,
    dirty: u8,
}

/// Place of a text in the part's JSON, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    /// End of what was handed out.
    sent: usize,
}

#[derive(Debug)]
struct Gap {
    at: u32,
    tail: Growing,
}

/// The JSON is to be handed out.
const RAW: u8 = 1;
/// The continuity is to be handed out.
const META: u8 = 2;
/// Text was appended.
const GREW: u8 = 4;

/// How a told text relates to the shown one.
enum Relation {
    Same,
    /// It begins with the shown text.
    Longer,
    /// The shown text begins with it.
    Shorter,
    Other,
}

impl Part {
    /// A part first heard of in an event, which tells it whole.
    pub(super) fn from_event(head: &PartHead<'_>, raw: &[u8], stamp: Stamp) -> Self {
        Part {
            whole: true,
            stamp,
            ..Part::told(head, raw)
        }
    }

    /// A part of an own prompt that the server has not told yet.
    pub(super) fn from_echo(head: &PartHead<'_>, raw: &[u8]) -> Self {
        Part {
            local: true,
            ..Part::told(head, raw)
        }
    }

    /// A part first heard of in a snapshot. An open text stored empty may have been streaming for long: its beginning
    /// is unknown until it ends (servers ≥ 1.2 store the text only then).
    pub(super) fn from_snapshot(head: &PartHead<'_>, raw: &[u8], handed_out: bool) -> Self {
        let mut part = Part {
            whole: false,
            ..Part::told(head, raw)
        };
        if planted::is(Bug::JoinAsWhole) {
            part.whole = true;
        } else if part.is_open_text() && head.text.is_none_or(|text| text.is_empty()) {
            part.open_gap();
        }
        if handed_out {
            part.dirty &= !RAW;
            part.text.sent = part.text.end;
            part.digest = hash(raw);
            if part.rank == 2 {
                part.raw = None;
                part.dirty = 0;
            }
        }
        part
    }

    fn told(head: &PartHead<'_>, raw: &[u8]) -> Self {
        Part {
            id: head.id.to_text().into(),
            kind: head.kind,
            rank: head.rank,
            stamp: 0,
            raw: Some(raw.to_vec()),
            text: Span::of(head, raw),
            digest: 0,
            live: None,
            whole: false,
            gap: None,
            torn: false,
            follows: false,
            retold: None,
            abandoned: false,
            local: false,
            dirty: RAW | META,
        }
    }

    /// An event tells the whole part. `replaying`: the event is an old one, told again in its place among the others.
    pub(super) fn receive(&mut self, head: &PartHead<'_>, raw: &[u8], stamp: Stamp, replaying: bool) {
        if head.rank < self.rank {
            return;
        }
        self.stamp = stamp;
        self.reopen();
        self.local = false;
        if self.extend(head, raw) {
            return;
        }
        self.kind = head.kind;
        self.rank = head.rank;
        let keep =
            self.is_open_text() && matches!(self.relation(head.text), Relation::Shorter) && !planted::is(Bug::RollBack);
        if keep {
            // Shown text never rolls back to a stored beginning of it.
            self.keep_text();
            if replaying && !self.whole {
                self.retold = Some(Growing::after(
                    head.text.map_or_else(String::new, |text| text.to_text()),
                ));
            }
        } else {
            let heard = self.is_heard();
            self.whole = true;
            self.retold = None;
            // Words of this very telling that came before its start are not behind it.
            let anew = replaying && self.torn;
            if anew || !(heard && self.is_open_text() && head.text.is_none_or(|text| text.is_empty())) {
                self.gap = None;
            }
            self.live = None;
        }
        self.replace(head, raw);
    }

    /// A snapshot that was asked for at `asked` tells the whole part.
    pub(super) fn merge(&mut self, head: &PartHead<'_>, raw: &[u8], asked: Stamp) {
        // A part never becomes another kind: one of the two was broken, and ranks of kinds do not compare.
        let older = head.rank < self.rank && head.kind == self.kind;
        if older || (head.rank <= self.rank && self.stamp > asked) {
            return;
        }
        self.local = false;
        let was_open = self.is_open_text();
        self.rank = head.rank;
        self.kind = head.kind;
        if !(was_open && self.is_open_text()) {
            if self.changed(raw) {
                self.live = None;
                self.gap = None;
                self.replace(head, raw);
            }
            return;
        }
        match self.relation(head.text) {
            Relation::Same | Relation::Shorter if !planted::is(Bug::RollBack) => {
                let unsure = !self.whole && !self.abandoned && self.gap.is_none() && self.retold.is_none();
                if unsure && head.text.is_none_or(|text| text.is_empty()) {
                    self.open_gap();
                }
            }
            _ => {
                self.whole = false;
                self.retold = None;
                self.live = None;
                self.gap = None;
                self.replace(head, raw);
            }
        }
    }

    /// A delta. Appended to a text known whole; kept apart behind a gap otherwise (M4). Deltas for ended parts are stale.
    /// `replaying` as in `receive`.
    pub(super) fn append(&mut self, delta: Str<'_>, stamp: Stamp, replaying: bool) {
        if (self.rank == 2 && !planted::is(Bug::DeltaAfterEnd)) || self.kind != PartKind::Text {
            return;
        }
        self.stamp = stamp;
        self.reopen();
        if self.retold.is_some() {
            return self.retell(delta);
        }
        if replaying && !self.whole && !self.follows && !self.is_blank() {
            // Told again without its start: it may be in the shown text, or behind it.
            return;
        }
        if !self.whole && self.gap.is_none() {
            self.open_gap();
        }
        self.dirty |= GREW;
        match &mut self.gap {
            Some(_) if planted::is(Bug::LoseTail) => {}
            Some(gap) => {
                if std::mem::take(&mut self.torn) {
                    gap.tail = Growing::default();
                    self.dirty |= META;
                }
                gap.tail.push(delta);
            }
            None => {
                self.keep_text();
                if let Some(live) = &mut self.live {
                    live.push(delta);
                }
            }
        }
    }

    /// A beginning of the text that an earlier page showed. It counts where nothing else is known to follow: the stored
    /// text is empty or a beginning of it, and no delta came. Text may have been missed since.
    pub(super) fn recall(&mut self, text: &str) {
        if !self.is_open_text() || self.abandoned || self.local || self.whole || self.is_heard() {
            return;
        }
        let shown = self
            .live
            .as_ref()
            .map_or_else(|| self.raw_text(), |live| live.text().into());
        let Some(rest) = text.strip_prefix(shown.as_str()).filter(|rest| !rest.is_empty()) else {
            return;
        };
        self.keep_text();
        if let Some(live) = &mut self.live {
            live.push_text(rest);
        }
        self.dirty |= GREW;
        self.open_gap();
    }

    /// The text that is surely a beginning of the part's, where the server may not have it.
    pub(super) fn beginning(&self) -> Option<String> {
        let text = match &self.live {
            _ if !self.is_open_text() || self.local => return None,
            Some(live) => String::from(live.text()),
            None if self.abandoned => return None,
            None => self.raw_text(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// The stream broke: what comes next may not follow on what is here.
    pub(super) fn interrupt(&mut self) {
        self.whole &= planted::is(Bug::AppendAfterGap);
        self.retold = None;
        self.follows = false;
        self.torn = self.gap.is_some();
    }

    /// Events are missing here, among those that are told again.
    pub(super) fn hole(&mut self) {
        // Another hole: what is told behind it is known to stand behind what was told before it.
        let told = (self.whole || self.follows) && self.is_open_text();
        // What is behind this one may be in the shown text, or behind it.
        let retold = self.retold.is_some();
        self.interrupt();
        if (told || retold) && self.is_open() {
            if self.gap.is_none() {
                self.open_gap();
            }
            self.follows = told;
        }
    }

    /// The session is over: a part still open will not be ended any more, and its stored text is the truth. `broken`: the
    /// message did not complete. Where less is stored of it than is shown, the server did not write it anew, it lost it
    /// (killed; before 1.14 also stopped): what was read stays.
    pub(super) fn abandon(&mut self, head: &PartHead<'_>, raw: &[u8], asked: Stamp, broken: bool) {
        let shorter = self.is_open_text() && matches!(self.relation(head.text), Relation::Shorter);
        let lost = broken && shorter && !planted::is(Bug::ForgetLost);
        if self.stamp > asked || (self.abandoned && !self.changed(raw) && (lost || self.live.is_none())) {
            return;
        }
        self.abandoned = true;
        self.rank = head.rank;
        if lost {
            self.whole = false;
            self.retold = None;
            if !self.is_heard() {
                self.gap = None;
            }
            self.keep_text();
            return self.replace(head, raw);
        }
        // What was shown beyond the stored text would be missing if the part went on after all.
        let split = self.live.as_ref().is_some_and(Growing::is_split);
        self.whole &= matches!(self.relation(head.text), Relation::Same) && !split && self.gap.is_none();
        self.live = None;
        self.gap = None;
        self.replace(head, raw);
    }

    /// A replay says more of a text that is shown already. Once it has said all of it, what follows is appended.
    fn retell(&mut self, delta: Str<'_>) {
        let (Some(retold), Some(live)) = (&mut self.retold, &self.live) else {
            return;
        };
        let from = retold.text().len();
        retold.push(delta);
        let fresh = retold.text().get(from..).unwrap_or_default();
        let behind = live.text().get(from..).unwrap_or_default();
        if behind.len() > fresh.len() && behind.starts_with(fresh) {
            return;
        }
        if fresh.starts_with(behind) {
            retold.sent_as(live);
        } else {
            // The server wrote it anew.
            self.dirty |= RAW;
        }
        self.live = self.retold.take();
        self.whole = true;
        self.gap = None;
        self.dirty |= GREW | META;
    }

    /// Whether anything came behind the gap.
    fn is_heard(&self) -> bool {
        self.gap.as_ref().is_some_and(|gap| !gap.tail.is_blank())
    }

    /// Whether no text is shown.
    fn is_blank(&self) -> bool {
        match &self.live {
            Some(live) => live.text().is_empty(),
            None => self.text.start == self.text.end,
        }
    }

    /// The server goes on with a part that was given up.
    fn reopen(&mut self) {
        if std::mem::take(&mut self.abandoned) {
            self.dirty |= META;
        }
    }

    /// Whether the server has stored more of it than was told here.
    pub(super) fn lacks(&self, head: &PartHead<'_>) -> bool {
        head.rank > self.rank || (self.is_open_text() && matches!(self.relation(head.text), Relation::Longer))
    }

    pub(super) fn is_open(&self) -> bool {
        self.rank < 2 && !self.abandoned
    }

    pub(super) fn is_gapped(&self) -> bool {
        self.gap.is_some()
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty != 0
    }

    /// Hands the JSON out again; it stands in a message that must be told part by part after all.
    pub(super) fn refill(&mut self, raw: &[u8]) {
        if self.raw.is_none() {
            self.raw = Some(raw.to_vec());
        }
        self.dirty |= RAW | META;
    }

    /// Hands out what changed.
    pub(super) fn drain(&mut self, message: usize, index: usize, out: &mut Vec<Change>) {
        let dirty = std::mem::take(&mut self.dirty);
        if let (true, Some(text)) = (dirty & RAW == 0 && self.live.is_none(), self.unsent()) {
            out.push(Change::Append { message, index, text });
        }
        self.text.sent = self.text.end;
        if dirty & RAW != 0 {
            let keep = self.is_open_text();
            let raw = if keep { self.raw.clone() } else { self.raw.take() };
            if let Some(raw) = raw {
                if !keep {
                    self.digest = hash(&raw);
                }
                out.push(Change::Part { message, index, raw });
            }
        }
        if let Some(live) = &mut self.live {
            if dirty & RAW != 0 {
                // The JSON's own text is not the one shown.
                out.push(Change::Text {
                    message,
                    index,
                    text: live.take_all(),
                });
            } else if let Some(text) = live.take() {
                out.push(Change::Append { message, index, text });
            }
        }
        if dirty & (META | RAW) != 0 {
            out.push(Change::Meta {
                message,
                index,
                continuity: self.continuity(),
            });
        }
        if let Some(gap) = &mut self.gap {
            let tail = if dirty & (META | RAW) != 0 {
                Some(gap.tail.take_all())
            } else {
                gap.tail.take()
            };
            if let Some(text) = tail.filter(|text| !text.is_empty()) {
                out.push(Change::Tail { message, index, text });
            }
        }
    }

    fn continuity(&self) -> Continuity {
        match &self.gap {
            Some(gap) => Continuity::Gapped(gap.at),
            None if self.is_open() => Continuity::Streaming,
            None if self.abandoned && self.live.is_some() => Continuity::Interrupted,
            None => Continuity::Settled,
        }
    }

    pub(super) fn is_open_text(&self) -> bool {
        self.rank < 2 && self.kind == PartKind::Text
    }

    /// Servers that resend the whole part with each piece of text: where only text was added at its end, only that is
    /// handed out. Gives whether it was so.
    fn extend(&mut self, head: &PartHead<'_>, raw: &[u8]) -> bool {
        let now = Span::of(head, raw);
        let Span { start, end, .. } = self.text;
        let Some(held) = self.raw.as_mut().filter(|_| self.live.is_none() && self.gap.is_none()) else {
            return false;
        };
        let grows = self.rank == 0
            && head.rank == 0
            && self.kind == PartKind::Text
            && start > 0
            && now.start == start
            && now.end >= end
            && same(&held[..end], &raw[..end])
            && held[end..] == raw[now.end..]
            && !ends_in_half_pair(&held[start..end])
            && !ends_in_half_pair(&raw[start..now.end]);
        if grows {
            held.truncate(end);
            held.extend_from_slice(&raw[end..]);
            self.text.end = now.end;
            self.whole = true;
            self.dirty |= GREW;
        }
        grows
    }

    /// Text of `raw` that was not handed out.
    fn unsent(&self) -> Option<String> {
        let Span { start, end, sent } = self.text;
        let raw = self
            .raw
            .as_deref()?
            .get(sent.max(start)..end)
            .filter(|raw| !raw.is_empty())?;
        Some(Str::within(raw).to_text())
    }

    fn replace(&mut self, head: &PartHead<'_>, raw: &[u8]) {
        self.text = Span::of(head, raw);
        let held = self.raw.get_or_insert_with(Vec::new);
        held.clear();
        held.extend_from_slice(raw);
        self.dirty |= RAW | META;
    }

    fn changed(&self, raw: &[u8]) -> bool {
        match &self.raw {
            Some(held) => held != raw,
            None => self.digest != hash(raw),
        }
    }

    /// Everything already shown stays; what comes goes behind a mark.
    fn open_gap(&mut self) {
        self.keep_text();
        let at = self.live.as_ref().map_or(0, |live| utf16_len(live.text()));
        self.gap = Some(Gap {
            at,
            tail: Growing::default(),
        });
        self.dirty |= META;
    }

    /// From here on the shown text is `live`, not the one in `raw`.
    fn keep_text(&mut self) {
        if self.live.is_none() {
            if self.unsent().is_some() {
                self.dirty |= RAW;
            }
            self.live = Some(Growing::after(self.raw_text()));
        }
    }

    fn raw_text(&self) -> String {
        self.raw_str().to_text()
    }

    fn raw_str(&self) -> Str<'_> {
        Str::within(
            self.raw
                .as_deref()
                .and_then(|raw| raw.get(self.text.start..self.text.end))
                .unwrap_or_default(),
        )
    }

    fn relation(&self, told: Option<Str<'_>>) -> Relation {
        let told = told.unwrap_or_default();
        match &self.live {
            Some(live) if told.is_empty() => compare("", live.text()),
            Some(live) => compare(&told.to_text(), live.text()),
            None if told.raw() == self.raw_str().raw() => Relation::Same,
            None => compare(&told.to_text(), &self.raw_text()),
        }
    }
}

impl Span {
    fn of(head: &PartHead<'_>, raw: &[u8]) -> Self {
        let Some(text) = head.text.map(|text| text.raw()) else {
            return Span::default();
        };
        // The head borrows from `raw`: the distance of the two is the text's place in it.
        let start = (text.as_ptr() as usize).wrapping_sub(raw.as_ptr() as usize);
        if start + text.len() > raw.len() {
            return Span::default();
        }
        Span {
            start,
            end: start + text.len(),
            sent: start,
        }
    }
}

/// Whether an escaped first half of a surrogate pair ends the text: what follows cannot be read without it.
fn ends_in_half_pair(text: &[u8]) -> bool {
    match text.last_chunk::<6>() {
        Some([b'\\', b'u', b'd' | b'D', digit, _, _]) => {
            matches!(digit.to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b')
        }
        _ => false,
    }
}

fn compare(told: &str, shown: &str) -> Relation {
    if told == shown {
        Relation::Same
    } else if told.starts_with(shown) {
        Relation::Longer
    } else if shown.starts_with(told) {
        Relation::Shorter
    } else {
        Relation::Other
    }
}
