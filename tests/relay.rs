//! The relay: one upstream stream, readers of whom each sees what is theirs, alone and with others over a store.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::relay::{Answer, Body, Config, Ending, Input, Op, Output, Position, Record, Relay, Scope};
use opencode_session::proto::request::Response;

const OK: Response<'static> = Response {
    status: 200,
    content_type: "text/event-stream",
    cursor: "",
    retry_after: "",
    body: b"",
};
const CONNECTED: &str = "data: {\"type\":\"server.connected\",\"properties\":{}}\n\n";

struct Desk {
    relay: Relay,
    now: u64,
}

fn scope(user: &str) -> Scope {
    Scope {
        user: user.into(),
        all: user == "root",
        only: None,
    }
}

fn event(data: &str) -> String {
    format!("data: {{\"directory\":\"/x\",\"payload\":{data}}}\n\n")
}

fn start(session: &str) -> String {
    event(&format!(
        r#"{{"type":"message.part.updated","properties":{{"part":{{"id":"prt_{session}","sessionID":"{session}","messageID":"msg_1","type":"text","text":"","time":{{"start":1}}}}}}}}"#
    ))
}

fn delta(session: &str, text: &str) -> String {
    event(&format!(
        r#"{{"type":"message.part.delta","properties":{{"sessionID":"{session}","messageID":"msg_1","partID":"prt_{session}","field":"text","delta":"{text}"}}}}"#
    ))
}

impl Desk {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(7);
        change(&mut config);
        Desk {
            relay: Relay::new(config),
            now: 10_000,
        }
    }

    /// Alone, with a stream that is live; `root` reads as number 1.
    fn live(change: impl FnOnce(&mut Config)) -> Self {
        let mut desk = Desk::new(change);
        desk.attach(1, "root", None);
        desk.stream(1);
        desk.wait(100);
        desk
    }

    /// Something comes on the first stream; what is done within a flush.
    fn say(&mut self, bytes: &str) -> Vec<Output> {
        let mut outputs = self.bytes(1, bytes);
        outputs.extend(self.wait(50));
        outputs
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Output> {
        self.relay.handle_input(input, self.now);
        std::iter::from_fn(|| self.relay.poll_output()).collect()
    }

    fn attach(&mut self, reader: u32, user: &str, position: Option<&str>) -> Vec<Output> {
        self.input(Input::Attach {
            reader,
            scope: scope(user),
            position: position.map(String::from),
        })
    }

    fn stream(&mut self, generation: u32) -> Vec<Output> {
        let mut outputs = self.input(Input::StreamOpened {
            generation,
            response: OK,
        });
        outputs.extend(self.bytes(generation, CONNECTED));
        outputs
    }

    fn bytes(&mut self, generation: u32, bytes: &str) -> Vec<Output> {
        let bytes = bytes.as_bytes();
        self.input(Input::StreamBytes { generation, bytes })
    }

    fn judged(&mut self, user: &str, session: &str, allowed: bool) -> Vec<Output> {
        let (user, session) = (user.into(), session.into());
        self.input(Input::Judged { user, session, allowed })
    }

    /// Timers, for so many milliseconds.
    fn wait(&mut self, time: u64) -> Vec<Output> {
        let end = self.now + time;
        let mut outputs = Vec::new();
        while let Some(due) = self.relay.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            outputs.extend(self.input(Input::Timeout));
        }
        self.now = end;
        outputs
    }
}

/// With a store that three lines stand for.
struct Shared {
    desk: Desk,
    follow: u32,
    epoch: u64,
    read: u64,
}

impl Shared {
    /// Leads, with a live stream.
    fn leading() -> Self {
        let mut desk = Desk::new(|config| config.shared = true);
        let outputs = desk.attach(1, "root", None);
        let follow = follows(&outputs).unwrap();
        let mut shared = Shared {
            desk,
            follow,
            epoch: 50,
            read: 0,
        };
        let outputs = shared.entries(Vec::new());
        let (id, op) = asks(&outputs).remove(0);
        assert!(matches!(op, Op::Acquire { .. }), "{op:?}");
        let outputs = shared.answer(id, Answer::Led { epoch: 50, top: None });
        shared.settle(outputs);
        let outputs = shared.desk.stream(1);
        shared.settle(outputs);
        let outputs = shared.desk.wait(100);
        shared.settle(outputs);
        shared
    }

