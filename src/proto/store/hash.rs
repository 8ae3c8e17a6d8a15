/// A fast 64-bit digest, to see whether something already shown has changed. Not for secrets.
pub fn hash(bytes: &[u8]) -> u64 {
    // Four sums side by side: a single one would wait for its own multiplication at each step.
    let mut lanes = [bytes.len() as u64, 1, 2, 3];
    let mut chunks = bytes.chunks_exact(32);
    for chunk in &mut chunks {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(word);
            *lane = mix(*lane, u64::from_le_bytes(eight));
        }
    }
    let rest = chunks
        .remainder()
        .iter()
        .fold(lanes[0], |sum, byte| mix(sum, u64::from(*byte)));
    let sum = lanes[1..].iter().fold(rest, |sum, lane| mix(sum, *lane));
    sum ^ (sum >> 29)
}

fn mix(sum: u64, word: u64) -> u64 {
    (sum.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95)
}
