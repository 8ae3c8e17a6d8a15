use super::version::AGAIN;
use super::{Client, session};
use crate::proto::connection::{Cause, Source};
use crate::proto::error::{Code, Error};
use crate::proto::event::decode;
use crate::proto::json::{Bad, is_whole, text_field};
use crate::proto::request::Response;
use crate::proto::sync::{Output, Purpose, Reply, Session, with_directory};

/// Between two streams that are opened anew only for the directory's spelling.
const RESPELL_AGAIN: u64 = 60_000;

/// Answers, and what they tell of the server: its version, its directory, its models and agents.
impl Client {
    pub(super) fn response(&mut self, id: u32, response: &Response<'_>) {
        let Some(purpose) = self.take(id) else { return };
        self.link.answered();
        let result = Error::check_json(response).map(|()| {
            let body = response.body;
            body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
        });
        self.answer(purpose, response.cursor, result);
    }

    pub(super) fn take(&mut self, id: u32) -> Option<Purpose> {
        let at = self.context.pending.iter().position(|(known, _)| *known == id)?;
        Some(self.context.pending.swap_remove(at).1)
    }

    pub(super) fn answer(&mut self, purpose: Purpose, cursor: &str, result: Result<&[u8], Error>) {
        match purpose {
            Purpose::Call { token } => {
                let result = result.map_err(|error| self.not_offered(error));
                self.context.reply(token, result.map(|body| Reply::Body(body.to_vec())));
            }
            Purpose::Version { asked } => self.version_answer(asked, result),
            Purpose::Directory => {
                self.directory_asked = false;
                match result {
                    Ok(body) if is_whole(body) => {
                        let directory = text_field(body, "directory").map(|text| text.to_text());
                        self.directory_known(directory.unwrap_or_default());
                    }
                    // All known servers have the route: also a 404 is a proxy's.
                    _ => {
                        self.version.again.get_or_insert(self.context.now + 5 * AGAIN);
                    }
                }
                self.located();
            }
            Purpose::Around => match result {
                Err(error) if error.status == 0 => {
                    if error.code == Code::Unreachable && self.link.cut() {
                        self.context.outputs.push_back(Output::CloseStream);
                        self.stream_ended(Cause::Refused {
                            error,
                            retry_after: None,
                        });
                    }
                }
                _ => {
                    let action = self.link.outreach(self.context.now);
                    self.act(action);
                }
            },
            Purpose::Models | Purpose::Agents | Purpose::Commands => self.catalog_answer(&purpose, result),
            Purpose::Kin { session } => {
                for data in self.context.kin_answer(&session, result) {
                    if let Ok(Some(envelope)) = decode(&data, &|_| true) {
                        self.surface(&envelope, &data);
                    }
                }
            }
            Purpose::Session {
                session: handle,
                what,
                asked,
            } => {
                if let Some(session) = session(&mut self.sessions, handle) {
                    session.answer(what, asked, cursor, result, &mut self.context);
                }
            }
        }
    }

    /// A server that is known to be one, and answers its web page, does not have the route.
    fn not_offered(&self, error: Error) -> Error {
        if error.code == Code::Unreachable && self.link.is_doubted() {
            return Error::new(Code::Offline, "There is no network.");
        }
        if error.code != Code::HtmlResponse || self.version.text.is_empty() {
            return error;
        }
        let message = ["OpenCode ", &self.version.text, " does not offer this."].concat();
        Error {
            message,
            code: Code::Unsupported,
            ..error
        }
    }

    pub(super) fn catalog_answer(&mut self, purpose: &Purpose, result: Result<&[u8], Error>) {
        self.catalog_asked = self.catalog_asked.saturating_sub(1);
        // Without a list nothing can be refused: the server has the last word.
        let empty: &[u8] = if *purpose == Purpose::Models { b"{}" } else { b"[]" };
        let mut read = |body| match purpose {
            Purpose::Models => self.catalog.set_models(body),
            Purpose::Agents => self.catalog.set_agents(body),
            _ => self.catalog.set_commands(body),
        };
        if read(result.unwrap_or(empty))
            .or_else(|_| read(empty).and(Err(Bad)))
            .is_err()
        {
            self.context
                .warn("bad_response", "A list of models, agents or commands is bad.");
        }
    }

    /// The server's own name for the directory; sessions elsewhere need the stream that carries all directories.
    pub(super) fn directory_known(&mut self, directory: String) {
        if !directory.is_empty() && self.context.directory.as_ref() != Some(&directory) {
            let named = self.context.directory.replace(directory).is_some();
            let again = self.respelled_at.map(|at| at + RESPELL_AGAIN);
            if named && self.link.source() == Source::Event && again.is_none_or(|at| self.context.now >= at) {
                // The stream was opened under another spelling: it would stay silent. A server with a new spelling
                // for each question is not followed.
                self.respelled_at = Some(self.context.now);
                self.reopen();
            }
        }
        self.widen();
    }

    /// What waited for the directory's name goes on, under the one that is known now.
    fn located(&mut self) {
        self.is_located = true;
        for (path, token) in std::mem::take(&mut self.lists) {
            self.call(0, "GET", &path, None, token);
        }
        if self.link.phase().is_connected() {
            self.again();
        }
    }

    pub(super) fn reopen(&mut self) {
        self.interrupt();
        let action = self.link.reopen(self.context.now);
        self.act(action);
    }

    pub(super) fn widen(&mut self) {
        let Some(own) = self.context.directory.as_deref() else {
            return;
        };
        if self.directory_asked || self.link.source() > Source::Event {
            return;
        }
        if self
            .sessions
            .iter()
            .filter_map(Session::directory)
            .any(|directory| directory != own)
        {
            if self.link.source() == Source::Event {
                self.interrupt();
            }
            let action = self.link.widen(self.context.now);
            self.act(action);
        }
    }

    /// Whether the page itself reaches the server.
    pub(super) fn look_around(&mut self) {
        self.context
            .request(Purpose::Around, "GET", String::from("/global/health"), None);
    }

    /// The stream of a directory wants the exact string that the server uses.
    pub(super) fn ask_directory(&mut self) {
        if !self.directory_asked && !self.context.offline {
            self.directory_asked = true;
            let path = with_directory("/path", self.context.directory.as_deref());
            self.context.request(Purpose::Directory, "GET", path, None);
        }
    }
}
