//! What the person at the terminal sees: where the box can be reached, as text and for a phone's camera.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use bridge::shell::candidates::{LocalAddress, Rules};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// How clients reach the box.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    /// Addresses that the web listeners are bound to.
    pub(crate) bound: &'a [IpAddr],
    pub(crate) port: u16,
    pub(crate) local: &'a [LocalAddress],
    /// Say which interfaces are for nobody else, and what the internet calls the box.
    pub(crate) rules: &'a Rules,
    /// What multicast DNS resolves, unless it is off.
    pub(crate) mdns: Option<&'a str>,
}

impl Reach<'_> {
    /// Addresses that others can use, the easiest first.
    pub(crate) fn open(&self) -> Vec<IpAddr> {
        let mut open: Vec<IpAddr> = self.heard().filter(|ip| !ip.is_loopback()).collect();
        // Everybody can type IPv4, few have an IPv6 address that a phone in the same network can use.
        open.sort_by_key(IpAddr::is_ipv6);
        open
    }

    /// URLs, best first: addresses that others can use, the name in the local network, loopback.
    pub(crate) fn urls(&self) -> Vec<String> {
        let open = self.open();
        let mut urls: Vec<String> = open.iter().map(|ip| self.url(&literal(*ip))).collect();
        if !open.is_empty() {
            urls.extend(self.mdns.map(|name| self.url(name)));
            let outside = self.rules.public.iter().filter(|ip| !open.contains(ip));
            urls.extend(outside.map(|ip| self.url(&literal(*ip))));
        }
        if self.heard().any(|ip| ip.is_loopback()) {
            urls.push(self.url("localhost"));
        }
        urls
    }

    /// Addresses that are listened on, without those that no person would use.
    fn heard(&self) -> impl Iterator<Item = IpAddr> {
        let heard =
            |ip: &IpAddr| self.bound.iter().any(|b| b == ip || (b.is_unspecified() && b.is_ipv4() == ip.is_ipv4()));
        let hidden = |address: &LocalAddress| self.rules.hides(&address.interface) && !address.ip.is_loopback();
        let shown = move |address: &&LocalAddress| heard(&address.ip) && !link_local(&address.ip) && !hidden(address);
        self.local.iter().filter(shown).map(|address| address.ip)
    }

    fn url(&self, host: &str) -> String {
        match self.port {
            443 => format!("https://{host}/"),
            port => format!("https://{host}:{port}/"),
        }
    }
}

