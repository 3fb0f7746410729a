//! Which frames of a run are left out for their temporal or spatial layer.
//!
//! What is left out leaves no hole: packets are numbered densely before [`super::seqmap`] numbers them for the receiver, and VP8's
//! picture ids are closed up. What is decided of a frame stays so, whenever the rest of it comes.
//!
//! Spatial layers are changed where the first temporal layer of the wanted one can be decoded with what went out: at key pictures,
//! and between them if all that it depends on went out as well. Of layers that are not the highest only those frames go out that the
//! highest needs.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use heapless::Deque;

use super::clock::signed;
use super::project::Incoming;
use crate::core::codec::{Spatial, Step};
use crate::core::packet::ExtSeq;

/// Pictures that are remembered: two seconds.
const PICTURES: usize = 64;
/// Stretches of packets that were left out and are remembered; of every other frame, two seconds.
const STRETCHES: usize = 64;
/// A stream that never says where more temporal layers can begin gets them after this time.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many pictures of the lowest temporal layer without the spatial layer that goes out: it is not sent any more.
const MAX_MISSING: u8 = 2;

/// The highest layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Highest {
    pub spatial: u8,
    pub temporal: u8,
}

impl Highest {
    pub const ALL: Self = Self { spatial: u8::MAX, temporal: u8::MAX };
    pub const NONE: Self = Self { spatial: 0, temporal: 0 };

    /// The highest temporal layer that may go out with this spatial layer: all on the way up to a better one, on the way down only
    /// the lowest.
    pub fn temporal_at(self, spatial: u8) -> u8 {
        match spatial.cmp(&self.spatial) {
            Ordering::Less => u8::MAX,
            Ordering::Equal => self.temporal,
            Ordering::Greater => 0,
        }
    }
}

/// What is written of a frame that goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Pictures that were left out before it.
    pub left_out: u16,
    /// The picture ends with it.
    pub is_last: bool,
    /// The layers that go out from here on,
    pub layers: Highest,
    /// which are others than before.
    pub retargets: bool,
}

impl Shape {
    /// As long as nothing was left out.
    pub fn whole(spatial: Spatial, want: Highest) -> Self {
        // No other than the lowest layer has come; of a key picture more follow.
        let highest = if spatial.is_fresh() { want.spatial } else { spatial.layer };
        let layers = Highest { spatial: highest, temporal: want.temporal_at(spatial.layer) };
        Self { left_out: 0, is_last: spatial.layer == highest, layers, retargets: false }
    }
}

/// The frames of one timestamp. Sets of spatial layers are bits.
#[derive(Debug, Clone, Copy)]
struct Picture {
    timestamp: u32,
    /// It has frames of the lowest temporal layer.
    is_base: bool,
    known: u8,
    passes: u8,
    /// It ends with the frames of these.
    last: u8,
    /// With these others go out than before.
    retargets: u8,
    layers: Highest,
    /// Pictures that were left out before it.
    left_out: u16,
}

/// Packets in a row that did not go out.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: ExtSeq,
    count: u64,
    /// Packets that were left out before it.
    before: u64,
}

impl Stretch {
    fn end(&self) -> ExtSeq {
        self.from.plus(self.count)
    }
}

/// What was decided about the frames of one run since the first of them was left out.
#[derive(Debug)]
pub struct Thinning {
    /// The highest spatial layer that goes out.
    spatial: u8,
    /// The spatial layers of which everything of the lowest temporal layer went out that still matters.
    intact: u8,
    /// The highest temporal layer that goes out.
    limit: u8,
    /// More are allowed since then, and the stream has not come to where they can begin.
    waiting: Option<Instant>,
    /// What goes out as the receiver was told, and what the sender said then.
    told: Option<(Highest, u32)>,
    /// The wanted spatial layer begins only at a key frame.
    needs_key_frame: bool,
    /// Pictures of the lowest temporal layer in a row that were without the spatial layer that goes out.
    missing: u8,
    pictures: Deque<Picture, PICTURES>,
    stretches: Deque<Stretch, STRETCHES>,
    /// What comes before this is forgotten.
    known_from: ExtSeq,
    newest: ExtSeq,
}

impl Thinning {
    /// All frames up to one of this timestamp, which was of this spatial layer like all before, went out. `is_whole`: as the last
    /// of its picture.
    pub fn after(timestamp: u32, spatial: u8, is_whole: bool) -> Self {
        let mut pictures = Deque::new();
        let own = Spatial { layer: spatial, ..Spatial::default() }.bit();
        // It is empty.
        let last = if is_whole { own } else { 0 };
        let _ = pictures.push_back(Picture { known: own, passes: own, last, ..Picture::new(timestamp, 0) });
        Self {
            spatial,
            intact: own,
            limit: u8::MAX,
            waiting: None,
            told: None,
            needs_key_frame: false,
            missing: 0,
            pictures,
            stretches: Deque::new(),
            known_from: ExtSeq::default(),
            newest: ExtSeq::default(),
        }
    }

