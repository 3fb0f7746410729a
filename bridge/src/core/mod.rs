//! The pure bridge: orders and datagrams in, datagrams and events out.
//!
//! It reads no clock, opens nothing and spawns nothing; every method is told the time, outgoing datagrams go into a [`Sink`].
//!
//! **Call order.** [`Bridge::apply`], [`Bridge::on_datagram`], [`Bridge::open_channel`], [`Bridge::on_channel_text`],
//! [`Bridge::on_channel_closed`] and [`Bridge::on_wakeup`] change state. After one or a batch of them drain
//! [`Bridge::poll_event`] until `None`, then ask [`Bridge::next_wakeup`] how long to sleep.

pub mod allocate;
pub mod codec;
pub mod conference;
pub mod demux;
pub mod egress;
pub mod endpoint;
pub mod ingress;
pub mod packet;
pub mod rtcp;
pub mod speaker;
pub mod srtp;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use crate::control::{Command, Reply};
use endpoint::identity::Identity;

/// Where a datagram travelled: our own address and the peer's. Two paths of one peer differ in either part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    pub local: IpAddr,
    pub remote: SocketAddr,
}

/// Where outgoing datagrams go: fill the slot, then commit it. The shell batches, tests collect.
pub trait Sink {
    /// Room for one datagram, at least 1500 bytes.
    fn slot(&mut self) -> &mut [u8];
    /// The first `len` bytes of the slot are a datagram for `path`.
    fn commit(&mut self, path: Path, len: usize);
}

/// Why a packet went no further; counted for each endpoint, never text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discard {
    Malformed,
    UnknownPath,
    UnknownSsrc,
    NoKeys,
    BadTag,
    Replay,
    TooOld,
    NotWanted,
    Muted,
    TooLarge,
}

/// What a bridge is told once. Plain data.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// Addresses at which this bridge can be reached, in the order of preference.
    pub candidates: Vec<LocalCandidate>,
    /// Origin of the bridge channel, for instance `wss://bridge.example`. `None`: the answer holds a reference relative to the
    /// origin that the client used for signaling.
    pub websocket_base: Option<String>,
    /// Third part of a bridge channel's URL (`/colibri-ws/SERVER-ID/...`); whoever accepts the WebSocket compares it.
    pub server_id: String,
    /// SRTP profiles, most wanted first.
    pub srtp_profiles: Vec<srtp::Profile>,
    /// Endpoints over all conferences; one more is refused.
    pub max_participants: usize,
    /// What one receiver may be sent at most, in bits per second of video payload.
    pub max_egress_bps: u64,
    /// Told to clients in `ServerHello`.
    pub version: Option<String>,
}

impl Default for BridgeConfig {
    fn default() -> Self {
        Self {
            candidates: Vec::new(),
            websocket_base: None,
            server_id: "default-id".to_owned(),
            srtp_profiles: vec![srtp::Profile::AeadAes128Gcm, srtp::Profile::Aes128CmHmacSha1_80],
            max_participants: 500,
            max_egress_bps: 20_000_000,
            version: None,
        }
    }
}

/// An address that clients are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCandidate {
    pub ip: IpAddr,
    pub port: u16,
    pub kind: CandidateKind,
    /// Offered only to clients that came over loopback.
    pub loopback: bool,
}

/// Host address, or the public face of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateKind {
    Host,
    /// A router maps `base` to this address (static mapping or learned by STUN).
    Srflx { base: IpAddr },
}

/// One WebSocket that carries a bridge channel, numbered by whoever accepted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChannelId(pub u64);

/// The WebSocket may not become a bridge channel: unknown conference, unknown endpoint or wrong password, one answer for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such conference, endpoint or password")]
pub struct ChannelRefusal;

