use super::*;

const RATE: u32 = 90_000;

fn at(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

/// A frame of one packet; `number` is its place in the encoding.
fn frame(encoding: u8, number: u64, timestamp: u32, key_start: bool) -> Incoming {
    Incoming {
        encoding,
        sequence: ExtSeq(100_000 * u64::from(encoding + 1) + number),
        newest: ExtSeq(100_000 * u64::from(encoding + 1) + number),
        timestamp,
        payload_type: 100,
        marker: true,
        key_start,
        picture_id: Some((number % 0x8000) as u16),
        tl0: Some(number as u8),
        frame_number: Some((number as u16).wrapping_mul(3)),
        ..Incoming::default()
    }
}

fn video() -> Projection {
    Projection::new(false, RATE, Seq(7))
}

fn forwarded(verdict: Verdict) -> Outgoing {
    match verdict {
        Verdict::Forward(outgoing) => outgoing,
        Verdict::Reject => panic!("rejected"),
    }
}

#[test]
fn checklist_83_nothing_goes_out_before_a_key_frame_and_one_is_wanted() {
    let start = Instant::now();
    let mut projection = video();
    assert_eq!(projection.project(start, &frame(0, 1, 0, true), &[]), Verdict::Reject, "no target");
    projection.set_target(Some(Layer::all_of(1)));
    assert_eq!(projection.project(start, &frame(1, 1, 0, false), &[]), Verdict::Reject);
    assert_eq!(projection.wanted_key_frame(), Some(1));
    let first = forwarded(projection.project(start, &frame(1, 2, 3000, true), &[]));
    assert!(first.switched);
    assert_eq!((first.sequence, first.timestamp), (Seq(7), 3000));
    assert_eq!(projection.wanted_key_frame(), None);
    let next = forwarded(projection.project(start, &frame(1, 3, 6000, false), &[]));
    assert_eq!((next.sequence, next.switched), (Seq(8), false));
}

#[test]
fn within_one_group_of_key_frames_the_first_is_shown_and_the_next_climb() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(2)));
    let mut answers = Vec::new();
    for (ms, encoding) in [(0, 0), (40, 2), (60, 1)] {
        answers.push(projection.project(at(start, ms), &frame(encoding, 1, 0, true), &[]) != Verdict::Reject);
    }
    assert_eq!(answers, [true, true, false], "lowest first, then the target, then nothing lower");
    assert_eq!(projection.current(), Some(2));
}

#[test]
fn a_key_frame_above_the_target_is_never_taken() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(1)));
    assert_eq!(projection.project(start, &frame(2, 1, 0, true), &[]), Verdict::Reject);
    assert_ne!(projection.project(at(start, 50), &frame(1, 1, 0, true), &[]), Verdict::Reject);
}

#[test]
fn chapter_9_1_the_old_encoding_goes_on_until_the_new_one_can_start() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(0)));
    projection.project(start, &frame(0, 1, 0, true), &[]);
    projection.set_target(Some(Layer::all_of(2)));
    let mut outputs = Vec::new();
    for step in 1..30_u64 {
        let now = at(start, 400 + step * 33);
        let timestamp = (step * 3000) as u32;
        for encoding in [0, 2] {
            let key = encoding == 2 && step == 15;
            let packet = frame(encoding, 1 + step, timestamp, key);
            if projection.project(now, &packet, &[]) != Verdict::Reject {
                outputs.push((encoding, step));
            }
            if step == 5 {
                assert_eq!(projection.wanted_key_frame(), Some(2));
            }
        }
    }
    let expected: Vec<(u8, u64)> = (1..=15).map(|step| (0, step)).chain((15..30).map(|step| (2, step))).collect();
    assert_eq!(outputs, expected, "no packet of the old encoding follows the first of the new");
}

#[test]
fn going_down_waits_for_a_key_frame_below() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(2)));
    projection.project(start, &frame(2, 1, 0, true), &[]);
    projection.set_target(Some(Layer::all_of(0)));
    let later = at(start, 1000);
    assert_ne!(projection.project(later, &frame(2, 2, 90_000, false), &[]), Verdict::Reject);
    assert_eq!(projection.project(later, &frame(0, 2, 90_000, false), &[]), Verdict::Reject);
    assert_eq!(projection.wanted_key_frame(), Some(0));
    assert_ne!(
        projection.project(later, &frame(2, 3, 93_000, true), &[]),
        Verdict::Reject,
        "its own key frame keeps it decodable"
    );
    assert_ne!(projection.project(later, &frame(0, 3, 93_000, true), &[]), Verdict::Reject);
    assert_eq!(projection.project(later, &frame(2, 4, 96_000, false), &[]), Verdict::Reject);
}

