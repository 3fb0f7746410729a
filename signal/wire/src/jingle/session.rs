//! The `jingle` element and its contents.

use std::str::FromStr;

use super::rtp::Description;
use super::sources::{OwnerSources, json_message, sources_from_json};
use super::transport::SctpMap;
use super::{IceUdpTransport, JingleError, MediaKind};
use crate::xmpp::{Element, ns};

/// Contents that one `jingle` element may have.
pub const MAX_CONTENTS: usize = 16;

/// What a `jingle` element wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    SessionInitiate,
    SessionAccept,
    SessionTerminate,
    SessionInfo,
    TransportInfo,
    TransportReplace,
    TransportAccept,
    TransportReject,
    SourceAdd,
    SourceRemove,
    ContentAdd,
    ContentModify,
    ContentRemove,
}

const ACTIONS: [(Action, &str); 13] = [
    (Action::SessionInitiate, "session-initiate"),
    (Action::SessionAccept, "session-accept"),
    (Action::SessionTerminate, "session-terminate"),
    (Action::SessionInfo, "session-info"),
    (Action::TransportInfo, "transport-info"),
    (Action::TransportReplace, "transport-replace"),
    (Action::TransportAccept, "transport-accept"),
    (Action::TransportReject, "transport-reject"),
    (Action::SourceAdd, "source-add"),
    (Action::SourceRemove, "source-remove"),
    (Action::ContentAdd, "content-add"),
    (Action::ContentModify, "content-modify"),
    (Action::ContentRemove, "content-remove"),
];

impl Action {
    pub fn as_str(self) -> &'static str {
        ACTIONS.iter().find(|(action, _)| *action == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Action {
    type Err = JingleError;

    fn from_str(text: &str) -> Result<Self, JingleError> {
        // COMPAT(old lib-jitsi-meet): source-add and source-remove were called addsource and removesource.
        let text = match text {
            "addsource" => "source-add",
            "removesource" => "source-remove",
            other => other,
        };
        ACTIONS.iter().find(|(_, name)| *name == text).map(|(action, _)| *action).ok_or(JingleError::UnknownAction)
    }
}

/// `jingle` of `urn:xmpp:jingle:1` with Jitsi's additions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jingle {
    pub action: Action,
    pub sid: String,
    pub initiator: Option<String>,
    pub responder: Option<String>,
    pub contents: Vec<Content>,
    /// Names of the contents in the BUNDLE group; no group when empty.
    pub bundle: Vec<String>,
    pub reason: Option<Reason>,
    pub bridge_session: Option<BridgeSession>,
    /// `initial-last-n` of `jitsi:colibri2`: how many video sources the client wants at first.
    pub initial_last_n: Option<i32>,
    /// `ice-state` of a `session-info`.
    pub ice_state: Option<String>,
    /// Sources in JSON form.
    pub json_sources: Option<Vec<OwnerSources>>,
    pub start_muted: Option<StartMuted>,
}

/// One content of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// `audio`, `video` or `data` between us and a client.
    pub name: String,
    /// `initiator` or `responder`. Clients write what they like; nobody checks it.
    pub creator: Option<String>,
    pub senders: Option<String>,
    pub description: Option<Description>,
    pub transport: Option<IceUdpTransport>,
    /// `sctpmap` in the transport.
    pub sctp: Option<SctpMap>,
}

/// `reason` of a `session-terminate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Name of the condition, for instance `success` or `connectivity-error`.
    pub condition: String,
    pub text: Option<String>,
}

/// `bridge-session` of `http://jitsi.org/protocol/focus`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BridgeSession {
    pub id: Option<String>,
    pub region: Option<String>,
    /// Asks for a new session after a terminate.
    pub restart: bool,
    /// Asks for new ICE credentials in the same session.
    pub ice_restart: bool,
}

/// `startmuted` of `http://jitsi.org/jitmeet/start-muted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StartMuted {
    pub audio: bool,
    pub video: bool,
}

impl Jingle {
    pub fn new(action: Action, sid: impl Into<String>) -> Self {
        Self {
            action,
            sid: sid.into(),
            initiator: None,
            responder: None,
            contents: Vec::new(),
            bundle: Vec::new(),
            reason: None,
            bridge_session: None,
            initial_last_n: None,
            ice_state: None,
            json_sources: None,
            start_muted: None,
        }
    }

    /// The `jingle` element in an `iq`.
    pub fn find(iq: &Element) -> Option<&Element> {
        iq.child_in("jingle", ns::JINGLE)
    }

    /// First content with a transport that can be connected to. Clients repeat it in every content, or leave it out of all
    /// but the first.
    pub fn transport(&self) -> Option<&IceUdpTransport> {
        let transports = || self.contents.iter().filter_map(|c| c.transport.as_ref());
        transports().find(|t| t.is_complete()).or_else(|| transports().next())
    }

    /// The content about this kind of media.
    pub fn content(&self, kind: MediaKind) -> Option<&Content> {
        self.contents.iter().find(|c| c.kind() == Some(kind))
    }

