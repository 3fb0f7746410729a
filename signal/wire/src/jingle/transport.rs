//! `transport` of `urn:xmpp:jingle:transports:ice-udp:1`, with Jitsi's `web-socket` and the `sctpmap` of XEP-0343.

use super::{Candidate, Fingerprint, IceUdpTransport, Setup};
use crate::xmpp::{Element, ns};

/// Candidates that are read of one transport.
pub const MAX_CANDIDATES: usize = 64;
/// Fingerprints that are read of one transport.
pub const MAX_FINGERPRINTS: usize = 8;
/// Bytes that a ufrag or password may have (RFC 8839 allows 256).
pub const MAX_CREDENTIAL: usize = 256;

/// `sctpmap`: a data channel over the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SctpMap {
    pub port: u16,
    pub streams: u16,
}

impl Setup {
    pub fn as_str(self) -> &'static str {
        match self {
            Setup::Actpass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "actpass" => Some(Setup::Actpass),
            "active" => Some(Setup::Active),
            "passive" => Some(Setup::Passive),
            _ => None,
        }
    }
}

impl IceUdpTransport {
    pub fn to_element(&self, sctp: Option<&SctpMap>) -> Element {
        Element::in_ns("transport", ns::ICE_UDP)
            .with_attr_opt("ufrag", self.ufrag.as_deref())
            .with_attr_opt("pwd", self.pwd.as_deref())
            .with_attr_opt("ice-generation", self.ice_generation.map(|n| n.to_string()))
            .with_child(Element::new("rtcp-mux"))
            .with_children(self.fingerprints.iter().map(fingerprint_to_element))
            .with_children(
                self.web_socket.as_deref().map(|url| Element::in_ns("web-socket", ns::COLIBRI).with_attr("url", url)),
            )
            .with_children(self.candidates.iter().map(candidate_to_element))
            .with_children(sctp.map(|sctp| {
                Element::in_ns("sctpmap", ns::DTLS_SCTP)
                    .with_attr("number", sctp.port.to_string())
                    .with_attr("protocol", "webrtc-datachannel")
                    .with_attr("streams", sctp.streams.to_string())
            }))
    }

    /// Reads what a client wrote. What makes no sense is left out; what is too much is left out as well.
    pub fn parse(element: &Element) -> Self {
        let credential = |name| {
            element.attr(name).filter(|value| !value.is_empty() && value.len() <= MAX_CREDENTIAL).map(str::to_owned)
        };
        Self {
            ufrag: credential("ufrag"),
            pwd: credential("pwd"),
            fingerprints: element
                .children_named("fingerprint")
                .filter_map(fingerprint_from)
                .take(MAX_FINGERPRINTS)
                .collect(),
            candidates: element.children_named("candidate").filter_map(candidate_from).take(MAX_CANDIDATES).collect(),
            web_socket: element.child("web-socket").and_then(|e| e.attr("url")).map(str::to_owned),
            ice_generation: element.attr("ice-generation").and_then(|n| n.parse().ok()),
        }
    }

    /// Credentials and a fingerprint are there: this one can be connected to.
    pub fn is_complete(&self) -> bool {
        self.ufrag.is_some() && self.pwd.is_some() && !self.fingerprints.is_empty()
    }
}

impl SctpMap {
    /// The `sctpmap` in a `transport`.
    pub fn find(transport: &Element) -> Option<Self> {
        let map = transport.child("sctpmap")?;
        Some(Self {
            port: map.attr("number")?.parse().ok()?,
            streams: map.attr("streams").and_then(|n| n.parse().ok()).unwrap_or(1024),
        })
    }
}

fn fingerprint_to_element(fingerprint: &Fingerprint) -> Element {
    Element::in_ns("fingerprint", ns::DTLS)
        .with_attr("hash", fingerprint.hash.as_str())
        .with_attr_opt("setup", fingerprint.setup.map(Setup::as_str))
        .with_text(fingerprint.value.as_str())
}

fn fingerprint_from(element: &Element) -> Option<Fingerprint> {
    let value = element.text().trim().to_owned();
    if value.is_empty() {
        return None;
    }
    Some(Fingerprint {
        hash: element.attr("hash")?.to_owned(),
        value,
        setup: element.attr("setup").and_then(Setup::parse),
    })
}

fn candidate_to_element(candidate: &Candidate) -> Element {
    Element::new("candidate")
        .with_attr("component", candidate.component.to_string())
        .with_attr("foundation", candidate.foundation.as_str())
        .with_attr("generation", candidate.generation.to_string())
        .with_attr("id", candidate.id.as_str())
        .with_attr("ip", candidate.ip.as_str())
        .with_attr("network", "0")
        .with_attr("port", candidate.port.to_string())
        .with_attr("priority", candidate.priority.to_string())
        .with_attr("protocol", candidate.protocol.as_str())
        .with_attr("type", candidate.kind.as_str())
        .with_attr_opt("rel-addr", candidate.rel_addr.as_deref())
        .with_attr_opt("rel-port", candidate.rel_port.map(|n| n.to_string()))
}

fn candidate_from(element: &Element) -> Option<Candidate> {
    let text = |name| element.attr(name).unwrap_or_default().to_owned();
    Some(Candidate {
        component: element.attr("component")?.parse().ok()?,
        foundation: text("foundation"),
        generation: element.attr("generation").and_then(|n| n.parse().ok()).unwrap_or(0),
        id: text("id"),
        ip: element.attr("ip")?.to_owned(),
        port: element.attr("port")?.parse().ok()?,
        priority: element.attr("priority")?.parse().ok()?,
        protocol: text("protocol"),
        kind: text("type"),
        rel_addr: element.attr("rel-addr").map(str::to_owned),
        rel_port: element.attr("rel-port").and_then(|n| n.parse().ok()),
    })
}
