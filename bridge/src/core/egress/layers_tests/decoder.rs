//! A receiver with its decoder: it complains of whatever a browser would stumble over.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::encoder::{Kind, Truth};

/// A packet as it comes out of the bridge.
pub(super) struct Got<'a> {
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: &'a [u8],
    pub element: Option<&'a [u8]>,
}

/// The ids in a codec's descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ids {
    picture: u16,
    tl0: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    ids: Option<Ids>,
}

pub(super) struct Decoder {
    kind: Kind,
    decoded: HashSet<u64>,
    last: Option<Last>,
    structure: Option<Structure>,
    /// Frame numbers that were decoded, unwrapped.
    numbers: HashSet<i64>,
    newest_number: Option<i64>,
    shown: Option<Instant>,
    /// The longest time between two pictures.
    pub longest: Duration,
    pub pictures: usize,
    /// Spatial and temporal layer of the last frame of the newest whole picture, and its frame.
    pub newest: Option<(u8, u8, u64)>,
}

impl Decoder {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            decoded: HashSet::new(),
            last: None,
            structure: None,
            numbers: HashSet::new(),
            newest_number: None,
            shown: None,
            longest: Duration::ZERO,
            pictures: 0,
            newest: None,
        }
    }

    /// Nothing is wanted for a while.
    pub(super) fn pause(&mut self) {
        self.shown = None;
    }

    /// How long the picture has stood still.
    pub(super) fn still(&mut self, now: Instant) {
        let since = *self.shown.get_or_insert(now);
        self.longest = self.longest.max(now - since);
    }

    pub(super) fn receive(&mut self, now: Instant, got: &Got<'_>) {
        let (ids, len) = self.ids(got.payload);
        let truth = Truth::read(&got.payload[len..]);
        if let Some(last) = self.last {
            assert_eq!(got.sequence, last.sequence.wrapping_add(1), "numbers are dense");
            assert_eq!(
                got.timestamp == last.timestamp,
                !last.marker,
                "a marker at the end of each picture, and only there"
            );
            assert!(got.timestamp.wrapping_sub(last.timestamp) < 1 << 31, "time goes on");
            self.judge_ids(&last, got, ids, &truth);
        }
        self.last = Some(Last { sequence: got.sequence, timestamp: got.timestamp, marker: got.marker, ids });
        let highest = got.element.map(|element| self.read_descriptor(element, &truth));
        if truth.is_last {
            let missing: Vec<_> = truth.references.iter().filter(|id| !self.decoded.contains(id)).collect();
            assert!(missing.is_empty(), "{truth:?} cannot be decoded without {missing:?}");
            self.decoded.insert(truth.id);
        }
        if got.marker {
            assert!(truth.is_last, "a marker amidst a frame");
            if let Some(highest) = highest {
                assert_eq!(truth.spatial, highest, "a picture ends with the highest layer of the active targets");
            }
            self.still(now);
            self.shown = Some(now);
            self.pictures += 1;
            self.newest = Some((truth.spatial, truth.temporal, truth.id));
        }
    }

    /// The ids and the length of the codec's descriptor.
    fn ids(&self, payload: &[u8]) -> (Option<Ids>, usize) {
        match self.kind {
            Kind::Vp8 => {
                let picture = u16::from_be_bytes([payload[2] & 0x7f, payload[3]]);
                (Some(Ids { picture, tl0: Some(payload[4]) }), 7)
            }
            Kind::Vp9 { flexible, .. } => {
                let picture = u16::from_be_bytes([payload[1] & 0x7f, payload[2]]);
                let is_inter = payload[0] & 0x40 != 0;
                let tl0 = (!flexible).then(|| payload[4]);
                let mut len = 4 + usize::from(!flexible || is_inter);
                if payload[0] & 2 != 0 {
                    len += 1 + 4 * (usize::from(payload[len] >> 5) + 1);
                }
                (Some(Ids { picture, tl0 }), len)
            }
            Kind::Av1 { .. } => (None, 1),
        }
    }

    fn judge_ids(&self, last: &Last, got: &Got<'_>, ids: Option<Ids>, truth: &Truth) {
        let Some((before, now)) = last.ids.zip(ids) else {
            return;
        };
        if got.timestamp == last.timestamp {
            assert_eq!(before, now, "one picture has one id");
            return;
        }
        let step = now.picture.wrapping_sub(before.picture) & 0x7fff;
        let dense = self.kind == Kind::Vp8;
        assert!(step > 0 && step < if dense { 2 } else { 0x4000 }, "{before:?}, then {now:?}");
        // Of VP9 pictures are left out while a layer is missing; a key picture begins anew.
        let begins_anew = self.kind != Kind::Vp8 && truth.references.is_empty();
        if let Some((before, now)) = before.tl0.zip(now.tl0).filter(|_| !begins_anew) {
            let counted = before.wrapping_add(u8::from(truth.temporal == 0));
            assert_eq!(now, counted, "TL0PICIDX counts the pictures of the lowest temporal layer");
        }
    }

    /// Follows the descriptor and answers the highest spatial layer that may be decoded.
    fn read_descriptor(&mut self, element: &[u8], truth: &Truth) -> u8 {
        let mut bits = Reader { bytes: element, at: 2 };
        let (id, number) = (bits.take(6) as u8, bits.take(16) as u16);
        let flags = if element.len() > 3 { bits.take(5) } else { 0 };
        let newest = self.newest_number.unwrap_or(i64::from(number));
        let number = newest + i64::from(number.wrapping_sub(newest as u16) as i16);
        assert!(self.newest_number.is_none_or(|newest| number >= newest), "frame numbers go on");
        if flags & 0x10 != 0 {
            let structure = Structure::read(&mut bits);
            if let Some(before) = &self.structure {
                let follows = (before.offset + before.templates.len() as u8) % 64;
                assert!([before.offset, follows].contains(&structure.offset), "templates of two structures never mix");
                assert!(number > newest, "a structure never goes back");
            }
            self.structure = Some(structure);
        }
        let structure = self.structure.as_mut().expect("a structure before anything else");
        if flags & 0x08 != 0 {
            structure.active = bits.take(structure.targets.len() as u32);
        }
        assert_eq!(flags & 0x05, 0, "no custom targets and chains in these tests");
        let index = id.wrapping_sub(structure.offset) % 64;
        let (spatial, temporal, mut back) = structure.templates[usize::from(index)].clone();
        assert_eq!((spatial, temporal), (truth.spatial, truth.temporal), "the template of its layer");
        if flags & 0x02 != 0 {
            back.clear();
            loop {
                match bits.take(2) {
                    0 => break,
                    size => back.push(i64::from(bits.take(4 * size)) + 1),
                }
            }
        }
        for back in back {
            assert!(self.numbers.contains(&(number - back)), "frame {number} without {}", number - back);
        }
        self.newest_number = Some(number);
        if truth.is_last {
            self.numbers.insert(number);
        }
        let active = structure.targets.iter().enumerate().filter(|(bit, _)| structure.active >> bit & 1 != 0);
        active.map(|(_, spatial)| *spatial).max().expect("a target")
    }

    /// Id of the first template and number of templates.
    pub(super) fn templates(&self) -> (u8, u8) {
        let structure = self.structure.as_ref().unwrap();
        (structure.offset, structure.templates.len() as u8)
    }
}

