//! Who owns the room.

use super::conference::Conference;
use super::desk::Desk;
use super::participant::Participant;
use super::{FocusOutput, OccupantKind};
use crate::muc::{Affiliation, is_breakout};

impl Conference {
    /// When nobody owns the room the one who has been in it longest does. Breakout rooms belong to those who own the main room.
    pub(super) fn elect_owner(&mut self, desk: &mut Desk) {
        if self.moderated_elsewhere || is_breakout(&self.room) {
            return;
        }
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
}
