//! The family table: who is who, what is sent for a hole, and what of an answer is one.

#![allow(clippy::unwrap_used, clippy::panic)] // also in helpers, where clippy.toml's rule for tests does not reach

use opencode_session::proto::provider::family::{
    Families, Family, FamilyError, Fim, FimError, FimRequest, NearbyFile, Order, ServerKind, code_blocks,
    parameter_name, prompt_of,
};
use opencode_session::proto::rng::Rng;
use proptest::prelude::*;

fn hole(prefix: &str, suffix: &str) -> FimRequest {
    FimRequest {
        prefix: prefix.into(),
        suffix: suffix.into(),
        ..FimRequest::default()
    }
}

fn fim(model: &str, request: &FimRequest) -> Fim {
    Families::default().of(model).unwrap().fim(request).unwrap()
}

#[test]
fn the_table_is_whole() {
    let families = Families::default();
    assert!(families.all().len() >= 20, "{}", families.all().len());
    let mut ids: Vec<&str> = families.all().iter().map(|family| family.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), families.all().len());
    for family in families.all() {
        assert!(
            !family.licence.is_empty() && !family.source.is_empty() && !family.name.is_empty(),
            "{}",
            family.id
        );
        assert!(
            family.fim.is_none() || !family.stops.is_empty(),
            "{} would not stop",
            family.id
        );
        assert!(family.defaults.iter().all(|(_, value)| value.is_finite()));
        // Each is reached by its own words: none stands in the shadow of one before it.
        let words = family.matches[0].replace(' ', "-");
        assert_eq!(families.of(&words).unwrap().id, family.id);
    }
}

#[test]
fn ids_as_hosts_spell_them() {
    let families = Families::default();
    for (model, id) in [
        ("codellama/CodeLlama-7b-hf", "codellama"),
        ("codellama:13b-code", "codellama"),
        ("CodeLlama-34b-Instruct-hf", "codellama-plain"),
        ("codellama-13b-python", "codellama-plain"),
        ("bigcode/starcoder2-15b", "starcoder2"),
        ("starcoder-15b", "starcoder"),
        ("bigcode/starcoderbase-1b", "starcoder"),
        ("bigcode/santacoder", "santacoder"),
        ("WizardLM/WizardCoder-15B-V1.0", "wizardcoder"),
        ("WizardCoder-Python-34B", "wizardcoder-python"),
        ("deepseek-coder-6.7b-base", "deepseek-coder"),
        ("deepseek-coder-v2:16b", "deepseek-coder-v2"),
        ("Qwen/Qwen2.5-Coder-32B-Instruct", "qwen2.5-coder"),
        ("qwen2.5-coder:1.5b-base", "qwen2.5-coder-small"),
        ("Qwen/Qwen2.5-Coder-3B", "qwen2.5-coder-small"),
        ("qwen3-coder-480b-a35b", "qwen3-coder"),
        ("CodeQwen1.5-7B", "codeqwen"),
        ("mistralai/codestral-2508", "codestral"),
        ("google/codegemma-7b", "codegemma"),
        ("granite-8b-code-base", "granite"),
        ("granite-4.0-h-small", "granite4"),
        ("Seed-Coder-8B-Base", "seed-coder"),
        ("JetBrains/Mellum-4b-base", "mellum"),
        ("stabilityai/stable-code-3b", "stable-code"),
        ("codegeex4-all-9b", "codegeex4"),
    ] {
        assert_eq!(families.of(model).map(|family| family.id.as_str()), Some(id), "{model}");
    }
    assert!(families.of("gpt-5").is_none() && families.of("").is_none());
}

