//! Raw pictures and sound into one file.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use encoder_probe::{Encoder, Settings};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;

/// Pictures that an encoder has at a time: more than the queues of a chip hold, so that it is never idle.
const IN_FLIGHT: u32 = 8;
/// A chip that has given nothing for so long has stopped.
const CHIP_PATIENCE: Duration = Duration::from_secs(3);
/// The processor may have other things to do.
const SOFTWARE_PATIENCE: Duration = Duration::from_secs(60);
/// From the last picture to the end of the file: the index of hours is written, perhaps to a slow disk.
const END_WITHIN: Duration = Duration::from_secs(120);
/// To start, and to let go of a device.
const CHANGE_WITHIN: Duration = Duration::from_secs(10);
const SOUND_BITRATE: i32 = 128_000;

/// What makes the pictures small.
#[derive(Debug, Clone)]
pub enum PictureEncoder {
    H264(Encoder),
    Vp8,
    Vp9,
}

impl PictureEncoder {
    fn patience(&self) -> Duration {
        match self {
            Self::H264(encoder) if encoder.family.is_hardware() => CHIP_PATIENCE,
            _ => SOFTWARE_PATIENCE,
        }
    }
}

/// Why a film is not written.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    #[error("GStreamer lacks something: {0}")]
    Element(#[from] glib::BoolError),
    /// Takes pictures and gives none.
    #[error("it stopped without an error")]
    Stalled,
    #[error("{0}")]
    Encoder(String),
    #[error("{0}")]
    Failed(String),
    #[error("the disk is full")]
    Full,
}

impl FilmError {
    /// Another encoder may do better.
    pub fn is_encoders(&self) -> bool {
        matches!(self, Self::Stalled | Self::Encoder(_))
    }
}

enum Event {
    Encoded,
    End,
    Error(FilmError),
}

/// A file that is being written. Pictures and sound are given alternately, each from the beginning.
pub struct Film {
    pipeline: gst::Pipeline,
    pictures: AppSrc,
    sound: AppSrc,
    events: Receiver<Event>,
    patience: Duration,
    in_flight: u32,
    fps: u64,
    count: u64,
    samples: u64,
}

