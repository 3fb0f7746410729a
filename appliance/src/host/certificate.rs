//! The certificate of the box: its own, made and kept, or one from the configuration, read again when it changes.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use board_config::Config;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::state_dir::StateDir;
use crate::exit::{Failure, Reason};

/// Key and certificate in one file, so that no crash can part them. Lines before the first PEM block say what it is for.
const FILE: &str = "certificate.pem";
/// Small boards start without a clock, so the beginning is a fixed day in the past.
const FIRST_YEAR: i32 = 2024;
/// Validity of our own certificates in years. Limits of browsers (398, 825 days) are for certificates of authorities.
const YEARS: i32 = 10;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("cannot read {}: {source}; write the path of a PEM file that this user may read", path.display())]
    Unreadable { path: PathBuf, source: rustls_pki_types::pem::Error },
    #[error("there is no certificate in {}; it must hold PEM blocks `BEGIN CERTIFICATE`", .0.display())]
    NoCertificate(PathBuf),
    #[error("there is no private key in {}; it must hold a PEM block `BEGIN PRIVATE KEY`, not encrypted", .0.display())]
    NoKey(PathBuf),
    #[error("{} and {} do not belong together; write a certificate and its own key", cert.display(), key.display())]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("the certificate {} cannot be used: {source}; have it issued anew", cert.display())]
    Unusable { cert: PathBuf, source: rustls::Error },
    #[error("a certificate could not be made: {0}")]
    NotMade(#[from] rcgen::Error),
    #[error("the made certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    StateDir(#[from] super::state_dir::StateDirError),
}

impl CertificateError {
    fn is_about(&self, file: &Path) -> bool {
        matches!(self, Self::Unreadable { path, .. } | Self::NoKey(path) if path == file)
    }
}

/// [`read_pair`], or a sentence that says where the configuration names the file.
pub(crate) fn configured(config: &Config, cert: &Path, key: &Path) -> Result<CertifiedKey, Failure> {
    read_pair(cert, key).map_err(|error| {
        let name = if error.is_about(key) { "tls.key" } else { "tls.cert" };
        Failure::new(Reason::Certificate, format!("{}: `{name}`: {error}", config.origins.of(name)))
    })
}

/// Certificate and key of the configuration.
pub(crate) fn read_pair(cert: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let unreadable = |path: &Path, source| CertificateError::Unreadable { path: path.to_owned(), source };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|source| unreadable(cert, source))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(cert.to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|source| match source {
        rustls_pki_types::pem::Error::NoItemsFound => CertificateError::NoKey(key.to_owned()),
        source => unreadable(key, source),
    })?;
    CertifiedKey::from_der(chain, private, &default_provider()).map_err(|source| match source {
        rustls::Error::InconsistentKeys(_) => CertificateError::Mismatch { cert: cert.to_owned(), key: key.to_owned() },
        source => CertificateError::Unusable { cert: cert.to_owned(), source },
    })
}

/// When the files were last written; a change means that they are to be read again.
pub(crate) fn written(cert: &Path, key: &Path) -> [Option<SystemTime>; 2] {
    [cert, key].map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok())
}

/// Our own certificate and what is written above it.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) certificate: CertifiedKey,
    pub(crate) label: Label,
    /// It was made just now.
    pub(crate) renewed: bool,
}

/// What a certificate of ours is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    /// It ends with this year.
    last_year: i32,
    /// Sorted.
    names: Vec<String>,
}

impl Label {
    /// A label for these names that is good at this time for a year and more.
    pub(crate) fn wanted(names: Vec<String>, now: SystemTime) -> Self {
        // Days of leap years do not matter for "more than a year".
        const YEAR: u64 = 31_556_952;
        let since_1970 = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / YEAR);
        let this_year = i32::try_from(since_1970).unwrap_or(0).saturating_add(1970);
        let mut last_year = FIRST_YEAR + YEARS - 1;
        while last_year <= this_year + 1 {
            last_year += YEARS;
        }
        Self { last_year, names }
    }

    fn text(&self) -> String {
        format!("Until: {}\nNames: {}\n", self.last_year, self.names.join(" "))
    }

    fn parse(text: &str) -> Option<Self> {
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
        let names = line("Names: ")?.split(' ').map(str::to_owned).collect();
        Some(Self { last_year: line("Until: ")?.parse().ok()?, names })
    }
}

