//! The link's state machine in full, and its patience.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::support_rs;

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
    let mut link = Link::new(transport, false, RetryPolicy::default());
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
        Phase::Closed => {
            link.ended(refused(Code::Unauthorized), START, &mut rng);
            link.ended(refused(Code::Unauthorized), START, &mut rng);
        }
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
        // No wait is cut short, and nothing is opened offline: the next stream has the right path anyway.
        (Step::Widen, Phase::Connecting | Phase::Syncing | Phase::Live) => open,
        (Step::Widen, _) => stay,
        (Step::Synced, Phase::Syncing) => (Phase::Live, Action::None, false),
        (Step::Synced, _) => stay,
        (Step::Early, Phase::Polling) => (Phase::Polling, Action::Poll, false),
        (Step::Early, _) => stay,
        (Step::Late, Phase::Idle | Phase::Offline | Phase::Closed) => stay,
        (Step::Late, Phase::Waiting) => open,
        (Step::Late, Phase::Polling) => (Phase::Polling, Action::Poll, false),
        // The history is shown before a stream that takes long; the next deadline ends the wait.
        (Step::Late, Phase::Connecting) => (Phase::Connecting, Action::Look, false),
        (Step::Late, _) => (Phase::Waiting, Action::None, true),
        (Step::End, _) => (Phase::Waiting, Action::None, true),
        // A proxy may say so once, while it restarts.
        (Step::Unauthorized, Phase::Closed) => (Phase::Closed, Action::None, true),
        (Step::Unauthorized, _) => (Phase::Waiting, Action::None, true),
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
        assert_eq!(backoff.next(retry_after(header, 0), &mut rng), wait, "{header}");
    }
    for header in [
        "",
        "-1",
        "99999999999999999999",
        "1e9",
        "x",
        "Wed, 32 Oct 2026 07:28:00 GMT",
        "Wed, 00 Oct 2026 07:28:00 GMT",
        "Wed, 21 Oct 99999 07:28:00 GMT",
        "Wed, 21 Oct 1969 07:28:00 GMT",
        "Wed, 21 Oct 2026 07:61:00 GMT",
        "Wed, 21 Oct 2026 07:28",
        "Wed, 21 October 2026 07:28:00 GMT",
        "Wed, 21 Oct",
    ] {
        assert_eq!(retry_after(header, 0), None, "{header}");
    }
}

