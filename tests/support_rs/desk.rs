//! A keeper with a clock that stands still.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)] // each test file uses its own share

use opencode_session::proto::client::Failure;
use opencode_session::proto::keeper::{Config, Ending, Input, Keeper, Output};
use opencode_session::proto::request::Response;

pub(crate) const CONNECTED: &str = "data: {\"type\":\"server.connected\",\"properties\":{}}\n\n";
pub(crate) const OPEN: &str = "data: {\"type\":\"message.part.updated\",\"properties\":{\"part\":{\"id\":\"p\",\"messageID\":\"m\",\"sessionID\":\"s\",\"type\":\"text\",\"text\":\"\",\"time\":{\"start\":1}}}}\n\n";
pub(crate) const IDLE: &str = "data: {\"type\":\"session.idle\",\"properties\":{\"sessionID\":\"s\"}}\n\n";

pub(crate) fn delta(text: &str) -> String {
    format!(
        "data: {{\"type\":\"message.part.delta\",\"properties\":{{\"sessionID\":\"s\",\"messageID\":\"m\",\"partID\":\"p\",\"field\":\"text\",\"delta\":\"{text}\"}}}}\n\n"
    )
}

pub(crate) const STREAM: Response<'_> = Response {
    status: 200,
    content_type: "text/event-stream",
    cursor: "",
    retry_after: "",
    body: &[],
};

/// A keeper with its clock.
pub(crate) struct Desk {
    pub(crate) keeper: Keeper,
    pub(crate) now: u64,
    pub(crate) generation: u32,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Desk {
            keeper: Keeper::new(Config::new(7)),
            now: 1_000,
            generation: 0,
        }
    }

    pub(crate) fn input(&mut self, input: Input<'_>) -> Vec<Output> {
        self.keeper.handle_input(input, self.now);
        let outputs: Vec<Output> = std::iter::from_fn(|| self.keeper.poll_output()).collect();
        for output in &outputs {
            if let Output::OpenStream { generation } = output {
                self.generation = *generation;
            }
        }
        outputs
    }

    pub(crate) fn attach(&mut self, reader: u32) -> Vec<Output> {
        self.input(Input::Attach { reader, position: None })
    }

    pub(crate) fn bytes(&mut self, bytes: &str) -> Vec<Output> {
        let generation = self.generation;
        self.input(Input::StreamBytes {
            generation,
            bytes: bytes.as_bytes(),
        })
    }

    pub(crate) fn opened(&mut self, response: Response<'_>) -> Vec<Output> {
        let generation = self.generation;
        self.input(Input::StreamOpened { generation, response })
    }

    pub(crate) fn closed(&mut self, cause: Option<Failure>) -> Vec<Output> {
        let generation = self.generation;
        self.input(Input::StreamClosed { generation, cause })
    }

    /// Connected, with one reader.
    pub(crate) fn live() -> Self {
        let mut desk = Desk::new();
        desk.attach(1);
        desk.opened(STREAM);
        desk.bytes(CONNECTED);
        desk
    }

    /// Lets the next deadline pass.
    pub(crate) fn wait(&mut self) -> Vec<Output> {
        self.now = self.now.max(self.keeper.poll_timeout().unwrap());
        self.input(Input::Timeout)
    }
}

pub(crate) fn sent(outputs: &[Output], reader: u32) -> String {
    let bytes = outputs.iter().filter_map(|output| match output {
        Output::Send { reader: to, bytes } if *to == reader => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    });
    bytes.collect()
}

pub(crate) fn ends(outputs: &[Output]) -> Vec<(u32, Ending)> {
    let end = |output: &Output| match output {
        Output::End { reader, ending } => Some((*reader, ending.clone())),
        _ => None,
    };
    outputs.iter().filter_map(end).collect()
}

pub(crate) fn opens(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::OpenStream { .. }))
}
