//! What the host says of its recordings.

use std::fmt::Debug;
use std::fs;
use std::io;

use serde::Serialize;
use thiserror::Error;

/// One recording. Times are milliseconds, of tracks since it began.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Of its folder; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Local part of the room's address.
    pub room: String,
    /// UUID of the meeting.
    pub meeting: String,
    pub state: State,
    /// UTC, RFC 3339.
    pub begin: String,
    pub begin_unix_ms: u64,
    pub duration_ms: u64,
    /// Of all its files.
    pub bytes: u64,
    /// What those who were there are called, each once; who gave no name is left out.
    pub participants: Vec<String>,
    /// Who asked for it, if that is known.
    pub initiator: Option<String>,
    /// What went wrong, in words for people.
    pub error: Option<String>,
    pub files: Vec<File>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being written.
    Recording,
    Finished,
    /// It ended in a way that nobody wanted; what there is of it can be had.
    Broken,
}

/// One file of a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    pub file: String,
    /// Media type.
    #[serde(rename = "type")]
    pub content_type: &'static str,
    pub bytes: u64,
    /// Only of files that hold one source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
}

/// What one source sent, or a part of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// `ENDPOINT-a0`; its files follow each other.
    pub source: String,
    pub endpoint: String,
    /// What the participant is called.
    pub name: Option<String>,
    /// `audio` or `video`.
    pub kind: String,
    /// `opus`, `vp8`, `vp9`, `h264` or `av1`.
    pub codec: String,
    /// A screen.
    pub desktop: bool,
    /// Where the file begins in the recording.
    pub offset_ms: f64,
    pub duration_ms: f64,
}

/// Some of the recordings that there are, the newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Excerpt {
    pub recordings: Vec<Recording>,
    /// There are older ones.
    pub more: bool,
}

/// A file that can be read.
#[derive(Debug)]
pub struct Opened {
    pub file: fs::File,
    pub content_type: &'static str,
}

/// Why a recording is still there.
#[derive(Debug, Error)]
pub enum Undeleted {
    #[error("there is no such recording")]
    Unknown,
    #[error("it is still being recorded")]
    Running,
    #[error("its folder cannot be deleted: {0}")]
    Disk(#[from] io::Error),
}

/// The recordings of this box. All of it may wait for the disk, but for [`Archive::begun`] and [`Archive::session`].
pub trait Archive: Send + Sync + Debug {
    /// At most `most`, of one room or of all; with `before`, those that are older than the one of this name.
    fn list(&self, room: Option<&str>, before: Option<&str>, most: usize) -> io::Result<Excerpt>;
    fn find(&self, name: &str) -> Option<Recording>;
    /// Only what [`Recording::files`] names can be opened.
    fn open(&self, name: &str, file: &str) -> Option<Opened>;
    fn delete(&self, name: &str) -> Result<(), Undeleted>;
    /// The name of the recording that the order of this session began.
    fn begun(&self, session: &str) -> Option<String>;
    /// The session of a recording that runs.
    fn session(&self, recording: &Recording) -> Option<String>;
}
