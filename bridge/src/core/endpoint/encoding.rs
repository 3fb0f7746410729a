//! One encoding of a source as it comes in: its books, its history, its layers.

use std::time::{Duration, Instant};

use jitsi_wire::colibri2::MediaSource;
use jitsi_wire::jingle::{MediaKind, Semantics};

use super::numbering::Numbering;
use super::rate::Rate;
use super::source::{Context, clock_rate};
use crate::core::Discard;
use crate::core::allocate::{Layer, Layers, MAX_ENCODINGS, MAX_SPATIAL, MAX_TEMPORAL, Rung};
use crate::core::codec::dependency::{self, Frames, Place};
use crate::core::codec::{self, Codec, Heights, Step};
use crate::core::egress::clock::signed;
use crate::core::egress::project::Incoming;
use crate::core::ingress::history::{History, Inserted};
use crate::core::ingress::nack::LossList;
use crate::core::ingress::rtx::{Restored, restore};
use crate::core::ingress::stream::{Accepted, Reception};
use crate::core::packet::{ExtSeq, RtpHeader, Ssrc};

/// Height of the lowest encoding until a key frame tells the truth; each further one is twice as tall.
const LOWEST_HEIGHT: u16 = 180;
const HIGHEST_SPATIAL: u8 = 3;
const _: () = assert!(HIGHEST_SPATIAL as usize + 1 == MAX_SPATIAL, "one of them is the last");
/// A spatial layer that is missing this long from the pictures that come is not sent any more.
const MISSING_LAYER: Duration = Duration::from_millis(600);
/// Frames per second of all temporal layers together; each one less halves them (what libwebrtc does with 30).
const FULL_RATE: u16 = 30;

/// One simulcast encoding, or the whole stream.
#[derive(Debug)]
pub struct Encoding {
    pub ssrc: Ssrc,
    pub rtx: Option<Ssrc>,
    pub reception: Reception,
    pub rtx_reception: Reception,
    pub losses: LossList,
    pub history: History,
    pub(super) numbering: Numbering,
    /// Of each temporal layer by itself, as whoever gets the lowest spatial layer is sent it.
    rates: [Rate; MAX_TEMPORAL],
    /// The other spatial layers that came.
    upper: Vec<Upper>,
    /// The highest spatial and temporal layer that came lately.
    spatial: u8,
    temporal: u8,
    /// Where each frame belongs, if descriptors tell.
    dependencies: Option<Box<Frames>>,
    /// Of each spatial layer that was told.
    heights: Heights,
    /// What the lowest is taken for until then.
    assumed_height: u16,
    pub(super) active: bool,
    pub(super) last_packet: Option<Instant>,
    timestamp: Option<u32>,
    /// When the frame before the newest, and the newest, began to arrive.
    pub(super) frames: (Option<Instant>, Option<Instant>),
}

/// A spatial layer above the lowest.
#[derive(Debug, Default)]
struct Upper {
    /// Of each temporal layer by itself, as whoever gets the spatial layers up to this one is sent it.
    rates: [Rate; MAX_TEMPORAL],
    /// When it last came.
    seen: Option<Instant>,
}

/// Some of a source's encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Encodings(u8);

impl Encodings {
    /// Those from the lowest to `highest`.
    pub fn up_to(highest: u8) -> Self {
        Self(u8::MAX >> 7_u8.saturating_sub(highest))
    }

    pub fn one(encoding: u8) -> Self {
        Self(1_u8.checked_shl(encoding.into()).unwrap_or_default())
    }

    pub fn has(self, encoding: u8) -> bool {
        self.0 & Self::one(encoding).0 != 0
    }

    pub(super) fn with(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }
}

impl Encoding {
    fn new(kind: MediaKind, index: u32, ssrc: u32, rtx: Option<u32>) -> Self {
        let rate = clock_rate(kind);
        Self {
            ssrc: Ssrc(ssrc),
            rtx: rtx.map(Ssrc),
            reception: Reception::new(rate),
            rtx_reception: Reception::new(rate),
            losses: LossList::default(),
            history: History::default(),
            numbering: Numbering::default(),
            rates: Default::default(),
            upper: Vec::new(),
            spatial: 0,
            temporal: 0,
            dependencies: None,
            heights: Heights::new(),
            assumed_height: LOWEST_HEIGHT << index.min(4),
            active: false,
            last_packet: None,
            timestamp: None,
            frames: (None, None),
        }
    }

    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Pixels of the smaller side of all that comes.
    pub fn height(&self) -> u16 {
        self.height_of(self.spatial)
    }

