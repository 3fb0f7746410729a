//! One occupant of a room or of its lobby.

use jitsi_wire::xmpp::xml::escape_attr;
use jitsi_wire::xmpp::{Element, Jid, ns};

use super::limits::cut;
use super::presence::{Presence, written};
use super::{Affiliation, FOCUS_NICK, Role, frames};
use crate::c2s::SessionId;

/// Bytes of a display name that are kept and told again.
const MAX_NAME: usize = 128;

/// A client, or the focus.
#[derive(Debug)]
pub(super) struct Occupant {
    pub(super) nick: Box<str>,
    /// Real full address.
    pub(super) jid: Jid,
    /// The same, as it stands in an attribute.
    pub(super) to: Box<str>,
    /// None for the focus.
    pub(super) session: Option<SessionId>,
    /// The room's bare address as this occupant spelled it, as it stands in an attribute; everything that the occupant gets
    /// from the room comes from there.
    pub(super) address: Box<str>,
    pub(super) presence: Presence,
    /// Display name, as its last presence had it.
    pub(super) name: Option<Box<str>>,
    affiliation: Affiliation,
    /// What everybody is told of its standing, already written.
    item: Box<str>,
}

impl Occupant {
    /// A client that comes in. `address` is the room's, as the client spelled it.
    pub(super) fn client(session: SessionId, jid: &Jid, address: &str, nick: &str) -> Self {
        let mut occupant = Self::named(jid, address, nick);
        occupant.session = Some(session);
        occupant
    }

    /// The focus, first occupant of every room.
    pub(super) fn focus(jid: &Jid, address: &str) -> Self {
        let mut focus = Self::named(jid, address, FOCUS_NICK);
        focus.set_affiliation(Affiliation::Owner);
        focus
    }

    pub(super) fn named(jid: &Jid, address: &str, nick: &str) -> Self {
        let mut occupant = Self {
            nick: nick.into(),
            jid: jid.clone(),
            to: escaped(&jid.to_string()),
            session: None,
            address: escaped(address),
            presence: Presence::default(),
            name: None,
            affiliation: Affiliation::None,
            item: Box::default(),
        };
        occupant.set_affiliation(Affiliation::None);
        occupant
    }

    /// What it says of itself from now on. `stanza` is what of its presence is relayed.
    pub(super) fn set_presence(&mut self, stanza: &Element) {
        self.presence = written(stanza);
        let name = stanza.child_in("nick", ns::NICK).map(Element::text).unwrap_or_default();
        self.name = Some(cut(name.trim(), MAX_NAME)).filter(|name| !name.is_empty()).map(Box::from);
    }

    pub(super) fn affiliation(&self) -> Affiliation {
        self.affiliation
    }

    pub(super) fn set_affiliation(&mut self, affiliation: Affiliation) {
        self.affiliation = affiliation;
        self.item = frames::item(affiliation, &self.to);
    }

    /// The `x` of `muc#user` in this occupant's presence, but for its status codes and its end.
    pub(super) fn item(&self) -> &str {
        &self.item
    }

    pub(super) fn role(&self) -> Role {
        self.affiliation.role()
    }

    pub(super) fn is_moderator(&self) -> bool {
        self.role() == Role::Moderator
    }

    pub(super) fn is_focus(&self) -> bool {
        self.session.is_none()
    }

    pub(super) fn bare(&self) -> String {
        self.jid.to_bare().to_string()
    }
}

fn escaped(address: &str) -> Box<str> {
    let mut out = String::with_capacity(address.len());
    escape_attr(address, &mut out);
    out.into()
}
