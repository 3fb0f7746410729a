//! The command `moothall-recorder`.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use recorder::{Failure, Options};

use cli::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Record(options) => {
            recorder::start_log();
            recorder::record(Options {
                min_free: options.min_free.saturating_mul(1_000_000),
                fragment: options.fragment(),
                directory: options.directory,
            })
        }
        Command::Capabilities(options) => recorder::capabilities(options.cache.as_deref(), options.again, options.json),
        Command::List(options) => recorder::list(&options.directory, options.json),
        Command::Recover(options) => recorder::recover(&options.directory, options.json),
        Command::Show(options) => recorder::show(&options.recording, options.json),
        Command::PlayCheck(options) => recorder::play_check(&options.recording, options.json),
        Command::Export { recording, output } => recorder::export(&recording, output),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => Failure::report(&failure),
    }
}
