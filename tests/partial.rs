//! A history of which the server cannot tell every message, or not at once: what it can tell is shown.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

use opencode_session::proto::client::{Failure, Input};
use opencode_session::proto::event::{Event, decode};
use opencode_session::proto::request::Response;
use opencode_session::proto::store::Page;
use serde_json::{Value, json};
use support_rs::script::Spot;
use support_rs::server::{Answer, Wire};
use support_rs::world::World;

/// `count` prompts; the server cannot encode those in `bad`.
struct Scene {
    world: World,
    session: String,
    handle: u32,
    bad: Vec<String>,
    status: u16,
    /// How many messages each answer to a page was asked for.
    pages: Vec<usize>,
}

fn put(world: &mut World, session: &str, n: u64) {
    let id = format!("msg_{n:03}");
    let info = json!({ "id": id, "sessionID": session, "role": "user", "time": { "created": n } });
    world.server.put_message(session, info);
    let part =
        json!({ "id": format!("prt_{n:03}"), "sessionID": session, "messageID": id, "type": "text", "text": id });
    world.server.put_part(session, part, None);
}

fn scene(wire: Wire, count: u64, bad: &[u64], status: u16) -> Scene {
    let mut world = World::new(wire, 3);
    let session = world.server.create_session("/project");
    (1..=count).for_each(|n| put(&mut world, &session, n));
    let handle = world.open(&session, 100);
    let bad = bad.iter().map(|n| format!("msg_{n:03}")).collect();
    let mut scene = Scene {
        world,
        session,
        handle,
        bad,
        status,
        pages: Vec::new(),
    };
    scene.world.client.wait_ready(handle, 1);
    scene.arrive();
    scene
}

impl Scene {
    /// Everything that is under way arrives, but pages with a bad message.
    fn arrive(&mut self) {
        for _ in 0..1_000 {
            self.world.flow(usize::MAX);
            let Some(flight) = self.world.inflight.first_mut() else {
                break;
            };
            if flight.answer.is_none() && flight.request.path.contains("/message?") {
                let limit = flight.request.path.split("limit=").nth(1).unwrap();
                self.pages.push(limit.split('&').next().unwrap().parse().unwrap());
                let answer = self.world.server.answer(&flight.request);
                let told: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
                let broken = told
                    .iter()
                    .any(|item| self.bad.iter().any(|bad| item["info"]["id"] == bad.as_str()));
                flight.answer = Some(if broken {
                    Answer {
                        status: self.status,
                        body: b"{}".to_vec(),
                        cursor: String::new(),
                        ..answer
                    }
                } else {
                    answer
                });
            } else {
                self.world.progress(0);
            }
        }
        self.world.drain();
    }

    fn wait(&mut self, time: u64) {
        for _ in 0..time / 500 {
            self.world.pass(500);
            self.arrive();
        }
    }

    fn ids(&self) -> Vec<&str> {
        self.world.mirrors[&self.handle].ids()
    }

    fn field(&self, name: &str) -> &Value {
        self.world.mirrors[&self.handle].field(name)
    }

    fn older(&mut self, token: u32) -> bool {
        self.world.client.load_older(self.handle, 0, token);
        self.world.pump();
        self.arrive();
        self.world.result(token).unwrap().is_ok()
    }
}

#[test]
fn a_page_that_cannot_be_encoded_is_asked_for_again_with_half_the_size() {
    for wire in [Wire::Mid, Wire::New] {
        let mut scene = scene(wire, 40, &[6], 400);
        assert!(matches!(scene.world.result(1), Some(Ok(_))));
        assert_eq!(scene.pages[..3], [100, 50, 25]);
        assert_eq!((scene.ids().len(), scene.ids()[0]), (25, "msg_016"));
        assert_eq!(scene.field("error")["code"], "incomplete");
        assert_eq!(scene.field("hasOlder"), &json!(true));
        if wire == Wire::New {
            assert!(scene.older(2));
            assert!(scene.ids().len() > 25, "{:?}", scene.ids());
        }
        // Live text shows, and the whole history is tried again, but ever more rarely.
        put(&mut scene.world, &scene.session.clone(), 41);
        scene.arrive();
        assert_eq!(scene.ids().last(), Some(&"msg_041"));
        let asked = scene.world.requests.len();
        scene.wait(120_000);
        assert!(
            scene.world.requests.len() - asked < 200,
            "{}",
            scene.world.requests.len() - asked
        );
        assert_eq!(scene.field("error")["code"], "incomplete");
        // While nobody looks it is not.
        scene.world.input(Input::Visible(false));
        let asked = scene.world.requests.len();
        scene.wait(120_000);
        assert_eq!(scene.world.requests.len(), asked);
        scene.world.input(Input::Visible(true));
        scene.arrive();
        assert!(scene.world.requests.len() > asked);
        // The message is gone: all is well, after 48 seconds and a moment.
        scene.bad.clear();
        scene.wait(50_000);
        assert!(scene.field("error").is_null());
        assert_eq!(scene.ids().len(), 41);
    }
}

#[test]
fn a_server_that_fails_once_costs_no_message() {
    for status in [500, 502, 503] {
        let mut scene = scene(Wire::New, 40, &[6], status);
        assert_eq!(scene.pages, [100]);
        scene.bad.clear();
        scene.wait(3_000);
        assert_eq!((scene.ids().len(), scene.field("error").is_null()), (40, true));
    }
    let mut scene = scene(Wire::New, 40, &[6], 500);
    scene.wait(3_000);
    assert!(scene.ids().len() >= 25);
    assert_eq!(scene.field("error")["code"], "incomplete");
}

