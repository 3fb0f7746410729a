#![no_main]
//! The target of `tests::fuzz` that `FUZZ_TARGET` names, under libFuzzer.

use std::sync::LazyLock;

static TARGET: LazyLock<String> = LazyLock::new(|| std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| tests::fuzz::run(&TARGET, data));
