//! What a client tells of sessions that are not open, and the directory's name in what it asks.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::client::{Client, Config, Failure, Input};
use opencode_session::proto::connection::{RetryPolicy, Transport};
use opencode_session::proto::limits::Limits;
use opencode_session::proto::request::{Request, Response, directory_query};
use opencode_session::proto::sync::{Heard, Output, Reply};

struct Desk {
    client: Client,
    now: u64,
    generation: u32,
    streams: Vec<String>,
    open: bool,
    requests: Vec<Request>,
    heard: Vec<(Heard, String, String)>,
    replies: Vec<(u32, Result<Reply, String>)>,
}

impl Desk {
    fn new(directory: Option<&str>, keeper: bool) -> Self {
        let client = Client::new(Config {
            directory: directory.map(String::from),
            transport: Transport::Auto,
            keeper,
            retry: RetryPolicy::default(),
            limits: Limits::default(),
            seed: 1,
        });
        Desk {
            client,
            now: 1_000,
            generation: 0,
            streams: Vec::new(),
            open: false,
            requests: Vec::new(),
            heard: Vec::new(),
            replies: Vec::new(),
        }
    }

    fn pump(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::OpenStream { generation, path, .. } => {
                    self.generation = generation;
                    self.streams.push(path);
                    self.open = true;
                }
                Output::CloseStream => self.open = false,
                Output::Request(request) => self.requests.push(request),
                Output::Heard { kind, id, raw } => self.heard.push((kind, id, String::from_utf8(raw).unwrap())),
                Output::Reply { token, result } => {
                    self.replies
                        .push((token, result.map_err(|error| String::from(error.code.name()))));
                }
                Output::Log { .. } => {}
            }
        }
    }

    fn lookout(&mut self, on: bool) {
        self.client.lookout(on, self.now);
        self.pump();
    }

    fn input(&mut self, input: Input<'_>) {
        self.now += 10;
        self.client.handle_input(input, self.now);
        self.pump();
    }

    fn say(&mut self, event: &str) {
        let bytes = format!("data: {event}\n\n");
        let generation = self.generation;
        self.input(Input::StreamBytes {
            generation,
            bytes: bytes.as_bytes(),
        });
    }

    fn stream(&mut self) {
        let generation = self.generation;
        let response = Response {
            status: 200,
            content_type: "text/event-stream",
            ..Response::default()
        };
        self.input(Input::StreamOpened { generation, response });
    }

    fn connect(&mut self) {
        self.stream();
        self.say(r#"{"type":"server.connected","properties":{}}"#);
    }

    fn answer(&mut self, path: &str, body: &str) {
        let at = self
            .requests
            .iter()
            .position(|request| request.path.starts_with(path))
            .unwrap_or_else(|| panic!("{path} was not asked"));
        let id = self.requests.remove(at).id;
        let response = Response {
            status: 200,
            content_type: "application/json",
            body: body.as_bytes(),
            ..Response::default()
        };
        self.input(Input::Response { id, response });
    }

    /// What was told since the last call, without the connection.
    fn told(&mut self) -> Vec<(Heard, String, String)> {
        let mut heard = std::mem::take(&mut self.heard);
        heard.retain(|(kind, ..)| *kind != Heard::Connection);
        heard
    }

    fn kinds(&mut self) -> Vec<Heard> {
        self.told().into_iter().map(|(kind, ..)| kind).collect()
    }

    fn asked(&self, path: &str) -> Option<&Request> {
        self.requests.iter().find(|request| request.path.starts_with(path))
    }
}

