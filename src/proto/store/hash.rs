/// A fast 64-bit digest, to see whether something already shown has changed. Not for secrets.
pub fn hash(bytes: &[u8]) -> u64 {
    const K: u64 = 0x517C_C1B7_2722_0A95;
    let mut sum = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        sum = (sum.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(K);
    }
    for byte in chunks.remainder() {
        sum = (sum.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(K);
    }
    sum ^ (sum >> 29)
}
