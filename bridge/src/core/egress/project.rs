//! One source towards one receiver: which encoding goes out, and as what.
//!
//! Switches happen at key frames alone (rules of jitsi-videobridge `Vp8QualityFilter`): one request makes a sender emit key
//! frames on all its encodings within a short time, so the first is taken to show something and the next ones to climb.
//! What comes out is one stream: numbers run on, timestamps and picture ids grow.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use super::clock::{SenderClock, moved, ntp_ticks, signed, ticks};
use super::seqmap::SeqMap;
use super::thin::{Highest, Shape, Thinning};
use crate::core::allocate::Layer;
use crate::core::codec::dependency::MAX_TEMPLATES;
use crate::core::codec::{Spatial, Step};
use crate::core::endpoint::encoding::Encodings;
use crate::core::packet::{ExtSeq, Seq};

/// Key frames that come within this time belong to one request.
const KEY_FRAME_GROUP: Duration = Duration::from_millis(300);
/// A late key frame starts a run only while what followed it can still be sent again.
const MAX_LATE_START: u64 = 64;
/// Least distance of two frames, in seconds: timestamps of different frames must differ.
const MIN_STEP_DIVISOR: u32 = 100;
/// How far a sender's own idea of time may lead ours on a switch.
const MAX_LEAD: Duration = Duration::from_millis(75);
/// A sender that reports no clock is followed by ours; guesses that went wrong are made good this much at a time.
const MAX_CORRECTION: Duration = Duration::from_millis(15);
/// A sender's idea of time that is further off than this is another clock.
const MAX_DISAGREEMENT: Duration = Duration::from_secs(2);
/// 15-bit picture ids.
const PICTURE_IDS: u16 = 1 << 15;

/// A packet of a source as the projection sees it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Incoming {
    pub encoding: u8,
    /// Dense number within the encoding.
    pub sequence: ExtSeq,
    /// Newest number of the encoding so far.
    pub newest: ExtSeq,
    pub timestamp: u32,
    pub payload_type: u8,
    pub marker: bool,
    /// Decoding can start here. Always true for audio and for codecs that we cannot read.
    pub key_start: bool,
    pub picture_id: Option<u16>,
    pub tl0: Option<u8>,
    /// Of the dependency descriptor.
    pub frame_number: Option<u16>,
    /// First id and number of the templates that this packet brings with a descriptor.
    pub templates: Option<(u8, u8)>,
    /// Bit n: its sender says that target n may be decoded.
    pub active_targets: u32,
    /// Temporal layer; 0 if nothing tells.
    pub temporal: u8,
    pub step: Step,
    pub spatial: Spatial,
    /// A hole in the picture ids is a loss to receivers: what is left out must leave none.
    pub dense_pictures: bool,
}

/// The same packet as the receiver gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    pub sequence: Seq,
    pub timestamp: u32,
    /// Set also at the end of the highest spatial layer that goes out.
    pub marker: bool,
    pub picture_id: Option<u16>,
    pub tl0: Option<u8>,
    pub frame_number: Option<u16>,
    /// Added to the ids of templates.
    pub template_shift: u8,
    /// The highest layers that go out from here on,
    pub layers: Highest,
    /// which are others than before.
    pub retargets: bool,
    /// The first packet of another encoding, or after a pause.
    pub switched: bool,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Forward(Outgoing),
    Reject,
}

/// State of one projection.
#[derive(Debug)]
pub struct Projection {
    audio: bool,
    rate: u32,
    initial: Seq,
    /// What went out under the same SSRC before, of a source that is gone.
    former: Option<Run>,
    target: Option<Layer>,
    /// The encoding that goes out.
    current: Option<u8>,
    /// Made when the first frame of a run is left out.
    thinning: Option<Box<Thinning>>,
    needs_key_frame: bool,
    group_start: Option<Instant>,
    run: Option<Run>,
    /// One moment of the sender's clock in the outgoing timestamps.
    anchor: Option<(u64, u32)>,
    /// The first packet that went out: when, and with which timestamp.
    beginning: Option<(Instant, u32)>,
}

/// Where a stream ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    initial: Seq,
    run: Option<Run>,
}

