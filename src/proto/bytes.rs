//! Comparing and digesting bytes, eight at a time: what the wasm target brings along does it one by one.

/// Equality.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at + 8 <= a.len() {
        if word(a, at) != word(b, at) {
            return false;
        }
        at += 8;
    }
    a[at..].iter().zip(&b[at..]).all(|(x, y)| x == y)
}

/// What follows `prefix`, if `bytes` starts with it.
pub fn strip<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(prefix.len())?;
    same(head, prefix).then_some(rest)
}

/// Whether `part` stands in `bytes`. Never more than two looks at each byte, whatever both say (Knuth, Morris, Pratt); the
/// standard library's search does the same with six times the code.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    // For each beginning of `part`: how long the longest shorter beginning is that it ends with.
    let mut borders = vec![0; part.len()];
    for at in 1..part.len() {
        borders[at] = longer(part, &borders, borders[at - 1], part[at]);
    }
    let mut held = 0;
    part.is_empty()
        || bytes.iter().any(|byte| {
            held = longer(part, &borders, held, *byte);
            held == part.len()
        })
}

/// Where `part` first stands in `bytes`. Apart from [`contains`], which is smaller where nothing else is asked for.
pub fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    let mut borders = vec![0; part.len()];
    for at in 1..part.len() {
        borders[at] = longer(part, &borders, borders[at - 1], part[at]);
    }
    let mut held = 0;
    let last = bytes.iter().position(|byte| {
        held = longer(part, &borders, held, *byte);
        held == part.len()
    })?;
    Some(last + 1 - part.len())
}

/// How much of `part` is held after one more byte.
fn longer(part: &[u8], borders: &[usize], mut held: usize, byte: u8) -> usize {
    while held > 0 && part[held] != byte {
        held = borders[held - 1];
    }
    held + usize::from(part[held] == byte)
}

/// Whether a byte below the space is there: an ASCII control character.
pub fn has_control(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at + 8 <= bytes.len() {
        let word = word(bytes, at);
        // A byte borrows only where it is smaller; those from 0x80 on do not count.
        if word.wrapping_sub(0x2020_2020_2020_2020) & !word & 0x8080_8080_8080_8080 != 0 {
            return true;
        }
        at += 8;
    }
    bytes[at..].iter().any(|byte| *byte < b' ')
}

/// A fast 64-bit digest, to see whether something already shown has changed. Not for secrets.
pub fn hash(bytes: &[u8]) -> u64 {
    // Two sums side by side: a single one would wait for its own multiplication at each step.
    let (mut one, mut two, mut at) = (bytes.len() as u64, 1, 0);
    while at + 16 <= bytes.len() {
        one = mix(one, word(bytes, at));
        two = mix(two, word(bytes, at + 8));
        at += 16;
    }
    if at + 8 <= bytes.len() {
        one = mix(one, word(bytes, at));
        at += 8;
    }
    let rest = bytes[at..].iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte));
    mix(mix(one, two), rest)
}

/// Multiplying carries a difference upwards only; the shift brings it down again. Without it, ids that count up in two
/// places at once collide, and an event is taken for a repeat.
fn mix(sum: u64, word: u64) -> u64 {
    let product = (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

/// The eight bytes at `at`; zero behind the end.
fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 8).and_then(|eight| <[u8; 8]>::try_from(eight).ok()) {
        Some(eight) => u64::from_le_bytes(eight),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{contains, find, has_control, hash, same, strip};

    #[test]
    fn ids_that_count_up_do_not_collide() {
        let mut seen = std::collections::BTreeSet::new();
        for count in 0..20_000_u64 {
            for other in [count, count + 22, count + 24] {
                seen.insert(hash(format!("evt_1fca{count:08x}Model{other:09}").as_bytes()));
                seen.insert(hash(format!("evt_{other:012x}{count:014}").as_bytes()));
            }
        }
        assert_eq!(seen.len(), 120_000);
    }

    #[test]
    fn what_stands_in_a_text_is_found_as_the_standard_library_finds_it() {
        let texts: Vec<String> = (0..=9_usize)
            .flat_map(|length| {
                (0..1 << length).map(move |bits: usize| {
                    (0..length)
                        .map(|at| if bits >> at & 1 == 1 { 'a' } else { 'b' })
                        .collect()
                })
            })
            .collect();
        for text in &texts {
            for part in texts.iter().take_while(|part| part.len() <= 5) {
                assert_eq!(
                    contains(text.as_bytes(), part.as_bytes()),
                    text.contains(part.as_str()),
                    "{part} in {text}"
                );
                assert_eq!(
                    find(text.as_bytes(), part.as_bytes()),
                    text.find(part.as_str()),
                    "{part} in {text}"
                );
            }
        }
    }

    #[test]
    fn a_control_character_is_seen_anywhere_and_nothing_else_is() {
        for length in 0..40 {
            for at in 0..length {
                for byte in 0..=255 {
                    for other in [b' ', b'~', 0x80, 0xFF] {
                        let mut bytes = vec![other; length];
                        bytes[at] = byte;
                        assert_eq!(has_control(&bytes), byte < b' ', "{byte} at {at} of {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_byte_counts() {
        for length in 0..70_usize {
            let bytes: Vec<u8> = (0..length as u8).map(|byte| byte.wrapping_mul(37)).collect();
            assert!(same(&bytes, &bytes.clone()));
            assert_eq!(hash(&bytes), hash(&bytes.clone()));
            for at in 0..length {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert!(!same(&bytes, &other));
                assert_ne!(hash(&bytes), hash(&other));
            }
            assert!(!same(&bytes, &[bytes.as_slice(), b"x"].concat()));
            assert_eq!(strip(&bytes, &bytes[..length / 2]), Some(&bytes[length / 2..]));
        }
        assert_eq!(strip(b"ab", b"abc"), None);
        assert_ne!(hash(b""), hash(b"\0"));
    }
}
