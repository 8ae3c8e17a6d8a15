use std::collections::VecDeque;

use crate::proto::provider::sort::sort_by_key;

/// Samples kept of a model: the newest.
pub const MAX_SAMPLES: usize = 256;
/// Models that are measured; the one unused for longest is forgotten.
pub const MAX_MEASURED: usize = 256;

/// One request, measured. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// From the request to the first piece of the answer, where one came.
    pub first_token: Option<u64>,
    /// From there to the end.
    pub rest: u64,
    /// Tokens of the answer.
    pub tokens: u64,
    /// It failed. Not: the caller ended it.
    pub failed: bool,
}

/// How a model does, over the newest samples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Requests in all.
    pub requests: u64,
    /// Failed ones of the newest, 0 to 1.
    pub error_rate: f64,
    /// Time to the first token, of half of them less.
    pub first_token_p50: Option<u64>,
    /// The same, of 95 in 100.
    pub first_token_p95: Option<u64>,
    /// Tokens in a second, of half of them less.
    pub tokens_per_second_p50: Option<f64>,
    /// Tokens in a second, which 95 in 100 reach.
    pub tokens_per_second_p95: Option<f64>,
}

/// Measures models by what their requests do.
#[derive(Debug, Default)]
pub struct Measures {
    models: Vec<(String, Series)>,
    clock: u64,
}

#[derive(Debug, Default)]
struct Series {
    samples: VecDeque<Sample>,
    requests: u64,
    used: u64,
}

impl Measures {
    /// A request of a model is over.
    pub fn handle_sample(&mut self, model: &str, sample: Sample) {
        self.clock += 1;
        let at = self.find(model).unwrap_or_else(|| {
            if self.models.len() >= MAX_MEASURED {
                let used = self
                    .models
                    .iter()
                    .enumerate()
                    .map(|(at, (_, series))| (series.used, at));
                self.models.swap_remove(used.min().unwrap_or_default().1);
            }
            self.models.push((model.to_owned(), Series::default()));
            self.models.len() - 1
        });
        let series = &mut self.models[at].1;
        series.used = self.clock;
        series.requests += 1;
        if series.samples.len() >= MAX_SAMPLES {
            series.samples.pop_front();
        }
        series.samples.push_back(sample);
    }

    fn find(&self, model: &str) -> Option<usize> {
        self.models.iter().position(|(name, _)| name == model)
    }

    /// The figures of a model.
    pub fn figures(&self, model: &str) -> Option<Figures> {
        let series = &self.models[self.find(model)?].1;
        let samples = &series.samples;
        let failed = samples.iter().filter(|sample| sample.failed).count();
        let mut first: Vec<u64> = samples.iter().filter_map(|sample| sample.first_token).collect();
        sort_by_key(&mut first, |time| *time);
        // The first token is there when the rest begins.
        let speed = |sample: &Sample| {
            (sample.tokens > 1 && sample.rest > 0).then(|| (sample.tokens - 1) as f64 * 1_000.0 / sample.rest as f64)
        };
        let mut speeds: Vec<f64> = samples.iter().filter_map(speed).collect();
        // The fastest first. The bits of numbers that are not negative are in their order.
        sort_by_key(&mut speeds, |speed| !speed.to_bits());
        Some(Figures {
            requests: series.requests,
            error_rate: failed as f64 / samples.len().max(1) as f64,
            first_token_p50: rank(&first, 50),
            first_token_p95: rank(&first, 95),
            tokens_per_second_p50: rank(&speeds, 50),
            tokens_per_second_p95: rank(&speeds, 95),
        })
    }
}

/// The nearest rank: a value that was measured, no mean of two.
fn rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let at = (sorted.len() * percent).div_ceil(100);
    sorted.get(at.saturating_sub(1)).copied()
}
