//! The certificate as a browser sees it: dates, names, who signed it.

use std::path::Path;
use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::check::Check;
use crate::dates;
use crate::host::certificate::validity;

/// The authorities that Debian trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Authorities give certificates of 90 days, and whoever renews them does so a month before the end.
const SOON: u64 = 14 * 24 * 3600;

/// What was shown at a door.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    /// Leaf first.
    pub(super) chain: &'a [CertificateDer<'static>],
    pub(super) signer: Signer<'a>,
    /// Hosts that people are told to go to.
    pub(super) hosts: &'a [String],
    pub(super) now: u64,
}

/// Who is to vouch for it.
#[derive(Debug)]
pub(super) enum Signer<'a> {
    /// The box's own authority.
    Box {
        /// The page where devices learn to trust it.
        page: &'a str,
        /// What that page gives them.
        root: Option<CertificateDer<'static>>,
    },
    /// Whoever issued what the configuration names.
    Other,
}

impl Signer<'_> {
    fn renewal(&self) -> &'static str {
        match self {
            Self::Box { .. } => "restart the host: it makes a new one",
            Self::Other => "have it renewed, and check `tls.cert`",
        }
    }
}

impl Shown<'_> {
    pub(super) fn check(&self) -> Check {
        self.judge()
            .unwrap_or_else(|| bad("cannot be read: no browser gets in".to_owned(), "have it issued anew (`tls.cert`)"))
    }

    fn judge(&self) -> Option<Check> {
        let leaf = self.chain.first()?;
        let (from, until) = validity(leaf)?;
        let parsed = ParsedCertificate::try_from(leaf).ok()?;
        if self.now < from {
            let (from, today) = (dates::day(from), dates::day(self.now));
            return Some(bad(
                format!("is good from {from} on, and it is {today} here: browsers refuse it"),
                "set the clock (`timedatectl set-time`)",
            ));
        }
        let until_day = dates::day(until);
        if self.now > until {
            return Some(bad(format!("was good until {until_day}: browsers refuse it"), self.signer.renewal()));
        }
        let text = format!("is good until {until_day}");
        let problem = match &self.signer {
            Signer::Box { page, root } => self.vouched(&parsed, page, root.as_ref()),
            Signer::Other if until - self.now < SOON => {
                Some(warning(format!("{text}, which is soon"), self.signer.renewal()))
            }
            Signer::Other => self.signed(&parsed, &text),
        };
        let good = || match &self.signer {
            Signer::Box { page, .. } => Check::good(
                "certificate",
                format!("{text}, from the box's own authority: browsers warn until a device trusts it"),
            )
            .hint(format!("once on each phone and laptop: open {page} there, and follow its steps")),
            Signer::Other => Check::good("certificate", text.clone()),
        };
        Some(problem.or_else(|| self.unnamed(&parsed)).unwrap_or_else(good))
    }

    /// What is wrong for a device that took the authority from the page.
    fn vouched(&self, parsed: &ParsedCertificate<'_>, page: &str, root: Option<&CertificateDer<'_>>) -> Option<Check> {
        let mut roots = RootCertStore::empty();
        let taken = root.is_some_and(|root| roots.add(root.clone().into_owned()).is_ok());
        if !taken {
            return Some(warning(
                format!("{page} does not give the box's own authority: no device can learn to trust the box"),
                "restart the host; if that does not help, look at its log (`journalctl -u moothall-host`)",
            ));
        }
        let error = self.verified(parsed, &roots).err()?;
        Some(warning(
            format!(
                "is not what the box's own authority vouches for ({error}): browsers warn even if a device trusts the box"
            ),
            self.signer.renewal(),
        ))
    }

    /// What is wrong for browsers, who trust about whom this machine trusts.
    fn signed(&self, parsed: &ParsedCertificate<'_>, text: &str) -> Option<Check> {
        match self.verified(parsed, &authorities(AUTHORITIES.as_ref())?) {
            Ok(()) => None,
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Some(warning(
                format!("{text}, but no authority known here has signed it: browsers warn, and phone apps refuse it"),
                "put the certificates of the authority below the box's own in `tls.cert` (the full chain)",
            )),
            Err(error) => Some(warning(
                format!("{text}, but its chain is not: {error}"),
                "have it issued anew, with its full chain",
            )),
        }
    }

    fn verified(&self, parsed: &ParsedCertificate<'_>, roots: &RootCertStore) -> Result<(), Error> {
        let algorithms = default_provider().signature_verification_algorithms.all;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(self.now));
        let rest = self.chain.get(1..).unwrap_or_default();
        verify_server_cert_signed_by_trust_anchor(parsed, roots, rest, now, algorithms)
    }

    /// Hosts that it is not for.
    fn unnamed(&self, parsed: &ParsedCertificate<'_>) -> Option<Check> {
        let named = |host: &&String| {
            ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .is_ok_and(|name| verify_server_name(parsed, &name).is_ok())
        };
        let others: Vec<&str> = self.hosts.iter().filter(|host| !named(host)).map(String::as_str).collect();
        if others.is_empty() {
            return None;
        }
        let remedy = match self.signer {
            Signer::Box { .. } => {
                "tell people another address of this box; or delete `authority.pem` in the state directory and restart the host: the \
                 new authority speaks for these as well, and every device has to be told once more to trust it"
            }
            Signer::Other => "tell people an address that is in the certificate, or have it issued for these as well",
        };
        Some(warning(format!("is not for {}: browsers warn of these addresses", others.join(", ")), remedy))
    }
}

