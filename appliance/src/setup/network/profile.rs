//! A wish as a connection profile of NetworkManager (nm-settings-dbus(5)).

use std::collections::HashMap;

use zbus::Variant;

use super::wish::{Fixed, Wish};

/// Settings by name, each with its keys.
pub(super) type Profile = HashMap<&'static str, HashMap<&'static str, Variant<'static>>>;

/// What our profiles are called: they are told from those of others by it.
pub(super) const NAME: &str = "Moothall ";
/// Before those that NetworkManager makes up for every cable.
const PRIORITY: i32 = 10;
/// NMSettingIP4LinkLocal.
const LINK_LOCAL_ENABLED: i32 = 3;

/// How a wireless network wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    Open,
    /// Encrypted without a password (OWE).
    Unlocked,
    /// WPA2, perhaps WPA3 as well.
    Psk,
    /// WPA3 alone.
    Sae,
    /// What cannot be joined from here: WEP, names and passwords of persons.
    Other,
}

/// Flags of an access point (NM80211ApSecurityFlags).
const KEY_MGMT_PSK: u32 = 0x100;
const KEY_MGMT_802_1X: u32 = 0x200;
const KEY_MGMT_SAE: u32 = 0x400;
const KEY_MGMT_OWE: u32 = 0x800;
const PRIVACY: u32 = 0x1;

impl Lock {
    pub(super) fn of(flags: u32, wpa: u32, rsn: u32) -> Self {
        let has = |flag: u32| (wpa | rsn) & flag != 0;
        if has(KEY_MGMT_PSK) {
            Self::Psk
        } else if has(KEY_MGMT_SAE) {
            Self::Sae
        } else if has(KEY_MGMT_802_1X) || (flags & PRIVACY != 0 && !has(KEY_MGMT_OWE)) {
            Self::Other
        } else if has(KEY_MGMT_OWE) {
            Self::Unlocked
        } else {
            Self::Open
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open | Self::Unlocked => "open",
            Self::Psk | Self::Sae => "password",
            Self::Other => "other",
        }
    }
}

/// The profile that does what is wished.
pub(super) fn profile(wish: &Wish, lock: Lock) -> Profile {
    let method = |method: &'static str| HashMap::from([("method", Variant::from(method))]);
    let (kind, name, own) = match wish {
        Wish::Cable { device, .. } => ("802-3-ethernet", device, None),
        Wish::Wireless { name, .. } => ("802-11-wireless", name, Some(("infrastructure", name))),
        Wish::Own { name, .. } => ("802-11-wireless", name, Some(("ap", name))),
    };
    let connection = HashMap::from([
        ("id", Variant::from(format!("{NAME}{name}"))),
        ("type", Variant::from(kind)),
        ("interface-name", Variant::from(wish.device().to_owned())),
        ("autoconnect", Variant::from(true)),
        ("autoconnect-priority", Variant::from(PRIORITY)),
    ]);
    let mut profile = HashMap::from([("connection", connection), ("ipv4", method("auto")), ("ipv6", method("auto"))]);
    if let Some((mode, name)) = own {
        let wireless =
            HashMap::from([("ssid", Variant::from(name.as_bytes().to_vec())), ("mode", Variant::from(mode))]);
        profile.insert("802-11-wireless", wireless);
    }
    match wish {
        Wish::Cable { fixed: Some(fixed), .. } => {
            profile.insert("ipv4", manual(fixed));
        }
        Wish::Cable { fixed: None, .. } => {
            profile.insert("ipv4", given());
        }
        Wish::Wireless { password, .. } => {
            let kind = match lock {
                Lock::Sae => Some("sae"),
                Lock::Psk => Some("wpa-psk"),
                Lock::Unlocked => Some("owe"),
                Lock::Open | Lock::Other => password.as_ref().map(|_| "wpa-psk"),
            };
            if let Some(kind) = kind {
                let password = password.clone().filter(|_| kind != "owe");
                profile.insert("802-11-wireless-security", security(kind, password));
            }
        }
        Wish::Own { password, .. } => {
            let mut security = security("wpa-psk", Some(password.clone()));
            for key in ["pairwise", "group"] {
                security.insert(key, Variant::from(vec!["ccmp"]));
            }
            security.insert("proto", Variant::from(vec!["rsn"]));
            profile.insert("802-11-wireless-security", security);
            profile.insert("ipv4", method("shared"));
            profile.insert("ipv6", method("link-local"));
        }
    }
    profile
}

fn security(kind: &'static str, password: Option<String>) -> HashMap<&'static str, Variant<'static>> {
    let mut security = HashMap::from([("key-mgmt", Variant::from(kind))]);
    if let Some(password) = password {
        security.insert("psk", Variant::from(password));
    }
    security
}