/// What a bridge has to say besides datagrams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Reply(Reply),
    /// Send this text frame.
    ChannelText { id: ChannelId, text: Arc<str> },
    /// Close this WebSocket; it is forgotten here.
    ChannelClose { id: ChannelId, code: u16, reason: &'static str },
    /// An endpoint that nobody expired is no more: its transport failed or it fell silent.
    EndpointGone { meeting_id: String, endpoint: String },
}

/// Why a bridge wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// ICE, DTLS or SCTP of an endpoint.
    Transport(endpoint::transport::Wake),
    /// Missing packets are to be asked for.
    Nack,
    /// Transport-wide feedback is due.
    Feedback,
    /// Receiver reports are due.
    ReceiverReport,
    /// Sender reports are due.
    SenderReport,
    /// A key frame was asked for and did not come.
    KeyFrame,
    /// Dominant speaker decision.
    Speaker,
    /// A lower constraint has been stable long enough to tell the sender.
    Constraints,
    /// Somebody may have fallen silent, or nobody opened a channel.
    Connectivity,
    /// An empty conference may go.
    Sweep,
}

/// Numbers of the whole bridge, copied out by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    pub conferences: usize,
    pub endpoints: usize,
    /// Endpoints with media keys.
    pub connected: usize,
    pub datagrams_in: u64,
    pub datagrams_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// RTP packets that went to a receiver.
    pub forwarded: u64,
    /// Packets sent again because a receiver missed them.
    pub retransmitted: u64,
    /// Key frames asked of senders.
    pub key_frame_requests: u64,
    /// Datagrams from nowhere.
    pub strangers: u64,
    /// Everything else that was discarded.
    pub discarded: u64,
}

/// All conferences of one worker thread.
#[derive(Debug)]
pub struct Bridge {}

impl Bridge {
    /// `seed` feeds every identifier and SSRC; `identity` is the certificate of all DTLS sessions.
    pub fn new(config: BridgeConfig, identity: Arc<Identity>, seed: [u8; 32], now: Instant) -> Self {
        let _ = (config, identity, seed, now);
        Self {}
    }

    /// Carries out an order; the answer comes as [`Event::Reply`].
    pub fn apply(&mut self, now: Instant, command: Command, sink: &mut dyn Sink) {
        let _ = (now, command, sink);
    }

    /// A datagram came in. It is decrypted in place.
    pub fn on_datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8], sink: &mut dyn Sink) {
        let _ = (now, path, datagram, sink);
    }

    /// A WebSocket asks to be the bridge channel of an endpoint. It replaces an older one.
    pub fn open_channel(
        &mut self,
        now: Instant,
        conference: &str,
        endpoint: &str,
        pwd: &str,
        id: ChannelId,
        sink: &mut dyn Sink,
    ) -> Result<(), ChannelRefusal> {
        let _ = (now, conference, endpoint, pwd, id, sink);
        Err(ChannelRefusal)
    }

    /// A text frame came over an open channel.
    pub fn on_channel_text(&mut self, now: Instant, id: ChannelId, text: &str, sink: &mut dyn Sink) {
        let _ = (now, id, text, sink);
    }

    /// The WebSocket is gone.
    pub fn on_channel_closed(&mut self, now: Instant, id: ChannelId) {
        let _ = (now, id);
    }

    /// The time that [`Self::next_wakeup`] named has come (or passed).
    pub fn on_wakeup(&mut self, now: Instant, sink: &mut dyn Sink) {
        let _ = (now, sink);
    }

    /// When to call [`Self::on_wakeup`], and why. `None`: nothing is under way.
    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        None
    }

    /// The next event; drain until `None` after every change.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Tells every client goodbye (close_notify, WebSocket 1001) and refuses new conferences from now on.
    pub fn shut_down(&mut self, now: Instant, sink: &mut dyn Sink) {
        let _ = (now, sink);
    }

    /// New list of addresses, for endpoints created from now on.
    pub fn set_candidates(&mut self, candidates: Vec<LocalCandidate>) {
        let _ = candidates;
    }

    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}
