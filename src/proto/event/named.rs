use std::borrow::Cow;

use crate::proto::json::text_field;
use crate::proto::sse::Frame;

/// The JSON of a frame. A type that stands only in the frame's `event:` line, as gateways write it, goes into it.
pub fn named<'a>(frame: &Frame<'a>) -> Cow<'a, [u8]> {
    let Frame { event, data, .. } = *frame;
    let plain = event.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
    if event == b"message" || !plain || !data.starts_with(b"{") || text_field(data, "type").is_some() {
        return data.into();
    }
    let comma: &[u8] = if data == b"{}" { b"" } else { b"," };
    [b"{\"type\":\"", event, b"\"", comma, &data[1..]].concat().into()
}
