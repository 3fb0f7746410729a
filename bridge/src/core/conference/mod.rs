//! One meeting: who is in it, who gets what.
//!
//! A packet's way is in `media`, reports and requests in `feedback`, who gets what in `fanout` and `allocation`, the bridge
//! channel's words in `messages`, who is alive in `presence`, who is shown at which place of a client that is told so in `slots`.

mod allocation;
mod fanout;
mod feedback;
mod media;
mod messages;
mod presence;
mod slots;
mod stage;
mod tap;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::connects::Connects;
use super::demux::Handle;
use super::egress::MAX_INITIAL;
use super::endpoint::Endpoint;
use super::endpoint::source::Source;
use super::endpoint::transport::{TransportFailure, TransportOutput};
use super::grid::Grid;
use super::packet::{Seq, Ssrc};
use super::speaker::Speakers;
use super::turn::Turn;
use super::{ChannelId, Event, Path, Wake};
use tap::Tap;

/// A conference that nobody is in any more goes after this time (bridge of Jitsi: swept every minute).
const EMPTY: Duration = Duration::from_secs(20);

/// One meeting.
#[derive(Debug)]
pub struct Conference {
    /// The focus' name for it.
    pub meeting_id: String,
    /// Our own name for it, part of channel URLs.
    pub id: String,
    pub created: Instant,
    place: usize,
    grid: Grid,
    endpoints: Vec<Option<Box<Endpoint>>>,
    /// By endpoint: when it wants to be woken.
    deadlines: Vec<Option<(Instant, Wake)>>,
    /// Endpoints by speech, the dominant one first.
    order: Vec<usize>,
    /// Those that have ever been dominant, newest first.
    spoke: Vec<usize>,
    speakers: Speakers<u64>,
    /// With more people than this only the loudest are heard.
    loudest_above: usize,
    /// SSRC of everything that the bridge itself says.
    pub video_ssrc: Ssrc,
    pub audio_ssrc: Ssrc,
    serial: u64,
    rng: ChaCha8Rng,
    max_egress_bps: u64,
    assumed_bandwidth_limit: Option<u64>,
    version: Option<String>,
    empty_since: Option<Instant>,
    /// Somebody came, left or changed sources.
    connections_stale: bool,
    /// Somebody wants something else, or sends something else.
    allocation_stale: bool,
    /// When the allocation was last decided.
    allocated: Instant,
    /// What nobody could exceed then.
    uplink_level: Option<u64>,
    /// Ids of endpoints that everybody was told are inactive; outlives the endpoint.
    inactive: BTreeSet<String>,
    next_check: Option<Instant>,
    next_announcement: Option<Instant>,
    /// When the new dominant speaker (by generation) is asked for a key frame that receivers are about to need.
    key_frame_ahead: Option<(Instant, u64)>,
    /// Where it is exported to.
    pub connects: Connects,
    /// Whoever gets it in the clear.
    taps: Vec<Tap>,
}

/// What makes a conference.
#[derive(Debug)]
pub struct Making {
    pub meeting_id: String,
    pub id: String,
    pub place: usize,
    pub grid: Grid,
    pub rng: ChaCha8Rng,
    pub max_egress_bps: u64,
    pub assumed_bandwidth_limit: Option<u64>,
    pub loudest: usize,
    pub loudest_above: usize,
    pub version: Option<String>,
}

impl Conference {
    pub fn new(now: Instant, making: Making) -> Self {
        let mut rng = making.rng;
        Self {
            meeting_id: making.meeting_id,
            id: making.id,
            created: now,
            place: making.place,
            grid: making.grid,
            endpoints: Vec::new(),
            deadlines: Vec::new(),
            order: Vec::new(),
            spoke: Vec::new(),
            speakers: Speakers::new(now, making.loudest),
            loudest_above: making.loudest_above,
            video_ssrc: Ssrc(rng.next_u32()),
            audio_ssrc: Ssrc(rng.next_u32()),
            serial: 0,
            rng,
            max_egress_bps: making.max_egress_bps,
            assumed_bandwidth_limit: making.assumed_bandwidth_limit,
            version: making.version,
            empty_since: Some(now),
            connections_stale: false,
            allocation_stale: false,
            allocated: now,
            uplink_level: None,
            inactive: BTreeSet::new(),
            next_check: None,
            next_announcement: None,
            key_frame_ahead: None,
            connects: Connects::default(),
            taps: Vec::new(),
        }
    }