fn literal(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

fn link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// Where the box is.
pub(crate) fn place(name: &str, urls: &[String]) -> String {
    let mut text = format!("\n  {name} is open. Point a browser at\n\n");
    for url in urls {
        let _ = writeln!(text, "    {url}");
    }
    // A phone's own localhost is no help.
    let best = urls.first().filter(|url| !url.starts_with("https://localhost"));
    if let Some(code) = best.and_then(|url| code(url)) {
        let _ = writeln!(text, "\n  or a phone's camera at\n");
        for line in code.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// The whole text. `fingerprint` is that of the box's own authority.
pub(crate) fn text(name: &str, urls: &[String], media_port: u16, fingerprint: Option<&str>) -> String {
    let mut text = place(name, urls) + "\n";
    if let Some(fingerprint) = fingerprint {
        let _ = writeln!(
            text,
            "  The box has a certificate of its own, which browsers warn about until the device trusts the box."
        );
        if let Some(url) = urls.first() {
            let _ = writeln!(text, "  How to tell phones and laptops, once each:\n\n    {}", trust_url(url));
        }
        let _ = writeln!(text, "\n  There they show this fingerprint; install nothing that has another:\n");
        for line in halves(fingerprint) {
            let _ = writeln!(text, "    {line}");
        }
        text.push('\n');
    }
    let _ = write!(text, "  Audio and video use UDP port {media_port}. Ctrl-C ends all meetings.");
    text
}

/// The page `/trust`, without TLS where the port answers to both: a warning would come before it.
pub(super) fn trust_url(url: &str) -> String {
    let port = url.trim_end_matches('/').rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match url.strip_prefix("https") {
        Some(rest) if port => format!("http{rest}trust"),
        _ => format!("{url}trust"),
    }
}

/// A fingerprint on two lines.
fn halves(fingerprint: &str) -> [&str; 2] {
    fingerprint
        .split_at_checked(fingerprint.len() / 2)
        .map_or([fingerprint, ""], |(first, rest)| [first.trim(), rest.trim()])
}

/// The text for a box behind a proxy.
pub(crate) fn proxy_text(name: &str, listeners: &[SocketAddr], media_port: u16) -> String {
    let mut text = format!("\n  {name} is open for its proxy at\n\n");
    for listener in listeners {
        let _ = writeln!(text, "    http://{listener}/");
    }
    let _ = write!(text, "\n  Audio and video use UDP port {media_port}. Ctrl-C ends all meetings.");
    text
}

/// QR code in half blocks: bright where paper would be, on a dark terminal.
fn code(url: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(url, qrcode::EcLevel::L).ok()?;
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(bound: &[&str], public: &[&str]) -> Vec<String> {
        let local = [
            ("lo", "127.0.0.1"),
            ("docker0", "172.17.0.1"),
            ("eth0", "2001:db8::20"),
            ("eth0", "192.168.1.20"),
            ("eth0", "fe80::1"),
        ]
        .map(|(name, ip)| LocalAddress { interface: name.to_owned(), ip: ip.parse().unwrap() });
        let ips = |list: &[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        let reach = Reach {
            bound: &ips(bound),
            port: 8443,
            local: &local,
            rules: &Rules { denied: vec!["docker*".to_owned()], public: ips(public), ..Rules::default() },
            mdns: Some("hall.local"),
        };
        reach.urls()
    }

    #[test]
    fn every_reachable_address_gets_a_url_and_the_easiest_comes_first() {
        assert_eq!(
            urls(&["0.0.0.0", "::"], &["198.51.100.7"]),
            [
                "https://192.168.1.20:8443/",
                "https://[2001:db8::20]:8443/",
                "https://hall.local:8443/",
                "https://198.51.100.7:8443/",
                "https://localhost:8443/",
            ]
        );
    }

    #[test]
    fn a_box_on_loopback_names_nothing_else() {
        assert_eq!(urls(&["127.0.0.1"], &["198.51.100.7"]), ["https://localhost:8443/"]);
    }

    #[test]
    fn there_is_a_code_only_where_a_phone_could_follow_it() {
        let shown = |bound: &[&str]| text("Hall", &urls(bound, &[]), 10_000, None).contains('█');
        assert!(shown(&["0.0.0.0"]));
        assert!(!shown(&["127.0.0.1"]));
    }

    #[test]
    fn a_box_with_its_own_certificate_says_how_to_trust_it() {
        let fingerprint = ["ABCD"; 16].join(" ");
        let text = text("Hall", &urls(&["0.0.0.0"], &[]), 10_000, Some(&fingerprint));
        let half = ["ABCD"; 8].join(" ");
        assert!(text.contains("\n    http://192.168.1.20:8443/trust\n"), "{text}");
        assert!(text.contains(&format!("\n    {half}\n    {half}\n")), "{text}");
        assert_eq!(trust_url("https://[2001:db8::20]/"), "https://[2001:db8::20]/trust");
        assert_eq!(trust_url("https://hall.local/"), "https://hall.local/trust");
    }

    #[test]
    fn the_code_is_square_and_has_a_quiet_zone() {
        let code = code("https://192.168.1.20:8443/").unwrap();
        let widths: Vec<usize> = code.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
        // Version 2 has 25 modules, and 4 around it; two rows make a line.
        assert_eq!((widths[0], widths.len()), (33, 17));
    }
}
