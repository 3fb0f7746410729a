//! A frame that is being put together out of packets with one timestamp.

use super::{MAX_FRAME, Malformed};

/// Room for most frames, so that their memory is not moved about while they grow.
const USUAL: usize = 16 << 10;

/// What there is of a frame.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    begun: Option<Begun>,
}

/// A frame that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) timestamp: u32,
    pub(super) data: Vec<u8>,
}

impl Assembly {
    /// The frame that ended because the next packet is of another one.
    pub(super) fn end_before(&mut self, timestamp: u32) -> Option<Begun> {
        self.begun.take_if(|begun| begun.timestamp != timestamp)
    }

    /// Begins a frame, if it has not begun yet.
    pub(super) fn begin(&mut self, timestamp: u32) {
        self.begun.get_or_insert(Begun { timestamp, data: Vec::with_capacity(USUAL) });
    }

    /// Bytes so far, if a frame has begun.
    pub(super) fn len(&self) -> Option<usize> {
        self.begun.as_ref().map(|begun| begun.data.len())
    }

    /// Appends to the frame. Nothing happens where none has begun: its first packets are missing.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let Some(begun) = &mut self.begun else { return Ok(()) };
        if begun.data.len() + bytes.len() > MAX_FRAME {
            self.begun = None;
            return Err(Malformed);
        }
        begun.data.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes over four bytes that were appended before.
    pub(super) fn put(&mut self, at: usize, bytes: [u8; 4]) {
        let place = self.begun.as_mut().and_then(|begun| begun.data.get_mut(at..at + 4));
        if let Some(place) = place {
            place.copy_from_slice(&bytes);
        }
    }

    pub(super) fn end(&mut self) -> Option<Begun> {
        self.begun.take()
    }

    pub(super) fn forget(&mut self) {
        self.begun = None;
    }
}
