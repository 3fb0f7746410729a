//! A participant over real sockets: signs in like a Jitsi client, accepts the offer, lets a [`Bot`] send and receive.

use crate::bot::Bot;
use crate::bot::keys::Offer;
use crate::bot::sender::Load;
use crate::stream::{Socket, Stream, connect};
use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use jitsi_wire::colibri2::MediaSource;
use jitsi_wire::jingle::{MediaKind, Semantics};
use jitsi_wire::xmpp::{Element, ns};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio_tungstenite::tungstenite::Message;

/// Somebody in a room. Runs until dropped by [`Participant::run`]'s deadline.
pub struct Participant {
    pub bot: Bot,
    pub xmpp: Stream,
    channel: Option<Socket>,
    udp: UdpSocket,
    room: String,
    server: SocketAddr,
    /// The address that its streams come from.
    from: IpAddr,
    /// What this participant wants to see: the first message on its bridge channel.
    pub constraints: String,
}

impl Participant {
    /// Signs in and joins; the offer comes later, when there are two.
    pub async fn join(server: SocketAddr, room: &str, number: u32, load: Load) -> Result<Self> {
        Self::join_from(server, server.ip(), room, number, load).await
    }

    /// The same from another address of this machine: the server takes some hundreds of streams from each.
    pub async fn join_from(server: SocketAddr, from: IpAddr, room: &str, number: u32, load: Load) -> Result<Self> {
        let mut xmpp = Stream::login(server, from).await?;
        let name = format!("bot {number}");
        let room = xmpp.enter(room, &name).await?;
        let local: SocketAddr = (server.ip(), 0).into();
        let udp = UdpSocket::bind(local).await?;
        let mut bot = Bot::new(number, udp.local_addr()?, load, Offer::Gcm);
        bot.id.clone_from(&xmpp.nick);
        xmpp.send(&sources_known(&room, &xmpp.nick, &name, load)).await?;
        let constraints =
            r#"{"colibriClass":"ReceiverVideoConstraints","lastN":-1,"defaultConstraints":{"maxHeight":180}}"#.into();
        Ok(Self { bot, xmpp, channel: None, udp, room, server, from, constraints })
    }

    /// Answers signaling and moves media until the deadline.
    pub async fn run(&mut self, end: Instant) -> Result<()> {
        let mut datagram = [0; 2048];
        while Instant::now() < end {
            let now = Instant::now();
            let wake = self.bot.next_wakeup(now).unwrap_or(end).min(end).max(now + Duration::from_millis(1));
            tokio::select! {
                frame = self.xmpp.next() => {
                    let frame = frame?;
                    self.on_frame(frame).await?;
                }
                received = self.udp.recv_from(&mut datagram) => {
                    let (len, from) = received?;
                    self.bot.handle(Instant::now(), from, &datagram[..len]);
                }
                message = async { self.channel.as_mut().expect("channel").next().await }, if self.channel.is_some() => {
                    match message {
                        Some(Ok(Message::Text(text))) => self.on_channel(&text),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => self.channel = None,
                    }
                }
                () = tokio::time::sleep_until(wake.into()) => self.bot.on_wakeup(Instant::now()),
            }
            while let Some((to, datagram)) = self.bot.poll() {
                self.udp.send_to(&datagram, to).await?;
            }
        }
        Ok(())
    }

    /// Leaves the room and closes the stream.
    pub async fn leave(mut self) -> Result<()> {
        let (room, nick) = (&self.room, &self.xmpp.nick);
        self.xmpp.send(&format!("<presence xmlns='jabber:client' type='unavailable' to='{room}/{nick}'/>")).await?;
        self.xmpp.send(&format!("<close xmlns='{}'/>", ns::FRAMING)).await
    }

    /// Says on its bridge channel, if it has one, what it wants to see from now on.
    pub async fn want(&mut self, constraints: &str) -> Result<()> {
        if let Some(channel) = &mut self.channel {
            channel.send(Message::text(constraints)).await?;
        }
        Ok(())
    }

    /// Its media and its socket; signaling stays open for as long as the last part is kept.
    pub fn split(self) -> (Bot, UdpSocket, (Stream, Option<Socket>)) {
        (self.bot, self.udp, (self.xmpp, self.channel))
    }

