//! The configuration: typed, with defaults, all errors at once, and the same as its JSON Schema and as the asked-for one.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::provider::config::{Algorithm, Auth, Config, Reason, json_schema};
use opencode_session::proto::rng::Rng;
use serde_json::{Value, json};

/// The schema that was asked for: what it refuses is refused.
const ASKED: &str = include_str!("support_rs/seed_schema.json");

fn least() -> Value {
    json!({
        "apiEndpoint": "https://opencode.ai/zen/v1/",
        "auth": { "type": "api-key", "apiKey": "k" },
        "rateLimits": { "requestsPerMinute": 60, "tokensPerMinute": 60_000 }
    })
}

fn read(value: &Value) -> Result<Config, Vec<(String, Reason)>> {
    Config::read(value.to_string().as_bytes())
        .map_err(|errors| errors.into_iter().map(|error| (error.path, error.reason)).collect())
}

#[test]
fn defaults() {
    let config = read(&least()).unwrap();
    assert_eq!(config.api_endpoint, "https://opencode.ai/zen/v1");
    assert_eq!(config.auth, Auth::ApiKey { api_key: "k".into() });
    let limits = config.rate_limits;
    assert_eq!(
        (limits.concurrent_requests, limits.max_queue_size, limits.max_wait),
        (5, 100, 120_000)
    );
    assert_eq!(
        (
            config.models.cache_timeout,
            config.models.auto_discovery,
            config.models.enabled_models
        ),
        (300, true, None)
    );
    assert!(config.features.streaming && config.features.code_completion);
    assert!(config.features.code_analysis && config.features.custom_parameters);
    assert_eq!((config.timeouts.total, config.retry.max_tries), (30_000, 4));
    assert_eq!(
        (config.validate_path.as_str(), config.usage_path.as_str()),
        ("/models", "")
    );
}

#[test]
fn headers_queries_and_budgets() {
    let mut value = least();
    value["apiVersion"] = json!("v1");
    value["apiVersionIn"] = json!("path");
    value["query"] = json!({ "a": "1", "b": "" });
    value["budget"] = json!({ "tokensPerDay": 5, "costPerMonth": 0.25, "offset": -60, "unusual": 3 });
    let config = read(&value).unwrap();
    assert!(config.version_in_path);
    assert_eq!(config.query, [("a".into(), "1".into()), ("b".into(), String::new())]);
    let budget = config.budget;
    assert_eq!((budget.day.tokens, budget.month.cost), (5, 250_000));
    assert_eq!((budget.offset, budget.unusual), (-60, 3));
    value["budget"] = json!({ "costPerDay": -0.01, "tokensPerMonth": 0.5 });
    value["headers"] = json!({ "a b": "x" });
    let errors = read(&value).unwrap_err();
    assert_eq!(
        errors,
        [
            ("headers".into(), Reason::WrongType("an object of texts")),
            ("budget.costPerDay".into(), Reason::TooSmall(0)),
            ("budget.tokensPerMonth".into(), Reason::WrongType("a whole number")),
        ]
    );
}

#[test]
fn every_kind_of_auth() {
    let mut value = least();
    value["auth"] = json!({ "type": "oauth", "clientId": "c", "tokenUrl": "https://a/token", "scopes": ["s"] });
    let Auth::OAuth {
        client_id,
        client_secret,
        scopes,
        ..
    } = read(&value).unwrap().auth
    else {
        panic!()
    };
    assert_eq!((client_id.as_str(), client_secret.as_str(), scopes.len()), ("c", "", 1));
    value["auth"] = json!({ "type": "jwt", "privateKey": "p" });
    let Auth::Jwt {
        algorithm, expires_in, ..
    } = read(&value).unwrap().auth
    else {
        panic!()
    };
    assert_eq!((algorithm, expires_in), (Algorithm::Rs256, 3_600));
    for (name, algorithm) in [
        ("ES256", Algorithm::Es256),
        ("ES384", Algorithm::Es384),
        ("ES512", Algorithm::Es512),
        ("RS384", Algorithm::Rs384),
        ("RS512", Algorithm::Rs512),
    ] {
        value["auth"]["algorithm"] = json!(name);
        assert!(matches!(read(&value).unwrap().auth, Auth::Jwt { algorithm: read, .. } if read == algorithm));
    }
}

