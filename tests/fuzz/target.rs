#![no_main]
//! One program for each target of `tests::fuzz`, named like it.

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::fuzz::run(env!("CARGO_BIN_NAME"), data));
