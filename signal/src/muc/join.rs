//! Presences of clients: coming into a room, saying something new of oneself, leaving.

use std::time::{SystemTime, UNIX_EPOCH};

use jitsi_wire::xmpp::stanza::error_reply;
use jitsi_wire::xmpp::{Condition, Element, ErrorType, Jid, Node, StanzaError, ns};

use super::component::{Muc, Sender};
use super::disco::counterpart;
use super::frames::Departure;
use super::history::Wanted;
use super::occupant::Occupant;
use super::presence::{strip_presence, written};
use super::room::Room;
use super::visitor::LEAST;
use super::{Affiliation, Effect, FOCUS_NICK};

/// The owner of the bridge's own sources, to the clients.
const BRIDGE_NICK: &str = "jvb";

impl Muc {
    pub(super) fn on_presence(&mut self, sender: Sender<'_>, to: &Jid, stanza: Element) {
        let result = match stanza.attr("type") {
            None => self.on_available(sender, to, &stanza),
            Some("unavailable") => return self.on_unavailable(sender, to, stanza),
            // Subscriptions and errors mean nothing here.
            Some(_) => return,
        };
        if let Err(error) = result {
            self.reply(sender, &refusal(&stanza, &error));
        }
    }

    fn on_available(&mut self, sender: Sender<'_>, to: &Jid, stanza: &Element) -> Result<(), StanzaError> {
        let (Some(name), Some(nick)) = (&to.node, &to.resource) else {
            return Err(StanzaError::new(Condition::JidMalformed));
        };
        let room = self.rooms.get(name.as_str()).ok_or_else(room_does_not_exist)?;
        let known = room.by_session(sender.session).map(|o| o.nick.clone());
        let join = stanza.child_in("x", ns::MUC);
        let mut relayed = stanza.clone();
        strip_presence(&mut relayed);
        match (known, join) {
            (Some(own), _) if *own == **nick => self.update(sender, name, &own, join.is_some(), relayed),
            (Some(_), _) => Err(StanzaError::new(Condition::NotAllowed).with_text("A nick cannot be changed")),
            (None, None) => Err(StanzaError::new(Condition::ItemNotFound).with_text("You are not in this room")),
            (None, Some(join)) => {
                let mut occupant = self.introduced(sender, nick, spelled_address(stanza), &relayed)?;
                self.may_be_named(nick)?;
                self.visit(sender, name)?;
                occupant.set_affiliation(self.may_join(sender, name, &occupant, stanza, join)?);
                self.pay_to_enter(sender, name, occupant.presence.bytes())?;
                self.join(sender, name, occupant, Wanted::of(join, sender.wall), relayed);
                Ok(())
            }
        }
    }

    /// Somebody who has just sent a presence to a room or a lobby. `relayed` is what of it is relayed.
    pub(super) fn introduced(
        &self,
        sender: Sender<'_>,
        nick: &str,
        address: &str,
        relayed: &Element,
    ) -> Result<Occupant, StanzaError> {
        let mut occupant = Occupant::client(sender.session, sender.jid, address, nick);
        occupant.set_presence(relayed);
        self.limits.allow(&occupant.presence)?;
        Ok(occupant)
    }

    /// `^[a-zA-Z0-9][a-zA-Z0-9_]*$`, as Jitsi's deployments check it (`mod_muc_resource_validate`).
    pub(super) fn may_be_named(&self, nick: &str) -> Result<(), StanzaError> {
        let begins = nick.starts_with(|c: char| c.is_ascii_alphanumeric());
        let continues = nick.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !begins || !continues || nick.len() > self.limits.nick_bytes {
            return Err(StanzaError::new(Condition::NotAllowed).with_text("A nick has letters, digits and underscores"));
        }
        if nick == FOCUS_NICK || nick == BRIDGE_NICK {
            return Err(StanzaError::new(Condition::Conflict));
        }
        Ok(())
    }

