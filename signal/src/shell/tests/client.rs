//! A client that is as rude as a test needs it.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + std::fmt::Debug> Wire for T {}

/// What a test connects with, whatever is below it.
pub(super) type Io = Box<dyn Wire>;
pub(super) type Socket = WebSocketStream<Io>;

/// Long enough for a busy machine; nothing that works ever waits for it.
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("too late: {what}"))
}

pub(super) async fn tcp(address: SocketAddr) -> TcpStream {
    within("TCP", TcpStream::connect(address)).await.unwrap()
}

/// TLS that trusts exactly one certificate.
pub(super) async fn tls(address: SocketAddr, certificate: &CertificateDer<'static>) -> std::io::Result<Io> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = within("TLS", TlsConnector::from(Arc::new(config)).connect(name, tcp(address).await)).await?;
    Ok(Box::new(stream))
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Sends a request as it is and reads one answer, with a body unless it was a HEAD.
pub(super) async fn exchange(io: &mut (impl Wire + ?Sized), request: &str) -> Reply {
    within("request", io.write_all(request.as_bytes())).await.unwrap();
    within("flush", io.flush()).await.unwrap();
    let mut reply = read_head(io).await.expect("an answer");
    if let Some(length) = reply.headers.get("content-length")
        && !request.starts_with("HEAD ")
    {
        reply.body = vec![0; length.parse().unwrap()];
        within("body", io.read_exact(&mut reply.body)).await.unwrap();
    }
    reply
}

async fn read_head(io: &mut (impl Wire + ?Sized)) -> Option<Reply> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("answer", io.read_u8()).await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Some(Reply { status, headers, body: Vec::new() })
}

/// `GET path` with the given lines of header.
pub(super) fn get(path: &str, lines: &[&str]) -> String {
    let mut request = format!("GET {path} HTTP/1.1\r\n");
    if !lines.iter().any(|line| line.to_ascii_lowercase().starts_with("host:")) {
        request.push_str("Host: localhost\r\n");
    }
    for line in lines {
        request.push_str(line);
        request.push_str("\r\n");
    }
    request + "\r\n"
}

/// Upgrades; the answer if the server does not.
pub(super) async fn upgrade(mut io: Io, path: &str, lines: &[&str]) -> Result<(Socket, Reply), Reply> {
    let fixed = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ];
    let reply = exchange(&mut *io, &get(path, &[&fixed, lines].concat())).await;
    if reply.status != 101 {
        return Err(reply);
    }
    assert_eq!(reply.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(reply.header("sec-websocket-extensions"), "");
    Ok((WebSocketStream::from_raw_socket(io, Role::Client, None).await, reply))
}

pub(super) async fn say(socket: &mut Socket, text: &str) {
    within("sending a frame", socket.send(Message::text(text))).await.unwrap();
}

/// The next message that is no ping.
pub(super) async fn hear(socket: &mut Socket) -> Option<Message> {
    loop {
        match within("a frame", socket.next()).await {
            Some(Ok(Message::Ping(_))) => {}
            Some(Ok(message)) => return Some(message),
            Some(Err(_)) | None => return None,
        }
    }
}

pub(super) async fn hear_text(socket: &mut Socket) -> String {
    match hear(socket).await {
        Some(Message::Text(text)) => text.as_str().to_owned(),
        other => panic!("expected a text frame, got {other:?}"),
    }
}

/// Code and reason of the close that must come next.
pub(super) async fn hear_close(socket: &mut Socket) -> (u16, String) {
    match hear(socket).await {
        Some(Message::Close(Some(close))) => (close.code.into(), close.reason.as_str().to_owned()),
        other => panic!("expected a close, got {other:?}"),
    }
}

/// Reads until the other side has gone; whatever it says on the way out.
pub(super) async fn gone(io: &mut (impl Wire + ?Sized)) -> Vec<u8> {
    let mut all = Vec::new();
    // A reset is an end as well.
    let _ = within("the end of a connection", io.read_to_end(&mut all)).await;
    all
}
