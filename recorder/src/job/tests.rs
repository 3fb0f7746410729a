//! Scripts of a job.

use media_tap::{Codec, Kind, PayloadType, VERSION, Wish};

use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn begin() -> Begin {
    Begin {
        version: VERSION,
        recording: "garden-1".to_owned(),
        room: "garden".to_owned(),
        meeting: "5a1d0e2c".to_owned(),
        unix_ms: 1_000,
        initiator: None,
        attempt: 0,
    }
}

fn stream(codec: Codec) -> media_tap::Stream {
    media_tap::Stream {
        ssrc: 7,
        kind: if codec == Codec::Opus { Kind::Audio } else { Kind::Video },
        endpoint: "3f2a9c41".to_owned(),
        source: "../3f2a9c41 v0".to_owned(),
        desktop: false,
        payload_types: vec![PayloadType {
            id: 100,
            codec,
            clock_rate: if codec == Codec::Opus { 48_000 } else { 90_000 },
        }],
    }
}

fn note(job: &mut Job, at: u64, note: &Note) -> Vec<Output> {
    let json = serde_json::to_vec(note).unwrap();
    job.on_frame(Frame { at: ms(at), body: Body::Note(&json) });
    drain(job)
}

fn drain(job: &mut Job) -> Vec<Output> {
    std::iter::from_fn(|| job.poll()).filter(|output| *output != Output::Save).collect()
}

