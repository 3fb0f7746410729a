//! Messages: to all, to one, the subject.

use std::collections::VecDeque;

use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns};

use super::Effect;
use super::component::{MucLimits, Sender};
use super::presence::strip_message;
use super::room::{Occupant, Room, Subject, relay_frame, send};

/// Bytes of a subject, which is kept.
const MAX_SUBJECT: usize = 1024;

/// Relays a message of an occupant, or says why not.
pub(super) fn relay(
    room: &mut Room,
    sender: Sender<'_>,
    to: &Jid,
    stanza: &Element,
    limits: &MucLimits,
    effects: &mut VecDeque<Effect>,
) -> Result<(), StanzaError> {
    let nick = room
        .by_session(sender.session)
        .map(|o| o.nick.clone())
        .ok_or_else(|| StanzaError::new(Condition::NotAcceptable))?;
    if stanza.to_string().len() > limits.message_bytes {
        return Err(StanzaError::new(Condition::PolicyViolation).with_text("This message is too large"));
    }
    match (&to.resource, stanza.attr("type")) {
        (None, Some("groupchat")) => to_all(room, &nick, stanza, effects),
        (Some(_), Some("groupchat")) => Err(StanzaError::new(Condition::BadRequest)),
        (Some(other), _) => to_one(room, &nick, other, stanza, effects),
        // Invitations and requests for voice.
        (None, _) => Err(StanzaError::new(Condition::ServiceUnavailable)),
    }
}

fn to_one(
    room: &Room,
    nick: &str,
    other: &str,
    stanza: &Element,
    effects: &mut VecDeque<Effect>,
) -> Result<(), StanzaError> {
    let to = room.by_nick(other).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
    if to.is_focus() {
        return Err(StanzaError::new(Condition::ServiceUnavailable));
    }
    let mut stanza = stanza.clone();
    strip_message(&mut stanza, false);
    if let Some(from) = room.by_nick(nick) {
        send(effects, to, relay_frame(&stanza, from, to));
    }
    Ok(())
}

fn to_all(room: &mut Room, nick: &str, stanza: &Element, effects: &mut VecDeque<Effect>) -> Result<(), StanzaError> {
    let from = room.by_nick(nick).ok_or_else(|| StanzaError::new(Condition::NotAcceptable))?;
    if let Some(subject) = stanza.child("subject").filter(|_| stanza.child("body").is_none()) {
        if !from.is_moderator() {
            return Err(StanzaError::new(Condition::Forbidden).with_text("Only a moderator sets the subject"));
        }
        let text = subject.text();
        if text.len() > MAX_SUBJECT {
            return Err(StanzaError::new(Condition::NotAcceptable).with_text("This subject is too long"));
        }
        room.subject = (!text.is_empty()).then(|| Box::new(Subject { nick: nick.into(), text: text.into() }));
    } else if let Some(retract) = stanza.elements().find(|e| e.is("retract", ns::RETRACT))
        && !may_retract(room, from, retract.attr("id").unwrap_or_default())
    {
        return Err(
            StanzaError::new(Condition::Forbidden).with_text("Only its author or a moderator retracts a message")
        );
    }
    let mut relayed = stanza.clone();
    strip_message(&mut relayed, true);
    let Some(from) = room.by_nick(nick) else {
        return Ok(());
    };
    for to in room.clients() {
        send(effects, to, relay_frame(&relayed, from, to));
    }
    let author = from.bare();
    if stanza.child("body").is_some() {
        room.remember_author(stanza.attr("id").unwrap_or_default(), &author);
    }
    Ok(())
}

fn may_retract(room: &Room, from: &Occupant, id: &str) -> bool {
    let author = from.bare();
    from.is_moderator() || room.authors.iter().any(|(i, a)| **i == *id && **a == *author)
}
