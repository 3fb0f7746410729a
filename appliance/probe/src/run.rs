//! An encoder at work: pictures in by hand, H.264 out.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::encoder::{Encoder, Settings, Stage};
use crate::failure::Failure;
use crate::h264::AccessUnit;
use crate::pattern::Pattern;

/// Pictures that an encoder has at most at a time: more than the queues of a hardware encoder hold, so that it is never idle.
pub(crate) const IN_FLIGHT: u32 = 16;

/// How long an encoder may take. They are generous: a slow board and a busy one are no broken ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the start to the first picture.
    pub start: Duration,
    /// Without any picture, while it has some to encode: it has stopped.
    pub silence: Duration,
    /// For a whole trial, at 640x360.
    pub whole: Duration,
    /// To let go of its device.
    pub release: Duration,
    /// How long one size is measured: enough for the clock of a processor to rise, short enough for five sizes.
    pub measure: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(4),
            silence: Duration::from_secs(2),
            whole: Duration::from_secs(12),
            release: Duration::from_secs(2),
            measure: Duration::from_millis(1500),
        }
    }
}

impl Limits {
    /// After this the thread that works is not waited for: each of its own waits has ended long before.
    pub(crate) fn answer(&self) -> Duration {
        self.start + self.whole.max(self.measure) + self.silence
    }
}

/// What comes out.
#[derive(Debug)]
pub(crate) enum Event {
    Picture(Picture),
    End,
    Error(String),
}

/// A picture as it comes out, with the parameter sets that came before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture {
    pub(crate) unit: AccessUnit,
    pub(crate) bytes: usize,
    pub(crate) at: Instant,
}

/// A pipeline of test pictures and one encoder. Dropping it stops it, which may hang.
#[derive(Debug)]
pub(crate) struct Run {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    pub(crate) stage: Stage,
    events: Receiver<Event>,
    pattern: Pattern,
    pub(crate) pushed: u32,
}

fn not_built(why: impl ToString) -> Failure {
    Failure::NotBuilt { why: why.to_string() }
}

impl Run {
    pub(crate) fn new(encoder: &Encoder, settings: &Settings) -> Result<Self, Failure> {
        let pattern = Pattern::new(settings.format).ok_or_else(|| not_built("no video is of this size"))?;
        let caps = pattern.caps().ok_or_else(|| not_built("no video is of this size"))?;
        let stage = encoder.build(settings).map_err(not_built)?;
        let (events, received) = mpsc::channel();
        let source = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
        let sink = gst_app::AppSink::builder().sync(false).callbacks(callbacks(events.clone())).build();
        let pipeline = gst::Pipeline::new();
        let row: [&gst::Element; 3] = [source.upcast_ref(), stage.bin().upcast_ref(), sink.upcast_ref()];
        pipeline.add_many(row).map_err(not_built)?;
        gst::Element::link_many(row).map_err(not_built)?;
        report_errors(&pipeline, events);
        Ok(Self { pipeline, source, stage, events: received, pattern, pushed: 0 })
    }

    pub(crate) fn start(&self) -> Result<(), Failure> {
        if self.pipeline.set_state(gst::State::Playing).is_ok() {
            return Ok(());
        }
        let error = self.events.try_iter().find_map(|event| match event {
            Event::Error(why) => Some(why),
            Event::Picture(_) | Event::End => None,
        });
        Err(Failure::Refused { why: error.unwrap_or_else(|| "it does not start".to_owned()) })
    }

    /// Gives it the next picture. An error here is told by [`next`](Self::next).
    pub(crate) fn push(&mut self) {
        if let Some(buffer) = self.pattern.buffer(self.pushed) {
            let _ = self.source.push_buffer(buffer);
        }
        self.pushed += 1;
    }

    pub(crate) fn end(&self) {
        let _ = self.source.end_of_stream();
    }

    /// What comes out until then. `None`: nothing.
    pub(crate) fn next(&self, until: Instant) -> Result<Option<Event>, Failure> {
        match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Event::Error(why)) => Err(Failure::Refused { why }),
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(None),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn callbacks(events: Sender<Event>) -> gst_app::AppSinkCallbacks {
    let ended = events.clone();
    let mut before = AccessUnit::default();
    gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let Some(buffer) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) else {
                return Ok(gst::FlowSuccess::Ok);
            };
            let mut unit = AccessUnit::parse(&buffer);
            unit.sps = unit.sps.or(before.sps);
            if unit.picture {
                let picture = Picture { unit, bytes: buffer.len(), at: Instant::now() };
                let _ = events.send(Event::Picture(picture));
                before = AccessUnit::default();
            } else {
                before = unit;
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .eos(move |_| {
            let _ = ended.send(Event::End);
        })
        .build()
}

/// Errors come by the pipeline's bus. Nobody else reads it, so nothing is kept there.
fn report_errors(pipeline: &gst::Pipeline, events: Sender<Event>) {
    let Some(bus) = pipeline.bus() else { return };
    bus.set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            let _ = events.send(Event::Error(error.error().to_string()));
        }
        gst::BusSyncReply::Drop
    });
}
