//! ICE, DTLS and the data channel of one endpoint behind one face.
//!
//! Call order: [`Transport::set_remote`], [`Transport::handle_stun`], [`Transport::handle_dtls`], [`Transport::on_authentic_media`],
//! [`Transport::send_text`] and [`Transport::on_wakeup`] change state; after each, drain [`Transport::poll`] until `None`, then ask
//! [`Transport::next_wakeup`].

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use jitsi_wire::jingle::IceUdpTransport;
use rand_chacha::ChaCha8Rng;

use super::agents::{Agents, RestartState};
use super::dtls::{Dtls, DtlsOutput};
use super::earliest::Earliest;
use super::ice::{Ice, IceOutput};
use super::identity::Identity;
use super::sctp::{Sctp, SctpOutput};
use crate::core::grid::Grid;
use crate::core::{Discard, Path, srtp};

/// Our half of the ICE credentials.
#[derive(Debug, Clone)]
pub struct LocalParams {
    /// Unique on this bridge; at least 8 ice-chars.
    pub ufrag: String,
    /// At least 22 ice-chars.
    pub pwd: String,
}

/// What this endpoint may use.
#[derive(Debug, Clone)]
pub struct Options {
    /// SRTP profiles, most wanted first.
    pub profiles: Vec<srtp::Profile>,
    /// Accept an SCTP association as the bridge channel.
    pub sctp: bool,
    /// When what can wait is done.
    pub grid: Grid,
}

/// What became of a STUN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StunVerdict {
    /// An authenticated request: the path belongs to this endpoint and may enter the caller's table.
    Authenticated,
    /// An answer to one of our checks, or a keepalive: nothing to remember.
    Response,
    /// Not for us, or not proven to be.
    Rejected(Discard),
}

/// Why a transport is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportFailure {
    /// No path has consent any more. The peer may still come back on a new one.
    Consent,
    /// The DTLS handshake took longer than 30 s.
    HandshakeTimeout,
    /// The DTLS handshake broke off.
    Handshake,
    /// The peer's certificate is not the one it signalled.
    Fingerprint,
}

/// What a transport hands out.
#[derive(Debug)]
pub enum TransportOutput {
    Transmit {
        path: Path,
        datagram: BytesMut,
    },
    /// ICE has a nominated pair for the first time.
    Connected,
    /// The handshake is complete and the peer's certificate is the signalled one.
    SrtpReady(srtp::Keys),
    /// The data channel is the bridge channel now.
    ChannelOpen,
    ChannelText(String),
    ChannelClosed,
    /// The path no longer belongs to this endpoint.
    PathGone(Path),
    /// Checks that name this ufrag of ours are for nobody any more.
    UfragGone(String),
    Failed(TransportFailure),
}

/// The data channel's queue is at its bound, or there is no open channel: the text was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the data channel takes no more")]
pub struct ChannelFull;

/// Why a transport wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    IceCheck,
    Consent,
    Nomination,
    Dtls,
    DtlsTimeout,
    Sctp,
}

/// ICE + DTLS + SCTP of one endpoint.
pub struct Transport {
    ice: Agents,
    dtls: Dtls,
    sctp: Option<Box<Sctp>>,
    /// Where the last DTLS datagram came from: answers go there until a path is selected.
    dtls_path: Option<Path>,
    /// The peer said goodbye.
    closed: bool,
    outputs: VecDeque<TransportOutput>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("selected", &self.selected()).finish_non_exhaustive()
    }
}

impl Transport {
    pub fn new(now: Instant, identity: &Arc<Identity>, params: LocalParams, rng: ChaCha8Rng, options: Options) -> Self {
        Self {
            ice: Agents::new(Ice::new(now, identity.crypto.clone(), params, rng, options.grid)),
            dtls: Dtls::new(identity.clone(), options.profiles),
            sctp: options.sctp.then(Box::default),
            dtls_path: None,
            closed: false,
            outputs: VecDeque::new(),
        }
    }

    /// Our own addresses, for checks towards candidates that the peer signals. Without them the peer's own checks are waited for,
    /// which is enough unless a firewall of ours keeps them out. Call it before [`Self::set_remote`].
    pub fn set_local_addresses(&mut self, addresses: &[IpAddr]) {
        self.ice.set_local_addresses(addresses);
    }

    /// The peer decides on the path. Call it before [`Self::set_remote`].
    pub fn be_controlled(&mut self) {
        self.ice.be_controlled();
    }

    /// What the peer signalled; may come several times. An update without fingerprints keeps the known ones, and one that
    /// belongs to an ICE restart changes nothing about DTLS.
    pub fn set_remote(&mut self, now: Instant, remote: &IceUdpTransport) {
        self.ice.set_remote(now, remote);
        if remote.ice_generation.is_none() {
            self.dtls.set_remote(now, &remote.fingerprints);
        }
        self.pump(now);
    }

    /// What [`Self::restart_ice`] would mean now.
    pub(crate) fn restart_state(&self) -> RestartState {
        if self.closed { RestartState::Impossible } else { self.ice.restart_state() }
    }

    /// Takes new ICE credentials beside those in use; keys and channel stay. Answers the generation that the peer's own new
    /// credentials must carry.
    pub fn restart_ice(&mut self, now: Instant, identity: &Identity, params: LocalParams, rng: ChaCha8Rng) -> u32 {
        let generation = self.ice.restart(now, identity.crypto.clone(), params, rng);
        self.pump(now);
        generation
    }

