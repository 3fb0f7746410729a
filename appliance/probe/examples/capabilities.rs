//! Prints what this machine can encode, as text or as JSON: `capabilities [--json] [--again] [FILE]`. Results are kept in FILE.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;
use std::path::Path;

use encoder_probe::{Options, probe};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let cache = arguments.iter().find(|argument| !argument.starts_with("--")).map(Path::new);
    let capabilities = probe(&Options { cache, again: has("--again"), ..Options::default() })?;
    if has("--json") {
        println!("{}", serde_json::to_string_pretty(&capabilities)?);
    } else {
        print!("{capabilities}");
    }
    Ok(())
}
