//! VP9 (RFC 9628): all layers of a picture become one superframe.

use super::assembly::{Assembly, Begun};
use super::bits::Bits;
use super::{Chroma, Depacketize, Format, Frame, Malformed};
use crate::rtp::Rtp;

/// A superframe has no room for more.
const MAX_LAYERS: usize = 8;
/// First three bytes after the kind of a key frame.
const SYNC_CODE: u32 = 0x49_83_42;

/// Width and height.
type Size = (u16, u16);

/// Puts pictures together.
#[derive(Debug, Default)]
pub struct Vp9 {
    assembly: Assembly,
    /// Where the frames of layers begin in the picture.
    begins: Vec<usize>,
    /// Of the highest layer, as the picture's scalability structure says.
    size: Option<(u16, u16)>,
}

impl Depacketize for Vp9 {
    fn push(&mut self, packet: &Rtp<'_>, frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        if let Some(begun) = self.assembly.end_before(packet.timestamp) {
            frames.extend(self.frame(begun));
        }
        let Some(descriptor) = Descriptor::parse(packet.payload) else {
            self.lost();
            return Err(Malformed);
        };
        self.take(packet.timestamp, &descriptor)?;
        if packet.marker
            && let Some(begun) = self.assembly.end()
        {
            frames.push(self.frame(begun).ok_or(Malformed)?);
        }
        Ok(())
    }

    fn lost(&mut self) {
        self.assembly.forget();
    }
}

impl Vp9 {
    fn take(&mut self, timestamp: u32, descriptor: &Descriptor<'_>) -> Result<(), Malformed> {
        if descriptor.begins {
            if self.assembly.len().is_none() {
                self.begins.clear();
                self.size = None;
                self.assembly.begin(timestamp);
            }
            self.begins.extend(self.assembly.len());
        }
        self.size = descriptor.size.or(self.size);
        self.assembly.append(descriptor.bytes)
    }

    /// The picture, with an index if it has several layers (VP9 bitstream specification, annex B).
    fn frame(&mut self, begun: Begun) -> Option<Frame> {
        let Begun { timestamp, mut data } = begun;
        let header = Header::parse(&data)?;
        let key = header != Header::Inter;
        let format = match header {
            Header::Key { size, profile, depth, chroma } => {
                let (width, height) = self.size.unwrap_or(size);
                Some(Format::Vp9 { width, height, profile, depth, chroma })
            }
            Header::Inter => None,
        };
        if self.begins.len() > 1 {
            let index = index(&self.begins, data.len())?;
            data.extend_from_slice(&index);
        }
        Some(Frame { timestamp, key, data, format, duration: None })
    }
}

/// Sizes of the frames between the marks of an index.
fn index(begins: &[usize], end: usize) -> Option<Vec<u8>> {
    if begins.len() > MAX_LAYERS {
        return None;
    }
    let ends = begins.iter().skip(1).chain(std::iter::once(&end));
    let sizes: Vec<u32> =
        begins.iter().zip(ends).map(|(begin, end)| u32::try_from(end - begin).ok()).collect::<Option<_>>()?;
    let count = u8::try_from(sizes.len() - 1).ok()?;
    // Each size takes four bytes: so the index has one form.
    let mark = 0b1100_0000 | 3 << 3 | count;
    let sizes = sizes.iter().flat_map(|size| size.to_le_bytes());
    Some(std::iter::once(mark).chain(sizes).chain(std::iter::once(mark)).collect())
}

/// What precedes the bytes of a layer's frame (RFC 9628 4.2).
#[derive(Debug)]
struct Descriptor<'a> {
    /// The frame of a layer begins.
    begins: bool,
    size: Option<(u16, u16)>,
    bytes: &'a [u8],
}

impl<'a> Descriptor<'a> {
    fn parse(payload: &'a [u8]) -> Option<Self> {
        let (&flags, mut rest) = payload.split_first()?;
        let has = |bit: u8| flags & bit != 0;
        let (picture_id, inter, layers, flexible) = (has(0x80), has(0x40), has(0x20), has(0x10));
        if picture_id {
            let long = rest.first()? & 0x80 != 0;
            rest = rest.get(1 + usize::from(long)..)?;
        }
        if layers {
            rest = rest.get(if flexible { 1 } else { 2 }..)?;
        }
        if flexible && inter {
            rest = after_references(rest)?;
        }
        let mut size = None;
        if has(0x02) {
            (size, rest) = structure(rest)?;
        }
        (!rest.is_empty()).then_some(Self { begins: has(0x08), size, bytes: rest })
    }
}

/// Up to three references, each of which says whether another follows.
fn after_references(mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..3 {
        let (&reference, after) = rest.split_first()?;
        rest = after;
        if reference & 1 == 0 {
            return Some(rest);
        }
    }
    None
}

