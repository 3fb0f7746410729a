//! Where people wait until somebody lets them in (XEP-0045 knows no such thing; Jitsi's `mod_muc_lobby_rooms` made it up).
//!
//! To a client a lobby is a room. Who waits sees nobody but itself and hears nobody but the moderators; the moderators of
//! the meeting come in too, and see who waits.

use std::collections::VecDeque;

use jitsi_wire::xmpp::{Element, ns};

use super::Effect;
use super::disco::counterpart;
use super::frames::{self, Departure, Farewell, Relayed, send};
use super::occupant::Occupant;
use crate::c2s::SessionId;

/// The lobby of one room. Its owners are those of the room; whoever else is in it waits.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    /// In order of arrival.
    occupants: Vec<Occupant>,
}

impl Lobby {
    pub(super) fn by_nick(&self, nick: &str) -> Option<&Occupant> {
        self.occupants.iter().find(|o| &*o.nick == nick)
    }

    pub(super) fn by_session(&self, session: SessionId) -> Option<&Occupant> {
        self.occupants.iter().find(|o| o.session == Some(session))
    }

    pub(super) fn by_session_mut(&mut self, session: SessionId) -> Option<&mut Occupant> {
        self.occupants.iter_mut().find(|o| o.session == Some(session))
    }

    /// Those who wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Occupant> {
        self.occupants.iter().filter(|o| !o.is_moderator())
    }

    /// Adds somebody; tells the new one whom it sees, itself last, and those who see it.
    pub(super) fn enter(&mut self, occupant: Occupant, effects: &mut VecDeque<Effect>) {
        let nick = occupant.nick.clone();
        self.occupants.push(occupant);
        let Some(new) = self.by_nick(&nick) else {
            return;
        };
        self.present(new, effects);
        for to in self.occupants.iter().filter(|to| to.nick != nick && sees(to, new)) {
            send(effects, to, frames::presence(new, to));
        }
    }

    /// Tells an occupant whom it sees, itself last.
    pub(super) fn present(&self, to: &Occupant, effects: &mut VecDeque<Effect>) {
        for of in self.occupants.iter().filter(|of| of.nick != to.nick && sees(to, of)) {
            send(effects, to, frames::presence(of, to));
        }
        send(effects, to, frames::presence(to, to));
    }

    /// Tells everybody who sees it the presence of `nick`.
    pub(super) fn announce(&self, nick: &str, effects: &mut VecDeque<Effect>) {
        let Some(of) = self.by_nick(nick) else {
            return;
        };
        for to in self.occupants.iter().filter(|to| sees(to, of)) {
            send(effects, to, frames::presence(of, to));
        }
    }

    /// Removes a session and tells those who saw it, itself included when it can still hear.
    pub(super) fn depart(&mut self, session: SessionId, why: Departure<'_>, effects: &mut VecDeque<Effect>) {
        if let Some(at) = self.occupants.iter().position(|o| o.session == Some(session)) {
            self.remove(at, why, effects);
        }
    }

    /// Removes whoever has this bare address.
    pub(super) fn depart_address(&mut self, bare: &str, why: Departure<'_>, effects: &mut VecDeque<Effect>) {
        while let Some(at) = self.occupants.iter().position(|o| o.bare() == bare) {
            self.remove(at, why, effects);
        }
    }

    fn remove(&mut self, at: usize, why: Departure<'_>, effects: &mut VecDeque<Effect>) {
        let gone = self.occupants.remove(at);
        let farewell = Farewell::of(&gone, why);
        if !matches!(why, Departure::Lost) {
            send(effects, &gone, farewell.to(&gone));
        }
        if !matches!(why, Departure::Destroyed { .. }) {
            for to in self.occupants.iter().filter(|to| sees(to, &gone)) {
                send(effects, to, farewell.to(to));
            }
        }
    }

    /// For somebody who moderates no more there is no lobby: its client forgets those who wait, and is ready to come in
    /// again should it moderate again.
    pub(super) fn dismiss(&mut self, bare: &str, effects: &mut VecDeque<Effect>) {
        while let Some(at) = self.occupants.iter().position(|o| o.is_moderator() && o.bare() == bare) {
            self.remove(at, Departure::Destroyed { reason: "", next: None }, effects);
        }
    }

    /// Sends everybody away: into the room, whose domain is given, or home.
    pub(super) fn close(&mut self, reason: &str, domain: Option<&str>, effects: &mut VecDeque<Effect>) {
        for gone in std::mem::take(&mut self.occupants) {
            let next = domain.map(|domain| room_address(&gone, domain));
            let why = Departure::Destroyed { reason, next: next.as_deref() };
            send(effects, &gone, Farewell::of(&gone, why).to(&gone));
        }
    }

    /// A message to all: to those who wait from a moderator, and to the moderators from whoever waits.
    pub(super) fn say(&self, from: &Occupant, stanza: &Element, effects: &mut VecDeque<Effect>) {
        let relayed = Relayed::new(stanza);
        for to in self.occupants.iter().filter(|to| hears(to, from)) {
            send(effects, to, relayed.frame(&from.nick, to));
        }
    }

    /// Tells somebody who waits that it may come in.
    pub(super) fn invite(&self, guest: &Occupant, actor: &str, domain: &str, effects: &mut VecDeque<Effect>) {
        let room = room_address(guest, domain);
        let invite = Element::new("invite").with_attr("from", format!("{room}/{actor}"));
        let invitation = Element::in_ns("message", ns::CLIENT)
            .with_attr("from", room)
            .with_attr("to", guest.jid.to_string())
            .with_child(Element::in_ns("x", ns::MUC_USER).with_child(invite));
        send(effects, guest, invitation.to_string());
    }
}

fn sees(to: &Occupant, of: &Occupant) -> bool {
    of.nick == to.nick || to.is_moderator() && !of.is_moderator()
}

/// Nobody who waits hears anybody but the moderators.
pub(super) fn hears(to: &Occupant, from: &Occupant) -> bool {
    to.is_moderator() || from.is_moderator()
}

/// The address of the room at `domain` whose lobby this occupant is in, spelled as it spelled the lobby's.
fn room_address(occupant: &Occupant, domain: &str) -> String {
    // Nodes have no characters that are escaped in an attribute.
    counterpart(&occupant.address, domain)
}