    /// A STUN message whose USERNAME or path named this endpoint.
    pub fn handle_stun(&mut self, now: Instant, path: Path, message: &[u8]) -> StunVerdict {
        let verdict = self.ice.handle(now, path, message);
        self.pump(now);
        verdict
    }

    /// A DTLS datagram from a path that is in the caller's table.
    pub fn handle_dtls(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        self.dtls_path = Some(path);
        self.dtls.handle(now, datagram, self.ice.rtt());
        self.pump(now);
    }

    /// SRTP from this path authenticated.
    pub fn on_authentic_media(&mut self, now: Instant, path: Path) {
        self.ice.on_authentic_media(now, path);
    }

    /// Queues a text message for the data channel.
    pub fn send_text(&mut self, now: Instant, text: &str) -> Result<(), ChannelFull> {
        let result = self.sctp.as_mut().ok_or(ChannelFull)?.send_text(now, text);
        self.pump(now);
        result
    }

    /// Bytes that wait for a client that does not read its data channel.
    pub fn queued_text(&mut self) -> usize {
        self.sctp.as_mut().map_or(0, |sctp| sctp.queued())
    }

    pub fn poll(&mut self, _now: Instant) -> Option<TransportOutput> {
        self.outputs.pop_front()
    }

    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let mut next = Earliest(self.ice.next_wakeup());
        self.dtls.next_wakeup(&mut next);
        if let Some(sctp) = &self.sctp {
            sctp.next_wakeup(&mut next);
        }
        next.0
    }

    pub fn on_wakeup(&mut self, now: Instant) {
        self.ice.on_wakeup(now);
        self.dtls.on_wakeup(now);
        if let Some(sctp) = &mut self.sctp {
            sctp.on_wakeup(now);
        }
        self.pump(now);
    }

    /// Where media may be sent: validated in both directions, consent fresh.
    pub fn selected(&self) -> Option<Path> {
        self.ice.selected()
    }

    /// Smoothed round trip time of the ICE checks.
    pub fn rtt(&self) -> Option<Duration> {
        self.ice.rtt()
    }

    /// The last authenticated sign of life: media or an answered check.
    pub fn last_activity(&self) -> Option<Instant> {
        self.ice.last_activity()
    }

    /// See [`crate::core::Bridge::show_life`].
    pub(crate) fn show_life(&mut self, now: Instant) {
        self.ice.show_life(now);
    }

    /// Says goodbye to the peer (close_notify); drain [`Self::poll`] afterwards.
    pub fn close(&mut self, now: Instant) {
        if let Some(sctp) = &mut self.sctp {
            sctp.close(now);
        }
        self.pump(now);
        self.dtls.close(now);
        self.pump(now);
    }

    /// Carries what one layer says to the next, until all are silent.
    fn pump(&mut self, now: Instant) {
        while let Some(output) = self.ice.poll() {
            self.on_ice(output);
        }
        if self.ice.selected().is_some() {
            self.dtls.start(now, self.ice.rtt());
        }
        loop {
            if let Some(output) = self.dtls.poll() {
                self.on_dtls(now, output);
            } else if let Some(output) = self.sctp.as_mut().and_then(|sctp| sctp.poll()) {
                self.on_sctp(now, output);
            } else {
                break;
            }
        }
    }

    fn on_ice(&mut self, output: IceOutput) {
        self.outputs.push_back(match output {
            IceOutput::Transmit { path, datagram } => TransportOutput::Transmit { path, datagram },
            IceOutput::Connected => TransportOutput::Connected,
            IceOutput::Lost => TransportOutput::Failed(TransportFailure::Consent),
            IceOutput::UfragGone(ufrag) => TransportOutput::UfragGone(ufrag),
            IceOutput::PathGone(path) => {
                if self.dtls_path == Some(path) {
                    self.dtls_path = None;
                }
                TransportOutput::PathGone(path)
            }
        });
    }

    fn on_dtls(&mut self, now: Instant, output: DtlsOutput) {
        match output {
            DtlsOutput::Transmit(datagram) => {
                // Without a path the datagram is lost like any other; the handshake repeats it.
                if let Some(path) = self.selected().or(self.dtls_path) {
                    self.outputs.push_back(TransportOutput::Transmit { path, datagram });
                }
            }
            DtlsOutput::Keys(keys) => self.outputs.push_back(TransportOutput::SrtpReady(keys)),
            DtlsOutput::Data(packet) => {
                if let Some(sctp) = &mut self.sctp {
                    sctp.handle(now, &packet);
                }
            }
            DtlsOutput::Closed => {
                self.closed = true;
                // The channel dies with its carrier; the endpoint lives until the focus says otherwise.
                if let Some(mut sctp) = self.sctp.take()
                    && sctp.is_open()
                {
                    sctp.close(now);
                    self.outputs.push_back(TransportOutput::ChannelClosed);
                }
            }
            DtlsOutput::Failed(failure) => self.outputs.push_back(TransportOutput::Failed(failure)),
        }
    }

    fn on_sctp(&mut self, now: Instant, output: SctpOutput) {
        match output {
            SctpOutput::Transmit(packet) => self.dtls.write(now, &packet),
            SctpOutput::Open => self.outputs.push_back(TransportOutput::ChannelOpen),
            SctpOutput::Text(text) => self.outputs.push_back(TransportOutput::ChannelText(text)),
            SctpOutput::Closed => self.outputs.push_back(TransportOutput::ChannelClosed),
        }
    }
}
