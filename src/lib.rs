//! Chat sessions for the OpenCode server: a pure protocol core ([`proto`]) and, on wasm32, its browser shell.
//!
//! The npm package of the same name is what web pages install. This crate is its inside, and can be used natively:
//! drive [`proto::client::Client`] with your own HTTP.
//!
//! See `SPEC.md` for the merge rules and `ARCHITECTURE.md` for the way of the data.

pub mod proto;
#[cfg(target_arch = "wasm32")]
mod web;
