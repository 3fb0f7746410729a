//! XMPP over WebSocket.

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use super::client::{hear, hear_close, hear_text, say, upgrade, within};
use super::server::{Setup, with_server};

const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='box.internal' version='1.0'/>";

#[test]
fn a_stream_opens_over_tls_with_its_subprotocol() {
    with_server(Setup::default(), async |server| {
        for path in ["/xmpp-websocket", "/xmpp-websocket?room=r&token=t&previd=p", "/tenant/xmpp-websocket?room=r"] {
            let lines = ["Sec-WebSocket-Protocol: foo, xmpp", "Origin: https://elsewhere.example"];
            let (mut socket, reply) = upgrade(server.connect().await, path, &lines).await.unwrap();
            assert_eq!(reply.header("sec-websocket-protocol"), "xmpp");
            say(&mut socket, OPEN).await;
            assert!(hear_text(&mut socket).await.starts_with("<open "));
            assert!(hear_text(&mut socket).await.starts_with("<stream:features "));
        }
    });
}

#[test]
fn a_client_without_subprotocol_gets_none() {
    with_server(Setup::default(), async |server| {
        let (_, reply) = upgrade(server.connect().await, "/xmpp-websocket", &[]).await.unwrap();
        assert!(!reply.headers.contains_key("sec-websocket-protocol"));
    });
}

#[test]
fn keep_alive_requests_are_answered_and_bad_upgrades_are_not_taken() {
    with_server(Setup::default(), async |server| {
        let reply = server.get("/xmpp-websocket?room=r", &[]).await;
        assert_eq!(reply.status, 200);
        assert!(reply.body.len() < 100 && !reply.headers.contains_key("x-jitsi-shard"));
        let old = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8"];
        let reply = server.get("/xmpp-websocket", &old).await;
        assert_eq!((reply.status, reply.header("sec-websocket-version")), (426, "13"));
        let page = upgrade(server.connect().await, "/room", &[]).await.unwrap_err();
        assert_eq!(page.status, 200);
    });
}

#[test]
fn binary_and_oversized_frames_end_the_stream_with_a_reason() {
    with_server(Setup::default(), async |server| {
        let (mut socket, _) = upgrade(server.connect().await, "/xmpp-websocket", &[]).await.unwrap();
        within("sending", socket.send(Message::binary(vec![0; 4]))).await.unwrap();
        assert_eq!(hear_close(&mut socket).await.0, 1003);

        let (mut socket, _) = upgrade(server.connect().await, "/xmpp-websocket", &[]).await.unwrap();
        say(&mut socket, OPEN).await;
        hear_text(&mut socket).await;
        // Refused by its header: the rest need not even arrive, and may not be taken any more.
        let _ = within("sending", socket.send(Message::text("x".repeat(512 * 1024 + 1)))).await;
        loop {
            match hear(&mut socket).await {
                Some(Message::Text(_)) => {}
                Some(Message::Close(Some(close))) => break assert_eq!(u16::from(close.code), 1009),
                // The reset that follows unread bytes may overtake it.
                None => break,
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn everybody_is_told_when_the_server_stops() {
    with_server(Setup::default(), async |server| {
        let (mut socket, _) = upgrade(server.connect().await, "/xmpp-websocket", &[]).await.unwrap();
        say(&mut socket, OPEN).await;
        hear_text(&mut socket).await;
        hear_text(&mut socket).await;
        let (mut channel, _) =
            upgrade(server.connect().await, "/colibri-ws/box/conf/alice?pwd=secret", &[]).await.unwrap();
        server.stop();
        let mut told = false;
        loop {
            match hear(&mut socket).await {
                Some(Message::Text(text)) => told |= text.as_str().contains("<system-shutdown "),
                Some(Message::Close(_)) | None => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(told);
        assert_eq!(hear_close(&mut channel).await, (1001, "endpoint closed".to_owned()));
    });
}
