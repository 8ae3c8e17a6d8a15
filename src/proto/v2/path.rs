use crate::proto::request::encode;

/// A path of the core's, taken apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    /// The decoded pieces between the slashes.
    pub(super) pieces: Vec<String>,
    query: Vec<(String, String)>,
}

impl Path {
    pub(super) fn read(path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pieces = path.split('/').skip(1).map(decode).collect();
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(&value.replace('+', " ")))
        };
        Path {
            pieces,
            query: query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect(),
        }
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The directory that a v1 path names (which servers decode once more), as the query of v2 lists.
    pub(super) fn location(&self) -> String {
        let Some(directory) = self.query("directory") else {
            return String::new();
        };
        let mut out = String::from("?location%5Bdirectory%5D=");
        encode(&decode(directory), &mut out);
        out
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