    fn height_of(&self, spatial: u8) -> u16 {
        let told = self.heights.get(usize::from(spatial)).copied();
        told.unwrap_or(self.assumed_height << spatial.min(4))
    }

    /// Bits per second over the last second of what whoever gets all is sent.
    pub fn bps(&self, now: Instant) -> u64 {
        self.rates_of(self.spatial).map_or(0, |rates| rates.iter().map(|rate| rate.bps(now)).sum())
    }

    fn rates_of(&self, spatial: u8) -> Option<&[Rate; MAX_TEMPORAL]> {
        match usize::from(spatial).checked_sub(1) {
            None => Some(&self.rates),
            Some(above) => self.upper.get(above).map(|layer| &layer.rates),
        }
    }

    /// The layers as the allocation sees them.
    pub fn layers(&mut self, now: Instant, encoding: u8, layers: &mut Layers) {
        self.spatial = self.highest_living();
        self.temporal = 0;
        for spatial in 0..=self.spatial {
            let Some(rates) = self.rates_of(spatial).map(|rates| rates.each_ref().map(|rate| rate.bps(now))) else {
                continue;
            };
            let highest = rates.iter().rposition(|bps| *bps > 0).and_then(|highest| u8::try_from(highest).ok());
            if spatial < self.spatial && !self.lives(spatial) {
                continue;
            }
            let highest = highest.unwrap_or(0);
            self.temporal = self.temporal.max(highest);
            let mut bps = 0;
            for (temporal, rate) in (0..=highest).zip(rates) {
                bps += rate;
                let rung = Rung {
                    layer: Layer { encoding, spatial, temporal },
                    height: self.height_of(spatial),
                    fps: FULL_RATE >> (highest - temporal),
                    bps,
                    active: self.active,
                };
                // What finds no room is more than anybody sends.
                let _ = layers.push(rung);
            }
        }
    }

    /// Did the spatial layer come with the latest pictures? However slow those are, the one before the newest is whole.
    fn lives(&self, spatial: u8) -> bool {
        let Some(above) = usize::from(spatial).checked_sub(1) else {
            return true;
        };
        let seen = self.upper.get(above).and_then(|layer| layer.seen);
        seen.is_some_and(|seen| self.frames.0.is_none_or(|before| seen + MISSING_LAYER >= before))
    }

    fn highest_living(&self) -> u8 {
        let known = u8::try_from(self.upper.len()).unwrap_or(u8::MAX);
        (1..=known).rev().find(|spatial| self.lives(*spatial)).unwrap_or(0)
    }

    /// The highest spatial layer is not sent any more.
    pub(super) fn has_lost_layer(&self) -> bool {
        self.highest_living() < self.spatial
    }

    /// The frames by their dependency descriptors.
    pub fn dependencies(&self) -> Option<&Frames> {
        self.dependencies.as_deref()
    }

    /// Newest dense number.
    pub fn newest(&self) -> ExtSeq {
        self.numbering.newest()
    }

    /// Books the packet and finds its number; a retransmission becomes the packet that it stands for.
    pub(super) fn locate(
        &mut self,
        now: Instant,
        header: RtpHeader,
        packet: &mut [u8],
        context: &Context,
    ) -> Result<(RtpHeader, usize, ExtSeq), Discard> {
        if let Some(payload_type) = context.restores {
            self.rtx_reception.on_packet(now, header.sequence, header.timestamp);
            let Restored::Packet { len } = restore(packet, &header, self.ssrc, payload_type)? else {
                return Err(Discard::NotWanted);
            };
            let header = RtpHeader::parse(packet.get(..len).ok_or(Discard::Malformed)?)?;
            let newest = self.reception.highest().ok_or(Discard::NotWanted)?;
            let sequence = newest.nearest(header.sequence);
            self.losses.on_packet(now, sequence);
            return Ok((header, len, sequence));
        }
        let sequence = match self.reception.on_packet(now, header.sequence, header.timestamp) {
            Accepted::Packet(sequence) => sequence,
            Accepted::Restarted(sequence) => {
                self.losses.clear();
                sequence
            }
            Accepted::Suspect => return Err(Discard::TooOld),
        };
        if context.nack {
            self.losses.on_packet(now, sequence);
        }
        Ok((header, packet.len(), sequence))
    }

