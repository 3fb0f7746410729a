//! The box's own authority: a root certificate that people install once per device, so that browsers and apps know the box
//! in the local network. Made once; its key never leaves the state directory.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use signal::shell::Trust;

use super::certificate::CertificateError;
use super::state_dir::StateDir;

/// Key and certificate in one file, so that no crash can part them. Lines before the first PEM block say what it may do.
const FILE: &str = "authority.pem";

const DAY: u64 = 86_400;
/// Small boards start without a clock. No time of ours is before this one (2026-11-01).
const EARLIEST: u64 = 1_793_491_200;
/// Nor after this one, whatever the clock says (2100-01-01).
const LATEST: u64 = 4_102_444_800;
/// Validity of the authority.
const AUTHORITY_LIFE: u64 = 3653 * DAY;
/// Validity of what it issues. Apple refuses more than 825 days even from an authority that the person has added.
const LIFE: u64 = 397 * DAY;
/// Clocks of clients differ.
const BEFORE: u64 = DAY;
/// Renewed when so much of the life is left.
const SPARE: u64 = 60 * DAY;

/// Names of local networks (RFC 6762, RFC 8375).
const NAMES: &[&str] = &["home.arpa", "local", "localhost"];
/// Addresses of local networks: loopback, RFC 1918, link-local, unique local.
const NETWORKS: &[&str] = &[
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// Seconds since 1970, within reason.
pub(crate) fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).clamp(EARLIEST, LATEST)
}

/// Whether what was issued then is good now, and for a while.
pub(crate) fn is_fresh(issued: u64, now: SystemTime) -> bool {
    let now = seconds(now);
    // A box without a clock takes what it issued in better times.
    let ahead = issued > now.saturating_add(BEFORE) && now > EARLIEST;
    !ahead && now < issued.saturating_add(LIFE - BEFORE - SPARE)
}

/// What the authority may speak for. Whoever steals its key can pretend to be nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Permits {
    /// Each with everything below it.
    names: Vec<String>,
    networks: Vec<Network>,
}

impl Permits {
    /// Local networks, and what these names add: a host name that is none of theirs, an address that the internet knows.
    fn covering(names: &[String]) -> Self {
        let mut permits = Self {
            names: NAMES.iter().map(|name| (*name).to_owned()).collect(),
            networks: NETWORKS.iter().filter_map(|text| Network::parse(text)).collect(),
        };
        for name in names.iter().filter(|name| !name.is_empty()) {
            if !permits.cover(name) {
                match name.parse() {
                    Ok(ip) => permits.networks.push(Network::only(ip)),
                    Err(_) => permits.names.push(name.clone()),
                }
            }
        }
        permits
    }

