//! What is done with recordings afterwards.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "tests may")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::media::{Source, each_buffer};
use common::recorder::{Recorder, manifest};
use common::{folder, ms};
use media_tap::{Codec, Happening};
use recorder::manifest::{FileState, State};
use serde_json::Value;

fn run(arguments: &[&str], path: &Path) -> Output {
    let (command, rest) = arguments.split_first().unwrap();
    Command::new(env!("CARGO_BIN_EXE_moothall-recorder")).arg(command).arg(path).args(rest).output().unwrap()
}

fn json(arguments: &[&str], path: &Path) -> Value {
    let output = run(arguments, path);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Two seconds of each codec; sound begins half a second later.
fn sent(recorder: &mut Recorder) -> usize {
    let alice = Happening::Joined { endpoint: "3f2a9c41".to_owned(), name: Some("Alice \"A\"".to_owned()) };
    recorder.happened(ms(0), alice);
    let codecs = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1, Codec::Opus];
    for (ssrc, codec) in (1..).zip(codecs) {
        let source = Source::new(ssrc, "3f2a9c41", ["v0", "v1", "v2", "v3", "a0"][ssrc as usize - 1], codec, 111);
        let mut packets = match codec {
            Codec::Opus => source.tone(440, 100),
            _ => source.pictures("pattern=ball", (320, 180), 60, 30),
        };
        if codec == Codec::Opus {
            packets.iter_mut().for_each(|packet| packet.at += ms(500));
        }
        recorder.stream(ms(0), &source);
        recorder.packets(&[&packets]);
    }
    codecs.len()
}

#[test]
fn a_recording_is_listed_shown_checked_and_exported() {
    let directory = folder("commands");
    let mut recorder = Recorder::begun(&directory);
    let files = sent(&mut recorder);
    assert_eq!(recorder.end(ms(2500)), None);
    let recording = recorder.folder();

    let list = json(&["list", "--json"], &directory);
    assert_eq!(
        (&list[0]["recording"], &list[0]["state"], &list[0]["durationMs"]),
        (&"garden-1".into(), &"finished".into(), &2500.into())
    );
    let shown = String::from_utf8(run(&["show"], &recording).stdout).unwrap();
    assert!(shown.contains("Alice \"A\", camera"), "{shown}");
    assert_eq!(json(&["show", "--json"], &recording)["initiator"], "Alice");
    let checked = json(&["play-check", "--json"], &recording);
    assert_eq!(checked.as_array().unwrap().len(), files);
    assert!(
        checked.as_array().unwrap().iter().all(|file| file["durationMs"].as_u64().unwrap().abs_diff(2000) < 60),
        "{checked}"
    );

    let target = directory.join("all.mkv");
    let output = run(&["export", "--output", target.to_str().unwrap()], &recording);
    assert!(output.status.success(), "{output:?}");
    let bytes = std::fs::read(&target).unwrap();
    assert!(bytes.windows(16).any(|part| part == b"Alice \"A\", sound"), "tracks have titles");
    let mut first = None;
    let location = target.display();
    let sound = format!(
        "filesrc location={location} ! matroskademux name=d d.audio_0 ! opusdec ! audioconvert ! audio/x-raw,format=S16LE"
    );
    each_buffer(&sound, |time, _, _| {
        first.get_or_insert(time);
    });
    assert!(first.unwrap().abs_diff(ms(500)) < ms(80), "{first:?}");
    let mut pictures = 0;
    each_buffer(&format!("filesrc location={location} ! matroskademux name=d d.video_1 ! vp9dec"), |_, _, _| {
        pictures += 1
    });
    assert_eq!(pictures, 60);
}

#[test]
fn a_recording_that_nobody_goes_on_with_is_closed_and_others_are_left_alone() {
    let directory = folder("recover");
    let mut recorder = Recorder::begun(&directory);
    let files = sent(&mut recorder);
    recorder.until_read(ms(2500));
    let recording = recorder.folder();
    assert_eq!(json(&["recover", "--json"], &directory), serde_json::json!([]), "it is being recorded");
    assert_eq!(manifest(&recording).state, State::Recording);
    // The disk takes its time.
    let until = std::time::Instant::now() + common::DEADLINE;
    while manifest(&recording).files.len() < files {
        assert!(std::time::Instant::now() < until);
        std::thread::yield_now();
    }
    recorder.kill();
    let recovered = json(&["recover", "--json"], &directory);
    assert_eq!((&recovered[0]["recording"], &recovered[0]["files"]), (&"garden-1".into(), &files.into()));
    let manifest = manifest(&recording);
    assert!(manifest.state != State::Recording);
    for file in &manifest.files {
        assert!(matches!(file.state, FileState::Cut | FileState::Unreadable));
        assert_eq!(file.bytes, recording.join(&file.file).metadata().unwrap().len());
    }
    assert!(recording.join("events.json").exists());
    assert_eq!(json(&["recover", "--json"], &directory), serde_json::json!([]));
}

#[test]
fn a_file_that_does_not_play_is_named() {
    let directory = folder("unplayable");
    let mut recorder = Recorder::begun(&directory);
    sent(&mut recorder);
    assert_eq!(recorder.end(ms(2500)), None);
    let (_, path) = recorder.file("v2");
    std::fs::write(path, b"nothing that plays").unwrap();
    let output = run(&["play-check"], &recorder.folder());
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8(output.stderr).unwrap().contains("1 of 5 files do not play"));
}
