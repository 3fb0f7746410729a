//! Runs through a file that was recorded.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use serde::Serialize;

use super::steady::keep_caps;
use super::{Container, PipelineError};

/// How far to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What the container says.
    Frames,
    /// All is decoded.
    Decoded,
}

/// What there is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scan {
    /// Frames, or what was decoded of them.
    pub frames: u64,
    /// To the end of the last.
    pub duration_ms: u64,
    /// Why it does not play to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Runs through a file, for so long at most.
pub fn scan(path: &Path, container: Container, depth: Depth, within: Duration) -> Result<Scan, PipelineError> {
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("filesrc").property("location", path).build()?;
    let reader = gst::ElementFactory::make(container.demuxer()).build()?;
    pipeline.add_many([&source, &reader])?;
    source.link(&reader)?;
    let counts = Arc::new(Counts::default());
    let (weak, counted) = (pipeline.downgrade(), counts.clone());
    reader.connect_pad_added(move |_, pad| {
        keep_caps(pad);
        if let Some(pipeline) = weak.upgrade() {
            // A pad that leads nowhere ends in an error of the pipeline.
            let _ = match depth {
                Depth::Frames => count(&pipeline, pad, counted.clone()),
                Depth::Decoded => decode(&pipeline, pad, counted.clone()),
            };
        }
    });
    let ended = play(&pipeline, within);
    let error =
        ended.err().or((counts.frames.load(Ordering::Relaxed) == 0).then(|| "there is nothing in it".to_owned()));
    Ok(Scan {
        frames: counts.frames.load(Ordering::Relaxed),
        duration_ms: counts.end.load(Ordering::Relaxed) / 1_000_000,
        error,
    })
}

#[derive(Debug, Default)]
struct Counts {
    frames: AtomicU64,
    /// In nanoseconds.
    end: AtomicU64,
}

fn decode(pipeline: &gst::Pipeline, pad: &gst::Pad, counts: Arc<Counts>) -> Option<()> {
    let decoder = gst::ElementFactory::make("decodebin").build().ok()?;
    pipeline.add(&decoder).ok()?;
    let weak = pipeline.downgrade();
    decoder.connect_pad_added(move |_, pad| {
        if let Some(pipeline) = weak.upgrade() {
            let _ = count(&pipeline, pad, counts.clone());
        }
    });
    decoder.sync_state_with_parent().ok()?;
    pad.link(&decoder.static_pad("sink")?).ok().map(|_| ())
}

fn count(pipeline: &gst::Pipeline, pad: &gst::Pad, counts: Arc<Counts>) -> Option<()> {
    let sink = gst::ElementFactory::make("fakesink").property("sync", false).property("async", false).build().ok()?;
    pipeline.add(&sink).ok()?;
    let entry = sink.static_pad("sink")?;
    entry.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer() {
            counts.frames.fetch_add(1, Ordering::Relaxed);
            let end = buffer.pts().unwrap_or_default() + buffer.duration().unwrap_or_default();
            counts.end.fetch_max(end.nseconds(), Ordering::Relaxed);
        }
        gst::PadProbeReturn::Ok
    })?;
    sink.sync_state_with_parent().ok()?;
    pad.link(&entry).ok().map(|_| ())
}

/// Runs a pipeline to its end; the error is why it did not get there.
pub(super) fn play(pipeline: &gst::Pipeline, within: Duration) -> Result<(), String> {
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let started = pipeline.set_state(gst::State::Playing);
    let within = gst::ClockTime::try_from(within).unwrap_or(gst::ClockTime::MAX);
    let message = pipeline.bus().and_then(|bus| bus.timed_pop_filtered(within, &wanted));
    let _ = pipeline.set_state(gst::State::Null);
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => Err(error.error().to_string()),
        _ if started.is_err() => Err("it cannot be opened".to_owned()),
        _ => Err("it takes too long".to_owned()),
    }
}
