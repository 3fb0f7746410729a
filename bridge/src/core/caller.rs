//! The other side of an endpoint's transport: what a client of the bridge does to get media through. Pure, like the bridge.
//!
//! For a box that calls itself. It is made of the bridge's own parts, so it finds faults of networks, not of these parts.
//!
//! Call order: [`Caller::set_remote`], [`Caller::handle`], [`Caller::send`] and [`Caller::on_wakeup`] change state; after each,
//! drain [`Caller::poll`] until `None`, then ask [`Caller::next_wakeup`].

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use jitsi_wire::jingle::{Candidate, Fingerprint, IceUdpTransport, Setup};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::Path;
use super::demux::{Kind, kind};
use super::endpoint::identity::Identity;
use super::endpoint::transport::{LocalParams, Options, StunVerdict, Transport, TransportFailure, TransportOutput};
use super::grid::Grid;
use super::srtp::{Inbound, MAX_RTP_OVERHEAD, Outbound, Profile};

/// What a caller hands out.
#[derive(Debug)]
pub enum CallerOutput {
    Transmit {
        to: SocketAddr,
        datagram: BytesMut,
    },
    /// There is a path.
    Connected,
    /// From now on media can be sent.
    Secured,
    /// An RTP packet, opened.
    Media(Bytes),
    Failed(TransportFailure),
}

/// One client over one socket.
#[derive(Debug)]
pub struct Caller {
    transport: Transport,
    params: LocalParams,
    fingerprint: String,
    local: IpAddr,
    sealing: Option<(Outbound, Inbound)>,
    outputs: VecDeque<CallerOutput>,
}

impl Caller {
    /// `local` is the address of the socket; `seed` comes from the system.
    pub fn new(now: Instant, identity: &Arc<Identity>, local: IpAddr, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed);
        let params = LocalParams {
            ufrag: format!("{:016x}", rng.next_u64()),
            pwd: format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64()),
        };
        let options = Options {
            profiles: vec![Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80],
            sctp: false,
            grid: Grid::new(now),
        };
        let mut transport = Transport::new(now, identity, params.clone(), rng, options);
        transport.set_local_addresses(&[local]);
        // The bridge offers to control, as Jitsi's does.
        transport.be_controlled();
        let fingerprint = identity.fingerprint().to_owned();
        Self { transport, params, fingerprint, local, sealing: None, outputs: VecDeque::new() }
    }

    /// What goes into the session-accept.
    pub fn description(&self) -> IceUdpTransport {
        let value = self.fingerprint.clone();
        IceUdpTransport {
            ufrag: Some(self.params.ufrag.clone()),
            pwd: Some(self.params.pwd.clone()),
            fingerprints: vec![Fingerprint { hash: "sha-256".into(), value, setup: Some(Setup::Active) }],
            ..IceUdpTransport::default()
        }
    }

    /// The bridge's offer. Of all its addresses only `target` is tried.
    pub fn set_remote(&mut self, now: Instant, offer: &IceUdpTransport, target: SocketAddr) {
        let is_target = |candidate: &&Candidate| {
            candidate.port == target.port() && candidate.ip.parse::<IpAddr>().is_ok_and(|ip| ip == target.ip())
        };
        let passive = |offered: &Fingerprint| Fingerprint { setup: Some(Setup::Passive), ..offered.clone() };
        let remote = IceUdpTransport {
            candidates: offer.candidates.iter().filter(is_target).cloned().collect(),
            fingerprints: offer.fingerprints.iter().map(passive).collect(),
            ..offer.clone()
        };
        self.transport.set_remote(now, &remote);
        self.pump(now);
    }

    /// A datagram that came to the socket.
    pub fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        let path = Path { local: self.local, remote: from };
        match kind(datagram) {
            Some(Kind::Stun) => {
                let _: StunVerdict = self.transport.handle_stun(now, path, datagram);
            }
            Some(Kind::Dtls) => self.transport.handle_dtls(now, path, datagram),
            Some(Kind::Rtp) => self.open(now, path, datagram),
            Some(Kind::Rtcp) | None => {}
        }
        self.pump(now);
    }

    fn open(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        let Some((_, inbound)) = &mut self.sealing else { return };
        if let Ok(len) = inbound.unprotect_rtp(datagram)
            && let Some(packet) = datagram.get(..len)
        {
            self.outputs.push_back(CallerOutput::Media(Bytes::copy_from_slice(packet)));
            self.transport.on_authentic_media(now, path);
        }
    }

    /// Seals an RTP packet and sends it; before [`CallerOutput::Secured`] nothing happens.
    pub fn send(&mut self, packet: &[u8]) {
        let (Some(path), Some((outbound, _))) = (self.transport.selected(), &mut self.sealing) else { return };
        let mut datagram = BytesMut::zeroed(packet.len() + MAX_RTP_OVERHEAD);
        if let Some(start) = datagram.get_mut(..packet.len()) {
            start.copy_from_slice(packet);
        }
        if let Ok(len) = outbound.protect_rtp(&mut datagram, packet.len()) {
            datagram.truncate(len);
            self.outputs.push_back(CallerOutput::Transmit { to: path.remote, datagram });
        }
    }

    pub fn poll(&mut self) -> Option<CallerOutput> {
        self.outputs.pop_front()
    }

    pub fn next_wakeup(&self) -> Option<Instant> {
        self.transport.next_wakeup().map(|(at, _)| at)
    }

    pub fn on_wakeup(&mut self, now: Instant) {
        self.transport.on_wakeup(now);
        self.pump(now);
    }

    fn pump(&mut self, now: Instant) {
        while let Some(output) = self.transport.poll(now) {
            match output {
                TransportOutput::Transmit { path, datagram } => {
                    self.outputs.push_back(CallerOutput::Transmit { to: path.remote, datagram });
                }
                TransportOutput::Connected => self.outputs.push_back(CallerOutput::Connected),
                TransportOutput::SrtpReady(keys) => {
                    let outbound = Outbound::new(keys.profile, &keys.local);
                    self.sealing = Some((outbound, Inbound::new(keys.profile, &keys.remote)));
                    self.outputs.push_back(CallerOutput::Secured);
                }
                TransportOutput::Failed(failure) => self.outputs.push_back(CallerOutput::Failed(failure)),
                TransportOutput::ChannelOpen
                | TransportOutput::ChannelText(_)
                | TransportOutput::ChannelClosed
                | TransportOutput::PathGone(_)
                | TransportOutput::UfragGone(_) => {}
            }
        }
    }
}