#[test]
fn all_errors_at_once() {
    let errors = Config::read(
        json!({
            "apiEndpoint": "opencode.ai",
            "auth": { "type": "jwt", "algorithm": "HS256", "privateKey": 5 },
            "rateLimits": { "requestsPerMinute": 0, "tokensPerMinute": 1_000_001, "maxQueueSize": 9.5 },
            "models": { "enabledModels": ["a", 1], "autoDiscovery": "yes" },
            "features": [],
            "timeout": "30000"
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap_err();
    let told: Vec<(&str, &str, &str)> = errors
        .iter()
        .map(|error| (error.path.as_str(), error.reason.code(), error.value.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("apiEndpoint", "no_url", "***"),
            ("auth.privateKey", "wrong_type", "***"),
            ("auth.algorithm", "unknown_value", "\"HS256\""),
            ("rateLimits.requestsPerMinute", "too_small", "0"),
            ("rateLimits.tokensPerMinute", "too_large", "1000001"),
            ("rateLimits.maxQueueSize", "wrong_type", "9.5"),
            ("models.enabledModels", "wrong_type", "[\"a\",1]"),
            ("models.autoDiscovery", "wrong_type", "\"yes\""),
            ("features", "wrong_type", "[]"),
            ("timeout", "wrong_type", "\"30000\""),
        ]
    );
    assert!(errors.iter().all(|error| !error.remedy.is_empty()));
    assert_eq!(errors[3].reason.to_string(), "must be at least 1");
    assert_eq!(errors[4].reason.to_string(), "must be at most 1000000");
    assert!(errors[2].reason.to_string().ends_with("ES384, ES512"));

    let nothing = Config::read(b"{}").unwrap_err();
    let paths: Vec<&str> = nothing.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["apiEndpoint", "auth", "rateLimits"]);
    assert_eq!(nothing[0].reason.to_string(), "is required");
    for broken in ["", "[]", "null", "{", "{} {}"] {
        let errors = Config::read(broken.as_bytes()).unwrap_err();
        assert_eq!((errors.len(), errors[0].reason), (1, Reason::NoObject), "{broken}");
    }
}

#[test]
fn names_that_are_not_known_are_told_all_at_once_with_what_may_be_meant() {
    let mut value = least();
    value["timeoutMs"] = json!(1);
    value["auth"]["apikey"] = json!("canary");
    value["models"] = json!({ "default_model": "m", "zzz": 1 });
    value["timeout"] = json!(1);
    let errors = Config::read(value.to_string().as_bytes()).unwrap_err();
    let told: Vec<(&str, &str, &str)> = errors
        .iter()
        .map(|error| (error.path.as_str(), error.reason.code(), error.remedy.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("timeoutMs", "unknown_name", "Did you mean timeout?"),
            ("auth.apikey", "unknown_name", "Did you mean apiKey?"),
            ("models.default_model", "unknown_name", "Did you mean defaultModel?"),
            (
                "models.zzz",
                "unknown_name",
                "There are defaultModel, enabledModels, autoDiscovery, cacheTimeout."
            ),
            ("timeout", "too_small", "Give milliseconds, such as 30000."),
        ]
    );
    assert!(!format!("{errors:?}").contains("canary"));
    // Of another kind of auth: it may stay while another one is tried.
    value = least();
    value["auth"]["clientId"] = json!("c");
    assert!(read(&value).is_ok());
    value["auth"] = json!({ "type": "none" });
    assert_eq!(read(&value).unwrap().auth, Auth::Open);
}

#[test]
fn secrets_are_not_shown() {
    let mut value = least();
    value["auth"] = json!("canary");
    value["apiEndpoint"] = json!("https://user:canary@host/");
    let errors = Config::read(value.to_string().as_bytes()).unwrap_err();
    assert!(!format!("{errors:?}").contains("canary"));
    value = least();
    value["auth"]["apiKey"] = json!({ "canary": 1 });
    assert!(!format!("{:?}", Config::read(value.to_string().as_bytes())).contains("canary"));
    value["auth"]["apiKey"] = json!("canary");
    assert!(!format!("{:?}", Config::read(value.to_string().as_bytes()).unwrap()).contains("canary"));
}

#[test]
fn addresses() {
    for (text, good) in [
        ("https://a", true),
        ("http://127.0.0.1:8080/v1", true),
        ("https://[::1]/v1?x=1", true),
        ("ftp://a", false),
        ("https://", false),
        ("https:///v1", false),
        ("https://:80", false),
        ("https://a b", false),
        ("https://u:p@a", false),
        ("//a", false),
        ("", false),
    ] {
        let mut value = least();
        value["apiEndpoint"] = json!(text);
        assert_eq!(read(&value).is_ok(), good, "{text}");
    }
}

/// A judge of the part of JSON Schema that is used here.
fn judge(schema: &Value, value: &Value) -> bool {
    if let Some(all) = schema.as_bool() {
        return all;
    }
    let number = |value: &Value| value.as_f64();
    schema
        .as_object()
        .unwrap()
        .iter()
        .all(|(word, rule)| match word.as_str() {
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "array" => value.is_array(),
                "number" => value.is_number(),
                "integer" => number(value).is_some_and(|number| number.fract() == 0.0),
                other => panic!("{other}"),
            },
            "properties" => rule
                .as_object()
                .unwrap()
                .iter()
                .all(|(name, rule)| value.get(name).is_none_or(|value| judge(rule, value))),
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "oneOf" => {
                rule.as_array()
                    .unwrap()
                    .iter()
                    .filter(|rule| judge(rule, value))
                    .count()
                    == 1
            }
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => number(value) >= number(rule),
            "maximum" => number(value) <= number(rule),
            "items" => value
                .as_array()
                .is_none_or(|all| all.iter().all(|item| judge(rule, item))),
            "additionalProperties" if rule == false => value.as_object().is_none_or(|all| {
                let known = &schema["properties"];
                all.keys().all(|name| known.get(name).is_some())
            }),
            "maxItems" => value
                .as_array()
                .is_none_or(|all| all.len() as u64 <= rule.as_u64().unwrap()),
            "propertyNames" | "additionalProperties" => value.as_object().is_none_or(|all| {
                all.iter().all(|(name, value)| match word.as_str() {
                    "propertyNames" => name.bytes().all(|byte| byte.is_ascii_graphic()) && !name.contains('/'),
                    _ => value.as_str().is_some_and(|text| !text.contains(char::is_control)),
                })
            }),
            "pattern" if rule == "\\S" => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            "pattern" => value
                .as_str()
                .is_some_and(|text| text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())),
            "description" | "default" | "$schema" | "title" | "format" | "writeOnly" => true,
            other => panic!("no judge of {other}"),
        })
}

