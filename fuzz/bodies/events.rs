//! Any event data: read as serde_json reads it, or refused, and never a panic.

use opencode_session::proto::event::{Envelope, Event, PartKind, Role, decode};
use opencode_session::proto::json::{Str, text_field};
use serde_json::{Map, Value, json};

const OURS: &str = "ses_1";

/// Input: the data of one event.
pub(crate) fn run(input: &[u8]) {
    let all = decode(input, &|_| true);
    let ours = decode(input, &|id| id.is(OURS));
    if let Ok(Some(envelope)) = decode(input, &|_| false) {
        assert!(is_global(&envelope), "nobody asked for {envelope:?}");
    }
    let theirs = serde_json::from_slice::<Value>(input).ok();
    let theirs = theirs.filter(|theirs| is_plain(theirs, input));
    match &all {
        Ok(Some(envelope)) => {
            let seen = matches!(ours, Ok(Some(_)));
            // An event of the whole server that names a session may count as that session's; one that names two is
            // left at the first.
            let open = is_global(envelope) || theirs.is_none();
            assert!(open || seen == envelope.session.is(OURS), "{envelope:?}");
        }
        // Left out or refused; what is refused may be of another session.
        Ok(None) => assert!(matches!(ours, Ok(None)), "{ours:?}"),
        Err(_) => assert!(!matches!(ours, Ok(Some(_))), "{ours:?}"),
    }
    let Some(theirs) = theirs else { return };
    let got = all.ok().flatten().map(|envelope| told(&envelope));
    assert_eq!(got, expected(&theirs), "{theirs}");
}

/// Told whichever session is asked for: of the whole server, or of one that may run inside another.
fn is_global(envelope: &Envelope<'_>) -> bool {
    let global = matches!(
        envelope.event,
        Event::Connected | Event::Heartbeat | Event::Disposed | Event::Session { .. }
    );
    global || envelope.event.is_surfacing()
}

/// What an event says. Times only as whole numbers.
fn told(envelope: &Envelope<'_>) -> Value {
    let text = |text: Str<'_>| text.to_text();
    let value = |raw: &[u8]| serde_json::from_slice::<Value>(raw).unwrap_or_default();
    let what = match envelope.event {
        Event::Connected => json!(["connected"]),
        Event::Heartbeat => json!(["heartbeat"]),
        Event::Disposed => json!(["disposed"]),
        Event::ReplayOpened { kept } => json!(["replay", kept]),
        Event::ReplayLive => json!(["replay-live"]),
        Event::ReplayHole => json!(["replay-hole"]),
        Event::Stored { seq } => json!(["stored", seq]),
        Event::Idle => json!(["idle"]),
        Event::SessionDeleted => json!(["deleted"]),
        Event::Delta {
            message,
            part,
            field,
            delta,
        } => json!(["delta", text(message), text(part), text(field), text(delta)]),
        Event::PartRemoved { message, part } => json!(["part-removed", text(message), text(part)]),
        Event::MessageRemoved { message } => json!(["removed", text(message)]),
        Event::Part { head, raw } => {
            let kind = match head.kind {
                PartKind::Text => "text",
                PartKind::Tool => "tool",
                PartKind::Other => "other",
            };
            json!([
                "part",
                text(head.id),
                text(head.message),
                text(head.session),
                kind,
                head.text.map(text),
                head.rank,
                value(raw)
            ])
        }
        Event::Message { head, raw, .. } => json!([
            "message",
            text(head.id),
            text(head.session),
            head.parent.map(text),
            head.role == Role::User,
            head.created,
            head.completed,
            head.error.map(value),
            value(raw)
        ]),
        Event::Session { raw } => json!([
            "session",
            text_field(raw, "directory").map(|text| text.to_text()),
            value(raw)
        ]),
        Event::Status { raw } => json!(["status", value(raw)]),
        Event::Error { raw } => json!(["error", value(raw)]),
        Event::PermissionAsked { id, raw } => json!(["permission", text(id), value(raw)]),
        Event::PermissionReplied { id } => json!(["permission-replied", text(id)]),
        Event::QuestionAsked { id, raw } => json!(["question", text(id), value(raw)]),
        Event::QuestionDone { id } => json!(["question-done", text(id)]),
        Event::Todos { raw } => json!(["todos", value(raw)]),
    };
    json!([envelope.id.map(text), text(envelope.session), what])
}

