//! Pages, configuration, and what does not exist.

use std::path::PathBuf;

use serde_json::Value;

use super::client::{exchange, get};
use super::server::{Setup, with_server};
use crate::shell::{Branding, Logo, Web};

fn config(script: &str) -> Value {
    let json = script.strip_prefix("var config = ").and_then(|rest| rest.trim_end().strip_suffix(';'));
    serde_json::from_str(json.expect("one assignment")).unwrap()
}

#[test]
fn config_js_names_the_address_that_each_client_used() {
    with_server(Setup::default(), async |server| {
        for (host, authority) in [
            ("Meet.Example:8443", "meet.example:8443"),
            ("127.0.0.1:8443", "127.0.0.1:8443"),
            ("[2001:DB8::1]:8443", "[2001:db8::1]:8443"),
            ("localhost", "localhost"),
        ] {
            for path in ["/config.js", "/config.js?room=r%20x&release=1", "/tenant/config.js"] {
                let reply = server.get(path, &[&format!("Host: {host}")]).await;
                assert_eq!(reply.status, 200);
                assert!(reply.header("content-type").starts_with("text/javascript"));
                let config = config(reply.text());
                assert_eq!(config["websocket"], format!("wss://{authority}/xmpp-websocket"));
                assert_eq!(config["hosts"]["muc"], "conference.box.internal");
                let policy = reply.header("content-security-policy");
                assert!(policy.contains(&format!("wss://{authority} ")), "{policy}");
            }
        }
    });
}

#[test]
fn a_hostile_host_is_replaced_by_our_own_address() {
    with_server(Setup::default(), async |server| {
        for host in ["a\"b", "a'; script-src *", "x/../y", "user@host", "a b", "[::1", "a:99999", ""] {
            let reply = server.get("/config.js", &[&format!("Host: {host}")]).await;
            assert_eq!(reply.status, 200, "{host}");
            assert_eq!(config(reply.text())["websocket"], format!("wss://{}/xmpp-websocket", server.address));
        }
    });
}

#[test]
fn forwarding_headers_count_from_a_listed_proxy_only() {
    let lines = ["X-Forwarded-Host: meet.example", "X-Forwarded-Proto: https"];
    with_server(Setup { proxies: vec![[127, 0, 0, 1].into()], ..Setup::plain() }, async |server| {
        let reply = server.get("/config.js", &lines).await;
        assert_eq!(config(reply.text())["websocket"], "wss://meet.example/xmpp-websocket");
    });
    with_server(Setup { proxies: vec![[127, 0, 0, 9].into()], ..Setup::plain() }, async |server| {
        let reply = server.get("/config.js", &lines).await;
        assert_eq!(config(reply.text())["websocket"], "ws://localhost/xmpp-websocket");
    });
}

#[test]
fn rooms_get_the_page_and_it_is_cached_by_its_tag() {
    with_server(Setup::default(), async |server| {
        let mut io = server.connect().await;
        for path in ["/", "/Room", "/tenant/Room", "/room%20name"] {
            let reply = exchange(&mut *io, &get(path, &[])).await;
            assert_eq!((reply.status, reply.text()), (200, "<!doctype html><title>page</title>"), "{path}");
            assert_eq!(reply.header("cache-control"), "no-cache");
        }
        let packed = exchange(&mut *io, &get("/", &["Accept-Encoding: gzip, br"])).await;
        assert_eq!((packed.header("content-encoding"), packed.text()), ("gzip", "index, compressed"));
        let tag = packed.header("etag").to_owned();
        let again = exchange(&mut *io, &get("/", &["Accept-Encoding: gzip", &format!("If-None-Match: {tag}")])).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        let plain = exchange(&mut *io, &get("/", &[&format!("If-None-Match: {tag}")])).await;
        assert_eq!(plain.status, 200);
        let script = exchange(&mut *io, &get("/app.js", &[])).await;
        assert_eq!((script.status, script.text()), (200, "start()"));
        let head = exchange(&mut *io, &get("/app.js", &[]).replacen("GET", "HEAD", 1)).await;
        assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "7", 0));
    });
}

