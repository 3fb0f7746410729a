//! An XMPP stream over real sockets: signs in and enters rooms like a Jitsi client.

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use jitsi_wire::xmpp::{Element, Limits, ns};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const DOMAIN: &str = "moothall.internal";
const STEP: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<TlsStream<TcpStream>>;

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

/// A WebSocket to the server, from an address of this machine.
pub async fn connect(server: SocketAddr, from: IpAddr, path: &str, protocol: Option<&str>) -> Result<Socket> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let tcp = socket.connect(server).await?;
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

/// A stream that is bound.
pub struct Stream {
    socket: Socket,
    pub jid: String,
    pub nick: String,
    /// Bytes of the frames that have come.
    pub received: u64,
}

impl Stream {
    /// Connects from an address of this machine, signs in and binds.
    pub async fn login(server: SocketAddr, from: IpAddr) -> Result<Self> {
        let socket = connect(server, from, "/xmpp-websocket", Some("xmpp")).await?;
        let mut stream = Self { socket, jid: String::new(), nick: String::new(), received: 0 };
        let open = format!("<open xmlns='{}' to='{DOMAIN}' version='1.0'/>", ns::FRAMING);
        stream.send(&open).await?;
        stream.expect(|e| e.name.ends_with("features")).await?;
        stream.send(&format!("<auth xmlns='{}' mechanism='ANONYMOUS'/>", ns::SASL)).await?;
        stream.expect(|e| e.name == "success").await?;
        stream.send(&open).await?;
        stream.expect(|e| e.name.ends_with("features")).await?;
        let bind = format!("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='{}'/></iq>", ns::BIND);
        stream.send(&bind).await?;
        let bound = stream.expect(|e| e.attr("id") == Some("b")).await?;
        stream.jid = bound.child("bind").and_then(|b| b.child_text("jid")).context("bound JID")?;
        stream.nick = stream.jid.split('-').next().unwrap_or_default().to_owned();
        Ok(stream)
    }

    /// Asks the focus for a room and enters it; the room's address. What the room says has not been read.
    pub async fn enter(&mut self, room: &str, name: &str) -> Result<String> {
        let room = format!("{room}@conference.{DOMAIN}");
        self.send(&format!(
            "<iq xmlns='jabber:client' type='set' id='c' to='focus.{DOMAIN}'><conference xmlns='{}' room='{room}'/></iq>",
            ns::FOCUS
        ))
        .await?;
        self.expect(|e| e.attr("id") == Some("c") && e.attr("type") == Some("result")).await?;
        let nick = &self.nick;
        let presence = format!(
            "<presence xmlns='jabber:client' to='{room}/{nick}'><x xmlns='{}'/><nick xmlns='{}'>{name}</nick></presence>",
            ns::MUC,
            ns::NICK
        );
        self.send(&presence).await?;
        Ok(room)
    }

    pub async fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// The next frame.
    pub async fn next(&mut self) -> Result<Element> {
        loop {
            let message = self.socket.next().await.context("the stream ended")??;
            if let Message::Text(text) = message {
                self.received += u64::try_from(text.len())?;
                return Ok(Element::parse(&text, &Limits::STANZA)?);
            }
        }
    }

    /// Skips frames until one is as wanted.
    pub async fn expect(&mut self, wanted: impl Fn(&Element) -> bool) -> Result<Element> {
        let found = async {
            loop {
                let element = self.next().await?;
                if wanted(&element) {
                    return Ok(element);
                }
                if element.name.ends_with("error") || element.name == "failure" {
                    bail!("the server said {element}");
                }
            }
        };
        tokio::time::timeout(STEP, found).await.map_err(|_| anyhow!("no answer within {STEP:?}"))?
    }
}
