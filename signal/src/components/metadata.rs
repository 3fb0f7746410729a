//! Room metadata: values under keys that moderators set and everybody is told of, before their own presence when they join.

use std::collections::BTreeMap;

use jitsi_wire::jingle::StartMuted;
use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::meeting::{Service, only_moderators};
use super::outbox::{Outbox, json_message};
use super::room::{Occupant, Room};
use super::{Component, Output};
use crate::muc::ChatRestrictions;

/// Bytes of a key.
const MAX_KEY: usize = 64;
/// Keys of a room.
const MAX_KEYS: usize = 32;
/// Bytes of all values as JSON: everybody who joins gets them.
const MAX_BYTES: usize = 16 * 1024;
/// What only a server says.
const RESERVED: [&str; 12] = [
    "allownersEnabled",
    "asyncTranscription",
    "audioTranslationRequests",
    "conferencePresetsServiceEnabled",
    "dialinEnabled",
    "moderators",
    "participants",
    "participantsSoftLimit",
    "services",
    "transcriberType",
    "transcription",
    "visitorsEnabled",
];
const START_MUTED: &str = "startMuted";
/// Only moderators make polls.
pub(super) const POLL_CREATION: &str = "pollCreationRestricted";
/// Only moderators write to everybody.
const GROUP_CHAT: &str = "groupChatRestricted";
/// Only moderators write to single people.
const PRIVATE_CHAT: &str = "privateChatRestricted";

/// What moderators want of those who keep the meeting.
const RECORDING: &str = "recording";
/// Whoever wants a transcript sets the one and asks nobody else for it, because of the other.
const ASYNC_TRANSCRIPTION: &str = "asyncTranscription";

/// The values of one room.
#[derive(Debug, Default)]
pub(super) struct RoomMetadata {
    values: Map<String, Value>,
    /// Everybody has been told what is true from the beginning.
    introduced: bool,
    /// What moderators with the older way to say it have in their presences.
    policies: BTreeMap<Box<str>, StartMuted>,
}

#[derive(Deserialize)]
struct Change {
    key: String,
    data: Value,
}

impl Service for RoomMetadata {
    fn on_message(
        &mut self,
        room: &Room,
        from: &Occupant,
        message: &Element,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), StanzaError> {
        let bad = || StanzaError::new(Condition::BadRequest);
        only_moderators(from)?;
        let payload = message.child_in("room_metadata", ns::JITMEET).ok_or_else(bad)?;
        let Change { key, data } = serde_json::from_str(&payload.text()).map_err(|_| bad())?;
        if data.is_null() || key.is_empty() || key == START_MUTED && start_muted(&data).is_none() {
            return Err(bad());
        }
        if RESERVED.contains(&key.as_str()) {
            return Err(StanzaError::new(Condition::NotAllowed));
        }
        self.set(room, key, data, outbox)
    }

    fn on_presence(&mut self, room: &Room, of: &Occupant, presence: &Element, outbox: &mut Outbox<'_>) {
        if let Some(policy) = self.new_policy(of, presence) {
            self.policies.insert(of.nick.clone(), policy);
            let data = json!({ "audio": policy.audio, "video": policy.video });
            // There is always a place for it.
            let _ = self.set(room, START_MUTED.to_owned(), data, outbox);
        }
    }

    fn on_joined(&mut self, room: &Room, _new: &Occupant, outbox: &mut Outbox<'_>) {
        if !self.introduced && !self.values.is_empty() {
            self.tell(room, outbox);
        }
    }

    fn on_left(&mut self, _room: &Room, gone: &Occupant, _outbox: &mut Outbox<'_>) {
        self.policies.remove(&gone.nick);
    }
}

impl RoomMetadata {
    /// `transcribes`: there is somebody who writes meetings down.
    pub(super) fn new(transcribes: bool) -> Self {
        let value = transcribes.then(|| (ASYNC_TRANSCRIPTION.to_owned(), Value::Bool(true)));
        Self { values: value.into_iter().collect(), ..Self::default() }
    }

    /// What a moderator says by its presence about those who come later. It stands in every presence, and says something
    /// only when it changes.
    pub(super) fn new_policy(&self, of: &Occupant, presence: &Element) -> Option<StartMuted> {
        let policy = presence.elements().find(|e| e.is("startmuted", ns::START_MUTED))?;
        let on = |name| policy.attr(name) == Some("true");
        let policy = StartMuted { audio: on("audio"), video: on("video") };
        Some(policy).filter(|policy| of.is_moderator() && self.policies.get(&of.nick) != Some(policy))
    }

    /// Moderators keep this to themselves.
    pub(super) fn restricts(&self, what: &str) -> bool {
        self.values.get("permissions").and_then(|permissions| permissions.get(what)) == Some(&Value::Bool(true))
    }

    /// As Jicofo reads it.
    fn transcribes(&self) -> bool {
        let is_asked = |recording: &Value| recording.get("isTranscribingEnabled") == Some(&Value::Bool(true));
        self.values.contains_key(ASYNC_TRANSCRIPTION) && self.values.get(RECORDING).is_some_and(is_asked)
    }

    /// Tells everybody who is there, and whoever comes.
    fn tell(&mut self, room: &Room, outbox: &mut Outbox<'_>) {
        self.introduced = true;
        let message = json!({ "type": "room_metadata", "metadata": &self.values });
        let message = json_message(&message, Some(&room.address));
        outbox.tell_raw(Component::RoomMetadata, &room.occupants, &message);
        let from = Component::RoomMetadata.address(outbox.domain);
        outbox.push(Output::Preface { room: room.name.clone(), from, message });
    }

    fn chat_restrictions(&self) -> ChatRestrictions {
        ChatRestrictions { group: self.restricts(GROUP_CHAT), private: self.restricts(PRIVATE_CHAT) }
    }

    fn set(&mut self, room: &Room, key: String, data: Value, outbox: &mut Outbox<'_>) -> Result<(), StanzaError> {
        if self.values.get(&key) == Some(&data) {
            return Ok(());
        }
        let policy = Some(&data).filter(|_| key == START_MUTED).and_then(start_muted);
        let mut values = self.values.clone();
        values.insert(key.clone(), data);
        let others = values.len().saturating_sub(usize::from(values.contains_key(START_MUTED)));
        let bytes = json!(&values).to_string().len();
        if key.len() > MAX_KEY || others > MAX_KEYS || bytes > MAX_BYTES {
            return Err(StanzaError::new(Condition::PolicyViolation).with_text("This room has no place for it"));
        }
        let before = (self.chat_restrictions(), self.transcribes());
        self.values = values;
        self.tell(room, outbox);
        let restrictions = self.chat_restrictions();
        if restrictions != before.0 {
            outbox.push(Output::RestrictChat { room: room.name.clone(), restrictions });
        }
        if self.transcribes() != before.1 {
            outbox.push(Output::Transcribe { room: room.name.clone(), wanted: self.transcribes() });
        }
        if let Some(policy) = policy {
            outbox.push(Output::StartMuted { room: room.name.clone(), policy });
        }
        Ok(())
    }
}

fn start_muted(value: &Value) -> Option<StartMuted> {
    let on = |name| value.as_object()?.get(name).map_or(Some(false), Value::as_bool);
    Some(StartMuted { audio: on("audio")?, video: on("video")? })
}
