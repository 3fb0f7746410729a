//! Who is in a room, as the services see it.

use jitsi_wire::xmpp::{Element, Jid, ns};

use crate::c2s::SessionId;
use crate::muc::{Affiliation, Role, room_address};

/// Bytes of a display name that are kept.
const MAX_NAME: usize = 128;
/// Somebody who has just come.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    pub nick: &'a str,
    pub session: SessionId,
    /// Real full address.
    pub jid: &'a Jid,
    pub presence: &'a Element,
    pub affiliation: Affiliation,
    /// Unix milliseconds at which the meeting began, when it has begun.
    pub started: Option<u64>,
}

/// A client in a room.
#[derive(Debug)]
pub(super) struct Occupant {
    pub(super) nick: Box<str>,
    pub(super) session: SessionId,
    pub(super) jid: Jid,
    pub(super) affiliation: Affiliation,
    /// Display name.
    pub(super) name: Option<Box<str>>,
}

impl Occupant {
    pub(super) fn is_moderator(&self) -> bool {
        self.affiliation.role() == Role::Moderator
    }

    /// Real bare address.
    pub(super) fn bare(&self) -> String {
        self.jid.to_bare().to_string()
    }
}

/// A room and the clients in it, in order of joining.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: Box<str>,
    /// Bare address.
    pub(super) address: Box<str>,
    /// Unix milliseconds at which the meeting began.
    pub(super) started: Option<u64>,
    pub(super) occupants: Vec<Occupant>,
}

impl Room {
    pub(super) fn new(name: &str, domain: &str) -> Self {
        Self { name: name.into(), address: room_address(name, domain).into(), started: None, occupants: Vec::new() }
    }

    pub(super) fn by_nick(&self, nick: &str) -> Option<&Occupant> {
        self.occupants.iter().find(|o| &*o.nick == nick)
    }

    pub(super) fn by_session(&self, session: SessionId) -> Option<&Occupant> {
        self.occupants.iter().find(|o| o.session == session)
    }

    pub(super) fn moderators(&self) -> impl Iterator<Item = &Occupant> {
        self.occupants.iter().filter(|o| o.is_moderator())
    }

    /// The occupant with this address `ROOM/nick`.
    pub(super) fn by_address(&self, address: &str) -> Option<&Occupant> {
        let jid: Jid = address.parse().ok()?;
        if jid.to_bare().to_string() != *self.address {
            return None;
        }
        self.by_nick(jid.resource.as_deref()?)
    }

    /// Address of an occupant.
    pub(super) fn address_of(&self, nick: &str) -> String {
        format!("{}/{nick}", self.address)
    }

    /// Takes in who came; who was here with this nick or session is replaced.
    pub(super) fn enter(&mut self, arrival: &Arrival<'_>) {
        self.occupants.retain(|o| *o.nick != *arrival.nick && o.session != arrival.session);
        self.started = arrival.started;
        self.occupants.push(Occupant {
            nick: arrival.nick.into(),
            session: arrival.session,
            jid: arrival.jid.clone(),
            affiliation: arrival.affiliation,
            name: display_name(arrival.presence),
        });
    }

    pub(super) fn leave(&mut self, nick: &str) -> Option<Occupant> {
        let at = self.occupants.iter().position(|o| &*o.nick == nick)?;
        Some(self.occupants.remove(at))
    }

    pub(super) fn set_affiliation(&mut self, nick: &str, affiliation: Affiliation) {
        if let Some(occupant) = self.occupants.iter_mut().find(|o| &*o.nick == nick) {
            occupant.affiliation = affiliation;
        }
    }

    pub(super) fn rename(&mut self, nick: &str, presence: &Element) {
        if let Some(occupant) = self.occupants.iter_mut().find(|o| &*o.nick == nick) {
            occupant.name = display_name(presence);
        }
    }
}

fn display_name(presence: &Element) -> Option<Box<str>> {
    let name = presence.elements().find(|e| e.is("nick", ns::NICK))?.text();
    let mut end = name.len().min(MAX_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).filter(|name| !name.is_empty()).map(Into::into)
}
