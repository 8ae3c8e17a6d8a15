use super::fields::{FIELDS, Field, Kind};
use crate::proto::json::{Bad, Cursor, field, is_whole, number, utf8};

/// Why a value cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The configuration is no JSON object.
    NoObject,
    /// It is not there.
    Missing,
    /// It is of another type.
    WrongType(&'static str),
    /// It is text without a letter.
    Empty,
    /// It is less than it may be.
    TooSmall(i64),
    /// It is more than it may be.
    TooLarge(i64),
    /// It is none of those that are known.
    Unknown(&'static [&'static str]),
    /// It is no address.
    NoUrl,
}

impl Reason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Reason::NoObject => "no_object",
            Reason::Missing => "missing",
            Reason::WrongType(_) => "wrong_type",
            Reason::Empty => "empty",
            Reason::TooSmall(_) => "too_small",
            Reason::TooLarge(_) => "too_large",
            Reason::Unknown(_) => "unknown_value",
            Reason::NoUrl => "no_url",
        }
    }
}

impl Reason {
    /// For people: what stands behind the path. Put together by hand, because text formatting is large in wasm.
    pub fn text(self) -> String {
        match self {
            Reason::NoObject => "the configuration is not a JSON object".into(),
            Reason::Missing => "is required".into(),
            Reason::WrongType(kind) => ["must be ", kind].concat(),
            Reason::Empty => "must not be empty".into(),
            Reason::TooSmall(least) => ["must be at least ", &least.to_string()].concat(),
            Reason::TooLarge(most) => ["must be at most ", &most.to_string()].concat(),
            Reason::Unknown(known) => ["must be one of ", &known.join(", ")].concat(),
            Reason::NoUrl => "must be an http or https address".into(),
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where: `rateLimits.tokensPerMinute`. Empty: the whole.
    pub path: &'static str,
    /// The value as JSON, shortened; `***` for secrets, empty when missing.
    pub value: String,
    /// What is wrong.
    pub reason: Reason,
    /// What to do.
    pub remedy: &'static str,
}

/// As much of a value is shown, letters.
const SHOWN: usize = 80;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Flag(bool),
    Integer(i64),
    Amount(f64),
    Map(Vec<(String, String)>),
}

/// What was read, by its path. There are few: looking through them is cheap.
pub(super) type Values = Vec<(&'static str, Value)>;

/// Checks all fields; gives the values with the defaults filled in, or everything that is wrong.
pub(super) fn check(json: &[u8]) -> Result<Values, Vec<ConfigError>> {
    if Cursor::new(json).peek() != Some(b'{') || !is_whole(json) {
        return Err(vec![ConfigError {
            path: "",
            value: String::new(),
            reason: Reason::NoObject,
            remedy: "Pass an object with apiEndpoint, auth and rateLimits.",
        }]);
    }
    let (mut values, mut errors): (Values, _) = (Vec::new(), Vec::new());
    let mut objects: Vec<(&str, &[u8])> = vec![("", json)];
    for row in FIELDS {
        let (parent, name) = row.path.rsplit_once('.').unwrap_or(("", row.path));
        // Without its object a field is neither missing nor wrong; its default holds.
        let object = objects
            .iter()
            .find(|(path, _)| *path == parent)
            .map(|(_, object)| *object);
        let kind = values
            .iter()
            .find(|(path, _)| *path == "auth.type")
            .map(|(_, value)| value);
        let other_auth = !row.when.is_empty() && kind != Some(&Value::Text(row.when.into()));
        let raw = object.filter(|_| !other_auth).and_then(|object| field(object, name));
        let checked = match raw {
            Some(raw) if matches!(row.kind, Kind::Object) => {
                if raw.starts_with(b"{") {
                    objects.push((row.path, raw));
                    Ok(None)
                } else {
                    Err(Reason::WrongType("an object"))
                }
            }
            Some(raw) => value(row, raw).map(Some),
            None if row.required && object.is_some() && !other_auth => Err(Reason::Missing),
            None => Ok(default(row)),
        };
        match checked {
            Ok(value) => {
                values.extend(value.map(|value| (row.path, value)));
            }
            Err(reason) => errors.push(ConfigError {
                path: row.path,
                value: raw.map(|raw| show(row, raw)).unwrap_or_default(),
                reason,
                remedy: row.remedy,
            }),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

pub(super) fn default(row: &Field) -> Option<Value> {
    match row.kind {
        Kind::Flag(default) => Some(Value::Flag(default)),
        Kind::Integer(_, _, default) => Some(Value::Integer(default)),
        Kind::Word(words) if !row.required => words.first().map(|word| Value::Text((*word).to_owned())),
        Kind::Amount => Some(Value::Amount(0.0)),
        Kind::Word(_) | Kind::Object | Kind::Text | Kind::Url | Kind::Texts | Kind::Map => None,
    }
}

fn value(row: &Field, raw: &[u8]) -> Result<Value, Reason> {
    let text = || {
        let text = Cursor::new(raw).string().map_err(|_| Reason::WrongType("text"))?;
        Ok(text.to_text())
    };
    match row.kind {
        Kind::Text => match text()? {
            text if text.trim().is_empty() => Err(Reason::Empty),
            text => Ok(Value::Text(text)),
        },
        Kind::Url => match text()? {
            text if is_url(&text) => Ok(Value::Text(text)),
            _ => Err(Reason::NoUrl),
        },
        Kind::Word(words) => match text()? {
            text if words.contains(&text.as_str()) => Ok(Value::Text(text)),
            _ => Err(Reason::Unknown(words)),
        },
        Kind::Texts => {
            let mut all = Vec::new();
            let read = Cursor::new(raw).array(&mut |item| {
                all.push(item.string()?.to_text());
                Ok(())
            });
            let all = Value::Texts(all);
            read.map(|()| all).map_err(|_| Reason::WrongType("a list of texts"))
        }
        Kind::Flag(_) => match raw {
            b"true" => Ok(Value::Flag(true)),
            b"false" => Ok(Value::Flag(false)),
            _ => Err(Reason::WrongType("true or false")),
        },
        Kind::Integer(least, most, _) => {
            let read = number(&utf8(raw));
            // `60.0` is a whole number, as JSON Schema has it.
            let whole = read.filter(|number| number.fract() == 0.0);
            let number = whole.ok_or(Reason::WrongType("a whole number"))?;
            match (least, most) {
                (Some(least), _) if number < least as f64 => Err(Reason::TooSmall(least)),
                (_, Some(most)) if number > most as f64 => Err(Reason::TooLarge(most)),
                _ => Ok(Value::Integer(number as i64)),
            }
        }
        Kind::Amount => {
            let read = number(&utf8(raw));
            match read.filter(|number| number.is_finite()) {
                Some(number) if number < 0.0 => Err(Reason::TooSmall(0)),
                Some(number) => Ok(Value::Amount(number)),
                None => Err(Reason::WrongType("a number")),
            }
        }
        Kind::Map => {
            let mut all = Vec::new();
            let read = Cursor::new(raw).object(&mut |key, value| {
                let (name, text) = (key.to_text(), value.string()?.to_text());
                if !is_name(&name) || text.chars().any(char::is_control) {
                    return Err(Bad);
                }
                all.push((name, text));
                Ok(())
            });
            let all = Value::Map(all);
            read.map(|()| all).map_err(|_| Reason::WrongType("an object of texts"))
        }
        Kind::Object => Err(Reason::WrongType("an object")),
    }
}

/// What may be the name of a header (RFC 9110, 5.6.2).
fn is_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

/// A scheme that is taken, a host, and nothing that no address has. Names and passwords in it are secrets in the wrong place.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest
        .and_then(|rest| rest.split(['/', '?', '#']).next())
        .unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    !host.is_empty() && !host.starts_with(':') && !host.contains('@') && text.bytes().all(plain)
}

fn show(row: &Field, raw: &[u8]) -> String {
    let hidden = row.secret || row.path == "auth" || matches!(row.kind, Kind::Url);
    if hidden {
        return String::from("***");
    }
    let text = utf8(raw);
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
