//! How media is numbered towards one client: payload types and header extensions.
//!
//! One focus offers the same numbers to everybody, so they normally agree; where they do not, packets are translated.

use jitsi_wire::colibri2::MediaDescription;
use jitsi_wire::jingle::{MediaKind, PayloadType};

use crate::core::codec::Codec;

/// Payload types that one kind of media may have.
const MAX_PAYLOADS: usize = 32;
/// Payload types of one sender that one receiver can take.
pub const MAX_ROUTES: usize = 16;

const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// Both kinds of media of one client.
#[derive(Debug, Default)]
pub struct Description {
    pub audio: Media,
    pub video: Media,
}

impl Description {
    pub fn of(&self, kind: MediaKind) -> &Media {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }

    /// Takes what a request says; payload types and extensions add up.
    pub fn merge(&mut self, update: &MediaDescription) {
        let media = match update.kind {
            MediaKind::Audio => &mut self.audio,
            MediaKind::Video => &mut self.video,
        };
        media.merge(update);
    }

    /// The payload type in a packet, whichever kind it belongs to.
    pub fn payload(&self, id: u8) -> Option<&Payload> {
        self.audio.payload(id).or_else(|| self.video.payload(id))
    }
}

/// One kind of media.
#[derive(Debug, Default)]
pub struct Media {
    payloads: Vec<Payload>,
    pub extensions: Extensions,
    /// Two-byte header extensions may be sent.
    pub allow_mixed: bool,
}

/// Ids of the extensions that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extensions {
    pub audio_level: Option<u8>,
    pub video_orientation: Option<u8>,
    pub mid: Option<u8>,
    pub transport_cc: Option<u8>,
    pub abs_send_time: Option<u8>,
    pub dependency_descriptor: Option<u8>,
}

/// A payload type of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    pub id: u8,
    pub codec: Codec,
    pub clock_rate: u32,
    /// Of retransmissions: the payload type that is retransmitted.
    pub apt: Option<u8>,
    /// The peer answers PLI; else it is asked by FIR.
    pub pli: bool,
    pub fir: bool,
    pub nack: bool,
    pub transport_cc: bool,
    /// What must agree for two payload types to be the same format.
    format: String,
}

/// How one payload type of a sender goes to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub from: u8,
    pub to: u8,
    /// The receiver's payload type for retransmissions of `to`.
    pub rtx: Option<u8>,
    pub codec: Codec,
}

/// All payload types of a sender that a receiver takes.
pub type Routes = heapless::Vec<Route, MAX_ROUTES>;

impl Media {
    fn merge(&mut self, update: &MediaDescription) {
        for offered in &update.payload_types {
            let payload = Payload::new(offered);
            self.payloads.retain(|known| known.id != payload.id);
            if self.payloads.len() < MAX_PAYLOADS {
                self.payloads.push(payload);
            }
        }
        for extension in &update.header_extensions {
            self.extensions.set(&extension.uri, extension.id);
        }
        self.allow_mixed |= update.extmap_allow_mixed;
    }

    /// This client takes media of this kind.
    pub fn is_offered(&self) -> bool {
        !self.payloads.is_empty()
    }

    pub fn payload(&self, id: u8) -> Option<&Payload> {
        self.payloads.iter().find(|payload| payload.id == id)
    }

    pub fn payloads(&self) -> impl Iterator<Item = &Payload> {
        self.payloads.iter()
    }

    /// Any payload type has this property.
    pub fn any(&self, property: impl Fn(&Payload) -> bool) -> bool {
        self.payloads.iter().any(property)
    }

    /// The first payload type with this property.
    pub fn first(&self, property: impl Fn(&Payload) -> bool) -> Option<u8> {
        self.payloads.iter().find(|payload| property(payload)).map(|payload| payload.id)
    }

    /// How this sender's payload types go to `receiver`.
    pub fn routes_to(&self, receiver: &Media) -> Routes {
        let media = self.payloads.iter().filter(|payload| payload.codec != Codec::Rtx);
        let routes = media.filter_map(|payload| {
            let same = |other: &&Payload| other.format == payload.format;
            let by_id = receiver.payload(payload.id).filter(same);
            let to = by_id.or_else(|| receiver.payloads.iter().find(same))?.id;
            let rtx = receiver.payloads.iter().find(|other| other.apt == Some(to)).map(|rtx| rtx.id);
            Some(Route { from: payload.id, to, rtx, codec: payload.codec })
        });
        routes.take(MAX_ROUTES).collect()
    }

    /// A sender's payload type of redundant audio that `receiver` does not take, and how what is in it goes there.
    pub fn unpacks_towards(&self, receiver: &Media) -> Option<u8> {
        let red = self.first(|payload| payload.codec == Codec::Red)?;
        let takes = |codec| receiver.any(|payload| payload.codec == codec);
        (!takes(Codec::Red) && takes(Codec::Opus)).then_some(red)
    }

    /// Extensions that go from this sender to `receiver` unchanged: (id there, id here).
    pub fn kept_towards(&self, receiver: &Media) -> heapless::Vec<(u8, u8), 2> {
        let (from, to) = (&self.extensions, &receiver.extensions);
        let pairs = [(from.audio_level, to.audio_level), (from.video_orientation, to.video_orientation)];
        pairs.into_iter().filter_map(|(from, to)| from.zip(to)).collect()
    }
}

