//! Why the command ended: one clear sentence and an exit code for each kind of reason.

use std::fmt;
use std::process::ExitCode;

/// Kinds of failure that a script can tell apart; the README lists them. Code 2 is a wrong command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Something that nobody thought of.
    Unexpected,
    /// There is no tap to read.
    Tap,
    /// A folder or file cannot be used.
    Folder,
    /// There is no room on the disk.
    Space,
    /// A recording cannot be played as it should.
    Unplayable,
    /// The finalize script failed, or the webhook could not be told.
    Told,
}

/// A failure on its way to the person at the terminal.
#[derive(Debug)]
pub struct Failure {
    reason: Reason,
    sentence: String,
}

impl Failure {
    pub fn new(reason: Reason, sentence: impl fmt::Display) -> Self {
        Self { reason, sentence: sentence.to_string() }
    }

    /// Writes the sentence to standard error.
    pub fn report(&self) -> ExitCode {
        use std::io::Write;
        let _ = writeln!(std::io::stderr().lock(), "moothall-recorder: {}", self.sentence);
        ExitCode::from(match self.reason {
            Reason::Unexpected => 1,
            Reason::Tap => 3,
            Reason::Folder => 4,
            Reason::Space => 5,
            Reason::Unplayable => 6,
            Reason::Told => 7,
        })
    }
}

impl From<crate::folder::FolderError> for Failure {
    fn from(error: crate::folder::FolderError) -> Self {
        Self::new(Reason::Folder, error)
    }
}

impl From<gstreamer::glib::Error> for Failure {
    fn from(error: gstreamer::glib::Error) -> Self {
        Self::new(Reason::Unexpected, format_args!("GStreamer does not start: {error}"))
    }
}
