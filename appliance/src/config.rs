//! `moothall config check` and `moothall config show`.

use std::path::Path;

use board_config::{Config, Flags};

use crate::exit::{Failure, Reason};
use crate::host::certificate;
use crate::say::say;

/// Everything that `host` would refuse, without listening anywhere.
pub(crate) fn check(file: &Path) -> Result<(), Failure> {
    let config = Config::load(Some(file), &Flags::default())?;
    if let (Some(cert), Some(key)) = (&config.tls.cert, &config.tls.key) {
        certificate::read_pair(cert, key).map_err(|error| Failure::new(Reason::Certificate, error))?;
    }
    for (key, path) in [("branding.logo", &config.branding.logo), ("signal.web_root", &config.signal.web_root)] {
        if let Some(path) = path.as_ref().filter(|path| !path.exists()) {
            let origin = config.origins.of(key);
            let sentence =
                format!("{origin}: `{key}`: there is no {}; write the path of one that exists", path.display());
            return Err(Failure::new(Reason::Config, sentence));
        }
    }
    say(format_args!("{}: good", file.display()));
    Ok(())
}

pub(crate) fn show(file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load(file, &Flags::default())?;
    say(format_args!("{}", config.effective().to_string().trim_end()));
    Ok(())
}
