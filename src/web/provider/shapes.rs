use wasm_bindgen::prelude::*;

use super::shape::Shape;
use crate::proto::provider::answer::Usage;
use crate::proto::provider::budget::{Alert, Measure, Spent};
use crate::proto::provider::config::ConfigError;
use crate::proto::provider::family::{Block, Families};
use crate::proto::provider::fault::Fault;
use crate::proto::provider::models::{Changes, Figures, Model};

/// What `src/js/provider/error.ts` makes an error of.
pub(super) fn fault(fault: &Fault) -> JsValue {
    let mut all = Shape::default();
    all.text("code", fault.code);
    all.text("message", &fault.message);
    all.text("hint", fault.hint());
    all.flag("retryable", Some(fault.is_retryable()));
    all.some("status", Some(f64::from(fault.status)).filter(|status| *status > 0.0));
    all.told("kind", &fault.kind);
    all.count("retryAt", fault.retry_at);
    all.to_js()
}

pub(super) fn usage(usage: &Usage) -> JsValue {
    let mut all = Shape::default();
    all.number("promptTokens", usage.prompt as f64);
    all.number("completionTokens", usage.completion as f64);
    all.number("totalTokens", usage.total as f64);
    all.number("cachedTokens", usage.cached as f64);
    all.number("reasoningTokens", usage.reasoning as f64);
    all.some("cost", usage.cost);
    all.flag("estimated", Some(usage.estimated));
    all.to_js()
}

pub(super) fn problems(errors: &[ConfigError]) -> JsValue {
    let shape = |error: &ConfigError| -> JsValue {
        let reason = error.reason.text();
        let mut all = Shape::default();
        all.text("path", &error.path);
        all.text("value", &error.value);
        all.text("code", error.reason.code());
        all.text("reason", &reason);
        all.text("remedy", &error.remedy);
        all.to_js()
    };
    errors.iter().map(shape).collect::<js_sys::Array>().into()
}

/// A model, with what is known of its family where the server says nothing.
pub(super) fn model(model: &Model, families: &Families) -> JsValue {
    let family = families.of(&model.id).or_else(|| families.of(&model.base_model));
    let mut all = Shape::default();
    all.text("id", &model.id);
    all.text("name", &model.name);
    all.told("owner", &model.owner);
    all.told("description", &model.description);
    all.told("version", &model.version);
    all.count(
        "contextWindow",
        model.context.or(family.and_then(|family| family.context)),
    );
    all.count("outputLimit", model.output_limit);
    all.flag("streaming", model.streaming);
    all.flag("tools", model.tools);
    all.flag("reasoning", model.reasoning);
    all.flag("chat", model.chat);
    all.flag("completion", model.completion);
    all.flag("fim", model.fim.or(family.map(|family| family.fim.is_some())));
    all.texts("input", &model.input);
    all.texts("output", &model.output);
    all.texts("languages", &model.languages);
    all.told("family", family.map_or("", |family| &family.id));
    all.told("architecture", &model.architecture);
    all.told("baseModel", &model.base_model);
    all.flag("fineTuned", model.fine_tuned);
    let known = family.map_or("", |family| &family.licence);
    all.told(
        "licence",
        if model.licence.is_empty() {
            known
        } else {
            &model.licence
        },
    );
    if let Some(price) = model.price {
        let mut told = Shape::default();
        told.number("input", price.input);
        told.number("output", price.output);
        told.some("cached", price.cached);
        told.number("request", price.request);
        all.shape("price", told);
    }
    all.texts("tags", &model.tags);
    all.texts("aliases", &model.aliases);
    all.told("benchmarks", &model.benchmarks);
    all.flag("active", Some(!model.inactive));
    all.to_js()
}

pub(super) fn block(block: &Block) -> JsValue {
    let mut all = Shape::default();
    all.text("language", &block.language);
    all.text("code", &block.code);
    all.flag("closed", Some(block.closed));
    all.to_js()
}

pub(super) fn changes(changes: &Changes) -> JsValue {
    let mut all = Shape::default();
    all.texts("new", &changes.new);
    all.texts("changed", &changes.changed);
    all.texts("withdrawn", &changes.withdrawn);
    all.to_js()
}

/// Costs in dollars.
pub(super) fn alert(alert: Alert) -> JsValue {
    let mut all = Shape::default();
    match alert {
        Alert::Threshold {
            measure,
            monthly,
            percent,
            used,
            limit,
        } => {
            let (name, unit) = match measure {
                Measure::Requests => ("requests", 1.0),
                Measure::Tokens => ("tokens", 1.0),
                Measure::Cost => ("cost", 1e6),
            };
            all.text("kind", "threshold");
            all.text("measure", name);
            all.text("period", if monthly { "month" } else { "day" });
            all.number("percent", f64::from(percent));
            all.number("used", used as f64 / unit);
            all.number("limit", limit as f64 / unit);
        }
        Alert::Unusual { tokens, usual } => {
            all.text("kind", "unusual");
            all.number("used", tokens as f64);
            all.number("limit", usual as f64);
        }
    }
    all.to_js()
}

fn spent(spent: Spent) -> Shape<'static> {
    let mut all = Shape::default();
    all.number("requests", spent.requests as f64);
    all.number("tokens", spent.tokens as f64);
    all.number("estimatedTokens", spent.estimated as f64);
    all.number("cost", spent.cost as f64 / 1e6);
    all
}

pub(super) fn stats(day: Spent, month: Spent, waiting: usize, running: usize) -> JsValue {
    let mut all = Shape::default();
    all.shape("day", spent(day));
    all.shape("month", spent(month));
    all.number("waiting", waiting as f64);
    all.number("running", running as f64);
    all.to_js()
}

pub(super) fn figures(figures: Figures) -> JsValue {
    let mut all = Shape::default();
    all.number("requests", figures.requests as f64);
    all.number("errorRate", figures.error_rate);
    all.count("firstTokenP50", figures.first_token_p50);
    all.count("firstTokenP95", figures.first_token_p95);
    all.some("tokensPerSecondP50", figures.tokens_per_second_p50);
    all.some("tokensPerSecondP95", figures.tokens_per_second_p95);
    all.to_js()
}
