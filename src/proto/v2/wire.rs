use super::render::text;
use super::{Answer, Ask, Step};
use crate::proto::request::encode;

/// Two arrays or objects as one.
pub(super) fn joined(first: &[u8], second: &str, open: char, close: char) -> String {
    let inner = |json: &str| {
        let json = json.trim().strip_prefix(open).and_then(|json| json.strip_suffix(close));
        String::from(json.unwrap_or_default().trim())
    };
    let (first, second) = (inner(&String::from_utf8_lossy(first)), inner(second));
    let comma = if first.is_empty() || second.is_empty() { "" } else { "," };
    let mut out = String::from(open);
    out.push_str(&first);
    out.push_str(comma);
    out.push_str(&second);
    out.push(close);
    out
}

/// `/api/session/{id}{rest}`.
pub(super) fn api(session: &str, rest: &str) -> String {
    let mut path = String::from("/api/session/");
    encode(session, &mut path);
    path.push_str(rest);
    path
}

pub(super) fn get(path: String) -> Ask {
    Ask {
        method: "GET",
        path,
        ..Ask::default()
    }
}

pub(super) fn post(path: String, body: Option<String>) -> Ask {
    Ask {
        method: "POST",
        path,
        body: body.map(String::into_bytes),
        ..Ask::default()
    }
}

/// A failure is given on as it is; what a version is not ready for yet is not there.
pub(super) fn fail(answer: Answer) -> Step {
    let unready = answer.status == 503 && text(&answer.body, "_tag") == "ServiceUnavailableError";
    Step::Done(if unready { missing() } else { answer })
}

pub(super) fn is_good(answer: &Answer) -> bool {
    (200..300).contains(&answer.status) && (answer.body.is_empty() || answer.content_type.contains("json"))
}

/// As servers answer for a route that they do not have.
pub(super) fn missing() -> Answer {
    Answer {
        status: 200,
        content_type: String::from("text/html"),
        ..Answer::default()
    }
}

pub(super) fn not_found() -> Step {
    done(
        404,
        r#"{"name":"NotFoundError","data":{"message":"It is answered already, or not known."}}"#,
    )
}

pub(super) fn answer_with(status: u16, body: &str) -> Answer {
    Answer {
        status,
        content_type: String::from("application/json"),
        cursor: String::new(),
        body: body.as_bytes().to_vec(),
    }
}

pub(super) fn done(status: u16, body: &str) -> Step {
    Step::Done(answer_with(status, body))
}

pub(super) fn done_with(body: Vec<u8>) -> Step {
    Step::Done(Answer {
        body,
        ..answer_with(200, "")
    })
}
