use super::model::{Model, Price};
use crate::proto::json::{Bad, Cursor, number as number_of, utf8};

/// Deepest object inside of a model that is looked into.
const MAX_NESTED: u32 = 3;

/// Reads a model of any dialect: names do not collide between them, so one table serves all.
pub(super) fn read(value: &mut Cursor<'_>) -> Result<Model, Bad> {
    let mut model = Model::default();
    fields(&mut model, value, "", 0)?;
    if model.id.is_empty() {
        model.id.clone_from(&model.name);
    }
    if model.name.is_empty() {
        model.name.clone_from(&model.id);
    }
    Ok(model)
}

fn fields(model: &mut Model, value: &mut Cursor<'_>, within: &str, depth: u32) -> Result<(), Bad> {
    value.object(&mut |key, value| {
        let name = key.to_text();
        match value.peek() {
            Some(b'"') => {
                let text = value.string()?.to_text();
                word(model, within, &name, text);
            }
            Some(b'{') if matches!(name.as_str(), "pricing" | "cost") => model.price = price(value)?,
            Some(b'{') if matches!(name.as_str(), "benchmarks" | "performance_metrics") => {
                model.benchmarks = utf8(value.raw()?);
            }
            Some(b'{') if depth < MAX_NESTED => return fields(model, value, &name, depth + 1),
            Some(b'[') => {
                let all = words(value)?;
                list(model, &name, within, all);
            }
            Some(b't' | b'f') => flag(model, &name, value.raw()? == b"true"),
            Some(b'-' | b'0'..=b'9') => {
                let raw = value.raw()?;
                number(model, &name, raw);
            }
            _ => {}
        }
        Ok(())
    })
}

fn word(model: &mut Model, within: &str, name: &str, text: String) {
    let slot = match (within, name) {
        ("", "id") | ("", "model") | ("", "model_name") | ("", "key") => {
            if !model.id.is_empty() {
                return;
            }
            &mut model.id
        }
        ("", "name" | "display_name" | "displayName") => &mut model.name,
        ("", "owned_by" | "organization" | "publisher" | "provider") => &mut model.owner,
        ("", "description") => &mut model.description,
        ("", "version" | "last_updated" | "digest") => &mut model.version,
        (_, "license" | "licence") => &mut model.licence,
        ("", "architecture" | "arch" | "family") | ("details", "family") | ("model_info", "general.architecture") => {
            &mut model.architecture
        }
        ("architecture", "tokenizer" | "instruct_type") => return,
        ("", "base_model" | "root") | ("details", "parent_model") => {
            if text != model.id {
                model.base_model = text;
            }
            return;
        }
        (_, "parent") => {
            // vLLM's adapters name the model that they were trained on.
            model.fine_tuned = Some(true);
            &mut model.base_model
        }
        ("", "type" | "mode" | "category") | ("model_info", "mode") => {
            match text.as_str() {
                "chat" | "llm" => model.chat = Some(true),
                "completion" | "language" | "code" => model.completion = Some(true),
                "vlm" => {
                    model.chat = Some(true);
                    model.input = vec!["text".into(), "image".into()];
                }
                _ => {}
            }
            model.tags.push(text);
            return;
        }
        ("pricing" | "cost", _) => return,
        (_, "context_length" | "max_tokens") => {
            number(model, name, text.as_bytes());
            return;
        }
        _ => return,
    };
    *slot = text;
}

fn number(model: &mut Model, name: &str, raw: &[u8]) {
    let Ok(Some(value)) = Cursor::new(raw).maybe_integer() else {
        return;
    };
    let Some(value) = u64::try_from(value).ok().filter(|value| *value > 0) else {
        return;
    };
    match name {
        // What this server runs it with counts, not what it was trained with.
        "n_ctx" | "max_model_len" | "context_length" | "context_window" | "max_context_length" | "contextWindow"
        | "max_input_tokens" | "context" | "inputTokenLimit" => {
            model.context = model.context.or(Some(value));
        }
        "n_ctx_train" => model.context = model.context.or(Some(value)),
        "max_completion_tokens" | "max_output_tokens" | "max_tokens" | "output" | "outputTokenLimit" => {
            model.output_limit = Some(value);
        }
        "input_cost_per_token" | "output_cost_per_token" => {
            let each = number_of(&utf8(raw)).unwrap_or(0.0) * 1e6;
            let price = model.price.get_or_insert_default();
            if name.starts_with('i') {
                price.input = each;
            } else {
                price.output = each;
            }
        }
        // `llama.context_length`
        name if name.ends_with(".context_length") => model.context = model.context.or(Some(value)),
        _ => {}
    }
}

fn flag(model: &mut Model, name: &str, value: bool) {
    let slot = match name {
        "streaming" | "supports_native_streaming" => &mut model.streaming,
        "function_calling" | "tool_call" | "supports_function_calling" | "supports_tools" | "tools" | "tool_use" => {
            &mut model.tools
        }
        "reasoning" | "supports_reasoning" | "thinking" => &mut model.reasoning,
        "completion_chat" | "chat_completion" | "chat" => &mut model.chat,
        "completion" | "text_completion" => &mut model.completion,
        "completion_fim" | "fim" | "insert" => &mut model.fim,
        "fine_tuned" | "fine_tuning_base" => &mut model.fine_tuned,
        "vision" | "supports_vision" | "multimodal" => {
            if value && model.input.is_empty() {
                model.input = vec!["text".into(), "image".into()];
            }
            return;
        }
        "active" => {
            model.inactive = !value;
            return;
        }
        _ => return,
    };
    *slot = Some(value);
}

fn list(model: &mut Model, name: &str, within: &str, all: Vec<String>) {
    let has = |word: &str| all.iter().any(|known| known == word);
    match (within, name) {
        (_, "input_modalities") | ("modalities", "input") => model.input = all,
        (_, "output_modalities") | ("modalities", "output") => model.output = all,
        (_, "supported_languages" | "languages") => model.languages = all,
        (_, "tags") => model.tags.extend(all),
        (_, "aliases") => model.aliases = all,
        (_, "supported_parameters") => {
            model.tools = Some(has("tools"));
            model.reasoning = Some(has("reasoning") || has("include_reasoning"));
        }
        (_, "capabilities") => {
            for word in &all {
                flag(model, word, true);
            }
        }
        _ => {}
    }
}

/// Per token in strings (`prompt`, `completion`), or per million in numbers (`input`, `output`).
fn price(value: &mut Cursor<'_>) -> Result<Option<Price>, Bad> {
    let mut price = Price::default();
    let mut any = false;
    value.object(&mut |key, value| {
        let text = match value.peek() {
            Some(b'"') => value.string()?.to_text(),
            Some(b'0'..=b'9') => utf8(value.raw()?),
            _ => return Ok(()),
        };
        let Some(number) = number_of(&text).filter(|number| number.is_finite() && *number >= 0.0) else {
            return Ok(());
        };
        match key.to_text().as_str() {
            "prompt" => price.input = number * 1e6,
            "completion" => price.output = number * 1e6,
            "input_cache_read" => price.cached = Some(number * 1e6),
            "input" => price.input = number,
            "output" => price.output = number,
            "cache_read" | "cached_input" => price.cached = Some(number),
            "request" => price.request = number,
            _ => return Ok(()),
        }
        any = true;
        Ok(())
    })?;
    Ok(any.then_some(price))
}

fn words(value: &mut Cursor<'_>) -> Result<Vec<String>, Bad> {
    let mut all = Vec::new();
    value.array(&mut |item| {
        all.extend(item.maybe_string()?.map(|text| text.to_text()));
        Ok(())
    })?;
    Ok(all)
}
