//! One browser: its transport, its keys, how its media is numbered, what it sends ([`source`]) and what it gets
//! ([`crate::core::egress`]).

pub(crate) mod agents;
pub mod anchor;
pub mod channel;
pub mod description;
pub mod dtls;
mod earliest;
pub mod encoding;
pub mod ice;
pub mod identity;
pub mod limit;
pub mod numbering;
pub mod rate;
pub mod sctp;
pub mod source;
pub mod transport;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jitsi_wire::bridge_channel::{AudioSubscription, VideoType};
use jitsi_wire::colibri2::{ForceMute, MediaDescription, MediaSource};
use jitsi_wire::jingle::MediaKind;

use self::anchor::Anchor;
use self::channel::Channel;
use self::description::Description;
use self::limit::Bucket;
use self::source::{Context, Placed, Source};
use self::transport::Transport;
use super::allocate::{Budget, Settings};
use super::codec::Codec;
use super::demux::Handle;
use super::egress::leg::{Leg, Padding};
use super::egress::slots::Slots;
use super::egress::{Egress, Ended};
use super::ingress::twcc::ArrivalLog;
use super::packet::{AudioLevel, RtpHeader, Seq, Ssrc};
use super::srtp::{self, Keys};
use super::{Discard, Path, Sink, Wake};

/// A client that is told of a source needs about as long to make a place for it as it took to answer its invitation, between these
/// bounds. Firefox lends what comes earlier to the place that its payload type fits, and never gives it back; gst-meet drops the
/// stream for good.
const MIN_INTRODUCTION: Duration = Duration::from_millis(500);
const MAX_INTRODUCTION: Duration = Duration::from_secs(2);
/// Receiver reports: every second one tells about audio as well (RFC 3550 6.2 asks for far less).
const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// Sources that one endpoint may have.
pub const MAX_SOURCES: usize = 20;
/// Outgoing streams for which room is made at a time.
const MORE_EGRESS: usize = 6;
/// Types of sources that are not signalled yet.
const MAX_EARLY_TYPES: usize = 20;
/// Retransmissions that one receiver may have: a quarter of a fast line, and a burst to fill one second's holes.
const RESEND_PER_SECOND: f64 = 400_000.0;
const RESEND_BURST: f64 = 400_000.0;
/// Where the path is known to carry less: this share of it, and a burst of one second.
const RESEND_SHARE: f64 = 0.25;
/// Padding without an RTX stream goes under the bridge's own SSRC, behind what [`anchor`] says there.
const FIRST_PADDING: Seq = Seq(1000);
/// Ended streams that are remembered: a client that comes back with its old SSRCs goes on where it ended.
const MAX_RETIRED: usize = 256;
/// Blocks of one receiver report.
const MAX_BLOCKS: usize = 31;

/// What an SSRC of this endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    pub source: usize,
    pub encoding: u8,
    pub rtx: bool,
}

