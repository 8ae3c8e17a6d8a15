use super::{Client, session};
use crate::proto::command::{Command, Kind};
use crate::proto::error::{Code, Error};
use crate::proto::request::session_path;
use crate::proto::sync::Purpose;

/// A command that waits for the lists of what it names.
#[derive(Debug)]
pub(super) struct Waiting {
    session: u32,
    command: Command,
    token: u32,
    /// The lists were fetched again for it.
    rechecked: bool,
}

/// Commands: asked once, and answered when their turn is over.
impl Client {
    /// Runs a command in a session; the answer's body, or why there is none, answers `token`.
    pub fn command(&mut self, handle: u32, kind: Kind, json: &[u8], token: u32, now: u64) {
        self.context.now = self.context.now.max(now);
        match Command::read(kind, json) {
            Err(error) => self.context.reply(token, Err(error)),
            Ok(_) if self.context.offline => self.offline_reply(token),
            Ok(command) => self.commands.push(Waiting {
                session: handle,
                command,
                token,
                rechecked: false,
            }),
        }
        self.after();
    }

    /// Sends the commands that may go. Gives whether the lists of what can be named are needed first.
    pub(super) fn pump_commands(&mut self) -> bool {
        let mut needs_catalog = false;
        for mut waiting in std::mem::take(&mut self.commands) {
            if waiting.command.names() && !self.catalog.is_loaded() {
                needs_catalog = true;
                self.commands.push(waiting);
                continue;
            }
            let Some(session) = session(&mut self.sessions, waiting.session) else {
                self.closed(waiting.token);
                continue;
            };
            let (model, command) = (waiting.command.model.as_ref(), &waiting.command);
            let known = self
                .catalog
                .check(model.map(|model| model.name()).as_deref(), command.agent.as_deref())
                .and_then(|()| self.catalog.check_command(command.name.as_deref()));
            match known {
                Ok(()) => {
                    let path = session_path(&session.id, waiting.command.route());
                    let path = session.scoped(&self.context, &path);
                    let purpose = Purpose::Call { token: waiting.token };
                    self.context.request_patiently(purpose, path, waiting.command.body());
                }
                Err(error) if waiting.rechecked => self.context.reply(waiting.token, Err(error)),
                Err(_) => {
                    // The server's configuration may have changed since the lists were fetched.
                    waiting.rechecked = true;
                    self.catalog.clear();
                    needs_catalog = true;
                    self.commands.push(waiting);
                }
            }
        }
        needs_catalog
    }

    /// Who waits for a command that was not sent is told that it will not be.
    pub(super) fn drop_commands(&mut self, code: Code, message: &str) {
        for waiting in std::mem::take(&mut self.commands) {
            self.context.reply(waiting.token, Err(Error::new(code, message)));
        }
    }

    /// The server answered a call with the session as it is now.
    pub fn session_told(&mut self, handle: u32, json: &[u8], now: u64) {
        self.context.now = self.context.now.max(now);
        if let Some(session) = session(&mut self.sessions, handle) {
            session.told_itself(json, &mut self.context);
        }
        self.after();
    }
}
