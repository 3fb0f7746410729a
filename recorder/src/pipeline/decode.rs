//! Files of a recording, decoded: pictures and sound when they are asked for.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_video as gst_video;
use gstreamer_video::VideoFrameExt;
use media_tap::Codec;

use super::steady::keep_caps;
use super::{Container, PipelineError};

/// What is decoded ahead: it costs the memory of a picture each.
const PICTURES_AHEAD: u32 = 2;
/// Packets of sound that are decoded ahead.
const SOUND_AHEAD: u32 = 16;
/// A decoder that gives nothing for so long does not go on.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether there is an error.
const LOOK: Duration = Duration::from_millis(250);

/// Decoders by preference. All are software: they decode everything that browsers send, at any size, and side by side.
fn decoders(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::Opus => &["opusdec"],
        Codec::Vp8 => &["vp8dec", "avdec_vp8"],
        Codec::Vp9 => &["vp9dec", "avdec_vp9"],
        Codec::H264 => &["avdec_h264", "openh264dec"],
        Codec::Av1 => &["dav1ddec", "av1dec"],
    }
}

/// What has one of them, in Debian.
fn package(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "gstreamer1.0-plugins-base",
        Codec::Vp8 | Codec::Vp9 => "gstreamer1.0-plugins-good",
        Codec::H264 => "gstreamer1.0-libav",
        Codec::Av1 => "gstreamer1.0-plugins-bad",
    }
}

fn decoder(codec: Codec) -> Result<gst::Element, PipelineError> {
    let there = decoders(codec).iter().find(|name| gst::ElementFactory::find(name).is_some());
    let name = there.ok_or(PipelineError::Decoder(codec, package(codec)))?;
    let decoder = gst::ElementFactory::make(name).build()?;
    // Each more would keep a picture of its own; there are other files to be decoded meanwhile.
    if decoder.has_property("max-threads") {
        decoder.set_property_from_str("max-threads", "1");
    }
    Ok(decoder)
}

/// Which frames need not be decoded, in the file's time: told by when a key frame comes, and when pictures are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// When there are key frames, in milliseconds, in order.
    pub keys: Vec<u64>,
    /// Stretches in milliseconds.
    pub spans: Vec<(u64, u64)>,
}

impl Wanted {
    /// Whether a frame is seen, or needed for one that is.
    fn needs(&self, at: u64) -> bool {
        let next = self.keys.partition_point(|key| *key <= at);
        let next = self.keys.get(next).copied().unwrap_or(u64::MAX);
        self.spans.iter().any(|(begin, end)| *begin < next && at < *end)
    }
}

/// When a file has key frames, in milliseconds; without decoding it.
pub fn keys(path: &Path, container: Container, within: Duration) -> Result<Vec<u64>, PipelineError> {
    let pipeline = gst::Pipeline::new();
    let demuxer = source(&pipeline, path, container)?;
    let sink = gst::ElementFactory::make("fakesink").property("sync", false).property("async", false).build()?;
    pipeline.add(&sink)?;
    let found = Arc::new(std::sync::Mutex::new(Vec::new()));
    let keys = found.clone();
    if let Some(pad) = sink.static_pad("sink") {
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let key = info.buffer().filter(|buffer| !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT));
            if let (Some(at), Ok(mut keys)) = (key.and_then(|key| key.pts()), keys.lock()) {
                keys.push(at.mseconds());
            }
            gst::PadProbeReturn::Ok
        });
    }
    link_when_there(&demuxer, &sink);
    // What cannot be read has no key frames; then nothing is left out.
    let _ = super::scan::play(&pipeline, within);
    Ok(found.lock().map(|mut keys| std::mem::take(&mut *keys)).unwrap_or_default())
}

fn source(pipeline: &gst::Pipeline, path: &Path, container: Container) -> Result<gst::Element, PipelineError> {
    let source = gst::ElementFactory::make("filesrc").property("location", path).build()?;
    let demuxer = gst::ElementFactory::make(container.demuxer()).build()?;
    pipeline.add_many([&source, &demuxer])?;
    source.link(&demuxer)?;
    Ok(demuxer)
}

fn link_when_there(demuxer: &gst::Element, to: &gst::Element) {
    let to = to.downgrade();
    demuxer.connect_pad_added(move |_, pad| {
        keep_caps(pad);
        if let Some(entry) = to.upgrade().and_then(|to| to.static_pad("sink")).filter(|entry| !entry.is_linked()) {
            // One that does not fit ends in an error of the pipeline.
            let _ = pad.link(&entry);
        }
    });
}

/// A file that is being decoded.
#[derive(Debug)]
struct Decoding {
    pipeline: gst::Pipeline,
    sink: AppSink,
}