/// The same, read from a tree. `None`: no event that the client acts on.
fn expected(event: &Value) -> Option<Value> {
    if event["payload"].is_object() {
        return expected(&event["payload"]);
    }
    if let Some(copy) = event.get("syncEvent").filter(|copy| copy.is_object()) {
        let session = copy["aggregateID"].as_str().unwrap_or_default();
        return Some(json!([null, session, ["stored", copy["seq"].as_i64()?]]));
    }
    let none = Map::new();
    let fields = match event.get("properties") {
        Some(properties) => properties.as_object()?,
        None => &none,
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let or_empty = |name: &str| text(name).unwrap_or_default();
    let any = |name: &str| fields.get(name).cloned();
    let object = |name: &str| fields.get(name).filter(|value| value.is_object());
    let whole = || fields.clone();
    let what = match event["type"].as_str()? {
        "server.connected" => json!(["connected"]),
        "server.heartbeat" => json!(["heartbeat"]),
        "server.instance.disposed" | "global.disposed" => json!(["disposed"]),
        "replay.opened" => json!(["replay", text("continuity") == Some("kept")]),
        "replay.live" => json!(["replay-live"]),
        "replay.hole" => json!(["replay-hole"]),
        "session.idle" => json!(["idle"]),
        "session.deleted" => json!(["deleted"]),
        "message.part.delta" => json!([
            "delta",
            or_empty("messageID"),
            text("partID")?,
            or_empty("field"),
            text("delta")?
        ]),
        "message.part.removed" => json!(["part-removed", or_empty("messageID"), or_empty("partID")]),
        "message.removed" => json!(["removed", or_empty("messageID")]),
        "message.part.updated" => part(object("part")?)?,
        "message.updated" => message(object("info")?)?,
        "session.created" | "session.updated" => {
            let info = object("info")?;
            json!(["session", info["directory"].as_str(), info])
        }
        "session.status" => json!(["status", any("status")?]),
        "session.error" => json!(["error", any("error").unwrap_or_default()]),
        "permission.asked" | "permission.updated" => json!(["permission", text("id")?, whole()]),
        "permission.replied" => json!(["permission-replied", request(fields)?]),
        "question.asked" => json!(["question", text("id")?, whole()]),
        "question.replied" | "question.rejected" => json!(["question-done", request(fields)?]),
        "todo.updated" => json!(["todos", any("todos")?]),
        _ => return None,
    };
    let session = match (or_empty("sessionID"), object("part"), object("info")) {
        ("", Some(part), _) => part["sessionID"].as_str().unwrap_or_default(),
        ("", None, Some(info)) => info["sessionID"].as_str().or(info["id"].as_str()).unwrap_or_default(),
        (session, _, _) => session,
    };
    Some(json!([event["id"].as_str(), session, what]))
}

fn part(part: &Value) -> Option<Value> {
    let text = |name: &str| part[name].as_str().unwrap_or_default();
    let (id, message) = (part["id"].as_str()?, part["messageID"].as_str()?);
    let kind = match text("type") {
        "text" | "reasoning" => "text",
        "tool" => "tool",
        _ => "other",
    };
    let time = &part["time"];
    let rank = match (kind, part["state"]["status"].as_str()) {
        ("text", _) if time.get("start").is_some() && time["end"].is_null() => 0,
        ("tool", Some("pending")) => 0,
        ("tool", Some("running")) => 1,
        _ => 2,
    };
    let told = json!([
        "part",
        id,
        message,
        text("sessionID"),
        kind,
        part["text"].as_str(),
        rank,
        part
    ]);
    (!id.is_empty() && !message.is_empty()).then_some(told)
}

fn message(info: &Value) -> Option<Value> {
    let id = info["id"].as_str().filter(|id| !id.is_empty())?;
    let error = Some(&info["error"]).filter(|error| error.is_object());
    let time = &info["time"];
    Some(json!([
        "message",
        id,
        info["sessionID"].as_str().unwrap_or_default(),
        info["parentID"].as_str(),
        info["role"] == "user",
        time["created"].as_i64().unwrap_or_default(),
        error.is_some() || time["completed"].is_number(),
        error,
        info
    ]))
}

fn request(fields: &Map<String, Value>) -> Option<&str> {
    let text = |name: &str| fields.get(name)?.as_str();
    text("requestID").or(text("permissionID")).or(text("id"))
}

/// Whether the two may be compared: no key twice or with escapes, where first, last and spelling count; no two
/// envelopes at one level, where order counts; and no time that is not a whole number.
fn is_plain(value: &Value, input: &[u8]) -> bool {
    keys(value) == colons(input) && !twofold(value) && !escaped_type(input) && whole_times(value)
}

fn keys(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.len() + map.values().map(keys).sum::<usize>(),
        Value::Array(list) => list.iter().map(keys).sum(),
        _ => 0,
    }
}

/// Colons outside of strings, in valid JSON.
fn colons(input: &[u8]) -> usize {
    let (mut count, mut quoted, mut at) = (0, false, 0);
    while let Some(byte) = input.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => quoted = !quoted,
            b':' if !quoted => count += 1,
            _ => {}
        }
        at += 1;
    }
    count
}

fn twofold(event: &Value) -> bool {
    let payload = &event["payload"];
    if event["syncEvent"].is_object() {
        return event["type"] != "sync" || event.get("properties").is_some() || payload.is_object();
    }
    payload.is_object() && (event.get("type").is_some() || event.get("properties").is_some() || twofold(payload))
        || event["properties"].get("requestID").is_some() && event["properties"].get("permissionID").is_some()
}

/// Servers never escape letters, and the type is looked at before it is unescaped.
fn escaped_type(input: &[u8]) -> bool {
    input.windows(2).any(|pair| pair == b"\\u" || pair == b"\\/")
}

fn whole_times(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().all(|(key, value)| {
            let time = key == "created" || key == "completed" || key == "seq";
            (!time || !value.is_number() || value.is_i64() || value.is_u64() && value.as_i64().is_some())
                && whole_times(value)
        }),
        Value::Array(list) => list.iter().all(whole_times),
        _ => true,
    }
}
