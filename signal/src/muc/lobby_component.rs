//! What clients send to `lobby.D`.

use std::net::IpAddr;

use jitsi_wire::xmpp::stanza::{error_reply, iq_error, iq_result};
use jitsi_wire::xmpp::{Condition, Element, ErrorType, Jid, StanzaError, ns};

use super::component::{Muc, Sender};
use super::frames::{self, Departure, Farewell, send};
use super::join::spelled_address;
use super::limits::reason_of;
use super::lobby::{Lobby, hears};
use super::occupant::Occupant;
use super::presence::{strip_message, strip_presence};
use super::{Affiliation, Effect, disco, invite, messages};

impl Muc {
    pub(super) fn on_lobby_stanza(&mut self, sender: Sender<'_>, to: &Jid, stanza: Element) {
        let result = match stanza.name.as_str() {
            "presence" => match stanza.attr("type") {
                None => self.on_knock(sender, to, &stanza),
                Some("unavailable") => {
                    self.on_lobby_left(sender, to);
                    Ok(())
                }
                Some(_) => Ok(()),
            },
            "message" => self.on_lobby_message(sender, to, &stanza),
            _ => self.on_lobby_iq(sender, to, &stanza),
        };
        let Err(error) = result else {
            return;
        };
        match (stanza.name.as_str(), stanza.attr("type")) {
            (_, Some("error" | "result")) => {}
            ("iq", _) => self.reply(sender, &iq_error(&stanza, &error)),
            _ => self.reply(sender, &error_reply(&stanza, &error)),
        }
    }

    /// Somebody comes to the lobby, or has something new to say of itself there.
    fn on_knock(&mut self, sender: Sender<'_>, to: &Jid, stanza: &Element) -> Result<(), StanzaError> {
        let (Some(name), Some(nick)) = (&to.node, &to.resource) else {
            return Err(StanzaError::new(Condition::JidMalformed));
        };
        self.may_be_named(nick)?;
        let mut relayed = stanza.clone();
        strip_presence(&mut relayed);
        let occupant = self.introduced(sender, nick, spelled_address(stanza), &relayed)?;
        let room = self.rooms.get_mut(name.as_str()).ok_or_else(|| StanzaError::new(Condition::NotAllowed))?;
        let affiliation = room.affiliation_of(&occupant.bare());
        if affiliation == Affiliation::Outcast {
            return Err(StanzaError::new(Condition::Forbidden));
        }
        let Some(lobby) = &mut room.lobby else {
            // The door was opened while the client was on its way here.
            let next = format!("{name}@{}", self.domain);
            let why = Departure::Destroyed { reason: "", next: Some(&next) };
            send(&mut self.effects, &occupant, Farewell::of(&occupant, why).to(&occupant));
            return Ok(());
        };
        let Some(known) = lobby.by_session_mut(sender.session) else {
            if stanza.child_in("x", ns::MUC).is_none() {
                return Err(StanzaError::new(Condition::ItemNotFound).with_text("You are not in this room"));
            }
            return self.knock(sender, name, occupant, affiliation);
        };
        if known.nick != occupant.nick {
            return Err(StanzaError::new(Condition::NotAllowed).with_text("A nick cannot be changed"));
        }
        let visitor = self.visitors.of(sender, &self.limits);
        visitor.broadcast(sender.now, occupant.presence.bytes(), &self.limits)?;
        known.presence = occupant.presence;
        known.name = occupant.name;
        match lobby.by_nick(nick).filter(|known| known.is_moderator() && stanza.child_in("x", ns::MUC).is_some()) {
            // A moderator that moved between the rooms of the meeting asks anew who waits.
            Some(moderator) => lobby.present(moderator, &mut self.effects),
            None => lobby.announce(nick, &mut self.effects),
        }
        Ok(())
    }

    /// Owners of the room come in to moderate, everybody else to wait.
    fn knock(
        &mut self,
        sender: Sender<'_>,
        name: &str,
        mut occupant: Occupant,
        affiliation: Affiliation,
    ) -> Result<(), StanzaError> {
        let Some((room, lobby)) = self.rooms.get(name).and_then(|room| room.lobby.as_ref().map(|lobby| (room, lobby)))
        else {
            return Err(StanzaError::new(Condition::ItemNotFound));
        };
        // A name that is somebody's in the meeting would deceive those who read it.
        let taken = room.by_nick(&occupant.nick).is_some_and(|o| o.session != Some(sender.session));
        if taken || lobby.by_nick(&occupant.nick).is_some() {
            return Err(StanzaError::new(Condition::Conflict));
        }
        if affiliation == Affiliation::Owner {
            occupant.set_affiliation(Affiliation::Owner);
        } else if room.by_session(sender.session).is_some() {
            return Err(StanzaError::new(Condition::NotAllowed).with_text("You are in the meeting already"));
        } else if !self.has_place(lobby, sender.address) {
            return Err(StanzaError::of(ErrorType::Wait, Condition::ServiceUnavailable));
        } else {
            let burst = self.limits.attempts;
            self.visitor(sender).knocks.count(sender.now, burst)?;
        }
        let limits = self.limits;
        self.visitor(sender).broadcast(sender.now, occupant.presence.bytes(), &limits)?;
        self.visit(sender, name)?;
        if let Some(lobby) = self.rooms.get_mut(name).and_then(|room| room.lobby.as_mut()) {
            lobby.enter(occupant, &mut self.effects);
        }
        Ok(())
    }

