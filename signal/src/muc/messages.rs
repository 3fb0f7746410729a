//! Messages: to all, to one, the subject, invitations.

use std::collections::VecDeque;
use std::time::SystemTime;

use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns};

use super::component::Sender;
use super::frames::{self, Relayed, send};
use super::limits::MucLimits;
use super::occupant::Occupant;
use super::presence::strip_message;
use super::room::{Room, Subject};
use super::visitor::{LEAST, Visitor};
use super::{Effect, invite};

/// Bytes of a subject, which is kept.
const MAX_SUBJECT: usize = 1024;

/// Relays a message to a room or one of its occupants, or says why not.
pub(super) fn relay(
    room: &mut Room,
    visitor: &mut Visitor,
    sender: Sender<'_>,
    to: &Jid,
    stanza: &Element,
    limits: &MucLimits,
    effects: &mut VecDeque<Effect>,
) -> Result<(), StanzaError> {
    let kind = stanza.attr("type");
    if let (None, None | Some("normal"), Some(x)) = (&to.resource, kind, stanza.child_in("x", ns::MUC_USER)) {
        return invite::admit(room, visitor, sender, to, x, limits, effects);
    }
    let author = room.by_session(sender.session).ok_or_else(|| StanzaError::new(Condition::NotAcceptable))?;
    may_say(visitor, sender, stanza, limits)?;
    let nick = author.nick.clone();
    match (&to.resource, kind) {
        (None, Some("groupchat")) => to_all(room, sender.wall, &nick, stanza, limits, effects),
        (Some(_), Some("groupchat")) => Err(StanzaError::new(Condition::BadRequest)),
        (Some(other), _) => to_one(room, &nick, other, stanza, effects),
        // Requests for voice and the like.
        (None, _) => Err(StanzaError::new(Condition::ServiceUnavailable)),
    }
}

/// Size and pace of what somebody writes. People read the text of the error.
pub(super) fn may_say(
    visitor: &mut Visitor,
    sender: Sender<'_>,
    stanza: &Element,
    limits: &MucLimits,
) -> Result<(), StanzaError> {
    let bytes = stanza.to_string().len();
    if bytes > limits.message_bytes {
        return Err(StanzaError::new(Condition::PolicyViolation).with_text("This message is too large"));
    }
    if stanza.children_named("body").map(|body| body.text().len()).sum::<usize>() > limits.chat_bytes {
        return Err(StanzaError::new(Condition::PolicyViolation).with_text("This message is too long"));
    }
    let too_fast = || StanzaError::new(Condition::ResourceConstraint).with_text("You send messages too fast");
    let is_chat = stanza.child("body").is_some() || stanza.child_in("reactions", ns::REACTIONS).is_some();
    if is_chat && !visitor.chat(sender.now, limits) {
        return Err(too_fast());
    }
    let to_all = stanza.attr("type") == Some("groupchat");
    if !visitor.pay(sender.now, if to_all { bytes.max(LEAST) } else { bytes }, limits) {
        return Err(too_fast());
    }
    Ok(())
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
    let from = room.by_nick(nick).ok_or_else(|| StanzaError::new(Condition::NotAcceptable))?;
    if room.chat_restrictions.private && !from.is_moderator() && stanza.child("body").is_some() {
        return Err(StanzaError::new(Condition::NotAllowed).with_text("Only moderators write to single people here"));
    }
    let mut stanza = stanza.clone();
    strip_message(&mut stanza, false);
    send(effects, to, frames::relayed(&stanza, from, to));
    Ok(())
}

fn to_all(
    room: &mut Room,
    at: SystemTime,
    nick: &str,
    stanza: &Element,
    limits: &MucLimits,
    effects: &mut VecDeque<Effect>,
) -> Result<(), StanzaError> {
    let from = room.by_nick(nick).ok_or_else(|| StanzaError::new(Condition::NotAcceptable))?;
    if room.chat_restrictions.group && !from.is_moderator() && stanza.child("body").is_some() {
        return Err(StanzaError::new(Condition::NotAllowed).with_text("Only moderators write to everybody here"));
    }
    let retracted = stanza.child_in("retract", ns::RETRACT).map(|retract| retract.attr("id").unwrap_or_default());
    let subject = stanza.child("subject").filter(|_| stanza.child("body").is_none());
    if let Some(subject) = subject {
        may_set_subject(from, &subject.text())?;
    }
    if let Some(id) = retracted {
        may_retract(room, from, id)?;
    }
    let mut relayed = stanza.clone();
    strip_message(&mut relayed, true);
    if relayed.attr("id").is_none_or(str::is_empty) && relayed.child("body").is_some() {
        // Clients answer to and take back messages by their ids, and make up different ones where there is none.
        let id = room.next_id();
        relayed.set_attr("id", id);
    }
    if let Some(subject) = subject.map(Element::text) {
        room.subject = (!subject.is_empty()).then(|| Box::new(Subject { nick: nick.into(), text: subject.into() }));
    }
    let frame = Relayed::new(&relayed);
    for to in room.clients() {
        send(effects, to, frame.frame(nick, to));
    }
    if let Some(json) = relayed.child_in("json-message", ns::JITMEET) {
        effects.push_back(Effect::Json { room: room.name.clone(), nick: nick.into(), text: json.text() });
    }
    if let Some(body) = relayed.child("body").filter(|_| retracted.is_none()) {
        effects.push_back(Effect::Said { room: room.name.clone(), nick: nick.into(), text: body.text() });
    }
    if let Some(id) = retracted {
        room.history.retract(id);
    } else if is_worth_remembering(&relayed)
        && let Some(from) = room.occupants.iter().find(|o| &*o.nick == nick)
    {
        room.history.remember(at, from, &relayed, limits);
    }
    Ok(())
}

fn may_set_subject(from: &Occupant, text: &str) -> Result<(), StanzaError> {
    if !from.is_moderator() {
        return Err(StanzaError::new(Condition::Forbidden).with_text("Only a moderator sets the subject"));
    }
    if text.len() > MAX_SUBJECT {
        return Err(StanzaError::new(Condition::NotAcceptable).with_text("This subject is too long"));
    }
    Ok(())
}

fn may_retract(room: &Room, from: &Occupant, id: &str) -> Result<(), StanzaError> {
    if from.is_moderator() || room.history.is_author(id, &from.bare()) {
        return Ok(());
    }
    Err(StanzaError::new(Condition::Forbidden).with_text("Only its author or a moderator retracts a message"))
}

/// What people wrote and how they reacted; events of the application are for those who are here.
fn is_worth_remembering(message: &Element) -> bool {
    let is_event = message.child("json-message").is_some();
    let is_said = message.child("body").is_some() || message.child_in("reactions", ns::REACTIONS).is_some();
    is_said && !is_event
}
