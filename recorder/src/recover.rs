//! Recordings whose recorder died, and nobody went on.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::exit::{Failure, Reason};
use crate::folder::{Folder, FolderError};
use crate::manifest::{File, FileState, Manifest, State};
use crate::pipeline::{self, Container, Depth, scan, whole};
use crate::recordings;
use crate::say::say;

/// For each file.
const SCAN_WITHIN: Duration = Duration::from_secs(120);

/// What became of a recording.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Recovered {
    recording: String,
    state: State,
    files: usize,
    unreadable: usize,
}

/// Closes all recordings of a directory that are not written to any more.
pub fn recover(directory: &Path, json: bool) -> Result<(), Failure> {
    pipeline::load()?;
    let mut all = Vec::new();
    for (name, manifest) in recordings::unfinished(directory)? {
        match Folder::open(directory, &name) {
            Ok(folder) => all.push(close(&folder, manifest)?),
            // It is being recorded.
            Err(FolderError::Busy(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if json {
        say(format_args!("{}", serde_json::to_string_pretty(&all).unwrap_or_default()));
    } else {
        for Recovered { recording, files, unreadable, .. } in &all {
            say(format_args!("{recording}: closed; {files} files, {unreadable} of them cannot be played"));
        }
        if all.is_empty() {
            say(format_args!("Nothing was left open."));
        }
    }
    Ok(())
}

fn close(folder: &Folder, mut manifest: Manifest) -> Result<Recovered, Failure> {
    for file in &mut manifest.files {
        if matches!(file.state, FileState::Open | FileState::Cut) {
            check(folder, file);
        }
    }
    let unreadable = manifest.files.iter().filter(|file| file.state == FileState::Unreadable).count();
    manifest.state = if unreadable > 0 { State::Broken } else { State::Finished };
    manifest.reason = Some("The recorder died.".to_owned());
    manifest.duration_ms = duration(&manifest);
    let stored = folder.conclude_events().and_then(|()| folder.store(&manifest.to_json()));
    stored.map_err(|error| Failure::new(Reason::Folder, format_args!("{}: {error}", folder.path().display())))?;
    folder.release();
    Ok(Recovered {
        recording: folder.name().to_owned(),
        state: manifest.state,
        files: manifest.files.len(),
        unreadable,
    })
}

/// To the end of the last file.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds of a recording")]
fn duration(manifest: &Manifest) -> u64 {
    let ends = manifest.files.iter().map(|file| (file.offset_ms + file.duration_ms) as i64);
    ends.max().unwrap_or(0).max(0).unsigned_abs().max(manifest.duration_ms)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a recording")]
fn check(folder: &Folder, file: &mut File) {
    let path = folder.path().join(&file.file);
    cut(folder, file);
    file.state = FileState::Unreadable;
    if let Ok(found) = scan(&path, Container::of(file.codec), Depth::Frames, SCAN_WITHIN)
        && found.error.is_none()
    {
        (file.state, file.frames, file.duration_ms) = (FileState::Cut, found.frames, found.duration_ms as f64);
    }
}

/// Cuts off what is not whole of a file that its recorder could not finish.
pub(crate) fn cut(folder: &Folder, file: &mut File) {
    let nofollow = nix::fcntl::OFlag::O_NOFOLLOW.bits();
    use std::os::unix::fs::OpenOptionsExt;
    let opened = OpenOptions::new().read(true).write(true).custom_flags(nofollow).open(folder.path().join(&file.file));
    let Ok(opened) = opened else { return };
    if let Err(error) = whole::cut(&opened) {
        tracing::warn!(%error, file = file.file, "a file cannot be cut to what is whole");
    }
    file.bytes = opened.metadata().map_or(file.bytes, |metadata| metadata.len());
    file.state = FileState::Cut;
}
