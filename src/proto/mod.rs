//! The pure part: no I/O, no clock, no randomness of its own, no JavaScript.
//!
//! The way of the data: `sse` (bytes → frames) → `event` (frames → events) → `sync` (order and fencing) → `store`
//! (merge) → `change` (what moved). `connection` decides when there is a stream, `command` what the user sends, and
//! `client` ties them into one state machine with `handle_input`, `poll_output` and `poll_timeout`.

pub mod bytes;
pub mod change;
pub mod client;
pub mod clock;
pub mod command;
pub mod connection;
pub mod cursor;
pub mod error;
pub mod event;
pub mod journal;
pub mod json;
pub mod keeper;
pub mod limits;
#[doc(hidden)]
pub mod planted;
#[cfg(feature = "provider")]
pub mod provider;
#[cfg(feature = "relay")]
pub mod relay;
pub mod replay;
pub mod request;
pub mod retry;
pub mod rng;
pub mod sse;
pub mod store;
pub mod sync;
#[cfg(feature = "v2")]
pub mod v2;
