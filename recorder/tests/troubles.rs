//! What goes wrong in meetings and machines, and what is recorded all the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests may"
)]

mod common;

use common::media::{Packet, Source, follow};
use common::playback::{pictures, sound};
use common::recorder::{Recorder, begin, manifest};
use common::{folder, ms};
use media_tap::{Answer, Begin, Codec, Happening, Note, PayloadType, Wish};
use recorder::events::Event;
use recorder::manifest::{FileState, State};

fn camera(codec: Codec) -> Source {
    Source::new(7, "3f2a9c41", "3f2a9c41-v0", codec, 100)
}

fn microphone() -> Source {
    Source::new(8, "3f2a9c41", "3f2a9c41-a0", Codec::Opus, 111)
}

/// Every twentieth packet is lost at first.
fn is_lost(index: usize) -> bool {
    index % 20 == 7
}

#[test]
fn what_is_sent_again_within_a_second_is_not_lost() {
    let mut recorder = Recorder::begun(&folder("late"));
    let source = camera(Codec::Vp8);
    let mut packets = source.pictures("pattern=ball", (320, 180), 90, 90);
    let count = packets.len() as u64;
    for (index, packet) in packets.iter_mut().enumerate() {
        if is_lost(index) {
            packet.at += ms(900);
        }
    }
    recorder.stream(ms(0), &source);
    recorder.packets(&[&packets]);
    assert_eq!(recorder.end(ms(4000)), None);
    let (file, path) = recorder.file("3f2a9c41-v0");
    assert_eq!((file.frames, file.lost, file.packets), (90, 0, count));
    let pictures = pictures(&path);
    assert_eq!(pictures.len(), 90);
    assert!(pictures[89].time.abs_diff(ms(2967)) < ms(20));
}

#[test]
fn a_loss_costs_the_pictures_up_to_the_next_key_frame_and_asks_for_one() {
    let mut recorder = Recorder::begun(&folder("lost"));
    let source = camera(Codec::H264);
    let packets = source.pictures("pattern=ball", (320, 180), 150, 15);
    let lost = packets.iter().enumerate().filter(|(index, _)| is_lost(*index)).count() as u64;
    let kept: Vec<Packet> =
        packets.iter().enumerate().filter(|(index, _)| !is_lost(*index)).map(|(_, packet)| packet.clone()).collect();
    recorder.stream(ms(0), &source);
    recorder.packets(&[&kept]);
    assert_eq!(recorder.end(ms(6000)), None);
    let (file, path) = recorder.file("3f2a9c41-v0");
    assert_eq!(file.lost, lost);
    assert!(file.dropped > 0 && !file.breaks.is_empty());
    assert_eq!(pictures(&path).len() as u64, file.frames);
    let wishes = recorder.answers.iter().filter(|answer| **answer == Answer::Wish(Wish::KeyFrame { ssrc: 7 })).count();
    assert!((1..=6).contains(&wishes), "{wishes}");
}

#[test]
fn silence_is_a_gap_even_if_the_clock_stood_still() {
    let mut recorder = Recorder::begun(&folder("mute"));
    let source = microphone();
    let mut packets = source.tone(440, 150);
    // Muted for four seconds after one second.
    for packet in &mut packets[50..] {
        packet.at += ms(4000);
    }
    recorder.stream(ms(0), &source);
    recorder.packets(&[&packets]);
    assert_eq!(recorder.end(ms(7000)), None);
    let (file, path) = recorder.file("3f2a9c41-a0");
    assert!((file.duration_ms - 7000.0).abs() < 100.0, "{file:?}");
    let sound = sound(&path);
    let after = sound.iter().find(|(time, _)| *time > ms(1100)).unwrap();
    assert!(after.0.abs_diff(ms(5000)) < ms(80), "{:?}", after.0);
}

