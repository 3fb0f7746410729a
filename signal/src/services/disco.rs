//! XEP-0030 of the domain. Each identity switches a feature of the clients on, so only what exists is named.

use jitsi_wire::xmpp::stanza::{iq_error, iq_result};
use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};

pub(super) fn info(iq: &Element, query: &Element) -> Element {
    if query.attr("node").is_some_and(|node| !node.is_empty()) {
        return iq_error(iq, &StanzaError::new(Condition::ItemNotFound));
    }
    let features = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::EXTDISCO_2, ns::EXTDISCO_1];
    let identity =
        Element::new("identity").with_attr("category", "server").with_attr("type", "im").with_attr("name", "Moothall");
    iq_result(iq).with_child(
        Element::in_ns("query", ns::DISCO_INFO)
            .with_child(identity)
            .with_children(features.map(|var| Element::new("feature").with_attr("var", var))),
    )
}

pub(super) fn items(iq: &Element, query: &Element, domain: &str) -> Element {
    let components =
        ["conference", "focus"].map(|component| Element::new("item").with_attr("jid", format!("{component}.{domain}")));
    iq_result(iq).with_child(
        Element::in_ns("query", ns::DISCO_ITEMS).with_attr_opt("node", query.attr("node")).with_children(components),
    )
}