#[test]
fn retry_after_may_be_a_date() {
    for (header, at) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000),
        ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799_000),
        ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800_000),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1_792_567_680_000_u64),
        ("Fri, 31 Dec 2100 23:59:60 GMT", 4_133_980_800_000),
    ] {
        assert_eq!(retry_after(header, 0), Some(at), "{header}");
        assert_eq!(
            retry_after(header, at.saturating_sub(5_000)),
            Some(at.min(5_000)),
            "{header}"
        );
        assert_eq!(retry_after(header, at + 1), Some(0), "{header}: past");
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
        (401, sse, "unauthorized", "waiting"),
        (403, html, "forbidden", "waiting"),
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
        world.pass(1_000);
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
    world.pass(45_001);
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

/// The rungs that a link takes while each of its streams ends with `code`, up to `most`.
fn rungs(link: &mut Link, code: Code, most: usize) -> Vec<Source> {
    let mut rng = Rng::new(3);
    let mut rungs = vec![link.source()];
    for _ in 0..most {
        if link.phase() == Phase::Polling {
            break;
        }
        link.ended(refused(code), START, &mut rng);
        rungs.push(link.source());
        let _ = link.reopen(START);
    }
    rungs
}

#[test]
fn the_ladder_is_walked_down_rung_by_rung_and_says_why() {
    use Source::{Event, Global, Keeper, Poll};
    for (keeper, code, expected) in [
        (true, Code::KeeperFailed, &[Keeper, Event, Event, Global, Poll][..]),
        (true, Code::HtmlResponse, &[Keeper, Event, Event, Global, Poll]),
        (false, Code::NotFound, &[Event, Event, Global, Poll]),
        // What holds back one stream holds back the other.
        (false, Code::HeldBack, &[Event, Event, Poll]),
        (false, Code::Unreachable, &[Event, Event, Event]),
        (true, Code::ServerError, &[Keeper, Keeper, Keeper]),
    ] {
        let mut link = Link::new(Transport::Auto, keeper, RetryPolicy::default());
        let _ = link.start(START);
        let got = rungs(&mut link, code, expected.len() - 1);
        assert_eq!(got, expected, "{code:?}");
        let shown: serde_json::Value = serde_json::from_str(&link.to_json()).unwrap();
        let fell = expected.first() != expected.last();
        assert_eq!(shown["fallback"]["code"].is_string(), fell, "{code:?}");
    }
    let mut fetch = Link::new(Transport::Fetch, true, RetryPolicy::default());
    let _ = fetch.start(START);
    assert_eq!(
        rungs(&mut fetch, Code::NotFound, 4),
        [Event, Event, Global, Global, Global],
        "asked for a stream, it never polls"
    );
}

#[test]
fn a_mute_stream_is_left_for_the_next_rung() {
    let mut link = link(Phase::Live);
    assert_eq!(link.mute(START, &mut Rng::new(1)), Action::Open);
    assert_eq!((link.source(), link.phase()), (Source::Global, Phase::Connecting));
    link.connected(START);
    assert_eq!(link.mute(START, &mut Rng::new(1)), Action::Poll);
    assert_eq!(
        link.mute(START, &mut Rng::new(1)),
        Action::None,
        "a poll cannot be mute"
    );
    let shown: serde_json::Value = serde_json::from_str(&link.to_json()).unwrap();
    assert_eq!(shown["fallback"]["code"], "mute");
}

#[test]
fn the_best_rung_is_tried_again_ever_more_rarely() {
    let mut link = link(Phase::Live);
    let mut rng = Rng::new(1);
    let _ = link.mute(START, &mut Rng::new(1));
    link.connected(START);
    link.synced();
    let mut now = START;
    let mut waits = Vec::new();
    for _ in 0..6 {
        let at = link.probe_at().unwrap();
        assert_eq!(link.probe(at - 1), Action::None, "not before its time");
        waits.push((at - now) / 1_000);
        now = at;
        assert_eq!(link.probe(now), Action::Open);
        assert_eq!(link.source(), Source::Event);
        link.ended(refused(Code::NotFound), now, &mut rng);
        assert_eq!(link.source(), Source::Global, "one refusal is enough");
        let _ = link.reopen(now);
        link.connected(now);
        link.synced();
    }
    assert_eq!(waits, [60, 120, 240, 480, 600, 600]);
    let _ = link.reconnect(now);
    link.connected(now);
    link.synced();
    assert_eq!((link.source(), link.probe_at()), (Source::Event, None));
}

#[test]
fn a_stream_held_back_is_told_from_a_server_that_is_away() {
    for (answers, code, after) in [(true, "held_back", 8_000), (false, "silent", 20_000)] {
        let mut link = link(Phase::Connecting);
        let mut rng = Rng::new(1);
        assert_eq!(link.timeout(START + 3_000, &mut rng), Action::Look);
        if answers {
            link.answered();
        }
        assert_eq!(link.deadline(), Some(START + after));
        assert_eq!(link.timeout(START + after, &mut rng), Action::None);
        let shown: serde_json::Value = serde_json::from_str(&link.to_json()).unwrap();
        assert_eq!(shown["error"]["code"], code);
    }
}

#[test]
fn silence_that_was_slept_through_gets_a_moment_of_grace() {
    let mut watchdog = Watchdog::default();
    watchdog.start(START);
    watchdog.forgive(START + 1_000_000, 5_000);
    assert_eq!(watchdog.deadline(), START + 1_005_000);
    watchdog.fed(START + 1_000_001);
    watchdog.forgive(START + 1_000_002, 5_000);
    assert_eq!(watchdog.deadline(), START + 1_045_001, "never less than without");
}

#[test]
fn a_late_timer_does_not_end_a_stream_that_lives() {
    let mut world = World::new(Wire::New, 4);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.rest();
    world.now += 3_600_000;
    world.input(Input::Timeout);
    assert_eq!(world.streams.len(), 1, "the silence may be the page's own");
    world.now += 5_001;
    world.input(Input::Timeout);
    world.pass(1_000);
    assert_eq!(world.streams.len(), 2, "but not for long");
    world.rest();
    world.assert_equal(handle, &session);
}

#[test]
fn hidden_and_idle_it_asks_for_nothing_and_catches_up_when_shown() {
    let mut world = World::new(Wire::New, 4);
    let session = world.server.create_session("/project");
    let handle = world.open(&session, 100);
    world.rest();
    world.input(Input::Visible(false));
    assert_eq!(world.client.poll_timeout(), None);
    world.cut(true);
    assert_eq!(world.client.poll_timeout(), None, "also when the stream has ended");
    world.input(Input::Visible(true));
    assert_eq!(world.streams.len(), 2, "at once");
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

#[test]
fn a_look_at_the_page_ends_a_wait_unless_the_server_asked_for_it() {
    let wait = |retry_after| {
        let mut link = link(Phase::Live);
        let error = Error::new(Code::RateLimited, "no");
        link.ended(Cause::Refused { error, retry_after }, START, &mut Rng::new(1));
        link.wake(START + 10)
    };
    assert_eq!(wait(None), Action::Open);
    assert_eq!(wait(Some(60_000)), Action::None);
}
