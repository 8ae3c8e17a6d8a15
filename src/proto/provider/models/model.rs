/// One model, whatever dialect told of it. None and empty: nothing was told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// The name that requests use.
    pub id: String,
    /// The name that people read.
    pub name: String,
    /// Who made or serves it.
    pub owner: String,
    /// What it is for.
    pub description: String,
    /// Its version.
    pub version: String,
    /// Tokens of prompt and answer together.
    pub context: Option<u64>,
    /// Tokens of an answer.
    pub output_limit: Option<u64>,
    /// Answers come bit by bit.
    pub streaming: Option<bool>,
    /// It calls tools.
    pub tools: Option<bool>,
    /// It thinks first.
    pub reasoning: Option<bool>,
    /// It takes chats.
    pub chat: Option<bool>,
    /// It takes plain prompts.
    pub completion: Option<bool>,
    /// It fills in the middle.
    pub fim: Option<bool>,
    /// What it takes: `text`, `image` …
    pub input: Vec<String>,
    /// What it gives.
    pub output: Vec<String>,
    /// Programming languages.
    pub languages: Vec<String>,
    /// `llama`, `qwen2` …
    pub architecture: String,
    /// What it was made of.
    pub base_model: String,
    /// It was trained further.
    pub fine_tuned: Option<bool>,
    /// Its licence.
    pub licence: String,
    /// What it costs.
    pub price: Option<Price>,
    /// Free words.
    pub tags: Vec<String>,
    /// Other names that requests may use.
    pub aliases: Vec<String>,
    /// As told, raw JSON.
    pub benchmarks: String,
    /// The server says that it is switched off.
    pub inactive: bool,
}

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Price {
    /// Of prompts.
    pub input: f64,
    /// Of answers.
    pub output: f64,
    /// Of prompts that are cached.
    pub cached: Option<f64>,
    /// Of each request, in dollars.
    pub request: f64,
}

impl Price {
    /// US dollars of so many tokens.
    pub fn cost(&self, prompt: u64, cached: u64, completion: u64) -> f64 {
        let cached = cached.min(prompt);
        let fresh = (prompt - cached) as f64 * self.input;
        let known = cached as f64 * self.cached.unwrap_or(self.input);
        (fresh + known + completion as f64 * self.output) / 1e6 + self.request
    }
}

impl Model {
    /// Takes over what `other` knows and this one does not.
    pub fn complete(&mut self, other: &Model) {
        for (own, others) in [
            (&mut self.name, &other.name),
            (&mut self.owner, &other.owner),
            (&mut self.description, &other.description),
            (&mut self.version, &other.version),
            (&mut self.architecture, &other.architecture),
            (&mut self.base_model, &other.base_model),
            (&mut self.licence, &other.licence),
            (&mut self.benchmarks, &other.benchmarks),
        ] {
            if own.is_empty() {
                own.clone_from(others);
            }
        }
        for (own, others) in [
            (&mut self.input, &other.input),
            (&mut self.output, &other.output),
            (&mut self.languages, &other.languages),
            (&mut self.tags, &other.tags),
            (&mut self.aliases, &other.aliases),
        ] {
            if own.is_empty() {
                own.clone_from(others);
            }
        }
        for (own, others) in [
            (&mut self.streaming, other.streaming),
            (&mut self.tools, other.tools),
            (&mut self.reasoning, other.reasoning),
            (&mut self.chat, other.chat),
            (&mut self.completion, other.completion),
            (&mut self.fim, other.fim),
            (&mut self.fine_tuned, other.fine_tuned),
        ] {
            *own = own.or(others);
        }
        self.context = self.context.or(other.context);
        self.output_limit = self.output_limit.or(other.output_limit);
        self.price = self.price.or(other.price);
    }
}
