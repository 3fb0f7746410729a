//! The one place that writes to standard output: answers to the person at the terminal. Everything else is log.

use std::fmt::Arguments;
use std::io::Write;

/// One line to standard output. A reader that has gone away is no reason to end.
pub(crate) fn say(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
