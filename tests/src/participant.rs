//! A participant over real sockets: signs in like a Jitsi client, accepts the offer, lets a [`Bot`] send and receive.

use crate::bot::Bot;
use crate::bot::keys::Offer;
use crate::bot::sender::Load;
use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use jitsi_wire::colibri2::MediaSource;
use jitsi_wire::jingle::{MediaKind, Semantics};
use jitsi_wire::xmpp::{Element, Limits, ns};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const DOMAIN: &str = "moothall.internal";
const STEP: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Accepts the box's own certificate: what is measured here is not trust.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

async fn connect(server: SocketAddr, path: &str, protocol: Option<&str>) -> Result<Socket> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let tcp = TcpStream::connect(server).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("localhost")?;
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    let mut request = format!("wss://{server}{path}").into_client_request()?;
    if let Some(protocol) = protocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse()?);
    }
    let (socket, _) = tokio_tungstenite::client_async(request, tls).await?;
    Ok(socket)
}

/// Somebody in a room. Runs until dropped by [`Participant::run`]'s deadline.
pub struct Participant {
    pub bot: Bot,
    xmpp: Socket,
    channel: Option<Socket>,
    udp: UdpSocket,
    room: String,
    jid: String,
    nick: String,
    server: SocketAddr,
    /// What this participant wants to see: the first message on its bridge channel.
    pub constraints: String,
}

impl Participant {
    /// Signs in and joins; the offer comes later, when there are two.
    pub async fn join(server: SocketAddr, room: &str, number: u32, load: Load) -> Result<Self> {
        let mut xmpp = connect(server, &format!("/xmpp-websocket?room={room}"), Some("xmpp")).await?;
        let open = format!("<open xmlns='{}' to='{DOMAIN}' version='1.0'/>", ns::FRAMING);
        send(&mut xmpp, &open).await?;
        expect(&mut xmpp, |e| e.name.ends_with("features")).await?;
        send(&mut xmpp, &format!("<auth xmlns='{}' mechanism='ANONYMOUS'/>", ns::SASL)).await?;
        expect(&mut xmpp, |e| e.name == "success").await?;
        send(&mut xmpp, &open).await?;
        expect(&mut xmpp, |e| e.name.ends_with("features")).await?;
        send(&mut xmpp, &format!("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='{}'/></iq>", ns::BIND))
            .await?;
        let bound = expect(&mut xmpp, |e| e.attr("id") == Some("b")).await?;
        let jid = bound.child("bind").and_then(|b| b.child_text("jid")).context("bound JID")?;
        let nick = jid.split('-').next().unwrap_or_default().to_owned();
        let room = format!("{room}@conference.{DOMAIN}");
        send(&mut xmpp, &format!(
            "<iq xmlns='jabber:client' type='set' id='c' to='focus.{DOMAIN}'><conference xmlns='{}' room='{room}'/></iq>",
            ns::FOCUS
        )).await?;
        expect(&mut xmpp, |e| e.attr("id") == Some("c") && e.attr("type") == Some("result")).await?;
        send(
            &mut xmpp,
            &format!(
                "<presence xmlns='jabber:client' to='{room}/{nick}'><x xmlns='{}'/>\
             <nick xmlns='{}'>bot {number}</nick></presence>",
                ns::MUC,
                ns::NICK
            ),
        )
        .await?;
        let local: SocketAddr = (server.ip(), 0).into();
        let udp = UdpSocket::bind(local).await?;
        let mut bot = Bot::new(number, udp.local_addr()?, load, Offer::Gcm);
        bot.id.clone_from(&nick);
        let constraints =
            r#"{"colibriClass":"ReceiverVideoConstraints","lastN":-1,"defaultConstraints":{"maxHeight":180}}"#.into();
        Ok(Self { bot, xmpp, channel: None, udp, room, jid, nick, server, constraints })
    }

    /// Answers signaling and moves media until the deadline.
    pub async fn run(&mut self, end: Instant) -> Result<()> {
        let mut datagram = [0; 2048];
        while Instant::now() < end {
            let now = Instant::now();
            let wake = self.bot.next_wakeup(now).unwrap_or(end).min(end).max(now + Duration::from_millis(1));
            tokio::select! {
                frame = self.xmpp.next() => {
                    let frame = frame.context("the stream ended")??;
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

    async fn on_frame(&mut self, frame: Message) -> Result<()> {
        let Message::Text(text) = frame else { return Ok(()) };
        let stanza = Element::parse(&text, &Limits::STANZA)?;
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
            return send(&mut self.xmpp, &answer).await;
        }
        let ack = format!("<iq xmlns='jabber:client' type='result' id='{id}' to='{from}'/>");
        send(&mut self.xmpp, &ack).await?;
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
            self.room, self.room, self.nick
        );
        send(&mut self.xmpp, &accept).await?;
        if let Some(url) = transport.child("web-socket").and_then(|w| w.attr("url")) {
            let (_, path) = url.split_once("/colibri-ws").context("web-socket URL")?;
            let mut channel = connect(self.server, &format!("/colibri-ws{path}"), None).await?;
            send(&mut channel, &self.constraints).await?;
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
            self.bot.sources().iter().filter(|s| s.kind == kind).map(|s| source_xml(s, &self.nick)).collect();
        format!(
            "<content creator='responder' name='{media}' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{media}'>\
             {sources}<rtcp-mux/></description><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='{}' pwd='{}'>\
             <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>{}</fingerprint></transport></content>",
            self.bot.ice.ufrag, self.bot.ice.pwd, self.bot.dtls.fingerprint
        )
    }

    /// Full JID of this participant.
    pub fn jid(&self) -> &str {
        &self.jid
    }
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

async fn send(socket: &mut Socket, text: &str) -> Result<()> {
    Ok(socket.send(Message::text(text)).await?)
}

async fn expect(socket: &mut Socket, wanted: impl Fn(&Element) -> bool) -> Result<Element> {
    let found = async {
        loop {
            let message = socket.next().await.context("the stream ended")??;
            let Message::Text(text) = message else { continue };
            let element = Element::parse(&text, &Limits::STANZA)?;
            if wanted(&element) {
                return Ok(element);
            }
            if element.name.ends_with("error") || element.name == "failure" {
                bail!("the server said {text}");
            }
        }
    };
    tokio::time::timeout(STEP, found).await.map_err(|_| anyhow!("no answer within {STEP:?}"))?
}