    /// Does this packet go out, if layers up to `want` may?
    pub fn passes(&mut self, now: Instant, packet: &Incoming, want: Highest) -> bool {
        let passes = match self.pictures.iter().rposition(|picture| picture.timestamp == packet.timestamp) {
            Some(index) => self.decide_in(now, packet, want, index),
            None if self.pictures.back().is_some_and(|last| is_before(packet.timestamp, last.timestamp)) => {
                self.on_late_picture(packet)
            }
            None => self.on_next_picture(now, packet, want),
        };
        if !passes {
            self.leave_out(packet.sequence);
        }
        self.newest = self.newest.max(packet.sequence);
        passes
    }

    /// Only a key frame brings what is wanted. Answers once.
    pub fn take_wish(&mut self) -> bool {
        std::mem::take(&mut self.needs_key_frame)
    }

    /// The dense number of a packet that goes out; nothing for what was left out or is too old.
    pub fn number(&self, sequence: ExtSeq) -> Option<ExtSeq> {
        if sequence < self.known_from {
            return None;
        }
        match self.stretches.iter().rev().find(|stretch| stretch.from <= sequence) {
            Some(stretch) if sequence < stretch.end() => None,
            Some(stretch) => Some(sequence.minus(stretch.before + stretch.count)),
            None => Some(sequence.minus(self.stretches.front().map_or(0, |stretch| stretch.before))),
        }
    }

    /// The source's number of a dense number.
    pub fn source_number(&self, number: ExtSeq) -> ExtSeq {
        let before = |stretch: &&Stretch| stretch.from.minus(stretch.before) <= number;
        match self.stretches.iter().rev().find(before) {
            Some(stretch) => number.plus(stretch.before + stretch.count),
            None => number.plus(self.stretches.front().map_or(0, |stretch| stretch.before)),
        }
    }

    /// How the packet's frame goes out, if it does.
    pub fn shape(&self, packet: &Incoming) -> Option<Shape> {
        let own = packet.spatial.bit();
        let found = self.pictures.iter().rev().find(|picture| picture.timestamp == packet.timestamp);
        let Some(picture) = found else {
            let left_out = self.next(packet.timestamp)?.left_out;
            let layers = Highest { spatial: self.spatial, temporal: self.limit };
            return Some(Shape { left_out, is_last: packet.spatial.layer == self.spatial, layers, retargets: false });
        };
        (picture.passes & own != 0).then_some(Shape {
            left_out: picture.left_out,
            is_last: picture.last & own != 0,
            layers: picture.layers,
            retargets: picture.retargets & own != 0,
        })
    }

    /// The picture that follows one that is not known; nothing if all that is known follows it by more than one, as may be.
    fn next(&self, timestamp: u32) -> Option<&Picture> {
        let next = self.pictures.iter().find(|picture| is_before(timestamp, picture.timestamp))?;
        let is_first = self.pictures.front().is_some_and(|first| first.timestamp == next.timestamp);
        (!is_first || next.left_out == 0).then_some(next)
    }

    /// A picture of which nothing came in time. Its numbers are kept free.
    fn on_late_picture(&self, packet: &Incoming) -> bool {
        self.wants(packet.spatial) && packet.temporal <= self.limit && self.next(packet.timestamp).is_some()
    }

    fn on_next_picture(&mut self, now: Instant, packet: &Incoming, want: Highest) -> bool {
        let mut left_out = 0;
        if let Some(last) = self.pictures.back().copied() {
            left_out = last.left_out.wrapping_add(u16::from(last.passes == 0));
            self.look_for_missing(&last);
        }
        if self.pictures.is_full() {
            self.pictures.pop_front();
        }
        // There is room: the line before made it.
        let _ = self.pictures.push_back(Picture::new(packet.timestamp, left_out));
        self.decide(now, packet, want)
    }

    /// Goes on with the highest layer that there is, or with a key frame.
    fn look_for_missing(&mut self, last: &Picture) {
        if !last.is_base {
            return;
        }
        if last.known >> self.spatial & 1 != 0 {
            self.missing = 0;
            return;
        }
        self.missing = self.missing.saturating_add(1);
        if self.missing < MAX_MISSING {
            return;
        }
        let highest = highest_of(last.known);
        if self.intact >> highest & 1 != 0 {
            self.spatial = highest;
        } else {
            self.needs_key_frame = true;
        }
    }

    fn decide_in(&mut self, now: Instant, packet: &Incoming, want: Highest, index: usize) -> bool {
        let own = packet.spatial.bit();
        let is_newest = index + 1 == self.pictures.len();
        let (wants, limit, layer) = (self.wants(packet.spatial), self.limit, self.spatial);
        let Some(picture) = self.pictures.iter_mut().nth(index) else {
            return false;
        };
        if picture.known & own != 0 {
            return picture.passes & own != 0;
        }
        if is_newest {
            return self.decide(now, packet, want);
        }
        // A frame of which nothing came in time.
        let passes = wants && packet.temporal <= limit && packet.spatial.beside & picture.left_out_layers() == 0;
        picture.note(own, passes, packet.spatial.layer == layer);
        passes
    }

