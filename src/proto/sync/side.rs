use super::context::{Context, What};
use super::fields::Status;
use super::loading::{backoff, own_status};
use super::session::{Phase, Session};
use super::snapshot::Scope;
use crate::proto::change::Field;
use crate::proto::error::{Code, Error};
use crate::proto::json::{is_whole, text_field};
use crate::proto::request::session_path;
use crate::proto::store::Stamp;

/// What is asked for beside the history. One that fails or is slow costs itself only: what is shown of it stays, the
/// error is told, and it is asked for again.
#[derive(Debug, Default)]
pub(super) struct Sides {
    list: [Side; 5],
    /// Failed tries in a row.
    failures: u32,
    /// When what failed is asked for again.
    at: u64,
    /// The directory that all were last asked for in.
    directory: Option<String>,
}

#[derive(Debug, Default)]
struct Side {
    state: State,
    /// When an event last told of it.
    heard: Stamp,
    /// The server has answered it at least once.
    has: bool,
    /// It did not have it when it was asked.
    lacks: bool,
}

#[derive(Debug, Default)]
enum State {
    /// As the server told it last.
    #[default]
    Known,
    Asked(Stamp),
    /// Told, and not shown yet.
    Told(Stamp, Vec<u8>),
    /// Why it failed, where that is worth telling.
    Failed(Option<Error>),
}

/// In the order in which they are shown: a session that is idle asks nothing.
const SIDES: [What; 5] = [
    What::Info,
    What::Todos,
    What::Status,
    What::Permissions,
    What::Questions,
];
/// The history waits so long for the rest, to be shown with it, milliseconds.
pub(super) const PATIENCE: u64 = 1_000;
/// While its status failed less often, a session may be busy.
const UNSURE: u32 = 3;

fn place(what: &What) -> usize {
    SIDES.iter().position(|side| side == what).unwrap_or_default()
}

impl Sides {
    fn side(&mut self, what: &What) -> &mut Side {
        &mut self.list[place(what)]
    }

    /// Whether something is under way that was asked for at this stamp or later.
    pub(super) fn are_due(&self, asked: Stamp) -> bool {
        let due = |side: &Side| matches!(side.state, State::Asked(stamp) if stamp >= asked);
        self.list.iter().any(due)
    }

    /// When what failed is asked for again.
    pub(super) fn deadline(&self) -> Option<u64> {
        let failed = |side: &Side| matches!(side.state, State::Failed(_));
        self.list.iter().any(failed).then_some(self.at)
    }

    /// Whether the status is about to be known.
    pub(super) fn awaits_status(&self) -> bool {
        match self.list[place(&What::Status)].state {
            State::Asked(_) => true,
            State::Failed(_) => self.failures < UNSURE,
            _ => false,
        }
    }

    /// The server is another one now.
    pub(super) fn forget(&mut self) {
        for side in &mut self.list {
            (side.has, side.lacks) = (false, false);
        }
    }

    /// What was told and is not shown yet, with the stamp of the question.
    pub(super) fn take(&mut self, what: &What) -> Option<(Stamp, Vec<u8>)> {
        let state = &mut self.side(what).state;
        match std::mem::take(state) {
            State::Told(asked, body) => Some((asked, body)),
            other => {
                *state = other;
                None
            }
        }
    }
}

impl Session {
    /// Asks for all that goes with a history; for a poll only what is neither under way nor to be asked for later.
    pub(super) fn ask_sides(&mut self, scope: Scope, asked: Stamp, context: &mut Context) {
        if scope == Scope::All {
            self.sides.directory = self.directory.clone().or_else(|| context.directory.clone());
        }
        for what in scope.sides() {
            if scope == Scope::All || matches!(self.sides.side(what).state, State::Known) {
                self.ask_side(what, asked, context);
            }
        }
    }

    pub(super) fn ask_side(&mut self, what: &What, asked: Stamp, context: &mut Context) {
        self.sides.side(what).state = State::Asked(asked);
        let path = match what {
            What::Info => session_path(&self.id, ""),
            What::Todos => session_path(&self.id, "/todo"),
            What::Status => String::from("/session/status"),
            What::Permissions => String::from("/permission"),
            _ => String::from("/question"),
        };
        self.get(context, what.clone(), asked, path);
    }

    /// What failed is asked for again.
    pub(super) fn sides_timeout(&mut self, context: &mut Context) {
        if self.sides.deadline().is_none_or(|at| context.now < at) {
            return;
        }
        let asked = context.tick();
        // The session itself tells a server that lacks something from a proxy that answers for it.
        let lacks = |side: &Side| matches!(side.state, State::Failed(None));
        let lacking = self.sides.list.iter().any(lacks);
        for what in &SIDES {
            if (lacking && *what == What::Info) || matches!(self.sides.side(what).state, State::Failed(_)) {
                self.ask_side(what, asked, context);
            }
        }
    }

    pub(super) fn side_answer(
        &mut self,
        what: &What,
        asked: Stamp,
        result: Result<&[u8], Error>,
        context: &mut Context,
    ) {
        if !matches!(self.sides.side(what).state, State::Asked(last) if last == asked) {
            // One beside the snapshot, or one that was asked for again since.
            if self.is_live() && *what == What::Status && asked >= self.sides.side(what).heard {
                let status = result.ok().map(|body| own_status(body, &self.id));
                self.status_answer(asked, status, context);
            }
            return;
        }
        if !matches!(self.phase, Phase::Fetching(_) | Phase::Live) {
            // All is asked for again with the next history.
            return;
        }
        let result = result.and_then(|body| {
            let whole = is_whole(body).then_some(body);
            whole.ok_or_else(|| Error::new(Code::BadResponse, "The answer is not whole."))
        });
        match result {
            Err(error) if *what == What::Info && (error.code == Code::NotFound || self.needs_info()) => {
                return self.fail(error, context);
            }
            Ok(body) => {
                let side = self.sides.side(what);
                side.has = true;
                side.state = State::Told(asked, body.to_vec());
                if *what == What::Info && self.is_elsewhere(body) {
                    // Asked in the wrong directory: ask all again in the right one.
                    return self.begin(context);
                }
            }
            Err(error) => self.side_failed(what, asked, error, context),
        }
        if self.is_live() {
            self.show_sides(context);
        } else {
            self.finish_due(context);
        }
    }

