//! Where the services put what they say.

use std::collections::VecDeque;
use std::time::Instant;

use jitsi_wire::xmpp::ns;
use jitsi_wire::xmpp::xml::{escape_attr, escape_text};
use serde_json::Value;

use super::room::{Occupant, Room};
use super::{Component, Output};

/// What happens when, and what is to be done about it.
pub(super) struct Outbox<'a> {
    pub(super) domain: &'a str,
    pub(super) now: Instant,
    pub(super) outputs: &'a mut VecDeque<Output>,
}

impl Outbox<'_> {
    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// A JSON message of a room itself to one occupant.
    pub(super) fn tell_from_room(&mut self, room: &Room, to: &Occupant, json: &Value) {
        let frame = frame(&room.address, &to.jid.to_string(), &json_message(json, None));
        self.push(Output::Send { session: to.session, frame });
    }

    /// A JSON message of a service to some occupants.
    pub(super) fn tell<'o>(&mut self, from: Component, to: impl IntoIterator<Item = &'o Occupant>, json: &Value) {
        self.tell_raw(from, to, &json_message(json, None));
    }

    /// The same for a `json-message` that is written already.
    pub(super) fn tell_raw<'o>(&mut self, from: Component, to: impl IntoIterator<Item = &'o Occupant>, message: &str) {
        let from = from.address(self.domain);
        for occupant in to {
            let frame = frame(&from, &occupant.jid.to_string(), message);
            self.push(Output::Send { session: occupant.session, frame });
        }
    }
}

/// `json-message` with this content; some name the room that they are about.
pub(super) fn json_message(json: &Value, room: Option<&str>) -> String {
    let mut message = format!("<json-message xmlns='{}'", ns::JITMEET);
    if let Some(room) = room {
        message.push_str(" room='");
        escape_attr(room, &mut message);
        message.push('\'');
    }
    message.push('>');
    escape_text(&json.to_string(), &mut message);
    message.push_str("</json-message>");
    message
}

fn frame(from: &str, to: &str, children: &str) -> String {
    let mut frame = String::with_capacity(children.len() + 128);
    frame.push_str("<message xmlns='jabber:client' from='");
    escape_attr(from, &mut frame);
    frame.push_str("' to='");
    escape_attr(to, &mut frame);
    frame.push_str("'>");
    frame.push_str(children);
    frame.push_str("</message>");
    frame
}
