//! A meeting in the clear, for a recorder: all speech, and of each video the best encoding with all its layers. Or only its speech.
//!
//! A tap is a receiver without a path: what it is sent is never thinned, costs no bandwidth, and never waits. It asks senders for their
//! best picture and for key frames like anybody else.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jitsi_wire::bridge_channel::VideoType;
use jitsi_wire::jingle::MediaKind;
use media_tap::{Happening, Message, Note, PayloadType, Report, Stream};

use super::Conference;
use crate::core::allocate::Layer;
use crate::core::codec::{Codec, red};
use crate::core::egress::project::{Outgoing, Verdict};
use crate::core::egress::{Egress, Names, Packet, rewrite_ids};
use crate::core::endpoint::encoding::Encodings;
use crate::core::endpoint::source::Source;
use crate::core::endpoint::{Endpoint, Received};
use crate::core::packet::{AudioLevel, Seq, Ssrc};
use crate::core::rtcp::SenderInfo;
use crate::core::taps::{Extent, TapId, Tapped};
use crate::core::turn::Turn;

const VERSION: u8 = 0x80;
const MARKER: u8 = 0x80;
const EXTENSION: u8 = 0x10;

/// Who gets a conference in the clear.
#[derive(Debug)]
pub(super) struct Tap {
    pub(super) id: TapId,
    pub(super) wanted: Extent,
    began: Instant,
    /// When something was last put in.
    newest: Duration,
    /// By serial.
    tracks: Vec<Egress>,
    notes: VecDeque<(Duration, Note)>,
    media: Message,
    /// Packets that found no room in the message.
    lost: u64,
}

/// What came of giving it a packet.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// It needs a key frame of this encoding.
    pub wanted: Option<u8>,
    /// It gets another encoding from here on.
    pub switched: bool,
}

impl Tap {
    fn new(id: TapId, wanted: Extent, now: Instant) -> Self {
        Self {
            id,
            wanted,
            began: now,
            newest: Duration::ZERO,
            tracks: Vec::new(),
            notes: VecDeque::new(),
            media: Message::default(),
            lost: 0,
        }
    }

    fn at(&mut self, now: Instant) -> Duration {
        self.newest = now.saturating_duration_since(self.began);
        self.newest
    }

    fn note(&mut self, now: Instant, note: Note) {
        let at = self.at(now);
        self.notes.push_back((at, note));
    }

    fn track(&self, serial: u64) -> Option<&Egress> {
        self.tracks.iter().find(|track| track.names.serial == serial)
    }

    fn track_mut(&mut self, serial: u64) -> Option<&mut Egress> {
        self.tracks.iter_mut().find(|track| track.names.serial == serial)
    }

    /// The best encoding of a video, all of it.
    pub(super) fn aim(&mut self, serial: u64, encoding: Option<u8>) {
        if let Some(track) = self.track_mut(serial) {
            track.projection.set_target(encoding.map(Layer::all_of));
        }
    }

    /// A packet of a source whose owner is `publisher`.
    pub(super) fn give(&mut self, now: Instant, publisher: &Endpoint, index: usize, packet: &Packet<'_>) -> Given {
        let Some(source) = publisher.sources.get(index) else {
            return Given::default();
        };
        if source.kind == MediaKind::Audio {
            let level = publisher.description.audio.extensions.audio_level;
            let level = level.and_then(|id| packet.header.audio_level(packet.bytes, id));
            self.give_audio(now, source, level.filter(|_| self.wanted == Extent::Speech), packet);
            return Given::default();
        }
        let outgoing = self.give_video(now, source, packet);
        let switched = outgoing.is_some_and(|outgoing| outgoing.switched);
        if switched {
            // As for receivers: what came before a late key frame was complete follows at once.
            let start = packet.incoming;
            for step in 1..=start.newest.since(start.sequence) {
                if let Some(stored) = publisher.stored(index, start.encoding, start.sequence.plus(step)) {
                    self.give_video(now, source, &stored);
                }
            }
        }
        Given { wanted: self.track(source.serial).and_then(|track| track.projection.wanted_key_frame()), switched }
    }

