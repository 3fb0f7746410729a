//! `description` of `urn:xmpp:jingle:apps:rtp:1`: payload types, header extensions, sources.

use super::sources::{SourceSet, sources_from_xml, sources_to_xml};
use super::{JingleError, MediaKind, PayloadType, RtcpFeedback, RtpHeaderExtension};
use crate::xmpp::{Element, ns};

/// What a content is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// `audio`, `video` or `application`.
    pub media: String,
    pub maxptime: Option<u32>,
    pub payload_types: Vec<PayloadType>,
    pub header_extensions: Vec<RtpHeaderExtension>,
    pub extmap_allow_mixed: bool,
    pub rtcp_mux: bool,
    /// Sources in XML form. `source-add` and `source-remove` have nothing else.
    pub sources: SourceSet,
}

impl Description {
    pub fn new(media: MediaKind) -> Self {
        Self { media: media.as_str().to_owned(), ..Self::default() }
    }

    /// Audio or video, when it is one of them.
    pub fn kind(&self) -> Option<MediaKind> {
        MediaKind::parse(&self.media)
    }

    pub fn to_element(&self) -> Element {
        Element::in_ns("description", ns::RTP)
            .with_attr("media", self.media.as_str())
            .with_attr_opt("maxptime", self.maxptime.map(|n| n.to_string()))
            .with_children(self.payload_types.iter().map(payload_type_to_element))
            .with_children(self.header_extensions.iter().map(header_extension_to_element))
            .with_children(self.extmap_allow_mixed.then(|| Element::in_ns("extmap-allow-mixed", ns::RTP_HDREXT)))
            .with_children(self.rtcp_mux.then(|| Element::new("rtcp-mux")))
            .with_children(sources_to_xml(&self.sources))
    }

    /// Reads what a client wrote. Payload types and extensions that make no sense are left out: they are the client's loss.
    /// A source that makes no sense is an error: it would be missing in silence at everybody else.
    pub fn parse(element: &Element) -> Result<Self, JingleError> {
        Ok(Self {
            media: element.attr("media").unwrap_or_default().to_owned(),
            maxptime: element.attr("maxptime").and_then(|n| n.parse().ok()),
            payload_types: element.children_named("payload-type").filter_map(payload_type_from).collect(),
            header_extensions: element.children_named("rtp-hdrext").filter_map(header_extension_from).collect(),
            extmap_allow_mixed: element.child("extmap-allow-mixed").is_some(),
            rtcp_mux: element.child("rtcp-mux").is_some(),
            sources: sources_from_xml(element)?,
        })
    }
}

impl MediaKind {
    pub fn as_str(self) -> &'static str {
        match self {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        }
    }
}

fn payload_type_to_element(payload: &PayloadType) -> Element {
    let parameters = payload.parameters.iter().map(|(name, value)| {
        // COMPAT(Jicofo): the parameter of RED has no name at all rather than an empty one.
        let name = (!name.is_empty()).then_some(name.as_str());
        Element::new("parameter").with_attr_opt("name", name).with_attr("value", value.as_str())
    });
    let feedback = payload.feedback.iter().map(|feedback| {
        Element::in_ns("rtcp-fb", ns::RTCP_FB)
            .with_attr("type", feedback.kind.as_str())
            .with_attr_opt("subtype", feedback.subtype.as_deref())
    });
    Element::new("payload-type")
        .with_attr("id", payload.id.to_string())
        .with_attr("name", payload.name.as_str())
        .with_attr("clockrate", payload.clockrate.to_string())
        .with_attr_opt("channels", payload.channels.map(|n| n.to_string()))
        .with_children(parameters)
        .with_children(feedback)
}

fn payload_type_from(element: &Element) -> Option<PayloadType> {
    let id: u8 = element.attr("id")?.parse().ok()?;
    if id > 127 {
        return None;
    }
    Some(PayloadType {
        id,
        name: element.attr("name").unwrap_or_default().to_owned(),
        clockrate: element.attr("clockrate").map_or(Some(0), |n| n.parse().ok())?,
        channels: element.attr("channels").and_then(|n| n.parse().ok()),
        parameters: element
            .children_named("parameter")
            .filter_map(|p| {
                let name = p.attr("name").unwrap_or_default();
                Some((name.to_owned(), p.attr("value")?.to_owned()))
            })
            .collect(),
        feedback: element
            .children_named("rtcp-fb")
            .filter_map(|f| {
                Some(RtcpFeedback { kind: f.attr("type")?.to_owned(), subtype: f.attr("subtype").map(str::to_owned) })
            })
            .collect(),
    })
}

fn header_extension_to_element(extension: &RtpHeaderExtension) -> Element {
    Element::in_ns("rtp-hdrext", ns::RTP_HDREXT)
        .with_attr("id", extension.id.to_string())
        .with_attr("uri", extension.uri.as_str())
}

fn header_extension_from(element: &Element) -> Option<RtpHeaderExtension> {
    Some(RtpHeaderExtension {
        id: element.attr("id")?.parse().ok().filter(|id| *id != 0)?,
        uri: element.attr("uri")?.to_owned(),
    })
}
