//! As much of a recording's manifest as others are told.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use super::library::open_file;

const NAME: &str = "manifest.json";
/// Bytes: a long meeting of many has less.
const LONGEST: u64 = 8 << 20;

/// What the recorder wrote; what it does not say is not missed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) state: String,
    pub(super) room: String,
    #[serde(default)]
    pub(super) meeting: String,
    pub(super) initiator: Option<String>,
    pub(super) begin: String,
    pub(super) begin_unix_ms: u64,
    #[serde(default)]
    pub(super) duration_ms: u64,
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) participants: Vec<Participant>,
    #[serde(default)]
    pub(super) files: Vec<Source>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Participant {
    pub(super) endpoint: String,
    pub(super) name: Option<String>,
}

/// A file that holds one source.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) source: String,
    pub(super) endpoint: String,
    pub(super) kind: String,
    pub(super) codec: String,
    #[serde(default)]
    pub(super) desktop: bool,
    pub(super) offset_ms: f64,
    #[serde(default)]
    pub(super) duration_ms: f64,
}

/// What changes when a manifest does.
pub(super) type Version = (SystemTime, u64);

/// The manifest of a folder, open, and which one it is.
pub(super) fn open(folder: &Path) -> io::Result<(File, Version)> {
    let file = open_file(&folder.join(NAME))?;
    let metadata = file.metadata()?;
    Ok((file, (metadata.modified()?, metadata.len())))
}

pub(super) fn read(file: File) -> io::Result<Manifest> {
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::from)
}

impl Manifest {
    pub(super) fn name_of(&self, endpoint: &str) -> Option<String> {
        self.participants.iter().find(|one| one.endpoint == endpoint)?.name.clone()
    }

    /// Everybody's name, once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.participants.iter().filter_map(|one| one.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
