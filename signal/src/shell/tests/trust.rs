//! `/trust`, with and without TLS, on boxes with and without an authority of their own.

use super::client::{exchange, get, tcp};
use super::server::{Setup, with_server};
use crate::shell::{Branding, Trust};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nREVS\n-----END CERTIFICATE-----\n";

fn setup() -> Setup {
    let branding = Branding { name: "Hall & <b>".to_owned(), ..Branding::default() };
    let trust = Trust::new(b"DER", PEM, "Moothall 01", &branding.name);
    Setup { branding, trust: Some(trust), ..Setup::default() }
}

#[test]
fn the_certificate_is_to_be_had_in_every_form_with_and_without_tls() {
    with_server(setup(), async |server| {
        for (name, content_type, part) in [
            ("moothall.crt", "application/x-x509-ca-cert", "DER"),
            ("moothall.pem", "application/x-pem-file", PEM),
            ("moothall.mobileconfig", "application/x-apple-aspen-config", "<data>REVS</data>"),
            ("leaflet.css", "text/css; charset=utf-8", ".print"),
        ] {
            let request = get(&format!("/trust/{name}"), &["Host: box.local:8443"]);
            let plain = exchange(&mut tcp(server.address).await, &request).await;
            let secure = server.get(&format!("/trust/{name}"), &[]).await;
            for reply in [plain, secure] {
                assert_eq!((reply.status, reply.header("content-type")), (200, content_type), "{name}");
                assert!(reply.text().contains(part), "{name}");
                assert_eq!(reply.header("x-content-type-options"), "nosniff");
            }
        }
    });
}

#[test]
fn the_page_escapes_names_runs_no_script_and_gives_the_address_without_tls() {
    with_server(setup(), async |server| {
        let lines = ["Host: box.local:8443", "Accept-Language: de-DE", "User-Agent: x (iPhone; x)"];
        let reply = server.get("/trust", &lines).await;
        let page = reply.text();
        assert!(page.contains("<html lang=\"de\">") && page.contains("Hall &amp; &lt;b&gt;"), "{page}");
        assert!(page.contains("id=\"ios\" open") && !page.contains("id=\"android\" open"), "{page}");
        assert!(page.contains("http://box.local:8443/trust<") && page.contains("<b>Moothall 01</b>"), "{page}");
        assert!(!page.contains("<script") && !page.contains("style=") && !page.contains("{subject}"), "{page}");
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        let chosen = server.get("/trust?lang=es", &lines).await;
        assert!(chosen.text().contains("<html lang=\"es\">"));
        assert!(server.get("/trust", &["Host: box.local"]).await.text().contains("https://box.local/trust<"));
        assert!(server.get("/config.js", &[]).await.text().contains("\"trustPage\":\"/trust\""));
        let redirect = exchange(&mut tcp(server.redirect).await, &get("/trust", &["Host: box.local"])).await;
        assert!(redirect.text().contains("http://box.local/trust<"), "{}", redirect.text());
        assert!(redirect.text().contains(&format!("href=\"https://box.local:{}/\"", server.address.port())));
    });
}

#[test]
fn everything_else_without_tls_is_still_sent_to_https() {
    with_server(setup(), async |server| {
        for path in ["/", "/trust/Room", "/config.js", "/trust/leaflet.css/x"] {
            assert_eq!(exchange(&mut tcp(server.address).await, &get(path, &[])).await.status, 308, "{path}");
        }
        let post = "POST /trust HTTP/1.1\r\nHost: box.local\r\nConnection: close\r\n\r\n";
        assert_eq!(exchange(&mut tcp(server.address).await, post).await.status, 405);
    });
}

#[test]
fn where_the_certificate_is_not_the_boxs_own_trust_is_a_room() {
    with_server(Setup::default(), async |server| {
        let (room, trust) = (server.get("/Room", &[]).await, server.get("/trust", &[]).await);
        assert_eq!((room.status, room.body), (trust.status, trust.body));
        assert_eq!(exchange(&mut tcp(server.address).await, &get("/trust", &[])).await.status, 308);
        assert!(server.get("/config.js", &[]).await.text().contains("\"trustPage\":null"));
    });
}
