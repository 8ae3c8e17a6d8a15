use crate::proto::bytes::find;

/// Why a version cannot be put into an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlError {
    /// The address names another one.
    OtherVersion {
        /// The one that stands there.
        found: String,
    },
}

/// Routes that stand at the end of addresses that people copy.
const ROUTES: &[&str] = &["/chat/completions", "/completions"];

/// The endpoint with the version in its path, once, and without the route that is put behind it. `version` empty: as it is.
///
/// ```
/// use opencode_session::proto::provider::ask::endpoint_of;
/// assert_eq!(endpoint_of("http://host/api", "v1"), Ok("http://host/api/v1".into()));
/// assert_eq!(endpoint_of("http://host/v1", "v1"), Ok("http://host/v1".into()));
/// assert_eq!(endpoint_of("http://host/v1/chat/completions", ""), Ok("http://host/v1".into()));
/// assert!(endpoint_of("http://host/v2", "v1").is_err());
/// ```
pub fn endpoint_of(endpoint: &str, version: &str) -> Result<String, UrlError> {
    let endpoint = endpoint.split('#').next().unwrap_or_default();
    let (path, query) = endpoint.split_at(endpoint.find('?').unwrap_or(endpoint.len()));
    let path = path.trim_end_matches('/');
    let route = ROUTES.iter().find_map(|route| path.strip_suffix(route));
    let path = route.unwrap_or(path).trim_end_matches('/');
    if version.is_empty() {
        return Ok([path, query].concat());
    }
    match version_of(path) {
        Some(found) if found == version => Ok([path, query].concat()),
        Some(found) => Err(UrlError::OtherVersion {
            found: found.to_owned(),
        }),
        None => Ok([path, "/", version, query].concat()),
    }
}

/// A route behind an endpoint, before its query.
///
/// ```
/// use opencode_session::proto::provider::ask::address;
/// assert_eq!(address("http://host/v1?a=b", "/models"), "http://host/v1/models?a=b");
/// ```
pub fn address(endpoint: &str, route: &str) -> String {
    let (path, query) = endpoint.split_at(endpoint.find('?').unwrap_or(endpoint.len()));
    [path, route, query].concat()
}

/// The version at the end of an address: `v1`, `v1beta`, `2024-10-21`.
pub fn version_of(endpoint: &str) -> Option<&str> {
    let (_, path) = endpoint.split_at_checked(find(endpoint.as_bytes(), b"://")? + 3)?;
    let (_, last) = path.rsplit_once('/')?;
    let digit = |at: usize| last.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let dated = last.len() >= 10 && (0..4).all(digit) && last.as_bytes()[4] == b'-';
    (dated || (last.starts_with('v') && digit(1))).then_some(last)
}
