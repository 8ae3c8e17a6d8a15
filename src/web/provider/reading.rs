use std::cell::RefCell;
use std::rc::Rc;

use super::host::Sink;
use crate::proto::provider::answer::{AnswerError, AnswerStream, Finish, Piece, Usage};
use crate::proto::provider::family::Cleaner;

/// One answer while it comes: what is read goes on to the sink.
pub(super) struct Reading {
    stream: AnswerStream,
    /// Also of the call that started it, which may try again with it.
    sink: Rc<Sink>,
    /// That each choice begins with, where the answer fills a hole.
    cleaner: Option<Cleaner>,
    choices: usize,
    cleaners: Vec<(u32, Cleaner)>,
    /// Bytes of text that came.
    pub(super) bytes: usize,
    /// When the first of the answer came, steady time.
    pub(super) first: Option<f64>,
    pub(super) usage: Option<Usage>,
    /// How it ended.
    pub(super) end: Option<Result<(), AnswerError>>,
    /// A hole is filled: the rest of the answer is of no use.
    pub(super) enough: bool,
}

impl Reading {
    pub(super) fn new(sink: Rc<Sink>, choices: u32, cleaner: Option<Cleaner>) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Reading {
            stream: AnswerStream::new(choices),
            sink,
            cleaner,
            choices: choices as usize,
            cleaners: Vec::new(),
            bytes: 0,
            first: None,
            usage: None,
            end: None,
            enough: false,
        }))
    }

    /// Whether more is wanted.
    pub(super) fn take(&mut self, bytes: &[u8], now: u64, passed: f64) -> bool {
        self.stream.handle_bytes(bytes, now);
        self.drain(passed);
        self.end.is_none() && !self.enough
    }

    /// The whole body of an answer that is no stream.
    pub(super) fn whole(&mut self, body: &[u8], now: u64, passed: f64) {
        self.stream.handle_whole(body, now);
        self.drain(passed);
    }

    /// There is no more.
    pub(super) fn over(&mut self, now: u64, passed: f64) {
        self.stream.handle_end(now);
        self.drain(passed);
    }

    pub(super) fn timeout(&mut self, now: u64, passed: f64) {
        self.stream.handle_timeout(now);
        self.drain(passed);
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.stream.poll_timeout()
    }

    /// Whether something of the answer was handed out.
    pub(super) fn has_produced(&self) -> bool {
        self.stream.has_produced()
    }

    fn drain(&mut self, passed: f64) {
        while let Some(piece) = self.stream.poll_output() {
            if self.first.is_none() && !matches!(piece, Piece::Model(_) | Piece::Usage(_) | Piece::Failed(_)) {
                self.first = Some(passed);
            }
            match piece {
                Piece::Model(name) => self.sink.model(&name),
                Piece::Text { choice, text } => self.text(choice, &text),
                Piece::Logprobs { choice, json } => self.sink.logprobs(choice, &json),
                Piece::Reasoning { choice, text } => {
                    self.bytes += text.len();
                    self.sink.reasoning(choice, &text);
                }
                Piece::ToolCall {
                    choice,
                    index,
                    id,
                    name,
                    arguments,
                } => {
                    self.bytes += name.len() + arguments.len();
                    self.sink.tool(choice, index, &id, &name, &arguments);
                }
                Piece::Finish { choice, reason } => {
                    self.rest(choice);
                    self.sink.finish(choice, word(&reason));
                }
                Piece::Usage(usage) => self.usage = Some(usage),
                Piece::Done => {
                    for choice in (0..self.cleaners.len())
                        .map(|at| self.cleaners[at].0)
                        .collect::<Vec<_>>()
                    {
                        self.rest(choice);
                    }
                    self.end = Some(Ok(()));
                }
                Piece::Failed(error) => self.end = Some(Err(error)),
            }
        }
    }

    fn text(&mut self, choice: u32, text: &str) {
        self.bytes += text.len();
        let Some(fresh) = &self.cleaner else {
            return self.sink.text(choice, text);
        };
        let at = self.cleaners.iter().position(|(known, _)| *known == choice);
        let at = at.unwrap_or_else(|| {
            self.cleaners.push((choice, fresh.clone()));
            self.cleaners.len() - 1
        });
        let clean = self.cleaners[at].1.handle_text(text);
        self.enough = self.cleaners.len() >= self.choices && self.cleaners.iter().all(|(_, cleaner)| cleaner.is_over());
        if !clean.is_empty() {
            self.sink.text(choice, &clean);
        }
    }

    /// What a cleaner held back.
    fn rest(&mut self, choice: u32) {
        if let Some((_, cleaner)) = self.cleaners.iter_mut().find(|(known, _)| *known == choice) {
            let text = cleaner.handle_end();
            if !text.is_empty() {
                self.sink.text(choice, &text);
            }
        }
    }
}

fn word(reason: &Finish) -> &str {
    match reason {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
        Finish::Other(word) => word,
    }
}
