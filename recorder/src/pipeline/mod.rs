//! GStreamer: frames into files.

pub mod container;
pub mod decode;
mod elements;
#[expect(clippy::disallowed_methods, reason = "a file that is not whole goes")]
mod export;
#[expect(clippy::disallowed_methods, reason = "drivers hang, on threads of their own")]
pub mod film;
mod scan;
mod steady;
pub mod svg;
pub mod whole;
mod writer;

pub use container::Container;
pub use export::{ExportError, Track, export};
pub use scan::{Depth, Scan, scan};
pub use writer::{Ended, Writer, WriterError};

/// Loads GStreamer. Call it once, before anything else of this module.
pub fn load() -> Result<(), gstreamer::glib::Error> {
    gstreamer::init()
}
