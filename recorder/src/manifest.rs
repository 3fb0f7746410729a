//! What a recording is, in `manifest.json`. The README says what every key means.

use std::time::Duration;

use media_tap::{Begin, Codec, Kind};
use serde::{Deserialize, Serialize};

use crate::dates;

/// Version of what is written; a reader refuses a newer one.
pub const VERSION: u32 = 1;
/// Name of the file in a recording's folder.
pub const NAME: &str = "manifest.json";

/// A recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub version: u32,
    pub state: State,
    pub recording: String,
    pub room: String,
    pub meeting: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<String>,
    /// `2026-11-27T22:14:05.250Z`.
    pub begin: String,
    /// The same in milliseconds since 1970. All other times count from here.
    pub begin_unix_ms: u64,
    pub duration_ms: u64,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What went wrong, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// More than one, if the recorder died in the midst.
    pub attempts: Vec<Attempt>,
    /// Packets that the bridge could not hand over.
    pub lost_in_tap: u64,
    pub participants: Vec<Participant>,
    pub files: Vec<File>,
    pub warnings: Vec<Warning>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Files are being written, or the recorder died.
    Recording,
    Finished,
    /// A file cannot be played.
    Broken,
}

/// The life of one process. Between two of them nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub begin_ms: u64,
    /// None while it goes on, and if it died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<u64>,
}

/// As people are called in the meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    pub endpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One run of a source in one codec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Name in the folder.
    pub file: String,
    pub state: FileState,
    pub source: String,
    pub endpoint: String,
    pub kind: Kind,
    pub codec: Codec,
    pub desktop: bool,
    /// Counts the files of a source from 1.
    pub run: u32,
    /// Index of the attempt that wrote it.
    pub attempt: u32,
    pub ssrc: u32,
    /// Width and height at the beginning, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u16, u16)>,
    /// When its time 0 is, in the recording. Negative by as much as the first packets were under way before the beginning.
    pub offset_ms: f64,
    /// From the first frame to the end of the last.
    pub duration_ms: f64,
    /// Frames written.
    pub frames: u64,
    /// Frames that were not written because others that they need were missing.
    pub dropped: u64,
    pub packets: u64,
    /// Packets that never came.
    pub lost: u64,
    pub bytes: u64,
    /// Where packets are missing, at most [`MAX_BREAKS`].
    pub breaks: Vec<Break>,
    /// How the stream's clock is tied to its sender's, at most [`MAX_SYNC`].
    pub sync: Vec<Sync>,
}

/// Beyond it, breaks are only counted as lost packets.
pub const MAX_BREAKS: usize = 200;
/// One every [`SYNC_EVERY`]: enough for eight hours.
pub const MAX_SYNC: usize = 500;
pub const SYNC_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    Open,
    Closed,
    /// Its end is missing: the process died, the disk was full.
    Cut,
    /// It cannot be played.
    Unreadable,
}

/// Packets are missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Break {
    /// In the file's time.
    pub at_ms: f64,
    pub packets: u64,
}

/// One moment on three clocks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sync {
    /// In the file's time.
    pub at_ms: f64,
    /// On the stream's clock.
    pub rtp: u32,
    /// The sender's wall clock, in milliseconds since 1970.
    pub sender_unix_ms: f64,
}

/// Something that people were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    pub at_ms: u64,
    pub text: String,
}

impl Manifest {
    pub fn new(begin: &Begin) -> Self {
        Self {
            version: VERSION,
            state: State::Recording,
            recording: begin.recording.clone(),
            room: begin.room.clone(),
            meeting: begin.meeting.clone(),
            initiator: begin.initiator.clone(),
            begin: dates::utc(begin.unix_ms),
            begin_unix_ms: begin.unix_ms,
            duration_ms: 0,
            reason: None,
            error: None,
            attempts: Vec::new(),
            lost_in_tap: 0,
            participants: Vec::new(),
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// As it is in the file.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Reads what [`Self::to_json`] wrote.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(json)?;
        if manifest.version > VERSION {
            return Err(ManifestError::Version(manifest.version));
        }
        Ok(manifest)
    }

    /// What a participant or, failing that, its endpoint is called.
    pub fn name_of<'a>(&'a self, endpoint: &'a str) -> &'a str {
        let known = self.participants.iter().find(|participant| participant.endpoint == endpoint);
        known.and_then(|participant| participant.name.as_deref()).unwrap_or(endpoint)
    }
}

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest cannot be understood: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the manifest is of version {0}, newer than this program")]
    Version(u32),
}
