//! DTLS 1.2 of one endpoint (RFC 6347, RFC 5764) over `rtc-dtls`.
//!
//! One `rtc_dtls::Endpoint` for each participant behind the ICE check, with one made-up address: whatever path a datagram took, it
//! belongs to the same association. The handshake may run before the peer's fingerprint is known; keys and application data are
//! withheld until the certificate has been compared with it.
//!
//! `rtc-dtls` gives up after seven retransmissions at a fixed interval and leaves the choice of the SRTP profile to the client, so
//! timing and choice are made here. See [`assembler`] for what it is shielded from.

mod assembler;
mod hello;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use bytes::BytesMut;
use jitsi_wire::jingle::{Fingerprint, Setup};
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;

use super::earliest::Earliest;
use super::identity::{Identity, fingerprint};
use super::transport::{TransportFailure, Wake};
use crate::core::srtp::{Keys, Profile};
use assembler::{Assembler, HELLO_VERIFY_REQUEST, first_message};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
/// Handshake messages are cut at this length; record and message headers come on top, and the datagram stays below 1200 bytes.
const MTU: usize = 1150;
/// Largest application payload whose record fits 1200 bytes: record header, explicit nonce and tag are 37.
pub(crate) const MAX_PAYLOAD: u32 = 1200 - 37;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// First retransmission while the round trip time is unknown, and the most that it may be.
const FIRST_INTERVAL: Duration = Duration::from_millis(400);
const MAX_INTERVAL: Duration = Duration::from_secs(3);
/// A peer that repeats itself gets our last flight again, at most this often…
const REPEAT_GAP: Duration = Duration::from_millis(50);
/// …and this long after the handshake (RFC 6347, 4.2.4).
const REPEAT_LIFETIME: Duration = Duration::from_secs(60);
/// `rtc-dtls` gives the handshake up at the eighth retransmission of one flight.
const MACHINE_RESENDS: u8 = 7;
/// Application data that waits for the fingerprint.
const MAX_HELD: usize = 16;
const MAX_FINGERPRINTS: usize = 8;
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// What DTLS hands out.
#[derive(Debug)]
pub(crate) enum DtlsOutput {
    Transmit(BytesMut),
    /// The handshake is complete and the certificate is the signalled one.
    Keys(Keys),
    Data(BytesMut),
    /// The peer said close_notify, or a fatal alert.
    Closed,
    Failed(TransportFailure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Handshaking { deadline: Instant },
    Established { since: Instant },
    Closed,
}

#[derive(Debug, Clone, Copy)]
struct Retransmission {
    due: Instant,
    interval: Duration,
    count: u8,
}

/// The association.
pub(crate) struct Dtls {
    identity: Arc<Identity>,
    profiles: Vec<Profile>,
    /// We open the handshake, because the peer said `passive`.
    client: bool,
    state: State,
    machine: Option<Endpoint>,
    assembler: Assembler,
    /// The datagrams of our last flight.
    flight: Vec<BytesMut>,
    flight_sent: Option<Instant>,
    retransmission: Option<Retransmission>,
    fingerprints: Vec<Fingerprint>,
    /// Exported, but not yet handed out.
    keys: Option<Keys>,
    verified: bool,
    held: Vec<BytesMut>,
    outputs: VecDeque<DtlsOutput>,
}

impl Dtls {
    pub(crate) fn new(identity: Arc<Identity>, profiles: Vec<Profile>) -> Self {
        Self {
            identity,
            profiles,
            client: false,
            state: State::Idle,
            machine: None,
            assembler: Assembler::new(true),
            flight: Vec::new(),
            flight_sent: None,
            retransmission: None,
            fingerprints: Vec::new(),
            keys: None,
            verified: false,
            held: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// What the peer signalled. An empty list keeps the known ones.
    pub(crate) fn set_remote(&mut self, now: Instant, fingerprints: &[Fingerprint]) {
        let Some(first) = fingerprints.first() else { return };
        self.fingerprints = fingerprints.iter().take(MAX_FINGERPRINTS).cloned().collect();
        if self.state == State::Idle {
            // `active` and `actpass` leave the hello to the peer.
            self.client = first.setup == Some(Setup::Passive);
            self.assembler = Assembler::new(!self.client);
        }
        self.verify(now);
    }

    /// A path is ready. Opens the handshake if that is up to us.
    pub(crate) fn start(&mut self, now: Instant, rtt: Option<Duration>) {
        if !self.client || self.state != State::Idle {
            return;
        }
        let Some(config) = self.config(&self.profiles) else {
            self.fail(now, TransportFailure::Handshake);
            return;
        };
        let mut machine = Endpoint::new(PEER, TransportProtocol::UDP, None);
        if machine.connect(now, PEER, config, None).is_err() {
            self.fail(now, TransportFailure::Handshake);
            return;
        }
        self.machine = Some(machine);
        self.state = State::Handshaking { deadline: now + HANDSHAKE_TIMEOUT };
        self.send_flight(now, rtt);
    }

    /// A datagram from a path of this peer.
    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8], rtt: Option<Duration>) {
        if self.state == State::Closed || (self.client && self.state == State::Idle) {
            return;
        }
        let arrival = self.assembler.push(datagram);
        if let Some(flight) = arrival.flight {
            self.on_flight(now, flight, rtt);
        } else if arrival.repeated {
            self.repeat_flight(now);
        }
        if !arrival.records.is_empty() {
            self.feed(now, arrival.records, rtt);
        }
    }

