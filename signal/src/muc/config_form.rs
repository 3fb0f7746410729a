//! `muc#owner`: the room's configuration form (XEP-0045, 10.2), as much of it as clients use, and the end of a room.

use std::collections::VecDeque;

use jitsi_wire::xmpp::stanza::iq_result;
use jitsi_wire::xmpp::{Condition, Element, ErrorType, StanzaError, ns};

use super::Effect;
use super::component::Sender;
use super::room::{Departure, Room};

/// Bytes of a room's password.
const MAX_PASSWORD: usize = 256;

/// A get or set from an owner.
pub(super) fn handle(
    room: &mut Room,
    sender: Sender<'_>,
    iq: &Element,
    query: &Element,
    effects: &mut VecDeque<Effect>,
) -> Result<(), StanzaError> {
    let mut answer = |answer: Element| {
        effects.push_back(Effect::Send { session: sender.session, frame: answer.to_string() });
    };
    if iq.attr("type") == Some("get") {
        answer(iq_result(iq).with_child(form(room)));
        return Ok(());
    }
    if let Some(destroy) = query.child_in("destroy", ns::MUC_OWNER) {
        answer(iq_result(iq));
        let reason = destroy.child_text("reason").unwrap_or_default();
        end(room, &reason, effects);
        return Ok(());
    }
    let submitted = query.child_in("x", ns::DATA_FORMS).ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    if submitted.attr("type") == Some("cancel") {
        answer(iq_result(iq));
        return Ok(());
    }
    let password = password_after(room, submitted)?;
    answer(iq_result(iq));
    room.password = password;
    room.announce_configuration(None, effects);
    Ok(())
}

/// Sends everybody away. The focus hears of each and then ends the room itself.
fn end(room: &mut Room, reason: &str, effects: &mut VecDeque<Effect>) {
    let nicks: Vec<Box<str>> = room.clients().map(|o| o.nick.clone()).collect();
    for nick in nicks {
        room.depart(&nick, Departure::Destroyed { reason }, effects);
    }
    // Whoever comes before the focus has ended the room finds another one.
    room.password = None;
    room.subject = None;
    room.started = None;
    room.affiliations.clear();
    room.authors.clear();
}

fn form(room: &Room) -> Element {
    let password = room.password.as_deref().unwrap_or_default();
    let locked = if password.is_empty() { "0" } else { "1" };
    let fields = [
        ("FORM_TYPE", "hidden", ns::MUC_ROOMCONFIG),
        ("muc#roomconfig_roomname", "text-single", ""),
        ("muc#roomconfig_whois", "list-single", "anyone"),
        ("muc#roomconfig_membersonly", "boolean", "0"),
        ("muc#roomconfig_passwordprotectedroom", "boolean", locked),
        ("muc#roomconfig_roomsecret", "text-private", password),
        ("muc#roominfo_meetingId", "text-single", &room.meeting_id),
        ("muc#roominfo_isbreakout", "boolean", "0"),
        ("muc#roominfo_breakout_main_room", "text-single", ""),
    ];
    let fields = fields.map(|(var, kind, value)| {
        Element::new("field")
            .with_attr("var", var)
            .with_attr("type", kind)
            .with_child(Element::new("value").with_text(value))
    });
    Element::in_ns("query", ns::MUC_OWNER)
        .with_child(Element::in_ns("x", ns::DATA_FORMS).with_attr("type", "form").with_children(fields))
}

/// The password that the room has after this submit. Fields that are not in it keep their value.
fn password_after(room: &Room, submitted: &Element) -> Result<Option<Box<str>>, StanzaError> {
    let value = |var: &str| {
        submitted
            .children_in("field", ns::DATA_FORMS)
            .find(|field| field.attr("var") == Some(var))
            .map(|field| field.child_text("value").unwrap_or_default())
    };
    let flag = |var: &str| value(var).map(|v| matches!(v.trim(), "1" | "true"));
    if value("FORM_TYPE").is_some_and(|kind| kind != ns::MUC_ROOMCONFIG) {
        return Err(StanzaError::new(Condition::BadRequest));
    }
    if flag("muc#roomconfig_membersonly") == Some(true) {
        return Err(
            StanzaError::of(ErrorType::Cancel, Condition::NotAllowed).with_text("There is no lobby on this server")
        );
    }
    let secret = value("muc#roomconfig_roomsecret");
    if secret.as_ref().is_some_and(|s| s.len() > MAX_PASSWORD) {
        return Err(StanzaError::new(Condition::NotAcceptable).with_text("This password is too long"));
    }
    let secret = match secret {
        Some(secret) => (!secret.is_empty()).then(|| secret.into_boxed_str()),
        None => room.password.clone(),
    };
    match flag("muc#roomconfig_passwordprotectedroom") {
        Some(false) => Ok(None),
        _ => Ok(secret),
    }
}
