//! Rooms: occupants, their roles and presences, messages between them, the room's configuration (XEP-0045 as Jitsi's
//! clients use it). Pure.
//!
//! [`Muc`] holds every room. Orders and stanzas go in; [`Effect`]s come out of [`Muc::poll`] in the order in which they
//! must happen. Only the focus makes and ends rooms, and it is the first occupant of each. A room may have a lobby, where
//! those wait whom somebody must let in.

mod address;
mod admin;
mod attempts;
mod component;
mod config_form;
mod disco;
mod frames;
mod history;
mod invite;
mod join;
mod limits;
mod lobby;
mod lobby_component;
mod messages;
mod occupant;
mod presence;
mod rights;
mod room;
mod services;
mod visitor;

#[cfg(test)]
mod tests;

use jitsi_wire::xmpp::Element;

use crate::c2s::SessionId;

pub use address::{is_breakout, room_address, room_key};
pub use component::{Muc, Sender};
pub use limits::MucLimits;
pub use rights::{Affiliation, ChatRestrictions, Role};

/// The nick of the focus. Clients take any Jingle session with another peer for a call between two.
pub const FOCUS_NICK: &str = "focus";

/// Something to do or to know, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send this frame to the session.
    Send { session: SessionId, frame: String },
    /// An occupant is in the room and everybody was told. `presence` is what it sent, without the parts that are not relayed.
    Joined { room: Box<str>, nick: Box<str>, session: SessionId, presence: Element, affiliation: Affiliation },
    /// An occupant's presence was replaced and relayed.
    Presence { room: Box<str>, nick: Box<str>, presence: Element },
    /// An occupant is gone and everybody was told. `returns`: it may come back, because nobody sent it away and its stream
    /// is there.
    Left { room: Box<str>, nick: Box<str>, session: SessionId, returns: bool },
    /// An occupant told everybody an event of the application, in JSON.
    Json { room: Box<str>, nick: Box<str>, text: String },
    /// An occupant wrote this to everybody.
    Said { room: Box<str>, nick: Box<str>, text: String },
    /// The meeting in a room is over and everybody is gone. The room itself may stay for a while.
    Ended { room: Box<str>, reason: Box<str> },
    /// A get or set to the focus occupant.
    FocusIq { room: Box<str>, nick: Box<str>, iq: Element },
    /// The answer to an IQ of the focus occupant.
    FocusReply { room: Box<str>, nick: Box<str>, iq: Element },
    /// An occupant's affiliation changed and everybody was told.
    AffiliationChanged { room: Box<str>, nick: Box<str>, affiliation: Affiliation },
    /// Somebody in the room, or the focus, gave this standing to a bare address, whether it is in the room or not.
    Affiliated { room: Box<str>, bare: Box<str>, affiliation: Affiliation },
}
