use super::clean::Cleaner;
use super::table::{Family, Order, Tokens};

/// What is to be filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FimRequest {
    /// The text before the hole.
    pub prefix: String,
    /// The text behind it.
    pub suffix: String,
    /// Path of the file; empty: not told.
    pub path: String,
    /// Name of the repository; empty: not told.
    pub repo: String,
    /// Other files that help.
    pub files: Vec<NearbyFile>,
    /// The host takes `suffix` itself. Most ignore it silently.
    pub native: bool,
}

/// Another file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NearbyFile {
    /// Its path.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fim {
    /// `prompt`, or the content of a chat turn.
    pub prompt: String,
    /// `suffix`, for a host that takes it.
    pub suffix: Option<String>,
    /// `stop`.
    pub stops: Vec<String>,
    /// It goes to `/chat/completions`, as one turn.
    pub turn: bool,
}

/// Why there is no prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FimError {
    /// The family does not fill in the middle.
    Unsupported,
    /// Prefix, suffix and files are more than may be.
    TooLarge,
}

impl FimError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            FimError::Unsupported => "fim_unsupported",
            FimError::TooLarge => "too_large",
        }
    }
}

/// Largest prompt, bytes: no context holds more.
const MAX_PROMPT: usize = 8 << 20;

impl Family {
    /// The prompt of a hole.
    pub fn fim(&self, request: &FimRequest) -> Result<Fim, FimError> {
        let none = Tokens::default();
        let tokens = match &self.fim {
            Some(tokens) => tokens,
            // The host knows how.
            None if request.native => &none,
            None => return Err(FimError::Unsupported),
        };
        let files = request.files.iter().map(|file| file.path.len() + file.text.len());
        if files.sum::<usize>() + request.prefix.len() + request.suffix.len() > MAX_PROMPT {
            return Err(FimError::TooLarge);
        }
        // A carriage return behind a token breaks some families.
        let (prefix, suffix) = (lines(&request.prefix), lines(&request.suffix));
        let mut stops = self.stops.clone();
        for token in [&tokens.prefix, &tokens.suffix, &tokens.middle] {
            let token = token.trim_ascii();
            if !token.is_empty() && !stops.iter().any(|stop| stop == token) {
                stops.push(token.to_owned());
            }
        }
        let mut before = String::new();
        if !tokens.repo.is_empty() && !request.repo.is_empty() {
            before.extend([&tokens.repo, request.repo.as_str(), "\n"]);
        }
        for file in &request.files {
            if !tokens.file.is_empty() {
                before.extend([&tokens.file, file.path.as_str(), "\n"]);
            }
            before.extend([lines(&file.text).as_str(), "\n"]);
        }
        if !tokens.file.is_empty() && !request.path.is_empty() {
            before.extend([&tokens.file, request.path.as_str(), "\n"]);
        }
        // Without a token for files they are more of the text before the hole.
        let (before, prefix) = if tokens.file.is_empty() || request.native {
            (String::new(), before + &prefix)
        } else {
            (before, prefix)
        };
        if request.native {
            return Ok(Fim {
                prompt: prefix,
                suffix: Some(suffix),
                stops: self.stops.clone(),
                turn: false,
            });
        }
        let parts = match tokens.order {
            Order::Psm => [&tokens.prefix, &prefix, &tokens.suffix, &suffix],
            Order::Spm => [&tokens.suffix, &suffix, &tokens.prefix, &prefix],
        };
        Ok(Fim {
            prompt: before + &parts.map(String::as_str).concat() + &tokens.middle,
            suffix: None,
            stops,
            turn: tokens.turn,
        })
    }

    /// Takes out of an answer what is no answer: leaked tokens, and the suffix told again.
    pub fn cleaner(&self, suffix: &str) -> Cleaner {
        let trimmed = |token: &String| Some(token.trim_ascii().to_owned()).filter(|token| !token.is_empty());
        let (mut noise, mut tokens) = (Vec::new(), Vec::new());
        if let Some(fim) = &self.fim {
            noise.extend([&fim.prefix, &fim.suffix, &fim.middle].into_iter().filter_map(trimmed));
            tokens.extend([&fim.file, &fim.repo].into_iter().filter_map(trimmed));
        }
        tokens.extend(noise.iter().cloned().chain(self.stops.iter().filter_map(trimmed)));
        Cleaner::new(noise, tokens, lines(suffix))
    }
}

fn lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for (at, piece) in text.split('\r').enumerate() {
        // Before it was a carriage return, alone or with a line feed.
        if at > 0 && !piece.starts_with('\n') {
            lines.push('\n');
        }
        lines.push_str(piece);
    }
    lines
}