/// One participant.
#[derive(Debug)]
pub struct Endpoint {
    pub handle: Handle,
    pub id: Arc<str>,
    pub created: Instant,
    pub transport: Transport,
    pub leg: Leg,
    inbound: Option<srtp::Inbound>,
    pub description: Description,
    /// Addresses of private networks are for this client to know.
    pub private_addresses: bool,
    /// Streams from and to this endpoint must be described anew.
    pub description_changed: bool,
    /// The sources of the others have been looked at; the client's invitation names those, later ones are news to it.
    pub invited: bool,
    introduction: Duration,
    anchors: [Anchor; 2],
    /// By payload type.
    codecs: Box<[Codec; 128]>,
    pub sources: Vec<Source>,
    /// Sorted by SSRC.
    streams: Vec<(Ssrc, Stream)>,
    /// Sorted by serial.
    pub egress: Vec<Egress>,
    /// The client is told on the bridge channel which stream is whose (SSRC rewriting).
    pub slots: Option<Slots>,
    /// Where streams of SSRCs that are gone would go on, newest last.
    pub retired: VecDeque<(Ssrc, Ended)>,
    arrivals: ArrivalLog,
    /// Bytes of its video that may be kept so that they can be sent again, and that are.
    history_bytes: usize,
    kept: usize,
    pub channel: Channel,
    pub settings: Settings,
    pub audio: Option<AudioSubscription>,
    pub mute: ForceMute,
    early_types: BTreeMap<String, VideoType>,
    /// Serials of the videos that it wants to see at all.
    pub wanted: BTreeSet<u64>,
    /// Names told in the last `ForwardedSources`.
    pub forwarded: BTreeSet<Arc<str>>,
    /// `SenderVideoConstraints` and `LastNEndpointsChangeEvent` are for clients from before source names.
    pub legacy_height: Option<i32>,
    pub media_since: Option<Instant>,
    pub rtt: Option<Duration>,
    pub resends: Bucket,
    /// What of the path's bandwidth is used.
    pub budget: Budget,
    /// When more may be sent that the path has carried for long enough.
    pub next_allocation: Option<Instant>,
    next_padding: Seq,
    /// When this client was last told the estimate.
    pub told_estimate: Option<Instant>,
    /// What the client says that its line carries, in bits per second.
    pub assumed_bps: Option<u64>,
    /// Sees and hears, and is not seen, heard or counted.
    pub visitor: bool,
    /// Sources that it wants and its path does not carry.
    pub suspended: usize,
    /// Since then its path has carried all that it wants, and some more.
    pub ample: Option<Instant>,
    /// Declared silent to all.
    pub inactive: bool,
    /// The transport is of no more use.
    pub failed: bool,
    pub discarded: u64,
    next_report: Option<Instant>,
    audio_turn: bool,
    next_sender_report: Option<Instant>,
    fir_sequence: u8,
}

/// Hears how loud somebody is, and answers whether that is loud enough.
pub type Judge<'a> = &'a mut dyn FnMut(AudioLevel) -> bool;

/// A packet that came from this endpoint and may be forwarded.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    pub source: usize,
    pub placed: Placed,
}

impl Endpoint {
    pub fn new(
        now: Instant,
        handle: Handle,
        id: &str,
        transport: Transport,
        leg: Leg,
        password: String,
        history_bytes: usize,
    ) -> Self {
        Self {
            handle,
            id: Arc::from(id),
            created: now,
            transport,
            leg,
            inbound: None,
            description: Description::default(),
            private_addresses: true,
            description_changed: true,
            invited: false,
            introduction: MIN_INTRODUCTION,
            anchors: [MediaKind::Audio, MediaKind::Video].map(Anchor::new),
            codecs: Box::new([Codec::Unknown; 128]),
            sources: Vec::new(),
            streams: Vec::new(),
            egress: Vec::new(),
            slots: None,
            retired: VecDeque::new(),
            arrivals: ArrivalLog::new(now),
            history_bytes,
            kept: 0,
            channel: Channel::new(password),
            settings: Settings::new(None),
            audio: None,
            mute: ForceMute::default(),
            early_types: BTreeMap::new(),
            wanted: BTreeSet::new(),
            forwarded: BTreeSet::new(),
            legacy_height: None,
            media_since: None,
            rtt: None,
            resends: Bucket::new(RESEND_BURST, RESEND_PER_SECOND),
            budget: Budget::default(),
            next_allocation: None,
            next_padding: FIRST_PADDING,
            told_estimate: None,
            assumed_bps: None,
            visitor: false,
            suspended: 0,
            ample: None,
            inactive: false,
            failed: false,
            discarded: 0,
            next_report: None,
            audio_turn: false,
            next_sender_report: None,
            fir_sequence: 0,
        }
    }

    /// The handshake is over: media can be opened and sealed.
    pub fn set_keys(&mut self, now: Instant, keys: &Keys) {
        self.inbound = Some(srtp::Inbound::new(keys.profile, &keys.remote));
        self.leg.set_keys(keys);
        if self.media_since.is_none() {
            self.media_since = Some(now);
            self.on_answered(now);
        }
    }

    /// What the client was told of while it answered its invitation had to wait: it learns of that only now.
    fn on_answered(&mut self, now: Instant) {
        let took = now.saturating_duration_since(self.created);
        self.introduction = took.clamp(MIN_INTRODUCTION, MAX_INTRODUCTION);
        let opens = now + self.introduction;
        self.egress.iter_mut().filter(|egress| egress.is_news()).for_each(|egress| egress.introduce(opens));
    }

    /// When the client can be expected to know a source that it is told of now.
    pub fn introduced(&self, now: Instant) -> Instant {
        now + self.introduction
    }

