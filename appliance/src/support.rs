//! `moothall support-bundle`: in one file, without secrets, what somebody else needs in order to help.

mod command;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use board_config::{Config, Flags};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::cli::SupportOptions;
use crate::exit::{Failure, Reason};
use crate::say::say;
use crate::supervise::desk;
use crate::{config, dates, devices, doctor, status};

/// What the system says of itself, by the paths of its files.
const FILES: [&str; 6] =
    ["etc/os-release", "proc/device-tree/model", "proc/loadavg", "proc/meminfo", "proc/uptime", "proc/version"];
const MAX_FILE: u64 = 64 * 1024;

/// What other programs say, and where it goes.
const COMMANDS: [(&str, &[&str]); 8] = [
    ("host.log", &["journalctl", "--no-pager", "--output=short-iso", "--lines=5000", "--unit=moothall-host"]),
    ("supervise.log", &["journalctl", "--no-pager", "--output=short-iso", "--lines=2000", "--unit=moothall-supervise"]),
    ("kernel.log", &["journalctl", "--no-pager", "--output=short-iso", "--lines=2000", "--dmesg"]),
    ("services.txt", &["systemctl", "--no-pager", "--lines=0", "status", "moothall-host", "moothall-supervise"]),
    ("failed.txt", &["systemctl", "--no-pager", "--failed"]),
    ("addresses.txt", &["ip", "-brief", "address"]),
    ("routes.txt", &["ip", "route"]),
    ("disks.txt", &["df", "-h"]),
];

/// A shorter one is no secret, and would be found in every other word.
const SHORTEST_SECRET: usize = 4;

const READ_ME: &str = "\
What a Moothall box says of itself, for whoever helps its owner.

doctor.txt         what keeps people from meeting, and what to do about it
status.json        what the host says of itself
configuration.txt  every value in effect and where it comes from
*.log, *.txt       what the system says: logs, services, addresses, disks
system/            files of the system about machine and memory

Not in it: passwords, keys, certificates, connections of Wi-Fi, what people said.
In it: addresses of the box and of its network, names of its devices, and whatever the kernel wrote about the hardware. Look through
it before you give it away.
";
const NAMES: &str = "Names of people and rooms are in host.log, because log.names is on.\n";

pub(crate) fn run(options: &SupportOptions) -> Result<(), Failure> {
    let name = format!("moothall-support-{}", dates::day(dates::now()));
    let to_file = match &options.file {
        Some(file) if file == Path::new("-") => None,
        Some(file) => Some(file.clone()),
        None => Some(PathBuf::from(format!("{name}.tar.gz"))),
    };
    match to_file {
        None => {
            let bytes = archive(&name, &gather(options)).map_err(|error| unwritten(&error))?;
            io::stdout().lock().write_all(&bytes).map_err(|error| unwritten(&error))
        }
        Some(path) => {
            let draft = New::create(&path)?;
            say(format_args!("Looking at the box. This takes a minute at most."));
            let bytes = archive(&name, &gather(options)).map_err(|error| unwritten(&error))?;
            draft.keep(&bytes)?;
            say(format_args!(
                "Written to {}. No passwords and keys are in it, but addresses are: look through it before you give it away.",
                path.display()
            ));
            Ok(())
        }
    }
}

/// Names and contents.
type Entries = Vec<(String, String)>;

fn gather(options: &SupportOptions) -> Entries {
    let config = config::load(&options.files, &Flags::default());
    let found = doctor::examine(options.state_dir.as_deref());
    let supervisor = desk::report();
    let with_names = config.as_ref().is_ok_and(|config| config.log.names);
    let mut entries: Entries = vec![
        ("read-me.txt".to_owned(), if with_names { format!("{READ_ME}{NAMES}") } else { READ_ME.to_owned() }),
        ("version.txt".to_owned(), format!("moothall {}\n", env!("CARGO_PKG_VERSION"))),
        ("doctor.txt".to_owned(), found.text() + "\n"),
        ("doctor.json".to_owned(), pretty(&found.document())),
        ("status.json".to_owned(), pretty(&status::document(&found.status, supervisor.as_ref(), &devices::found()))),
        ("configuration.txt".to_owned(), configuration(&config)),
    ];
    entries.extend(COMMANDS.iter().map(|(name, command)| ((*name).to_owned(), command::output(command))));
    entries.extend(
        FILES.iter().filter_map(|path| Some((format!("system/{path}"), start_of(&Path::new("/").join(path))?))),
    );
    let secrets = config.as_ref().map(secrets).unwrap_or_default();
    for (_, text) in &mut entries {
        hide(text, &secrets);
    }
    entries
}

fn configuration(config: &Result<Config, Failure>) -> String {
    match config {
        Ok(config) => config.effective().to_string(),
        Err(failure) => format!("refused: {}\n", failure.sentence),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn start_of(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Nothing that we print has them; this is for what others print.
fn secrets(config: &Config) -> Vec<&str> {
    config.signal.services.iter().filter_map(|service| service.password.as_deref()).collect()
}

fn hide(text: &mut String, secrets: &[&str]) {
    for secret in secrets {
        if secret.len() >= SHORTEST_SECRET && text.contains(secret) {
            *text = text.replace(secret, "(hidden)");
        }
    }
}

/// A compressed archive with a folder of this name.
fn archive(name: &str, entries: &Entries) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len().try_into().unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_mtime(dates::now());
        archive.append_data(&mut header, format!("{name}/{path}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

/// A file that was not there before, and goes again unless it is kept.
struct New {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl New {
    fn create(path: &Path) -> Result<Self, Failure> {
        let refused = |error: io::Error| {
            let hint = if error.kind() == io::ErrorKind::AlreadyExists { "; name another" } else { "" };
            Failure::new(Reason::File, format!("cannot write {}: {error}{hint}", path.display()))
        };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refused)?;
        Ok(Self { file, path: path.to_owned(), kept: false })
    }

    fn keep(mut self, contents: &[u8]) -> Result<(), Failure> {
        self.file.write_all(contents).and_then(|()| self.file.sync_all()).map_err(|error| unwritten(&error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::new(Reason::File, format!("cannot write the bundle: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    #[test]
    fn the_archive_has_every_entry_below_one_folder() {
        let entries =
            vec![("read-me.txt".to_owned(), "x".to_owned()), ("system/proc/uptime".to_owned(), "1".to_owned())];
        let bytes = archive("bundle", &entries).unwrap();
        let mut read = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let found: Vec<(String, String)> = read
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                (entry.path().unwrap().to_string_lossy().into_owned(), text)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("bundle/read-me.txt".to_owned(), "x".to_owned()),
                ("bundle/system/proc/uptime".to_owned(), "1".to_owned())
            ]
        );
    }

    #[test]
    fn secrets_are_hidden_wherever_they_are() {
        let mut text = "turn:hunter22@host and x".to_owned();
        hide(&mut text, &["hunter22", "x"]);
        assert_eq!(text, "turn:(hidden)@host and x");
    }

    #[test]
    fn a_file_is_never_overwritten_and_none_is_left_behind() {
        let dir = crate::host::test_dir("support");
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("bundle.tar.gz");
        drop(New::create(&path).unwrap());
        assert!(!path.exists());
        New::create(&path).unwrap().keep(b"x").unwrap();
        let refused = New::create(&path).err().unwrap();
        assert!(refused.sentence.ends_with("; name another"), "{}", refused.sentence);
        assert_eq!(fs::read(&path).unwrap(), b"x");
        fs::remove_dir_all(dir).unwrap();
    }
}