    /// The affiliation with which somebody comes in.
    fn may_join(
        &mut self,
        sender: Sender<'_>,
        name: &str,
        occupant: &Occupant,
        stanza: &Element,
        join: &Element,
    ) -> Result<Affiliation, StanzaError> {
        let room = self.rooms.get(name).ok_or_else(room_does_not_exist)?;
        if room.by_nick(&occupant.nick).is_some() {
            return Err(StanzaError::new(Condition::Conflict));
        }
        let full = room.clients().count() >= self.limits.occupants;
        let admitted = room.admitted(&occupant.bare());
        let affiliation = room.affiliation_of(&occupant.bare());
        let key = key_of(room, join);
        let affiliation = match affiliation {
            Affiliation::Outcast => return Err(StanzaError::new(Condition::Forbidden)),
            Affiliation::Owner | Affiliation::Admin | Affiliation::Member => affiliation,
            Affiliation::None if admitted.is_some() => match (admitted, &room.lobby) {
                (None | Some(Affiliation::None), Some(_)) => Affiliation::Member,
                (admitted, _) => admitted.unwrap_or_default(),
            },
            Affiliation::None => {
                let lobby = room.lobby.as_ref().map(|_| counterpart(spelled_address(stanza), &self.lobbies));
                if matches!(key, Key::Right | Key::Wrong) {
                    self.guess(sender, name, key == Key::Right)?;
                }
                match (key, lobby) {
                    (Key::Right, Some(_)) => Affiliation::Member,
                    (Key::Right | Key::NoLock, None) => Affiliation::None,
                    (_, lobby) => {
                        return Err(lobby.map_or(StanzaError::new(Condition::NotAuthorized), registration_required));
                    }
                }
            }
        };
        if full {
            return Err(StanzaError::of(ErrorType::Wait, Condition::ServiceUnavailable));
        }
        Ok(affiliation)
    }

    fn guess(&mut self, sender: Sender<'_>, room: &str, is_right: bool) -> Result<(), StanzaError> {
        let (now, burst) = (sender.now, self.limits.attempts);
        self.visitor(sender).guesses.guess(now, is_right, burst)?;
        let Some(address) = sender.address else {
            return Ok(());
        };
        let burst = burst.saturating_mul(self.limits.guessers_of_network);
        self.guesses.of(now, address, room, burst).guess(now, is_right, burst)
    }

    /// Notes that the session is about to be in a room, unless it is in too many.
    pub(super) fn visit(&mut self, sender: Sender<'_>, name: &str) -> Result<(), StanzaError> {
        let visitor = self.visitors.of(sender, &self.limits);
        if visitor.rooms.iter().any(|room| **room == *name) {
            return Ok(());
        }
        if visitor.rooms.len() >= self.limits.rooms_per_session {
            // Rooms that it has left go first, with its standing in them.
            let (rooms, effects) = (&mut self.rooms, &mut self.effects);
            let bare = visitor.bare().to_owned();
            visitor.rooms.retain(|name| {
                let Some(room) = rooms.get_mut(name) else {
                    return false;
                };
                let stays = room.hosts(sender.session) || room.is_kept();
                if !stays {
                    room.disown(&bare, effects);
                }
                stays
            });
        }
        if visitor.rooms.len() >= self.limits.rooms_per_session {
            return Err(StanzaError::new(Condition::ResourceConstraint));
        }
        visitor.rooms.push(name.into());
        Ok(())
    }

    /// Everybody is told who comes in, and who comes in is told of everybody.
    fn pay_to_enter(&mut self, sender: Sender<'_>, name: &str, presence: usize) -> Result<(), StanzaError> {
        let others = self.rooms.get(name).map_or(0, Room::presence_bytes_each);
        let limits = self.limits;
        self.visitor(sender).broadcast(sender.now, presence.max(LEAST) + others, &limits)
    }

    fn join(&mut self, sender: Sender<'_>, name: &str, occupant: Occupant, wanted: Wanted, presence: Element) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        let (nick, affiliation) = (occupant.nick.clone(), occupant.affiliation());
        if affiliation != Affiliation::None {
            room.affiliate(&occupant.bare(), affiliation, "", "", &mut self.effects);
        }
        let starts = room.started.is_none() && room.clients().next().is_some();
        if starts {
            room.started = Some(unix_ms(sender.wall));
        }
        room.enter(occupant, wanted, &mut self.effects);
        if starts {
            // Those who were here read the room's start time again; the new one is about to read it anyway.
            room.announce_configuration(Some(sender.session), &mut self.effects);
        }
        let (room, session) = (name.into(), sender.session);
        self.effects.push_back(Effect::Joined { room, nick, session, presence, affiliation });
    }