#[test]
fn prompts_word_for_word() {
    for (model, prompt) in [
        ("codellama-7b", "<PRE> a( <SUF>)b <MID>"),
        ("starcoder2-3b", "<fim_prefix>a(<fim_suffix>)b<fim_middle>"),
        ("santacoder", "<fim-prefix>a(<fim-suffix>)b<fim-middle>"),
        ("deepseek-coder-6.7b", "<｜fim▁begin｜>a(<｜fim▁hole｜>)b<｜fim▁end｜>"),
        ("qwen2.5-coder-7b", "<|fim_prefix|>a(<|fim_suffix|>)b<|fim_middle|>"),
        ("codestral-22b", "[SUFFIX])b[PREFIX]a("),
        ("codegemma-2b", "<|fim_prefix|>a(<|fim_suffix|>)b<|fim_middle|>"),
        ("seed-coder-8b", "<[fim-suffix]>)b<[fim-prefix]>a(<[fim-middle]>"),
        ("mellum-4b", "<fim_suffix>)b<fim_prefix>a(<fim_middle>"),
        ("codegeex4", "<|code_suffix|>)b<|code_prefix|>a(<|code_middle|>"),
    ] {
        assert_eq!(fim(model, &hole("a(", ")b")).prompt, prompt, "{model}");
    }
    assert!(
        fim("qwen3-coder-30b", &hole("a", "b")).turn,
        "instruct only: inside of a chat turn"
    );
    assert!(fim("codellama-7b", &hole("", "")).stops.contains(&"<EOT>".to_owned()));
    assert!(
        fim("codellama-7b", &hole("", "")).stops.contains(&"<PRE>".to_owned()),
        "the tokens stop, too"
    );
    let wizard = Families::default().of("wizardcoder-15b").unwrap().fim(&hole("a", "b"));
    assert_eq!(wizard, Err(FimError::Unsupported));
    assert_eq!(FimError::Unsupported.code(), "fim_unsupported");
    // A carriage return behind `<SUF>` breaks CodeLlama.
    assert_eq!(
        fim("codellama-7b", &hole("a\r\n", "\r\nb\rc")).prompt,
        "<PRE> a\n <SUF>\nb\nc <MID>"
    );
    let large = hole(&"a".repeat(9 << 20), "");
    assert_eq!(
        Families::default().of("codellama").unwrap().fim(&large),
        Err(FimError::TooLarge)
    );
}

#[test]
fn nearby_files() {
    let mut request = hole("p", "s");
    request.files = vec![NearbyFile {
        path: "a.rs".into(),
        text: "A".into(),
    }];
    request.repo = "r".into();
    request.path = "b.rs".into();
    assert_eq!(
        fim("qwen2.5-coder-7b", &request).prompt,
        "<|repo_name|>r\n<|file_sep|>a.rs\nA\n<|file_sep|>b.rs\n<|fim_prefix|>p<|fim_suffix|>s<|fim_middle|>"
    );
    assert_eq!(
        fim("mellum", &request).prompt,
        "<filename>a.rs\nA\n<filename>b.rs\n<fim_suffix>s<fim_prefix>p<fim_middle>"
    );
    // Without a token for files they are text before the hole.
    assert_eq!(fim("codellama-7b", &request).prompt, "<PRE> A\np <SUF>s <MID>");
}

#[test]
fn hosts_that_take_a_suffix() {
    let request = FimRequest {
        native: true,
        ..hole("p", "s")
    };
    let sent = fim("codestral", &request);
    assert_eq!(
        (sent.prompt.as_str(), sent.suffix.as_deref(), sent.turn),
        ("p", Some("s"), false)
    );
    // The host knows how, whatever is known of the model here.
    let mut request = request;
    request.files = vec![NearbyFile {
        path: "a.rs".into(),
        text: "A".into(),
    }];
    for family in [
        Family::default(),
        Families::default().of("wizardcoder-15b").unwrap().clone(),
    ] {
        let sent = family.fim(&request).unwrap();
        assert_eq!((sent.prompt.as_str(), sent.suffix.as_deref()), ("A\np", Some("s")));
    }
    let echo = "0123456789abcdef and on";
    let mut cleaner = Family::default().cleaner(echo);
    assert_eq!(
        [
            cleaner.handle_text("hole"),
            cleaner.handle_text(echo),
            cleaner.handle_end()
        ]
        .concat(),
        "hole"
    );
}

