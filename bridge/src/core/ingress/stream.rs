//! Reception statistics of one SSRC (RFC 3550 6.4.1, A.1, A.3, A.8).
//!
//! There is no probation: SRTP has authenticated the packet, and its SSRC was signalled.

use std::time::{Duration, Instant};

use crate::core::packet::{ExtSeq, Seq, Ssrc, Unwrapper};
use crate::core::rtcp::{NtpTime, ReportBlock};

/// A larger step forward is a restart, once a second packet confirms it.
const MAX_DROPOUT: i16 = 3000;
/// A larger step back is a restart as well. Retransmissions on the media SSRC come this late, and SRTP lets nothing older pass
/// (RFC 3550 says 100, from before there were retransmissions).
const MAX_MISORDER: i16 = 1024;

/// What the books say of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Its place in the stream.
    Packet(ExtSeq),
    /// The sender started over: whatever was known by sequence number (losses, history) is void. Sequence numbers go on rising.
    Restarted(ExtSeq),
    /// A wild number: dropped, unless the next packet follows it.
    Suspect,
}

/// Loss and jitter of one stream as it arrives, before RTX decapsulation. Padding counts.
#[derive(Debug, Clone)]
pub struct Reception {
    clock_rate: u32,
    unwrapper: Unwrapper,
    /// Subtracted for the reports, whose cycles start at 0.
    offset: u64,
    base: ExtSeq,
    received: u64,
    /// The number that would confirm a restart.
    suspect: Option<Seq>,
    at_last_report: Totals,
    news: bool,
    jitter: Jitter,
    sender_report: Option<(NtpTime, Instant)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    expected: u64,
    received: u64,
}

impl Reception {
    /// `clock_rate` in Hz: 48000 or 90000.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            unwrapper: Unwrapper::default(),
            offset: 1 << 16,
            base: ExtSeq(0),
            received: 0,
            suspect: None,
            at_last_report: Totals::default(),
            news: false,
            jitter: Jitter::default(),
            sender_report: None,
        }
    }

    /// Counts a packet and says where it belongs.
    pub fn on_packet(&mut self, now: Instant, sequence: Seq, timestamp: u32) -> Accepted {
        let accepted = match self.unwrapper.newest() {
            None => {
                let first = self.unwrapper.unwrap_seq(sequence);
                self.base = first;
                Accepted::Packet(first)
            }
            Some(newest) => self.place(newest, sequence),
        };
        if accepted != Accepted::Suspect {
            self.received += 1;
            self.news = true;
            self.jitter.on_packet(now, timestamp, self.clock_rate);
        }
        accepted
    }

    fn place(&mut self, newest: ExtSeq, sequence: Seq) -> Accepted {
        let distance = sequence.distance_from(newest.seq());
        if (-MAX_MISORDER..=MAX_DROPOUT).contains(&distance) {
            self.suspect = None;
            return Accepted::Packet(self.unwrapper.unwrap_seq(sequence));
        }
        if self.suspect != Some(sequence) {
            self.suspect = Some(sequence.next());
            return Accepted::Suspect;
        }
        Accepted::Restarted(self.restart(newest, sequence))
    }

    /// New base; the extended number stays above all earlier ones.
    fn restart(&mut self, newest: ExtSeq, sequence: Seq) -> ExtSeq {
        let cycle = (newest.0 >> 16) + 1;
        let first = ExtSeq((cycle << 16) | u64::from(sequence.0));
        self.unwrapper = Unwrapper::starting_at(first);
        // The reports keep their cycles.
        self.offset += 1 << 16;
        self.base = first;
        self.received = 0;
        self.at_last_report = Totals::default();
        self.suspect = None;
        self.jitter = Jitter::default();
        first
    }

    pub fn highest(&self) -> Option<ExtSeq> {
        self.unwrapper.newest()
    }

    /// Packets that should have come since the start, and packets that came.
    pub fn expected_and_received(&self) -> (u64, u64) {
        (self.expected(), self.received)
    }

    /// Smoothed, in units of the clock.
    pub fn jitter(&self) -> u32 {
        self.jitter.value()
    }

    pub fn on_sender_report(&mut self, now: Instant, ntp: NtpTime) {
        self.sender_report = Some((ntp, now));
    }

    /// The block for the next report, or `None` if nothing came since the last one.
    pub fn report_block(&mut self, now: Instant, ssrc: Ssrc) -> Option<ReportBlock> {
        let highest = self.unwrapper.newest()?;
        if !std::mem::take(&mut self.news) {
            return None;
        }
        let totals = Totals { expected: self.expected(), received: self.received };
        let block = ReportBlock {
            ssrc,
            fraction_lost: fraction_lost(self.at_last_report, totals),
            cumulative_lost: cumulative_lost(totals),
            highest_sequence: low_half(highest.0.saturating_sub(self.offset)),
            jitter: self.jitter.value(),
            last_sender_report: self.sender_report.map_or(0, |(ntp, _)| ntp.compact()),
            delay_since: self.sender_report.map_or(0, |(_, at)| compact_duration(now.saturating_duration_since(at))),
        };
        self.at_last_report = totals;
        Some(block)
    }

    fn expected(&self) -> u64 {
        self.unwrapper.newest().map_or(0, |highest| highest.since(self.base) + 1)
    }
}

