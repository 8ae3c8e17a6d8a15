//! The link's state machine in full, and its patience.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

mod support_rs;

use opencode_session::proto::client::Input;
use opencode_session::proto::connection::{
    Action, Backoff, Cause, Link, Phase, RetryPolicy, Source, Transport, Watchdog, retry_after,
};
use opencode_session::proto::error::{Code, Error};
use opencode_session::proto::request::Response;
use opencode_session::proto::rng::Rng;
use serde_json::json;
use support_rs::server::Wire;
use support_rs::world::World;

const START: u64 = 1_000_000;
const LATE: u64 = START + 50_000;

fn refused(code: Code) -> Cause {
    Cause::Refused {
        error: Error::new(code, "no"),
        retry_after: None,
    }
}

/// A link in the given phase, at `START`.
fn link(phase: Phase) -> Link {
    let transport = if phase == Phase::Polling {
        Transport::Poll
    } else {
        Transport::Auto
    };
    let mut link = Link::new(transport, RetryPolicy::default());
    let mut rng = Rng::new(1);
    if phase != Phase::Idle {
        let _ = link.start(START);
    }
    match phase {
        Phase::Idle | Phase::Connecting | Phase::Polling => {}
        Phase::Syncing => link.connected(START),
        Phase::Live => {
            link.connected(START);
            link.synced();
        }
        Phase::Waiting => link.ended(refused(Code::Unreachable), START, &mut rng),
        Phase::Offline => link.offline(),
        Phase::Closed => link.ended(refused(Code::Unauthorized), START, &mut rng),
    }
    assert_eq!(link.phase(), phase);
    link
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Start,
    Stop,
    Reconnect,
    Offline,
    Online,
    Widen,
    Synced,
    Early,
    Late,
    End,
    Unauthorized,
}

const STEPS: [Step; 11] = [
    Step::Start,
    Step::Stop,
    Step::Reconnect,
    Step::Offline,
    Step::Online,
    Step::Widen,
    Step::Synced,
    Step::Early,
    Step::Late,
    Step::End,
    Step::Unauthorized,
];
const PHASES: [Phase; 8] = [
    Phase::Idle,
    Phase::Connecting,
    Phase::Syncing,
    Phase::Live,
    Phase::Polling,
    Phase::Waiting,
    Phase::Offline,
    Phase::Closed,
];

/// Where each step leads from each phase, what it asks for, and whether the stream before it is fenced off.
fn expected(phase: Phase, step: Step) -> (Phase, Action, bool) {
    let stay = (phase, Action::None, false);
    let open = if phase == Phase::Polling {
        (Phase::Polling, Action::Poll, true)
    } else {
        (Phase::Connecting, Action::Open, true)
    };
    match (step, phase) {
        (Step::Start, Phase::Idle) => open,
        (Step::Start, _) => stay,
        (Step::Stop, _) => (Phase::Idle, Action::None, true),
        (Step::Reconnect, Phase::Idle) => stay,
        (Step::Reconnect, _) => open,
        (Step::Offline, Phase::Idle) => stay,
        (Step::Offline, _) => (Phase::Offline, Action::None, true),
        (Step::Online, Phase::Offline) => open,
        (Step::Online, _) => stay,
        // Also a link that waits or was closed is opened: another stream is another chance.
        (Step::Widen, Phase::Idle | Phase::Polling) => stay,
        (Step::Widen, _) => open,
        (Step::Synced, Phase::Syncing) => (Phase::Live, Action::None, false),
        (Step::Synced, _) => stay,
        (Step::Early, Phase::Polling) => (Phase::Polling, Action::Poll, false),
        (Step::Early, _) => stay,
        (Step::Late, Phase::Idle | Phase::Offline | Phase::Closed) => stay,
        (Step::Late, Phase::Waiting) => open,
        (Step::Late, Phase::Polling) => (Phase::Polling, Action::Poll, false),
        (Step::Late, _) => (Phase::Waiting, Action::None, true),
        (Step::End, _) => (Phase::Waiting, Action::None, true),
        (Step::Unauthorized, _) => (Phase::Closed, Action::None, true),
    }
}

