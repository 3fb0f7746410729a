//! NACK, FIR (RFC 4585, 5104) and REMB.

use super::{take_ssrc, take_u32};
use crate::core::packet::{Seq, Ssrc};

/// Sequence numbers that one NACK may name: more than a history holds means nothing.
pub const MAX_NACKED: u16 = 512;

/// The sequence numbers of a NACK in wire order.
#[derive(Debug, Clone)]
pub struct Nacked<'a> {
    rest: &'a [u8],
    /// The base of the current pair, and which of its followers are still to come.
    pair: Option<(Seq, u16)>,
    left: u16,
}

impl<'a> Nacked<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest, pair: None, left: MAX_NACKED }
    }
}

impl Iterator for Nacked<'_> {
    type Item = Seq;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        if let Some((base, mask)) = self.pair.filter(|(_, mask)| *mask != 0) {
            let bit = u16::try_from(mask.trailing_zeros()).unwrap_or(0);
            self.pair = Some((base, mask & mask.wrapping_sub(1)));
            return Some(base.plus(bit + 1));
        }
        let (&[p0, p1, b0, b1], rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        let base = Seq(u16::from_be_bytes([p0, p1]));
        self.pair = Some((base, u16::from_be_bytes([b0, b1])));
        Some(base)
    }
}

/// A demand for a key frame with its own number: the same number again is the same demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirEntry {
    pub ssrc: Ssrc,
    pub sequence: u8,
}

#[derive(Debug, Clone)]
pub struct FirEntries<'a> {
    rest: &'a [u8],
}

impl<'a> FirEntries<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl Iterator for FirEntries<'_> {
    type Item = FirEntry;

    fn next(&mut self) -> Option<Self::Item> {
        let (ssrc, rest) = take_ssrc(self.rest)?;
        let (&[sequence, _, _, _], rest) = rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(FirEntry { ssrc, sequence })
    }
}

/// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb).
#[derive(Debug, Clone)]
pub struct Remb<'a> {
    pub sender: Ssrc,
    /// Bits per second.
    pub bitrate: u64,
    ssrcs: &'a [u8],
}

impl<'a> Remb<'a> {
    pub(super) fn read(sender: Ssrc, bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"REMB")?;
        let (word, rest) = take_u32(rest)?;
        let [count, ..] = word.to_be_bytes();
        let mantissa = u64::from(word & 0x3_FFFF);
        let exponent = (word >> 18) & 0x3F;
        let bitrate = mantissa.checked_shl(exponent).filter(|rate| rate >> exponent == mantissa)?;
        Some(Self { sender, bitrate, ssrcs: rest.get(..usize::from(count) * 4)? })
    }

    /// The streams that the estimate is about.
    pub fn ssrcs(&self) -> impl Iterator<Item = Ssrc> + 'a {
        self.ssrcs.as_chunks::<4>().0.iter().map(|bytes| Ssrc(u32::from_be_bytes(*bytes)))
    }
}
