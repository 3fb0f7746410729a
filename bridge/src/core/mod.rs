//! The pure bridge: orders and datagrams in, datagrams and events out.
//!
//! It reads no clock, opens nothing and spawns nothing; every method is told the time, outgoing datagrams go into a [`Sink`].
//!
//! **Call order.** [`Bridge::apply`], [`Bridge::on_datagram`], [`Bridge::open_channel`], [`Bridge::on_channel_text`],
//! [`Bridge::on_channel_closed`] and [`Bridge::on_wakeup`] change state. After one or a batch of them drain
//! [`Bridge::poll_event`] until `None`, then ask [`Bridge::next_wakeup`] how long to sleep.

pub mod allocate;
pub mod caller;
pub mod codec;
pub mod conference;
mod conferences;
pub mod connects;
pub mod demux;
pub mod egress;
pub mod endpoint;
pub mod grid;
pub mod ingress;
mod orders;
pub mod packet;
pub mod rtcp;
pub mod speaker;
pub mod srtp;
pub mod stats;
pub mod taps;
mod turn;

use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::ops::Add;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::control::{Command, Reply};
use allocate::Uplink;
use allocate::estimate::PathEstimate;
use conference::Conference;
use conferences::Conferences;
use connects::ConnectChange;
use demux::{Demux, Handle, Kind};
pub(crate) use endpoint::ice::ufrag_of;
use endpoint::identity::Identity;
use endpoint::transport::StunVerdict;
use ingress::history::MAX_BYTES;
use stats::{ConferenceReport, Gauges, Totals};
use turn::{Counters, Turn};

/// Where a datagram travelled: our own address and the peer's. Two paths of one peer differ in either part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    pub local: IpAddr,
    pub remote: SocketAddr,
}

/// Looked up for each datagram: in one piece, where the parts of addresses would be hashed one by one.
impl Hash for Path {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let port = u128::from(self.remote.port());
        match (self.local, self.remote.ip()) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                let addresses = u64::from(local.to_bits()) << 32 | u64::from(remote.to_bits());
                state.write_u128(u128::from(addresses) << 16 | port);
            }
            (local, remote) => [local, remote].into_iter().for_each(|ip| {
                let bits = match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
                    IpAddr::V6(ip) => ip.to_bits(),
                };
                state.write_u128(bits ^ port);
            }),
        }
    }
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
    /// Lost on the way to a receiver that nothing can be sent to again.
    NoRepair,
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
    /// What may be kept of one participant's video so that it can be sent again, over all its encodings. A second is of use; more is
    /// not kept.
    pub history_bytes: usize,
    /// Endpoints over all conferences; one more is refused.
    pub max_participants: usize,
    /// What one receiver may be sent at most, in bits per second of video payload.
    pub max_egress_bps: u64,
    /// What all receivers together may be sent, in bits per second; `None`: whatever each of their lines carries.
    pub uplink_bps: Option<u64>,
    /// Addresses of private networks are offered to everybody. If not, to those alone that can reach them by their own account.
    pub private_addresses: bool,
    /// Of several that talk at once so many are heard, in meetings of more than [`BridgeConfig::loudest_above`].
    pub loudest: usize,
    pub loudest_above: usize,
    /// Clients may tell what their line carries, up to so much, instead of having it estimated.
    pub assumed_bandwidth_limit: Option<u64>,
    /// Told to clients in `ServerHello`.
    pub version: Option<String>,
    /// First character of all ids of conferences and of all ufrags: bridges behind one port are told apart by it.
    pub tag: Option<char>,
}

