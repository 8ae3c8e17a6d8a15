use super::usage::{Usage, money};
use crate::proto::json::{Bad, Cursor, Str};

/// One chunk of a streamed answer, or a whole one: they differ in the name of one field.
#[derive(Debug, Default)]
pub struct Chunk<'a> {
    /// The model that answers.
    pub model: Option<Str<'a>>,
    /// What is new of each choice.
    pub choices: Vec<Delta<'a>>,
    /// What was used so far.
    pub usage: Option<Usage>,
    /// US dollars, where they stand beside `usage`.
    pub cost: Option<f64>,
    /// An error in place of an answer, as raw JSON.
    pub error: Option<&'a [u8]>,
    /// `choices` stands there, if only empty.
    pub is_answer: bool,
}

/// What is new of one choice.
#[derive(Debug, Default)]
pub struct Delta<'a> {
    /// Which one.
    pub index: u32,
    /// Text or content.
    pub text: Vec<Str<'a>>,
    /// What the model thinks.
    pub reasoning: Vec<Str<'a>>,
    /// Pieces of calls.
    pub tools: Vec<ToolDelta<'a>>,
    /// Log probabilities of the new tokens, as raw JSON.
    pub logprobs: Option<&'a [u8]>,
    /// Why it ended.
    pub finish: Option<Str<'a>>,
}

/// A piece of a tool call.
#[derive(Debug, Default)]
pub struct ToolDelta<'a> {
    /// Which call.
    pub index: u32,
    /// Its id, in its first piece.
    pub id: Option<Str<'a>>,
    /// The tool's name, in its first piece.
    pub name: Option<Str<'a>>,
    /// More of the arguments' JSON.
    pub arguments: Option<Str<'a>>,
}

impl<'a> Chunk<'a> {
    /// Reads one JSON object.
    pub fn read(json: &'a [u8]) -> Result<Chunk<'a>, Bad> {
        let mut chunk = Chunk::default();
        let mut cursor = Cursor::new(json);
        cursor.object(&mut |key, value| {
            if key.is("choices") && value.peek() == Some(b'[') {
                chunk.is_answer = true;
                let mut at = 0;
                return value.array(&mut |value| {
                    if value.peek() == Some(b'{') {
                        chunk.choices.push(Delta::read(value, at)?);
                    }
                    at += 1;
                    Ok(())
                });
            }
            if key.is("model") {
                chunk.model = value.maybe_string()?;
            } else if key.is("usage") {
                chunk.usage = Usage::read(value)?.or(chunk.usage);
            } else if key.is("x_groq") && value.peek() == Some(b'{') {
                return value.object(&mut |key, value| {
                    if key.is("usage") {
                        chunk.usage = Usage::read(value)?.or(chunk.usage);
                    }
                    Ok(())
                });
            } else if key.is("cost") {
                chunk.cost = money(value)?;
            } else if key.is("error") {
                chunk.error = Some(value.raw()?).filter(|error| *error != b"null");
            }
            Ok(())
        })?;
        cursor.end().map(|()| chunk)
    }
}

impl<'a> Delta<'a> {
    fn read(value: &mut Cursor<'a>, at: u32) -> Result<Self, Bad> {
        let mut delta = Delta {
            index: at,
            ..Delta::default()
        };
        value.object(&mut |key, value| {
            if key.is("index") {
                delta.index = small(value)?.unwrap_or(at);
            } else if key.is("text") {
                delta.text.extend(value.maybe_string()?);
            } else if key.is("logprobs") {
                delta.logprobs = Some(value.raw()?).filter(|told| *told != b"null");
            } else if key.is("finish_reason") || key.is("finishReason") {
                delta.finish = value.maybe_string()?.filter(|reason| !reason.is_empty());
            } else if (key.is("delta") || key.is("message")) && value.peek() == Some(b'{') {
                return delta.message(value);
            }
            Ok(())
        })?;
        Ok(delta)
    }

    fn message(&mut self, value: &mut Cursor<'a>) -> Result<(), Bad> {
        value.object(&mut |key, value| {
            if key.is("content") || key.is("refusal") {
                self.content(value)
            } else if key.is("reasoning_content") || key.is("reasoning") || key.is("thinking") {
                // Some servers send the same under two names.
                let thought = value.maybe_string()?;
                if self.reasoning.is_empty() {
                    self.reasoning.extend(thought);
                }
                Ok(())
            } else if key.is("tool_calls") && value.peek() == Some(b'[') {
                let mut at = 0;
                value.array(&mut |value| {
                    if value.peek() == Some(b'{') {
                        self.tools.push(ToolDelta::read(value, at)?);
                    }
                    at += 1;
                    Ok(())
                })
            } else if key.is("function_call") && value.peek() == Some(b'{') {
                let mut tool = ToolDelta::default();
                tool.function(value)?;
                self.tools.push(tool);
                Ok(())
            } else {
                Ok(())
            }
        })
    }

    /// A string, or a list of parts: `[{"type":"text","text":…},{"type":"thinking","thinking":[…]}]`.
    fn content(&mut self, value: &mut Cursor<'a>) -> Result<(), Bad> {
        if value.peek() != Some(b'[') {
            self.text.extend(value.maybe_string()?);
            return Ok(());
        }
        value.array(&mut |part| {
            if part.peek() != Some(b'{') {
                return Ok(());
            }
            part.object(&mut |key, value| {
                if key.is("text") {
                    self.text.extend(value.maybe_string()?);
                } else if key.is("thinking") && value.peek() == Some(b'[') {
                    return value.array(&mut |thought| {
                        if thought.peek() != Some(b'{') {
                            return Ok(());
                        }
                        thought.object(&mut |key, value| {
                            if key.is("text") {
                                self.reasoning.extend(value.maybe_string()?);
                            }
                            Ok(())
                        })
                    });
                }
                Ok(())
            })
        })
    }
}

impl<'a> ToolDelta<'a> {
    fn read(value: &mut Cursor<'a>, at: u32) -> Result<Self, Bad> {
        let mut tool = ToolDelta {
            index: at,
            ..ToolDelta::default()
        };
        value.object(&mut |key, value| {
            if key.is("index") {
                tool.index = small(value)?.unwrap_or(at);
            } else if key.is("id") {
                tool.id = value.maybe_string()?;
            } else if key.is("function") && value.peek() == Some(b'{') {
                return tool.function(value);
            }
            Ok(())
        })?;
        Ok(tool)
    }

    fn function(&mut self, value: &mut Cursor<'a>) -> Result<(), Bad> {
        value.object(&mut |key, value| {
            if key.is("name") {
                self.name = value.maybe_string()?;
            } else if key.is("arguments") {
                self.arguments = value.maybe_string()?;
            }
            Ok(())
        })
    }
}

fn small(value: &mut Cursor<'_>) -> Result<Option<u32>, Bad> {
    Ok(value.maybe_integer()?.and_then(|number| u32::try_from(number).ok()))
}
