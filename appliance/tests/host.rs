//! The built command: it starts, serves, keeps its certificate, ends when told to, and says why when it cannot.
#![expect(clippy::unwrap_used, reason = "test code: a crash is a failed test")]

mod running;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use running::{Host, dir, host, moothall};

fn failure(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn it_prints_where_it_is_and_ends_within_two_seconds() {
    let mut running = Host::start(host(&dir("prints")));
    assert!(running.said.contains("    https://localhost:"), "{}", running.said);
    assert!(TcpStream::connect(("127.0.0.1", running.port())).is_ok());
    let (code, took) = running.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn whoever_reads_where_it_is_may_end_it_at_once() {
    assert_eq!(Host::start(host(&dir("at-once"))).terminate().0, Some(0));
}

#[test]
fn plain_http_for_a_proxy_answers_the_health_question() {
    let state = dir("proxy");
    let file = state.join("site.toml");
    std::fs::write(
        &file,
        "[network]\nport = 0\nmedia_port = 0\naddresses = [\"127.0.0.1\"]\nmedia_addresses = [\"127.0.0.1\"]\n\
         [tls]\nbehind_proxy = [\"127.0.0.1\"]\n",
    )
    .unwrap();
    let mut command = moothall();
    command.args(["host", "--config"]).arg(&file).env_remove("HOME");
    let running = Host::start(command);
    let mut client = TcpStream::connect(("127.0.0.1", running.port())).unwrap();
    client.write_all(b"GET /about/health HTTP/1.1\r\nHost: hall.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn the_certificate_is_kept_between_starts_and_readable_by_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let state = dir("kept");
    let read = || std::fs::read(state.join("certificate.pem")).unwrap();
    drop(Host::start(host(&state)));
    let first = read();
    drop(Host::start(host(&state)));
    assert_eq!(first, read());
    let mode = std::fs::metadata(state.join("certificate.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let label = String::from_utf8(first).unwrap();
    let names = label.lines().find_map(|line| line.strip_prefix("Names: ")).unwrap();
    let names: Vec<&str> = names.split(' ').collect();
    assert!(names.contains(&"localhost") && names.contains(&"127.0.0.1"), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with(".local")), "{names:?}");
}

/// Runs openssl in a directory; what it says on both outputs, if it ends as expected.
fn openssl(dir: &Path, arguments: &[&str], succeeds: bool) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(dir).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.success(), succeeds, "{arguments:?}: {said}");
    said
}

#[test]
fn the_authority_vouches_for_the_box_and_for_nothing_on_the_internet() {
    use std::os::unix::fs::PermissionsExt;
    let state = dir("authority");
    // What a box of an older version left.
    std::fs::write(state.join("certificate.pem"), "Until: 2033\nNames: hall localhost\n").unwrap();
    drop(Host::start(host(&state)));
    let mode = std::fs::metadata(state.join("authority.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let root = openssl(&state, &["x509", "-in", "authority.pem", "-noout", "-text"], true);
    for part in ["CA:TRUE, pathlen:0", "X509v3 Name Constraints: critical", "DNS:local\n", "IP:192.168.0.0/255.255.0.0"]
    {
        assert!(root.contains(part), "{part}: {root}");
    }
    let leaf = openssl(&state, &["x509", "-in", "certificate.pem", "-noout", "-text"], true);
    for part in ["X509v3 Subject Alternative Name", "DNS:localhost", "TLS Web Server Authentication"] {
        assert!(leaf.contains(part), "{part}: {leaf}");
    }
    let year = (397 * 86_400).to_string();
    openssl(&state, &["x509", "-in", "certificate.pem", "-noout", "-checkend", &year], false);
    let verify = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "authority.pem"];
    for name in ["-verify_ip", "127.0.0.1", "-verify_hostname", "localhost"].chunks(2) {
        openssl(&state, &[&verify[..], name, &["certificate.pem"]].concat(), true);
    }
    // Whoever has the key.
    for (subject, accepted) in [
        ("DNS:other.local", true),
        ("DNS:bank.example", false),
        ("IP:8.8.8.8", false),
        ("IP:2001:db8::1", false),
        ("DNS:other.local,DNS:bank.example", false),
    ] {
        std::fs::write(state.join("names"), format!("subjectAltName=critical,{subject}\n")).unwrap();
        let request =
            ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"];
        openssl(&state, &[&request[..], &["-keyout", "forged.key", "-out", "forged.csr"]].concat(), true);
        let sign =
            ["x509", "-req", "-in", "forged.csr", "-CA", "authority.pem", "-CAkey", "authority.pem", "-days", "9"];
        openssl(&state, &[&sign[..], &["-extfile", "names", "-out", "forged.pem"]].concat(), true);
        let said = openssl(&state, &["verify", "-CAfile", "authority.pem", "forged.pem"], accepted);
        assert!(accepted || said.contains("permitted subtree violation"), "{subject}: {said}");
    }
}

#[test]
fn the_banner_shows_where_devices_learn_to_trust_and_the_fingerprint() {
    let state = dir("fingerprint");
    let running = Host::start(host(&state));
    let said = openssl(&state, &["x509", "-in", "authority.pem", "-noout", "-fingerprint", "-sha256"], true);
    let wanted: String = said.trim().rsplit('=').next().unwrap().replace(':', "");
    let shown: String = running.said.lines().skip_while(|line| !line.contains("fingerprint")).skip(2).take(2).collect();
    assert_eq!(shown.split_whitespace().collect::<String>(), wanted, "{}", running.said);
    assert!(running.said.contains(&format!("    http://localhost:{}/trust\n", running.port())), "{}", running.said);
}

#[test]
fn two_boxes_that_start_at_once_may_share_a_state_directory() {
    let state = dir("shared");
    for _ in 0..5 {
        let starting = [Host::begin(host(&state)), Host::begin(host(&state))];
        let ports = starting.map(|starting| starting.started().port());
        assert_ne!(ports[0], ports[1]);
    }
    let mut left: Vec<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    // They were killed, so the socket of the first one is still there.
    assert_eq!(left, ["authority.pem", "certificate.pem", "host.sock"]);
}

#[test]
fn systemd_is_told_when_it_is_ready_alive_and_stopping() {
    let state = dir("systemd");
    let socket = UnixDatagram::bind(state.join("notify")).unwrap();
    let mut command = host(&state);
    command.env("NOTIFY_SOCKET", state.join("notify")).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
    let mut running = Host::start(command);
    let mut buffer = [0; 200];
    let mut next = || {
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    assert!(next().starts_with("READY=1"));
    assert_eq!(next(), "WATCHDOG=1");
    assert_eq!(next(), "WATCHDOG=1");
    running.terminate();
    loop {
        match next().as_str() {
            "WATCHDOG=1" => {}
            last => {
                assert!(last.starts_with("STOPPING=1"), "{last}");
                break;
            }
        }
    }
}

#[test]
fn an_occupied_tcp_port_ends_it_with_code_4_and_the_way_out() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let state = dir("tcp");
    let output = moothall()
        .args(["host", "--media-port", "0", "--listen", &format!("127.0.0.1:{port}"), "--state-dir"])
        .arg(&state)
        .output()
        .unwrap();
    let sentence = format!(
        "moothall: TCP port {port} on 127.0.0.1 is in use by another program; stop it, or choose another port with \
         --listen ADDRESS:PORT or network.port\n"
    );
    assert_eq!(failure(&output), (Some(4), sentence));
}

#[test]
fn an_occupied_port_for_statistics_ends_it_if_somebody_asked_for_that_port() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let state = dir("statistics");
    let file = state.join("site.toml");
    std::fs::write(&file, format!("[network]\nstatistics = [\"{address}\"]\n")).unwrap();
    let output = host(&state).arg("--config").arg(&file).output().unwrap();
    let (code, said) = failure(&output);
    assert_eq!(code, Some(4), "{said}");
    let remedy = "is in use by another program; stop it, or choose another port with network.statistics\n";
    assert!(said.ends_with(remedy), "{said}");
}

#[test]
fn an_occupied_udp_port_ends_it_with_code_4_and_the_way_out() {
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let output = moothall()
        .args(["host", "--listen", "127.0.0.1:0", "--media-port", &port.to_string(), "--state-dir"])
        .arg(dir("udp"))
        .output()
        .unwrap();
    let sentence = format!(
        "moothall: UDP port {port} on 127.0.0.1 is in use by another program; stop it, or choose another port with \
         --media-port PORT or network.media_port\n"
    );
    assert_eq!(failure(&output), (Some(4), sentence));
}

#[test]
fn a_state_directory_that_cannot_be_written_ends_it_with_code_5() {
    // Nobody can make a directory below a file, not even root.
    let file = dir("state").join("file");
    std::fs::write(&file, "").unwrap();
    let output = host(&file.join("below")).output().unwrap();
    let (code, sentence) = failure(&output);
    assert_eq!(code, Some(5));
    assert_eq!(
        sentence,
        format!(
            "moothall: cannot write to the state directory {}/below: Not a directory (os error 20); use --state-dir DIR \
             with one that you may write to\n",
            file.display()
        )
    );
}

#[test]
fn no_home_at_all_ends_it_with_code_5() {
    let output =
        moothall().args(["host", "--listen", "127.0.0.1:0", "--media-port", "0"]).env_remove("HOME").output().unwrap();
    let sentence =
        "moothall: nowhere to keep the certificate: neither XDG_STATE_HOME nor HOME is set; use --state-dir DIR\n";
    assert_eq!(failure(&output), (Some(5), sentence.to_owned()));
}

#[test]
fn a_broken_certificate_ends_it_with_code_6() {
    let state = dir("broken");
    std::fs::write(state.join("a.pem"), "no PEM at all\n").unwrap();
    let file = state.join("site.toml");
    std::fs::write(&file, "[tls]\ncert = \"a.pem\"\nkey = \"a.pem\"\n").unwrap();
    let expected = (
        Some(6),
        format!(
            "moothall: {}:2: `tls.cert`: there is no certificate in {}; it must hold PEM blocks `BEGIN CERTIFICATE`\n",
            file.display(),
            state.join("a.pem").display()
        ),
    );
    let output = host(&state).arg("--config").arg(&file).output().unwrap();
    assert_eq!(failure(&output), expected);
    let output = moothall().args(["config", "check"]).arg(&file).output().unwrap();
    assert_eq!(failure(&output), expected);
}

#[test]
fn a_refused_configuration_ends_it_with_code_3_and_the_line() {
    let state = dir("refused");
    let file = state.join("site.toml");
    std::fs::write(&file, "[network]\nprot = 443\n").unwrap();
    let expected = (
        Some(3),
        format!("moothall: {}:2: unknown key `network.prot`; did you mean `network.port`?\n", file.display()),
    );
    for arguments in [["config", "check"].as_slice(), &["config", "show", "--config"], &["host", "--config"]] {
        assert_eq!(failure(&moothall().args(arguments).arg(&file).output().unwrap()), expected, "{arguments:?}");
    }
}

#[test]
fn a_good_configuration_is_called_good_and_shown_with_its_origins() {
    let state = dir("good");
    let file = state.join("site.toml");
    std::fs::write(&file, "[network]\nport = 443\n").unwrap();
    let output = moothall().args(["config", "check"]).arg(&file).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}: good\n", file.display()));
    let output = moothall().args(["config", "show", "--config"]).arg(&file).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains(&format!("port = 443  # {}:2\n", file.display())), "{shown}");
    assert!(shown.contains("media_port = 10000  # default\n"), "{shown}");
}

#[test]
fn the_version_is_printed_both_ways() {
    for argument in ["version", "--version"] {
        let output = moothall().arg(argument).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("moothall {}\n", env!("CARGO_PKG_VERSION")));
    }
}
