//! The shell: it does the I/O that `proto` asks for, and decides nothing.
//!
//! Secrets never come here: the host object adds them to requests in JavaScript.

mod core;
mod fetch_stream;
mod host;
mod options;
mod shell;
mod sink;
mod source_stream;
