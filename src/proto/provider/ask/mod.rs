//! What is asked: from the caller's request to the JSON that goes to the server.

mod body;
mod read;
mod url;

pub use body::{Body, BodyOptions};
pub use read::{Ask, Kind, MAX_REQUEST};
pub use url::{UrlError, address, endpoint_of, version_of};
