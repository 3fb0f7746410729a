//! Every room, and the way from a stanza to the room that it is for.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use jitsi_wire::xmpp::stanza::{error_reply, iq_error};
use jitsi_wire::xmpp::{Condition, Element, ErrorType, Jid, StanzaError, ns};

use super::attempts::Guesses;
use super::frames::{self, Departure, send};
use super::limits::MucLimits;
use super::occupant::Occupant;
use super::presence::written;
use super::room::Room;
use super::visitor::{LEAST, Visitor, Visitors, too_much};
use super::{Affiliation, Effect, FOCUS_NICK, Role, admin, config_form, disco, messages, room_address};
use crate::c2s::SessionId;

/// Every room of the box.
#[derive(Debug)]
pub struct Muc {
    /// Where rooms are: `conference.D`.
    pub(super) domain: String,
    /// Where their lobbies are: `lobby.D`.
    pub(super) lobbies: String,
    /// Real full address of the focus.
    focus: Jid,
    pub(super) limits: MucLimits,
    pub(super) rooms: BTreeMap<Box<str>, Room>,
    pub(super) visitors: Visitors,
    pub(super) guesses: Guesses,
    pub(super) effects: VecDeque<Effect>,
}

/// Who sent a stanza, and when.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    pub session: SessionId,
    /// Its full address, which stands in the stanza.
    pub jid: &'a Jid,
    /// The network that it is in, named by its first address, if that is known.
    pub address: Option<IpAddr>,
    pub now: Instant,
    pub wall: SystemTime,
}

impl Muc {
    /// `domain` is that of the box.
    pub fn new(domain: &str, focus: Jid, limits: MucLimits) -> Self {
        Self {
            domain: format!("conference.{domain}"),
            lobbies: format!("lobby.{domain}"),
            focus,
            limits,
            rooms: BTreeMap::new(),
            visitors: Visitors::default(),
            guesses: Guesses::default(),
            effects: VecDeque::new(),
        }
    }

    /// Stanzas to this domain are for [`Muc::on_stanza`].
    pub fn serves(&self, domain: &str) -> bool {
        domain == self.domain || domain == self.lobbies
    }

    /// Next thing to do or to know.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Rooms with clients, counted as [`Self::occupant_count`] does.
    pub fn meeting_count(&self) -> usize {
        self.rooms.values().filter(|room| room.clients().next().is_some()).count()
    }

    /// Clients in all rooms; the focus does not count, nor do those who wait in a lobby.
    pub fn occupant_count(&self) -> usize {
        self.rooms.values().map(|room| room.clients().count()).sum()
    }
}

/// Orders of the focus.
impl Muc {
    /// Makes a room with the focus in it. A room that exists stays as it is.
    pub fn create(&mut self, room: &str, meeting_id: &str) {
        if self.rooms.contains_key(room) {
            return;
        }
        let address = room_address(room, self.domain.strip_prefix("conference.").unwrap_or_default());
        let focus = Occupant::focus(&self.focus, &address);
        self.rooms.insert(room.into(), Room::new(room, meeting_id, focus));
    }

    /// Replaces the children of the focus' presence and tells everybody.
    pub fn set_focus_presence(&mut self, room: &str, extensions: Vec<Element>) {
        let Some(room) = self.rooms.get_mut(room) else {
            return;
        };
        let presence = written(&Element::new("presence").with_children(extensions));
        if let Some(focus) = room.occupants.iter_mut().find(|o| o.is_focus()) {
            focus.presence = presence;
        }
        room.announce(FOCUS_NICK, &mut self.effects);
    }

    pub fn set_affiliation(&mut self, room: &str, nick: &str, affiliation: Affiliation) {
        let Some(room) = self.rooms.get_mut(room) else {
            return;
        };
        if let Some(bare) = room.by_nick(nick).filter(|o| !o.is_focus()).map(Occupant::bare) {
            room.affiliate(&bare, affiliation, FOCUS_NICK, "", &mut self.effects);
            let (room, bare) = (room.name.clone(), bare.into());
            self.effects.push_back(Effect::Affiliated { room, bare, affiliation });
        }
    }

    pub fn kick(&mut self, room: &str, nick: &str, reason: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            let why = Departure::Kicked { actor: FOCUS_NICK, reason };
            room.depart(nick, why, &mut self.effects);
        }
    }

    /// Ends a room. Everybody in it, or waiting for it, is told why.
    pub fn destroy(&mut self, room: &str, reason: &str) {
        if let Some(mut room) = self.rooms.remove(room) {
            room.end(reason, None, &mut self.effects);
        }
    }

    /// Ends all rooms.
    pub fn destroy_all(&mut self, reason: &str) {
        let rooms: Vec<Box<str>> = self.rooms.keys().cloned().collect();
        for room in rooms {
            self.destroy(&room, reason);
        }
    }

    /// An IQ or message from the focus to an occupant.
    pub fn send_from_focus(&mut self, room: &str, nick: &str, stanza: &Element) {
        let Some(room) = self.rooms.get(room) else {
            return;
        };
        if let (Some(focus), Some(to)) = (room.by_nick(FOCUS_NICK), room.by_nick(nick)) {
            send(&mut self.effects, to, frames::relayed(stanza, focus, to));
        }
    }
}

/// What sessions do.
impl Muc {
    /// The session is gone; so are its occupants and their standing.
    pub fn on_closed(&mut self, session: SessionId) {
        let Some(visitor) = self.visitors.remove(session) else {
            return;
        };
        for name in &visitor.rooms {
            if let Some(room) = self.rooms.get_mut(name) {
                room.forget(session, visitor.bare(), &mut self.effects);
            }
        }
    }

