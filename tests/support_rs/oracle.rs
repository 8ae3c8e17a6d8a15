//! What may be shown, judged by all that the server ever said.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::mirror::{Message, Mirror, Part, utf16};
use super::revert::Visible;
use super::server::Server;

/// What was shown of each part so far.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    texts: BTreeMap<String, String>,
    /// How often a gap was shown.
    pub(crate) gaps: usize,
}

impl Shown {
    /// P1, P2 and P4 for what is shown now, and no prompt twice.
    pub(crate) fn check(&mut self, mirror: &Mirror, server: &Server) -> Result<(), String> {
        let mut prompts = Vec::new();
        for message in mirror.messages.iter().filter(|message| message.info["role"] == "user") {
            let text = message.text();
            if text.starts_with("prompt #") {
                prompts.push(text);
            }
        }
        let count = prompts.len();
        prompts.sort_unstable();
        prompts.dedup();
        if prompts.len() < count {
            let brief = |message: &Message| format!("{} {} {:?}", message.key, message.info, message.text());
            let list: Vec<String> = mirror.messages.iter().map(brief).collect();
            return Err(format!("a prompt is shown twice:\n{}", list.join("\n")));
        }
        for part in mirror.parts() {
            let Some(said) = server.said.get(part.id()) else {
                continue;
            };
            let text = part.text();
            if !said.versions.iter().any(|version| version.starts_with(text)) {
                return Err(format!("P1: {text:?} is no beginning of {said:?}"));
            }
            if let Some(at) = part.gap {
                self.gaps += 1;
                // A tail may begin with the second half of a pair whose first half was missed.
                let tail = part.tail().trim_start_matches(char::REPLACEMENT_CHARACTER);
                if at != utf16(text) {
                    return Err(format!("P4: the gap is not where the text ends: {part:?}"));
                }
                if !said.versions.iter().any(|version| version.contains(tail)) {
                    return Err(format!("P4: the tail was never said: {part:?} of {said:?}"));
                }
            }
            let Some(before) = self.texts.get_mut(part.id()) else {
                self.texts.insert(part.id().to_owned(), text.to_owned());
                continue;
            };
            if before == text {
                continue;
            }
            let rewritten = said.rewritten && said.versions.iter().any(|version| version == text);
            // What a retry left behind is as stored once the message is complete. What broke off stays.
            let rewritten = rewritten || (text.is_empty() && is_left(part, server));
            if !text.starts_with(before.as_str()) && !rewritten {
                return Err(format!("P2: {before:?} became {text:?}; said {said:?}"));
            }
            text.clone_into(before);
        }
        // What left the list, because that began anew with a newer page, comes back as the server has it.
        let there: Vec<&str> = mirror.parts().map(Part::id).collect();
        let lost = |id: &String| server.said.get(id).is_some_and(|said| said.lost);
        self.texts.retain(|id, _| !lost(id) || there.contains(&id.as_str()));
        Ok(())
    }
}

/// Whether the part was left open by a message that completed.
fn is_left(part: &Part, server: &Server) -> bool {
    let message = part.value["messageID"].as_str().unwrap_or_default();
    server.said.get(part.id()).is_some_and(|said| said.lost) && server.is_complete(message)
}

/// Whether the part is called broken off, or still has its gap, and is.
fn is_broken_off(part: &Part, server: &Server) -> bool {
    let lost = server.said.get(part.id()).is_some_and(|said| said.lost);
    matches!(part.continuity, "interrupted" | "gapped") && lost && !is_left(part, server)
}

/// What is shown, but of texts that the server lost what it has of them: nothing.
pub(crate) fn as_stored(mirror: &Mirror, server: &Server) -> Vec<Value> {
    let mut mirror = mirror.clone();
    for part in mirror.messages.iter_mut().flat_map(|message| &mut message.parts) {
        if is_broken_off(part, server) {
            part.value["text"] = json!("");
        }
    }
    mirror.history()
}

