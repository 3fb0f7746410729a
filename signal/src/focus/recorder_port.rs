//! What the focus asks of a recorder, and what comes back. It knows no more of it: where files lie and who writes them is the host's.

/// One order to whoever records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecorderOrder {
    /// Record a meeting from now on. The answer is [`RecorderReport::On`] or [`RecorderReport::Off`].
    Start {
        /// Names the recording for everything that follows; never used twice.
        session: String,
        /// Room node.
        room: String,
        /// UUID, the key at the bridge.
        meeting_id: String,
        /// What the one who asked is called, if anything.
        initiator: Option<String>,
    },
    /// Something happened in a meeting that is recorded.
    Happened { session: String, what: Happening },
    /// Record no more. Answered by [`RecorderReport::Off`].
    Stop { session: String },
    /// Say what was recorded in a room. Answered by [`RecorderReport::Inquired`] with a list in JSON.
    List { inquiry: Inquiry },
    /// Delete the recording of this name, if it is of this room. Answered by [`RecorderReport::Inquired`] with nothing.
    Delete { inquiry: Inquiry, name: String },
}

/// A question of somebody in a room, who waits for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// Room node.
    pub room: String,
    /// UUID of the meeting that is there now.
    pub meeting_id: String,
    pub nick: String,
    /// Of the IQ.
    pub id: String,
}

/// Why something could not be done with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDone {
    /// The room has no such recording.
    Unknown,
    /// It is still being recorded.
    Running,
    /// The disk does not let us.
    Disk,
}

/// Why a meeting is not recorded now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordRefusal {
    /// There is nobody who can record.
    NoRecorder,
    /// Nobody is in the room.
    NoMeeting,
    /// It is being recorded already.
    Runs,
    /// Only its participants can see and hear it.
    Encrypted,
}

/// What a recording keeps of a meeting besides its media. Participants are named by their endpoint ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    Joined {
        endpoint: String,
        name: Option<String>,
    },
    Renamed {
        endpoint: String,
        name: Option<String>,
    },
    Left {
        endpoint: String,
    },
    Muted {
        source: String,
        muted: bool,
    },
    Hand {
        endpoint: String,
        raised: bool,
    },
    Chat {
        endpoint: String,
        text: String,
    },
    /// Whom a moderator shows to everybody (follow me), or nobody any more.
    Pinned {
        endpoint: Option<String>,
    },
}

/// What becomes of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecorderReport {
    /// It runs.
    On { session: String },
    /// It ended: as it was wanted, or with an error that says what to do.
    Off { session: String, error: Option<String> },
    /// What came of an inquiry.
    Inquired { inquiry: Inquiry, outcome: Result<String, NotDone> },
}

/// Takes orders to a recorder. Never waits: what becomes of them comes back as an input.
pub trait RecorderPort {
    fn order(&mut self, order: RecorderOrder);
}
