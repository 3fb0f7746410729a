//! Elements of a file's pipeline, and what they are told of a codec.

use std::time::Duration;

use gstreamer as gst;
use gstreamer::glib;
use media_tap::Codec;

use super::container::Container;
use crate::depacketize::{Chroma, Format};

/// More than any batch.
const BATCH_NANOS: u64 = 1_000_000_000;

/// The caps of a format's frames, as they come out of the depacketizer.
pub(super) fn caps(format: &Format) -> gst::Caps {
    match format {
        // What is decoded has two channels, whatever a packet has (RFC 7587 4.1).
        Format::Opus => gst::Caps::builder("audio/x-opus")
            .field("rate", 48_000)
            .field("channels", 2)
            .field("channel-mapping-family", 0)
            .field("stream-count", 1)
            .field("coupled-count", 1)
            .build(),
        Format::Vp8 { width, height } => gst::Caps::builder("video/x-vp8")
            .field("width", i32::from(*width))
            .field("height", i32::from(*height))
            .field("framerate", variable())
            .build(),
        Format::Vp9 { width, height, profile, depth, chroma } => gst::Caps::builder("video/x-vp9")
            .field("width", i32::from(*width))
            .field("height", i32::from(*height))
            .field("profile", profile.to_string())
            .field("bit-depth-luma", u32::from(*depth))
            .field("bit-depth-chroma", u32::from(*depth))
            .field("chroma-format", chroma_format(*chroma))
            .field("alignment", "super-frame")
            .field("framerate", variable())
            .build(),
        Format::H264 { width, height, config } => gst::Caps::builder("video/x-h264")
            .field("stream-format", "avc")
            .field("alignment", "au")
            .field("codec_data", gst::Buffer::from_slice(config.clone()))
            .field("width", i32::from(*width))
            .field("height", i32::from(*height))
            .field("framerate", variable())
            .build(),
        Format::Av1 { width, height, config } => gst::Caps::builder("video/x-av1")
            .field("stream-format", "obu-stream")
            .field("alignment", "tu")
            .field("codec_data", gst::Buffer::from_slice(config.clone()))
            .field("width", i32::from(*width))
            .field("height", i32::from(*height))
            .field("framerate", variable())
            .build(),
    }
}

/// Pictures have the times that they have.
fn variable() -> gst::Fraction {
    gst::Fraction::new(0, 1)
}

fn chroma_format(chroma: Chroma) -> &'static str {
    match chroma {
        Chroma::Yuv420 => "4:2:0",
        Chroma::Yuv422 => "4:2:2",
        Chroma::Yuv440 => "4:4:0",
        Chroma::Yuv444 => "4:4:4",
    }
}

/// A muxer that writes a piece at least every `fragment`, and nothing of it twice but a length in the head.
pub(super) fn muxer(container: Container, fragment: Duration) -> Result<gst::Element, glib::BoolError> {
    match container {
        Container::Mp4 => {
            let millis = u32::try_from(fragment.as_millis()).unwrap_or(u32::MAX).max(1);
            // With a latency, it takes a batch at once. Without one it takes frame by frame, and two threads wait for each other.
            let muxer = gst::ElementFactory::make("mp4mux").property("fragment-duration", millis);
            muxer.property("latency", BATCH_NANOS).build()
        }
        Container::WebM => {
            let nanos = i64::try_from(fragment.as_nanos()).unwrap_or(i64::MAX);
            let muxer = gst::ElementFactory::make("webmmux").property("streamable", false);
            muxer.property("max-cluster-duration", nanos).property("writing-app", "moothall-recorder").build()
        }
    }
}

/// The muxer's pad for a codec.
pub(super) fn pad(codec: Codec) -> &'static str {
    if codec == Codec::Opus { "audio_%u" } else { "video_%u" }
}

/// Writes at once to an open file.
pub(super) fn sink(fd: i32) -> Result<gst::Element, glib::BoolError> {
    gst::ElementFactory::make("fdsink")
        .property("fd", fd)
        .property("sync", false)
        .property("async", false)
        .property("enable-last-sample", false)
        .build()
}
