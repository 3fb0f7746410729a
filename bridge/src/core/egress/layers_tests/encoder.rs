//! A camera's encoder: three temporal layers in the pattern 0 2 1 2, spatial layers as libwebrtc's structures have them.

use crate::core::codec::Codec;
use crate::core::codec::dependency::{Frames, structure};
use crate::core::egress::project::Incoming;
use crate::core::endpoint::encoding::describe_video;
use crate::core::packet::ExtSeq;

pub(super) const SPATIAL: u8 = 3;
const TEMPORAL: u8 = 3;
const TARGETS: u8 = SPATIAL * TEMPORAL;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One spatial layer.
    Vp8,
    /// `key_svc`: spatial layers depend on each other at key pictures alone.
    Vp9 {
        key_svc: bool,
        flexible: bool,
    },
    Av1 {
        key_svc: bool,
    },
}

impl Kind {
    pub(super) fn codec(self) -> Codec {
        match self {
            Self::Vp8 => Codec::Vp8,
            Self::Vp9 { .. } => Codec::Vp9,
            Self::Av1 { .. } => Codec::Av1,
        }
    }

    fn is_key_svc(self) -> bool {
        matches!(self, Self::Vp9 { key_svc: true, .. } | Self::Av1 { key_svc: true })
    }
}

/// A packet as the projection sees it, and its bytes.
pub(super) struct Sent {
    pub incoming: Incoming,
    pub payload: Vec<u8>,
    pub element: Option<Vec<u8>>,
}

/// What the payload says of its frame behind the codec's descriptor: what a decoder finds out when it decodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Truth {
    pub id: u64,
    pub references: Vec<u64>,
    pub spatial: u8,
    pub temporal: u8,
    pub is_last: bool,
}

