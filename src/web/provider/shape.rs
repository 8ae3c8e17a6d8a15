use serde::ser::{Serialize, SerializeMap, Serializer};
use wasm_bindgen::prelude::*;

/// A plain object for JavaScript, put together by name. One form for all of them: derived for each struct apart, the same
/// code would be there many times over.
#[derive(Default)]
pub(super) struct Shape<'a>(Vec<(&'static str, Value<'a>)>);

enum Value<'a> {
    /// All numbers are `f64`: others bring text formatting in.
    Number(f64),
    Flag(bool),
    Text(&'a str),
    Texts(&'a [String]),
    Shape(Shape<'a>),
}

impl<'a> Shape<'a> {
    pub(super) fn text(&mut self, name: &'static str, text: &'a str) {
        self.0.push((name, Value::Text(text)));
    }

    /// Left out where it is empty.
    pub(super) fn told(&mut self, name: &'static str, text: &'a str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    pub(super) fn texts(&mut self, name: &'static str, texts: &'a [String]) {
        self.0.push((name, Value::Texts(texts)));
    }

    pub(super) fn number(&mut self, name: &'static str, number: f64) {
        self.0.push((name, Value::Number(number)));
    }

    /// Left out where there is none.
    pub(super) fn some(&mut self, name: &'static str, number: Option<f64>) {
        if let Some(number) = number {
            self.number(name, number);
        }
    }

    pub(super) fn count(&mut self, name: &'static str, count: Option<u64>) {
        self.some(name, count.map(|count| count as f64));
    }

    /// Left out where it is not known.
    pub(super) fn flag(&mut self, name: &'static str, flag: Option<bool>) {
        if let Some(flag) = flag {
            self.0.push((name, Value::Flag(flag)));
        }
    }

    pub(super) fn shape(&mut self, name: &'static str, shape: Shape<'a>) {
        self.0.push((name, Value::Shape(shape)));
    }

    pub(super) fn to_js(&self) -> JsValue {
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
        // All keys are texts: this does not fail.
        self.serialize(&serializer).unwrap_or(JsValue::NULL)
    }
}

impl Serialize for Shape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // As a map, not as a struct: names of fields would be kept in a table of hashes.
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Number(number) => serializer.serialize_f64(*number),
            Value::Flag(flag) => serializer.serialize_bool(*flag),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Texts(texts) => serializer.collect_seq(*texts),
            Value::Shape(shape) => shape.serialize(serializer),
        }
    }
}
