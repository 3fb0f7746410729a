//! Which frames of a run are left out for their temporal layer.
//!
//! What is left out leaves no hole: packets are numbered densely before [`super::seqmap`] numbers them for the receiver, and VP8's
//! picture ids are closed up. What is decided of a frame stays so, whenever the rest of it comes.

use std::time::{Duration, Instant};

use heapless::Deque;

use super::clock::signed;
use super::project::Incoming;
use crate::core::codec::Step;
use crate::core::packet::ExtSeq;

/// Frames that are remembered: two seconds.
const FRAMES: usize = 64;
/// Stretches of packets that were left out and are remembered; of every other frame, two seconds.
const STRETCHES: usize = 64;
/// A stream that never says where more temporal layers can begin gets them after this time.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy)]
struct Frame {
    timestamp: u32,
    passes: bool,
    /// Frames that were left out before it.
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
    /// The highest temporal layer that goes out.
    limit: u8,
    /// More are allowed since then, and the stream has not come to where they can begin.
    waiting: Option<Instant>,
    frames: Deque<Frame, FRAMES>,
    stretches: Deque<Stretch, STRETCHES>,
    /// What comes before this is forgotten.
    known_from: ExtSeq,
    newest: ExtSeq,
    left_out: u16,
}

impl Thinning {
    /// All frames up to the one of this timestamp went out.
    pub fn after(timestamp: u32) -> Self {
        let mut frames = Deque::new();
        // It is empty.
        let _ = frames.push_back(Frame { timestamp, passes: true, left_out: 0 });
        Self {
            limit: u8::MAX,
            waiting: None,
            frames,
            stretches: Deque::new(),
            known_from: ExtSeq::default(),
            newest: ExtSeq::default(),
            left_out: 0,
        }
    }

    /// Does this packet go out, if temporal layers up to `most` may?
    pub fn passes(&mut self, now: Instant, packet: &Incoming, most: u8) -> bool {
        let passes = match self.frame(packet.timestamp) {
            Some(frame) => frame.passes,
            None if self.frames.back().is_some_and(|last| is_before(packet.timestamp, last.timestamp)) => {
                self.on_late_frame(packet)
            }
            None => self.on_next_frame(now, packet, most),
        };
        if !passes {
            self.leave_out(packet.sequence);
        }
        self.newest = self.newest.max(packet.sequence);
        passes
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

    /// Frames of the run that were left out before the one of this timestamp.
    pub fn left_out(&self, timestamp: u32) -> Option<u16> {
        if let Some(frame) = self.frame(timestamp) {
            return frame.passes.then_some(frame.left_out);
        }
        self.next(timestamp).map(|next| next.left_out)
    }

    fn frame(&self, timestamp: u32) -> Option<&Frame> {
        self.frames.iter().rev().find(|frame| frame.timestamp == timestamp)
    }

    /// The frame that follows one that is not known; nothing if all that is known follows it by more than one, as may be.
    fn next(&self, timestamp: u32) -> Option<&Frame> {
        let next = self.frames.iter().find(|frame| is_before(timestamp, frame.timestamp))?;
        let is_first = self.frames.front().is_some_and(|first| first.timestamp == next.timestamp);
        (!is_first || next.left_out == 0).then_some(next)
    }

    /// A frame of which nothing came in time. Its numbers are kept free.
    fn on_late_frame(&self, packet: &Incoming) -> bool {
        packet.temporal <= self.limit && self.next(packet.timestamp).is_some()
    }

    fn on_next_frame(&mut self, now: Instant, packet: &Incoming, most: u8) -> bool {
        self.adapt(now, packet, most);
        let passes = packet.temporal <= self.limit;
        if self.frames.is_full() {
            self.frames.pop_front();
        }
        // There is room: the line before made it.
        let _ = self.frames.push_back(Frame { timestamp: packet.timestamp, passes, left_out: self.left_out });
        self.left_out = self.left_out.wrapping_add(u16::from(!passes));
        passes
    }

    fn adapt(&mut self, now: Instant, packet: &Incoming, most: u8) {
        if packet.key_start || most <= self.limit {
            (self.limit, self.waiting) = (most, None);
            return;
        }
        let since = *self.waiting.get_or_insert(now);
        match packet.step {
            Step::After if packet.temporal <= self.limit => self.limit = most,
            Step::Here if packet.temporal == self.limit + 1 => self.limit += 1,
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

fn is_before(timestamp: u32, other: u32) -> bool {
    signed(timestamp.wrapping_sub(other)) < 0
}

#[cfg(test)]
#[path = "thin_tests.rs"]
mod tests;