impl Film {
    /// Begins a file: WebM if pictures are VP8 or VP9, else MP4.
    pub fn begin(path: &Path, encoder: &PictureEncoder, settings: &Settings) -> Result<Self, FilmError> {
        let pipeline = gst::Pipeline::new();
        let format = settings.format;
        let whole = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "I420")
            .field("width", whole(format.width))
            .field("height", whole(format.height))
            .field("framerate", gst::Fraction::new(whole(format.fps), 1))
            .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
            .field("interlace-mode", "progressive")
            // What browsers send is of this standard; if nothing is said, players guess another one for large pictures.
            .field("colorimetry", "bt601")
            .build();
        let pictures = AppSrc::builder().caps(&caps).format(gst::Format::Time).max_bytes(0).build();
        let sound = AppSrc::builder().caps(&sound_caps()).format(gst::Format::Time).max_bytes(0).build();
        let webm = !matches!(encoder, PictureEncoder::H264(_));
        let stage = picture_stage(encoder, settings)?;
        let voice = sound_stage(webm)?;
        let muxer = gst::ElementFactory::make(if webm { "webmmux" } else { "mp4mux" }).build()?;
        if webm {
            muxer.set_property("writing-app", "moothall-recorder");
        }
        let sink = gst::ElementFactory::make("filesink").property("location", path).build()?;
        pipeline.add_many([pictures.upcast_ref(), &stage, sound.upcast_ref(), voice.upcast_ref(), &muxer, &sink])?;
        pictures.link(&stage)?;
        sound.link(&voice)?;
        stage.link_pads(Some("src"), &muxer, Some("video_%u"))?;
        voice.link_pads(Some("src"), &muxer, Some("audio_%u"))?;
        muxer.link(&sink)?;
        let (sender, events) = channel();
        watch(&pipeline, &stage, sender);
        let film = Self {
            pipeline,
            pictures,
            sound,
            events,
            patience: encoder.patience(),
            in_flight: 0,
            fps: u64::from(format.fps.max(1)),
            count: 0,
            samples: 0,
        };
        film.start()?;
        Ok(film)
    }

    fn start(&self) -> Result<(), FilmError> {
        match bounded(&self.pipeline, gst::State::Playing) {
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) => {
                let error = self.events.try_iter().find_map(|event| match event {
                    Event::Error(error) => Some(error),
                    Event::Encoded | Event::End => None,
                });
                Err(error.unwrap_or_else(|| FilmError::Encoder("it does not start".to_owned())))
            }
            None => Err(FilmError::Stalled),
        }
    }

    /// The next picture, planes one after another. Waits while the encoder has enough to do.
    pub fn picture(&mut self, bytes: &[u8]) -> Result<(), FilmError> {
        while self.in_flight >= IN_FLIGHT {
            self.wait()?;
        }
        while let Ok(event) = self.events.try_recv() {
            self.on_event(event)?;
        }
        let mut buffer = gst::Buffer::from_mut_slice(bytes.to_vec());
        let time = |count: u64| gst::ClockTime::from_nseconds(count.saturating_mul(1_000_000_000) / self.fps);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time(self.count));
            buffer.set_duration(time(self.count + 1) - time(self.count));
        }
        self.count += 1;
        self.in_flight += 1;
        // It fails only after an error was told.
        let _ = self.pictures.push_buffer(buffer);
        Ok(())
    }

    /// The next sound: 48 kHz, two channels.
    pub fn sound(&mut self, samples: &[i16]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        let time = |samples: u64| gst::ClockTime::from_nseconds(samples.saturating_mul(1_000_000_000) / 48_000);
        let begin = self.samples;
        self.samples += samples.len() as u64 / 2;
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time(begin));
            buffer.set_duration(time(self.samples) - time(begin));
        }
        // It fails only after an error was told.
        let _ = self.sound.push_buffer(buffer);
    }

    /// Nothing more comes; returns when all is written.
    pub fn finish(mut self) -> Result<(), FilmError> {
        let _ = self.pictures.end_of_stream();
        let _ = self.sound.end_of_stream();
        loop {
            let within = if self.in_flight > 0 { self.patience } else { END_WITHIN };
            match self.events.recv_timeout(within) {
                Ok(Event::End) => return Ok(()),
                Ok(event) => self.on_event(event)?,
                Err(_) => return Err(FilmError::Stalled),
            }
        }
    }

    /// Waits for the encoder, which has enough to do: if it gives nothing now, it has stopped.
    fn wait(&mut self) -> Result<(), FilmError> {
        match self.events.recv_timeout(self.patience) {
            Ok(event) => self.on_event(event),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(FilmError::Stalled),
        }
    }

    fn on_event(&mut self, event: Event) -> Result<(), FilmError> {
        match event {
            Event::Encoded => {
                self.in_flight = self.in_flight.saturating_sub(1);
                Ok(())
            }
            Event::End => Err(FilmError::Failed("it ended too soon".to_owned())),
            Event::Error(error) => Err(error),
        }
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        // An encoder that does not let go of its device is left behind.
        let _ = bounded(&self.pipeline, gst::State::Null);
    }
}

/// Changes a state on a thread of its own, for drivers hang. None: it hangs.
fn bounded(
    pipeline: &gst::Pipeline,
    state: gst::State,
) -> Option<Result<gst::StateChangeSuccess, gst::StateChangeError>> {
    let (sender, receiver) = channel();
    let pipeline = pipeline.clone();
    thread::spawn(move || {
        let _ = sender.send(pipeline.set_state(state));
    });
    receiver.recv_timeout(CHANGE_WITHIN).ok()
}

fn sound_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", 48_000)
        .field("channels", 2)
        .build()
}

