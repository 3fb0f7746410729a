//! What can be typed.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use board_config::{BoardName, Flags, boards};
use clap::{Args, Parser, Subcommand};

/// The port of `--listen ADDRESS` without a port.
const DEFAULT_PORT: u16 = 8443;

/// What the package brings and whoever administers the box changes.
pub(crate) const PACKAGE_FILE: &str = "/etc/moothall/moothall.toml";
/// What is laid over it: the configuration that the box was given by `moothall config import`.
pub(crate) const SITE_FILE: &str = "/var/lib/moothall/site.toml";

/// Where a packaged box keeps what it was given and what it made.
pub(crate) const STATE_FOLDER: &str = "/var/lib/moothall";
/// Where NetworkManager keeps its connections.
pub(crate) const NETWORKS: &str = "/etc/NetworkManager/system-connections";

/// Where the supervisor of a packaged box listens.
pub(crate) const SUPERVISOR: &str = "/run/moothall-supervise/supervise.sock";

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
    /// Look after the box: memory of its services, watchdog, updates. The service moothall-supervise does it.
    Supervise(SuperviseOptions),
    /// Ask the running host how it is.
    Status(AskOptions),
    /// Find out what keeps people from meeting here, and what to do about it. Meetings go on meanwhile.
    Doctor(DoctorOptions),
    /// Gather in one file, without secrets, what somebody else needs in order to help.
    SupportBundle(SupportOptions),
    /// Put a signed update into the slot that does not run, on boxes that were made of a disk image. The next start is from there.
    Update(UpdateOptions),
    /// Take away everything that the box was given or made for itself: configuration, certificates, connections.
    FactoryReset(ResetOptions),
    /// Look at a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the version.
    Version,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether files can be used together, and if not, why.
    Check {
        /// As for `host --config`, later ones win.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print every value in effect and where it comes from.
    Show {
        /// As for `host`.
        #[arg(long = "config", value_name = "FILE")]
        files: Vec<PathBuf>,
        /// As if this were another board.
        #[arg(long, value_name = "NAME", value_parser = board)]
        board: Option<BoardName>,
    },
    /// List the boards that are known.
    Boards {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say which board this machine is, what that board has and how its memory is shared out.
    Board {
        /// As for `host`.
        #[arg(long = "config", value_name = "FILE")]
        files: Vec<PathBuf>,
        /// As if this were another board.
        #[arg(long, value_name = "NAME", value_parser = board)]
        board: Option<BoardName>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take over what is in a folder CONFIG of a boot partition or a USB stick: moothall.toml and network/*.nmconnection.
    Import(ImportOptions),
    /// Write what the box was given into a new folder CONFIG, which `config import` takes over again, here or on another box.
    Export(ExportOptions),
    /// Print a commented file with every key.
    Sample,
}

#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// The folder CONFIG, or the one that has it.
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    /// Where the folder CONFIG is made, such as a USB stick.
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

/// Where what a box is given is kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct Kept {
    /// The configuration that the box was given; its certificate, key and logo are beside it.
    #[arg(long, value_name = "FILE", default_value = SITE_FILE)]
    pub(crate) config: PathBuf,
    /// Where NetworkManager keeps its connections.
    #[arg(long, value_name = "DIR", default_value = NETWORKS)]
    pub(crate) networks: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SupportOptions {
    /// The new file, or - for standard output [default: moothall-support-DATE.tar.gz in this folder].
    pub(crate) file: Option<PathBuf>,
    /// As for `host`.
    #[arg(long = "config", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The state directory of the host, if it was given one.
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateOptions {
    /// The update (*.raucb), the folder CONFIG that has it, or the one that has that.
    pub(crate) place: PathBuf,
    /// Leave an update alone that this box has tried before, whatever became of it.
    #[arg(long)]
    pub(crate) once: bool,
    /// Start the box from it as soon as nobody meets.
    #[arg(long)]
    pub(crate) restart: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResetOptions {
    /// Do it. Without this, what would be taken away is listed.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SuperviseOptions {
    /// As for `host`.
    #[arg(long = "config", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The state directory of the host, if it was given one.
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Where it is asked by others [default: /run/moothall-supervise].
    #[arg(long, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AskOptions {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The state directory of the host, if it was given one.
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) ask: AskOptions,
    /// Only whether people can meet here now: host, page and call. Clock, disk and other troubles of the machine do not count.
    #[arg(long)]
    pub(crate) essential: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HostOptions {
    /// Configuration (TOML); may be given several times, and later files win key by key [default: /etc/moothall/moothall.toml and
    /// /var/lib/moothall/site.toml, as far as they exist].
    #[arg(long = "config", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where the certificate is kept [default: $XDG_STATE_HOME/moothall or ~/.local/state/moothall].
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Where the supervisor listens, to which the page /setup leads.
    #[arg(long, value_name = "SOCKET", default_value = SUPERVISOR)]
    pub(crate) supervisor: PathBuf,
    /// Listen on this address alone, for example 127.0.0.1:8443 or 192.168.1.20.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// Which board this is, if the box does not find out by itself.
    #[arg(long, value_name = "NAME", value_parser = board)]
    board: Option<BoardName>,
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
            board: self.board.clone(),
            listen: self.listen,
            media_port: self.media_port,
            web_root: self.web_root.clone(),
            json_logs: self.json_logs,
            log_names: self.log_names,
        }
    }
}

fn board(text: &str) -> Result<BoardName, String> {
    BoardName::try_from(text.to_owned()).map_err(|_| {
        let names: Vec<String> = boards().map(String::from).collect();
        format!("the boards are {}", names.join(", "))
    })
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
