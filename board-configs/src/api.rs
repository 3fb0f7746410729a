//! `[api]`: what an administrator's programs may do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Key;

/// Who may use the interface for programs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// `None`: there is no such interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

pub(crate) const KEYS: &[Key] = &[Key {
    path: "api.token_file",
    expects: "the path of a file",
    doc: "A file with one line of at least 32 characters, which others may not read. Whoever knows the line may list, play, start, \
          stop and delete recordings: under `/api/v1/recordings`, and in a browser under `/recordings`. `openssl rand -hex 32` \
          makes one. Without, there is neither.",
    example: "\"api-token\"",
}];
