//! `/setup/api`: what reaches whoever sets up the box, and what does not.

use std::net::IpAddr;

use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;

use super::client::{Reply, exchange, within};
use super::server::{Server, Setup, with_server};
use crate::shell::{Setup as Desk, SetupRequest};

fn desk() -> (Setup, mpsc::Receiver<SetupRequest>, watch::Sender<bool>) {
    let (requests, asked) = mpsc::channel(1);
    let (wanted, seen) = watch::channel(true);
    (Setup { setup: Some(Desk { requests, wanted: seen }), ..Setup::default() }, asked, wanted)
}

async fn post(server: &Server, origin: &str, content_type: &str, body: &str) -> Reply {
    let request = format!(
        "POST /setup/api HTTP/1.1\r\nHost: box.local\r\nOrigin: {origin}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(&mut *server.connect().await, &request).await
}

const OURS: &str = "https://box.local";
const JSON: &str = "application/json";

#[test]
fn a_request_of_our_page_is_handed_on_and_its_answer_given() {
    let (setup, mut asked, _wanted) = desk();
    with_server(setup, async |server| {
        let answering = spawn_local(async move {
            let request = within("request", asked.recv()).await.unwrap();
            assert_eq!((request.text.as_str(), request.from), ("{\"a\":1}", IpAddr::from([127, 0, 0, 1])));
            request.answer.send("{\"b\":2}".to_owned()).unwrap();
            // Nobody is there for the second one.
            drop(within("request", asked.recv()).await.unwrap());
        });
        let reply = post(server, OURS, JSON, "{\"a\":1}").await;
        assert_eq!((reply.status, reply.text()), (200, "{\"b\":2}"));
        assert_eq!((reply.header("content-type"), reply.header("cache-control")), (JSON, "no-store"));
        assert!(reply.header("content-security-policy").contains("frame-ancestors"));
        assert_eq!(reply.header("access-control-allow-origin"), "");
        let reply = post(server, OURS, JSON, "{}").await;
        assert_eq!((reply.status, reply.text()), (404, "this box is set up by its configuration file\n"));
        answering.await.unwrap();
    });
}

#[test]
fn nothing_else_is_handed_on() {
    let (setup, mut asked, _wanted) = desk();
    with_server(setup, async |server| {
        assert_eq!(post(server, "https://evil.example", JSON, "{}").await.status, 403);
        assert_eq!(post(server, "null", JSON, "{}").await.status, 403);
        assert_eq!(post(server, OURS, "text/plain", "{}").await.status, 415);
        assert_eq!(post(server, OURS, JSON, &"x".repeat(8 * 1024 + 1)).await.status, 413);
        assert_eq!(server.get("/setup/api", &[]).await.status, 405);
        assert!(asked.try_recv().is_err());
    });
}

#[test]
fn behind_a_proxy_without_tls_nothing_is_set_up() {
    let (setup, mut asked, _wanted) = desk();
    with_server(Setup { plain: true, ..setup }, async |server| {
        assert_eq!(post(server, OURS, JSON, "{}").await.status, 403);
        assert!(asked.try_recv().is_err());
    });
}

#[test]
fn who_asks_too_much_at_once_is_told_so() {
    let (setup, asked, _wanted) = desk();
    with_server(setup, async |server| {
        let request = format!(
            "POST /setup/api HTTP/1.1\r\nHost: box.local\r\nOrigin: {OURS}\r\nContent-Type: {JSON}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let mut first = server.connect().await;
        tokio::io::AsyncWriteExt::write_all(&mut first, request.as_bytes()).await.unwrap();
        within("it waits", async {
            while asked.is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(post(server, OURS, JSON, "{}").await.status, 503);
    });
}

#[test]
fn the_front_page_learns_whether_the_box_has_to_be_set_up() {
    let (setup, _asked, wanted) = desk();
    with_server(setup, async |server| {
        assert!(server.get("/config.js", &[]).await.text().contains("\"setupPage\":\"/setup\""));
        wanted.send_replace(false);
        assert!(server.get("/config.js", &[]).await.text().contains("\"setupPage\":null"));
    });
    with_server(Setup::default(), async |server| {
        assert!(server.get("/config.js", &[]).await.text().contains("\"setupPage\":null"));
        let reply = post(server, OURS, JSON, "{}").await;
        assert_eq!((reply.status, reply.text()), (404, "this box is set up by its configuration file\n"));
    });
}
