//! Under which name a client came: the `host[:port]` that absolute URLs in our answers carry.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use hyper::Request;
use hyper::header::{HOST, HeaderMap, ORIGIN};

/// A checked `host[:port]`: a DNS name (lower case), an IPv4 address or a bracketed IPv6 address. It can stand in a URL,
/// a header or JSON without escaping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority(String);

/// DNS names are at most this long (RFC 1035, 2.3.4).
const MAX_NAME: usize = 253;

impl Authority {
    /// Reads what a client wrote, `None` when it is not the authority of an `http` URL.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_NAME + 6 || !text.is_ascii() {
            return None;
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            let port = match port {
                "" => String::new(),
                _ => format!(":{}", parse_port(port.strip_prefix(':')?)?),
            };
            return Some(Self(format!("[{address}]{port}")));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, format!(":{}", parse_port(port)?)),
            None => (text, String::new()),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        is_host(host).then(|| Self(format!("{}{port}", host.to_ascii_lowercase())))
    }

    /// For clients that name none: the address that they reached.
    pub fn of_socket(local: SocketAddr) -> Self {
        Self(SocketAddr::new(local.ip().to_canonical(), local.port()).to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same host on another port, which goes without saying if it is that of HTTPS.
    pub(super) fn with_https_port(&self, port: u16) -> Self {
        let host = match self.0.rsplit_once(':') {
            Some((host, _)) if self.has_port() => host,
            _ => &self.0,
        };
        Self(if port == 443 { host.to_owned() } else { format!("{host}:{port}") })
    }

    /// Whether it says at which port.
    pub(super) fn has_port(&self) -> bool {
        // What follows the last colon of an address in brackets ends in one.
        self.0.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'))
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|&port| port != 0)
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // A name whose last label is a number is an IPv4 address or nothing (WHATWG URL, "ends in a number").
    let numeric = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    host.len() <= MAX_NAME && host.split('.').all(label) && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

/// Where a request came from and what it was addressed to.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    /// Other end of the TCP connection.
    pub(super) peer: IpAddr,
    /// Our end.
    pub(super) local: SocketAddr,
    /// The connection is TLS.
    pub(super) tls: bool,
    /// When the connection was accepted.
    pub(super) at: Instant,
}

/// As the client sees us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) authority: Authority,
    pub(super) secure: bool,
    /// Where the client is; unknown when a proxy does not say.
    pub(super) client: Option<IpAddr>,
    /// A listed proxy is in between.
    pub(super) proxied: bool,
}

impl Origin {
    /// Forwarding headers count only when a listed proxy is at the other end.
    pub(super) fn of<B>(request: &Request<B>, arrival: &Arrival, proxies: &[IpAddr]) -> Self {
        let headers = request.headers();
        let proxied = proxies.contains(&arrival.peer.to_canonical());
        let forwarded = |name: &str| proxied.then(|| last_value(headers, name)).flatten();
        let named = request
            .uri()
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()))
            .and_then(Authority::parse);
        Self {
            authority: forwarded("x-forwarded-host")
                .and_then(Authority::parse)
                .or(named)
                .unwrap_or_else(|| Authority::of_socket(arrival.local)),
            secure: match forwarded("x-forwarded-proto") {
                Some(scheme) => scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss"),
                None => arrival.tls,
            },
            client: match proxied {
                true => forwarded("x-forwarded-for").and_then(address),
                false => Some(arrival.peer.to_canonical()),
            },
            proxied,
        }
    }

    /// For the URLs that a signaling client is given. Browsers name the port that they connected to, and send an `Origin`;
    /// gst-meet 0.8 sends neither, whatever its URL says. A client without both that reached us itself came by our own port.
    pub(super) fn for_client<B>(&self, request: &Request<B>, arrival: &Arrival, proxies: &[IpAddr]) -> Authority {
        let proxied = proxies.contains(&arrival.peer.to_canonical());
        let default = if self.secure { 443 } else { 80 };
        let port = arrival.local.port();
        if proxied || port == default || self.authority.has_port() || request.headers().contains_key(ORIGIN) {
            return self.authority.clone();
        }
        Authority(format!("{}:{port}", self.authority))
    }

    pub(super) fn http(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    pub(super) fn websocket(&self) -> &'static str {
        if self.secure { "wss" } else { "ws" }
    }
}