    fn give_video(&mut self, now: Instant, source: &Source, packet: &Packet<'_>) -> Option<Outgoing> {
        let at = self.at(now);
        let track = self.tracks.iter_mut().find(|track| track.names.serial == source.serial)?;
        let Verdict::Forward(outgoing) = track.projection.project(now, &packet.incoming, &source.clocks) else {
            return None;
        };
        let payload = packet.header.payload(packet.bytes);
        let named = Named {
            payload_type: packet.incoming.payload_type,
            marker: outgoing.marker,
            sequence: outgoing.sequence,
            timestamp: outgoing.timestamp,
            ssrc: track.names.ssrc,
            level: None,
        };
        if self.media.push_rtp(at, named.header().as_slice(), payload) {
            // Its own parser read these ids before.
            let _ = rewrite_ids(packet.codec, self.media.last_mut(payload.len()), &outgoing);
        } else {
            self.lost += 1;
        }
        Some(outgoing)
    }

    /// Under the sender's own numbers: what is lost shows, and what is silent is a gap. Of redundant audio all blocks go out, which
    /// are packets of their own then; whoever has one already drops it.
    fn give_audio(&mut self, now: Instant, source: &Source, level: Option<AudioLevel>, packet: &Packet<'_>) {
        let Some(ssrc) = source.primary().map(|encoding| encoding.ssrc) else {
            return;
        };
        let header = packet.header;
        let payload = header.payload(packet.bytes);
        let named = Named {
            payload_type: header.payload_type,
            marker: header.marker,
            sequence: header.sequence,
            timestamp: header.timestamp,
            ssrc,
            level,
        };
        if packet.codec != Codec::Red {
            self.push(now, named, payload);
            return;
        }
        let blocks = red::blocks(payload).unwrap_or_default();
        let ages = (0..u16::try_from(blocks.len()).unwrap_or_default()).rev();
        for (block, back) in blocks.iter().zip(ages) {
            let named = Named {
                payload_type: block.payload_type,
                sequence: Seq(named.sequence.0.wrapping_sub(back)),
                timestamp: named.timestamp.wrapping_sub(u32::from(block.offset)),
                // It is that of the newest.
                level: named.level.filter(|_| back == 0),
                ..named
            };
            self.push(now, named, block.payload);
        }
    }

    fn push(&mut self, now: Instant, named: Named, payload: &[u8]) {
        let at = self.at(now);
        self.lost += u64::from(!self.media.push_rtp(at, named.header().as_slice(), payload));
    }

    fn report(&mut self, now: Instant, source: &Source, encoding: u8, info: &SenderInfo) {
        let at = self.at(now);
        let Some(track) = self.track_mut(source.serial) else {
            return;
        };
        let (ssrc, kind) = (track.names.ssrc.0, source.kind);
        let told = match kind {
            MediaKind::Audio => Some((info.ntp, info.rtp_timestamp)),
            MediaKind::Video if track.projection.current() == Some(encoding) => {
                track.report(now, &source.clocks).map(|info| (info.ntp, info.rtp_timestamp))
            }
            MediaKind::Video => None,
        };
        if let Some((ntp, rtp)) = told {
            // The next one tells the same.
            let _ = self.media.push_report(at, Report { ssrc, ntp: ntp.0, rtp });
        }
    }

    fn drain(&mut self, take: &mut dyn FnMut(TapId, Tapped<'_>)) {
        if self.lost > 0 {
            let packets = std::mem::take(&mut self.lost);
            self.notes.push_back((self.newest, Note::Lost { packets }));
        }
        let mut message = Message::default();
        for (at, note) in self.notes.drain(..) {
            if !message.push_note(at, &note) {
                take(self.id, Tapped::Notes(message.as_bytes()));
                message.clear();
                // One note alone fits: names are bounded by the wire that they came over.
                let _ = message.push_note(at, &note);
            }
        }
        if !message.is_empty() {
            take(self.id, Tapped::Notes(message.as_bytes()));
        }
        if !self.media.is_empty() {
            take(self.id, Tapped::Media(self.media.as_bytes()));
            self.media.clear();
        }
    }
}

/// The header of a packet that goes to a tap.
#[derive(Debug, Clone, Copy)]
struct Named {
    payload_type: u8,
    marker: bool,
    sequence: Seq,
    timestamp: u32,
    ssrc: Ssrc,
    level: Option<AudioLevel>,
}

impl Named {
    /// As bytes; the level is an extension of the one-byte form (RFC 8285, RFC 6464).
    fn header(self) -> heapless::Vec<u8, 20> {
        let [high, low] = self.sequence.0.to_be_bytes();
        let version = VERSION | if self.level.is_some() { EXTENSION } else { 0 };
        let marker = if self.marker { MARKER } else { 0 };
        let extension = self.level.map(|level| {
            let voice = if level.voice { 0x80 } else { 0 };
            [0xbe, 0xde, 0, 1, media_tap::AUDIO_LEVEL << 4, voice | level.level, 0, 0]
        });
        let timestamp = self.timestamp.to_be_bytes();
        let first = [version, marker | self.payload_type, high, low];
        let all = first.into_iter().chain(timestamp).chain(self.ssrc.0.to_be_bytes());
        all.chain(extension.into_iter().flatten()).collect()
    }
}

impl Conference {
    pub fn is_tapped(&self) -> bool {
        !self.taps.is_empty()
    }

