//! Events that did not arrive: too large, or too many at once. They cost what they told, and nothing else.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::desk;
use crate::support_rs;

use desk::{Desk, sent};
use opencode_session::proto::client::Input;
use opencode_session::proto::limits::Limits;
use serde_json::{Value, json};

use support_rs::mirror::Part;
use support_rs::script::Spot;
use support_rs::server::{Logged, Server, Wire};
use support_rs::world::{Flight, World, config};

const WIRES: [Wire; 3] = [Wire::Old, Wire::Mid, Wire::New];
const LIMIT: usize = 3_000;

/// A session that shows the beginning of an answer; events over [`LIMIT`] are too large.
struct Scene {
    world: World,
    session: String,
    handle: u32,
    message: String,
    text: Spot,
}

fn scene(wire: Wire) -> Scene {
    let mut server = Server::new(wire, 1);
    let session = server.create_session("/project");
    let mut config = config(1);
    (config.limits.line, config.limits.event) = (LIMIT, LIMIT);
    let mut world = World::with(server, config);
    let handle = world.open(&session, 100);
    world.arrive();
    world.pass(5_000);
    let busy = json!({ "type": "busy" });
    world.server.say_status(&session, &busy);
    world.server.keep_status(&session, busy);
    let prompt = json!({ "id": "msg_0", "sessionID": session, "role": "user", "time": { "created": 1 } });
    world.server.put_message(&session, prompt);
    let message = String::from("msg_1");
    let info = json!({ "id": message, "sessionID": session, "role": "assistant", "time": { "created": 2 } });
    world.server.put_message(&session, info);
    let text = Spot::new(&mut world.server, &session, &message, "text");
    world.server.begin_text(&text);
    world.server.delta(&text, "one two ");
    world.arrive();
    let mut scene = Scene {
        world,
        session,
        handle,
        message,
        text,
    };
    assert_eq!(scene.shown().text(), "one two ");
    scene
}

impl Scene {
    fn shown(&mut self) -> Part {
        self.world.drain();
        self.world.mirrors[&self.handle].part(&self.text.part).unwrap().clone()
    }

    fn error(&mut self) -> Value {
        self.world.drain();
        self.world.mirrors[&self.handle].field("error").clone()
    }

    /// The server says so, spelled like this.
    fn say(&mut self, json: String) {
        self.world.server.log.push(Logged {
            directory: "/project".into(),
            json,
            stored: false,
            piece: None,
        });
        self.world.flow(usize::MAX);
    }

    /// The server stores a part, and tells it.
    fn put(&mut self, part: &Value) {
        let session = self.session.clone();
        self.world.server.put_part(&session, part.clone(), None);
        let wire = self.world.server.wire;
        self.world.server.log.pop();
        self.say(spelled(wire, part));
    }

    /// What is too large comes, then the answer goes on; everything is answered, and no time passes.
    fn go_on(&mut self) {
        self.world.flow(usize::MAX);
        self.world.server.delta(&self.text, "three ");
        self.world.arrive();
    }

    fn asked(&self) -> usize {
        self.world.requests.len()
    }

    /// The answer ends, and all is as the server has it.
    fn end(mut self) {
        let text = self.text.clone();
        self.world.server.end_text(&text, None);
        let message = self.message.clone();
        let session = self.session.clone();
        self.world
            .server
            .edit_message(&session, &message, |info| info["time"]["completed"] = json!(9));
        let idle = json!({ "type": "idle" });
        self.world.server.keep_status(&session, idle.clone());
        self.world.server.say_status(&session, &idle);
        self.world.rest();
        self.world.assert_equal(self.handle, &session);
    }
}

fn tool(session: &str, message: &str, output: &str) -> Value {
    let state = json!({ "status": "completed", "input": {}, "output": output, "time": { "start": 1, "end": 2 } });
    json!({ "type": "tool", "callID": "c", "state": state, "id": "prt_zz", "sessionID": session, "messageID": message })
}

/// The same event as servers of the generation spell it: new ones put what is large before the names.
fn spelled(wire: Wire, part: &Value) -> String {
    let (id, session, message) = (&part["id"], &part["sessionID"], &part["messageID"]);
    let names = format!("\"id\":{id},\"sessionID\":{session},\"messageID\":{message}");
    let state = format!("\"type\":\"tool\",\"callID\":\"c\",\"state\":{}", part["state"]);
    if wire == Wire::New {
        let properties = format!("{{\"sessionID\":{session},\"part\":{{{state},{names}}},\"time\":1}}");
        format!(
            "{{\"id\":\"evt_large{}\",\"type\":\"message.part.updated\",\"properties\":{properties}}}",
            state.len()
        )
    } else {
        format!("{{\"type\":\"message.part.updated\",\"properties\":{{\"part\":{{{names},{state}}}}}}}")
    }
}