    /// Puts the packet into the history, unless it is there. `room` is what the history may take.
    pub(super) fn keep(
        &mut self,
        now: Instant,
        incoming: &Incoming,
        header: &RtpHeader,
        packet: &[u8],
        room: usize,
    ) -> Result<(), Discard> {
        match self.history.insert(now, incoming.sequence, header, packet, room) {
            Inserted::New => Ok(()),
            Inserted::Duplicate => Err(Discard::Replay),
            Inserted::TooOld => Err(Discard::TooOld),
        }
    }

    /// What a key frame tells. True if that changes the layers.
    pub(super) fn learn(&mut self, codec: Codec, payload: &[u8], descriptor: Option<&[u8]>) -> bool {
        let told = codec::heights(codec, payload, descriptor);
        told.is_some_and(|heights| std::mem::replace(&mut self.heights, heights.clone()) != heights)
    }

    /// Books what the descriptor tells of a packet that came.
    pub(super) fn place(&mut self, incoming: &mut Incoming, codec: Codec, descriptor: Option<&[u8]>) {
        let Some(element) = descriptor.filter(|_| is_placed_by_descriptor(codec)) else {
            return;
        };
        if self.dependencies.is_none() {
            self.dependencies = dependency::structure(element).map(|structure| Box::new(Frames::new(structure)));
        }
        if let Some(frames) = &mut self.dependencies {
            put(incoming, frames.on_packet(element, incoming.timestamp));
        }
    }

    /// The same of one out of the history.
    pub fn replace(&self, incoming: &mut Incoming, codec: Codec, descriptor: Option<&[u8]>) {
        if let Some(element) = descriptor.filter(|_| is_placed_by_descriptor(codec))
            && let Some(frames) = &self.dependencies
        {
            put(incoming, frames.place(element, incoming.timestamp));
        }
    }

    /// A packet came. True if that changes which layers live.
    pub(super) fn on_alive(&mut self, now: Instant, bytes: usize, incoming: &Incoming) -> bool {
        let timestamp = incoming.timestamp;
        if self.timestamp.is_none_or(|newest| signed(timestamp.wrapping_sub(newest)) > 0) {
            self.timestamp = Some(timestamp);
            self.frames = (self.frames.1, Some(now));
        }
        let temporal = usize::from(incoming.temporal).min(MAX_TEMPORAL - 1);
        let spatial = incoming.spatial.layer.min(HIGHEST_SPATIAL);
        if incoming.spatial.reaches(0)
            && let Some(rate) = self.rates.get_mut(temporal)
        {
            rate.add(now, bytes);
        }
        while self.upper.len() < usize::from(spatial) {
            self.upper.push(Upper::default());
        }
        for (layer, upper) in (1..).zip(&mut self.upper) {
            if incoming.spatial.reaches(layer)
                && let Some(rate) = upper.rates.get_mut(temporal)
            {
                rate.add(now, bytes);
            }
            if layer == spatial {
                upper.seen = Some(now);
            }
        }
        self.last_packet = Some(now);
        let is_finer = temporal > usize::from(self.temporal);
        let is_more = is_finer || spatial > self.spatial;
        self.temporal = if is_finer { incoming.temporal } else { self.temporal };
        self.spatial = self.spatial.max(spatial);
        !std::mem::replace(&mut self.active, true) || is_more
    }
}

/// Receivers of VP8 and VP9 go by what the payload says, and so do we.
fn is_placed_by_descriptor(codec: Codec) -> bool {
    !matches!(codec, Codec::Vp8 | Codec::Vp9)
}

fn put(incoming: &mut Incoming, place: Option<Place>) {
    if let Some(place) = place {
        (incoming.temporal, incoming.step, incoming.spatial) = (place.temporal, place.step, place.spatial);
        incoming.active_targets = place.active;
    }
}

