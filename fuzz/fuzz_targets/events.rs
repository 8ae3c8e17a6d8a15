#![no_main]

#[path = "../bodies/events.rs"]
mod events;

libfuzzer_sys::fuzz_target!(|input: &[u8]| events::run(input));
