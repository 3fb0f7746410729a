//! Files of a recording into one, without transcoding.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::scan::play;
use super::steady::keep_caps;
use super::{Container, PipelineError};

/// A track of the new file.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    pub path: PathBuf,
    pub container: Container,
    /// When it begins.
    pub offset: Duration,
    /// As players show it.
    pub title: String,
    pub audio: bool,
}

/// Why there is no new file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Elements(#[from] PipelineError),
    #[error("{0}")]
    Failed(String),
}

impl From<gst::glib::BoolError> for ExportError {
    fn from(error: gst::glib::BoolError) -> Self {
        Self::Elements(error.into())
    }
}

/// Writes a Matroska file with all tracks, for so long at most.
pub fn export(tracks: &[Track], target: &Path, within: Duration) -> Result<(), ExportError> {
    let pipeline = gst::Pipeline::new();
    let muxer = gst::ElementFactory::make("matroskamux").property("writing-app", "moothall-recorder").build()?;
    let sink = gst::ElementFactory::make("filesink").property("location", target).build()?;
    pipeline.add_many([&muxer, &sink])?;
    muxer.link(&sink)?;
    for track in tracks {
        add(&pipeline, &muxer, track)?;
    }
    let made = play(&pipeline, within).map_err(ExportError::Failed);
    if made.is_err() {
        // A part of it would look like all of it.
        let _ = std::fs::remove_file(target);
    }
    made
}

/// Source and demuxer of a track. The muxer's pad is asked for at once, so that it waits for it.
fn add(pipeline: &gst::Pipeline, muxer: &gst::Element, track: &Track) -> Result<(), ExportError> {
    let source = gst::ElementFactory::make("filesrc").property("location", &track.path).build()?;
    let demuxer = gst::ElementFactory::make(track.container.demuxer()).build()?;
    let queue = gst::ElementFactory::make("queue").build()?;
    pipeline.add_many([&source, &demuxer, &queue])?;
    source.link(&demuxer)?;
    queue.link_pads(Some("src"), muxer, Some(if track.audio { "audio_%u" } else { "video_%u" }))?;
    let offset = i64::try_from(track.offset.as_nanos()).unwrap_or(i64::MAX);
    let title = track.title.clone();
    demuxer.connect_pad_added(move |_, pad| {
        pad.set_offset(offset);
        keep_caps(pad);
        say_title(pad, &title);
        if let Some(entry) = queue.static_pad("sink") {
            // One that does not fit ends in an error of the pipeline.
            let _ = pad.link(&entry);
        }
    });
    Ok(())
}

/// Tells the title before the first frame.
fn say_title(pad: &gst::Pad, title: &str) {
    let mut tags = gst::TagList::new();
    if let Some(tags) = tags.get_mut() {
        tags.set_scope(gst::TagScope::Stream);
        tags.add::<gst::tags::Title>(&title, gst::TagMergeMode::Replace);
    }
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        pad.push_event(gst::event::Tag::new(tags.clone()));
        gst::PadProbeReturn::Remove
    });
}
