use super::*;

const MS: Duration = Duration::from_millis(1);

/// Frames of two packets in the pattern 0 2 1 2, 33 ms apart; every eighth and the two after it can be stepped up at.
fn packet(frame: u64, part: u64) -> Incoming {
    let temporal = [0, 2, 1, 2][usize::try_from(frame % 4).unwrap()];
    Incoming {
        sequence: ExtSeq(1000 + frame * 2 + part),
        timestamp: u32::try_from(frame * 3000).unwrap(),
        temporal,
        step: if matches!(frame % 8, 1 | 2) { Step::Here } else { Step::No },
        ..Incoming::default()
    }
}

struct Run {
    thinning: Thinning,
    start: Instant,
}

impl Run {
    fn new() -> Self {
        let mut run = Self { thinning: Thinning::after(0, 0, true), start: Instant::now() };
        run.take(packet(0, 0), 2);
        run
    }

    /// Number and left-out frames of a packet that goes out.
    fn take(&mut self, packet: Incoming, most: u8) -> Option<(u64, u16)> {
        let now = self.start + MS * packet.timestamp / 90;
        let passes = self.thinning.passes(now, &packet, Highest { spatial: 0, temporal: most });
        let number = self.thinning.number(packet.sequence).zip(self.thinning.shape(&packet));
        passes.then(|| number.unwrap()).map(|(number, shape)| (number.0, shape.left_out))
    }

    fn frames(&mut self, frames: std::ops::Range<u64>, most: u8) -> Vec<u64> {
        let passed = |frame: &u64| (0..2).all(|part| self.take(packet(*frame, part), most).is_some());
        frames.filter(passed).collect()
    }
}

#[test]
fn what_is_left_out_leaves_no_hole_and_is_found_again() {
    let mut run = Run::new();
    let (mut expected, mut left_out) = (1002, 0);
    for frame in 1..1000 {
        let out = [run.take(packet(frame, 0), 1), run.take(packet(frame, 1), 1)];
        if frame % 2 == 1 {
            assert_eq!(out, [None, None]);
            left_out += 1;
            continue;
        }
        assert_eq!(out, [Some((expected, left_out)), Some((expected + 1, left_out))], "frame {frame}");
        let source = run.thinning.source_number(ExtSeq(expected));
        assert_eq!(source, packet(frame, 0).sequence);
        expected += 2;
    }
}

#[test]
fn losses_keep_their_number_and_late_packets_the_decision_on_their_frame() {
    let mut run = Run::new();
    assert_eq!(run.take(packet(1, 0), 1), None);
    assert_eq!(run.take(packet(2, 0), 1), Some((1003, 1)), "the second packet of the frame before may have been lost");
    assert_eq!(run.take(packet(1, 1), 1), None, "it was late");
    assert_eq!(run.take(packet(4, 0), 2), Some((1007, 1)), "frame 3 and half of frame 2 are missing");
    assert_eq!(run.take(packet(2, 1), 0), Some((1004, 1)), "late, after less was wanted");
    assert_eq!(run.take(packet(3, 0), 2), None, "its layer did not go out then");
    assert_eq!(run.thinning.source_number(ExtSeq(1004)), ExtSeq(1005));
}

#[test]
fn more_begins_where_nothing_is_missing_for_it() {
    let mut run = Run::new();
    assert_eq!(run.frames(1..9, 0), [4, 8]);
    assert_eq!(run.frames(9..21, 2), [10, 12, 14, 16, 17, 18, 19, 20]);
    assert_eq!(run.frames(21..25, 0), [24], "less at once");
}

#[test]
fn a_stream_that_never_says_where_is_given_its_layers_all_the_same() {
    let mut run = Run::new();
    run.frames(1..9, 0);
    let mute = |frame| Incoming { step: Step::No, ..packet(frame, 0) };
    let first = (9..200).find(|frame| run.take(mute(*frame), 2).is_some() && frame % 2 == 1).unwrap();
    assert!((9 + 60..9 + 64).contains(&first), "{first}");
    let mut run = Run::new();
    run.frames(1..9, 0);
    assert!(run.take(Incoming { key_start: true, ..mute(12) }, 2).is_some());
    assert!(run.take(mute(13), 2).is_some(), "after a key frame all is there");
}

#[test]
fn where_everything_above_begins_anew_all_is_given() {
    let mut run = Run::new();
    run.frames(1..9, 0);
    let vp9 = |frame: u64| Incoming {
        step: if frame.is_multiple_of(4) { Step::After } else { Step::No },
        ..packet(frame, 0)
    };
    let passed: Vec<u64> = (9..17).filter(|frame| run.take(vp9(*frame), 2).is_some()).collect();
    assert_eq!(passed, [12, 13, 14, 15, 16]);
}
