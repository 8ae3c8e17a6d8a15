use wasm_bindgen::prelude::*;

use crate::proto::v2::{Answer, Step as Next, Translator};

/// What `src/js/v2/v2.ts` drives.
#[wasm_bindgen]
#[derive(Default)]
pub struct Dialect {
    translator: Translator,
}

/// What to do next for a request: its `kind` is 0 send it as it is, 1 send this, 2 this is the answer.
#[wasm_bindgen(getter_with_clone)]
pub struct Step {
    pub kind: u8,
    pub id: u32,
    pub method: String,
    pub path: String,
    pub body: Option<Vec<u8>>,
    pub status: u16,
    #[wasm_bindgen(js_name = contentType)]
    pub content_type: String,
    pub cursor: String,
}

#[wasm_bindgen]
impl Dialect {
    /// Knows nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Dialect {
        Dialect::default()
    }

    /// The session is a v2 one.
    pub fn adopt(&mut self, session: &str) {
        self.translator.adopt(session);
    }

    /// Whether the server is a 2.x one.
    #[wasm_bindgen(js_name = isSecond)]
    pub fn is_second(&self) -> bool {
        self.translator.is_second()
    }

    /// A request of the core.
    pub fn ask(&mut self, method: &str, path: &str, body: Option<Vec<u8>>) -> Step {
        step(self.translator.ask(method, path, &body.unwrap_or_default()))
    }

    /// The answer to a step's request.
    pub fn answered(&mut self, id: u32, status: u16, content_type: &str, cursor: &str, body: Vec<u8>) -> Step {
        let answer = Answer {
            status,
            content_type: String::from(content_type),
            cursor: String::from(cursor),
            body,
        };
        step(self.translator.answered(id, answer))
    }

    /// There will be no answer.
    pub fn dropped(&mut self, id: u32) {
        self.translator.dropped(id);
    }

    /// The stream to open in place of a v1 one.
    pub fn stream(&self, path: &str) -> String {
        String::from(self.translator.stream(path))
    }

    /// A stream begins, or is joined while it runs.
    pub fn opened(&mut self, joined: bool) {
        self.translator.opened(joined);
    }

    /// Bytes of the stream, as the core is to read them.
    pub fn bytes(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.translator.bytes(chunk)
    }

    /// In how many milliseconds `activePath` is to be asked for; negative: not.
    pub fn due(&self) -> f64 {
        self.translator.due().map_or(-1.0, f64::from)
    }

    /// Where the server says which sessions run.
    #[wasm_bindgen(js_name = activePath)]
    pub fn active_path(&self) -> String {
        String::from(crate::proto::v2::ACTIVE)
    }

    /// What it said, or nothing. Gives bytes for the stream.
    pub fn checked(&mut self, answer: Option<Vec<u8>>) -> Vec<u8> {
        self.translator.checked(answer.as_deref())
    }

    /// Bytes for the stream that waited for an answer that is there now.
    pub fn released(&mut self) -> Vec<u8> {
        self.translator.released()
    }
}

fn step(next: Next) -> Step {
    let empty = Step {
        kind: 0,
        id: 0,
        method: String::new(),
        path: String::new(),
        body: None,
        status: 0,
        content_type: String::new(),
        cursor: String::new(),
    };
    match next {
        Next::Through => empty,
        Next::Ask(ask) => Step {
            kind: 1,
            id: ask.id,
            method: String::from(ask.method),
            path: ask.path,
            body: ask.body,
            ..empty
        },
        Next::Done(answer) => Step {
            kind: 2,
            status: answer.status,
            content_type: answer.content_type,
            cursor: answer.cursor,
            body: Some(answer.body),
            ..empty
        },
    }
}
