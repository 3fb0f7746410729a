//! The files, and how one inherits another.

use toml::{Table, Value};

use super::Board;

/// Each file with its name, which is the name of the board.
const FILES: &[(&str, &str)] = &[
    ("rpi4", include_str!("../../boards/rpi4.toml")),
    ("rpi5", include_str!("../../boards/rpi5.toml")),
    ("rk3588", include_str!("../../boards/rk3588.toml")),
    ("imx8mp", include_str!("../../boards/imx8mp.toml")),
    ("qemu-arm64", include_str!("../../boards/qemu-arm64.toml")),
    ("generic-arm64", include_str!("../../boards/generic-arm64.toml")),
    ("generic-x86-64", include_str!("../../boards/generic-x86-64.toml")),
    ("sim", include_str!("../../boards/sim.toml")),
];

/// What says who a board is: never inherited.
const OWN: [&str; 2] = ["title", "recognised"];

/// A board file that cannot be used. They are built in and tested: nobody who runs a box sees this.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    #[error("there is no board {0}")]
    Unknown(String),
    #[error("board {board}: {source}")]
    Malformed { board: String, source: toml::de::Error },
    #[error("board {0} inherits itself, or something that is no name")]
    Inherits(String),
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

pub(crate) fn is_name(text: &str) -> bool {
    names().any(|name| name == text)
}

pub(super) fn load(name: &str) -> Result<Board, BoardError> {
    load_from(FILES, name)
}

fn load_from(files: &[(&str, &str)], name: &str) -> Result<Board, BoardError> {
    let table = inherited(files, name, files.len())?;
    Board::deserialize_table(table).map_err(|source| BoardError::Malformed { board: name.to_owned(), source })
}

impl Board {
    fn deserialize_table(table: Table) -> Result<Self, toml::de::Error> {
        serde::Deserialize::deserialize(Value::Table(table))
    }
}

/// The file of this name laid over the one that it inherits; `depth` is how many there can be in a row.
fn inherited(files: &[(&str, &str)], name: &str, depth: usize) -> Result<Table, BoardError> {
    let (_, text) =
        files.iter().find(|(known, _)| *known == name).ok_or_else(|| BoardError::Unknown(name.to_owned()))?;
    let malformed = |source| BoardError::Malformed { board: name.to_owned(), source };
    let mut own: Table = text.parse().map_err(malformed)?;
    match own.remove("inherits") {
        None => Ok(own),
        Some(Value::String(parent)) if depth > 0 => {
            let mut table = inherited(files, &parent, depth - 1)?;
            OWN.iter().for_each(|key| drop(table.remove(*key)));
            lay_over(&mut table, own);
            Ok(table)
        }
        Some(_) => Err(BoardError::Inherits(name.to_owned())),
    }
}

/// What `over` says wins, key by key; lists are replaced whole.
fn lay_over(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => lay_over(inner, over),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::KEYS;

    const ROOT: &str = include_str!("../../boards/generic-arm64.toml");

    #[test]
    fn every_file_is_a_board_and_is_in_the_list() {
        for name in names() {
            load(name).unwrap();
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/boards");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut listed: Vec<_> = names().map(str::to_owned).collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed);
    }

    #[test]
    fn the_documentation_of_the_key_names_every_board() {
        for name in names() {
            assert!(KEYS[0].expects.contains(&format!("\"{name}\"")), "{name}");
        }
        assert_eq!(KEYS[0].expects.matches('"').count(), 2 * FILES.len());
    }

    #[test]
    fn what_is_inherited_is_overridden_key_by_key_and_never_who_it_is() {
        let files = [
            ("root", ROOT),
            (
                "middle",
                "inherits = \"root\"\ntitle = \"Middle\"\n[recognised]\ncompatible = [\"a\"]\n[participants]\nmost = 9\n",
            ),
            ("leaf", "inherits = \"middle\"\ntitle = \"Leaf\"\n[participants]\nper_core = 3\n"),
        ];
        let leaf = load_from(&files, "leaf").unwrap();
        assert_eq!((leaf.participants.most, leaf.participants.per_core), (9, 3));
        assert_eq!(leaf.budgets, load_from(&files, "root").unwrap().budgets);
        assert!(leaf.recognised.compatible.is_empty());
        let untitled = [("root", ROOT), ("leaf", "inherits = \"root\"\n")];
        assert!(load_from(&untitled, "leaf").unwrap_err().to_string().contains("missing field `title`"));
    }

    #[test]
    fn boards_that_inherit_in_a_circle_or_several_or_nobody_are_refused() {
        let circle = [("a", "inherits = \"b\"\n"), ("b", "inherits = \"a\"\n")];
        assert!(matches!(load_from(&circle, "a"), Err(BoardError::Inherits(_))));
        let several = [("root", ROOT), ("a", "inherits = [\"root\", \"root\"]\n")];
        assert!(matches!(load_from(&several, "a"), Err(BoardError::Inherits(_))));
        assert!(matches!(load_from(&[("a", "inherits = \"b\"\n")], "a"), Err(BoardError::Unknown(_))));
    }

    #[test]
    fn what_no_board_has_is_refused() {
        let policy = [("root", ROOT), ("a", "inherits = \"root\"\ntitle = \"A\"\ncodecs = [\"h264\"]\n")];
        assert!(load_from(&policy, "a").unwrap_err().to_string().contains("unknown field `codecs`"));
    }

    #[test]
    fn no_two_boards_are_recognised_by_the_same_or_updated_by_the_same_bundle() {
        let (mut marks, mut bundles) = (Vec::new(), Vec::new());
        for board in names().map(|name| load(name).unwrap()) {
            marks.extend(board.recognised.compatible);
            bundles.extend(board.update.map(|update| update.compatible));
        }
        for mut list in [marks, bundles] {
            let count = list.len();
            list.sort();
            list.dedup();
            assert_eq!(list.len(), count, "{list:?}");
        }
    }

    #[test]
    fn updates_and_partitions_go_together_and_raspberry_pis_watch_no_longer_than_they_can() {
        for name in names() {
            let board = load(name).unwrap();
            assert_eq!(board.update.is_some(), board.storage.is_some(), "{name}");
            if name.starts_with("rpi") {
                assert_eq!(board.watchdog.unwrap().longest, 15, "{name}");
            }
        }
    }
}
