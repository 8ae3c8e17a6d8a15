use super::Client;
use crate::proto::error::Error;
use crate::proto::json::{is_whole, text_field};
use crate::proto::planted::{self, Bug};
use crate::proto::store::Stamp;
use crate::proto::sync::{Purpose, Session};

/// What is known of the server belongs to a connection: behind the next one there may be another server.
#[derive(Debug, Default)]
pub(super) struct Version {
    /// The server's own word; empty while it is not known.
    pub(super) text: String,
    /// The question under way.
    asked: Option<Stamp>,
    /// It was answered on this connection.
    known: bool,
    /// When it was told, milliseconds.
    pub(super) told_at: u64,
    /// When it is asked for again.
    pub(super) again: Option<u64>,
    /// When prompts wait no longer for it.
    until: Option<u64>,
    /// What was known on a stream that is away, and may go on.
    held: Option<bool>,
}

/// Prompts wait for the version so long after a connection; then the server is taken for an old one, milliseconds.
const PATIENCE: u64 = 5_000;
/// When asking failed on a good link, it is asked for again after so long.
pub(super) const AGAIN: u64 = 2_000;

impl Client {
    pub(super) fn ask_version(&mut self) {
        let version = &mut self.version;
        if version.known || version.asked.is_some() || self.context.offline {
            return;
        }
        let asked = self.context.tick();
        version.asked = Some(asked);
        let purpose = Purpose::Version { asked };
        self.context
            .request(purpose, "GET", String::from("/global/health"), None);
    }

    /// The server may be another one from here on: nothing is posted before it is known.
    pub(super) fn forget_version(&mut self) {
        if planted::is(Bug::KnowForever) {
            return;
        }
        let version = &mut self.version;
        (version.asked, version.known, version.until, version.held) = (None, false, None, None);
        self.context.own_ids = None;
    }

    /// The stream is away: behind the next one there may be another server. If it goes on without a hole, there is not.
    pub(super) fn hold_version(&mut self) {
        if planted::is(Bug::KnowForever) {
            return;
        }
        (self.version.asked, self.version.until) = (None, None);
        self.version.held = self.context.own_ids.take().or(self.version.held);
    }

    /// What was missed has been told, and there was no hole.
    pub(super) fn release_version(&mut self) {
        if let Some(held) = self.version.held.take() {
            self.context.own_ids = Some(held);
            self.show_due();
        }
    }

    /// Another stream than before: behind it there may be another server. What was asked with the first one is of that.
    pub(super) fn reconnected(&mut self) {
        if std::mem::replace(&mut self.streamed, true) {
            self.forget_version();
        }
    }

    /// Asks again who the server is, where answers are all that is heard of it.
    pub(super) fn renew_version(&mut self) {
        self.forget_version();
        self.await_version();
    }

    /// The server can be asked; once it is connected, the wait for its version begins.
    pub(super) fn await_version(&mut self) {
        if self.link.phase().is_connected() {
            self.version.until.get_or_insert(self.context.now + PATIENCE);
        }
        self.ask_version();
    }

    pub(super) fn version_answer(&mut self, asked: Stamp, result: Result<&[u8], Error>) {
        if self.version.asked != Some(asked) {
            return;
        }
        self.version.asked = None;
        let told = match result {
            Ok(body) if is_whole(body) => {
                let text = |name| text_field(body, name).map(|text| text.to_text()).unwrap_or_default();
                let told = text("version");
                if told != self.version.text {
                    self.sessions.iter_mut().for_each(Session::forget_routes);
                }
                self.version.text = told;
                // The way to servers of 2.x says so of itself.
                takes_own_ids(&self.version.text) || text("dialect") == "v2"
            }
            // A server that answers without a readable version is taken for an old one.
            Err(error) if error.status != 0 => false,
            _ => {
                self.version.again = Some(self.context.now + AGAIN);
                return;
            }
        };
        self.version.known = true;
        self.version.told_at = self.context.now;
        self.context.own_ids = Some(told);
        self.show_due();
    }

    /// When the wait for the version ends.
    pub(super) fn version_deadline(&self) -> Option<u64> {
        let waits = self.context.own_ids.is_none() && self.link.phase().is_connected();
        self.version.until.filter(|_| waits)
    }

    pub(super) fn version_timeout(&mut self) {
        let now = self.context.now;
        if self.version_deadline().is_some_and(|at| now >= at) {
            self.version.told_at = now;
            self.context.own_ids = Some(false);
            self.show_due();
        }
        if self.version.again.is_some_and(|at| now >= at) {
            self.version.again = None;
            if self.link.phase().is_connected() {
                self.ask_version();
                self.ask_directory();
            }
        }
    }
}

/// Servers before 1.18.16 answer a prompt with a client-made id without end, or never (measured). So do forks, which number
/// otherwise: what is not surely able is taken for old.
fn takes_own_ids(version: &str) -> bool {
    if planted::is(Bug::OwnIdsEverywhere) {
        return true;
    }
    let mut numbers = version
        .split(['.', '-'])
        .map(|number| number.parse::<u32>().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    ((1, 18, 16)..(2, 0, 0)).contains(&(next(), next(), next()))
}
