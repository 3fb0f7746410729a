//! The certificate this bridge shows in DTLS handshakes.

use std::fmt::Write as _;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::crypto::{Certificate, CryptoPrivateKey};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("no provider of cryptography: {0}")]
    Provider(rtc_crypto::CryptoError),
    #[error("the certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("the key could not be used for DTLS: {0}")]
    Key(rtc_shared::error::Error),
}

/// Self-signed ECDSA P-256 certificate with its fingerprint; made once, shared by all endpoints.
pub struct Identity {
    fingerprint: String,
    pub(crate) certificate: Certificate,
    pub(crate) crypto: Arc<dyn RTCCryptoProvider>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl Identity {
    /// A new key and certificate. Uses the system's randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        let crypto = rtc_crypto::default_provider().map_err(IdentityError::Provider)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = parameters().self_signed(&key)?;
        let der = certificate.der().clone();
        let private_key = CryptoPrivateKey::from_key_pair(&key, crypto.crypto()).map_err(IdentityError::Key)?;
        Ok(Self {
            fingerprint: fingerprint(&aws_lc_rs::digest::SHA256, &der),
            certificate: Certificate { certificate: vec![der], private_key },
            crypto,
        })
    }

    /// SHA-256 of the certificate: upper-case hexadecimal octets separated by colons, as in `fingerprint`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// The name says nothing about the box. The dates are fixed: small boards start without a clock, and nobody checks them here,
/// since it is the fingerprint that counts.
fn parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "WebRTC");
    parameters.not_before = date_time_ymd(2024, 1, 1);
    parameters.not_after = date_time_ymd(2049, 12, 31);
    parameters
}

/// The hash of a certificate in the notation of RFC 8122, 5.
pub(crate) fn fingerprint(algorithm: &'static aws_lc_rs::digest::Algorithm, der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(algorithm, der);
    let mut text = String::with_capacity(digest.as_ref().len() * 3);
    for (index, octet) in digest.as_ref().iter().enumerate() {
        let colon = if index == 0 { "" } else { ":" };
        // Writing to a String does not fail.
        let _ = write!(text, "{colon}{octet:02X}");
    }
    text
}
