use crate::proto::bytes::find;
use crate::proto::json::{Bad, Cursor, number, utf8};

/// Where the suffix stands in a prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Prefix, suffix, middle.
    #[default]
    Psm,
    /// Suffix, prefix, middle.
    Spm,
}

/// The words between which a model fills in, blanks as they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Their order.
    pub order: Order,
    /// Before the prefix.
    pub prefix: String,
    /// Before the suffix.
    pub suffix: String,
    /// Where the answer goes.
    pub middle: String,
    /// Before another file's path; empty: it has none.
    pub file: String,
    /// Before the repository's name; empty: it has none.
    pub repo: String,
    /// The prompt is the content of a chat turn.
    pub turn: bool,
}

/// One family of models.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Family {
    /// Its name here.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// It is this family when all words of one of these stand in a model's id, letters and digits alone.
    pub matches: Vec<String>,
    /// Tokens of prompt and answer.
    pub context: Option<u64>,
    /// How it fills in the middle; None: it does not.
    pub fim: Option<Tokens>,
    /// Where it has to be stopped.
    pub stops: Vec<String>,
    /// The name of its chat template; empty: it takes no chats.
    pub template: String,
    /// Its licence.
    pub licence: String,
    /// Parameters in billions.
    pub sizes: String,
    /// What its makers advise.
    pub defaults: Vec<(String, f64)>,
    /// Parameters that it takes beside the usual ones.
    pub parameters: Vec<String>,
    /// Where this is written.
    pub source: String,
}

/// Why families cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FamilyError {
    /// No JSON list of objects.
    InvalidJson,
    /// One lacks a field.
    Missing {
        /// Its place in the list.
        at: usize,
        /// The field.
        field: &'static str,
    },
    /// There are more than may be.
    TooMany,
}

impl FamilyError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            FamilyError::InvalidJson => "invalid_json",
            FamilyError::Missing { .. } => "missing_field",
            FamilyError::TooMany => "too_many",
        }
    }
}

/// Families of one's own, at most.
const MAX_CUSTOM: usize = 256;
/// Whether what only people read is kept: the wasm has no use for it.
const TOLD: bool = !cfg!(target_arch = "wasm32");
/// The wasm has the same table without that (`families.wasm.json`, compared by `tests/provider_family.rs`).
const BUILT_IN: &str = if TOLD {
    include_str!("families.json")
} else {
    include_str!("families.wasm.json")
};

/// All families, one's own first.
#[derive(Debug, Clone, PartialEq)]
pub struct Families {
    all: Vec<Family>,
}

impl Default for Families {
    fn default() -> Self {
        Families {
            all: read(BUILT_IN.as_bytes()).unwrap_or_default(),
        }
    }
}

impl Families {
    /// Puts families of one's own before the others: a JSON list in the form of `families.json`.
    pub fn with_custom(json: &[u8]) -> Result<Self, FamilyError> {
        let mut all = read(json)?;
        if all.len() > MAX_CUSTOM {
            return Err(FamilyError::TooMany);
        }
        all.extend(Families::default().all);
        Ok(Families { all })
    }

    /// The family of a model, by its id.
    ///
    /// ```
    /// use opencode_session::proto::provider::family::Families;
    /// assert_eq!(Families::default().of("Qwen/Qwen2.5-Coder-7B-Instruct").unwrap().id, "qwen2.5-coder");
    /// ```
    pub fn of(&self, model: &str) -> Option<&Family> {
        let model = plain(model);
        let is = |words: &String| words.split(' ').all(|word| has(&model, word));
        self.all.iter().find(|family| family.matches.iter().any(is))
    }

    /// All of them.
    pub fn all(&self) -> &[Family] {
        &self.all
    }
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || !letter.is_ascii())
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

