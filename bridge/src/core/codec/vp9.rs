//! VP9 payload descriptor (RFC 9628 4.2).

use super::{Heights, Spatial};

/// Spatial layers that a scalability structure can announce.
const MAX_SPATIAL: usize = 8;

/// The parsed descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// 7 or 15 bits.
    pub picture_id: Option<super::vp8::PictureId>,
    /// P: depends on earlier pictures.
    pub inter_picture: bool,
    /// F: references are spelled out instead of following the structure.
    pub flexible: bool,
    /// B: first packet of a layer frame.
    pub frame_start: bool,
    /// E: last packet of a layer frame.
    pub frame_end: bool,
    /// Z: no higher spatial layer refers to this frame.
    pub not_a_reference_up: bool,
    pub layer: Option<Layer>,
    pub tl0_picture_index: Option<u8>,
    /// Spatial layers announced by a scalability structure in this packet.
    pub spatial_layers: Option<u8>,
    /// Width and height of the highest of them, if it says.
    pub largest: Option<(u16, u16)>,
    /// The smaller side of each, if it says.
    smaller_sides: [u16; MAX_SPATIAL],
    /// Bytes before the VP9 data.
    pub len: usize,
    picture_id_at: usize,
    tl0_at: usize,
}

/// Which layer frame of its picture a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    pub temporal: u8,
    pub spatial: u8,
    /// U: a receiver may step up to this temporal layer here.
    pub switching_up: bool,
    /// D: depends on the spatial layer below.
    pub inter_layer: bool,
}

impl Descriptor {
    /// `None` if the payload ends within the descriptor.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let flags = *payload.first()?;
        let mut descriptor = Self {
            picture_id: None,
            inter_picture: flags & 0x40 != 0,
            flexible: flags & 0x10 != 0,
            frame_start: flags & 0x08 != 0,
            frame_end: flags & 0x04 != 0,
            not_a_reference_up: flags & 0x01 != 0,
            layer: None,
            tl0_picture_index: None,
            spatial_layers: None,
            largest: None,
            smaller_sides: [0; MAX_SPATIAL],
            len: 1,
            picture_id_at: 0,
            tl0_at: 0,
        };
        if flags & 0x80 != 0 {
            descriptor.read_picture_id(payload)?;
        }
        if flags & 0x20 != 0 {
            descriptor.read_layer(payload)?;
        }
        if descriptor.flexible && descriptor.inter_picture {
            descriptor.skip_references(payload)?;
        }
        if flags & 0x02 != 0 {
            descriptor.read_structure(payload)?;
        }
        Some(descriptor)
    }

    /// The first packet of a picture that depends on nothing: base spatial layer, not inter-picture predicted.
    pub fn is_key_picture_start(&self) -> bool {
        !self.inter_picture && self.frame_start && self.layer.is_none_or(|layer| layer.spatial == 0)
    }

    /// Where its frame stands among the spatial layers. Without layer indices a picture is one frame.
    pub fn spatial(&self) -> Spatial {
        let Some(layer) = self.layer else {
            return Spatial::default();
        };
        let own = 1 << layer.spatial;
        // What needs the layer below and is not needed above ends its picture: it is the best of it for whoever wants more.
        let is_alone = self.not_a_reference_up && !layer.inter_layer;
        Spatial {
            layer: layer.spatial,
            reach: if is_alone { own } else { u8::MAX << layer.spatial },
            earlier: if self.inter_picture { own } else { 0 },
            beside: if layer.inter_layer { own >> 1 } else { 0 },
            ends: self.frame_end,
        }
    }

    /// Of each spatial layer that a scalability structure in this packet announces with its size.
    pub fn heights(&self) -> Option<Heights> {
        let layers = self.largest.and(self.spatial_layers)?;
        Heights::from_slice(self.smaller_sides.get(..usize::from(layers))?).ok()
    }

    /// Writes other ids over those in `payload`, which starts with this descriptor; widths stay.
    pub fn rewrite(
        &self,
        payload: &mut [u8],
        picture_id: u16,
        tl0_picture_index: u8,
    ) -> Result<(), crate::core::Discard> {
        use crate::core::Discard::Malformed;
        if let Some(id) = self.picture_id {
            let [high, low] = picture_id.to_be_bytes();
            let field = payload.get_mut(self.picture_id_at..).ok_or(Malformed)?;
            if id.long {
                *field.first_chunk_mut::<2>().ok_or(Malformed)? = [0x80 | high, low];
            } else {
                *field.first_mut().ok_or(Malformed)? = low & 0x7f;
            }
        }
        if self.tl0_picture_index.is_some() {
            *payload.get_mut(self.tl0_at).ok_or(Malformed)? = tl0_picture_index;
        }
        Ok(())
    }

    fn byte(&mut self, payload: &[u8]) -> Option<u8> {
        let byte = *payload.get(self.len)?;
        self.len += 1;
        Some(byte)
    }

    fn read_picture_id(&mut self, payload: &[u8]) -> Option<()> {
        self.picture_id_at = self.len;
        let high = self.byte(payload)?;
        let long = high & 0x80 != 0;
        let value = if long { u16::from_be_bytes([high & 0x7f, self.byte(payload)?]) } else { u16::from(high) };
        self.picture_id = Some(super::vp8::PictureId { value, long });
        Some(())
    }

    fn read_layer(&mut self, payload: &[u8]) -> Option<()> {
        let byte = self.byte(payload)?;
        self.layer = Some(Layer {
            temporal: byte >> 5,
            switching_up: byte & 0x10 != 0,
            spatial: (byte >> 1) & 7,
            inter_layer: byte & 1 != 0,
        });
        if !self.flexible {
            self.tl0_at = self.len;
            self.tl0_picture_index = Some(self.byte(payload)?);
        }
        Some(())
    }

    fn skip_references(&mut self, payload: &[u8]) -> Option<()> {
        for _ in 0..3 {
            if self.byte(payload)? & 1 == 0 {
                return Some(());
            }
        }
        // A fourth reference does not exist.
        None
    }

    fn read_structure(&mut self, payload: &[u8]) -> Option<()> {
        let head = self.byte(payload)?;
        let layers = (head >> 5) + 1;
        self.spatial_layers = Some(layers);
        if head & 0x10 != 0 {
            for layer in 0..layers {
                let width = u16::from_be_bytes([self.byte(payload)?, self.byte(payload)?]);
                let height = u16::from_be_bytes([self.byte(payload)?, self.byte(payload)?]);
                self.largest = Some((width, height));
                *self.smaller_sides.get_mut(usize::from(layer))? = width.min(height);
            }
        }
        if head & 0x08 != 0 {
            let pictures = self.byte(payload)?;
            for _ in 0..pictures {
                let references = (self.byte(payload)? >> 2) & 3;
                self.len += usize::from(references);
            }
            payload.get(..self.len)?;
        }
        Some(())
    }
}
