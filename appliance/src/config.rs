//! `moothall config check` and `moothall config show`, and which files are meant.

use std::fs;
use std::path::{Path, PathBuf};

use board_config::{BoardName, Config, ConfigError, Flags};

use crate::cli::{PACKAGE_FILE, SITE_FILE};
use crate::exit::Failure;
use crate::host::{certificate, compose};
use crate::machine;
use crate::say::say;

/// The configuration in effect: of the files that were named, else of those that a packaged box has.
pub(crate) fn load(files: &[PathBuf], flags: &Flags) -> Result<Config, Failure> {
    Ok(Config::load(&meant(files), flags, &machine::found())?)
}

fn meant(files: &[PathBuf]) -> Vec<PathBuf> {
    match files {
        [] => present(&[PACKAGE_FILE, SITE_FILE]),
        named => named.to_owned(),
    }
}

/// The files over which a packaged box lays this one.
fn below(file: &Path) -> Vec<PathBuf> {
    if file == Path::new(SITE_FILE) { present(&[PACKAGE_FILE]) } else { Vec::new() }
}

/// `text`, written or about to be written to `file`, as the host will see it in the place of `kept`.
pub(crate) fn with_those_below(kept: &Path, file: &Path, text: &str) -> Result<Config, ConfigError> {
    let read = |file: PathBuf| match fs::read_to_string(&file) {
        Ok(text) => Ok((file, text)),
        Err(source) => Err(ConfigError::Unreadable { file, source }),
    };
    let below = below(kept).into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut layers: Vec<(&Path, &str)> = below.iter().map(|(file, text)| (file.as_path(), text.as_str())).collect();
    layers.push((file, text));
    Config::layered(&layers, &Flags::default(), &machine::found())
}

/// One that is there and cannot be read is refused later, like any other.
fn present(files: &[&str]) -> Vec<PathBuf> {
    files.iter().map(PathBuf::from).filter(|file| !matches!(file.try_exists(), Ok(false))).collect()
}

/// Everything that `host` would refuse, without listening anywhere.
pub(crate) fn check(files: &[PathBuf]) -> Result<(), Failure> {
    usable(&load(files, &Flags::default())?)?;
    match meant(files).as_slice() {
        [] => say(format_args!("good: there is no file, and everything has its default")),
        files => files.iter().for_each(|file| say(format_args!("{}: good", file.display()))),
    }
    Ok(())
}

/// True when also the files that the configuration names can be used.
pub(crate) fn usable(config: &Config) -> Result<(), Failure> {
    if let (Some(cert), Some(key)) = (&config.tls.cert, &config.tls.key) {
        certificate::configured(config, cert, key)?;
    }
    compose::site(config)?;
    Ok(())
}

pub(crate) fn show(files: &[PathBuf], board: Option<BoardName>) -> Result<(), Failure> {
    let config = load(files, &Flags { board, ..Flags::default() })?;
    say(format_args!("{}", config.effective().to_string().trim_end()));
    Ok(())
}
