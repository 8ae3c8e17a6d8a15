//! A client on the stream of a keeper or relay, of which a test says each frame.

use opencode_session::proto::client::{Config, Input};
use opencode_session::proto::request::Response;
use opencode_session::proto::sync::Output;
use serde_json::{Value, json};

use super::script::Spot;
use super::server::{Server, Wire};
use super::world::{World, config};

/// A client whose stream is fed by hand, and whose requests the server answers.
pub(crate) struct Kept {
    pub(crate) world: World,
    pub(crate) session: String,
    pub(crate) at: Spot,
    pub(crate) handle: u32,
    /// Frames so far: each has a position.
    pub(crate) count: usize,
    is_unnumbered: bool,
}

impl Kept {
    /// One session with an open text of the given pieces; nobody was listening when they were said.
    pub(crate) fn new(pieces: &[&str]) -> Self {
        Kept::opened(pieces, |world, session| world.open(session, 100))
    }

    /// The same, where what answers is a relay.
    pub(crate) fn relayed(pieces: &[&str]) -> Self {
        Kept::relayed_by(config(1), pieces)
    }

    pub(crate) fn relayed_by(config: Config, pieces: &[&str]) -> Self {
        Kept::with(config, pieces, |world, session| world.open(session, 100))
    }

    /// Frames come without their positions from here on.
    pub(crate) fn unnumbered(&mut self) -> &mut Self {
        self.is_unnumbered = true;
        self
    }

    pub(crate) fn opened(pieces: &[&str], open: impl FnOnce(&mut World, &str) -> u32) -> Self {
        let config = Config {
            keeper: true,
            ..config(1)
        };
        Kept::with(config, pieces, open)
    }

    fn with(config: Config, pieces: &[&str], open: impl FnOnce(&mut World, &str) -> u32) -> Self {
        let mut server = Server::new(Wire::New, 1);
        let session = server.create_session("/project");
        server.put_message(
            &session,
            json!({ "id": "msg_1", "sessionID": session, "role": "assistant", "time": { "created": 1 } }),
        );
        let at = Spot::new(&mut server, &session, "msg_1", "text");
        server.keep_status(&session, json!({ "type": "busy" }));
        server.begin_text(&at);
        for piece in pieces {
            server.delta(&at, piece);
        }
        let mut world = World::with(server, config);
        world.drains = false;
        let handle = open(&mut world, &session);
        Kept {
            world,
            session,
            at,
            handle,
            count: 0,
            is_unnumbered: false,
        }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.world.stream.as_ref().unwrap().generation
    }

    pub(crate) fn attach(&mut self, continuity: &str) -> &mut Self {
        let generation = self.generation();
        let response = Response {
            status: 200,
            content_type: "text/event-stream",
            ..Response::default()
        };
        self.world.input(Input::StreamOpened { generation, response });
        self.frame(&json!({ "type": "replay.opened", "properties": { "continuity": continuity } }))
    }

    /// The stream is a server's own, which cannot be repeated.
    pub(crate) fn connected(&mut self) -> &mut Self {
        let generation = self.generation();
        let response = Response {
            status: 200,
            content_type: "text/event-stream",
            ..Response::default()
        };
        self.world.input(Input::StreamOpened { generation, response });
        self.frame(&json!({ "type": "server.connected", "properties": {} }))
    }

    pub(crate) fn frame(&mut self, event: &Value) -> &mut Self {
        self.count += 1;
        let position = if self.is_unnumbered {
            String::new()
        } else {
            format!("id: epoch-{}\n", self.count)
        };
        let bytes = format!("{position}data: {event}\n\n").into_bytes();
        let generation = self.generation();
        self.world.input(Input::StreamBytes {
            generation,
            bytes: &bytes,
        });
        self
    }

    pub(crate) fn starts(&mut self) -> &mut Self {
        let part = self.at.value("", Some(1), None);
        self.frame(
            &json!({ "type": "message.part.updated", "properties": { "sessionID": self.session, "part": part } }),
        )
    }

    pub(crate) fn grows(&mut self, delta: &str) -> &mut Self {
        self.frame(&json!({ "type": "message.part.delta", "properties": {
            "sessionID": self.session, "messageID": "msg_1", "partID": self.at.part, "field": "text", "delta": delta,
        } }))
    }

    /// The server says it now, and it is heard.
    pub(crate) fn says(&mut self, delta: &str) -> &mut Self {
        self.world.server.delta(&self.at, delta);
        self.grows(delta)
    }

    pub(crate) fn live(&mut self) -> &mut Self {
        self.frame(&json!({ "type": "replay.live", "properties": {} }))
    }

    /// The stream is alive.
    pub(crate) fn beats(&mut self) -> &mut Self {
        self.frame(&json!({ "type": "server.heartbeat", "properties": {} }))
    }

    pub(crate) fn hole(&mut self) -> &mut Self {
        self.frame(&json!({ "type": "replay.hole", "properties": {} }))
    }

    pub(crate) fn answered(&mut self) -> &mut Self {
        while !self.world.inflight.is_empty() {
            self.world.progress(0);
        }
        self
    }

    pub(crate) fn lost(&mut self) -> &mut Self {
        self.world.cut(false);
        self.world.pass(1_000);
        self
    }

    /// Text, continuity and tail of the part as they are shown.
    pub(crate) fn shown(&mut self) -> (String, String, String) {
        self.world.drain();
        let part = self.world.mirrors[&self.handle].part(&self.at.part).unwrap();
        (part.text().into(), part.continuity.into(), part.tail().into())
    }

    pub(crate) fn position(&mut self) -> Option<String> {
        let mut found = None;
        while let Some(output) = self.world.client.poll_output() {
            if let Output::OpenStream { position, .. } = output {
                found = position;
            }
        }
        found
    }

    pub(crate) fn source(&mut self) -> Value {
        self.world.drain();
        self.world.mirrors[&self.handle].field("connection")["source"].clone()
    }
}

pub(crate) fn shows(text: &str, continuity: &str, tail: &str) -> (String, String, String) {
    (text.into(), continuity.into(), tail.into())
}
