use std::cell::RefCell;
use std::rc::{Rc, Weak};

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::host::{AbortController, Chunk, Reader, Response};
use super::shell::Shell;
use crate::proto::client::Input;
use crate::proto::request::Response as Answer;

/// The event stream read with `fetch`.
///
/// Each read hands the same two closures to its promise: a future per chunk would allocate twice per chunk. The closures
/// keep the stream, and the stream keeps them, until its last promise has settled; aborting settles it.
pub(super) struct FetchStream {
    shell: Weak<Shell>,
    generation: u32,
    abort: AbortController,
    reader: RefCell<Option<Reader>>,
    closures: RefCell<Option<Closures>>,
    scratch: RefCell<Vec<u8>>,
}

struct Closures {
    chunk: Closure<dyn FnMut(JsValue)>,
    failed: Closure<dyn FnMut(JsValue)>,
}

impl FetchStream {
    /// Sends the request; all that follows comes as inputs of the shell.
    pub(super) fn open(shell: &Rc<Shell>, generation: u32, path: String) -> Rc<Self> {
        let stream = Rc::new(FetchStream {
            shell: Rc::downgrade(shell),
            generation,
            abort: AbortController::new(),
            reader: RefCell::new(None),
            closures: RefCell::new(None),
            scratch: RefCell::new(Vec::new()),
        });
        let (reading, failing) = (Rc::clone(&stream), Rc::clone(&stream));
        *stream.closures.borrow_mut() = Some(Closures {
            chunk: Closure::new(move |chunk: JsValue| reading.chunk(&chunk.unchecked_into())),
            failed: Closure::new(move |_| failing.closed(false)),
        });
        let opening = Rc::clone(&stream);
        spawn_local(async move { opening.start(path).await });
        stream
    }

    /// Ends it; what still comes is dropped by its generation.
    pub(super) fn abort(&self) {
        self.abort.abort();
    }

    async fn start(self: Rc<Self>, path: String) {
        let Some(shell) = self.shell.upgrade() else { return self.closed(true) };
        let signal = self.abort.signal();
        let sent = shell.host().fetch("GET", &path, "text/event-stream", None, 0.0, Some(&signal));
        let response = match JsFuture::from(sent).await {
            Ok(response) => response.unchecked_into::<Response>(),
            Err(_) => return self.closed(false),
        };
        let head = Answer {
            status: response.status(),
            content_type: &response.header("content-type"),
            retry_after: &response.header("retry-after"),
            ..Answer::default()
        };
        shell.input(Input::StreamOpened { generation: self.generation, response: head });
        match response.body() {
            Some(body) => {
                *self.reader.borrow_mut() = Some(body.get_reader());
                self.read();
            }
            None => self.closed(true),
        }
    }

    fn read(&self) {
        if let (Some(reader), Some(closures)) = (&*self.reader.borrow(), &*self.closures.borrow()) {
            let _ = reader.read().then2(&closures.chunk, &closures.failed);
        }
    }

    fn chunk(&self, chunk: &Chunk) {
        if chunk.done() {
            return self.closed(true);
        }
        let Some(shell) = self.shell.upgrade() else { return self.closed(true) };
        let value = chunk.value();
        let length = value.length() as usize;
        {
            let mut scratch = self.scratch.borrow_mut();
            if scratch.len() < length {
                scratch.resize(length, 0);
            }
            value.copy_to(&mut scratch[..length]);
            shell.input(Input::StreamBytes { generation: self.generation, bytes: &scratch[..length] });
        }
        self.read();
    }

    fn closed(&self, clean: bool) {
        if let Some(shell) = self.shell.upgrade() {
            shell.input(Input::StreamClosed { generation: self.generation, clean });
        }
        self.closures.borrow_mut().take();
    }
}
