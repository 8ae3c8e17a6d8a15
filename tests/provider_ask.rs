//! What is asked: from a caller's request to the body for the server, the version in the address, and the words of faults.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use std::collections::BTreeSet;

use opencode_session::proto::provider::answer::AnswerCode;
use opencode_session::proto::provider::ask::{Ask, BodyOptions, Kind, endpoint_of, version_of};
use opencode_session::proto::provider::family::{Families, ServerKind};
use opencode_session::proto::provider::fault::{FAULTS, Fault};
use opencode_session::proto::provider::limiter::{Priority, Refused};
use opencode_session::proto::rng::Rng;
use serde_json::{Value, json};

const OPTIONS: BodyOptions<'static> = BodyOptions {
    model: "m",
    stream: false,
    usage: false,
    server: ServerKind::Unknown,
    custom: true,
    fim: None,
    max_tokens: 0,
};

fn body(kind: Kind, json: &Value, options: &BodyOptions<'_>) -> Result<(&'static str, Value), Fault> {
    let text = json.to_string();
    let body = Ask::read(kind, text.as_bytes())?.body(options)?;
    Ok((body.path, serde_json::from_str(&body.json).unwrap()))
}

#[test]
fn names_of_families_are_those_of_the_server() {
    let ask = json!({ "prompt": "p", "topK": 5, "minP": 0.1, "repeatPenalty": 1.1, "alphaFrequency": 0.5 });
    for (server, has) in [
        (
            ServerKind::Unknown,
            json!({ "top_k": 5, "min_p": 0.1, "repeat_penalty": 1.1, "repetition_penalty": 1.1, "frequency_penalty": 0.5 }),
        ),
        (
            ServerKind::LlamaCpp,
            json!({ "top_k": 5, "min_p": 0.1, "repeat_penalty": 1.1, "frequency_penalty": 0.5 }),
        ),
        (
            ServerKind::Vllm,
            json!({ "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "frequency_penalty": 0.5 }),
        ),
    ] {
        let (path, mut made) = body(Kind::Completion, &ask, &BodyOptions { server, ..OPTIONS }).unwrap();
        assert_eq!(path, "/completions");
        let made = made.as_object_mut().unwrap();
        assert_eq!(made.remove("model"), Some(json!("m")));
        assert_eq!(made.remove("prompt"), Some(json!("p")));
        assert_eq!(Value::from(made.clone()), has, "{server:?}");
    }
}

#[test]
fn streams_ask_for_usage_where_it_is_taken() {
    let ask = json!({ "messages": [{ "role": "user", "content": "x" }], "stop": null, "temperature": null });
    let options = BodyOptions {
        stream: true,
        usage: true,
        ..OPTIONS
    };
    let (path, made) = body(Kind::Chat, &ask, &options).unwrap();
    assert_eq!(path, "/chat/completions");
    assert_eq!(
        made,
        json!({ "model": "m", "messages": ask["messages"], "stream": true, "stream_options": { "include_usage": true } })
    );
    let made = body(
        Kind::Chat,
        &ask,
        &BodyOptions {
            usage: false,
            ..options
        },
    )
    .unwrap()
    .1;
    assert!(made.get("stream_options").is_none());
}

#[test]
fn holes() {
    let families = Families::default();
    let ask = json!({ "prefix": "a", "suffix": "b", "stop": "END", "path": "f.rs", "files": [{ "path": "g.rs", "text": "g" }] });
    let text = ask.to_string();
    let read = Ask::read(Kind::Fim, text.as_bytes()).unwrap();
    let hole = read.fim();
    assert_eq!(
        (hole.prefix.as_str(), hole.files[0].text.as_str(), hole.native),
        ("a", "g", false)
    );
    let family = families.of("qwen2.5-coder-7b").unwrap();
    let fim = family.fim(&hole).unwrap();
    let (path, made) = body(
        Kind::Fim,
        &ask,
        &BodyOptions {
            fim: Some(&fim),
            ..OPTIONS
        },
    )
    .unwrap();
    assert_eq!(path, "/completions");
    assert_eq!(made["prompt"], json!(fim.prompt));
    assert_eq!(made["stop"][0], "END");
    assert_eq!(made["stop"].as_array().unwrap().len(), fim.stops.len() + 1);
    let turn = families.of("qwen3-coder-30b").unwrap().fim(&hole).unwrap();
    let (path, made) = body(
        Kind::Fim,
        &ask,
        &BodyOptions {
            fim: Some(&turn),
            ..OPTIONS
        },
    )
    .unwrap();
    assert_eq!(
        (path, &made["messages"][0]["content"]),
        ("/chat/completions", &json!(turn.prompt))
    );
    assert_eq!(body(Kind::Fim, &ask, &OPTIONS).unwrap_err().code, "fim_unsupported");
}

#[test]
fn fractions_are_no_whole_numbers() {
    for (name, told) in [
        ("maxTokens", "maxTokens must be a whole number, 1 or more."),
        ("n", "n must be a whole number, 1 or more."),
        ("seed", "seed must be a whole number."),
        ("topK", "topK must be a whole number."),
        ("topLogprobs", "topLogprobs must be a whole number."),
        ("total", "timeouts.total must be a whole number, 0 or more."),
        ("firstByte", "timeouts.firstByte must be a whole number, 0 or more."),
        ("idle", "timeouts.idle must be a whole number, 0 or more."),
    ] {
        let read = |number: &str| {
            let setting = format!("\"{name}\":{number}");
            let setting = if told.starts_with("timeouts.") {
                format!("\"timeouts\":{{{setting}}}")
            } else {
                setting
            };
            Ask::read(Kind::Completion, format!("{{\"prompt\":\"p\",{setting}}}").as_bytes()).map(|_| ())
        };
        for number in ["1.5", "1e3", "2E-1", "1.0e9"] {
            let fault = read(number).unwrap_err();
            assert_eq!((fault.code, fault.message.as_ref()), ("bad_request", told), "{number}");
        }
        assert!(read("5").is_ok(), "{name}");
    }
    assert!(Ask::read(Kind::Completion, br#"{"prompt":"p","seed":-1,"topK":-1}"#).is_ok());
}

#[test]
fn all_that_is_wrong_with_a_request_is_told_at_once() {
    let told = |kind, json: Value| Ask::read(kind, json.to_string().as_bytes()).unwrap_err().message;
    let ask = json!({
        "messages": [{}], "max_tokens": 5, "topk": 1, "priority": "urgent", "maxTokens": "9", "n": 0, "zzzz": 1,
        "timeouts": { "first_byte": 5, "total": -1, "idle": "5" },
    });
    let message = told(Kind::Chat, ask);
    for part in [
        "max_tokens is not known. Did you mean maxTokens?",
        "topk is not known. Did you mean topK?",
        "zzzz is not known. There are messages, ",
        "priority must be low, normal or high.",
        "maxTokens must be a whole number, 1 or more.",
        "n must be a whole number, 1 or more.",
        "timeouts.first_byte is not known. Did you mean firstByte?",
        "timeouts.total must be a whole number, 0 or more.",
        "timeouts.idle must be a whole number, 0 or more.",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(
        told(Kind::Chat, json!({ "messages": [{}], "timeouts": 5 })),
        "timeouts must be an object."
    );
    // Names of another kind of request are not those of this one.
    assert!(told(Kind::Chat, json!({ "messages": [{}], "prompt": "x" })).starts_with("prompt is not known."));
    assert!(told(Kind::Completion, json!({ "prompt": "x", "prefix": "x" })).contains("suffix"));
    let fine = json!({ "prefix": "", "suffix": "", "files": [], "native": true, "path": "a", "repo": "b", "model": "m", "stop": null, "maxTokens": null });
    assert!(Ask::read(Kind::Fim, fine.to_string().as_bytes()).is_ok());
}

#[test]
fn what_is_read_of_a_request() {
    let text =
        json!({ "messages": [{ "role": "user", "content": "xx" }, {}], "n": 3, "maxTokens": 9, "priority": "low",
        "timeouts": { "idle": 5, "total": 0 }, "model": "\u{e9}" })
        .to_string();
    let ask = Ask::read(Kind::Chat, text.as_bytes()).unwrap();
    assert_eq!(
        (ask.choices(), ask.max_tokens(), ask.priority()),
        (3, Some(9), Priority::Low)
    );
    assert_eq!(
        (ask.timeout("idle"), ask.timeout("total"), ask.timeout("firstByte")),
        (Some(5), None, None)
    );
    assert_eq!((ask.model().as_str(), ask.extent().1), ("\u{e9}", 2));
    for (kind, json) in [
        (Kind::Chat, "{}"),
        (Kind::Chat, r#"{"messages":[]}"#),
        (Kind::Completion, r#"{"prompt":1}"#),
        (Kind::Fim, r#"{"suffix":""}"#),
        (Kind::Chat, "[]"),
        (Kind::Chat, r#"{"messages":[{}]"#),
    ] {
        assert_eq!(
            Ask::read(kind, json.as_bytes()).unwrap_err().code,
            "bad_request",
            "{json}"
        );
    }
}

#[test]
fn parameters_cannot_set_what_the_client_lives_by() {
    for name in ["model", "messages", "prompt", "stream", "stream_options"] {
        let ask = json!({ "prompt": "p", "parameters": { name: 1 } });
        assert_eq!(
            body(Kind::Completion, &ask, &OPTIONS).unwrap_err().code,
            "bad_request",
            "{name}"
        );
    }
    let ask = json!({ "prompt": "p", "maxTokens": 5, "topP": 1, "parameters": { "max_tokens": 6, "x": [1] } });
    let made = body(Kind::Completion, &ask, &OPTIONS).unwrap().1;
    assert_eq!(
        made,
        json!({ "model": "m", "prompt": "p", "top_p": 1, "max_tokens": 6, "x": [1] })
    );
    let refused = body(
        Kind::Completion,
        &ask,
        &BodyOptions {
            custom: false,
            ..OPTIONS
        },
    );
    assert_eq!(refused.unwrap_err().code, "bad_request");
}

#[test]
fn requests_have_a_size() {
    let large = ["{\"prompt\":\"", &"x".repeat(64 << 20), "\"}"].concat();
    assert_eq!(
        Ask::read(Kind::Completion, large.as_bytes()).unwrap_err().code,
        "too_large"
    );
}

#[test]
fn nothing_breaks_it() {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"messages\":",
        "\"prompt\":",
        "\"x\"",
        "\"parameters\":",
        "\"stop\":",
        "1e9",
        "-1",
        "null",
        "\"\\ud800\"",
    ];
    for seed in 0..20_000 {
        let mut rng = Rng::new(seed);
        let text: String = (0..rng.below(25))
            .map(|_| WORDS[rng.below(WORDS.len() as u64) as usize])
            .collect();
        for kind in [Kind::Chat, Kind::Completion, Kind::Fim] {
            if let Ok(ask) = Ask::read(kind, text.as_bytes())
                && let Ok(body) = ask.body(&OPTIONS)
            {
                serde_json::from_str::<Value>(&body.json)
                    .unwrap_or_else(|error| panic!("{text}: {}: {error}", body.json));
            }
            let wrapped = [
                "{\"messages\":[{}],\"prompt\":\"\",\"prefix\":\"\",\"parameters\":",
                &text,
                "}",
            ]
            .concat();
            if let Ok(ask) = Ask::read(kind, wrapped.as_bytes()) {
                let _ = ask.body(&OPTIONS);
            }
        }
    }
}

#[test]
fn versions_in_addresses() {
    for (address, version) in [
        ("https://h/v1", Some("v1")),
        ("https://h/api/v1beta", Some("v1beta")),
        ("https://h/2024-10-21", Some("2024-10-21")),
        ("https://h", None),
        ("https://v1", None),
        ("https://h/video", None),
        ("https://h/api", None),
    ] {
        assert_eq!(version_of(address), version, "{address}");
    }
    assert_eq!(endpoint_of("https://h/", "v2").unwrap(), "https://h/v2");
    assert_eq!(endpoint_of("https://h/v1/", "").unwrap(), "https://h/v1");
}

#[test]
fn every_fault_has_its_words() {
    let codes: BTreeSet<&str> = FAULTS.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes.len(), FAULTS.len());
    for (code, _, hint) in FAULTS {
        assert!(hint.len() > 10 && hint.ends_with('.'), "{code}: {hint}");
    }
    for code in [
        AnswerCode::Unauthorized,
        AnswerCode::Forbidden,
        AnswerCode::Quota,
        AnswerCode::RateLimited,
        AnswerCode::UnknownModel,
        AnswerCode::NotFound,
        AnswerCode::TooLong,
        AnswerCode::BadRequest,
        AnswerCode::ServerError,
        AnswerCode::Cut,
        AnswerCode::InvalidResponse,
        AnswerCode::TooLarge,
    ] {
        assert!(codes.contains(code.name()), "{}", code.name());
    }
    for refused in [
        Refused::QueueFull,
        Refused::TooLarge { limit: 1 },
        Refused::Quota { retry_at: Some(1) },
        Refused::CircuitOpen { retry_at: 1 },
    ] {
        let fault = Fault::from(refused);
        assert!(codes.contains(fault.code) && !fault.hint().is_empty(), "{refused:?}");
    }
}
