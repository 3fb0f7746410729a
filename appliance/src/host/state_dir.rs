//! The directory in which the box keeps what must outlive a restart.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::durable;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateDirError {
    #[error("nowhere to keep the certificate: neither XDG_STATE_HOME nor HOME is set; use --state-dir DIR")]
    NoHome,
    #[error("cannot write to the state directory {}: {source}; use --state-dir DIR with one that you may write to", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// A directory that could be written to when it was opened.
#[derive(Debug, Clone)]
pub(crate) struct StateDir(PathBuf);

impl StateDir {
    /// Makes it if need be (mode 0700) and tries to write.
    pub(crate) fn open(wanted: Option<&Path>) -> Result<Self, StateDirError> {
        let path = match wanted {
            Some(path) => path.to_owned(),
            None => usual().ok_or(StateDirError::NoHome)?,
        };
        let unwritable = |source| StateDirError::Unwritable { path: path.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(unwritable)?;
        let dir = Self(path.clone());
        // Two boxes may share the directory, and start at the same time.
        let test = format!("write-test-{}", std::process::id());
        dir.write(&test, b"").map_err(unwritable)?;
        fs::remove_file(path.join(test)).map_err(unwritable)?;
        Ok(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn read(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.0.join(name))
    }

    /// Replaces a file whole or not at all; only the owner may read it.
    pub(crate) fn write(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        durable::replace(&self.0.join(name), contents, 0o600)
    }

    /// Makes a file whole, unless there is one: then it is left as it is and the answer is `false`.
    pub(crate) fn create(&self, name: &str, contents: &[u8]) -> io::Result<bool> {
        durable::Draft::write(&self.0.join(name), contents, 0o600)?.commit_new()
    }

    pub(crate) fn unwritable(&self, source: io::Error) -> StateDirError {
        StateDirError::Unwritable { path: self.0.clone(), source }
    }
}

/// Where state is kept unless told otherwise.
pub(crate) fn usual() -> Option<PathBuf> {
    default_path(|name| std::env::var_os(name).map(PathBuf::from))
}

/// XDG base directories; relative values are to be ignored.
fn default_path(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("moothall"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_default_follows_xdg() {
        let with = |list: &'static [(&str, &str)]| {
            default_path(move |name| list.iter().find(|(n, _)| *n == name).map(|(_, v)| PathBuf::from(v)))
        };
        assert_eq!(with(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), Some("/s/moothall".into()));
        assert_eq!(with(&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]), Some("/h/.local/state/moothall".into()));
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn files_are_the_owners_alone_and_replaced_whole() {
        let path = super::super::test_dir("state-dir");
        let dir = StateDir::open(Some(&path)).unwrap();
        dir.write("x", b"one").unwrap();
        dir.write("x", b"two").unwrap();
        assert_eq!(dir.read("x").unwrap(), "two");
        assert_eq!(fs::metadata(path.join("x")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    }
}