impl Default for BridgeConfig {
    fn default() -> Self {
        Self {
            candidates: Vec::new(),
            websocket_base: None,
            server_id: "default-id".to_owned(),
            srtp_profiles: vec![srtp::Profile::AeadAes128Gcm, srtp::Profile::Aes128CmHmacSha1_80],
            history_bytes: 3 * MAX_BYTES,
            max_participants: 500,
            max_egress_bps: 20_000_000,
            uplink_bps: None,
            private_addresses: true,
            assumed_bandwidth_limit: None,
            loudest: 3,
            loudest_above: 20,
            version: None,
            tag: None,
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
    Srflx {
        base: IpAddr,
    },
}

/// One WebSocket that carries a bridge channel, numbered by whoever accepted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChannelId(pub u64);

/// The WebSocket may not become a bridge channel: unknown conference, unknown endpoint or wrong password, one answer for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such conference, endpoint or password")]
pub struct ChannelRefusal;

/// What goes first when a client does not read what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Numbers of others, repeated every few seconds.
    Statistics,
    /// What clients say to each other.
    Message,
    /// How things stand. It is never left out: a channel that has no room for it is to be closed, its successor is told all.
    State,
}

impl Importance {
    /// How far a queue may be filled with this.
    pub fn share_of(self, room: usize) -> usize {
        match self {
            Self::Statistics => room / 2,
            Self::Message => room / 4 * 3,
            Self::State => room,
        }
    }
}

/// What a bridge has to say besides datagrams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Reply(Reply),
    /// Send this text frame.
    ChannelText {
        id: ChannelId,
        text: Arc<str>,
        importance: Importance,
    },
    /// Close this WebSocket; it is forgotten here.
    ChannelClose {
        id: ChannelId,
        code: u16,
        reason: &'static str,
    },
    /// An endpoint that nobody expired is no more: its transport failed or it fell silent.
    EndpointGone {
        meeting_id: String,
        endpoint: String,
    },
    /// Where a conference is exported to changed.
    Connect {
        meeting_id: String,
        change: ConnectChange,
    },
    /// A conference is known no more, nor is what it was exported to.
    ConferenceOver {
        meeting_id: String,
    },
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
    /// A probe of a receiver's path goes on, or a receiver has not been heard of.
    Bandwidth,
    /// Dominant speaker decision.
    Speaker,
    /// A lower constraint has been stable long enough to tell the sender.
    Constraints,
    /// Somebody may have fallen silent, or nobody opened a channel.
    Connectivity,
    /// An empty conference may go.
    Sweep,
}

impl Wake {
    /// How much later it may be. While media flow, a packet wakes the thread in that time, and it need not be woken twice.
    pub fn slack(self) -> Duration {
        match self {
            Self::Nack | Self::Bandwidth => Duration::ZERO,
            _ => SLACK,
        }
    }
}

/// Little against what the others wait, which is tenths of a second.
const SLACK: Duration = Duration::from_millis(5);

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
    /// Bytes of packets that could be sent again now.
    pub kept_bytes: usize,
    /// Key frames asked of senders.
    pub key_frame_requests: u64,
    /// Receivers that would get more if their path carried it.
    pub limited: usize,
    /// What all receivers together may be sent by the estimates of their paths, in bits per second.
    pub estimated_bps: u64,
    /// Bytes of padding that probed paths.
    pub padding: u64,
    /// Datagrams from nowhere.
    pub strangers: u64,
    /// Everything else that was discarded.
    pub discarded: u64,
    pub totals: Totals,
}

impl Add for Stats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            conferences: self.conferences + other.conferences,
            endpoints: self.endpoints + other.endpoints,
            connected: self.connected + other.connected,
            datagrams_in: self.datagrams_in + other.datagrams_in,
            datagrams_out: self.datagrams_out + other.datagrams_out,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            forwarded: self.forwarded + other.forwarded,
            retransmitted: self.retransmitted + other.retransmitted,
            kept_bytes: self.kept_bytes + other.kept_bytes,
            key_frame_requests: self.key_frame_requests + other.key_frame_requests,
            limited: self.limited + other.limited,
            estimated_bps: self.estimated_bps + other.estimated_bps,
            padding: self.padding + other.padding,
            strangers: self.strangers + other.strangers,
            discarded: self.discarded + other.discarded,
            totals: self.totals + other.totals,
        }
    }
}

