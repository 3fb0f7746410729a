//! Rude clients end; the others do not notice.

use std::future::pending;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use super::client::{Io, exchange, get, gone, hear_text, say, tcp, upgrade, within};
use super::server::{Setup, with_server};
use crate::shell::outbox::{Outbox, Pool};
use crate::shell::socket::{self, End, Rules};
use crate::shell::{Limits, ToClient, unread};

fn short() -> Limits {
    let moment = Duration::from_millis(150);
    Limits { first_byte: moment, handshake: moment, request_head: moment, ..Limits::default() }
}

#[test]
fn silent_connections_end_before_and_within_tls() {
    with_server(Setup { limits: short(), ..Setup::default() }, async |server| {
        let mut silent = tcp(server.address).await;
        let mut halted = tcp(server.address).await;
        within("sending", halted.write_all(&[0x16, 0x03, 0x01])).await.unwrap();
        assert!(gone(&mut silent).await.is_empty());
        gone(&mut halted).await;
        let mut idle = server.connect().await;
        assert_eq!(exchange(&mut *idle, &get("/about/health", &[])).await.status, 200);
        gone(&mut *idle).await;
    });
}

#[test]
fn a_head_that_drips_ends_in_time() {
    with_server(Setup { limits: short(), ..Setup::plain() }, async |server| {
        let mut io = tcp(server.address).await;
        let started = Instant::now();
        within("sending", io.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")).await.unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        within("being cut off", async {
            // Fails once the server has closed: a drip does not keep it waiting.
            while io.write_all(b"a").await.is_ok() {
                ticks.tick().await;
            }
        })
        .await;
        assert!(started.elapsed() >= Duration::from_millis(100), "cut off before its time");
    });
}

#[test]
fn long_heads_are_refused() {
    with_server(Setup::plain(), async |server| {
        let long = format!("X-Long: {}", "x".repeat(20_000));
        assert_eq!(server.get("/", &[&long]).await.status, 431);
        let many: Vec<String> = (0..100).map(|n| format!("X-{n}: y")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(server.get("/", &many).await.status, 431);
    });
}

#[test]
fn an_address_has_so_many_connections_and_gets_them_back() {
    let limits = Limits { connections_per_address: 2, ..Limits::default() };
    with_server(Setup { limits, ..Setup::plain() }, async |server| {
        let mut first = server.connect().await;
        let mut second = server.connect().await;
        assert_eq!(exchange(&mut *first, &get("/about/health", &[])).await.status, 200);
        assert_eq!(exchange(&mut *second, &get("/about/health", &[])).await.status, 200);
        assert!(gone(&mut tcp(server.address).await).await.is_empty());
        drop(first);
        within("a free place", async {
            loop {
                let mut io = tcp(server.address).await;
                let _ = io.write_all(get("/about/health", &["Connection: close"]).as_bytes()).await;
                if !gone(&mut io).await.is_empty() {
                    break;
                }
            }
        })
        .await;
    });
}

#[test]
fn a_listed_proxy_is_not_counted() {
    let limits = Limits { connections_per_address: 1, ..Limits::default() };
    with_server(Setup { limits, proxies: vec![[127, 0, 0, 1].into()], ..Setup::plain() }, async |server| {
        let mut open = Vec::new();
        for _ in 0..5 {
            let mut io = server.connect().await;
            assert_eq!(exchange(&mut *io, &get("/about/health", &[])).await.status, 200);
            open.push(io);
        }
    });
}

#[test]
fn sockets_through_a_proxy_are_counted_by_the_address_that_it_names() {
    let limits = Limits { connections_per_address: 1, ..Limits::default() };
    with_server(Setup { limits, proxies: vec![[127, 0, 0, 1].into()], ..Setup::plain() }, async |server| {
        let dial = async |client: &str| upgrade(server.connect().await, "/xmpp-websocket", &[client]).await;
        let (first, _) = dial("X-Forwarded-For: 203.0.113.1").await.unwrap();
        assert_eq!(dial("X-Forwarded-For: 10.0.0.1, 203.0.113.1").await.err().unwrap().status, 429);
        let (_other, _) = dial("X-Forwarded-For: 203.0.113.2").await.unwrap();
        let (_same_network, _) = dial("X-Forwarded-For: 2001:db8::1").await.unwrap();
        assert_eq!(dial("X-Forwarded-For: [2001:db8::2]:4711").await.err().unwrap().status, 429);
        drop(first);
        within("a free place", async { while dial("X-Forwarded-For: 203.0.113.1").await.is_err() {} }).await;
    });
}

#[test]
fn an_address_has_so_many_streams_and_may_still_open_channels() {
    let limits = Limits { streams_per_address: 1, ..Limits::default() };
    with_server(Setup { limits, ..Setup::plain() }, async |server| {
        let dial = async |path: &str| upgrade(server.connect().await, path, &[]).await;
        let (first, _) = dial("/xmpp-websocket").await.unwrap();
        assert_eq!(dial("/xmpp-websocket").await.err().unwrap().status, 429);
        assert!(dial("/colibri-ws/box/conf/alice?pwd=secret").await.is_ok());
        drop(first);
        within("a free place", async { while dial("/xmpp-websocket").await.is_err() {} }).await;
    });
}

#[test]
fn checklist_38_chapter_9_31_silent_sockets_are_pinged_and_then_dropped() {
    // Behind a proxy that gives up after a minute.
    let usual = Limits::default();
    assert!(usual.ping <= Duration::from_secs(20) && usual.idle == Duration::from_secs(60));
    let limits = Limits { ping: Duration::from_millis(100), idle: Duration::from_millis(350), ..usual };
    with_server(Setup { limits, ..Setup::plain() }, async |server| {
        let (mut socket, _) =
            upgrade(server.connect().await, "/colibri-ws/box/conf/alice?pwd=secret", &[]).await.unwrap();
        // Reading answers pings: it outlives the limit.
        let mut pings = 0;
        while pings < 6 {
            match within("a ping", socket.next()).await {
                Some(Ok(Message::Ping(_))) => pings += 1,
                other => panic!("{other:?}"),
            }
        }
        // Not reading does not.
        server.gate.until("the end", |state| (!state.closed.is_empty()).then_some(())).await;
    });
}

#[test]
fn a_client_that_never_reads_is_dropped_while_others_go_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let limits = Limits { queued_bytes: 256 * 1024, ..Limits::default() };
        let rules = Rules::xmpp(&limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let deaf_end = tcp(listener.local_addr().unwrap()).await;
        let (deaf, _) = listener.accept().await.unwrap();
        let good_end: Io = Box::new(tcp(listener.local_addr().unwrap()).await);
        let (good, _) = listener.accept().await.unwrap();
        let pool = Pool::new(limits.queued_total);
        let outbox = || Outbox::new(limits.queued_bytes, limits.queued_frames, &pool);
        let unread = &unread::Pool::new(limits.unread_total);
        let (to_deaf, to_good) = (&outbox(), &outbox());
        let mut deaf = socket::accept(deaf, Vec::new(), &rules).await;
        let mut good = socket::accept(good, Vec::new(), &rules).await;

        let talk = async {
            let mut client = tokio_tungstenite::WebSocketStream::from_raw_socket(
                good_end,
                tokio_tungstenite::tungstenite::protocol::Role::Client,
                None,
            )
            .await;
            // A stanza to both, and the good one has read its copy before the next: far more than the deaf one's queue
            // and whatever the kernel takes.
            for _ in 0..2000 {
                let stanza = "x".repeat(16 * 1024);
                to_deaf.push(stanza.clone());
                to_good.push(stanza.clone());
                assert_eq!(hear_text(&mut client).await, stanza);
            }
            to_good.close(1000, "");
            while client.next().await.is_some() {}
        };
        let (deaf_ended, good_ended) = within("everything", async {
            let rules = &rules;
            let good = async move {
                let end = socket::run(&mut good, to_good, rules, unread.share(), pending(), |_| {}).await;
                // The client waits for the end of TCP.
                drop(good);
                end
            };
            let deaf = socket::run(&mut deaf, to_deaf, rules, unread.share(), pending(), |_| {});
            let (deaf, good, ()) = tokio::join!(deaf, good, talk);
            (deaf, good)
        })
        .await;
        assert_eq!(deaf_ended, End::Overflow);
        assert_eq!(good_ended, End::Closed);
        drop(deaf_end);
    });
}

