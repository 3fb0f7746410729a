//! The file that comes out: whole, or not at all.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use crate::exit::{Failure, Reason};

/// As a shell says that somebody pressed Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Written under another name beside; dropping it removes what there is.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    part: PathBuf,
}

impl Target {
    /// From now on, SIGINT and SIGTERM end the program and leave no half file. Call it before threads are started.
    pub(super) fn new(path: PathBuf) -> Result<Self, Failure> {
        let refused = |error: &dyn std::fmt::Display| {
            Failure::new(Reason::Folder, format_args!("{} cannot be written: {error}.", path.display()))
        };
        let name = path.file_name().ok_or_else(|| refused(&"it is no name of a file"))?;
        if path.is_dir() {
            return Err(refused(&"it is a folder"));
        }
        let part = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        fs::File::create(&part).map_err(|error| refused(&error))?;
        end_with(part.clone()).map_err(|error| refused(&error))?;
        Ok(Self { path, part })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where to write.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// All is written.
    pub(super) fn conclude(&self) -> Result<(), Failure> {
        let stored = fs::File::open(&self.part).and_then(|file| file.sync_all());
        stored.and_then(|()| fs::rename(&self.part, &self.path)).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => Failure::new(Reason::Space, "There is no room left on the disk."),
            _ => Failure::new(Reason::Folder, format_args!("{} cannot be written: {error}.", self.path.display())),
        })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.part);
    }
}

/// A thread waits for signals: whatever hangs, in a driver for one, they are heard.
fn end_with(part: PathBuf) -> io::Result<()> {
    static WAITS: OnceLock<()> = OnceLock::new();
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGINT);
    ends.add(Signal::SIGTERM);
    ends.thread_block()?;
    if WAITS.set(()).is_err() {
        return Ok(());
    }
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if ends.wait().is_ok() {
            let _ = fs::remove_file(&part);
            if io::stderr().is_terminal() {
                // Below the bar.
                let _ = writeln!(io::stderr().lock());
            }
            Failure::new(Reason::Unexpected, "Interrupted; nothing was written.").report();
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(())
}
