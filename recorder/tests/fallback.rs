//! A chip's encoder that stops in the middle of a film costs time, not the film. The chip is a stand-in: see the probe's tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may"
)]

mod common;
#[allow(dead_code, unreachable_pub, reason = "the probe's tests use the rest")]
#[path = "../../appliance/probe/tests/hardware/stand_in.rs"]
mod stand_in;

use std::path::{Path, PathBuf};

use common::film::Film;
use common::media::{Packet, Source};
use common::recorder::Recorder;
use common::{folder, ms};
use encoder_probe::{Failure, Options, Trial, Verdict, probe};
use media_tap::Codec;
use recorder::compose::{self, Size, compose};
use stand_in::{Mode, Turn};

const GREEN: [u8; 3] = [0, 255, 0];

/// Four seconds of green, and a tone.
fn recorded(test: &str) -> PathBuf {
    let mut recorder = Recorder::begun(&folder(test));
    let camera = Source::new(1, "aaaaaaaa", "aaaaaaaa-v0", Codec::Vp8, 100);
    let microphone = Source::new(2, "aaaaaaaa", "aaaaaaaa-a0", Codec::Opus, 111);
    let packets: [Vec<Packet>; 2] = [camera.pictures("pattern=green", (320, 180), 120, 30), microphone.tone(440, 200)];
    recorder.stream(ms(0), &camera);
    recorder.stream(ms(0), &microphone);
    recorder.packets(&[&packets[0], &packets[1]]);
    assert_eq!(recorder.end(ms(4_000)), None);
    recorder.folder()
}

/// What is known of the chip.
fn verdict(cache: &Path) -> Verdict {
    let found = probe(&Options { cache: Some(cache), ..Options::default() }).unwrap();
    let chip = |trial: &&Trial| trial.encoder.element == "v4l2h264enc";
    found.trials.iter().find(chip).unwrap().verdict.clone()
}

/// The film of a chip that was good when it was tried, and then does this.
fn film_with(turn: &Turn, mode: Mode, test: &str) -> (Film, Verdict) {
    let recording = recorded(test);
    let cache = recording.with_extension("cache");
    turn.change(Mode::Good);
    assert!(matches!(verdict(&cache), Verdict::Good(_)));
    turn.change(mode);
    let output = recording.with_extension("mp4");
    let size = Some(Size { width: 640, height: 360 });
    let options = compose::Options {
        cache: Some(cache.clone()),
        output: Some(output.clone()),
        size,
        ..compose::Options::default()
    };
    compose(&recording, &options).map_err(|failure| failure.report()).unwrap();
    (Film::open(&output), verdict(&cache))
}

fn is_whole(film: &Film) {
    assert_eq!((film.size, film.pictures()), ((640, 360), 100));
    assert!(film.ends().iter().all(|end| end.abs_diff(4_000) < 200), "{:?}", film.ends());
    assert!((1..39).all(|tenth| film.is(ms(tenth * 100), (320, 60), GREEN)));
    assert!((1..38).all(|tenth| film.tone(ms(tenth * 100), 440.0) > 0.9));
}

#[test]
fn a_chip_makes_the_film_and_software_makes_it_when_the_chip_does_not() {
    let turn = Turn::take(Mode::Good);
    let (film, verdict) = film_with(&turn, Mode::Good, "fallback-good");
    is_whole(&film);
    assert!(matches!(verdict, Verdict::Good(_)), "the chip made it: {verdict:?}");

    let (film, verdict) = film_with(&turn, Mode::StopsAfter(50), "fallback-stops");
    is_whole(&film);
    assert_eq!(verdict, Verdict::Skipped(Failure::StalledInWork), "the next film begins without it");

    let (film, _) = film_with(&turn, Mode::FailsToStart, "fallback-refuses");
    is_whole(&film);
}
