//! The command `moothall`.

mod board;
mod cli;
mod config;
mod dates;
mod devices;
mod doctor;
mod durable;
mod exit;
mod host;
mod kernel_files;
mod local_socket;
mod logs;
mod machine;
mod notify;
mod panel;
mod provision;
mod say;
mod setup;
mod status;
mod supervise;
mod support;
mod update;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, ConfigCommand};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Host(options) => host::run(&options),
        Command::Supervise(options) => supervise::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::SupportBundle(options) => support::run(&options),
        Command::Update(options) => update::run(&options),
        Command::FactoryReset(options) => provision::reset::run(&options),
        Command::Config(ConfigCommand::Check { files }) => config::check(&files),
        Command::Config(ConfigCommand::Show { files, board }) => config::show(&files, board),
        Command::Config(ConfigCommand::Boards { json }) => board::list(json),
        Command::Config(ConfigCommand::Board { files, board, json }) => board::show(&files, board, json),
        Command::Config(ConfigCommand::Import(options)) => provision::import::run(&options),
        Command::Config(ConfigCommand::Export(options)) => provision::export::run(&options),
        Command::Config(ConfigCommand::Sample) => {
            say::say(format_args!("{}", board_config::sample().trim_end()));
            Ok(())
        }
        Command::Version => {
            say::say(format_args!("moothall {}", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
