/// Guesses the tokens of a prompt from its bytes, and learns from the server's usage. Rather too many than too few: what was
/// too much is given back when the answer is settled.
#[derive(Debug, Clone)]
pub struct Estimator {
    per_1000_bytes: u64,
}

/// Code in English has 3 to 4 bytes a token; other scripts are learnt.
const FIRST: u64 = 334;
/// No tokenizer makes more than one token of a byte.
const MOST: u64 = 1_000;
/// What chat templates add to a message.
const PER_MESSAGE: u64 = 8;

impl Default for Estimator {
    fn default() -> Self {
        Estimator { per_1000_bytes: FIRST }
    }
}

impl Estimator {
    /// Tokens of a prompt of so many bytes in so many messages.
    pub fn prompt(&self, bytes: usize, messages: usize) -> u64 {
        let text = (bytes as u64).saturating_mul(self.per_1000_bytes).div_ceil(1_000);
        text.saturating_add((messages as u64).saturating_mul(PER_MESSAGE))
    }

    /// The server counted so many. Goes up at once and down slowly.
    pub fn learn(&mut self, bytes: usize, messages: usize, tokens: u64) {
        if bytes == 0 {
            return;
        }
        let text = tokens.saturating_sub((messages as u64).saturating_mul(PER_MESSAGE));
        let seen = (text.saturating_mul(1_000).div_ceil(bytes as u64)).clamp(1, MOST);
        self.per_1000_bytes = seen.max((self.per_1000_bytes * 15 + seen) / 16);
    }
}
