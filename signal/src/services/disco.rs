//! XEP-0030 of the domain. Each identity switches a feature of the clients on, so only what exists is named.

use jitsi_wire::xmpp::stanza::{iq_error, iq_result};
use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};

use crate::components::Component;

/// Components of rooms that clients look for, by the type of their identity and by the first part of their address.
const COMPONENTS: [(&str, &str); 1] = [("lobbyrooms", "lobby")];

pub(super) fn info(iq: &Element, query: &Element, domain: &str) -> Element {
    if query.attr("node").is_some_and(|node| !node.is_empty()) {
        return iq_error(iq, &StanzaError::new(Condition::ItemNotFound));
    }
    let features = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::EXTDISCO_2, ns::EXTDISCO_1].into_iter();
    let features = features.chain(Component::ALL.into_iter().filter_map(Component::feature));
    let identity = |category: &str, kind: &str, name: &str| {
        Element::new("identity").with_attr("category", category).with_attr("type", kind).with_attr("name", name)
    };
    let components =
        COMPONENTS.iter().map(|(kind, component)| identity("component", kind, &format!("{component}.{domain}")));
    iq_result(iq).with_child(
        Element::in_ns("query", ns::DISCO_INFO)
            .with_child(identity("server", "im", "Moothall"))
            .with_children(components)
            .with_children(Component::ALL.map(|component| component.identity(domain)))
            .with_children(features.map(|var| Element::new("feature").with_attr("var", var))),
    )
}

pub(super) fn items(iq: &Element, query: &Element, domain: &str) -> Element {
    let components = ["conference", "focus"].into_iter().chain(COMPONENTS.iter().map(|(_, component)| *component));
    let components = components.chain(Component::ALL.map(Component::label));
    let components = components.map(|component| Element::new("item").with_attr("jid", format!("{component}.{domain}")));
    iq_result(iq).with_child(
        Element::in_ns("query", ns::DISCO_ITEMS).with_attr_opt("node", query.attr("node")).with_children(components),
    )
}