/// Whether the message is shown as a fresh load tells it, but for texts that the server lost.
fn is_same(shown: &Message, told: &Visible<'_>, server: &Server) -> bool {
    let same = |part: &Part, told: &Value| {
        if !is_broken_off(part, server) {
            return part.value == *told;
        }
        let mut value = part.value.clone();
        value["text"] = json!("");
        value == *told
    };
    let mut parts = told.parts();
    let all = shown
        .parts
        .iter()
        .all(|part| parts.next().is_some_and(|told| same(part, told)));
    shown.info == *told.info() && all && parts.next().is_none()
}

/// P3: what is shown equals a fresh load, as far back as it reaches.
pub(crate) fn equal(mirror: &Mirror, server: &Server, session: &str) -> Result<(), String> {
    let room = &server.rooms[session];
    let history = server.visible(session);
    let mut shown: Vec<&Message> = mirror.history_of().collect();
    if server.skewed && mirror.field("hasOlder") == true {
        // A clock that went back puts what is new before what is loaded: there it is shown all the same.
        let apart = |shown: &[&Message]| {
            let from = history.len().checked_sub(shown.len());
            from.is_none_or(|from| history[from].id() != shown[0].id())
        };
        let told = |shown: &Message| history.iter().any(|told| is_same(shown, told, server));
        while shown.len() > 1 && apart(&shown) && told(shown[0]) {
            shown.remove(0);
        }
    }
    let older = history.len().saturating_sub(shown.len());
    if older > 0 && mirror.field("hasOlder") != true {
        return Err(format!("the history is not whole: {:?}", mirror.ids()));
    }
    for (at, told) in history[older..].iter().enumerate() {
        if !shown.get(at).is_some_and(|shown| is_same(shown, told, server)) {
            return Err(format!(
                "P3: message {at} differs: {}",
                difference(shown.get(at).copied(), told)
            ));
        }
    }
    if shown.len() != history.len() - older {
        return Err(format!("P3: more is shown than there is: {:?}", mirror.ids()));
    }
    let open = |part: &&Part| part.continuity != "settled" && !is_broken_off(part, server);
    if let Some(part) = mirror.parts().find(open) {
        return Err(format!("P3: not settled: {part:?}"));
    }
    let asked = |name, told: &Vec<Value>| {
        mirror
            .field(name)
            .as_array()
            .map_or(told.is_empty(), |list| list == told)
    };
    let wrong = |name: &str, told: &dyn Fn() -> Value| {
        Err(format!("P3: {name} is {} instead of {}", mirror.field(name), told()))
    };
    if mirror.field("session") != &room.info {
        return wrong("session", &|| room.info.clone());
    }
    if mirror.field("todos") != &room.todos {
        return wrong("todos", &|| room.todos.clone());
    }
    if !asked("permissions", &room.permissions) {
        return wrong("permissions", &|| json!(room.permissions));
    }
    if !asked("questions", &room.questions) {
        return wrong("questions", &|| json!(room.questions));
    }
    Ok(())
}

/// The first thing in which two messages differ.
fn difference(shown: Option<&Message>, told: &Visible<'_>) -> String {
    let Some(shown) = shown else {
        return format!("it is missing: {}", told.info());
    };
    if shown.info != *told.info() {
        return format!("{} instead of {}", shown.info, told.info());
    }
    let (shown, told): (Vec<&Value>, Vec<&Value>) = (
        shown.parts.iter().map(|part| &part.value).collect(),
        told.parts().collect(),
    );
    let at = (0..shown.len().max(told.len()))
        .find(|at| shown.get(*at) != told.get(*at))
        .unwrap_or_default();
    let text = |part: Option<&&Value>| part.map_or("nothing".into(), |part| part.to_string());
    format!("part {at} is {} instead of {}", text(shown.get(at)), text(told.get(at)))
}
