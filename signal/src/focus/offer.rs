//! Builds session-initiate and the notices about sources, each in the dialect of its receiver.
//!
//! Payload types and header extensions are Jicofo's defaults: they must be the same for everybody in a conference.

use jitsi_wire::colibri2::MediaDescription;
use jitsi_wire::jingle::{
    Action, BridgeSession, Content, Description, IceUdpTransport, Jingle, MediaKind, OwnerSources, PayloadType,
    RtcpFeedback, RtpHeaderExtension, SctpMap, Setup, SourceSet, StartMuted,
};

use super::features::Features;
use super::participant::Participant;
use super::{ChannelKind, FocusConfig, VideoCodec};

const TCC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const ABS_SEND_TIME_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const DEPENDENCY_URI: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// Owner of the bridge's own sources.
pub(super) const BRIDGE_OWNER: &str = "jvb";
/// Streams of the SCTP association, as Jicofo writes.
const SCTP_STREAMS: u16 = 1024;

/// What a bridge gave for one session.
pub(super) struct Allocation<'a> {
    pub(super) transport: IceUdpTransport,
    pub(super) sctp_port: Option<u16>,
    /// Sources of the others, and the bridge's.
    pub(super) sources: &'a [OwnerSources],
    pub(super) start_muted: Option<StartMuted>,
    /// Most wanted first.
    pub(super) codecs: &'a [VideoCodec],
}

/// The client gets a `data` content instead of a `web-socket`.
pub(super) fn wants_data_channel(config: &FocusConfig, features: &Features) -> bool {
    config.channel == ChannelKind::DataChannel && features.sctp
}

/// Media as offered to a client with these features, one entry per kind.
pub(super) fn media(codecs: &[VideoCodec], features: &Features) -> Vec<MediaDescription> {
    let audio = features.audio.then(|| MediaDescription {
        kind: MediaKind::Audio,
        payload_types: audio_payloads(features),
        header_extensions: audio_extensions(features),
        extmap_allow_mixed: true,
    });
    let video = features.video.then(|| MediaDescription {
        kind: MediaKind::Video,
        payload_types: video_payloads(codecs, features),
        header_extensions: video_extensions(features),
        extmap_allow_mixed: true,
    });
    audio.into_iter().chain(video).collect()
}

/// The whole session-initiate for one client.
pub(super) fn session_initiate(
    config: &FocusConfig,
    focus: &str,
    sid: &str,
    bridge_session: &str,
    participant: &Participant,
    features: &Features,
    allocation: Allocation<'_>,
) -> Jingle {
    let data = wants_data_channel(config, features);
    let transport = towards_client(allocation.transport, participant, data);
    let mut jingle = Jingle::new(Action::SessionInitiate, sid);
    jingle.initiator = Some(focus.to_owned());
    for media in media(allocation.codecs, features) {
        jingle.contents.push(content(media, &transport));
    }
    if data {
        jingle.contents.push(data_content(transport, allocation.sctp_port));
    }
    jingle.bundle = jingle.contents.iter().map(|c| c.name.clone()).collect();
    jingle.bridge_session = Some(BridgeSession { id: Some(bridge_session.to_owned()), ..BridgeSession::default() });
    jingle.start_muted = allocation.start_muted;
    put_sources(&mut jingle, allocation.sources, features);
    jingle
}

/// source-add or source-remove.
pub(super) fn source_notice(
    action: Action,
    focus: &str,
    sid: &str,
    sources: &[OwnerSources],
    features: &Features,
) -> Jingle {
    let mut jingle = Jingle::new(action, sid);
    jingle.initiator = Some(focus.to_owned());
    put_sources(&mut jingle, sources, features);
    jingle
}

/// Sources in the form that the receiver reads: JSON, or XML in the contents, which are made as needed.
fn put_sources(jingle: &mut Jingle, sources: &[OwnerSources], features: &Features) {
    let adapted = sources.iter().map(|owner| OwnerSources {
        owner: owner.owner.clone(),
        audio: adapt(&owner.owner, &owner.audio, features),
        video: adapt(&owner.owner, &owner.video, features),
    });
    if features.json_sources {
        jingle.json_sources = Some(adapted.collect());
        return;
    }
    for owner in adapted {
        put_xml(jingle, MediaKind::Audio, owner.audio);
        put_xml(jingle, MediaKind::Video, owner.video);
    }
}

fn put_xml(jingle: &mut Jingle, kind: MediaKind, mut set: SourceSet) {
    if set.is_empty() {
        return;
    }
    let name = kind.as_str();
    if !jingle.contents.iter().any(|c| c.name == name) {
        if jingle.action == Action::SessionInitiate {
            // A client without this kind of media has no use for its sources.
            return;
        }
        let mut content = Content::offered(name);
        content.description = Some(Description::new(kind));
        jingle.contents.push(content);
    }
    let description = jingle.contents.iter_mut().find(|c| c.name == name).and_then(|c| c.description.as_mut());
    if let Some(description) = description {
        description.sources.sources.append(&mut set.sources);
        description.sources.groups.append(&mut set.groups);
    }
}

fn adapt(owner: &str, set: &SourceSet, features: &Features) -> SourceSet {
    let mut set = set.clone();
    for source in &mut set.sources {
        source.owner = Some(owner.to_owned());
        if !features.source_names {
            source.name = None;
        }
    }
    set
}