/// Size of the highest layer in a scalability structure, and what follows it (RFC 9628 4.2.1).
fn structure(rest: &[u8]) -> Option<(Option<Size>, &[u8])> {
    let (&flags, mut rest) = rest.split_first()?;
    let mut size = None;
    if flags & 0x10 != 0 {
        for _ in 0..=flags >> 5 {
            let ([w0, w1, h0, h1], after) = rest.split_first_chunk::<4>()?;
            size = Some((u16::from_be_bytes([*w0, *w1]), u16::from_be_bytes([*h0, *h1])));
            rest = after;
        }
    }
    if flags & 0x08 != 0 {
        let (&pictures, after) = rest.split_first()?;
        rest = after;
        for _ in 0..pictures {
            let (&picture, after) = rest.split_first()?;
            rest = after.get(usize::from(picture >> 2 & 3)..)?;
        }
    }
    Some((size.filter(|(width, height)| *width > 0 && *height > 0), rest))
}

/// Beginning of a frame's own header (VP9 bitstream specification 6.2).
#[derive(Debug, PartialEq, Eq)]
enum Header {
    Key { size: (u16, u16), profile: u8, depth: u8, chroma: Chroma },
    Inter,
}

impl Header {
    fn parse(data: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(data);
        if bits.take(2)? != 2 {
            return None;
        }
        let profile = u8::from(bits.flag()?) | u8::from(bits.flag()?) << 1;
        if profile == 3 && bits.flag()? {
            return None;
        }
        let (shows_existing, inter) = (bits.flag()?, bits.flag()?);
        if shows_existing || inter {
            return Some(Self::Inter);
        }
        // Whether it is shown, and whether it resists errors.
        bits.take(2)?;
        if bits.take(24)? != SYNC_CODE {
            return None;
        }
        let depth = if profile < 2 {
            8
        } else if bits.flag()? {
            12
        } else {
            10
        };
        let chroma = chroma(&mut bits, profile)?;
        let mut side = || u16::try_from(bits.take(16)? + 1).ok();
        Some(Self::Key { size: (side()?, side()?), profile, depth, chroma })
    }
}

fn chroma(bits: &mut Bits<'_>, profile: u8) -> Option<Chroma> {
    const RGB: u32 = 7;
    let odd = profile & 1 == 1;
    if bits.take(3)? == RGB {
        // A reserved bit follows where RGB is allowed at all.
        return (odd && !bits.flag()?).then_some(Chroma::Yuv444);
    }
    bits.flag()?;
    if !odd {
        return Some(Chroma::Yuv420);
    }
    let (x, y) = (bits.flag()?, bits.flag()?);
    bits.flag()?;
    Some(match (x, y) {
        (false, false) => Chroma::Yuv444,
        (true, false) => Chroma::Yuv422,
        (false, true) => Chroma::Yuv440,
        (true, true) => Chroma::Yuv420,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Profile 0, shown, 320x180.
    const KEY: [u8; 10] = [0x82, 0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0b, 0x30, 0x00];
    const INTER: [u8; 3] = [0x86, 0x00, 0x40];

    fn push(vp9: &mut Vp9, payload: &[&[u8]], timestamp: u32, marker: bool) -> Vec<Frame> {
        let payload = payload.concat();
        let packet = Rtp { marker, payload_type: 98, sequence: 0, timestamp, ssrc: 7, payload: &payload };
        let mut frames = Vec::new();
        vp9.push(&packet, &mut frames).unwrap();
        frames
    }

    #[test]
    fn a_key_frame_says_its_size() {
        let mut vp9 = Vp9::default();
        assert_eq!(push(&mut vp9, &[&[0x88, 0x81, 0x02], &KEY], 9, false), []);
        let [frame] = &push(&mut vp9, &[&[0x84, 0x81, 0x02], b"rest"], 9, true)[..] else { panic!() };
        assert!(frame.key);
        assert_eq!(frame.data, [&KEY[..], b"rest"].concat());
        let expected = Format::Vp9 { width: 320, height: 180, profile: 0, depth: 8, chroma: Chroma::Yuv420 };
        assert_eq!(frame.format, Some(expected));
        let [frame] = &push(&mut vp9, &[&[0xdc, 0x03, 0x02], &INTER], 12, true)[..] else { panic!() };
        assert_eq!((frame.key, &frame.data[..]), (false, &INTER[..]));
    }

    #[test]
    fn layers_become_a_superframe() {
        let mut vp9 = Vp9::default();
        // Two layers with sizes, no groups of pictures.
        let structure = [0x30, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68];
        assert_eq!(push(&mut vp9, &[&[0xae, 0x01, 0x00, 0x00], &structure, &KEY], 9, false), []);
        let [frame] = &push(&mut vp9, &[&[0xac, 0x01, 0x02, 0x00], &INTER], 9, true)[..] else { panic!() };
        let index = [0xd9, 10, 0, 0, 0, 3, 0, 0, 0, 0xd9];
        assert_eq!(frame.data, [&KEY[..], &INTER, &index].concat());
        let expected = Format::Vp9 { width: 640, height: 360, profile: 0, depth: 8, chroma: Chroma::Yuv420 };
        assert_eq!(frame.format, Some(expected));
    }
}
