//! `moothall config check` and `moothall config show`.

use std::path::Path;

use board_config::{Config, Flags};

use crate::exit::Failure;
use crate::host::{certificate, compose};
use crate::say::say;

/// Everything that `host` would refuse, without listening anywhere.
pub(crate) fn check(file: &Path) -> Result<(), Failure> {
    let config = Config::load(Some(file), &Flags::default())?;
    if let (Some(cert), Some(key)) = (&config.tls.cert, &config.tls.key) {
        certificate::configured(&config, cert, key)?;
    }
    compose::site(&config)?;
    say(format_args!("{}: good", file.display()));
    Ok(())
}

pub(crate) fn show(file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(file, &Flags::default())?;
    say(format_args!("{}", config.effective().to_string().trim_end()));
    Ok(())
}
