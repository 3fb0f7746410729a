//! Jingle as Jitsi speaks it: what the focus offers, what a client answers.
//!
//! [`Jingle`] is one `jingle` element; [`sources`] has both forms in which sources travel.

mod rtp;
mod session;
pub mod sources;
mod transport;

pub use rtp::Description;
pub use session::{Action, BridgeSession, Content, Jingle, MAX_CONTENTS, Reason, StartMuted};
pub use sources::{OwnerSources, Source, SourceSet};
pub use transport::{MAX_CANDIDATES, MAX_CREDENTIAL, MAX_FINGERPRINTS, SctpMap};

/// Why a `jingle` element was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JingleError {
    #[error("an action that does not exist")]
    UnknownAction,
    #[error("no session id")]
    NoSid,
    #[error("more contents than allowed")]
    TooManyContents,
    #[error("an ssrc that is no number from 1 to 4294967295")]
    BadSsrc,
    #[error("sources in JSON that are not of the known shape")]
    BadJson,
}

/// Audio or video, the two kinds of media of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    Audio,
    Video,
}

/// `payload-type` of `urn:xmpp:jingle:apps:rtp:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadType {
    pub id: u8,
    /// Encoding name as written, for instance `VP8`, `opus`, `rtx`. Compare without case.
    pub name: String,
    pub clockrate: u32,
    pub channels: Option<u8>,
    /// Name and value; RED for Opus has one with an empty name.
    pub parameters: Vec<(String, String)>,
    pub feedback: Vec<RtcpFeedback>,
}

impl PayloadType {
    /// Value of the parameter `name`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// `rtcp-fb`: `nack`, `nack pli`, `ccm fir`, `transport-cc`, `goog-remb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtcpFeedback {
    pub kind: String,
    pub subtype: Option<String>,
}

/// `rtp-hdrext`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpHeaderExtension {
    pub id: u8,
    pub uri: String,
}

/// `transport` of `urn:xmpp:jingle:transports:ice-udp:1`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IceUdpTransport {
    pub ufrag: Option<String>,
    pub pwd: Option<String>,
    pub fingerprints: Vec<Fingerprint>,
    pub candidates: Vec<Candidate>,
    /// `web-socket` of `http://jitsi.org/protocol/colibri`.
    pub web_socket: Option<String>,
    pub ice_generation: Option<u32>,
}

/// `fingerprint` of `urn:xmpp:jingle:apps:dtls:0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hash function as written, for instance `sha-256`.
    pub hash: String,
    /// Hexadecimal octets separated by colons.
    pub value: String,
    pub setup: Option<Setup>,
}

/// Who opens the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    Actpass,
    Active,
    Passive,
}

/// `candidate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub component: u8,
    pub foundation: String,
    pub generation: u32,
    pub id: String,
    /// An address literal from us; a client may write a name (mDNS) here, which is ignored.
    pub ip: String,
    pub port: u16,
    pub priority: u32,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub kind: String,
    pub rel_addr: Option<String>,
    pub rel_port: Option<u16>,
}

/// `ssrc-group`: streams that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsrcGroup {
    pub semantics: Semantics,
    pub ssrcs: Vec<u32>,
}

/// What the streams of an [`SsrcGroup`] are to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Semantics {
    /// A stream and its retransmissions.
    Fid,
    /// Simulcast encodings, ascending quality.
    Sim,
    /// Anything else, kept as written.
    Other(String),
}