    /// One network address never takes more places than are left: others always find one.
    fn has_place(&self, lobby: &Lobby, address: Option<IpAddr>) -> bool {
        let free = self.limits.waiting.saturating_sub(lobby.waiting().count());
        let sessions = lobby.waiting().filter_map(|o| o.session);
        let addresses = sessions.filter_map(|session| self.visitors.get(session)?.address);
        free > addresses.filter(|other| Some(*other) == address).count()
    }

    fn on_lobby_left(&mut self, sender: Sender<'_>, to: &Jid) {
        let room = to.node.as_deref().and_then(|name| self.rooms.get_mut(name));
        if let Some(lobby) = room.and_then(|room| room.lobby.as_mut()) {
            lobby.depart(sender.session, Departure::Left(""), &mut self.effects);
        }
    }

    fn on_lobby_message(&mut self, sender: Sender<'_>, to: &Jid, stanza: &Element) -> Result<(), StanzaError> {
        let not_inside = || StanzaError::new(Condition::NotAcceptable);
        let room = to.node.as_deref().and_then(|name| self.rooms.get_mut(name));
        let lobby = room.and_then(|room| room.lobby.as_ref()).ok_or_else(not_inside)?;
        let from = lobby.by_session(sender.session).ok_or_else(not_inside)?;
        let visitor = self.visitors.of(sender, &self.limits);
        messages::may_say(visitor, sender, stanza, &self.limits)?;
        let to_all = stanza.attr("type") == Some("groupchat");
        let mut relayed = stanza.clone();
        strip_message(&mut relayed, to_all);
        // Nobody gives a lobby a title.
        relayed.retain_elements(|child| child.name != "subject");
        match &to.resource {
            None if to_all => lobby.say(from, &relayed, &mut self.effects),
            Some(nick) if !to_all => {
                let other = lobby.by_nick(nick).filter(|other| hears(other, from));
                let other = other.ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
                send(&mut self.effects, other, frames::relayed(&relayed, from, other));
            }
            _ => return Err(StanzaError::new(Condition::BadRequest)),
        }
        Ok(())
    }

    fn on_lobby_iq(&mut self, sender: Sender<'_>, to: &Jid, iq: &Element) -> Result<(), StanzaError> {
        let Some(name) = &to.node else {
            let answer = disco::component(iq, "Lobby")?;
            self.reply(sender, &answer);
            return Ok(());
        };
        let forbidden = || StanzaError::new(Condition::Forbidden);
        let room = self.rooms.get_mut(name.as_str()).ok_or_else(forbidden)?;
        let lobby = room.lobby.as_mut().ok_or_else(forbidden)?;
        let actor = lobby.by_session(sender.session).ok_or_else(forbidden)?;
        let payload = iq.elements().next().filter(|_| to.resource.is_none());
        let payload = payload.ok_or_else(|| StanzaError::new(Condition::ServiceUnavailable))?;
        match (payload.name.as_str(), payload.xmlns(), iq.attr("type")) {
            ("query", Some(ns::DISCO_INFO), Some("get")) => {
                let answer = disco::lobby(name, iq);
                self.reply(sender, &answer);
                return Ok(());
            }
            ("query", Some(ns::MUC_ADMIN), Some("set")) if actor.is_moderator() => {}
            ("query", Some(ns::MUC_ADMIN | ns::MUC_OWNER), _) => return Err(forbidden()),
            _ => return Err(StanzaError::new(Condition::ServiceUnavailable)),
        }
        let item = payload.child_in("item", ns::MUC_ADMIN).ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        let guest = guest_to_reject(lobby, item)?;
        let (session, nick, display_name) = (guest.session, guest.nick.clone(), guest.name.clone());
        let actor = actor.nick.clone();
        let reason = reason_of(item);
        self.effects.push_back(Effect::Send { session: sender.session, frame: iq_result(iq).to_string() });
        if let Some(session) = session {
            lobby.depart(session, Departure::Kicked { actor: &actor, reason: &reason }, &mut self.effects);
        }
        let actor = room.by_session(sender.session).map(|o| o.nick.clone());
        let name = display_name.as_deref();
        invite::announce(room, actor.as_deref(), "LOBBY-ACCESS-DENIED", &nick, name, &mut self.effects);
        Ok(())
    }
}

/// Whom a moderator sends away by a kick; nothing else is asked for in a lobby.
fn guest_to_reject<'a>(lobby: &'a Lobby, item: &Element) -> Result<&'a Occupant, StanzaError> {
    let nick = item.attr("nick").filter(|_| item.attr("role") == Some("none"));
    let nick = nick.ok_or_else(|| StanzaError::new(Condition::NotAllowed))?;
    lobby.waiting().find(|o| *o.nick == *nick).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))
}