#[test]
fn a_pause_ends_with_a_key_frame_and_the_next_number() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(0)));
    let first = forwarded(projection.project(start, &frame(0, 1, 0, true), &[]));
    projection.set_target(None);
    projection.set_target(Some(Layer::all_of(0)));
    let later = at(start, 10_000);
    assert_eq!(projection.project(later, &frame(0, 300, 900_000, false), &[]), Verdict::Reject);
    let resumed = forwarded(projection.project(later, &frame(0, 301, 900_000, true), &[]));
    assert_eq!(resumed.sequence, first.sequence.next());
    assert_eq!(resumed.timestamp.wrapping_sub(first.timestamp), 900_000, "time went on");
    assert_eq!((resumed.picture_id, resumed.tl0), (Some(2), Some(2)));
}

#[test]
fn checklist_84_a_frame_that_was_cut_by_a_switch_leaves_a_hole() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(1)));
    let half = Incoming { marker: false, ..frame(0, 1, 0, true) };
    let cut = forwarded(projection.project(start, &half, &[]));
    let next = forwarded(projection.project(at(start, 10), &frame(1, 1, 0, true), &[]));
    assert_eq!(next.sequence, cut.sequence.plus(2));
}

#[test]
fn checklist_83_packets_from_before_a_switch_are_not_accepted_any_more() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(0)));
    let key = Incoming { newest: ExtSeq(100_010), ..frame(0, 10, 0, true) };
    forwarded(projection.project(start, &key, &[]));
    assert_eq!(projection.project(start, &frame(0, 9, 0, false), &[]), Verdict::Reject);
    assert_eq!(forwarded(projection.project(start, &frame(0, 12, 6000, false), &[])).sequence, Seq(9));
    assert_eq!(
        forwarded(projection.project(start, &frame(0, 11, 3000, false), &[])).sequence,
        Seq(8),
        "a late packet has its place"
    );
}

#[test]
fn a_key_frame_that_comes_far_too_late_starts_nothing() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(0)));
    let late = Incoming { newest: ExtSeq(100_200), ..frame(0, 1, 0, true) };
    assert_eq!(projection.project(start, &late, &[]), Verdict::Reject);
    let slightly = Incoming { newest: ExtSeq(100_020), ..frame(0, 1, 0, true) };
    assert_ne!(projection.project(start, &slightly, &[]), Verdict::Reject);
}

#[test]
fn checklist_89_chapter_9_26_a_codec_change_on_the_same_stream_waits_for_a_key_frame_and_goes_on() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(0)));
    forwarded(projection.project(start, &frame(0, 1, 0, true), &[]));
    let other = |number, key| Incoming { payload_type: 101, ..frame(0, number, (number * 3000) as u32, key) };
    let later = at(start, 1000);
    assert_eq!(projection.project(later, &other(2, false), &[]), Verdict::Reject);
    assert_eq!(projection.wanted_key_frame(), Some(0));
    let started = forwarded(projection.project(later, &other(3, true), &[]));
    assert_eq!(started.sequence, Seq(8));
}

#[test]
fn audio_starts_anywhere_keeps_its_timestamps_and_ignores_payload_types() {
    let start = Instant::now();
    let mut projection = Projection::new(true, 48_000, Seq(100));
    projection.set_target(Some(Layer::all_of(0)));
    let packet = |number: u64, payload_type| Incoming {
        payload_type,
        marker: false,
        picture_id: None,
        tl0: None,
        ..frame(0, number, (number * 960) as u32, true)
    };
    for number in 1..10 {
        let out = forwarded(projection.project(at(start, number * 20), &packet(number, 111), &[]));
        assert_eq!((out.sequence.0, out.timestamp), (99 + number as u16, number as u32 * 960));
    }
    let event = forwarded(projection.project(at(start, 200), &packet(10, 126), &[]));
    assert!(!event.switched);
    projection.set_target(None);
    projection.set_target(Some(Layer::all_of(0)));
    let resumed = forwarded(projection.project(at(start, 400), &packet(20, 111), &[]));
    assert_eq!((resumed.sequence, resumed.timestamp), (Seq(110), 20 * 960));
}