impl Truth {
    fn write(&self) -> Vec<u8> {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend([self.spatial, self.temporal, u8::from(self.is_last), self.references.len() as u8]);
        bytes.extend(self.references.iter().flat_map(|id| id.to_be_bytes()));
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        let references = (0..usize::from(bytes[11])).map(|index| number(12 + index * 8)).collect();
        Self { id: number(0), references, spatial: bytes[8], temporal: bytes[9], is_last: bytes[10] != 0 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    id: u64,
    number: u16,
    picture: u64,
}

pub(super) struct Encoder {
    pub kind: Kind,
    encoding: u8,
    /// Spatial layers that are sent.
    pub layers: u8,
    wanted_layers: u8,
    /// The sender's mask changed and is to be told.
    retargets: bool,
    next_id: u64,
    sequence: ExtSeq,
    picture: u64,
    place: usize,
    number: u16,
    tl0: u8,
    offset: u8,
    next_offset: u8,
    latest: [[Option<Frame>; 2]; SPATIAL as usize],
    frames: Option<Frames>,
}

impl Encoder {
    /// `seed` tells its ids and numbers from those of others.
    pub(super) fn new(kind: Kind, encoding: u8, seed: u16) -> Self {
        Self {
            kind,
            encoding,
            layers: if kind == Kind::Vp8 { 1 } else { SPATIAL },
            wanted_layers: if kind == Kind::Vp8 { 1 } else { SPATIAL },
            retargets: false,
            next_id: u64::from(seed) << 32,
            sequence: ExtSeq(100_000 + u64::from(seed)),
            picture: u64::from(seed) * 7,
            place: 0,
            number: seed.wrapping_mul(31),
            tl0: seed as u8,
            offset: (seed % 64) as u8,
            next_offset: (seed % 64) as u8,
            latest: Default::default(),
            frames: None,
        }
    }

    /// Fewer spatial layers from the next picture on, or more from the next one of the lowest temporal layer. True if only a key
    /// frame brings more.
    pub(super) fn set_layers(&mut self, layers: u8) -> bool {
        self.wanted_layers = layers;
        layers > self.layers && self.kind.is_key_svc()
    }

    fn change_layers(&mut self, is_key: bool) {
        let more = self.wanted_layers > self.layers;
        if self.wanted_layers != self.layers && (!more || is_key || (self.place == 0 && !self.kind.is_key_svc())) {
            self.layers = self.wanted_layers;
            self.latest.iter_mut().skip(usize::from(self.layers)).for_each(|latest| *latest = [None; 2]);
            self.retargets = true;
        }
    }

    /// Key frames bring another structure from now on: its templates have other ids.
    pub(super) fn restructure(&mut self) {
        self.next_offset = (self.offset + templates(self.kind).len() as u8) % 64;
    }

    /// The next picture. `is_key`: one that depends on nothing.
    pub(super) fn picture(&mut self, timestamp: u32, is_key: bool) -> Vec<Sent> {
        let is_key = is_key || self.latest[0][0].is_none();
        if is_key {
            self.place = 0;
            self.offset = self.next_offset;
            self.latest = Default::default();
        }
        self.change_layers(is_key);
        let temporal = [0, 2, 1, 2][self.place];
        self.tl0 = self.tl0.wrapping_add(u8::from(temporal == 0));
        let mut below: Option<Frame> = None;
        let mut sent: Vec<Sent> = Vec::new();
        for spatial in 0..self.layers {
            let latest = self.latest[usize::from(spatial)];
            let earlier = match (temporal, self.place) {
                (2, 3) => latest[1],
                _ => latest[0],
            };
            if temporal > 0 && earlier.is_none() {
                continue;
            }
            let beside = below.filter(|_| is_key || !self.kind.is_key_svc());
            self.number = self.number.wrapping_add(1);
            self.next_id += 1;
            let frame = Frame { id: self.next_id, number: self.number, picture: self.picture };
            let packets = 1 + spatial;
            for part in 0..packets {
                let ends = (part == 0, part + 1 == packets);
                let packet = self.packet(timestamp, (spatial, temporal), frame, (earlier, beside), ends, is_key);
                sent.push(packet);
            }
            if temporal < 2 {
                self.latest[usize::from(spatial)][usize::from(temporal)] = Some(frame);
            }
            below = Some(frame);
        }
        sent.last_mut().unwrap().incoming.marker = true;
        self.place = (self.place + 1) % 4;
        self.picture += 1;
        self.retargets = false;
        sent
    }

    fn packet(
        &mut self,
        timestamp: u32,
        (spatial, temporal): (u8, u8),
        frame: Frame,
        references: (Option<Frame>, Option<Frame>),
        (starts, is_last): (bool, bool),
        is_key: bool,
    ) -> Sent {
        self.sequence = self.sequence.plus(1);
        let both = references.0.into_iter().chain(references.1);
        let truth = Truth { id: frame.id, references: both.map(|f| f.id).collect(), spatial, temporal, is_last };
        let ends = (starts, is_last);
        let mut payload = match self.kind {
            Kind::Vp8 => self.vp8(temporal, frame, starts, is_key),
            Kind::Vp9 { flexible, .. } => self.vp9((spatial, temporal), frame, references, ends, flexible),
            Kind::Av1 { .. } => vec![0],
        };
        payload.extend(truth.write());
        let element = matches!(self.kind, Kind::Av1 { .. })
            .then(|| self.descriptor(spatial, temporal, frame, references, ends, is_key));
        let mut incoming = Incoming {
            encoding: self.encoding,
            sequence: self.sequence,
            newest: self.sequence,
            timestamp,
            payload_type: 100,
            ..Incoming::default()
        };
        let codec = self.kind.codec();
        describe_video(&mut incoming, codec, &payload, element.as_deref());
        if let Some(element) = &element {
            let frames = self.frames.get_or_insert_with(|| Frames::new(structure(element).unwrap()));
            let place = frames.on_packet(element, timestamp).unwrap();
            (incoming.temporal, incoming.step, incoming.spatial) = (place.temporal, place.step, place.spatial);
            incoming.active_targets = place.active;
        }
        assert_eq!((incoming.spatial.layer, incoming.temporal), (spatial, temporal), "what is written is read");
        Sent { incoming, payload, element }
    }

    pub(super) fn frames(&self) -> Option<&Frames> {
        self.frames.as_ref()
    }

    fn vp8(&self, temporal: u8, frame: Frame, starts: bool, is_key: bool) -> Vec<u8> {
        let [high, low] = ((frame.picture % 0x8000) as u16).to_be_bytes();
        let is_synced = u8::from(matches!(self.place, 1 | 2));
        let first = 0x80 | (u8::from(starts) << 4);
        vec![first, 0xe0, 0x80 | high, low, self.tl0, (temporal << 6) | (is_synced << 5), u8::from(!is_key)]
    }

    fn vp9(
        &self,
        (spatial, temporal): (u8, u8),
        frame: Frame,
        (earlier, beside): (Option<Frame>, Option<Frame>),
        (starts, is_last): (bool, bool),
        flexible: bool,
    ) -> Vec<u8> {
        let bit = |set: bool, bit: u8| u8::from(set) << bit;
        let is_structure = earlier.is_none() && beside.is_none() && starts;
        let needed_above = spatial + 1 < self.layers && (earlier.is_none() || !self.kind.is_key_svc());
        let flags = 0xa0 | bit(earlier.is_some(), 6) | bit(flexible, 4) | bit(starts, 3) | bit(is_last, 2);
        let [high, low] = ((frame.picture % 0x8000) as u16).to_be_bytes();
        let layer = (temporal << 5) | bit(temporal > 0, 4) | (spatial << 1) | u8::from(beside.is_some());
        let mut payload = vec![flags | bit(is_structure, 1) | bit(!needed_above, 0), 0x80 | high, low, layer];
        match earlier.filter(|_| flexible) {
            Some(earlier) => payload.push(((frame.picture - earlier.picture) as u8) << 1),
            None if flexible => {}
            None => payload.push(self.tl0),
        }
        if is_structure {
            payload.push(((self.layers - 1) << 5) | 0x10);
            for layer in 0..self.layers {
                payload.extend([320_u16 << layer, 180 << layer].into_iter().flat_map(u16::to_be_bytes));
            }
        }
        payload
    }

    fn descriptor(
        &self,
        spatial: u8,
        temporal: u8,
        frame: Frame,
        (earlier, beside): (Option<Frame>, Option<Frame>),
        (starts, is_last): (bool, bool),
        is_key: bool,
    ) -> Vec<u8> {
        let back = |frame_before: Frame| u32::from(frame.number.wrapping_sub(frame_before.number));
        let references: Vec<u32> = earlier.into_iter().chain(beside).map(back).collect();
        let all = templates(self.kind);
        let is_kind = |t: &&Template| (t.spatial, t.temporal, t.is_key) == (spatial, temporal, is_key);
        let template = all.iter().find(is_kind).unwrap();
        let index = all.iter().position(|t| std::ptr::eq(t, template)).unwrap() as u8;
        let is_custom = template.references != references;
        let brings_structure = is_key && spatial == 0 && starts;
        let told = (self.retargets || (brings_structure && self.layers < SPATIAL)) && starts;
        let mut bits = BitWriter::default();
        bits.put(u32::from(starts), 1).put(u32::from(is_last), 1).put(u32::from((self.offset + index) % 64), 6);
        bits.put(u32::from(frame.number), 16);
        if brings_structure || told || is_custom {
            bits.put(u32::from(brings_structure), 1).put(u32::from(told), 1).put(0, 1);
            bits.put(u32::from(is_custom), 1).put(0, 1);
        }
        if brings_structure {
            write_structure(&mut bits, self.offset, &all);
        }
        if told {
            bits.put((1 << (self.layers * TEMPORAL)) - 1, u32::from(TARGETS));
        }
        if is_custom {
            for back in references {
                if back > 16 {
                    bits.put(2, 2).put(back - 1, 8)
                } else {
                    bits.put(1, 2).put(back - 1, 4)
                };
            }
            bits.put(0, 2);
        }
        bits.bytes
    }
}

struct Template {
    spatial: u8,
    temporal: u8,
    is_key: bool,
    references: Vec<u32>,
    /// To each target: 0 not present, 1 discardable, 2 switch, 3 required.
    targets: Vec<u32>,
}

fn templates(kind: Kind) -> Vec<Template> {
    let key_svc = kind.is_key_svc();
    let mut all = Vec::new();
    for spatial in 0..SPATIAL {
        for (temporal, is_key, back) in
            [(0, true, None), (0, false, Some(12)), (1, false, Some(6)), (2, false, Some(3))]
        {
            let beside = (spatial > 0 && (is_key || !key_svc)).then_some(1);
            let indication = |target: u8| match (target / TEMPORAL, target % TEMPORAL) {
                (s, t) if s < spatial || t < temporal || (key_svc && !is_key && s != spatial) => 0,
                (s, _) if s > spatial && !is_key => 3,
                (s, t) if s == spatial && t == temporal && t > 0 => 1,
                _ => 2,
            };
            let references = back.into_iter().chain(beside).collect();
            all.push(Template {
                spatial,
                temporal,
                is_key,
                references,
                targets: (0..TARGETS).map(indication).collect(),
            });
        }
    }
    all
}

fn write_structure(bits: &mut BitWriter, offset: u8, all: &[Template]) {
    bits.put(u32::from(offset), 6).put(u32::from(TARGETS) - 1, 5);
    for pair in all.windows(2) {
        let next = (pair[1].spatial - pair[0].spatial, pair[1].temporal > pair[0].temporal);
        bits.put(if next.0 > 0 { 2 } else { u32::from(next.1) }, 2);
    }
    bits.put(3, 2);
    all.iter().flat_map(|template| &template.targets).for_each(|indication| {
        bits.put(*indication, 2);
    });
    for template in all {
        for back in &template.references {
            bits.put(1, 1).put(back - 1, 4);
        }
        bits.put(0, 1);
    }
    // A chain for each spatial layer: of 10 values the first six take three bits. What they say nobody here asks.
    bits.put(3, 3);
    for target in 0..TARGETS {
        match target / TEMPORAL {
            0 => bits.put(0, 1),
            layer => bits.put(u32::from(layer) + 1, 2),
        };
    }
    all.iter().for_each(|_| {
        bits.put(0, 12);
    });
    bits.put(1, 1);
    for layer in 0..SPATIAL {
        bits.put((320 << layer) - 1, 16).put((180 << layer) - 1, 16);
    }
}

/// Writes bits, most significant first.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    len: usize,
}

impl BitWriter {
    fn put(&mut self, value: u32, count: u32) -> &mut Self {
        for shift in (0..count).rev() {
            if self.len.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= (((value >> shift) & 1) as u8) << (7 - self.len % 8);
            self.len += 1;
        }
        self
    }
}
