//! Answers as real servers write them, whole, streamed, broken and cut.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::provider::answer::{
    AnswerCode, AnswerError, AnswerStream, Finish, LINGER, MAX_ANSWER, Piece, Usage, UsageOption,
};
use opencode_session::proto::retry::Rates;
use opencode_session::proto::rng::Rng;
use proptest::prelude::*;

fn drain(answer: &mut AnswerStream) -> Vec<Piece> {
    std::iter::from_fn(|| answer.poll_output()).collect()
}

/// A stream of these frames, ended.
fn stream(frames: &[&str]) -> Vec<Piece> {
    let mut answer = AnswerStream::new(1);
    for frame in frames {
        answer.handle_bytes(format!("data: {frame}\n\n").as_bytes(), 0);
    }
    answer.handle_end(0);
    drain(&mut answer)
}

fn text(choice: u32, text: &str) -> Piece {
    Piece::Text {
        choice,
        text: text.into(),
    }
}

fn finish(reason: Finish) -> Piece {
    Piece::Finish { choice: 0, reason }
}

fn failed(pieces: &[Piece]) -> &AnswerError {
    let ends = pieces
        .iter()
        .filter(|piece| matches!(piece, Piece::Failed(_) | Piece::Done))
        .count();
    assert_eq!(ends, 1, "{pieces:?}");
    match pieces.last() {
        Some(Piece::Failed(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn openai_chat_with_usage_in_a_last_chunk_without_choices() {
    let pieces = stream(&[
        r#"{"id":"x","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}],"usage":null}"#,
        r#"{"model":"gpt","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"lo"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}}"#,
        "[DONE]",
    ]);
    let usage = Usage {
        prompt: 9,
        completion: 2,
        total: 11,
        cached: 4,
        reasoning: 1,
        ..Usage::default()
    };
    assert_eq!(
        pieces,
        [
            Piece::Model("gpt".into()),
            text(0, "Hel"),
            text(0, "lo"),
            finish(Finish::Stop),
            Piece::Usage(usage),
            Piece::Done
        ]
    );
}

#[test]
fn llama_cpp_completion_tells_usage_with_the_finish() {
    let pieces = stream(&[
        r#"{"choices":[{"text":"a","index":0,"logprobs":null,"finish_reason":null}],"model":"m"}"#,
        r#"{"choices":[{"text":"","index":0,"finish_reason":"length"}],"usage":{"completion_tokens":1,"prompt_tokens":2},"timings":{"x":1.5}}"#,
        "[DONE]",
    ]);
    assert_eq!(pieces[1..3], [text(0, "a"), finish(Finish::Length)]);
    assert_eq!(
        pieces[3],
        Piece::Usage(Usage {
            prompt: 2,
            completion: 1,
            total: 3,
            ..Usage::default()
        })
    );
}

#[test]
fn zen_tells_the_cost_behind_the_mark() {
    let mut answer = AnswerStream::new(1);
    answer.handle_bytes(b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n", 100);
    assert!(!answer.is_over());
    assert_eq!(answer.poll_timeout(), Some(100 + LINGER));
    answer.handle_bytes(b"data: {\"choices\":[],\"cost\":\"0.00123\"}\n\n", 150);
    answer.handle_end(160);
    let pieces = drain(&mut answer);
    let [.., Piece::Usage(usage), Piece::Done] = &pieces[..] else {
        panic!("{pieces:?}")
    };
    assert_eq!(usage.cost, Some(0.00123));
}

#[test]
fn a_stream_that_is_never_closed_ends_all_the_same() {
    let mut answer = AnswerStream::new(1);
    answer.handle_bytes(b"data: {\"choices\":[{\"text\":\"x\"}]}\n\ndata: [DONE]\n\n", 0);
    answer.handle_timeout(LINGER - 1);
    assert_eq!(drain(&mut answer), [text(0, "x")]);
    answer.handle_timeout(LINGER);
    assert_eq!(drain(&mut answer), [Piece::Done]);
    assert_eq!(answer.poll_timeout(), None);
    answer.handle_bytes(b"data: {\"choices\":[{\"text\":\"late\"}]}\n\n", LINGER);
    answer.handle_end(LINGER);
    assert_eq!(drain(&mut answer), []);
}

#[test]
fn a_cut_stream_is_no_success() {
    let pieces = stream(&[r#"{"choices":[{"index":0,"delta":{"content":"half"}}]}"#]);
    assert_eq!(pieces[0], text(0, "half"));
    assert_eq!(failed(&pieces).code, AnswerCode::Cut);
    assert_eq!(failed(&pieces).code.name(), "cut");
    // Nothing at all is no answer either.
    assert_eq!(failed(&stream(&[])).code, AnswerCode::Cut);
    // `""` and `null` are no reasons.
    for reason in [r#""""#, "null"] {
        let frame = format!(r#"{{"choices":[{{"text":"a","finish_reason":{reason}}}]}}"#);
        assert_eq!(failed(&stream(&[&frame])).code, AnswerCode::Cut);
    }
    // One of two choices is whole.
    let mut answer = AnswerStream::new(2);
    answer.handle_bytes(
        b"data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"stop\"}]}\n\n",
        0,
    );
    answer.handle_end(0);
    assert_eq!(failed(&drain(&mut answer)).code, AnswerCode::Cut);
}

#[test]
fn either_sign_of_the_end_is_enough() {
    for frames in [
        &[r#"{"choices":[{"text":"a","finish_reason":"stop"}]}"#][..],
        &[r#"{"choices":[{"text":"a"}]}"#, "[DONE]"],
        &[r#"{"choices":[{"text":"a","finishReason":"STOP"}]}"#],
    ] {
        assert_eq!(stream(frames).last(), Some(&Piece::Done), "{frames:?}");
    }
    // The last frame without its blank line.
    let mut answer = AnswerStream::new(1);
    answer.handle_bytes(b"data:{\"choices\":[{\"text\":\"a\"}]}\n\ndata:[DONE]", 0);
    answer.handle_end(0);
    assert_eq!(drain(&mut answer), [text(0, "a"), Piece::Done]);
}

#[test]
fn reasoning_in_every_spelling() {
    for delta in [
        r#"{"reasoning_content":"hm"}"#,
        r#"{"reasoning":"hm","content":null}"#,
        r#"{"reasoning":"hm","reasoning_content":"hm"}"#,
        r#"{"thinking":"hm"}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#,
    ] {
        let pieces = stream(&[&format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#), "[DONE]"]);
        assert_eq!(
            pieces,
            [
                Piece::Reasoning {
                    choice: 0,
                    text: "hm".into()
                },
                Piece::Done
            ],
            "{delta}"
        );
    }
}

#[test]
fn tool_calls_by_index() {
    let pieces = stream(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"read","arguments":""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}},{"index":1,"id":"c2","function":{"name":"list","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ]);
    let call = |index, id: &str, name: &str, arguments: &str| Piece::ToolCall {
        choice: 0,
        index,
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    };
    assert_eq!(
        pieces,
        [
            call(0, "c1", "read", ""),
            call(0, "", "", "{\"a\""),
            call(1, "c2", "list", "{}"),
            call(0, "", "", ":1}"),
            finish(Finish::ToolCalls),
            Piece::Done
        ]
    );
    let old = stream(&[
        r#"{"choices":[{"delta":{"function_call":{"name":"f","arguments":"{}"}},"finish_reason":"function_call"}]}"#,
    ]);
    assert_eq!(old[..2], [call(0, "", "f", "{}"), finish(Finish::ToolCalls)]);
}

#[test]
fn errors_in_the_middle() {
    let first = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    // OpenRouter: beside a choice.
    let pieces = stream(&[
        first,
        r#"{"error":{"code":429,"message":"Rate limited upstream","metadata":{"provider_name":"x"}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
        "[DONE]",
    ]);
    assert_eq!(
        (failed(&pieces).code, failed(&pieces).message.as_str()),
        (AnswerCode::RateLimited, "Rate limited upstream")
    );
    // OpenAI: alone.
    let pieces = stream(&[
        first,
        r#"{"error":{"message":"The server had an error","type":"server_error","code":null}}"#,
    ]);
    assert_eq!(
        (failed(&pieces).code, failed(&pieces).kind.as_str()),
        (AnswerCode::ServerError, "server_error")
    );
    // By its event's name.
    let mut answer = AnswerStream::new(1);
    answer.handle_bytes(b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n", 0);
    answer.handle_end(0);
    assert_eq!(failed(&drain(&mut answer)).message, "Overloaded");
    // By the reason alone.
    let pieces = stream(&[r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#, "[DONE]"]);
    assert_eq!(failed(&pieces).code, AnswerCode::ServerError);
    // No JSON.
    let pieces = stream(&[first, "{\"choices\":[{", "[DONE]"]);
    assert_eq!(failed(&pieces).code, AnswerCode::InvalidResponse);
    // `error: null` is none.
    assert_eq!(
        stream(&[r#"{"error":null,"choices":[{"text":"a","finish_reason":"stop"}]}"#]).last(),
        Some(&Piece::Done)
    );
}

#[test]
fn comments_and_pings_are_nothing() {
    let mut answer = AnswerStream::new(1);
    answer.handle_bytes(b": OPENROUTER PROCESSING\n\n: keep-alive\n\ndata:\n\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n", 0);
    assert!(
        !answer.has_produced(),
        "a role alone is no text: the request may be repeated"
    );
    answer.handle_bytes(b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", 0);
    assert!(answer.has_produced());
}

#[test]
fn whole_answers() {
    let mut answer = AnswerStream::new(1);
    answer.handle_whole(br#"{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","reasoning_content":"hm","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},"cost":"0.5"}"#, 0);
    let pieces = drain(&mut answer);
    assert_eq!(pieces.len(), 7, "{pieces:?}");
    assert_eq!(pieces[2], text(0, "Hi"));
    assert!(matches!(&pieces[5], Piece::Usage(usage) if usage.cost == Some(0.5) && !usage.estimated));
    assert_eq!(pieces[6], Piece::Done);

    let mut answer = AnswerStream::new(2);
    answer.handle_whole(
        br#"{"choices":[{"text":"a","index":0},{"text":"b","index":1,"finish_reason":"length"}]}"#,
        0,
    );
    let pieces = drain(&mut answer);
    assert_eq!((&pieces[0], &pieces[1]), (&text(0, "a"), &text(1, "b")));

    for (body, code) in [
        (&b"{}"[..], AnswerCode::InvalidResponse),
        (b"", AnswerCode::InvalidResponse),
        (b"<html><title>502 Bad Gateway</title>", AnswerCode::InvalidResponse),
        (br#"{"error":{"message":"no","code":"503"}}"#, AnswerCode::ServerError),
    ] {
        let mut answer = AnswerStream::new(1);
        answer.handle_whole(body, 0);
        assert_eq!(failed(&drain(&mut answer)).code, code);
    }
}

#[test]
fn error_shapes() {
    for (status, body, code, message, kind) in [
        (
            401,
            r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#,
            AnswerCode::Unauthorized,
            "Invalid API Key",
            "authentication_error",
        ),
        (
            429,
            r#"{"error":{"message":"slow","type":"throttling_error","param":null,"code":"429"}}"#,
            AnswerCode::RateLimited,
            "slow",
            "throttling_error",
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            AnswerCode::Quota,
            "You exceeded your current quota",
            "insufficient_quota",
        ),
        (
            401,
            r#"{"type":"error","error":{"type":"CreditsError","message":"No credit"},"metadata":{}}"#,
            AnswerCode::Quota,
            "No credit",
            "CreditsError",
        ),
        (
            401,
            r#"{"type":"error","error":{"type":"ModelError","message":"Model x is not supported"}}"#,
            AnswerCode::UnknownModel,
            "Model x is not supported",
            "ModelError",
        ),
        (
            401,
            r#"{"type":"error","error":{"type":"AuthError","message":"Invalid"}}"#,
            AnswerCode::Unauthorized,
            "Invalid",
            "AuthError",
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"GoUsageLimitError","message":"used up"},"metadata":{"limitName":"weekly"}}"#,
            AnswerCode::Quota,
            "used up",
            "GoUsageLimitError",
        ),
        (
            404,
            r#"{"error":"model 'x' not found"}"#,
            AnswerCode::UnknownModel,
            "model 'x' not found",
            "",
        ),
        (
            404,
            r#"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#,
            AnswerCode::NotFound,
            "File Not Found",
            "not_found_error",
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","x"],"msg":"field required","type":"value_error"},{"msg":"too short"}]}"#,
            AnswerCode::BadRequest,
            "field required; too short",
            "",
        ),
        (
            405,
            r#"{"detail":"Method Not Allowed"}"#,
            AnswerCode::NotFound,
            "Method Not Allowed",
            "",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":5,"n_ctx":4}}"#,
            AnswerCode::TooLong,
            "the request exceeds the available context size",
            "exceed_context_size_error",
        ),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 10","type":"BadRequestError"}"#,
            AnswerCode::TooLong,
            "This model's maximum context length is 10",
            "BadRequestError",
        ),
        (
            502,
            "<html><head><TITLE>502 Bad\n Gateway</TITLE></head>",
            AnswerCode::ServerError,
            "502 Bad Gateway",
            "",
        ),
        (503, "", AnswerCode::ServerError, "HTTP 503", ""),
        (500, "upstream broke", AnswerCode::ServerError, "upstream broke", ""),
        (402, "{}", AnswerCode::Quota, "HTTP 402", ""),
        (
            403,
            r#"{"type":"error","error":{"type":"RegionError","message":"not here"}}"#,
            AnswerCode::Forbidden,
            "not here",
            "RegionError",
        ),
    ] {
        let error = AnswerError::read(status, body.as_bytes());
        assert_eq!(
            (error.code, error.message.as_str(), error.kind.as_str()),
            (code, message, kind),
            "{body}"
        );
        assert_eq!(error.status, status);
    }
}

#[test]
fn headers_in_the_body_are_headers() {
    let body = br#"{"error":{"message":"Rate limit exceeded: free-models-per-day","code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1795809660000"}}}}"#;
    let error = AnswerError::read(429, body);
    let headers = error
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let rates = Rates::read(headers, 1_795_809_600_000);
    assert_eq!(rates.wait_until(), Some(1_795_809_660_000));
}

#[test]
fn messages_are_bounded_at_whole_letters() {
    let error = AnswerError::read(500, format!(r#"{{"error":"{}"}}"#, "ü".repeat(5_000)).as_bytes());
    assert!(error.message.len() <= AnswerError::MAX_MESSAGE);
    assert!(error.message.ends_with('ü'));
}

#[test]
fn stream_options_once_without_and_remembered() {
    let mut option = UsageOption::default();
    let refused = AnswerError::read(400, br#"{"error":{"message":"Unknown field: stream_options"}}"#);
    assert!(option.is_wanted("a"));
    assert!(option.handle_refused("a", &refused));
    assert!(!option.is_wanted("a"), "named: remembered at once");
    assert!(!option.handle_refused("a", &refused), "only once");
    assert!(option.is_wanted("b"), "another endpoint");

    let vague = AnswerError::read(400, br#"{"error":{"message":"bad request"}}"#);
    assert!(option.handle_refused("b", &vague));
    option.handle_taken("b", false);
    assert!(!option.is_wanted("b"), "without it worked");

    option.handle_taken("c", true);
    assert!(
        !option.handle_refused("c", &vague),
        "it was taken before: the 400 is about something else"
    );
    let long = AnswerError::read(400, br#"{"error":{"type":"exceed_context_size_error","message":"x"}}"#);
    assert!(!option.handle_refused("d", &long));
    assert!(!option.handle_refused("d", &AnswerError::read(401, b"")));
    for n in 0..200 {
        option.handle_taken(&n.to_string(), false);
    }
    assert!(option.is_wanted("a"), "bounded: the oldest are forgotten");
}

#[test]
fn half_letters_of_two_chunks_are_joined() {
    let pieces = stream(&[
        r#"{"choices":[{"delta":{"content":"a\ud83d"}}]}"#,
        r#"{"choices":[{"delta":{"content":"\ude00b"}}]}"#,
        r#"{"choices":[{"delta":{"content":"\ud83d"},"finish_reason":"stop"}]}"#,
    ]);
    let all: String = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(all, "a\u{1f600}b\u{fffd}");
}

#[test]
fn bounds() {
    let mut answer = AnswerStream::new(1);
    for index in 0..200 {
        answer.handle_bytes(
            format!("data: {{\"choices\":[{{\"index\":{index},\"text\":\"a\"}}]}}\n\n").as_bytes(),
            0,
        );
    }
    assert_eq!(failed(&drain(&mut answer)).code, AnswerCode::TooLarge);
    let mut answer = AnswerStream::new(1);
    let mut frame = b"data: {\"choices\":[{\"text\":\"".to_vec();
    frame.resize(1 << 20, b'a');
    frame.extend_from_slice(b"\"}]}\n\n");
    for _ in 0..=MAX_ANSWER >> 20 {
        answer.handle_bytes(&frame, 0);
        if let Some(Piece::Failed(error)) = drain(&mut answer).pop() {
            assert_eq!(error.code, AnswerCode::TooLarge);
            return;
        }
    }
    panic!("no bound");
}

const WORDS: &[&str] = &[
    "data: ",
    "\n\n",
    "\n",
    "{",
    "}",
    "[",
    "]",
    "[DONE]",
    "\"choices\":",
    "\"delta\":",
    "\"content\":",
    "\"error\":",
    "\"usage\":",
    "\"tool_calls\":",
    "\"index\":",
    "\"a\"",
    "\"\\ud83d\"",
    "null",
    "1e99",
    "-1",
    ",",
    "event: error\n",
    "\"finish_reason\":",
    "\"message\":",
    "\"metadata\":",
    "\"headers\":",
    "\"detail\":",
    "\"code\":",
    "\"function\":",
    "\"arguments\":",
    "{\"choices\":[{\"text\":\"x\"}]}",
];

#[test]
fn log_probabilities_come_before_their_piece_as_they_stand() {
    let mut answer = AnswerStream::new(1);
    let wire = [
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-0.5}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"b"},"logprobs":null}]}"#,
        r#"{"choices":[{"index":0,"text":"","logprobs":{"tokens":["c"]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    ];
    for each in wire {
        answer.handle_bytes(format!("data: {each}\n\n").as_bytes(), 0);
    }
    answer.handle_end(0);
    let told = |json: &str| Piece::Logprobs {
        choice: 0,
        json: json.into(),
    };
    let text = |text: &str| Piece::Text {
        choice: 0,
        text: text.into(),
    };
    assert_eq!(
        drain(&mut answer),
        [
            told(r#"{"content":[{"token":"a","logprob":-0.5}]}"#),
            text("a"),
            text("b"),
            told(r#"{"tokens":["c"]}"#),
            Piece::Finish {
                choice: 0,
                reason: Finish::Stop
            },
            Piece::Done
        ]
    );
}

#[test]
fn nothing_breaks_it_and_it_ends_once() {
    for seed in 0..20_000 {
        let mut rng = Rng::new(seed);
        let mut text = String::new();
        for _ in 0..rng.below(40) {
            text.push_str(WORDS[rng.below(WORDS.len() as u64) as usize]);
        }
        let mut answer = AnswerStream::new(rng.below(3) as u32);
        answer.handle_bytes(text.as_bytes(), 0);
        answer.handle_end(0);
        let pieces = drain(&mut answer);
        let ends = pieces
            .iter()
            .filter(|piece| matches!(piece, Piece::Done | Piece::Failed(_)))
            .count();
        assert_eq!(ends, 1, "{text}");
        assert!(matches!(pieces.last(), Some(Piece::Done | Piece::Failed(_))), "{text}");
        let _ = AnswerError::read(400, text.as_bytes());
        let mut whole = AnswerStream::new(1);
        whole.handle_whole(text.as_bytes(), 0);
        assert!(whole.is_over());
    }
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(texts in prop::collection::vec(".{0,12}", 1..6), cuts in prop::collection::vec(1_usize..40, 0..20)) {
        let mut wire = String::new();
        for text in &texts {
            let json = serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]});
            wire.push_str(&format!("data: {json}\n\n"));
        }
        wire.push_str("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
        let mut answer = AnswerStream::new(1);
        let mut rest = wire.as_bytes();
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            answer.handle_bytes(head, 0);
            rest = tail;
        }
        answer.handle_bytes(rest, 0);
        answer.handle_end(0);
        let pieces = drain(&mut answer);
        let all: String = pieces.iter().filter_map(|piece| match piece { Piece::Text { text, .. } => Some(text.as_str()), _ => None }).collect();
        prop_assert_eq!(all, texts.concat());
        prop_assert_eq!(pieces.last(), Some(&Piece::Done));
    }
}