    fn on_flight(&mut self, now: Instant, flight: BytesMut, rtt: Option<Duration>) {
        if self.state == State::Idle && !self.accept(now, &flight) {
            return;
        }
        let hello_verify = |first: Option<u8>| first == Some(HELLO_VERIFY_REQUEST);
        let peer_verifies = hello_verify(first_message(&flight));
        self.retransmission = None;
        self.feed(now, flight, rtt);
        let we_verify = hello_verify(self.flight.first().and_then(|datagram| first_message(datagram)));
        if matches!(self.state, State::Handshaking { .. }) && !peer_verifies && !we_verify {
            self.assembler.expect_finish();
        }
    }

    /// The peer's first hello makes us the server.
    fn accept(&mut self, now: Instant, flight: &[u8]) -> bool {
        // Record and message header.
        let offered = hello::srtp_profiles(flight.get(25..).unwrap_or_default());
        let ours = self.profiles.iter().copied().find(|profile| offered.contains(&(wire_profile(*profile) as u16)));
        // Without a common profile the machine refuses the hello in the language of the protocol.
        let Some(config) = ours.or(self.profiles.first().copied()).and_then(|profile| self.config(&[profile])) else {
            self.fail(now, TransportFailure::Handshake);
            return false;
        };
        self.machine = Some(Endpoint::new(PEER, TransportProtocol::UDP, Some(config)));
        self.state = State::Handshaking { deadline: now + HANDSHAKE_TIMEOUT };
        true
    }

    fn config(&self, profiles: &[Profile]) -> Option<Arc<HandshakeConfig>> {
        ConfigBuilder::default()
            .with_crypto_provider(self.identity.crypto.clone())
            .with_certificates(vec![self.identity.certificate.clone()])
            .with_cipher_suites(vec![
                CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
                CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
            ])
            .with_srtp_protection_profiles(profiles.iter().copied().map(wire_profile).collect())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // The machine does not check the client's Finished. With the extended master secret a handshake that was tampered with
            // yields keys that do not fit (RFC 7627), so it is not optional here; everybody has had it since 2016.
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            // Chains mean nothing here: the signalled fingerprint is what is compared.
            .with_insecure_skip_verify(true)
            .with_mtu(MTU)
            .build(self.client, Some(PEER))
            .ok()
            .map(Arc::new)
    }