/// All conferences of one worker thread.
#[derive(Debug)]
pub struct Bridge {
    config: BridgeConfig,
    identity: Arc<Identity>,
    rng: ChaCha8Rng,
    /// Where abs-send-time counts from.
    epoch: Instant,
    conferences: Conferences,
    demux: Demux,
    channels: HashMap<ChannelId, Handle>,
    events: VecDeque<Event>,
    counters: Counters,
    uplink: Uplink,
    generation: u64,
    /// Participants of other bridges behind the same port.
    elsewhere: usize,
    shutting_down: bool,
    draining: bool,
    /// There may be conferences with a tap.
    tapped: bool,
}

impl Bridge {
    /// `seed` feeds every identifier and SSRC; `identity` is the certificate of all DTLS sessions.
    pub fn new(config: BridgeConfig, identity: Arc<Identity>, seed: [u8; 32], now: Instant) -> Self {
        Self {
            uplink: Uplink::new(config.uplink_bps),
            config,
            identity,
            rng: ChaCha8Rng::from_seed(seed),
            epoch: now,
            conferences: Conferences::default(),
            demux: Demux::default(),
            channels: HashMap::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            generation: 0,
            elsewhere: 0,
            shutting_down: false,
            draining: false,
            tapped: false,
        }
    }

    /// Carries out an order; the answer comes as [`Event::Reply`].
    pub fn apply(&mut self, now: Instant, command: Command, sink: &mut dyn Sink) {
        let Command { id, request, client_is_local } = command;
        let reply = match self.carry_out(now, &request, client_is_local, sink) {
            Ok(answer) => Reply::Done { id, answer },
            Err(refusal) => Reply::Refused { id, refusal },
        };
        self.events.push_back(Event::Reply(reply));
    }

