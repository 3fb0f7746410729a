//! `moothall config import`: a folder CONFIG on the boot partition or a USB stick becomes the configuration of the box.
//!
//! Everything is read and checked before anything is replaced, and each file is replaced whole. Between two files the plug may be
//! pulled: then the next import does the rest.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use board_config::Config;

use super::connections::Connections;
use super::folder::{self, Folder};
use super::keyfile;
use super::result::{Outcome, Told};
use crate::cli::ImportOptions;
use crate::config;
use crate::durable::{self, Draft};
use crate::exit::{Failure, Reason};
use crate::say::say;
use crate::supervise::desk;
use crate::update;

/// The configuration, as it is called in the folder.
pub(super) const SITE: &str = "moothall.toml";
const RESULT: &str = "result.txt";
/// For others than us.
const NOT_OURS: [&str; 2] = ["factory-reset", update::RESULT];

pub(crate) const MAX_SITE: usize = 256 * 1024;
pub(super) const MAX_NAMED: usize = 1024 * 1024;
pub(super) const MAX_NETWORK: usize = 64 * 1024;
const MAX_NETWORKS: usize = 16;
/// So many names are told.
const MAX_TOLD: usize = 20;

/// Secrets are in all of them.
const MODE: u32 = 0o600;

pub(crate) fn run(options: &ImportOptions) -> Result<(), Failure> {
    let refused = |reason| Failure::new(Reason::Config, reason);
    let Some(folder) = Folder::config(&options.folder).map_err(refused)? else {
        say(format_args!("there is no folder CONFIG in {}", options.folder.display()));
        return Ok(());
    };
    let mut import = Import { folder: &folder, options, files: Vec::new(), used: Vec::new(), left_alone: Vec::new() };
    let outcome = match import.gather() {
        Ok(()) => import.replace().map_err(|error| Failure::new(Reason::StateDir, error))?,
        Err(reasons) => Outcome::Refused(reasons),
    };
    let left_alone = import.left_alone();
    let told = Told { outcome: &outcome, left_alone: &left_alone }.to_string();
    write_result(&folder, &told);
    match outcome {
        Outcome::Refused(reasons) => Err(refused(format!("{}: {}", folder.path().display(), reasons.join("; ")))),
        outcome => {
            say(format_args!("{}", told.trim_end()));
            if matches!(outcome, Outcome::Accepted(_)) && desk::apply() {
                say(format_args!("The host takes it over as soon as nobody meets."));
            }
            Ok(())
        }
    }
}

/// A disk that cannot be written to can still be read.
fn write_result(folder: &Folder, told: &str) {
    let text = told.replace('\n', "\r\n");
    if folder.read(RESULT, MAX_SITE).ok().flatten().is_some_and(|before| before == text.as_bytes()) {
        return;
    }
    let name = folder.names().iter().find(|name| name.eq_ignore_ascii_case(RESULT)).map_or(RESULT, String::as_str);
    if let Err(error) = durable::replace(&folder.path().join(name), text.as_bytes(), 0o644) {
        say(format_args!("{}: cannot write {RESULT}: {error}", folder.path().display()));
    }
}

/// A file on its way.
struct Incoming {
    /// As it is called in the folder.
    name: String,
    target: PathBuf,
    contents: Vec<u8>,
}

struct Import<'a> {
    folder: &'a Folder,
    options: &'a ImportOptions,
    files: Vec<Incoming>,
    /// Names in the folder that meant something.
    used: Vec<String>,
    /// Names below it that did not.
    left_alone: Vec<String>,
}

