//! Every codec is recorded to a file that plays.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod common;

use common::media::Source;
use common::playback::{keys, pictures, share, sound};
use common::recorder::Recorder;
use common::{folder, ms};
use media_tap::Codec;
use recorder::manifest::{FileState, State};

/// Three seconds of pictures.
fn all_pictures_are_recorded(codec: Codec, test: &str) {
    let mut recorder = Recorder::begun(&folder(test));
    let source = Source::new(7, "3f2a9c41", "3f2a9c41-v0", codec, 100);
    let packets = source.pictures("pattern=ball", (320, 180), 90, 30);
    recorder.stream(ms(0), &source);
    recorder.packets(&[&packets]);
    assert_eq!(recorder.end(ms(3000)), None);
    let manifest = recorder.manifest();
    assert_eq!((manifest.state, manifest.duration_ms), (State::Finished, 3000));
    let (file, path) = recorder.file("3f2a9c41-v0");
    assert_eq!((file.state, file.frames, file.lost, file.dropped), (FileState::Closed, 90, 0, 0));
    assert_eq!(file.packets, packets.len() as u64);
    assert_eq!(file.bytes, path.metadata().unwrap().len());
    assert!((file.duration_ms - 3000.0).abs() < 1.0, "{file:?}");
    let pictures = pictures(&path);
    assert_eq!(pictures.len(), 90);
    assert!(pictures.iter().all(|picture| picture.size == (320, 180)));
    assert!(pictures[89].time.abs_diff(ms(2967)) < ms(50), "{:?}", pictures[89]);
    let keys = keys(&path);
    assert!(keys.len() == 3 && keys[2].abs_diff(ms(2000)) < ms(50), "{keys:?}");
}

#[test]
fn vp8_is_recorded() {
    all_pictures_are_recorded(Codec::Vp8, "vp8");
}

#[test]
fn vp9_is_recorded() {
    all_pictures_are_recorded(Codec::Vp9, "vp9");
}

#[test]
fn h264_is_recorded() {
    all_pictures_are_recorded(Codec::H264, "h264");
}

#[test]
fn av1_is_recorded() {
    all_pictures_are_recorded(Codec::Av1, "av1");
}

#[test]
fn opus_is_recorded_and_each_tone_is_in_its_track() {
    let mut recorder = Recorder::begun(&folder("opus"));
    let low = Source::new(1, "3f2a9c41", "3f2a9c41-a0", Codec::Opus, 111);
    let high = Source::new(2, "77aa0b1c", "77aa0b1c-a0", Codec::Opus, 111);
    let streams = [low.tone(440, 150), high.tone(1000, 150)];
    recorder.stream(ms(0), &low);
    recorder.stream(ms(0), &high);
    recorder.packets(&[&streams[0], &streams[1]]);
    assert_eq!(recorder.end(ms(3000)), None);
    for (source, tone, other) in [("3f2a9c41-a0", 440.0, 1000.0), ("77aa0b1c-a0", 1000.0, 440.0)] {
        let (file, path) = recorder.file(source);
        assert!((file.duration_ms - 3000.0).abs() < 50.0, "{file:?}");
        let samples: Vec<f32> = sound(&path).into_iter().flat_map(|(_, samples)| samples).collect();
        assert!(samples.len().abs_diff(3 * 48_000) < 9_600, "{}", samples.len());
        let middle = &samples[48_000..96_000];
        assert!(share(middle, tone) > 0.9, "{}", share(middle, tone));
        assert!(share(middle, other) < 0.01);
    }
}
