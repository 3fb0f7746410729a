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
}

/// Takes orders to a recorder. Never waits: what becomes of them comes back as an input.
pub trait RecorderPort {
    fn order(&mut self, order: RecorderOrder);
}
