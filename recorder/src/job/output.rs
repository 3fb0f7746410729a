//! What a job wants done.

use std::time::Duration;

use media_tap::{Answer, Begin, Codec};

use crate::depacketize::Format;
use crate::events::Event;

/// Place in the manifest's list of files.
pub type FileId = usize;

/// In this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Make the folder, then call [`Job::on_prepared`](super::Job::on_prepared) or `on_refused`.
    Prepare(Begin),
    Say(Answer),
    Open(Opening),
    Write(Sample),
    /// Finish the file, then call [`Job::on_closed`](super::Job::on_closed).
    Close(FileId),
    /// Append to the log of events.
    Log(Event),
    /// The manifest has changed.
    Save,
    /// All files are closed: store the manifest and the events, say [`Answer::Done`] with the manifest's error, and end.
    Finish,
}

/// A new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub file: FileId,
    /// Name in the folder.
    pub name: String,
    pub codec: Codec,
    pub format: Format,
}

/// A frame for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub file: FileId,
    /// In the file's time; later than that of the frame before.
    pub time: Duration,
    /// For pictures, as long as the one before was shown.
    pub duration: Duration,
    pub key: bool,
    pub data: Vec<u8>,
}
