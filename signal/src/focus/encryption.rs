//! End-to-end encryption, as far as a server sees it: nothing of an encrypted meeting is kept or handed on.

use jitsi_wire::xmpp::Element;

use super::conference::Conference;

/// Why nobody else gets a meeting, in words for people.
pub const ENCRYPTED: &str = "The meeting is end-to-end encrypted: nobody but its participants can see or hear it.";

impl Conference {
    /// Somebody's media are for the other participants alone.
    pub(super) fn is_encrypted(&self) -> bool {
        self.participants.values().any(|participant| participant.encrypts)
    }

    /// A presence, the first or a later one: a client with end-to-end encryption switched on says so of itself.
    pub(super) fn read_encryption(&mut self, nick: &str, presence: &Element) {
        if let Some(participant) = self.participants.get_mut(nick) {
            let said = presence.child_text("jitsi_participant_e2ee.enabled");
            participant.encrypts = said.is_some_and(|enabled| enabled == "true");
        }
    }
}
