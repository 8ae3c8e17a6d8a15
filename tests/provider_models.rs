//! Lists of models in every dialect, the cache over them, and what is measured of them.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::provider::models::{
    MAX_BODY, MAX_MEASURED, MAX_MODELS, MAX_SAMPLES, Measures, Model, ModelCache, ModelOutput, ModelsError, Price,
    Sample, Shelf, TTL, read_catalogue, read_model, read_models,
};
use opencode_session::proto::rng::Rng;

fn one(body: &str) -> Model {
    let models = read_models(body.as_bytes()).unwrap();
    assert_eq!(models.len(), 1, "{body}");
    models.into_iter().next().unwrap()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn openai_and_zen_tell_little() {
    let model = one(r#"{"object":"list","data":[{"id":"gpt","object":"model","created":1,"owned_by":"opencode"}]}"#);
    assert_eq!(
        model,
        Model {
            id: "gpt".into(),
            name: "gpt".into(),
            owner: "opencode".into(),
            ..Model::default()
        }
    );
}

#[test]
fn vllm() {
    let model = one(
        r#"{"object":"list","data":[{"id":"lora","object":"model","owned_by":"vllm","root":"/m","parent":"base","max_model_len":4096,"permission":[{"id":"p"}]}]}"#,
    );
    assert_eq!(
        (model.context, model.base_model.as_str(), model.fine_tuned),
        (Some(4_096), "base", Some(true))
    );
    let base = one(r#"{"data":[{"id":"base","root":"base","parent":null}]}"#);
    assert_eq!((base.base_model.as_str(), base.fine_tuned), ("", None));
}

#[test]
fn llama_cpp_says_it_twice() {
    let model = one(
        r#"{"models":[{"name":"codellama-7b","model":"codellama-7b","type":"model","tags":[""],"capabilities":["completion"],"details":{"family":"","format":"gguf"}}],
        "object":"list","data":[{"id":"codellama-7b","aliases":["codellama-7b"],"tags":[],"object":"model","created":1,"owned_by":"llamacpp",
        "architecture":{"input_modalities":["text"],"output_modalities":["text"]},"meta":{"vocab_type":1,"n_vocab":300,"n_ctx":2048,"n_ctx_train":16384,"n_embd":256,"n_params":9,"size":5,"ftype":"F32"}}]}"#,
    );
    assert_eq!(
        (model.context, model.completion, model.owner.as_str()),
        (Some(2_048), Some(true), "llamacpp")
    );
    assert_eq!(model.input, ["text"]);
}

#[test]
fn openrouter() {
    let model = one(
        r#"{"data":[{"id":"a/b","canonical_slug":"a/b-1","name":"A: B","created":1,"description":"d","context_length":131072,
        "architecture":{"modality":"text+image->text","input_modalities":["text","image"],"output_modalities":["text"],"tokenizer":"Qwen","instruct_type":"chatml"},
        "pricing":{"prompt":"0.0000002","completion":"0.0000008","request":"0","input_cache_read":"0.0000001"},
        "top_provider":{"context_length":32768,"max_completion_tokens":8192,"is_moderated":false},"per_request_limits":null,
        "supported_parameters":["tools","temperature"]}]}"#,
    );
    assert_eq!(
        (model.context, model.output_limit, model.tools),
        (Some(131_072), Some(8_192), Some(true))
    );
    assert_eq!(model.input, ["text", "image"]);
    let price = model.price.unwrap();
    assert!((price.input - 0.2).abs() < 1e-9 && (price.output - 0.8).abs() < 1e-9 && price.cached.is_some());
    assert!((price.cost(1_000_000, 500_000, 1_000_000) - 0.95).abs() < 1e-9);
}

#[test]
fn together_is_a_bare_array() {
    let model = one(
        r#"[{"id":"x","type":"code","display_name":"X","organization":"O","license":"mit","context_length":8192,"pricing":{"hourly":0,"input":0.3,"output":0.4,"base":0,"finetune":0}}]"#,
    );
    assert_eq!(
        (model.name.as_str(), model.owner.as_str(), model.licence.as_str()),
        ("X", "O", "mit")
    );
    assert_eq!(
        model.price,
        Some(Price {
            input: 0.3,
            output: 0.4,
            ..Price::default()
        })
    );
    assert_eq!(model.completion, Some(true));
}

