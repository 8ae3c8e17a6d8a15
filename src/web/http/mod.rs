//! Requests over the caller's `fetch`: what is sent, what comes back, for how long, and how much of it. Nothing here knows
//! what is asked for, and no secret comes in: headers with keys are the host's objects, never text of this memory.

mod body;
mod request;
mod wait;

pub(super) use body::{Pump, read_all};
pub(super) use request::{Abort, HttpError, Request, send};
pub(super) use wait::{Stage, Times, Watch, sleep, wall};
