//! The frames of one encoding in flow: which layer each is of, and what it depends on.

use super::{DependencyDescriptor, References, Structure, structure};
use crate::core::codec::{Spatial, Step};

/// Frames that are remembered: two thirds of a second of three spatial layers, four times what templates refer back.
const RECENT: usize = 64;

/// The frames of one encoding, as far as leaving some of them out has to know.
#[derive(Debug, Clone)]
pub struct Frames {
    structure: Structure,
    /// Bit n: somebody may decode target n, says the sender.
    active: u32,
    /// By number.
    recent: [Option<Recent>; RECENT],
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    number: u16,
    timestamp: u32,
    spatial: u8,
    temporal: u8,
}

/// Where a frame belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub temporal: u8,
    /// Whether a receiver can take its temporal layer from here.
    pub step: Step,
    pub spatial: Spatial,
    /// Bit n: target n may be decoded, says the sender.
    pub active: u32,
}

impl Frames {
    pub fn new(structure: Structure) -> Self {
        Self { active: structure.all_targets(), structure, recent: [None; RECENT] }
    }

    /// What the frames follow.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    pub fn active(&self) -> u32 {
        self.active
    }

    /// Books a packet, which may bring another structure, and finds the place of its frame.
    pub fn on_packet(&mut self, element: &[u8], timestamp: u32) -> Option<Place> {
        if let Some(structure) = structure(element) {
            self.structure = structure;
        }
        let descriptor = DependencyDescriptor::parse_within(element, Some(&self.structure))?;
        self.active = descriptor.active.unwrap_or(self.active);
        let place = self.find(&descriptor, timestamp)?;
        let recent = Recent {
            number: descriptor.frame_number,
            timestamp,
            spatial: place.spatial.layer,
            temporal: place.temporal,
        };
        *self.recent.get_mut(usize::from(recent.number) % RECENT)? = Some(recent);
        Some(place)
    }

    /// The place of a frame whose packets came already.
    pub fn place(&self, element: &[u8], timestamp: u32) -> Option<Place> {
        self.find(&DependencyDescriptor::parse_within(element, Some(&self.structure))?, timestamp)
    }

    fn find(&self, descriptor: &DependencyDescriptor, timestamp: u32) -> Option<Place> {
        let template = self.structure.template(descriptor.template_id)?;
        let (own, temporal) = (template.spatial, template.temporal);
        let (mut earlier, mut beside, mut steps) = (0, 0, temporal > 0);
        for back in descriptor.references.unwrap_or_else(|| References::of(template)).iter() {
            match self.recent(descriptor.frame_number.wrapping_sub(back)) {
                Some(frame) if frame.timestamp == timestamp => beside |= 1 << frame.spatial,
                Some(frame) => {
                    earlier |= 1 << frame.spatial;
                    steps &= frame.temporal < temporal;
                }
                None => {
                    earlier |= 1 << own;
                    steps = false;
                }
            }
        }
        let reach = descriptor.reach.unwrap_or(template.reach);
        let spatial = Spatial { layer: own, reach, earlier, beside, ends: descriptor.end_of_frame };
        let step = if steps { Step::Here } else { Step::No };
        Some(Place { temporal, step, spatial, active: self.active })
    }

    fn recent(&self, number: u16) -> Option<Recent> {
        self.recent.get(usize::from(number) % RECENT).copied().flatten().filter(|frame| frame.number == number)
    }
}
