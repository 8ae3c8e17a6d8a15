use wasm_bindgen::prelude::*;

use crate::proto::change::{Change, Continuity};

#[wasm_bindgen]
extern "C" {
    /// Takes the steps of a change set (`src/js/view.ts`). Must not throw.
    pub type Sink;

    #[wasm_bindgen(method, js_name = insertMessage)]
    fn insert_message(this: &Sink, index: usize, key: &str);
    #[wasm_bindgen(method, js_name = removeMessage)]
    fn remove_message(this: &Sink, index: usize);
    #[wasm_bindgen(method, js_name = moveMessage)]
    fn move_message(this: &Sink, from: usize, to: usize);
    #[wasm_bindgen(method, js_name = insertPart)]
    fn insert_part(this: &Sink, message: usize, index: usize);
    #[wasm_bindgen(method, js_name = removePart)]
    fn remove_part(this: &Sink, message: usize, index: usize);
    #[wasm_bindgen(method)]
    fn whole(this: &Sink, index: usize, raw: &[u8]);
    #[wasm_bindgen(method)]
    fn info(this: &Sink, index: usize, raw: &[u8]);
    #[wasm_bindgen(method)]
    fn delivered(this: &Sink, index: usize, delivery: u8);
    #[wasm_bindgen(method)]
    fn part(this: &Sink, message: usize, index: usize, raw: &[u8]);
    #[wasm_bindgen(method)]
    fn text(this: &Sink, message: usize, index: usize, text: &str);
    #[wasm_bindgen(method)]
    fn append(this: &Sink, message: usize, index: usize, text: &str);
    #[wasm_bindgen(method)]
    fn meta(this: &Sink, message: usize, index: usize, continuity: u8, gap: u32);
    #[wasm_bindgen(method)]
    fn tail(this: &Sink, message: usize, index: usize, text: &str);
    #[wasm_bindgen(method)]
    fn field(this: &Sink, field: u8, json: &[u8]);
}

impl Sink {
    /// Hands one step over.
    pub(super) fn take(&self, change: Change) {
        match change {
            Change::InsertMessage { index, key } => self.insert_message(index, &key),
            Change::RemoveMessage { index } => self.remove_message(index),
            Change::MoveMessage { from, to } => self.move_message(from, to),
            Change::InsertPart { message, index } => self.insert_part(message, index),
            Change::RemovePart { message, index } => self.remove_part(message, index),
            Change::Whole { index, raw } => self.whole(index, &raw),
            Change::Info { index, raw } => self.info(index, &raw),
            Change::Delivered { index, delivery } => self.delivered(index, delivery as u8),
            Change::Part { message, index, raw } => self.part(message, index, &raw),
            Change::Text { message, index, text } => self.text(message, index, &text),
            Change::Append { message, index, text } => self.append(message, index, &text),
            Change::Meta {
                message,
                index,
                continuity,
            } => match continuity {
                Continuity::Settled => self.meta(message, index, 0, 0),
                Continuity::Streaming => self.meta(message, index, 1, 0),
                Continuity::Gapped(at) => self.meta(message, index, 2, at),
                Continuity::Interrupted => self.meta(message, index, 3, 0),
            },
            Change::Tail { message, index, text } => self.tail(message, index, &text),
            Change::Field { field, json } => self.field(field as u8, &json),
        }
    }
}
