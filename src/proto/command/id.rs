use crate::proto::rng::Rng;

/// Whether an id was made when `other` was, or later: by the time in both, which begins anew after 795 days, or by their letters
/// where they are not in the server's form.
pub fn is_made_since(id: &[u8], other: &[u8]) -> bool {
    const WRAP: u64 = 1 << 48;
    match (time(id), time(other)) {
        (Some(a), Some(b)) if a != b => (a.wrapping_sub(b) & (WRAP - 1)) < WRAP / 2,
        _ => id >= other,
    }
}

/// The 12 hex digits behind the prefix.
fn time(id: &[u8]) -> Option<u64> {
    let at = id.iter().position(|byte| *byte == b'_')? + 1;
    let digits = id.get(at..at + 12)?;
    let value = |digit: &u8| char::from(*digit).to_digit(16).map(u64::from);
    digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | value(digit)?))
}

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

#[cfg(test)]
mod tests {
    use super::is_made_since;

    #[test]
    fn an_id_is_later_across_the_wrap_of_its_time_too() {
        for (later, earlier) in [
            ("msg_1fca00000002A", "msg_1fca00000001Z"),
            ("msg_000000000001A", "msg_ffffffffffffZ"),
            ("msg_1fca00000001B", "msg_1fca00000001A"),
            // Of servers with other ids.
            ("b", "a"),
        ] {
            assert!(is_made_since(later.as_bytes(), earlier.as_bytes()), "{later}");
            assert!(!is_made_since(earlier.as_bytes(), later.as_bytes()), "{earlier}");
        }
        assert!(is_made_since(b"msg_1fca00000001A", b"msg_1fca00000001A"));
    }
}
