//! The recordings on the disk, as they are listed, read and deleted. Everything here may wait for the disk.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use signal::shell::recordings::{self, Archive, Excerpt, Opened, Recording, State, Track, Undeleted};

use super::manifest::{self, Manifest, Source, Version};
use super::running::Running;

/// Locked by whoever writes to the folder.
const LOCK: &str = ".lock";
/// Before the name of a folder that is being deleted.
const DELETED: &str = ".deleted-";
/// Folders that are looked at; the recorder's rotation keeps fewer.
const MOST: usize = 10_000;
const LONGEST_NAME: usize = 160;

/// The folder of all recordings.
#[derive(Debug)]
pub(super) struct Library {
    directory: PathBuf,
    running: Running,
    /// Manifests that were read, so that a list does not read them all again.
    known: Mutex<BTreeMap<String, (Version, Arc<Manifest>)>>,
}

impl Library {
    pub(super) fn new(directory: PathBuf, running: Running) -> Self {
        Self { directory, running, known: Mutex::default() }
    }

    /// Takes away what was left when a host ended while it deleted.
    pub(super) fn tidy(&self) {
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(DELETED)
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(folder = %entry.path().display(), %error, "a deleted recording is still there");
            }
        }
    }

    /// Where a recording of this name is, if there is one: a folder of ours, not a link to another.
    fn folder(&self, name: &str) -> Option<PathBuf> {
        let folder = self.directory.join(name);
        let is_folder = is_name(name) && fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir());
        is_folder.then_some(folder)
    }

    fn manifest(&self, name: &str, folder: &Path) -> Option<Arc<Manifest>> {
        let (file, version) = manifest::open(folder).ok()?;
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, manifest)) = known().get(name).filter(|(known, _)| *known == version) {
            return Some(Arc::clone(manifest));
        }
        let read = manifest::read(file).map(Arc::new);
        let manifest = read.inspect_err(|error| tracing::debug!(name, %error, "no manifest")).ok()?;
        known().insert(name.to_owned(), (version, Arc::clone(&manifest)));
        Some(manifest)
    }

    /// All folders with a manifest, of one room or of all.
    fn manifests(&self, room: Option<&str>) -> io::Result<Vec<(String, Arc<Manifest>)>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.flatten().take(MOST).filter_map(|entry| entry.file_name().into_string().ok());
        let all: Vec<_> = names.filter_map(|name| Some((self.manifest(&name, &self.folder(&name)?)?, name))).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known, _| all.iter().any(|(_, name)| name == known));
        let all = all.into_iter().map(|(manifest, name)| (name, manifest));
        Ok(all.filter(|(_, manifest)| room.is_none_or(|room| manifest.room == room)).collect())
    }

    fn recording(&self, name: &str, manifest: &Manifest) -> Recording {
        let folder = self.directory.join(name);
        let files = files(&folder, manifest);
        Recording {
            name: name.to_owned(),
            room: manifest.room.clone(),
            meeting: manifest.meeting.clone(),
            state: self.state(name, &folder, manifest),
            begin: manifest.begin.clone(),
            begin_unix_ms: manifest.begin_unix_ms,
            duration_ms: manifest.duration_ms,
            bytes: files.iter().map(|file| file.bytes).sum(),
            participants: manifest.names(),
            initiator: manifest.initiator.clone(),
            error: manifest.error.clone(),
            files,
        }
    }

    fn state(&self, name: &str, folder: &Path, manifest: &Manifest) -> State {
        match manifest.state.as_str() {
            "finished" => State::Finished,
            "recording" if self.running.of(name, &manifest.meeting).is_some() => State::Recording,
            "recording" if matches!(lock(folder), Locked::ByAnother) => State::Recording,
            _ => State::Broken,
        }
    }
}