    /// A datagram came in. It is decrypted in place.
    pub fn on_datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8], sink: &mut dyn Sink) {
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += datagram.len() as u64;
        let Some(kind) = demux::kind(datagram) else {
            self.counters.strangers += 1;
            return;
        };
        // A check says itself whom it is for; whatever else is for the owner of its path.
        let named = if kind == Kind::Stun { ufrag_of(datagram).map(|ufrag| self.demux.by_ufrag(ufrag)) } else { None };
        let Some(handle) = named.unwrap_or_else(|| self.demux.by_path(path)) else {
            self.counters.strangers += 1;
            return;
        };
        let Some((mut turn, conference)) = self.enter(now, handle, sink) else {
            return;
        };
        let place = handle.endpoint;
        match kind {
            Kind::Stun => {
                if let StunVerdict::Rejected(_) = conference.on_stun(&mut turn, place, path, datagram) {
                    turn.counters.discarded += 1;
                }
            }
            Kind::Dtls => conference.on_dtls(&mut turn, place, path, datagram),
            Kind::Rtp => conference.on_rtp(&mut turn, place, path, datagram),
            Kind::Rtcp => conference.on_rtcp(&mut turn, place, path, datagram),
        }
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
        let found = self.conferences.iter().flatten().find(|known| known.id == conference);
        let found = found.and_then(|known| known.get(known.find(endpoint)?));
        let handle = found.filter(|endpoint| endpoint.channel.is_password(pwd)).map(|endpoint| endpoint.handle);
        let handle = handle.ok_or(ChannelRefusal)?;
        self.channels.insert(id, handle);
        if let Some((mut turn, conference)) = self.enter(now, handle, sink) {
            conference.open_channel(&mut turn, handle.endpoint, id);
        }
        self.forget_closed_channels();
        Ok(())
    }

    /// A text frame came over an open channel.
    pub fn on_channel_text(&mut self, now: Instant, id: ChannelId, text: &str, sink: &mut dyn Sink) {
        let Some(handle) = self.channels.get(&id).copied() else {
            return;
        };
        if let Some((mut turn, conference)) = self.enter(now, handle, sink) {
            conference.on_text(&mut turn, handle.endpoint, text, false);
            conference.settle(&mut turn);
        }
    }

    /// The WebSocket is gone.
    pub fn on_channel_closed(&mut self, _now: Instant, id: ChannelId) {
        let Some(handle) = self.channels.remove(&id) else {
            return;
        };
        let conference = self.conferences.get_mut(handle.conference).and_then(Option::as_mut);
        let conference = conference.filter(|conference| conference.holds(handle));
        if let Some(endpoint) = conference.and_then(|conference| conference.get_mut(handle.endpoint)) {
            endpoint.channel.close_websocket(id);
        }
    }

    /// The time that [`Self::next_wakeup`] named has come (or passed).
    pub fn on_wakeup(&mut self, now: Instant, sink: &mut dyn Sink) {
        for place in 0..self.conferences.len() {
            if self.conferences.wakeup(place).is_some_and(|(at, _)| at <= now)
                && let Some((mut turn, conference)) = self.enter_conference(now, place, sink)
            {
                conference.on_wakeup(&mut turn);
                if conference.is_over(now) {
                    self.end_conference(now, place, sink);
                }
            }
        }
        self.forget_closed_channels();
    }

    /// When to call [`Self::on_wakeup`], and why. `None`: nothing is under way.
    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        self.conferences.next_wakeup()
    }

    /// The next event; drain until `None` after every change.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// From now on [`Self::poll_path`] tells whose paths these are.
    pub fn watch_paths(&mut self) {
        self.demux.watch();
    }

    /// A path that belongs to somebody here from now on (`true`), or no more.
    pub fn poll_path(&mut self) -> Option<(Path, bool)> {
        self.demux.poll_change()
    }

    /// Everybody in all conferences.
    pub fn participants(&self) -> usize {
        self.conferences.iter().flatten().map(Conference::len).sum()
    }

    /// There is a conference of this meeting.
    pub fn has_meeting(&self, meeting_id: &str) -> bool {
        self.conferences.iter().flatten().any(|conference| conference.meeting_id == meeting_id)
    }

    /// So many are with other bridges behind the same port: the limit of participants counts them, and the line is shared with them.
    pub fn set_elsewhere(&mut self, participants: usize) {
        self.elsewhere = participants;
        let (own, all) = (self.participants() as u64, (self.participants() + participants) as u64);
        if own > 0 {
            self.uplink.set_line(self.config.uplink_bps.map(|bps| bps / all * own));
        }
    }

    /// Tells every client goodbye (close_notify, WebSocket 1001) and refuses new conferences from now on.
    pub fn shut_down(&mut self, now: Instant, sink: &mut dyn Sink) {
        self.shutting_down = true;
        for place in 0..self.conferences.len() {
            self.end_conference(now, place, sink);
        }
    }

    /// Whether new conferences are refused, while those that run go on.
    pub fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// New list of addresses, for endpoints created from now on.
    pub fn set_candidates(&mut self, candidates: Vec<LocalCandidate>) {
        self.config.candidates = candidates;
    }

    /// What is known of the path to one receiver.
    pub fn path_of(&self, meeting_id: &str, endpoint: &str) -> Option<PathEstimate> {
        let conference = self.conferences.iter().flatten().find(|known| known.meeting_id == meeting_id)?;
        conference.get(conference.find(endpoint)?)?.leg.bandwidth.describe()
    }

    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        let mut stats = Stats {
            conferences: self.conferences.iter().flatten().count(),
            datagrams_in: counters.datagrams_in,
            bytes_in: counters.bytes_in,
            forwarded: counters.forwarded,
            retransmitted: counters.retransmitted,
            key_frame_requests: counters.key_frame_requests,
            strangers: counters.strangers,
            discarded: counters.discarded,
            datagrams_out: counters.datagrams_out,
            bytes_out: counters.bytes_out,
            totals: counters.totals,
            padding: counters.padding,
            ..Stats::default()
        };
        for (_, endpoint) in self.conferences.iter().flatten().flat_map(Conference::endpoints) {
            stats.endpoints += 1;
            stats.connected += usize::from(endpoint.leg.has_keys());
            stats.discarded += endpoint.discarded;
            stats.datagrams_out += endpoint.leg.datagrams;
            stats.bytes_out += endpoint.leg.bytes;
            stats.padding += endpoint.leg.padding;
            if let Some(path) = endpoint.leg.bandwidth.describe() {
                stats.estimated_bps += path.bps;
                stats.limited += usize::from(path.wanted_bps > path.bps);
            }
            let encodings = endpoint.sources.iter().flat_map(|source| &source.encodings);
            stats.kept_bytes += encodings.map(|encoding| encoding.history.bytes()).sum::<usize>();
        }
        stats
    }

    /// How it stands now.
    pub fn gauges(&self, now: Instant) -> Gauges {
        Gauges { draining: self.draining, ..stats::gauges(now, self.conferences.iter().flatten()) }
    }

    /// Everybody in all conferences.
    pub fn report(&self, now: Instant) -> Vec<ConferenceReport> {
        self.conferences.iter().flatten().map(|conference| stats::report(now, conference)).collect()
    }

    /// Installs SRTP keys and a path as if ICE and DTLS had agreed on them, for tests and benches that drive media alone. False if
    /// there is no such endpoint.
    #[doc(hidden)]
    pub fn install_keys(
        &mut self,
        now: Instant,
        meeting_id: &str,
        endpoint: &str,
        keys: &srtp::Keys,
        path: Path,
        sink: &mut dyn Sink,
    ) -> bool {
        let found = self.conferences.iter().flatten().find(|known| known.meeting_id == meeting_id);
        let Some(handle) = found.and_then(|known| Some(known.get(known.find(endpoint)?)?.handle)) else {
            return false;
        };
        self.demux.insert_path(path, handle);
        let Some((mut turn, conference)) = self.enter(now, handle, sink) else {
            return false;
        };
        conference.install_keys(&mut turn, handle.endpoint, keys, path);
        true
    }

    /// A sign of life of an endpoint whose keys were installed, for tests that last longer than the patience with the silent.
    #[doc(hidden)]
    pub fn show_life(&mut self, now: Instant, meeting_id: &str, endpoint: &str) {
        let is_meant = |known: &Option<Conference>| known.as_ref().is_some_and(|known| known.meeting_id == meeting_id);
        let place = self.conferences.iter().position(is_meant);
        if let Some(conference) = place.and_then(|place| self.conferences.get_mut(place)?.as_mut())
            && let Some(endpoint) = conference.find(endpoint).and_then(|place| conference.get_mut(place))
        {
            endpoint.transport.show_life(now);
        }
    }

    /// Entries of all tables, for tests of residue.
    #[doc(hidden)]
    pub fn residue(&self) -> usize {
        self.demux.len() + self.channels.len() + self.conferences.iter().flatten().count()
    }

    fn enter<'a>(
        &'a mut self,
        now: Instant,
        handle: Handle,
        sink: &'a mut dyn Sink,
    ) -> Option<(Turn<'a>, &'a mut Conference)> {
        self.enter_conference(now, handle.conference, sink).filter(|(_, conference)| conference.holds(handle))
    }

    fn enter_conference<'a>(
        &'a mut self,
        now: Instant,
        place: usize,
        sink: &'a mut dyn Sink,
    ) -> Option<(Turn<'a>, &'a mut Conference)> {
        let conference = self.conferences.get_mut(place)?.as_mut()?;
        let (events, demux, counters) = (&mut self.events, &mut self.demux, &mut self.counters);
        Some((Turn { now, sink, events, demux, counters, uplink: &mut self.uplink }, conference))
    }

    fn end_conference(&mut self, now: Instant, place: usize, sink: &mut dyn Sink) {
        if let Some((mut turn, conference)) = self.enter_conference(now, place, sink) {
            conference.clear(&mut turn);
        }
        if let Some(over) = self.conferences.get_mut(place).and_then(Option::take) {
            self.counters.totals.conferences_completed += 1;
            self.counters.totals.conference_seconds += now.saturating_duration_since(over.created).as_secs();
            self.events.push_back(Event::ConferenceOver { meeting_id: over.meeting_id });
        }
        self.forget_closed_channels();
    }

    /// Drops the ids of WebSockets that are being closed.
    fn forget_closed_channels(&mut self) {
        for event in &self.events {
            if let Event::ChannelClose { id, .. } = event {
                self.channels.remove(id);
            }
        }
    }
}