fn warning(meaning: String, remedy: &str) -> Check {
    Check::warning("certificate", meaning, remedy)
}

fn bad(meaning: String, remedy: &str) -> Check {
    Check::bad("certificate", meaning, remedy)
}

/// `None` where the system has none.
fn authorities(file: &Path) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_file_iter(file).ok()?.flatten());
    (!roots.is_empty()).then_some(roots)
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

    const IN_2026: u64 = 1_780_000_000;

    const PAGE: &str = "http://192.0.2.2:8443/trust";
    const NAMES: [&str; 3] = ["192.0.2.2", "[fd00::2]", "hall.local"];

    /// An authority, and what it issued.
    fn made() -> [CertificateDer<'static>; 2] {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let names = NAMES.map(|name| name.trim_matches(['[', ']']).to_owned());
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.not_before = date_time_ymd(2026, 1, 1);
        parameters.not_after = date_time_ymd(2026, 12, 31);
        let leaf = parameters.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap();
        [authority.der().clone(), leaf.der().clone()]
    }

    fn judged(now: u64, hosts: &[&str], chain: &[CertificateDer<'static>], signer: Signer<'_>) -> Check {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        Shown { chain, signer, hosts: &hosts, now }.check()
    }

    #[test]
    fn dates_signature_and_names_are_judged_in_this_order() {
        let ([root, leaf], [stranger, _]) = (made(), made());
        let own = |root: Option<&CertificateDer<'static>>| Signer::Box { page: PAGE, root: root.cloned() };
        let all = &NAMES[..];
        for (now, signer, hosts, verdict, part) in [
            (1_700_000_000, own(Some(&root)), all, Verdict::Bad, "good from 2026-01-01"),
            (1_900_000_000, own(Some(&root)), all, Verdict::Bad, "until 2026-12-31"),
            (IN_2026, own(Some(&root)), all, Verdict::Good, "own authority"),
            (IN_2026, own(Some(&stranger)), all, Verdict::Warning, "vouches"),
            (IN_2026, own(None), all, Verdict::Warning, "does not give"),
            (IN_2026, own(Some(&root)), &["192.0.2.2", "192.0.2.3"], Verdict::Warning, "not for 192.0.2.3"),
            (1_798_000_000, Signer::Other, all, Verdict::Warning, "soon"),
        ] {
            let check = judged(now, hosts, std::slice::from_ref(&leaf), signer);
            assert_eq!(check.verdict, verdict, "{check:?}");
            assert!(check.meaning.contains(part), "{check:?}");
        }
        assert_eq!(judged(0, all, &[], Signer::Other).verdict, Verdict::Bad);
    }
}
