//! Reads and writes bits, most significant first.

#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte & (0x80 >> (self.at % 8)) != 0;
        self.at += 1;
        Some(bit)
    }

    /// Bits read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// Up to 32 bits.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// Unsigned Exp-Golomb code (H.264 9.1).
    pub(super) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.take(zeros)?)
    }

    /// Signed Exp-Golomb code.
    pub(super) fn signed_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.golomb()?);
        Some(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 })
    }
}

/// Up to `N` bytes, bit by bit; the last is filled up with zeros.
#[derive(Debug, Default)]
pub(super) struct BitsOut<const N: usize> {
    pub(super) bytes: heapless::Vec<u8, N>,
    len: usize,
}

impl<const N: usize> BitsOut<N> {
    pub(super) fn put(&mut self, value: u32, count: u32) -> Option<()> {
        for shift in (0..count).rev() {
            if self.len.is_multiple_of(8) {
                self.bytes.push(0).ok()?;
            }
            let bit = if value >> shift & 1 != 0 { 0x80 >> (self.len % 8) } else { 0 };
            *self.bytes.last_mut()? |= bit;
            self.len += 1;
        }
        Some(())
    }

    /// The next `count` bits of what is being read.
    pub(super) fn copy(&mut self, bits: &mut Bits<'_>, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.put(u32::from(bits.bit()?), 1))
    }
}
