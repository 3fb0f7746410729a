//! The commented sample file, made from the keys and the defaults.

use std::fmt::Write;

use crate::{Config, Key, key, show};

const HEAD: &str = "\
# Configuration of a Moothall box: every key, with its default.
# A box needs none of it. To change a value, remove the `#` before its key, and the `#` before the [table] above it.
# Try the file with `moothall config check FILE`, use it with `moothall host --config FILE`.
";

/// The text of `sample.toml`.
pub fn sample() -> String {
    let defaults = toml::Value::try_from(Config::default()).ok();
    let mut text = HEAD.to_owned();
    let mut table = "";
    for key in key::keys() {
        let nested = key.is_nested();
        if key.table() != table {
            table = key.table();
            let header = if nested { format!("[[{table}]]") } else { format!("[{table}]") };
            // Tables themselves are harmless: only the values are commented out, and entries of lists.
            let mark = if nested { "#" } else { "" };
            push(&mut text, format_args!("\n{mark}{header}\n"));
        }
        let default = defaults.as_ref().and_then(|values| show::lookup(values, key.path));
        // Keys without a table stand above all tables.
        let gap = if table.is_empty() { "\n" } else { "" };
        push(&mut text, format_args!("{gap}{}", entry(key, default)));
    }
    text
}

fn entry(key: &Key, default: Option<&toml::Value>) -> String {
    let mut text = String::new();
    for line in key.doc.lines() {
        push(&mut text, format_args!("# {line}\n"));
    }
    let is_list_of_tables = key::keys().any(|other| other.table() == key.path);
    match default {
        // Its entries follow.
        Some(_) if is_list_of_tables => {}
        Some(value) => push(&mut text, format_args!("#{} = {value}\n", key.name())),
        None => push(&mut text, format_args!("#{} = {}\n", key.name(), key.example)),
    }
    text
}

/// Writing to a `String` cannot fail.
fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, Machine};

    /// To make it again: `MOOTHALL_WRITE_SAMPLE=1 cargo test -p board-config sample`.
    #[test]
    fn the_sample_in_the_repository_is_the_one_that_the_types_give() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sample.toml");
        if std::env::var_os("MOOTHALL_WRITE_SAMPLE").is_some() {
            std::fs::write(path, sample()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), sample());
    }

    #[test]
    fn the_sample_as_it_is_changes_nothing() {
        let mut config =
            Config::parse("sample.toml".as_ref(), &sample(), &Flags::default(), &Machine::default()).unwrap();
        config.origins = Default::default();
        assert_eq!(config, Config::default());
    }

    #[test]
    fn every_commented_default_is_accepted_when_its_mark_is_removed() {
        let sample = sample();
        let body = sample.split_once("[network]").unwrap().1;
        let optional: Vec<_> = key::keys().filter(|key| !key.example.is_empty()).map(Key::name).collect();
        let open: String = body
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if rest.starts_with(' ') || rest.starts_with("[[") => String::new(),
                Some(rest) if optional.iter().any(|name| rest.starts_with(&format!("{name} ="))) => String::new(),
                Some(rest) => format!("{rest}\n"),
                None => format!("{line}\n"),
            })
            .collect();
        let config =
            Config::parse("sample.toml".as_ref(), &format!("[network]{open}"), &Flags::default(), &Machine::default())
                .unwrap();
        assert_eq!(config.network, Config::default().network);
        assert_eq!(config.origins.of("log.names").to_string().split(':').next(), Some("sample.toml"));
    }

    #[test]
    fn every_example_is_accepted() {
        let text = "
            board = \"rpi4\"
            [network]\nhttp_redirect = 80
            [tls]\ncert = \"fullchain.pem\"\nkey = \"privkey.pem\"
            [bridge]\nworkers = 4
            [signal]\nweb_root = \"/usr/share/jitsi-meet\"
            [[signal.services]]\ntype = \"turns\"\nhost = \"turn.example.org\"\nport = 443\ntransport = \"tcp\"\nusername = \"u\"\npassword = \"p\"
            [branding]\nlogo = \"logo.svg\"
            [branding.colours]\naccent_light = \"#0a6a54\"\naccent_dark = \"#72d5b8\"\nbackground = \"#0f1413\"\n
            [recorder]\ndirectory = \"/srv/recordings\"
            notice = \"Recordings are kept for 30 days. Questions: privacy@example.org.\"
            quota = \"20 GiB\"\nkeep_days = 30\nfinalize_script = \"/etc/moothall/finalize.sh\"
            webhook_url = \"https://intranet.example.org/recordings\"
            webhook_secret_file = \"/etc/moothall/webhook.secret\"
            [transcription]\nurl_template = \"wss://recorder.example.org/record/{{MEETING_ID}}\"
            [api]\ntoken_file = \"api-token\"\n";
        for key in key::keys().filter(|key| !key.example.is_empty() && !key.is_nested()) {
            let line = format!("{} = {}", key.name(), key.example);
            assert!(text.contains(&line), "{line}");
        }
        let config =
            Config::parse("/etc/moothall/site.toml".as_ref(), text, &Flags::default(), &Machine::default()).unwrap();
        assert_eq!(config.tls.cert.unwrap(), std::path::Path::new("/etc/moothall/fullchain.pem"));
    }
}