    pub fn to_element(&self) -> Element {
        let group = (!self.bundle.is_empty()).then(|| {
            Element::in_ns("group", ns::GROUPING)
                .with_attr("semantics", "BUNDLE")
                .with_children(self.bundle.iter().map(|name| Element::new("content").with_attr("name", name.as_str())))
        });
        Element::in_ns("jingle", ns::JINGLE)
            .with_attr("action", self.action.as_str())
            .with_attr_opt("initiator", self.initiator.as_deref())
            .with_attr_opt("responder", self.responder.as_deref())
            .with_attr("sid", self.sid.as_str())
            .with_children(self.contents.iter().map(Content::to_element))
            .with_children(group)
            .with_children(self.reason.as_ref().map(Reason::to_element))
            .with_children(self.bridge_session.as_ref().map(BridgeSession::to_element))
            .with_children(
                self.initial_last_n
                    .map(|n| Element::in_ns("initial-last-n", ns::COLIBRI2).with_attr("value", n.to_string())),
            )
            .with_children(
                self.ice_state.as_deref().map(|state| Element::in_ns("ice-state", ns::FOCUS).with_text(state)),
            )
            .with_children(self.json_sources.as_deref().map(json_message))
            .with_children(self.start_muted.map(StartMuted::to_element))
    }

    /// Reads a `jingle` element of a client, in any of the dialects.
    pub fn parse(element: &Element) -> Result<Self, JingleError> {
        let action = element.attr("action").ok_or(JingleError::UnknownAction)?.parse()?;
        let sid = element.attr("sid").ok_or(JingleError::NoSid)?;
        let text = |name| element.attr(name).map(str::to_owned);
        if element.children_named("content").nth(MAX_CONTENTS).is_some() {
            return Err(JingleError::TooManyContents);
        }
        let json = element
            .children_in("json-message", ns::JITMEET)
            .next()
            .map(|e| sources_from_json(&e.text()))
            .transpose()?;
        Ok(Self {
            action,
            sid: sid.to_owned(),
            initiator: text("initiator"),
            responder: text("responder"),
            contents: element.children_named("content").map(Content::parse).collect::<Result<_, _>>()?,
            bundle: bundle_of(element),
            reason: element.child("reason").and_then(Reason::parse),
            bridge_session: element.child("bridge-session").map(BridgeSession::parse),
            initial_last_n: element.child("initial-last-n").and_then(|e| e.attr("value")).and_then(|n| n.parse().ok()),
            ice_state: element.child_text("ice-state"),
            json_sources: json,
            start_muted: element.child("startmuted").map(StartMuted::parse),
        })
    }
}

fn bundle_of(jingle: &Element) -> Vec<String> {
    jingle
        .children_named("group")
        .filter(|group| group.attr("semantics") == Some("BUNDLE"))
        .flat_map(|group| group.children_named("content"))
        .filter_map(|content| content.attr("name").map(str::to_owned))
        .collect()
}

impl Content {
    /// A content as the initiator writes it: `creator='initiator'`, `senders='both'`.
    pub fn offered(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            creator: Some("initiator".to_owned()),
            senders: Some("both".to_owned()),
            ..Self::default()
        }
    }

    /// Audio or video: what the description says, else the name.
    pub fn kind(&self) -> Option<MediaKind> {
        self.description.as_ref().and_then(Description::kind).or_else(|| MediaKind::parse(&self.name))
    }

    fn to_element(&self) -> Element {
        Element::new("content")
            .with_attr_opt("creator", self.creator.as_deref())
            .with_attr("name", self.name.as_str())
            .with_attr_opt("senders", self.senders.as_deref())
            .with_children(self.description.as_ref().map(Description::to_element))
            .with_children(self.transport.as_ref().map(|transport| transport.to_element(self.sctp.as_ref())))
    }

    fn parse(element: &Element) -> Result<Self, JingleError> {
        let text = |name| element.attr(name).map(str::to_owned);
        let transport = element.child("transport");
        Ok(Self {
            name: text("name").unwrap_or_default(),
            creator: text("creator"),
            senders: text("senders"),
            description: element.child("description").map(Description::parse).transpose()?,
            transport: transport.map(IceUdpTransport::parse),
            sctp: transport.and_then(SctpMap::find),
        })
    }
}

impl Reason {
    pub fn new(condition: impl Into<String>, text: Option<&str>) -> Self {
        Self { condition: condition.into(), text: text.map(str::to_owned) }
    }

    fn to_element(&self) -> Element {
        let text = self.text.as_deref();
        Element::new("reason")
            .with_child(Element::new(self.condition.as_str()))
            .with_children(text.map(|text| Element::new("text").with_text(text)))
    }

    fn parse(element: &Element) -> Option<Self> {
        Some(Self {
            condition: element.elements().find(|e| e.name != "text")?.name.clone(),
            text: element.child_text("text"),
        })
    }
}

impl BridgeSession {
    fn to_element(&self) -> Element {
        Element::in_ns("bridge-session", ns::FOCUS)
            .with_attr_opt("id", self.id.as_deref())
            .with_attr_opt("region", self.region.as_deref())
            .with_attr_opt("restart", self.restart.then_some("true"))
            .with_attr_opt("ice-restart", self.ice_restart.then_some("true"))
    }

    fn parse(element: &Element) -> Self {
        Self {
            id: element.attr("id").map(str::to_owned),
            region: element.attr("region").map(str::to_owned),
            restart: is_true(element.attr("restart")),
            ice_restart: is_true(element.attr("ice-restart")),
        }
    }
}

impl StartMuted {
    fn to_element(self) -> Element {
        Element::in_ns("startmuted", ns::START_MUTED)
            .with_attr("audio", self.audio.to_string())
            .with_attr("video", self.video.to_string())
    }

    fn parse(element: &Element) -> Self {
        Self { audio: is_true(element.attr("audio")), video: is_true(element.attr("video")) }
    }
}

fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("true" | "1"))
}
