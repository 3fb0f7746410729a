//! The WebSocket to whoever meetings are exported to.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jitsi_wire::colibri2::{Connect, HttpHeader};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::{ClientRequestBuilder, IntoClientRequest};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// For name, connection, certificate and handshake together.
const CONNECT: Duration = Duration::from_secs(15);
/// Longest message that is heard, in bytes: what somebody said in one breath.
const MAX_MESSAGE: usize = 64 * 1024;

/// TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Stream for S {}

pub(super) type Socket = WebSocketStream<Box<dyn Stream>>;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    #[error("its address is not one of a WebSocket")]
    Address,
    #[error("it did not answer in time")]
    Late,
    #[error("{0}")]
    Unreachable(io::Error),
    #[error("it proves itself with nothing that this box trusts: {0}")]
    Untrusted(io::Error),
    #[error("it refused: {0}")]
    Refused(tungstenite::Error),
}

/// Opens the WebSocket that a `connect` asks for.
pub(super) async fn open(connect: &Connect) -> Result<Socket, SocketError> {
    timeout(CONNECT, reach(connect)).await.unwrap_or(Err(SocketError::Late))
}

async fn reach(connect: &Connect) -> Result<Socket, SocketError> {
    let request = request(&connect.url, &connect.http_headers).ok_or(SocketError::Address)?;
    let uri = request.uri();
    let is_secure = uri.scheme_str() == Some("wss");
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(SocketError::Unreachable)?;
    // What is said shall be heard at once.
    tcp.set_nodelay(true).map_err(SocketError::Unreachable)?;
    let stream: Box<dyn Stream> = if is_secure { Box::new(encrypted(host, tcp).await?) } else { Box::new(tcp) };
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let opened = client_async_with_config(request, stream, Some(config)).await;
    opened.map(|(socket, _)| socket).map_err(SocketError::Refused)
}

async fn encrypted(host: String, tcp: TcpStream) -> Result<impl Stream, SocketError> {
    let name = ServerName::try_from(host).map_err(|_| SocketError::Address)?;
    let trusted = spawn_blocking(trusted).await.unwrap_or_else(|_| RootCertStore::empty());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SocketError::Untrusted(io::Error::other(error)))?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(SocketError::Untrusted)
}

/// Whom this machine trusts. Read anew each time: people add to it.
fn trusted() -> RootCertStore {
    let mut trusted = RootCertStore::empty();
    // What cannot be read is left out; without any, nobody is trusted.
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    trusted
}

fn request(url: &str, headers: &[HttpHeader]) -> Option<Request> {
    let uri: Uri = url.parse().ok().filter(|uri: &Uri| matches!(uri.scheme_str(), Some("ws" | "wss")))?;
    let plain = ClientRequestBuilder::new(uri);
    let asked = headers.iter().fold(plain, |request, HttpHeader { name, value }| request.with_header(name, value));
    asked.into_client_request().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_bears_the_headers_of_the_order() {
        let header = |name: &str, value: &str| HttpHeader { name: name.to_owned(), value: value.to_owned() };
        let request = request("wss://a.example/record/m", &[header("Authorization", "Bearer t")]).unwrap();
        let [host, auth] = ["Host", "Authorization"].map(|name| request.headers().get(name).unwrap().to_str().unwrap());
        assert_eq!((host, auth), ("a.example", "Bearer t"));
        for url in ["https://a.example/", "wss://", "not one"] {
            assert!(super::request(url, &[]).is_none(), "{url}");
        }
        assert!(super::request("wss://a.example/", &[header("X", "a\nb")]).is_none());
    }
}
