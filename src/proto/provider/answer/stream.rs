use std::collections::VecDeque;

use super::chunk::{Chunk, Delta};
use super::error::{AnswerCode, AnswerError};
use super::usage::Usage;
use crate::proto::json::{Str, Unescape, utf8};
use crate::proto::sse::{Decoder, Item, Notice, SseLimits};

/// What comes out of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// The model that answers, once.
    Model(String),
    /// More text or content.
    Text {
        /// Of which choice.
        choice: u32,
        /// The text.
        text: String,
    },
    /// Log probabilities of the tokens of the next piece of this choice, raw JSON as the server has it.
    Logprobs {
        /// Of which choice.
        choice: u32,
        /// The JSON.
        json: String,
    },
    /// More of what the model thinks.
    Reasoning {
        /// Of which choice.
        choice: u32,
        /// The text.
        text: String,
    },
    /// More of a tool call.
    ToolCall {
        /// Of which choice.
        choice: u32,
        /// Which call.
        index: u32,
        /// Its id, in its first piece.
        id: String,
        /// The tool's name, in its first piece.
        name: String,
        /// More of the arguments' JSON.
        arguments: String,
    },
    /// A choice is whole.
    Finish {
        /// Which one.
        choice: u32,
        /// Why.
        reason: Finish,
    },
    /// What was used, once, before `Done`.
    Usage(Usage),
    /// The answer is over and whole. Nothing comes after it.
    Done,
    /// The answer is over and not whole. Nothing comes after it.
    Failed(AnswerError),
}

/// Why a choice ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// The model was ready, or came to a stop string.
    Stop,
    /// The limit of tokens.
    Length,
    /// Tools are to be called.
    ToolCalls,
    /// A filter.
    ContentFilter,
    /// The server's own word.
    Other(String),
}

/// Reads one answer, streamed or whole. Give it what comes, take pieces until there is none.
///
/// ```
/// use opencode_session::proto::provider::answer::{AnswerStream, Piece};
/// let mut answer = AnswerStream::new(1);
/// answer.handle_bytes(b"data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n", 0);
/// assert_eq!(answer.poll_output(), Some(Piece::Text { choice: 0, text: "Hi".into() }));
/// answer.handle_bytes(b"data: [DONE]\n\n", 0);
/// answer.handle_end(0);
/// assert_eq!(answer.poll_output(), Some(Piece::Done));
/// ```
pub struct AnswerStream {
    decoder: Decoder,
    wanted: u32,
    choices: Vec<(u32, Choice)>,
    pieces: VecDeque<Piece>,
    usage: Option<Usage>,
    cost: Option<f64>,
    told_model: bool,
    bytes: usize,
    marked: bool,
    over_at: Option<u64>,
    over: bool,
}

#[derive(Debug, Default)]
struct Choice {
    text: Unescape,
    reasoning: Unescape,
    tools: Vec<(u32, Unescape)>,
    finished: bool,
}

/// Largest answer, bytes of its stream.
pub const MAX_ANSWER: usize = 64 << 20;
/// Most choices of an answer, and most calls of a choice.
pub const MAX_CHOICES: usize = 128;
/// After `[DONE]` so long is waited for what some servers send behind it, milliseconds.
pub const LINGER: u64 = 1_000;
/// After the last finish so long is waited for usage, `[DONE]` and the end, milliseconds.
pub const LINGER_FINISHED: u64 = 5_000;
/// Longest frame, bytes.
const MAX_FRAME: usize = 16 << 20;

impl AnswerStream {
    /// For an answer of so many choices (`n`).
    pub fn new(choices: u32) -> Self {
        AnswerStream {
            decoder: Decoder::new(SseLimits {
                line: MAX_FRAME,
                event: MAX_FRAME,
            }),
            wanted: choices.max(1),
            choices: Vec::new(),
            pieces: VecDeque::new(),
            usage: None,
            cost: None,
            told_model: false,
            bytes: 0,
            marked: false,
            over_at: None,
            over: false,
        }
    }