#[test]
fn a_flood_is_read_slowly_and_in_full() {
    with_server(Setup::default(), async |server| {
        let (mut socket, _) =
            upgrade(server.connect().await, "/colibri-ws/box/conf/alice?pwd=secret", &[]).await.unwrap();
        let started = Instant::now();
        for number in 0..260 {
            say(&mut socket, &number.to_string()).await;
        }
        let heard =
            server.gate.until("all of it", |state| (state.heard.len() == 260).then(|| state.heard.clone())).await;
        assert!(started.elapsed() >= Duration::from_millis(1000), "60 messages beyond the burst, at 50 a second");
        assert!(heard.iter().enumerate().all(|(number, (_, text))| *text == number.to_string()));
        server.gate.send(ToClient::Text("still here".into()));
        assert_eq!(hear_text(&mut socket).await, "still here");
    });
}

#[test]
fn frames_that_never_end_have_a_bound_together() {
    let limits = Limits { short_frame: 1024, unread_total: 40 * 1024, ..Limits::default() };
    with_server(Setup { limits, ..Setup::plain() }, async |server| {
        let dial = async || upgrade(server.connect().await, "/xmpp-websocket", &[]).await.unwrap().0;
        for _ in 0..3 {
            let mut endless = dial().await;
            let mut beginning = vec![0x81, 0xff];
            beginning.extend(100_000_u64.to_be_bytes());
            beginning.extend([0; 4]);
            beginning.extend([b' '; 60 * 1024]);
            // It may be cut off before it has said all that.
            let _ = within("sending", endless.get_mut().write_all(&beginning)).await;
            while let Some(Ok(_)) = within("the end", endless.next()).await {}
            // What it held is there again for others, one after another.
            let mut good = dial().await;
            say(&mut good, &" ".repeat(30 * 1024)).await;
            say(&mut good, &" ".repeat(30 * 1024)).await;
            say(&mut good, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='x' version='1.0'/>").await;
            assert!(hear_text(&mut good).await.starts_with("<open "));
        }
    });
}