    fn update(
        &mut self,
        sender: Sender<'_>,
        name: &str,
        nick: &str,
        again: bool,
        presence: Element,
    ) -> Result<(), StanzaError> {
        let limits = self.limits;
        let new = written(&presence);
        limits.allow(&new)?;
        if again {
            self.pay_to_enter(sender, name, new.bytes())?;
        } else {
            self.visitor(sender).broadcast(sender.now, new.bytes(), &limits)?;
        }
        let Some(room) = self.rooms.get_mut(name) else {
            return Ok(());
        };
        let Some(occupant) = room.by_session_mut(sender.session) else {
            return Ok(());
        };
        occupant.set_presence(&presence);
        if again && let Some(occupant) = room.by_nick(nick) {
            room.reenter(occupant, &mut self.effects);
        } else {
            room.announce(nick, &mut self.effects);
        }
        self.effects.push_back(Effect::Presence { room: name.into(), nick: nick.into(), presence });
        Ok(())
    }

    fn on_unavailable(&mut self, sender: Sender<'_>, to: &Jid, mut stanza: Element) {
        let Some(room) = to.node.as_deref().and_then(|name| self.rooms.get_mut(name)) else {
            return;
        };
        let Some(nick) = room.by_session(sender.session).map(|o| o.nick.clone()) else {
            return;
        };
        strip_presence(&mut stanza);
        let last = written(&stanza);
        let visitor = self.visitors.of(sender, &self.limits);
        // What is told of it has no attributes of the stanza, so its content must do without the prefixes declared there.
        let stands_alone = !stanza.attrs.iter().any(|(name, _)| name.starts_with("xmlns:"));
        let is_told = stands_alone
            && self.limits.allow(&last).is_ok()
            && visitor.pay(sender.now, last.children.len(), &self.limits);
        let why = Departure::Left(if is_told { &last.children } else { "" });
        room.depart(&nick, why, &mut self.effects);
    }
}

/// The password in a join against that of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    NoLock,
    Missing,
    Wrong,
    Right,
}

fn key_of(room: &Room, join: &Element) -> Key {
    match (&room.password, join.child_text("password")) {
        (None, _) => Key::NoLock,
        (Some(_), None) => Key::Missing,
        (Some(wanted), Some(given)) if is_same(wanted.as_bytes(), given.as_bytes()) => Key::Right,
        (Some(_), Some(_)) => Key::Wrong,
    }
}

/// Compares without telling by the time how much of it was right.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

fn room_does_not_exist() -> StanzaError {
    StanzaError::new(Condition::NotAllowed).with_extra(Element::in_ns("room-does-not-exist", ns::JITMEET))
}

/// Who is not a member is told where to wait.
fn registration_required(lobby: String) -> StanzaError {
    let lobby = Element::in_ns("lobbyroom", ns::JITMEET).with_text(lobby);
    StanzaError::new(Condition::RegistrationRequired).with_extra(lobby)
}

/// Clients look at the error only; the `x` says which kind of stanza was refused.
fn refusal(stanza: &Element, error: &StanzaError) -> Element {
    let mut reply = error_reply(stanza, error);
    reply.children.insert(0, Node::Element(Element::in_ns("x", ns::MUC)));
    if let Some(lobby) = error.extra.as_ref().filter(|extra| extra.is("lobbyroom", ns::JITMEET)) {
        // COMPAT(lib-jitsi-meet, 2022): it looks for the lobby beside the error, later ones look inside.
        reply.push(Element::new("lobbyroom").with_text(lobby.text()));
    }
    reply
}

/// The room's address as the client wrote it.
pub(super) fn spelled_address(stanza: &Element) -> &str {
    let to = stanza.attr("to").unwrap_or_default();
    to.split_once('/').map_or(to, |(bare, _)| bare)
}

fn unix_ms(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
