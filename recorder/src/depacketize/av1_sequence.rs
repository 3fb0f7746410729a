//! Sequence headers of AV1 (AV1 bitstream specification 5.5), as far as the head of a file says the same.

use super::bits::Bits;

/// What a sequence header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) width: u16,
    pub(super) height: u16,
    /// The four bytes that an `av1C` box begins with (AV1 codec ISO media file format binding 2.3.3).
    pub(super) config: [u8; 4],
}

/// Profile, level, tier.
struct Level(u8, u8, u8);

impl Sequence {
    /// Of an OBU's payload. None if it is cut off.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(payload);
        let profile = byte(&mut bits, 3)?;
        // Whether it is a still picture.
        bits.flag()?;
        let reduced = bits.flag()?;
        let level =
            if reduced { Level(profile, byte(&mut bits, 5)?, 0) } else { operating_points(&mut bits, profile)? };
        let (wide, high) = (bits.take(4)? + 1, bits.take(4)? + 1);
        let (width, height) = (side(&mut bits, wide)?, side(&mut bits, high)?);
        tools(&mut bits, reduced)?;
        let color = color(&mut bits, profile)?;
        let Level(profile, level, tier) = level;
        Some(Self { width, height, config: [0x81, profile << 5 | level, tier << 7 | color, 0] })
    }
}

/// The first operating point, which has all layers.
fn operating_points(bits: &mut Bits<'_>, profile: u8) -> Option<Level> {
    let mut delays = None;
    if bits.flag()? {
        bits.take(32)?;
        bits.take(32)?;
        if bits.flag()? {
            bits.unsigned()?;
        }
        if bits.flag()? {
            delays = Some(bits.take(5)? + 1);
            bits.take(32)?;
            bits.take(10)?;
        }
    }
    let displays = bits.flag()?;
    let mut first = None;
    for _ in 0..=bits.take(5)? {
        bits.take(12)?;
        let level = byte(bits, 5)?;
        let tier = if level > 7 { byte(bits, 1)? } else { 0 };
        if let Some(length) = delays
            && bits.flag()?
        {
            bits.take(length)?;
            bits.take(length)?;
            bits.flag()?;
        }
        if displays && bits.flag()? {
            bits.take(4)?;
        }
        first.get_or_insert(Level(profile, level, tier));
    }
    first
}

/// What comes between size and colour.
fn tools(bits: &mut Bits<'_>, reduced: bool) -> Option<()> {
    if !reduced && bits.flag()? {
        bits.take(7)?;
    }
    bits.take(3)?;
    if !reduced {
        bits.take(4)?;
        let orders = bits.flag()?;
        if orders {
            bits.take(2)?;
        }
        let chooses_tools = bits.flag()?;
        let screen_tools = chooses_tools || bits.flag()?;
        if screen_tools && !bits.flag()? {
            bits.flag()?;
        }
        if orders {
            bits.take(3)?;
        }
    }
    bits.take(3).map(|_| ())
}

/// Depth, monochrome, subsampling and position of chroma, as the third byte of the box has them.
fn color(bits: &mut Bits<'_>, profile: u8) -> Option<u8> {
    const RGB: (u32, u32, u32) = (1, 13, 0);
    let deep = byte(bits, 1)?;
    let twelve = if profile == 2 && deep == 1 { byte(bits, 1)? } else { 0 };
    let mono = if profile == 1 { 0 } else { byte(bits, 1)? };
    let described = if bits.flag()? { (bits.take(8)?, bits.take(8)?, bits.take(8)?) } else { (2, 2, 2) };
    let depth = deep << 6 | twelve << 5 | mono << 4;
    if mono == 1 {
        return Some(depth | 0b1100);
    }
    if described == RGB {
        return Some(depth);
    }
    bits.flag()?;
    let (across, down) = match (profile, twelve) {
        (0, _) => (1, 1),
        (1, _) => (0, 0),
        (_, 0) => (1, 0),
        _ => {
            let across = byte(bits, 1)?;
            (across, if across == 1 { byte(bits, 1)? } else { 0 })
        }
    };
    let position = if across & down == 1 { byte(bits, 2)? } else { 0 };
    Some(depth | across << 3 | down << 2 | position)
}

fn byte(bits: &mut Bits<'_>, count: u32) -> Option<u8> {
    bits.take(count).and_then(|value| u8::try_from(value).ok())
}

fn side(bits: &mut Bits<'_>, count: u32) -> Option<u16> {
    bits.take(count).and_then(|value| u16::try_from(value + 1).ok())
}