    /// Bytes of an event stream.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: u64) {
        if self.over {
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > MAX_ANSWER {
            return self.fail(AnswerError::new(AnswerCode::TooLarge, "The answer is over its limit."));
        }
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::new(SseLimits::default()));
        decoder.feed(bytes, &mut |item| match item {
            Item::Frame(frame) => self.frame(frame.event, frame.data, now),
            Item::Notice(Notice::TooLarge) => {
                self.fail(AnswerError::new(AnswerCode::TooLarge, "A frame is over its limit."));
            }
            Item::Notice(Notice::Retry(_)) => {}
        });
        self.decoder = decoder;
    }

    /// The body of an answer that is no stream.
    pub fn handle_whole(&mut self, body: &[u8], now: u64) {
        if self.over {
            return;
        }
        match Chunk::read(body) {
            Ok(chunk) if chunk.is_answer || chunk.error.is_some() => {
                self.marked = true;
                self.chunk(&chunk, body, now);
                self.handle_end(now);
            }
            _ => self.fail(invalid(body)),
        }
    }

    /// The stream ended, of itself or not: only what it said tells whether the answer is whole.
    pub fn handle_end(&mut self, now: u64) {
        if self.over {
            return;
        }
        // The last frame may lack its blank line.
        self.handle_bytes(b"\n\n", now);
        if self.over {
            return;
        }
        if self.marked || self.is_finished() {
            self.done();
        } else {
            self.fail(AnswerError::new(
                AnswerCode::Cut,
                "The stream ended before the answer did: no finish_reason and no [DONE] came.",
            ));
        }
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: u64) {
        if !self.over && self.over_at.is_some_and(|at| at <= now) {
            self.done();
        }
    }

    /// When to call `handle_timeout`: the answer is whole, and the server does not close the stream.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.over_at.filter(|_| !self.over)
    }

    /// The next piece.
    pub fn poll_output(&mut self) -> Option<Piece> {
        self.pieces.pop_front()
    }

    /// Whether something of the answer itself came: then the request is not repeated.
    pub fn has_produced(&self) -> bool {
        !self.choices.is_empty()
    }

    /// Whether `Done` or `Failed` was said.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn frame(&mut self, event: &[u8], data: &[u8], now: u64) {
        let data = data.trim_ascii();
        if self.over || data.is_empty() {
            return;
        }
        if data == b"[DONE]" {
            self.marked = true;
            self.over_at = Some(now.saturating_add(LINGER));
            return;
        }
        if event == b"error" {
            return self.fail(AnswerError::read(200, data));
        }
        match Chunk::read(data) {
            Ok(chunk) => self.chunk(&chunk, data, now),
            // Behind the mark nothing of the answer is lost.
            Err(_) if self.marked => {}
            Err(_) => self.fail(invalid(data)),
        }
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, json: &[u8], now: u64) {
        self.usage = chunk.usage.or(self.usage);
        self.cost = chunk.cost.or(self.cost);
        if chunk.error.is_some() {
            return self.fail(AnswerError::read(200, json));
        }
        if let Some(model) = chunk.model.filter(|model| !self.told_model && !model.is_empty()) {
            self.told_model = true;
            self.pieces.push_back(Piece::Model(model.to_text()));
        }
        for delta in &chunk.choices {
            if self.over {
                return;
            }
            self.delta(delta);
        }
        if !self.marked && self.is_finished() {
            self.over_at = Some(now.saturating_add(LINGER_FINISHED));
        }
    }

    fn delta(&mut self, delta: &Delta<'_>) {
        let says_nothing = delta.text.iter().chain(&delta.reasoning).all(|text| text.is_empty())
            && delta.tools.is_empty()
            && delta.logprobs.is_none()
            && delta.finish.is_none();
        if says_nothing {
            return;
        }
        let full = self.choices.len() >= MAX_CHOICES && !has(&self.choices, delta.index);
        let choice = entry(&mut self.choices, delta.index);
        let new_tools = delta.tools.iter().filter(|tool| !has(&choice.tools, tool.index));
        if full || choice.tools.len() + new_tools.count() > MAX_CHOICES {
            return self.fail(AnswerError::new(
                AnswerCode::TooLarge,
                "The answer has more choices or calls than it may.",
            ));
        }
        let index = delta.index;
        if let Some(told) = delta.logprobs {
            let json = utf8(told);
            self.pieces.push_back(Piece::Logprobs { choice: index, json });
        }
        if let Some(text) = join(&mut choice.reasoning, &delta.reasoning) {
            self.pieces.push_back(Piece::Reasoning { choice: index, text });
        }
        if let Some(text) = join(&mut choice.text, &delta.text) {
            self.pieces.push_back(Piece::Text { choice: index, text });
        }
        for tool in &delta.tools {
            let plain = |text: Option<Str<'_>>| text.map(|text| text.to_text()).unwrap_or_default();
            let half = entry(&mut choice.tools, tool.index);
            self.pieces.push_back(Piece::ToolCall {
                choice: index,
                index: tool.index,
                id: plain(tool.id),
                name: plain(tool.name),
                arguments: join(half, tool.arguments.as_slice()).unwrap_or_default(),
            });
        }
        let Some(reason) = delta.finish.filter(|_| !choice.finished) else {
            return;
        };
        choice.finished = true;
        let mut end = String::new();
        choice.text.finish(&mut end);
        if !end.is_empty() {
            self.pieces.push_back(Piece::Text {
                choice: index,
                text: end,
            });
        }
        let reason = match reason.to_text().as_str() {
            "stop" | "eos" | "end_turn" | "STOP" => Finish::Stop,
            "length" | "max_tokens" | "MAX_TOKENS" => Finish::Length,
            "tool_calls" | "function_call" | "tool_use" => Finish::ToolCalls,
            "content_filter" | "SAFETY" => Finish::ContentFilter,
            "error" => {
                return self.fail(AnswerError::new(
                    AnswerCode::ServerError,
                    "The server ended the answer with an error.",
                ));
            }
            other => Finish::Other(other.to_owned()),
        };
        self.pieces.push_back(Piece::Finish { choice: index, reason });
    }

    fn is_finished(&self) -> bool {
        self.choices.len() >= self.wanted as usize && self.choices.iter().all(|(_, choice)| choice.finished)
    }

    fn done(&mut self) {
        self.tell_usage();
        self.over = true;
        self.pieces.push_back(Piece::Done);
    }

    fn fail(&mut self, error: AnswerError) {
        if !self.over {
            self.tell_usage();
            self.over = true;
            self.pieces.push_back(Piece::Failed(error));
        }
    }

    fn tell_usage(&mut self) {
        let usage = match (self.usage, self.cost) {
            (Some(usage), cost) => Usage {
                cost: cost.or(usage.cost),
                ..usage
            },
            (None, Some(_)) => Usage {
                cost: self.cost,
                estimated: true,
                ..Usage::default()
            },
            (None, None) => return,
        };
        self.pieces.push_back(Piece::Usage(usage));
    }
}

fn has<T>(all: &[(u32, T)], index: u32) -> bool {
    all.iter().any(|(known, _)| *known == index)
}

fn entry<T: Default>(all: &mut Vec<(u32, T)>, index: u32) -> &mut T {
    let at = all.iter().position(|(known, _)| *known == index).unwrap_or_else(|| {
        all.push((index, T::default()));
        all.len() - 1
    });
    &mut all[at].1
}

/// None: nothing new.
fn join(half: &mut Unescape, texts: &[Str<'_>]) -> Option<String> {
    let mut out = String::new();
    for text in texts {
        half.push(*text, &mut out);
    }
    (!out.is_empty()).then_some(out)
}

fn invalid(data: &[u8]) -> AnswerError {
    let shown = utf8(&data[..data.len().min(200)]);
    AnswerError::new(
        AnswerCode::InvalidResponse,
        &["The answer is not the JSON that was expected: ", &shown].concat(),
    )
}
