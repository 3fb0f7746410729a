//! Who owns the room, and muting others.

use jitsi_wire::jingle::StartMuted;
use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns, stanza};

use super::conference::Conference;
use super::desk::Desk;
use super::participant::Participant;
use super::{FocusOutput, OccupantKind};
use crate::muc::Affiliation;

/// Namespaces of `mute`, one for each kind of media.
pub(super) const MUTE_NAMESPACES: [&str; 3] = [ns::JITMEET_AUDIO, ns::JITMEET_VIDEO, ns::JITMEET_DESKTOP];

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

    /// `mute` of an occupant: for itself it is an announcement, for another an order.
    pub(super) fn on_mute(&self, desk: &mut Desk, nick: &str, iq: &Element, mute: &Element) {
        match self.judge_mute(desk, nick, mute) {
            Err(condition) => {
                let error = stanza::iq_error(iq, &StanzaError::new(condition));
                desk.send(&self.room, nick, error);
            }
            Ok(victim) => {
                desk.send(&self.room, nick, stanza::iq_result(iq));
                if let Some(victim) = victim {
                    self.forward_mute(desk, nick, &victim, mute);
                }
            }
        }
    }

    /// Whom to tell, if anybody.
    fn judge_mute(&self, desk: &Desk, nick: &str, mute: &Element) -> Result<Option<String>, Condition> {
        let muted = match mute.text().trim() {
            "true" => true,
            "false" => false,
            _ => return Err(Condition::BadRequest),
        };
        let target: Jid = match mute.attr("jid") {
            Some(jid) => jid.parse().map_err(|_| Condition::JidMalformed)?,
            // Old clients leave out their own address.
            None => return Ok(None),
        };
        let room: Jid = self.jid(desk).parse().map_err(|_| Condition::InternalServerError)?;
        let Some(victim) = target.resource.clone().filter(|_| target.same_bare(&room)) else {
            return Err(Condition::ItemNotFound);
        };
        if victim == nick {
            return Ok(None);
        }
        let asker = self.participants.get(nick).ok_or(Condition::NotAllowed)?;
        if !asker.is_owner() || !muted {
            return Err(Condition::NotAllowed);
        }
        let other = self.participants.get(&victim).ok_or(Condition::ItemNotFound)?;
        let can_be_muted = match other.kind {
            OccupantKind::Regular => true,
            OccupantKind::Gateway => other.features().is_some_and(|f| f.audio_mute),
            OccupantKind::Recorder | OccupantKind::Transcriber => false,
        };
        can_be_muted.then_some(Some(victim)).ok_or(Condition::NotAllowed)
    }

    /// The victim's client never answers.
    fn forward_mute(&self, desk: &mut Desk, nick: &str, victim: &str, mute: &Element) {
        let room = self.jid(desk);
        let order = Element::in_ns("mute", mute.xmlns().unwrap_or(ns::JITMEET_AUDIO))
            .with_attr("actor", format!("{room}/{nick}"))
            .with_attr("jid", format!("{room}/{victim}"))
            .with_text("true");
        desk.ask(&self.room, victim, "set", order);
    }
}
