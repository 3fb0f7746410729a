//! H.264 (RFC 6184), packetization modes 0 and 1: access units as a byte stream, each NAL unit after a start code.

use super::assembly::{Assembly, Begun};
use super::{Depacketize, Format, Frame, Malformed};
use crate::rtp::Rtp;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// Longest parameter set that is kept. Those of browsers have fewer than 50 bytes.
const MAX_PARAMETERS: usize = 1024;

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Puts access units together.
#[derive(Debug, Default)]
pub struct H264 {
    assembly: Assembly,
    /// A NAL unit has begun whose end is in a later packet.
    in_fragment: bool,
    /// Kinds of NAL units in the access unit, one bit each.
    kinds: u32,
    sps: Vec<u8>,
    pps: Vec<u8>,
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
        if packet.marker && let Some(begun) = self.assembly.end() {
            frames.extend(self.frame(begun));
        }
        Ok(())
    }

    fn lost(&mut self) {
        self.assembly.forget();
        self.in_fragment = false;
    }

    fn flush(&mut self, frames: &mut Vec<Frame>) {
        if let Some(begun) = self.assembly.end() {
            frames.extend(self.frame(begun));
        }
    }
}

impl H264 {
    /// An access unit begins, unless its beginning is missing.
    fn begin(&mut self, packet: &Rtp<'_>) {
        self.kinds = 0;
        self.in_fragment = false;
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
        if begins {
            self.note_kind(header & 0x1f);
            self.assembly.append(&START_CODE)?;
            self.assembly.append(&[indicator & 0xe0 | header & 0x1f])?;
        } else if self.assembly.len().is_none() {
            return Ok(());
        } else if !self.in_fragment {
            return Err(Malformed);
        }
        self.in_fragment = !ends;
        self.assembly.append(bytes)
    }

    fn unit(&mut self, unit: &[u8]) -> Result<(), Malformed> {
        let kind = unit.first().ok_or(Malformed)? & 0x1f;
        match kind {
            SPS if unit.len() <= MAX_PARAMETERS => {
                self.sps = delimited(unit);
                self.pps.clear();
            }
            PPS if self.pps.len() + unit.len() <= MAX_PARAMETERS => self.keep_pps(&delimited(unit)),
            _ => {}
        }
        self.note_kind(kind);
        self.assembly.append(&START_CODE)?;
        self.assembly.append(unit)
    }

    /// Some encoders send several, and repeat them.
    fn keep_pps(&mut self, unit: &[u8]) {
        if !self.pps.windows(unit.len()).any(|known| known == unit) {
            self.pps.extend_from_slice(unit);
        }
    }

    fn note_kind(&mut self, kind: u8) {
        self.kinds |= 1 << (kind & 0x1f);
    }

    /// The access unit. None if it has no picture.
    fn frame(&mut self, begun: Begun) -> Option<Frame> {
        let has = |kinds: std::ops::RangeInclusive<u8>| kinds.into_iter().any(|kind| self.kinds & 1 << kind != 0);
        if !has(1..=IDR) {
            return None;
        }
        let key = has(IDR..=IDR) && !self.sps.is_empty() && !self.pps.is_empty();
        let parameters = || [&self.sps[..], &self.pps].concat();
        let data = if key && !has(SPS..=SPS) { [parameters(), begun.data].concat() } else { begun.data };
        let format = key.then(|| Format::H264 { parameters: parameters() });
        Some(Frame { timestamp: begun.timestamp, key, data, format, duration: None })
    }
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

fn delimited(unit: &[u8]) -> Vec<u8> {
    [&START_CODE, unit].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS_UNIT: [u8; 4] = [0x67, 0x42, 0xe0, 0x1f];
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
        let stap = [&[0x78, 0, 4][..], &SPS_UNIT, &[0, 3], &PPS_UNIT].concat();
        assert_eq!(push(&mut h264, &stap, 9, false), []);
        assert_eq!(push(&mut h264, &[0x7c, 0x85, 0x81, 2], 9, false), []);
        assert_eq!(push(&mut h264, &[0x7c, 0x05, 3], 9, false), []);
        let [frame] = &push(&mut h264, &[0x7c, 0x45, 4], 9, true)[..] else { panic!() };
        let parameters = [&START_CODE[..], &SPS_UNIT, &START_CODE, &PPS_UNIT].concat();
        assert_eq!(frame.data, [&parameters[..], &START_CODE, &[0x65, 0x81, 2, 3, 4]].concat());
        assert_eq!((frame.key, &frame.format), (true, &Some(Format::H264 { parameters: parameters.clone() })));
        // Parameter sets that are not repeated are put in front.
        let [frame] = &push(&mut h264, &[0x65, 0x89], 12, true)[..] else { panic!() };
        assert_eq!(frame.data, [&parameters[..], &START_CODE, &[0x65, 0x89]].concat());
        let [frame] = &push(&mut h264, &[0x41, 0x89], 15, true)[..] else { panic!() };
        assert_eq!((frame.key, &frame.format), (false, &None));
    }

    #[test]
    fn what_is_no_picture_is_kept_but_not_written() {
        let mut h264 = H264::default();
        assert_eq!(push(&mut h264, &SPS_UNIT, 9, false), []);
        assert_eq!(push(&mut h264, &PPS_UNIT, 9, true), []);
        assert!(push(&mut h264, &[0x65, 0x89], 12, true)[0].key);
    }

    #[test]
    fn a_unit_without_its_beginning_is_left_out() {
        let mut h264 = H264::default();
        assert_eq!(push(&mut h264, &[0x7c, 0x05, 3], 9, false), []);
        assert_eq!(push(&mut h264, &[0x65, 0x11], 9, true), [], "a later slice");
        let mut frames = Vec::new();
        assert!(push(&mut h264, &[0x41, 0x81], 12, false).is_empty());
        let middle = Rtp { marker: true, payload_type: 107, sequence: 0, timestamp: 12, ssrc: 7, payload: &[0x7c, 0x05, 3] };
        assert_eq!(h264.push(&middle, &mut frames), Err(Malformed));
        assert_eq!(push(&mut h264, &[0x41, 0x89], 15, true).len(), 1);
    }
}
