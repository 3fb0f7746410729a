//! What is seen and heard in a film at a time.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::media::each_buffer;
use super::playback::share;

/// Runs the command on a recording.
pub fn compose(recording: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(super::recorder::program());
    command.arg("compose").arg(recording).arg("--cache").arg(cache()).args(arguments).output().unwrap()
}

/// Encoders are tried once for all tests.
pub fn cache() -> PathBuf {
    let all = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
    all.join("recorder-encoders.json")
}

/// A film, decoded.
pub struct Film {
    pub size: (usize, usize),
    /// Times, and pixels of red, green, blue.
    pictures: Vec<(Duration, Vec<u8>)>,
    /// 48 kHz, one channel, with times.
    sound: Vec<(Duration, Vec<f32>)>,
}

impl Film {
    pub fn open(path: &Path) -> Self {
        let (mut pictures, mut size) = (Vec::new(), (0, 0));
        let file = path.display();
        let raw = "decodebin ! videoconvert ! video/x-raw,format=RGB";
        each_buffer(&format!("filesrc location={file} ! {raw}"), |time, caps, bytes| {
            let caps = caps.structure(0).unwrap();
            size = (caps.get::<i32>("width").unwrap() as usize, caps.get::<i32>("height").unwrap() as usize);
            pictures.push((time, bytes.to_vec()));
        });
        Self { size, pictures, sound: super::playback::sound(path) }
    }

    pub fn pictures(&self) -> usize {
        self.pictures.len()
    }

    /// When its pictures and its sound end, in milliseconds.
    pub fn ends(&self) -> [u64; 2] {
        let frame = self.pictures[1].0 - self.pictures[0].0;
        let (time, samples) = self.sound.last().unwrap();
        let ends =
            [self.pictures.last().unwrap().0 + frame, *time + Duration::from_micros(samples.len() as u64 * 1000 / 48)];
        ends.map(|end| end.as_millis() as u64)
    }

    /// The colour of a pixel.
    pub fn pixel(&self, at: Duration, x: usize, y: usize) -> [u8; 3] {
        let (_, bytes) = self.pictures.iter().rev().find(|(time, _)| *time <= at).expect("there is a picture");
        let stride = (self.size.0 * 3).next_multiple_of(4);
        bytes[y * stride + x * 3..][..3].try_into().unwrap()
    }

    /// Whether a pixel has about this colour.
    pub fn is(&self, at: Duration, (x, y): (usize, usize), colour: [u8; 3]) -> bool {
        self.pixel(at, x, y).iter().zip(colour).all(|(is, wanted)| is.abs_diff(wanted) < 60)
    }

    /// How much of a frequency there is in a tenth of a second from then on.
    pub fn tone(&self, at: Duration, hertz: f64) -> f64 {
        share(&self.samples(at, 4_800), hertz)
    }

    /// The loudest sample in a tenth of a second from then on.
    pub fn peak(&self, at: Duration) -> f32 {
        self.samples(at, 4_800).iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    fn samples(&self, at: Duration, count: usize) -> Vec<f32> {
        let from = (at.as_micros() * 48 / 1000) as usize;
        let first = (self.sound[0].0.as_micros() * 48 / 1000) as usize;
        let all = self.sound.iter().flat_map(|(_, samples)| samples).skip(from.saturating_sub(first));
        all.take(count).copied().collect()
    }

    /// When something is to be heard first.
    pub fn first_sound(&self) -> Duration {
        let loud = self.sound.iter().find_map(|(time, samples)| {
            let first = samples.iter().position(|sample| sample.abs() > 0.1)?;
            Some(*time + Duration::from_micros(first as u64 * 1000 / 48))
        });
        loud.expect("something is heard")
    }

    /// When a pixel is bright first.
    pub fn first_light(&self, x: usize, y: usize) -> Duration {
        let bright = self.pictures.iter().find(|(time, _)| self.pixel(*time, x, y).iter().all(|part| *part > 128));
        bright.expect("it is bright sometime").0
    }
}
