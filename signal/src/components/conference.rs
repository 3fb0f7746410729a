//! How long the meeting has lasted, and its end for everybody.

use jitsi_wire::xmpp::{Condition, Element, StanzaError};
use serde_json::json;

use super::meeting::{Service, only_moderators};
use super::outbox::Outbox;
use super::room::{Occupant, Room};
use super::{Component, Output};

/// What everybody is told when a moderator ends the meeting.
pub(super) const TERMINATED: &str = "The meeting has been terminated";

/// COMPAT(lib-jitsi-meet 2022): later ones read the time from the room's disco#info.
#[derive(Debug, Default)]
pub(super) struct ConferenceDuration {
    told: bool,
}

impl Service for ConferenceDuration {
    fn on_message(&mut self, _: &Room, _: &Occupant, _: &Element, _: &mut Outbox<'_>) -> Result<(), StanzaError> {
        Err(StanzaError::new(Condition::ServiceUnavailable))
    }

    /// The meeting starts with its second participant, and then the first one hears of it as well.
    fn on_joined(&mut self, room: &Room, new: &Occupant, outbox: &mut Outbox<'_>) {
        let Some(started) = room.started else {
            return;
        };
        let message = json!({ "type": "conference_duration", "created_timestamp": started });
        match std::mem::replace(&mut self.told, true) {
            true => outbox.tell(Component::ConferenceDuration, [new], &message),
            false => outbox.tell(Component::ConferenceDuration, &room.occupants, &message),
        }
    }
}

/// "End the meeting for all".
#[derive(Debug, Default)]
pub(super) struct EndConference;

impl Service for EndConference {
    fn on_message(
        &mut self,
        room: &Room,
        from: &Occupant,
        message: &Element,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), StanzaError> {
        only_moderators(from)?;
        message.child("end_conference").ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        outbox.push(Output::End { room: room.name.clone(), reason: TERMINATED.to_owned() });
        Ok(())
    }
}
