//! What rooms may cost.

use jitsi_wire::xmpp::{Condition, Element, StanzaError};

use super::presence::Presence;

/// Bytes of a presence's attributes.
const MAX_ATTRS: usize = 1024;
/// Bytes of the reason for which somebody is sent away.
const MAX_REASON: usize = 1024;

/// Bounds of one room, of its lobby, and of what one session may do in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MucLimits {
    /// Clients in one room.
    pub occupants: usize,
    /// Clients that wait in one lobby. From one network address there are never more than places that are free.
    pub waiting: usize,
    /// Rooms that one session may be in: a meeting with its lobby, a breakout room, and two spare.
    pub rooms_per_session: usize,
    /// Bytes of one presence, which is kept and sent to everybody who joins.
    pub presence_bytes: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Bytes of a message's text.
    pub chat_bytes: usize,
    /// Bytes of a nick.
    pub nick_bytes: usize,
    /// Bytes that one session may say to everybody in a second, in presences and messages: each goes out as often as
    /// there are occupants.
    pub voice_per_second: u32,
    /// And at once.
    pub voice_burst: u32,
    /// So many times as much may all sessions of one network say together: an office that comes to a meeting at once must
    /// fit.
    pub voices_of_network: u32,
    /// Chat messages and reactions of one session in a second.
    pub chat_per_second: u32,
    /// And at once.
    pub chat_burst: u32,
    /// Wrong passwords of one session, and its knocks, at once; they come back slowly.
    pub attempts: u32,
    /// So many times as many wrong passwords for one room may come from one network: colleagues have the same old invitation.
    pub guessers_of_network: u32,
    /// Messages that a room remembers for those who come later.
    pub history_messages: usize,
    /// Bytes of all of them.
    pub history_bytes: usize,
}

impl Default for MucLimits {
    fn default() -> Self {
        Self {
            occupants: 200,
            waiting: 100,
            rooms_per_session: 4,
            presence_bytes: 16 * 1024,
            message_bytes: 64 * 1024,
            chat_bytes: 10 * 1024,
            nick_bytes: 128,
            voice_per_second: 16 * 1024,
            voice_burst: 256 * 1024,
            voices_of_network: 16,
            chat_per_second: 2,
            chat_burst: 20,
            attempts: 10,
            guessers_of_network: 3,
            history_messages: 100,
            history_bytes: 64 * 1024,
        }
    }
}

impl MucLimits {
    /// Bytes that all sessions of one network may say to everybody in a second, and at once.
    pub(super) fn voice_of_network(&self) -> (u32, u32) {
        let times = self.voices_of_network;
        (self.voice_per_second.saturating_mul(times), self.voice_burst.saturating_mul(times))
    }

    /// A presence may be this large.
    pub(super) fn allow(&self, presence: &Presence) -> Result<(), StanzaError> {
        if presence.children.len() > self.presence_bytes || presence.attrs.len() > MAX_ATTRS {
            return Err(StanzaError::new(Condition::PolicyViolation).with_text("This presence is too large"));
        }
        Ok(())
    }
}

/// The reason that `element` gives, as much of it as is told.
pub(super) fn reason_of(element: &Element) -> String {
    let reason = element.child_text("reason").unwrap_or_default();
    cut(&reason, MAX_REASON).to_owned()
}

/// The beginning of a text, so many bytes at most.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        let long = Element::new("item").with_child(Element::new("reason").with_text("é".repeat(1000) + "x"));
        assert_eq!(reason_of(&long), "é".repeat(512));
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(reason_of(&Element::new("item")), "");
    }
}
