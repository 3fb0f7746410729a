//! XEP-0215: STUN and TURN servers that the clients may use.

use jitsi_wire::xmpp::stanza::iq_result;
use jitsi_wire::xmpp::{Element, ns};

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExternalService {
    /// `stun`, `turn` or `turns`.
    pub kind: String,
    pub host: String,
    pub port: u16,
    /// `udp` or `tcp`.
    pub transport: String,
    /// User name and password.
    pub credentials: Option<(String, String)>,
}

/// The list, in the version of the namespace that was asked for. An empty list is an answer too.
pub(super) fn answer(iq: &Element, payload: &Element, services: &[ExternalService]) -> Element {
    let xmlns = payload.xmlns().unwrap_or(ns::EXTDISCO_2);
    let wanted = payload.attr("type");
    let entries = services.iter().filter(|service| wanted.is_none_or(|kind| kind == service.kind)).map(|service| {
        let (username, password) = service.credentials.clone().unzip();
        Element::new("service")
            .with_attr("type", service.kind.as_str())
            .with_attr("host", service.host.as_str())
            .with_attr("port", service.port.to_string())
            .with_attr("transport", service.transport.as_str())
            .with_attr_opt("restricted", username.is_some().then_some("1"))
            .with_attr_opt("username", username)
            .with_attr_opt("password", password)
    });
    iq_result(iq).with_child(Element::in_ns("services", xmlns).with_children(entries))
}
