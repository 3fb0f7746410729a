//! Later layers win, and each value remembers where it comes from.
#![expect(clippy::unwrap_used, reason = "test code: a crash is a failed test")]

use board_config::{Config, Flags, Machine, Traces};

const FILE: &str = "[network]\nport = 443\nmedia_port = 443\n\n[branding]\nname = \"Town hall\"\n";

#[test]
fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
    let flags = Flags { media_port: Some(10_001), log_names: true, web_root: Some("/page".into()), ..Flags::default() };
    let config = Config::parse("site.toml".as_ref(), FILE, &flags, &Machine::default()).unwrap();
    assert_eq!(config.network.port.0, 443);
    assert_eq!(config.network.media_port.0, 10_001);
    assert!(config.log.names);
    for (key, origin) in [
        ("network.port", "site.toml:2"),
        ("network.media_port", "--media-port"),
        ("signal.web_root", "--web-root"),
        ("branding.name", "site.toml:6"),
        ("log.names", "--log-names"),
        ("log.level", "default"),
    ] {
        assert_eq!(config.origins.of(key).to_string(), origin, "{key}");
    }
}

#[test]
fn show_prints_every_value_with_its_origin_and_no_secret() {
    let text = format!(
        "{FILE}[[signal.services]]\ntype = \"turn\"\nhost = \"turn.example.org\"\nport = 3478\nusername = \"u\"\npassword = \"hush\"\n"
    );
    let config = Config::parse("site.toml".as_ref(), &text, &Flags::default(), &Machine::default()).unwrap();
    let shown = config.effective().to_string();
    assert!(shown.contains("port = 443  # site.toml:2\n"), "{shown}");
    assert!(shown.contains("level = \"info\"  # default\n"), "{shown}");
    assert!(shown.contains("# cert is not set\n"), "{shown}");
    assert!(shown.contains("password = \"(hidden)\""), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn what_show_prints_loads_to_the_same_values() {
    let config = Config::parse("site.toml".as_ref(), FILE, &Flags::default(), &Machine::default()).unwrap();
    let shown = config.effective().to_string();
    let mut again = Config::parse("shown.toml".as_ref(), &shown, &Flags::default(), &Machine::default()).unwrap();
    again.origins = config.origins.clone();
    assert_eq!(again, config);
}

/// What the package says and what the site says.
fn layered(site: &str) -> Result<Config, String> {
    const PACKAGE: &str = "[network]\nport = 443\nhttp_redirect = 80\n\n[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n\
        [[signal.services]]\ntype = \"stun\"\nhost = \"stun.example.org\"\nport = 3478\n";
    let layers = [("/etc/box/package.toml".as_ref(), PACKAGE), ("/data/site.toml".as_ref(), site)];
    Config::layered(&layers, &Flags::default(), &Machine::default()).map_err(|error| error.to_string())
}

#[test]
fn a_later_file_wins_key_by_key() {
    let config = layered("[network]\nport = 8443\n\n[tls]\nkey = \"own.pem\"\n").unwrap();
    assert_eq!((config.network.port.0, config.network.http_redirect.unwrap().0), (8443, 80));
    // Each path starts from the file in which it stands.
    assert_eq!(config.tls.cert.as_deref(), Some("/etc/box/cert.pem".as_ref()));
    assert_eq!(config.tls.key.as_deref(), Some("/data/own.pem".as_ref()));
    for (key, origin) in [
        ("network.port", "/data/site.toml:2"),
        ("network.http_redirect", "/etc/box/package.toml:3"),
        ("tls.cert", "/etc/box/package.toml:6"),
        ("tls.key", "/data/site.toml:5"),
        ("signal.services", "/etc/box/package.toml:8"),
        ("log.level", "default"),
    ] {
        assert_eq!(config.origins.of(key).to_string(), origin, "{key}");
    }
}

#[test]
fn a_list_is_replaced_whole() {
    assert_eq!(layered("").unwrap().signal.services.len(), 1);
    let config = layered("[signal]\nservices = []\n").unwrap();
    assert!(config.signal.services.is_empty());
    assert_eq!(config.origins.of("signal.services").to_string(), "/data/site.toml:2");
    assert_eq!(config.origins.of("signal.services.host").to_string(), "default");
}

#[test]
fn a_refusal_names_the_file_that_is_to_be_changed() {
    for (site, start) in [
        ("[network]\nport = \"x\"\n", "/data/site.toml:2: `network.port = "),
        ("[network]\n\nprot = 1\n", "/data/site.toml:3: unknown key"),
        ("[network]\nport\n", "/data/site.toml:2: `port` is not TOML"),
        ("[network]\nport = 80\n", "/etc/box/package.toml:3: `network.http_redirect`: network.port is the same"),
        ("[[signal.services]]\ntype = \"stun\"\n", "/data/site.toml:1: `signal.services.host` is missing"),
    ] {
        let refusal = layered(site).unwrap_err();
        assert!(refusal.starts_with(start), "{refusal}");
    }
}

#[test]
fn no_file_is_all_defaults() {
    assert_eq!(Config::load(&[], &Flags::default(), &Machine::default()).unwrap(), Config::default());
}

/// A machine that shows a device tree.
fn raspberry_pi() -> Machine {
    let traces = Traces { compatible: b"raspberrypi,4-model-b\0brcm,bcm2711\0".to_vec(), ..Traces::default() };
    Machine::new(&traces, "aarch64", Some(4))
}

fn on(machine: &Machine, text: &str, flags: &Flags) -> Config {
    Config::parse("site.toml".as_ref(), text, flags, machine).unwrap()
}

#[test]
fn what_the_board_carries_lies_between_default_and_file() {
    let config = on(&raspberry_pi(), FILE, &Flags::default());
    assert_eq!(config.bridge.max_participants.get(), 60);
    assert_eq!(config.origins.of("bridge.max_participants").to_string(), "board rpi4");
    let shown = config.effective().to_string();
    assert!(shown.starts_with("board = \"rpi4\"  # recognised by its device tree\n\n[network]\n"), "{shown}");
    assert!(shown.contains("max_participants = 60  # board rpi4\n"), "{shown}");

    let written = on(&raspberry_pi(), "[bridge]\nmax_participants = 80\n", &Flags::default());
    assert_eq!(written.bridge.max_participants.get(), 80);
    assert_eq!(written.origins.of("bridge.max_participants").to_string(), "site.toml:2");
}

#[test]
fn the_board_is_the_one_of_the_flags_then_of_the_file_then_the_one_that_is_recognised() {
    let flags = Flags { board: Some("imx8mp".to_owned().try_into().unwrap()), ..Flags::default() };
    for (text, flags, board, origin) in [
        ("board = \"rpi5\"\n", &flags, "imx8mp", "--board"),
        ("board = \"rpi5\"\n", &Flags::default(), "rpi5", "site.toml:1"),
        ("", &Flags::default(), "rpi4", "recognised by its device tree"),
    ] {
        let config = on(&raspberry_pi(), text, flags);
        assert_eq!(config.board.unwrap().as_str(), board);
        assert_eq!(config.origins.of("board").to_string(), origin);
    }
}

#[test]
fn on_a_pc_nothing_is_other_than_the_default() {
    let pc = Machine::new(&Traces::default(), "x86_64", Some(1));
    let config = on(&pc, "", &Flags::default());
    assert_eq!(config.board.as_ref().unwrap().as_str(), "generic-x86-64");
    assert_eq!(config.bridge, Config::default().bridge);
    assert_eq!(config.origins.of("bridge.max_participants").to_string(), "default");
}