    /// Round trip to this client, as media or as checks tell it.
    pub fn round_trip(&self) -> Option<Duration> {
        self.rtt.or_else(|| self.transport.rtt())
    }

    /// Share of what this client sends that did not arrive.
    pub fn incoming_loss(&self) -> f64 {
        let encodings = self.sources.iter().flat_map(|source| &source.encodings);
        let counts = encodings.map(|encoding| encoding.reception.expected_and_received());
        let (expected, received) = counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        if expected == 0 { 0.0 } else { 1.0 - (received as f64 / expected as f64).min(1.0) }
    }

    /// The client knows its line better than any estimate, or (if negative) no more. True if that changes anything.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a float saturates")]
    pub fn assume_bandwidth(&mut self, bps: f64, limit: u64) -> bool {
        let assumed = (bps >= 0.0).then_some((bps as u64).min(limit));
        std::mem::replace(&mut self.assumed_bps, assumed) != assumed
    }

    /// The last sign of life.
    pub fn last_activity(&self) -> Option<Instant> {
        self.transport.last_activity()
    }

    /// Takes payload types and extensions.
    pub fn describe(&mut self, media: &[MediaDescription]) {
        for update in media {
            self.description.merge(update);
        }
        for (id, codec) in (0_u8..).zip(self.codecs.iter_mut()) {
            *codec = self.description.payload(id).map_or(Codec::Unknown, |payload| payload.codec);
        }
        self.leg.describe(&self.description);
        self.description_changed = true;
    }

    /// Replaces the list of sources; those that stay the same go on. `serial` numbers the new ones.
    pub fn set_sources(&mut self, signalled: &[MediaSource], serial: &mut u64) {
        let count = signalled.len().min(MAX_SOURCES);
        let mut old = std::mem::replace(&mut self.sources, Vec::with_capacity(count));
        for source in signalled.iter().take(count) {
            let kept = old.iter().position(|known| known.is_still(source)).map(|index| old.swap_remove(index));
            let next = kept.unwrap_or_else(|| {
                *serial += 1;
                let before = old.iter().find(|known| *known.name == *source.id && known.desktop == source.desktop);
                let before = before.map(|known| known.video_type);
                let early = self.early_types.get(&source.id).copied();
                let announced = if source.desktop { VideoType::Desktop } else { VideoType::Camera };
                let video_type = before.or(early).unwrap_or(announced);
                Source::new(source, *serial, video_type)
            });
            self.sources.push(next);
        }
        self.index_streams();
    }

    /// Sets the type of a source, or remembers it for when the source comes. True if that changed a source.
    pub fn set_video_type(&mut self, name: &str, video_type: VideoType) -> bool {
        let source = self.sources.iter_mut().find(|source| *source.name == *name && source.kind == MediaKind::Video);
        match source {
            Some(source) if source.video_type == video_type => false,
            Some(source) => {
                source.set_video_type(video_type);
                true
            }
            None => {
                if self.early_types.len() < MAX_EARLY_TYPES || self.early_types.contains_key(name) {
                    self.early_types.insert(name.to_owned(), video_type);
                }
                false
            }
        }
    }

    /// Has any source that shows something.
    pub fn shows_video(&self) -> bool {
        self.sources.iter().any(|source| source.kind == MediaKind::Video && source.is_enabled())
    }

    pub fn stream(&self, ssrc: Ssrc) -> Option<Stream> {
        let index = self.streams.binary_search_by_key(&ssrc, |(known, _)| *known).ok()?;
        self.streams.get(index).map(|(_, stream)| *stream)
    }

    /// The outgoing stream that this client knows by `ssrc`, be it media or retransmissions.
    pub fn egress_by_ssrc(&self, ssrc: Ssrc) -> Option<usize> {
        self.egress.iter().position(|egress| egress.names.ssrc == ssrc || egress.names.rtx == Some(ssrc))
    }

    pub fn egress_of(&self, serial: u64) -> Option<usize> {
        self.egress.binary_search_by_key(&serial, |egress| egress.names.serial).ok()
    }