    async fn on_frame(&mut self, stanza: Element) -> Result<()> {
        if stanza.name != "iq" || !matches!(stanza.attr("type"), Some("set" | "get")) {
            return Ok(());
        }
        let from = stanza.attr("from").unwrap_or_default().to_owned();
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        if let Some(query) = stanza.child("query") {
            let node = query.attr("node").map(|n| format!(" node='{n}'")).unwrap_or_default();
            let features: String = [
                "urn:xmpp:jingle:apps:rtp:audio",
                "urn:xmpp:jingle:apps:rtp:video",
                "urn:ietf:rfc:4588",
                "http://jitsi.org/tcc",
                "http://jitsi.org/source-name",
                "http://jitsi.org/receive-multiple-video-streams",
            ]
            .iter()
            .map(|f| format!("<feature var='{f}'/>"))
            .collect();
            let answer = format!(
                "<iq xmlns='jabber:client' type='result' id='{id}' to='{from}'><query xmlns='{}'{node}>{features}</query></iq>",
                ns::DISCO_INFO
            );
            return self.xmpp.send(&answer).await;
        }
        let ack = format!("<iq xmlns='jabber:client' type='result' id='{id}' to='{from}'/>");
        self.xmpp.send(&ack).await?;
        let Some(jingle) = stanza.child("jingle").cloned() else { return Ok(()) };
        match jingle.attr("action") {
            Some("session-initiate") => {
                self.learn(&jingle);
                self.accept(&jingle).await
            }
            Some("source-add") => {
                self.learn(&jingle);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A camera sends no more than somebody wants to see, as browsers do.
    fn on_channel(&mut self, text: &str) {
        let message: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        if message["colibriClass"] == "SenderSourceConstraints"
            && let Some(height) = message["maxHeight"].as_i64()
        {
            self.bot.sender.limit_height(i32::try_from(height).unwrap_or(-1));
        }
    }

    /// Which RTX stream repeats which stream.
    fn learn(&mut self, jingle: &Element) {
        let groups = jingle
            .children_named("content")
            .filter_map(|c| c.child("description"))
            .flat_map(|d| d.children_named("ssrc-group").collect::<Vec<_>>());
        for group in groups.filter(|g| g.attr("semantics") == Some("FID")) {
            let ssrcs: Vec<u32> = group.children_named("source").filter_map(|s| s.attr("ssrc")?.parse().ok()).collect();
            if let [primary, rtx] = ssrcs[..] {
                self.bot.receiver.rtx.insert(rtx, primary);
            }
        }
    }

    async fn accept(&mut self, jingle: &Element) -> Result<()> {
        let transport = jingle.child("content").and_then(|c| c.child("transport")).context("transport")?;
        let (ufrag, pwd) = (transport.attr("ufrag").context("ufrag")?, transport.attr("pwd").context("pwd")?);
        let addr = transport
            .children_named("candidate")
            .filter_map(|c| format!("{}:{}", c.attr("ip")?, c.attr("port")?).parse::<SocketAddr>().ok())
            .find(|a| a.ip() == self.server.ip())
            .context("a candidate at the address that we came to")?;
        self.bot.ice.set_remote(Instant::now(), ufrag.into(), pwd.into(), addr);
        let sid = jingle.attr("sid").context("sid")?;
        let initiator = jingle.attr("initiator").context("initiator")?;
        let contents: String =
            [MediaKind::Audio, MediaKind::Video].into_iter().map(|kind| self.content(kind)).collect();
        let accept = format!(
            "<iq xmlns='jabber:client' type='set' id='a' to='{}/focus'><jingle xmlns='urn:xmpp:jingle:1' action='session-accept' \
             initiator='{initiator}' responder='{}/{}' sid='{sid}'>{contents}</jingle></iq>",
            self.room, self.room, self.xmpp.nick
        );
        self.xmpp.send(&accept).await?;
        if let Some(url) = transport.child("web-socket").and_then(|w| w.attr("url")) {
            let (_, path) = url.split_once("/colibri-ws").context("web-socket URL")?;
            let mut channel = connect(self.server, self.from, &format!("/colibri-ws{path}"), None).await?;
            channel.send(Message::text(self.constraints.as_str())).await?;
            self.channel = Some(channel);
        }
        Ok(())
    }

    fn content(&self, kind: MediaKind) -> String {
        let media = match kind {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        };
        let sources: String =
            self.bot.sources().iter().filter(|s| s.kind == kind).map(|s| source_xml(s, &self.xmpp.nick)).collect();
        format!(
            "<content creator='responder' name='{media}' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{media}'>\
             {sources}<rtcp-mux/></description><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='{}' pwd='{}'>\
             <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>{}</fingerprint></transport></content>",
            self.bot.ice.ufrag, self.bot.ice.pwd, self.bot.dtls.fingerprint
        )
    }

    /// Full JID of this participant.
    pub fn jid(&self) -> &str {
        &self.xmpp.jid
    }
}

/// The presence that tells the room which sources there are, and that they are not muted.
fn sources_known(room: &str, nick: &str, name: &str, load: Load) -> String {
    let media = [("a0", load.audio), ("v0", load.encodings > 0)];
    let sources: serde_json::Map<_, _> = media
        .into_iter()
        .filter(|(_, is_sent)| *is_sent)
        .map(|(source, _)| (format!("{nick}-{source}"), serde_json::json!({ "muted": false })))
        .collect();
    let sources = serde_json::Value::Object(sources);
    format!(
        "<presence xmlns='jabber:client' to='{room}/{nick}'><nick xmlns='{}'>{name}</nick><SourceInfo>{sources}</SourceInfo></presence>",
        ns::NICK
    )
}

fn source_xml(source: &MediaSource, owner: &str) -> String {
    let ssma = "urn:xmpp:jingle:apps:rtp:ssma:0";
    let streams: String = source.ssrcs.iter().map(|ssrc| format!(
        "<source xmlns='{ssma}' ssrc='{ssrc}' name='{}'><parameter name='msid' value='{owner}-{}-0-1 track'/></source>",
        source.id, source.id
    )).collect();
    let groups: String = source
        .groups
        .iter()
        .map(|group| {
            let semantics = match &group.semantics {
                Semantics::Fid => "FID",
                Semantics::Sim => "SIM",
                Semantics::Other(other) => other,
            };
            let members: String = group.ssrcs.iter().map(|s| format!("<source xmlns='{ssma}' ssrc='{s}'/>")).collect();
            format!("<ssrc-group xmlns='{ssma}' semantics='{semantics}'>{members}</ssrc-group>")
        })
        .collect();
    streams + &groups
}