/// What has been going out since the latest switch.
#[derive(Debug, Clone, Copy)]
struct Run {
    encoding: u8,
    payload_type: u8,
    map: SeqMap,
    shift: u32,
    picture_shift: u16,
    tl0_shift: u8,
    frame_shift: u16,
    template_shift: u8,
    newest: Newest,
    /// Of a source before this one: its clock and its timestamps are others.
    foreign: bool,
}

/// The newest packet that went out, in outgoing terms, and its timestamp as it came.
#[derive(Debug, Clone, Copy)]
struct Newest {
    timestamp: u32,
    in_timestamp: u32,
    at: Instant,
    marker: bool,
    picture_id: Option<u16>,
    tl0: Option<u8>,
    frame_number: Option<u16>,
    /// The id after those of the templates that went out last.
    next_template: Option<u8>,
}

impl Projection {
    /// `rate`: RTP units per second. `initial`: the first number that goes out.
    pub fn new(audio: bool, rate: u32, initial: Seq) -> Self {
        Self {
            audio,
            rate,
            initial,
            former: None,
            target: None,
            current: None,
            thinning: None,
            needs_key_frame: false,
            group_start: None,
            run: None,
            anchor: None,
            beginning: None,
        }
    }

    /// Goes on where the stream of a source that is gone ended: the receiver may have kept its decoder.
    pub fn resuming(audio: bool, rate: u32, ended: Ended) -> Self {
        let former = ended.run.map(|run| Run { foreign: true, ..run });
        Self { former, ..Self::new(audio, rate, ended.initial) }
    }

    /// What a later stream under the same SSRC needs to know of this one.
    pub fn ended(&self) -> Ended {
        Ended { initial: self.initial, run: self.run.or(self.former) }
    }

    pub fn target(&self) -> Option<Layer> {
        self.target
    }

    fn target_encoding(&self) -> Option<u8> {
        self.target.map(|target| target.encoding)
    }

    /// The encoding that is going out.
    pub fn current(&self) -> Option<u8> {
        self.current
    }

    /// The encodings that go out or may go out next; `None` while nothing is wanted.
    pub fn watches(&self) -> Option<Encodings> {
        let target = self.target_encoding()?;
        let settled = self.current == Some(target);
        Some(if settled { Encodings::one(target) } else { Encodings::up_to(self.current.max(Some(target))?) })
    }

    /// A key frame of this encoding, or of a lower one, is being waited for.
    pub fn wanted_key_frame(&self) -> Option<u8> {
        self.target_encoding().filter(|_| self.needs_key_frame)
    }

    /// What the allocation decided; `None` stops at once.
    pub fn set_target(&mut self, target: Option<Layer>) {
        let before = self.target;
        self.target = target;
        if self.target_encoding() == before.map(|before| before.encoding) {
            // What was needed for another spatial layer may be needed no more; if it is, the next picture tells.
            let is_same = target.map(|target| target.spatial) == before.map(|before| before.spatial);
            self.needs_key_frame &= is_same || self.target_encoding() != self.current;
            return;
        }
        match target {
            None => {
                self.current = None;
                self.needs_key_frame = false;
            }
            Some(target) => self.needs_key_frame = Some(target.encoding) != self.current,
        }
    }

    /// Packets pass that cannot be sent, for want of a path: what goes out next begins anew, so that the numbers do not run away
    /// from the receiver's.
    pub fn interrupt(&mut self) {
        if self.current.take().is_some() {
            self.needs_key_frame = true;
        }
    }

    /// Decides about a packet. `clocks` is by encoding.
    pub fn project(&mut self, now: Instant, packet: &Incoming, clocks: &[Option<SenderClock>]) -> Verdict {
        let Some(target) = self.target_encoding() else {
            return Verdict::Reject;
        };
        if self.continues(packet) {
            if packet.key_start && !self.audio {
                self.on_continued_key_frame(now);
            }
            if !self.passes(now, packet) {
                return Verdict::Reject;
            }
            return self.forward(now, packet, false);
        }
        if packet.key_start && packet.newest.since(packet.sequence) <= MAX_LATE_START {
            if !self.starts(now, target, packet.encoding) {
                return Verdict::Reject;
            }
            self.switch(now, packet, clocks);
            return self.forward(now, packet, true);
        }
        self.on_foreign_delta(now, target, packet.encoding);
        Verdict::Reject
    }

