//! H.264 (RFC 6184), packetization modes 0 and 1: access units, each NAL unit after its length in four bytes. Parameter sets are
//! taken out, for the head of the file has them.

use super::assembly::{Assembly, Begun};
use super::sps::Sps;
use super::{Depacketize, Format, Frame, Malformed};
use crate::rtp::Rtp;

/// Longest parameter set that is kept. Those of browsers have fewer than 50 bytes.
const MAX_PARAMETERS: usize = 1024;
/// Picture parameter sets that are kept.
const MAX_PPS: usize = 16;

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const AUD: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Puts access units together.
#[derive(Debug, Default)]
pub struct H264 {
    assembly: Assembly,
    /// Where a NAL unit begins whose end is in a later packet.
    fragment: Option<usize>,
    /// Kinds of NAL units in the access unit, one bit each.
    kinds: u32,
    sps: Vec<u8>,
    pps: Vec<Vec<u8>>,
}

impl Depacketize for H264 {
    fn push(&mut self, packet: &Rtp<'_>, frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        if let Some(begun) = self.assembly.end_before(packet.timestamp) {
            frames.extend(self.frame(begun));
        }
        if self.assembly.len().is_none() {
            self.begin(packet);
        }
        if let Err(malformed) = self.take(packet.payload) {
            self.lost();
            return Err(malformed);
        }
        if packet.marker
            && let Some(begun) = self.assembly.end()
        {
            frames.extend(self.frame(begun));
        }
        Ok(())
    }

    fn lost(&mut self) {
        self.assembly.forget();
        self.fragment = None;
    }
}

impl H264 {
    /// An access unit begins, unless its beginning is missing.
    fn begin(&mut self, packet: &Rtp<'_>) {
        self.kinds = 0;
        self.fragment = None;
        if begins_access_unit(packet.payload) {
            self.assembly.begin(packet.timestamp);
        }
    }

    fn take(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let &indicator = payload.first().ok_or(Malformed)?;
        match indicator & 0x1f {
            1..=23 => self.unit(payload),
            STAP_A => self.aggregate(payload.get(1..).ok_or(Malformed)?),
            FU_A => self.fragment(indicator, payload.get(1..).ok_or(Malformed)?),
            _ => Err(Malformed),
        }
    }

