//! The bridge channel.

use tokio_tungstenite::tungstenite::Message;

use futures_util::SinkExt;

use super::client::{hear_close, hear_text, say, upgrade, within};
use super::server::{Setup, with_server};
use crate::shell::{ChannelId, ToClient};

const URL: &str = "/colibri-ws/box/conf/alice?pwd=secret";

#[test]
fn checklist_35_strangers_learn_nothing() {
    with_server(Setup::default(), async |server| {
        let refused = async |path| upgrade(server.connect().await, path, &[]).await.unwrap_err();
        for path in [
            "/colibri-ws/other/conf/alice?pwd=secret",
            "/colibri-ws/box/conf?pwd=secret",
            "/colibri-ws/box/conf/alice/x?pwd=secret",
        ] {
            assert_eq!(refused(path).await.status, 404, "{path}");
        }
        let mut texts = Vec::new();
        for path in [
            "/colibri-ws/box/nowhere/alice?pwd=secret",
            "/colibri-ws/box/conf/nobody?pwd=secret",
            "/colibri-ws/box/conf/alice?pwd=wrong",
            "/colibri-ws/box/conf/alice?pwd=",
            "/colibri-ws/box/conf/alice?x=1&pwd=secret",
            "/colibri-ws/box/conf/alice",
        ] {
            let reply = refused(path).await;
            assert_eq!(reply.status, 403, "{path}");
            texts.push(reply.body);
        }
        assert!(texts.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(server.get(URL, &[]).await.status, 426);
    });
}

#[test]
fn frames_travel_both_ways_and_binary_ones_are_ignored() {
    with_server(Setup::default(), async |server| {
        let (mut socket, reply) = upgrade(server.connect().await, URL, &[]).await.unwrap();
        assert!(!reply.headers.contains_key("sec-websocket-protocol"));
        server.gate.send(ToClient::Text("{\"colibriClass\":\"ServerHello\"}".into()));
        assert_eq!(hear_text(&mut socket).await, "{\"colibriClass\":\"ServerHello\"}");
        within("sending", socket.send(Message::binary(vec![1]))).await.unwrap();
        say(&mut socket, "{}").await;
        let heard = server.gate.until("the frame", |state| state.heard.first().cloned()).await;
        assert_eq!(heard, (ChannelId(1), "{}".to_owned()));
        drop(socket);
        server.gate.until("the end", |state| state.closed.contains(&ChannelId(1)).then_some(())).await;
    });
}

#[test]
fn checklist_37_a_second_socket_replaces_the_first() {
    with_server(Setup::default(), async |server| {
        let (mut first, _) = upgrade(server.connect().await, URL, &[]).await.unwrap();
        let (mut second, _) = upgrade(server.connect().await, URL, &[]).await.unwrap();
        assert_eq!(hear_close(&mut first).await, (1000, "replaced".to_owned()));
        server.gate.send(ToClient::Text("hello".into()));
        assert_eq!(hear_text(&mut second).await, "hello");
        server.gate.send(ToClient::Close { code: 1001, reason: "endpoint closed" });
        assert_eq!(hear_close(&mut second).await, (1001, "endpoint closed".to_owned()));
        let closed =
            server.gate.until("both ends", |state| (state.closed.len() >= 2).then(|| state.closed.clone())).await;
        assert_eq!(closed, [ChannelId(1), ChannelId(2)]);
    });
}

#[test]
fn frames_beyond_64_kib_are_refused() {
    with_server(Setup::default(), async |server| {
        let (mut socket, _) = upgrade(server.connect().await, URL, &[]).await.unwrap();
        say(&mut socket, &"x".repeat(64 * 1024)).await;
        server.gate.until("the longest frame", |state| (state.heard.len() == 1).then_some(())).await;
        let _ = within("sending", socket.send(Message::text("x".repeat(64 * 1024 + 1)))).await;
        server.gate.until("the end", |state| (!state.closed.is_empty()).then_some(())).await;
    });
}