    fn cover(&self, name: &str) -> bool {
        if let Ok(ip) = name.parse() {
            return self.networks.iter().any(|network| network.contains(ip));
        }
        self.names.iter().any(|permitted| {
            name.strip_suffix(permitted.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut permits = Self { names: Vec::new(), networks: Vec::new() };
        for word in text.split_ascii_whitespace() {
            match word.contains('/') {
                true => permits.networks.push(Network::parse(word)?),
                false => permits.names.push(word.to_owned()),
            }
        }
        // A kind of name that is not listed would be free.
        (!permits.names.is_empty() && !permits.networks.is_empty()).then_some(permits)
    }

    fn constraints(&self) -> NameConstraints {
        let names = self.names.iter().cloned().map(GeneralSubtree::DnsName);
        let networks = self.networks.iter().map(|network| GeneralSubtree::IpAddress(network.subnet()));
        NameConstraints { permitted_subtrees: names.chain(networks).collect(), excluded_subtrees: Vec::new() }
    }
}

impl fmt::Display for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.networks.iter().map(|network| format!("{}/{}", network.ip, network.prefix));
        f.write_str(&self.names.iter().cloned().chain(networks).collect::<Vec<_>>().join(" "))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    ip: IpAddr,
    prefix: u8,
}

impl Network {
    fn only(ip: IpAddr) -> Self {
        Self { ip, prefix: if ip.is_ipv4() { 32 } else { 128 } }
    }

    fn parse(text: &str) -> Option<Self> {
        let (ip, prefix) = text.split_once('/')?;
        let network = Self { ip: ip.parse().ok()?, prefix: prefix.parse().ok()? };
        (network.prefix <= Self::only(network.ip).prefix).then_some(network)
    }

    fn contains(self, ip: IpAddr) -> bool {
        let differs = match (self.ip, ip) {
            (IpAddr::V4(own), IpAddr::V4(other)) => u128::from(own.to_bits() ^ other.to_bits()) << 96,
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() ^ other.to_bits(),
            _ => return false,
        };
        differs.leading_zeros() >= u32::from(self.prefix)
    }

    fn subnet(self) -> CidrSubnet {
        CidrSubnet::from_addr_prefix(self.ip, self.prefix)
    }
}

/// Key and certificate of the authority.
pub(crate) struct Authority {
    permits: Permits,
    ends: u64,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Authority {
    /// The kept authority; a new one, for these names, if there is none or it ends.
    pub(crate) fn keep(dir: &StateDir, names: &[String], now: SystemTime) -> Result<Self, CertificateError> {
        let kept = dir.read(FILE).ok();
        if let Some(authority) = kept.as_deref().and_then(Self::parse) {
            if seconds(now).saturating_add(LIFE) < authority.ends {
                return Ok(authority);
            }
            tracing::warn!(
                "the box's own authority ends; with the new one every device has to be told to trust it again"
            );
        } else if kept.is_some() {
            tracing::warn!(
                "the file of the box's own authority is damaged; every device has to be told to trust the new one"
            );
        }
        let made = Self::make(names, seconds(now))?;
        let written = match kept {
            Some(_) => dir.write(FILE, made.text().as_bytes()).map(|()| true),
            None => dir.create(FILE, made.text().as_bytes()),
        };
        match written.map_err(|source| dir.unwritable(source))? {
            true => Ok(made),
            // Another box that shares the directory was faster.
            false => Ok(dir.read(FILE).ok().as_deref().and_then(Self::parse).unwrap_or(made)),
        }
    }

    fn make(names: &[String], now: u64) -> Result<Self, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let permits = Permits::covering(names);
        let ends = now.saturating_add(AUTHORITY_LIFE);
        let mut parameters = authority_parameters(&key);
        parameters.name_constraints = Some(permits.constraints());
        // A fixed day in the past: nobody's clock is to be behind it.
        parameters.not_before = date_time_ymd(2024, 1, 1);
        parameters.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(ends);
        let certificate = parameters.self_signed(&key)?;
        Ok(Self { permits, ends, key, certificate: certificate.der().clone(), pem: certificate.pem() })
    }

    fn text(&self) -> String {
        format!("Ends: {}\nPermits: {}\n{}{}", self.ends, self.permits, self.key.serialize_pem(), self.pem)
    }

    fn parse(text: &str) -> Option<Self> {
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
        let permits = Permits::parse(line("Permits: ")?)?;
        let ends = line("Ends: ")?.parse().ok()?;
        let key = KeyPair::from_pem(text).ok()?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        let private = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
        // Says whether they belong together.
        CertifiedKey::from_der(vec![certificate.clone()], private, &default_provider()).ok()?;
        let pem = text.get(text.find("-----BEGIN CERTIFICATE-----")?..)?.to_owned();
        Some(Self { permits, ends, key, certificate, pem })
    }

    /// Tells it from the authorities of other boxes.
    pub(crate) fn id(&self) -> String {
        id(&self.key)
    }

    /// What devices are given, by a box of this name.
    pub(crate) fn trust(&self, name: &str) -> Trust {
        Trust::new(&self.certificate, &self.pem, &subject(&self.key), name)
    }

    /// Names that it may speak for, and the others.
    pub(crate) fn sort(&self, names: &[String]) -> (Vec<String>, Vec<String>) {
        names.iter().cloned().partition(|name| self.permits.cover(name))
    }

    /// A server certificate for names that it may speak for. Each has a key of its own, and by it its own serial number: Firefox
    /// refuses a second certificate with the serial number of another one for good.
    pub(crate) fn issue(&self, names: Vec<String>, issued: u64) -> Result<(Certificate, KeyPair), CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = CertificateParams::new(names)?;
        // Clients read the alternative names alone, so the subject says no common name. COMPAT(gst-meet): without any subject its
        // webpki 0.100 refuses what an authority of some names alone has issued.
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::OrganizationName, "Moothall");
        let begins = issued.saturating_sub(BEFORE);
        let day = |seconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        parameters.not_before = day(begins);
        parameters.not_after = day(begins.saturating_add(LIFE).min(self.ends));
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let own = authority_parameters(&self.key);
        let certificate = parameters.signed_by(&key, &Issuer::from_params(&own, &self.key))?;
        Ok((certificate, key))
    }
}

