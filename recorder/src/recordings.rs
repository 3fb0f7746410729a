//! Recordings that there are, in words or as JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::exit::{Failure, Reason};
use crate::folder::{FolderError, read_manifest};
use crate::manifest::{File, Manifest, State};
use crate::pipeline::{self, Container, Depth, Scan, Track, scan};
use crate::say::say;
use crate::storage::bytes;

/// An hour of large pictures is decoded in less, on a small board as well.
const CHECK_WITHIN: Duration = Duration::from_secs(3600);
const EXPORT_WITHIN: Duration = Duration::from_secs(3600);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    recording: &'a str,
    state: State,
    begin: &'a str,
    room: &'a str,
    duration_ms: u64,
    files: usize,
    bytes: u64,
}

impl<'a> Line<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        Self {
            recording: &manifest.recording,
            state: manifest.state,
            begin: &manifest.begin,
            room: &manifest.room,
            duration_ms: manifest.duration_ms,
            files: manifest.files.len(),
            bytes: manifest.files.iter().map(|file| file.bytes).sum(),
        }
    }
}

/// Lists the recordings of a directory, the oldest first.
pub fn list(directory: &Path, json: bool) -> Result<(), Failure> {
    let mut all: Vec<Manifest> = manifests(directory)?.into_iter().map(|(_, manifest)| manifest).collect();
    all.sort_by_key(|manifest| manifest.begin_unix_ms);
    let lines: Vec<Line> = all.iter().map(Line::of).collect();
    if json {
        return print(&lines);
    }
    for line in lines {
        let length = span(line.duration_ms);
        say(format_args!(
            "{}  {}  {}, {} in {} files, {}",
            line.recording,
            line.begin,
            word(line.state),
            length,
            line.files,
            bytes(line.bytes)
        ));
    }
    Ok(())
}

/// Says what a recording has.
pub fn show(recording: &Path, json: bool) -> Result<(), Failure> {
    let manifest = of(recording)?;
    if json {
        return print(&manifest);
    }
    say(format_args!("{}: {}, {}", manifest.recording, word(manifest.state), span(manifest.duration_ms)));
    say(format_args!("began {} in room {}", manifest.begin, manifest.room));
    for text in manifest.reason.iter().chain(&manifest.error) {
        say(format_args!("{text}"));
    }
    for attempt in manifest.attempts.iter().skip(1) {
        say(format_args!("The recorder died; it went on after {}.", span(attempt.begin_ms)));
    }
    for file in &manifest.files {
        say(format_args!(
            "{}  {}  from {:.1} s for {:.1} s, {} frames, {} of {} packets lost, {}",
            file.file,
            title(&manifest, file),
            file.offset_ms / 1000.0,
            file.duration_ms / 1000.0,
            file.frames,
            file.lost,
            file.packets + file.lost,
            bytes(file.bytes)
        ));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct Checked<'a> {
    file: &'a str,
    #[serde(flatten)]
    scan: Scan,
}

/// Decodes all of a recording. It fails if a file does not play.
pub fn play_check(recording: &Path, json: bool) -> Result<(), Failure> {
    pipeline::load()?;
    let manifest = of(recording)?;
    let mut all = Vec::new();
    for file in &manifest.files {
        let found = scan(&recording.join(&file.file), Container::of(file.codec), Depth::Decoded, CHECK_WITHIN);
        let scan = found.unwrap_or_else(|error| Scan { frames: 0, duration_ms: 0, error: Some(error.to_string()) });
        all.push(Checked { file: &file.file, scan });
    }
    let bad = all.iter().filter(|checked| checked.scan.error.is_some()).count();
    if json {
        print(&all)?;
    } else {
        for Checked { file, scan: Scan { frames, duration_ms, error } } in &all {
            let error = error.as_deref().map(|error| format!("; {error}")).unwrap_or_default();
            say(format_args!("{file}: {frames} frames in {}{error}", span(*duration_ms)));
        }
    }
    if bad > 0 {
        return Err(Failure::new(Reason::Unplayable, format_args!("{bad} of {} files do not play.", all.len())));
    }
    Ok(())
}

/// Writes one Matroska file with all tracks of a recording [default: RECORDING.mkv beside the recording].
pub fn export(recording: &Path, target: Option<PathBuf>) -> Result<(), Failure> {
    pipeline::load()?;
    let manifest = of(recording)?;
    let target = target.unwrap_or_else(|| recording.with_extension("mkv"));
    let earliest = manifest.files.iter().map(|file| file.offset_ms).fold(0.0, f64::min);
    let files = manifest.files.iter().filter(|file| file.frames > 0);
    let tracks: Vec<Track> = files
        .map(|file| Track {
            path: recording.join(&file.file),
            container: Container::of(file.codec),
            offset: Duration::try_from_secs_f64((file.offset_ms - earliest) / 1000.0).unwrap_or_default(),
            title: title(&manifest, file),
            audio: file.kind == media_tap::Kind::Audio,
        })
        .collect();
    if tracks.is_empty() {
        return Err(Failure::new(Reason::Unplayable, "Nothing was recorded."));
    }
    pipeline::export(&tracks, &target, EXPORT_WITHIN)
        .map_err(|error| Failure::new(Reason::Unplayable, format_args!("{}: {error}", target.display())))?;
    say(format_args!("{}", target.display()));
    Ok(())
}

/// `Alice, camera`.
fn title(manifest: &Manifest, file: &File) -> String {
    let kind = match (file.kind, file.desktop) {
        (media_tap::Kind::Audio, _) => "sound",
        (media_tap::Kind::Video, false) => "camera",
        (media_tap::Kind::Video, true) => "screen",
    };
    let run = if file.run > 1 { format!(" {}", file.run) } else { String::new() };
    format!("{}, {kind}{run}", manifest.name_of(&file.endpoint))
}

/// Recordings that are being recorded, or whose recorder died.
pub(crate) fn unfinished(directory: &Path) -> Result<Vec<(String, Manifest)>, FolderError> {
    Ok(manifests(directory)?.into_iter().filter(|(_, manifest)| manifest.state == State::Recording).collect())
}

/// All of a directory, by the names of their folders. What is no recording is stepped over.
pub(crate) fn manifests(directory: &Path) -> Result<Vec<(String, Manifest)>, FolderError> {
    let entries = fs::read_dir(directory).map_err(|error| FolderError::Io { path: directory.to_owned(), error })?;
    let mut all = Vec::new();
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(Some(manifest)) = read_manifest(&entry.path())
        {
            all.push((entry.file_name().to_string_lossy().into_owned(), manifest));
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(all)
}

fn of(recording: &Path) -> Result<Manifest, Failure> {
    read_manifest(recording)?
        .ok_or_else(|| Failure::new(Reason::Folder, format_args!("{} is no recording.", recording.display())))
}

fn print(what: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(what).map_err(|error| Failure::new(Reason::Unexpected, error))?;
    say(format_args!("{json}"));
    Ok(())
}

fn word(state: State) -> &'static str {
    match state {
        State::Recording => "not finished",
        State::Finished => "finished",
        State::Broken => "broken",
    }
}

/// `1:02:05` or `2:05`.
fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds % 3600 / 60, seconds % 60),
    }
}