    /// One more outgoing stream.
    pub fn insert_egress(&mut self, egress: Egress) {
        // Some at a time: doubled, the list would be half empty in most meetings.
        if self.egress.len() == self.egress.capacity() {
            self.egress.reserve_exact(MORE_EGRESS);
        }
        let at = self.egress.partition_point(|other| other.names.serial < egress.names.serial);
        self.egress.insert(at, egress);
    }

    /// An outgoing stream is no more; one under the same SSRC goes on where it ended.
    pub fn end_egress(&mut self, egress: &Egress) {
        let (names, ended) = (egress.names, egress.ended());
        match &mut self.slots {
            Some(slots) => slots.release(names.kind, names.serial, ended),
            None => self.retire(names.ssrc, ended),
        }
    }

    /// Remembers where a stream ended.
    fn retire(&mut self, ssrc: Ssrc, ended: Ended) {
        self.retired.retain(|(other, _)| *other != ssrc);
        if self.retired.len() >= MAX_RETIRED {
            self.retired.pop_front();
        }
        self.retired.push_back((ssrc, ended));
    }

    /// Where the stream of this SSRC ended, if there was one.
    pub fn ended(&self, ssrc: Ssrc) -> Option<Ended> {
        self.retired.iter().find(|(other, _)| *other == ssrc).map(|(_, ended)| *ended)
    }

    /// An encrypted RTP packet: opened, logged, booked and put in its place. `judge` hears the level of audio, which counts whether
    /// the packet is forwarded or not. Also answers whether feedback is due.
    pub fn on_srtp(&mut self, now: Instant, path: Path, datagram: &mut [u8], judge: Judge<'_>) -> Opened {
        let mut opened = Opened { feedback_due: false, outcome: Err(Discard::NoKeys) };
        opened.outcome = self.open(now, path, datagram, judge, &mut opened.feedback_due);
        if opened.outcome.is_err() {
            self.discarded += 1;
        }
        opened
    }

    fn open(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        judge: Judge<'_>,
        feedback_due: &mut bool,
    ) -> Result<Received, Discard> {
        let inbound = self.inbound.as_mut().ok_or(Discard::NoKeys)?;
        let len = inbound.unprotect_rtp(datagram)?;
        let packet = datagram.get_mut(..len).ok_or(Discard::Malformed)?;
        let header = RtpHeader::parse(packet)?;
        self.transport.on_authentic_media(now, path);
        let Some(stream) = self.stream(header.ssrc) else {
            // Probes before the sources are signalled still tell the sender's estimator about the path.
            *feedback_due = self.log_arrival(now, &header, packet, MediaKind::Video);
            return Err(Discard::UnknownSsrc);
        };
        let kind = self.sources.get(stream.source).ok_or(Discard::UnknownSsrc)?.kind;
        *feedback_due = self.log_arrival(now, &header, packet, kind);
        if let Some(anchor) = self.anchors.iter_mut().find(|anchor| anchor.kind() == kind && !anchor.holds()) {
            anchor.on_packet(&header, packet, self.description.of(kind));
        }
        self.next_report.get_or_insert(now + REPORT_INTERVAL);
        // Whoever is muted does not become the dominant speaker, and whoever is only a visitor does not speak.
        if self.visitor {
            return Err(Discard::NotWanted);
        }
        let mut level = None;
        if kind == MediaKind::Audio && !self.mute.audio {
            let id = self.description.audio.extensions.audio_level;
            level = id.and_then(|id| header.audio_level(packet, id));
        }
        let loud = level.is_none_or(judge);
        let context = Context { loud, ..self.context(&header, stream, kind, level)? };
        let source = self.sources.get_mut(stream.source).ok_or(Discard::UnknownSsrc)?;
        let own = source.kept(stream.encoding);
        let others = self.kept.saturating_sub(own);
        let room = self.history_bytes.saturating_sub(others);
        let placed = source.accept(now, header, packet, &Context { room, ..context });
        self.kept = others + source.kept(stream.encoding);
        Ok(Received { source: stream.source, placed: placed? })
    }

    /// See [`anchor`]. `ssrcs` are the bridge's own, by kind.
    pub fn anchor(&mut self, now: Instant, ssrcs: impl Fn(MediaKind) -> Ssrc, sink: &mut dyn Sink) {
        for anchor in self.anchors.iter_mut().filter(|anchor| !anchor.holds()) {
            let kind = anchor.kind();
            // What finds no room is said with the next packet.
            let _ = anchor.say(now, ssrcs(kind), self.description.of(kind), &mut self.leg, sink);
        }
    }

