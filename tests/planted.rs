//! The tests about bugs on purpose of the provider (feature `planted`), as a program of their own: the others do not wait for it.

mod provider_limiter;
mod provider_refresh;
