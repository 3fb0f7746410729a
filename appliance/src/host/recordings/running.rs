//! Which recordings run, for those who ask beside the orders of the focus.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use signal::shell::recordings::{Recording, State};

use crate::dates;

/// One recording that was ordered and has not ended.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) session: String,
    /// Of its folder, once there is one.
    pub(super) name: String,
    pub(super) room: String,
    pub(super) meeting_id: String,
    pub(super) initiator: Option<String>,
    began: SystemTime,
}

/// By session. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Running(Arc<Mutex<BTreeMap<String, Run>>>);

impl Run {
    pub(super) fn new(session: &str, name: &str, room: &str, meeting_id: &str, initiator: Option<&str>) -> Self {
        Self {
            session: session.to_owned(),
            name: name.to_owned(),
            room: room.to_owned(),
            meeting_id: meeting_id.to_owned(),
            initiator: initiator.map(str::to_owned),
            began: SystemTime::now(),
        }
    }

    /// As long as it waits for the meeting to come to the bridge, it has no folder.
    pub(super) fn without_folder(&self) -> Recording {
        let since = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        Recording {
            name: self.name.clone(),
            room: self.room.clone(),
            meeting: self.meeting_id.clone(),
            state: State::Recording,
            begin: format!("{}Z", dates::second(since.as_secs()).replace(' ', "T")),
            begin_unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            duration_ms: 0,
            bytes: 0,
            participants: Vec::new(),
            initiator: self.initiator.clone(),
            error: None,
            files: Vec::new(),
        }
    }
}

impl Running {
    pub(super) fn began(&self, run: Run) {
        self.with(|all| all.insert(run.session.clone(), run));
    }

    pub(super) fn ended(&self, session: &str) {
        self.with(|all| all.remove(session));
    }

    pub(super) fn session(&self, session: &str) -> Option<Run> {
        self.with(|all| all.get(session).cloned())
    }

    /// The recording of this name, or that of this meeting: a folder whose name was taken got another one.
    pub(super) fn of(&self, name: &str, meeting_id: &str) -> Option<Run> {
        self.with(|all| all.values().find(|run| run.meeting_id == meeting_id || run.name == name).cloned())
    }

    pub(super) fn all(&self) -> Vec<Run> {
        self.with(|all| all.values().cloned().collect())
    }

    /// Nothing that is done with them can leave them half done.
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Run>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
