//! Later layers win, and each value remembers where it comes from.

use board_config::{Config, Flags};

const FILE: &str = "[network]\nport = 443\nmedia_port = 443\n\n[branding]\nname = \"Town hall\"\n";

#[test]
fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
    let flags = Flags { media_port: Some(10_001), log_names: true, web_root: Some("/page".into()), ..Flags::default() };
    let config = Config::parse("site.toml".as_ref(), FILE, &flags).unwrap();
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
    let config = Config::parse("site.toml".as_ref(), &text, &Flags::default()).unwrap();
    let shown = config.effective().to_string();
    assert!(shown.contains("port = 443  # site.toml:2\n"), "{shown}");
    assert!(shown.contains("level = \"info\"  # default\n"), "{shown}");
    assert!(shown.contains("# cert is not set\n"), "{shown}");
    assert!(shown.contains("password = \"(hidden)\""), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn what_show_prints_loads_to_the_same_values() {
    let config = Config::parse("site.toml".as_ref(), FILE, &Flags::default()).unwrap();
    let shown = config.effective().to_string();
    let mut again = Config::parse("shown.toml".as_ref(), &shown, &Flags::default()).unwrap();
    again.origins = config.origins.clone();
    assert_eq!(again, config);
}

#[test]
fn no_file_is_all_defaults() {
    assert_eq!(Config::load(None, &Flags::default()).unwrap(), Config::default());
}