#[test]
fn every_answer_is_protected() {
    with_server(Setup::default(), async |server| {
        for path in ["/", "/config.js", "/external_api.js", "/about/health", "/xmpp-websocket", "/../x"] {
            let reply = server.get(path, &[]).await;
            let policy = reply.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
            assert!(!policy.contains("unsafe"), "{path}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            assert_eq!(reply.header("referrer-policy"), "no-referrer");
            assert!(reply.header("permissions-policy").contains("display-capture=(self)"));
        }
    });
}

#[test]
fn what_does_not_exist_is_said_so() {
    with_server(Setup::default(), async |server| {
        let mut io = server.connect().await;
        for path in ["/external_api.js", "/libs/x.js", "/a/b/c", "/branding/logo.svg", "/favicon.ico"] {
            assert_eq!(exchange(&mut *io, &get(path, &[])).await.status, 404, "{path}");
        }
        let post = exchange(&mut *io, &get("/", &[]).replacen("GET", "POST", 1)).await;
        assert_eq!((post.status, post.header("allow")), (405, "GET, HEAD"));
        let body = exchange(&mut *io, &get("/", &["Content-Length: 1000000"])).await;
        assert_eq!((body.status, body.header("connection")), (413, "close"));
    });
}

#[test]
fn health_version_and_branding_are_json() {
    let logo = scratch("logo").join("logo.svg");
    std::fs::write(&logo, "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    let branding = Branding {
        name: "Town \"Hall\"".to_owned(),
        logo: Some(Logo::read(&logo).unwrap()),
        accent_light: Some("#0a6a54".parse().unwrap()),
        ..Branding::default()
    };
    with_server(Setup { branding, ..Setup::default() }, async |server| {
        let json = async |path| serde_json::from_str::<Value>(server.get(path, &[]).await.text()).unwrap();
        assert_eq!(json("/about/health").await["sessions"], 0);
        assert_eq!(json("/about/version").await["version"], "1.2.3");
        let branding = json("/branding.json").await;
        assert_eq!((&branding["name"], &branding["logo"]), (&"Town \"Hall\"".into(), &"/branding/logo.svg".into()));
        assert_eq!(branding["accent"], serde_json::json!({ "light": "#0a6a54", "dark": null }));
        let logo = server.get("/branding/logo.svg", &[]).await;
        assert_eq!(logo.header("content-type"), "image/svg+xml");
        assert!(logo.header("content-security-policy").contains("sandbox"));
        let interface = server.get("/interface_config.js", &[]).await;
        assert!(interface.text().starts_with("var interfaceConfig = {"));
    });
}

#[test]
fn a_server_without_a_page_says_how_to_build_it() {
    with_server(Setup { web: Web::Embedded(&[]), ..Setup::default() }, async |server| {
        let reply = server.get("/room", &[]).await;
        assert_eq!(reply.status, 503);
        assert!(reply.text().contains("make web"));
    });
}

/// A fresh directory of this test run.
fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("moothall-shell-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_directory_serves_a_stock_page_and_nothing_above_it() {
    let root = scratch("stock");
    let web = root.join("web");
    std::fs::create_dir_all(web.join("libs")).unwrap();
    std::fs::write(root.join("secret.txt"), "SECRET").unwrap();
    std::fs::write(web.join(".htaccess"), "SECRET").unwrap();
    std::fs::write(web.join("title.html"), "<title>stock</title>").unwrap();
    std::fs::write(web.join("interface_config.js"), "var interfaceConfig = 1;").unwrap();
    std::fs::write(web.join("libs/external_api.min.js"), "api()").unwrap();
    std::fs::write(web.join("plain.html"), "<script src=\"/app.js\"></script>").unwrap();
    std::os::unix::fs::symlink(root.join("secret.txt"), web.join("out.txt")).unwrap();
    std::os::unix::fs::symlink("title.html", web.join("libs/in.txt")).unwrap();
    std::os::unix::fs::symlink(web.join("title.html"), web.join("in.txt")).unwrap();
    let bundle = "x".repeat(100_000);
    std::fs::write(web.join("libs/app.bundle.min.js"), &bundle).unwrap();
    std::fs::write(
        web.join("index.html"),
        "<!--#include virtual=\"title.html\" --><script><!--#include virtual=\"/config.js\" --></script>\
         <!--#include virtual=\"../secret.txt\" --><!--#include virtual=\"none.html\" -->\
         <!--#include virtual=\"out.txt\" --><script><!--#include virtual=\"/interface_config.js\" --></script>.",
    )
    .unwrap();
    with_server(Setup { web: Web::Directory(web), ..Setup::default() }, async |server| {
        let page = server.get("/tenant/room", &["Host: meet.example"]).await;
        assert!(page.text().starts_with("<title>stock</title><script>var config = {"), "{}", page.text());
        assert!(
            page.text().contains("wss://meet.example/xmpp-websocket")
                && page.text().ends_with("var interfaceConfig = 1;</script>.")
        );
        assert!(page.header("content-security-policy").contains("'unsafe-inline'"));
        let plain = server.get("/plain.html", &[]).await;
        assert!(
            !plain.header("content-security-policy").contains("unsafe"),
            "a page without inline code needs no more"
        );
        assert_eq!(server.get("/in.txt", &[]).await.text(), "<title>stock</title>");
        assert_eq!(server.get("/libs/in.txt", &[]).await.status, 404);
        let bundled = server.get("/libs/app.bundle.min.js?v=1", &[]).await;
        assert_eq!(bundled.text(), bundle);
        let tag = format!("If-None-Match: {}", bundled.header("etag"));
        assert_eq!(server.get("/libs/app.bundle.min.js", &[&tag]).await.status, 304);
        assert_eq!(server.get("/external_api.js", &[]).await.text(), "api()");
        std::fs::write(root.join("web/external_api.js"), "its own").unwrap();
        assert_eq!(server.get("/external_api.js", &[]).await.text(), "its own");
        for path in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/libs/../../secret.txt",
            "/libs/..%5c..%5csecret.txt",
            "//secret.txt",
            "/libs/%2e%2e/%2e%2e/secret.txt",
            "/.htaccess",
            "/out.txt",
            "/libs/.htaccess",
            "/secret.txt%00.html",
        ] {
            let reply = server.get(path, &[]).await;
            assert!(!reply.text().contains("SECRET"), "{path}: {}", reply.text());
        }
    });
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn feedback_is_taken_from_our_own_page_in_short_bodies() {
    with_server(Setup::default(), async |server| {
        let post = |content_type: &str, body: &str| {
            let length = body.len();
            format!(
                "POST /about/feedback HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        };
        let mut io = server.connect().await;
        let good = post("application/json", r#"{"answer":"good"}"#);
        let reply = exchange(&mut *io, &good).await;
        assert_eq!((reply.status, reply.text()), (200, ""));
        assert_eq!(reply.header("access-control-allow-origin"), "", "other pages have nothing to say here");
        assert_eq!(exchange(&mut *io, &post("text/plain", r#"{"answer":"good"}"#)).await.status, 415);
        // What was refused unread ends its connection.
        let mut io = server.connect().await;
        assert_eq!(exchange(&mut *io, &post("application/json", r#"{"answer":5}"#)).await.status, 400);
        assert_eq!(exchange(&mut *io, &post("application/json", &"x".repeat(5000))).await.status, 413);
        assert_eq!(server.get("/about/feedback", &[]).await.status, 405);
    });
}

#[test]
fn a_room_may_be_asked_for_over_http() {
    with_server(Setup::default(), async |server| {
        let post = |body: &str| {
            let length = body.len();
            format!(
                "POST /conference-request/v1?room=r HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        };
        let mut io = server.connect().await;
        let good =
            post(r#"{"room":"r@conference.box.internal","machineUid":"m","properties":{"startAudioMuted":"9"}}"#);
        let reply = exchange(&mut *io, &good).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, "*"));
        let answer: Value = serde_json::from_str(reply.text()).unwrap();
        assert_eq!((&answer["ready"], &answer["focusJid"]), (&true.into(), &"focus@auth.box.internal".into()));
        assert_eq!(server.get("/about/health", &[]).await.text(), r#"{"occupants":0,"rooms":1,"sessions":0}"#);
        for bad in ["", "{}", "[]", r#"{"room":"r@elsewhere"}"#, r#"{"room":"@@"}"#] {
            assert_eq!(exchange(&mut *io, &post(bad)).await.status, 400, "{bad}");
        }
        // Who asks for many rooms and enters none is refused.
        let many = |n| post(&format!(r#"{{"room":"r{n}@conference.box.internal"}}"#));
        let mut last = 200;
        for n in 0..40 {
            last = exchange(&mut *io, &many(n)).await.status;
        }
        assert_eq!(last, 503);
        let options = exchange(&mut *io, &post("").replacen("POST", "OPTIONS", 1)).await;
        assert_eq!(options.status, 200);
    });
}
