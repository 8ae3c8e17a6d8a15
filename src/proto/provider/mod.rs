//! The provider: models behind OpenAI-compatible endpoints, as pure machines. They are told the time and what came, and say
//! what to do (`handle_*`, `poll_*`); requests, keys and clocks are the shell's.

pub mod answer;
pub mod ask;
pub mod budget;
pub mod config;
pub mod fallback;
pub mod family;
pub mod fault;
pub mod limiter;
pub mod models;
pub mod near;
#[doc(hidden)]
pub mod planted;
pub mod refresh;
mod sort;
