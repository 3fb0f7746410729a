//! Which connections of NetworkManager the box was given, so that they can be written out and taken away again. Those that came
//! another way are none of our business.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::folder;
use crate::durable;

/// Beside the configuration; nothing that is imported may begin with a dot.
const NAME: &str = ".connections";
const MAX_LIST: usize = 64 * 1024;

/// Names of files, one on each line. The host may write the list and root reads it, hence names and no paths: whatever is in it,
/// nothing but a connection is ever meant.
#[derive(Debug)]
pub(crate) struct Connections {
    list: PathBuf,
    /// Where NetworkManager keeps its connections.
    networks: PathBuf,
    names: Vec<String>,
}

impl Connections {
    /// Those that came with the configuration in `beside`.
    pub(crate) fn of(beside: &Path, networks: &Path) -> Result<Self, String> {
        let list = beside.join(NAME);
        let bytes = match fs::symlink_metadata(&list) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            _ => folder::read(&list, MAX_LIST).map_err(|why| format!("{}: {why}", list.display()))?,
        };
        let names =
            String::from_utf8_lossy(&bytes).lines().filter(|name| is_connection(name)).map(str::to_owned).collect();
        Ok(Self { list, networks: networks.to_owned(), names })
    }

    /// Remembers some more. To be called before they are there: one too many does no harm.
    pub(crate) fn add<'a>(mut self, names: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let before = self.names.len();
        for name in names {
            if !self.names.iter().any(|known| known == name) {
                self.names.push(name.to_owned());
            }
        }
        if self.names.len() == before {
            return Ok(());
        }
        durable::replace(&self.list, (self.names.join("\n") + "\n").as_bytes(), 0o600)
    }

    /// Where the list itself is.
    pub(crate) fn list(&self) -> &Path {
        &self.list
    }

    /// Those that are still there.
    pub(crate) fn present(&self) -> impl Iterator<Item = PathBuf> {
        self.names.iter().map(|name| self.networks.join(name)).filter(|path| fs::symlink_metadata(path).is_ok())
    }
}

/// A bare name as `config import` gives it.
fn is_connection(name: &str) -> bool {
    name.ends_with(".nmconnection") && !name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_remembered_once_and_listed_while_they_are_there() {
        let dir = crate::host::test_dir("connections");
        fs::create_dir_all(&dir).unwrap();
        let here = dir.join("here.nmconnection");
        fs::write(&here, "").unwrap();
        for _ in 0..2 {
            let names = ["here.nmconnection", "gone.nmconnection"];
            Connections::of(&dir, &dir).unwrap().add(names.into_iter()).unwrap();
        }
        let known = Connections::of(&dir, &dir).unwrap();
        assert_eq!(known.names, ["here.nmconnection", "gone.nmconnection"]);
        assert_eq!(known.present().collect::<Vec<_>>(), [here]);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_list_that_somebody_made_up_means_nothing_else() {
        let dir = crate::host::test_dir("connections-made-up");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(NAME), "../x.nmconnection\n/etc/passwd\n..\n\ngood.nmconnection\n").unwrap();
        assert_eq!(Connections::of(&dir, &dir).unwrap().names, ["good.nmconnection"]);
        fs::remove_file(dir.join(NAME)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.join(NAME)).unwrap();
        assert!(Connections::of(&dir, &dir).unwrap_err().contains("is a link"));
        fs::remove_dir_all(dir).unwrap();
    }
}
