//! Opus (RFC 7587): a payload is a packet of the codec.

use std::time::Duration;

use super::{Depacketize, Format, Frame, Malformed};
use crate::rtp::Rtp;

/// No packet is longer (RFC 6716 3.2.5).
const LONGEST: Duration = Duration::from_millis(120);

/// Keeps nothing from packet to packet.
#[derive(Debug, Clone, Copy)]
pub struct Opus;

impl Depacketize for Opus {
    fn push(&mut self, packet: &Rtp<'_>, frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        let duration = duration(packet.payload).ok_or(Malformed)?;
        frames.push(Frame {
            timestamp: packet.timestamp,
            key: true,
            data: packet.payload.to_vec(),
            format: Some(Format::Opus),
            duration: Some(duration),
        });
        Ok(())
    }

    fn lost(&mut self) {}
}

/// How long a packet sounds, by its first byte or two (RFC 6716 3.1).
fn duration(payload: &[u8]) -> Option<Duration> {
    let toc = *payload.first()?;
    let config = toc >> 3;
    let micros = match config {
        0..12 => [10_000, 20_000, 40_000, 60_000].get(usize::from(config & 3)),
        12..16 => [10_000, 20_000].get(usize::from(config & 1)),
        _ => [2_500, 5_000, 10_000, 20_000].get(usize::from(config & 3)),
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(payload.get(1)? & 0x3f),
    };
    Some(Duration::from_micros(*micros?) * count).filter(|duration| !duration.is_zero() && *duration <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_how_long_it_sounds() {
        let ms = |payload: &[u8]| duration(payload).map(|duration| duration.as_micros());
        assert_eq!(ms(&[0x78]), Some(20_000), "one frame of 20 ms, hybrid");
        assert_eq!(ms(&[0xfc, 1, 2]), Some(20_000), "one frame of 20 ms, CELT");
        assert_eq!(ms(&[0x09, 1, 2]), Some(40_000), "two of 20 ms, SILK");
        assert_eq!(ms(&[0x1b, 2]), Some(120_000), "two of 60 ms by count");
        assert_eq!(ms(&[0xfb, 6]), Some(120_000));
        assert_eq!(ms(&[0xfb, 7]), None, "too long");
        assert_eq!(ms(&[0xfb]), None, "cut off");
        assert_eq!(ms(&[]), None);
    }
}
