//! The addresses of the services, and how they are announced.

use jitsi_wire::xmpp::stanza::iq_result;
use jitsi_wire::xmpp::{Element, ns};

/// A service with an address of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Component {
    /// Who may send audio, video or a screen.
    AvModeration,
    /// Rooms beside the main room. They are at this domain themselves.
    BreakoutRooms,
    /// Since when the meeting has been running.
    ConferenceDuration,
    /// The end of the meeting for everybody.
    EndConference,
    Polls,
    /// Values that everybody in the room shares.
    RoomMetadata,
    /// Who spoke for how long.
    SpeakerStats,
}

impl Component {
    pub const ALL: [Component; 7] = [
        Component::AvModeration,
        Component::BreakoutRooms,
        Component::ConferenceDuration,
        Component::EndConference,
        Component::Polls,
        Component::RoomMetadata,
        Component::SpeakerStats,
    ];

    /// Type of its identity in the domain's disco#info. It switches the feature on at the clients.
    pub fn kind(self) -> &'static str {
        match self {
            Component::AvModeration => "av_moderation",
            Component::BreakoutRooms => "breakout_rooms",
            Component::ConferenceDuration => "conference_duration",
            Component::EndConference => "end_conference",
            Component::Polls => "polls",
            Component::RoomMetadata => "room_metadata",
            Component::SpeakerStats => "speakerstats",
        }
    }

    /// What stands before the domain in its address.
    pub fn label(self) -> &'static str {
        match self {
            Component::AvModeration => "avmoderation",
            Component::BreakoutRooms => "breakout",
            Component::ConferenceDuration => "conferenceduration",
            Component::EndConference => "endconference",
            Component::Polls => "polls",
            Component::RoomMetadata => "metadata",
            Component::SpeakerStats => "speakerstats",
        }
    }

    pub fn address(self, domain: &str) -> String {
        format!("{}.{domain}", self.label())
    }

    /// The service at this address.
    pub fn at(address: &str, domain: &str) -> Option<Self> {
        let label = address.strip_suffix(domain)?.strip_suffix('.')?;
        Self::ALL.into_iter().find(|component| component.label() == label)
    }

    /// How the domain names it to its clients: they write to this address and believe what comes from it.
    pub fn identity(self, domain: &str) -> Element {
        Element::new("identity")
            .with_attr("category", "component")
            .with_attr("type", self.kind())
            .with_attr("name", self.address(domain))
    }

    /// What it can do that not every server can.
    pub fn feature(self) -> Option<&'static str> {
        (self == Component::BreakoutRooms).then_some("http://jitsi.org/protocol/breakout_rooms#rename")
    }

    /// disco#info of the service itself.
    pub(super) fn info(self, iq: &Element, query: &Element) -> Element {
        let identity = Element::new("identity")
            .with_attr("category", "component")
            .with_attr("type", self.kind())
            .with_attr("name", self.label());
        let features = std::iter::once(ns::DISCO_INFO).chain(self.feature());
        iq_result(iq).with_child(
            Element::in_ns("query", ns::DISCO_INFO)
                .with_attr_opt("node", query.attr("node"))
                .with_child(identity)
                .with_children(features.map(|var| Element::new("feature").with_attr("var", var))),
        )
    }
}