/// From the network; until it gives one, for however long, there is one of the box's own making (RFC 3927).
fn given() -> HashMap<&'static str, Variant<'static>> {
    HashMap::from([
        ("method", Variant::from("auto")),
        ("link-local", Variant::from(LINK_LOCAL_ENABLED)),
        ("dhcp-timeout", Variant::from(i32::MAX)),
        // The network card is the only identity that a box has at every start.
        ("dhcp-client-id", Variant::from("mac")),
    ])
}

fn manual(fixed: &Fixed) -> HashMap<&'static str, Variant<'static>> {
    let mut ipv4 = HashMap::from([("method", Variant::from("manual"))]);
    if let Some((address, prefix)) = fixed.parts() {
        let entry: HashMap<&str, Variant<'static>> =
            HashMap::from([("address", Variant::from(address.to_string())), ("prefix", Variant::from(prefix))]);
        ipv4.insert("address-data", Variant::from(vec![entry]));
    }
    if let Some(gateway) = fixed.gateway {
        ipv4.insert("gateway", Variant::from(gateway.to_string()));
    }
    if !fixed.dns.is_empty() {
        // In the order of the network, read as if it were ours.
        let dns: Vec<u32> = fixed.dns.iter().map(|dns| u32::from_ne_bytes(dns.octets())).collect();
        ipv4.insert("dns", Variant::from(dns));
    }
    ipv4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(profile: &Profile, setting: &str, key: &str) -> String {
        profile.get(setting).and_then(|setting| setting.get(key)).map_or(String::new(), |value| value.to_string())
    }

    fn wish(json: &str) -> Wish {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_cable_gets_its_address_from_the_network_or_has_one() {
        let plain = profile(&wish(r#"{"kind":"cable","device":"eth0"}"#), Lock::Open);
        assert_eq!(text(&plain, "ipv4", "method"), "\"auto\"");
        assert_eq!(text(&plain, "ipv4", "link-local"), "3");
        assert_eq!(text(&plain, "connection", "id"), "\"Moothall eth0\"");
        assert!(!plain.contains_key("802-11-wireless"));
        let fixed = r#"{"kind":"cable","device":"eth0","fixed":{"address":"192.168.1.40/24","gateway":"192.168.1.1","dns":["1.2.3.4"]}}"#;
        let fixed = profile(&wish(fixed), Lock::Open);
        assert_eq!(text(&fixed, "ipv4", "method"), "\"manual\"");
        assert_eq!(text(&fixed, "ipv4", "gateway"), "\"192.168.1.1\"");
        let data = text(&fixed, "ipv4", "address-data");
        assert!(data.contains("\"address\": <\"192.168.1.40\">") && data.contains("\"prefix\": <uint32 24>"), "{data}");
        let dns = u32::from_ne_bytes([1, 2, 3, 4]);
        assert_eq!(text(&fixed, "ipv4", "dns"), format!("[uint32 {dns}]"));
    }

    #[test]
    fn a_wireless_network_is_spoken_to_as_it_wants() {
        let joined = wish(r#"{"kind":"wireless","device":"wlan0","name":"Hall","password":"12345678"}"#);
        for (lock, kind) in [(Lock::Psk, "\"wpa-psk\""), (Lock::Sae, "\"sae\""), (Lock::Open, "\"wpa-psk\"")] {
            let profile = profile(&joined, lock);
            assert_eq!(text(&profile, "802-11-wireless-security", "key-mgmt"), kind);
            assert_eq!(text(&profile, "802-11-wireless-security", "psk"), "\"12345678\"");
        }
        let open = wish(r#"{"kind":"wireless","device":"wlan0","name":"Hall"}"#);
        assert!(!profile(&open, Lock::Open).contains_key("802-11-wireless-security"));
        assert_eq!(text(&profile(&open, Lock::Unlocked), "802-11-wireless-security", "key-mgmt"), "\"owe\"");
        let own = profile(&wish(r#"{"kind":"own","device":"wlan0","name":"Hall","password":"12345678"}"#), Lock::Open);
        assert_eq!(text(&own, "802-11-wireless", "mode"), "\"ap\"");
        assert_eq!(text(&own, "ipv4", "method"), "\"shared\"");
    }

    #[test]
    fn locks_are_read_from_the_flags_of_an_access_point() {
        for (flags, wpa, rsn, lock) in [
            (0, 0, 0, Lock::Open),
            (1, 0, 0, Lock::Other),
            (1, 0, 0x188, Lock::Psk),
            (1, 0x188, 0, Lock::Psk),
            (1, 0, 0x588, Lock::Psk),
            (1, 0, 0x488, Lock::Sae),
            (1, 0, 0x288, Lock::Other),
            (0, 0, 0x888, Lock::Unlocked),
        ] {
            assert_eq!(Lock::of(flags, wpa, rsn), lock, "{flags:x} {wpa:x} {rsn:x}");
        }
    }
}
