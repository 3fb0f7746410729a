//! The browser's side of DTLS and SRTP: `rtc-dtls` as client, `rtc-srtp` as second opinion on the bridge's own SRTP.

use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which SRTP profile the bot offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    Gcm,
    CmSha1,
}

/// SRTP contexts of both directions.
pub struct Srtp {
    pub local: Context,
    pub remote: Context,
}

/// DTLS client over one pair of addresses.
pub struct Dtls {
    endpoint: Endpoint,
    config: Arc<HandshakeConfig>,
    profile: ProtectionProfile,
    crypto: Arc<dyn RTCCryptoProvider>,
    peer: Option<SocketAddr>,
    pub fingerprint: String,
    pub failed: Option<String>,
}

impl Dtls {
    pub fn new(local: SocketAddr, crypto: Arc<dyn RTCCryptoProvider>, offer: Offer) -> Self {
        let certificate =
            Certificate::generate_self_signed(vec!["bot".to_owned()], crypto.crypto()).expect("certificate");
        let fingerprint = fingerprint(certificate.certificate[0].as_ref(), &*crypto);
        let (profile, dtls_profile) = match offer {
            Offer::Gcm => (ProtectionProfile::AeadAes128Gcm, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm),
            Offer::CmSha1 => {
                (ProtectionProfile::Aes128CmHmacSha1_80, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)
            }
        };
        let config = ConfigBuilder::default()
            .with_crypto_provider(crypto.clone())
            .with_certificates(vec![certificate])
            .with_cipher_suites(vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256])
            .with_srtp_protection_profiles(vec![dtls_profile])
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_insecure_skip_verify(true)
            .with_flight_interval(Duration::from_millis(200))
            .build(true, None)
            .expect("DTLS configuration");
        Self {
            endpoint: Endpoint::new(local, TransportProtocol::UDP, None),
            config: Arc::new(config),
            profile,
            crypto,
            peer: None,
            fingerprint,
            failed: None,
        }
    }

    pub fn started(&self) -> bool {
        self.peer.is_some()
    }

    pub fn connect(&mut self, now: Instant, peer: SocketAddr) {
        self.peer = Some(peer);
        let result = self.endpoint.connect(now, peer, self.config.clone(), None);
        if let Err(error) = result {
            self.failed = Some(error.to_string());
        }
    }

    /// Takes a DTLS datagram; SRTP contexts once the handshake is complete.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> Option<Srtp> {
        let peer = self.peer?;
        match self.endpoint.read(now, peer, None, BytesMut::from(datagram)) {
            Ok(events) => {
                events.iter().any(|e| matches!(e, EndpointEvent::HandshakeComplete)).then(|| self.export(peer))
            }
            Err(error) => {
                self.failed = Some(error.to_string());
                None
            }
        }
    }

    fn export(&self, peer: SocketAddr) -> Srtp {
        let state = self.endpoint.get_connection_state(peer).expect("connection");
        let (key, salt) = (self.profile.key_len(), self.profile.salt_len());
        let block =
            state.export_keying_material("EXTRACTOR-dtls_srtp", &[], 2 * (key + salt)).expect("keys").into_bytes();
        let context = |key_at: usize, salt_at: usize| {
            Context::new(
                &block[key_at..key_at + key],
                &block[salt_at..salt_at + salt],
                self.profile,
                Some(srtp_replay_protection(1024)),
                Some(srtcp_replay_protection(128)),
                self.crypto.crypto(),
            )
            .expect("SRTP context")
        };
        Srtp { local: context(0, 2 * key), remote: context(key, 2 * key + salt) }
    }

    pub fn poll(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let transmit = self.endpoint.poll_transmit()?;
        Some((transmit.transport.peer_addr, transmit.message.to_vec()))
    }

    pub fn next_wakeup(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&self.peer?)
    }

    pub fn on_wakeup(&mut self, now: Instant) {
        if let Some(peer) = self.peer
            && let Err(error) = self.endpoint.handle_timeout(peer, now)
        {
            self.failed = Some(error.to_string());
        }
    }
}

/// SHA-256 of a certificate as Jingle writes it.
fn fingerprint(der: &[u8], provider: &dyn RTCCryptoProvider) -> String {
    let digest = provider.crypto().hash(rtc_crypto::HashAlgorithm::Sha256, der).expect("digest");
    let hex: Vec<String> = digest.iter().map(|b| format!("{b:02X}")).collect();
    hex.join(":")
}
