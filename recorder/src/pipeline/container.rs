//! Which container a codec goes into.

use media_tap::Codec;

/// Kinds of files. Both can be cut off anywhere and still be played up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Fragmented MP4 (ISO 14496-12).
    Mp4,
    /// WebM, clusters of which may be of unknown size. GStreamer's MP4 does not know VP8.
    WebM,
}

impl Container {
    pub fn of(codec: Codec) -> Self {
        match codec {
            Codec::Opus | Codec::Vp9 | Codec::H264 | Codec::Av1 => Self::Mp4,
            Codec::Vp8 => Self::WebM,
        }
    }
}

/// How names of files end.
pub fn ending(codec: Codec) -> &'static str {
    match Container::of(codec) {
        Container::Mp4 => "mp4",
        Container::WebM => "webm",
    }
}
