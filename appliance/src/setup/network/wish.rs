//! What network somebody wants, as the page says it.

use std::net::Ipv4Addr;

use serde::Deserialize;

/// How the box shall be connected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Wish {
    Cable {
        device: String,
        /// Without it the network gives an address.
        fixed: Option<Fixed>,
    },
    Wireless {
        device: String,
        name: String,
        password: Option<String>,
    },
    /// A network of the box's own.
    Own {
        device: String,
        name: String,
        password: String,
    },
}

/// An address that the network does not give.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixed {
    /// `ADDRESS/LENGTH`.
    pub(crate) address: String,
    pub(crate) gateway: Option<Ipv4Addr>,
    #[serde(default)]
    pub(crate) dns: Vec<Ipv4Addr>,
}

/// The part of a wish that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impossible {
    Device,
    Name,
    Password,
    Address,
    Gateway,
    Dns,
}

impl Impossible {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Name => "name",
            Self::Password => "password",
            Self::Address => "address",
            Self::Gateway => "gateway",
            Self::Dns => "dns",
        }
    }
}

const MAX_DNS: usize = 3;

impl Wish {
    pub(crate) fn device(&self) -> &str {
        match self {
            Self::Cable { device, .. } | Self::Wireless { device, .. } | Self::Own { device, .. } => device,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Impossible> {
        let device = self.device();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if device.is_empty() || device.len() > 15 || !device.bytes().all(plain) {
            return Err(Impossible::Device);
        }
        match self {
            Self::Cable { fixed, .. } => fixed.as_ref().map_or(Ok(()), |fixed| fixed.check()),
            Self::Wireless { name, password, .. } => {
                is_ssid(name)?;
                password.as_deref().map_or(Ok(()), is_psk)
            }
            Self::Own { name, password, .. } => is_ssid(name).and_then(|()| is_psk(password)),
        }
    }
}

impl Fixed {
    fn check(&self) -> Result<(), Impossible> {
        let (address, prefix) = self.parts().ok_or(Impossible::Address)?;
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        let host = address.to_bits() & !mask;
        let usual = !address.is_loopback() && !address.is_multicast() && !address.is_unspecified();
        // The first and the last address of a network are nobody's.
        if !usual || (prefix < 31 && (host == 0 || host == !mask)) {
            return Err(Impossible::Address);
        }
        let in_it = |gateway: Ipv4Addr| gateway.to_bits() & mask == address.to_bits() & mask && gateway != address;
        if !self.gateway.is_none_or(in_it) {
            return Err(Impossible::Gateway);
        }
        let good = |dns: &Ipv4Addr| !dns.is_unspecified() && !dns.is_multicast();
        if self.dns.len() > MAX_DNS || !self.dns.iter().all(good) {
            return Err(Impossible::Dns);
        }
        Ok(())
    }

    /// Address and length.
    pub(crate) fn parts(&self) -> Option<(Ipv4Addr, u32)> {
        let (address, prefix) = self.address.split_once('/')?;
        let prefix = prefix.parse().ok().filter(|prefix| (1..=32).contains(prefix))?;
        Some((address.parse().ok()?, prefix))
    }
}

/// IEEE 802.11, 9.4.2.2: up to 32 bytes.
fn is_ssid(name: &str) -> Result<(), Impossible> {
    let good = (1..=32).contains(&name.len()) && !name.chars().any(char::is_control);
    if good { Ok(()) } else { Err(Impossible::Name) }
}

/// A passphrase of 8 to 63 characters of ASCII, or the key itself in 64 hexadecimal digits (IEEE 802.11, J.4.1).
fn is_psk(password: &str) -> Result<(), Impossible> {
    let phrase = (8..=63).contains(&password.len()) && password.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let key = password.len() == 64 && password.bytes().all(|byte| byte.is_ascii_hexdigit());
    if phrase || key { Ok(()) } else { Err(Impossible::Password) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(json: &str) -> Result<(), Impossible> {
        serde_json::from_str::<Wish>(json).unwrap().check()
    }

    #[test]
    fn wishes_that_can_be_are_taken() {
        for json in [
            r#"{"kind":"cable","device":"eth0"}"#,
            r#"{"kind":"cable","device":"enp0s31f6","fixed":{"address":"192.168.1.40/24","gateway":"192.168.1.1","dns":["9.9.9.9"]}}"#,
            r#"{"kind":"cable","device":"eth0","fixed":{"address":"10.0.0.1/31"}}"#,
            r#"{"kind":"wireless","device":"wlan0","name":"Häfen","password":"correct horse"}"#,
            r#"{"kind":"wireless","device":"wlan0","name":"Open"}"#,
            r#"{"kind":"own","device":"wlan0","name":"Hall","password":"12345678"}"#,
        ] {
            assert_eq!(checked(json), Ok(()), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let cable = |rest: &str| checked(&format!(r#"{{"kind":"cable","device":"eth0","fixed":{{{rest}}}}}"#));
        for address in
            ["192.168.1.40", "192.168.1.0/24", "192.168.1.255/24", "1.2.3.4/0", "1.2.3.4/33", "x/24", "127.0.0.1/8"]
        {
            assert_eq!(cable(&format!(r#""address":"{address}""#)), Err(Impossible::Address), "{address}");
        }
        for gateway in ["192.168.2.1", "192.168.1.40"] {
            let said = cable(&format!(r#""address":"192.168.1.40/24","gateway":"{gateway}""#));
            assert_eq!(said, Err(Impossible::Gateway));
        }
        let dns = r#""address":"192.168.1.40/24","dns":["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]"#;
        assert_eq!(cable(dns), Err(Impossible::Dns));
        assert_eq!(checked(r#"{"kind":"cable","device":"../x"}"#), Err(Impossible::Device));
        let wireless = |name: &str, password: &str| {
            checked(&format!(r#"{{"kind":"own","device":"wlan0","name":"{name}","password":"{password}"}}"#))
        };
        assert_eq!(wireless("", "12345678"), Err(Impossible::Name));
        assert_eq!(wireless(&"x".repeat(33), "12345678"), Err(Impossible::Name));
        assert_eq!(wireless("Hall", "1234567"), Err(Impossible::Password));
        assert_eq!(wireless("Hall", "größer als acht"), Err(Impossible::Password));
        assert!(serde_json::from_str::<Wish>(r#"{"kind":"cable","device":"eth0","x":1}"#).is_err());
    }
}