#[test]
fn another_size_goes_on_in_the_same_file_or_in_a_new_one() {
    for (codec, files) in [(Codec::Vp8, 1), (Codec::H264, 2)] {
        let mut recorder = Recorder::begun(&folder(&format!("size-{files}")));
        let source = camera(codec);
        let small = source.pictures("pattern=ball", (320, 180), 30, 30);
        let mut large = source.pictures("pattern=ball", (640, 360), 30, 30);
        follow(&small, &mut large, ms(1000));
        recorder.stream(ms(0), &source);
        recorder.packets(&[&small, &large]);
        assert_eq!(recorder.end(ms(2000)), None);
        let recorded = recorder.files("3f2a9c41-v0");
        assert_eq!(recorded.len(), files);
        let all: Vec<_> = recorded.iter().flat_map(|(_, path)| pictures(path)).collect();
        assert_eq!(all.len(), 60);
        assert_eq!((all[0].size, all[59].size), ((320, 180), (640, 360)));
        let last = &recorded[files - 1].0;
        let expected = if files == 1 { 0.0 } else { 1000.0 };
        assert!((last.offset_ms - expected).abs() < 50.0, "{last:?}");
    }
}

#[test]
fn another_codec_begins_a_new_file() {
    let mut recorder = Recorder::begun(&folder("codec"));
    let (vp8, vp9) = (camera(Codec::Vp8), Source { payload_type: 101, ..camera(Codec::Vp9) });
    let first = vp8.pictures("pattern=ball", (320, 180), 30, 30);
    let mut second = vp9.pictures("pattern=ball", (320, 180), 30, 30);
    follow(&first, &mut second, ms(1000));
    let mut note = vp8.note();
    note.payload_types.push(PayloadType { id: 101, codec: Codec::Vp9, clock_rate: 90_000 });
    recorder.note(ms(0), &Note::Stream(note));
    recorder.packets(&[&first, &second]);
    assert_eq!(recorder.end(ms(2000)), None);
    let files = recorder.files("3f2a9c41-v0");
    assert_eq!(
        files.iter().map(|(file, _)| (file.codec, file.run)).collect::<Vec<_>>(),
        [(Codec::Vp8, 1), (Codec::Vp9, 2)]
    );
    assert!(files.iter().all(|(_, path)| pictures(path).len() == 30));
}

#[test]
fn a_killed_recorder_leaves_files_that_play_and_the_next_goes_on() {
    let directory = folder("killed");
    let sources = [camera(Codec::H264), microphone(), Source::new(9, "77aa0b1c", "77aa0b1c-v0", Codec::Vp8, 100)];
    let media = [
        sources[0].pictures("pattern=ball", (320, 180), 150, 300),
        sources[1].tone(440, 250),
        sources[2].pictures("pattern=ball", (320, 180), 150, 300),
    ];
    let mut recorder = Recorder::begun(&directory);
    for source in &sources {
        recorder.stream(ms(0), source);
    }
    recorder.happened(ms(0), Happening::Joined { endpoint: "3f2a9c41".to_owned(), name: Some("Alice".to_owned()) });
    recorder.packets(&[&media[0], &media[1], &media[2]]);
    // It answers when all before this is read.
    recorder.until_read(ms(5000));
    let folder = recorder.folder();
    until_grown(&folder);
    recorder.kill();

    let mut recorder = Recorder::start(&directory);
    recorder.begin(Begin { attempt: 1, unix_ms: begin().unix_ms + 8_000, ..begin() });
    recorder.stream(ms(0), &sources[1]);
    recorder.packets(&[&media[1]]);
    assert_eq!(recorder.end(ms(5000)), None);

    let manifest = manifest(&folder);
    assert_eq!((manifest.state, manifest.duration_ms), (State::Finished, 13_000));
    let attempts: Vec<_> = manifest.attempts.iter().map(|attempt| (attempt.begin_ms, attempt.end_ms)).collect();
    assert_eq!(attempts, [(0, None), (8_000, Some(13_000))]);
    let files: Vec<_> = manifest.files.iter().map(|file| (file.file.as_str(), file.state, file.attempt)).collect();
    assert_eq!(files[files.len() - 1], ("3f2a9c41-a0.2.mp4", FileState::Closed, 1), "{files:?}");
    assert_eq!(files.iter().filter(|(_, state, _)| *state == FileState::Cut).count(), 3);
    assert!((manifest.files[3].offset_ms - 8_000.0).abs() < 50.0);
    for file in &manifest.files[..3] {
        let path = folder.join(&file.file);
        let end = match file.codec {
            Codec::Opus => sound(&path).last().unwrap().0,
            _ => pictures(&path).last().unwrap().time,
        };
        assert!(end >= ms(3000), "{} ends after {end:?}", file.file);
    }
    let events = std::fs::read(folder.join("events.json")).unwrap();
    let events: Vec<Event> = serde_json::from_slice(&events).unwrap();
    assert_eq!(events.len(), 1);
}

