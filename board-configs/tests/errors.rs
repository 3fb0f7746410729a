//! What a person reads who wrote the file wrong: the exact sentences.
#![expect(clippy::unwrap_used, reason = "test code: a crash is a failed test")]

use board_config::{Config, Flags, Machine};

fn refusal(text: &str) -> String {
    refusal_with(text, &Flags::default())
}

fn refusal_with(text: &str, flags: &Flags) -> String {
    Config::parse("site.toml".as_ref(), text, flags, &Machine::default()).unwrap_err().to_string()
}

#[test]
fn a_misspelt_key_gets_the_closest_one() {
    assert_eq!(
        refusal("[network]\nport = 8443\nmedia_prot = 10000\n"),
        "site.toml:3: unknown key `network.media_prot`; did you mean `network.media_port`?"
    );
}

#[test]
fn a_misspelt_table_gets_the_closest_one() {
    assert_eq!(refusal("\n[netwrok]\nport = 1\n"), "site.toml:2: unknown key `netwrok`; did you mean `network`?");
}

#[test]
fn a_key_in_the_wrong_table_is_sent_to_the_right_one() {
    assert_eq!(refusal("port = 443\n"), "site.toml:1: unknown key `port`; did you mean `network.port`?");
}

#[test]
fn an_unknown_key_inside_a_list_of_tables_is_refused() {
    assert_eq!(
        refusal("[[signal.services]]\ntype = \"stun\"\nhost = \"a.b\"\nport = 3478\ntransprot = \"udp\"\n"),
        "site.toml:5: unknown key `signal.services.transprot`; did you mean `signal.services.transport`?"
    );
}

#[test]
fn a_value_of_the_wrong_type_says_what_fits() {
    assert_eq!(
        refusal("[network]\nport = \"8443\"\n"),
        "site.toml:2: `network.port = \"8443\"` does not fit; expected a port number from 0 to 65535"
    );
}

#[test]
fn a_value_out_of_range_says_the_range() {
    assert_eq!(
        refusal("[network]\nport = 84430\n"),
        "site.toml:2: `network.port = 84430` does not fit; expected a port number from 0 to 65535"
    );
    assert_eq!(
        refusal("[bridge]\nreceiver_kbps = 5\n"),
        "site.toml:2: `bridge.receiver_kbps = 5` does not fit; expected a number of kilobits per second from 100 to 1000000"
    );
}

#[test]
fn a_wrong_word_says_the_right_ones() {
    assert_eq!(
        refusal("[signal]\nchannel = \"pigeon\"\n"),
        "site.toml:2: `signal.channel = \"pigeon\"` does not fit; expected \"websocket\" or \"datachannel\""
    );
}

#[test]
fn a_wrong_item_of_a_list_shows_the_list() {
    assert_eq!(
        refusal("[signal]\ncodecs = [\"vp8\", \"mjpeg\"]\n"),
        "site.toml:2: `signal.codecs = [\"vp8\", \"mjpeg\"]` does not fit; \
         expected a list of \"vp8\", \"vp9\", \"h264\" and \"av1\", most wanted first, or \"hardware-friendly\""
    );
    assert_eq!(
        refusal("[signal]\ncodecs = \"hardware\"\n"),
        "site.toml:2: `signal.codecs = \"hardware\"` does not fit; \
         expected a list of \"vp8\", \"vp9\", \"h264\" and \"av1\", most wanted first, or \"hardware-friendly\""
    );
}

#[test]
fn a_wrong_value_in_a_list_of_tables_names_its_line() {
    assert_eq!(
        refusal("[[signal.services]]\ntype = \"stun\"\nhost = \"Turn Server\"\nport = 3478\n"),
        "site.toml:3: `signal.services.host = \"Turn Server\"` does not fit; \
         expected a lower-case host name or an IPv4 address, such as \"turn.example.org\""
    );
}

#[test]
fn a_missing_value_in_a_list_of_tables_is_named() {
    assert_eq!(
        refusal("[[signal.services]]\ntype = \"stun\"\nport = 3478\n"),
        "site.toml:1: `signal.services.host` is missing; \
         expected a lower-case host name or an IPv4 address, such as \"turn.example.org\""
    );
}