    /// NAL units, each after its length (RFC 6184 5.7.1).
    fn aggregate(&mut self, mut rest: &[u8]) -> Result<(), Malformed> {
        while let Some(([l0, l1], after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            self.unit(after.get(..length).ok_or(Malformed)?)?;
            rest = after.get(length..).ok_or(Malformed)?;
        }
        if rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// A part of a NAL unit (RFC 6184 5.8).
    fn fragment(&mut self, indicator: u8, rest: &[u8]) -> Result<(), Malformed> {
        let (&header, bytes) = rest.split_first().ok_or(Malformed)?;
        let (begins, ends) = (header & 0x80 != 0, header & 0x40 != 0);
        let Some(length) = self.assembly.len() else { return Ok(()) };
        if begins != self.fragment.is_none() {
            return Err(Malformed);
        }
        let at = *self.fragment.get_or_insert(length);
        if begins {
            self.kinds |= 1 << (header & 0x1f);
            self.assembly.append(&[0; 4])?;
            self.assembly.append(&[indicator & 0xe0 | header & 0x1f])?;
        }
        self.assembly.append(bytes)?;
        if ends {
            self.fragment = None;
            let end = self.assembly.len().ok_or(Malformed)?;
            self.assembly.put(at, length_of(end - at - 4)?);
        }
        Ok(())
    }

    /// A whole NAL unit.
    fn unit(&mut self, unit: &[u8]) -> Result<(), Malformed> {
        if self.fragment.is_some() {
            return Err(Malformed);
        }
        let kind = unit.first().ok_or(Malformed)? & 0x1f;
        match kind {
            SPS | PPS if unit.len() > MAX_PARAMETERS => Err(Malformed),
            SPS => {
                if self.sps != unit {
                    self.sps = unit.to_vec();
                    self.pps.clear();
                }
                Ok(())
            }
            PPS => {
                self.keep_pps(unit);
                Ok(())
            }
            AUD => Ok(()),
            _ => {
                self.kinds |= 1 << kind;
                self.assembly.append(&length_of(unit.len())?)?;
                self.assembly.append(unit)
            }
        }
    }

    /// Some encoders send several, and repeat them. One that changed takes the place of that with its number, which comes first
    /// and hardly ever has more than a byte.
    fn keep_pps(&mut self, unit: &[u8]) {
        if self.pps.iter().any(|known| known == unit) {
            return;
        }
        let number = |unit: &[u8]| super::bits::Bits::new(unit.get(1..).unwrap_or_default()).unsigned();
        self.pps.retain(|known| number(known) != number(unit));
        if self.pps.len() < MAX_PPS {
            self.pps.push(unit.to_vec());
        }
    }

    /// The access unit. None if it has no picture, or is cut off.
    fn frame(&mut self, begun: Begun) -> Option<Frame> {
        let pictures = 0b11_1110;
        if self.kinds & pictures == 0 || self.fragment.take().is_some() {
            return None;
        }
        let format = if self.kinds & 1 << IDR == 0 { None } else { self.format() };
        Some(Frame { timestamp: begun.timestamp, key: format.is_some(), data: begun.data, format, duration: None })
    }

    /// None while a parameter set is missing.
    fn format(&self) -> Option<Format> {
        let sps = Sps::parse(&self.sps)?;
        let [_, profile, constraints, level, ..] = self.sps[..] else { return None };
        let count = u8::try_from(self.pps.len()).ok().filter(|count| *count > 0)?;
        let mut config = vec![1, profile, constraints, level, 0xff, 0xe1];
        append_sized(&mut config, &self.sps)?;
        config.push(count);
        for pps in &self.pps {
            append_sized(&mut config, pps)?;
        }
        if let Some([chroma, luma_depth, chroma_depth]) = sps.high {
            config.extend([0xfc | chroma, 0xf8 | luma_depth, 0xf8 | chroma_depth, 0]);
        }
        Some(Format::H264 { width: sps.width, height: sps.height, config })
    }
}

fn append_sized(config: &mut Vec<u8>, unit: &[u8]) -> Option<()> {
    config.extend(u16::try_from(unit.len()).ok()?.to_be_bytes());
    config.extend_from_slice(unit);
    Some(())
}

fn length_of(length: usize) -> Result<[u8; 4], Malformed> {
    u32::try_from(length).map(u32::to_be_bytes).map_err(|_| Malformed)
}

/// Whether an access unit can begin so: with what precedes pictures, or with the slice of a picture's first macroblock, whose
/// number is written as a single bit that is set (H.264 7.3.3).
fn begins_access_unit(payload: &[u8]) -> bool {
    match *payload {
        [indicator, header, first, ..] if indicator & 0x1f == FU_A => {
            header & 0x80 != 0 && (header & 0x1f > IDR || first & 0x80 != 0)
        }
        [unit, first, ..] if (1..=IDR).contains(&(unit & 0x1f)) => first & 0x80 != 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 640x360.
    const SPS_UNIT: [u8; 12] = [0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x66, 0x40, 0x00];
    const PPS_UNIT: [u8; 3] = [0x68, 0xce, 0x3c];

    fn push(h264: &mut H264, payload: &[u8], timestamp: u32, marker: bool) -> Vec<Frame> {
        let packet = Rtp { marker, payload_type: 107, sequence: 0, timestamp, ssrc: 7, payload };
        let mut frames = Vec::new();
        h264.push(&packet, &mut frames).unwrap();
        frames
    }

    #[test]
    fn aggregates_and_fragments_become_an_access_unit() {
        let mut h264 = H264::default();
        let stap = [&[0x78, 0, 12][..], &SPS_UNIT, &[0, 3], &PPS_UNIT, &[0, 2, 0x06, 5]].concat();
        assert_eq!(push(&mut h264, &stap, 9, false), []);
        assert_eq!(push(&mut h264, &[0x7c, 0x85, 0x81, 2], 9, false), []);
        assert_eq!(push(&mut h264, &[0x7c, 0x05, 3], 9, false), []);
        let [frame] = &push(&mut h264, &[0x7c, 0x45, 4], 9, true)[..] else { panic!() };
        assert_eq!(frame.data, [0, 0, 0, 2, 0x06, 5, 0, 0, 0, 5, 0x65, 0x81, 2, 3, 4]);
        let config = [&[1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 12][..], &SPS_UNIT, &[1, 0, 3], &PPS_UNIT].concat();
        let format = Some(Format::H264 { width: 640, height: 360, config });
        assert_eq!((frame.key, &frame.format), (true, &format));
        // Parameter sets need not be repeated.
        let [frame] = &push(&mut h264, &[0x65, 0x89], 12, true)[..] else { panic!() };
        assert_eq!((&frame.data[..], &frame.format), (&[0, 0, 0, 2, 0x65, 0x89][..], &format));
        let [frame] = &push(&mut h264, &[0x41, 0x89], 15, true)[..] else { panic!() };
        assert_eq!((frame.key, &frame.format), (false, &None));
    }

    #[test]
    fn what_is_no_picture_is_kept_but_not_written() {
        let mut h264 = H264::default();
        assert_eq!(push(&mut h264, &SPS_UNIT, 9, false), []);
        assert!(!push(&mut h264, &[0x65, 0x89], 9, true)[0].key, "its other parameters are missing");
        assert_eq!(push(&mut h264, &PPS_UNIT, 10, true), []);
        assert!(push(&mut h264, &[0x65, 0x89], 12, true)[0].key);
    }

    #[test]
    fn a_unit_without_its_beginning_is_left_out() {
        let mut h264 = H264::default();
        assert_eq!(push(&mut h264, &[0x7c, 0x05, 3], 9, false), []);
        assert_eq!(push(&mut h264, &[0x65, 0x11], 9, true), [], "a later slice");
        let mut frames = Vec::new();
        assert!(push(&mut h264, &[0x41, 0x81], 12, false).is_empty());
        let middle =
            Rtp { marker: true, payload_type: 107, sequence: 0, timestamp: 12, ssrc: 7, payload: &[0x7c, 0x05, 3] };
        assert_eq!(h264.push(&middle, &mut frames), Err(Malformed));
        assert_eq!(push(&mut h264, &[0x41, 0x89], 15, true).len(), 1);
    }
}
