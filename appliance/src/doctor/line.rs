//! A line to the host at one of its addresses: TLS (or none behind a proxy), one HTTP request, a WebSocket.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The head of an answer; ours are a few hundred bytes.
const MAX_HEAD: usize = 4096;
/// The largest frame that a room of two sends is an offer of some ten kilobytes.
const MAX_FRAME: usize = 256 * 1024;

/// Ours has some six hundred bytes.
const MAX_CERTIFICATE: u64 = 16 * 1024;

/// Leaf first.
pub(super) type Chain = Vec<CertificateDer<'static>>;

/// An open connection.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

pub(super) type Socket = WebSocketStream<Box<dyn Io>>;

/// Where the page and the signaling are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Door {
    pub(super) address: SocketAddr,
    /// Behind a proxy the host speaks plain HTTP.
    pub(super) tls: bool,
}

impl Door {
    /// Asks for the page's health; the certificates that were shown.
    pub(super) async fn knock(self) -> Result<Chain> {
        Ok(self.get("/about/health").await?.0)
    }

    /// The certificate of the box's own authority, as devices get it.
    pub(super) async fn authority(self) -> Result<CertificateDer<'static>> {
        let (_, body) = self.get("/trust/moothall.crt").await?;
        let mut der = Vec::new();
        body.take(MAX_CERTIFICATE).read_to_end(&mut der).await?;
        Ok(der.into())
    }

    /// What follows the head of the answer, which must be good.
    async fn get(self, path: &str) -> Result<(Chain, Box<dyn Io>)> {
        let (mut io, chain) = self.connect().await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        io.write_all(request.as_bytes()).await?;
        let head = head(&mut io).await?;
        if !head.starts_with("HTTP/1.1 200") {
            bail!("it answers {}", head.lines().next().unwrap_or_default());
        }
        Ok((chain, io))
    }

    /// The WebSocket of the signaling.
    pub(super) async fn signaling(self) -> Result<Socket> {
        let (mut io, _) = self.connect().await?;
        let request = format!(
            "GET /xmpp-websocket HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bW9vdGhhbGwgZG9jdG9yIQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n",
            self.address
        );
        io.write_all(request.as_bytes()).await?;
        let head = head(&mut io).await?;
        if !head.starts_with("HTTP/1.1 101") {
            bail!("instead of a WebSocket there is {}", head.lines().next().unwrap_or_default());
        }
        let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
        Ok(WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).await)
    }

    async fn connect(self) -> Result<(Box<dyn Io>, Chain)> {
        let tcp = TcpStream::connect(self.address).await.context("TCP")?;
        tcp.set_nodelay(true)?;
        if !self.tls {
            return Ok((Box::new(tcp), Vec::new()));
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        let name = ServerName::from(self.address.ip());
        let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.context("TLS")?;
        let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        Ok((Box::new(tls), chain))
    }
}

/// Up to the empty line. Byte by byte, because what follows belongs to somebody else.
async fn head(io: &mut Box<dyn Io>) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD {
            bail!("its answer does not end");
        }
        head.push(io.read_u8().await.context("it hangs up")?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Takes whatever is shown: it is judged apart from the connection, so that one fault does not hide another.
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
