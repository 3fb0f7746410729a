//! Reads single bits, the highest of a byte first.

/// Bytes, and how many bits of them are read.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, read: 0 }
    }

    /// Up to 32 bits as a number. None at the end.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.read / 8)?;
            let bit = byte >> (7 - self.read % 8) & 1;
            value = value << 1 | u32::from(bit);
            self.read += 1;
        }
        Some(value)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }
}
