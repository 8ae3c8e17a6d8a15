use crate::proto::client::Config;
use crate::proto::connection::{RetryPolicy, Transport};
use crate::proto::json::Cursor;
use crate::proto::limits::Limits;

/// Reads the options that `src/js/client.ts` has checked. Unknown ones are left out.
pub(super) fn read(json: &str, seed: u64) -> Config {
    let mut config = Config {
        directory: None,
        transport: Transport::Auto,
        keeper: false,
        retry: RetryPolicy::default(),
        limits: Limits::default(),
        seed,
    };
    let _ = Cursor::new(json.as_bytes()).object(&mut |key, value| {
        let retry = &mut config.retry;
        let limits = &mut config.limits;
        if key.is("directory") {
            config.directory = value.maybe_string()?.map(|text| text.to_text());
        } else if key.is("keeper") {
            config.keeper = value.maybe_string()?.is_some();
        } else if key.is("transport") {
            let name = value.maybe_string()?.unwrap_or_default();
            config.transport = if name.is("fetch") {
                Transport::Fetch
            } else if name.is("eventsource") {
                Transport::EventSource
            } else if name.is("poll") {
                Transport::Poll
            } else {
                Transport::Auto
            };
        } else if let Some(number) = value.maybe_integer()? {
            let number = number.max(1) as u64;
            let size = number as usize;
            if key.is("min") {
                retry.min = number;
            } else if key.is("max") {
                retry.max = number;
            } else if key.is("resetAfter") {
                retry.reset_after = number;
            } else if key.is("line") {
                limits.line = size;
            } else if key.is("event") {
                limits.event = size;
            } else if key.is("buffered") {
                limits.buffered = size;
            } else if key.is("bufferedEvents") {
                limits.buffered_events = size;
            } else if key.is("rememberedIds") {
                limits.remembered_ids = size;
            } else if key.is("messages") {
                limits.messages = size;
            } else if key.is("outbox") {
                limits.outbox = size;
            } else if key.is("journal") {
                limits.journal = size;
            } else if key.is("requestTimeout") {
                limits.request_timeout = number;
            }
        }
        Ok(())
    });
    config
}
