//! `moothall status` and `moothall doctor` beside a running host, a broken one, and none.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a crash is a failed test")]

mod running;

use std::path::Path;
use std::process::Command;

use running::{Host, dir, host, moothall};
use serde_json::Value;

fn ask(what: &str, state: &Path) -> Command {
    let mut command = moothall();
    command.args([what, "--json", "--state-dir"]).arg(state);
    command
}

/// Exit code and document.
fn answer(mut command: Command) -> (Option<i32>, Value) {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), serde_json::from_str(&said).unwrap_or_else(|_| panic!("no JSON: {said}")))
}

#[test]
fn status_says_where_the_host_is_and_what_goes_on() {
    let state = dir("status");
    let mut running = Host::start(host(&state));
    let (code, status) = answer(ask("status", &state));
    assert_eq!((code, &status["running"], &status["healthy"]), (Some(0), &true.into(), &true.into()), "{status}");
    assert_eq!(status["addresses"][0], format!("https://localhost:{}/", running.port()));
    assert_eq!(status["listening"]["tcp"][0], format!("127.0.0.1:{}", running.port()));
    assert_eq!((&status["meetings"], &status["media"][0]["reach"]), (&0.into(), &"loopback".into()));
    assert_eq!((&status["pid"], &status["certificate"]["own"]), (&running.child.id().into(), &true.into()));
    assert!(status["memory_bytes"].as_u64().unwrap() > 1024 * 1024);
    let words = moothall().args(["status", "--state-dir"]).arg(&state).output().unwrap();
    assert!(String::from_utf8(words.stdout).unwrap().contains("own authority, valid until 20"));
    running.terminate();
    assert!(!state.join("host.sock").exists());
}

#[test]
fn without_a_host_both_say_so_and_end_with_code_8() {
    let state = dir("nobody");
    let (code, status) = answer(ask("status", &state));
    assert_eq!((code, &status["running"]), (Some(8), &false.into()));
    assert!(status["devices"]["cameras"].is_array() && status["devices"]["sound_cards"].is_array(), "{status}");
    let (code, document) = answer(ask("doctor", &state));
    assert_eq!((code, &document["verdict"]), (Some(8), &"bad".into()));
    let checks = document["checks"].as_array().unwrap();
    let names: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(names, ["host", "clock", "disk", "memory", "power", "devices"]);
    assert!(checks[0]["remedy"].as_str().unwrap().contains("moothall host"));
}

#[test]
fn a_host_that_hangs_is_unwell() {
    let state = dir("hangs");
    let running = Host::start(host(&state));
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &running.child.id().to_string()]).status().unwrap().success());
    };
    signal("-STOP");
    let (code, status) = answer(ask("status", &state));
    signal("-CONT");
    assert_eq!((code, &status["running"], &status["healthy"]), (Some(7), &true.into(), &false.into()), "{status}");
}

/// All of one kind.
fn checks<'a>(document: &'a Value, name: &str) -> Vec<&'a Value> {
    document["checks"].as_array().unwrap().iter().filter(|check| check["check"] == name).collect()
}

#[test]
fn a_box_calls_itself_and_hears_itself() {
    let state = dir("hears");
    let _running = Host::start(host(&state));
    let (_, document) = answer(ask("doctor", &state));
    let call = checks(&document, "call")[0];
    assert_eq!(call["verdict"], "good", "{document}");
    assert!(call["meaning"].as_str().unwrap().contains("heard each other"), "{document}");
    assert_eq!((&checks(&document, "page")[0]["verdict"], checks(&document, "call").len()), (&"good".into(), 1));
    let certificate = checks(&document, "certificate")[0];
    assert_eq!(certificate["verdict"], "good", "{document}");
    assert!(certificate["meaning"].as_str().unwrap().contains("own authority"), "{document}");
    let (_, status) = answer(ask("status", &state));
    assert_eq!((&status["meetings"], &status["participants"]), (&0.into(), &0.into()), "nobody is left behind");
}

#[test]
fn an_expired_certificate_is_bad_and_hides_nothing_else() {
    let state = dir("expired");
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2020, 12, 31);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(state.join("cert.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(state.join("key.pem"), key.serialize_pem()).unwrap();
    let file = state.join("site.toml");
    std::fs::write(&file, "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n").unwrap();
    let mut command = host(&state);
    command.arg("--config").arg(&file);
    let _running = Host::start(command);
    let (code, document) = answer(ask("doctor", &state));
    assert_eq!((code, &document["verdict"]), (Some(7), &"bad".into()), "{document}");
    let certificate = checks(&document, "certificate")[0];
    assert!(certificate["meaning"].as_str().unwrap().contains("until 2020-12-31"), "{document}");
    assert_eq!(checks(&document, "call")[0]["verdict"], "good", "{document}");
}

/// In a network of its own: UDP to the box is dropped by the routing table, and its public address leads nowhere.
#[test]
fn blocked_udp_is_bad_and_a_public_address_that_leads_nowhere_a_warning() {
    let state = dir("blocked");
    let file = state.join("site.toml");
    std::fs::write(&file, "[bridge]\npublic_addresses = [\"198.51.100.7\"]\n").unwrap();
    let script = r#"
        export PATH=$PATH:/usr/sbin:/sbin
        "$0" host --config "$1/site.toml" --state-dir "$1" >"$1/said" 2>&1 &
        until grep -q Ctrl-C "$1/said"; do kill -0 $! || exit 99; done
        ip rule add pref 20 lookup local && ip rule del pref 0
        ip rule add pref 10 to 192.0.2.2 ipproto udp dport 10000 blackhole
        "$0" doctor --json --state-dir "$1"
        code=$?
        kill $!
        exit $code
    "#;
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/netns"));
    command.env_remove("MOOTHALL_NETNS").env_remove("RUNTIME_DIRECTORY");
    command.args(["sh", "-c", script, env!("CARGO_BIN_EXE_moothall")]).arg(&state);
    let (code, document) = answer(command);
    assert_eq!(code, Some(7), "{document}");
    let verdict = |name: &str, subject: &str| {
        let found = checks(&document, name).into_iter().find(|check| check["subject"] == subject);
        found.map(|check| check["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(verdict("page", "192.0.2.2:8443").as_deref(), Some("good"), "{document}");
    assert_eq!(verdict("call", "192.0.2.2:10000").as_deref(), Some("bad"), "{document}");
    assert_eq!(verdict("page", "198.51.100.7:8443").as_deref(), Some("warning"), "{document}");
    assert_eq!(verdict("call", "198.51.100.7:10000").as_deref(), Some("warning"), "{document}");
    let blocked = checks(&document, "call").into_iter().find(|check| check["verdict"] == "bad").unwrap();
    assert!(blocked["remedy"].as_str().unwrap().contains("UDP port 10000"), "{document}");
}
