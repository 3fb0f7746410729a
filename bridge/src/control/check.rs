//! What can be said of an order without knowing the bridge's state (rules of jitsi-videobridge `Colibri2ConferenceHandler`).

use jitsi_wire::colibri2::{ConferenceModify, EndpointModify, Refusal, SctpModify, SctpRole};

use super::connects;

/// RFC 8841 5: where WebRTC's data channels live.
pub(crate) const SCTP_PORT: u16 = 5000;
/// Longest id of an endpoint or a source, in bytes; they are quoted in JSON and in URLs.
pub(super) const MAX_ID: usize = 64;
/// Longest id of a meeting, in bytes.
const MAX_MEETING_ID: usize = 128;
/// Endpoints in one order.
const MAX_ENDPOINTS: usize = 1000;
const MAX_SOURCES: usize = 20;
/// SSRCs of one source: four encodings, their retransmissions, and some for what we do not use.
const MAX_SSRCS: usize = 16;

/// Refuses orders that make no sense whatever the state is.
pub(crate) fn check(request: &ConferenceModify) -> Result<(), Refusal> {
    if !is_id(&request.meeting_id, MAX_MEETING_ID) {
        return Err(Refusal::BadRequest("meeting id"));
    }
    if request.endpoints.len() > MAX_ENDPOINTS {
        return Err(Refusal::BadRequest("too many endpoints"));
    }
    if request.endpoints.len() > 1 && request.endpoints.iter().any(|endpoint| !is_batchable(endpoint)) {
        return Err(Refusal::NotImplemented("more than one endpoint in an order that creates or describes"));
    }
    connects::check(&request.connects)?;
    request.endpoints.iter().try_for_each(check_endpoint)
}

/// May stand beside others in one order: it ends or mutes, and is ignored if the endpoint is not there.
pub(crate) fn is_batchable(endpoint: &EndpointModify) -> bool {
    let describes = endpoint.transport.is_some()
        || endpoint.sources.is_some()
        || !endpoint.media.is_empty()
        || endpoint.initial_last_n.is_some();
    !endpoint.create && !describes && (endpoint.expire || endpoint.force_mute.is_some())
}

fn check_endpoint(endpoint: &EndpointModify) -> Result<(), Refusal> {
    if !is_id(&endpoint.id, MAX_ID) {
        return Err(Refusal::BadRequest("endpoint id"));
    }
    if endpoint.create {
        if endpoint.transport.is_none() {
            return Err(Refusal::BadRequest("an endpoint is created without a transport"));
        }
        if !endpoint.capabilities.source_names {
            return Err(Refusal::BadRequest("a client without source names"));
        }
    }
    if let Some(sctp) = endpoint.transport.as_ref().and_then(|transport| transport.sctp) {
        check_sctp(sctp)?;
    }
    let sources = endpoint.sources.as_deref().unwrap_or_default();
    if sources.len() > MAX_SOURCES {
        return Err(Refusal::BadRequest("too many sources"));
    }
    for source in sources {
        let grouped = source.groups.iter().map(|group| group.ssrcs.len()).max().unwrap_or(0);
        if !is_id(&source.id, MAX_ID) || source.ssrcs.len().max(grouped) > MAX_SSRCS || source.groups.len() > MAX_SSRCS
        {
            return Err(Refusal::BadRequest("a source"));
        }
    }
    Ok(())
}

/// Clients always begin the association, and at this port.
fn check_sctp(sctp: SctpModify) -> Result<(), Refusal> {
    if sctp.role.is_some_and(|role| role != SctpRole::Server) {
        return Err(Refusal::NotImplemented("an SCTP role other than server"));
    }
    if sctp.port.is_some_and(|port| port != SCTP_PORT) {
        return Err(Refusal::BadRequest("an SCTP port other than 5000"));
    }
    Ok(())
}

pub(super) fn is_id(id: &str, longest: usize) -> bool {
    let is_plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    !id.is_empty() && id.len() <= longest && id.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jitsi_wire::colibri2::{Capabilities, ForceMute, TransportModify};

    fn creating(id: &str) -> EndpointModify {
        EndpointModify {
            id: id.into(),
            create: true,
            capabilities: Capabilities { source_names: true, ..Default::default() },
            transport: Some(TransportModify::default()),
            ..Default::default()
        }
    }

    fn request(endpoints: Vec<EndpointModify>) -> ConferenceModify {
        ConferenceModify { meeting_id: "m".into(), endpoints, ..Default::default() }
    }

    #[test]
    fn a_create_needs_a_transport_and_source_names() {
        assert_eq!(check(&request(vec![creating("a")])), Ok(()));
        let bare = EndpointModify { transport: None, ..creating("a") };
        assert!(matches!(check(&request(vec![bare])), Err(Refusal::BadRequest(_))));
        let nameless = EndpointModify { capabilities: Capabilities::default(), ..creating("a") };
        assert!(matches!(check(&request(vec![nameless])), Err(Refusal::BadRequest(_))));
    }

    #[test]
    fn checklist_30_sctp_is_served_on_port_5000_alone() {
        let asking = |port, role| {
            let transport = TransportModify { sctp: Some(SctpModify { port, role }), ..Default::default() };
            check(&request(vec![EndpointModify { transport: Some(transport), ..creating("a") }]))
        };
        assert_eq!(asking(None, None), Ok(()));
        assert_eq!(asking(Some(5000), Some(SctpRole::Server)), Ok(()));
        assert!(matches!(asking(Some(5001), None), Err(Refusal::BadRequest(_))));
        assert!(matches!(asking(None, Some(SctpRole::Client)), Err(Refusal::NotImplemented(_))));
    }

    #[test]
    fn only_ending_and_muting_come_in_batches() {
        let expire = |id: &str| EndpointModify { id: id.into(), expire: true, ..Default::default() };
        let mute = EndpointModify { id: "c".into(), force_mute: Some(ForceMute::default()), ..Default::default() };
        assert_eq!(check(&request(vec![expire("a"), expire("b"), mute])), Ok(()));
        let mixed = check(&request(vec![expire("a"), creating("b")]));
        assert!(matches!(mixed, Err(Refusal::NotImplemented(_))));
    }

    #[test]
    fn ids_that_would_break_json_or_urls_are_refused() {
        for id in ["", "a\"b", "a\nb", "a\\b", &"x".repeat(65)] {
            assert!(check(&request(vec![creating(id)])).is_err(), "{id:?}");
        }
        let meeting = ConferenceModify { meeting_id: String::new(), ..Default::default() };
        assert!(check(&meeting).is_err());
    }
}
