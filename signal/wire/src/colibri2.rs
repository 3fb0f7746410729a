//! Orders that a focus gives a bridge, in the shape of Jitsi's colibri2 (`conference-modify`, `conference-modified`).
//!
//! In one process they travel as these values; between processes they will travel as XML of namespace `jitsi:colibri2`.

mod connect;

pub use connect::{Connect, ConnectKind, ConnectPing, ConnectProtocol, HttpHeader};

use crate::jingle::{IceUdpTransport, MediaKind, PayloadType, RtpHeaderExtension, SsrcGroup};

/// `conference-modify`: create, change or end one conference and some of its endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConferenceModify {
    /// UUID of this meeting, the key of the conference at the bridge.
    pub meeting_id: String,
    /// Room JID, for logs only.
    pub name: Option<String>,
    /// The conference must not exist yet.
    pub create: bool,
    /// End the conference and everything in it.
    pub expire: bool,
    pub endpoints: Vec<EndpointModify>,
    /// What is to change of the places to which the conference is exported; others stay.
    pub connects: Vec<Connect>,
}

/// One `endpoint` of a `conference-modify`. Absent parts stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointModify {
    /// The occupant's nick, opaque to the bridge.
    pub id: String,
    /// The endpoint must not exist yet; `transport` is then mandatory.
    pub create: bool,
    pub expire: bool,
    pub stats_id: Option<String>,
    /// `muc-role` is visitor: sees and hears, and sends nothing. Counts in a create.
    pub visitor: bool,
    pub capabilities: Capabilities,
    /// Payload types and header extensions exactly as offered to the client; one entry for each kind of media.
    pub media: Vec<MediaDescription>,
    pub transport: Option<TransportModify>,
    /// Replaces the endpoint's whole list of sources.
    pub sources: Option<Vec<MediaSource>>,
    pub initial_last_n: Option<i32>,
    pub force_mute: Option<ForceMute>,
}

/// What the client behind an endpoint can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    pub source_names: bool,
    pub ssrc_rewriting: bool,
    pub rtp_mid_demux: bool,
    pub private_address_connectivity: bool,
}

/// `media`: how one kind of media is numbered towards one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaDescription {
    pub kind: MediaKind,
    pub payload_types: Vec<PayloadType>,
    pub header_extensions: Vec<RtpHeaderExtension>,
    pub extmap_allow_mixed: bool,
}

/// `transport` of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransportModify {
    /// Always true for clients: the bridge is the controlling agent.
    pub ice_controlling: bool,
    pub ice_restart: bool,
    /// The client will use a data channel as its bridge channel.
    pub sctp: Option<SctpModify>,
    /// What the client answered: credentials, fingerprints, candidates.
    pub ice: Option<IceUdpTransport>,
}

/// `sctp` of a request. What is absent is the bridge's to choose: it is the server on port 5000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SctpModify {
    pub port: Option<u16>,
    pub role: Option<SctpRole>,
}

/// Who waits for the association and who begins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SctpRole {
    Server,
    Client,
}

/// `media-source`: a named track with its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSource {
    /// Source name, for instance `3f2a9c41-v0`.
    pub id: String,
    pub kind: MediaKind,
    pub ssrcs: Vec<u32>,
    pub groups: Vec<SsrcGroup>,
    /// A screen, as its owner announced it. An extension: a bridge that does not know it learns it from the bridge channel.
    pub desktop: bool,
    /// Made by a machine (a translation, say): only for those who ask for it by name.
    pub synthetic: bool,
}

/// `force-mute`: media of this endpoint is dropped where it comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForceMute {
    pub audio: bool,
    /// Cameras.
    pub video: bool,
    /// Screens. An extension: Jitsi's `video` means both.
    pub desktop: bool,
}

/// `conference-modified`: the answer to a [`ConferenceModify`] that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConferenceModified {
    pub endpoints: Vec<EndpointModified>,
    /// The bridge's own sources (`jvb-a0`, `jvb-v0`), in every answer to a create.
    pub sources: Vec<MediaSource>,
}

/// One `endpoint` of a `conference-modified`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointModified {
    pub id: String,
    pub expire: bool,
    /// Present in answers to a create and to an accepted ICE restart. `web_socket` in it is a reference relative to the
    /// origin that the client used (`/colibri-ws/...`) unless the bridge has a name of its own.
    pub transport: Option<IceUdpTransport>,
    /// Port of the SCTP association when the request asked for one; the bridge is always the SCTP server.
    pub sctp_port: Option<u16>,
}

/// Why a bridge refused an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the bridge does not know this conference")]
    ConferenceNotFound,
    #[error("the bridge has this conference already")]
    ConferenceAlreadyExists,
    #[error("the bridge does not know endpoint {0}")]
    UnknownEndpoint(String),
    #[error("the bridge has endpoint {0} already")]
    EndpointExists(String),
    #[error("the bridge is shutting down")]
    GracefulShutdown,
    #[error("the bridge is full: it carries {0} participants")]
    Full(usize),
    #[error("the order makes no sense: {0}")]
    BadRequest(&'static str),
    #[error("the bridge cannot do that: {0}")]
    NotImplemented(&'static str),
    #[error("the bridge did not answer")]
    Timeout,
}
