//! Whether a file can be a connection of NetworkManager: what would leave a box without network is found before it is used.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longer ones are not written by people.
const MAX_LINES: usize = 1000;

/// Types that a box has devices for; both spellings of NetworkManager.
const TYPES: [&str; 9] =
    ["ethernet", "802-3-ethernet", "wifi", "802-11-wireless", "vlan", "bridge", "bond", "gsm", "wireguard"];

const METHODS: [&str; 6] = ["auto", "manual", "link-local", "shared", "disabled", "ignore"];

/// One `key = value`.
struct Entry<'a> {
    line: usize,
    group: &'a str,
    key: &'a str,
    value: &'a str,
}

/// What is wrong first, with its line if it has one.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let file = Keyfile(entries(text)?);
    file.connection()?;
    file.wifi()?;
    file.addresses("ipv4", is_ipv4)?;
    file.addresses("ipv6", is_ipv6)
}

struct Keyfile<'a>(Vec<Entry<'a>>);

impl<'a> Keyfile<'a> {
    fn get(&self, groups: &[&str], key: &str) -> Option<&Entry<'a>> {
        self.0.iter().find(|entry| groups.contains(&entry.group) && entry.key == key)
    }

    fn required(&self, groups: &[&str], key: &str) -> Result<&Entry<'a>, String> {
        let missing = || format!("`{key}` is missing in [{}]", groups.first().unwrap_or(&""));
        self.get(groups, key).filter(|entry| !entry.value.is_empty()).ok_or_else(missing)
    }

    fn connection(&self) -> Result<(), String> {
        self.required(&["connection"], "id")?;
        let kind = self.required(&["connection"], "type")?;
        if TYPES.contains(&kind.value) {
            return Ok(());
        }
        Err(format!("line {}: type {} is none that the box knows; write ethernet or wifi", kind.line, kind.value))
    }

    fn wifi(&self) -> Result<(), String> {
        let is_wifi = self.get(&["connection"], "type").is_some_and(|e| matches!(e.value, "wifi" | "802-11-wireless"));
        if !is_wifi {
            return Ok(());
        }
        self.required(&["wifi", "802-11-wireless"], "ssid")?;
        let security = ["wifi-security", "802-11-wireless-security"];
        let by_password = self.get(&security, "key-mgmt").is_some_and(|entry| matches!(entry.value, "wpa-psk" | "sae"));
        if !by_password {
            return Ok(());
        }
        let password = self.required(&security, "psk")?;
        let (length, is_key) = (password.value.len(), password.value.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if (8..=63).contains(&length) || (length == 64 && is_key) {
            return Ok(());
        }
        Err(format!("line {}: psk has {length} characters; passwords of Wi-Fi have 8 to 63", password.line))
    }

    fn addresses(&self, group: &str, good: fn(&str) -> bool) -> Result<(), String> {
        let Some(method) = self.get(&[group], "method") else { return Ok(()) };
        let is_known = METHODS.contains(&method.value) || (group == "ipv6" && method.value == "dhcp");
        if !is_known {
            let line = method.line;
            return Err(format!("line {line}: [{group}] has no method {}; write auto or manual", method.value));
        }
        let is_address = |key: &str| key.strip_prefix("address").is_some_and(is_number);
        let mut written = self.0.iter().filter(|entry| entry.group == group && is_address(entry.key)).peekable();
        if method.value == "manual" && written.peek().is_none() && self.get(&[group], "addresses").is_none() {
            let line = method.line;
            return Err(format!("line {line}: method manual needs an address; add address1 = ADDRESS/LENGTH,GATEWAY"));
        }
        match written.find(|entry| !good(entry.value)) {
            Some(Entry { line, key, value, .. }) => {
                Err(format!("line {line}: {key} = {value} is no ADDRESS/LENGTH or ADDRESS/LENGTH,GATEWAY"))
            }
            None => Ok(()),
        }
    }
}