#[test]
fn a_page_that_takes_too_long_is_asked_for_again_with_fewer_messages() {
    let mut world = World::new(Wire::New, 3);
    let session = world.server.create_session("/project");
    (1..=60).for_each(|n| put(&mut world, &session, n));
    let handle = world.open(&session, 100);
    world.flow(1);
    world.flow(usize::MAX);
    for limit in ["limit=100", "limit=50", "limit=25"] {
        let at = world
            .inflight
            .iter()
            .rposition(|flight| flight.request.path.contains(limit));
        let id = world
            .inflight
            .remove(at.unwrap_or_else(|| panic!("{limit}")))
            .request
            .id;
        world.input(Input::Failed {
            id,
            cause: Failure::Timeout,
        });
        world.drain();
        assert_eq!(world.mirrors[&handle].field("error")["code"], "timeout");
        world.pass(10_000);
    }
    world.advance("limit=12");
    world.arrive();
    world.pass(5_000);
    world.arrive();
    world.rest();
    assert_eq!(world.mirrors[&handle].messages.len(), 60);
    world.assert_equal(handle, &session);
}

#[test]
fn when_not_even_the_newest_message_can_be_told_events_show() {
    let mut scene = scene(Wire::New, 3, &[3], 400);
    scene.wait(20_000);
    assert!(
        matches!(scene.world.result(1), Some(Err(_))),
        "{:?}",
        scene.world.result(1)
    );
    let error = scene.field("error")["code"].clone();
    let session = scene.session.clone();
    let busy = json!({ "type": "busy" });
    scene.world.server.say_status(&session, &busy);
    scene.world.server.keep_status(&session, busy);
    put(&mut scene.world, &session, 4);
    let text = Spot::new(&mut scene.world.server, &session, "msg_004", "text");
    scene.world.server.begin_text(&text);
    scene.world.server.delta(&text, "live");
    scene.arrive();
    let shown = scene.world.mirrors[&scene.handle]
        .part(&text.part)
        .map(|part| part.text().to_owned());
    assert_eq!((shown.as_deref(), error), (Some("live"), json!("bad_request")));
    scene.bad.clear();
    scene.wait(60_000);
    assert_eq!((scene.ids().len(), scene.field("error").is_null()), (4, true));
}

#[test]
fn a_message_that_cannot_be_read_costs_itself() {
    let mut world = World::new(Wire::New, 3);
    let session = world.server.create_session("/project");
    (1..=3).for_each(|n| put(&mut world, &session, n));
    let handle = world.open(&session, 100);
    world.flow(1);
    world.flow(usize::MAX);
    let at = world
        .inflight
        .iter()
        .rposition(|flight| flight.request.path.contains("/message?"))
        .unwrap();
    let request = world.inflight.remove(at).request;
    let good = world.server.answer(&request);
    let body = String::from_utf8(good.body).unwrap();
    let broken = r#"[{"info":null,"parts":[]},{"info":{"id":"msg_x"},"parts":[7]},[],"#;
    let body = body.replacen('[', broken, 1);
    let response = Response {
        status: 200,
        content_type: "application/json",
        body: body.as_bytes(),
        ..Response::default()
    };
    world.input(Input::Response {
        id: request.id,
        response,
    });
    world.arrive();
    assert_eq!(world.mirrors[&handle].messages.len(), 3);
    assert_eq!(world.mirrors[&handle].field("error")["code"], "incomplete");
}

#[test]
fn what_is_nested_deeply_is_read() {
    let deep = ["[".repeat(5_000), "]".repeat(5_000)].concat();
    let part = format!(
        r#"{{"id":"prt_1","messageID":"msg_1","sessionID":"ses_1","type":"tool","state":{{"input":{deep},"status":"completed"}}}}"#
    );
    let body = format!(r#"[{{"info":{{"id":"msg_1","role":"assistant"}},"parts":[{part}]}}]"#);
    let page = Page::read(body.as_bytes()).unwrap();
    assert_eq!((page.items.len(), page.bad, page.items[0].parts.len()), (1, 0, 1));
    let event =
        format!(r#"{{"type":"message.part.updated","properties":{{"sessionID":"ses_1","part":{part},"time":1}}}}"#);
    let told = decode(event.as_bytes(), &|_| true).unwrap().unwrap();
    assert!(matches!(told.event, Event::Part { raw, .. } if raw == part.as_bytes()));
}

#[test]
fn what_is_shown_stays_before_a_message_that_cannot_be_told() {
    let mut scene = scene(Wire::New, 5, &[6], 400);
    assert_eq!(scene.ids().len(), 5);
    scene.world.cut(false);
    let session = scene.session.clone();
    (6..=7).for_each(|n| put(&mut scene.world, &session, n));
    scene.wait(5_000);
    assert_eq!(
        scene.ids(),
        ["msg_001", "msg_002", "msg_003", "msg_004", "msg_005", "msg_007"]
    );
    assert_eq!(scene.field("error")["code"], "incomplete");
    scene.bad.clear();
    scene.wait(60_000);
    assert_eq!(scene.ids().len(), 7);
}