impl Archive for Library {
    fn list(&self, room: Option<&str>, before: Option<&str>, most: usize) -> io::Result<Excerpt> {
        let mut all = self.manifests(room)?;
        all.sort_unstable_by(|(a, one), (b, other)| {
            (other.begin_unix_ms, b.as_str()).cmp(&(one.begin_unix_ms, a.as_str()))
        });
        let runs = self.running.all();
        let waiting = runs.iter().filter(|run| {
            before.is_none()
                && room.is_none_or(|room| run.room == room)
                && !all.iter().any(|(name, manifest)| *name == run.name || manifest.meeting == run.meeting_id)
        });
        let mut listed: Vec<Recording> = waiting.map(super::running::Run::without_folder).collect();
        let from =
            before.map_or(0, |before| all.iter().position(|(name, _)| name == before).map_or(all.len(), |at| at + 1));
        let rest = all.get(from..).unwrap_or_default();
        let room_left = most.saturating_sub(listed.len());
        listed.extend(rest.iter().take(room_left).map(|(name, manifest)| self.recording(name, manifest)));
        Ok(Excerpt { recordings: listed, more: rest.len() > room_left })
    }

    fn find(&self, name: &str) -> Option<Recording> {
        let manifest = self.folder(name).and_then(|folder| self.manifest(name, &folder));
        match manifest {
            Some(manifest) => Some(self.recording(name, &manifest)),
            None => Some(self.running.all().iter().find(|run| run.name == name)?.without_folder()),
        }
    }

    fn open(&self, name: &str, file: &str) -> Option<Opened> {
        let folder = self.folder(name)?;
        let manifest = self.manifest(name, &folder)?;
        let listed = files(&folder, &manifest).into_iter().find(|listed| listed.file == file)?;
        Some(Opened { file: open_file(&folder.join(file)).ok()?, content_type: listed.content_type })
    }

    fn delete(&self, name: &str) -> Result<(), Undeleted> {
        let folder = self.folder(name).ok_or(Undeleted::Unknown)?;
        let manifest = self.manifest(name, &folder).ok_or(Undeleted::Unknown)?;
        let runs = manifest.state == "recording" && self.running.of(name, &manifest.meeting).is_some();
        let lock = lock(&folder);
        if runs || matches!(lock, Locked::ByAnother) {
            return Err(Undeleted::Running);
        }
        // Nobody sees half of it: it goes out of sight first.
        let hidden = self.directory.join(format!("{DELETED}{name}"));
        fs::rename(&folder, &hidden)?;
        drop(lock);
        fs::remove_dir_all(hidden)?;
        Ok(())
    }

    fn begun(&self, session: &str) -> Option<String> {
        Some(self.running.session(session)?.name)
    }

    fn session(&self, recording: &Recording) -> Option<String> {
        if recording.state != State::Recording {
            return None;
        }
        let folder = self.folder(&recording.name);
        let manifest = folder.and_then(|folder| self.manifest(&recording.name, &folder));
        let meeting = manifest.map(|manifest| manifest.meeting.clone()).unwrap_or_default();
        Some(self.running.of(&recording.name, &meeting)?.session)
    }
}

/// Who writes to a folder.
enum Locked {
    ByUs {
        _lock: Flock<File>,
    },
    ByAnother,
    /// Nothing in it can be locked.
    Not,
}

fn lock(folder: &Path) -> Locked {
    let Ok(file) = open_file(&folder.join(LOCK)) else { return Locked::Not };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Locked::ByUs { _lock: lock },
        Err((_, Errno::EWOULDBLOCK)) => Locked::ByAnother,
        Err(_) => Locked::Not,
    }
}

/// A name that stands for nothing but an entry of the folder, in a URL and in a header field as well.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

/// Opens a regular file, and no link: neither is followed, nor does a pipe make anybody wait.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// The files of a recording that can be had, in the order of their names.
fn files(folder: &Path, manifest: &Manifest) -> Vec<recordings::File> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<recordings::File> = entries
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok().filter(|name| is_name(name))?;
            // Not through a link.
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let source = manifest.files.iter().find(|source| source.file == file);
            let content_type = content_type(&file, source)?;
            let track = source.map(|source| track(source, manifest));
            Some(recordings::File { file, content_type, bytes: metadata.len(), track })
        })
        .collect();
    files.sort_unstable_by(|a, b| a.file.cmp(&b.file));
    files
}

