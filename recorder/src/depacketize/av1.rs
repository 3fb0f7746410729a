//! AV1 (RTP payload format of the Alliance for Open Media, version 1.0): temporal units without their delimiter, as a file has
//! them, whose OBUs bear their sizes.

use super::assembly::{Assembly, Begun};
use super::av1_sequence::Sequence;
use super::{Depacketize, Format, Frame, MAX_FRAME, Malformed};
use crate::rtp::Rtp;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;
const HAS_SIZE: u8 = 0x02;
const HAS_EXTENSION: u8 = 0x04;
/// Longest sequence header that is kept.
const MAX_SEQUENCE: usize = 256;

/// Puts temporal units together.
#[derive(Debug, Default)]
pub struct Av1 {
    assembly: Assembly,
    /// An OBU whose end is in a later packet.
    fragment: Option<Vec<u8>>,
    /// The sequence header in this temporal unit, with its size.
    sequence: Option<(Sequence, Vec<u8>)>,
    /// This temporal unit has a key frame.
    key: bool,
}

impl Depacketize for Av1 {
    fn push(&mut self, packet: &Rtp<'_>, frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        if let Some(begun) = self.assembly.end_before(packet.timestamp) {
            frames.extend(self.frame(begun));
        }
        if let Err(malformed) = self.take(packet) {
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

impl Av1 {
    /// The elements of a packet (4.3 and 4.4).
    fn take(&mut self, packet: &Rtp<'_>) -> Result<(), Malformed> {
        let (&header, mut rest) = packet.payload.split_first().ok_or(Malformed)?;
        let (continues, goes_on, count) = (header & 0x80 != 0, header & 0x40 != 0, header >> 4 & 3);
        if self.assembly.len().is_none() {
            if continues {
                // Its beginning is missing.
                return Ok(());
            }
            self.begin(packet.timestamp);
        }
        if continues != self.fragment.is_some() {
            return Err(Malformed);
        }
        let mut taken = 0;
        while !rest.is_empty() {
            taken += 1;
            let element;
            (element, rest) = if taken == count { (rest, &[][..]) } else { sized(rest).ok_or(Malformed)? };
            self.element(element, goes_on && rest.is_empty())?;
        }
        if count == 0 || taken == count { Ok(()) } else { Err(Malformed) }
    }

    fn begin(&mut self, timestamp: u32) {
        self.fragment = None;
        self.sequence = None;
        self.key = false;
        self.assembly.begin(timestamp);
    }

    /// A whole OBU, or a part of one.
    fn element(&mut self, element: &[u8], goes_on: bool) -> Result<(), Malformed> {
        let Some(mut begun) = self.fragment.take() else {
            if goes_on {
                self.fragment = Some(element.to_vec());
                return Ok(());
            }
            return self.obu(element);
        };
        begun.extend_from_slice(element);
        if begun.len() > MAX_FRAME {
            return Err(Malformed);
        }
        if goes_on {
            self.fragment = Some(begun);
            return Ok(());
        }
        self.obu(&begun)
    }

    /// Appends an OBU with its size (AV1 bitstream specification 5.3).
    fn obu(&mut self, obu: &[u8]) -> Result<(), Malformed> {
        let Some((&header, rest)) = obu.split_first() else { return Ok(()) };
        let extension = usize::from(header & HAS_EXTENSION != 0);
        let head = obu.get(..1 + extension).ok_or(Malformed)?;
        let rest = rest.get(extension..).ok_or(Malformed)?;
        let payload = if header & HAS_SIZE == 0 { rest } else { sized(rest).ok_or(Malformed)?.0 };
        let sized = [&[header | HAS_SIZE], head.get(1..).unwrap_or_default(), &leb128(payload.len()), payload].concat();
        match header >> 3 & 0x0f {
            TEMPORAL_DELIMITER | TILE_LIST | PADDING => return Ok(()),
            SEQUENCE_HEADER if payload.len() <= MAX_SEQUENCE => {
                self.sequence = Some((Sequence::parse(payload).ok_or(Malformed)?, sized.clone()));
            }
            // Not one that is shown again, and of the kind "key".
            FRAME | FRAME_HEADER => self.key |= payload.first().ok_or(Malformed)? & 0xe0 == 0,
            _ => {}
        }
        self.assembly.append(&sized)
    }

    /// The temporal unit. None if it is empty, or cut off.
    fn frame(&mut self, begun: Begun) -> Option<Frame> {
        if self.fragment.take().is_some() || begun.data.is_empty() {
            return None;
        }
        let sequence = self.sequence.take().filter(|_| self.key);
        let key = sequence.is_some();
        let format = sequence.map(|(Sequence { width, height, config }, header)| {
            let config = [&config[..], &header].concat();
            Format::Av1 { width, height, config }
        });
        Some(Frame { timestamp: begun.timestamp, key, data: begun.data, format, duration: None })
    }
}

/// Bytes after their length, and the rest.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length: usize = 0;
    for (index, byte) in bytes.iter().enumerate().take(4) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes.get(index + 1..)?.split_at_checked(length);
        }
    }
    None
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4);
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(av1: &mut Av1, payload: &[u8], timestamp: u32, marker: bool) -> Vec<Frame> {
        let packet = Rtp { marker, payload_type: 41, sequence: 0, timestamp, ssrc: 7, payload };
        let mut frames = Vec::new();
        av1.push(&packet, &mut frames).unwrap();
        frames
    }

    /// Profile 0, level 2.0, 320x180, as libaom writes it.
    const SEQUENCE: [u8; 12] = [0x00, 0x00, 0x00, 0x04, 0x3c, 0xfe, 0xcf, 0x81, 0xb5, 0xf2, 0x00, 0x80];

    #[test]
    fn a_temporal_unit_gets_its_sizes_back() {
        let mut av1 = Av1::default();
        // Begins anew; two elements: the sequence header, and the first part of a frame.
        let first = [&[0x68, 13, 0x08][..], &SEQUENCE, &[0x30, 0x10, 1]].concat();
        assert_eq!(push(&mut av1, &first, 9, false), []);
        // Its middle and its end.
        assert_eq!(push(&mut av1, &[0xd0, 2, 3], 9, false), []);
        let [frame] = &push(&mut av1, &[0x90, 4], 9, true)[..] else { panic!() };
        let header = [&[0x0a, 12][..], &SEQUENCE].concat();
        assert_eq!(frame.data, [&header[..], &[0x32, 5, 0x10, 1, 2, 3, 4]].concat());
        let config = [&[0x81, 0x00, 0x0c, 0x00][..], &header].concat();
        assert_eq!(frame.format, Some(Format::Av1 { width: 320, height: 180, config }));
        // A frame after lengths alone, with an extension, and a delimiter that does not belong.
        let [frame] = &push(&mut av1, &[0x00, 1, 0x10, 3, 0x34, 0x08, 0x20], 12, true)[..] else { panic!() };
        assert_eq!((frame.key, &frame.data[..]), (false, &[0x36, 0x08, 1, 0x20][..]));
    }

    #[test]
    fn an_obu_without_its_beginning_or_end_is_left_out() {
        let mut av1 = Av1::default();
        assert_eq!(push(&mut av1, &[0x90, 4], 9, true), []);
        assert_eq!(push(&mut av1, &[0x50, 0x30, 0x10], 12, true), []);
        assert_eq!(push(&mut av1, &[0x10, 0x30, 0x20], 15, true).len(), 1);
    }

    #[test]
    fn lengths_are_of_up_to_four_bytes() {
        assert_eq!(sized(&[0x81, 0x00, 7, 8]), Some((&[7][..], &[8][..])));
        assert_eq!(sized(&[0x80, 0x80, 0x80, 0x80, 0]), None);
        assert_eq!(sized(&[5, 1]), None);
        assert_eq!((leb128(127), leb128(300)), (vec![0x7f], vec![0xac, 0x02]));
    }
}