fn content(media: MediaDescription, transport: &IceUdpTransport) -> Content {
    let mut description = Description::new(media.kind);
    description.maxptime = (media.kind == MediaKind::Audio).then_some(60);
    description.payload_types = media.payload_types;
    description.header_extensions = media.header_extensions;
    description.extmap_allow_mixed = media.extmap_allow_mixed;
    description.rtcp_mux = true;
    let mut content = Content::offered(media.kind.as_str());
    content.description = Some(description);
    content.transport = Some(transport.clone());
    content
}

fn data_content(transport: IceUdpTransport, port: Option<u16>) -> Content {
    let mut content = Content::offered("data");
    content.description = Some(Description { media: "application".to_owned(), ..Description::default() });
    content.transport = Some(transport);
    content.sctp = Some(SctpMap { port: port.unwrap_or(5000), streams: SCTP_STREAMS });
    content
}

/// The bridge's transport as this client must see it: DTLS role open, one fingerprint, one channel.
fn towards_client(mut transport: IceUdpTransport, participant: &Participant, data: bool) -> IceUdpTransport {
    // COMPAT(gst-meet): more than one fingerprint fails its parser.
    transport.fingerprints.truncate(1);
    for fingerprint in &mut transport.fingerprints {
        fingerprint.setup = Some(Setup::Actpass);
    }
    transport.web_socket = match transport.web_socket.take() {
        Some(url) if !data => Some(absolute(&url, participant)),
        _ => None,
    };
    transport
}

/// What a client needs to know of the bridge's transport in an ICE restart.
pub(super) fn new_credentials(transport: IceUdpTransport) -> IceUdpTransport {
    IceUdpTransport { fingerprints: Vec::new(), web_socket: None, ..transport }
}

/// A reference relative to the origin becomes a URL at the authority that this client used.
fn absolute(reference: &str, participant: &Participant) -> String {
    if !reference.starts_with('/') {
        return reference.to_owned();
    }
    let scheme = if participant.secure { "wss" } else { "ws" };
    format!("{scheme}://{}{reference}", participant.authority)
}

fn payload(id: u8, name: &str, clockrate: u32, parameters: &[(&str, &str)]) -> PayloadType {
    PayloadType {
        id,
        name: name.to_owned(),
        clockrate,
        channels: None,
        parameters: parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        feedback: Vec::new(),
    }
}

fn feedback(kind: &str, subtype: Option<&str>) -> RtcpFeedback {
    RtcpFeedback { kind: kind.to_owned(), subtype: subtype.map(str::to_owned) }
}

fn audio_payloads(features: &Features) -> Vec<PayloadType> {
    let mut opus = payload(111, "opus", 48_000, &[("minptime", "10"), ("useinbandfec", "1")]);
    opus.channels = Some(2);
    if features.tcc {
        opus.feedback.push(feedback("transport-cc", None));
    }
    let red = features.opus_red.then(|| {
        let mut red = payload(112, "red", 48_000, &[("", "111/111")]);
        red.channels = Some(2);
        red
    });
    let dtmf = payload(126, "telephone-event", 8_000, &[]);
    [opus].into_iter().chain(red).chain([dtmf]).collect()
}

fn video_payloads(codecs: &[VideoCodec], features: &Features) -> Vec<PayloadType> {
    let mut list = Vec::new();
    for codec in codecs {
        let (id, rtx, name, parameters): (u8, u8, &str, &[(&str, &str)]) = match codec {
            VideoCodec::Av1 => (41, 42, "AV1", &[]),
            VideoCodec::Vp8 => (100, 96, "VP8", &[]),
            VideoCodec::H264 => (
                107,
                99,
                "H264",
                &[("profile-level-id", "42e01f"), ("level-asymmetry-allowed", "1"), ("packetization-mode", "1")],
            ),
            VideoCodec::Vp9 => (101, 97, "VP9", &[]),
        };
        let mut media = payload(id, name, 90_000, parameters);
        media.feedback = video_feedback(features);
        list.push(media);
        if features.rtx {
            list.push(payload(rtx, "rtx", 90_000, &[("apt", &id.to_string())]));
        }
    }
    list
}

fn video_feedback(features: &Features) -> Vec<RtcpFeedback> {
    let mut list = vec![feedback("ccm", Some("fir")), feedback("nack", None), feedback("nack", Some("pli"))];
    if features.tcc {
        list.push(feedback("transport-cc", None));
    } else if features.remb {
        list.push(feedback("goog-remb", None));
    }
    list
}

fn extension(id: u8, uri: &str) -> RtpHeaderExtension {
    RtpHeaderExtension { id, uri: uri.to_owned() }
}

fn audio_extensions(features: &Features) -> Vec<RtpHeaderExtension> {
    let tcc = features.tcc.then(|| extension(5, TCC_URI));
    [extension(1, AUDIO_LEVEL_URI)].into_iter().chain(tcc).chain([extension(10, MID_URI)]).collect()
}

fn video_extensions(features: &Features) -> Vec<RtpHeaderExtension> {
    let tcc = features.tcc.then(|| extension(5, TCC_URI));
    [extension(3, ABS_SEND_TIME_URI)]
        .into_iter()
        .chain(tcc)
        .chain([extension(10, MID_URI), extension(11, DEPENDENCY_URI)])
        .collect()
}
