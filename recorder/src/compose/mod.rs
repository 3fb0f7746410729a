//! Makes one picture and one sound out of a recording.
//!
//! [`roster`] reads out of manifest and events who was there when; [`plan`] makes scenes of it, with tiles whose places [`layout`]
//! knows. [`show`] then draws one picture after another: [`reel`] decodes what is to be seen, [`canvas`] and [`scale`] put it
//! together, [`label`] says what is laid over. [`voices`] decodes all sound, [`mix`] adds it up. `pipeline::film` encodes both.

pub mod canvas;
mod chain;
pub mod label;
pub mod layout;
pub mod mix;
pub mod plan;
mod progress;
mod reel;
pub mod roster;
pub mod scale;
mod show;
pub mod spans;
mod target;
mod voices;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use encoder_probe::Settings;

use crate::events::{self, Event};
use crate::exit::{Failure, Reason};
use crate::folder::read_manifest;
use crate::manifest::{Manifest, State};
use crate::pipeline::film::{Film, FilmError, PictureEncoder};
use crate::pipeline::svg::DrawError;
use crate::pipeline::{self};
use crate::say::say;

pub use layout::Size;
pub use plan::View;

use chain::Chain;
use mix::{Limiter, RATE};
use plan::Plan;
use progress::Progress;
use reel::Reels;
use roster::{Roster, is_used};
use show::Show;
use target::Target;
use voices::Voices;

/// Pictures a second, if nothing else is wanted.
pub const FPS: u32 = 25;
/// Events of a meeting of a day are a tenth of it.
const MAX_EVENTS: u64 = 64 << 20;

/// How a recording is composed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub view: View,
    /// None: as the name of the output says, else MP4.
    pub format: Option<Format>,
    /// None: beside the recording.
    pub output: Option<PathBuf>,
    /// Even width and height. None: 1280x720, or less where the encoder does not keep up with that.
    pub size: Option<Size>,
    /// Pictures a second.
    pub fps: Option<u32>,
    /// Of the pictures, in bits a second. None: what suits their size.
    pub bitrate: Option<u32>,
    /// Where is kept which encoders there are. None: in the user's cache.
    pub cache: Option<PathBuf>,
    /// Progress as lines of JSON on standard output.
    pub json: bool,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// H.264 and AAC in MP4.
    Mp4,
    /// VP8 and Opus in WebM.
    WebM,
    /// VP9 and Opus in WebM: smaller, and slower.
    WebMVp9,
}

impl Format {
    /// As the name of a file says.
    fn of(name: &Path) -> Option<Self> {
        match name.extension()?.to_str()? {
            "mp4" | "m4v" => Some(Self::Mp4),
            "webm" => Some(Self::WebM),
            _ => None,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::WebM | Self::WebMVp9 => "webm",
        }
    }
}

