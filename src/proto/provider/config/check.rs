use super::fields::{FIELDS, Field, Kind, is_of_endpoint, is_own};
use crate::proto::json::{Bad, Cursor, field, is_whole, number, utf8};
use crate::proto::provider::near::meant;

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
    /// Nothing has this name.
    UnknownName,
    /// There are more than so many.
    TooMany(usize),
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
            Reason::UnknownName => "unknown_name",
            Reason::TooMany(_) => "too_many",
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
            Reason::UnknownName => "is not known".into(),
            Reason::TooMany(most) => ["must have at most ", &most.to_string()].concat(),
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
    /// Where: `rateLimits.tokensPerMinute`, `fallback.endpoints[0].auth`. Empty: the whole.
    pub path: String,
    /// The value as JSON, shortened; `***` for secrets, empty when missing.
    pub value: String,
    /// What is wrong.
    pub reason: Reason,
    /// What to do.
    pub remedy: String,
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
    Endpoints(Vec<Values>),
}

/// What was read, by its path. There are few: looking through them is cheap.
pub(super) type Values = Vec<(&'static str, Value)>;

/// Checks all fields; gives the values with the defaults filled in, or everything that is wrong.
pub(super) fn check(json: &[u8]) -> Result<Values, Vec<ConfigError>> {
    if Cursor::new(json).peek() != Some(b'{') || !is_whole(json) {
        return Err(vec![ConfigError {
            path: String::new(),
            value: String::new(),
            reason: Reason::NoObject,
            remedy: "Pass an object with apiEndpoint, auth and rateLimits.".into(),
        }]);
    }
    let mut errors = Vec::new();
    let values = endpoint(json, None, "", &mut errors);
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

/// One endpoint. `outer`: it is a further one of this configuration, which has what it leaves out. `at`: its place.
fn endpoint(json: &[u8], outer: Option<&[u8]>, at: &str, errors: &mut Vec<ConfigError>) -> Values {
    let further = outer.is_some();
    let mut values: Values = Vec::new();
    unknown("", json, further, at, errors);
    // What was wrong outside was told there.
    let mut objects: Vec<(&str, &[u8], bool)> = vec![("", json, true)];
    for row in rows(further) {
        let (parent, name) = parts(row);
        // Without its object a field is neither missing nor wrong; its default holds.
        let object = objects.iter().find(|(path, ..)| *path == parent).copied();
        let kind = values
            .iter()
            .find(|(path, _)| *path == "auth.type")
            .map(|(_, value)| value);
        let other_auth = !row.when.is_empty() && kind != Some(&Value::Text(row.when.into()));
        let (mut raw, mut told) = (None, true);
        if let Some((_, object, own)) = object.filter(|_| !other_auth) {
            (raw, told) = (field(object, name), own);
            if let (None, Some(outer), "", false) = (raw, outer, parent, is_own(row.path)) {
                (raw, told) = (field(outer, name), false);
            }
        }
        let checked = match raw {
            Some(raw) if matches!(row.kind, Kind::Object) => {
                if raw.starts_with(b"{") {
                    objects.push((row.path, raw, told));
                    if told {
                        unknown(row.path, raw, further, at, errors);
                    }
                    Ok(None)
                } else {
                    Err(Reason::WrongType("an object"))
                }
            }
            Some(raw) => match row.kind {
                Kind::Endpoints(most) => endpoints(raw, most, json, row, errors).map(Some),
                _ => value(row, raw).map(Some),
            },
            None if row.required && object.is_some() && !other_auth => Err(Reason::Missing),
            None => Ok(default(row)),
        };
        match checked {
            Ok(value) => {
                values.extend(value.map(|value| (row.path, value)));
            }
            Err(reason) if told => errors.push(ConfigError {
                path: [at, row.path].concat(),
                value: raw.map(|raw| show(row, raw)).unwrap_or_default(),
                reason,
                remedy: row.remedy.into(),
            }),
            Err(_) => {}
        }
    }
    values
}

fn endpoints(
    raw: &[u8],
    most: usize,
    outer: &[u8],
    row: &Field,
    errors: &mut Vec<ConfigError>,
) -> Result<Value, Reason> {
    let mut all = Vec::new();
    let read = Cursor::new(raw).array(&mut |item| {
        all.push(item.raw()?);
        Ok(())
    });
    read.map_err(|_| Reason::WrongType("a list of objects"))?;
    if all.len() > most {
        return Err(Reason::TooMany(most));
    }
    let mut values = Vec::new();
    for (at, item) in all.into_iter().enumerate() {
        let place = [row.path, "[", &at.to_string(), "]"].concat();
        if item.starts_with(b"{") {
            values.push(endpoint(item, Some(outer), &[&place, "."].concat(), errors));
        } else {
            errors.push(ConfigError {
                path: place,
                value: String::from("***"),
                reason: Reason::WrongType("an object"),
                remedy: row.remedy.into(),
            });
        }
    }
    Ok(Value::Endpoints(values))
}

/// Names in an object that no row has: they would do nothing.
fn unknown(path: &str, object: &[u8], further: bool, at: &str, errors: &mut Vec<ConfigError>) {
    let known: Vec<&str> = rows(further)
        .map(parts)
        .filter(|(parent, _)| *parent == path)
        .map(|(_, name)| name)
        .collect();
    let dot = if path.is_empty() { "" } else { "." };
    let _ = Cursor::new(object).object(&mut |key, _| {
        let name = key.to_text();
        if !known.contains(&name.as_str()) {
            errors.push(ConfigError {
                path: [at, path, dot, &name].concat(),
                // It may be a key.
                value: String::from("***"),
                reason: Reason::UnknownName,
                remedy: meant(&name, &known),
            });
        }
        Ok(())
    });
}

/// The rows of the whole, or of a further endpoint.
fn rows(further: bool) -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(move |row| !further || is_of_endpoint(row.path))
}

/// Where it stands, and its name there.
fn parts(row: &'static Field) -> (&'static str, &'static str) {
    row.path.rsplit_once('.').unwrap_or(("", row.path))
}

pub(super) fn default(row: &Field) -> Option<Value> {
    match row.kind {
        Kind::Flag(default) => Some(Value::Flag(default)),
        Kind::Integer(_, _, default) => Some(Value::Integer(default)),
        Kind::Word(words) if !row.required => words.first().map(|word| Value::Text((*word).to_owned())),
        Kind::Amount => Some(Value::Amount(0.0)),
        Kind::Word(_) | Kind::Object | Kind::Text | Kind::Url | Kind::Texts(_) | Kind::Endpoints(_) | Kind::Map => None,
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
        Kind::Texts(most) => {
            let mut all = Vec::new();
            let read = Cursor::new(raw).array(&mut |item| {
                all.push(item.string()?.to_text());
                Ok(())
            });
            match read {
                Err(Bad) => Err(Reason::WrongType("a list of texts")),
                Ok(()) if all.len() > most => Err(Reason::TooMany(most)),
                Ok(()) => Ok(Value::Texts(all)),
            }
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
        // Its own fields are looked at elsewhere.
        Kind::Object | Kind::Endpoints(_) => Err(Reason::WrongType("an object")),
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
    let hidden = row.secret || row.path == "auth" || matches!(row.kind, Kind::Url | Kind::Endpoints(_));
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
