//! GStreamer: what is done with files that were recorded.

pub mod container;
pub mod decode;
#[expect(clippy::disallowed_methods, reason = "a file that is not whole goes")]
mod export;
#[expect(clippy::disallowed_methods, reason = "drivers hang, on threads of their own")]
pub mod film;
mod scan;
mod steady;
pub mod svg;
pub mod whole;

use media_tap::Codec;

pub use container::Container;
pub use export::{ExportError, Track, export};
pub use scan::{Depth, Scan, scan};

/// Why a pipeline does not run.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("GStreamer lacks something: {0}")]
    Element(#[from] gstreamer::glib::BoolError),
    #[error("GStreamer has no decoder of {0:?} (apt install {1})")]
    Decoder(Codec, &'static str),
    #[error("GStreamer does not start: {0}")]
    State(#[from] gstreamer::StateChangeError),
}

/// Loads GStreamer. Call it once, before anything else of this module.
pub fn load() -> Result<(), gstreamer::glib::Error> {
    gstreamer::init()
}
