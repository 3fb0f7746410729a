//! What the services that ride on rooms ask of them.

use std::collections::BTreeMap;

use jitsi_wire::xmpp::Element;

use super::component::Muc;
use super::disco::{self, counterpart};
use super::frames::{Departure, send};
use super::occupant::Occupant;
use super::room::{Room, Subject};
use super::{Affiliation, ChatRestrictions, FOCUS_NICK};

/// Addresses that are let in and have not come yet.
const MAX_ADMITTED: usize = 1000;

/// A message of a service that everybody who joins gets before its own presence.
#[derive(Debug)]
pub(super) struct Preface {
    /// Address of the service.
    from: Box<str>,
    /// What is in the message, already written.
    children: Box<str>,
}

impl Preface {
    pub(super) fn frame(&self, to: &Occupant) -> String {
        let start = "<message xmlns='jabber:client' from='";
        [start, &self.from, "' to='", &to.to, "'>", &self.children, "</message>"].concat()
    }
}

/// What a room has to do with breakout rooms.
#[derive(Debug, Default)]
pub(super) struct Breakout {
    /// Address of its main room, when it is a breakout room itself.
    main: Option<Box<str>>,
    /// People are in its breakout rooms and may come back.
    kept: bool,
    /// Who is let in because it is a member of the meeting, by bare address, until it comes.
    admitted: BTreeMap<Box<str>, Affiliation>,
}

impl Room {
    /// Address of the main room when this is a breakout room.
    pub(super) fn main(&self) -> Option<&str> {
        self.breakout.as_ref()?.main.as_deref()
    }

    /// People are elsewhere and may come back, to the standing that they had.
    pub(super) fn is_kept(&self) -> bool {
        self.breakout.as_ref().is_some_and(|breakout| breakout.kept)
    }

    /// The meeting lets this address in.
    pub(super) fn admitted(&self, bare: &str) -> Option<Affiliation> {
        self.breakout.as_ref()?.admitted.get(bare).copied()
    }
}

/// The lobby of the main room is that of its breakout rooms as well: a moderator who is there lets people in from there.
impl Muc {
    /// disco#info of a room.
    pub(super) fn about(&self, name: &str, iq: &Element) -> Option<Element> {
        let room = self.rooms.get(name)?;
        let (main, address) = match room.main() {
            Some(address) => (self.rooms.get(node(address))?, address),
            None => (room, iq.attr("to").unwrap_or_default()),
        };
        let lobby = main.lobby.as_ref().map(|_| counterpart(address, &self.lobbies));
        Some(disco::room(room, iq, lobby.as_deref()))
    }

    /// Tells those in the breakout rooms of a room that they should read again what it is.
    pub(super) fn announce_to_breakouts(&mut self, main: &str) {
        for room in self.rooms.values().filter(|room| room.main().is_some_and(|address| node(address) == main)) {
            room.announce_configuration(None, &mut self.effects);
        }
    }
}

fn node(address: &str) -> &str {
    address.split_once('@').map_or(address, |(node, _)| node)
}

impl Muc {
    /// Unix milliseconds at which the meeting in a room began, when it has begun.
    pub fn started(&self, room: &str) -> Option<u64> {
        self.rooms.get(room)?.started
    }

    /// Whoever joins from now on gets this from a service before its own presence. `children` are written already.
    pub fn set_preface(&mut self, room: &str, from: &str, children: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.preface = Some(Box::new(Preface { from: from.into(), children: children.into() }));
        }
    }

    /// What only moderators write from now on.
    pub fn restrict_chat(&mut self, room: &str, restrictions: ChatRestrictions) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.chat_restrictions = restrictions;
        }
    }

    pub fn set_subject(&mut self, room: &str, text: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.subject = Some(Box::new(Subject { nick: FOCUS_NICK.into(), text: text.into() }));
            for to in room.clients() {
                send(&mut self.effects, to, room.subject_frame(to));
            }
        }
    }

    /// The room is a breakout room of the one at this address.
    pub fn set_main(&mut self, room: &str, main: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.breakout.get_or_insert_default().main = Some(main.into());
        }
    }

    /// Whether people are in the breakout rooms of a room and may come back.
    pub fn keep(&mut self, room: &str, kept: bool) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.breakout.get_or_insert_default().kept = kept;
        }
    }

    /// Whether an address is let in without password and past the lobby, and with which standing.
    pub fn admit(&mut self, room: &str, bare: &str, affiliation: Option<Affiliation>) {
        let Some(room) = self.rooms.get_mut(room).filter(|room| affiliation.is_some() || room.breakout.is_some())
        else {
            return;
        };
        let admitted = &mut room.breakout.get_or_insert_default().admitted;
        match affiliation {
            Some(affiliation) if admitted.len() < MAX_ADMITTED || admitted.contains_key(bare) => {
                admitted.insert(bare.into(), affiliation);
            }
            Some(_) => {}
            None => drop(admitted.remove(bare)),
        }
    }

    /// An address was given this standing in another room of the meeting.
    pub fn affiliate(&mut self, room: &str, bare: &str, affiliation: Affiliation) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.affiliate(bare, affiliation, FOCUS_NICK, "", &mut self.effects);
        }
    }

    /// An address was sent away from another room of the meeting: should it be here as well, it goes from here too.
    pub fn disown(&mut self, room: &str, bare: &str) {
        let Some(room) = self.rooms.get_mut(room) else {
            return;
        };
        let here: Vec<Box<str>> = room.clients().filter(|o| o.bare() == bare).map(|o| o.nick.clone()).collect();
        for nick in here {
            room.depart(&nick, Departure::Kicked { actor: FOCUS_NICK, reason: "" }, &mut self.effects);
        }
        room.disown(bare, &mut self.effects);
    }

    /// Ends a meeting for everybody in it. The focus hears of each and then ends the room itself.
    pub fn end(&mut self, room: &str, reason: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.end(reason, None, &mut self.effects);
        }
    }

    /// Ends a breakout room. Whoever is in it may go on in the room `next`.
    pub fn close(&mut self, room: &str, reason: &str, next: Option<&str>) {
        if let Some(mut room) = self.rooms.remove(room) {
            room.end(reason, next, &mut self.effects);
        }
    }
}
