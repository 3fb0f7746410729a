//! Which packets of one stream are missing, and when to ask its sender for them.

use std::time::{Duration, Instant};

use super::Wake;
use crate::core::packet::{ExtSeq, Seq};

/// Missing packets remembered; more of them are beyond repair and want a key frame.
pub const MAX_MISSING: usize = 256;
/// A larger step forward is no loss but a new start.
const MAX_JUMP: u64 = 100;
/// Reordering settles within this time ...
const PATIENCE: Duration = Duration::from_millis(10);
/// ... or within this many later packets.
const LATER_PACKETS: u64 = 3;
const MIN_RTT: Duration = Duration::from_millis(30);
/// Until a round trip is known.
const DEFAULT_RTT: Duration = Duration::from_millis(100);
const MAX_TRIES: u8 = 10;
const MAX_AGE: Duration = Duration::from_secs(1);

/// The numbers of one request, ascending.
pub type Request = heapless::Vec<Seq, MAX_MISSING>;

#[derive(Debug, Clone, Copy)]
struct Missing {
    at: ExtSeq,
    noticed: Instant,
    /// Packets that the stream had received when the gap showed.
    received_then: u64,
    tries: u8,
    next: Instant,
}

/// The gaps of one video stream, after RTX decapsulation.
#[derive(Debug, Clone, Default)]
pub struct LossList {
    /// The stream seems to begin here.
    first: Option<ExtSeq>,
    highest: Option<ExtSeq>,
    received: u64,
    /// Ascending; allocated when the first packet is lost, as most streams never lose any.
    missing: Vec<Missing>,
    keyframe_wanted: bool,
}

impl LossList {
    /// Takes note of a packet, whether original or retransmitted.
    pub fn on_packet(&mut self, now: Instant, at: ExtSeq) {
        let Some(highest) = self.highest else {
            (self.first, self.highest) = (Some(at), Some(at));
            return;
        };
        if at <= highest {
            if let Ok(place) = self.missing.binary_search_by_key(&at, |missing| missing.at) {
                self.missing.remove(place);
            }
            return;
        }
        self.received += 1;
        self.highest = Some(at);
        let step = at.since(highest);
        if step > MAX_JUMP {
            self.give_up_all();
        } else if step > 1 {
            self.note_gap(now, highest, step - 1);
        }
    }

    fn note_gap(&mut self, now: Instant, highest: ExtSeq, count: u64) {
        for offset in 1..=count {
            if self.missing.len() >= MAX_MISSING {
                self.give_up_all();
                return;
            }
            self.missing.push(self.noticed(now, highest.plus(offset)));
        }
    }

    fn noticed(&self, now: Instant, at: ExtSeq) -> Missing {
        Missing { at, noticed: now, received_then: self.received, tries: 0, next: now + PATIENCE }
    }

    fn give_up_all(&mut self) {
        self.missing.clear();
        self.keyframe_wanted = true;
    }

    /// A key frame starts here: what was lost before is of no use to anybody.
    pub fn on_keyframe(&mut self, now: Instant, start: ExtSeq) {
        self.missing.retain(|missing| missing.at >= start);
        self.keyframe_wanted = false;
        self.begin_earlier(now, start);
    }

    /// A key frame that came before there were keys, and was sent again, is of use with all that followed it.
    fn begin_earlier(&mut self, now: Instant, start: ExtSeq) {
        let Some(first) = self.first.filter(|first| start < *first && first.since(start) <= MAX_JUMP) else { return };
        self.first = Some(start);
        let between: Vec<Missing> = (1..first.since(start)).map(|step| self.noticed(now, start.plus(step))).collect();
        if self.missing.len() + between.len() <= MAX_MISSING {
            self.missing.splice(0..0, between);
        }
    }

    /// Nobody watches this stream, or it restarted: forgets all gaps.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether so much was lost that only a key frame helps; says so once.
    pub fn take_keyframe_wish(&mut self) -> bool {
        std::mem::take(&mut self.keyframe_wanted)
    }

    /// What to ask for now. Counts as asked: call it only if the request will be sent.
    pub fn take_request(&mut self, now: Instant, rtt: Option<Duration>) -> Request {
        let spacing = rtt.unwrap_or(DEFAULT_RTT).max(MIN_RTT) * 5 / 4;
        let received = self.received;
        self.missing
            .retain(|missing| missing.tries < MAX_TRIES && now.saturating_duration_since(missing.noticed) < MAX_AGE);
        let mut request = Request::new();
        for missing in &mut self.missing {
            if missing.is_due(now, received) && request.push(missing.at.seq()).is_ok() {
                missing.tries += 1;
                missing.next = now + spacing;
            }
        }
        request
    }

    /// Is there something to ask for right now?
    pub fn is_due(&self, now: Instant) -> bool {
        self.missing.iter().any(|missing| missing.is_due(now, self.received))
    }

    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        self.missing.iter().map(|missing| missing.next).min().map(|at| (at, Wake::Nack))
    }

    /// Is this packet missing, and still asked for?
    pub fn awaits(&self, at: ExtSeq) -> bool {
        self.missing.binary_search_by_key(&at, |missing| missing.at).is_ok()
    }

    /// How many packets are missing.
    pub fn len(&self) -> usize {
        self.missing.len()
    }

    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }
}

impl Missing {
    fn is_due(&self, now: Instant, received: u64) -> bool {
        // The packet that showed the gap is the first of the later ones.
        let later = received.saturating_sub(self.received_then) + 1;
        now >= self.next || (self.tries == 0 && later >= LATER_PACKETS)
    }
}

#[cfg(test)]
mod tests;