    fn answer(&mut self, id: u32, answer: Answer) -> Vec<Output> {
        self.desk.input(Input::Stored { id, answer })
    }

    fn entries(&mut self, bodies: Vec<Body>) -> Vec<Output> {
        let mut records = Vec::new();
        for body in bodies {
            self.read += 1;
            let position = Position {
                epoch: self.epoch,
                seq: self.read,
            };
            records.push(Record { position, body });
        }
        let generation = self.follow;
        self.desk.input(Input::Entries {
            generation,
            records,
            all: true,
        })
    }

    /// Does what is asked of the store, until nothing more is.
    fn settle(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        let mut all = Vec::new();
        let mut waiting = outputs;
        while !waiting.is_empty() {
            let asked = asks(&waiting);
            all.append(&mut waiting);
            for (id, op) in asked {
                if let Op::Append { records, .. } | Op::Release { records, .. } = op {
                    waiting.extend(self.answer(id, Answer::Done { wanted: false }));
                    waiting.extend(self.entries(records));
                }
            }
        }
        all
    }
}

fn asks(outputs: &[Output]) -> Vec<(u32, Op)> {
    let ask = |output: &Output| match output {
        Output::Store { id, op } => Some((*id, op.clone())),
        _ => None,
    };
    outputs.iter().filter_map(ask).collect()
}

fn follows(outputs: &[Output]) -> Option<u32> {
    outputs.iter().find_map(|output| match output {
        Output::Follow { generation, .. } => Some(*generation),
        _ => None,
    })
}

fn told(outputs: &[Output], reader: u32) -> String {
    let mut text = String::new();
    for output in outputs {
        if let Output::Send { readers, bytes } = output
            && readers.contains(&reader)
        {
            text.push_str(str::from_utf8(bytes).unwrap());
        }
    }
    text
}

fn ends(outputs: &[Output]) -> Vec<(u32, Ending)> {
    let end = |output: &Output| match output {
        Output::End { reader, ending } => Some((*reader, *ending)),
        _ => None,
    };
    outputs.iter().filter_map(end).collect()
}

fn position(text: &str) -> String {
    text.lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .next_back()
        .unwrap()
        .into()
}

#[test]
fn one_stream_serves_all_and_what_is_the_same_is_written_once() {
    let mut desk = Desk::new(|_| {});
    assert_eq!(desk.attach(1, "root", None), [Output::OpenStream { generation: 1 }]);
    assert_eq!(desk.attach(2, "root", None), []);
    let opened = desk.stream(1);
    for reader in [1, 2] {
        let text = told(&opened, reader);
        assert!(text.contains("\"kept\"") && text.contains("replay.live"), "{text}");
    }
    desk.bytes(1, &start("ses_a"));
    let outputs = desk.say(&[delta("ses_a", "a"), delta("ses_a", "b")].concat());
    let sends: Vec<&Output> = outputs
        .iter()
        .filter(|output| matches!(output, Output::Send { .. }))
        .collect();
    assert_eq!(sends.len(), 1, "{outputs:?}");
    assert!(told(&outputs, 2).contains("\"delta\":\"ab\""), "joined: {outputs:?}");
    let late = told(&desk.attach(3, "root", None), 3);
    assert!(late.contains("\"kept\"") && late.contains("\"ab\""), "{late}");
}

#[test]
fn what_is_not_decided_is_not_shown_and_not_lost() {
    let mut desk = Desk::live(|_| {});
    desk.attach(2, "ada", None);
    let outputs = desk.say(&start("ses_a"));
    assert!(!told(&outputs, 2).contains("ses_a"), "{outputs:?}");
    let more = [delta("ses_b", "secret"), delta("ses_a", "x")].concat();
    let outputs = desk.say(&more);
    assert!(!told(&outputs, 2).contains("ses_"), "{outputs:?}");
    desk.wait(100);
    let outputs = desk.judged("ada", "ses_a", true);
    assert!(
        told(&outputs, 2).contains("ses_a") && !told(&outputs, 2).contains("secret"),
        "{outputs:?}"
    );
    let judge = Output::Judge {
        user: "ada".into(),
        session: "ses_b".into(),
    };
    assert!(outputs.contains(&judge), "{outputs:?}");
    let outputs = desk.judged("ada", "ses_b", false);
    assert!(
        told(&outputs, 2).contains("\"x\"") && !told(&outputs, 2).contains("secret"),
        "{outputs:?}"
    );
}