    /// A stanza to a component, to a room or lobby, or to an occupant.
    pub fn on_stanza(&mut self, sender: Sender<'_>, to: &Jid, stanza: Element) {
        if to.domain == self.lobbies {
            return self.on_lobby_stanza(sender, to, stanza);
        }
        match stanza.name.as_str() {
            "presence" => self.on_presence(sender, to, stanza),
            "message" => self.on_message(sender, to, stanza),
            _ => self.on_iq(sender, to, stanza),
        }
    }

    fn on_message(&mut self, sender: Sender<'_>, to: &Jid, stanza: Element) {
        if stanza.attr("type") == Some("error") && to.resource.is_none() {
            return;
        }
        let result = match to.node.as_deref().and_then(|name| self.rooms.get_mut(name)) {
            Some(room) => {
                let visitor = self.visitors.of(sender, &self.limits);
                messages::relay(room, visitor, sender, to, &stanza, &self.limits, &mut self.effects)
            }
            None => Err(StanzaError::new(Condition::ItemNotFound)),
        };
        if let Err(error) = result
            && stanza.attr("type") != Some("error")
        {
            self.reply(sender, &error_reply(&stanza, &error));
        }
    }

    fn on_iq(&mut self, sender: Sender<'_>, to: &Jid, iq: Element) {
        let is_request = matches!(iq.attr("type"), Some("get" | "set"));
        let result = match (&to.node, &to.resource) {
            (Some(room), Some(nick)) => self.relay_iq(sender, room, nick, &iq),
            (Some(room), None) if is_request => self.on_room_iq(sender, room, &iq),
            (None, _) if is_request => disco::component(&iq, "Meetings").map(|answer| {
                self.reply(sender, &answer);
            }),
            _ => Ok(()),
        };
        if let Err(error) = result
            && is_request
        {
            self.reply(sender, &iq_error(&iq, &error));
        }
    }

    /// An IQ from one occupant to another, or the answer to one.
    fn relay_iq(&mut self, sender: Sender<'_>, name: &str, nick: &str, iq: &Element) -> Result<(), StanzaError> {
        let not_inside = || StanzaError::of(ErrorType::Cancel, Condition::NotAcceptable);
        let room = self.rooms.get(name).ok_or_else(not_inside)?;
        let from = room.by_session(sender.session).ok_or_else(not_inside)?;
        let to = room.by_nick(nick).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
        if !to.is_focus() {
            let frame = frames::relayed(iq, from, to);
            if frame.len() > self.limits.message_bytes {
                return Err(StanzaError::new(Condition::PolicyViolation).with_text("This request is too large"));
            }
            let visitor = self.visitors.of(sender, &self.limits);
            if !visitor.pay(sender.now, frame.len(), &self.limits) {
                return Err(too_much());
            }
            send(&mut self.effects, to, frame);
            return Ok(());
        }
        let (room, nick, iq) = (name.into(), from.nick.clone(), iq.clone());
        self.effects.push_back(match iq.attr("type") {
            Some("get" | "set") => Effect::FocusIq { room, nick, iq },
            _ => Effect::FocusReply { room, nick, iq },
        });
        Ok(())
    }

    fn on_room_iq(&mut self, sender: Sender<'_>, name: &str, iq: &Element) -> Result<(), StanzaError> {
        // What is not theirs does not exist for strangers.
        let forbidden = || StanzaError::new(Condition::Forbidden);
        let room = self.rooms.get_mut(name).ok_or_else(forbidden)?;
        let role = room.by_session(sender.session).map(Occupant::role).ok_or_else(forbidden)?;
        let payload = iq.elements().next().ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        let set = iq.attr("type") == Some("set");
        match (payload.name.as_str(), payload.xmlns(), set) {
            ("query", Some(ns::DISCO_INFO), false) => {
                let answer = self.about(name, iq).ok_or_else(forbidden)?;
                self.reply(sender, &answer);
                Ok(())
            }
            ("query", Some(ns::DISCO_ITEMS), false) => {
                let answer = disco::occupants(room, iq, payload);
                self.reply(sender, &answer);
                Ok(())
            }
            ("query", Some(ns::MUC_ADMIN), _) if role == Role::Moderator => {
                let visitor = self.visitors.of(sender, &self.limits);
                admin::handle(room, visitor, sender, iq, payload, &self.limits, &mut self.effects)
            }
            ("query", Some(ns::MUC_OWNER), _) if role == Role::Moderator => {
                let visitor = self.visitors.of(sender, &self.limits);
                // Everybody is told, and told again when the door changes, and then asks what is different.
                if set && !visitor.pay(sender.now, 2 * LEAST, &self.limits) {
                    return Err(too_much());
                }
                let had_lobby = room.lobby.is_some();
                config_form::handle(room, sender, iq, payload, &self.domain, &mut self.effects)?;
                if room.lobby.is_some() != had_lobby {
                    self.announce_to_breakouts(name);
                }
                Ok(())
            }
            ("query", Some(ns::MUC_ADMIN | ns::MUC_OWNER), _) => Err(forbidden()),
            _ => Err(StanzaError::new(Condition::ServiceUnavailable)),
        }
    }

    /// Who sends, and what it may.
    pub(super) fn visitor(&mut self, sender: Sender<'_>) -> &mut Visitor {
        self.visitors.of(sender, &self.limits)
    }

    pub(super) fn reply(&mut self, sender: Sender<'_>, stanza: &Element) {
        self.effects.push_back(Effect::Send { session: sender.session, frame: stanza.to_string() });
    }
}