/// All paths of a schema with what it says of them.
fn rows(schema: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    for part in schema["oneOf"].as_array().into_iter().flatten() {
        rows(part, path, out);
    }
    for (name, rule) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        rows(rule, &path, out);
        out.push((path, rule.clone()));
    }
}

#[test]
fn the_schema_has_what_was_asked_for() {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    let (mut own, mut asked) = (Vec::new(), Vec::new());
    rows(&schema, "", &mut own);
    rows(&serde_json::from_str(ASKED).unwrap(), "", &mut asked);
    assert!(asked.len() > 30);
    for (path, rule) in asked {
        let same = |(name, own): &&(String, Value)| {
            *name == path
                && ["type", "minimum", "maximum", "default", "enum", "const", "items"]
                    .iter()
                    .all(|word| rule.get(word).is_none() || rule[*word] == own[*word])
        };
        assert!(own.iter().find(same).is_some(), "{path}: {rule}");
    }
}

#[test]
fn the_table_the_schema_and_the_one_asked_for_agree() {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    let asked: Value = serde_json::from_str(ASKED).unwrap();
    let mut all = Vec::new();
    rows(&schema, "", &mut all);
    let mut paths: Vec<String> = all.into_iter().map(|(path, _)| path).collect();
    // Names that nothing has.
    paths.extend(
        [
            "timeOut",
            "models.default",
            "auth.key",
            "rateLimits.rpm",
            "fallback.model",
        ]
        .map(String::from),
    );
    let (mut good, mut bad, mut refused) = (0, 0, 0);
    for seed in 0..30_000 {
        let mut rng = Rng::new(seed);
        let mut value = least();
        match rng.below(3) {
            0 => value["auth"] = json!({ "type": "oauth", "clientId": "c", "tokenUrl": "https://t" }),
            1 => value["auth"] = json!({ "type": "jwt", "privateKey": "p" }),
            _ => {}
        }
        for _ in 0..rng.below(4) {
            let values = [
                json!(null),
                json!(true),
                json!(0),
                json!(1),
                json!(10),
                json!(999),
                json!(1_000.0),
                json!(5_000),
                json!(1e6),
                json!(1_000_001),
                json!(1.5),
                json!(-1),
                json!(""),
                json!(" "),
                json!("RS256"),
                json!("api-key"),
                json!("jwt"),
                json!("https://x"),
                json!("x"),
                json!([]),
                json!(["a"]),
                json!(vec!["a"; 9]),
                json!([1]),
                json!("none"),
                json!([{ "apiEndpoint": "https://x", "auth": { "type": "none" } }]),
                json!([{ "apiEndpoint": "https://x", "auth": { "type": "none", "apiKey": 1 }, "timeout": 5_000 }]),
                json!([{ "apiEndpoint": "https://x", "auth": { "type": "none", "apikey": 1 } }]),
                json!([{ "apiEndpoint": "https://x" }]),
                json!([{ "apiEndpoint": "https://x", "auth": { "type": "none" }, "budget": {} }]),
                json!({}),
                json!({ "type": "oauth" }),
                json!({ "x-name": "text", "b": "" }),
                json!({ "x-name": "line\n" }),
                json!({ "x/name": "text" }),
                json!({ "x-name": 1 }),
            ];
            let path = &paths[rng.below(paths.len() as u64) as usize];
            let mut place = &mut value;
            let mut reached = true;
            let mut names: Vec<&str> = path.split('.').collect();
            let last = names.pop().unwrap();
            for name in names {
                if !place.is_object() {
                    reached = false;
                    break;
                }
                place = &mut place[name];
                if place.is_null() {
                    *place = json!({});
                }
            }
            if let Some(object) = place.as_object_mut().filter(|_| reached) {
                if rng.below(4) == 0 {
                    object.remove(last);
                } else {
                    object.insert(last.into(), values[rng.below(values.len() as u64) as usize].clone());
                }
            }
        }
        let ours = read(&value);
        assert_eq!(ours.is_ok(), judge(&schema, &value), "{value}: {ours:?}");
        // Servers without keys are not in the one that was asked for.
        if value["auth"]["type"] != "none" && !judge(&asked, &value) {
            refused += 1;
            assert!(ours.is_err(), "{value}");
        }
        good += u32::from(ours.is_ok());
        bad += u32::from(ours.is_err());
    }
    assert!(good > 5_000 && bad > 5_000 && refused > 3_000, "{good} {bad} {refused}");
}

#[test]
fn nothing_breaks_it() {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"auth\":",
        "\"type\":",
        "\"jwt\"",
        "\"rateLimits\":",
        "\"timeout\":",
        "1e999",
        "-0",
        "null",
        "\"\\ud800\"",
    ];
    for seed in 0..20_000 {
        let mut rng = Rng::new(seed);
        let text: String = (0..rng.below(25))
            .map(|_| WORDS[rng.below(WORDS.len() as u64) as usize])
            .collect();
        let _ = Config::read(text.as_bytes());
    }
}
