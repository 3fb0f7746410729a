//! Everybody's sound, mixed.

use std::path::{Path, PathBuf};

use media_tap::{Codec, Kind};

use super::mix::{CHANNELS, RATE, Seam, add};
use super::roster::is_used;
use crate::manifest::Manifest;
use crate::pipeline::decode::{Piece, Sound};

/// Samples are counted from so long before the recording began: what was under way then begins before it.
const BEFORE: u64 = 10 * RATE;

/// All files with sound.
#[derive(Debug)]
pub(super) struct Voices(Vec<Voice>);

#[derive(Debug)]
struct Voice {
    path: PathBuf,
    codec: Codec,
    /// First and last sample that it has.
    begin: u64,
    offset_ms: f64,
    sound: Option<Sound>,
    done: bool,
    seam: Seam,
    waiting: Option<(u64, Vec<i16>)>,
}

impl Voices {
    pub(super) fn new(recording: &Path, manifest: &Manifest) -> Self {
        let files = manifest.files.iter().filter(|file| file.kind == Kind::Audio && is_used(file));
        let voice = |file: &crate::manifest::File| Voice {
            path: recording.join(&file.file),
            codec: file.codec,
            begin: sample(file.offset_ms),
            offset_ms: file.offset_ms,
            sound: None,
            done: false,
            seam: Seam::default(),
            waiting: None,
        };
        Self(files.map(voice).collect())
    }

    /// So many samples from the given one on; blocks are asked for one after another.
    pub(super) fn block(&mut self, begin: u64, samples: u64) -> Vec<f32> {
        let length = usize::try_from(samples).unwrap_or(0) * CHANNELS;
        let mut block = vec![0.0; length];
        let begin = begin + BEFORE;
        for voice in self.0.iter_mut().filter(|voice| !voice.done && voice.begin < begin + samples) {
            voice.add_to(&mut block, begin, begin + samples);
        }
        block
    }
}

impl Voice {
    fn add_to(&mut self, block: &mut [f32], begin: u64, end: u64) {
        while !self.done {
            let Some((at, samples)) = self.waiting.take().or_else(|| self.next()) else {
                self.sound = None;
                self.done = true;
                return;
            };
            add(block, begin, &samples, at);
            if at + (samples.len() / CHANNELS) as u64 > end {
                self.waiting = Some((at, samples));
                return;
            }
        }
    }

    fn next(&mut self) -> Option<(u64, Vec<i16>)> {
        if self.sound.is_none() {
            let opened = Sound::open(&self.path, self.codec);
            self.sound = opened
                .inspect_err(|error| tracing::warn!(file = %self.path.display(), %error, "a file is left out"))
                .ok();
        }
        let Piece { time, samples } = self.sound.as_mut()?.next()?;
        let should = sample(self.offset_ms + time.as_secs_f64() * 1000.0);
        let begin = self.seam.place(should, (samples.len() / CHANNELS) as u64);
        Some((begin, samples))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
fn sample(millis: f64) -> u64 {
    (millis * (RATE / 1000) as f64 + BEFORE as f64).round() as u64
}
