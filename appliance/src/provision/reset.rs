//! `moothall factory-reset`: the box is as it was before anybody gave it anything.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::connections::Connections;
use crate::cli::{NETWORKS, PACKAGE_FILE, ResetOptions, STATE_FOLDER};
use crate::exit::{Failure, Reason};
use crate::say::say;
use crate::status::{self, Absent};

pub(crate) fn run(options: &ResetOptions) -> Result<(), Failure> {
    let doomed = Doomed::of(Path::new(STATE_FOLDER), Path::new(NETWORKS))?;
    if doomed.is_empty() {
        say(format_args!("there is nothing to take away: {STATE_FOLDER} is empty"));
        return Ok(());
    }
    if !options.yes {
        say(format_args!("{}", doomed.told().trim_end()));
        return Ok(());
    }
    // It would go on with what it has in memory, and write some of it back.
    if !matches!(status::ask(None), Err(Absent::NoHost)) {
        let first = "the host is running; end it first: `systemctl stop moothall-host`, or Ctrl-C where it runs";
        return Err(Failure::new(Reason::Unwell, first));
    }
    doomed.remove()?;
    say(format_args!("Done. Restart the box: it makes a new certificate, and devices have to trust it anew."));
    Ok(())
}

/// What goes.
#[derive(Debug, PartialEq, Eq)]
struct Doomed {
    connections: Vec<PathBuf>,
    /// In the state folder.
    entries: Vec<PathBuf>,
    /// Last of all: without it nobody knows which connections to take away, should the plug be pulled before.
    list: PathBuf,
}

impl Doomed {
    fn of(folder: &Path, networks: &Path) -> Result<Self, Failure> {
        let known = Connections::of(folder, networks).map_err(|why| Failure::new(Reason::File, why))?;
        let mut entries = entries(folder).map_err(|error| impossible(folder, &error))?;
        entries.retain(|path| path != known.list());
        entries.sort();
        Ok(Self { connections: known.present().collect(), entries, list: known.list().to_owned() })
    }

    /// Empty folders are what a package brings.
    fn is_empty(&self) -> bool {
        let is_bare = |path: &PathBuf| fs::read_dir(path).is_ok_and(|mut inside| inside.next().is_none());
        self.connections.is_empty() && self.entries.iter().all(is_bare)
    }

    fn told(&self) -> String {
        let mut told = "This would be taken away for good:\n".to_owned();
        for path in self.connections.iter().chain(&self.entries) {
            told += &format!("  {}\n", path.display());
        }
        told + &format!("What you wrote into {PACKAGE_FILE} yourself stays.\n")
            + "Nothing has happened yet. `moothall config export` writes out what the box was given; --yes takes it away.\n"
    }

    fn remove(&self) -> Result<(), Failure> {
        for path in self.connections.iter().chain(&self.entries).chain([&self.list]) {
            remove(path).map_err(|error| impossible(path, &error))?;
        }
        let folder = self.list.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| impossible(folder, &error))
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// A link goes, and not what it leads to.
fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

fn impossible(path: &Path, error: &io::Error) -> Failure {
    let hint = if error.kind() == io::ErrorKind::PermissionDenied { "; do it as root" } else { "" };
    Failure::new(Reason::File, format!("cannot take away {}: {error}{hint}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn everything_that_was_given_or_made_goes_and_nothing_else() {
        let dir = crate::host::test_dir("reset");
        let (state, networks) = (dir.join("state"), dir.join("networks"));
        fs::create_dir_all(state.join("host")).unwrap();
        fs::create_dir_all(&networks).unwrap();
        assert!(Doomed::of(&state, &networks).unwrap().is_empty());
        assert!(Doomed::of(&dir.join("none"), &networks).unwrap().is_empty());

        let (given, own, precious) =
            (networks.join("given.nmconnection"), networks.join("own.nmconnection"), dir.join("precious"));
        for path in [&given, &own, &precious, &state.join("site.toml"), &state.join("host/key.pem")] {
            fs::write(path, "x").unwrap();
        }
        symlink(&precious, state.join("link")).unwrap();
        Connections::of(&state, &networks).unwrap().add(["given.nmconnection"].into_iter()).unwrap();

        let doomed = Doomed::of(&state, &networks).unwrap();
        assert!(!doomed.is_empty());
        assert!(doomed.told().contains("/given.nmconnection\n") && !doomed.told().contains("/own.nmconnection\n"));
        doomed.remove().unwrap();
        assert!(own.exists() && precious.exists() && !given.exists());
        assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
        doomed.remove().unwrap();
        fs::remove_dir_all(dir).unwrap();
    }
}
