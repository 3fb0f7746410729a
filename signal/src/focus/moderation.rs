//! Who owns the room, and how those who come start.

use jitsi_wire::jingle::StartMuted;
use jitsi_wire::xmpp::{Element, ns};

use super::conference::Conference;
use super::desk::Desk;
use super::participant::Participant;
use super::{FocusOutput, OccupantKind};
use crate::muc::Affiliation;

impl Conference {
    /// When nobody owns the room the one who has been in it longest does.
    pub(super) fn elect_owner(&mut self, desk: &mut Desk) {
        if !desk.config.auto_owner || self.participants.values().any(Participant::is_owner) {
            return;
        }
        let eldest = self
            .participants
            .iter_mut()
            .filter(|(_, p)| p.kind == OccupantKind::Regular)
            .min_by_key(|(_, p)| p.ordinal);
        if let Some((nick, participant)) = eldest {
            participant.affiliation = Affiliation::Owner;
            desk.emit(FocusOutput::SetAffiliation {
                room: self.room.clone(),
                nick: nick.clone(),
                affiliation: Affiliation::Owner,
            });
        }
    }

    /// Moderators carry the start-muted policy in their presence.
    pub(super) fn read_policy(&mut self, nick: &str, presence: &Element) {
        let Some(policy) = presence.child_in("startmuted", ns::START_MUTED) else {
            return;
        };
        if self.participants.get(nick).is_some_and(Participant::is_owner) {
            let on = |name| policy.attr(name) == Some("true");
            self.start_muted = StartMuted { audio: on("audio"), video: on("video") };
        }
    }
}