/// Why a film is not made by this encoder.
#[derive(Debug, thiserror::Error)]
enum ComposeError {
    #[error(transparent)]
    Film(#[from] FilmError),
    #[error(transparent)]
    Draw(#[from] DrawError),
}

/// A recording that was read, ready to be shown.
#[derive(Debug)]
struct Source<'a> {
    recording: &'a Path,
    manifest: Manifest,
    roster: Roster,
}

/// Writes one file with one picture and one sound.
pub fn compose(recording: &Path, options: &Options) -> Result<(), Failure> {
    let source = read(recording)?;
    let format = options.format.or_else(|| Format::of(options.output.as_deref()?)).unwrap_or(Format::Mp4);
    let target = options.output.clone().unwrap_or_else(|| inside(recording, format));
    let target = Target::new(target)?;
    pipeline::load()?;
    let mut progress = Progress::new(source.roster.duration, options.json);
    let mut chain = Chain::choose(format, options, &mut |text| progress.note(text))?;
    let made = loop {
        progress.restart();
        let made = film(&source, options.view, &chain, target.part(), &mut progress);
        let Err(ComposeError::Film(error)) = &made else { break made };
        let before = chain.name().to_owned();
        if !error.is_encoders() || !chain.next() {
            break made;
        }
        progress.note(&format!("The encoder {before} failed ({error}). All begins again with {}.", chain.name()));
    };
    progress.end();
    made.map_err(|error| failure(target.path(), &error))?;
    target.conclude()?;
    if !options.json {
        say(format_args!("{}", target.path().display()));
    }
    Ok(())
}

/// From the first picture to the last.
fn film(source: &Source, view: View, chain: &Chain, path: &Path, progress: &mut Progress) -> Result<(), ComposeError> {
    let (encoder, settings): (&PictureEncoder, Settings) = chain.current();
    let size = Size { width: settings.format.width, height: settings.format.height };
    let fps = u64::from(settings.format.fps);
    let plan = Plan::new(&source.roster, view, size);
    let mut show = Show::new(&plan, Reels::new(source.recording, &source.manifest, &plan), size);
    let mut voices = Voices::new(source.recording, &source.manifest);
    let mut limiter = Limiter::default();
    let mut film = Film::begin(path, encoder, &settings)?;
    let pictures = (plan.duration * fps).div_ceil(1000);
    for number in 0..pictures {
        film.picture(show.at(number as f64 * 1000.0 / fps as f64)?)?;
        let (begin, end) = (number * RATE / fps, (number + 1) * RATE / fps);
        if let Some(ready) = limiter.push(voices.block(begin, end - begin)) {
            film.sound(&ready);
        }
        progress.at(number * 1000 / fps);
    }
    if let Some(last) = limiter.finish() {
        film.sound(&last);
    }
    film.finish()?;
    progress.at(plan.duration);
    Ok(())
}

fn read(recording: &Path) -> Result<Source<'_>, Failure> {
    let manifest = read_manifest(recording)?;
    let no = || Failure::new(Reason::Folder, format_args!("{} is no recording.", recording.display()));
    let mut manifest = manifest.ok_or_else(no)?;
    for file in &mut manifest.files {
        if is_used(file) && !recording.join(&file.file).is_file() {
            tracing::warn!(file = %file.file, "a file is missing and is left out");
            file.frames = 0;
            file.state = crate::manifest::FileState::Unreadable;
        }
    }
    if !manifest.files.iter().any(is_used) {
        return Err(Failure::new(Reason::Unplayable, "Nothing was recorded."));
    }
    if manifest.state == State::Recording {
        tracing::warn!("this recording is not finished; what there is of it is used");
    }
    let events = read_events(recording);
    let roster = Roster::new(&manifest, &events);
    if roster.duration == 0 {
        return Err(Failure::new(Reason::Unplayable, "Nothing was recorded."));
    }
    Ok(Source { recording, manifest, roster })
}

/// What cannot be read is left out: without events, a film shows who sent something.
fn read_events(recording: &Path) -> Vec<Event> {
    let read = |name: &str| bounded_read(&recording.join(name)).unwrap_or_default();
    let array = events::array(&read(events::NAME), &read(events::LOG));
    let values: Vec<serde_json::Value> = serde_json::from_slice(&array).unwrap_or_default();
    let mut events: Vec<Event> = values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect();
    events.sort_by_key(|event| event.at_ms);
    events
}

fn bounded_read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > MAX_EVENTS {
        return Ok(Vec::new());
    }
    fs::read(path)
}

/// `garden-1` becomes `garden-1.mp4`.
/// Where players look for it first.
fn inside(recording: &Path, format: Format) -> PathBuf {
    recording.join(format!("composed.{}", format.ending()))
}

fn failure(target: &Path, error: &ComposeError) -> Failure {
    match error {
        ComposeError::Film(FilmError::Full) => Failure::new(
            Reason::Space,
            format_args!(
                "There is no room left for {}. Delete something, or write to another disk (--output).",
                target.display()
            ),
        ),
        error => Failure::new(Reason::Unplayable, format_args!("{} was not made: {error}.", target.display())),
    }
}
