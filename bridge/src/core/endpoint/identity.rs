//! The certificate this bridge shows in DTLS handshakes.

/// Self-signed ECDSA P-256 certificate with its fingerprint; made once, shared by all endpoints.
#[derive(Debug)]
pub struct Identity {
    fingerprint: String,
}

impl Identity {
    /// SHA-256 of the certificate: upper-case hexadecimal octets separated by colons, as in `fingerprint`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}