impl Decoding {
    fn start(
        path: &Path,
        codec: Codec,
        caps: &str,
        after: &[&str],
        ahead: u32,
        wanted: Option<Wanted>,
    ) -> Result<Self, PipelineError> {
        let pipeline = gst::Pipeline::new();
        let demuxer = source(&pipeline, path, Container::of(codec))?;
        let decoder = decoder(codec)?;
        let caps: Option<gst::Caps> = caps.parse().ok();
        let sink = AppSink::builder().sync(false).max_buffers(ahead);
        let sink = match &caps {
            Some(caps) => sink.caps(caps).build(),
            None => sink.build(),
        };
        sink.set_property("enable-last-sample", false);
        let mut row = vec![decoder.clone()];
        for name in after {
            row.push(gst::ElementFactory::make(name).build()?);
        }
        row.push(sink.clone().upcast());
        pipeline.add_many(&row)?;
        gst::Element::link_many(&row)?;
        if let (Some(wanted), Some(pad)) = (wanted, decoder.static_pad("sink")) {
            leave_out(&pad, wanted);
        }
        link_when_there(&demuxer, &decoder);
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self { pipeline, sink })
    }

    /// The next that was decoded; None at the end, which may be an error.
    fn next(&self) -> Option<gst::Sample> {
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::try_from(LOOK).ok()) {
                return Some(sample);
            }
            let error = self.pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
            if self.sink.is_eos() || error.is_some() {
                return None;
            }
            waited += LOOK;
        }
        None
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn leave_out(pad: &gst::Pad, wanted: Wanted) {
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let at = info.buffer().and_then(|buffer| buffer.pts());
        match at {
            Some(at) if !wanted.needs(at.mseconds()) => gst::PadProbeReturn::Drop,
            _ => gst::PadProbeReturn::Ok,
        }
    });
}

/// A picture of a file.
#[derive(Debug)]
pub struct Picture {
    /// In the file's time.
    pub time: Duration,
    frame: gst_video::VideoFrame<gst_video::video_frame::Readable>,
}

impl Picture {
    fn of(sample: &gst::Sample) -> Option<Self> {
        let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
        let buffer = sample.buffer_owned()?;
        let time = buffer.pts().map(Duration::from)?;
        Some(Self { time, frame: gst_video::VideoFrame::from_buffer_readable(buffer, &info).ok()? })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.frame.width(), self.frame.height())
    }

    /// Bytes of brightness and two colours, each with the distance of its rows.
    pub fn planes(&self) -> Option<[(&[u8], usize); 3]> {
        let plane = |index: u32| {
            let stride = self.frame.plane_stride().get(index as usize).copied()?;
            Some((self.frame.plane_data(index).ok()?, usize::try_from(stride).ok()?))
        };
        Some([plane(0)?, plane(1)?, plane(2)?])
    }
}

/// Pictures of a file, one after another.
#[derive(Debug)]
pub struct Pictures(Decoding);

impl Pictures {
    /// Begins to decode. Without `wanted`, all of it.
    pub fn open(path: &Path, codec: Codec, wanted: Option<Wanted>) -> Result<Self, PipelineError> {
        let caps = "video/x-raw,format=I420";
        Decoding::start(path, codec, caps, &["videoconvert"], PICTURES_AHEAD, wanted).map(Self)
    }
}

/// Ends where it cannot go on.
impl Iterator for Pictures {
    type Item = Picture;

    fn next(&mut self) -> Option<Picture> {
        loop {
            let sample = self.0.next()?;
            if let Some(picture) = Picture::of(&sample) {
                return Some(picture);
            }
        }
    }
}

/// A piece of sound: 48 kHz, two channels, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// In the file's time.
    pub time: Duration,
    pub samples: Vec<i16>,
}

/// Sound of a file, one piece after another.
#[derive(Debug)]
pub struct Sound(Decoding);

impl Sound {
    /// Begins to decode.
    pub fn open(path: &Path, codec: Codec) -> Result<Self, PipelineError> {
        let caps = "audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved";
        Decoding::start(path, codec, caps, &["audioconvert", "audioresample"], SOUND_AHEAD, None).map(Self)
    }
}

/// Ends where it cannot go on.
impl Iterator for Sound {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let sample = self.0.next()?;
            let Some(buffer) = sample.buffer() else { continue };
            let (Some(time), Ok(bytes)) = (buffer.pts(), buffer.map_readable()) else { continue };
            let (pairs, _) = bytes.as_chunks::<2>();
            let samples = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
            return Some(Piece { time: time.into(), samples });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_left_out_that_nothing_seen_needs() {
        let wanted = Wanted { keys: vec![0, 1000, 2000, 5000], spans: vec![(1500, 1600), (5200, 5300)] };
        assert!(!wanted.needs(0) && !wanted.needs(990));
        assert!(wanted.needs(1000) && wanted.needs(1590), "from the key frame to the last that is seen");
        assert!(!wanted.needs(1600) && !wanted.needs(2000) && !wanted.needs(4990));
        assert!(wanted.needs(5000) && !wanted.needs(5300));
        let nothing_known = Wanted { keys: Vec::new(), spans: vec![(1500, 1600)] };
        assert!(nothing_known.needs(0));
    }
}
