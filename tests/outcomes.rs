//! What becomes of prompts that the server has: answered, waiting behind another one, or dropped by a stop.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::change::Delivery;
use opencode_session::proto::error::Code;
use opencode_session::proto::sync::Reply;
use serde_json::json;
use support_rs::server::Wire;
use support_rs::world::World;

const WIRES: [Wire; 3] = [Wire::Old, Wire::Mid, Wire::New];

/// A session that is shown, of a server that stores prompts and leaves their turns to the test.
struct Talk {
    world: World,
    handle: u32,
    session: String,
}

impl Talk {
    fn new(wire: Wire) -> Self {
        let mut world = World::new(wire, 3);
        world.server.plays = false;
        let session = world.server.create_session("/project");
        let handle = world.open(&session, 100);
        world.rest();
        Talk { world, handle, session }
    }

    /// Sends a prompt; it is stored and shown. Gives the server's id of it.
    fn send(&mut self, text: &str, token: u32) -> String {
        let draft = json!({ "parts": [{ "type": "text", "text": text }] });
        self.world.send(self.handle, &draft, token);
        self.world.arrive();
        self.world.server.intake(&self.session);
        self.world.arrive();
        assert!(matches!(self.world.result(token), Some(Ok(_))), "{text} is not stored");
        let stored = self.world.server.history(&self.session);
        let last = stored.iter().rfind(|stored| stored["info"]["role"] == "user");
        last.unwrap()["info"]["id"].as_str().unwrap().into()
    }

    fn busy(&mut self, busy: bool) {
        let status = json!({ "type": if busy { "busy" } else { "idle" } });
        self.world.server.say_status(&self.session, &status);
        self.world.server.keep_status(&self.session, status);
        self.world.arrive();
    }

    /// An answer begins; gives its id.
    fn answer(&mut self, parent: &str) -> String {
        self.world.server.now += 1;
        let id = self.world.server.id("msg_");
        let time = json!({ "created": self.world.server.now });
        let info =
            json!({ "id": id, "sessionID": self.session, "role": "assistant", "parentID": parent, "time": time });
        self.world.server.put_message(&self.session, info);
        let text = json!({
            "id": format!("prt_{id}"), "sessionID": self.session, "messageID": id, "type": "text", "text": "said",
        });
        self.world.server.put_part(&self.session, text, None);
        self.world.arrive();
        id
    }

    /// And ends, perhaps with an error of this name.
    fn end(&mut self, answer: &str, error: Option<&str>) {
        self.world.server.edit_message(&self.session, answer, |info| {
            info["time"]["completed"] = json!(9);
            if let Some(name) = error {
                info["error"] = json!({ "name": name, "data": { "message": "no" } });
            }
        });
        self.world.arrive();
    }

    /// `session.error`, as it comes before the end of the turn.
    fn error(&mut self, name: &str) {
        let error = json!({ "name": name, "data": { "message": "no" } });
        let properties = json!({ "sessionID": self.session, "error": error });
        self.world.server.publish(&self.session, "session.error", properties);
        self.world.arrive();
    }

    fn stop(&mut self, answer: &str) {
        self.error("MessageAbortedError");
        self.busy(false);
        self.end(answer, Some("MessageAbortedError"));
        self.busy(false);
    }

    fn delivery(&mut self, id: &str) -> Option<Delivery> {
        self.world.drain();
        let shown = &self.world.mirrors[&self.handle].messages;
        shown.iter().find(|shown| shown.id() == id).unwrap().delivery
    }

    fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 100 {
            self.world.pass(100);
            self.world.arrive();
        }
    }

    fn code(&self, token: u32) -> Option<Code> {
        Some(self.world.result(token)?.as_ref().unwrap_err().code)
    }

    /// Id of the message that `done` was answered with.
    fn told(&mut self, token: u32) -> Option<String> {
        self.world.drain();
        match self.world.result(token)? {
            Ok(Reply::Message { index, .. }) => Some(self.world.mirrors[&self.handle].messages[*index].id().into()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_prompt_behind_an_answer_that_is_stopped_is_dropped() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        let first = talk.send("first", 1);
        talk.busy(true);
        let answer = talk.answer(&first);
        let second = talk.send("second", 3);
        assert_eq!(talk.delivery(&first), Some(Delivery::Sent), "{wire:?}");
        assert_eq!(talk.delivery(&second), Some(Delivery::Queued), "{wire:?}");
        talk.wait(6_000);
        talk.stop(&answer);
        talk.wait(2_000);
        assert_eq!(talk.code(2), Some(Code::Aborted), "{wire:?}");
        assert_eq!(talk.code(4), Some(Code::Dropped), "{wire:?}");
        assert_eq!(talk.delivery(&second), Some(Delivery::Dropped), "{wire:?}");
        talk.world.rest();
        talk.world.assert_equal(talk.handle, &talk.session);
        // It may be sent again, and the next answer is the new prompt's own.
        let third = talk.send("second", 5);
        talk.busy(true);
        let answer = talk.answer(&third);
        talk.end(&answer, None);
        talk.busy(false);
        talk.world.rest();
        assert_eq!(talk.told(6), Some(answer), "{wire:?}");
        assert_eq!(talk.delivery(&second), Some(Delivery::Dropped), "{wire:?}");
    }
}

#[test]
fn a_prompt_behind_a_turn_that_fails_has_not_failed_itself() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        let first = talk.send("first", 1);
        talk.busy(true);
        let answer = talk.answer(&first);
        let second = talk.send("second", 3);
        talk.wait(6_000);
        talk.end(&answer, Some("APIError"));
        talk.error("APIError");
        talk.busy(false);
        talk.wait(2_000);
        assert_eq!(talk.code(2), Some(Code::TurnFailed), "{wire:?}");
        assert_eq!(talk.code(4), Some(Code::Dropped), "{wire:?}");
        assert_eq!(talk.delivery(&second), Some(Delivery::Dropped), "{wire:?}");
    }
}

