//! The command `moothall-recorder`.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use recorder::{Failure, Options};

use cli::{Cli, Command, FinalizeOptions};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Record(options) => {
            recorder::start_log();
            recorder::record(Options {
                min_free: options.keep.min_free(),
                keep: options.keep.keep(),
                fragment: options.fragment(),
                directory: options.directory,
                pending: options.pending,
            })
        }
        Command::Capabilities(options) => recorder::capabilities(options.cache.as_deref(), options.again, options.json),
        Command::List(options) => recorder::list(&options.directory, options.json),
        Command::Recover(options) => recorder::recover(&options.directory, options.json),
        Command::Tidy(options) => recorder::tidy(&options.directory, options.keep.keep(), options.keep.min_free()),
        Command::Finalize(options) => finalize(&options),
        Command::Show(options) => recorder::show(&options.recording, options.json),
        Command::PlayCheck(options) => recorder::play_check(&options.recording, options.json),
        Command::Export { recording, output } => recorder::export(&recording, output),
        Command::Compose(options) => {
            recorder::start_log();
            recorder::compose(&options.recording, &options.options())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => Failure::report(&failure),
    }
}

fn finalize(options: &FinalizeOptions) -> Result<(), Failure> {
    recorder::start_log();
    let what = options.what()?;
    if options.pending {
        return recorder::finalize_pending(&options.path, &what);
    }
    recorder::finalize(&options.path, &what)
}