/// A size does not begin in the middle of a number: `5b` is not in `15b`.
fn has(model: &str, word: &str) -> bool {
    let sized = word.starts_with(|letter: char| letter.is_ascii_digit());
    let mut from = 0;
    while let Some(at) = find(&model.as_bytes()[from..], word.as_bytes()) {
        let at = from + at;
        let before = model.as_bytes()[..at].last();
        if !sized || !before.is_some_and(u8::is_ascii_digit) {
            return true;
        }
        from = at + word.len();
    }
    false
}

fn read(json: &[u8]) -> Result<Vec<Family>, FamilyError> {
    let mut all = Vec::new();
    let mut cursor = Cursor::new(json);
    let read = cursor.array(&mut |item| {
        all.push(family(item)?);
        Ok(())
    });
    if read.and_then(|()| cursor.end()).is_err() {
        return Err(FamilyError::InvalidJson);
    }
    for (at, family) in all.iter().enumerate() {
        let missing = match family {
            _ if family.id.is_empty() => "id",
            _ if family.matches.iter().all(|words| plain(words).is_empty()) => "match",
            Family { fim: Some(tokens), .. } if tokens.prefix.is_empty() => "fim.prefix",
            Family { fim: Some(tokens), .. } if tokens.suffix.is_empty() => "fim.suffix",
            _ => continue,
        };
        return Err(FamilyError::Missing { at, field: missing });
    }
    Ok(all)
}

fn family(item: &mut Cursor<'_>) -> Result<Family, Bad> {
    let mut family = Family::default();
    item.object(&mut |key, value| {
        let name = key.to_text();
        match (name.as_str(), value.peek()) {
            ("context", _) => family.context = value.maybe_integer()?.and_then(|number| u64::try_from(number).ok()),
            ("fim", Some(b'{')) => family.fim = Some(tokens(value)?),
            ("match", Some(b'[')) => {
                let words = |text: String| text.split_ascii_whitespace().map(plain).collect::<Vec<_>>().join(" ");
                family.matches = texts(value)?
                    .into_iter()
                    .map(words)
                    .filter(|words| !words.is_empty())
                    .collect();
            }
            ("stops", Some(b'[')) => family.stops = texts(value)?,
            ("parameters", Some(b'[')) if TOLD => family.parameters = texts(value)?,
            ("defaults", Some(b'{')) if TOLD => {
                return value.object(&mut |key, value| {
                    let number = number(&utf8(value.raw()?));
                    family.defaults.extend(number.map(|number| (key.to_text(), number)));
                    Ok(())
                });
            }
            (_, Some(b'"')) => {
                let text = value.string()?.to_text();
                match name.as_str() {
                    "id" => family.id = text,
                    "name" if TOLD => family.name = text,
                    "template" if TOLD => family.template = text,
                    "licence" => family.licence = text,
                    "sizes" if TOLD => family.sizes = text,
                    "source" if TOLD => family.source = text,
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(family)
}

fn tokens(value: &mut Cursor<'_>) -> Result<Tokens, Bad> {
    let mut tokens = Tokens::default();
    value.object(&mut |key, value| {
        if key.is("turn") {
            tokens.turn = value.raw()? == b"true";
            return Ok(());
        }
        let Some(text) = value.maybe_string()? else {
            return Ok(());
        };
        let text = text.to_text();
        match key.to_text().as_str() {
            "order" if text == "spm" => tokens.order = Order::Spm,
            "prefix" => tokens.prefix = text,
            "suffix" => tokens.suffix = text,
            "middle" => tokens.middle = text,
            "file" => tokens.file = text,
            "repo" => tokens.repo = text,
            _ => {}
        }
        Ok(())
    })?;
    Ok(tokens)
}

fn texts(value: &mut Cursor<'_>) -> Result<Vec<String>, Bad> {
    let mut all = Vec::new();
    value.array(&mut |item| {
        all.extend(item.maybe_string()?.map(|text| text.to_text()));
        Ok(())
    })?;
    Ok(all)
}