/// Raw pictures in, what the muxer takes out.
fn picture_stage(encoder: &PictureEncoder, settings: &Settings) -> Result<gst::Element, FilmError> {
    let bitrate = settings.format.bitrate;
    match encoder {
        PictureEncoder::H264(encoder) => {
            let stage = encoder.build(settings).map_err(|error| FilmError::Encoder(error.to_string()))?;
            let parser = gst::ElementFactory::make("h264parse").build()?;
            let bin = gst::Bin::with_name("pictures");
            bin.add_many([stage.bin().upcast_ref(), &parser])?;
            stage.bin().link(&parser)?;
            ghosts(&bin, stage.bin().upcast_ref(), &parser)?;
            Ok(bin.upcast())
        }
        PictureEncoder::Vp8 | PictureEncoder::Vp9 => {
            let name = if matches!(encoder, PictureEncoder::Vp8) { "vp8enc" } else { "vp9enc" };
            let encoder = gst::ElementFactory::make(name)
                .property("deadline", 1_i64)
                .property("cpu-used", 8_i32)
                .property("target-bitrate", i32::try_from(bitrate).unwrap_or(i32::MAX))
                .property("keyframe-max-dist", i32::try_from(settings.key_interval).unwrap_or(i32::MAX))
                .property("threads", i32::try_from(thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1))
                .property("lag-in-frames", 0_i32)
                .property_from_str("end-usage", "cbr")
                .build()?;
            Ok(encoder)
        }
    }
}

fn ghosts(bin: &gst::Bin, first: &gst::Element, last: &gst::Element) -> Result<(), FilmError> {
    for (name, element) in [("sink", first), ("src", last)] {
        let pad = element.static_pad(name).ok_or_else(|| FilmError::Failed(format!("there is no {name}")))?;
        bin.add_pad(&gst::GhostPad::builder_with_target(&pad)?.name(name).build())?;
    }
    Ok(())
}

/// Encoders of AAC by how good they sound.
const AAC: [&str; 3] = ["fdkaacenc", "avenc_aac", "voaacenc"];

fn sound_stage(webm: bool) -> Result<gst::Bin, FilmError> {
    let names = if webm { &["opusenc"][..] } else { &AAC };
    let there = names.iter().find(|name| gst::ElementFactory::find(name).is_some());
    let convert = gst::ElementFactory::make("audioconvert").build()?;
    let encoder = gst::ElementFactory::make(there.copied().unwrap_or("avenc_aac"));
    let encoder = encoder.property("bitrate", SOUND_BITRATE).build()?;
    let bin = gst::Bin::with_name("sound");
    let parser = gst::ElementFactory::make(if webm { "opusparse" } else { "aacparse" }).build()?;
    let row = [&convert, &encoder, &parser];
    bin.add_many(row)?;
    gst::Element::link_many(row)?;
    ghosts(&bin, &convert, &parser)?;
    Ok(bin)
}

fn watch(pipeline: &gst::Pipeline, stage: &gst::Element, sender: Sender<Event>) {
    if let Some(pad) = stage.static_pad("src") {
        let sender = sender.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let _ = sender.send(Event::Encoded);
            gst::PadProbeReturn::Ok
        });
    }
    let Some(bus) = pipeline.bus() else { return };
    let stage = stage.clone();
    bus.set_sync_handler(move |_, message| {
        let event = match message.view() {
            gst::MessageView::Eos(_) => Some(Event::End),
            gst::MessageView::Error(error) => {
                let inside = message.src().is_some_and(|source| *source == stage || source.has_as_ancestor(&stage));
                let text = error.error().to_string();
                Some(Event::Error(match () {
                    () if error.error().matches(gst::ResourceError::NoSpaceLeft) => FilmError::Full,
                    () if inside => FilmError::Encoder(text),
                    () => FilmError::Failed(text),
                }))
            }
            _ => None,
        };
        if let Some(event) = event {
            let _ = sender.send(event);
        }
        gst::BusSyncReply::Drop
    });
}