struct Structure {
    offset: u8,
    /// Spatial layer, temporal layer, frames it refers to.
    templates: Vec<(u8, u8, Vec<i64>)>,
    /// The highest spatial layer of each.
    targets: Vec<u8>,
    active: u32,
}

impl Structure {
    fn read(bits: &mut Reader<'_>) -> Self {
        let offset = bits.take(6) as u8;
        let count = bits.take(5) as usize + 1;
        let mut templates = vec![(0, 0, Vec::new())];
        loop {
            let (spatial, temporal, _) = *templates.last().map(|(s, t, _)| (s, t, ())).as_ref().unwrap();
            match bits.take(2) {
                0 => templates.push((*spatial, *temporal, Vec::new())),
                1 => templates.push((*spatial, temporal + 1, Vec::new())),
                2 => templates.push((spatial + 1, 0, Vec::new())),
                _ => break,
            }
        }
        let mut targets = vec![0; count];
        for (spatial, _, _) in &templates {
            for target in &mut targets {
                if bits.take(2) != 0 {
                    *target = (*target).max(*spatial);
                }
            }
        }
        for (_, _, back) in &mut templates {
            while bits.take(1) == 1 {
                back.push(i64::from(bits.take(4)) + 1);
            }
        }
        assert_eq!(bits.take(3), 3, "three chains");
        for _ in &targets {
            if bits.take(1) == 1 {
                bits.take(1);
            }
        }
        bits.take(12 * templates.len() as u32);
        assert_eq!(bits.take(1), 1, "sizes");
        bits.take(32 * 3);
        Self { offset, templates, active: (1 << count) - 1, targets }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The last 32 of them, if there are more.
    fn take(&mut self, count: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.bytes[self.at / 8] >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        value
    }
}
