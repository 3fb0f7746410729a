//! What can be typed.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use board_config::Flags;
use clap::{Args, Parser, Subcommand};

/// The port of `--listen ADDRESS` without a port.
const DEFAULT_PORT: u16 = 8443;

/// A meeting room in a box: hosts meetings that Jitsi clients join.
#[derive(Debug, Parser)]
#[command(name = "moothall", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Host meetings until told to stop.
    Host(HostOptions),
    /// Look at a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the version.
    Version,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a file can be used, and if not, why.
    Check { file: PathBuf },
    /// Print every value in effect and where it comes from.
    Show {
        /// The file that `host` would use.
        #[arg(long = "config", value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print a commented file with every key.
    Sample,
}

#[derive(Debug, Args)]
pub(crate) struct HostOptions {
    /// Configuration (TOML). Without it everything has its default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the certificate is kept [default: $XDG_STATE_HOME/moothall or ~/.local/state/moothall].
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Listen on this address alone, for example 127.0.0.1:8443 or 192.168.1.20.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// UDP port of audio and video.
    #[arg(long, value_name = "PORT")]
    media_port: Option<u16>,
    /// Serve the page from this folder instead of the built-in one.
    #[arg(long, value_name = "DIR")]
    web_root: Option<PathBuf>,
    /// Log one JSON object per line.
    #[arg(long)]
    json_logs: bool,
    /// Log names of people and rooms, and addresses of clients.
    #[arg(long)]
    log_names: bool,
}

impl HostOptions {
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            listen: self.listen,
            media_port: self.media_port,
            web_root: self.web_root.clone(),
            json_logs: self.json_logs,
            log_names: self.log_names,
        }
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let address = text.parse().or_else(|_| bare.map(|ip| SocketAddr::new(ip, DEFAULT_PORT)));
    address
        .map_err(|_| "write an address of this machine, such as 127.0.0.1:8443, [::1]:8443 or 192.168.1.20".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn listen_takes_an_address_with_and_without_port() {
        for (text, expected) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("192.168.1.20", "192.168.1.20:8443"),
            ("[::1]:9000", "[::1]:9000"),
            ("::1", "[::1]:8443"),
            ("[::1]", "[::1]:8443"),
        ] {
            assert_eq!(listen(text).unwrap().to_string(), expected);
        }
        assert!(listen("meet.example.org").is_err());
    }
}
