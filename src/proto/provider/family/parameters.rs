/// What kind of server takes parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// Not known: what the caller asks for goes there, and the server says what it does not take.
    Unknown,
    /// llama.cpp and Ollama.
    LlamaCpp,
    /// vLLM, SGLang and Together.
    Vllm,
}

/// What a server calls a parameter. None: it does not take it. `opted`: the caller asks for it although no known server
/// takes it.
///
/// ```
/// use opencode_session::proto::provider::family::{ServerKind, parameter_name};
/// assert_eq!(parameter_name("repeat_penalty", ServerKind::Vllm, false), Some("repetition_penalty"));
/// ```
pub fn parameter_name(name: &str, server: ServerKind, opted: bool) -> Option<&'static str> {
    Some(match name {
        "temperature" => "temperature",
        "top_p" => "top_p",
        "seed" => "seed",
        "alpha_frequency" | "frequency_penalty" => "frequency_penalty",
        "alpha_presence" | "presence_penalty" => "presence_penalty",
        "alpha_decay" if opted => "alpha_decay",
        "repeat_penalty" | "repetition_penalty" => match server {
            ServerKind::Unknown | ServerKind::LlamaCpp => "repeat_penalty",
            ServerKind::Vllm => "repetition_penalty",
        },
        "top_k" => "top_k",
        "min_p" => "min_p",
        _ => return None,
    })
}