fn large() -> String {
    "x".repeat(2 * LIMIT)
}

#[test]
fn an_event_too_large_of_another_session_changes_nothing() {
    for wire in WIRES {
        let mut scene = scene(wire);
        let asked = scene.asked();
        scene.say(spelled(wire, &tool("ses_other", "msg_other", &large())));
        scene.go_on();
        let shown = scene.shown();
        assert_eq!((shown.text(), shown.gap), ("one two three ", None), "{wire:?}");
        assert_eq!(scene.asked(), asked, "{wire:?}");
        assert!(scene.error().is_null());
        scene.end();
    }
}

#[test]
fn an_event_too_large_of_a_type_that_nobody_reads_changes_nothing() {
    for kind in ["file.watcher.updated", "session.next.step", "lsp.client.diagnostics"] {
        let mut scene = scene(Wire::New);
        let asked = scene.asked();
        let (session, text) = (scene.session.clone(), large());
        scene.say(format!(
            "{{\"type\":\"{kind}\",\"properties\":{{\"sessionID\":\"{session}\",\"text\":\"{text}\"}}}}"
        ));
        scene.go_on();
        assert_eq!((scene.shown().text(), scene.shown().gap), ("one two three ", None));
        assert_eq!(scene.asked(), asked);
        scene.end();
    }
}

#[test]
fn a_message_too_large_to_be_told_is_fetched() {
    for wire in WIRES {
        let mut scene = scene(wire);
        let (session, asked, text) = (scene.session.clone(), scene.asked(), large());
        scene
            .world
            .server
            .edit_message(&session, "msg_0", |info| info["summary"] = json!({ "diffs": [text] }));
        scene.go_on();
        assert_eq!((scene.shown().text(), scene.shown().gap), ("one two three ", None));
        let new: Vec<&str> = scene.world.requests[asked..]
            .iter()
            .map(|request| &*request.path)
            .collect();
        assert!(new.len() == 1 && new[0].contains("/message/msg_0"), "{new:?}");
        assert_eq!(
            scene.world.mirrors[&scene.handle].messages[0].info["summary"]["diffs"][0],
            large()
        );
        scene.end();
    }
}

#[test]
fn a_tool_too_large_to_be_told_is_fetched_and_no_text_is_unsure() {
    for wire in WIRES {
        let mut scene = scene(wire);
        let (session, message) = (scene.session.clone(), scene.message.clone());
        scene.put(&tool(&session, &message, &large()));
        assert_eq!(scene.error()["code"], "event_too_large");
        scene.go_on();
        scene.world.pass(3_000);
        scene.world.arrive();
        assert!(scene.error().is_null());
        let there = scene.world.mirrors[&scene.handle].part("prt_zz").is_some();
        assert!(there, "{wire:?}");
        assert_eq!(
            (scene.shown().text(), scene.shown().gap),
            ("one two three ", None),
            "{wire:?}"
        );
        scene.end();
    }
}

#[test]
fn a_piece_too_large_to_be_told_makes_the_texts_of_its_message_unsure_and_no_others() {
    let mut scene = scene(Wire::New);
    let session = scene.session.clone();
    let info = json!({ "id": "msg_2", "sessionID": session, "role": "assistant", "time": { "created": 3 } });
    scene.world.server.put_message(&session, info);
    let other = Spot::new(&mut scene.world.server, &session, "msg_2", "text");
    scene.world.server.begin_text(&other);
    scene.world.server.delta(&other, "its beginning ");
    scene.world.arrive();
    scene.world.server.delta(&other, &large());
    scene.world.server.log.pop();
    scene.say(format!(
        "{{\"id\":\"evt_large\",\"type\":\"message.part.delta\",\"properties\":{{\"sessionID\":\"{session}\",\"messageID\":\"msg_2\",\"partID\":\"{}\",\"field\":\"text\",\"delta\":\"{}\"}}}}",
        other.part,
        large()
    ));
    scene.world.server.delta(&other, "its end");
    scene.go_on();
    assert_eq!((scene.shown().text(), scene.shown().gap), ("one two three ", None));
    let part = scene.world.mirrors[&scene.handle].part(&other.part).unwrap();
    assert_eq!(
        (part.text(), part.tail(), part.gap),
        ("its beginning ", "its end", Some(14))
    );
    scene.world.server.end_text(&other, None);
    scene
        .world
        .server
        .edit_message(&session, "msg_2", |info| info["time"]["completed"] = json!(9));
    scene.end();
}

