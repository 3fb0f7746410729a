//! The folder of all recordings: how much they take, and which of them go.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::statvfs::fstatvfs;

use crate::exit::{Failure, Reason};
use crate::folder::Folder;
use crate::manifest::{Manifest, State};
use crate::recordings;
use crate::rotation::{Fill, Keep, Old};
use crate::say::say;

/// So many times what must remain free is wanted before a recording begins: it is warned of less.
const WANTED: u64 = 2;

/// Where recordings are, and what is kept of them.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) directory: PathBuf,
    pub(crate) keep: Keep,
    /// Bytes of the disk that remain free.
    pub(crate) min_free: u64,
}

/// Deletes what is not kept, and says what it was.
pub fn tidy(directory: &Path, keep: Keep, min_free: u64) -> Result<(), Failure> {
    let store = Store { directory: directory.to_owned(), keep, min_free };
    let gone = store
        .delete()
        .map_err(|error| Failure::new(Reason::Folder, format_args!("{}: {error}", directory.display())))?;
    for name in &gone.names {
        say(format_args!("{name}: deleted"));
    }
    if gone.names.is_empty() {
        say(format_args!("Nothing had to go."));
    }
    Ok(())
}

/// What was deleted.
struct Gone {
    names: Vec<String>,
    /// Bytes of all that remain.
    used: u64,
}

impl Store {
    /// Deletes what is not kept. Bytes that the quota leaves, if there is one.
    pub(crate) fn tidy(&self) -> io::Result<Option<u64>> {
        if !self.keep.is_bounded() {
            return Ok(None);
        }
        let gone = self.delete()?;
        for recording in &gone.names {
            tracing::info!(recording, "deleted to make room");
        }
        Ok(self.keep.left(gone.used))
    }

    fn delete(&self) -> io::Result<Gone> {
        let mut used = 0;
        let mut old = Vec::new();
        for (name, manifest) in recordings::manifests(&self.directory).map_err(io::Error::other)? {
            let bytes = size(&self.directory.join(&name));
            used += bytes;
            if manifest.state != State::Recording {
                old.push(Old { name, ended: ended(&manifest), bytes });
            }
        }
        let fill = Fill { used, free: free(&File::open(&self.directory)?)? };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut gone = Gone { names: Vec::new(), used };
        for Old { name, bytes, .. } in self.keep.goes(now, fill, self.min_free.saturating_mul(WANTED), old) {
            if delete(&self.directory, &name)? {
                gone.used = gone.used.saturating_sub(bytes);
                gone.names.push(name);
            }
        }
        Ok(gone)
    }
}

/// False if something is being done with it.
fn delete(directory: &Path, name: &str) -> io::Result<bool> {
    // The lock is held until it has gone.
    let Ok(_folder) = Folder::open(directory, name) else { return Ok(false) };
    fs::remove_dir_all(directory.join(name))?;
    Ok(true)
}

fn ended(manifest: &Manifest) -> Duration {
    Duration::from_millis(manifest.begin_unix_ms.saturating_add(manifest.duration_ms))
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|it| it.len()).sum()
}

/// Bytes that are free where this is.
pub(crate) fn free(at: &impl AsFd) -> io::Result<u64> {
    let space = fstatvfs(at)?;
    Ok(space.blocks_available().saturating_mul(space.fragment_size()))
}
