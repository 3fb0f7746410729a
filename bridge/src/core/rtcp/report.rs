//! Sender and receiver reports (RFC 3550 6.4).

use std::time::Duration;

use super::{take_ssrc, take_u32};
use crate::core::packet::Ssrc;

/// A 32.32 fixed-point NTP timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Seconds from 1900 to 1970.
    const UNIX_EPOCH: u64 = 2_208_988_800;

    /// From the time since the Unix epoch.
    pub fn from_unix(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().wrapping_add(Self::UNIX_EPOCH) << 32;
        Self(seconds | ((u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000))
    }

    /// The middle 32 bits: what report blocks echo, in units of 1/65536 s.
    pub fn compact(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Later by `elapsed`.
    pub fn plus(self, elapsed: Duration) -> Self {
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        Self(self.0.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction))
    }
}

/// What a sender says of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    pub ntp: NtpTime,
    /// The media time that corresponds to `ntp`.
    pub rtp_timestamp: u32,
    pub packets: u32,
    /// Payload bytes.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (high, rest) = take_u32(bytes)?;
        let (low, rest) = take_u32(rest)?;
        let (rtp_timestamp, rest) = take_u32(rest)?;
        let (packets, rest) = take_u32(rest)?;
        let (octets, rest) = take_u32(rest)?;
        let ntp = NtpTime(u64::from(high) << 32 | u64::from(low));
        Some((Self { ntp, rtp_timestamp, packets, octets }, rest))
    }
}

/// What a receiver says of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    pub ssrc: Ssrc,
    /// Lost of the last interval, in 256ths.
    pub fraction_lost: u8,
    /// 24 bits, signed: duplicates can make it negative.
    pub cumulative_lost: i32,
    /// Cycles in the upper half.
    pub highest_sequence: u32,
    /// In units of the stream's clock.
    pub jitter: u32,
    /// [`NtpTime::compact`] of the last sender report; 0 if there was none.
    pub last_sender_report: u32,
    /// Since its arrival, in 1/65536 s.
    pub delay_since: u32,
}

impl ReportBlock {
    pub(super) const LEN: usize = 24;

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (ssrc, rest) = take_ssrc(bytes)?;
        let (&[fraction_lost, a, b, c], rest) = rest.split_first_chunk::<4>()?;
        let (highest_sequence, rest) = take_u32(rest)?;
        let (jitter, rest) = take_u32(rest)?;
        let (last_sender_report, rest) = take_u32(rest)?;
        let (delay_since, rest) = take_u32(rest)?;
        // Shifted down from the top, so that the sign travels along.
        let cumulative_lost = i32::from_be_bytes([a, b, c, 0]) >> 8;
        Some((
            Self { ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter, last_sender_report, delay_since },
            rest,
        ))
    }

    pub(super) fn bytes(&self) -> [u8; Self::LEN] {
        let [_, lost @ ..] = self.cumulative_lost.clamp(-(1 << 23), (1 << 23) - 1).to_be_bytes();
        let mut bytes = [0; Self::LEN];
        let parts: [&[u8]; 7] = [
            &self.ssrc.0.to_be_bytes(),
            &[self.fraction_lost],
            &lost,
            &self.highest_sequence.to_be_bytes(),
            &self.jitter.to_be_bytes(),
            &self.last_sender_report.to_be_bytes(),
            &self.delay_since.to_be_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }
}

/// The report blocks of one packet; fewer than announced if the packet ends before.
#[derive(Debug, Clone)]
pub struct Reports<'a> {
    rest: &'a [u8],
    left: u8,
}

impl<'a> Reports<'a> {
    pub(super) fn new(rest: &'a [u8], count: u8) -> Self {
        Self { rest, left: count }
    }
}

impl Iterator for Reports<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (block, rest) = ReportBlock::read(self.rest)?;
        self.rest = rest;
        Some(block)
    }
}

/// Longer than this since the sender report and the echo says nothing (suspended machines).
const MAX_DELAY: u32 = 5 * 60 * 65536;
/// No path of a living call takes longer.
const MAX_RTT: Duration = Duration::from_secs(7);

/// The round trip time that a report block on a stream of ours tells. `now` is on the clock of our sender reports.
///
/// `None` without an echo, and for nonsense: negative, over 7 s, or echoed more than 5 minutes late.
pub fn round_trip(now: NtpTime, block: &ReportBlock) -> Option<Duration> {
    if block.last_sender_report == 0 || block.delay_since > MAX_DELAY {
        return None;
    }
    let elapsed = now.compact().wrapping_sub(block.last_sender_report);
    let units = elapsed.checked_sub(block.delay_since)?;
    let rtt = Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65536);
    (rtt <= MAX_RTT).then_some(rtt)
}
