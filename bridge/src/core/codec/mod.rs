//! What forwarding needs to know of each codec: where key frames start, which layer a packet belongs to, which ids to rewrite.

pub mod av1;
pub mod dependency;
pub mod h264;
pub mod red;
pub mod vp8;
pub mod vp9;

mod bits;

use dependency::DependencyDescriptor;

/// A payload format by the name in its payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    Opus,
    /// RFC 2198 redundancy around Opus.
    Red,
    TelephoneEvent,
    Vp8,
    Vp9,
    H264,
    Av1,
    /// RFC 4588 retransmissions of another payload type.
    Rtx,
    /// Forwarded as it is.
    Unknown,
}

impl Codec {
    /// From the name of a payload type in any case, such as `VP8` or `opus`.
    pub fn from_name(name: &str) -> Self {
        const NAMES: [(&str, Codec); 8] = [
            ("opus", Codec::Opus),
            ("red", Codec::Red),
            ("telephone-event", Codec::TelephoneEvent),
            ("VP8", Codec::Vp8),
            ("VP9", Codec::Vp9),
            ("H264", Codec::H264),
            ("AV1", Codec::Av1),
            ("rtx", Codec::Rtx),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(Self::Unknown, |(_, codec)| *codec)
    }

    pub fn is_video(self) -> bool {
        matches!(self, Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1)
    }

    /// Can [`keyframe_start`] tell? If not, a stream is forwarded from any packet on.
    pub fn has_keyframes(self) -> bool {
        self.is_video()
    }
}

/// From which frame on a receiver that gets fewer temporal layers can get more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    #[default]
    No,
    /// This frame depends on nothing of its own temporal layer, nor above: one that gets all below can take its layer from here.
    Here,
    /// No later frame depends on anything above this frame's temporal layer that came before: one that gets it can take all.
    After,
}

/// Where a frame stands among the spatial layers of its encoding. Sets of layers are bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spatial {
    /// Its own layer; 0 if nothing tells.
    pub layer: u8,
    /// Bit n: whoever gets the spatial layers up to n needs it.
    pub reach: u8,
    /// The layers of which it needs what earlier pictures brought.
    pub earlier: u8,
    /// The layers of which it needs the frame of its own picture.
    pub beside: u8,
    /// The packet is the last of its frame; told only where a picture may be of several.
    pub ends: bool,
}

impl Spatial {
    pub fn bit(self) -> u8 {
        1 << (self.layer & 7)
    }

    /// Does whoever gets the layers up to `highest` need it?
    pub fn reaches(self, highest: u8) -> bool {
        self.reach >> highest.min(7) & 1 != 0
    }

    /// It depends on nothing but frames of its own picture.
    pub fn is_fresh(self) -> bool {
        self.earlier == 0
    }
}

/// A picture is one frame, which depends on the one before.
impl Default for Spatial {
    fn default() -> Self {
        Self { layer: 0, reach: u8::MAX, earlier: 1, beside: 0, ends: false }
    }
}

/// Height of each spatial layer: pixels of its smaller side.
pub type Heights = heapless::Vec<u16, 8>;

/// Is this the first packet of a frame that a decoder can start with?
///
/// `descriptor` is the packet's dependency descriptor element, if it carries one. It decides for AV1; for the other codecs the
/// payload itself does.
pub fn keyframe_start(codec: Codec, payload: &[u8], descriptor: Option<&[u8]>) -> bool {
    match codec {
        Codec::Vp8 => vp8::Descriptor::parse(payload).is_some_and(|descriptor| descriptor.is_keyframe_start(payload)),
        Codec::Vp9 => vp9::Descriptor::parse(payload).is_some_and(|descriptor| descriptor.is_key_picture_start()),
        Codec::H264 => h264::is_keyframe_start(payload),
        Codec::Av1 => match descriptor.and_then(DependencyDescriptor::parse) {
            Some(descriptor) => descriptor.starts_keyframe(),
            None => av1::is_sequence_start(payload),
        },
        Codec::Opus | Codec::Red | Codec::TelephoneEvent | Codec::Rtx | Codec::Unknown => false,
    }
}

/// The heights that this packet tells, which only key frames do.
pub fn heights(codec: Codec, payload: &[u8], descriptor: Option<&[u8]>) -> Option<Heights> {
    let structure = || descriptor.and_then(DependencyDescriptor::parse)?.structure?.heights();
    match codec {
        Codec::Vp9 => vp9::Descriptor::parse(payload)?.heights(),
        _ => match resolution(codec, payload) {
            Some((width, height)) => Heights::from_slice(&[width.min(height)]).ok(),
            None => structure(),
        },
    }
}

/// Width and height in pixels that this packet tells, which only key frames do.
pub fn resolution(codec: Codec, payload: &[u8]) -> Option<(u16, u16)> {
    match codec {
        Codec::Vp8 => vp8::Descriptor::parse(payload)?.resolution(payload),
        Codec::Vp9 => vp9::Descriptor::parse(payload)?.largest,
        Codec::H264 => h264::resolution(payload),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