/// `None` for what is nobody's business.
fn content_type(file: &str, source: Option<&Source>) -> Option<&'static str> {
    let sound = source.is_some_and(|source| source.kind == "audio");
    match file.rsplit_once('.')?.1 {
        "mp4" if sound => Some("audio/mp4"),
        "mp4" => Some("video/mp4"),
        "webm" if sound => Some("audio/webm"),
        "webm" => Some("video/webm"),
        "mkv" => Some("video/x-matroska"),
        "json" => Some("application/json"),
        _ => None,
    }
}

fn track(source: &Source, manifest: &Manifest) -> Track {
    Track {
        source: source.source.clone(),
        endpoint: source.endpoint.clone(),
        name: manifest.name_of(&source.endpoint),
        kind: source.kind.clone(),
        codec: source.codec.clone(),
        desktop: source.desktop,
        offset_ms: source.offset_ms,
        duration_ms: source.duration_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::super::running::Run;
    use super::*;
    use serde_json::json;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    /// A folder that is gone when the test is over.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = crate::host::test_dir(name);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn library(&self) -> (Library, Running) {
            let running = Running::default();
            (Library::new(self.0.clone(), running.clone()), running)
        }

        fn record(&self, name: &str, room: &str, begin: u64, state: &str) {
            let folder = self.0.join(name);
            fs::create_dir_all(&folder).unwrap();
            let manifest = json!({
                "version": 1, "state": state, "recording": name, "room": room, "meeting": format!("meeting-{name}"),
                "begin": "2026-11-29T09:58:58.355Z", "beginUnixMs": begin, "durationMs": 1992, "attempts": [], "lostInTap": 0,
                "participants": [{"endpoint": "aa", "name": "Ada"}, {"endpoint": "bb"}, {"endpoint": "cc", "name": "Ada"}],
                "files": [{"file": "aa-a0.1.mp4", "state": "closed", "source": "aa-a0", "endpoint": "aa", "kind": "audio", "codec": "opus",
                           "desktop": false, "run": 1, "attempt": 0, "ssrc": 1, "offsetMs": 18.349, "durationMs": 1840.0}],
                "warnings": []
            });
            fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
            fs::write(folder.join("aa-a0.1.mp4"), "sound").unwrap();
            fs::write(folder.join(LOCK), "").unwrap();
        }
    }

    fn names(excerpt: &Excerpt) -> Vec<&str> {
        excerpt.recordings.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn the_newest_come_first_and_in_parts() {
        let folder = Folder::new("library-list");
        let (library, _) = folder.library();
        assert_eq!(
            Library::new(folder.0.join("none"), Running::default()).list(None, None, 5).unwrap(),
            Excerpt::default()
        );
        for (name, room, begin) in [("a", "hall", 1), ("b", "hall", 3), ("c", "attic", 2), ("d", "hall", 2)] {
            folder.record(name, room, begin, "finished");
        }
        fs::create_dir(folder.0.join("no-recording")).unwrap();
        let all = library.list(None, None, 100).unwrap();
        assert_eq!((names(&all), all.more), (vec!["b", "d", "c", "a"], false));
        let first = library.list(Some("hall"), None, 2).unwrap();
        assert_eq!((names(&first), first.more), (vec!["b", "d"], true));
        let second = library.list(Some("hall"), Some("d"), 2).unwrap();
        assert_eq!((names(&second), second.more), (vec!["a"], false));
        let one = &all.recordings[3];
        assert_eq!((one.participants.as_slice(), one.bytes > 5), (&["Ada".to_owned()][..], true));
        let sound = one.files.iter().find(|file| file.file == "aa-a0.1.mp4").unwrap();
        let track = sound.track.as_ref().unwrap();
        assert_eq!((sound.content_type, sound.bytes, track.offset_ms), ("audio/mp4", 5, 18.349));
        assert_eq!(track.name.as_deref(), Some("Ada"));
        folder.record("a", "cellar", 1, "finished");
        assert_eq!(library.find("a").unwrap().room, "cellar", "what was read before is not believed");
    }

    #[test]
    fn nothing_but_files_of_recordings_can_be_opened() {
        let folder = Folder::new("library-open");
        let (library, _) = folder.library();
        folder.record("a", "hall", 1, "finished");
        let inside = folder.0.join("a");
        fs::write(folder.0.join("secret.json"), "{}").unwrap();
        fs::write(inside.join("notes.txt"), "").unwrap();
        fs::write(inside.join("composed.webm"), "picture").unwrap();
        symlink("../secret.json", inside.join("link.json")).unwrap();
        symlink("a", folder.0.join("linked")).unwrap();
        fs::create_dir(inside.join("folder.mp4")).unwrap();
        nix::unistd::mkfifo(&inside.join("pipe.mp4"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut text = String::new();
        let mut opened = library.open("a", "composed.webm").unwrap();
        opened.file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), opened.content_type), ("picture", "video/webm"));
        for (name, file) in [
            ("a", "notes.txt"),
            ("a", ".lock"),
            ("a", "link.json"),
            ("a", "folder.mp4"),
            ("a", "pipe.mp4"),
            ("a", "../secret.json"),
            ("a", ""),
            ("linked", "composed.webm"),
            (".", "secret.json"),
            ("..", "secret.json"),
            ("a/../a", "composed.webm"),
            ("", "a/composed.webm"),
            ("b", "composed.webm"),
        ] {
            assert!(library.open(name, file).is_none(), "{name} {file}");
        }
        assert_eq!(library.find("linked"), None);
        assert!(matches!(library.delete("linked"), Err(Undeleted::Unknown)));
        assert!(matches!(library.delete(".."), Err(Undeleted::Unknown)));
    }

    #[test]
    fn what_is_being_recorded_is_not_deleted() {
        let folder = Folder::new("library-delete");
        let (library, running) = folder.library();
        folder.record("a", "hall", 1, "recording");
        assert_eq!(library.find("a").unwrap().state, State::Broken, "its recorder died");
        running.began(Run::new("s", "another-name", "hall", "meeting-a", None));
        let found = library.find("a").unwrap();
        assert_eq!((found.state, library.session(&found).as_deref()), (State::Recording, Some("s")));
        assert!(matches!(library.delete("a"), Err(Undeleted::Running)));
        running.ended("s");
        let writer = lock(&folder.0.join("a"));
        assert_eq!(library.find("a").unwrap().state, State::Recording, "another host records it");
        assert!(matches!(library.delete("a"), Err(Undeleted::Running)));
        drop(writer);
        library.delete("a").unwrap();
        assert_eq!((library.find("a"), fs::read_dir(&folder.0).unwrap().count()), (None, 0));
        fs::create_dir(folder.0.join(".deleted-b")).unwrap();
        library.tidy();
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }

    #[test]
    fn what_has_no_folder_yet_is_listed_first() {
        let folder = Folder::new("library-begun");
        let (library, running) = folder.library();
        folder.record("a", "hall", 1, "finished");
        running.began(Run::new("s", "b", "hall", "meeting-b", Some("Ada")));
        assert_eq!(library.begun("s").as_deref(), Some("b"));
        assert_eq!(names(&library.list(None, None, 9).unwrap()), ["b", "a"]);
        assert_eq!(names(&library.list(Some("attic"), None, 9).unwrap()), [""; 0]);
        let found = library.find("b").unwrap();
        assert_eq!((found.initiator.as_deref(), library.session(&found).as_deref()), (Some("Ada"), Some("s")));
        folder.record("b", "hall", 2, "recording");
        assert_eq!(names(&library.list(None, None, 9).unwrap()), ["b", "a"]);
    }
}
