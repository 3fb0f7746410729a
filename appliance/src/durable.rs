//! Files that are replaced whole or not at all, whenever the plug is pulled.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// Replaces a file; it belongs to whom its folder belongs to.
pub(crate) fn replace(target: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    Draft::write(target, contents, mode)?.commit()
}

/// The same; it belongs to us, whomever its folder belongs to.
pub(crate) fn replace_as_own(target: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    Draft::new(target, contents, mode, false)?.commit()
}

/// The new contents of a file, on the disk beside it. Dropped, it is as if nothing had happened.
#[derive(Debug)]
pub(crate) struct Draft {
    draft: PathBuf,
    target: PathBuf,
}

impl Draft {
    pub(crate) fn write(target: &Path, contents: &[u8], mode: u32) -> io::Result<Self> {
        Self::new(target, contents, mode, true)
    }

    fn new(target: &Path, contents: &[u8], mode: u32, give: bool) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let draft = target.with_file_name(format!(".{name}.{}.new", std::process::id()));
        // One that a crash left behind may have another mode.
        let _ = fs::remove_file(&draft);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        let this = Self { draft, target: target.to_owned() };
        if give {
            let folder = fs::metadata(folder_of(target))?;
            // Only root may give files away, and not on every file system.
            let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
        }
        file.write_all(contents)?;
        file.sync_all()?;
        Ok(this)
    }

    /// From here on the file has the new contents.
    pub(crate) fn commit(self) -> io::Result<()> {
        fs::rename(&self.draft, &self.target)?;
        File::open(folder_of(&self.target))?.sync_all()
    }

    /// From here on there is a file with these contents, or still the one that there was before: then the answer is `false`.
    pub(crate) fn commit_new(self) -> io::Result<bool> {
        match fs::hard_link(&self.draft, &self.target) {
            Ok(()) => File::open(folder_of(&self.target))?.sync_all().map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // File systems without links are not shared by two boxes.
            Err(_) => self.commit().map(|()| true),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.draft);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_changes_nothing_until_it_is_committed() {
        let dir = crate::host::test_dir("durable");
        fs::create_dir_all(&dir).unwrap();
        let target = dir.join("x");
        replace(&target, b"one", 0o600).unwrap();
        drop(Draft::write(&target, b"two", 0o600).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"one");
        Draft::write(&target, b"three", 0o640).unwrap().commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"three");
        assert_eq!(fs::metadata(&target).unwrap().mode() & 0o777, 0o640);
        assert!(!Draft::write(&target, b"four", 0o600).unwrap().commit_new().unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"three");
        fs::remove_file(&target).unwrap();
        assert!(Draft::write(&target, b"five", 0o600).unwrap().commit_new().unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"five");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }
}
