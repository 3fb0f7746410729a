//! Boxes of MP4 files (ISO 14496-12 4.2).

/// Bytes of one box after another.
#[derive(Debug, Default)]
pub(super) struct Boxes {
    bytes: Vec<u8>,
}

impl Boxes {
    /// With room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    /// A box of what `contents` appends.
    pub(super) fn put(&mut self, kind: &[u8; 4], contents: impl FnOnce(&mut Self) -> &mut Self) -> &mut Self {
        let start = self.bytes.len();
        contents(self.u32(0).bytes(kind));
        let size = clamped(self.bytes.len() - start);
        self.set(start, size)
    }

    /// A box with a version and flags.
    pub(super) fn full(
        &mut self,
        kind: &[u8; 4],
        version: u8,
        flags: u32,
        contents: impl FnOnce(&mut Self) -> &mut Self,
    ) -> &mut Self {
        self.put(kind, |it| contents(it.u32(u32::from(version) << 24 | flags)))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn zeros(&mut self, count: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + count, 0);
        self
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Writes over four bytes.
    pub(super) fn set(&mut self, at: usize, value: u32) -> &mut Self {
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Nothing that is written gets near the end of 32 bits.
pub(super) fn clamped<T: TryInto<u32>>(value: T) -> u32 {
    value.try_into().unwrap_or(u32::MAX)
}