#[test]
fn an_event_too_large_of_which_nothing_is_known_makes_all_unsure() {
    let mut scene = scene(Wire::New);
    let generation = scene.world.generation();
    let frame = format!("data: {{\"x\":\"{}\"}}\n\n", large());
    let bytes = frame.as_bytes();
    scene.world.input(Input::StreamBytes { generation, bytes });
    assert_eq!(scene.error()["code"], "event_too_large");
    scene.go_on();
    assert_eq!((scene.shown().text(), scene.shown().tail()), ("one two ", "three "));
    scene.end();
}

#[test]
fn many_events_too_large_ask_for_the_history_only_now_and_then() {
    let mut scene = scene(Wire::New);
    let (session, message) = (scene.session.clone(), scene.message.clone());
    let asked = scene.asked();
    for n in 0..100 {
        let output = format!("{n}{}", large());
        scene.put(&tool(&session, &message, &output));
        scene.world.arrive();
        scene.world.pass(20);
    }
    assert!(scene.asked() - asked < 20, "{} requests", scene.asked() - asked);
    scene.go_on();
    assert_eq!((scene.shown().text(), scene.shown().gap), ("one two three ", None));
    scene.end();
}

#[test]
fn a_number_of_a_stored_event_is_known_though_the_event_is_too_large() {
    let mut scene = scene(Wire::New);
    let (session, generation) = (scene.session.clone(), scene.world.generation());
    let asked = scene.asked();
    for (seq, data) in [(1, "x".into()), (2, large()), (3, "x".into())] {
        let stored = format!(
            "data: {{\"payload\":{{\"type\":\"sync\",\"syncEvent\":{{\"id\":\"e\",\"type\":\"x.1\",\"seq\":{seq},\"aggregateID\":\"{session}\",\"data\":\"{data}\"}}}}}}\n\n"
        );
        let bytes = stored.as_bytes();
        scene.world.input(Input::StreamBytes { generation, bytes });
    }
    scene.go_on();
    assert_eq!((scene.shown().text(), scene.shown().gap), ("one two three ", None));
    assert_eq!(scene.asked(), asked);
    scene.end();
}

