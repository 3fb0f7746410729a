//! What was seen and heard together is so in the recording.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may")]

mod common;

use std::time::Duration;

use common::media::{Packet, Source, follow};
use common::playback::{pictures, sound};
use common::recorder::Recorder;
use common::{folder, ms};
use media_tap::Codec;

/// The most by which lips may be off.
const TOLERANCE_MS: f64 = 80.0;
/// When it flashes and beeps.
const FLASH: Duration = Duration::from_secs(2);

/// How a participant's media comes.
struct Way {
    video_delay: Duration,
    audio_delay: Duration,
    /// When the first reports of the two come; afterwards every second.
    reports: Option<(Duration, Duration)>,
}

/// A wall clock that has nothing to do with ours.
fn ntp(captured: Duration) -> u64 {
    let micros = 3_900_000_000_000_000 + u64::try_from(captured.as_micros()).unwrap();
    ((micros / 1_000_000) << 32) | (((micros % 1_000_000) << 32) / 1_000_000)
}

fn delayed(packets: Vec<Packet>, delay: Duration) -> Vec<Packet> {
    // Every third comes later than need be.
    let jitter = |index: usize| ms(if index.is_multiple_of(3) { 0 } else { 25 });
    packets.into_iter().enumerate().map(|(index, it)| Packet { at: it.at + delay + jitter(index), ..it }).collect()
}

/// By how many milliseconds the beep is after the flash, and when the flash is in the recording.
fn off(test: &str, way: &Way) -> (f64, f64) {
    let mut recorder = Recorder::begun(&folder(test));
    let camera = Source::new(7, "3f2a9c41", "3f2a9c41-v0", Codec::Vp8, 100);
    let microphone = Source::new(8, "3f2a9c41", "3f2a9c41-a0", Codec::Opus, 111);
    let mut video = camera.pictures("pattern=black", (320, 180), 60, 60);
    let mut white = camera.pictures("pattern=white", (320, 180), 30, 60);
    follow(&video, &mut white, FLASH);
    video.extend(white);
    let mut audio = microphone.tone(0, 100);
    audio.truncate(100);
    let mut tone = microphone.tone(1000, 50);
    follow(&audio, &mut tone, FLASH);
    audio.extend(tone);
    let firsts = (video[0].clone(), audio[0].clone());
    let (video, audio) = (delayed(video, way.video_delay), delayed(audio, way.audio_delay));

    recorder.stream(ms(0), &camera);
    recorder.stream(ms(0), &microphone);
    let mut all: Vec<&Packet> = video.iter().chain(&audio).collect();
    all.sort_by_key(|packet| packet.at);
    let mut due =
        way.reports.map_or(vec![], |(video, audio)| vec![(video, &camera, &firsts.0), (audio, &microphone, &firsts.1)]);
    for packet in all {
        for (time, source, first) in &mut due {
            if packet.at >= *time {
                // It was sent 30 ms ago.
                let sent = time.checked_sub(ms(30)).unwrap();
                recorder.report(*time, source.report(first, Duration::ZERO, sent, ntp(sent)));
                *time += ms(1000);
            }
        }
        recorder.packet(packet);
    }
    assert_eq!(recorder.end(ms(4000)), None);
    let (file, path) = recorder.file("3f2a9c41-v0");
    let flash = pictures(&path).into_iter().find(|picture| picture.brightness > 128.0).unwrap();
    let flash = file.offset_ms + flash.time.as_secs_f64() * 1000.0;
    assert_eq!(way.reports.is_some(), !file.sync.is_empty());
    let (file, path) = recorder.file("3f2a9c41-a0");
    let beep = sound(&path).into_iter().find_map(|(time, samples)| {
        let first = samples.iter().position(|sample| sample.abs() > 0.1)?;
        Some(time.as_secs_f64() * 1000.0 + first as f64 / 48.0)
    });
    (file.offset_ms + beep.unwrap() - flash, flash)
}

#[test]
fn reports_make_up_for_different_delays() {
    let way = Way { video_delay: ms(280), audio_delay: ms(40), reports: Some((ms(500), ms(900))) };
    let (off, flash) = off("sync-reports", &way);
    assert!(off.abs() < TOLERANCE_MS, "{off}");
    assert!((flash - 2030.0).abs() < TOLERANCE_MS, "{flash}");
}

#[test]
fn late_reports_put_right_what_was_recorded_before() {
    let way = Way { video_delay: ms(280), audio_delay: ms(40), reports: Some((ms(2700), ms(2900))) };
    let (off, _) = off("sync-late", &way);
    assert!(off.abs() < TOLERANCE_MS, "{off}");
}

#[test]
fn without_reports_the_fastest_packets_count() {
    let way = Way { video_delay: ms(60), audio_delay: ms(40), reports: None };
    let (off, _) = off("sync-none", &way);
    assert!(off.abs() < TOLERANCE_MS, "{off}");
}
