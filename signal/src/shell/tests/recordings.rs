//! `/api/v1` over real sockets: who gets what, and parts of files.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::client::{Reply, exchange};
use super::server::{Server, Setup, with_server};
use crate::shell::recordings::{Archive, Excerpt, File, Links, Opened, Recording, Recordings, State, Token, Undeleted};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const BYTES: usize = 100_000;

/// One recording with one file, in a folder of its own.
#[derive(Debug)]
struct Shelf(PathBuf);

impl Shelf {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("moothall-shelf-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let bytes: Vec<u8> = (0..BYTES).map(|at| u8::try_from(at % 251).unwrap()).collect();
        fs::write(folder.join("composed.mp4"), bytes).unwrap();
        Self(folder)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Archive for Shelf {
    fn list(&self, room: Option<&str>, _before: Option<&str>, most: usize) -> io::Result<Excerpt> {
        let all: Vec<_> =
            self.find("hall-1").into_iter().filter(|one| room.is_none_or(|room| room == one.room)).collect();
        Ok(Excerpt { more: all.len() > most, recordings: all })
    }

    fn find(&self, name: &str) -> Option<Recording> {
        let bytes = fs::metadata(self.0.join("composed.mp4")).ok().filter(|_| name == "hall-1")?.len();
        let file = File { file: "composed.mp4".to_owned(), content_type: "video/mp4", bytes, track: None };
        Some(Recording {
            name: name.to_owned(),
            room: "hall".to_owned(),
            meeting: "5a1d0e2c".to_owned(),
            state: State::Finished,
            begin: "2026-11-29T09:58:58.355Z".to_owned(),
            begin_unix_ms: 1_795_946_338_355,
            duration_ms: 1992,
            bytes,
            participants: vec!["Ada".to_owned()],
            initiator: None,
            error: None,
            files: vec![file],
        })
    }

    fn open(&self, name: &str, file: &str) -> Option<Opened> {
        let listed = self.find(name)?.files.into_iter().find(|listed| listed.file == file)?;
        Some(Opened { file: fs::File::open(self.0.join(file)).ok()?, content_type: listed.content_type })
    }

    fn delete(&self, name: &str) -> Result<(), Undeleted> {
        self.find(name).ok_or(Undeleted::Unknown)?;
        Ok(fs::remove_file(self.0.join("composed.mp4"))?)
    }

    fn begun(&self, _session: &str) -> Option<String> {
        None
    }

    fn session(&self, _recording: &Recording) -> Option<String> {
        None
    }
}

fn setup(test: &str, token: Option<&str>) -> Setup {
    let token = token.map(|token| Token::parse(token).unwrap());
    let recordings = Recordings { archive: Arc::new(Shelf::new(test)), links: Links::new(&[7; 32]), token };
    Setup { recordings: Some(recordings), ..Setup::default() }
}

async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: box.local\r\n{headers}{length}\r\n{body}");
    exchange(&mut *server.connect().await, &request).await
}

async fn known(server: &Server, method: &str, path: &str) -> Reply {
    ask(server, method, path, &[("Authorization", &format!("Bearer {TOKEN}"))], "").await
}

/// Every refusal says what happened and what to do.
fn refusal(reply: &Reply) -> u16 {
    let said: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(said["error"].is_string() && said["advice"].is_string(), "{said}");
    reply.status
}

const ALL: &str = "/api/v1/recordings";
const ONE: &str = "/api/v1/recordings/hall-1";
const FILE: &str = "/api/v1/recordings/hall-1/composed.mp4";

#[test]
fn only_who_knows_the_token_is_told() {
    with_server(setup("token", Some(TOKEN)), async |server| {
        for path in [ALL, ONE, FILE, "/api/v1/recordings/nothing"] {
            assert_eq!(refusal(&ask(server, "GET", path, &[], "").await), 401, "{path}");
            let wrong = [("Authorization", "Basic 0123456789abcdef0123456789abcdef")];
            assert_eq!(refusal(&ask(server, "GET", path, &wrong, "").await), 401, "{path}");
        }
        let listed = known(server, "GET", ALL).await;
        assert_eq!((listed.status, listed.header("cache-control")), (200, "no-store"));
        assert!(listed.header("content-security-policy").contains("frame-ancestors"));
        let listed: serde_json::Value = serde_json::from_slice(&listed.body).unwrap();
        assert_eq!(listed["recordings"][0]["name"], "hall-1");
        let other = known(server, "GET", "/api/v1/recordings?room=attic&limit=1").await;
        assert_eq!(other.text(), "{\"more\":false,\"recordings\":[]}");
        for query in ["limit=0", "limit=101", "limit=x", "room="] {
            assert_eq!(refusal(&known(server, "GET", &format!("{ALL}?{query}")).await), 400, "{query}");
        }
        assert_eq!(refusal(&known(server, "GET", "/api/v1/recordings/nothing").await), 404);
        assert_eq!(refusal(&known(server, "PUT", ONE).await), 405);
        assert_eq!(known(server, "GET", "/api/v1/openapi.json").await.status, 200);
    });
}

#[test]
fn a_link_opens_its_recording_and_changes_nothing() {
    with_server(setup("link", None), async |server| {
        assert_eq!(refusal(&ask(server, "GET", ALL, &[], "").await), 404, "without a token there is no interface");
        assert_eq!(refusal(&known(server, "GET", "/api/v1/openapi.json").await), 404);
        let ticket = Links::new(&[7; 32]).ticket("hall-1", std::time::Duration::ZERO, std::time::SystemTime::now());
        let with = |path: &str, ticket: &str| format!("{path}?ticket={ticket}");
        assert_eq!(ask(server, "GET", &with(ONE, &ticket), &[], "").await.status, 200);
        assert_eq!(ask(server, "HEAD", &with(FILE, &ticket), &[], "").await.status, 200);
        assert_eq!(refusal(&ask(server, "GET", &with(ONE, "1.2"), &[], "").await), 403);
        assert_eq!(refusal(&ask(server, "GET", &with("/api/v1/recordings/hall-2", &ticket), &[], "").await), 403);
        assert_eq!(refusal(&ask(server, "DELETE", &with(ONE, &ticket), &[], "").await), 404);
        assert_eq!(refusal(&ask(server, "GET", &with(ALL, &ticket), &[], "").await), 404);
    });
}

#[test]
fn a_file_comes_whole_or_in_parts() {
    with_server(setup("parts", Some(TOKEN)), async |server| {
        let whole = known(server, "GET", FILE).await;
        assert_eq!((whole.status, whole.body.len(), whole.header("content-type")), (200, BYTES, "video/mp4"));
        assert_eq!(whole.header("content-disposition"), "inline; filename=\"hall-1-composed.mp4\"");
        let bearer = format!("Bearer {TOKEN}");
        let part =
            async |range: &str| ask(server, "GET", FILE, &[("Authorization", &bearer), ("Range", range)], "").await;
        let some = part("bytes=40000-79999").await;
        assert_eq!((some.status, some.header("content-range")), (206, "bytes 40000-79999/100000"));
        assert_eq!(some.body, whole.body[40_000..80_000]);
        assert_eq!(part("bytes=-1").await.body, whole.body[BYTES - 1..]);
        let beyond = part("bytes=100000-").await;
        assert_eq!((refusal(&beyond), beyond.header("content-range")), (416, "bytes */100000"));
        let etag = whole.header("etag").to_owned();
        let again = [("Authorization", bearer.as_str()), ("If-None-Match", &etag)];
        assert_eq!(ask(server, "GET", FILE, &again, "").await.status, 304);
        assert_eq!(known(server, "DELETE", ONE).await.status, 204);
        assert_eq!(refusal(&known(server, "GET", FILE).await), 404);
    });
}

#[test]
fn a_start_needs_a_room_that_is_there() {
    with_server(setup("start", Some(TOKEN)), async |server| {
        let bearer = format!("Bearer {TOKEN}");
        let start = async |kind: &str, body: &str| {
            let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
            ask(server, "POST", ALL, &headers, body).await
        };
        assert_eq!(refusal(&start("text/plain", "{\"room\":\"hall\"}").await), 415);
        for body in ["{}", "x", "{\"room\":1}", "{\"room\":\"\"}"] {
            assert_eq!(refusal(&start("application/json", body).await), 400, "{body}");
        }
        assert_eq!(refusal(&start("application/json", "{\"room\":\"hall\"}").await), 404);
        assert_eq!(start("application/json", &"x".repeat(5000)).await.status, 413);
        assert_eq!(refusal(&ask(server, "DELETE", ONE, &[("Authorization", &bearer)], "x").await), 413);
        assert_eq!(refusal(&known(server, "POST", "/api/v1/recordings/hall-1/stop").await), 409, "it has ended");
    });
}
