//! `[log]`: what the box writes down.

use serde::{Deserialize, Serialize};

use crate::Key;

/// Amount and form of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: Level,
    pub json: bool,
    pub names: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "log.level",
        expects: "\"error\", \"warn\", \"info\" or \"debug\"",
        doc: "How much to log: info tells the story of a meeting, debug how it was negotiated.",
        example: "",
    },
    Key { path: "log.json", expects: "true or false", doc: "One JSON object per line instead of text.", example: "" },
    Key {
        path: "log.names",
        expects: "true or false",
        doc: "Log names of people and rooms and addresses of clients; false leaves them out.",
        example: "",
    },
];
