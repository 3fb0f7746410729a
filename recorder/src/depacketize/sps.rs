//! Sequence parameter sets of H.264 (7.3.2.1), as far as the head of a file says the same.

use super::bits::Bits;

/// What a sequence parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sps {
    pub(super) width: u16,
    pub(super) height: u16,
    /// Kind of chroma, and bits of samples beyond eight: where the profile is a high one.
    pub(super) high: Option<[u8; 3]>,
}

/// Profiles whose parameter sets say more.
const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

impl Sps {
    /// Of a NAL unit with its header. None if it is cut off or makes no sense.
    pub(super) fn parse(unit: &[u8]) -> Option<Self> {
        let bytes = without_escapes(unit.get(1..)?);
        let mut bits = Bits::new(&bytes);
        let profile = bits.take(8)?;
        // Constraints and level.
        bits.take(16)?;
        bits.unsigned()?;
        let high = if HIGH.contains(&profile) { Some(high(&mut bits)?) } else { None };
        // How many bits a frame's number has.
        bits.unsigned()?;
        order_of_pictures(&mut bits)?;
        // Reference frames, and whether gaps are allowed.
        bits.unsigned()?;
        bits.flag()?;
        size(&mut bits, high.map_or(1, |[chroma, ..]| chroma)).map(|(width, height)| Self { width, height, high })
    }
}

fn high(bits: &mut Bits<'_>) -> Option<[u8; 3]> {
    let chroma = u8::try_from(bits.unsigned()?).ok().filter(|chroma| *chroma <= 3)?;
    if chroma == 3 {
        bits.flag()?;
    }
    let mut depth = || u8::try_from(bits.unsigned()?).ok().filter(|depth| *depth <= 6);
    let depths = (depth()?, depth()?);
    bits.flag()?;
    if bits.flag()? {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.flag()? {
                skip_scaling(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some([chroma, depths.0, depths.1])
}

fn skip_scaling(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..count {
        if next != 0 {
            next = (last + bits.signed()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

fn order_of_pictures(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.flag()?;
            bits.signed()?;
            bits.signed()?;
            for _ in 0..bits.unsigned()?.min(255) {
                bits.signed()?;
            }
        }
        _ => {}
    }
    Some(())
}

fn size(bits: &mut Bits<'_>, chroma: u8) -> Option<(u16, u16)> {
    let (wide, high) = (bits.unsigned()?, bits.unsigned()?);
    let fields = 2 - bits.take(1)?;
    if fields == 2 {
        bits.flag()?;
    }
    bits.flag()?;
    let mut crop = [0; 4];
    if bits.flag()? {
        for side in &mut crop {
            *side = bits.unsigned()?;
        }
    }
    let [left, right, top, bottom] = crop;
    let across = if matches!(chroma, 1 | 2) { 2 } else { 1 };
    let down = if chroma == 1 { 2 } else { 1 } * fields;
    let side = |blocks: u32, fields: u32, crop: u32, unit: u32| {
        let whole = blocks.checked_add(1)?.checked_mul(16)?.checked_mul(fields)?;
        u16::try_from(whole.checked_sub(crop.checked_mul(unit)?)?).ok().filter(|side| *side > 0)
    };
    Some((side(wide, 1, left.checked_add(right)?, across)?, side(high, fields, top.checked_add(bottom)?, down)?))
}

/// Without the bytes that keep start codes from occurring within (7.4.1).
fn without_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_browsers_and_cameras_are_read() {
        // Constrained baseline 640x360, and high 1920x1080.
        let baseline = [0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x66, 0x40, 0x00];
        let high = [0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00];
        assert_eq!(Sps::parse(&baseline), Some(Sps { width: 640, height: 360, high: None }));
        assert_eq!(Sps::parse(&high), Some(Sps { width: 1920, height: 1080, high: Some([1, 0, 0]) }));
        for end in 0..8 {
            assert_eq!(Sps::parse(&high[..end]), None);
        }
    }
}
