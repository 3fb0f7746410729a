//! GStreamer: frames into files.

pub mod container;
mod elements;
pub mod whole;
mod writer;

pub use writer::{Ended, Writer, WriterError};

/// Loads GStreamer. Call it once, before anything else of this module.
pub fn load() -> Result<(), gstreamer::glib::Error> {
    gstreamer::init()
}