    fn log_arrival(&mut self, now: Instant, header: &RtpHeader, packet: &[u8], kind: MediaKind) -> bool {
        let sequence =
            self.description.of(kind).extensions.transport_cc.and_then(|id| header.transport_sequence(packet, id));
        sequence
            .is_some_and(|sequence| self.arrivals.on_packet(now, sequence, header.ssrc, header.marker, packet.len()))
    }

    fn context(
        &self,
        header: &RtpHeader,
        stream: Stream,
        kind: MediaKind,
        level: Option<AudioLevel>,
    ) -> Result<Context, Discard> {
        let media = self.description.of(kind);
        let codec = |id: u8| self.codecs.get(usize::from(id)).copied().unwrap_or(Codec::Unknown);
        let restores = match (stream.rtx, codec(header.payload_type)) {
            (true, Codec::Rtx) => {
                Some(media.payload(header.payload_type).and_then(|rtx| rtx.apt).ok_or(Discard::NotWanted)?)
            }
            (false, Codec::Rtx) | (true, _) => return Err(Discard::NotWanted),
            (false, _) => None,
        };
        let payload_type = restores.unwrap_or(header.payload_type);
        Ok(Context {
            encoding: stream.encoding,
            restores,
            codec: codec(payload_type),
            muted: self.sources.get(stream.source).is_some_and(|source| source.is_muted(self.mute)),
            nack: kind == MediaKind::Video && media.payload(payload_type).is_some_and(|payload| payload.nack),
            dependency_descriptor: media.extensions.dependency_descriptor,
            level,
            loud: true,
            room: 0,
        })
    }

    /// Opens an RTCP compound in place; its plain length.
    pub fn on_srtcp(&mut self, now: Instant, path: Path, datagram: &mut [u8]) -> Result<usize, Discard> {
        let inbound = self.inbound.as_mut().ok_or(Discard::NoKeys)?;
        let len = inbound.unprotect_rtcp(datagram)?;
        self.transport.on_authentic_media(now, path);
        Ok(len)
    }

    /// The sender's report on one of its streams.
    pub fn on_sender_report(&mut self, now: Instant, ssrc: Ssrc, info: &super::rtcp::SenderInfo) {
        let Some(stream) = self.stream(ssrc) else {
            return;
        };
        let Some(source) = self.sources.get_mut(stream.source) else {
            return;
        };
        if stream.rtx {
            if let Some(encoding) = source.encodings.get_mut(usize::from(stream.encoding)) {
                encoding.rtx_reception.on_sender_report(now, info.ntp);
            }
        } else {
            source.on_sender_report(now, stream.encoding, info);
        }
    }

    /// Asks this client for a key frame of one of its sources, if the limits allow. True if the request went out.
    pub fn want_key_frame(
        &mut self,
        now: Instant,
        source: usize,
        encoding: u8,
        sender: Ssrc,
        sink: &mut dyn Sink,
    ) -> bool {
        let rtt = self.round_trip();
        if !self.leg.is_open() {
            return false;
        }
        let mute = self.mute;
        let wanted = self.sources.get_mut(source);
        let Some(wanted) = wanted.filter(|source| source.is_enabled() && !source.is_muted(mute)) else {
            return false;
        };
        let encoding = wanted.askable(encoding);
        wanted.asked = encoding;
        wanted.key_frames.want(now, rtt) && self.send_key_frame_request(source, encoding, sender, sink)
    }

    fn send_key_frame_request(&mut self, source: usize, encoding: u8, sender: Ssrc, sink: &mut dyn Sink) -> bool {
        let encoding = self.sources.get(source).and_then(|source| source.encodings.get(usize::from(encoding)));
        let Some(media) = encoding.map(|encoding| encoding.ssrc) else {
            return false;
        };
        let fir_only = !self.description.video.any(|p| p.pli) && self.description.video.any(|p| p.fir);
        let fir_sequence = self.fir_sequence;
        self.fir_sequence = fir_sequence.wrapping_add(u8::from(fir_only));
        let sent = self.leg.send_rtcp(sink, |writer| {
            if fir_only { writer.fir(sender, media, fir_sequence) } else { writer.pli(sender, media) }
        });
        sent.is_ok()
    }

