//! What this machine can encode.

use std::path::Path;

use encoder_probe::{Options, probe};

use crate::exit::{Failure, Reason};
use crate::say::say;

/// Says what can be encoded here, and what would be chosen.
pub fn capabilities(cache: Option<&Path>, again: bool, json: bool) -> Result<(), Failure> {
    let found = probe(&Options { cache, again, ..Options::default() })
        .map_err(|error| Failure::new(Reason::Unexpected, error))?;
    if json {
        let text = serde_json::to_string_pretty(&found).map_err(|error| Failure::new(Reason::Unexpected, error))?;
        say(format_args!("{text}"));
    } else {
        say(format_args!("{}", found.to_string().trim_end()));
    }
    Ok(())
}