#[test]
fn a_prompt_that_waited_and_got_its_turn_is_answered_by_it() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        let first = talk.send("first", 1);
        talk.busy(true);
        let one = talk.answer(&first);
        let second = talk.send("second", 3);
        assert_eq!(talk.delivery(&second), Some(Delivery::Queued), "{wire:?}");
        talk.end(&one, None);
        let two = talk.answer(&second);
        assert_eq!(talk.delivery(&second), Some(Delivery::Sent), "{wire:?}");
        talk.end(&two, None);
        talk.busy(false);
        talk.world.rest();
        assert_eq!(talk.told(2), Some(one), "{wire:?}");
        assert_eq!(talk.told(4), Some(two), "{wire:?}");
    }
}

#[test]
fn the_newest_of_several_is_answered_for_all_of_them() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        talk.send("first", 1);
        let second = talk.send("second", 3);
        talk.busy(true);
        let answer = talk.answer(&second);
        talk.end(&answer, None);
        talk.busy(false);
        talk.wait(2_000);
        assert_eq!(talk.told(2), Some(answer.clone()), "{wire:?}");
        assert_eq!(talk.told(4), Some(answer), "{wire:?}");
    }
}

#[test]
fn an_answer_that_failed_answers_nobody_else() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        talk.send("first", 1);
        let second = talk.send("second", 3);
        talk.busy(true);
        let answer = talk.answer(&second);
        talk.stop(&answer);
        talk.world.rest();
        assert_eq!(talk.code(2), Some(Code::Dropped), "{wire:?}");
        assert_eq!(talk.code(4), Some(Code::Aborted), "{wire:?}");
    }
}

#[test]
fn a_turn_that_begins_a_moment_after_another_has_ended_is_awaited() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        let first = talk.send("first", 1);
        talk.busy(true);
        let one = talk.answer(&first);
        let second = talk.send("second", 3);
        talk.end(&one, None);
        talk.busy(false);
        talk.wait(3_000);
        assert!(talk.world.result(4).is_none(), "{wire:?}: nobody knows yet");
        assert_ne!(talk.delivery(&second), Some(Delivery::Dropped), "{wire:?}");
        talk.busy(true);
        let two = talk.answer(&second);
        talk.end(&two, None);
        talk.busy(false);
        talk.world.rest();
        assert_eq!(talk.told(4), Some(two), "{wire:?}");
    }
}

#[test]
fn a_prompt_that_is_answered_after_all_is_not_called_dropped_any_more() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        let first = talk.send("first", 1);
        talk.busy(true);
        let one = talk.answer(&first);
        let second = talk.send("second", 3);
        talk.stop(&one);
        talk.wait(8_000);
        assert_eq!(talk.delivery(&second), Some(Delivery::Dropped), "{wire:?}");
        talk.busy(true);
        let two = talk.answer(&second);
        assert_eq!(talk.delivery(&second), Some(Delivery::Sent), "{wire:?}");
        talk.end(&two, None);
        talk.busy(false);
        talk.world.rest();
        talk.world.assert_equal(talk.handle, &talk.session);
    }
}

/// Without an answer from the server, nothing is known of what it will do.
#[test]
fn a_prompt_is_dropped_only_after_the_server_was_asked() {
    let mut talk = Talk::new(Wire::New);
    let first = talk.send("first", 1);
    talk.busy(true);
    let one = talk.answer(&first);
    talk.send("second", 3);
    talk.wait(6_000);
    talk.error("MessageAbortedError");
    let idle = json!({ "type": "idle" });
    talk.world.server.say_status(&talk.session, &idle);
    talk.world.flow(usize::MAX);
    for _ in 0..100 {
        talk.world.pass(100);
        talk.world.flow(usize::MAX);
        while !talk.world.inflight.is_empty() {
            talk.world.lose("/");
        }
    }
    assert!(talk.world.result(4).is_none());
    talk.world.server.keep_status(&talk.session, idle);
    talk.end(&one, Some("MessageAbortedError"));
    talk.world.rest();
    assert_eq!(talk.code(4), Some(Code::Dropped));
}

#[test]
fn what_waits_in_a_server_that_is_killed_is_dropped() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        let first = talk.send("first", 1);
        talk.busy(true);
        talk.answer(&first);
        let second = talk.send("second", 3);
        talk.wait(6_000);
        talk.world.server.restart(false);
        talk.world.cut(false);
        talk.world.rest();
        assert_eq!(talk.code(4), Some(Code::Dropped), "{wire:?}");
        assert_eq!(talk.delivery(&second), Some(Delivery::Dropped), "{wire:?}");
    }
}

#[test]
fn what_is_never_answered_is_told_within_half_a_minute() {
    for wire in WIRES {
        let mut talk = Talk::new(wire);
        let only = talk.send("only", 1);
        talk.wait(15_000);
        assert!(talk.world.result(2).is_none(), "{wire:?}: a cold server takes its time");
        talk.wait(15_000);
        assert_eq!(talk.code(2), Some(Code::Dropped), "{wire:?}");
        assert_eq!(talk.delivery(&only), Some(Delivery::Dropped), "{wire:?}");
    }
}

#[test]
fn a_server_that_says_idle_has_not_ended_a_turn() {
    let mut talk = Talk::new(Wire::New);
    talk.send("one", 1);
    // As a poll tells it, or a plugin that starts: nothing has run.
    talk.busy(false);
    for _ in 0..100 {
        talk.world.pass(100);
        talk.world.arrive();
    }
    assert!(talk.world.result(2).is_none(), "the server is cold: it may still begin");
}
