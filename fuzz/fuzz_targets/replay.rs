#![no_main]

#[path = "../../tests/support_rs/replay/mod.rs"]
mod law;
#[path = "../bodies/replay.rs"]
mod replay;

libfuzzer_sys::fuzz_target!(|input: &[u8]| replay::run(input));
