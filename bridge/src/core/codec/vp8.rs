//! VP8 payload descriptor (RFC 7741 4.2) and the head of its key frames (RFC 6386 9.1).

use crate::core::Discard;

/// A picture id as its sender writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    pub value: u16,
    /// 15 bits; else 7.
    pub long: bool,
}

/// The parsed descriptor. Offsets are within the payload that was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// N: no other frame refers to this one.
    pub non_reference: bool,
    /// S: a partition starts here.
    pub partition_start: bool,
    /// PID: which partition.
    pub partition: u8,
    pub picture_id: Option<PictureId>,
    pub tl0_picture_index: Option<u8>,
    pub temporal_layer: Option<u8>,
    /// Y: depends on nothing above temporal layer 0, so a receiver may step up here.
    pub layer_sync: bool,
    pub key_index: Option<u8>,
    /// Bytes before the VP8 data.
    pub len: usize,
    picture_id_at: usize,
    tl0_at: usize,
}

impl Descriptor {
    /// `None` if the payload ends within the descriptor. An empty frame behind a whole descriptor is fine.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut descriptor = Self {
            non_reference: first & 0x20 != 0,
            partition_start: first & 0x10 != 0,
            partition: first & 0x07,
            picture_id: None,
            tl0_picture_index: None,
            temporal_layer: None,
            layer_sync: false,
            key_index: None,
            len: 1,
            picture_id_at: 0,
            tl0_at: 0,
        };
        if first & 0x80 != 0 {
            descriptor.read_extension(payload)?;
        }
        Some(descriptor)
    }

    fn read_extension(&mut self, payload: &[u8]) -> Option<()> {
        let flags = *payload.get(1)?;
        let mut at = 2;
        if flags & 0x80 != 0 {
            self.picture_id_at = at;
            let high = *payload.get(at)?;
            let long = high & 0x80 != 0;
            let value = if long { u16::from_be_bytes([high & 0x7f, *payload.get(at + 1)?]) } else { u16::from(high) };
            self.picture_id = Some(PictureId { value, long });
            at += if long { 2 } else { 1 };
        }
        if flags & 0x40 != 0 {
            self.tl0_at = at;
            self.tl0_picture_index = Some(*payload.get(at)?);
            at += 1;
        }
        if flags & 0x30 != 0 {
            let byte = *payload.get(at)?;
            if flags & 0x20 != 0 {
                self.temporal_layer = Some(byte >> 6);
                self.layer_sync = byte & 0x20 != 0;
            }
            if flags & 0x10 != 0 {
                self.key_index = Some(byte & 0x1f);
            }
            at += 1;
        }
        self.len = at;
        Some(())
    }

    /// First packet of a frame, key or not.
    pub fn is_frame_start(&self) -> bool {
        self.partition_start && self.partition == 0
    }

    pub fn is_keyframe_start(&self, payload: &[u8]) -> bool {
        self.is_frame_start() && payload.get(self.len).is_some_and(|byte| byte & 1 == 0)
    }

    /// Width and height out of a key frame's head, scaling ignored.
    pub fn resolution(&self, payload: &[u8]) -> Option<(u16, u16)> {
        if !self.is_keyframe_start(payload) {
            return None;
        }
        let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = *payload.get(self.len..)?.first_chunk()? else { return None };
        Some((u16::from_le_bytes([w0, w1]) & 0x3fff, u16::from_le_bytes([h0, h1]) & 0x3fff))
    }

    /// Writes other ids over those in `payload`, which starts with this descriptor. What the sender left out stays out, and a
    /// 7-bit picture id stays 7 bits wide.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_picture_index: u8) -> Result<(), Discard> {
        if let Some(PictureId { long, .. }) = self.picture_id {
            let [high, low] = picture_id.to_be_bytes();
            let field = payload.get_mut(self.picture_id_at..).ok_or(Discard::Malformed)?;
            if long {
                *field.first_chunk_mut::<2>().ok_or(Discard::Malformed)? = [0x80 | high, low];
            } else {
                *field.first_mut().ok_or(Discard::Malformed)? = low & 0x7f;
            }
        }
        if self.tl0_picture_index.is_some() {
            *payload.get_mut(self.tl0_at).ok_or(Discard::Malformed)? = tl0_picture_index;
        }
        Ok(())
    }
}
