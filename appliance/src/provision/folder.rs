//! The folder CONFIG as people write it: on any system, in any letter case, on a disk that nobody vouches for.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc::{ELOOP, O_NOFOLLOW, O_NONBLOCK};

/// A folder with more in it is no CONFIG folder.
const MAX_ENTRIES: usize = 200;

/// A folder whose names are found in any letter case.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    entries: Vec<String>,
}

impl Folder {
    /// CONFIG in `place`, or `place` itself if that is its name.
    pub(crate) fn config(place: &Path) -> Result<Option<Self>, String> {
        let place = place.canonicalize().map_err(|error| format!("{}: {error}", place.display()))?;
        if place.file_name().is_some_and(|name| name.eq_ignore_ascii_case("config")) {
            return Self::open(place).map(Some);
        }
        // A boot partition may have anything in it.
        let mut found = list(&place, usize::MAX)?;
        found.retain(|name| name.eq_ignore_ascii_case("config") && is_folder(&place.join(name)));
        match found.as_slice() {
            [] => Ok(None),
            [name] => Self::open(place.join(name)).map(Some),
            [one, other, ..] => Err(format!("there are two folders, {one} and {other}; leave one")),
        }
    }

    fn open(path: PathBuf) -> Result<Self, String> {
        let entries = list(&path, MAX_ENTRIES)?;
        Ok(Self { path, entries })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names in it, as they are written.
    pub(crate) fn names(&self) -> &[String] {
        &self.entries
    }

    /// The contents of a file, if there is one of this name.
    pub(crate) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
        self.find(name)?
            .map(|name| read(&self.path.join(name), limit).map_err(|why| format!("{name}: {why}")))
            .transpose()
    }

    /// The folder of this name in it, if there is one.
    pub(crate) fn folder(&self, name: &str) -> Result<Option<Self>, String> {
        match self.find(name)? {
            Some(name) if is_folder(&self.path.join(name)) => Self::open(self.path.join(name)).map(Some),
            Some(name) => Err(format!("{name}: is no folder")),
            None => Ok(None),
        }
    }

    fn find(&self, wanted: &str) -> Result<Option<&String>, String> {
        let mut found = self.entries.iter().filter(|name| name.eq_ignore_ascii_case(wanted));
        match (found.next(), found.next()) {
            (Some(one), Some(other)) => Err(format!("{one}: there is also {other}; leave one of the two")),
            (one, _) => Ok(one),
        }
    }
}

/// Text without what Windows puts around it.
pub(crate) fn text(bytes: &[u8]) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is UTF-16; save it as UTF-8".to_owned());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8 in line {line}; save it as UTF-8")
    })?;
    Ok(text.replace("\r\n", "\n"))
}

/// Names that are text, sorted.
fn list(path: &Path, limit: usize) -> Result<Vec<String>, String> {
    let unreadable = |error: io::Error| format!("{}: {error}", path.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        if names.len() == limit {
            return Err(format!("{}: there are more than {limit} files in it", path.display()));
        }
        names.extend(entry.map_err(unreadable)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// A symbolic link is none.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|data| data.is_dir())
}

/// A whole file, and nothing but a file.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path).map_err(|error| {
        if error.raw_os_error() == Some(ELOOP) {
            "is a link; put the file itself here".to_owned()
        } else {
            error.to_string()
        }
    })?;
    if !file.metadata().is_ok_and(|data| data.is_file()) {
        return Err("is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > limit {
        return Err(format!("is longer than {} KiB", limit / 1024));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn place(name: &str) -> PathBuf {
        let path = crate::host::test_dir(&format!("folder-{name}"));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn the_folder_and_its_files_are_found_in_any_letter_case() {
        let place = place("case");
        assert!(Folder::config(&place).unwrap().is_none());
        fs::create_dir(place.join("Config")).unwrap();
        fs::write(place.join("Config/MOOTHALL.TOML"), "x").unwrap();
        for start in [place.clone(), place.join("Config")] {
            let folder = Folder::config(&start).unwrap().unwrap();
            assert_eq!(folder.read("moothall.toml", 10).unwrap().unwrap(), b"x");
            assert!(folder.read("other.toml", 10).unwrap().is_none());
        }
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        let place = place("twice");
        fs::create_dir(place.join("CONFIG")).unwrap();
        fs::write(place.join("CONFIG/a.toml"), "x").unwrap();
        fs::write(place.join("CONFIG/A.toml"), "x").unwrap();
        let folder = Folder::config(&place).unwrap().unwrap();
        assert_eq!(folder.read("a.toml", 10).unwrap_err(), "A.toml: there is also a.toml; leave one of the two");
        fs::create_dir(place.join("config")).unwrap();
        assert!(Folder::config(&place).unwrap_err().starts_with("there are two folders, CONFIG and config"));
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn links_devices_and_long_files_are_not_read() {
        let place = place("links");
        let config = place.join("CONFIG");
        fs::create_dir(&config).unwrap();
        fs::write(place.join("secret"), "hush").unwrap();
        symlink(place.join("secret"), config.join("moothall.toml")).unwrap();
        symlink(&place, config.join("network")).unwrap();
        fs::write(config.join("long"), [b'x'; 2049]).unwrap();
        let folder = Folder::config(&place).unwrap().unwrap();
        assert_eq!(
            folder.read("moothall.toml", 100).unwrap_err(),
            "moothall.toml: is a link; put the file itself here"
        );
        assert_eq!(folder.folder("network").unwrap_err(), "network: is no folder");
        assert_eq!(folder.read("long", 2048).unwrap_err(), "long: is longer than 2 KiB");
        assert_eq!(folder.read("long", 2049).unwrap().unwrap().len(), 2049);
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_folder_with_everything_in_it_is_none_of_ours() {
        let place = place("full");
        fs::create_dir(place.join("CONFIG")).unwrap();
        for n in 0..=MAX_ENTRIES {
            fs::write(place.join(format!("CONFIG/{n}")), "").unwrap();
        }
        assert!(Folder::config(&place).unwrap_err().ends_with("there are more than 200 files in it"));
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn text_from_windows_is_text() {
        assert_eq!(text(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n").unwrap(), "a = 1\nb = 2\n");
        assert_eq!(text(b"\xff\xfea\0").unwrap_err(), "is UTF-16; save it as UTF-8");
        assert_eq!(text(b"a\nb\xe4\n").unwrap_err(), "is not UTF-8 in line 2; save it as UTF-8");
    }
}
