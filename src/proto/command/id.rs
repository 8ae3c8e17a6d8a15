use crate::proto::rng::Rng;

/// Makes ids in the server's form: a prefix, 12 hex digits of time and counter, 14 random letters.
/// Time takes the place the server gives it: milliseconds × 4096, cut to 48 bits.
#[derive(Debug, Default)]
pub struct IdMaker {
    last: u64,
}

impl IdMaker {
    /// A new id; ids made later sort later, within one wrap of the time, while `now` is not set back by more than a moment.
    pub fn make(&mut self, prefix: &str, now: u64, rng: &mut Rng) -> String {
        let time = now << 12;
        let moment = time..time + (16 << 12);
        self.last = if moment.contains(&self.last) {
            self.last + 1
        } else {
            time
        };
        let mut id = String::from(prefix);
        for shift in (0..12).rev() {
            id.push(char::from(
                b"0123456789abcdef"[(self.last >> (shift * 4)) as usize & 15],
            ));
        }
        for _ in 0..14 {
            const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
            id.push(char::from(LETTERS[rng.below(62) as usize]));
        }
        id
    }
}