/// An address as proxies write it, some with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The value that the nearest proxy wrote: the last one of a list.
fn last_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_authorities() {
        let parsed = |text| Authority::parse(text).map(|authority| authority.to_string());
        assert_eq!(parsed("Meet.Example:8443").as_deref(), Some("meet.example:8443"));
        assert_eq!(parsed("box.local.").as_deref(), Some("box.local"));
        assert_eq!(parsed("192.168.1.9:8443").as_deref(), Some("192.168.1.9:8443"));
        assert_eq!(parsed("[FE80::1]:443").as_deref(), Some("[fe80::1]:443"));
        assert_eq!(parsed("[::1]").as_deref(), Some("[::1]"));
    }

    #[test]
    fn the_port_of_an_authority_can_be_exchanged() {
        let moved = |text, port| Authority::parse(text).unwrap().with_https_port(port).to_string();
        assert_eq!(moved("meet.example", 8443), "meet.example:8443");
        assert_eq!(moved("meet.example:8080", 443), "meet.example");
        assert_eq!(moved("[fd00::2]", 443), "[fd00::2]");
        assert_eq!(moved("[fd00::2]:80", 8443), "[fd00::2]:8443");
    }

    #[test]
    fn hostile_hosts_are_refused() {
        let long = "a.".repeat(200);
        for host in [
            "",
            ":",
            "a:",
            "a:0",
            "a:65536",
            "a:-1",
            "a:080800",
            "a b",
            "a\"b",
            "</script>",
            "a/b",
            "a@b",
            "a?b",
            "a#b",
            "a\\b",
            "a..b",
            ".",
            "-\u{e9}-",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[fe80::1%25eth0]",
            "::1",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "a'b",
            "a;b",
            "a,b",
            "${x}",
            &long,
        ] {
            assert_eq!(Authority::parse(host), None, "{host:?}");
        }
    }

    #[test]
    fn only_a_listed_proxy_is_believed() {
        let request = Request::builder()
            .header("host", "inner:80")
            .header("x-forwarded-host", "evil.example, meet.example")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-for", "10.9.9.9, 203.0.113.7")
            .body(())
            .unwrap();
        let arrival = Arrival {
            peer: [127, 0, 0, 1].into(),
            local: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: false,
            at: Instant::now(),
        };
        let stranger = Origin::of(&request, &arrival, &[[127, 0, 0, 2].into()]);
        assert_eq!((stranger.authority.as_str(), stranger.secure), ("inner:80", false));
        assert_eq!((stranger.client, stranger.proxied), (Some([127, 0, 0, 1].into()), false));
        let proxy = Origin::of(&request, &arrival, &[[127, 0, 0, 1].into()]);
        assert_eq!((proxy.authority.as_str(), proxy.secure), ("meet.example", true));
        assert_eq!((proxy.client, proxy.proxied), (Some([203, 0, 113, 7].into()), true));
    }

    #[test]
    fn addresses_of_clients_may_carry_a_port() {
        for (text, expected) in [
            ("203.0.113.7", Some("203.0.113.7")),
            ("203.0.113.7:4711", Some("203.0.113.7")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]", Some("2001:db8::7")),
            ("[2001:db8::7]:4711", Some("2001:db8::7")),
            ("::ffff:203.0.113.7", Some("203.0.113.7")),
            ("unknown", None),
        ] {
            assert_eq!(address(text), expected.map(|text| text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_client_that_leaves_out_the_port_came_by_ours() {
        let urls = |host: &str, page: Option<&str>, peer: [u8; 4], port: u16| {
            let mut request = Request::builder().header("host", host);
            if let Some(page) = page {
                request = request.header("origin", page);
            }
            let request = request.body(()).unwrap();
            let arrival = Arrival {
                peer: peer.into(),
                local: SocketAddr::from(([192, 0, 2, 2], port)),
                tls: true,
                at: Instant::now(),
            };
            let proxies = [[127, 0, 0, 1].into()];
            Origin::of(&request, &arrival, &proxies).for_client(&request, &arrival, &proxies).to_string()
        };
        let stranger = [192, 0, 2, 7];
        assert_eq!(urls("192.0.2.2", None, stranger, 8443), "192.0.2.2:8443");
        assert_eq!(urls("[fd00::2]", None, stranger, 8443), "[fd00::2]:8443");
        assert_eq!(urls("box.local:8444", None, stranger, 8443), "box.local:8444", "what it says counts");
        assert_eq!(urls("[fd00::2]:8444", None, stranger, 8443), "[fd00::2]:8444");
        assert_eq!(
            urls("box.local", Some("https://box.local"), stranger, 8443),
            "box.local",
            "a browser knows its port"
        );
        assert_eq!(urls("box.local", None, stranger, 443), "box.local");
        assert_eq!(urls("meet.example", None, [127, 0, 0, 1], 8443), "meet.example", "a proxy has a port of its own");
    }
}
