//! XEP-0199. Clients ping the domain, or nobody in particular, and take anything but a result for a dead connection.

use jitsi_wire::xmpp::Element;
use jitsi_wire::xmpp::stanza::iq_result;

pub(super) fn answer(iq: &Element) -> Element {
    iq_result(iq)
}
