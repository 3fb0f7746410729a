//! `/trust`: where devices get the certificate of the box's own authority. It is also served without TLS: a browser that has to
//! accept a warning first learns the wrong thing.

mod leaflet;
mod words;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use hyper::header::{HeaderValue, VARY};
use hyper::{Request, StatusCode};

use super::authority::{Authority, Origin};
use super::headers::Policy;
use super::http::{Answer, answer};

const STYLE: &str = include_str!("leaflet.css");

/// What is below `/trust`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// `/trust`.
    Leaflet,
    /// `/trust/leaflet.css`.
    Style,
    /// `/trust/moothall.mobileconfig`: for Apple's telephones and tablets.
    Profile,
    /// `/trust/moothall.crt`, DER.
    Der,
    /// `/trust/moothall.pem`.
    Pem,
}

impl Item {
    /// By the path below `/trust`.
    pub(super) fn named(rest: &[&str]) -> Option<Self> {
        match rest {
            [] => Some(Self::Leaflet),
            ["leaflet.css"] => Some(Self::Style),
            ["moothall.mobileconfig"] => Some(Self::Profile),
            ["moothall.crt"] => Some(Self::Der),
            ["moothall.pem"] => Some(Self::Pem),
            _ => None,
        }
    }

    /// The path without its first slash, for boxes that have no authority.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Leaflet => "trust",
            Self::Style => "trust/leaflet.css",
            Self::Profile => "trust/moothall.mobileconfig",
            Self::Der => "trust/moothall.crt",
            Self::Pem => "trust/moothall.pem",
        }
    }
}

/// The root certificate that vouches for this box, in the forms in which devices take it.
#[derive(Debug, Clone)]
pub struct Trust {
    /// As it is called in the lists of devices.
    subject: String,
    der: Bytes,
    pem: Bytes,
    profile: Bytes,
    fingerprint: String,
}

impl Trust {
    /// `subject` is the common name in the certificate, `name` what the box is called.
    pub fn new(der: &[u8], pem: &str, subject: &str, name: &str) -> Self {
        let digest = digest(&SHA256, der);
        Self {
            subject: subject.to_owned(),
            der: Bytes::copy_from_slice(der),
            pem: Bytes::copy_from_slice(pem.as_bytes()),
            profile: profile(pem, subject, name, digest.as_ref()).into(),
            fingerprint: grouped(digest.as_ref()),
        }
    }

    /// SHA-256 of the certificate: sixteen groups of four hexadecimal digits, as people compare them.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// `secure` is where HTTPS is, `name` what the box is called.
    pub(super) fn answer<B>(
        &self,
        item: Item,
        request: &Request<B>,
        origin: &Origin,
        secure: &Authority,
        name: &str,
    ) -> Answer {
        let mut answer = match item {
            Item::Leaflet => {
                let leaflet = leaflet::Leaflet::new(self, request, origin, secure, name);
                answer(StatusCode::OK, "text/html; charset=utf-8", leaflet.html())
            }
            Item::Style => answer(StatusCode::OK, "text/css; charset=utf-8", STYLE),
            Item::Profile => answer(StatusCode::OK, "application/x-apple-aspen-config", self.profile.clone()),
            // By this type Firefox asks at once whether to trust it.
            Item::Der => answer(StatusCode::OK, "application/x-x509-ca-cert", self.der.clone()),
            Item::Pem => answer(StatusCode::OK, "application/x-pem-file", self.pem.clone()),
        };
        if item == Item::Leaflet {
            answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Language, User-Agent"));
        }
        answer.extensions_mut().insert(Policy::Leaflet);
        answer
    }
}

fn grouped(digest: &[u8]) -> String {
    let groups = digest.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02X}")).collect::<String>());
    groups.collect::<Vec<_>>().join(" ")
}

/// Apple's configuration profile with one payload, the root certificate. Its identifiers follow from the certificate, so that
/// installing it twice is installing it once.
fn profile(pem: &str, subject: &str, name: &str, digest: &[u8]) -> String {
    let data: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let (outer, inner) = digest.split_at(digest.len() / 2);
    let identifier = escaped(&format!("org.moothall.{}", subject.to_lowercase().replace(' ', "-")));
    let (subject, name) = (escaped(subject), escaped(name));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadType</key><string>Configuration</string>
  <key>PayloadVersion</key><integer>1</integer>
  <key>PayloadIdentifier</key><string>{identifier}</string>
  <key>PayloadUUID</key><string>{outer}</string>
  <key>PayloadDisplayName</key><string>{name} ({subject})</string>
  <key>PayloadDescription</key><string>Lets this device know {name} in the local network. It speaks for nothing on the internet.</string>
  <key>PayloadContent</key>
  <array>
    <dict>
      <key>PayloadType</key><string>com.apple.security.root</string>
      <key>PayloadVersion</key><integer>1</integer>
      <key>PayloadIdentifier</key><string>{identifier}.root</string>
      <key>PayloadUUID</key><string>{inner}</string>
      <key>PayloadDisplayName</key><string>{subject}</string>
      <key>PayloadCertificateFileName</key><string>moothall.crt</string>
      <key>PayloadContent</key><data>{data}</data>
    </dict>
  </array>
</dict>
</plist>
"#,
        outer = uuid(outer),
        inner = uuid(inner),
    )
}

/// A UUID of version 8 (RFC 9562, 5.8) from 16 bytes.
fn uuid(bytes: &[u8]) -> String {
    let bytes = <[u8; 16]>::try_from(bytes).map_or(0, u128::from_be_bytes);
    let marked = bytes & !(0xf << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    let digits = format!("{marked:032X}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// Text in HTML or XML, also between double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML knows no other control characters.
            '\n' | '\t' => escaped.push(' '),
            control if control.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_in_groups() {
        let fingerprint = grouped(&[0xab; 32]);
        assert_eq!(fingerprint.split(' ').collect::<Vec<_>>(), ["ABAB"; 16]);
    }

    #[test]
    fn identifiers_of_a_profile_are_uuids_of_version_8() {
        assert_eq!(uuid(&[0xff; 16]), "FFFFFFFF-FFFF-8FFF-BFFF-FFFFFFFFFFFF");
        assert_eq!(uuid(&[0; 16]), "00000000-0000-8000-8000-000000000000");
    }

    #[test]
    fn a_profile_holds_the_certificate_and_escapes_names() {
        let pem = "-----BEGIN CERTIFICATE-----\nQUJD\nREVG\n-----END CERTIFICATE-----\n";
        let profile = profile(pem, "Moothall 01", "Hall & <b>\u{7}", &[1; 32]);
        assert!(profile.contains("<data>QUJDREVG</data>"), "{profile}");
        assert!(profile.contains("<string>Hall &amp; &lt;b&gt; (Moothall 01)</string>"), "{profile}");
        assert!(profile.contains("<string>org.moothall.moothall-01.root</string>"), "{profile}");
    }
}
