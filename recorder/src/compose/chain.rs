//! Which encoder makes the film, and which comes after it.

use std::collections::VecDeque;
use std::path::PathBuf;

use encoder_probe::{Capabilities, Choice, Encoder, Format as Measured, Options as ProbeOptions, Settings, probe};

use super::{FPS, Format, Options, Size};
use crate::exit::{Failure, Reason};
use crate::pipeline::film::PictureEncoder;

/// What a film is like, if nothing else is wanted and the machine can do it.
const SIZE: Size = Size { width: 1280, height: 720 };
/// Of a picture: so many hundredths of a bit for each pixel are enough for people and for text.
const BITS_IN_100_PIXELS: u64 = 8;
/// Less looks bad at any size.
const LEAST_BITRATE: u64 = 300_000;
/// From one key frame to the next: as far as a player has to go when somebody jumps to a place.
const KEY_SECONDS: u32 = 4;

/// Encoders, the best first.
#[derive(Debug)]
pub(super) struct Chain {
    encoders: VecDeque<PictureEncoder>,
    settings: Settings,
    /// What is known of the machine, and where that is kept.
    found: Option<(Capabilities, PathBuf)>,
}

impl Chain {
    pub(super) fn choose(format: Format, options: &Options, tell: &mut dyn FnMut(&str)) -> Result<Self, Failure> {
        let size = options.size.unwrap_or(SIZE);
        let vp = match format {
            Format::Mp4 => return Self::h264(options, size, tell),
            Format::WebM => PictureEncoder::Vp8,
            Format::WebMVp9 => PictureEncoder::Vp9,
        };
        Ok(Self { encoders: VecDeque::from([vp]), settings: settings(options, size), found: None })
    }

    fn h264(options: &Options, size: Size, tell: &mut dyn FnMut(&str)) -> Result<Self, Failure> {
        let cache = options.cache.clone().or_else(default_cache);
        if !cache.as_ref().is_some_and(|cache| cache.exists()) {
            tell("Finding out which encoder is the best here. This takes a moment, once.");
        }
        let found = probe(&ProbeOptions { cache: cache.as_deref(), ..ProbeOptions::default() })
            .map_err(|error| Failure::new(Reason::Unexpected, error))?;
        let encoders = order(&found);
        let Some(first) = encoders.front() else {
            let text = "This machine has no H.264 encoder. Install one (apt install gstreamer1.0-plugins-ugly), or choose --format webm.";
            return Err(Failure::new(Reason::Unplayable, text));
        };
        let fps = options.fps.unwrap_or(FPS);
        let fitting = options.size.unwrap_or_else(|| sustained(&found, first, size, fps));
        if fitting != size {
            let Size { width, height } = fitting;
            tell(&format!("The picture is made {width}x{height}: the encoder {first} does not keep up with more."));
        }
        let encoders = encoders.into_iter().map(PictureEncoder::H264).collect();
        Ok(Self { encoders, settings: settings(options, fitting), found: cache.map(|cache| (found, cache)) })
    }

    pub(super) fn current(&self) -> (&PictureEncoder, Settings) {
        (self.encoders.front().unwrap_or(&PictureEncoder::Vp8), self.settings)
    }

    pub(super) fn name(&self) -> &str {
        match self.encoders.front() {
            Some(PictureEncoder::H264(encoder)) => &encoder.element,
            Some(PictureEncoder::Vp9) => "vp9enc",
            Some(PictureEncoder::Vp8) | None => "vp8enc",
        }
    }

    /// The first has failed, which is remembered. Whether there is another one.
    pub(super) fn next(&mut self) -> bool {
        if self.encoders.len() < 2 {
            return false;
        }
        if let (Some(PictureEncoder::H264(encoder)), Some((found, cache))) = (self.encoders.pop_front(), &self.found) {
            let chosen = found.selection.encoders.iter().find(|choice| choice.encoder == encoder);
            chosen.into_iter().for_each(|choice| found.remember_stall(cache, choice));
        }
        true
    }
}

/// As the probe chose; then what there is in software, for a film may take longer than the meeting did.
fn order(found: &Capabilities) -> VecDeque<Encoder> {
    let chosen = found.selection.encoders.iter().map(|Choice { encoder, .. }| encoder.clone());
    let mut all: VecDeque<Encoder> = chosen.collect();
    for encoder in Encoder::registered().into_iter().filter(|encoder| !encoder.family.is_hardware()) {
        if !all.contains(&encoder) {
            all.push_back(encoder);
        }
    }
    all
}

/// The largest, up to the wanted one, at which the encoder alone is as fast as life.
fn sustained(found: &Capabilities, encoder: &Encoder, wanted: Size, fps: u32) -> Size {
    let trial = found.trials.iter().find(|trial| trial.encoder == *encoder);
    let rungs = || trial.iter().flat_map(|trial| &trial.rungs);
    let size = |format: &Measured| Size { width: format.width, height: format.height };
    let fast = rungs().find(|rung| rung.fps >= fps).or_else(|| rungs().last());
    fast.map(|rung| size(&rung.format)).filter(|fast| fast.height < wanted.height).unwrap_or(wanted)
}

fn settings(options: &Options, Size { width, height }: Size) -> Settings {
    let fps = options.fps.unwrap_or(FPS);
    let suitable = u64::from(width) * u64::from(height) * u64::from(fps) * BITS_IN_100_PIXELS / 100;
    let suitable = u32::try_from(suitable.max(LEAST_BITRATE)).unwrap_or(u32::MAX);
    let format = Measured { width, height, fps, bitrate: options.bitrate.unwrap_or(suitable) };
    Settings { key_interval: fps.saturating_mul(KEY_SECONDS), ..Settings::new(format) }
}

/// In the folder that systemd made, or the user's.
fn default_cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let ours = folder("CACHE_DIRECTORY");
    let user =
        || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache"))).map(|path| path.join("moothall"));
    let directory = ours.or_else(user)?;
    std::fs::create_dir_all(&directory).ok()?;
    Some(directory.join("encoders.json"))
}
