//! `muc#owner`: the room's configuration form (XEP-0045, 10.2), as much of it as clients use: password, lobby, and the end
//! of a room.

use std::collections::VecDeque;

use jitsi_wire::xmpp::stanza::iq_result;
use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};
use serde_json::json;

use super::Effect;
use super::component::Sender;
use super::limits::reason_of;
use super::room::Room;

/// Bytes of a room's password.
const MAX_PASSWORD: usize = 256;

/// A get or set from an owner. `domain` is that of rooms.
pub(super) fn handle(
    room: &mut Room,
    sender: Sender<'_>,
    iq: &Element,
    query: &Element,
    domain: &str,
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
        room.end(&reason_of(destroy), None, effects);
        return Ok(());
    }
    let submitted = query.child_in("x", ns::DATA_FORMS).ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    if submitted.attr("type") == Some("cancel") {
        answer(iq_result(iq));
        return Ok(());
    }
    let submitted = Submitted(submitted);
    if submitted.value("FORM_TYPE").is_some_and(|kind| kind != ns::MUC_ROOMCONFIG) {
        return Err(StanzaError::new(Condition::BadRequest));
    }
    let password = password_after(room, &submitted)?;
    answer(iq_result(iq));
    room.password = password;
    // The door of a breakout room is that of its main room.
    if let Some(wanted) = submitted.flag("muc#roomconfig_membersonly").filter(|_| room.main().is_none()) {
        set_members_only(room, sender, wanted, domain, effects);
    }
    room.announce_configuration(None, effects);
    Ok(())
}

/// Opens or closes the lobby, and tells everybody who did.
fn set_members_only(room: &mut Room, sender: Sender<'_>, wanted: bool, domain: &str, effects: &mut VecDeque<Effect>) {
    if wanted == room.lobby.is_some() {
        return;
    }
    if wanted {
        room.open_lobby();
    } else {
        room.close_lobby("The lobby is closed", Some(domain), effects);
    }
    if let Some(actor) = room.by_session(sender.session).map(|o| o.nick.clone()) {
        let notice = json!({ "type": "lobby-notify", "event": "LOBBY-ENABLED", "value": wanted });
        room.announce_json(&actor, &notice, effects);
    }
}

fn form(room: &Room) -> Element {
    let password = room.password.as_deref().unwrap_or_default();
    let locked = if password.is_empty() { "0" } else { "1" };
    let members_only = if room.lobby.is_some() { "1" } else { "0" };
    let fields = [
        ("FORM_TYPE", "hidden", ns::MUC_ROOMCONFIG),
        ("muc#roomconfig_roomname", "text-single", ""),
        ("muc#roomconfig_whois", "list-single", "anyone"),
        ("muc#roomconfig_membersonly", "boolean", members_only),
        ("muc#roomconfig_passwordprotectedroom", "boolean", locked),
        ("muc#roomconfig_roomsecret", "text-private", password),
        ("muc#roominfo_meetingId", "text-single", &room.meeting_id),
    ];
    let main = room.main().map(|main| {
        [("muc#roominfo_isbreakout", "boolean", "1"), ("muc#roominfo_breakout_main_room", "text-single", main)]
    });
    let fields = fields.into_iter().chain(main.into_iter().flatten()).map(|(var, kind, value)| {
        Element::new("field")
            .with_attr("var", var)
            .with_attr("type", kind)
            .with_child(Element::new("value").with_text(value))
    });
    Element::in_ns("query", ns::MUC_OWNER)
        .with_child(Element::in_ns("x", ns::DATA_FORMS).with_attr("type", "form").with_children(fields))
}

/// A submitted form. Fields that are not in it keep their value.
struct Submitted<'a>(&'a Element);

impl Submitted<'_> {
    fn value(&self, var: &str) -> Option<String> {
        let mut fields = self.0.children_in("field", ns::DATA_FORMS);
        fields.find(|field| field.attr("var") == Some(var)).map(|field| field.child_text("value").unwrap_or_default())
    }

    fn flag(&self, var: &str) -> Option<bool> {
        self.value(var).map(|value| matches!(value.trim(), "1" | "true"))
    }
}

/// The password that the room has after this submit.
fn password_after(room: &Room, submitted: &Submitted<'_>) -> Result<Option<Box<str>>, StanzaError> {
    let secret = submitted.value("muc#roomconfig_roomsecret");
    if secret.as_ref().is_some_and(|s| s.len() > MAX_PASSWORD) {
        return Err(StanzaError::new(Condition::NotAcceptable).with_text("This password is too long"));
    }
    let secret = match secret {
        Some(secret) => (!secret.is_empty()).then(|| secret.into_boxed_str()),
        None => room.password.clone(),
    };
    match submitted.flag("muc#roomconfig_passwordprotectedroom") {
        Some(false) => Ok(None),
        _ => Ok(secret),
    }
}
