//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Records meetings to files, without transcoding.
#[derive(Debug, Parser)]
#[command(name = "moothall-recorder", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record what comes from a bridge on standard input, or on the socket that systemd accepted, until it ends.
    Record(RecordOptions),
    /// Say what this machine can encode, and what it would choose, with the reason. Tries each encoder once, and remembers.
    Capabilities(CapabilitiesOptions),
    /// List the recordings of a directory.
    List(Directory),
    /// Close recordings whose recorder died. Those that are being recorded are left alone.
    Recover(Directory),
    /// Say what a recording has.
    Show(Recording),
    /// Decode all of a recording and say whether it plays.
    PlayCheck(Recording),
    /// Put all of a recording into one Matroska file, without transcoding.
    Export {
        /// Its folder.
        recording: PathBuf,
        /// The new file [default: RECORDING.mkv].
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CapabilitiesOptions {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Try all anew, those that failed before as well.
    #[arg(long)]
    pub(crate) again: bool,
    /// Where what was found is kept [default: not at all].
    #[arg(long, value_name = "FILE")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Directory {
    /// Where recordings are.
    pub(crate) directory: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Recording {
    /// Its folder.
    pub(crate) recording: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RecordOptions {
    /// Where recordings are: each gets a folder of its own.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Megabytes that remain free: before the disk has less, the recording ends.
    #[arg(long, value_name = "MB", default_value_t = 500)]
    pub(crate) min_free: u64,
    /// Length in milliseconds of the pieces in which files are written. A crash takes what was not written yet.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..=10_000))]
    fragment: u64,
}

impl RecordOptions {
    pub(crate) fn fragment(&self) -> Duration {
        Duration::from_millis(self.fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
