//! When the packets of one transport arrived, and the feedback that tells its sender.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Wake;
use crate::core::Discard;
use crate::core::packet::{ExtSeq, Seq, Ssrc, Unwrapper};
use crate::core::rtcp::{TICK, Writer};

/// The longest that an arrival waits to be reported.
const INTERVAL: Duration = Duration::from_millis(100);
/// After a whole frame of a fast sender.
const FRAME_INTERVAL: Duration = Duration::from_millis(20);
/// Slower senders (thumbnails, audio only) get [`INTERVAL`] alone: half the feedback.
const FAST: u64 = 500_000;
/// Over which the rate is measured.
const RATE_WINDOW: Duration = Duration::from_millis(500);
/// Arrivals remembered, reported ones included: a late packet makes its neighbourhood be reported again.
const MAX_SPAN: u64 = 1024;
const MAX_LEN: usize = 1024;
/// Reported arrivals older than this are forgotten.
const BACK_WINDOW: Duration = Duration::from_millis(500);

/// Not come. No number of ticks, and too large for the `i64` that the writer takes.
const MISSING: u64 = u64::MAX;

/// The arrivals of one transport, on all its SSRCs.
#[derive(Debug)]
pub struct ArrivalLog {
    /// Where the ticks count from.
    epoch: Instant,
    unwrapper: Unwrapper,
    /// The place of `arrivals[0]`.
    base: ExtSeq,
    /// Everything before it is forgotten.
    floor: ExtSeq,
    /// In ticks since the epoch.
    arrivals: VecDeque<u64>,
    /// The first packet of the next feedback.
    next: ExtSeq,
    /// Something came that no feedback has told.
    unreported: bool,
    last_feedback: Instant,
    feedback_count: u8,
    /// The stream of the newest packet.
    media: Ssrc,
    rate: Rate,
}

impl ArrivalLog {
    pub fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            unwrapper: Unwrapper::default(),
            base: ExtSeq(0),
            floor: ExtSeq(0),
            arrivals: VecDeque::new(),
            next: ExtSeq(0),
            unreported: false,
            last_feedback: now,
            feedback_count: 0,
            media: Ssrc(0),
            rate: Rate { since: now, bytes: 0, bits_per_second: 0 },
        }
    }

    /// Logs a packet before anything can drop it. `true`: a feedback is due, see [`Self::write_feedback`].
    ///
    /// `len` is the size of the packet in bytes.
    pub fn on_packet(&mut self, now: Instant, sequence: Seq, media: Ssrc, marker: bool, len: usize) -> bool {
        self.rate.on_packet(now, len);
        self.media = media;
        self.unreported |= self.log(now, sequence);
        self.is_due(now, marker)
    }

    /// Answers whether the packet is news.
    fn log(&mut self, now: Instant, sequence: Seq) -> bool {
        let tick = ticks(now.saturating_duration_since(self.epoch));
        let is_first = self.unwrapper.newest().is_none();
        let at = self.unwrapper.unwrap_seq(sequence);
        if is_first || at.since(self.base) >= MAX_SPAN * 2 {
            self.arrivals.clear();
            (self.base, self.next) = (at, at);
        }
        if at < self.base && !self.reach_back(at) {
            return false;
        }
        let Some(place) = index(at, self.base) else { return false };
        while self.arrivals.len() <= place {
            self.arrivals.push_back(MISSING);
        }
        match self.arrivals.get_mut(place) {
            Some(arrival) if *arrival == MISSING => *arrival = tick,
            _ => return false,
        }
        self.next = self.next.min(at);
        self.forget(tick);
        true
    }

    /// Reordering at the very start; what was forgotten cannot be told again.
    fn reach_back(&mut self, at: ExtSeq) -> bool {
        let missing = self.base.since(at);
        if at < self.floor || missing + u64::try_from(self.arrivals.len()).unwrap_or(u64::MAX) > MAX_SPAN {
            return false;
        }
        for _ in 0..missing {
            self.arrivals.push_front(MISSING);
        }
        (self.base, self.next) = (at, at);
        true
    }

    /// Forgets what was reported and is too old to be reported again, and whatever exceeds the span.
    fn forget(&mut self, tick: u64) {
        let horizon = tick.saturating_sub(ticks(BACK_WINDOW));
        let is_old = |arrivals: &VecDeque<u64>| {
            arrivals.iter().find(|arrival| **arrival != MISSING).is_some_and(|first| *first < horizon)
        };
        while self.arrivals.len() > MAX_LEN || (self.base < self.next && is_old(&self.arrivals)) {
            self.arrivals.pop_front();
            self.base = self.base.next();
            self.floor = self.base;
        }
        self.next = self.next.max(self.base);
    }

    fn is_due(&self, now: Instant, marker: bool) -> bool {
        let since = now.saturating_duration_since(self.last_feedback);
        self.unreported
            && (since >= INTERVAL || (marker && since >= FRAME_INTERVAL && self.rate.bits_per_second > FAST))
    }

    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        self.unreported.then(|| (self.last_feedback + INTERVAL, Wake::TransportFeedback))
    }

    /// Writes the next feedback, `sender` being the bridge's own SSRC. `true`: there is more to tell, write again (into another
    /// datagram if need be). [`Discard::NotWanted`] if there is nothing to tell.
    ///
    /// Feedback must not be dropped: without it the sender's estimator starves.
    pub fn write_feedback(&mut self, now: Instant, sender: Ssrc, writer: &mut Writer<'_>) -> Result<bool, Discard> {
        if !self.unreported {
            return Err(Discard::NotWanted);
        }
        let skip = index(self.next, self.base).unwrap_or(0);
        let arrivals = self.arrivals.iter().skip(skip).map(|tick| i64::try_from(*tick).ok());
        let tick = i64::try_from(ticks(now.saturating_duration_since(self.epoch))).unwrap_or(0);
        let covered =
            writer.transport_feedback(sender, self.media, self.feedback_count, self.next.seq(), arrivals, tick)?;
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.next = self.next.plus(u64::try_from(covered).unwrap_or(0));
        self.last_feedback = now;
        self.unreported = skip + covered < self.arrivals.len();
        if !self.unreported {
            self.forget(ticks(now.saturating_duration_since(self.epoch)));
        }
        Ok(self.unreported)
    }

    /// What the sender sends, in bits per second over the last half second.
    pub fn bits_per_second(&self) -> u64 {
        self.rate.bits_per_second
    }
}

fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros() / TICK.as_micros()).unwrap_or(MISSING - 1)
}

fn index(at: ExtSeq, base: ExtSeq) -> Option<usize> {
    usize::try_from(at.0.checked_sub(base.0)?).ok()
}

#[derive(Debug)]
struct Rate {
    since: Instant,
    bytes: u64,
    bits_per_second: u64,
}

impl Rate {
    fn on_packet(&mut self, now: Instant, len: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(len).unwrap_or(0));
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= RATE_WINDOW {
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
            self.bits_per_second = self.bytes.saturating_mul(8000) / millis;
            (self.since, self.bytes) = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests;