    /// The receiver's form of a packet of the current run, for sending it again.
    pub fn again(&self, packet: &Incoming) -> Option<Outgoing> {
        let run = self.run.as_ref().filter(|run| run.encoding == packet.encoding)?;
        let mut map = run.map;
        let (number, shape) = self.shape(packet)?;
        let sequence = map.forward(number)?;
        Some(run.outgoing(packet, sequence, shape, false))
    }

    /// The source's encoding and number for a number of ours that the receiver misses.
    pub fn locate(&self, sequence: Seq) -> Option<(u8, ExtSeq)> {
        let run = self.run.as_ref()?;
        let number = run.map.locate(sequence)?;
        Some((run.encoding, self.thinning.as_ref().map_or(number, |thinning| thinning.source_number(number))))
    }

    /// The encoding whose clock the outgoing timestamps follow and their distance from it, once anything went out.
    pub fn timing(&self) -> Option<(u8, u32)> {
        self.run.map(|run| (run.encoding, run.shift))
    }

    /// The payload type, as its sender numbers it, of what is going out.
    pub fn payload_type(&self) -> Option<u8> {
        self.run.map(|run| run.payload_type)
    }

    /// Newest outgoing timestamp and when it went out.
    pub fn newest(&self) -> Option<(u32, Instant)> {
        self.run.map(|run| (run.newest.timestamp, run.newest.at))
    }

    fn continues(&self, packet: &Incoming) -> bool {
        self.current == Some(packet.encoding)
            && self.run.is_some_and(|run| {
                // Telephone events share a stream with speech: there the payload type starts nothing new.
                run.encoding == packet.encoding && (self.audio || run.payload_type == packet.payload_type)
            })
    }

    fn in_group(&self, now: Instant) -> bool {
        self.group_start.is_some_and(|start| now.saturating_duration_since(start) <= KEY_FRAME_GROUP)
    }

    /// A key frame of what is going out anyway: the stream goes on whatever the target is.
    fn on_continued_key_frame(&mut self, now: Instant) {
        // A sender that had to emit this one has emitted the target's as well, or will not: deltas of it will tell.
        self.needs_key_frame = false;
        if !self.in_group(now) {
            self.group_start = Some(now);
        }
    }

    /// Does this key frame of another encoding take over?
    fn starts(&mut self, now: Instant, target: u8, encoding: u8) -> bool {
        self.needs_key_frame = false;
        let in_group = self.in_group(now);
        if !in_group {
            self.group_start = Some(now);
        }
        match self.current {
            Some(current) if in_group => encoding <= target && (current <= encoding || target < current),
            _ => encoding <= target,
        }
    }

    /// A packet that starts nothing, of an encoding that is not going out: a sign that the wanted one may be alive.
    fn on_foreign_delta(&mut self, now: Instant, target: u8, encoding: u8) {
        if self.in_group(now) {
            return;
        }
        let wanted = match self.current {
            None => true,
            Some(current) if current < target => encoding > current,
            Some(current) if current > target => encoding < current,
            // The same encoding with another codec.
            Some(current) => current == encoding,
        };
        self.needs_key_frame |= wanted;
    }

    /// The highest layers that may go out: all on the way up to a better encoding, on the way down only the lowest.
    fn highest(&self) -> Highest {
        let (Some(target), Some(current)) = (self.target, self.current) else {
            return Highest::ALL;
        };
        match current.cmp(&target.encoding) {
            Ordering::Less => Highest::ALL,
            Ordering::Equal => Highest { spatial: target.spatial, temporal: target.temporal },
            Ordering::Greater => Highest::NONE,
        }
    }

    /// Is the packet's layer among those that go out?
    fn passes(&mut self, now: Instant, packet: &Incoming) -> bool {
        let want = self.highest();
        if self.thinning.is_none() {
            let is_beyond = |newest: &Newest| {
                let is_later = signed(packet.timestamp.wrapping_sub(newest.in_timestamp)) > 0;
                packet.spatial.layer > 0 || (is_later && packet.temporal > want.temporal_at(0))
            };
            let Some(run) = self.run.filter(|run| is_beyond(&run.newest)) else {
                return true;
            };
            self.thinning = Some(Box::new(Thinning::after(run.newest.in_timestamp, 0, run.newest.marker)));
        }
        let in_group = self.in_group(now);
        let Some(thinning) = self.thinning.as_mut() else {
            return true;
        };
        let passes = thinning.passes(now, packet, want);
        self.needs_key_frame |= thinning.take_wish() && !in_group;
        passes
    }