impl Import<'_> {
    /// Reads and checks everything; all that is wrong, a sentence for each file.
    fn gather(&mut self) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        for outcome in [self.site(), self.networks()] {
            reasons.extend(outcome.err().into_iter().flatten());
        }
        if reasons.is_empty() && self.files.is_empty() {
            reasons.push(format!("there is nothing to take over; put {SITE} or network/NAME.nmconnection here"));
        }
        reasons.truncate(MAX_TOLD);
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    fn site(&mut self) -> Result<(), Vec<String>> {
        let one = |reason| vec![reason];
        self.used.push(SITE.to_owned());
        let Some(bytes) = self.folder.read(SITE, MAX_SITE).map_err(one)? else { return Ok(()) };
        let text = folder::text(&bytes).map_err(|why| vec![format!("{SITE}: {why}")])?;
        let stage = Stage::open(&self.options.kept.config).map_err(one)?;
        // Sentences name files as the person knows them.
        let plain = |failure: &str| vec![failure.replace(&format!("{}/", stage.0.display()), "")];
        let file = stage.0.join(SITE);
        let config = config::with_those_below(&self.options.kept.config, &file, &text)
            .map_err(|error| plain(&error.to_string()))?;
        for path in named_files(&config) {
            if path.parent() == Some(&stage.0) {
                self.named(path, &stage).map_err(one)?;
            } else if let Ok(path) = path.strip_prefix(&stage.0) {
                let path = path.display();
                return Err(vec![format!("{SITE}: {path} is in another folder; put the file here and name it alone")]);
            }
        }
        config::usable(&config).map_err(|failure| plain(&failure.sentence))?;
        self.files.push(Incoming {
            name: SITE.to_owned(),
            target: self.options.kept.config.clone(),
            contents: text.into_bytes(),
        });
        Ok(())
    }

    /// A certificate, key or logo that the configuration names by its bare name comes along, or came before.
    fn named(&mut self, path: &Path, stage: &Stage) -> Result<(), String> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let target = self.options.kept.config.with_file_name(name);
        if target == self.options.kept.config || target.is_dir() || name.starts_with('.') {
            return Err(format!("{SITE}: no file may be called {name}; give it another name"));
        }
        let stage_it = |contents: &[u8]| fs::write(path, contents).map_err(|error| stage.unwritable(&error));
        self.used.push(name.to_owned());
        if let Some(contents) = self.folder.read(name, MAX_NAMED)? {
            stage_it(&contents)?;
            self.files.push(Incoming { name: name.to_owned(), target, contents });
            return Ok(());
        }
        let kept =
            fs::read(&target).map_err(|_| format!("{SITE}: it names {name}, which is missing in this folder"))?;
        stage_it(&kept)
    }

    fn networks(&mut self) -> Result<(), Vec<String>> {
        self.used.push("network".to_owned());
        let Some(folder) = self.folder.folder("network").map_err(|reason| vec![reason])? else { return Ok(()) };
        let names: Vec<(&String, &str)> =
            folder.names().iter().filter_map(|name| Some((name, connection_name(name)?))).collect();
        if names.len() > MAX_NETWORKS {
            return Err(vec![format!("network: there are more than {MAX_NETWORKS} connections in it")]);
        }
        let others = folder.names().iter().filter(|name| connection_name(name).is_none() && !name.starts_with('.'));
        self.left_alone.extend(others.map(|name| format!("network/{name}")));
        let mut reasons = Vec::new();
        for (name, connection) in names {
            match self.network(&folder, name, connection) {
                Ok(incoming) => self.files.push(incoming),
                Err(reason) => reasons.push(format!("network/{reason}")),
            }
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    fn network(&self, folder: &Folder, name: &str, connection: &str) -> Result<Incoming, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
        if connection.is_empty() || connection.len() > 64 || !connection.chars().all(plain) {
            return Err(format!("{name}: a name has 1 to 64 letters, digits, blanks and -_."));
        }
        // None only if it has gone since the folder was listed.
        let bytes = folder.read(name, MAX_NETWORK)?.ok_or_else(|| format!("{name}: has gone"))?;
        let text = folder::text(&bytes).map_err(|why| format!("{name}: {why}"))?;
        keyfile::check(&text).map_err(|why| format!("{name}: {why}"))?;
        let target = self.options.kept.networks.join(format!("{connection}.nmconnection"));
        Ok(Incoming { name: format!("network/{name}"), target, contents: text.into_bytes() })
    }

    /// Replaces what is other than before, the configuration itself last.
    fn replace(&mut self) -> Result<Outcome, String> {
        self.files.retain(|file| fs::read(&file.target).map_or(true, |before| before != file.contents));
        self.files.sort_by_key(|file| file.target == self.options.kept.config);
        let drafts = self.files.iter().map(Incoming::draft).collect::<Result<Vec<_>, _>>()?;
        self.remember()?;
        for (file, draft) in self.files.iter().zip(drafts) {
            draft.commit().map_err(|error| file.unwritable(&error))?;
        }
        if self.files.is_empty() {
            return Ok(Outcome::NothingNew);
        }
        Ok(Outcome::Accepted(self.files.iter().map(|file| file.name.clone()).collect()))
    }

    /// Which connections are ours.
    fn remember(&self) -> Result<(), String> {
        let ours = self.files.iter().filter(|file| file.target.parent() == Some(&self.options.kept.networks));
        let names: Vec<&str> = ours.filter_map(|file| file.target.file_name()?.to_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let unwritable = |error| format!("cannot write beside {}: {error}", self.options.kept.config.display());
        let beside = self.options.kept.config.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(beside).map_err(unwritable)?;
        Connections::of(beside, &self.options.kept.networks)?.add(names.into_iter()).map_err(unwritable)
    }

    /// Files that mean nothing here, such as one with an ending that its owner does not see.
    fn left_alone(self) -> Vec<String> {
        let known: Vec<&str> = self.used.iter().map(String::as_str).chain(NOT_OURS).chain([RESULT]).collect();
        let ours = |name: &str| known.iter().any(|k| k.eq_ignore_ascii_case(name)) || update::is_bundle(name);
        let unknown = |name: &&String| !name.starts_with('.') && !ours(name);
        self.folder.names().iter().filter(unknown).cloned().chain(self.left_alone).take(MAX_TOLD).collect()
    }
}

impl Incoming {
    fn draft(&self) -> Result<Draft, String> {
        let folder = self.target.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| self.unwritable(&error))?;
        Draft::write(&self.target, &self.contents, MODE).map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &std::io::Error) -> String {
        format!("cannot write {}: {error}", self.target.display())
    }
}

/// Files that come with a configuration if they lie beside it.
pub(super) fn named_files(config: &Config) -> impl Iterator<Item = &PathBuf> {
    [&config.tls.cert, &config.tls.key, &config.branding.logo].into_iter().flatten()
}

/// A name that ends in `.nmconnection`, without that.
fn connection_name(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    (extension.eq_ignore_ascii_case("nmconnection") && !stem.starts_with('.')).then_some(stem)
}

/// A folder in which the configuration is tried with the files that it names; gone when dropped.
struct Stage(PathBuf);

impl Stage {
    /// Beside the configuration, where only its owner comes.
    fn open(site: &Path) -> Result<Self, String> {
        let stage = Self(site.with_file_name(format!(".import-{}", std::process::id())));
        let _ = fs::remove_dir_all(&stage.0);
        DirBuilder::new().recursive(true).mode(0o700).create(&stage.0).map_err(|error| stage.unwritable(&error))?;
        Ok(stage)
    }

    fn unwritable(&self, error: &std::io::Error) -> String {
        format!("cannot write to {}: {error}", self.0.display())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
