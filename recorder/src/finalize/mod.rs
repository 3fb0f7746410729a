//! What is done with a recording once it is finished: a script is called as Jibri calls it, and somebody is told over HTTP.

mod metadata;
mod script;
mod webhook;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::durable;
use crate::exit::{Failure, Reason};
use crate::folder::{Folder, FolderError, PENDING};
use crate::manifest::{Manifest, State};
use crate::recordings;

pub use webhook::Webhook;

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct Finalize {
    /// Called with the folder of the recording as its only argument.
    pub script: Option<PathBuf>,
    /// Told once the script has ended.
    pub webhook: Option<Webhook>,
    /// Address of the site where the meeting was, for instance `https://meet.example`.
    pub site: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    /// Exit code of the script; -1 if it was killed, or cannot be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<i32>,
    /// True if the receiver took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<bool>,
}

/// Does what is to be done with one recording that is finished.
pub fn finalize(recording: &Path, what: &Finalize) -> Result<(), Failure> {
    let no_recording = || Failure::new(Reason::Folder, format_args!("{} is no recording.", recording.display()));
    let (Some(directory), Some(name)) = (recording.parent(), recording.file_name().and_then(|name| name.to_str()))
    else {
        return Err(no_recording());
    };
    if !recording.is_dir() {
        return Err(no_recording());
    }
    let folder = Folder::open(directory, name)?;
    let manifest = folder.manifest()?.ok_or_else(no_recording)?;
    if manifest.state == State::Recording {
        let (recording, directory) = (recording.display(), directory.display());
        let advice = format_args!("{recording} was left open: `moothall-recorder recover {directory}` closes it.");
        return Err(Failure::new(Reason::Folder, advice));
    }
    conclude(&folder, &manifest, what)
}

/// The same with all of a directory that wait for it.
pub fn finalize_pending(directory: &Path, what: &Finalize) -> Result<(), Failure> {
    let mut failed = None;
    for (name, manifest) in recordings::manifests(directory)? {
        let waits = directory.join(&name).join(PENDING).exists();
        if !waits || manifest.state == State::Recording {
            continue;
        }
        match Folder::open(directory, &name) {
            Ok(folder) => failed = conclude(&folder, &manifest, what).err().or(failed),
            // Another one is at it.
            Err(FolderError::Busy(_)) => {}
            Err(error) => failed = Some(error.into()),
        }
    }
    failed.map_or(Ok(()), Err)
}

fn conclude(folder: &Folder, manifest: &Manifest, what: &Finalize) -> Result<(), Failure> {
    let path = fs::canonicalize(folder.path()).unwrap_or_else(|_| folder.path().to_owned());
    let unwritable = |error: io::Error| Failure::new(Reason::Folder, format_args!("{}: {error}", path.display()));
    durable::replace(&path, metadata::NAME, &metadata::json(manifest, what.site.as_deref())).map_err(unwritable)?;
    let script = what.script.as_deref().map(|script| script::run(script, &path));
    let webhook = what.webhook.as_ref().map(|webhook| webhook.tell(manifest, &path, script));
    let told = match &webhook {
        Some(Err(error)) => Err(Failure::new(Reason::Told, error)),
        _ => Ok(()),
    };
    // A script may have moved all of it elsewhere.
    if path.is_dir() {
        let outcome = Outcome { script, webhook: webhook.map(|told| told.is_ok()) };
        let json = serde_json::to_vec_pretty(&outcome).unwrap_or_default();
        durable::replace(&path, "finalized.json", &json).map_err(unwritable)?;
        folder.conclude();
    }
    told?;
    match script {
        None | Some(0) => Ok(()),
        Some(code) => Err(Failure::new(Reason::Told, format_args!("the finalize script ended with {code}"))),
    }
}