    pub fn has_tap(&self, id: TapId) -> bool {
        self.taps.iter().any(|tap| tap.id == id)
    }

    /// Taps that want this.
    pub fn taps(&self, wanted: Extent) -> usize {
        self.taps.iter().filter(|tap| tap.wanted == wanted).count()
    }

    /// Another tap gets the conference.
    pub fn add_tap(&mut self, turn: &mut Turn<'_>, id: TapId, wanted: Extent) {
        let mut tap = Tap::new(id, wanted, turn.now);
        if let Some(endpoint) = self.spoke.first().and_then(|dominant| self.get(*dominant)) {
            tap.note(turn.now, Note::Happened(Happening::Speaker { endpoint: endpoint.id.to_string() }));
        }
        self.taps.push(tap);
        self.on_taps_changed(turn);
    }

    /// A tap gets nothing more.
    pub fn remove_tap(&mut self, turn: &mut Turn<'_>, id: TapId) {
        self.taps.retain(|tap| tap.id != id);
        self.on_taps_changed(turn);
    }

    fn on_taps_changed(&mut self, turn: &mut Turn<'_>) {
        self.connections_stale = true;
        self.settle(turn);
    }

    /// Hands out what has gathered.
    pub fn drain_taps(&mut self, take: &mut dyn FnMut(TapId, Tapped<'_>)) {
        self.taps.iter_mut().for_each(|tap| tap.drain(take));
    }

    /// It needs a key frame of this stream.
    pub fn on_tap_wish(&mut self, turn: &mut Turn<'_>, id: TapId, ssrc: Ssrc) {
        let tracks = self.taps.iter().filter(|tap| tap.id == id).flat_map(|tap| &tap.tracks);
        let track = tracks.filter(|track| track.names.kind == MediaKind::Video).find(|track| track.names.ssrc == ssrc);
        let wanted = track.and_then(|track| Some((track.names, track.projection.target()?.encoding)));
        if let Some((names, encoding)) = wanted {
            self.want_key_frame(turn, names.owner, names.source, encoding);
        }
    }

    /// Who speaks most from now on.
    pub(super) fn tap_speaker(&mut self, now: Instant, place: usize) {
        let Some(endpoint) = self.get(place).map(|endpoint| endpoint.id.to_string()) else {
            return;
        };
        for tap in &mut self.taps {
            tap.note(now, Note::Happened(Happening::Speaker { endpoint: endpoint.clone() }));
        }
    }

    /// A camera became a screen, or the other way round: older clients send both as one source.
    pub(super) fn tap_retyped(&mut self, now: Instant, place: usize) {
        let mut taps = std::mem::take(&mut self.taps);
        taps.iter_mut().for_each(|tap| self.tell_retyped(now, tap, place));
        self.taps = taps;
    }

    fn tell_retyped(&self, now: Instant, tap: &mut Tap, place: usize) {
        let of_owner =
            tap.tracks.iter().filter(|track| track.names.owner == place && track.names.kind == MediaKind::Video);
        // One that shows nothing for the moment stays what it was.
        let shows = |owner: &Endpoint, names: &Names| {
            owner.sources.get(names.source).is_some_and(|source| source.video_type != VideoType::None)
        };
        let owner = self.get(place);
        let notes: Vec<Stream> = of_owner
            .filter_map(|track| {
                owner.filter(|owner| shows(owner, &track.names)).and_then(|it| describe(it, &track.names))
            })
            .collect();
        for stream in notes {
            tap.note(now, Note::Stream(stream));
        }
    }

    /// Makes the tracks of taps match the sources that there are, and tells them of each.
    pub(super) fn connect_taps(&mut self, now: Instant, sources: &[Names]) {
        let mut taps = std::mem::take(&mut self.taps);
        taps.iter_mut().for_each(|tap| self.connect_tap(now, tap, sources));
        self.taps = taps;
    }

    fn connect_tap(&self, now: Instant, tap: &mut Tap, sources: &[Names]) {
        let mut former = std::mem::take(&mut tap.tracks);
        let wanted = tap.wanted;
        for names in sources.iter().filter(|names| wanted == Extent::Everything || names.kind == MediaKind::Audio) {
            let Some(owner) = self.get(names.owner) else {
                continue;
            };
            let known = former.iter().position(|track| track.names.serial == names.serial);
            let is_known = known.is_some();
            let mut track = match known {
                Some(index) => former.swap_remove(index),
                None => Egress::new(*names, (Seq(0), Seq(0))),
            };
            (track.names.owner, track.names.source) = (names.owner, names.source);
            let stream = describe(owner, names);
            tap.tracks.push(track);
            if let Some(stream) = stream.filter(|_| !is_known || owner.description_changed) {
                tap.note(now, Note::Stream(stream));
            }
        }
        for gone in former {
            tap.note(now, Note::StreamEnded { ssrc: gone.names.ssrc.0 });
        }
    }

    /// Which sources go to taps.
    pub(super) fn bind_taps(&mut self) {
        let taps = std::mem::take(&mut self.taps);
        for track in taps.iter().flat_map(|tap| &tap.tracks) {
            let watches = match track.names.kind {
                MediaKind::Audio => Some(Encodings::one(0)),
                MediaKind::Video => track.projection.watches(),
            };
            let source = self.get_mut(track.names.owner).and_then(|owner| owner.sources.get_mut(track.names.source));
            if let Some((source, watches)) = source.zip(watches) {
                source.tap(watches);
            }
        }
        self.taps = taps;
    }

    /// Speech that nobody else gets.
    pub(super) fn tap_unheard(&mut self, now: Instant, place: usize, received: &Received, datagram: &[u8]) {
        let Self { taps, endpoints, .. } = self;
        let Some(publisher) = endpoints.get(place).and_then(Option::as_deref) else {
            return;
        };
        let placed = &received.placed;
        let bytes = datagram.get(..placed.len).unwrap_or_default();
        let packet =
            Packet { header: &placed.header, bytes, incoming: placed.incoming, codec: placed.codec, frames: None };
        for tap in taps {
            tap.give(now, publisher, received.source, &packet);
        }
    }

    /// What a sender's report says of a stream that the tap gets.
    pub(super) fn tap_report(&mut self, now: Instant, place: usize, ssrc: Ssrc, info: &SenderInfo) {
        let Self { taps, endpoints, .. } = self;
        let Some(endpoint) = endpoints.get(place).and_then(Option::as_deref) else {
            return;
        };
        let stream = endpoint.stream(ssrc).filter(|stream| !stream.rtx);
        if let Some((stream, source)) = stream.and_then(|stream| Some((stream, endpoint.sources.get(stream.source)?))) {
            taps.iter_mut().for_each(|tap| tap.report(now, source, stream.encoding, info));
        }
    }
}

/// What the tap is told of a source.
fn describe(owner: &Endpoint, names: &Names) -> Option<Stream> {
    let source = owner.sources.get(names.source)?;
    let payload_types = owner.description.of(names.kind).payloads().filter_map(|payload| {
        let codec = match payload.codec {
            Codec::Opus => media_tap::Codec::Opus,
            Codec::Vp8 => media_tap::Codec::Vp8,
            Codec::Vp9 => media_tap::Codec::Vp9,
            Codec::H264 => media_tap::Codec::H264,
            Codec::Av1 => media_tap::Codec::Av1,
            Codec::Red | Codec::TelephoneEvent | Codec::Rtx | Codec::Unknown => return None,
        };
        Some(PayloadType { id: payload.id, codec, clock_rate: payload.clock_rate })
    });
    Some(Stream {
        ssrc: names.ssrc.0,
        kind: match names.kind {
            MediaKind::Audio => media_tap::Kind::Audio,
            MediaKind::Video => media_tap::Kind::Video,
        },
        endpoint: owner.id.to_string(),
        source: source.name.to_string(),
        desktop: source.desktop || matches!(source.video_type, VideoType::Desktop | VideoType::DesktopHighFps),
        payload_types: payload_types.collect(),
    })
}
