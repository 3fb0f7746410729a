//! TLS and what comes instead of it.

use tokio::io::AsyncWriteExt;

use super::client::{exchange, get, gone, hear_text, say, tcp, tls, upgrade, within};
use super::server::{Setup, certificates, with_server};
use crate::shell::{TlsError, certified_key};

#[test]
fn a_new_certificate_serves_new_connections_and_leaves_the_old_alone() {
    with_server(Setup::default(), async |server| {
        let (mut socket, _) = upgrade(server.connect().await, "/xmpp-websocket", &[]).await.unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        server.certificates.replace_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();

        let mut new = tls(server.address, made.cert.der()).await.unwrap();
        assert_eq!(exchange(&mut *new, &get("/about/health", &[])).await.status, 200);
        assert!(tls(server.address, &server.certificate).await.is_err(), "the old certificate is still served");

        say(&mut socket, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='box.internal' version='1.0'/>").await;
        assert!(hear_text(&mut socket).await.starts_with("<open "));
    });
}

#[test]
fn unusable_certificates_are_told_apart() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    assert!(certified_key(chain.as_bytes(), key.as_bytes()).is_ok());
    let failure = |chain: &str, key: &str| certified_key(chain.as_bytes(), key.as_bytes()).unwrap_err();
    assert!(matches!(failure("", &key), TlsError::NoCertificate));
    assert!(matches!(failure(&chain, ""), TlsError::BadKey(_)));
    assert!(matches!(failure(&chain, &other.signing_key.serialize_pem()), TlsError::Unusable(_)));
    let (certificates, _) = certificates();
    assert!(certificates.replace_pem(b"", key.as_bytes()).is_err());
}

#[test]
fn plain_requests_on_the_tls_port_are_sent_to_https() {
    with_server(Setup::default(), async |server| {
        let reply = exchange(&mut tcp(server.address).await, &get("/Room?x=1", &["Host: Meet.Example:8443"])).await;
        assert_eq!((reply.status, reply.header("location")), (308, "https://meet.example:8443/Room?x=1"));
        let hostile = exchange(&mut tcp(server.address).await, &get("//evil.example", &["Host: a\"b"])).await;
        assert_eq!(hostile.header("location"), format!("https://{}//evil.example", server.address));
    });
}

#[test]
fn another_port_sends_plain_requests_to_https_and_knows_nothing_else() {
    with_server(Setup::default(), async |server| {
        let port = server.address.port();
        let ask = async |request: &str| exchange(&mut tcp(server.redirect).await, request).await;
        let reply = ask(&get("/Room?x=1", &["Host: Meet.Example:80"])).await;
        assert_eq!((reply.status, reply.header("location")), (308, &*format!("https://meet.example:{port}/Room?x=1")));
        let nameless = ask("GET /about/health HTTP/1.0\r\n\r\n").await;
        let elsewhere = format!("https://{}/about/health", server.address);
        assert_eq!((nameless.status, nameless.header("location")), (308, elsewhere.as_str()));
        let post = ask("POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!((post.status, post.header("allow")), (405, "GET, HEAD"));
        let mut io = tcp(server.redirect).await;
        within("sending", io.write_all(b"\x16\x03\x01\x00\x05hello")).await.unwrap();
        assert!(!gone(&mut io).await.windows(6).any(|part| part == b"200 OK"));
    });
}

#[test]
fn what_is_neither_tls_nor_http_is_dropped() {
    with_server(Setup::default(), async |server| {
        for noise in [&b"\x00\x01\x00\x00\x21\x12\xa4\x42"[..], b"\x16\x03\x01\x00\x05hello", b"SSH-2.0-x\r\n\r\n"] {
            let mut io = tcp(server.address).await;
            within("sending", io.write_all(noise)).await.unwrap();
            let said = gone(&mut io).await;
            assert!(!said.windows(6).any(|part| part == b"200 OK"), "{said:?}");
        }
    });
}