/// Waits until all files have four of five seconds' fragments: another thread writes them.
fn until_grown(folder: &std::path::Path) {
    let until = std::time::Instant::now() + common::DEADLINE;
    let fragments = |path: &std::path::Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        let mark: &[u8] =
            if path.extension().is_some_and(|it| it == "mp4") { b"moof" } else { &[0x1f, 0x43, 0xb6, 0x75] };
        bytes.windows(4).filter(|four| *four == mark).count()
    };
    loop {
        let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let media = files.iter().filter(|path| path.extension().is_some_and(|it| it == "mp4" || it == "webm"));
        if media.filter(|path| fragments(path) >= 4).count() == 3 && manifest(folder).files.len() == 3 {
            return;
        }
        assert!(std::time::Instant::now() < until);
        std::thread::yield_now();
    }
}

#[test]
fn a_socket_that_closes_ends_the_recording() {
    let mut recorder = Recorder::begun(&folder("closed"));
    let source = microphone();
    recorder.stream(ms(0), &source);
    let packets = source.tone(440, 100);
    recorder.packets(&[&packets]);
    recorder.flush();
    let folder = recorder.folder();
    assert!(recorder.hang_up().success());
    let manifest = manifest(&folder);
    assert_eq!((manifest.state, manifest.files[0].state), (State::Finished, FileState::Closed));
    assert_eq!(manifest.files[0].frames, packets.len() as u64);
}

#[test]
fn a_recorder_that_is_told_to_end_finishes_its_files_within_two_seconds() {
    let mut recorder = Recorder::begun(&folder("told"));
    let source = camera(Codec::Vp9);
    recorder.stream(ms(0), &source);
    recorder.packets(&[&source.pictures("pattern=ball", (320, 180), 60, 60)]);
    recorder.until_read(ms(2000));
    let began = std::time::Instant::now();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(recorder.child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(recorder.done(), None);
    assert!(began.elapsed() < ms(2000), "{:?}", began.elapsed());
    let (file, path) = recorder.file("3f2a9c41-v0");
    assert_eq!((file.frames, pictures(&path).len()), (60, 60));
}

#[test]
fn a_name_that_is_taken_is_left_alone() {
    let directory = folder("taken");
    std::fs::create_dir(directory.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", directory.join("garden-1")).unwrap();
    let mut recorder = Recorder::begun(&directory);
    assert_eq!(recorder.end(ms(10)), None);
    assert!(std::fs::read_dir(directory.join("elsewhere")).unwrap().next().is_none());
    assert_eq!(manifest(&directory.join("garden-1-2")).recording, "garden-1-2");
}

#[test]
fn garbage_is_no_reason_to_end() {
    let mut recorder = Recorder::begun(&folder("garbage"));
    let source = microphone();
    recorder.stream(ms(0), &source);
    let packets = source.tone(440, 100);
    let mut state = 88_172_645_463_325_252_u64;
    for chunk in packets.chunks(2) {
        recorder.packets(&[chunk]);
        let garbage: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        })
        .take(200)
        .collect();
        recorder.bytes(&garbage);
        // As RTP of the stream, and as a note.
        let rtp = [&[0x80, 111][..], &garbage[..2], &garbage[2..6], &8_u32.to_be_bytes(), &garbage[6..]].concat();
        recorder.packet(&Packet { at: chunk[0].at, rtp });
        recorder.bytes(&[&[3, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0, 0][..], &garbage].concat());
        recorder.bytes(&[&[1, 0, 0, 20, 255, 255, 255, 255, 255, 255, 255, 255][..], &garbage[..20]].concat());
    }
    assert_eq!(recorder.end(ms(3000)), None);
    let (file, path) = recorder.file("3f2a9c41-a0");
    assert!(file.frames >= 90, "{file:?}");
    assert!(!sound(&path).is_empty());
}
