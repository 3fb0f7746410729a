//! ICE, DTLS and the data channel of one endpoint behind one face.
//!
//! Call order: [`Transport::set_remote`], [`Transport::handle_stun`], [`Transport::handle_dtls`], [`Transport::on_authentic_media`],
//! [`Transport::send_text`] and [`Transport::on_wakeup`] change state; after each, drain [`Transport::poll`] until `None`, then ask
//! [`Transport::next_wakeup`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use jitsi_wire::jingle::IceUdpTransport;
use rand_chacha::ChaCha8Rng;

use super::identity::Identity;
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
    /// No path has consent any more.
    Consent,
    /// The DTLS handshake took longer than 30 s.
    HandshakeTimeout,
    /// The DTLS handshake broke off.
    Handshake,
    /// The peer's certificate is not the one it signalled.
    Fingerprint,
    /// The peer closed the DTLS association.
    ClosedByPeer,
}

/// What a transport hands out.
#[derive(Debug)]
pub enum TransportOutput {
    Transmit { path: Path, datagram: BytesMut },
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
#[derive(Debug)]
pub struct Transport {}

impl Transport {
    pub fn new(now: Instant, identity: &Arc<Identity>, params: LocalParams, rng: ChaCha8Rng, options: Options) -> Self {
        let _ = (now, identity, params, rng, options);
        Self {}
    }

    /// What the peer signalled; may come several times. An update without fingerprints keeps the known ones.
    pub fn set_remote(&mut self, now: Instant, remote: &IceUdpTransport) {
        let _ = (now, remote);
    }

    /// A STUN message whose USERNAME or path named this endpoint.
    pub fn handle_stun(&mut self, now: Instant, path: Path, message: &[u8]) -> StunVerdict {
        let _ = (now, path, message);
        StunVerdict::Rejected(Discard::Malformed)
    }

    /// A DTLS datagram from a path that is in the caller's table.
    pub fn handle_dtls(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        let _ = (now, path, datagram);
    }

    /// SRTP from this path authenticated.
    pub fn on_authentic_media(&mut self, now: Instant, path: Path) {
        let _ = (now, path);
    }

    /// Queues a text message for the data channel.
    pub fn send_text(&mut self, now: Instant, text: &str) -> Result<(), ChannelFull> {
        let _ = (now, text);
        Err(ChannelFull)
    }

    pub fn poll(&mut self, now: Instant) -> Option<TransportOutput> {
        let _ = now;
        None
    }

    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        None
    }

    pub fn on_wakeup(&mut self, now: Instant) {
        let _ = now;
    }

    /// Where media may be sent: validated in both directions, consent fresh.
    pub fn selected(&self) -> Option<Path> {
        None
    }

    /// Smoothed round trip time of the ICE checks.
    pub fn rtt(&self) -> Option<Duration> {
        None
    }

    /// The last authenticated sign of life: media or an answered check.
    pub fn last_activity(&self) -> Option<Instant> {
        None
    }

    /// Says goodbye to the peer (close_notify); drain [`Self::poll`] afterwards.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
    }
}
