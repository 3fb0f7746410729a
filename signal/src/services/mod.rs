//! What the domain itself answers: one file per small component. Pure.

mod disco;
mod external_services;
mod ping;

use jitsi_wire::xmpp::stanza::{iq_error, iq_result};
use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};

pub use external_services::ExternalService;

/// The answer of the domain to a get or set that was sent to it, to the sender's own account or to nobody.
pub fn answer(iq: &Element, domain: &str, services: &[ExternalService]) -> Element {
    let Some(payload) = iq.elements().next() else {
        return iq_error(iq, &StanzaError::new(Condition::BadRequest));
    };
    let answered = match (iq.attr("type"), payload.name.as_str(), payload.xmlns()) {
        (Some("get"), "ping", Some(ns::PING)) => Some(ping::answer(iq)),
        (Some("get"), "query", Some(ns::DISCO_INFO)) => Some(disco::info(iq, payload, domain)),
        (Some("get"), "query", Some(ns::DISCO_ITEMS)) => Some(disco::items(iq, payload, domain)),
        (Some("get"), "services", Some(ns::EXTDISCO_2 | ns::EXTDISCO_1)) => {
            Some(external_services::answer(iq, payload, services))
        }
        // Not offered, but harmless: RFC 6121 says that a server answers it all the same.
        (Some("set"), "session", Some(ns::SESSION)) => Some(iq_result(iq)),
        _ => None,
    };
    answered.unwrap_or_else(|| iq_error(iq, &StanzaError::new(Condition::ServiceUnavailable)))
}