#[test]
fn a_value_where_a_table_belongs_is_refused() {
    assert_eq!(
        refusal("log = \"debug\"\n"),
        "site.toml:1: `log = \"debug\"` does not fit; expected a table, written [log] on a line of its own"
    );
}

#[test]
fn what_is_not_toml_shows_the_line() {
    let text = refusal("[network]\nport 8443\n");
    assert!(text.starts_with("site.toml:2: `port 8443` is not TOML: "), "{text}");
    assert!(text.ends_with("; write one `key = value` on a line, texts in double quotes"), "{text}");
    let text = refusal("[network]\nport = 1\nport = 2\n");
    assert!(text.starts_with("site.toml:3: `port = 2` is not TOML: duplicate key"), "{text}");
}

#[test]
fn a_secret_is_not_told() {
    let service = "[[signal.services]]\ntype = \"turn\"\nhost = \"turn.example.org\"\nport = 3478\nusername = \"u\"\n";
    for wrong in ["password = 12345", "password = hunter12345", "password = [\"12345\"]"] {
        let text = refusal(&format!("{service}{wrong}\n"));
        assert!(text.starts_with("site.toml:6: `") && text.contains("(hidden)") && !text.contains("12345"), "{text}");
    }
    let text = refusal("[signal]\nservices = { password = \"12345\" }\n");
    assert!(!text.contains("12345"), "{text}");
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let error = Config::load(&["/nonexistent/site.toml".into()], &Flags::default(), &Machine::default()).unwrap_err();
    assert_eq!(error.to_string(), "/nonexistent/site.toml: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn more_workers_than_can_be_told_apart_are_refused() {
    assert_eq!(
        refusal("[bridge]\nworkers = 17\n"),
        "site.toml:2: `bridge.workers`: there are at most 16; write as many as there are processors to spare, or leave the key out"
    );
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    assert_eq!(
        refusal("[tls]\ncert = \"a.pem\"\n"),
        "site.toml:2: `tls.cert`: there is no tls.key; set both, or neither"
    );
}

#[test]
fn plain_http_on_an_open_address_is_refused() {
    assert_eq!(
        refusal("[tls]\nbehind_proxy = [\"127.0.0.1\"]\n"),
        "site.toml:2: `tls.behind_proxy`: the box would serve plain HTTP on 0.0.0.0, where others can listen in; \
         set network.addresses = [\"127.0.0.1\"]"
    );
    let fine = "[tls]\nbehind_proxy = [\"127.0.0.1\"]\n[network]\naddresses = [\"127.0.0.1\"]\n";
    assert!(Config::parse("site.toml".as_ref(), fine, &Flags::default(), &Machine::default()).is_ok());
}

#[test]
fn a_turn_server_without_credentials_is_refused() {
    assert_eq!(
        refusal("[[signal.services]]\ntype = \"turn\"\nhost = \"turn.example.org\"\nport = 3478\n"),
        "site.toml:1: `signal.services`: the TURN server turn.example.org has no complete credentials; \
         set username and password"
    );
}

#[test]
fn a_conflict_with_a_flag_names_the_written_key() {
    let flags = Flags { listen: Some("127.0.0.1:8443".parse().unwrap()), ..Flags::default() };
    assert_eq!(
        refusal_with("[bridge]\npublic_addresses = [\"198.51.100.7\"]\n", &flags),
        "site.toml:2: `bridge.public_addresses`: audio and video listen on loopback alone (network.media_addresses); \
         remove this key, or listen on an address that the network reaches"
    );
}

#[test]
fn empty_lists_and_doubles_are_refused() {
    assert_eq!(
        refusal("[network]\naddresses = []\n"),
        "site.toml:2: `network.addresses`: the list is empty, so nobody could connect; leave the key out to listen everywhere"
    );
    assert_eq!(
        refusal("[signal]\ncodecs = [\"vp8\", \"vp8\"]\n"),
        "site.toml:2: `signal.codecs`: \"vp8\" is listed twice; list it once"
    );
}

#[test]
fn a_board_that_is_none_gets_the_list() {
    assert_eq!(
        refusal("board = \"rpi9\"\n"),
        "site.toml:1: `board = \"rpi9\"` does not fit; expected one of \"rpi4\", \"rpi5\", \"rk3588\", \"imx8mp\", \
         \"qemu-arm64\", \"generic-arm64\", \"generic-x86-64\" and \"sim\""
    );
}