    /// The packet's dense number, and how its frame goes out.
    fn shape(&self, packet: &Incoming) -> Option<(ExtSeq, Shape)> {
        match &self.thinning {
            None => Some((packet.sequence, Shape::whole(packet.spatial, self.highest()))),
            Some(thinning) => thinning.number(packet.sequence).zip(thinning.shape(packet)),
        }
    }

    fn forward(&mut self, now: Instant, packet: &Incoming, switched: bool) -> Verdict {
        let shape = self.shape(packet);
        let (Some(run), Some((number, shape))) = (&mut self.run, shape) else {
            return Verdict::Reject;
        };
        let is_newest = run.map.is_newest(number);
        let Some(sequence) = run.map.forward(number) else {
            return Verdict::Reject;
        };
        let outgoing = run.outgoing(packet, sequence, shape, switched);
        if is_newest {
            let template =
                |(offset, count): (u8, u8)| offset.wrapping_add(count).wrapping_add(run.template_shift) % MAX_TEMPLATES;
            run.newest = Newest {
                timestamp: outgoing.timestamp,
                in_timestamp: packet.timestamp,
                at: now,
                marker: outgoing.marker,
                picture_id: outgoing.picture_id.or(run.newest.picture_id),
                tl0: outgoing.tl0.or(run.newest.tl0),
                frame_number: outgoing.frame_number.or(run.newest.frame_number),
                next_template: packet.templates.map(template).or(run.newest.next_template),
            };
        }
        Verdict::Forward(outgoing)
    }

    fn switch(&mut self, now: Instant, packet: &Incoming, clocks: &[Option<SenderClock>]) {
        let next = match self.run.or(self.former.take()) {
            None => Run::first(now, packet, self.initial),
            Some(old) => {
                let timestamp = self.next_timestamp(now, packet, &old, clocks);
                old.followed_by(now, packet, timestamp, self.audio)
            }
        };
        self.thinning = (packet.spatial.layer > 0)
            .then(|| Box::new(Thinning::after(packet.timestamp, packet.spatial.layer, false)));
        self.beginning.get_or_insert((now, next.newest.timestamp));
        self.run = Some(next);
        self.current = Some(packet.encoding);
    }

    fn next_timestamp(&mut self, now: Instant, packet: &Incoming, old: &Run, clocks: &[Option<SenderClock>]) -> u32 {
        let rate = self.rate;
        let last = old.newest;
        let elapsed = ticks(now.saturating_duration_since(last.at), rate);
        if old.foreign {
            return moved(last.timestamp, elapsed.max(self.min_step()));
        }
        let steady = signed(moved(packet.timestamp, i64::from(old.shift)).wrapping_sub(last.timestamp));
        let by_clock = if self.audio { None } else { self.by_sender_clock(packet, old, clocks) };
        let guess = match by_clock {
            Some(step) => step,
            None if old.encoding == packet.encoding => steady,
            None => elapsed + self.by_wall_clock(now, &last, elapsed),
        };
        let limit = ticks(MAX_DISAGREEMENT, rate);
        if (guess - elapsed).abs() > limit {
            self.anchor = None;
            return moved(last.timestamp, if self.audio { elapsed } else { elapsed.max(self.min_step()) });
        }
        if self.audio {
            return moved(last.timestamp, guess.max(1));
        }
        let lead = elapsed.saturating_add(ticks(MAX_LEAD, rate)).max(self.min_step());
        moved(last.timestamp, guess.clamp(self.min_step(), lead))
    }