/// A client that looks out, on a live stream of `/project`.
fn live() -> Desk {
    let mut desk = Desk::new(None, false);
    desk.lookout(true);
    desk.connect();
    desk.answer("/path", r#"{"directory":"/project"}"#);
    desk
}

#[test]
fn a_client_that_looks_out_has_a_stream_without_any_session_and_tells_what_happens_to_all() {
    let mut desk = live();
    assert_eq!(desk.streams, ["/event"]);
    let phases: Vec<&str> = desk.heard.iter().map(|(_, _, raw)| raw.as_str()).collect();
    assert!(phases[0].contains("connecting") && phases.iter().any(|raw| raw.contains(r#""phase":"live""#)));
    assert_eq!(desk.told(), [(Heard::Again, String::from("/project"), String::new())]);

    desk.say(r#"{"type":"session.created","properties":{"info":{"id":"ses_1","title":"A \"b\""}}}"#);
    desk.say(r#"{"type":"session.status","properties":{"sessionID":"ses_1","status":{"type":"busy"}}}"#);
    desk.say(r#"{"type":"permission.asked","properties":{"id":"per_1","sessionID":"ses_1","permission":"bash"}}"#);
    desk.say(r#"{"type":"permission.replied","properties":{"sessionID":"ses_1","requestID":"per_1","reply":"once"}}"#);
    desk.say(r#"{"type":"question.asked","properties":{"id":"que_1","sessionID":"ses_1","questions":[]}}"#);
    desk.say(r#"{"type":"question.rejected","properties":{"sessionID":"ses_1","requestID":"que_1"}}"#);
    desk.say(r#"{"type":"message.part.delta","properties":{"sessionID":"ses_1","messageID":"m","partID":"p","field":"text","delta":"x"}}"#);
    desk.say(r#"{"type":"session.deleted","properties":{"sessionID":"ses_1","info":{"id":"ses_1"}}}"#);
    let told = desk.told();
    let told: Vec<(Heard, &str, &str)> = told.iter().map(|(kind, id, raw)| (*kind, &**id, &**raw)).collect();
    assert_eq!(
        told,
        [
            (Heard::Told, "ses_1", r#"{"id":"ses_1","title":"A \"b\""}"#),
            (Heard::Status, "ses_1", r#"{"type":"busy"}"#),
            (
                Heard::Asked,
                "ses_1",
                r#"{"id":"per_1","sessionID":"ses_1","permission":"bash"}"#
            ),
            (Heard::Answered, "per_1", ""),
            (
                Heard::Asked,
                "ses_1",
                r#"{"id":"que_1","sessionID":"ses_1","questions":[]}"#
            ),
            (Heard::Answered, "que_1", ""),
            (Heard::Gone, "ses_1", ""),
        ]
    );
}

#[test]
fn nobody_is_told_unless_the_client_looks_out_and_the_stream_ends_with_the_last_reason_for_it() {
    let mut desk = Desk::new(None, false);
    let session = desk.client.open_session("ses_1", 100, desk.now);
    desk.pump();
    desk.connect();
    desk.say(r#"{"type":"session.deleted","properties":{"sessionID":"ses_2","info":{"id":"ses_2"}}}"#);
    assert!(desk.heard.is_empty());
    desk.lookout(true);
    desk.client.close_session(session);
    desk.pump();
    assert!(desk.open, "somebody still looks out");
    desk.lookout(false);
    assert!(!desk.open);
    desk.lookout(true);
    assert!(desk.open, "the stream is opened again");
}

#[test]
fn lists_are_asked_for_again_after_whatever_may_have_hidden_something() {
    let mut desk = live();
    desk.told();
    // A lost stream.
    let generation = desk.generation;
    desk.input(Input::StreamClosed {
        generation,
        cause: None,
    });
    assert_eq!(desk.kinds(), []);
    desk.now = desk.client.poll_timeout().unwrap();
    desk.input(Input::Timeout);
    desk.connect();
    assert_eq!(desk.kinds(), [], "the directory may have another name now");
    desk.answer("/path", r#"{"directory":"/project"}"#);
    assert_eq!(desk.kinds(), [Heard::Again]);
    // A broken event.
    desk.say(r#"{"type":"session.upd"#);
    desk.now += 3_000;
    desk.input(Input::Timeout);
    assert_eq!(desk.kinds(), [Heard::Again]);
    // Somebody else begins to look out.
    desk.lookout(true);
    assert_eq!(desk.kinds(), [Heard::Again]);
    // No network, and back.
    desk.input(Input::Offline);
    desk.input(Input::Online);
    desk.connect();
    desk.answer("/path", r#"{"directory":"/project"}"#);
    assert_eq!(desk.kinds(), [Heard::Again]);
}

#[test]
fn events_that_are_told_again_are_older_than_any_list() {
    let mut desk = Desk::new(None, true);
    desk.lookout(true);
    desk.stream();
    desk.say(r#"{"type":"replay.opened","properties":{"continuity":"lost"}}"#);
    desk.answer("/path", r#"{"directory":"/project"}"#);
    desk.say(r#"{"directory":"/project","payload":{"type":"session.updated","properties":{"info":{"id":"ses_1","title":"Old"}}}}"#);
    assert_eq!(desk.kinds(), []);
    desk.say(r#"{"type":"replay.live","properties":{}}"#);
    desk.say(r#"{"directory":"/project","payload":{"type":"session.updated","properties":{"info":{"id":"ses_1","title":"New"}}}}"#);
    assert_eq!(desk.kinds(), [Heard::Again, Heard::Told]);
    desk.say(r#"{"type":"replay.hole","properties":{}}"#);
    assert_eq!(desk.kinds(), [Heard::Again]);
}

#[test]
fn a_list_is_asked_for_in_the_servers_own_name_of_the_directory() {
    let mut desk = Desk::new(Some("/link/"), false);
    desk.client.call(0, "GET", "/session?limit=5", None, 7);
    desk.client.call(0, "GET", "/agent", None, 8);
    desk.pump();
    assert_eq!(desk.asked("/path").unwrap().path, "/path?directory=%2Flink");
    assert_eq!(
        desk.asked("/agent").unwrap().path,
        "/agent?directory=%2Flink",
        "only lists wait"
    );
    assert!(desk.asked("/session").is_none());
    desk.answer("/path", r#"{"directory":"/real"}"#);
    desk.answer("/session?limit=5&directory=%2Freal", "[]");
    assert!(matches!(desk.replies[..], [(7, Ok(Reply::Body(_)))]));
    desk.client.call(0, "GET", "/session", None, 9);
    desk.pump();
    assert!(
        desk.asked("/session?directory=%2Freal").is_some(),
        "the name is asked for once"
    );
}

#[test]
fn a_list_does_not_wait_for_a_server_that_does_not_name_its_directory() {
    let mut desk = Desk::new(Some("/project"), false);
    desk.client.call(0, "GET", "/session", None, 7);
    desk.pump();
    let id = desk.asked("/path").unwrap().id;
    desk.input(Input::Failed {
        id,
        cause: Failure::Network,
    });
    desk.answer("/session?directory=%2Fproject", "[]");
    assert!(matches!(desk.replies[..], [(7, Ok(Reply::Body(_)))]));
}

#[test]
fn a_percent_is_written_twice_only_where_servers_would_decode_it_twice() {
    let named = |directory: &str| {
        let mut path = String::from("/path");
        directory_query(&mut path, directory);
        path
    };
    assert_eq!(named("/a b/ü"), "/path?directory=%2Fa%20b%2F%C3%BC");
    assert_eq!(named("/100% off"), "/path?directory=%2F100%25%20off");
    assert_eq!(named("/a%20b%"), "/path?directory=%2Fa%2520b%25");
    // Decoded once it is "%2Fa%2520b", decoded twice the name itself.
    assert_eq!(named("/a%20b"), "/path?directory=%252Fa%252520b");
}