#[test]
fn families_of_ones_own() {
    let own = r#"[{"id":"acme","match":["acme-coder","starcoder2 acme"],"fim":{"order":"spm","prefix":"<P>","suffix":"<S>","middle":"<M>"},"stops":["<E>"],"context":4096,"defaults":{"temperature":0.3}}]"#;
    let families = Families::with_custom(own.as_bytes()).unwrap();
    let family = families.of("org/Acme_Coder-v1").unwrap();
    assert_eq!((family.id.as_str(), family.context), ("acme", Some(4_096)));
    assert_eq!(family.fim.as_ref().unwrap().order, Order::Spm);
    assert_eq!(family.fim(&hole("p", "s")).unwrap().prompt, "<S>s<P>p<M>");
    assert_eq!(
        families.of("starcoder2-acme").unwrap().id,
        "acme",
        "before the built-in ones"
    );
    assert_eq!(families.of("starcoder2-7b").unwrap().id, "starcoder2");
    for (json, error) in [
        ("{}", FamilyError::InvalidJson),
        ("[", FamilyError::InvalidJson),
        ("[] x", FamilyError::InvalidJson),
        (r#"[{"match":["a"]}]"#, FamilyError::Missing { at: 0, field: "id" }),
        (
            r#"[{"id":"a","match":["-"]}]"#,
            FamilyError::Missing { at: 0, field: "match" },
        ),
        (
            r#"[{"id":"a","match":["a"]},{"id":"b","match":["b"],"fim":{"suffix":"x"}}]"#,
            FamilyError::Missing {
                at: 1,
                field: "fim.prefix",
            },
        ),
        (
            r#"[{"id":"a","match":["a"],"fim":{"prefix":"x"}}]"#,
            FamilyError::Missing {
                at: 0,
                field: "fim.suffix",
            },
        ),
    ] {
        assert_eq!(Families::with_custom(json.as_bytes()), Err(error), "{json}");
    }
    let many = format!("[{}]", vec![r#"{"id":"a","match":["a"]}"#; 300].join(","));
    assert_eq!(Families::with_custom(many.as_bytes()).unwrap_err().code(), "too_many");
}

/// What comes out of an answer that came in these pieces.
fn clean(model: &str, suffix: &str, pieces: &[&str]) -> String {
    let mut cleaner = Families::default().of(model).unwrap().cleaner(suffix);
    let mut out: String = pieces.iter().map(|piece| cleaner.handle_text(piece)).collect();
    out.push_str(&cleaner.handle_end());
    assert!(cleaner.is_over());
    out
}

#[test]
fn leaked_tokens() {
    assert_eq!(clean("codellama-7b", "", &["x + 1", " <EOT>", " junk"]), "x + 1 ");
    assert_eq!(clean("codellama-7b", "", &["<MID> x", " + 1"]), " x + 1");
    assert_eq!(clean("codellama-7b", "", &["  x < y"]), "  x < y");
    assert_eq!(
        clean("codellama-7b", "", &["<EOT>", "junk"]),
        "",
        "a stop at the beginning is the end"
    );
    assert_eq!(
        clean("qwen2.5-coder-7b", "", &["a<|fi", "m_pad|>b"]),
        "a",
        "cut over two chunks"
    );
    assert_eq!(
        clean("qwen2.5-coder-7b", "", &["a<|fi", "ne|>b"]),
        "a<|fine|>b",
        "what only looks like one"
    );
    assert_eq!(clean("starcoder2-3b", "", &["x<file_sep>other.py\ncode"]), "x");
    assert_eq!(clean("starcoder2-3b", "", &["a <"]), "a <");
}

#[test]
fn an_echo_of_the_suffix() {
    let suffix = "\n    return total_of_all_items\n}\n";
    assert_eq!(
        clean(
            "starcoder2-3b",
            suffix,
            &["let a = 1;", "\n    return total_", "of_all_items\n}\n"]
        ),
        "let a = 1;"
    );
    assert_eq!(
        clean("starcoder2-3b", suffix, &["let a = 1;\n    return total_of_all_"]),
        "let a = 1;"
    );
    assert_eq!(
        clean("starcoder2-3b", "\n}\n", &["if x {\n  y\n}\n"]),
        "if x {\n  y\n}\n",
        "a bracket may be meant"
    );
    assert_eq!(
        clean("starcoder2-3b", suffix, &["a\n    return other"]),
        "a\n    return other"
    );
}

#[test]
fn blocks() {
    let text = "Intro\n```python\ndef f():\n    pass\n```\nand\n~~~\n```\nx\n```\n~~~\n````md\n```js\n```\n````\n";
    let blocks = code_blocks(text);
    let plain: Vec<(&str, &str)> = blocks
        .iter()
        .map(|block| (block.language.as_str(), block.code.as_str()))
        .collect();
    assert_eq!(
        plain,
        [
            ("python", "def f():\n    pass"),
            ("", "```\nx\n```"),
            ("md", "```js\n```")
        ]
    );
    // The seed's own prompt has no end.
    assert_eq!(
        prompt_of("```python\ndef fibonacci(n):\n    "),
        "def fibonacci(n):\n    "
    );
    assert!(!code_blocks("```\nx")[0].closed);
    assert_eq!(prompt_of("function hello() {"), "function hello() {");
    assert_eq!(prompt_of("use `a` and ```b``` here"), "use `a` and ```b``` here");
    assert_eq!(prompt_of("```js\r\nlet a;\r\n```"), "let a;");
}

#[test]
fn parameters_by_the_names_of_servers() {
    use ServerKind::{LlamaCpp, Unknown, Vllm};
    for (name, unknown, llama, vllm) in [
        (
            "temperature",
            Some("temperature"),
            Some("temperature"),
            Some("temperature"),
        ),
        (
            "repeat_penalty",
            Some("repeat_penalty"),
            Some("repeat_penalty"),
            Some("repetition_penalty"),
        ),
        (
            "repetition_penalty",
            Some("repeat_penalty"),
            Some("repeat_penalty"),
            Some("repetition_penalty"),
        ),
        ("top_k", Some("top_k"), Some("top_k"), Some("top_k")),
        (
            "alpha_frequency",
            Some("frequency_penalty"),
            Some("frequency_penalty"),
            Some("frequency_penalty"),
        ),
        (
            "alpha_presence",
            Some("presence_penalty"),
            Some("presence_penalty"),
            Some("presence_penalty"),
        ),
        ("alpha_decay", None, None, None),
    ] {
        let names = [Unknown, LlamaCpp, Vllm].map(|server| parameter_name(name, server, false));
        assert_eq!(names, [unknown, llama, vllm], "{name}");
    }
    assert_eq!(parameter_name("alpha_decay", Vllm, true), Some("alpha_decay"));
}

proptest! {
    #[test]
    fn any_cut_of_an_answer_is_cleaned_the_same(text in "[a-c \n}]{0,20}(<PRE>|<EOT>|<MID|<|return all)?[a-c \n}]{0,20}", suffix in "[a-c \n}]{0,30}", seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(1 + rng.below(rest.len() as u64) as usize);
            pieces.push(head);
            rest = tail;
        }
        prop_assert_eq!(clean("codellama-7b", &suffix, &pieces), clean("codellama-7b", &suffix, &[&text]));
    }

    #[test]
    fn nothing_breaks_it(json in r#"[\[\]{}",:a-z0-9 ]{0,60}"#, model in ".{0,30}", text in ".{0,80}", suffix in ".{0,80}") {
        let _ = Families::with_custom(json.as_bytes());
        let _ = Families::default().of(&model);
        let _ = code_blocks(&text);
        for family in Families::default().all() {
            let mut cleaner = family.cleaner(&suffix);
            let _ = cleaner.handle_text(&text);
            let _ = cleaner.handle_end();
            let _ = family.fim(&hole(&text, &suffix));
        }
    }
}

#[test]
fn the_table_of_the_wasm_is_the_same_without_what_only_people_read() {
    let whole: serde_json::Value =
        serde_json::from_str(include_str!("../src/proto/provider/family/families.json")).unwrap();
    let lean = include_str!("../src/proto/provider/family/families.wasm.json");
    let used = ["id", "match", "context", "fim", "stops", "licence"];
    let left = |family: &serde_json::Value| -> serde_json::Value {
        let said = |value: &serde_json::Value| value.as_array().is_none_or(|list| !list.is_empty());
        let fields = family.as_object().unwrap().iter();
        let kept = fields.filter(|(name, value)| used.contains(&name.as_str()) && said(value));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let expected: Vec<_> = whole.as_array().unwrap().iter().map(left).collect();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(lean).unwrap(),
        serde_json::Value::Array(expected)
    );
}
