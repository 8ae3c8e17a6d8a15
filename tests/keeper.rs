//! The keeper: one stream, many readers.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use crate::desk;

use desk::{CONNECTED, Desk, IDLE, OPEN, STREAM, delta, ends, opens, sent};
use opencode_session::proto::client::Failure;
use opencode_session::proto::keeper::{Ending, Input, Output};
use opencode_session::proto::request::Response;

#[test]
fn readers_are_answered_when_the_server_is_connected() {
    let mut desk = Desk::new();
    assert_eq!(desk.attach(1), [Output::OpenStream { generation: 1 }]);
    assert_eq!(desk.attach(2), [], "one stream");
    assert_eq!(desk.opened(STREAM), []);
    let outputs = desk.bytes(CONNECTED);
    for reader in [1, 2] {
        assert!(sent(&outputs, reader).contains("replay.opened"), "{outputs:?}");
    }
    assert!(sent(&desk.attach(3), 3).contains("\"kept\""));
    let outputs = desk.bytes(&[OPEN, &delta("a"), &delta("b")].concat());
    assert_eq!(outputs.len(), 3, "one batch for each reader");
    assert_eq!(sent(&outputs, 1), sent(&outputs, 3));
    let late = sent(&desk.attach(4), 4);
    assert!(late.contains("\"kept\"") && late.contains("\"ab\""), "{late}");
}

#[test]
fn what_came_with_the_answer_is_told_once() {
    let mut desk = Desk::new();
    desk.attach(1);
    desk.opened(STREAM);
    let told = sent(&desk.bytes(&[CONNECTED, OPEN, &delta("only once")].concat()), 1);
    assert_eq!(told.matches("only once").count(), 1, "{told}");
}

#[test]
fn an_answer_that_is_no_stream_goes_to_all_who_wait() {
    for (status, content_type, retry_after) in [
        (401, "", ""),
        (403, "text/plain", ""),
        (429, "", "7"),
        (500, "application/json", ""),
        (200, "text/html", ""),
        (404, "", ""),
    ] {
        let mut desk = Desk::new();
        desk.attach(1);
        desk.attach(2);
        let outputs = desk.opened(Response {
            status,
            content_type,
            retry_after,
            ..STREAM
        });
        let ending = Ending::Answer {
            status,
            content_type: content_type.into(),
            retry_after: retry_after.into(),
        };
        assert_eq!(ends(&outputs), [(1, ending.clone()), (2, ending)]);
        assert_eq!(outputs[0], Output::CloseStream);
        // Readers know best whether to come again; a stream that never was is not worth own tries.
        desk.now += 30_000;
        assert!(!opens(&desk.input(Input::Timeout)), "{status}");
        assert!(opens(&desk.attach(3)), "{status}");
    }
}

#[test]
fn own_tries_end_when_access_is_refused() {
    let mut desk = Desk::live();
    desk.bytes(OPEN);
    assert_eq!(ends(&desk.closed(Some(Failure::Network))), [(1, Ending::Clean)]);
    assert!(opens(&desk.wait()), "something is in flight");
    desk.opened(Response { status: 401, ..STREAM });
    desk.now += 100_000;
    assert!(!opens(&desk.input(Input::Timeout)));
    assert!(opens(&desk.attach(2)));
}

#[test]
fn failures_before_the_answer_are_passed_on() {
    for (cause, ending) in [
        (None, Ending::Clean),
        (Some(Failure::Network), Ending::Failed(Failure::Network)),
        (Some(Failure::Timeout), Ending::Failed(Failure::Timeout)),
    ] {
        let mut desk = Desk::new();
        desk.attach(1);
        assert_eq!(ends(&desk.closed(cause)), [(1, ending)]);
    }
    let mut desk = Desk::new();
    desk.attach(1);
    desk.opened(STREAM);
    let outputs = desk.wait();
    assert_eq!(outputs[0], Output::CloseStream, "a proxy that holds the stream back");
    assert_eq!(ends(&outputs), [(1, Ending::Failed(Failure::Timeout))]);
}

#[test]
fn tries_are_half_a_second_apart() {
    let mut desk = Desk::new();
    assert!(opens(&desk.attach(1)));
    desk.closed(Some(Failure::Network));
    assert!(!opens(&desk.attach(1)));
    assert!(!opens(&desk.attach(2)));
    desk.now += 499;
    assert!(!opens(&desk.input(Input::Timeout)));
    desk.now += 1;
    assert!(opens(&desk.input(Input::Timeout)));
    desk.now += 1;
    assert_eq!(ends(&desk.closed(None)).len(), 2);
}

#[test]
fn a_dropped_stream_leaves_a_hole_in_order() {
    let mut desk = Desk::live();
    let before = sent(&desk.bytes(&[OPEN, &delta("before")].concat()), 1);
    let position = before.rsplit("id: ").next().unwrap().lines().next().unwrap().to_owned();
    assert_eq!(ends(&desk.closed(None)), [(1, Ending::Clean)]);
    desk.now += 600;
    let outputs = desk.input(Input::Attach {
        reader: 2,
        position: Some(position),
    });
    assert!(opens(&outputs), "a reader does not wait for the backoff");
    desk.opened(STREAM);
    let told = sent(&desk.bytes(CONNECTED), 2);
    assert!(
        told.contains("\"kept\"") && told.contains("replay.hole") && !told.contains("before"),
        "{told}"
    );
    let told = sent(&desk.attach(3), 3);
    assert!(told.contains("\"lost\"") && told.contains("before"), "{told}");
}

