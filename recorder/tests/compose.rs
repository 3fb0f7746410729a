//! A film of a meeting shows who was there, when and where, and lets everybody be heard.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "tests may")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::film::{Film, cache, compose};
use common::media::{Packet, Source, follow};
use common::recorder::Recorder;
use common::{folder, ms};
use media_tap::{Codec, Happening, Note, Stream};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];
/// Behind people without a camera.
const RAISED: [u8; 3] = [35, 45, 42];
const STAGE: [u8; 3] = [10, 14, 13];
const LAMP: [u8; 3] = [255, 216, 122];

fn joined(recorder: &mut Recorder, at: u64, endpoint: &str, name: &str) {
    recorder.happened(ms(at), Happening::Joined { endpoint: endpoint.to_owned(), name: Some(name.to_owned()) });
}

fn speaks(recorder: &mut Recorder, at: u64, endpoint: &str) {
    recorder.happened(ms(at), Happening::Speaker { endpoint: endpoint.to_owned() });
}

fn later(mut packets: Vec<Packet>, by: u64) -> Vec<Packet> {
    packets.iter_mut().for_each(|packet| packet.at += ms(by));
    packets
}

/// A source and what it sends.
type Sent = (Source, Vec<Packet>);

fn camera(
    ssrc: u32,
    endpoint: &'static str,
    source: &'static str,
    codec: Codec,
    colour: &str,
    at: u64,
    pictures: u32,
) -> Sent {
    let source = Source::new(ssrc, endpoint, source, codec, 100);
    let packets = source.pictures(&format!("pattern={colour}"), (320, 180), pictures, 30);
    (source, later(packets, at))
}

fn microphone(ssrc: u32, endpoint: &'static str, source: &'static str, hertz: u32, at: u64, packets: u32) -> Sent {
    let source = Source::new(ssrc, endpoint, source, Codec::Opus, 111);
    let packets = source.tone(hertz, packets);
    (source, later(packets, at))
}

/// Sends all, in the order of time.
fn send(recorder: &mut Recorder, all: &[Sent]) {
    for (source, packets) in all {
        let note = Stream { desktop: source.name.ends_with("-v1"), ..source.note() };
        recorder.note(packets[0].at, &Note::Stream(note));
    }
    let packets: Vec<&[Packet]> = all.iter().map(|(_, packets)| &packets[..]).collect();
    recorder.packets(&packets);
}

