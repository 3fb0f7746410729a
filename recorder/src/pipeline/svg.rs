//! Draws SVG.

use std::time::Duration;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

/// A drawing takes some milliseconds.
const WITHIN: Duration = Duration::from_secs(10);

/// Pixels: blue, green, red, cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    pub width: usize,
    pub bgra: Vec<u8>,
}

/// Why there is no drawing.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    #[error("GStreamer lacks rsvgdec, which draws names (apt install gstreamer1.0-plugins-bad): {0}")]
    Element(#[from] glib::BoolError),
    #[error("a name cannot be drawn: {0}")]
    Failed(String),
}

/// Draws SVG at its own size.
pub fn draw(svg: &str) -> Result<Drawing, DrawError> {
    let caps = gst::Caps::builder("image/svg+xml").build();
    let source = AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
    let decoder = gst::ElementFactory::make("rsvgdec").build()?;
    let sink = AppSink::builder().sync(false).build();
    let pipeline = gst::Pipeline::new();
    let row: [&gst::Element; 3] = [source.upcast_ref(), &decoder, sink.upcast_ref()];
    pipeline.add_many(row)?;
    gst::Element::link_many(row)?;
    let started = pipeline.set_state(gst::State::Playing);
    let mut buffer = gst::Buffer::from_slice(svg.as_bytes().to_vec());
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(gst::ClockTime::ZERO);
    }
    let pushed = source.push_buffer(buffer);
    let _ = source.end_of_stream();
    let sample = sink.try_pull_sample(gst::ClockTime::try_from(WITHIN).ok());
    let drawing = sample.as_ref().and_then(read);
    let _ = pipeline.set_state(gst::State::Null);
    let why = || format!("{started:?}, {pushed:?}");
    drawing.ok_or_else(|| DrawError::Failed(why()))
}

/// Its pixels with their whole colours.
fn read(sample: &gst::Sample) -> Option<Drawing> {
    let caps = sample.caps()?.structure(0)?;
    let width = usize::try_from(caps.get::<i32>("width").ok()?).ok()?;
    let pixels = sample.buffer()?.map_readable().ok()?;
    Some(Drawing { width, bgra: pixels.to_vec() })
}
