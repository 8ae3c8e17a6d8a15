use super::check::{Value, default};
use super::fields::{FIELDS, Field, Kind, is_of_endpoint, is_own};
use crate::proto::json::{Object, quote};

/// The same table as JSON Schema (draft 2020-12).
pub fn json_schema() -> String {
    let mut schema = Object::new();
    schema.text("$schema", "https://json-schema.org/draft/2020-12/schema");
    schema.text("title", "Provider configuration");
    object(&mut schema, "", false);
    schema.end()
}

/// The fields right inside of `path`. `further`: of a further endpoint.
fn object(schema: &mut Object, path: &str, further: bool) {
    schema.text("type", "object");
    if path == "auth" {
        return variants(schema);
    }
    properties(schema, path, "", further);
}

/// Properties and required ones; of `auth` those of one kind.
fn properties(schema: &mut Object, path: &str, when: &str, further: bool) {
    let (mut properties, mut required) = (Object::new(), Vec::new());
    for row in FIELDS.iter().filter(|row| !further || is_of_endpoint(row.path)) {
        let (parent, name) = row.path.rsplit_once('.').unwrap_or(("", row.path));
        if parent != path || (!when.is_empty() && row.when.is_empty()) {
            continue;
        }
        if row.when == when {
            properties.raw(name, &property(row, further));
            // What a further endpoint leaves out is as in the configuration around it.
            let inherited = further && parent.is_empty() && !is_own(row.path);
            required.extend((row.required && !inherited).then_some(name));
        } else if path == "auth" {
            // Of another kind: not used, but known.
            properties.raw(name, "true");
        }
    }
    if !when.is_empty() {
        let mut kind = Object::new();
        properties.raw("type", &kind.text("const", when).end());
        required.push("type");
    }
    schema.raw("properties", &properties.end());
    schema.raw("additionalProperties", "false");
    if !required.is_empty() {
        schema.raw("required", &list(&required));
    }
}

/// `auth`: one object for each kind.
fn variants(schema: &mut Object) {
    let kinds = FIELDS.iter().find(|row| row.path == "auth.type").map(|row| row.kind);
    let Some(Kind::Word(kinds)) = kinds else {
        return;
    };
    let all = kinds.iter().map(|kind| {
        let mut variant = Object::new();
        properties(&mut variant, "auth", kind, false);
        variant.end()
    });
    let all = all.collect::<Vec<_>>().join(",");
    schema.raw("required", &list(&["type"]));
    schema.raw("oneOf", &format!("[{all}]"));
}

fn property(row: &Field, further: bool) -> String {
    let mut schema = Object::new();
    schema.text("description", row.about);
    match row.kind {
        Kind::Object => object(&mut schema, row.path, further),
        Kind::Text => {
            schema.text("type", "string").text("pattern", "\\S");
        }
        Kind::Url => {
            schema.text("type", "string").text("format", "uri");
            schema.text("pattern", "^https?://[^/?#:@][^/?#@]*([/?#]|$)");
        }
        Kind::Texts(most) => {
            schema.text("type", "array").raw("items", r#"{"type":"string"}"#);
            if let Ok(most) = i64::try_from(most) {
                schema.number("maxItems", most);
            }
        }
        Kind::Endpoints(most) => {
            let mut item = Object::new();
            object(&mut item, "", true);
            schema.text("type", "array").raw("items", &item.end());
            schema.number("maxItems", most as i64);
        }
        Kind::Flag(_) => {
            schema.text("type", "boolean");
        }
        Kind::Integer(least, most, _) => {
            schema.text("type", "integer");
            for (name, bound) in [("minimum", least), ("maximum", most)] {
                if let Some(bound) = bound {
                    schema.number(name, bound);
                }
            }
        }
        Kind::Amount => {
            schema.text("type", "number").number("minimum", 0);
        }
        Kind::Map => {
            schema.text("type", "object");
            schema.raw("propertyNames", r#"{"pattern":"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"}"#);
            schema.raw(
                "additionalProperties",
                r#"{"type":"string","pattern":"^[^\\u0000-\\u001f\\u007f-\\u009f]*$"}"#,
            );
        }
        Kind::Word(words) => {
            schema.text("type", "string").raw("enum", &list(words));
        }
    }
    match default(row) {
        Some(Value::Flag(flag)) => {
            schema.raw("default", if flag { "true" } else { "false" });
        }
        Some(Value::Integer(number)) => {
            schema.number("default", number);
        }
        Some(Value::Text(text)) => {
            schema.text("default", &text);
        }
        Some(Value::Amount(_)) => {
            schema.number("default", 0);
        }
        Some(Value::Texts(_) | Value::Map(_) | Value::Endpoints(_)) | None => {}
    }
    if row.secret {
        schema.raw("writeOnly", "true");
    }
    schema.end()
}

fn list(words: &[&str]) -> String {
    let mut out = String::from("[");
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        quote(word, &mut out);
    }
    out + "]"
}
