//! Undo: what is taken back is hidden, and the next prompt deletes it.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::server::{Op, Server, Stored};

/// A message of which something is visible.
pub(crate) struct Visible<'a> {
    stored: &'a Stored,
    /// The first part that is hidden.
    end: Option<String>,
}

impl<'a> Visible<'a> {
    pub(crate) fn id(&self) -> &'a str {
        self.stored.info["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn info(&self) -> &'a Value {
        &self.stored.info
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &'a Value> {
        let end = self.end.clone();
        let shown = move |(id, _): &(&String, &Value)| end.as_ref().is_none_or(|end| *id < end);
        self.stored.parts.iter().take_while(shown).map(|(_, part)| part)
    }
}

impl Server {
    /// `POST /session/{id}/revert`.
    pub(crate) fn revert(&mut self, session: &str, message: &str, part: Option<&str>) {
        let mut revert = json!({ "messageID": message });
        if let Some(part) = part {
            revert["partID"] = json!(part);
        }
        self.room(session).info["revert"] = revert;
        let id = |stored: &Stored| stored.info["id"].as_str().unwrap().to_owned();
        let list: Vec<String> = self.rooms[session].messages.iter().map(id).collect();
        self.hidden.extend(list.into_iter().skip_while(|id| id != message));
        self.tell_session(session);
    }

    /// `POST /session/{id}/unrevert`.
    pub(crate) fn unrevert(&mut self, session: &str) {
        if self
            .room(session)
            .info
            .as_object_mut()
            .unwrap()
            .remove("revert")
            .is_some()
        {
            self.tell_session(session);
        }
    }

    /// What a prompt does first: what is hidden is deleted.
    pub(crate) fn delete_hidden(&mut self, session: &str) {
        let room = &self.rooms[session];
        let Some(cut) = cut(&room.info) else { return };
        let from = room.messages.iter().position(|stored| stored.info["id"] == cut.0);
        let gone = room.messages[from.unwrap_or(room.messages.len())..].iter();
        let gone: Vec<String> = gone.map(|stored| stored.info["id"].as_str().unwrap().into()).collect();
        for (at, message) in gone.iter().enumerate() {
            match &cut.1 {
                Some(part) if at == 0 => {
                    let stored = self.rooms[session]
                        .messages
                        .iter()
                        .find(|stored| stored.info["id"] == *message);
                    let parts: Vec<String> = stored
                        .unwrap()
                        .parts
                        .range(part.clone()..)
                        .map(|(id, _)| id.clone())
                        .collect();
                    parts.iter().for_each(|part| self.remove_part(session, message, part));
                }
                _ => self.remove_message(session, message),
            }
        }
        self.unrevert(session);
    }

    /// Whether a prompt is taken in, or answered.
    pub(crate) fn is_busy(&self, session: &str) -> bool {
        let runs = |(lane, steps): (&String, &VecDeque<Op>)| lane.starts_with(session) && !steps.is_empty();
        self.rooms[session].status.is_some() || self.lanes.iter().any(runs)
    }

    /// The history without what is hidden.
    pub(crate) fn visible(&self, session: &str) -> Vec<Visible<'_>> {
        let room = &self.rooms[session];
        let whole = |stored| Visible { stored, end: None };
        let Some((message, part)) = cut(&room.info) else {
            return room.messages.iter().map(whole).collect();
        };
        let at = room.messages.iter().position(|stored| stored.info["id"] == message);
        let at = at.unwrap_or(room.messages.len());
        let mut shown: Vec<Visible<'_>> = room.messages[..at].iter().map(whole).collect();
        if let (Some(stored), Some(_)) = (room.messages.get(at), &part) {
            shown.push(Visible { stored, end: part });
        }
        shown
    }

    fn tell_session(&mut self, session: &str) {
        let info = self.room(session).info.clone();
        self.publish(
            session,
            "session.updated",
            json!({ "sessionID": session, "info": info }),
        );
    }
}

fn cut(info: &Value) -> Option<(String, Option<String>)> {
    let revert = info.get("revert")?;
    Some((
        revert["messageID"].as_str()?.into(),
        revert["partID"].as_str().map(String::from),
    ))
}
