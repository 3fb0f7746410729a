//! Time as one sender tells it: which moment of its wall clock an RTP timestamp stands for.

use std::time::{Duration, Instant};

/// The mapping that the newest sender report of one stream gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderClock {
    /// NTP time, 32.32 fixed-point seconds.
    pub ntp: u64,
    /// The same moment in RTP units.
    pub rtp: u32,
    /// When the report came in.
    pub at: Instant,
}

impl SenderClock {
    /// The sender's NTP time for an RTP timestamp near the report.
    pub fn ntp_of(&self, timestamp: u32, rate: u32) -> u64 {
        let ticks = i128::from(signed(timestamp.wrapping_sub(self.rtp)));
        let offset = (ticks << 32) / i128::from(rate.max(1));
        i64::try_from(offset).map_or(self.ntp, |offset| self.ntp.wrapping_add_signed(offset))
    }

    /// The sender's NTP time and RTP timestamp at `now`.
    pub fn at(&self, now: Instant, rate: u32) -> (u64, u32) {
        let elapsed = now.saturating_duration_since(self.at);
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        let ntp = self.ntp.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction);
        let ticks = low_half(ticks(elapsed, rate).unsigned_abs());
        (ntp, self.rtp.wrapping_add(ticks))
    }
}

/// A duration in RTP units.
pub fn ticks(duration: Duration, rate: u32) -> i64 {
    let ticks = duration.as_nanos().saturating_mul(u128::from(rate)) / 1_000_000_000;
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

/// A span between two NTP times in RTP units.
pub fn ntp_ticks(from: u64, to: u64, rate: u32) -> i64 {
    let span = i128::from(to.wrapping_sub(from).cast_signed());
    i64::try_from((span * i128::from(rate)) >> 32).unwrap_or(i64::MAX)
}

/// A timestamp moved by `ticks`, around the wrap if need be.
pub fn moved(timestamp: u32, ticks: i64) -> u32 {
    timestamp.wrapping_add(low_half(ticks.cast_unsigned()))
}

/// How far one timestamp is ahead of another, by the shorter way round.
pub fn signed(difference: u32) -> i64 {
    i64::from(difference.cast_signed())
}

fn low_half(value: u64) -> u32 {
    let [.., a, b, c, d] = value.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// The middle 32 bits of an NTP time, as report blocks repeat them.
pub fn compact(ntp: u64) -> u32 {
    low_half(ntp >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_maps_timestamps_to_the_senders_clock_and_back() {
        let at = Instant::now();
        let clock = SenderClock { ntp: 1000 << 32, rtp: u32::MAX - 44_999, at };
        assert_eq!(clock.ntp_of(45_000, 90_000), 1001 << 32);
        assert_eq!(clock.ntp_of(clock.rtp.wrapping_sub(90_000), 90_000), 999 << 32);
        let (ntp, rtp) = clock.at(at + Duration::from_millis(1500), 90_000);
        assert_eq!((ntp, rtp), ((1001 << 32) | (1 << 31), 90_000));
        assert_eq!(ntp_ticks(1000 << 32, ntp, 90_000), 135_000);
        assert_eq!(ntp_ticks(ntp, 1000 << 32, 48_000), -72_000);
        assert_eq!(compact(0x1122_3344_5566_7788), 0x3344_5566);
    }

    #[test]
    fn timestamps_move_around_the_wrap() {
        assert_eq!(moved(u32::MAX, 2), 1);
        assert_eq!(moved(1, -2), u32::MAX);
        assert_eq!(signed(1_u32.wrapping_sub(u32::MAX)), 2);
    }
}