#[test]
fn every_step_from_every_phase() {
    for phase in PHASES {
        for step in STEPS {
            let mut link = link(phase);
            let mut rng = Rng::new(2);
            let before = link.generation();
            let action = match step {
                Step::Start => link.start(START),
                Step::Stop => {
                    link.stop();
                    Action::None
                }
                Step::Reconnect => link.reconnect(START),
                Step::Offline => {
                    link.offline();
                    Action::None
                }
                Step::Online => link.online(START),
                Step::Widen => link.widen(START),
                Step::Synced => {
                    link.synced();
                    Action::None
                }
                Step::Early => link.timeout(START, &mut rng),
                Step::Late => link.timeout(LATE, &mut rng),
                Step::End => {
                    link.ended(Cause::End, START, &mut rng);
                    Action::None
                }
                Step::Unauthorized => {
                    link.ended(refused(Code::Unauthorized), START, &mut rng);
                    Action::None
                }
            };
            let got = (link.phase(), action, link.generation() > before);
            assert_eq!(got, expected(phase, step), "{phase:?} × {step:?}");
            assert_eq!(
                link.deadline().is_none(),
                matches!(link.phase(), Phase::Idle | Phase::Offline | Phase::Closed)
            );
            assert!(serde_json::from_str::<serde_json::Value>(&link.to_json()).is_ok());
        }
    }
}

#[test]
fn waits_are_between_half_a_second_and_twenty() {
    let (mut shortest, mut longest) = (u64::MAX, 0);
    for seed in 0..200 {
        let (mut backoff, mut rng) = (Backoff::new(RetryPolicy::default()), Rng::new(seed));
        for failures in 1..=12_u32 {
            let wait = backoff.next(None, &mut rng);
            assert!(
                (500..=20_000.min(500 << failures)).contains(&wait),
                "{failures}: {wait}"
            );
            (shortest, longest) = (shortest.min(wait), longest.max(wait));
        }
        assert_eq!(backoff.failures(), 12);
    }
    assert!(
        shortest < 700 && longest > 19_000,
        "jitter over the whole range: {shortest}..{longest}"
    );
}

#[test]
fn waits_start_small_again_only_after_a_good_minute() {
    let (mut backoff, mut rng) = (Backoff::new(RetryPolicy::default()), Rng::new(1));
    (0..8).for_each(|_| _ = backoff.next(None, &mut rng));
    backoff.ended(59_999);
    assert_eq!(backoff.failures(), 8);
    backoff.ended(60_000);
    assert_eq!(backoff.failures(), 0);
    assert!(backoff.next(None, &mut rng) <= 1_000);
}

#[test]
fn retry_after_is_honoured_up_to_five_minutes() {
    let (mut backoff, mut rng) = (Backoff::new(RetryPolicy::default()), Rng::new(1));
    for (header, wait) in [
        ("7", 7_000),
        (" 120 ", 120_000),
        ("300", 300_000),
        ("301", 300_000),
        ("4294967295", 300_000),
        ("0", 500),
    ] {
        assert_eq!(backoff.next(retry_after(header), &mut rng), wait, "{header}");
    }
    for header in [
        "",
        "-1",
        "Wed, 21 Oct 2026 07:28:00 GMT",
        "99999999999999999999",
        "1e9",
        "x",
    ] {
        assert_eq!(retry_after(header), None, "{header}");
    }
}

#[test]
fn the_watchdog_learns_the_beat() {
    let mut watchdog = Watchdog::default();
    watchdog.start(START);
    assert_eq!(watchdog.deadline(), START + 45_000);
    watchdog.fed(START + 10);
    assert_eq!(watchdog.deadline(), START + 10 + 45_000);
    watchdog.beat(START + 1_000);
    assert_eq!(watchdog.deadline(), START + 46_000, "one beat tells no period");
    watchdog.beat(START + 3_000);
    assert_eq!(watchdog.deadline(), START + 3_000 + 25_000, "never less than 25 s");
    watchdog.beat(START + 33_000);
    assert_eq!(watchdog.deadline(), START + 33_000 + 75_000, "2.5 beats of 30 s");
    watchdog.start(START + 40_000);
    watchdog.beat(START + 900_000);
    assert_eq!(
        watchdog.deadline(),
        START + 975_000,
        "the time without a stream is no beat"
    );
}

/// Opens a client and answers its stream with `response`; gives its connection, and whether it has a wait.
fn answered(response: Response<'_>) -> (World, u32, serde_json::Value) {
    let mut world = World::new(Wire::New, 1);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.input(Input::StreamOpened {
        generation: 1,
        response,
    });
    world.drain();
    let connection = world.mirrors[&handle].field("connection").clone();
    (world, handle, connection)
}