/// As far as they are the same whenever they are asked for.
fn authority_parameters(key: &KeyPair) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, subject(key));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn subject(key: &KeyPair) -> String {
    format!("Moothall {}", id(key))
}

fn id(key: &KeyPair) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.public_key_raw());
    digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_dir;
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_authority_is_made_once_and_never_for_more_than_it_was_made_for() {
        let dir = StateDir::open(Some(&test_dir("authority"))).unwrap();
        let first = Authority::keep(&dir, &names(&["hall.example.org", "198.51.100.7"]), at(EARLIEST)).unwrap();
        let second = Authority::keep(&dir, &names(&["parlour.example.org"]), at(EARLIEST + DAY)).unwrap();
        assert_eq!(first.certificate, second.certificate);
        assert_eq!(first.permits, second.permits);
        let asked = names(&[
            "10.1.2.3",
            "198.51.100.7",
            "198.51.100.8",
            "hall.example.org",
            "hall.local",
            "parlour.example.org",
        ]);
        let (permitted, refused) = second.sort(&asked);
        assert_eq!(permitted, ["10.1.2.3", "198.51.100.7", "hall.example.org", "hall.local"]);
        assert_eq!(refused, ["198.51.100.8", "parlour.example.org"]);
    }

    #[test]
    fn local_names_and_networks_are_covered_and_no_others() {
        let permits = Permits::covering(&names(&["hall", "2001:db8::20"]));
        for name in ["hall", "a.local", "localhost", "172.31.0.1", "fd00::1", "fe80::1", "::1", "2001:db8::20"] {
            assert!(permits.cover(name), "{name}");
        }
        for name in
            ["other", "xlocal", "notlocalhost", "hall.com", "172.32.0.1", "2001:db8::21", "8.8.8.8", "192.0.2.2"]
        {
            assert!(!permits.cover(name), "{name}");
        }
        assert_eq!(Permits::parse(&permits.to_string()), Some(permits));
        for bad in ["", "local", "10.0.0.0/8", "local 10.0.0.0/33", "local x/8"] {
            assert_eq!(Permits::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_that_is_damaged_or_ends_is_replaced() {
        let dir = StateDir::open(Some(&test_dir("authority-ends"))).unwrap();
        let keep = |seconds| Authority::keep(&dir, &names(&["hall"]), at(seconds)).unwrap().id();
        let first = keep(0);
        assert_eq!(keep(EARLIEST + 8 * 365 * DAY), first);
        let second = keep(EARLIEST + 9 * 365 * DAY);
        assert_ne!(second, first);
        let text = dir.read(FILE).unwrap();
        dir.write(FILE, &text.as_bytes()[..text.len() / 2]).unwrap();
        assert_ne!(keep(0), second);
    }

    #[test]
    fn what_it_issues_has_a_subject_that_names_no_host() {
        let authority = Authority::make(&names(&["hall"]), EARLIEST).unwrap();
        let (certificate, _) = authority.issue(names(&["hall"]), EARLIEST).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate.der()).unwrap();
        assert_eq!(parsed.subject().to_string(), "O=Moothall");
        assert_eq!(parsed.subject().iter_common_name().count(), 0);
        assert_eq!(parsed.subject_alternative_name().unwrap().unwrap().value.general_names.len(), 1);
    }

    #[test]
    fn what_it_issued_is_renewed_two_months_before_its_end() {
        let issued = EARLIEST + 1000 * DAY;
        assert!(is_fresh(issued, at(issued)));
        assert!(is_fresh(issued, at(issued + 335 * DAY)));
        assert!(!is_fresh(issued, at(issued + 336 * DAY)));
        assert!(is_fresh(issued, at(0)), "a box without clock keeps it");
        assert!(!is_fresh(issued, at(issued - 2 * DAY)), "issued by a clock that was ahead");
    }
}