    /// Something was sent to this client: reports on it will be due.
    pub fn schedule_sender_reports(&mut self, now: Instant) -> Option<Instant> {
        if self.next_sender_report.is_some() {
            return None;
        }
        let at = self.egress.iter().filter_map(Egress::next_report).min()?.max(now);
        self.next_sender_report = Some(at);
        Some(at)
    }

    pub fn next_sender_report(&self) -> Option<Instant> {
        self.next_sender_report
    }

    /// The sender reports that are due have been sent.
    pub fn on_sender_reports(&mut self, now: Instant) {
        self.next_sender_report = None;
        self.schedule_sender_reports(now);
    }

    /// What is due by itself, apart from the transport: losses, reports, feedback, key frames. Answers key frames asked for.
    pub fn on_wakeup(&mut self, now: Instant, sender: Ssrc, sink: &mut dyn Sink) -> u64 {
        if !self.leg.is_open() {
            self.next_report = None;
            return 0;
        }
        if self.arrivals.next_wakeup().is_some_and(|(at, _)| at <= now) {
            self.send_feedback(now, sender, sink);
        }
        self.leg.bandwidth.on_wakeup(now);
        self.send_padding(now, sender, sink);
        self.send_nacks(now, sender, sink);
        if self.next_report.is_some_and(|at| at <= now) {
            self.send_receiver_report(now, sender, sink);
        }
        self.repeat_key_frame_requests(now, sender, sink)
    }

    /// Transport-wide feedback; a long story takes several datagrams.
    pub fn send_feedback(&mut self, now: Instant, sender: Ssrc, sink: &mut dyn Sink) {
        let arrivals = &mut self.arrivals;
        let mut more = true;
        while more {
            more = false;
            let sent = self.leg.send_rtcp(sink, |writer| {
                more = arrivals.write_feedback(now, sender, writer)?;
                Ok(())
            });
            if sent.is_err() {
                return;
            }
        }
    }

    /// What the path is known to carry now. True if that changes what may be sent.
    pub fn follow_estimate(&mut self, now: Instant) -> bool {
        let Some(estimate) = self.leg.bandwidth.bps(now) else {
            return false;
        };
        let resends = (estimate as f64 * RESEND_SHARE / 8.0).min(RESEND_PER_SECOND);
        self.resends.resize(resends, resends);
        let is_due = self.next_allocation.is_some_and(|at| at <= now);
        self.budget.update(estimate) || is_due
    }

    /// Fills the line as a probe of it asks for.
    fn send_padding(&mut self, now: Instant, sender: Ssrc, sink: &mut dyn Sink) {
        let mut due = self.leg.bandwidth.padding(now);
        while due > 0 {
            let Ok(len) = self.pad(now, sender, sink) else {
                return;
            };
            due = due.saturating_sub(len);
        }
    }

    fn pad(&mut self, now: Instant, sender: Ssrc, sink: &mut dyn Sink) -> Result<usize, Discard> {
        if let Some(egress) = self.egress.iter_mut().find(|egress| egress.can_pad(now)) {
            return egress.pad(now, &mut self.leg, sink);
        }
        let payload_type =
            self.description.video.first(|payload| payload.codec != Codec::Rtx).ok_or(Discard::NotWanted)?;
        let sequence = self.next_padding;
        self.next_padding = sequence.next();
        self.leg.pad(now, Padding { payload_type, sequence, timestamp: 0, ssrc: sender }, sink)
    }

    /// Asks for what is missing of the encodings that somebody gets.
    pub fn send_nacks(&mut self, now: Instant, sender: Ssrc, sink: &mut dyn Sink) {
        let rtt = self.round_trip();
        let (sources, leg) = (&mut self.sources, &mut self.leg);
        for source in sources.iter_mut().filter(|source| source.kind == MediaKind::Video) {
            let watched = source.watched();
            for (index, encoding) in (0_u8..).zip(&mut source.encodings) {
                if !watched.has(index) {
                    encoding.losses.clear();
                } else if encoding.losses.is_due(now) && leg.is_open() {
                    let lost = encoding.losses.take_request(now, rtt);
                    // What finds no room is asked for the next time.
                    let _ = leg.send_rtcp(sink, |writer| writer.nack(sender, encoding.ssrc, &lost).map(|_| ()));
                }
            }
        }
    }

