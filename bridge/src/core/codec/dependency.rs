//! The dependency descriptor header extension (AV1 RTP payload format, appendix A): where frames and key frames start, and which
//! frame is of which layer and depends on what.

mod frames;
mod rewrite;

pub use frames::{Frames, Place};
pub use rewrite::{MAX_ELEMENT, Rewrite};

use super::Heights;
use super::bits::Bits;

/// Frame templates that a structure can have.
pub const MAX_TEMPLATES: u8 = 64;
const MAX_TARGETS: usize = 32;
const MAX_SPATIAL: usize = 4;
/// References of one frame that are looked at: a decoder keeps eight frames.
const MAX_REFERENCES: usize = 8;

/// A dependency descriptor. What it says beyond the first bytes can be read only with the structure that it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DependencyDescriptor {
    pub start_of_frame: bool,
    pub end_of_frame: bool,
    /// 6 bits.
    pub template_id: u8,
    pub frame_number: u16,
    /// The template structure that this packet brings, which key frames do.
    pub structure: Option<Structure>,
    /// Bit n: somebody may decode target n from here on.
    pub active: Option<u32>,
    /// The frame spells out which targets it is part of: what [`Template::reach`] would be.
    reach: Option<u8>,
    /// The frame spells out its own references.
    references: Option<References>,
}

/// How many frames before its own each frame is that one depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct References {
    count: u8,
    back: [u16; MAX_REFERENCES],
}

/// What frames of one kind have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Template {
    spatial: u8,
    temporal: u8,
    /// Bit n: it depends on the frame n + 1 numbers before.
    references: u16,
    /// Bit n: it is part of a target whose highest spatial layer is n.
    reach: u8,
}

/// How the frames of a coded video sequence hang together; the parts that forwarding asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure {
    /// The id of its first template.
    pub template_offset: u8,
    pub decode_targets: u8,
    pub templates: u8,
    pub spatial_layers: u8,
    pub temporal_layers: u8,
    /// Width and height of the highest spatial layer, if it says.
    pub largest: Option<(u16, u16)>,
    smaller_sides: [u16; MAX_SPATIAL],
    shapes: [Template; MAX_TEMPLATES as usize],
    /// The highest spatial and temporal layer of each decode target.
    targets: [(u8, u8); MAX_TARGETS],
}

/// The frame number alone, which stands in the same place in every descriptor.
pub fn frame_number(element: &[u8]) -> Option<u16> {
    let [_, high, low] = element.first_chunk::<3>()?;
    Some(u16::from_be_bytes([*high, *low]))
}

/// Does this packet bring a structure?
fn has_structure(element: &[u8]) -> bool {
    element.get(3).is_some_and(|flags| flags & 0x80 != 0)
}

/// The structure that a packet brings.
pub fn structure(element: &[u8]) -> Option<Structure> {
    if has_structure(element) { DependencyDescriptor::parse(element)?.structure } else { None }
}

impl DependencyDescriptor {
    /// `None` if the element is shorter than what it announces, or says what cannot be.
    pub fn parse(element: &[u8]) -> Option<Self> {
        Self::parse_within(element, None)
    }

    /// With the structure of an earlier packet, which the frame belongs to unless it brings its own.
    pub fn parse_within(element: &[u8], known: Option<&Structure>) -> Option<Self> {
        let (&[first, n0, n1], extended) = element.split_first_chunk::<3>()?;
        let mut descriptor = Self {
            start_of_frame: first & 0x80 != 0,
            end_of_frame: first & 0x40 != 0,
            template_id: first & 0x3f,
            frame_number: u16::from_be_bytes([n0, n1]),
            structure: None,
            active: None,
            reach: None,
            references: None,
        };
        if !extended.is_empty() {
            descriptor.read_extended(&mut Bits::new(extended), known)?;
        }
        Some(descriptor)
    }

    fn read_extended(&mut self, bits: &mut Bits<'_>, known: Option<&Structure>) -> Option<()> {
        let has_structure = bits.bit()?;
        let has_active_targets = bits.bit()?;
        let custom_targets = bits.bit()?;
        let custom_references = bits.bit()?;
        let _custom_chains = bits.bit()?;
        if has_structure {
            self.structure = Some(Structure::read(bits)?);
        }
        // Without any structure the rest has no known length.
        let Some(structure) = self.structure.as_ref().or(known) else {
            return Some(());
        };
        if has_active_targets {
            self.active = Some(bits.take(u32::from(structure.decode_targets))?);
        } else if has_structure {
            self.active = Some(structure.all_targets());
        }
        if custom_targets {
            self.reach = Some(structure.read_reach(bits)?);
        }
        if custom_references {
            self.references = Some(References::read(bits)?);
        }
        Some(())
    }

    /// The first packet of a key frame: it brings a structure, and its frame depends on nothing.
    pub fn starts_keyframe(&self) -> bool {
        let Some(structure) = self.structure.filter(|_| self.start_of_frame) else { return false };
        let of_template = structure.template(self.template_id).is_some_and(|template| template.references == 0);
        self.references.map_or(of_template, |references| references.count == 0)
    }
}