#[test]
fn ollama() {
    let model = one(
        r#"{"models":[{"name":"q:7b","model":"q:7b","digest":"d1","details":{"parent_model":"","family":"qwen2"},"capabilities":["completion","insert","tools","vision"]}]}"#,
    );
    assert_eq!(
        (model.id.as_str(), model.fim, model.tools, model.architecture.as_str()),
        ("q:7b", Some(true), Some(true), "qwen2")
    );
    assert_eq!(model.input, ["text", "image"]);
    // `POST /api/show`
    let show = read_models(br#"[{"id":"q","license":"Apache","model_info":{"general.architecture":"llama","llama.context_length":16384}}]"#).unwrap();
    assert_eq!(
        (show[0].context, show[0].architecture.as_str(), show[0].licence.as_str()),
        (Some(16_384), "llama", "Apache")
    );
}

#[test]
fn litellm_groq_mistral_and_the_seed() {
    let model = one(r#"{"data":[{"id":"m","mode":"chat","max_input_tokens":1000,"max_output_tokens":100}]}"#);
    assert_eq!(
        (model.context, model.output_limit, model.chat),
        (Some(1_000), Some(100), Some(true))
    );
    let model = one(
        r#"{"data":[{"model_name":"m","model_info":{"id":"hash","mode":"completion","max_input_tokens":9,"input_cost_per_token":1e-06,"supports_function_calling":true}}]}"#,
    );
    assert_eq!(
        (model.id.as_str(), model.completion, model.tools),
        ("m", Some(true), Some(true))
    );
    assert!((model.price.unwrap().input - 1.0).abs() < 1e-9);
    let model = one(r#"{"data":[{"id":"g","active":false,"context_window":131072,"max_completion_tokens":32768}]}"#);
    assert_eq!(
        (model.inactive, model.context, model.output_limit),
        (true, Some(131_072), Some(32_768))
    );
    let model = one(
        r#"{"data":[{"id":"codestral","capabilities":{"completion_chat":true,"completion_fim":true,"function_calling":true,"vision":false},"max_context_length":262144,"aliases":["codestral-latest"],"type":"base"}]}"#,
    );
    assert_eq!(
        (model.fim, model.chat, model.tools, model.context),
        (Some(true), Some(true), Some(true), Some(262_144))
    );
    assert_eq!(model.aliases, ["codestral-latest"]);
    let model = one(
        r#"{"data":[{"id":"s","name":"S","version":"2","max_tokens":4096,"streaming":true,"function_calling":false,"context_window":16384,"supported_languages":["rust"],"architecture":"llama","fine_tuned":true,"base_model":"b","performance_metrics":{"humaneval":0.5},"tags":["code"]}]}"#,
    );
    assert_eq!(
        (model.version.as_str(), model.streaming, model.tools),
        ("2", Some(true), Some(false))
    );
    assert_eq!(
        (model.base_model.as_str(), model.fine_tuned, model.architecture.as_str()),
        ("b", Some(true), "llama")
    );
    assert_eq!(
        (model.languages, model.tags, model.benchmarks.as_str()),
        (texts(&["rust"]), texts(&["code"]), r#"{"humaneval":0.5}"#)
    );
}

#[test]
fn a_catalogue_completes() {
    let body = br#"{"other":{"models":{"m":{"id":"m","name":"Wrong"}}},"opencode":{"id":"opencode","npm":"x","models":{"m":{"id":"m","name":"M 1","family":"qwen","reasoning":true,"tool_call":true,"last_updated":"2026-01-01",
        "modalities":{"input":["text"],"output":["text"]},"cost":{"input":0.5,"output":1.5,"cache_read":0.1},"limit":{"context":200000,"output":8000}}}}}"#;
    let catalogue = read_catalogue(body, "opencode").unwrap();
    let mut model = Model {
        id: "m".into(),
        context: Some(5),
        ..Model::default()
    };
    model.complete(&catalogue[0]);
    assert_eq!(
        (model.name.as_str(), model.context, model.output_limit),
        ("M 1", Some(5), Some(8_000))
    );
    assert_eq!((model.tools, model.reasoning), (Some(true), Some(true)));
    assert_eq!(
        model.price,
        Some(Price {
            input: 0.5,
            output: 1.5,
            cached: Some(0.1),
            request: 0.0
        })
    );
    assert_eq!(read_catalogue(body, "none").unwrap(), []);
    assert_eq!(read_catalogue(b"[]", "x"), Err(ModelsError::InvalidResponse));
}

