//! A server that runs, and people who are connected to it.

use super::client::Client;
use super::cost::Places;
use super::scene::People;
use super::{floor, janus, moothall};
use crate::measure::{Memory, Server};
use anyhow::Result;
use std::any::Any;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fmt, fs};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    Moothall,
    Janus,
    Floor,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    pub moothall: String,
    /// Folder with Debian's packages unpacked in it.
    pub janus: PathBuf,
}

/// A server and its people. The server is killed, and what it wrote is removed, when this is dropped.
pub struct Session {
    pub clients: Vec<Client>,
    pub server: Server,
    /// Before anybody came.
    pub idle: Memory,
    /// Signaling that stays open.
    _open: Box<dyn Any>,
    _folder: Folder,
}

/// After a server listens, until it has nothing more to do.
const SETTLED: Duration = Duration::from_millis(500);

impl System {
    pub const ALL: [Self; 3] = [Self::Moothall, Self::Janus, Self::Floor];

    /// The floor knows no layers: it cannot hold a meeting. Who speaks is known to ours alone.
    pub fn can(self, people: People) -> bool {
        match people {
            People::OneTo(_) => true,
            People::Meeting(_) => self != Self::Floor,
            People::Rooms { .. } => self == Self::Moothall,
        }
    }

    /// Starts it and connects everybody.
    pub async fn open(self, people: People, places: &Places, programs: &Programs) -> Result<Session> {
        let folder = Folder::new(self)?;
        let start = Start { folder: &folder.0, places, programs };
        let (server, idle, clients, open) = match self {
            Self::Moothall => moothall::open(start, people).await?,
            Self::Janus => janus::open(start, people).await?,
            Self::Floor => floor::open(start, people).await?,
        };
        Ok(Session { clients, server, idle, _open: open, _folder: folder })
    }
}

/// What a server is started with.
pub(crate) struct Start<'a> {
    pub folder: &'a Path,
    pub places: &'a Places,
    pub programs: &'a Programs,
}

/// A server, its memory before anybody came, people, and what keeps them signed in.
pub(super) type Opened = (Server, Memory, Vec<Client>, Box<dyn Any>);

/// What a server takes when nobody is there.
pub(super) async fn idle(server: &Server) -> Result<Memory> {
    tokio::time::sleep(SETTLED).await;
    server.memory()
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Moothall => "Moothall",
            Self::Janus => "Janus",
            Self::Floor => "floor",
        })
    }
}

/// A folder that is removed when nobody needs it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(system: System) -> Result<Self> {
        let path = env::temp_dir().join(format!("bench-peers-{}-{system}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
