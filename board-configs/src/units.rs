//! Values with a meaning: each is right by construction.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A TCP or UDP port; 0 takes any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Port(pub u16);

/// How many of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Count(u32);

impl Count {
    pub(crate) const fn new(value: u32) -> Self {
        Self(value)
    }

    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl TryFrom<u32> for Count {
    type Error = &'static str;

    fn try_from(value: u32) -> Result<Self, Self::Error> {
        if (1..=10_000).contains(&value) { Ok(Self(value)) } else { Err("out of range") }
    }
}

impl From<Count> for u32 {
    fn from(count: Count) -> Self {
        count.0
    }
}

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Seconds(u32);

impl Seconds {
    pub(crate) const fn new(value: u32) -> Self {
        Self(value)
    }

    pub fn get(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0.into())
    }
}

impl TryFrom<u32> for Seconds {
    type Error = &'static str;

    fn try_from(value: u32) -> Result<Self, Self::Error> {
        if (0..=600).contains(&value) { Ok(Self(value)) } else { Err("out of range") }
    }
}

impl From<Seconds> for u32 {
    fn from(time: Seconds) -> Self {
        time.0
    }
}

/// A bitrate in kilobits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Kbps(u32);

impl Kbps {
    pub(crate) const fn new(value: u32) -> Self {
        Self(value)
    }

    pub fn get(self) -> u32 {
        self.0
    }

    pub fn bits_per_second(self) -> u64 {
        u64::from(self.0) * 1000
    }
}

impl TryFrom<u32> for Kbps {
    type Error = &'static str;

    fn try_from(value: u32) -> Result<Self, Self::Error> {
        if (100..=1_000_000).contains(&value) { Ok(Self(value)) } else { Err("out of range") }
    }
}

impl From<Kbps> for u32 {
    fn from(rate: Kbps) -> Self {
        rate.0
    }
}

/// An amount of memory: a number of bytes, or a text such as `"512 KiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(u64);

impl Bytes {
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    pub(crate) const fn kibi(value: u64) -> Self {
        Self(value * 1024)
    }

    pub fn bytes(self) -> u64 {
        self.0
    }

    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        match self.0 {
            bytes if bytes >= MIB && bytes % MIB == 0 => write!(f, "{} MiB", bytes / MIB),
            bytes if bytes >= KIB && bytes % KIB == 0 => write!(f, "{} KiB", bytes / KIB),
            bytes => write!(f, "{bytes} B"),
        }
    }
}

impl std::str::FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = text.strip_prefix(digits).unwrap_or_default().trim();
        let scale = match unit {
            "" | "B" => 1,
            "KiB" => 1024,
            "MiB" => 1024 * 1024,
            "GiB" => 1024 * 1024 * 1024,
            _ => return Err("the unit is none of B, KiB, MiB, GiB"),
        };
        let number: u64 = digits.trim().parse().map_err(|_| "no number")?;
        number.checked_mul(scale).map(Self).ok_or("out of range")
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of memory")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Bytes, E> {
                u64::try_from(value).map(Bytes).map_err(|_| E::custom("negative"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Makes a text newtype that is checked when it is made and travels as a plain text.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                if $check(&text) { Ok(Self(text)) } else { Err("not of the right form") }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_text! {
    /// A lower-case DNS name.
    DomainName, is_domain
}
checked_text! {
    /// `HOST:PORT`, for instance `stun.example.org:3478`; an IPv6 address stands in brackets.
    HostPort, is_host_port
}
checked_text! {
    /// The origin of a web page, as browsers write it: `https://intranet.example.org`, with its port if that is not the usual one.
    WebOrigin, is_web_origin
}
checked_text! {
    /// The address of a WebSocket in which `{{MEETING_ID}}` and `{{REGION}}` stand for what is put there.
    WebSocketTemplate, is_web_socket_template
}
checked_text! {
    /// The name of a board, such as `rpi4`.
    BoardName, crate::board::is_name
}
checked_text! {
    /// `#rrggbb`.
    Colour, is_colour
}

impl DomainName {
    pub(crate) fn fixed(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

fn is_domain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_web_origin(text: &str) -> bool {
    let schemes = [("https://", ":443"), ("http://", ":80")];
    let Some((authority, usual)) =
        schemes.into_iter().find_map(|(scheme, port)| Some((text.strip_prefix(scheme)?, port)))
    else {
        return false;
    };
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let lower = !authority.bytes().any(|b| b.is_ascii_uppercase());
    lower
        && !authority.ends_with(usual)
        && if has_port { is_host_port(authority) } else { is_host_port(&format!("{authority}:1")) }
}

fn is_web_socket_template(text: &str) -> bool {
    let filled = text.replace("{{MEETING_ID}}", "m").replace("{{REGION}}", "r");
    let rest = ["wss://", "ws://"].into_iter().find_map(|scheme| filled.strip_prefix(scheme));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && text.len() <= 1024
        && !filled.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '{' | '}' | '"' | '\\'))
}

fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good_host = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_domain(&host.to_ascii_lowercase()),
    };
    good_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory_read_with_and_without_unit() {
        assert_eq!("512 KiB".parse::<Bytes>().unwrap().get(), 524_288);
        assert_eq!("2MiB".parse::<Bytes>().unwrap().get(), 2_097_152);
        assert_eq!("1 GiB".parse::<Bytes>().unwrap().to_string(), "1024 MiB");
        assert_eq!("77".parse::<Bytes>().unwrap().to_string(), "77 B");
        assert!("12 potatoes".parse::<Bytes>().is_err());
        assert!("KiB".parse::<Bytes>().is_err());
        assert!("99999999999999999999 MiB".parse::<Bytes>().is_err());
    }

    #[test]
    fn texts_of_the_wrong_form_are_refused() {
        for good in ["moothall.internal", "localhost", "a-b.c1"] {
            assert!(is_domain(good), "{good}");
        }
        for bad in ["", "Upper.case", "a..b", "-a.b", "a_b", "a b"] {
            assert!(!is_domain(bad), "{bad}");
        }
        for good in ["stun.example.org:3478", "192.0.2.1:3478", "[2001:db8::1]:3478"] {
            assert!(is_host_port(good), "{good}");
        }
        for bad in ["stun.example.org", "2001:db8::1:3478", "host:0", "host:99999", ":3478"] {
            assert!(!is_host_port(bad), "{bad}");
        }
        for good in [
            "https://intranet.example.org",
            "http://127.0.0.1:8000",
            "https://[2001:db8::1]",
            "https://[2001:db8::1]:444",
        ] {
            assert!(is_web_origin(good), "{good}");
        }
        for bad in [
            "*",
            "https://",
            "https://*.example.org",
            "https://a.example/",
            "https://a.example:443",
            "HTTPS://a.example",
            "https://A.example",
            "a.example",
            "https://a.example; script-src *",
        ] {
            assert!(!is_web_origin(bad), "{bad}");
        }
        assert!(is_colour("#72d5b8") && !is_colour("72d5b8") && !is_colour("#72d5b"));
    }
}
