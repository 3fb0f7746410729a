//! The certificate of the box: its own, made and kept, or one from the configuration, read again when it changes.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use board_config::Config;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::authority::{self, Authority};
use super::state_dir::StateDir;
use crate::exit::{Failure, Reason};

/// Key and certificate in one file, so that no crash can part them. Lines before the first PEM block say what it is for.
const FILE: &str = "certificate.pem";
/// What stood above the certificates that boxes signed themselves, before they had an authority.
const SELF_SIGNED: &str = "Until: ";

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

/// From when until when a certificate is good, in seconds since 1970.
pub(crate) fn validity(der: &[u8]) -> Option<(u64, u64)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
    let validity = certificate.validity();
    Some((seconds(validity.not_before), seconds(validity.not_after)))
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
    /// Seconds since 1970.
    issued: u64,
    /// Of the authority that issued it.
    authority: String,
    /// Sorted; also those that the authority may not speak for.
    names: Vec<String>,
}

impl Label {
    /// Whether the certificate is for these names, from this authority, and good for a while.
    pub(crate) fn serves(&self, names: &[String], authority: &Authority, now: SystemTime) -> bool {
        self.names == names && self.authority == authority.id() && authority::is_fresh(self.issued, now)
    }

    fn text(&self) -> String {
        format!("Issued: {}\nAuthority: {}\nNames: {}\n", self.issued, self.authority, self.names.join(" "))
    }

    fn parse(text: &str) -> Option<Self> {
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
        let names = line("Names: ")?.split(' ').map(str::to_owned).collect();
        Some(Self { issued: line("Issued: ")?.parse().ok()?, authority: line("Authority: ")?.to_owned(), names })
    }
}

/// The kept certificate if it is for exactly these names and long enough, else a new one from the authority.
pub(crate) fn own(
    dir: &StateDir,
    authority: &Authority,
    names: Vec<String>,
    now: SystemTime,
) -> Result<Own, CertificateError> {
    let kept = dir.read(FILE).unwrap_or_default();
    if let Some(label) = Label::parse(&kept).filter(|label| label.serves(&names, authority, now))
        && let Some(certificate) = parse(&kept)
    {
        return Ok(Own { certificate, label, renewed: false });
    }
    if kept.starts_with(SELF_SIGNED) {
        tracing::info!(
            "the box has an authority of its own now; browsers that accepted its old certificate ask once more"
        );
    }
    let label = Label { issued: authority::seconds(now), authority: authority.id(), names };
    let (permitted, refused) = authority.sort(&label.names);
    if !refused.is_empty() {
        tracing::warn!(
            names = refused.join(" "),
            "the box's own authority was not made for these names, and browsers will warn about them"
        );
    }
    let (certificate, key) = authority.issue(permitted, label.issued)?;
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

#[cfg(test)]
mod tests {
    use super::super::test_dir;
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A directory with an authority, and a way to ask it.
    fn box_with_authority(name: &str) -> (StateDir, impl Fn(&[&str]) -> Own + use<>) {
        let dir = StateDir::open(Some(&test_dir(name))).unwrap();
        let (now, kept) = (SystemTime::now(), dir.clone());
        let authority = Authority::keep(&dir, &names(&["hall"]), now).unwrap();
        (dir, move |list| own(&kept, &authority, names(list), now).unwrap())
    }

    fn der(own: &Own) -> Vec<u8> {
        own.certificate.cert[0].to_vec()
    }

    #[test]
    fn the_kept_certificate_is_used_while_the_names_stay() {
        let (_, own) = box_with_authority("kept");
        let (first, second) = (own(&["127.0.0.1", "hall"]), own(&["127.0.0.1", "hall"]));
        assert!(first.renewed && !second.renewed);
        assert_eq!(der(&first), der(&second));
    }

    #[test]
    fn a_new_address_and_a_lost_one_make_a_new_certificate() {
        let (_, own) = box_with_authority("renewed");
        let (first, second, third) = (own(&["hall"]), own(&["10.0.0.1", "hall"]), own(&["hall"]));
        assert!(second.renewed && third.renewed);
        assert_ne!(der(&first), der(&second));
        assert_ne!(der(&first), der(&third));
    }

    #[test]
    fn a_damaged_file_and_a_certificate_signed_by_itself_are_replaced() {
        let (dir, own) = box_with_authority("damaged");
        own(&["hall"]);
        let text = dir.read(FILE).unwrap();
        for outdated in [text[..text.len() / 2].to_owned(), format!("Until: 2033\nNames: hall\n{text}")] {
            // The label of today is not in a file of the past.
            dir.write(FILE, outdated.replace("Issued: ", "").as_bytes()).unwrap();
            assert!(own(&["hall"]).renewed);
            assert!(!own(&["hall"]).renewed);
        }
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
