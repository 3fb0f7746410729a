//! The descriptor as a receiver gets it that is not sent every layer.

use heapless::Vec;

use super::{Frames, MAX_TEMPLATES, Structure};
use crate::core::codec::bits::{Bits, BitsOut};

/// Longest element of a header extension.
pub const MAX_ELEMENT: usize = 255;
const HAS_ACTIVE_TARGETS: u32 = 0b01000;
const HAS_STRUCTURE: u32 = 0b10000;

/// What is written over a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite {
    pub frame_number: u16,
    /// Added to the ids of templates, modulo 64.
    pub template_shift: u8,
    /// The highest spatial and temporal layer that the receiver is sent.
    pub spatial: u8,
    pub temporal: u8,
    /// They are others than before: say so, though the sender says nothing.
    pub retargets: bool,
}

impl Rewrite {
    /// `frames`: those of the encoding. References between frames are relative, they stay.
    pub fn apply(&self, element: &[u8], frames: Option<&Frames>) -> Option<Vec<u8, MAX_ELEMENT>> {
        let (&[first, _, _], extended) = element.split_first_chunk::<3>()?;
        let mut out = BitsOut::<MAX_ELEMENT>::default();
        out.put(u32::from(first >> 6), 2)?;
        out.put(self.shifted(u32::from(first)), 6)?;
        out.put(u32::from(self.frame_number), 16)?;
        let mut bits = Bits::new(extended);
        let flags = if extended.is_empty() { 0 } else { bits.take(5)? };
        let mut body = bits.clone();
        let own = if flags & HAS_STRUCTURE != 0 { Some(Structure::read(&mut bits)?) } else { None };
        let structure_len = bits.position() - body.position();
        let Some(structure) = own.as_ref().or(frames.map(Frames::structure)) else {
            // Of a frame of which nothing is known nothing else changes.
            let left = body.left();
            if !extended.is_empty() {
                out.put(flags, 5)?;
                out.copy(&mut body, left)?;
            }
            return Some(out.bytes);
        };
        let told = if flags & HAS_ACTIVE_TARGETS != 0 {
            Some(bits.take(u32::from(structure.decode_targets))?)
        } else {
            own.map(|structure| structure.all_targets())
        };
        let active = self.active(structure, told, frames, own.is_some());
        let flags = if active.is_some() { flags | HAS_ACTIVE_TARGETS } else { flags & !HAS_ACTIVE_TARGETS };
        if flags != 0 {
            out.put(flags, 5)?;
        }
        if own.is_some() {
            out.put(self.shifted(body.take(6)?), 6)?;
            out.copy(&mut body, structure_len - 6)?;
        }
        if let Some(active) = active {
            out.put(active, u32::from(structure.decode_targets))?;
        }
        let left = bits.left();
        if flags != 0 {
            out.copy(&mut bits, left)?;
        }
        Some(out.bytes)
    }

    fn shifted(&self, id: u32) -> u32 {
        (id + u32::from(self.template_shift)) % u32::from(MAX_TEMPLATES)
    }

    /// The targets that the receiver can decode, if they have to be told: a structure that says nothing says all.
    fn active(&self, structure: &Structure, told: Option<u32>, frames: Option<&Frames>, is_news: bool) -> Option<u32> {
        let all = structure.all_targets();
        let senders = told.or(frames.map(Frames::active)).unwrap_or(all);
        let active = senders & structure.targets_within(self.spatial, self.temporal);
        // A receiver is never told that it can decode nothing.
        let active = if active == 0 { senders } else { active };
        match told {
            Some(_) => Some(active).filter(|active| !is_news || *active != all),
            None => Some(active).filter(|_| self.retargets),
        }
    }
}