    /// Gives records to the machine and deals with what it says.
    fn feed(&mut self, now: Instant, records: BytesMut, rtt: Option<Duration>) {
        let Some(machine) = &mut self.machine else { return };
        let events = machine.read(now, PEER, None, records);
        match events {
            Ok(events) => {
                let complete = events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete));
                self.send_flight(now, rtt);
                if complete {
                    self.on_complete(now, rtt);
                }
                for event in events {
                    self.on_event(event);
                }
            }
            Err(error) => {
                self.send_flight(now, rtt);
                self.on_error(now, &error);
            }
        }
    }

    fn on_event(&mut self, event: EndpointEvent) {
        match event {
            EndpointEvent::ApplicationData(data) if self.verified => self.outputs.push_back(DtlsOutput::Data(data)),
            EndpointEvent::ApplicationData(data) if self.held.len() < MAX_HELD => self.held.push(data),
            EndpointEvent::PeerClosed => self.on_closed(),
            _ => {}
        }
    }

    fn on_error(&mut self, now: Instant, error: &Error) {
        match self.state {
            State::Handshaking { .. } => {
                tracing::debug!(%error, "DTLS handshake broke off");
                self.fail(now, TransportFailure::Handshake);
            }
            // Whatever else an established association complains about concerns one record.
            State::Established { .. } if matches!(error, Error::ErrAlertFatalOrClose) => self.on_closed(),
            _ => {}
        }
    }

    fn on_closed(&mut self) {
        self.state = State::Closed;
        self.machine = None;
        self.retransmission = None;
        self.outputs.push_back(DtlsOutput::Closed);
    }

    fn on_complete(&mut self, now: Instant, rtt: Option<Duration>) {
        self.state = State::Established { since: now };
        self.retransmission = None;
        if self.client {
            // The server has our last flight, or it would not have finished.
            self.flight = Vec::new();
        }
        self.keys = self.export();
        if self.keys.is_none() {
            self.fail(now, TransportFailure::Handshake);
            return;
        }
        for early in self.assembler.finish() {
            self.feed(now, early, rtt);
        }
        self.verify(now);
    }

    fn export(&self) -> Option<Keys> {
        let state = self.machine.as_ref()?.get_connection_state(PEER)?;
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmHmacSha1_80,
            _ => return None,
        };
        let block = state.export_keying_material(EXPORTER_LABEL, &[], profile.exporter_len()).ok()?;
        Keys::from_exporter(profile, block.as_ref(), self.client)
    }

    /// Compares the peer's certificate with the fingerprints once both are there.
    fn verify(&mut self, now: Instant) {
        if self.verified || self.fingerprints.is_empty() || !matches!(self.state, State::Established { .. }) {
            return;
        }
        let state = self.machine.as_ref().and_then(|machine| machine.get_connection_state(PEER));
        let certificate = state.and_then(|state| state.peer_certificates.first());
        if !certificate.is_some_and(|der| matches_fingerprint(der, &self.fingerprints)) {
            self.keys = None;
            self.close(now);
            self.outputs.push_back(DtlsOutput::Failed(TransportFailure::Fingerprint));
            return;
        }
        self.verified = true;
        if let Some(keys) = self.keys.take() {
            self.outputs.push_back(DtlsOutput::Keys(keys));
        }
        self.outputs.extend(self.held.drain(..).map(DtlsOutput::Data));
    }

    pub(crate) fn is_verified(&self) -> bool {
        self.verified && matches!(self.state, State::Established { .. })
    }

    /// Sends application data; nothing happens before the peer is verified.
    pub(crate) fn write(&mut self, now: Instant, payload: &[u8]) {
        if !self.is_verified() {
            return;
        }
        let Some(machine) = &mut self.machine else { return };
        if machine.write(now, PEER, payload).is_ok() {
            while let Some(message) = machine.poll_transmit() {
                self.outputs.push_back(DtlsOutput::Transmit(message.message));
            }
        }
    }

    /// Says close_notify.
    pub(crate) fn close(&mut self, now: Instant) {
        if let (State::Established { .. }, Some(machine)) = (self.state, &mut self.machine)
            && machine.close(now).is_ok()
        {
            while let Some(message) = machine.poll_transmit() {
                self.outputs.push_back(DtlsOutput::Transmit(message.message));
            }
        }
        self.state = State::Closed;
        self.machine = None;
        self.retransmission = None;
        self.flight = Vec::new();
        self.held = Vec::new();
    }

    pub(crate) fn poll(&mut self) -> Option<DtlsOutput> {
        self.outputs.pop_front()
    }

    /// Sends what the machine has queued. During the handshake that is a flight, which is kept.
    fn send_flight(&mut self, now: Instant, rtt: Option<Duration>) {
        let Some(machine) = &mut self.machine else { return };
        let mut flight = Vec::new();
        while let Some(message) = machine.poll_transmit() {
            flight.push(message.message);
        }
        if flight.is_empty() {
            return;
        }
        self.outputs.extend(flight.iter().cloned().map(DtlsOutput::Transmit));
        if !matches!(self.state, State::Handshaking { .. }) {
            return;
        }
        // A server does not repeat its HelloVerifyRequest unasked (RFC 6347, 4.2.1).
        if flight.first().and_then(|datagram| first_message(datagram)) != Some(HELLO_VERIFY_REQUEST) {
            let interval = first_interval(rtt);
            self.retransmission = Some(Retransmission { due: now + interval, interval, count: 0 });
        }
        self.flight = flight;
        self.flight_sent = Some(now);
    }

    /// The peer repeats its last flight: ours was lost. The same datagrams go out once more; what the peer has already it drops.
    fn repeat_flight(&mut self, now: Instant) {
        let too_soon = self.flight_sent.is_some_and(|at| now < at + REPEAT_GAP);
        let too_late = matches!(self.state, State::Established { since } if now >= since + REPEAT_LIFETIME);
        if too_soon || too_late || self.client {
            return;
        }
        self.send_again(now);
    }

    fn send_again(&mut self, now: Instant) {
        self.flight_sent = Some(now);
        self.outputs.extend(self.flight.iter().cloned().map(DtlsOutput::Transmit));
    }

    pub(crate) fn on_wakeup(&mut self, now: Instant) {
        if let State::Handshaking { deadline } = self.state
            && deadline <= now
        {
            self.fail(now, TransportFailure::HandshakeTimeout);
            return;
        }
        let Some(mut retransmission) = self.retransmission.filter(|retransmission| retransmission.due <= now) else {
            return;
        };
        retransmission.count = retransmission.count.saturating_add(1);
        retransmission.interval = (retransmission.interval * 2).min(MAX_INTERVAL);
        retransmission.due = now + retransmission.interval;
        self.retransmission = Some(retransmission);
        if !self.client || retransmission.count > MACHINE_RESENDS || !self.send_renumbered(now) {
            self.send_again(now);
        }
    }

    /// A client's flight has to look new, or the server takes it for a replay and does not repeat its answer: the machine numbers the
    /// records again. Its own clock is always right, because nothing else moves it.
    fn send_renumbered(&mut self, now: Instant) -> bool {
        let Some(machine) = &mut self.machine else { return false };
        let Some(due) = machine.poll_timeout(&PEER) else { return false };
        if machine.handle_timeout(PEER, due).is_err() {
            return false;
        }
        let mut flight = Vec::new();
        while let Some(message) = machine.poll_transmit() {
            flight.push(message.message);
        }
        if flight.is_empty() {
            return false;
        }
        self.flight = flight;
        self.send_again(now);
        true
    }

    pub(crate) fn next_wakeup(&self, next: &mut Earliest) {
        if let State::Handshaking { deadline } = self.state {
            next.offer(deadline, Wake::DtlsTimeout);
        }
        if let Some(retransmission) = self.retransmission {
            next.offer(retransmission.due, Wake::Dtls);
        }
    }

    fn fail(&mut self, now: Instant, failure: TransportFailure) {
        self.close(now);
        self.outputs.push_back(DtlsOutput::Failed(failure));
    }
}

/// 50 to 400 ms, by the round trip time that ICE has measured.
fn first_interval(rtt: Option<Duration>) -> Duration {
    rtt.map_or(FIRST_INTERVAL, |rtt| (rtt * 3 / 2).clamp(REPEAT_GAP, FIRST_INTERVAL))
}

fn wire_profile(profile: Profile) -> SrtpProtectionProfile {
    match profile {
        Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        Profile::Aes128CmHmacSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    }
}

/// RFC 8122, 5: of the hash functions that were signalled the strongest counts, and one of its values has to fit. SHA-1 does not count.
fn matches_fingerprint(der: &[u8], signalled: &[Fingerprint]) -> bool {
    let functions: [(&str, &'static digest::Algorithm); 3] =
        [("sha-512", &digest::SHA512), ("sha-384", &digest::SHA384), ("sha-256", &digest::SHA256)];
    for (name, algorithm) in functions {
        let mut values = signalled.iter().filter(|fingerprint| fingerprint.hash.eq_ignore_ascii_case(name)).peekable();
        if values.peek().is_some() {
            let ours = fingerprint(algorithm, der);
            return values.any(|fingerprint| fingerprint.value.trim().eq_ignore_ascii_case(&ours));
        }
    }
    false
}
