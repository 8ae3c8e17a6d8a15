#![no_main]

#[path = "../bodies/decoder.rs"]
mod decoder;

libfuzzer_sys::fuzz_target!(|input: &[u8]| decoder::run(input));