impl References {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut references = Self::default();
        loop {
            let size = bits.take(2)?;
            if size == 0 {
                return Some(references);
            }
            let back = u16::try_from(bits.take(4 * size)? + 1).ok()?;
            if let Some(place) = references.back.get_mut(usize::from(references.count)) {
                *place = back;
                references.count += 1;
            }
        }
    }

    fn of(template: &Template) -> Self {
        let mut references = Self::default();
        for (_, back) in (0_u32..16).zip(1..).filter(|(bit, _)| template.references >> bit & 1 != 0) {
            if let Some(place) = references.back.get_mut(usize::from(references.count)) {
                *place = back;
                references.count += 1;
            }
        }
        references
    }

    fn iter(&self) -> impl Iterator<Item = u16> {
        self.back.iter().copied().take(usize::from(self.count))
    }
}

impl Structure {
    /// Of each spatial layer, if it says.
    pub fn heights(&self) -> Option<Heights> {
        self.largest?;
        Heights::from_slice(self.smaller_sides.get(..usize::from(self.spatial_layers))?).ok()
    }

    fn template(&self, id: u8) -> Option<&Template> {
        let index = id.wrapping_sub(self.template_offset) % MAX_TEMPLATES;
        self.shapes.get(..usize::from(self.templates))?.get(usize::from(index))
    }

    fn all_targets(&self) -> u32 {
        u32::MAX >> (32 - u32::from(self.decode_targets.clamp(1, 32)))
    }

    /// The targets that the layers up to these are enough for.
    fn targets_within(&self, spatial: u8, temporal: u8) -> u32 {
        let within = |target: &(u8, u8)| target.0 <= spatial && target.1 <= temporal;
        let all = (0_u32..).zip(&self.targets).take(usize::from(self.decode_targets));
        all.filter(|(_, target)| within(target)).fold(0, |mask, (bit, _)| mask | 1 << bit)
    }

    /// The spatial layers for whose receivers a frame is, from what it is to each target.
    fn read_reach(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let mut reach = 0;
        for (spatial, _) in self.targets.iter().take(usize::from(self.decode_targets)) {
            reach |= u8::from(bits.take(2)? != 0) << spatial;
        }
        Some(reach)
    }

    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let template_offset = u8::try_from(bits.take(6)?).ok()?;
        let decode_targets = u8::try_from(bits.take(5)? + 1).ok()?;
        let mut structure = Self {
            template_offset,
            decode_targets,
            templates: 0,
            spatial_layers: 0,
            temporal_layers: 0,
            largest: None,
            smaller_sides: [0; MAX_SPATIAL],
            shapes: [Template::default(); MAX_TEMPLATES as usize],
            targets: [(0, 0); MAX_TARGETS],
        };
        structure.read_layers(bits)?;
        structure.read_indications(bits)?;
        for template in structure.shapes.iter_mut().take(usize::from(structure.templates)) {
            while bits.bit()? {
                template.references |= 1 << bits.take(4)?;
            }
        }
        skip_chains(bits, structure.templates, decode_targets)?;
        if bits.bit()? {
            for side in structure.smaller_sides.iter_mut().take(usize::from(structure.spatial_layers)) {
                let width = u16::try_from(bits.take(16)? + 1).ok();
                let height = u16::try_from(bits.take(16)? + 1).ok();
                structure.largest = width.zip(height);
                *side = structure.largest.map_or(u16::MAX, |(width, height)| width.min(height));
            }
        }
        Some(structure)
    }

    fn read_layers(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let (mut spatial, mut temporal, mut highest_temporal) = (0u8, 0u8, 0u8);
        loop {
            *self.shapes.get_mut(usize::from(self.templates))? = Template { spatial, temporal, ..Template::default() };
            self.templates += 1;
            highest_temporal = highest_temporal.max(temporal);
            match bits.take(2)? {
                0 => {}
                1 => temporal += 1,
                2 => {
                    temporal = 0;
                    spatial += 1;
                }
                _ => break,
            }
            if usize::from(spatial) >= MAX_SPATIAL || temporal > 7 {
                return None;
            }
        }
        (self.spatial_layers, self.temporal_layers) = (spatial + 1, highest_temporal + 1);
        Some(())
    }

    /// What each template is to each target; and with that, which layers the targets are of.
    fn read_indications(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let mut present = [0_u32; MAX_TEMPLATES as usize];
        let targets = usize::from(self.decode_targets);
        for (template, present) in self.shapes.iter().zip(&mut present).take(usize::from(self.templates)) {
            for (bit, target) in self.targets.iter_mut().enumerate().take(targets) {
                if bits.take(2)? != 0 {
                    *present |= 1 << bit;
                    *target = (target.0.max(template.spatial), target.1.max(template.temporal));
                }
            }
        }
        for (template, present) in self.shapes.iter_mut().zip(present) {
            let within = self.targets.iter().enumerate().take(targets).filter(|(bit, _)| present >> bit & 1 != 0);
            template.reach = within.fold(0, |reach, (_, (spatial, _))| reach | 1 << spatial);
        }
        Some(())
    }
}

fn skip_chains(bits: &mut Bits<'_>, templates: u8, decode_targets: u8) -> Option<()> {
    let chains = non_symmetric(bits, u32::from(decode_targets) + 1)?;
    if chains > 0 {
        for _ in 0..decode_targets {
            non_symmetric(bits, chains)?;
        }
        for _ in 0..u32::from(templates) * chains {
            bits.take(4)?;
        }
    }
    Some(())
}

/// A value below `n` in the code of the same name (AV1 4.10.10).
fn non_symmetric(bits: &mut Bits<'_>, n: u32) -> Option<u32> {
    let width = n.checked_ilog2()? + 1;
    let short = (1 << width) - n;
    let value = bits.take(width - 1)?;
    if value < short { Some(value) } else { Some((value << 1) - short + bits.take(1)?) }
}