    /// Where the bridge keeps it.
    pub fn place(&self) -> usize {
        self.place
    }

    /// The place that the next endpoint takes.
    pub fn next_place(&self) -> usize {
        self.endpoints.iter().position(Option::is_none).unwrap_or(self.endpoints.len())
    }

    /// Takes an endpoint in, at the place its handle names.
    pub fn insert(&mut self, now: Instant, endpoint: Endpoint) {
        let place = endpoint.handle.endpoint;
        if place >= self.endpoints.len() {
            self.endpoints.resize_with(place + 1, || None);
            self.deadlines.resize(place + 1, None);
        }
        if let Some(slot) = self.endpoints.get_mut(place) {
            *slot = Some(Box::new(endpoint));
        }
        self.order.push(place);
        self.empty_since = None;
        self.connections_stale = true;
        self.watch_newcomer(now);
    }

    /// Ends an endpoint: says goodbye, forgets everything that points to it.
    pub fn remove(&mut self, turn: &mut Turn<'_>, place: usize) {
        if let Some(endpoint) = self.get_mut(place) {
            endpoint.transport.close(turn.now);
        }
        self.drain(turn, place);
        let Some(endpoint) = self.endpoints.get_mut(place).and_then(Option::take) else {
            return;
        };
        if let Some(id) = endpoint.channel.websocket() {
            turn.events.push_back(Event::ChannelClose { id, code: 1001, reason: "endpoint closed" });
        }
        turn.demux.remove_endpoint(endpoint.handle);
        turn.uplink.remove(endpoint.handle.generation);
        turn.counters.discarded += endpoint.discarded;
        turn.counters.datagrams_out += endpoint.leg.datagrams;
        turn.counters.bytes_out += endpoint.leg.bytes;
        turn.counters.padding += endpoint.leg.padding;
        if let Some(deadline) = self.deadlines.get_mut(place) {
            *deadline = None;
        }
        self.order.retain(|other| *other != place);
        self.speakers.remove(endpoint.handle.generation);
        let was_listed = self.spoke.contains(&place);
        self.spoke.retain(|other| *other != place);
        if was_listed {
            self.tell_speakers(turn);
        }
        if self.is_empty() {
            self.empty_since = Some(turn.now);
        }
        self.connections_stale = true;
    }

