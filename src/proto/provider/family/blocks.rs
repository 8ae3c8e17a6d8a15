/// A fenced block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The language that it names; may be empty.
    pub language: String,
    /// The code, without its last line break.
    pub code: String,
    /// Its end is there.
    pub closed: bool,
}

/// The fenced blocks of a text, also a last one without an end. A fence is closed by one of its own kind that is as long.
///
/// ```
/// use opencode_session::proto::provider::family::code_blocks;
/// let blocks = code_blocks("So:\n```rust\nfn main() {}\n```\n");
/// assert_eq!((blocks[0].language.as_str(), blocks[0].code.as_str()), ("rust", "fn main() {}"));
/// ```
pub fn code_blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, Block)> = None;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        let fence = fence(bare);
        match (&mut open, fence) {
            (None, Some((fence, info))) => {
                let language = info.split_ascii_whitespace().next().unwrap_or_default().to_owned();
                let block = Block {
                    language,
                    code: String::new(),
                    closed: false,
                };
                open = Some((fence, block));
            }
            (None, None) => {}
            (Some((begin, block)), Some((end, info))) if end.starts_with(*begin) && info.is_empty() => {
                block.closed = true;
                let code = block.code.strip_suffix('\n').unwrap_or(&block.code);
                block.code = code.strip_suffix('\r').unwrap_or(code).to_owned();
                blocks.extend(open.take().map(|(_, block)| block));
            }
            (Some((_, block)), _) => block.code.push_str(line),
        }
    }
    blocks.extend(open.map(|(_, block)| block));
    blocks
}

/// What of a message is the prompt of a plain completion: its first block of code, or all of it.
pub fn prompt_of(text: &str) -> String {
    let first = code_blocks(text).into_iter().next();
    first.map_or_else(|| text.to_owned(), |block| block.code)
}

/// The fence that a line is, and what stands behind it.
fn fence(line: &str) -> Option<(&str, &str)> {
    let indented = line.len() - line.trim_start_matches(' ').len();
    let line = line.get(indented..).filter(|_| indented < 4)?;
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    let info = line[length..].trim_ascii();
    (length >= 3 && !(mark == '`' && info.contains('`'))).then(|| (&line[..length], info))
}
