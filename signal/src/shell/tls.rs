//! Certificates that can be changed while clients are connected.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use thiserror::Error;

/// The certificate that new connections get. Clones share it: keep one to [`replace`](Self::replace) it from any thread;
/// connections that exist are not touched.
#[derive(Clone)]
pub struct Certificates {
    current: Arc<Current>,
}

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("the certificate file holds no certificate")]
    NoCertificate,
    #[error("the certificate file is not PEM: {0}")]
    BadCertificate(#[source] pem::Error),
    #[error("the key file holds no private key in PEM: {0}")]
    BadKey(#[source] pem::Error),
    #[error("certificate and private key cannot be used: {0}")]
    Unusable(#[source] rustls::Error),
}

impl Certificates {
    pub fn new(key: CertifiedKey) -> Self {
        Self { current: Arc::new(Current(RwLock::new(Arc::new(key)))) }
    }

    /// From a chain (leaf first) and its private key, both PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Ok(Self::new(certified_key(chain, key)?))
    }

    /// Connections from now on get this one.
    pub fn replace(&self, key: CertifiedKey) {
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }

    /// The one that new connections get now.
    pub fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// [`replace`](Self::replace) by PEM; on an error the present certificate stays.
    pub fn replace_pem(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsError> {
        self.replace(certified_key(chain, key)?);
        Ok(())
    }

    /// TLS 1.2 and 1.3 over AWS-LC. Sessions resume by ticket, so that nothing is kept for clients that have gone.
    pub(super) fn server_config(&self) -> Result<ServerConfig, TlsError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>);
        // curl --http1.0 asks for just that, and a name too few ends the handshake.
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Unusable)?;
        config.send_tls13_tickets = 1;
        Ok(config)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

/// Checks that chain and key belong together.
pub fn certified_key(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let chain =
        CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>().map_err(TlsError::BadCertificate)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::BadKey)?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Unusable)
}

/// Named here rather than installed for the process: whoever else links rustls has no say in it.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}