/// RFC 3550 A.3, in 256ths; 0 when more came than was expected.
fn fraction_lost(before: Totals, now: Totals) -> u8 {
    let expected = now.expected.saturating_sub(before.expected);
    let received = now.received.saturating_sub(before.received);
    let lost = expected.saturating_sub(received);
    (lost * 256).checked_div(expected).map_or(0, |fraction| u8::try_from(fraction).unwrap_or(u8::MAX))
}

fn cumulative_lost(totals: Totals) -> i32 {
    const LIMIT: i64 = (1 << 23) - 1;
    let lost = i64::try_from(totals.expected).unwrap_or(i64::MAX).saturating_sub_unsigned(totals.received);
    i32::try_from(lost.clamp(-LIMIT - 1, LIMIT)).unwrap_or(0)
}

fn low_half(value: u64) -> u32 {
    let [_, _, _, _, low @ ..] = value.to_be_bytes();
    u32::from_be_bytes(low)
}

/// In 1/65536 s.
fn compact_duration(duration: Duration) -> u32 {
    u32::try_from((duration.as_micros() * 65536) / 1_000_000).unwrap_or(u32::MAX)
}

/// RFC 3550 A.8, scaled by 16 as there.
#[derive(Debug, Clone, Copy, Default)]
struct Jitter {
    last: Option<(Instant, u32)>,
    scaled: u64,
}

impl Jitter {
    fn value(&self) -> u32 {
        u32::try_from(self.scaled >> 4).unwrap_or(u32::MAX)
    }

    fn on_packet(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        let Some((at, before)) = self.last else {
            self.last = Some((now, timestamp));
            return;
        };
        // The packets of one video frame share a timestamp and leave in a burst: their spacing says nothing.
        if timestamp == before {
            return;
        }
        self.last = Some((now, timestamp));
        let elapsed = now.saturating_duration_since(at).as_nanos() * u128::from(clock_rate) / 1_000_000_000;
        let elapsed = i64::try_from(elapsed).unwrap_or(i64::MAX);
        let step = i64::from(timestamp.wrapping_sub(before) as i32);
        let difference = elapsed.saturating_sub(step).unsigned_abs();
        // A pause or a new timestamp base is no jitter.
        if difference > u64::from(clock_rate) * 5 {
            return;
        }
        self.scaled = self.scaled.saturating_add(difference) - ((self.scaled + 8) >> 4);
    }
}

#[cfg(test)]
mod tests;
