//! `[recorder]`: where meetings are recorded.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Key;

/// What is kept of meetings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recorder {
    /// `None`: below the state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
}

pub(crate) const KEYS: &[Key] = &[Key {
    path: "recorder.directory",
    expects: "the path of a folder",
    doc: "Where recordings are; without, in `recordings` below the state directory. Only a box on which `moothall-recorder` is \
          installed records.",
    example: "\"/srv/recordings\"",
}];