    /// The first packet of a frame of the newest picture.
    fn decide(&mut self, now: Instant, packet: &Incoming, want: Highest) -> bool {
        let spatial = packet.spatial;
        let own = spatial.bit();
        let Some(picture) = self.pictures.back().copied() else {
            return false;
        };
        let restarts = packet.key_start || (spatial.is_fresh() && spatial.layer == 0);
        if restarts {
            // Whatever the stream has now comes in this picture; some of it may have come before its beginning.
            self.spatial = highest_of(picture.passes).max(spatial.layer);
            self.intact = picture.passes;
        }
        let is_decodable =
            restarts || (spatial.earlier & !self.intact == 0 && spatial.beside & picture.left_out_layers() == 0);
        let is_base = packet.temporal == 0;
        if is_base && is_toward(self.spatial, spatial.layer, want.spatial) {
            // Behind the end of a picture nothing can follow of it.
            if is_decodable && picture.last & picture.passes == 0 {
                self.spatial = spatial.layer;
            } else {
                self.needs_key_frame = true;
            }
        }
        // What goes out has come to an end: it went on without a frame that it needs.
        self.needs_key_frame |= is_base && spatial.layer == self.spatial && !is_decodable;
        let mut passes = self.wants(spatial) && is_decodable;
        if passes {
            self.adapt(now, packet, want.temporal_at(self.spatial), restarts || spatial.is_fresh());
            passes = packet.temporal <= self.limit;
        }
        if is_base {
            self.intact = if passes { self.intact | own } else { self.intact & !own };
        }
        // Of a key picture the layers up to the wanted one follow.
        let highest = if restarts || spatial.is_fresh() { want.spatial.max(spatial.layer) } else { self.spatial };
        let layers = Highest { spatial: highest, temporal: self.limit };
        // What the sender says of its targets may stand in a frame that is left out.
        let targets = (layers, packet.active_targets);
        let retargets = passes && self.told.replace(targets) != Some(targets);
        if let Some(picture) = self.pictures.back_mut() {
            picture.is_base |= is_base;
            picture.note(own, passes, spatial.layer == highest);
            picture.layers = layers;
            picture.retargets |= if retargets { own } else { 0 };
        }
        passes
    }

    fn wants(&self, spatial: Spatial) -> bool {
        spatial.layer == self.spatial || (spatial.layer < self.spatial && spatial.reaches(self.spatial))
    }

    fn adapt(&mut self, now: Instant, packet: &Incoming, most: u8, is_fresh: bool) {
        if is_fresh || most <= self.limit {
            (self.limit, self.waiting) = (most, None);
            return;
        }
        let since = *self.waiting.get_or_insert(now);
        match packet.step {
            Step::After if packet.temporal <= self.limit => self.limit = most,
            // Senders also say so of what depends on nothing of its own layer.
            Step::Here | Step::After if packet.temporal == self.limit + 1 => self.limit += 1,
            _ if now.saturating_duration_since(since) >= PATIENCE => self.limit = most,
            _ => {}
        }
    }

    /// A packet that comes late leaves its number: those behind it are given out.
    fn leave_out(&mut self, sequence: ExtSeq) {
        if sequence <= self.newest {
            return;
        }
        let before = self.stretches.back().map_or(0, |last| last.before + last.count);
        if let Some(last) = self.stretches.back_mut().filter(|last| last.end() == sequence) {
            last.count += 1;
            return;
        }
        if self.stretches.is_full()
            && let Some(oldest) = self.stretches.pop_front()
        {
            self.known_from = oldest.end();
        }
        // There is room: the lines before made it.
        let _ = self.stretches.push_back(Stretch { from: sequence, count: 1, before });
    }
}

impl Picture {
    fn new(timestamp: u32, left_out: u16) -> Self {
        Self { timestamp, is_base: false, known: 0, passes: 0, last: 0, retargets: 0, layers: Highest::ALL, left_out }
    }

    fn note(&mut self, own: u8, passes: bool, is_last: bool) {
        self.known |= own;
        self.passes |= if passes { own } else { 0 };
        self.last |= if is_last { own } else { 0 };
    }

    /// Of what came.
    fn left_out_layers(&self) -> u8 {
        self.known & !self.passes
    }
}

/// The highest of these layers; of none the lowest there is.
fn highest_of(layers: u8) -> u8 {
    u8::try_from(7_u32.saturating_sub(layers.leading_zeros())).unwrap_or(0)
}

/// Is `layer` nearer to the wanted one than the current is?
fn is_toward(current: u8, layer: u8, wanted: u8) -> bool {
    (current < layer && layer <= wanted) || (wanted <= layer && layer < current)
}

fn is_before(timestamp: u32, other: u32) -> bool {
    signed(timestamp.wrapping_sub(other)) < 0
}

#[cfg(test)]
#[path = "thin_tests.rs"]
mod tests;