    fn send_receiver_report(&mut self, now: Instant, sender: Ssrc, sink: &mut dyn Sink) {
        self.audio_turn = !self.audio_turn;
        let with_audio = self.audio_turn;
        let mut blocks = heapless::Vec::<_, MAX_BLOCKS>::new();
        for source in self.sources.iter_mut().filter(|s| with_audio || s.kind == MediaKind::Video) {
            for encoding in &mut source.encodings {
                // What finds no room is reported the next time: its books stay open.
                if blocks.len() + 2 > MAX_BLOCKS {
                    break;
                }
                let media = encoding.reception.report_block(now, encoding.ssrc);
                let rtx = encoding.rtx.and_then(|ssrc| encoding.rtx_reception.report_block(now, ssrc));
                blocks.extend(media.into_iter().chain(rtx));
            }
        }
        if !blocks.is_empty() {
            let _ = self.leg.send_rtcp(sink, |writer| writer.receiver_report(sender, &blocks));
        }
        self.kept = 0;
        let mut remembers = false;
        for encoding in self.sources.iter_mut().flat_map(|source| &mut source.encodings) {
            remembers |= encoding.history.expire(now);
            self.kept += encoding.history.bytes();
        }
        // A stream that fell silent is looked after until its history is empty.
        let goes_on = remembers || !blocks.is_empty() || !with_audio;
        self.next_report = goes_on.then(|| now + REPORT_INTERVAL);
    }

    fn repeat_key_frame_requests(&mut self, now: Instant, sender: Ssrc, sink: &mut dyn Sink) -> u64 {
        let mut asked = 0;
        for index in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(index) else {
                break;
            };
            if source.is_asleep(now) || !source.is_wanted() {
                source.key_frames.cancel();
            } else if source.key_frames.on_wakeup(now) {
                let encoding = source.asked;
                asked += u64::from(self.send_key_frame_request(index, encoding, sender, sink));
            }
        }
        asked
    }

    /// When this endpoint wants to be woken.
    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let mut next = self.transport.next_wakeup().map(|(at, why)| (at, Wake::Transport(why)));
        let mut consider = |at: Option<Instant>, why: Wake| {
            if let Some(at) = at
                && next.is_none_or(|(earliest, _)| at < earliest)
            {
                next = Some((at, why));
            }
        };
        if !self.leg.is_open() {
            return next;
        }
        consider(self.arrivals.next_wakeup().map(|(at, _)| at), Wake::Feedback);
        consider(self.next_report, Wake::ReceiverReport);
        consider(self.next_sender_report, Wake::SenderReport);
        consider(self.leg.bandwidth.next_wakeup(), Wake::Bandwidth);
        consider(self.next_allocation, Wake::Bandwidth);
        for source in self.sources.iter().filter(|source| source.kind == MediaKind::Video) {
            consider(source.key_frames.next_wakeup().map(|(at, _)| at), Wake::KeyFrame);
            for encoding in &source.encodings {
                consider(encoding.losses.next_wakeup().map(|(at, _)| at), Wake::Nack);
            }
        }
        next
    }

    /// What a packet can have made necessary, losses and the transport apart.
    pub fn media_wakeup(&self) -> Option<(Instant, Wake)> {
        let feedback = self.arrivals.next_wakeup().map(|(at, _)| (at, Wake::Feedback));
        let report = self.next_report.map(|at| (at, Wake::ReceiverReport));
        feedback.into_iter().chain(report).min_by_key(|(at, _)| *at)
    }

    fn index_streams(&mut self) {
        self.streams.clear();
        for (source, signalled) in self.sources.iter().enumerate() {
            for (encoding, stream) in (0_u8..).zip(&signalled.encodings) {
                self.streams.push((stream.ssrc, Stream { source, encoding, rtx: false }));
                let rtx = stream.rtx.map(|ssrc| (ssrc, Stream { source, encoding, rtx: true }));
                self.streams.extend(rtx);
            }
        }
        self.streams.sort_by_key(|(ssrc, _)| *ssrc);
    }
}

/// What came out of an encrypted packet.
#[derive(Debug)]
pub struct Opened {
    pub feedback_due: bool,
    pub outcome: Result<Received, Discard>,
}
