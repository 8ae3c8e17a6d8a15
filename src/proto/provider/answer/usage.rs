use crate::proto::json::{Bad, Cursor, number};

/// What an answer used, as the server counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Tokens of the answer.
    pub completion: u64,
    /// Both; the server's own sum, where it gives one.
    pub total: u64,
    /// Tokens of the prompt that were cached.
    pub cached: u64,
    /// Tokens of the answer that were reasoning.
    pub reasoning: u64,
    /// US dollars, where the server tells them.
    pub cost: Option<f64>,
    /// Counted here, because the server told none.
    pub estimated: bool,
}

impl Usage {
    /// Reads a `usage` object; None when it is none or says nothing.
    pub(super) fn read(value: &mut Cursor<'_>) -> Result<Option<Usage>, Bad> {
        if value.peek() != Some(b'{') {
            value.skip()?;
            return Ok(None);
        }
        let mut usage = Usage::default();
        let mut any = false;
        value.object(&mut |key, value| {
            let name = key.to_text();
            let field = match name.as_str() {
                "prompt_tokens" | "input_tokens" => &mut usage.prompt,
                "completion_tokens" | "output_tokens" => &mut usage.completion,
                "total_tokens" => &mut usage.total,
                "prompt_cache_hit_tokens" | "cache_read_input_tokens" => &mut usage.cached,
                "reasoning_tokens" => &mut usage.reasoning,
                "prompt_tokens_details"
                | "completion_tokens_details"
                | "input_tokens_details"
                | "output_tokens_details"
                    if value.peek() == Some(b'{') =>
                {
                    return value.object(&mut |key, value| {
                        if key.is("cached_tokens") {
                            usage.cached = count(value)?.unwrap_or(usage.cached);
                        } else if key.is("reasoning_tokens") {
                            usage.reasoning = count(value)?.unwrap_or(usage.reasoning);
                        }
                        Ok(())
                    });
                }
                "cost" | "estimated_cost" => {
                    usage.cost = money(value)?;
                    return Ok(());
                }
                _ => return Ok(()),
            };
            if let Some(tokens) = count(value)? {
                any = true;
                *field = tokens;
            }
            Ok(())
        })?;
        if usage.total == 0 {
            usage.total = usage.prompt.saturating_add(usage.completion);
        }
        Ok((any || usage.cost.is_some()).then_some(usage))
    }
}

fn count(value: &mut Cursor<'_>) -> Result<Option<u64>, Bad> {
    Ok(value.maybe_integer()?.and_then(|number| u64::try_from(number).ok()))
}

/// A number, or one in a string: gateways send both.
pub(super) fn money(value: &mut Cursor<'_>) -> Result<Option<f64>, Bad> {
    let text = match value.peek() {
        Some(b'"') => value.string()?.to_text(),
        _ => String::from_utf8_lossy(value.raw()?).into_owned(),
    };
    Ok(number(&text).filter(|cost| cost.is_finite() && *cost >= 0.0))
}