#[test]
fn one_model() {
    assert_eq!(read_model(br#"{"id":"m","object":"model"}"#).unwrap().id, "m");
    assert_eq!(
        read_model(br#"{"data":{"id":"m","context_length":5}}"#)
            .unwrap()
            .context,
        Some(5)
    );
    for body in [&b"{}"[..], b"", b"[]", b"nope"] {
        assert_eq!(read_model(body), Err(ModelsError::InvalidResponse));
    }
}

#[test]
fn what_is_no_list() {
    for body in [
        "",
        "{}",
        "null",
        "<html>",
        r#"{"data":{}}"#,
        r#"{"data":[{"id":"a"}"#,
        r#"{"data":[]} x"#,
    ] {
        assert_eq!(
            read_models(body.as_bytes()),
            Err(ModelsError::InvalidResponse),
            "{body}"
        );
    }
    let repeated = read_models(br#"{"data":[{"id":"a"},{"id":"a"},{"x":1},7,"b"]}"#).unwrap();
    assert_eq!(
        repeated.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    let many = format!("[{}\"x\"]", "\"a\",".repeat(MAX_MODELS));
    assert_eq!(read_models(many.as_bytes()), Err(ModelsError::TooLarge));
    assert_eq!(read_models(&vec![b' '; MAX_BODY + 1]), Err(ModelsError::TooLarge));
    assert_eq!(ModelsError::Status(500).code(), "bad_status");
}

const LIST: &[u8] = br#"{"data":[{"id":"a","created":1},{"id":"b","aliases":["bee"]}]}"#;

fn asks(cache: &mut ModelCache) -> Vec<String> {
    std::iter::from_fn(|| cache.poll_output())
        .filter_map(|output| match output {
            ModelOutput::Ask { etag } => Some(etag),
            ModelOutput::Changed(_) => None,
        })
        .collect()
}

#[test]
fn fresh_stale_and_asked_for_once() {
    let mut cache = ModelCache::new(TTL);
    assert_eq!(cache.handle_wanted(0), Shelf::Missing);
    assert_eq!(cache.handle_wanted(0), Shelf::Missing);
    assert_eq!(asks(&mut cache), [""]);
    cache.handle_answer(200, "\"1\"", LIST, 100).unwrap();
    assert_eq!(cache.handle_wanted(TTL + 99), Shelf::Fresh);
    assert_eq!(asks(&mut cache), [""; 0]);
    assert_eq!(cache.handle_wanted(TTL + 100), Shelf::Stale);
    assert_eq!(cache.handle_wanted(TTL + 100), Shelf::Stale);
    assert_eq!(asks(&mut cache), ["\"1\""]);
    assert_eq!(cache.models().len(), 2, "used while the new one comes");
    cache.handle_answer(304, "", b"", TTL + 200).unwrap();
    assert_eq!(cache.handle_wanted(TTL + 201), Shelf::Fresh);
    assert_eq!(cache.get("bee").unwrap().id, "b");
    assert!(cache.get("c").is_none());
}

#[test]
fn a_failure_keeps_what_is_known() {
    let mut cache = ModelCache::new(TTL);
    cache.handle_wanted(0);
    cache.handle_failed(0);
    assert_eq!(cache.handle_wanted(1), Shelf::Missing);
    assert_eq!(asks(&mut cache).len(), 2, "who has nothing asks again");
    assert_eq!(
        cache.handle_answer(304, "", b"", 1),
        Err(ModelsError::Status(304)),
        "of nothing that is known"
    );
    cache.handle_wanted(2);
    cache.handle_answer(200, "", LIST, 2).unwrap();
    asks(&mut cache);
    cache.handle_wanted(TTL * 2);
    assert_eq!(
        cache.handle_answer(500, "", b"", TTL * 2),
        Err(ModelsError::Status(500))
    );
    assert_eq!(asks(&mut cache).len(), 1);
    assert_eq!(cache.handle_wanted(TTL * 2 + 1), Shelf::Stale);
    assert_eq!(asks(&mut cache), [""; 0], "not at once again");
    assert_eq!(cache.handle_wanted(TTL * 2 + 60_000), Shelf::Stale);
    assert_eq!(asks(&mut cache).len(), 1);
    assert_eq!(
        cache.handle_answer(200, "", b"<html>", TTL * 3),
        Err(ModelsError::InvalidResponse)
    );
    assert_eq!(cache.models().len(), 2);
}

#[test]
fn notices() {
    let mut cache = ModelCache::new(TTL);
    let mut told = |body: &[u8], now: u64| {
        cache.handle_wanted(now);
        cache.handle_answer(200, "", body, now).unwrap();
        std::iter::from_fn(|| cache.poll_output())
            .filter_map(|output| match output {
                ModelOutput::Changed(changes) => Some((changes.new, changes.changed, changes.withdrawn)),
                ModelOutput::Ask { .. } => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(told(LIST, 0), [(texts(&["a", "b"]), vec![], vec![])]);
    // A server that writes the time of the question into each of them.
    assert_eq!(
        told(
            br#"{"data":[{"id":"a","created":999},{"id":"b","aliases":["bee"]}]}"#,
            TTL
        ),
        []
    );
    let changed = told(br#"{"data":[{"id":"a","context_length":5},{"id":"c"}]}"#, TTL * 2);
    assert_eq!(changed, [(texts(&["c"]), texts(&["a"]), texts(&["b"]))]);
}

#[test]
fn figures() {
    let mut measures = Measures::default();
    assert!(measures.figures("m").is_none());
    for n in 1..=100 {
        measures.handle_sample(
            "m",
            Sample {
                first_token: Some(n * 10),
                rest: 1_000,
                tokens: n + 1,
                failed: n % 4 == 0,
            },
        );
    }
    let figures = measures.figures("m").unwrap();
    assert_eq!((figures.requests, figures.error_rate), (100, 0.25));
    assert_eq!(
        (figures.first_token_p50, figures.first_token_p95),
        (Some(500), Some(950))
    );
    // 95 in 100 are at least so fast.
    assert_eq!(
        (figures.tokens_per_second_p50, figures.tokens_per_second_p95),
        (Some(51.0), Some(6.0))
    );
    for _ in 0..MAX_SAMPLES {
        measures.handle_sample(
            "m",
            Sample {
                first_token: None,
                rest: 0,
                tokens: 0,
                failed: true,
            },
        );
    }
    let figures = measures.figures("m").unwrap();
    assert_eq!(
        (
            figures.error_rate,
            figures.first_token_p50,
            figures.tokens_per_second_p50
        ),
        (1.0, None, None)
    );
    for n in 0..=MAX_MEASURED {
        measures.handle_sample(
            &n.to_string(),
            Sample {
                first_token: Some(1),
                rest: 1,
                tokens: 1,
                failed: false,
            },
        );
    }
    assert!(measures.figures("m").is_none(), "the one unused for longest");
    assert!(measures.figures("1").is_some());
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
        "\"data\":",
        "\"models\":",
        "\"id\":",
        "\"a\"",
        "\"pricing\":",
        "\"meta\":",
        "1",
        "-1",
        "1e400",
        "\"context_length\":",
        "\"capabilities\":",
        "true",
        "null",
        "\"architecture\":",
        "{\"id\":\"x\"}",
        "\"cost\":{\"input\":\"nan\"}",
    ];
    for seed in 0..20_000 {
        let mut rng = Rng::new(seed);
        let text: String = (0..rng.below(30))
            .map(|_| WORDS[rng.below(WORDS.len() as u64) as usize])
            .collect();
        let _ = read_models(text.as_bytes());
        let _ = read_model(text.as_bytes());
        let _ = read_catalogue(text.as_bytes(), "a");
    }
    let deep = format!("[{}1{}]", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    let _ = read_models(deep.as_bytes());
}
