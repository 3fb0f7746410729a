//! What is seen and heard in a file.

use std::path::Path;
use std::time::Duration;

use super::media::each_buffer;

/// A picture that was decoded.
#[derive(Debug, Clone, Copy)]
pub struct Picture {
    pub time: Duration,
    pub size: (i32, i32),
    /// Mean brightness, 0 to 255.
    pub brightness: f64,
}

/// All pictures of a file.
pub fn pictures(file: &Path) -> Vec<Picture> {
    let mut all = Vec::new();
    let file = file.display();
    each_buffer(
        &format!("filesrc location={file} ! decodebin ! videoconvert ! video/x-raw,format=GRAY8"),
        |time, caps, bytes| {
            let caps = caps.structure(0).unwrap();
            let size = (caps.get("width").unwrap(), caps.get("height").unwrap());
            let brightness = bytes.iter().map(|byte| f64::from(*byte)).sum::<f64>() / bytes.len() as f64;
            all.push(Picture { time, size, brightness });
        },
    );
    all
}

/// The times of what a file says are its key frames: where a player may begin.
pub fn keys(file: &Path) -> Vec<Duration> {
    let mut all = Vec::new();
    let demuxer = if file.extension().is_some_and(|it| it == "webm") { "matroskademux" } else { "qtdemux" };
    let file = file.display();
    let pipeline = format!("filesrc location={file} ! {demuxer} ! identity drop-buffer-flags=delta-unit");
    each_buffer(&pipeline, |time, _, _| all.push(time));
    all
}

/// Sound of a file: pieces of samples at 48 kHz, one channel, with their times.
pub fn sound(file: &Path) -> Vec<(Duration, Vec<f32>)> {
    let mut all = Vec::new();
    let file = file.display();
    let pipeline =
        format!("filesrc location={file} ! decodebin ! audioconvert ! audio/x-raw,format=F32LE,channels=1,rate=48000");
    each_buffer(&pipeline, |time, _, bytes| {
        all.push((time, bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()));
    });
    all
}

/// How much of a frequency there is, relative to all (Goertzel): near 1 for a pure tone.
pub fn share(samples: &[f32], hertz: f64) -> f64 {
    let coefficient = 2.0 * (2.0 * std::f64::consts::PI * hertz / 48_000.0).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in samples {
        (before, last) = (last, f64::from(*sample) + coefficient * last - before);
    }
    let power = last * last + before * before - coefficient * last * before;
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    2.0 * power / (energy.max(1e-9) * samples.len() as f64)
}