#[test]
fn what_one_user_may_see_says_nothing_of_another() {
    let mut desk = Desk::live(|_| {});
    desk.attach(2, "ada", None);
    desk.attach(3, "bob", None);
    desk.say(&start("ses_a"));
    let outputs = desk.judged("ada", "ses_a", true);
    assert!(told(&outputs, 2).contains("ses_a"), "{outputs:?}");
    assert!(!told(&outputs, 3).contains("ses_a"), "{outputs:?}");
}

#[test]
fn what_is_about_no_session_is_for_those_who_see_all() {
    let mut desk = Desk::live(|_| {});
    desk.attach(2, "ada", None);
    let outputs = desk.say(&event(r#"{"type":"file.edited","properties":{"file":"/etc/secret"}}"#));
    assert!(!told(&outputs, 2).contains("secret"), "{outputs:?}");
    let outputs = desk.say(&event(
        r#"{"type":"session.updated","properties":{"info":{"id":"ses_a"}}}"#,
    ));
    assert!(told(&outputs, 1).contains("ses_a"), "{outputs:?}");
}

#[test]
fn a_verdict_does_not_count_for_ever() {
    let mut desk = Desk::live(|_| {});
    desk.attach(2, "ada", None);
    desk.say(&start("ses_a"));
    desk.judged("ada", "ses_a", true);
    let mut hour = 0;
    while hour < 90_000 {
        hour += 10_000;
        desk.wait(10_000);
        desk.bytes(1, "data: {\"type\":\"server.heartbeat\",\"properties\":{}}\n\n");
    }
    let outputs = desk.say(&delta("ses_a", "later"));
    assert!(!told(&outputs, 2).contains("later"), "{outputs:?}");
    let outputs = desk.judged("ada", "ses_a", true);
    assert!(told(&outputs, 2).contains("later"), "{outputs:?}");
}

#[test]
fn readers_are_counted_for_each_user_and_in_all() {
    let mut desk = Desk::new(|config| {
        config.readers = 3;
        config.readers_per_user = 2;
    });
    desk.attach(1, "ada", None);
    desk.attach(2, "ada", None);
    assert_eq!(ends(&desk.attach(3, "ada", None)), [(3, Ending::Full(429))]);
    desk.attach(4, "bob", None);
    assert_eq!(ends(&desk.attach(5, "eve", None)), [(5, Ending::Full(503))]);
    desk.input(Input::Detach { reader: 1 });
    desk.input(Input::Detach { reader: 1 });
    assert_eq!(ends(&desk.attach(6, "ada", None)), []);
    assert_eq!(ends(&desk.attach(7, "ada", None)), [(7, Ending::Full(503))]);
}

#[test]
fn a_slow_reader_gets_what_it_missed_joined_and_nothing_before_it_takes_more() {
    let mut desk = Desk::live(|_| {});
    desk.say(&start("ses_a"));
    desk.input(Input::Full { reader: 1 });
    for text in ["a", "b", "c"] {
        let outputs = desk.say(&delta("ses_a", text));
        assert_eq!(told(&outputs, 1), "", "{outputs:?}");
    }
    let outputs = desk.input(Input::Drained { reader: 1 });
    assert!(told(&outputs, 1).contains("\"abc\""), "{outputs:?}");
    assert_eq!(outputs.len(), 1);
}

#[test]
fn a_reader_that_takes_nothing_is_let_go() {
    let mut desk = Desk::live(|_| {});
    desk.input(Input::Full { reader: 1 });
    desk.attach(2, "root", None);
    let mut outputs = Vec::new();
    for _ in 0..8 {
        outputs.extend(desk.wait(10_000));
        desk.bytes(1, "data: {\"type\":\"server.heartbeat\",\"properties\":{}}\n\n");
    }
    assert_eq!(ends(&outputs), [(1, Ending::Again)]);
}

#[test]
fn a_slow_reader_that_fell_behind_the_log_comes_again_and_is_told_so() {
    let mut desk = Desk::live(|config| {
        config.replay.bytes = 4_000;
        config.replay.tail = 2_000;
    });
    let at = position(&told(&desk.attach(2, "root", None), 2));
    desk.input(Input::Full { reader: 2 });
    for number in 0..40 {
        desk.bytes(
            1,
            &event(&format!(
                r#"{{"type":"session.updated","properties":{{"info":{{"id":"ses_{number}"}}}}}}"#
            )),
        );
        desk.wait(50);
    }
    assert_eq!(ends(&desk.input(Input::Drained { reader: 2 })), [(2, Ending::Again)]);
    assert!(told(&desk.attach(3, "root", Some(&at)), 3).contains("\"lost\""));
}

#[test]
fn positions_are_kept_known_lost_or_foreign() {
    let mut desk = Desk::live(|_| {});
    desk.say(&start("ses_a"));
    let first = position(&told(&desk.attach(2, "root", None), 2));
    desk.say(&delta("ses_a", "more"));
    let text = told(&desk.attach(3, "root", Some(&first)), 3);
    assert!(
        text.contains("\"kept\"") && text.contains("more") && !text.contains("message.part.updated"),
        "{text}"
    );
    let (epoch, seq) = first.split_once('-').unwrap();
    let future = format!("{epoch}-{}", seq.parse::<u64>().unwrap() + 9);
    for odd in [
        future.as_str(),
        "mother-1",
        "7-1",
        "",
        "-",
        "x",
        "1-99999999999999999999999",
        "\u{0}-1",
    ] {
        let text = told(&desk.attach(4, "root", Some(odd)), 4);
        assert!(text.contains("\"lost\"") && text.contains("more"), "{odd:?}: {text}");
    }
}

#[test]
fn a_reader_that_hears_nothing_hears_where_it_is() {
    let mut desk = Desk::live(|_| {});
    desk.attach(2, "ada", None);
    desk.say(&start("ses_a"));
    desk.judged("ada", "ses_a", false);
    let outputs = desk.wait(16_000);
    let text = told(&outputs, 2);
    assert!(text.starts_with(": \nid: m") && !text.contains("data"), "{text:?}");
    let at = position(&text);
    assert!(told(&desk.attach(2, "ada", Some(&at)), 2).contains("\"kept\""));
}

#[test]
fn the_upstream_cannot_speak_as_the_relay() {
    let mut desk = Desk::live(|_| {});
    desk.say(&event(r#"{"type":"replay.opened","properties":{"continuity":"kept"}}"#));
    let outputs = desk.say(&event(r#"{"type":"replay.live","properties":{}}"#));
    assert_eq!(told(&outputs, 1), "", "{outputs:?}");
    assert!(told(&desk.say("data: no JSON\n\n"), 1).contains("replay.hole"));
}

#[test]
fn a_stream_that_comes_back_leaves_a_hole() {
    let mut desk = Desk::live(|_| {});
    desk.say(&start("ses_a"));
    desk.input(Input::StreamClosed {
        generation: 1,
        cause: None,
    });
    let outputs = desk.wait(3_000);
    assert!(
        outputs.iter().any(|output| matches!(output, Output::OpenStream { .. })),
        "{outputs:?}"
    );
    let generation = outputs.iter().find_map(|output| match output {
        Output::OpenStream { generation } => Some(*generation),
        _ => None,
    });
    let mut outputs = desk.stream(generation.unwrap());
    outputs.extend(desk.wait(100));
    assert!(told(&outputs, 1).contains("replay.hole"), "{outputs:?}");
}

#[test]
fn readers_of_a_server_that_is_away_are_told_so() {
    let mut desk = Desk::new(|_| {});
    desk.attach(1, "root", None);
    let response = Response { status: 503, ..OK };
    let outputs = desk.input(Input::StreamOpened {
        generation: 1,
        response,
    });
    assert_eq!(ends(&outputs), [(1, Ending::Unreached)]);
}

#[test]
fn the_stream_is_let_go_when_nobody_reads() {
    let mut desk = Desk::live(|_| {});
    desk.input(Input::Detach { reader: 1 });
    let outputs = desk.wait(61_000);
    assert!(
        outputs.contains(&Output::CloseStream) && outputs.contains(&Output::Idle),
        "{outputs:?}"
    );
    assert_eq!(ends(&desk.attach(9, "root", None)), [(9, Ending::Again)]);
}

#[test]
fn readers_are_served_from_what_is_read_of_the_store() {
    let mut shared = Shared::leading();
    let outputs = shared.desk.say(&start("ses_a"));
    assert_eq!(told(&outputs, 1), "", "not before it is there: {outputs:?}");
    let outputs = shared.settle(outputs);
    let text = told(&outputs, 1);
    assert!(text.contains("id: 50-3") && text.contains("ses_a"), "{text}");
}

#[test]
fn a_leader_that_was_replaced_appends_nothing_more() {
    let mut shared = Shared::leading();
    let outputs = shared.desk.say(&start("ses_a"));
    let (id, _) = asks(&outputs).remove(0);
    let outputs = shared.answer(id, Answer::Fenced);
    assert!(outputs.contains(&Output::CloseStream), "{outputs:?}");
    assert_eq!(shared.desk.bytes(1, &delta("ses_a", "x")), []);
    let outputs = shared.desk.wait(200);
    assert!(
        asks(&outputs).iter().all(|(_, op)| matches!(op, Op::Acquire { .. })),
        "{outputs:?}"
    );
}

#[test]
fn what_got_no_answer_is_appended_again_under_the_same_numbers() {
    let mut shared = Shared::leading();
    let outputs = shared.desk.say(&start("ses_a"));
    let (id, op) = asks(&outputs).remove(0);
    shared.answer(id, Answer::Failed);
    let outputs = shared.desk.wait(400);
    let again = asks(&outputs)
        .into_iter()
        .find(|(_, op)| matches!(op, Op::Append { .. }))
        .unwrap();
    assert_eq!(again.1, op);
    assert_ne!(again.0, id);
}

#[test]
fn a_leader_whose_lease_ran_out_lets_go() {
    let mut shared = Shared::leading();
    let outputs = shared.desk.wait(2_100);
    let (id, op) = asks(&outputs).remove(0);
    assert!(matches!(op, Op::Renew { .. }), "{op:?}");
    shared.answer(id, Answer::Done { wanted: false });
    shared.entries(Vec::new());
    let mut outputs = Vec::new();
    for _ in 0..8 {
        outputs.extend(shared.desk.wait(1_000));
        shared.entries(Vec::new());
    }
    assert!(outputs.contains(&Output::CloseStream), "{outputs:?}");
}

#[test]
fn records_that_were_trimmed_unread_are_missed() {
    let mut shared = Shared::leading();
    let outputs = shared.desk.say(&start("ses_a"));
    let outputs = shared.settle(outputs);
    let at = position(&told(&outputs, 1));
    shared.read += 5;
    let outputs = shared.entries(vec![Body::Event(
        br#"{"type":"session.idle","properties":{"sessionID":"ses_a"}}"#.to_vec(),
    )]);
    assert_eq!(ends(&outputs), [(1, Ending::Again)]);
    let text = told(&shared.desk.attach(2, "root", Some(&at)), 2);
    assert!(text.contains("\"lost\""), "{text}");
}

#[test]
fn a_position_that_is_not_read_yet_is_waited_for() {
    let mut shared = Shared::leading();
    assert_eq!(told(&shared.desk.attach(2, "root", Some("50-3")), 2), "");
    let outputs = shared.entries(vec![Body::Event(
        br#"{"type":"session.idle","properties":{"sessionID":"ses_a"}}"#.to_vec(),
    )]);
    let text = told(&outputs, 2);
    assert!(text.contains("\"kept\"") && !text.contains("session.idle"), "{text}");
    shared.desk.attach(3, "root", Some("50-9"));
    let outputs = shared.desk.wait(2_500);
    assert!(told(&outputs, 3).contains("\"lost\""), "{outputs:?}");
}

#[test]
fn readers_go_on_from_memory_while_the_store_is_away() {
    let mut shared = Shared::leading();
    let outputs = shared.desk.say(&start("ses_a"));
    let (id, _) = asks(&outputs).remove(0);
    shared.answer(id, Answer::Failed);
    let generation = shared.follow;
    shared.desk.input(Input::FollowFailed { generation });
    let outputs = shared.desk.wait(3_500);
    let text = told(&outputs, 1);
    assert!(
        text.contains("id: m") && text.contains("ses_a") && !text.contains("hole"),
        "{text}"
    );
    let outputs = shared.desk.say(&delta("ses_a", "on"));
    assert!(told(&outputs, 1).contains("\"on\""), "{outputs:?}");
    // It is back.
    let outputs = shared.desk.wait(6_000);
    shared.follow = follows(&outputs).unwrap();
    shared.read = 0;
    shared.epoch = 60;
    let outputs = shared.entries(vec![Body::Begin(None)]);
    assert_eq!(ends(&outputs), [(1, Ending::Again)]);
}

#[test]
fn what_waits_for_the_store_is_bounded_and_told() {
    let mut shared = Shared::leading();
    shared.desk.say(&start("ses_a"));
    let long = "x".repeat(60_000);
    for _ in 0..300 {
        shared.desk.bytes(
            1,
            &event(&format!(
                r#"{{"type":"session.updated","properties":{{"info":{{"id":"ses_a","title":"{long}"}}}}}}"#
            )),
        );
        assert!(
            shared.desk.relay.bytes().1 <= 9 << 20,
            "{:?}",
            shared.desk.relay.bytes()
        );
    }
}

#[test]
fn a_process_that_ends_hands_over() {
    let mut shared = Shared::leading();
    let outputs = shared.desk.input(Input::Drain);
    assert_eq!(ends(&outputs), [(1, Ending::Again)]);
    let (_, op) = asks(&outputs).remove(0);
    let Op::Release { records, .. } = op else {
        panic!("{op:?}")
    };
    assert_eq!(records.last(), Some(&Body::Over));
    let outputs = shared.settle(outputs);
    assert!(
        outputs.contains(&Output::Idle) && outputs.contains(&Output::CloseStream),
        "{outputs:?}"
    );
}

#[test]
fn records_are_written_and_read_the_same() {
    let at = Position { epoch: 5, seq: 9 };
    let bodies = [
        Body::Event(b"{}".to_vec()),
        Body::Begin(None),
        Body::Begin(Some(at)),
        Body::Up { hole: false },
        Body::Up { hole: true },
        Body::Down,
        Body::Over,
    ];
    for body in bodies {
        let (kind, data) = body.parts();
        assert_eq!(Body::of_parts(kind, &data), Some(body));
    }
    for (kind, data) in [(1, &b"x"[..]), (2, b"x"), (3, b"x"), (4, b"x"), (9, b"")] {
        assert_eq!(Body::of_parts(kind, data), None);
    }
    assert_eq!(Position::of_text("5-9"), Some(at));
    for odd in [
        "",
        "-",
        "5",
        "5-",
        "-9",
        "+5-9",
        "5-9-1",
        "m5-9",
        "99999999999999999999-1",
    ] {
        assert_eq!(Position::of_text(odd), None, "{odd}");
    }
}

#[test]
fn the_page_about_it_names_its_limits() {
    let page = include_str!("../docs/relay.md");
    let config = Config::new(1);
    let seconds = |time: u64| format!("{} s", time / 1_000);
    let thousands = |count: usize| match (count / 1_000, count % 1_000) {
        (0, rest) => rest.to_string(),
        (all, rest) => format!("{all},{rest:03}"),
    };
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    let rows = [
        ("`readers`", thousands(config.readers)),
        ("`readersPerUser`", thousands(config.readers_per_user)),
        ("`flush`", format!("{} ms", config.flush)),
        ("`chunk`", format!("{} KiB", config.chunk >> 10)),
        ("`keepAlive`", seconds(config.keep_alive)),
        ("`stall`", seconds(config.stall)),
        ("`grace`", seconds(config.grace)),
        (
            "`linger`, `patience`",
            [seconds(config.linger), seconds(config.patience)].join(", "),
        ),
        ("`verdict`", seconds(config.verdict)),
        ("`verdicts`", thousands(config.verdicts)),
        (
            "`replay`, `tail`",
            [mib(config.replay.bytes), mib(config.replay.tail)].join(", "),
        ),
        ("`pending`", mib(config.pending)),
        ("`lease`", seconds(config.lease)),
        ("`storePatience`", seconds(config.store_patience)),
        ("`catchUp`", seconds(config.catch_up)),
    ];
    for (name, value) in rows {
        let row = format!("| {name} | {value} |");
        assert!(page.contains(&row), "{row}");
    }
}
