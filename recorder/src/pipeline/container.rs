//! Which container a codec goes into.

use media_tap::Codec;

/// Kinds of files. Both can be cut off anywhere and still be played up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Fragmented MP4 (ISO 14496-12).
    Mp4,
    /// WebM (RFC 9559). GStreamer 1.22, which reads what was recorded, does not know VP8 in MP4, and loses pictures when it plays VP9
    /// from fragments of different frame rates.
    WebM,
}

impl Container {
    pub fn of(codec: Codec) -> Self {
        match codec {
            Codec::Opus | Codec::H264 => Self::Mp4,
            Codec::Vp8 | Codec::Vp9 | Codec::Av1 => Self::WebM,
        }
    }

    /// GStreamer's element that takes it apart.
    pub fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 => "qtdemux",
            Self::WebM => "matroskademux",
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
