//! The command line as the last layer.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::{BoardName, Config, Place, Port};

/// What the command line says; `None` and `false` say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    /// `--board`.
    pub board: Option<BoardName>,
    /// `--listen`: address of page, signaling and media, and the TCP port.
    pub listen: Option<SocketAddr>,
    /// `--media-port`.
    pub media_port: Option<u16>,
    /// `--web-root`.
    pub web_root: Option<PathBuf>,
    /// `--json-logs`.
    pub json_logs: bool,
    /// `--log-names`.
    pub log_names: bool,
}

impl Flags {
    pub(crate) fn apply(&self, config: &mut Config) {
        if let Some(board) = &self.board {
            config.board = Some(board.clone());
            config.origins.set("board", Place::Flag("--board"));
        }
        if let Some(listen) = self.listen {
            config.network.port = Port(listen.port());
            config.network.addresses = vec![listen.ip()];
            config.network.media_addresses = vec![listen.ip()];
            for path in ["network.port", "network.addresses", "network.media_addresses"] {
                config.origins.set(path, Place::Flag("--listen"));
            }
        }
        if let Some(port) = self.media_port {
            config.network.media_port = Port(port);
            config.origins.set("network.media_port", Place::Flag("--media-port"));
        }
        if let Some(folder) = &self.web_root {
            config.signal.web_root = Some(folder.clone());
            config.origins.set("signal.web_root", Place::Flag("--web-root"));
        }
        if self.json_logs {
            config.log.json = true;
            config.origins.set("log.json", Place::Flag("--json-logs"));
        }
        if self.log_names {
            config.log.names = true;
            config.origins.set("log.names", Place::Flag("--log-names"));
        }
    }
}