#[test]
fn a_keeper_tells_whose_event_was_too_large() {
    let mut desk = Desk::live();
    let mut large = |start: &str| {
        let told = desk.bytes(&["data: ", start, &"x".repeat(17 << 20), "\"}}\n\n"].concat());
        sent(&told, 1)
    };
    let unread = r#"{"type":"file.watcher.updated","properties":{"file":""#;
    assert_eq!(large(unread), "");
    let other = r#"{"type":"message.updated","properties":{"sessionID":"ses_other","info":{"x":""#;
    let mark = large(other);
    assert!(mark.contains("replay.hole") && mark.contains("ses_other"), "{mark}");
    assert!(large(r#"{"x":""#).contains(r#"{"type":"replay.hole","properties":{}}"#));

    let mut scene = scene(Wire::New);
    let asked = scene.asked();
    let told = mark.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    scene.say(told.into());
    scene.go_on();
    assert_eq!((scene.shown().text(), scene.shown().gap), ("one two three ", None));
    assert_eq!(scene.asked(), asked);
    let own = told.replace("ses_other", &scene.session);
    scene.say(own);
    scene.go_on();
    assert_eq!(scene.shown().tail(), "three ");
    scene.end();
}

/// A session whose history is asked for and not answered yet, while its answer grows.
fn loading(limit: impl Fn(&mut Limits)) -> Scene {
    let mut server = Server::new(Wire::New, 1);
    let session = server.create_session("/project");
    let busy = json!({ "type": "busy" });
    server.say_status(&session, &busy);
    server.keep_status(&session, busy);
    let prompt = json!({ "id": "msg_0", "sessionID": session, "role": "user", "time": { "created": 1 } });
    server.put_message(&session, prompt);
    let message = String::from("msg_1");
    let info = json!({ "id": message, "sessionID": session, "role": "assistant", "time": { "created": 2 } });
    server.put_message(&session, info);
    let text = Spot::new(&mut server, &session, &message, "text");
    server.begin_text(&text);
    let mut config = config(1);
    limit(&mut config.limits);
    let mut world = World::with(server, config);
    let handle = world.open(&session, 100);
    world.flow(1);
    world.flow(usize::MAX);
    // All is answered but the history.
    let history = |flight: &Flight| flight.request.path.contains("/message");
    while let Some(at) = world.inflight.iter().position(|flight| !history(flight)) {
        world.progress(at);
    }
    world.advance("/message");
    world.client.wait_ready(handle, 1);
    Scene {
        world,
        session,
        handle,
        message,
        text,
    }
}

fn running(scene: &Scene, n: u64) -> Value {
    let state =
        json!({ "status": "running", "input": {}, "metadata": { "output": format!("{n} {}", "x".repeat(3_000)) } });
    json!({ "type": "tool", "callID": "c", "state": state, "id": "prt_zz", "sessionID": scene.session, "messageID": scene.message })
}

#[test]
fn a_noisy_tool_does_not_keep_a_session_from_showing() {
    let mut scene = loading(|limits| limits.buffered = 20_000);
    let asked = scene.asked();
    let session = scene.session.clone();
    for n in 0..400 {
        let part = running(&scene, n);
        scene.world.server.put_part(&session, part, None);
        scene.world.pass(20);
        scene.world.flow(usize::MAX);
    }
    assert!(scene.world.client.buffered_bytes() < 40_000);
    scene.world.advance("/message");
    assert!(
        matches!(scene.world.result(1), Some(Ok(_))),
        "{:?}",
        scene.world.result(1)
    );
    assert!(scene.error().is_null());
    assert_eq!(scene.asked(), asked, "the history is asked for once");
    let shown = scene.world.mirrors[&scene.handle].part("prt_zz").unwrap();
    let output = shown.value["state"]["metadata"]["output"].as_str().unwrap();
    assert!(output.starts_with("399 "));
    scene
        .world
        .server
        .put_part(&session, tool(&session, "msg_1", "done"), None);
    scene.end();
}

#[test]
fn an_older_word_does_not_replace_a_newer_one_that_waits() {
    let mut scene = loading(|_| {});
    let session = scene.session.clone();
    for n in 0..3 {
        let part = running(&scene, n);
        scene.world.server.put_part(&session, part, None);
    }
    scene.world.flow(usize::MAX);
    // The first and the last come again, as the same events.
    let log = &scene.world.server.log;
    for json in [
        log[log.len() - 3].json.clone(),
        log[log.len() - 1].json.clone(),
        log[log.len() - 3].json.clone(),
    ] {
        scene.say(json);
    }
    scene.world.advance("/message");
    scene.world.drain();
    let shown = scene.world.mirrors[&scene.handle].part("prt_zz").unwrap();
    assert!(
        shown.value["state"]["metadata"]["output"]
            .as_str()
            .unwrap()
            .starts_with("2 ")
    );
    scene
        .world
        .server
        .put_part(&session, tool(&session, "msg_1", "done"), None);
    scene.end();
}

#[test]
fn pieces_that_wait_behind_a_whole_part_stay_in_order() {
    let mut scene = loading(|_| {});
    let (session, text) = (
        scene.session.clone(),
        Spot::new(&mut Server::new(Wire::New, 9), "", "", "text"),
    );
    let text = Spot {
        session: session.clone(),
        message: "msg_1".into(),
        ..text
    };
    scene.world.server.begin_text(&text);
    for piece in ["one ", "two ", "three "] {
        scene.world.server.delta(&text, piece);
        let part = running(&scene, 1);
        scene.world.server.put_part(&session, part, None);
    }
    scene.world.flow(usize::MAX);
    scene.world.advance("/message");
    scene.world.drain();
    let shown = scene.world.mirrors[&scene.handle].part(&text.part).unwrap();
    assert_eq!((shown.text(), shown.gap), ("one two three ", None));
    scene.world.server.end_text(&text, None);
    scene
        .world
        .server
        .put_part(&session, tool(&session, "msg_1", "done"), None);
    scene.end();
}

#[test]
fn more_events_than_wait_leave_a_hole_and_the_session_shows() {
    let mut scene = loading(|limits| limits.buffered_events = 100);
    for n in 0..1_050 {
        scene.world.server.delta(&scene.text.clone(), &format!("{n} "));
        scene.world.flow(usize::MAX);
        scene.world.pass(10);
    }
    assert_eq!(scene.error()["code"], "limit_reached");
    scene.world.advance("/message");
    assert!(
        matches!(scene.world.result(1), Some(Ok(_))),
        "{:?}",
        scene.world.result(1)
    );
    let shown = scene.shown();
    assert!(
        shown.gap == Some(0) && shown.tail().ends_with("1048 1049 "),
        "{shown:?}"
    );
    scene.world.server.delta(&scene.text.clone(), "live ");
    scene.world.flow(usize::MAX);
    assert!(scene.shown().tail().ends_with("1049 live "));
    assert_eq!(
        scene.error()["code"],
        "limit_reached",
        "what was missed is not there yet"
    );
    // What was missed is fetched, and most of the time events are shown.
    let whole = |scene: &Scene| {
        scene
            .world
            .requests
            .iter()
            .filter(|request| request.path.contains("/todo"))
            .count()
    };
    let before = whole(&scene);
    scene.world.pass(10_000);
    assert_eq!(whole(&scene), before);
    scene.world.pass(30_000);
    scene.world.arrive();
    assert!(whole(&scene) > before && scene.error().is_null());
    scene.end();
}
