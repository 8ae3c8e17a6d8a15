//! The servers' place in a history, by which they give the page before it.

use super::json::Object;

/// The cursor of a page whose oldest message this is: base64url of its id and time (measured on 1.2.27 and 1.18.33). It is the
/// server's secret, so one is made here only after the server's own were seen to be like this.
pub fn cursor(id: &str, created: i64) -> String {
    encode64(Object::new().text("id", id).number("time", created).end().as_bytes())
}

/// base64url without padding.
pub fn encode64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | u32::from(chunk.get(at).copied().unwrap_or_default())
        });
        for at in 0..=chunk.len() {
            out.push(char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]));
        }
    }
    out
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
