use crate::proto::json::{Bad, Cursor, Str};

/// What the store needs to know of a part; the rest stays raw.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartHead<'a> {
    /// `id`.
    pub id: Str<'a>,
    /// `messageID`.
    pub message: Str<'a>,
    /// `sessionID`.
    pub session: Str<'a>,
    /// `type`, as far as merging cares.
    pub kind: PartKind,
    /// `text`, of text and reasoning parts.
    pub text: Option<Str<'a>>,
    /// How final the part is: 0 open or pending, 1 running, 2 ended. Merging never goes down.
    pub rank: u8,
}

/// Kinds of parts that merge differently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartKind {
    /// `text` and `reasoning`: grows by deltas.
    Text,
    /// `tool`: replaced whole at each step.
    Tool,
    /// All others: said once.
    #[default]
    Other,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// A person, or a client in their name.
    User,
    /// The model.
    #[default]
    Assistant,
}

/// What the store needs to know of a message.
#[derive(Debug, Clone, Copy, Default)]
pub struct MessageHead<'a> {
    /// `id`.
    pub id: Str<'a>,
    /// `sessionID`.
    pub session: Str<'a>,
    /// `parentID`: the user message this one answers.
    pub parent: Option<Str<'a>>,
    /// `role`.
    pub role: Role,
    /// `time.created`, milliseconds since 1970.
    pub created: i64,
    /// Whether the message is over: `time.completed` or `error` is set.
    pub completed: bool,
    /// `error` as raw JSON.
    pub error: Option<&'a [u8]>,
}

/// Reads the head of a part.
pub fn part_head<'a>(cursor: &mut Cursor<'a>) -> Result<PartHead<'a>, Bad> {
    let mut head = PartHead::default();
    let (mut started, mut ended, mut status) = (false, false, Some(2));
    cursor.object(&mut |key, value| {
        if key.is("id") {
            head.id = value.maybe_string()?.unwrap_or_default();
        } else if key.is("messageID") {
            head.message = value.maybe_string()?.unwrap_or_default();
        } else if key.is("sessionID") {
            head.session = value.maybe_string()?.unwrap_or_default();
        } else if key.is("type") {
            head.kind = kind(value.maybe_string()?.unwrap_or_default());
        } else if key.is("text") {
            head.text = value.maybe_string()?;
        } else if key.is("time") && value.peek() == Some(b'{') {
            value.object(&mut |key, value| {
                started |= key.is("start");
                ended |= key.is("end") && value.peek() != Some(b'n');
                Ok(())
            })?;
        } else if key.is("state") && value.peek() == Some(b'{') {
            value.object(&mut |key, value| {
                if key.is("status") {
                    status = tool_rank(value.maybe_string()?.unwrap_or_default());
                } else if key.is("time") && value.peek() == Some(b'{') {
                    value.object(&mut |key, value| {
                        ended |= key.is("end") && value.peek() != Some(b'n');
                        Ok(())
                    })?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    head.rank = match head.kind {
        PartKind::Text if started && !ended => 0,
        PartKind::Tool => status.unwrap_or(1 + u8::from(ended)),
        _ => 2,
    };
    Ok(head)
}

/// Reads the head of a message's `info`.
pub fn message_head<'a>(cursor: &mut Cursor<'a>) -> Result<MessageHead<'a>, Bad> {
    let mut head = MessageHead::default();
    cursor.object(&mut |key, value| {
        if key.is("id") {
            head.id = value.maybe_string()?.unwrap_or_default();
        } else if key.is("sessionID") {
            head.session = value.maybe_string()?.unwrap_or_default();
        } else if key.is("parentID") {
            head.parent = value.maybe_string()?;
        } else if key.is("role") {
            let user = value.maybe_string()?.is_some_and(|role| role.is("user"));
            head.role = if user { Role::User } else { Role::Assistant };
        } else if key.is("error") && value.peek() == Some(b'{') {
            head.error = Some(value.raw()?);
            head.completed = true;
        } else if key.is("time") && value.peek() == Some(b'{') {
            value.object(&mut |key, value| {
                if key.is("created") {
                    head.created = value.maybe_integer()?.unwrap_or_default();
                } else if key.is("completed") {
                    head.completed |= value.maybe_integer()?.is_some();
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(head)
}

fn kind(name: Str<'_>) -> PartKind {
    if name.is("text") || name.is("reasoning") {
        PartKind::Text
    } else if name.is("tool") {
        PartKind::Tool
    } else {
        PartKind::Other
    }
}

/// `None` for a name that is not known: it runs until it says when it ended.
fn tool_rank(status: Str<'_>) -> Option<u8> {
    let known = [("pending", 0), ("running", 1), ("completed", 2), ("error", 2)];
    known.iter().find(|(name, _)| status.is(name)).map(|(_, rank)| *rank)
}