fn film(recording: &Path, arguments: &[&str], name: &str) -> (Film, Output) {
    let path = recording.with_file_name(name);
    let output = compose(recording, &[&["--output", path.to_str().unwrap()], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (Film::open(&path), output)
}

/// Six seconds. Alice is red and speaks, from 3 s on Bob, who is green and came at 1 s; Cara has no camera; Bob shares a white
/// screen from 4 s to 5 s.
fn meeting(test: &str) -> Recorder {
    let mut recorder = Recorder::begun(&folder(test));
    joined(&mut recorder, 0, "aaaaaaaa", "Alice");
    joined(&mut recorder, 0, "cccccccc", "Cara Čapková 王");
    speaks(&mut recorder, 0, "aaaaaaaa");
    joined(&mut recorder, 1_000, "bbbbbbbb", "Bob");
    speaks(&mut recorder, 2_000, "cccccccc");
    speaks(&mut recorder, 2_400, "aaaaaaaa");
    speaks(&mut recorder, 3_000, "bbbbbbbb");
    send(
        &mut recorder,
        &[
            camera(1, "aaaaaaaa", "aaaaaaaa-v0", Codec::Vp8, "red", 0, 180),
            microphone(2, "aaaaaaaa", "aaaaaaaa-a0", 440, 0, 300),
            camera(3, "bbbbbbbb", "bbbbbbbb-v0", Codec::H264, "green", 1_000, 150),
            microphone(4, "bbbbbbbb", "bbbbbbbb-a0", 1_000, 3_000, 100),
            camera(5, "bbbbbbbb", "bbbbbbbb-v1", Codec::Vp9, "white", 4_000, 30),
        ],
    );
    recorder.note(ms(5_000), &Note::StreamEnded { ssrc: 5 });
    assert_eq!(recorder.end(ms(6_000)), None);
    recorder
}

#[test]
fn who_speaks_is_large_and_a_screen_comes_first() {
    let recorder = meeting("compose-speaker");
    let (film, output) = film(&recorder.folder(), &["--size", "640x360"], "film.mp4");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.ends_with("film.mp4\n"), "{printed}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("times as fast as life") && told.contains("100 %"), "{told}");
    assert_eq!((film.size, film.pictures()), ((640, 360), 150));
    assert!(film.ends().iter().all(|end| end.abs_diff(6_000) < 200), "{:?}", film.ends());

    let (main, first, second) = ((260, 100), (550, 20), (580, 90));
    assert!(film.is(ms(500), main, RED) && film.is(ms(500), first, RAISED), "Alice speaks, Cara has no camera");
    assert!(film.is(ms(500), second, STAGE) && film.is(ms(1_500), second, GREEN), "Bob comes");
    assert!(film.is(ms(2_200), main, RED), "Cara only coughed");
    assert!(film.is(ms(3_500), main, GREEN) && film.is(ms(3_500), first, RED), "Bob speaks");
    assert!(film.is(ms(4_500), main, WHITE), "the screen is there");
    assert!(film.is(ms(4_500), first, RED) && film.is(ms(4_500), (580, 150), GREEN), "people are beside it");
    assert!(film.is(ms(5_500), main, GREEN), "the screen is gone");
    assert!(film.is(ms(500), (8 + 60, 5), LAMP), "who speaks has a frame: {:?}", film.pixel(ms(500), 68, 5));

    assert!(film.tone(ms(1_000), 440.0) > 0.9 && film.tone(ms(1_000), 1_000.0) < 0.05);
    assert!(film.tone(ms(4_000), 440.0) > 0.3 && film.tone(ms(4_000), 1_000.0) > 0.3, "both are heard");
    assert!(film.tone(ms(5_500), 440.0) > 0.9, "Alice goes on alone");
}

#[test]
fn in_the_gallery_all_are_equal_and_webm_is_made_as_well() {
    let recorder = meeting("compose-gallery");
    let (film, _) = film(&recorder.folder(), &["--layout", "gallery", "--size", "640x360", "--fps", "15"], "film.webm");
    assert_eq!((film.size, film.pictures()), ((640, 360), 90));
    assert!(film.ends().iter().all(|end| end.abs_diff(6_000) < 200), "{:?}", film.ends());
    // Two beside each other, then a third below in the middle.
    assert!(film.is(ms(500), (100, 180), RED) && film.is(ms(500), (400, 120), RAISED));
    assert!(film.is(ms(3_500), (60, 60), RED) && film.is(ms(3_500), (300, 230), GREEN));
    assert!(film.is(ms(4_500), (260, 100), WHITE), "a screen is large here, too");
    assert!(film.tone(ms(4_000), 440.0) > 0.3 && film.tone(ms(4_000), 1_000.0) > 0.3);
}

#[test]
fn what_was_seen_and_heard_together_is_so_in_the_film() {
    let mut recorder = Recorder::begun(&folder("compose-sync"));
    let (flash, beep) = (
        Source::new(7, "aaaaaaaa", "aaaaaaaa-v0", Codec::Vp8, 100),
        Source::new(8, "aaaaaaaa", "aaaaaaaa-a0", Codec::Opus, 111),
    );
    let mut video = flash.pictures("pattern=black", (320, 180), 60, 60);
    let mut white = flash.pictures("pattern=white", (320, 180), 30, 60);
    follow(&video, &mut white, ms(2_000));
    video.extend(white);
    let mut audio = beep.tone(0, 100);
    audio.truncate(100);
    let mut tone = beep.tone(1_000, 50);
    follow(&audio, &mut tone, ms(2_000));
    audio.extend(tone);
    send(&mut recorder, &[(flash, later(video, 300)), (beep, later(audio, 300))]);
    assert_eq!(recorder.end(ms(3_400)), None);
    for name in ["film.mp4", "film.webm"] {
        let (film, _) = film(&recorder.folder(), &["--size", "320x180"], name);
        let (seen, heard) = (film.first_light(100, 60), film.first_sound());
        assert!(seen.abs_diff(heard) < ms(80), "{name}: {seen:?} {heard:?}");
        assert!(seen.abs_diff(ms(2_300)) < ms(80), "{name}: {seen:?}");
    }
}

#[test]
fn names_of_all_scripts_are_shown_and_pictures_in_av1() {
    let mut recorder = Recorder::begun(&folder("compose-scripts"));
    let people = [
        ("aaaaaaaa", "王小明 さくら"),
        ("bbbbbbbb", "محمد بن عبد الله بن محمد بن راشد آل مكتوم الطويل جدا"),
        ("cccccccc", "김민준 🙂"),
        ("dddddddd", "अनीता שלום \u{202e}abc"),
    ];
    for (endpoint, name) in people {
        joined(&mut recorder, 0, endpoint, name);
    }
    speaks(&mut recorder, 0, "aaaaaaaa");
    send(&mut recorder, &[camera(1, "aaaaaaaa", "aaaaaaaa-v0", Codec::Av1, "red", 0, 60)]);
    assert_eq!(recorder.end(ms(2_000)), None);
    let (film, _) = film(&recorder.folder(), &["--layout", "gallery", "--size", "640x360"], "film.webm");
    assert!(film.is(ms(1_000), (160, 60), RED), "{:?}", film.pixel(ms(1_000), 160, 60));
    assert!(film.is(ms(1_000), (340, 20), RAISED) && film.is(ms(1_000), (340, 200), RAISED));
}

#[test]
fn nobody_is_so_loud_that_the_mix_clips() {
    let mut recorder = Recorder::begun(&folder("compose-loud"));
    let names = [("aaaaaaaa", "a0"), ("bbbbbbbb", "b0"), ("cccccccc", "c0"), ("dddddddd", "d0")];
    let all: Vec<Sent> =
        (1..).zip(names).map(|(ssrc, (who, source))| microphone(ssrc, who, source, 440 * ssrc, 0, 100)).collect();
    send(&mut recorder, &all);
    assert_eq!(recorder.end(ms(2_000)), None);
    let (film, _) = film(&recorder.folder(), &["--size", "320x180"], "film.webm");
    let peaks: Vec<f32> = (2..19).map(|tenth| film.peak(ms(tenth * 100))).collect();
    assert!(peaks.iter().all(|peak| (0.5..0.999).contains(peak)), "{peaks:?}");
    assert!((1..=4).all(|tone| film.tone(ms(1_000), 440.0 * f64::from(tone)) > 0.1), "all are heard");
    assert!(film.is(ms(1_000), (20, 20), RAISED), "there are tiles without pictures");
}

#[test]
fn sizes_codecs_and_files_that_change_are_followed_and_what_is_missing_is_left_out() {
    let mut recorder = Recorder::begun(&folder("compose-changes"));
    joined(
        &mut recorder,
        0,
        "aaaaaaaa",
        "A name that is much too long to be shown on a small tile, and goes on & on <b>",
    );
    let source = Source::new(1, "aaaaaaaa", "aaaaaaaa-v0", Codec::Vp8, 100);
    let mut video = source.pictures("pattern=red", (320, 180), 30, 30);
    let mut larger = source.pictures("pattern=green", (642, 362), 30, 30);
    follow(&video, &mut larger, ms(1_000));
    video.extend(larger);
    let mut upright = source.pictures("pattern=blue", (180, 320), 30, 30);
    follow(&video, &mut upright, ms(2_000));
    video.extend(upright);
    let second = camera(2, "aaaaaaaa", "aaaaaaaa-v0", Codec::H264, "white", 3_000, 60);
    let (microphone, sound) = microphone(3, "aaaaaaaa", "aaaaaaaa-a0", 440, 0, 250);
    let between = |packets: &[Packet], from: u64, to: u64| -> Vec<Packet> {
        packets.iter().filter(|packet| (ms(from)..ms(to)).contains(&packet.at)).cloned().collect()
    };
    send(&mut recorder, &[(source, video), (microphone.clone(), between(&sound, 0, 3_000))]);
    recorder.note(ms(3_000), &Note::StreamEnded { ssrc: 1 });
    for (from, to) in [(3_000, 4_000), (4_000, 5_000)] {
        recorder.happened(ms(from), Happening::Muted { source: "aaaaaaaa-v0".to_owned(), muted: from == 4_000 });
        send(
            &mut recorder,
            &[(second.0.clone(), between(&second.1, from, to)), (microphone.clone(), between(&sound, from, to))],
        );
    }
    assert_eq!(recorder.end(ms(5_000)), None);
    let (film, _) = film(&recorder.folder(), &["--size", "320x180"], "film.mp4");
    let middle = (160, 60);
    for (at, colour) in [(500, RED), (1_500, GREEN), (2_500, BLUE), (3_500, WHITE)] {
        assert!(film.is(ms(at), middle, colour), "{at}: {:?}", film.pixel(ms(at), 160, 60));
    }
    assert!(film.is(ms(2_500), (20, 60), RAISED), "a tall picture is seen whole");
    assert!(film.is(ms(4_500), (20, 20), RAISED), "the camera is off: {:?}", film.pixel(ms(4_500), 20, 20));

    let files = recorder.files("aaaaaaaa-v0");
    std::fs::remove_file(&files[0].1).unwrap();
    let cut = std::fs::read(&files[1].1).unwrap();
    std::fs::write(&files[1].1, &cut[..cut.len() * 2 / 3]).unwrap();
    let output = compose(&recorder.folder(), &["--size", "320x180", "--json"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("a file is missing"));
    let lines: Vec<serde_json::Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 9 && lines.last().unwrap()["perCent"] == 100 && lines[5]["speed"].as_f64().unwrap() > 0.0);
    let film = Film::open(&recorder.folder().join("composed.mp4"));
    assert!(film.is(ms(500), (20, 20), RAISED) && film.is(ms(3_200), middle, WHITE));
    assert!(film.ends().iter().all(|end| end.abs_diff(5_000) < 200), "{:?}", film.ends());
}

/// What is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_recording_without_anything_is_refused_in_words() {
    let directory = folder("compose-empty");
    let mut recorder = Recorder::begun(&directory);
    assert_eq!(recorder.end(ms(2_000)), None);
    let output = compose(&recorder.folder(), &[]);
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Nothing was recorded."));
    assert_eq!(compose(&directory, &[]).status.code(), Some(4), "it is no recording");
    assert_eq!(compose(&recorder.folder(), &["--size", "641x360"]).status.code(), Some(2));
    assert_eq!(names(&directory), ["garden-1"]);
}

#[test]
fn an_interrupted_film_leaves_nothing_behind() {
    let recorder = meeting("compose-interrupted");
    let before = names(&recorder.folder());
    let mut command = Command::new(common::recorder::program());
    command.arg("compose").arg(recorder.folder()).args(["--json", "--cache"]).arg(cache());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("\"perCent\":0"), "{line}");
    assert_eq!(names(&recorder.folder()).len(), before.len() + 1, "it is being written");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("nothing was written"));
    assert_eq!(names(&recorder.folder()), before);
}

#[test]
fn a_full_disk_is_said_to_be_full() {
    let recorder = meeting("compose-full");
    let directory = recorder.folder().parent().unwrap().to_owned();
    let script = r#"mkdir "$1/disk" && mount -t tmpfs -o size=40k none "$1/disk" || exit 77
        "$2" compose "$1/garden-1" --output "$1/disk/film.mp4" --cache "$3"; code=$?
        ls -A "$1/disk"; exit $code"#;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    let output = command.arg(&directory).arg(common::recorder::program()).arg(cache()).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("There is no room left for"));
    assert!(output.stdout.is_empty(), "nothing is left there: {:?}", String::from_utf8(output.stdout));
}