/// Fills in what the codec tells. Also for packets out of the history.
pub fn describe_video(incoming: &mut Incoming, codec: Codec, payload: &[u8], dependency_descriptor: Option<&[u8]>) {
    incoming.key_start = !codec.has_keyframes() || codec::keyframe_start(codec, payload, dependency_descriptor);
    match codec {
        Codec::Vp8 => {
            if let Some(d) = codec::vp8::Descriptor::parse(payload) {
                (incoming.picture_id, incoming.tl0) = (d.picture_id.map(|id| id.value), d.tl0_picture_index);
                incoming.temporal = d.temporal_layer.filter(|_| d.picture_id.is_some()).unwrap_or(0);
                incoming.step = if d.layer_sync { Step::Here } else { Step::No };
                incoming.dense_pictures = true;
            }
        }
        Codec::Vp9 => {
            if let Some(d) = codec::vp9::Descriptor::parse(payload) {
                (incoming.picture_id, incoming.tl0) = (d.picture_id.map(|id| id.value), d.tl0_picture_index);
                incoming.temporal = d.layer.map_or(0, |layer| layer.temporal);
                incoming.spatial = d.spatial();
                incoming.step = if d.layer.is_some_and(|l| l.switching_up) { Step::After } else { Step::No };
            }
        }
        _ => {}
    }
    incoming.frame_number = dependency_descriptor.and_then(dependency::frame_number);
    let structure = dependency_descriptor.and_then(dependency::structure);
    incoming.templates = structure.map(|structure| (structure.template_offset, structure.templates));
}

/// The encodings that groups describe: SIM in its order, else whatever is no retransmission of another.
pub(super) fn encodings(signalled: &MediaSource) -> Vec<Encoding> {
    let fid = |ssrc: u32| {
        let pairs = signalled.groups.iter().filter(|group| group.semantics == Semantics::Fid);
        pairs
            .filter_map(|group| group.ssrcs.first().copied().zip(group.ssrcs.get(1).copied()))
            .find(|(media, _)| *media == ssrc)
    };
    let is_rtx = |ssrc: u32| {
        let mut pairs = signalled.groups.iter().filter(|group| group.semantics == Semantics::Fid);
        pairs.any(|group| group.ssrcs.get(1) == Some(&ssrc))
    };
    let simulcast = signalled.groups.iter().find(|group| group.semantics == Semantics::Sim);
    let primaries = simulcast.map_or(&signalled.ssrcs, |group| &group.ssrcs);
    let most = if signalled.kind == MediaKind::Audio { 1 } else { MAX_ENCODINGS };
    let media = primaries.iter().copied().filter(|ssrc| !is_rtx(*ssrc)).take(most);
    let mut encodings: Vec<Encoding> = (0..)
        .zip(media)
        .map(|(index, ssrc)| Encoding::new(signalled.kind, index, ssrc, fid(ssrc).map(|(_, rtx)| rtx)))
        .collect();
    // They are a kilobyte each, and no more will come.
    encodings.shrink_to_fit();
    encodings
}

#[cfg(test)]
mod tests {
    use super::*;
    use jitsi_wire::jingle::SsrcGroup;

    #[test]
    fn encodings_follow_the_sim_group_and_find_their_retransmissions() {
        let group = |semantics, ssrcs: &[u32]| SsrcGroup { semantics, ssrcs: ssrcs.to_vec() };
        let signalled = MediaSource {
            id: "a-v0".into(),
            kind: MediaKind::Video,
            ssrcs: vec![11, 12, 13, 21, 22, 23],
            groups: vec![
                group(Semantics::Fid, &[13, 23]),
                group(Semantics::Sim, &[11, 12, 13]),
                group(Semantics::Fid, &[11, 21]),
                group(Semantics::Other("FEC-FR".into()), &[11, 99]),
            ],
            desktop: false,
            synthetic: false,
        };
        let found: Vec<_> = encodings(&signalled).iter().map(|e| (e.ssrc.0, e.rtx.map(|r| r.0), e.height())).collect();
        assert_eq!(found, [(11, Some(21), 180), (12, None, 360), (13, Some(23), 720)]);
        let plain = MediaSource { groups: vec![group(Semantics::Fid, &[5, 6])], ssrcs: vec![5, 6], ..signalled };
        let found: Vec<_> = encodings(&plain).iter().map(|e| (e.ssrc.0, e.rtx.map(|r| r.0))).collect();
        assert_eq!(found, [(5, Some(6))]);
    }
}
