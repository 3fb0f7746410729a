//! `moothall config check` and `moothall config show`, and which file is meant.

use std::path::Path;

use board_config::{BoardName, Config, Flags};

use crate::cli::SITE_FILE;
use crate::exit::Failure;
use crate::host::{certificate, compose};
use crate::machine;
use crate::say::say;

/// The configuration in effect: of the file that was named, else of the one that a packaged box has.
pub(crate) fn load(file: Option<&Path>, flags: &Flags) -> Result<Config, Failure> {
    let site = Path::new(SITE_FILE);
    // One that is there and cannot be read is refused like any other.
    let has_site = || !matches!(site.try_exists(), Ok(false));
    let file = file.or_else(|| has_site().then_some(site));
    Ok(Config::load(file, flags, &machine::found())?)
}

/// Everything that `host` would refuse, without listening anywhere.
pub(crate) fn check(file: &Path) -> Result<(), Failure> {
    usable(&load(Some(file), &Flags::default())?)?;
    say(format_args!("{}: good", file.display()));
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

pub(crate) fn show(file: Option<&Path>, board: Option<BoardName>) -> Result<(), Failure> {
    let config = load(file, &Flags { board, ..Flags::default() })?;
    say(format_args!("{}", config.effective().to_string().trim_end()));
    Ok(())
}
