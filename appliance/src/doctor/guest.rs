//! A guest of the box: signs in like any client, enters a room, accepts the offer of the focus.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use jitsi_wire::jingle::{Action, Content, Description, IceUdpTransport, Jingle, MediaKind, Source, SourceSet};
use jitsi_wire::xmpp::stanza::iq_result;
use jitsi_wire::xmpp::{Element, Limits, ns};
use tokio_tungstenite::tungstenite::Message;

use super::line::{Door, Socket};

const FEATURES: [&str; 3] = [ns::RTP_AUDIO, ns::RTP_VIDEO, "http://jitsi.org/source-name"];

/// An occupant of a room.
pub(super) struct Guest {
    socket: Socket,
    room: String,
    nick: String,
}

/// What the focus offers.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) transport: IceUdpTransport,
    sid: String,
    initiator: Option<String>,
}

impl Guest {
    pub(super) async fn enter(door: Door, domain: &str, room: &str) -> Result<Self> {
        let mut guest = Self { socket: door.signaling().await?, room: String::new(), nick: String::new() };
        let open = Element::in_ns("open", ns::FRAMING).with_attr("to", domain).with_attr("version", "1.0");
        guest.send(&open).await?;
        guest.wait(|e| e.name.ends_with("features")).await?;
        guest.send(&Element::in_ns("auth", ns::SASL).with_attr("mechanism", "ANONYMOUS")).await?;
        guest.wait(|e| e.name == "success").await?;
        guest.send(&open).await?;
        guest.wait(|e| e.name.ends_with("features")).await?;
        guest.send(&iq("set", "bind", None).with_child(Element::in_ns("bind", ns::BIND))).await?;
        let bound = guest.wait(|e| e.attr("id") == Some("bind")).await?;
        let jid = bound.child("bind").and_then(|bind| bind.child_text("jid")).context("no address was given")?;
        // Endpoints are called by the first part of their address.
        guest.nick = jid.split('-').next().unwrap_or_default().to_owned();
        guest.room = format!("{room}@conference.{domain}");
        let conference = Element::in_ns("conference", ns::FOCUS).with_attr("room", guest.room.as_str());
        guest.send(&iq("set", "room", Some(format!("focus.{domain}"))).with_child(conference)).await?;
        guest.wait(|e| e.attr("id") == Some("room") && e.attr("type") == Some("result")).await?;
        let presence = Element::in_ns("presence", ns::CLIENT)
            .with_attr("to", format!("{}/{}", guest.room, guest.nick))
            .with_child(Element::in_ns("x", ns::MUC));
        guest.send(&presence).await?;
        Ok(guest)
    }

    /// Answers what has to be answered until there is an offer. Afterwards it goes on answering and never ends.
    pub(super) async fn next_offer(&mut self) -> Result<Offer> {
        loop {
            let stanza = self.next().await?;
            if stanza.name == "presence" && stanza.attr("type") == Some("error") {
                bail!("the room does not let us in: {}", reason(&stanza));
            }
            if stanza.name != "iq" || !matches!(stanza.attr("type"), Some("set" | "get")) {
                continue;
            }
            let mut answer = iq_result(&stanza).with_attr("xmlns", ns::CLIENT);
            if let Some(query) = stanza.child_in("query", ns::DISCO_INFO) {
                let features = FEATURES.map(|feature| Element::new("feature").with_attr("var", feature));
                answer = answer.with_child(
                    Element::in_ns("query", ns::DISCO_INFO)
                        .with_attr_opt("node", query.attr("node"))
                        .with_children(features),
                );
            }
            self.send(&answer).await?;
            if let Some(jingle) = Jingle::find(&stanza)
                && let Ok(jingle) = Jingle::parse(jingle)
                && jingle.action == Action::SessionInitiate
                && let Some(transport) = jingle.transport().cloned()
            {
                return Ok(Offer { transport, sid: jingle.sid, initiator: jingle.initiator });
            }
        }
    }

    /// A session-accept with one microphone.
    pub(super) async fn accept(&mut self, offer: &Offer, transport: IceUdpTransport, ssrc: u32) -> Result<()> {
        let content = |kind: MediaKind, sources: SourceSet| Content {
            name: kind.as_str().to_owned(),
            creator: Some("responder".to_owned()),
            senders: Some("both".to_owned()),
            description: Some(Description { rtcp_mux: true, sources, ..Description::new(kind) }),
            transport: Some(transport.clone()),
            ..Content::default()
        };
        let name = format!("{}-a0", self.nick);
        let source = Source { ssrc, msid: Some(format!("{name} track")), name: Some(name), ..Source::default() };
        let audio = SourceSet { sources: vec![source], groups: Vec::new() };
        let jingle = Jingle {
            initiator: offer.initiator.clone(),
            responder: Some(format!("{}/{}", self.room, self.nick)),
            contents: vec![content(MediaKind::Audio, audio), content(MediaKind::Video, SourceSet::default())],
            ..Jingle::new(Action::SessionAccept, offer.sid.as_str())
        };
        let accept = iq("set", "accept", Some(format!("{}/focus", self.room)));
        self.send(&accept.with_child(jingle.to_element())).await
    }

    /// Ends the stream, so that nobody waits for this guest to come back.
    pub(super) async fn leave(mut self) -> Result<()> {
        self.send(&Element::in_ns("close", ns::FRAMING)).await?;
        Ok(self.socket.close(None).await?)
    }

    async fn send(&mut self, element: &Element) -> Result<()> {
        Ok(self.socket.send(Message::text(element.to_string())).await?)
    }

    async fn next(&mut self) -> Result<Element> {
        loop {
            let message = self.socket.next().await.context("the host closed the stream")??;
            if let Message::Text(text) = message {
                return Ok(Element::parse(&text, &Limits::STANZA)?);
            }
        }
    }

    async fn wait(&mut self, wanted: impl Fn(&Element) -> bool) -> Result<Element> {
        loop {
            let element = self.next().await?;
            if wanted(&element) && element.attr("type") != Some("error") {
                return Ok(element);
            }
            let refused = element.name == "iq" && element.attr("type") == Some("error");
            if refused || element.name == "failure" || element.name.ends_with(":error") {
                bail!("the host refuses: {}", reason(&element));
            }
        }
    }
}

fn iq(kind: &str, id: &str, to: Option<String>) -> Element {
    Element::in_ns("iq", ns::CLIENT).with_attr("type", kind).with_attr("id", id).with_attr_opt("to", to)
}

/// The name of the condition.
fn reason(stanza: &Element) -> String {
    let error = stanza.child("error").unwrap_or(stanza);
    error.elements().next().map_or_else(|| "no reason is given".to_owned(), |condition| condition.name.clone())
}
