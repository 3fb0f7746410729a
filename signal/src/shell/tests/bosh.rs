//! XMPP in HTTP requests.

use tokio::io::AsyncWriteExt;

use super::client::{Io, Reply, exchange, within};
use super::server::{Server, Setup, with_server};
use crate::shell::Limits;

fn post(payload: &str) -> String {
    format!("POST /http-bind?room=r HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{payload}", payload.len())
}

fn body(rid: u64, attributes: &str, payload: &str) -> String {
    post(&format!(
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='{rid}' {attributes}>{payload}</body>"
    ))
}

async fn say(io: &mut Io, request: &str) -> String {
    let reply: Reply = exchange(&mut **io, request).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/xml; charset=utf-8"));
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    reply.text().to_owned()
}

/// A session that is bound: its connection, its id, and the next request.
async fn bound(server: &Server) -> (Io, String, u64) {
    let mut io = server.connect().await;
    let first = say(&mut io, &body(5, "to='box.internal' wait='60' hold='1' ver='1.6'", "")).await;
    assert!(first.contains("<mechanism>ANONYMOUS</mechanism>"), "{first}");
    let sid = first.split("sid='").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let id = format!("sid='{sid}'");
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
    assert!(say(&mut io, &body(6, &id, auth)).await.contains("<success "));
    let restarted = say(&mut io, &body(7, &format!("{id} to='box.internal' xmpp:restart='true'"), "")).await;
    assert!(restarted.contains("<bind ") && !restarted.contains("<sm "), "{restarted}");
    let bind = "<iq type='set' id='b' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    assert!(say(&mut io, &body(8, &id, bind)).await.contains("<jid>"));
    (io, sid, 9)
}

#[test]
fn a_stream_comes_in_requests() {
    with_server(Setup::default(), async |server| {
        let (mut io, sid, rid) = bound(server).await;
        let id = format!("sid='{sid}'");
        // One request is held; another one brings the answer by the first.
        let mut held = server.connect().await;
        within("sending", held.write_all(body(rid, &id, "").as_bytes())).await.unwrap();
        within("sending", held.flush()).await.unwrap();
        let ping = "<iq type='get' id='p' xmlns='jabber:client'><ping xmlns='urn:xmpp:ping'/></iq>";
        within("sending", io.write_all(body(rid + 1, &id, ping).as_bytes())).await.unwrap();
        let answer = say(&mut held, "").await;
        assert!(answer.contains("id='p'") && answer.contains("type='result'"), "{answer}");
        let mut last = server.connect().await;
        let goodbye = "<presence type='unavailable' xmlns='jabber:client'/>";
        let end = say(&mut last, &body(rid + 2, &format!("{id} type='terminate'"), goodbye)).await;
        assert!(end.contains("type='terminate'"), "{end}");
        assert!(say(&mut last, &body(rid + 3, &id, "")).await.contains("condition='item-not-found'"));
    });
}

#[test]
fn strangers_and_nonsense_end_at_once() {
    with_server(Setup::default(), async |server| {
        let mut io = server.connect().await;
        assert!(say(&mut io, &body(1, "sid='guess'", "")).await.contains("condition='item-not-found'"));
        for nonsense in ["", "<body/>", "<body xmlns='http://jabber.org/protocol/httpbind'/>", "{}", "<a"] {
            assert!(say(&mut io, &post(nonsense)).await.contains("condition='bad-request'"), "{nonsense}");
        }
        let options = exchange(&mut *io, &post("").replacen("POST", "OPTIONS", 1)).await;
        assert_eq!((options.status, options.header("access-control-allow-methods")), (200, "POST, OPTIONS"));
        let got = exchange(&mut *io, "GET /http-bind HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(got.status, 405);
        let mut io = server.connect().await;
        let long = "POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n";
        assert_eq!(exchange(&mut *io, long).await.status, 413);
    });
}

/// A request whose body has begun, as long as `sent`, and does not end.
async fn begin(server: &Server, attributes: &str, sent: usize) -> Io {
    let whole = body(1, attributes, &format!("<a xmlns='a'>{}</a>", "x".repeat(2 * sent)));
    let head = whole.find("\r\n\r\n").unwrap() + 4;
    let mut io = server.connect().await;
    within("sending", io.write_all(&whole.as_bytes()[..head + sent])).await.unwrap();
    within("sending", io.flush()).await.unwrap();
    io
}

#[test]
fn long_bodies_are_for_sessions() {
    with_server(Setup::default(), async |server| {
        for stranger in ["to='box.internal'", "sid='0123456789abcdef0123456789abcdef'"] {
            let mut io = begin(server, stranger, 4 * 1024 + 1).await;
            assert_eq!(exchange(&mut *io, "").await.status, 413, "{stranger}");
        }
        let (mut io, sid, rid) = bound(server).await;
        let long = format!(
            "<iq type='get' id='l' xmlns='jabber:client'><ping xmlns='urn:xmpp:ping'>{}</ping></iq>",
            "x".repeat(8000)
        );
        let answer = say(&mut io, &body(rid, &format!("sid='{sid}'"), &long)).await;
        assert!(answer.contains("id='l'"), "{answer}");
    });
}

#[test]
fn all_long_bodies_together_have_a_bound() {
    let limits = Limits { unread_total: 24 * 1024, ..Limits::default() };
    with_server(Setup { limits, ..Setup::default() }, async |server| {
        let (mut io, sid, mut rid) = bound(server).await;
        let id = format!("sid='{sid}'");
        let ping = |length| {
            let filler = "x".repeat(length);
            format!("<iq type='get' id='l' xmlns='jabber:client'><ping xmlns='urn:xmpp:ping'>{filler}</ping></iq>")
        };
        // What was taken is given back each time.
        for _ in 0..5 {
            assert!(say(&mut io, &body(rid, &id, &ping(9000))).await.contains("id='l'"));
            rid += 1;
        }
        let mut late = begin(server, &id, 30_000).await;
        assert_eq!(exchange(&mut *late, "").await.status, 503);
        assert!(say(&mut io, &body(rid, &id, &ping(100))).await.contains("id='l'"));
    });
}

#[test]
fn an_address_has_so_many_streams_of_both_kinds() {
    let limits = Limits { streams_per_address: 1, ..Limits::default() };
    with_server(Setup { limits, ..Setup::plain() }, async |server| {
        let (_io, _, _) = bound(server).await;
        let second = exchange(&mut *server.connect().await, &body(1, "to='box.internal'", "")).await;
        assert_eq!(second.status, 429);
    });
}

#[test]
fn everybody_is_told_when_the_server_stops() {
    with_server(Setup::default(), async |server| {
        let (mut io, sid, rid) = bound(server).await;
        within("sending", io.write_all(body(rid, &format!("sid='{sid}'"), "").as_bytes())).await.unwrap();
        // The request has been taken up once another one of the session is answered.
        let mut other = server.connect().await;
        within("sending", other.write_all(body(rid + 1, &format!("sid='{sid}'"), "").as_bytes())).await.unwrap();
        assert!(!say(&mut io, "").await.contains("terminate"));
        server.stop();
        let end = say(&mut other, "").await;
        assert!(end.contains("<system-shutdown ") && end.contains("type='terminate'"), "{end}");
    });
}
