//! Which model and endpoint is asked next, and what is not asked again at all.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::provider::config::{Config, Reason};
use opencode_session::proto::provider::fallback::{Fallback, MAX_FALLBACKS, Target};
use opencode_session::proto::provider::fault::FAULTS;
use serde_json::{Value, json};

fn targets(all: &[(usize, &str)]) -> Fallback {
    let target = |(endpoint, model): &(usize, &str)| Target {
        endpoint: *endpoint,
        model: (*model).to_owned(),
    };
    Fallback::new(all.iter().map(target).collect())
}

const ALL: &[(usize, &str)] = &[(0, "a"), (0, "b"), (1, "a"), (1, "c"), (2, "d")];

/// Where it goes with these failures, one after the other.
fn way(codes: &[&str]) -> Vec<(usize, String)> {
    let mut fallback = targets(ALL);
    let mut seen = Vec::new();
    for code in codes {
        if !fallback.handle_failed(code, false) {
            break;
        }
        let Target { endpoint, model } = fallback.target().clone();
        seen.push((endpoint, model));
    }
    seen
}

#[test]
fn a_model_that_fails_leaves_its_endpoint_in_peace() {
    for code in [
        "server_error",
        "rate_limited",
        "quota",
        "cut",
        "timeout",
        "unknown_model",
        "too_long",
    ] {
        assert_eq!(way(&[code]), [(0, "b".into())], "{code}");
        assert_eq!(way(&[code; 9]).len(), 4, "{code}: each is asked once");
    }
}

#[test]
fn an_endpoint_that_fails_takes_its_models_with_it() {
    for code in [
        "unreachable",
        "circuit_open",
        "queue_full",
        "unauthorized",
        "redirected",
        "login_required",
    ] {
        assert_eq!(way(&[code; 9]), [(1, "a".into()), (2, "d".into())], "{code}");
    }
    assert_eq!(
        way(&["server_error", "unreachable", "timeout", "unreachable"]),
        [(0, "b".into()), (1, "a".into()), (1, "c".into()), (2, "d".into())]
    );
}

#[test]
fn what_is_wrong_with_the_request_is_told_at_once() {
    for code in ["bad_request", "cancelled", "disposed", "bad_key", "secret_in_page"] {
        assert!(way(&[code]).is_empty(), "{code}");
    }
}

#[test]
fn what_told_something_is_not_told_again_by_another() {
    for (code, ..) in FAULTS {
        assert!(!targets(ALL).handle_failed(code, true), "{code}");
    }
}

#[test]
fn the_last_one_is_the_last() {
    let mut fallback = targets(&[(0, "a"), (1, "b")]);
    assert!(fallback.has_more() && fallback.handle_failed("timeout", false));
    assert!(!fallback.has_more() && !fallback.handle_failed("timeout", false));
    assert_eq!(fallback.target().model, "b");
}

fn with(fallback: Value) -> Value {
    json!({
        "apiEndpoint": "https://main/v1",
        "auth": { "type": "api-key", "apiKey": "k" },
        "rateLimits": { "requestsPerMinute": 60, "tokensPerMinute": 60_000 },
        "headers": { "x-a": "1" },
        "query": { "q": "1" },
        "timeout": 9_000,
        "models": { "defaultModel": "m" },
        "fallback": fallback,
    })
}

fn read(value: &Value) -> Result<Config, Vec<(String, String)>> {
    let errors = |errors: Vec<opencode_session::proto::provider::config::ConfigError>| {
        errors
            .into_iter()
            .map(|error| (error.path, error.reason.code().to_owned()))
            .collect()
    };
    Config::read(value.to_string().as_bytes()).map_err(errors)
}

#[test]
fn another_endpoint_has_what_the_first_has_but_for_addresses_keys_and_names() {
    let value = with(json!({
        "models": ["m2"],
        "endpoints": [
            { "apiEndpoint": "http://127.0.0.1:8080/v1/", "auth": { "type": "none" }, "models": { "defaultModel": "local" }, "fallback": { "models": ["tiny"] } },
            { "apiEndpoint": "https://b/v1", "auth": { "type": "api-key", "apiKey": "k2" }, "rateLimits": { "requestsPerMinute": 5, "tokensPerMinute": 5_000 }, "timeout": 7_000 },
        ],
    }));
    let config = read(&value).unwrap();
    assert_eq!(
        (config.fallback.models, config.fallback.max_wait),
        (vec!["m2".to_owned()], 5_000)
    );
    let [local, second] = <[Config; 2]>::try_from(config.fallback.endpoints).unwrap();
    assert_eq!(local.api_endpoint, "http://127.0.0.1:8080/v1");
    assert_eq!(
        (local.rate_limits.requests_per_minute, local.timeouts.total),
        (60, 9_000)
    );
    assert!(local.query.is_empty(), "the query may be a key");
    assert_eq!(
        (local.models.default_model.as_str(), local.fallback.models),
        ("local", vec!["tiny".to_owned()])
    );
    assert_eq!(
        (second.rate_limits.requests_per_minute, second.timeouts.total),
        (5, 7_000)
    );
    assert_eq!(second.models.default_model, "");
}

#[test]
fn all_that_is_wrong_with_another_endpoint_is_told_with_its_place() {
    let value = with(json!({
        "models": "m2",
        "maxWait": -1,
        "endpoints": [
            { "apiEndpoint": "https://b/v1" },
            { "apiEndpoint": "b", "auth": { "type": "api-key" }, "timeout": 1, "budget": {}, "fallback": { "endpoints": [] } },
            7,
        ],
    }));
    let errors = read(&value).unwrap_err();
    let told: Vec<(&str, &str)> = errors
        .iter()
        .map(|(path, code)| (path.as_str(), code.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("fallback.models", "wrong_type"),
            ("fallback.maxWait", "too_small"),
            ("fallback.endpoints[0].auth", "missing"),
            ("fallback.endpoints[1].budget", "unknown_name"),
            ("fallback.endpoints[1].apiEndpoint", "no_url"),
            ("fallback.endpoints[1].auth.apiKey", "missing"),
            ("fallback.endpoints[1].fallback.endpoints", "unknown_name"),
            ("fallback.endpoints[1].timeout", "too_small"),
            ("fallback.endpoints[2]", "wrong_type"),
        ]
    );
    let endpoint = json!({ "apiEndpoint": "https://b/v1", "auth": { "type": "none" } });
    let many = with(json!({ "endpoints": vec![endpoint; MAX_FALLBACKS + 1], "models": vec!["m"; MAX_FALLBACKS + 1] }));
    assert_eq!(
        read(&many).unwrap_err(),
        [
            ("fallback.models".to_owned(), "too_many".to_owned()),
            ("fallback.endpoints".to_owned(), "too_many".to_owned())
        ]
    );
    // What is wrong with the first one is told once.
    let mut wrong = with(json!({ "endpoints": [{ "apiEndpoint": "https://b/v1", "auth": { "type": "none" } }] }));
    wrong["timeout"] = json!(1);
    assert_eq!(read(&wrong).unwrap_err().len(), 1);
    assert_eq!(Reason::TooMany(8).text(), "must have at most 8");
}
