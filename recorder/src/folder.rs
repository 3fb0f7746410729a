//! The folder of one recording.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::manifest::{self, Manifest, ManifestError};
use crate::{durable, events};

/// Held locked while the folder is written to.
const LOCK: &str = ".lock";
/// Takes up room, so that there is some for the manifest when the disk is full.
const RESERVE: &str = ".reserve";
const RESERVE_BYTES: usize = 256 << 10;
/// There while something is to be done with the recording once it is finished.
pub(crate) const PENDING: &str = ".pending";
/// Recordings of one name.
const MAX_NAMESAKES: u32 = 10_000;

/// A recording's folder that nobody else writes to.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    name: String,
    _lock: Flock<File>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("{path} cannot be used: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{0} is being recorded to")]
    Busy(PathBuf),
    #[error("there are too many recordings called {0}")]
    Namesakes(String),
    #[error("{path}: {error}")]
    Manifest { path: PathBuf, error: ManifestError },
}

impl Folder {
    /// Makes a new one. What has the name already is left alone: the new one is called `NAME-2` and so on.
    pub(crate) fn create(directory: &Path, name: &str) -> Result<Self, FolderError> {
        for name in namesakes(name) {
            let path = directory.join(&name);
            match DirBuilder::new().mode(0o750).create(&path) {
                Ok(()) => {
                    let folder = Self::lock(path, name)?;
                    folder.reserve();
                    return Ok(folder);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io_error(&path)(error)),
            }
        }
        Err(FolderError::Namesakes(name.to_owned()))
    }

    /// Goes on in the last one of the name, if nobody writes to it any more; else makes a new one.
    pub(crate) fn resume(directory: &Path, name: &str) -> Result<Self, FolderError> {
        let is_folder = |name: &String| fs::symlink_metadata(directory.join(name)).is_ok_and(|it| it.is_dir());
        match namesakes(name).take_while(is_folder).last() {
            Some(last) => match Self::open(directory, &last) {
                Err(FolderError::Busy(_)) => Self::create(directory, name),
                opened => opened.inspect(Self::reserve),
            },
            None => Self::create(directory, name),
        }
    }

    /// One that exists.
    pub(crate) fn open(directory: &Path, name: &str) -> Result<Self, FolderError> {
        Self::lock(directory.join(name), name.to_owned())
    }

    fn lock(path: PathBuf, name: String) -> Result<Self, FolderError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
            .open(path.join(LOCK))
            .map_err(io_error(&path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { path, name, _lock: lock }),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(FolderError::Busy(path)),
            Err((_, error)) => Err(io_error(&path)(error.into())),
        }
    }

    /// As the recording is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of what is in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// A new file. What has the name already is left alone.
    pub(crate) fn new_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o640).open(self.path.join(name))
    }

    /// None if there is none.
    pub(crate) fn manifest(&self) -> Result<Option<Manifest>, FolderError> {
        read_manifest(&self.path)
    }

    pub(crate) fn store(&self, manifest: &[u8]) -> io::Result<()> {
        durable::replace(&self.path, manifest::NAME, manifest)
    }

    /// Makes the array of events out of their log.
    pub(crate) fn conclude_events(&self) -> io::Result<()> {
        let log = self.path.join(events::LOG);
        let events = events::array(&read_or_nothing(&self.path.join(events::NAME))?, &read_or_nothing(&log)?);
        durable::replace(&self.path, events::NAME, &events)?;
        match fs::remove_file(log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Best effort: without it, the manifest of before remains where the disk is full.
    fn reserve(&self) {
        let _ = fs::write(self.path.join(RESERVE), vec![b' '; RESERVE_BYTES]);
    }

    /// Something is to be done with it later.
    pub(crate) fn owe(&self) -> io::Result<()> {
        fs::write(self.path.join(PENDING), [])
    }

    /// It was done.
    pub(crate) fn conclude(&self) {
        let _ = fs::remove_file(self.path.join(PENDING));
    }

    /// Gives back what was reserved.
    pub(crate) fn release(&self) {
        let _ = fs::remove_file(self.path.join(RESERVE));
    }
}

/// The manifest in a folder; None if there is none.
pub(crate) fn read_manifest(folder: &Path) -> Result<Option<Manifest>, FolderError> {
    let path = folder.join(manifest::NAME);
    match fs::read(&path) {
        Ok(json) => Manifest::from_json(&json).map(Some).map_err(|error| FolderError::Manifest { path, error }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(&path)(error)),
    }
}

fn read_or_nothing(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

fn namesakes(name: &str) -> impl Iterator<Item = String> {
    let others = (2..MAX_NAMESAKES).map(move |number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(others)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> FolderError {
    let path = path.to_owned();
    move |error| FolderError::Io { path: path.clone(), error }
}
