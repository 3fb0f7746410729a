//! Who gets which layer.
//!
//! [`constraints`] says what each receiver asks for, [`ladder`] which layers of a source serve that, [`mod@share`] how far the
//! receiver's budget reaches, and [`patience`] when more of it is believed in. What stands on stage is fed first.

pub mod budget;
pub mod constraints;
pub mod estimate;
pub mod ladder;
pub mod patience;
pub mod share;
pub mod uplink;

pub use budget::Budget;
pub use constraints::{Candidate, Settings, Wanted, larger};
pub use ladder::{Ladder, Layers, Rung};
pub use patience::Patience;
pub use share::{Ask, Grant, Most, share};
pub use uplink::Uplink;

/// Most encodings that one source can have.
pub const MAX_ENCODINGS: usize = 4;
/// Spatial layers that are told apart in one encoding.
pub const MAX_SPATIAL: usize = 4;
/// Temporal layers that are told apart in one spatial layer.
pub const MAX_TEMPORAL: usize = 4;
/// Layers of one source that are told apart: senders divide a picture into encodings or into spatial layers, not both.
pub const MAX_LAYERS: usize = 24;

/// One layer of a source: this temporal layer of this spatial layer of this encoding, and what it depends on. Ordered by quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Layer {
    pub encoding: u8,
    pub spatial: u8,
    pub temporal: u8,
}

impl Layer {
    /// All of an encoding.
    pub const fn all_of(encoding: u8) -> Self {
        Self { encoding, spatial: u8::MAX, temporal: u8::MAX }
    }
}
