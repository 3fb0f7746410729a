//! The dependency descriptor header extension (AV1 RTP payload format, appendix A): what says where frames and key frames start.

use super::Step;
use super::bits::Bits;

/// Frame templates that a structure can have.
const MAX_TEMPLATES: u8 = 64;
/// Frames that are remembered: a template refers back 16 at most.
const RECENT: usize = 32;
/// The frame does not depend on what its template says.
const CUSTOM_REFERENCES: u8 = 0x10;

/// The part of a dependency descriptor that can be read without the structure of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DependencyDescriptor {
    pub start_of_frame: bool,
    pub end_of_frame: bool,
    /// 6 bits.
    pub template_id: u8,
    pub frame_number: u16,
    /// The head of the template structure that this packet brings, which key frames do.
    pub structure: Option<Structure>,
    /// The frame spells out its own references; whether there are none. Known only together with a structure.
    custom_independent: Option<bool>,
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
    /// Bit n: frames of template n depend on nothing.
    independent: u64,
    /// Of each template: its temporal layer, and the frames that it depends on (bit n: the one n + 1 numbers before).
    shapes: [(u8, u16); MAX_TEMPLATES as usize],
}

/// The frame number alone, which stands in the same place in every descriptor.
pub fn frame_number(element: &[u8]) -> Option<u16> {
    let [_, high, low] = element.first_chunk::<3>()?;
    Some(u16::from_be_bytes([*high, *low]))
}

/// The frames of one encoding, as far as thinning them has to know: which temporal layer each is of.
#[derive(Debug, Clone)]
pub struct Frames {
    structure: Structure,
    /// Number and temporal layer of the latest, by number.
    recent: [Option<(u16, u8)>; RECENT],
}

impl Frames {
    pub fn new(structure: Structure) -> Self {
        Self { structure, recent: [None; RECENT] }
    }

    /// A key frame brought another structure.
    pub fn restructure(&mut self, structure: Structure) {
        self.structure = structure;
    }

    /// The temporal layer of a frame, and whether a receiver can take this layer from here.
    pub fn place(&mut self, element: &[u8]) -> Option<(u8, Step)> {
        let &[first, high, low] = element.first_chunk::<3>()?;
        let number = u16::from_be_bytes([high, low]);
        let template = (first & 0x3f).wrapping_sub(self.structure.template_offset) % MAX_TEMPLATES;
        let (temporal, references) = *self.structure.shapes.get(usize::from(template))?;
        *self.recent.get_mut(usize::from(number) % RECENT)? = Some((number, temporal));
        let spells_out = element.get(3).is_some_and(|flags| flags & CUSTOM_REFERENCES != 0);
        let below = |back: u16| {
            let number = number.wrapping_sub(back + 1);
            let referred = self.recent.get(usize::from(number) % RECENT).copied().flatten();
            referred.is_some_and(|(known, layer)| known == number && layer < temporal)
        };
        let mut all = (0..16).filter(|bit| references & (1 << bit) != 0);
        let steps = !spells_out && references != 0 && all.all(below);
        Some((temporal, if steps { Step::Here } else { Step::No }))
    }
}

impl DependencyDescriptor {
    /// `None` if the element is shorter than what it announces, or says what cannot be.
    pub fn parse(element: &[u8]) -> Option<Self> {
        let (&[first, n0, n1], extended) = element.split_first_chunk::<3>()?;
        let mut descriptor = Self {
            start_of_frame: first & 0x80 != 0,
            end_of_frame: first & 0x40 != 0,
            template_id: first & 0x3f,
            frame_number: u16::from_be_bytes([n0, n1]),
            structure: None,
            custom_independent: None,
        };
        if !extended.is_empty() {
            descriptor.read_extended(&mut Bits::new(extended))?;
        }
        Some(descriptor)
    }

    fn read_extended(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let has_structure = bits.bit()?;
        let has_active_targets = bits.bit()?;
        let custom_dtis = bits.bit()?;
        let custom_fdiffs = bits.bit()?;
        let _custom_chains = bits.bit()?;
        if !has_structure {
            // Without the structure of an earlier packet the rest has no known length.
            return Some(());
        }
        let structure = Structure::read(bits)?;
        self.structure = Some(structure);
        if has_active_targets {
            bits.take(u32::from(structure.decode_targets))?;
        }
        if custom_dtis {
            for _ in 0..structure.decode_targets {
                bits.take(2)?;
            }
        }
        if custom_fdiffs {
            self.custom_independent = Some(bits.take(2)? == 0);
        }
        Some(())
    }

    /// The first packet of a key frame: it brings a structure, and its frame depends on nothing.
    pub fn starts_keyframe(&self) -> bool {
        let Some(structure) = self.structure.filter(|_| self.start_of_frame) else { return false };
        let template = self.template_id.wrapping_sub(structure.template_offset) % 64;
        let of_template = template < structure.templates && structure.independent & (1 << template) != 0;
        self.custom_independent.unwrap_or(of_template)
    }
}

impl Structure {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let template_offset = u8::try_from(bits.take(6)?).ok()?;
        let decode_targets = u8::try_from(bits.take(5)? + 1).ok()?;
        let mut shapes = [(0, 0); MAX_TEMPLATES as usize];
        let (templates, spatial_layers, temporal_layers) = read_layers(bits, &mut shapes)?;
        for _ in 0..u32::from(templates) * u32::from(decode_targets) {
            bits.take(2)?;
        }
        let mut independent = 0;
        for (template, (_, references)) in (0..templates).zip(&mut shapes) {
            while bits.bit()? {
                *references |= 1 << bits.take(4)?;
            }
            independent |= u64::from(*references == 0) << template;
        }
        skip_chains(bits, templates, decode_targets)?;
        let mut largest = None;
        if bits.bit()? {
            for _ in 0..spatial_layers {
                let (width, height) = (bits.take(16)? + 1, bits.take(16)? + 1);
                largest = u16::try_from(width).ok().zip(u16::try_from(height).ok());
            }
        }
        Some(Self {
            template_offset,
            decode_targets,
            templates,
            spatial_layers,
            temporal_layers,
            largest,
            independent,
            shapes,
        })
    }
}

/// Counts (templates, spatial layers, temporal layers).
fn read_layers(bits: &mut Bits<'_>, shapes: &mut [(u8, u16)]) -> Option<(u8, u8, u8)> {
    let (mut spatial, mut temporal, mut highest_temporal, mut templates) = (0u8, 0u8, 0u8, 0u8);
    loop {
        shapes.get_mut(usize::from(templates))?.0 = temporal;
        templates += 1;
        highest_temporal = highest_temporal.max(temporal);
        match bits.take(2)? {
            0 => {}
            1 => temporal += 1,
            2 => {
                temporal = 0;
                spatial += 1;
            }
            _ => return Some((templates, spatial + 1, highest_temporal + 1)),
        }
        if spatial > 3 || temporal > 7 {
            return None;
        }
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
