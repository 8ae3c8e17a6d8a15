use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::fetch_stream::FetchStream;
use super::host::{Host, Reason, Response, clear_timeout, performance_now, set_timeout};
use super::source_stream::SourceStream;
use crate::proto::change::Change;
use crate::proto::client::{Client, Config, Input};
use crate::proto::connection::Transport;
use crate::proto::error::Error;
use crate::proto::request::{Request, Response as Answer};
use crate::proto::sync::{Output, Reply};

/// Runs one client: hands inputs in, carries outputs out, keeps its timer.
///
/// JavaScript is only called while the client is not borrowed, so that it may call back at once.
pub(super) struct Shell {
    client: RefCell<Client>,
    host: Host,
    transport: Transport,
    /// Milliseconds since 1970 when `performance.now` was 0: time that never goes back.
    epoch: f64,
    stream: RefCell<Option<Stream>>,
    timer: RefCell<Option<(JsValue, Closure<dyn FnMut()>)>>,
    armed: Cell<f64>,
    /// Sessions whose changes are announced and not drained yet.
    announced: RefCell<Vec<u32>>,
    closed: Cell<bool>,
}

/// The one stream, by how it is read.
enum Stream {
    Fetch(Rc<FetchStream>),
    Source(SourceStream),
}

impl Shell {
    pub(super) fn new(host: Host, config: Config) -> Rc<Self> {
        let transport = config.transport;
        Rc::new(Shell {
            client: RefCell::new(Client::new(config)),
            host,
            transport,
            epoch: js_sys::Date::now() - performance_now(),
            stream: RefCell::new(None),
            timer: RefCell::new(None),
            armed: Cell::new(f64::INFINITY),
            announced: RefCell::new(Vec::new()),
            closed: Cell::new(false),
        })
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Runs a command and carries out what follows.
    pub(super) fn run<T>(self: &Rc<Self>, command: impl FnOnce(&mut Client, u64) -> T) -> T {
        let now = self.now();
        let result = command(&mut self.client.borrow_mut(), now as u64);
        self.carry_out(now);
        result
    }

    /// Hands an input in and carries out what follows.
    pub(super) fn input(self: &Rc<Self>, input: Input<'_>) {
        if !self.closed.get() {
            self.run(|client, now| client.handle_input(input, now));
        }
    }

    /// Takes the session's changes; the next ones are announced again.
    pub(super) fn drain(&self, session: u32) -> Vec<Change> {
        let mut changes = Vec::new();
        self.client.borrow_mut().drain(session, &mut changes);
        self.announced.borrow_mut().retain(|known| *known != session);
        changes
    }

    /// Ends everything.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.end_stream();
        if let Some((timer, _)) = self.timer.borrow_mut().take() {
            clear_timeout(&timer);
        }
    }

    fn now(&self) -> f64 {
        self.epoch + performance_now()
    }

    fn carry_out(self: &Rc<Self>, now: f64) {
        loop {
            let output = self.client.borrow_mut().poll_output();
            match output {
                None => break,
                Some(Output::Request(request)) => self.request(request),
                Some(Output::OpenStream { generation, path }) => self.open_stream(generation, path),
                Some(Output::CloseStream) => self.end_stream(),
                Some(Output::Reply { token, result }) => self.reply(token, result),
                Some(Output::Log { level, code, message }) => self.host.log(level, code, &message),
            }
        }
        self.announce();
        self.arm(now);
    }

    fn announce(&self) {
        let client = self.client.borrow();
        let mut announced = self.announced.borrow_mut();
        let fresh: Vec<u32> = client.dirty().filter(|handle| !announced.contains(handle)).collect();
        announced.extend(&fresh);
        drop((client, announced));
        for handle in fresh {
            self.host.dirty(handle);
        }
    }

    /// A timer that fires early costs one call; one that is moved with each chunk costs more.
    fn arm(self: &Rc<Self>, now: f64) {
        let Some(deadline) = self.client.borrow().poll_timeout().map(|at| at as f64) else { return };
        if deadline >= self.armed.get() || self.closed.get() {
            return;
        }
        self.armed.set(deadline);
        let mut slot = self.timer.borrow_mut();
        let callback = match slot.take() {
            Some((timer, callback)) => {
                clear_timeout(&timer);
                callback
            }
            None => {
                let shell = Rc::downgrade(self);
                Closure::new(move || {
                    if let Some(shell) = shell.upgrade() {
                        shell.armed.set(f64::INFINITY);
                        shell.input(Input::Timeout);
                    }
                })
            }
        };
        let timer = set_timeout(&callback, (deadline - now).clamp(0.0, 2_000_000_000.0));
        *slot = Some((timer, callback));
    }

    fn reply(&self, token: u32, result: Result<Reply, Error>) {
        let (kind, session, index, bytes) = match result {
            Ok(Reply::Done) => (0, 0, 0, Vec::new()),
            Ok(Reply::Message { session, index }) => (1, session, index as u32, Vec::new()),
            Ok(Reply::More(more)) => (2, 0, u32::from(more), Vec::new()),
            Ok(Reply::Body(body)) => (3, 0, 0, body),
            Err(error) => (4, 0, 0, error.to_json().into_bytes()),
        };
        self.host.reply(token, kind, session, index, &bytes);
    }

    fn request(self: &Rc<Self>, request: Request) {
        let shell = Rc::clone(self);
        spawn_local(async move {
            let id = request.id;
            match shell.exchange(request).await {
                Ok((response, body)) => shell.input(Input::Response {
                    id,
                    response: Answer {
                        status: response.status(),
                        content_type: &response.header("content-type"),
                        cursor: &response.header("x-next-cursor"),
                        retry_after: &response.header("retry-after"),
                        body: &body,
                    },
                }),
                Err(reason) => {
                    let timeout = reason.unchecked_into::<Reason>().name().as_deref() == Some("TimeoutError");
                    shell.input(Input::Failed { id, timeout });
                }
            }
        });
    }

    async fn exchange(&self, request: Request) -> Result<(Response, Vec<u8>), JsValue> {
        let body = request.body.as_deref().map(Uint8Array::from);
        let accept = "application/json";
        let sent = self.host.fetch(request.method, &request.path, accept, body, request.timeout as f64, None);
        let response: Response = JsFuture::from(sent).await?.unchecked_into();
        let buffer = JsFuture::from(response.array_buffer()).await?;
        Ok((response, Uint8Array::new(&buffer).to_vec()))
    }

    fn open_stream(self: &Rc<Self>, generation: u32, path: String) {
        self.end_stream();
        let stream = if self.transport == Transport::EventSource {
            Stream::Source(SourceStream::open(self, generation, path))
        } else {
            Stream::Fetch(FetchStream::open(self, generation, path))
        };
        *self.stream.borrow_mut() = Some(stream);
    }

    fn end_stream(&self) {
        let Some(stream) = self.stream.borrow_mut().take() else { return };
        match stream {
            Stream::Fetch(stream) => stream.abort(),
            Stream::Source(stream) => stream.abort(),
        }
    }
}