    /// Ends all endpoints.
    pub fn clear(&mut self, turn: &mut Turn<'_>) {
        for place in 0..self.endpoints.len() {
            self.remove(turn, place);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Nobody has been here for long enough.
    pub fn is_over(&self, now: Instant) -> bool {
        self.empty_since.is_some_and(|since| now.saturating_duration_since(since) >= EMPTY)
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.endpoints().find(|(_, endpoint)| *endpoint.id == *id).map(|(place, _)| place)
    }

    /// The endpoint that a handle means, unless another has its place by now.
    pub fn holds(&self, handle: Handle) -> bool {
        self.get(handle.endpoint).is_some_and(|endpoint| endpoint.handle == handle)
    }

    pub fn get(&self, place: usize) -> Option<&Endpoint> {
        self.endpoints.get(place).and_then(Option::as_deref)
    }

    pub fn get_mut(&mut self, place: usize) -> Option<&mut Endpoint> {
        self.endpoints.get_mut(place).and_then(Option::as_deref_mut)
    }

    pub fn endpoints(&self) -> impl Iterator<Item = (usize, &Endpoint)> {
        self.endpoints.iter().enumerate().filter_map(|(place, endpoint)| Some((place, endpoint.as_deref()?)))
    }

    /// Media descriptions, sources or mute of an endpoint changed.
    pub fn on_described(&mut self) {
        self.connections_stale = true;
        self.allocation_stale = true;
    }

    /// Replaces the sources of an endpoint.
    pub fn set_sources(&mut self, place: usize, sources: &[jitsi_wire::colibri2::MediaSource]) {
        let mut serial = self.serial;
        if let Some(endpoint) = self.get_mut(place) {
            endpoint.set_sources(sources, &mut serial);
        }
        self.serial = serial;
        self.connections_stale = true;
    }

    /// A STUN message for this endpoint.
    pub fn on_stun(
        &mut self,
        turn: &mut Turn<'_>,
        place: usize,
        path: Path,
        message: &[u8],
    ) -> super::endpoint::transport::StunVerdict {
        use super::endpoint::transport::StunVerdict;
        let Some(endpoint) = self.get_mut(place) else {
            return StunVerdict::Rejected(super::Discard::UnknownPath);
        };
        let verdict = endpoint.transport.handle_stun(turn.now, path, message);
        if verdict == StunVerdict::Authenticated {
            turn.demux.insert_path(path, endpoint.handle);
        }
        self.drain(turn, place);
        self.on_sign_of_life(turn.now, place);
        self.settle(turn);
        verdict
    }

    /// A DTLS datagram from a path of this endpoint.
    pub fn on_dtls(&mut self, turn: &mut Turn<'_>, place: usize, path: Path, datagram: &[u8]) {
        if let Some(endpoint) = self.get_mut(place) {
            endpoint.transport.handle_dtls(turn.now, path, datagram);
        }
        self.drain(turn, place);
        self.settle(turn);
    }

    /// Carries out what the transport of an endpoint says.
    pub fn drain(&mut self, turn: &mut Turn<'_>, place: usize) {
        while let Some(output) = self.get_mut(place).and_then(|endpoint| endpoint.transport.poll(turn.now)) {
            self.on_transport(turn, place, output);
        }
        if let Some(endpoint) = self.get_mut(place) {
            let path = endpoint.transport.selected();
            if endpoint.leg.set_path(turn.now, path) {
                endpoint.egress.iter_mut().for_each(|egress| egress.patience.forgive());
                self.allocation_stale = true;
            }
        }
        self.refresh_deadline(place);
        self.pay_what_is_owed(turn, place);
    }

    fn on_transport(&mut self, turn: &mut Turn<'_>, place: usize, output: TransportOutput) {
        let Some(endpoint) = self.endpoints.get_mut(place).and_then(Option::as_deref_mut) else {
            return;
        };
        match output {
            TransportOutput::Transmit { path, datagram } => transmit(turn, path, &datagram),
            TransportOutput::Connected => {
                turn.counters.totals.ice_succeeded += 1;
                tracing::debug!(endpoint = %endpoint.id, "connected");
            }
            TransportOutput::SrtpReady(keys) => {
                endpoint.set_keys(turn.now, &keys);
                self.on_keys(turn.now);
            }
            TransportOutput::ChannelOpen => {
                endpoint.channel.set_data_channel(true);
                self.greet(turn, place, false);
            }
            TransportOutput::ChannelText(text) => self.on_text(turn, place, &text, true),
            TransportOutput::ChannelClosed => endpoint.channel.set_data_channel(false),
            TransportOutput::PathGone(path) => turn.demux.remove_path(path, endpoint.handle),
            TransportOutput::UfragGone(ufrag) => turn.demux.remove_ufrag(&ufrag, endpoint.handle),
            // The client may come back on another path; if it does not, it expires as silent.
            TransportOutput::Failed(TransportFailure::Consent) => {}
            TransportOutput::Failed(failure) => {
                tracing::debug!(endpoint = %endpoint.id, ?failure, "transport failed");
                turn.counters.totals.dtls_failed += 1;
                endpoint.failed = true;
            }
        }
    }

    /// See [`super::Bridge::install_keys`].
    pub(super) fn install_keys(&mut self, turn: &mut Turn<'_>, place: usize, keys: &super::srtp::Keys, path: Path) {
        if let Some(endpoint) = self.get_mut(place) {
            endpoint.set_keys(turn.now, keys);
            endpoint.leg.pin_path(path);
        }
        self.on_keys(turn.now);
        self.settle(turn);
    }

    /// Keys for media are there: connect what waited for them.
    fn on_keys(&mut self, now: Instant) {
        self.connections_stale = true;
        self.watch_silent_channel(now);
    }

    /// Does what the inputs so far made necessary. Ends every turn that can have changed more than packets.
    pub fn settle(&mut self, turn: &mut Turn<'_>) {
        self.drop_failed(turn);
        if std::mem::take(&mut self.connections_stale) {
            self.connect(turn.now);
            self.allocation_stale = true;
        }
        if std::mem::take(&mut self.allocation_stale) {
            self.reallocate(turn);
        }
    }

    fn drop_failed(&mut self, turn: &mut Turn<'_>) {
        for place in 0..self.endpoints.len() {
            if self.get(place).is_some_and(|endpoint| endpoint.failed) {
                self.lose(turn, place);
            }
        }
    }

    /// An endpoint goes although nobody ordered it.
    fn lose(&mut self, turn: &mut Turn<'_>, place: usize) {
        let Some(id) = self.get(place).map(|endpoint| endpoint.id.to_string()) else {
            return;
        };
        self.remove(turn, place);
        turn.events.push_back(Event::EndpointGone { meeting_id: self.meeting_id.clone(), endpoint: id });
    }

    /// A WebSocket becomes the channel of this endpoint.
    pub fn open_channel(&mut self, turn: &mut Turn<'_>, place: usize, id: ChannelId) {
        let replaced = self.get_mut(place).and_then(|endpoint| endpoint.channel.open_websocket(id));
        if let Some(id) = replaced {
            turn.events.push_back(Event::ChannelClose { id, code: 1000, reason: "replaced" });
        }
        self.greet(turn, place, true);
        self.settle(turn);
    }

    /// When this conference wants to be woken.
    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let own = [
            self.speakers.next_wakeup().map(|(at, _)| (at, Wake::Speaker)),
            self.next_check.map(|at| (at, Wake::Connectivity)),
            self.next_announcement.map(|at| (at, Wake::Constraints)),
            self.empty_since.map(|since| (since + EMPTY, Wake::Sweep)),
            self.key_frame_ahead.map(|(at, _)| (at, Wake::KeyFrame)),
        ];
        let all = own.into_iter().chain(self.deadlines.iter().copied());
        all.flatten().min_by_key(|(at, _)| *at)
    }

    /// Does everything that is due.
    pub fn on_wakeup(&mut self, turn: &mut Turn<'_>) {
        for place in 0..self.endpoints.len() {
            let due = self.deadlines.get(place).copied().flatten().is_some_and(|(at, _)| at <= turn.now);
            if due {
                self.wake_endpoint(turn, place);
            }
        }
        if self.speakers.next_wakeup().is_some_and(|(at, _)| at <= turn.now)
            && let Some(dominant) = self.speakers.on_wakeup(turn.now)
        {
            self.on_dominant(turn, dominant);
        }
        if let Some((_, generation)) = self.key_frame_ahead.take_if(|(at, _)| *at <= turn.now) {
            self.ask_ahead(turn, generation);
        }
        if self.next_check.is_some_and(|at| at <= turn.now) {
            self.check_presence(turn);
        }
        if self.next_announcement.is_some_and(|at| at <= turn.now) {
            self.allocation_stale = true;
        }
        self.settle(turn);
    }

    fn wake_endpoint(&mut self, turn: &mut Turn<'_>, place: usize) {
        let sender = self.video_ssrc;
        if let Some(endpoint) = self.get_mut(place) {
            if endpoint.transport.next_wakeup().is_some_and(|(at, _)| at <= turn.now) {
                endpoint.transport.on_wakeup(turn.now);
            }
            turn.counters.key_frame_requests += endpoint.on_wakeup(turn.now, sender, turn.sink);
        }
        self.follow_estimate(turn, place);
        self.send_sender_reports(turn, place);
        self.drain(turn, place);
    }

    /// Asks the endpoint again when it wants to be woken.
    fn refresh_deadline(&mut self, place: usize) {
        let deadline = self.get(place).and_then(Endpoint::next_wakeup);
        if let Some(slot) = self.deadlines.get_mut(place) {
            *slot = deadline;
        }
    }

    /// Wakes the endpoint at `at` or before.
    fn wake_by(&mut self, place: usize, at: Instant, why: Wake) {
        if let Some(slot) = self.deadlines.get_mut(place)
            && slot.is_none_or(|(earliest, _)| at < earliest)
        {
            *slot = Some((at, why));
        }
    }

    fn source(&self, owner: usize, source: usize) -> Option<&Source> {
        self.get(owner)?.sources.get(source)
    }

    /// A random first sequence number.
    fn initial_of(rng: &mut ChaCha8Rng) -> Seq {
        let [low, high, ..] = rng.next_u32().to_le_bytes();
        Seq(u16::from_le_bytes([low, high]) % MAX_INITIAL)
    }
}

/// Sends a datagram that a transport made.
fn transmit(turn: &mut Turn<'_>, path: Path, datagram: &[u8]) {
    if let Some(room) = turn.sink.slot().get_mut(..datagram.len()) {
        room.copy_from_slice(datagram);
        turn.sink.commit(path, datagram.len());
        turn.counters.datagrams_out += 1;
        turn.counters.bytes_out += datagram.len() as u64;
    }
}
