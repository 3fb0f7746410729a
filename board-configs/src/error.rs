//! Why a configuration is refused: where, which key, what is wrong, what to write instead.

use std::fmt;
use std::path::PathBuf;

use crate::BoardName;
use crate::board::{BoardError, By};

/// Where a value comes from that is no default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of the file, counted from 1.
    Line(PathBuf, usize),
    /// An option of the command line.
    Flag(&'static str),
    /// What this board carries.
    Board(BoardName),
    /// What the machine shows of itself.
    Machine(By),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(file, line) => write!(f, "{}:{line}", file.display()),
            Self::Flag(flag) => f.write_str(flag),
            Self::Board(name) => write!(f, "board {name}"),
            Self::Machine(By::DeviceTree) => f.write_str("recognised by its device tree"),
            Self::Machine(By::Firmware) => f.write_str("recognised by its firmware"),
            Self::Machine(By::Architecture) => f.write_str("recognised by its processor"),
        }
    }
}

/// The first thing that is wrong; nothing of the file is used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },

    #[error("{place}: `{near}` is not TOML: {problem}; write one `key = value` on a line, texts in double quotes")]
    Syntax { place: Place, near: String, problem: String },

    #[error("{place}: unknown key `{key}`; {suggestion}")]
    UnknownKey { place: Place, key: String, suggestion: String },

    #[error("{place}: `{key} = {found}` does not fit; expected {expected}")]
    BadValue { place: Place, key: String, found: String, expected: String },

    #[error("{place}: `{key}` is missing; expected {expected}")]
    Missing { place: Place, key: String, expected: String },

    #[error("{place}: `{key}`: {problem}; {remedy}")]
    Impossible { place: Place, key: &'static str, problem: String, remedy: String },

    #[error(transparent)]
    Board(#[from] BoardError),
}