#[test]
fn silence_and_disposal_end_the_stream() {
    let mut desk = Desk::live();
    let outputs = desk.wait();
    assert_eq!(
        (outputs[0].clone(), ends(&outputs)),
        (Output::CloseStream, vec![(1, Ending::Clean)])
    );
    for kind in ["server.instance.disposed", "global.disposed"] {
        let mut desk = Desk::live();
        let outputs = desk.bytes(&format!(
            "{}data: {{\"type\":\"{kind}\",\"properties\":{{}}}}\n\n{}",
            delta("x"),
            delta("of the past")
        ));
        assert!(sent(&outputs, 1).contains("\"x\"") && !sent(&outputs, 1).contains("of the past"));
        assert!(outputs.contains(&Output::CloseStream));
        assert_eq!(ends(&outputs), [(1, Ending::Clean)]);
    }
}

#[test]
fn heartbeats_pass_without_a_position() {
    let mut desk = Desk::live();
    let beat = "data: {\"type\":\"server.heartbeat\",\"properties\":{}}\n\n";
    assert_eq!(sent(&desk.bytes(beat), 1), beat);
}

#[test]
fn a_stream_is_let_go_when_nobody_needs_it() {
    for (in_flight, hold) in [(false, 60_000), (true, 300_000)] {
        let mut desk = Desk::live();
        if in_flight {
            desk.bytes(OPEN);
        }
        assert_eq!(desk.input(Input::Detach { reader: 1 }), []);
        let left = desk.now;
        // Heartbeats keep the watchdog quiet.
        while desk.now + 10_000 < left + hold {
            desk.now += 10_000;
            assert_eq!(
                desk.bytes("data: {\"type\":\"server.heartbeat\",\"properties\":{}}\n\n"),
                [],
                "at {}",
                desk.now - left
            );
        }
        desk.now = left + hold - 1;
        assert_eq!(desk.input(Input::Timeout), []);
        desk.now += 1;
        assert_eq!(desk.keeper.poll_timeout(), Some(desk.now));
        assert_eq!(desk.input(Input::Timeout), [Output::CloseStream, Output::Idle]);
        assert_eq!(desk.keeper.poll_timeout(), None);
        assert!(!desk.keeper.is_needed());
    }
    let mut desk = Desk::live();
    desk.bytes(OPEN);
    desk.input(Input::Detach { reader: 1 });
    desk.now += 61_000;
    assert_eq!(desk.bytes(&delta("x")), []);
    assert_eq!(
        desk.bytes(IDLE),
        [Output::CloseStream, Output::Idle],
        "what was waited for has ended"
    );
}

#[test]
fn a_relay_is_left_to_the_pages_themselves() {
    const OPENED: &str = "id: e-1\ndata: {\"type\":\"replay.opened\",\"properties\":{\"continuity\":\"kept\"}}\n\n";
    let mut desk = Desk::new();
    desk.attach(1);
    desk.attach(2);
    desk.opened(STREAM);
    let outputs = desk.bytes(OPENED);
    let ending = Ending::Failed(Failure::Keeper);
    assert_eq!(ends(&outputs), [(1, ending.clone()), (2, ending)]);
    assert!(outputs.contains(&Output::CloseStream));
    assert!(!outputs.iter().any(|output| matches!(output, Output::Send { .. })));
}

#[test]
fn readers_are_bounded() {
    let mut desk = Desk::live();
    for reader in 2..=64 {
        assert!(ends(&desk.attach(reader)).is_empty());
    }
    assert!(matches!(
        &ends(&desk.attach(65))[..],
        [(65, Ending::Answer { status: 503, .. })]
    ));
    desk.input(Input::Detach { reader: 9 });
    assert!(ends(&desk.attach(65)).is_empty());
    assert!(ends(&desk.attach(65)).is_empty(), "the same reader anew");
}

/// Every input in every phase: what belongs to no stream changes nothing, and no reader is left without an answer.
#[test]
fn every_input_in_every_phase() {
    type Make = fn() -> Desk;
    let phases: [(&str, Make); 5] = [
        ("closed", Desk::new),
        ("connecting", || {
            let mut desk = Desk::new();
            desk.attach(1);
            desk
        }),
        ("live", Desk::live),
        ("waiting", || {
            let mut desk = Desk::live();
            desk.closed(None);
            desk
        }),
        ("done", || {
            let mut desk = Desk::live();
            desk.input(Input::Detach { reader: 1 });
            desk.now += 60_000;
            desk.input(Input::Timeout);
            desk
        }),
    ];
    for (name, make) in phases {
        let streams = matches!(name, "connecting" | "live");
        // What carries another generation changes nothing.
        for wrong in [0, 17, u32::MAX] {
            let mut desk = make();
            desk.generation = wrong;
            assert_eq!(desk.opened(Response { status: 500, ..STREAM }), [], "{name}");
            assert_eq!(desk.bytes(CONNECTED), [], "{name}");
            assert_eq!(desk.closed(None), [], "{name}");
        }
        let mut desk = make();
        assert_eq!(
            !ends(&desk.closed(Some(Failure::Network))).is_empty(),
            streams,
            "{name}"
        );
        let mut desk = make();
        assert_eq!(!desk.bytes(CONNECTED).is_empty(), name == "connecting", "{name}");
        assert_eq!(!desk.bytes(&delta("x")).is_empty(), streams, "{name}");
        let mut desk = make();
        assert_eq!(desk.input(Input::Detach { reader: 99 }), [], "{name}");
        assert_eq!(make().input(Input::Timeout), [], "{name}: no deadline has passed");
        let mut desk = make();
        desk.now += 1_000;
        let outputs = desk.attach(5);
        let answered = sent(&outputs, 5).contains("replay.opened");
        assert_eq!((opens(&outputs), answered), (!streams, name == "live"), "{name}");
    }
}
