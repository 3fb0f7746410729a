//! What a room and the component say about themselves (XEP-0030, XEP-0045 6.4).

use jitsi_wire::xmpp::stanza::iq_result;
use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};

use super::room::Room;

/// disco#info of a room, with the form from which clients read the meeting. A main room says nothing of breakout rooms, not
/// even that it is none: clients take any value for a yes. `lobby` is the address of the meeting's lobby, when it has one.
pub(super) fn room(room: &Room, iq: &Element, lobby: Option<&str>) -> Element {
    let lock = match room.password {
        Some(_) => "muc_passwordprotected",
        None => "muc_unsecured",
    };
    let door = if lobby.is_some() { "muc_membersonly" } else { "muc_open" };
    let features = [ns::MUC, lock, door, "muc_nonanonymous", "muc_hidden", "muc_temporary", "muc_unmoderated"];
    let started = room.started.map(|ms| ms.to_string());
    let fields = [
        ("muc#roominfo_meetingId", Some(&*room.meeting_id)),
        // A meeting that has not begun has no time at which it began.
        ("muc#roominfo_created_timestamp", started.as_deref()),
        ("muc#roominfo_lobbyroom", Some(lobby.unwrap_or_default())),
        ("muc#roominfo_visitorsEnabled", Some("0")),
    ];
    let main = room.main();
    let main =
        main.map(|main| [("muc#roominfo_isbreakout", Some("1")), ("muc#roominfo_breakout_main_room", Some(main))]);
    let fields =
        fields.into_iter().chain(main.into_iter().flatten()).filter_map(|(var, value)| Some(field(var, value?)));
    let form = Element::in_ns("x", ns::DATA_FORMS)
        .with_attr("type", "result")
        .with_child(field("FORM_TYPE", ns::MUC_ROOMINFO).with_attr("type", "hidden"))
        .with_children(fields);
    iq_result(iq).with_child(
        Element::in_ns("query", ns::DISCO_INFO)
            .with_child(identity(&room.name))
            .with_children(features.map(feature))
            .with_child(form),
    )
}

/// The address with the same node, as it is spelled, at another domain.
pub(super) fn counterpart(address: &str, domain: &str) -> String {
    let node = address.split_once('@').map_or(address, |(node, _)| node);
    format!("{node}@{domain}")
}

/// disco#info of a lobby.
pub(super) fn lobby(name: &str, iq: &Element) -> Element {
    let features = [ns::MUC, "muc_hidden", "muc_temporary"].map(feature);
    iq_result(iq).with_child(Element::in_ns("query", ns::DISCO_INFO).with_child(identity(name)).with_children(features))
}

/// disco#items of a room: its occupants, for those who are among them.
pub(super) fn occupants(room: &Room, iq: &Element, query: &Element) -> Element {
    let address = iq.attr("to").unwrap_or_default();
    let items = room
        .occupants
        .iter()
        .map(|occupant| Element::new("item").with_attr("jid", format!("{address}/{}", occupant.nick)));
    iq_result(iq).with_child(
        Element::in_ns("query", ns::DISCO_ITEMS).with_attr_opt("node", query.attr("node")).with_children(items),
    )
}

/// A request to a component itself. Rooms are nobody's business who does not know their names: the list is empty.
pub(super) fn component(iq: &Element, name: &str) -> Result<Element, StanzaError> {
    let query = iq
        .child("query")
        .filter(|_| iq.attr("type") == Some("get"))
        .ok_or_else(|| StanzaError::new(Condition::ServiceUnavailable))?;
    match query.xmlns() {
        Some(ns::DISCO_INFO) => Ok(iq_result(iq).with_child(
            Element::in_ns("query", ns::DISCO_INFO)
                .with_attr_opt("node", query.attr("node"))
                .with_child(identity(name))
                .with_children([ns::DISCO_INFO, ns::DISCO_ITEMS, ns::MUC].map(feature)),
        )),
        Some(ns::DISCO_ITEMS) => Ok(iq_result(iq).with_child(Element::in_ns("query", ns::DISCO_ITEMS))),
        _ => Err(StanzaError::new(Condition::ServiceUnavailable)),
    }
}

fn identity(name: &str) -> Element {
    Element::new("identity").with_attr("category", "conference").with_attr("type", "text").with_attr("name", name)
}

fn feature(var: &str) -> Element {
    Element::new("feature").with_attr("var", var)
}

fn field(var: &str, value: &str) -> Element {
    Element::new("field").with_attr("var", var).with_child(Element::new("value").with_text(value))
}
