//! A file that is being written.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use media_tap::Codec;

use super::container::Container;
use super::elements;
use crate::depacketize::Format;

/// Frames go on together: each time costs two changes of threads.
const BATCH: Duration = Duration::from_millis(500);
/// So often is it looked whether some wait, before they go on where no more come.
const LOOKS: u8 = 2;
const BATCH_BYTES: usize = 128 << 10;
/// What waits for the disk in each file.
const MAX_WAITING: u64 = 2 << 20;

/// A file that is being written: frames of one codec in, a container out.
#[derive(Debug)]
pub struct Writer {
    pipeline: gst::Pipeline,
    source: AppSrc,
    file: File,
    batch: Vec<gst::Buffer>,
    batch_bytes: usize,
    batch_began: Duration,
    /// How often it was looked since.
    looks: u8,
    /// Frames say how long they last. In WebM they must not: where they do, GStreamer 1.22 does not write which are key frames.
    durations: bool,
}

/// How a file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// All was written.
    Whole,
    /// The disk is full.
    Full,
    /// GStreamer gave up, and says why.
    Failed(String),
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    #[error("GStreamer lacks something: {0}")]
    Element(#[from] glib::BoolError),
    #[error("GStreamer has no decoder of {0:?} (apt install {1})")]
    Decoder(Codec, &'static str),
    #[error("GStreamer does not start: {0}")]
    State(#[from] gst::StateChangeError),
}

impl Writer {
    /// Begins to write. `ended` is called once on a thread of GStreamer, whatever happens.
    pub fn begin(
        file: File,
        codec: Codec,
        format: &Format,
        fragment: Duration,
        ended: impl Fn(Ended) + Send + Sync + 'static,
    ) -> Result<Self, WriterError> {
        let pipeline = gst::Pipeline::new();
        let source = AppSrc::builder().caps(&elements::caps(format)).format(gst::Format::Time).max_bytes(0).build();
        let muxer = elements::muxer(Container::of(codec), fragment)?;
        let sink = elements::sink(file.as_raw_fd())?;
        pipeline.add_many([source.upcast_ref(), &muxer, &sink])?;
        source.link_pads(Some("src"), &muxer, Some(elements::pad(codec)))?;
        muxer.link(&sink)?;
        watch(&pipeline, ended);
        pipeline.set_state(gst::State::Playing)?;
        let durations = Container::of(codec) == Container::Mp4;
        Ok(Self {
            pipeline,
            source,
            file,
            durations,
            batch: Vec::new(),
            batch_bytes: 0,
            batch_began: Duration::ZERO,
            looks: 0,
        })
    }

    /// Takes a frame. Answers how many were thrown away because the disk does not follow: none, or all since the last key frame
    /// that could go on.
    pub fn write(&mut self, time: Duration, duration: Duration, key: bool, data: Vec<u8>) -> u64 {
        if self.batch.is_empty() {
            self.batch_began = time;
        }
        self.batch_bytes += data.len();
        self.batch.push(buffer(time, Some(duration).filter(|_| self.durations), key, data));
        if time.saturating_sub(self.batch_began) >= BATCH || self.batch_bytes >= BATCH_BYTES {
            return self.flush();
        }
        0
    }

    /// Hands on what has waited for long. Answers as [`Self::write`] does.
    pub fn look(&mut self) -> u64 {
        self.looks += 1;
        if self.looks < LOOKS { 0 } else { self.flush() }
    }

    /// Hands on what was taken. Answers as [`Self::write`] does.
    pub fn flush(&mut self) -> u64 {
        let frames = self.batch.len();
        self.looks = 0;
        let bytes = std::mem::take(&mut self.batch_bytes);
        if frames == 0 {
            return 0;
        }
        let waiting = self.source.current_level_bytes();
        let batch = std::mem::take(&mut self.batch);
        if waiting > 0 && waiting + bytes as u64 > MAX_WAITING {
            return frames as u64;
        }
        let list: gst::BufferList = batch.into_iter().collect();
        // It fails only after `ended` was called.
        let _ = self.source.push_buffer_list(list);
        0
    }

    /// Nothing more comes; `ended` is called when all is written. Answers as [`Self::write`] does.
    pub fn finish(&mut self) -> u64 {
        let dropped = self.flush();
        let _ = self.source.end_of_stream();
        dropped
    }

    /// Gives the file back, written or not.
    pub fn close(self) -> File {
        // A pipeline that does not stop holds on to memory, not to the file.
        let _ = self.pipeline.set_state(gst::State::Null);
        self.file
    }
}

fn buffer(time: Duration, duration: Option<Duration>, key: bool, data: Vec<u8>) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(data);
    if let Some(buffer) = buffer.get_mut() {
        let time = gst::ClockTime::try_from(time).ok();
        buffer.set_pts(time);
        buffer.set_dts(time);
        buffer.set_duration(duration.and_then(|duration| gst::ClockTime::try_from(duration).ok()));
        if !key {
            buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
    }
    buffer
}

fn watch(pipeline: &gst::Pipeline, ended: impl Fn(Ended) + Send + Sync + 'static) {
    let Some(bus) = pipeline.bus() else { return };
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            gst::MessageView::Eos(_) => ended(Ended::Whole),
            gst::MessageView::Error(error) if error.error().matches(gst::ResourceError::NoSpaceLeft) => {
                ended(Ended::Full)
            }
            gst::MessageView::Error(error) => ended(Ended::Failed(error.error().to_string())),
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
}