impl Extensions {
    fn set(&mut self, uri: &str, id: u8) {
        let place = match uri {
            AUDIO_LEVEL => &mut self.audio_level,
            VIDEO_ORIENTATION => &mut self.video_orientation,
            MID => &mut self.mid,
            TRANSPORT_CC => &mut self.transport_cc,
            ABS_SEND_TIME => &mut self.abs_send_time,
            DEPENDENCY_DESCRIPTOR => &mut self.dependency_descriptor,
            _ => return,
        };
        *place = Some(id);
    }
}

impl Payload {
    fn new(offered: &PayloadType) -> Self {
        let codec = Codec::from_name(&offered.name);
        let feedback = |kind: &str, subtype: Option<&str>| {
            offered.feedback.iter().any(|f| f.kind == kind && f.subtype.as_deref() == subtype)
        };
        Self {
            id: offered.id,
            codec,
            clock_rate: if offered.clockrate == 0 { 90_000 } else { offered.clockrate },
            apt: (codec == Codec::Rtx).then(|| offered.parameter("apt")?.parse().ok()).flatten(),
            pli: feedback("nack", Some("pli")),
            fir: feedback("ccm", Some("fir")),
            nack: feedback("nack", None),
            transport_cc: feedback("transport-cc", None),
            format: format_of(offered, codec),
        }
    }
}

/// Name, clock and the parameters that make one format two: H.264 and VP9 profiles, H.264 packetization.
fn format_of(offered: &PayloadType, codec: Codec) -> String {
    let parameter = |name, default| offered.parameter(name).unwrap_or(default).to_ascii_lowercase();
    let profile = match codec {
        Codec::H264 => {
            // The first two octets are the profile; the third is only a level.
            let id = parameter("profile-level-id", "42000a");
            format!("{}/{}", id.get(..4).unwrap_or("4200"), parameter("packetization-mode", "0"))
        }
        Codec::Vp9 => parameter("profile-id", "0"),
        Codec::Av1 => parameter("profile", "0"),
        _ => String::new(),
    };
    let channels = offered.channels.unwrap_or(1);
    format!("{}/{}/{channels}/{profile}", offered.name.to_ascii_lowercase(), offered.clockrate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jitsi_wire::jingle::{RtcpFeedback, RtpHeaderExtension};

    fn payload(id: u8, name: &str, parameters: &[(&str, &str)]) -> PayloadType {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        PayloadType {
            id,
            name: name.to_owned(),
            clockrate: 90_000,
            channels: None,
            parameters: parameters.iter().map(owned).collect(),
            feedback: vec![RtcpFeedback { kind: "nack".into(), subtype: Some("pli".into()) }],
        }
    }

    fn media(payload_types: Vec<PayloadType>, extensions: &[(u8, &str)]) -> Media {
        let mut media = Media::default();
        media.merge(&MediaDescription {
            kind: MediaKind::Video,
            payload_types,
            header_extensions: extensions
                .iter()
                .map(|(id, uri)| RtpHeaderExtension { id: *id, uri: (*uri).into() })
                .collect(),
            extmap_allow_mixed: true,
        });
        media
    }

    #[test]
    fn payload_types_are_translated_where_they_differ() {
        let sender =
            media(vec![payload(100, "VP8", &[]), payload(96, "rtx", &[("apt", "100")]), payload(45, "AV1", &[])], &[]);
        let receiver = media(vec![payload(120, "vp8", &[]), payload(121, "rtx", &[("apt", "120")])], &[]);
        let routes = sender.routes_to(&receiver);
        assert_eq!(routes.as_slice(), [Route { from: 100, to: 120, rtx: Some(121), codec: Codec::Vp8 }]);
    }

    #[test]
    fn profiles_of_h264_are_different_formats_and_levels_are_not() {
        let sender =
            media(vec![payload(107, "H264", &[("profile-level-id", "42e01f"), ("packetization-mode", "1")])], &[]);
        let higher =
            media(vec![payload(107, "H264", &[("profile-level-id", "42E034"), ("packetization-mode", "1")])], &[]);
        let other =
            media(vec![payload(107, "H264", &[("profile-level-id", "640c1f"), ("packetization-mode", "1")])], &[]);
        assert_eq!(sender.routes_to(&higher).len(), 1);
        assert!(sender.routes_to(&other).is_empty());
    }

    #[test]
    fn only_orientation_and_audio_level_are_kept() {
        let sender = media(
            vec![],
            &[
                (3, ABS_SEND_TIME),
                (5, TRANSPORT_CC),
                (7, VIDEO_ORIENTATION),
                (10, "urn:ietf:params:rtp-hdrext:sdes:mid"),
            ],
        );
        let receiver =
            media(vec![], &[(3, ABS_SEND_TIME), (9, VIDEO_ORIENTATION), (10, "urn:ietf:params:rtp-hdrext:sdes:mid")]);
        assert_eq!(sender.kept_towards(&receiver).as_slice(), [(7, 9)]);
    }
}
