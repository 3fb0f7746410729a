//! Which updates this box has tried, so that a stick that stays in it does not bring the same one at every start.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use crate::durable;

/// On the data partition.
const FILE: &str = "/data/updates-tried";
/// The latest.
const MOST: usize = 50;
/// So many bytes at either end of a bundle tell it from others: its signature is at the end.
const END: u64 = 256 * 1024;

/// What tells a bundle from others.
pub(super) fn mark(bundle: &Path) -> io::Result<String> {
    let mut file = File::open(bundle)?;
    let length = file.metadata()?.len();
    let mut hash = Context::new(&SHA256);
    hash.update(&length.to_be_bytes());
    let mut bytes = Vec::new();
    for start in [0, length.saturating_sub(END)] {
        bytes.clear();
        file.seek(SeekFrom::Start(start))?;
        file.by_ref().take(END).read_to_end(&mut bytes)?;
        hash.update(&bytes);
    }
    Ok(hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[derive(Debug)]
pub(super) struct Tried {
    file: PathBuf,
    marks: Vec<String>,
}

impl Tried {
    pub(super) fn on_this_box() -> Self {
        Self::of(Path::new(FILE))
    }

    /// A list that is not there is empty.
    fn of(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        Self { file: file.to_owned(), marks: text.lines().map(str::to_owned).collect() }
    }

    pub(super) fn has(&self, mark: &str) -> bool {
        self.marks.iter().any(|known| known == mark)
    }

    pub(super) fn add(mut self, mark: &str) -> io::Result<()> {
        self.marks.retain(|known| known != mark);
        self.marks.push(mark.to_owned());
        let latest = self.marks.len().saturating_sub(MOST);
        let text = self.marks.split_off(latest).join("\n") + "\n";
        durable::replace(&self.file, text.as_bytes(), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_known_by_its_ends_and_its_length() {
        let dir = crate::host::test_dir("tried-mark");
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("x.raucb");
        let mut marks = Vec::new();
        for contents in
            [b"".to_vec(), vec![0; 1], vec![0; 600_000], vec![0; 600_001], [vec![0; 600_000], vec![1]].concat()]
        {
            fs::write(&file, contents).unwrap();
            marks.push(mark(&file).unwrap());
            assert_eq!(marks.last(), Some(&mark(&file).unwrap()));
        }
        marks.sort();
        marks.dedup();
        assert_eq!(marks.len(), 5);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_latest_are_remembered() {
        let dir = crate::host::test_dir("tried");
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("tried");
        assert!(!Tried::of(&file).has("0"));
        for number in 0..60 {
            Tried::of(&file).add(&number.to_string()).unwrap();
        }
        Tried::of(&file).add("30").unwrap();
        let tried = Tried::of(&file);
        assert_eq!(tried.marks.len(), MOST);
        assert!(tried.has("59") && tried.has("30") && tried.has("10") && !tried.has("9"));
        fs::remove_dir_all(dir).unwrap();
    }
}
