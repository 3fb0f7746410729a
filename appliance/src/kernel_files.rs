//! Files in which the kernel, and udev, show what there is.

use std::fs;
use std::path::PathBuf;

/// A board has some twenty nodes.
const MAX_ENTRIES: usize = 256;

/// Where these files are: below `/`, but for tests.
#[derive(Debug, Clone)]
pub(crate) struct KernelFiles {
    root: PathBuf,
}

impl KernelFiles {
    pub(crate) fn here() -> Self {
        Self { root: "/".into() }
    }

    /// Without what is around it.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    /// Names in a folder, sorted.
    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.take(MAX_ENTRIES).filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// A machine made of these.
    #[cfg(test)]
    pub(crate) fn of(name: &str, files: &[(&str, &str)]) -> Self {
        let root = crate::host::test_dir(name);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { root }
    }
}