    /// Whether only the session itself tells if what is hidden still is, and it is about to: what events tell of that is lost.
    pub(super) fn needs_info(&self) -> bool {
        let told = matches!(self.sides.list[place(&What::Info)].state, State::Told(..));
        let whole = matches!(&self.phase, Phase::Fetching(snapshot) if snapshot.scope == Scope::All);
        whole && self.cut.is_some() && !told && self.failures < UNSURE
    }

    /// Takes the directory from the session itself; gives whether the rest was asked for in another one.
    fn is_elsewhere(&mut self, info: &[u8]) -> bool {
        let directory = text_field(info, "directory").map(|text| text.to_text());
        if directory.is_none() || directory == self.directory {
            return false;
        }
        self.directory = directory;
        self.sides.directory.is_some() && self.sides.directory != self.directory
    }

    /// What old servers may lack counts as empty. That a server lacks something must be said twice, and the second time while
    /// it tells the session itself: a proxy may say so too.
    fn side_failed(&mut self, what: &What, asked: Stamp, error: Error, context: &mut Context) {
        let answers = !matches!(self.sides.side(&What::Info).state, State::Asked(_) | State::Failed(_));
        let side = self.sides.side(what);
        let lacking = super::snapshot::lacks(&error) && *what != What::Info;
        let may_lack = lacking && !side.has && context.own_ids != Some(true);
        if may_lack && std::mem::replace(&mut side.lacks, true) && answers {
            let empty: &[u8] = if *what == What::Status { b"{}" } else { b"[]" };
            side.state = State::Told(asked, empty.to_vec());
            return;
        }
        let told = (!may_lack).then(|| {
            context.warn_of(&error);
            const NAMES: [&str; 5] = ["session", "to-dos", "status", "permissions", "questions"];
            Error {
                code: Code::Incomplete,
                message: ["Not known now: ", NAMES[place(what)], ". ", &error.message].concat(),
                ..error
            }
        });
        side.state = State::Failed(told);
        if self.sides.at <= context.now {
            self.sides.failures = self.sides.failures.saturating_add(1);
            self.sides.at = context.now + backoff(self.sides.failures, context);
        }
        if *what == What::Status && self.is_live() && !self.turn.settled && !self.sides.awaits_status() {
            // The history tells whether the turn is over.
            self.turn.touched(context.now);
        }
    }

    /// Shows what was told, and says what could not be.
    pub(super) fn show_sides(&mut self, context: &mut Context) {
        for what in &SIDES {
            let Some((asked, body)) = self.sides.take(what) else {
                continue;
            };
            let old = self.sides.side(what).heard > asked;
            // A prompt of a page that was asked for since may have ended the cut.
            let ended = *what == What::Info && self.messages.is_stale(asked) && self.cuts_otherwise(&body);
            match what {
                What::Info if old => {}
                What::Info if !ended => {
                    context.learn(&body);
                    self.session_told(&body, context);
                }
                What::Todos if !old => self.fields.set_todos(&body),
                What::Status if !old => {
                    let status = own_status(&body, &self.id);
                    self.late_status(asked, status, context);
                }
                What::Info | What::Permissions | What::Questions if old || ended => {
                    let asked = context.tick();
                    self.ask_side(what, asked, context);
                }
                What::Permissions => self.show_requests(Field::Permissions, "permission.asked", &body, context),
                What::Questions => self.show_requests(Field::Questions, "question.asked", &body, context),
                _ => {}
            }
        }
        self.tell_sides();
    }

    /// A status that came after the history. It may be older than a prompt that was stored meanwhile.
    fn late_status(&mut self, asked: Stamp, status: Status, context: &mut Context) {
        if !status.is_busy() && self.outbox.prompts.iter().any(|prompt| prompt.is_stored_since(asked)) {
            let asked = context.tick();
            return self.ask_side(&What::Status, asked, context);
        }
        let busy = status.is_busy();
        self.fields.set_status(status);
        self.turn.told(busy, context);
        // It may have been all that was awaited.
        self.answer_settled(context);
    }

    fn show_requests(&mut self, field: Field, kind: &str, body: &[u8], context: &mut Context) {
        if self.fields.set_requests(field, &context.family, body).is_err() {
            context.warn("bad_response", "A list of requests could not be read.");
        }
        context.stray_requests(kind, body, &self.id);
    }

    /// An event told of it.
    pub(super) fn side_heard(&mut self, what: &What, stamp: Stamp) {
        let side = self.sides.side(what);
        side.heard = stamp;
        // Those tell all there is.
        if matches!(what, What::Todos | What::Status) && matches!(side.state, State::Failed(_)) {
            side.state = State::Known;
            self.tell_sides();
        }
    }

    fn tell_sides(&mut self) {
        let mut error = self.partial.error.clone();
        let mut whole = true;
        for side in &self.sides.list {
            if let State::Failed(why) = &side.state {
                whole = false;
                error = error.or_else(|| why.clone());
            }
        }
        if whole {
            self.sides.failures = 0;
        }
        if self.fields.error().is_none_or(|shown| shown.code == Code::Incomplete) {
            self.fields.set_error(error);
        }
    }
}
