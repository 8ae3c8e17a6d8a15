//! Text that was read and that the server lost: it stays, and is called what it is.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use serde_json::json;
use support_rs::script::Spot;
use support_rs::server::Wire;
use support_rs::world::World;

const WIRES: [Wire; 3] = [Wire::Old, Wire::Mid, Wire::New];

/// An answer that is being written, and was shown as far as `one two `.
struct Answer {
    world: World,
    handle: u32,
    session: String,
    at: Spot,
}

impl Answer {
    fn new(wire: Wire) -> Self {
        let mut world = World::new(wire, 5);
        world.server.plays = false;
        let session = world.server.create_session("/project");
        let handle = world.open(&session, 100);
        world.rest();
        let prompt = json!({ "id": "msg_1", "sessionID": session, "role": "user", "time": { "created": 1 } });
        world.server.put_message(&session, prompt);
        let status = json!({ "type": "busy" });
        world.server.say_status(&session, &status);
        world.server.keep_status(&session, status);
        let answer = json!({
            "id": "msg_2", "sessionID": session, "role": "assistant", "parentID": "msg_1", "time": { "created": 2 },
        });
        world.server.put_message(&session, answer);
        let at = Spot::new(&mut world.server, &session, "msg_2", "text");
        world.server.begin_text(&at);
        world.server.delta(&at, "one two ");
        let mut answer = Answer {
            world,
            handle,
            session,
            at,
        };
        answer.world.arrive();
        assert_eq!(answer.shown(), ("one two ".into(), "streaming"));
        answer
    }

    fn shown(&mut self) -> (String, &'static str) {
        self.world.drain();
        let part = self.world.mirrors[&self.handle].part(&self.at.part).unwrap();
        (part.text().into(), part.continuity)
    }

    /// The server dies and comes back; the page follows.
    fn kill(&mut self) {
        self.world.server.restart(false);
        self.world.cut(false);
        self.world.rest();
    }

    fn complete(&mut self, error: bool) {
        self.world.server.edit_message(&self.session, "msg_2", |info| {
            info["time"]["completed"] = json!(9);
            if error {
                info["error"] = json!({ "name": "MessageAbortedError", "data": { "message": "Aborted" } });
            }
        });
        self.world.rest();
    }
}

#[test]
fn what_was_read_of_an_answer_stays_when_its_server_is_killed() {
    for wire in WIRES {
        let mut answer = Answer::new(wire);
        answer.kill();
        let kind = if wire == Wire::Old { "settled" } else { "interrupted" };
        assert_eq!(answer.shown(), ("one two ".into(), kind), "{wire:?}");
        // However often the history is read again.
        for _ in 0..3 {
            answer.world.cut(false);
            answer.world.pass(20_000);
            answer.world.rest();
            assert_eq!(answer.shown(), ("one two ".into(), kind), "{wire:?}");
        }
        answer.world.assert_equal(answer.handle, &answer.session);
    }
}

#[test]
fn what_was_read_of_an_answer_stays_when_a_stop_loses_it() {
    let mut answer = Answer::new(Wire::Mid);
    answer.world.server.abort(&answer.session);
    let idle = json!({ "type": "idle" });
    answer.world.server.lose_text(&answer.at);
    answer.world.server.say_status(&answer.session, &idle);
    answer.world.server.keep_status(&answer.session, idle);
    answer.complete(true);
    assert_eq!(answer.shown(), ("one two ".into(), "interrupted"));
    answer.world.assert_equal(answer.handle, &answer.session);
}

#[test]
fn text_behind_a_hole_stays_behind_it() {
    let mut answer = Answer::new(Wire::New);
    answer.world.cut(false);
    answer.world.server.delta(&answer.at, "three ");
    for _ in 0..20 {
        answer.world.pass(1_000);
        answer.world.arrive();
    }
    answer.world.server.delta(&answer.at, "four ");
    answer.world.arrive();
    assert_eq!(answer.shown(), ("one two ".into(), "gapped"));
    answer.kill();
    assert_eq!(answer.shown(), ("one two ".into(), "gapped"));
    let part = answer.world.mirrors[&answer.handle].part(&answer.at.part).unwrap();
    assert_eq!(part.tail(), "four ");
}

#[test]
fn what_the_server_says_of_it_later_wins() {
    for wire in [Wire::Mid, Wire::New] {
        // A part that ends.
        let mut answer = Answer::new(wire);
        answer.kill();
        answer.world.server.end_text(&answer.at, Some("one"));
        answer.world.rest();
        assert_eq!(answer.shown(), ("one".into(), "settled"), "{wire:?}");
        // A message that completes: what it left open is as stored.
        let mut answer = Answer::new(wire);
        answer.kill();
        answer.complete(false);
        assert_eq!(answer.shown(), (String::new(), "settled"), "{wire:?}");
        // Another text.
        let mut answer = Answer::new(wire);
        answer.kill();
        answer
            .world
            .server
            .said
            .get_mut(&answer.at.part)
            .unwrap()
            .versions
            .push("other".into());
        answer.world.server.said.get_mut(&answer.at.part).unwrap().rewritten = true;
        let part = answer.at.value("other", Some(1), None);
        answer.world.server.put_part(&answer.session, part, None);
        answer.world.rest();
        assert_eq!(answer.shown(), ("other".into(), "settled"), "{wire:?}");
    }
}

#[test]
fn what_was_read_is_there_after_a_reload() {
    let mut answer = Answer::new(Wire::New);
    answer.kill();
    let session = answer.session.clone();
    for _ in 0..2 {
        answer.world.save(answer.handle, &session);
        answer.handle = answer.world.reload(&session, 100);
        answer.world.rest();
        assert_eq!(answer.shown(), ("one two ".into(), "interrupted"));
    }
}

#[test]
fn a_server_that_goes_on_after_all_is_heard() {
    let mut answer = Answer::new(Wire::New);
    answer.kill();
    answer.world.server.delta(&answer.at, "three ");
    answer.world.arrive();
    assert_eq!(answer.shown(), ("one two ".into(), "gapped"));
    answer.world.server.said.get_mut(&answer.at.part).unwrap().lost = false;
    answer.world.server.end_text(&answer.at, None);
    answer.complete(false);
    assert_eq!(answer.shown(), ("one two three ".into(), "settled"));
    answer.world.assert_equal(answer.handle, &answer.session);
}
