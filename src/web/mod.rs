//! The shell's wasm half: it runs the client and carries its outputs to JavaScript, and decides nothing.
//!
//! Requests, timers and streams are done by the host object (`src/js/link.ts`): a read that stays in JavaScript costs
//! half of one that is driven from here, and secrets never come into wasm memory.

mod core;
mod host;
mod keeper;
mod options;
mod shell;
mod sink;