/// Two encodings of one camera with unrelated timestamp bases, switched back and forth at every key frame.
#[test]
fn checklist_85_chapter_9_19_timestamps_grow_with_every_frame_and_follow_the_wall_clock_over_many_switches() {
    for with_reports in [false, true] {
        let start = Instant::now();
        let mut projection = video();
        let base = [5_u32, 4_000_000_000];
        let clock =
            |encoding: usize| with_reports.then(|| SenderClock { ntp: 77 << 32, rtp: base[encoding], at: start });
        let clocks = [clock(0), clock(1)];
        let mut last: Option<Outgoing> = None;
        let mut first = None;
        let mut switches = 0;
        for step in 0..20_000_u64 {
            let captured = step * 33;
            // Arrival wavers by up to 20 ms.
            let now = at(start, captured + (step * 7919) % 20);
            if step % 100 == 0 {
                projection.set_target(Some(Layer::all_of(((step / 100) % 2) as u8)));
            }
            for encoding in 0..2_u8 {
                let timestamp = base[usize::from(encoding)].wrapping_add((captured * 90) as u32);
                let packet = frame(encoding, step, timestamp, step % 100 == 20 || step == 0);
                let Verdict::Forward(out) = projection.project(now, &packet, &clocks) else {
                    continue;
                };
                switches += u32::from(out.switched);
                if let Some(last) = last {
                    assert_eq!(out.sequence, last.sequence.next(), "step {step}");
                    assert!(signed(out.timestamp.wrapping_sub(last.timestamp)) > 0, "step {step}");
                    assert_eq!(out.picture_id, last.picture_id.map(|id| (id + 1) % PICTURE_IDS), "step {step}");
                    assert_eq!(out.tl0, last.tl0.map(|tl0| tl0.wrapping_add(1)), "step {step}");
                }
                let (first_out, first_capture) = *first.get_or_insert((out.timestamp, captured));
                let media = signed(out.timestamp.wrapping_sub(first_out)) / 90;
                let wall = (captured - first_capture) as i64;
                let bound = if with_reports { 45 } else { 80 };
                assert!((media - wall).abs() < bound, "step {step}: {media} against {wall}");
                last = Some(out);
            }
        }
        assert!(switches > 190, "{switches}");
    }
}

#[test]
fn a_missed_packet_is_found_by_its_outgoing_number_until_the_next_switch() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(0)));
    forwarded(projection.project(start, &frame(0, 5, 0, true), &[]));
    let second = forwarded(projection.project(start, &frame(0, 6, 3000, false), &[]));
    let (encoding, sequence) = projection.locate(second.sequence).unwrap();
    assert_eq!((encoding, sequence), (0, ExtSeq(100_006)));
    assert_eq!(projection.again(&frame(0, 6, 3000, false)), Some(second));
    projection.set_target(Some(Layer::all_of(1)));
    forwarded(projection.project(at(start, 50), &frame(1, 1, 0, true), &[]));
    assert_eq!(projection.locate(second.sequence), None);
    assert_eq!(projection.again(&frame(0, 6, 3000, false)), None);
}

#[test]
fn frame_numbers_run_on_over_a_switch_although_the_encodings_number_apart() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(1)));
    let numbered = |encoding, number, key, frame_number| Incoming {
        frame_number: Some(frame_number),
        ..frame(encoding, number, 0, key)
    };
    let mut numbers = Vec::new();
    for (ms, packet) in [
        (0, numbered(0, 1, true, 65_534)),
        (33, numbered(0, 2, false, 65_535)),
        (66, numbered(0, 3, false, 0)),
        (90, numbered(1, 7, true, 40_000)),
        (120, numbered(1, 8, false, 40_001)),
    ] {
        numbers.push(forwarded(projection.project(at(start, ms), &packet, &[])).frame_number.unwrap());
    }
    assert_eq!(numbers, [65_534, 65_535, 0, 1, 2]);
}

#[test]
fn after_an_interruption_numbers_run_on_without_a_gap_from_the_next_key_frame() {
    let start = Instant::now();
    let mut projection = video();
    projection.set_target(Some(Layer::all_of(0)));
    let before = forwarded(projection.project(start, &frame(0, 1, 0, true), &[]));
    projection.interrupt();
    assert_eq!(projection.wanted_key_frame(), Some(0));
    assert_eq!(projection.project(at(start, 60_000), &frame(0, 20_000, 5_400_000, false), &[]), Verdict::Reject);
    let after = forwarded(projection.project(at(start, 60_033), &frame(0, 20_001, 5_403_000, true), &[]));
    assert_eq!(after.sequence, before.sequence.next());
}
