//! Every MUST of the bridge's conformance checklist (`bridge.md`, chapter 11) has a test that carries its number, and every failure
//! of its chapter 9 a test that carries its.
//!
//! Rust tests say `checklist_21_22_...` and `chapter_9_22_...` in their names, browser tests `checklist 82: ...` in their titles.
#![allow(clippy::expect_used, clippy::panic, reason = "tests may")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Statements of the checklist that are SHOULDs.
const SHOULD: &[u32] = &[15, 19, 33, 47, 55, 64, 97, 100, 104, 117, 118, 119];
const LAST: u32 = 120;
/// What belongs to a bridge that stands apart from its signaling: relays, and the orders and states of another process.
const ELSEWHERE: &[u32] = &[105, 106, 107, 108, 109, 110, 112, 114];
const FAILURES: u32 = 32;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("entry").path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() && !matches!(name, "target" | "node_modules" | "dist" | "corpus") {
            sources(&path, found);
        } else if name.ends_with(".rs") || name.ends_with(".test.mjs") {
            found.push(path);
        }
    }
}

/// The names of all tests, those of the browser by their titles.
fn names() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = Vec::new();
    for folder in ["appliance", "bridge", "signal", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    let mut names = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("source");
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if let Some(title) = line.strip_prefix("test('") {
                names.push(title.to_owned());
            } else if line.starts_with("#[test]") {
                is_test = true;
            } else if let Some(name) = line.strip_prefix("fn ").filter(|_| is_test) {
                names.push(name.to_owned());
                is_test = false;
            }
        }
    }
    names
}

/// The numbers that follow `word` in a name, whatever stands between them.
fn numbers(name: &str, word: &str) -> Vec<u32> {
    let Some((_, rest)) = name.split_once(word) else {
        return Vec::new();
    };
    let parts = rest.split(['_', ' ', ',', ':']).filter(|part| !part.is_empty());
    parts.map_while(|part| part.parse().ok()).collect()
}

fn proven(word: &str) -> BTreeSet<u32> {
    names().iter().flat_map(|name| numbers(name, word)).collect()
}

#[test]
fn every_must_has_a_test() {
    let proven = proven("checklist");
    let unknown: Vec<&u32> = proven.iter().filter(|number| !(1..=LAST).contains(*number)).collect();
    assert!(unknown.is_empty(), "there is no {unknown:?}");
    let musts = (1..=LAST).filter(|number| !SHOULD.contains(number) && !ELSEWHERE.contains(number));
    let missing: Vec<u32> = musts.filter(|number| !proven.contains(number)).collect();
    assert!(missing.is_empty(), "{missing:?} have no test");
}

#[test]
fn every_failure_of_practice_has_a_test() {
    let proven = proven("chapter_9");
    let missing: Vec<u32> = (1..=FAILURES).filter(|number| !proven.contains(number)).collect();
    assert!(missing.is_empty(), "{missing:?} have no test");
}

#[test]
fn names_are_read_as_they_are_meant() {
    assert_eq!(numbers("checklist_21_22_chapter_9_22_loss", "checklist"), [21, 22]);
    assert_eq!(numbers("checklist_21_22_chapter_9_22_loss", "chapter_9"), [22]);
    assert_eq!(numbers("checklist 5, 82: two Firefox", "checklist"), [5, 82]);
    assert!(numbers("a_list_of_7", "checklist").is_empty());
}
