//! `[recorder]`: where meetings are recorded, and what becomes of recordings.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Bytes, Key};

/// What is kept of meetings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recorder {
    /// `None`: below the state directory, or on another disk if that is a memory card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    pub name: RecordingName,
    /// Rooms that are recorded without being asked; `*` is all.
    pub rooms: Vec<String>,
    pub moderators: Moderators,
    /// Shown before a recording begins and while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// What is written to everybody is kept.
    pub chat: bool,
    pub min_free: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<NonZeroU32>,
    pub delete_oldest: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finalize_script: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_secret_file: Option<PathBuf>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            directory: None,
            name: RecordingName("{room}-{date}-{time}".to_owned()),
            rooms: Vec::new(),
            moderators: Moderators::Room,
            notice: None,
            chat: false,
            min_free: Bytes::new(500 << 20),
            quota: None,
            keep_days: None,
            delete_oldest: false,
            finalize_script: None,
            webhook_url: None,
            webhook_secret_file: None,
        }
    }
}

/// Which recordings moderators see in the page, and may delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moderators {
    /// All of the room, whenever they were made.
    Room,
    /// Those of the meeting in which they are.
    Meeting,
    Nobody,
}

/// What recordings are called: a text with `{room}`, `{date}`, `{time}` and `{meeting}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordingName(String);

const PARTS: [&str; 4] = ["{room}", "{date}", "{time}", "{meeting}"];
const LONGEST: usize = 64;

impl RecordingName {
    /// The name of a recording. Values are what stands for the parts, in the order `{room}`, `{date}`, `{time}`, `{meeting}`.
    pub fn fill(&self, values: [&str; 4]) -> String {
        PARTS.iter().zip(values).fold(self.0.clone(), |name, (part, value)| name.replace(part, value))
    }
}

impl TryFrom<String> for RecordingName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let rest = PARTS.iter().fold(text.clone(), |rest, part| rest.replace(part, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if text.is_empty() || text.len() > LONGEST || !rest.chars().all(plain) {
            return Err("not a name with {room}, {date}, {time}, {meeting}, letters, digits, - and _");
        }
        Ok(Self(text))
    }
}

impl From<RecordingName> for String {
    fn from(name: RecordingName) -> Self {
        name.0
    }
}

impl fmt::Display for RecordingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "recorder.directory",
        expects: "the path of a folder",
        doc: "Where recordings are; without, in `recordings` below the state directory, or in `moothall-recordings` on another disk \
              if that is a memory card. Only a box on which `moothall-recorder` is installed records.",
        example: "\"/srv/recordings\"",
    },
    Key {
        path: "recorder.name",
        expects: "a text with {room}, {date}, {time}, {meeting}, letters, digits, - and _",
        doc: "What the folder of a recording is called.",
        example: "",
    },
    Key {
        path: "recorder.rooms",
        expects: "a list of rooms",
        doc: "Rooms that are recorded without being asked, once two people are there; [\"*\"] is all rooms. Everybody is told.",
        example: "",
    },
    Key {
        path: "recorder.moderators",
        expects: "\"room\", \"meeting\" or \"nobody\"",
        doc: "Which recordings moderators find in the page, play and delete: all of their room, or only those of the meeting in which \
              they are. Who enters an empty room first is its moderator: where strangers may do so, write \"meeting\" or \"nobody\".",
        example: "",
    },
    Key {
        path: "recorder.notice",
        expects: "a text",
        doc: "What people read besides when a meeting is recorded: for what, by whom, where to object.",
        example: "\"Recordings are kept for 30 days. Questions: privacy@example.org.\"",
    },
    Key { path: "recorder.chat", expects: "true or false", doc: "Keep what people write to everybody.", example: "" },
    Key {
        path: "recorder.min_free",
        expects: "a size, such as \"500 MiB\"",
        doc: "So much of the disk remains free: before there is less, a recording ends.",
        example: "",
    },
    Key {
        path: "recorder.quota",
        expects: "a size, such as \"20 GiB\"",
        doc: "So much of the disk may all recordings take together.",
        example: "\"20 GiB\"",
    },
    Key {
        path: "recorder.keep_days",
        expects: "a number of days",
        doc: "Recordings are deleted after so many days.",
        example: "30",
    },
    Key {
        path: "recorder.delete_oldest",
        expects: "true or false",
        doc: "Delete the oldest recordings where there is no room for a new one.",
        example: "",
    },
    Key {
        path: "recorder.finalize_script",
        expects: "the path of a program",
        doc: "Called when a recording is finished, with its folder as the only argument: as Jibri calls it.",
        example: "\"/etc/moothall/finalize.sh\"",
    },
    Key {
        path: "recorder.webhook_url",
        expects: "an address that begins with https:// or http://",
        doc: "Told when a recording is finished (POST, JSON), signed as Standard Webhooks says.",
        example: "\"https://intranet.example.org/recordings\"",
    },
    Key {
        path: "recorder.webhook_secret_file",
        expects: "the path of a file",
        doc: "The secret that it is signed with: one line of 24 characters or more.",
        example: "\"/etc/moothall/webhook.secret\"",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_for_every_file_system() {
        let name = |text: &str| RecordingName::try_from(text.to_owned());
        let filled = name("{date}_{room}").unwrap().fill(["garden", "2026-11-29", "084100", "5a1d"]);
        assert_eq!(filled, "2026-11-29_garden");
        for bad in ["", "../{room}", "{room}/x", "{who}", " ", &"x".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
