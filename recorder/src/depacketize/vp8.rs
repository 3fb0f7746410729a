//! VP8 (RFC 7741).

use super::assembly::{Assembly, Begun};
use super::{Depacketize, Format, Frame, Malformed};
use crate::rtp::Rtp;

/// Puts pictures together.
#[derive(Debug, Default)]
pub struct Vp8 {
    assembly: Assembly,
}

impl Depacketize for Vp8 {
    fn push(&mut self, packet: &Rtp<'_>, frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        frames.extend(self.assembly.end_before(packet.timestamp).and_then(frame));
        let Some((begins, bytes)) = after_descriptor(packet.payload) else {
            self.assembly.forget();
            return Err(Malformed);
        };
        if begins {
            self.assembly.begin(packet.timestamp);
        }
        self.assembly.append(bytes)?;
        if packet.marker
            && let Some(begun) = self.assembly.end()
        {
            frames.push(frame(begun).ok_or(Malformed)?);
        }
        Ok(())
    }

    fn lost(&mut self) {
        self.assembly.forget();
    }
}

/// Whether a picture begins here, and what belongs to it (RFC 7741 4.2).
fn after_descriptor(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (&first, mut rest) = payload.split_first()?;
    if first & 0x80 != 0 {
        let (&extension, after) = rest.split_first()?;
        rest = after;
        if extension & 0x80 != 0 {
            let long = rest.first()? & 0x80 != 0;
            rest = rest.get(1 + usize::from(long)..)?;
        }
        let temporal = usize::from(extension & 0x40 != 0) + usize::from(extension & 0x30 != 0);
        rest = rest.get(temporal..)?;
    }
    let begins = first & 0x10 != 0 && first & 0x07 == 0;
    (!rest.is_empty()).then_some((begins, rest))
}

fn frame(begun: Begun) -> Option<Frame> {
    let key = begun.data.first()? & 1 == 0;
    let format = if key { Some(format(&begun.data)?) } else { None };
    Some(Frame { timestamp: begun.timestamp, key, data: begun.data, format, duration: None })
}

/// What a key frame says of itself (RFC 6386 9.1).
fn format(data: &[u8]) -> Option<Format> {
    let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *data else { return None };
    let side = |low, high| u16::from_le_bytes([low, high & 0x3f]);
    let (width, height) = (side(w0, w1), side(h0, h1));
    (width > 0 && height > 0).then_some(Format::Vp8 { width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 10] = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];

    fn packet(payload: &[u8], timestamp: u32, marker: bool) -> Rtp<'_> {
        Rtp { marker, payload_type: 100, sequence: 0, timestamp, ssrc: 7, payload }
    }

    fn push(vp8: &mut Vp8, payload: &[&[u8]], timestamp: u32, marker: bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        vp8.push(&packet(&payload.concat(), timestamp, marker), &mut frames).unwrap();
        frames
    }

    #[test]
    fn a_picture_is_put_together_and_says_its_size() {
        let mut vp8 = Vp8::default();
        assert_eq!(push(&mut vp8, &[&[0x90, 0xf0, 0x81, 0x02, 7, 0x20], &KEY], 9, false), []);
        let [frame] = &push(&mut vp8, &[&[0x80, 0x80, 0x11], b"rest"], 9, true)[..] else { panic!() };
        assert_eq!(frame.data, [&KEY[..], b"rest"].concat());
        assert_eq!((frame.key, frame.timestamp), (true, 9));
        assert_eq!(frame.format, Some(Format::Vp8 { width: 320, height: 180 }));
        let [frame] = &push(&mut vp8, &[&[0x10, 0x01], b"inter"], 12, true)[..] else { panic!() };
        assert_eq!((frame.key, &frame.format), (false, &None));
    }

    #[test]
    fn a_picture_without_its_beginning_is_left_out() {
        let mut vp8 = Vp8::default();
        assert_eq!(push(&mut vp8, &[&[0x10], &KEY], 9, false), []);
        vp8.lost();
        assert_eq!(push(&mut vp8, &[&[0x00], b"rest"], 9, true), []);
    }

    #[test]
    fn a_picture_whose_end_is_not_marked_ends_with_the_next() {
        let mut vp8 = Vp8::default();
        push(&mut vp8, &[&[0x10], &KEY], 9, false);
        assert_eq!(push(&mut vp8, &[&[0x10], &KEY], 12, true).len(), 2);
    }
}