/// The kept certificate if it is for exactly these names and long enough, else a new one with the kept key.
pub(crate) fn own(dir: &StateDir, label: Label) -> Result<Own, CertificateError> {
    let kept = dir.read(FILE).unwrap_or_default();
    if Label::parse(&kept).as_ref() == Some(&label)
        && let Some(certificate) = parse(&kept)
    {
        return Ok(Own { certificate, label, renewed: false });
    }
    let key = match KeyPair::from_pem(&kept) {
        Ok(key) => key,
        Err(_) => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
    };
    let certificate = parameters(&label)?.self_signed(&key)?;
    let text = format!("{}{}{}", label.text(), key.serialize_pem(), certificate.pem());
    dir.write(FILE, text.as_bytes()).map_err(|source| dir.unwritable(source))?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
    let certificate = CertifiedKey::from_der(vec![certificate.der().clone()], private, &default_provider())?;
    Ok(Own { certificate, label, renewed: true })
}

/// `None` sends a damaged file the way of an outdated one.
fn parse(text: &str) -> Option<CertifiedKey> {
    let chain = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
    CertifiedKey::from_der(chain, key, &default_provider()).ok()
}

fn parameters(label: &Label) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(label.names.clone())?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "Moothall");
    parameters.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
    parameters.not_after = date_time_ymd(label.last_year, 12, 31);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::super::test_dir;
    use super::*;
    use std::time::Duration;

    fn label(names: &[&str]) -> Label {
        Label::wanted(names.iter().map(|name| (*name).to_owned()).collect(), year(2026))
    }

    fn year(year: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_556_952 + 86_400)
    }

    fn der(own: &Own) -> Vec<u8> {
        own.certificate.cert[0].to_vec()
    }

    #[test]
    fn the_kept_certificate_is_used_while_the_names_stay() {
        let dir = StateDir::open(Some(&test_dir("kept"))).unwrap();
        let first = own(&dir, label(&["127.0.0.1", "hall"])).unwrap();
        let second = own(&dir, label(&["127.0.0.1", "hall"])).unwrap();
        assert!(first.renewed && !second.renewed);
        assert_eq!(der(&first), der(&second));
    }

    #[test]
    fn a_new_address_and_a_lost_one_make_a_new_certificate_with_the_same_key() {
        let dir = StateDir::open(Some(&test_dir("renewed"))).unwrap();
        let first = own(&dir, label(&["hall"])).unwrap();
        let second = own(&dir, label(&["10.0.0.1", "hall"])).unwrap();
        let third = own(&dir, label(&["hall"])).unwrap();
        assert!(second.renewed && third.renewed);
        assert_ne!(der(&first), der(&second));
        let key = |own: &Own| own.certificate.key.public_key().unwrap().to_vec();
        assert_eq!(key(&first), key(&third));
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let dir = StateDir::open(Some(&test_dir("damaged"))).unwrap();
        own(&dir, label(&["hall"])).unwrap();
        let text = dir.read(FILE).unwrap();
        dir.write(FILE, &text.as_bytes()[..text.len() / 2]).unwrap();
        assert!(own(&dir, label(&["hall"])).unwrap().renewed);
        assert!(!own(&dir, label(&["hall"])).unwrap().renewed);
    }

    #[test]
    fn a_certificate_is_renewed_a_year_before_it_ends_and_a_box_without_clock_keeps_it() {
        let until = |now| Label::wanted(Vec::new(), now).last_year;
        assert_eq!(until(UNIX_EPOCH), 2033);
        assert_eq!(until(year(2026)), 2033);
        assert_eq!(until(year(2031)), 2033);
        assert_eq!(until(year(2032)), 2043);
        assert_eq!(until(year(2042)), 2053);
    }

    #[test]
    fn a_pair_from_files_must_belong_together() {
        let path = test_dir("pair");
        for name in ["a", "b"] {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new(vec!["hall".to_owned()]).unwrap().self_signed(&key).unwrap();
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join(format!("{name}.crt")), certificate.pem()).unwrap();
            std::fs::write(path.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        let file = |name: &str| path.join(name);
        assert!(read_pair(&file("a.crt"), &file("a.key")).is_ok());
        let sentence = |cert: &str, key: &str| read_pair(&file(cert), &file(key)).unwrap_err().to_string();
        let dir = path.display();
        assert_eq!(
            sentence("a.crt", "b.key"),
            format!("{dir}/a.crt and {dir}/b.key do not belong together; write a certificate and its own key")
        );
        assert_eq!(
            sentence("a.key", "a.key"),
            format!("there is no certificate in {dir}/a.key; it must hold PEM blocks `BEGIN CERTIFICATE`")
        );
        assert_eq!(
            sentence("a.crt", "a.crt"),
            format!(
                "there is no private key in {dir}/a.crt; it must hold a PEM block `BEGIN PRIVATE KEY`, not encrypted"
            )
        );
        assert!(sentence("none.crt", "a.key").starts_with(&format!("cannot read {dir}/none.crt: ")));
    }
}
