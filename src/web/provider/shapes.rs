use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::proto::provider::answer::Usage;
use crate::proto::provider::budget::{Alert, Measure, Spent};
use crate::proto::provider::config::ConfigError;
use crate::proto::provider::family::{Block, Families};
use crate::proto::provider::fault::Fault;
use crate::proto::provider::models::{Changes, Figures, Model, Price};

/// A plain object. What says nothing is not in it. All numbers are `f64`: others bring text formatting in.
pub(super) fn to_js(value: &impl Serialize) -> JsValue {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
    // What is made here has no key that is not text: this does not fail.
    value.serialize(&serializer).unwrap_or(JsValue::NULL)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FaultShape<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<f64>,
}

/// What `src/js/provider/error.ts` makes an error of.
pub(super) fn fault(fault: &Fault) -> JsValue {
    to_js(&FaultShape {
        code: fault.code,
        message: &fault.message,
        hint: fault.hint(),
        retryable: fault.is_retryable(),
        status: Some(fault.status).filter(|status| *status > 0),
        kind: &fault.kind,
        retry_at: fault.retry_at.map(|at| at as f64),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageShape {
    prompt_tokens: f64,
    completion_tokens: f64,
    total_tokens: f64,
    cached_tokens: f64,
    reasoning_tokens: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
    estimated: bool,
}

pub(super) fn usage(usage: &Usage) -> JsValue {
    to_js(&UsageShape {
        prompt_tokens: usage.prompt as f64,
        completion_tokens: usage.completion as f64,
        total_tokens: usage.total as f64,
        cached_tokens: usage.cached as f64,
        reasoning_tokens: usage.reasoning as f64,
        cost: usage.cost,
        estimated: usage.estimated,
    })
}

#[derive(Serialize)]
struct ProblemShape<'a> {
    path: &'a str,
    value: &'a str,
    code: &'a str,
    reason: String,
    remedy: &'a str,
}

pub(super) fn problems(errors: &[ConfigError]) -> JsValue {
    let shape = |error: &ConfigError| -> JsValue {
        to_js(&ProblemShape {
            path: &error.path,
            value: &error.value,
            code: error.reason.code(),
            reason: error.reason.text(),
            remedy: &error.remedy,
        })
    };
    errors.iter().map(shape).collect::<js_sys::Array>().into()
}

#[derive(Serialize)]
struct PriceShape {
    input: f64,
    output: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<f64>,
    request: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelShape<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    owner: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streaming: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fim: Option<bool>,
    input: &'a [String],
    output: &'a [String],
    languages: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    family: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    architecture: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    base_model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fine_tuned: Option<bool>,
    #[serde(skip_serializing_if = "str::is_empty")]
    licence: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceShape>,
    tags: &'a [String],
    aliases: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    benchmarks: &'a str,
    active: bool,
}

/// A model, with what is known of its family where the server says nothing.
pub(super) fn model(model: &Model, families: &Families) -> JsValue {
    let family = families.of(&model.id).or_else(|| families.of(&model.base_model));
    let from = |told: &'_ str, known: Option<&str>| -> String {
        if told.is_empty() {
            known.unwrap_or_default().to_owned()
        } else {
            told.to_owned()
        }
    };
    let licence = from(&model.licence, family.map(|family| family.licence.as_str()));
    to_js(&ModelShape {
        id: &model.id,
        name: &model.name,
        owner: &model.owner,
        description: &model.description,
        version: &model.version,
        context_window: (model.context.or(family.and_then(|family| family.context))).map(|tokens| tokens as f64),
        output_limit: model.output_limit.map(|tokens| tokens as f64),
        streaming: model.streaming,
        tools: model.tools,
        reasoning: model.reasoning,
        chat: model.chat,
        completion: model.completion,
        fim: model.fim.or(family.map(|family| family.fim.is_some())),
        input: &model.input,
        output: &model.output,
        languages: &model.languages,
        family: family.map_or("", |family| &family.id),
        architecture: &model.architecture,
        base_model: &model.base_model,
        fine_tuned: model.fine_tuned,
        licence: &licence,
        price: model.price.map(
            |Price {
                 input,
                 output,
                 cached,
                 request,
             }| PriceShape {
                input,
                output,
                cached,
                request,
            },
        ),
        tags: &model.tags,
        aliases: &model.aliases,
        benchmarks: &model.benchmarks,
        active: !model.inactive,
    })
}

#[derive(Serialize)]
struct BlockShape<'a> {
    language: &'a str,
    code: &'a str,
    closed: bool,
}

pub(super) fn block(block: &Block) -> JsValue {
    to_js(&BlockShape {
        language: &block.language,
        code: &block.code,
        closed: block.closed,
    })
}

#[derive(Serialize)]
struct ChangesShape<'a> {
    new: &'a [String],
    changed: &'a [String],
    withdrawn: &'a [String],
}

pub(super) fn changes(changes: &Changes) -> JsValue {
    to_js(&ChangesShape {
        new: &changes.new,
        changed: &changes.changed,
        withdrawn: &changes.withdrawn,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertShape<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    measure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    used: f64,
    limit: f64,
}

/// Costs in dollars.
pub(super) fn alert(alert: Alert) -> JsValue {
    to_js(&match alert {
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
            AlertShape {
                kind: "threshold",
                measure: Some(name),
                period: Some(if monthly { "month" } else { "day" }),
                percent: Some(percent),
                used: used as f64 / unit,
                limit: limit as f64 / unit,
            }
        }
        Alert::Unusual { tokens, usual } => AlertShape {
            kind: "unusual",
            measure: None,
            period: None,
            percent: None,
            used: tokens as f64,
            limit: usual as f64,
        },
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpentShape {
    requests: f64,
    tokens: f64,
    estimated_tokens: f64,
    cost: f64,
}

impl From<Spent> for SpentShape {
    fn from(spent: Spent) -> Self {
        SpentShape {
            requests: spent.requests as f64,
            tokens: spent.tokens as f64,
            estimated_tokens: spent.estimated as f64,
            cost: spent.cost as f64 / 1e6,
        }
    }
}

#[derive(Serialize)]
struct StatsShape {
    day: SpentShape,
    month: SpentShape,
    waiting: f64,
    running: f64,
}

pub(super) fn stats(day: Spent, month: Spent, waiting: usize, running: usize) -> JsValue {
    to_js(&StatsShape {
        day: day.into(),
        month: month.into(),
        waiting: waiting as f64,
        running: running as f64,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FiguresShape {
    requests: f64,
    error_rate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_token_p50: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_token_p95: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_second_p50: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_second_p95: Option<f64>,
}

pub(super) fn figures(figures: Figures) -> JsValue {
    to_js(&FiguresShape {
        requests: figures.requests as f64,
        error_rate: figures.error_rate,
        first_token_p50: figures.first_token_p50.map(|time| time as f64),
        first_token_p95: figures.first_token_p95.map(|time| time as f64),
        tokens_per_second_p50: figures.tokens_per_second_p50,
        tokens_per_second_p95: figures.tokens_per_second_p95,
    })
}