/// A whole frame.
fn rtp(job: &mut Job, at: u64, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<Output> {
    packet(job, at, sequence, timestamp, true, payload)
}

fn packet(job: &mut Job, at: u64, sequence: u16, timestamp: u32, ends: bool, payload: &[u8]) -> Vec<Output> {
    let ([s0, s1], kind) = (sequence.to_be_bytes(), if ends { 0x80 | 100 } else { 100 });
    let packet = [&[0x80, kind, s0, s1][..], &timestamp.to_be_bytes(), &7_u32.to_be_bytes(), payload].concat();
    job.on_frame(Frame { at: ms(at), body: Body::Rtp(&packet) });
    drain(job)
}

/// A job that records, with one stream.
fn recording(codec: Codec, previous: Option<Manifest>) -> Job {
    let mut job = Job::default();
    assert_eq!(note(&mut job, 0, &Note::Begin(begin())), [Output::Prepare(begin())]);
    job.on_prepared("garden-1".to_owned(), previous, Vec::new());
    assert_eq!(drain(&mut job), [Output::Say(Answer::Ready)]);
    assert_eq!(note(&mut job, 0, &Note::Stream(stream(codec))), []);
    job
}

const KEY: [u8; 11] = [0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];
const INTER: [u8; 3] = [0x10, 0x11, 0];

#[test]
fn a_recording_begins_and_ends() {
    let mut job = recording(Codec::Opus, None);
    let outputs = rtp(&mut job, 30, 1, 960, &[0xfc, 1, 2]);
    let [Output::Open(opening), Output::Write(sample)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(opening.name, "___3f2a9c41_v0.1.mp4", "a name from a browser cannot leave the folder");
    assert_eq!((sample.time, sample.duration), (ms(0), ms(20)));
    assert_eq!(note(&mut job, 1000, &Note::End { reason: "over".to_owned() }), [Output::Close(0)]);
    assert_eq!(rtp(&mut job, 1001, 2, 1920, &[0xfc, 1, 2]), []);
    job.on_closed(0, 123, FileState::Closed);
    assert_eq!(drain(&mut job), [Output::Finish]);
    let manifest = job.manifest();
    assert_eq!(
        (manifest.state, manifest.reason.as_deref(), manifest.duration_ms),
        (State::Finished, Some("over"), 1000)
    );
    assert_eq!((manifest.files[0].bytes, manifest.files[0].packets), (123, 1));
    assert!((manifest.files[0].offset_ms - 30.0).abs() < 0.01);
}

#[test]
fn what_cannot_be_recorded_is_refused_in_words() {
    for wrong in [Begin { version: VERSION + 1, ..begin() }, Begin { recording: "../x".to_owned(), ..begin() }] {
        let mut job = Job::default();
        assert_eq!(note(&mut job, 0, &Note::Begin(wrong)), [Output::Finish]);
        assert!(job.manifest().error.is_some());
    }
    let mut job = Job::default();
    job.stop("told to", None);
    assert_eq!(drain(&mut job), [Output::Finish]);
}

#[test]
fn pictures_begin_with_a_key_frame_which_is_asked_for_once_a_second() {
    let mut job = recording(Codec::Vp8, None);
    let wish = [Output::Say(Answer::Wish(Wish::KeyFrame { ssrc: 7 }))];
    assert_eq!(rtp(&mut job, 0, 1, 0, &INTER), wish);
    assert_eq!(rtp(&mut job, 500, 2, 45_000, &INTER), []);
    assert_eq!(rtp(&mut job, 1000, 3, 90_000, &INTER), wish);
    assert_eq!(rtp(&mut job, 1100, 4, 99_000, &KEY).len(), 2);
    assert_eq!(rtp(&mut job, 1200, 6, 117_000, &INTER), []);
    job.tick(ms(1000));
    assert_eq!(drain(&mut job), wish, "a gap that nothing fills");
    assert!(matches!(rtp(&mut job, 2400, 7, 225_000, &KEY)[..], [Output::Write(_)]));
    job.count();
    let file = &job.manifest().files[0];
    assert_eq!((file.frames, file.dropped, file.lost, file.breaks[0].packets), (2, 1, 1, 1));
}

#[test]
fn whoever_leaves_in_the_middle_of_a_picture_leaves_no_part_of_it() {
    let mut job = recording(Codec::Vp8, None);
    rtp(&mut job, 0, 1, 0, &KEY);
    assert_eq!(packet(&mut job, 30, 2, 2700, false, &INTER), []);
    assert!(matches!(packet(&mut job, 60, 3, 5400, false, &INTER)[..], [Output::Write(_)]), "its end was not marked");
    assert_eq!(note(&mut job, 100, &Note::End { reason: "over".to_owned() }), [Output::Close(0)]);
}

#[test]
fn a_key_frame_a_minute_is_for_those_who_look_for_a_place() {
    let mut job = recording(Codec::Vp8, None);
    let wish = Output::Say(Answer::Wish(Wish::KeyFrame { ssrc: 7 }));
    let wishes = |outputs: Vec<Output>| outputs.contains(&wish);
    rtp(&mut job, 0, 1, 0, &KEY);
    for second in 1..=60_u16 {
        let outputs = rtp(&mut job, u64::from(second) * 1000, second + 1, u32::from(second) * 90_000, &INTER);
        assert_eq!(wishes(outputs), second == 60, "{second}");
    }
    assert!(!wishes(rtp(&mut job, 61_000, 62, 61 * 90_000, &INTER)), "once");
}

#[test]
fn another_attempt_goes_on_with_new_files() {
    let mut job = recording(Codec::Vp8, None);
    rtp(&mut job, 0, 1, 0, &KEY);
    let previous = job.manifest().clone();
    let mut job = recording(Codec::Vp8, Some(previous));
    let outputs = rtp(&mut job, 0, 1, 0, &KEY);
    assert!(matches!(&outputs[0], Output::Open(opening) if opening.file == 1 && opening.name.ends_with(".2.webm")));
    assert_eq!(job.manifest().files[0].state, FileState::Cut);
    assert_eq!(job.manifest().attempts.len(), 2);
}

#[test]
fn a_file_that_fails_is_followed_by_another_and_a_stream_that_always_fails_is_given_up() {
    let mut job = recording(Codec::Vp8, None);
    let mut files = 0;
    for turn in 0..6 {
        let outputs = rtp(&mut job, 100 * u64::from(turn), turn, 9_000 * u32::from(turn), &KEY);
        if let Some(Output::Open(opening)) = outputs.first() {
            files += 1;
            job.on_closed(opening.file, 0, FileState::Unreadable);
        }
    }
    assert_eq!(files, 3);
}

#[test]
fn what_nobody_announced_is_counted() {
    let mut job = recording(Codec::Vp8, None);
    job.on_frame(Frame { at: ms(0), body: Body::Rtp(&[0x80, 100, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 1]) });
    job.on_frame(Frame { at: ms(0), body: Body::Rtp(b"garbage") });
    job.on_frame(Frame { at: Duration::MAX, body: Body::Note(b"{") });
    assert_eq!(job.counts(), Counts { malformed: 2, unknown: 1, late: 0 });
    assert_eq!(drain(&mut job), []);
}