    /// Step from the newest outgoing timestamp to this packet's, by the sender's own wall clock.
    fn by_sender_clock(&mut self, packet: &Incoming, old: &Run, clocks: &[Option<SenderClock>]) -> Option<i64> {
        let clock = |encoding: u8| clocks.get(usize::from(encoding)).copied().flatten();
        let here = clock(packet.encoding)?.ntp_of(packet.timestamp, self.rate);
        if self.anchor.is_none() {
            let last = clock(old.encoding)?.ntp_of(old.newest.in_timestamp, self.rate);
            self.anchor = Some((last, old.newest.timestamp));
        }
        let (ntp, timestamp) = self.anchor?;
        let exact = moved(timestamp, ntp_ticks(ntp, here, self.rate));
        // The anchor moves along, so that spans stay small against the wrap.
        self.anchor = Some((here, exact));
        Some(signed(exact.wrapping_sub(old.newest.timestamp)))
    }

    /// How much of what earlier guesses added up to is taken back now.
    fn by_wall_clock(&self, now: Instant, last: &Newest, elapsed: i64) -> i64 {
        let Some((at, timestamp)) = self.beginning else {
            return 0;
        };
        let expected = moved(timestamp, ticks(now.saturating_duration_since(at), self.rate));
        let behind = signed(expected.wrapping_sub(last.timestamp)).saturating_sub(elapsed);
        let most = ticks(MAX_CORRECTION, self.rate);
        behind.clamp(-most, most)
    }

    fn min_step(&self) -> i64 {
        i64::from(self.rate / MIN_STEP_DIVISOR)
    }
}

impl Run {
    fn first(now: Instant, packet: &Incoming, initial: Seq) -> Self {
        Self {
            encoding: packet.encoding,
            payload_type: packet.payload_type,
            map: SeqMap::starting(packet.sequence, initial),
            shift: 0,
            picture_shift: 0,
            tl0_shift: 0,
            frame_shift: 0,
            template_shift: 0,
            newest: Newest {
                timestamp: packet.timestamp,
                in_timestamp: packet.timestamp,
                at: now,
                marker: packet.marker,
                picture_id: packet.picture_id,
                tl0: packet.tl0,
                frame_number: packet.frame_number,
                next_template: None,
            },
            foreign: false,
        }
    }

    /// The run after this one. A frame that was not sent to its end leaves a hole, which tells the decoder so.
    fn followed_by(&self, now: Instant, packet: &Incoming, timestamp: u32, audio: bool) -> Self {
        let hole = u64::from(!audio && !self.newest.marker);
        let picture_shift = match (self.newest.picture_id, packet.picture_id) {
            (Some(last), Some(id)) => last.wrapping_add(1).wrapping_sub(id) % PICTURE_IDS,
            _ => 0,
        };
        let tl0_shift = match (self.newest.tl0, packet.tl0) {
            (Some(last), Some(tl0)) => last.wrapping_add(1).wrapping_sub(tl0),
            _ => 0,
        };
        let frame_shift = match (self.newest.frame_number, packet.frame_number) {
            (Some(last), Some(number)) => last.wrapping_add(1).wrapping_sub(number),
            _ => 0,
        };
        let template_shift = match (self.newest.next_template, packet.templates) {
            (Some(next), Some((offset, _))) => next.wrapping_sub(offset) % MAX_TEMPLATES,
            _ => 0,
        };
        Self {
            encoding: packet.encoding,
            payload_type: packet.payload_type,
            map: self.map.switched(packet.sequence, hole),
            shift: timestamp.wrapping_sub(packet.timestamp),
            picture_shift,
            tl0_shift,
            frame_shift,
            template_shift,
            newest: Newest { timestamp, in_timestamp: packet.timestamp, at: now, ..self.newest },
            foreign: false,
        }
    }

    fn outgoing(&self, packet: &Incoming, sequence: Seq, shape: Shape, switched: bool) -> Outgoing {
        let closed = if packet.dense_pictures { shape.left_out } else { 0 };
        Outgoing {
            sequence,
            timestamp: packet.timestamp.wrapping_add(self.shift),
            marker: packet.marker || (shape.is_last && packet.spatial.ends),
            picture_id: packet
                .picture_id
                .map(|id| id.wrapping_add(self.picture_shift).wrapping_sub(closed) % PICTURE_IDS),
            tl0: packet.tl0.map(|tl0| tl0.wrapping_add(self.tl0_shift)),
            frame_number: packet.frame_number.map(|number| number.wrapping_add(self.frame_shift)),
            template_shift: self.template_shift,
            layers: shape.layers,
            retargets: shape.retargets,
            switched,
        }
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]
#[path = "project_tests.rs"]
mod tests;
