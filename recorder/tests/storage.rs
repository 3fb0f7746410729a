//! What is kept, and what is done with a recording once it is finished.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "tests may")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_lc_rs::hmac;
use base64::Engine as _;
use common::folder;
use common::media::Source;
use common::ms;
use common::recorder::{Recorder, begin, manifest};
use media_tap::{Answer, Codec};
use serde_json::Value;

const SECRET: &str = "a secret that nobody else has";

fn run(arguments: &[&str], path: &Path) -> Output {
    let (command, rest) = arguments.split_first().unwrap();
    Command::new(env!("CARGO_BIN_EXE_moothall-recorder")).arg(command).arg(path).args(rest).output().unwrap()
}

/// A second of sound.
fn recorded(directory: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let mut recorder = Recorder::start_with(directory, &[&["--min-free", "0"], arguments].concat());
    recorder.begin(media_tap::Begin { recording: name.to_owned(), ..begin() });
    let source = Source::new(5, "3f2a9c41", "3f2a9c41-a0", Codec::Opus, 111);
    recorder.stream(ms(0), &source);
    recorder.packets(&[&source.tone(440, 50)]);
    assert_eq!(recorder.end(ms(1000)), None);
    directory.join(name)
}

#[test]
fn old_recordings_go_and_one_that_is_recorded_stays() {
    let directory = folder("tidy");
    let old = recorded(&directory, "old", &[]);
    let mut runs = Recorder::start_with(&directory, &["--min-free", "0"]);
    runs.begin(media_tap::Begin { recording: "runs".to_owned(), ..begin() });
    let kept = run(&["tidy", "--min-free", "0"], &directory);
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "Nothing had to go.\n");
    let output = run(&["tidy", "--min-free", "0", "--keep-days", "30"], &directory);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "old: deleted\n", "{output:?}");
    assert!(!old.exists() && directory.join("runs").is_dir());
    assert_eq!(runs.end(ms(100)), None);
}

#[test]
fn the_oldest_makes_room_for_the_next() {
    let directory = folder("oldest");
    let old = recorded(&directory, "old", &[]);
    let padding = std::fs::File::create(old.join("composed.mp4")).unwrap();
    padding.set_len(950_000).unwrap();
    let new = recorded(&directory, "new", &["--quota", "1", "--delete-oldest"]);
    assert!(!old.exists() && new.exists());
}

#[test]
fn a_quota_ends_a_recording_before_it_is_exceeded() {
    let directory = folder("quota");
    let old = recorded(&directory, "old", &[]);
    std::fs::File::create(old.join("composed.mp4")).unwrap().set_len(2_000_000).unwrap();
    let mut recorder = Recorder::start_with(&directory, &["--min-free", "0", "--quota", "1"]);
    recorder.begin(begin());
    let Answer::Done { error: Some(error) } = recorder.until(|answer| matches!(answer, Answer::Done { .. })) else {
        panic!("it ends by itself")
    };
    assert!(error.contains("all the room that they may have. Delete or move"), "{error}");
    assert!(old.exists(), "nobody wanted it deleted");
}

/// Answers one request after the other with these, and returns what came.
fn server(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || answers.iter().map(|answer| take(&listener, answer)).collect());
    (url, server)
}

struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn field(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).next().unwrap_or_default()
    }
}

fn take(listener: &TcpListener, answer: &str) -> Request {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(common::DEADLINE)).unwrap();
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0);
    }
    let mut request = Request { head, body: Vec::new() };
    let length: u64 = request.field("content-length").parse().unwrap();
    reader.take(length).read_to_end(&mut request.body).unwrap();
    let mut stream: &TcpStream = &stream;
    write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    request
}

fn script(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("finalize.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_script_is_called_and_a_server_is_told_even_if_it_is_away_for_a_moment() {
    let directory = folder("finalize");
    let recording = recorded(&directory, "garden", &["--pending"]);
    let script =
        script(&directory, r#"echo "$# $1" > "$1/../called"; cat "$1/metadata.json" >> "$1/../called"; exit 3"#);
    let secret = directory.join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let (url, server) = server(&["503 Service Unavailable", "204 No Content"]);
    let arguments = ["--script", script.to_str().unwrap(), "--webhook", &url, "--webhook-secret"];
    let arguments = [&["finalize", "--pending"], &arguments[..], &[secret.to_str().unwrap()]].concat();
    let output = run(&[&arguments[..], &["--site", "https://meet.example/"]].concat(), &directory);
    assert_eq!(output.status.code(), Some(7), "the script failed: {output:?}");

    let called = std::fs::read_to_string(directory.join("called")).unwrap();
    let (call, metadata) = called.split_once('\n').unwrap();
    assert_eq!(call, format!("1 {}", recording.canonicalize().unwrap().display()));
    assert_eq!(serde_json::from_str::<Value>(metadata).unwrap()["meeting_url"], "https://meet.example/garden");

    let requests = server.join().unwrap();
    let last = &requests[1];
    let told: Value = serde_json::from_slice(&last.body).unwrap();
    assert_eq!((&told["type"], &told["data"]["scriptExit"]), (&"recording.finished".into(), &3.into()));
    assert_eq!(told["data"]["files"][0]["codec"], "opus");
    let signed = [format!("garden.{}.", last.field("webhook-timestamp")).as_bytes(), &last.body].concat();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &signed);
    let expected = format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(signature));
    assert_eq!(last.field("webhook-signature"), expected);
    assert_eq!(last.field("webhook-id"), requests[0].field("webhook-id"), "the same message");

    let again = run(&arguments, &directory);
    assert!(again.status.success(), "nothing waits any more: {again:?}");
    assert_eq!(manifest(&recording).recording, "garden");
}

#[test]
fn a_recording_that_was_left_open_is_not_finalized_before_it_is_closed() {
    let directory = folder("left-open");
    let recorder = Recorder::begun(&directory);
    let recording = recorder.folder();
    recorder.kill();
    let output = run(&["finalize"], &recording);
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("recover"), "{output:?}");
    assert!(run(&["recover"], &directory).status.success());
    assert!(run(&["finalize"], &recording).status.success());
}

#[test]
fn a_script_may_move_the_recording_away() {
    let directory = folder("moved");
    let recording = recorded(&directory, "garden", &["--pending"]);
    let script = script(&directory, r#"mv "$1" "$1.gone""#);
    let output = run(&["finalize", "--script", script.to_str().unwrap()], &recording);
    assert!(output.status.success() && !recording.exists(), "{output:?}");
}