#[test]
fn answers_that_are_no_stream_have_their_code_and_phase() {
    let html = "text/html; charset=utf-8";
    let sse = "text/event-stream";
    for (status, kind, code, phase) in [
        (200, html, "html_response", "waiting"),
        (200, "application/json", "wrong_content_type", "waiting"),
        (200, "", "wrong_content_type", "waiting"),
        (204, sse, "wrong_content_type", "waiting"),
        (299, sse, "wrong_content_type", "waiting"),
        (201, html, "html_response", "waiting"),
        (400, sse, "bad_request", "waiting"),
        (401, sse, "unauthorized", "closed"),
        (403, html, "forbidden", "closed"),
        (404, html, "not_found", "waiting"),
        (429, html, "rate_limited", "waiting"),
        (500, html, "server_error", "waiting"),
        (502, html, "server_error", "waiting"),
        (200, "Text/Event-Stream;charset=utf-8", "", "connecting"),
    ] {
        let (world, _, connection) = answered(Response {
            status,
            content_type: kind,
            ..Response::default()
        });
        assert_eq!(connection["phase"], phase, "{status} {kind}");
        assert_eq!(
            connection["error"]["code"].as_str().unwrap_or_default(),
            code,
            "{status} {kind}"
        );
        let hint = connection["error"]["hint"].as_str();
        assert_eq!(hint.is_none_or(str::is_empty), code.is_empty(), "{status} {kind}");
        assert_eq!(connection["error"]["status"].is_null(), code.is_empty());
        assert_eq!(world.stream.is_some(), phase == "connecting");
    }
}

#[test]
fn retry_after_of_the_stream_is_obeyed() {
    for (header, wait) in [("30", 30_000), ("100000", 300_000)] {
        let (world, _, connection) = answered(Response {
            status: 429,
            retry_after: header,
            ..Response::default()
        });
        assert_eq!(connection["retryAt"], json!(world.now + wait));
        assert_eq!(world.client.poll_timeout(), Some(world.now + wait));
    }
}

#[test]
fn a_stream_refused_three_times_is_given_up_for_polling_and_probed_later() {
    let mut world = World::new(Wire::New, 4);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    for generation in [1, 3, 5] {
        assert_eq!(world.stream.as_ref().map(|stream| stream.generation), Some(generation));
        let response = Response {
            status: 200,
            content_type: "text/html",
            ..Response::default()
        };
        world.input(Input::StreamOpened { generation, response });
        world.pass(20_000);
    }
    assert!(world.stream.is_none());
    world.arrive();
    let mirror = &world.mirrors[&handle];
    assert_eq!(
        (
            &mirror.field("connection")["phase"],
            &mirror.field("connection")["source"]
        ),
        (&json!("polling"), &json!("poll"))
    );
    assert_eq!(mirror.field("session")["id"], session.as_str());
    for _ in 0..30 {
        world.pass(5_000);
        world.arrive();
    }
    assert_eq!(
        world.mirrors[&handle].field("connection")["phase"],
        "live",
        "the stream works again"
    );
}

#[test]
fn a_clean_end_is_a_reconnect() {
    for clean in [true, false] {
        let mut world = World::new(Wire::New, 4);
        let session = world.server.create_session("/project");
        let handle = world.open(&session, 100);
        world.rest();
        world.cut(clean);
        world.drain();
        let connection = world.mirrors[&handle].field("connection");
        assert_eq!(connection["phase"], "waiting");
        assert_eq!(
            connection["error"]["code"],
            if clean { "stream_ended" } else { "unreachable" }
        );
        world.pass(1_000);
        world.rest();
        assert_eq!(world.streams.len(), 2);
        world.assert_equal(handle, &session);
    }
}

#[test]
fn silence_is_noticed_and_nothing_is_asked_offline() {
    let mut world = World::new(Wire::New, 4);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.arrive();
    world.now += 45_001;
    world.input(Input::Timeout);
    world.drain();
    assert_eq!(world.mirrors[&handle].field("connection")["error"]["code"], "silent");
    world.input(Input::Offline);
    let (asked, opened) = (world.requests.len(), world.streams.len());
    assert_eq!(world.client.poll_timeout(), None);
    world.now += 10_000_000;
    world.input(Input::Timeout);
    assert_eq!((world.requests.len(), world.streams.len()), (asked, opened));
    world.input(Input::Online);
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn the_source_is_known() {
    assert_eq!(link(Phase::Polling).source(), Source::Poll);
    let mut link = link(Phase::Live);
    let _ = link.widen(START);
    assert_eq!(link.source(), Source::Global);
}
