use std::cell::Cell;
use std::rc::Rc;

use futures::StreamExt;
use gloo_net::eventsource::futures::EventSource;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::shell::Shell;
use crate::proto::client::Input;

/// The event stream read with the browser's `EventSource`: the lesser choice, for hosts whose `fetch` cannot stream.
pub(super) struct SourceStream {
    aborted: Rc<Cell<bool>>,
}

impl SourceStream {
    /// Opens it; all that follows comes as inputs of the shell.
    pub(super) fn open(shell: &Rc<Shell>, generation: u32, path: String) -> Self {
        let aborted = Rc::new(Cell::new(false));
        let (shell, stop) = (Rc::downgrade(shell), Rc::clone(&aborted));
        spawn_local(async move {
            let Some(url) = shell.upgrade().map(|shell| shell.host().url(&path)) else {
                return;
            };
            let url = JsFuture::from(url).await.ok().and_then(|url| url.as_string());
            // It would reconnect by itself; when it does is decided in one place only, so its first failure ends it.
            if let Some(mut source) = url.and_then(|url| EventSource::new(&url).ok())
                && let Ok(mut messages) = source.subscribe("message")
            {
                while let Some(Ok((_, message))) = messages.next().await {
                    let (Some(shell), false) = (shell.upgrade(), stop.get()) else {
                        return;
                    };
                    let data = message.data().as_string().unwrap_or_default();
                    shell.input(
                        shell.now() as f64,
                        Input::StreamEvent {
                            generation,
                            data: data.as_bytes(),
                        },
                    );
                }
            }
            if let (Some(shell), false) = (shell.upgrade(), stop.get()) {
                shell.input(
                    shell.now() as f64,
                    Input::StreamClosed {
                        generation,
                        clean: false,
                    },
                );
            }
        });
        SourceStream { aborted }
    }

    /// Ends it.
    pub(super) fn abort(&self) {
        self.aborted.set(true);
    }
}
