//! Answers that are not what was asked for.

use crate::fault::Fault;
use crate::support_rs::server::Answer;

/// `Retry-After` of the faults that have one.
const SECONDS: &str = "7";
const DATE: &str = "Wed, 21 Oct 2026 07:28:00 GMT";
const ABSURD: &str = "99999999";

/// What comes instead of the answer.
pub(crate) fn spoil(fault: Fault, answer: Answer) -> Answer {
    const PAGE: &[u8] = b"<!doctype html><title>Sign in</title>";
    let other = |status, content_type, body: &[u8], retry_after| Answer {
        status,
        content_type,
        retry_after,
        body: body.to_vec(),
        cursor: String::new(),
    };
    match fault {
        Fault::Http401 | Fault::Front401 => other(401, "", b"", ""),
        Fault::Front403 => other(403, "text/html", PAGE, ""),
        Fault::Front404 => other(404, "text/plain", b"404 page not found", ""),
        Fault::Http403 => other(403, "text/plain", b"no", ""),
        Fault::Http404 => other(404, "application/json", b"{}", ""),
        Fault::Http429Seconds => other(429, "", b"", SECONDS),
        Fault::Http429Date => other(429, "", b"", DATE),
        Fault::Http429Absurd => other(429, "", b"", ABSURD),
        Fault::Http500 => other(500, "application/json", b"{\"name\":\"UnknownError\"}", ""),
        Fault::Http502Html | Fault::Front502 => other(502, "text/html", PAGE, ""),
        Fault::Http503 => other(503, "", b"", "1"),
        Fault::Html200 => other(200, "text/html; charset=utf-8", PAGE, ""),
        Fault::WrongType => other(200, "text/plain", b"ok", ""),
        Fault::NoContent => other(204, "", b"", ""),
        Fault::Redirect => other(302, "", b"", ""),
        _ => Answer {
            body: answer.body[..answer.body.len() / 2].to_vec(),
            ..answer
        },
    }
}

/// A body that a broken server sends.
pub(crate) fn garble(mut answer: Answer, salt: u64) -> Answer {
    match salt % 6 {
        0 => answer.body = b"null".to_vec(),
        1 => answer.body = b"[[[[{}]]]]".to_vec(),
        2 => answer.body = b"{\"id\":\"__proto__\",\"info\":{\"id\":\"constructor\"},\"parts\":[{}]}".to_vec(),
        _ => {
            let at = (salt >> 8) as usize % answer.body.len().max(1);
            if let Some(byte) = answer.body.get_mut(at) {
                *byte ^= 1 << (salt % 7);
            }
        }
    }
    answer
}
