//! H.264 payloads (RFC 6184): which of them a decoder can start with.

use super::bits::Bits;

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// A sequence parameter set, or the first fragment of an IDR slice.
///
/// The parameter sets may travel in a packet of their own before the IDR: the first of them is where forwarding starts. A lone
/// PPS, SEI or delimiter is no start.
pub fn is_keyframe_start(payload: &[u8]) -> bool {
    let Some(&head) = payload.first() else { return false };
    match head & 31 {
        IDR | SPS => true,
        STAP_A => aggregated(payload).any(|unit| unit.first().is_some_and(|head| matches!(head & 31, IDR | SPS))),
        FU_A => payload.get(1).is_some_and(|fragment| fragment & 0x80 != 0 && matches!(fragment & 31, IDR | SPS)),
        _ => false,
    }
}

/// Width and height in pixels out of a sequence parameter set in this packet.
pub fn resolution(payload: &[u8]) -> Option<(u16, u16)> {
    let is_sps = |unit: &&[u8]| unit.first().is_some_and(|head| head & 31 == SPS);
    match payload.first()? & 31 {
        SPS => sps_resolution(payload),
        STAP_A => aggregated(payload).find(is_sps).and_then(sps_resolution),
        _ => None,
    }
}

/// The units of a STAP-A, up to the first whose size does not fit.
fn aggregated(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = payload.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (size, units) = rest.split_first_chunk::<2>()?;
        let (unit, after) = units.split_at_checked(usize::from(u16::from_be_bytes(*size)))?;
        rest = after;
        Some(unit)
    })
}

/// An SPS is read up to this many bytes: more only describe details.
const MAX_SPS: usize = 128;

/// H.264 7.3.2.1.1.
fn sps_resolution(unit: &[u8]) -> Option<(u16, u16)> {
    let mut plain = [0; MAX_SPS];
    let len = unescape(unit.get(1..)?, &mut plain);
    let mut bits = Bits::new(plain.get(..len)?);
    let profile = bits.take(8)?;
    bits.take(16)?;
    bits.golomb()?;
    let mut chroma = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma = bits.golomb()?;
        skip_high_profile(&mut bits, chroma)?;
    }
    bits.golomb()?;
    skip_picture_order(&mut bits)?;
    bits.golomb()?;
    bits.bit()?;
    let width_blocks = u64::from(bits.golomb()?) + 1;
    let height_units = u64::from(bits.golomb()?) + 1;
    let frames_only = bits.bit()?;
    if !frames_only {
        bits.bit()?;
    }
    bits.bit()?;
    let field_factor = if frames_only { 1 } else { 2 };
    let (mut width, mut height) = (width_blocks * 16, height_units * 16 * field_factor);
    if bits.bit()? {
        let crop_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
        let crop_y = if chroma == 1 { 2 } else { 1 } * field_factor;
        let (left, right) = (u64::from(bits.golomb()?), u64::from(bits.golomb()?));
        let (top, bottom) = (u64::from(bits.golomb()?), u64::from(bits.golomb()?));
        width = width.checked_sub((left + right) * crop_x)?;
        height = height.checked_sub((top + bottom) * crop_y)?;
    }
    Some((u16::try_from(width).ok()?, u16::try_from(height).ok()?))
}

fn skip_high_profile(bits: &mut Bits<'_>, chroma: u32) -> Option<()> {
    if chroma == 3 {
        bits.bit()?;
    }
    bits.golomb()?;
    bits.golomb()?;
    bits.bit()?;
    if bits.bit()? {
        let lists = if chroma == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

/// H.264 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed_golomb()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.golomb()? {
        0 => {
            bits.golomb()?;
        }
        1 => {
            bits.bit()?;
            bits.golomb()?;
            bits.golomb()?;
            let cycle = bits.golomb()?;
            for _ in 0..cycle {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Removes the emulation prevention bytes (H.264 7.4.1) and answers how many bytes of `plain` were filled.
fn unescape(escaped: &[u8], plain: &mut [u8]) -> usize {
    let mut zeros = 0;
    let mut len = 0;
    for &byte in escaped {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        let Some(place) = plain.get_mut(len) else { break };
        *place = byte;
        len += 1;
    }
    len
}