fn entries(text: &str) -> Result<Vec<Entry<'_>>, String> {
    let (mut entries, mut group) = (Vec::new(), "");
    for (at, raw) in text.lines().enumerate() {
        let (line, trimmed) = (at + 1, raw.trim());
        if at >= MAX_LINES {
            return Err(format!("has more than {MAX_LINES} lines"));
        }
        if trimmed.chars().any(|c| c.is_control() && c != '\t') {
            return Err(format!("line {line}: there is a character that cannot be seen"));
        }
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            group = name;
        } else if let Some((key, value)) = trimmed.split_once('=').filter(|_| !group.is_empty()) {
            entries.push(Entry { line, group, key: key.trim(), value: value.trim() });
        } else {
            let start: String = trimmed.chars().take(20).collect();
            return Err(format!("line {line}: `{start}` is neither [group] nor key = value in a group"));
        }
    }
    Ok(entries)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_ipv4(value: &str) -> bool {
    is_address(value, 32, |ip| ip.parse::<Ipv4Addr>().is_ok())
}

fn is_ipv6(value: &str) -> bool {
    is_address(value, 128, |ip| ip.parse::<Ipv6Addr>().is_ok())
}

/// `ADDRESS/LENGTH`, perhaps with `,GATEWAY`.
fn is_address(value: &str, longest: u8, ip: impl Fn(&str) -> bool) -> bool {
    let (network, gateway) = value.split_once(',').map_or((value, None), |(network, gateway)| (network, Some(gateway)));
    let (address, length) = network.split_once('/').unwrap_or((network, ""));
    ip(address.trim())
        && length.trim().parse::<u8>().is_ok_and(|length| length <= longest)
        && gateway.is_none_or(|gateway| ip(gateway.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIFI: &str = "[connection]\nid=home\ntype=wifi\n\n[wifi]\nssid=Town hall\n\n[wifi-security]\nkey-mgmt=wpa-psk\n\
                        psk=correct horse\n\n[ipv4]\nmethod=auto\n";
    const FIXED: &str = "# the office\n[connection]\nid = office\ntype = ethernet\n[ipv4]\nmethod = manual\n\
                         address1 = 192.0.2.10/24,192.0.2.1\ndns = 192.0.2.1;\n[ipv6]\nmethod = manual\naddress1 = 2001:db8::2/64\n";

    #[test]
    fn good_ones_are_good() {
        for good in [WIFI, FIXED, "[connection]\nid=x\ntype=802-3-ethernet\n"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, sentence) in [
            ("", "`id` is missing in [connection]"),
            ("id=x\n", "line 1: `id=x` is neither [group] nor key = value in a group"),
            ("[connection]\nid=x\n", "`type` is missing in [connection]"),
            (
                "[connection]\nid=x\ntype=pigeon\n",
                "line 3: type pigeon is none that the box knows; write ethernet or wifi",
            ),
            ("[connection]\nid=x\ntype=wifi\n", "`ssid` is missing in [wifi]"),
            (
                &WIFI.replace("psk=correct horse", "psk=short"),
                "line 10: psk has 5 characters; passwords of Wi-Fi have 8 to 63",
            ),
            (&WIFI.replace("psk=correct horse", ""), "`psk` is missing in [wifi-security]"),
            (&WIFI.replace("auto", "magic"), "line 13: [ipv4] has no method magic; write auto or manual"),
            (
                &WIFI.replace("auto", "manual"),
                "line 13: method manual needs an address; add address1 = ADDRESS/LENGTH,GATEWAY",
            ),
            (
                &FIXED.replace("192.0.2.10/24", "192.0.2.10"),
                "line 7: address1 = 192.0.2.10,192.0.2.1 is no ADDRESS/LENGTH or ADDRESS/LENGTH,GATEWAY",
            ),
            ("[connection]\nid=\u{7}\n", "line 2: there is a character that cannot be seen"),
        ] {
            assert_eq!(check(text).unwrap_err(), sentence);
        }
        assert!(check(&"\n".repeat(5000)).unwrap_err().starts_with("has more than"));
    }
}
