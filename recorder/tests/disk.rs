//! A disk that gets full, on a small file system of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "tests may")]

mod common;

use std::path::Path;
use std::process::Command;

use common::media::{Packet, Source};
use common::playback::pictures;
use common::recorder::Recorder;
use common::{folder, ms};
use media_tap::{Answer, Codec};
use recorder::manifest::{FileState, State};

/// A recorder whose disk has 4 MB. What is on it is copied to the directory afterwards.
fn on_a_small_disk(directory: &Path, min_free: &str) -> Recorder {
    let mut command = Command::new("unshare");
    let script = r#"mkdir -p "$1/disk" && mount -t tmpfs -o size=4m none "$1/disk" || exit 77
        "$2" record --directory "$1/disk" --min-free "$3"; code=$?
        cp -r "$1/disk/." "$1/" && exit $code"#;
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(directory).arg(env!("CARGO_BIN_EXE_moothall-recorder")).arg(min_free);
    Recorder::spawn(directory, command)
}

/// Twelve megabytes of pictures that cannot be compressed, in four seconds.
fn flood(source: &Source) -> Vec<Packet> {
    source.make(
        "videotestsrc pattern=snow num-buffers=120 ! video/x-raw,format=I420,width=320,height=180,framerate=30/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast pass=quant quantizer=4 key-int-max=15 \
         ! rtph264pay pt=100 ssrc=7 mtu=1200 config-interval=-1",
    )
}

/// A recorder on a small disk, and a stream that has begun.
fn begun(test: &str, min_free: &str) -> (Recorder, Vec<Packet>) {
    let mut recorder = on_a_small_disk(&folder(test), min_free);
    recorder.begin(common::recorder::begin());
    let source = Source::new(7, "3f2a9c41", "3f2a9c41-v0", Codec::H264, 100);
    recorder.stream(ms(0), &source);
    (recorder, flood(&source))
}

#[test]
fn a_full_disk_ends_the_recording_and_what_was_recorded_plays() {
    let (mut recorder, packets) = begun("full", "0");
    assert!(packets.iter().map(|packet| packet.rtp.len()).sum::<usize>() > 6_000_000);
    for packet in &packets {
        recorder.packet(packet);
        if recorder.is_gone() {
            break;
        }
    }
    let error = recorder.done().unwrap();
    assert!(error.contains("Delete or move older recordings"), "{error}");
    let manifest = recorder.manifest();
    assert_eq!((manifest.state, manifest.error), (State::Finished, Some(error)));
    let (file, path) = recorder.file("3f2a9c41-v0");
    assert_eq!(file.state, FileState::Cut);
    assert!(file.bytes > 1_000_000 && file.bytes == path.metadata().unwrap().len(), "{file:?}");
    assert!(pictures(&path).len() > 10);
    assert!(recorder.folder().join("events.json").exists());
}

#[test]
fn before_the_disk_is_full_people_are_warned_and_files_are_closed() {
    let (mut recorder, packets) = begun("nearly-full", "2");
    recorder.until(|answer| matches!(answer, Answer::Warning { .. }));
    // More than may be, and less than there is.
    let mut bytes = 0;
    for packet in packets {
        bytes += packet.rtp.len();
        if bytes < 3_600_000 {
            recorder.packet(&packet);
        }
    }
    recorder.flush();
    let error = recorder.done().unwrap();
    assert!(error.contains("must remain"), "{error}");
    let (file, path) = recorder.file("3f2a9c41-v0");
    assert_eq!(file.state, FileState::Closed);
    assert_eq!(pictures(&path).len() as u64, file.frames);
}
