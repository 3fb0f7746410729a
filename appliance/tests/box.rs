//! The built command as it makes a computer a box: which board it is, and a folder CONFIG that somebody wrote.
#![expect(clippy::unwrap_used, reason = "test code: a crash is a failed test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn moothall(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_moothall")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A stick with a folder CONFIG, and a box that reads it.
struct Stick(PathBuf);

impl Stick {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("moothall-box-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("stick/Config/NETWORK")).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, contents: impl AsRef<[u8]>) -> &Self {
        fs::write(self.0.join("stick/Config").join(name), contents).unwrap();
        self
    }

    fn site(&self) -> PathBuf {
        self.0.join("data/site.toml")
    }

    fn networks(&self) -> PathBuf {
        self.0.join("networks")
    }

    fn import(&self) -> Output {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (stick, site, networks) = (text(&self.0.join("stick")), text(&self.site()), text(&self.networks()));
        moothall(&["config", "import", &stick, "--config", &site, "--networks", &networks])
    }

    fn refused(&self) -> String {
        let output = self.import();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let result = self.result();
        assert!(result.starts_with("Refused. The box is as it was before.\r\n"), "{result}");
        result
    }

    fn result(&self) -> String {
        fs::read_to_string(self.0.join("stick/Config/result.txt")).unwrap()
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const WIFI: &str =
    "[connection]\nid=home\ntype=wifi\n[wifi]\nssid=Hall\n[wifi-security]\nkey-mgmt=wpa-psk\npsk=correct horse\n";

#[test]
fn every_board_is_listed_and_can_be_looked_at() {
    let list: serde_json::Value = serde_json::from_str(&said(&moothall(&["config", "boards", "--json"]))).unwrap();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|board| board["board"].as_str().unwrap()).collect();
    assert!(names.contains(&"rpi4") && names.contains(&"sim") && names.len() == 8, "{names:?}");
    for name in names {
        let text = said(&moothall(&["config", "board", "--board", name, "--json"]));
        let board: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((board["board"].as_str(), board["origin"].as_str()), (Some(name), Some("--board")));
        for service in ["supervisor", "host", "room-endpoint", "recorder"] {
            assert!(board["memory_max"][service].as_u64().unwrap() > 1024 * 1024, "{text}");
        }
        assert!(board["participants"].as_u64().unwrap() > 0 && board["facts"]["title"].is_string(), "{text}");
    }
    let text = said(&moothall(&["config", "board", "--board", "rpi5"]));
    assert!(
        text.contains("panel       GPIO chip pinctrl-rp1, by rppal\nbutton      line 17, active low, pulled up\n"),
        "{text}"
    );
    let refused = moothall(&["config", "board", "--board", "rpi9"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("the boards are rpi4, rpi5"));
}

#[test]
fn this_machine_is_some_board() {
    let text = said(&moothall(&["config", "show"]));
    assert!(text.starts_with("board = \"") && text.contains("  # recognised by its "), "{text}");
}

#[test]
fn later_files_win_and_each_value_says_where_it_was_written() {
    let stick = Stick::new("layers");
    stick.put("a.toml", "[network]\nport = 443\nhttp_redirect = 80\n").put("b.toml", "[network]\nport = 8444\n");
    stick.put("c.toml", "[network]\nport = 80\n");
    let file = |name: &str| stick.0.join("stick/Config").join(name).to_str().unwrap().to_owned();
    let (a, b, c) = (file("a.toml"), file("b.toml"), file("c.toml"));
    let shown = said(&moothall(&["config", "show", "--config", &a, "--config", &b]));
    for line in [format!("port = 8444  # {b}:2\n"), format!("http_redirect = 80  # {a}:3\n")] {
        assert!(shown.contains(&line), "{shown}");
    }
    assert_eq!(said(&moothall(&["config", "check", &a, &b])), format!("{a}: good\n{b}: good\n"));
    let refused = moothall(&["config", "check", &a, &c]);
    assert_eq!(refused.status.code(), Some(3));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.starts_with(&format!("moothall: {a}:3: `network.http_redirect`: ")), "{why}");
}

#[test]
fn a_folder_from_windows_becomes_the_configuration() {
    let stick = Stick::new("windows");
    stick
        .put("Moothall.TOML", "\u{feff}[network]\r\nport = 443\r\n")
        .put("NETWORK/home.NMCONNECTION", WIFI.replace('\n', "\r\n"));
    let told = said(&stick.import());
    assert_eq!(
        told,
        "Accepted. In use from the next start of the box:\n  network/home.NMCONNECTION\n  moothall.toml\n"
    );
    assert_eq!(stick.result(), told.replace('\n', "\r\n"));
    assert_eq!(fs::read_to_string(stick.site()).unwrap(), "[network]\nport = 443\n");
    let network = stick.networks().join("home.nmconnection");
    assert_eq!(fs::read_to_string(&network).unwrap(), WIFI);
    for file in [stick.site(), network] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Beside the configuration nothing is left behind but the list of connections.
    let connections = fs::read_to_string(stick.0.join("data/.connections")).unwrap();
    assert_eq!(connections, "home.nmconnection\n");
    assert_eq!(fs::read_dir(stick.0.join("data")).unwrap().count(), 2);
    assert!(said(&stick.import()).starts_with("Nothing new"));
    assert!(stick.result().starts_with("Nothing new"));
}

#[test]
fn a_bad_folder_changes_nothing_and_every_fault_is_told() {
    let stick = Stick::new("bad");
    stick.put("moothall.toml", "[network]\nport = 443\n");
    said(&stick.import());
    stick.put("moothall.toml", "[network]\nport = 444\nmedia_prot = 1\n");
    stick
        .put("NETWORK/good.nmconnection", WIFI)
        .put("NETWORK/bad.nmconnection", WIFI.replace("correct horse", "short"));
    let result = stick.refused();
    let site = "  moothall.toml:3: unknown key `network.media_prot`; did you mean `network.media_port`?\r\n";
    assert!(result.contains(site), "{result}");
    assert!(result.contains("  network/bad.nmconnection: line 8: psk has 5 characters; "), "{result}");
    assert_eq!(fs::read_to_string(stick.site()).unwrap(), "[network]\nport = 443\n");
    assert!(!stick.networks().exists());
    assert_eq!(fs::read_dir(stick.0.join("data")).unwrap().count(), 1);
}

#[test]
fn a_certificate_comes_along_if_it_is_named_and_good() {
    let stick = Stick::new("certificate");
    let pair = rcgen::generate_simple_self_signed(["meet.example".to_owned()]).unwrap();
    stick.put("moothall.toml", "[tls]\ncert = \"certificate.pem\"\nkey = \"key.pem\"\n");
    assert!(stick.refused().contains("moothall.toml: it names certificate.pem, which is missing in this folder"));
    stick.put("Certificate.PEM", pair.cert.pem()).put("KEY.pem", "nonsense");
    assert!(stick.refused().contains("moothall.toml:3: `tls.key`: "), "{}", stick.result());
    assert!(!stick.site().exists());
    stick.put("KEY.pem", pair.signing_key.serialize_pem());
    said(&stick.import());
    let check = moothall(&["config", "check", stick.site().to_str().unwrap()]);
    assert!(check.status.success(), "{check:?}");
    // It is kept, and need not be brought again.
    fs::remove_file(stick.0.join("stick/Config/KEY.pem")).unwrap();
    stick.put("moothall.toml", "[tls]\ncert = \"certificate.pem\"\nkey = \"key.pem\"\n[network]\nport = 444\n");
    assert!(said(&stick.import()).contains("\n  moothall.toml\n"));
    stick.put("moothall.toml", "[tls]\ncert = \"sub/certificate.pem\"\nkey = \"key.pem\"\n");
    assert!(stick.refused().contains("moothall.toml: sub/certificate.pem is in another folder"));
}

#[test]
fn what_is_not_ours_is_left_alone_and_told() {
    let stick = Stick::new("others");
    stick.put("moothall.toml.txt", "").put("factory-reset", "").put("NETWORK/home.nmconnection.txt", WIFI);
    let result = stick.refused();
    assert!(result.contains("there is nothing to take over; put moothall.toml or network/NAME.nmconnection here"));
    assert!(result.ends_with("asks for it:\r\n  moothall.toml.txt\r\n  network/home.nmconnection.txt\r\n"), "{result}");
}

#[test]
fn links_lead_nowhere() {
    let stick = Stick::new("links");
    fs::write(stick.0.join("secret.toml"), "[network]\nport = 1\n").unwrap();
    symlink(stick.0.join("secret.toml"), stick.0.join("stick/Config/moothall.toml")).unwrap();
    assert!(stick.refused().contains("moothall.toml: is a link; put the file itself here"));
    fs::remove_file(stick.0.join("stick/Config/result.txt")).unwrap();
    symlink(stick.0.join("secret.toml"), stick.0.join("stick/Config/result.txt")).unwrap();
    stick.refused();
    assert_eq!(fs::read_to_string(stick.0.join("secret.toml")).unwrap(), "[network]\nport = 1\n");
}

#[test]
fn a_stick_without_the_folder_is_no_fault() {
    let stick = Stick::new("without");
    fs::rename(stick.0.join("stick/Config"), stick.0.join("stick/Photos")).unwrap();
    assert!(said(&stick.import()).starts_with("there is no folder CONFIG in "));
}
