//! From RTP payloads to what a decoder takes: one module per payload format. Pure, and nothing here panics on any bytes.

mod assembly;
mod av1;
mod av1_sequence;
mod bits;
mod h264;
mod opus;
mod sps;
mod vp8;
mod vp9;

use std::fmt;
use std::time::Duration;

use media_tap::Codec;

pub use av1::Av1;
pub use h264::H264;
pub use opus::Opus;
pub use vp8::Vp8;
pub use vp9::Vp9;

use crate::rtp::Rtp;

/// Longest frame in bytes. The largest key frames of screens are below 2 MB.
const MAX_FRAME: usize = 4 << 20;

/// What a decoder takes at once: an Opus packet, a picture with all its layers, an access unit, a temporal unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// On the stream's clock.
    pub timestamp: u32,
    /// Decoding can begin here. Every frame of Opus.
    pub key: bool,
    pub data: Vec<u8>,
    /// What decoders have to know beforehand; known with a key frame.
    pub format: Option<Format>,
    /// As long as it says itself; pictures do not.
    pub duration: Option<Duration>,
}

/// What decoders have to know beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    Opus,
    Vp8 {
        width: u16,
        height: u16,
    },
    Vp9 {
        width: u16,
        height: u16,
        profile: u8,
        /// Bits of a sample.
        depth: u8,
        chroma: Chroma,
    },
    H264 {
        width: u16,
        height: u16,
        /// The parameter sets, as an `avcC` box has them (ISO 14496-15 5.3.3.1).
        config: Vec<u8>,
    },
    Av1 {
        width: u16,
        height: u16,
        /// The sequence header, as an `av1C` box has it (AV1 codec ISO media file format binding 2.3).
        config: Vec<u8>,
    },
}

/// How many samples of colour there are for those of brightness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chroma {
    Yuv420,
    Yuv422,
    Yuv440,
    Yuv444,
}

impl Format {
    /// Whether a file that began with this can go on with the other. VP8 and VP9 say their size in the stream, and VP9 may
    /// change it without a key frame; the others have it in the head of the file.
    pub fn goes_on_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Vp8 { .. }, Self::Vp8 { .. }) => true,
            (
                Self::Vp9 { profile, depth, chroma, .. },
                Self::Vp9 { profile: profile2, depth: depth2, chroma: chroma2, .. },
            ) => (profile, depth, chroma) == (profile2, depth2, chroma2),
            _ => self == other,
        }
    }

    /// Width and height in pixels, where the first bytes say them.
    pub fn size(&self) -> Option<(u16, u16)> {
        match *self {
            Self::Vp8 { width, height }
            | Self::Vp9 { width, height, .. }
            | Self::H264 { width, height, .. }
            | Self::Av1 { width, height, .. } => Some((width, height)),
            Self::Opus => None,
        }
    }
}

/// Bytes that do not follow their payload format. What was begun is thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a payload does not follow its format")]
pub struct Malformed;

/// Takes the packets of one stream in order.
pub trait Depacketize: fmt::Debug + Send {
    /// Appends the frames that are whole now: none, one, or two if the end of one was not marked.
    fn push(&mut self, packet: &Rtp<'_>, frames: &mut Vec<Frame>) -> Result<(), Malformed>;
    /// Packets are missing before the next one.
    fn lost(&mut self);
}

/// The depacketizer of a codec.
pub fn depacketizer(codec: Codec) -> Box<dyn Depacketize> {
    match codec {
        Codec::Opus => Box::new(Opus),
        Codec::Vp8 => Box::<Vp8>::default(),
        Codec::Vp9 => Box::<Vp9>::default(),
        Codec::H264 => Box::<H264>::default(),
        Codec::Av1 => Box::<Av1>::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed row of bytes that looks random (xorshift).
    fn noise(seed: u64) -> impl Iterator<Item = u8> {
        let mut state = seed | 1;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
    }

    #[test]
    fn no_bytes_end_the_process() {
        for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
            let mut depacketizer = depacketizer(codec);
            let mut frames = Vec::new();
            for seed in 1..20_000 {
                let mut bytes = noise(seed * 7919);
                let length = usize::from(bytes.next().unwrap() % 40);
                let mut payload: Vec<u8> = bytes.by_ref().take(length).collect();
                // Half of them begin like something real.
                let starts: [&[u8]; 6] = [
                    &[0x10, 0],
                    &[0x90, 0x80, 0x12, 0x9d, 1, 0x2a],
                    &[0x8a, 1],
                    &[0x7c, 0x85],
                    &[0x78, 0, 3],
                    &[0x18, 0x0a],
                ];
                if let Some(start) = starts.get(usize::from(bytes.next().unwrap() % 12)) {
                    payload.splice(..0, start.iter().copied());
                }
                let flags = bytes.next().unwrap();
                let packet = Rtp {
                    marker: flags & 1 == 0,
                    payload_type: 100,
                    sequence: 0,
                    timestamp: u32::from(flags >> 6),
                    ssrc: 7,
                    payload: &payload,
                };
                let _ = depacketizer.push(&packet, &mut frames);
                if flags & 0x30 == 0 {
                    depacketizer.lost();
                }
                assert!(frames.len() <= 2);
                frames.clear();
            }
        }
    }
}
