//! `moothall config export`: what the box was given becomes a folder CONFIG again, for another box or for a bad day.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use board_config::{Config, Flags};

use super::connections::Connections;
use super::folder::{self, Folder};
use super::import::{MAX_NAMED, MAX_NETWORK, MAX_SITE, SITE, named_files};
use crate::cli::ExportOptions;
use crate::durable;
use crate::exit::{Failure, Reason};
use crate::machine;
use crate::say::say;

pub(crate) fn run(options: &ExportOptions) -> Result<(), Failure> {
    let place = &options.folder;
    match Folder::config(place) {
        Ok(None) => {}
        Ok(Some(folder)) => {
            let path = folder.path().display();
            return Err(Failure::new(
                Reason::File,
                format!("there is already {path}; move it away, or name another folder"),
            ));
        }
        Err(reason) => return Err(refused(reason)),
    }
    let given = Given::gather(options)?;
    if given.files.is_empty() {
        say(format_args!("this box was given nothing: there is no {}", options.kept.config.display()));
        return Ok(());
    }
    let folder = place.join("CONFIG");
    given
        .write(&folder)
        .map_err(|error| Failure::new(Reason::File, format!("cannot write {}: {error}", folder.display())))?;
    say(format_args!("{}", given.told(&folder).trim_end()));
    Ok(())
}

/// What the box was given.
#[derive(Debug, Default)]
struct Given {
    /// Names in the folder CONFIG, with their contents.
    files: Vec<(PathBuf, Vec<u8>)>,
    /// Paths elsewhere that the configuration names.
    elsewhere: Vec<PathBuf>,
}

impl Given {
    fn gather(options: &ExportOptions) -> Result<Self, Failure> {
        let mut this = Self::default();
        let site = &options.kept.config;
        let beside = site.parent().unwrap_or(Path::new("."));
        let connections = Connections::of(beside, &options.kept.networks).map_err(refused)?;
        if is_there(site) {
            this.site(site, beside)?;
        }
        for path in connections.present() {
            this.file(Path::new("network").join(path.file_name().unwrap_or_default()), &path, MAX_NETWORK)?;
        }
        Ok(this)
    }

    fn site(&mut self, site: &Path, beside: &Path) -> Result<(), Failure> {
        self.file(SITE.into(), site, MAX_SITE)?;
        let text = self.files.iter().map(|(_, text)| String::from_utf8_lossy(text)).next_back().unwrap_or_default();
        let config = Config::layered(&[(site, &text)], &Flags::default(), &machine::found())?;
        for path in named_files(&config) {
            match path.file_name() {
                Some(name) if path.parent() == Some(beside) => self.file(name.into(), path, MAX_NAMED)?,
                _ => self.elsewhere.push(path.clone()),
            }
        }
        self.elsewhere.extend(config.signal.web_root);
        Ok(())
    }

    /// A link is refused: the host may make some, and root follows none of them.
    fn file(&mut self, name: PathBuf, path: &Path, limit: usize) -> Result<(), Failure> {
        let contents = folder::read(path, limit).map_err(|why| refused(format!("{}: {why}", path.display())))?;
        self.files.push((name, contents));
        Ok(())
    }

    /// The folder is there with everything in it, or not at all.
    fn write(&self, folder: &Path) -> io::Result<()> {
        let draft = Draft(folder.with_file_name(format!(".moothall-export-{}", std::process::id())));
        DirBuilder::new().mode(0o700).create(&draft.0)?;
        for (name, contents) in &self.files {
            let path = draft.0.join(name);
            DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap_or(&draft.0))?;
            durable::replace(&path, contents, 0o600)?;
        }
        fs::rename(&draft.0, folder)?;
        File::open(folder.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    fn told(&self, folder: &Path) -> String {
        let mut told = format!("Written to {}:\n", folder.display());
        for (name, _) in &self.files {
            told += &format!("  {}\n", name.display());
        }
        for path in &self.elsewhere {
            told += &format!("Not in it: {}, which the configuration names; keep it yourself.\n", path.display());
        }
        told + "Passwords and keys are in it as they are: keep it where nobody else comes.\n"
    }
}

/// One that cannot be looked at is found out when it is read.
fn is_there(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

fn refused(reason: String) -> Failure {
    Failure::new(Reason::File, reason)
}

/// A folder that is gone when dropped, unless it has another name by then.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{ImportOptions, Kept};
    use crate::provision::import;

    fn options(dir: &Path, stick: &str) -> (ImportOptions, ExportOptions) {
        let kept = Kept { config: dir.join("state/site.toml"), networks: dir.join("networks") };
        let folder = dir.join(stick);
        fs::create_dir_all(&folder).unwrap();
        (ImportOptions { folder: folder.clone(), kept: kept.clone() }, ExportOptions { folder, kept })
    }

    #[test]
    fn another_box_takes_over_what_this_one_was_given() {
        let dir = crate::host::test_dir("export");
        let (one, other) = (dir.join("one"), dir.join("other"));
        let (import, _) = options(&one, "stick");
        let config = import.folder.join("CONFIG");
        fs::create_dir_all(config.join("network")).unwrap();
        fs::write(config.join("moothall.toml"), "[branding]\nname = \"Hall\"\nlogo = \"logo.svg\"\n").unwrap();
        fs::write(config.join("logo.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").unwrap();
        let cable = "[connection]\nid=Cable\ntype=ethernet\n[ipv4]\nmethod=auto\n";
        fs::write(config.join("network/cable.nmconnection"), cable).unwrap();
        import::run(&import).unwrap();
        fs::write(one.join("networks/own.nmconnection"), cable).unwrap();

        let (_, export) = options(&one, "backup");
        run(&export).unwrap();
        let again = run(&export).unwrap_err();
        assert!(again.sentence.starts_with("there is already ") && again.reason == Reason::File, "{again:?}");
        assert!(!export.folder.join("CONFIG/network/own.nmconnection").exists());
        assert_eq!(fs::read_dir(&export.folder).unwrap().count(), 1);

        let (mut restore, _) = options(&other, "state");
        restore.folder = export.folder;
        import::run(&restore).unwrap();
        for name in ["state/site.toml", "state/logo.svg", "networks/cable.nmconnection"] {
            assert_eq!(fs::read(one.join(name)).unwrap(), fs::read(other.join(name)).unwrap(), "{name}");
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_box_that_was_given_nothing_writes_nothing() {
        let dir = crate::host::test_dir("export-nothing");
        let (_, export) = options(&dir, "stick");
        run(&export).unwrap();
        assert_eq!(fs::read_dir(&export.folder).unwrap().count(), 0);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_lies_elsewhere_is_told() {
        let dir = crate::host::test_dir("export-elsewhere");
        let (_, export) = options(&dir, "stick");
        fs::create_dir_all(dir.join("state")).unwrap();
        fs::write(&export.kept.config, "[tls]\ncert = \"/etc/ssl/cert.pem\"\nkey = \"/etc/ssl/key.pem\"\n").unwrap();
        let given = Given::gather(&export).unwrap();
        assert_eq!(given.files.len(), 1);
        assert_eq!(given.elsewhere, [PathBuf::from("/etc/ssl/cert.pem"), PathBuf::from("/etc/ssl/key.pem")]);
        fs::remove_dir_all(dir).unwrap();
    }
}
