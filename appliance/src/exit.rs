//! Why the command ended: one clear sentence and an exit code for each kind of reason.

use std::fmt;
use std::process::ExitCode;

/// Kinds of failure that a script can tell apart; the README lists them. Code 2 is a wrong command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Something that nobody thought of.
    Unexpected,
    /// The configuration is refused.
    Config,
    /// A port is occupied, not permitted, or its address is not of this machine.
    Port,
    /// The state directory cannot be used.
    StateDir,
    /// The certificate cannot be used.
    Certificate,
    /// The host runs and is not well, or something on this machine is bad.
    Unwell,
    /// No host is running.
    NoHost,
    /// A file or folder of the command line cannot be used.
    File,
}

/// A failure on its way to the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) sentence: String,
}

impl Failure {
    pub(crate) fn new(reason: Reason, sentence: impl fmt::Display) -> Self {
        Self { reason, sentence: sentence.to_string() }
    }

    /// Writes the sentence to standard error.
    pub(crate) fn report(&self) -> ExitCode {
        use std::io::Write;
        let _ = writeln!(std::io::stderr().lock(), "moothall: {}", self.sentence);
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self.reason {
            Reason::Unexpected => 1,
            Reason::Config => 3,
            Reason::Port => 4,
            Reason::StateDir => 5,
            Reason::Certificate => 6,
            Reason::Unwell => 7,
            Reason::NoHost => 8,
            Reason::File => 9,
        }
    }
}

impl From<board_config::ConfigError> for Failure {
    fn from(error: board_config::ConfigError) -> Self {
        Self::new(Reason::Config, error)
    }
}
