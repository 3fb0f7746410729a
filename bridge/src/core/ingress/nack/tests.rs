use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const RTT: Option<Duration> = Some(Duration::from_millis(40));

fn ms(epoch: Instant, ms: u64) -> Instant {
    epoch + Duration::from_millis(ms)
}

fn seqs(request: &Request) -> Vec<u16> {
    request.iter().map(|seq| seq.0).collect()
}

#[test]
fn checklist_75_a_gap_is_asked_for_after_10_ms_or_3_packets() {
    let epoch = Instant::now();
    let mut list = LossList::default();
    list.on_packet(epoch, ExtSeq(100));
    list.on_packet(epoch, ExtSeq(102));
    assert_eq!(list.next_wakeup(), Some((ms(epoch, 10), Wake::Nack)));
    assert!(!list.is_due(ms(epoch, 9)) && list.is_due(ms(epoch, 10)));
    list.on_packet(epoch, ExtSeq(103));
    assert!(seqs(&list.take_request(epoch, RTT)).is_empty());
    list.on_packet(epoch, ExtSeq(104));
    assert!(list.is_due(epoch));
    assert_eq!(seqs(&list.take_request(epoch, RTT)), [101]);
    assert!(!list.is_due(epoch));
}

#[test]
fn a_burst_is_no_reason_to_hurry() {
    let epoch = Instant::now();
    let mut list = LossList::default();
    list.on_packet(epoch, ExtSeq(100));
    list.on_packet(epoch, ExtSeq(110));
    assert!(!list.is_due(epoch));
    assert_eq!(seqs(&list.take_request(ms(epoch, 10), RTT)), (101..110).collect::<Vec<_>>());
}

#[test]
fn checklist_75_a_request_is_repeated_after_the_round_trip_ten_times_at_most() {
    let epoch = Instant::now();
    let mut list = LossList::default();
    list.on_packet(epoch, ExtSeq(100));
    list.on_packet(epoch, ExtSeq(102));
    let mut asked = Vec::new();
    for now in 0..2000 {
        if !list.take_request(ms(epoch, now), RTT).is_empty() {
            asked.push(now);
        }
    }
    assert_eq!(asked, (0..10).map(|n| 10 + n * 50).collect::<Vec<_>>());
    assert!(list.is_empty());
    assert_eq!(list.next_wakeup(), None);
}

#[test]
fn asking_ends_after_a_second() {
    let epoch = Instant::now();
    let mut list = LossList::default();
    list.on_packet(epoch, ExtSeq(100));
    list.on_packet(epoch, ExtSeq(102));
    let asked =
        (0..2000).filter(|now| !list.take_request(ms(epoch, *now), Some(Duration::from_millis(400))).is_empty());
    assert_eq!(asked.collect::<Vec<_>>(), [10, 510]);
}

#[test]
fn what_arrives_is_not_asked_for() {
    let epoch = Instant::now();
    let mut list = LossList::default();
    for n in [100, 103, 101] {
        list.on_packet(epoch, ExtSeq(n));
    }
    assert_eq!(seqs(&list.take_request(ms(epoch, 10), RTT)), [102]);
    list.on_packet(epoch, ExtSeq(102));
    assert!(list.take_request(ms(epoch, 500), RTT).is_empty());
    list.on_packet(epoch, ExtSeq(103));
    list.on_packet(epoch, ExtSeq(103));
    assert!(list.is_empty(), "a duplicate of the newest is nothing");
}

#[test]
fn a_key_frame_forgives_what_came_before() {
    let epoch = Instant::now();
    let mut list = LossList::default();
    for n in [100, 105, 110] {
        list.on_packet(epoch, ExtSeq(n));
    }
    assert!(list.awaits(ExtSeq(106)) && !list.awaits(ExtSeq(105)));
    list.on_keyframe(epoch, ExtSeq(107));
    assert!(list.awaits(ExtSeq(107)) && !list.awaits(ExtSeq(106)));
    assert_eq!(seqs(&list.take_request(ms(epoch, 10), RTT)), [107, 108, 109]);
}

#[test]
fn checklist_75_a_jump_or_too_many_gaps_want_a_key_frame_instead() {
    let epoch = Instant::now();
    let mut list = LossList::default();
    list.on_packet(epoch, ExtSeq(100));
    list.on_packet(epoch, ExtSeq(201));
    assert_eq!((list.len(), list.take_keyframe_wish(), list.take_keyframe_wish()), (0, true, false));
    list.on_packet(epoch, ExtSeq(301));
    assert_eq!((list.len(), list.take_keyframe_wish()), (99, false));
    list.on_packet(epoch, ExtSeq(400));
    list.on_packet(epoch, ExtSeq(500));
    assert_eq!((list.len(), list.take_keyframe_wish()), (0, true));
}

#[test]
fn checklist_75_chapter_9_4_asked_is_exactly_what_is_missing_across_the_wrap() {
    let epoch = Instant::now();
    for seed in 0..50 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut list = LossList::default();
        let (mut missing, mut asked) = (BTreeSet::new(), BTreeSet::new());
        let first = 65_500 + (1 << 16);
        for n in 0..400u64 {
            let now = ms(epoch, n);
            if n > 0 && rng.next_u32().is_multiple_of(2) {
                missing.insert(first + n);
                continue;
            }
            list.on_packet(now, ExtSeq(first + n));
            list.on_packet(now, ExtSeq(first + n));
            asked.extend(list.take_request(now, RTT).iter().map(|seq| ExtSeq(first + n).nearest(*seq).0));
            if list.len() > 100 {
                // A retransmission brings the oldest back.
                let oldest = *missing.iter().find(|n| asked.contains(n)).unwrap();
                list.on_packet(now, ExtSeq(oldest));
            }
        }
        let highest = first + 399;
        let settled: BTreeSet<_> = missing.range(..highest - 20).copied().collect();
        let asked: BTreeSet<_> = asked.range(..highest - 20).copied().collect();
        assert_eq!(asked, settled, "seed {seed}");
    }
}

#[test]
fn what_follows_a_key_frame_from_before_the_first_packet_is_asked_for() {
    let epoch = Instant::now();
    let mut list = LossList::default();
    list.on_packet(epoch, ExtSeq(110));
    list.on_packet(epoch, ExtSeq(112));
    list.on_packet(epoch, ExtSeq(107));
    assert!(seqs(&list.take_request(ms(epoch, 9), RTT)).is_empty());
    list.on_keyframe(epoch, ExtSeq(107));
    assert_eq!(seqs(&list.take_request(ms(epoch, 10), RTT)), [108, 109, 111]);
    list.on_packet(epoch, ExtSeq(108));
    assert!(list.awaits(ExtSeq(109)) && !list.awaits(ExtSeq(108)));
    list.on_keyframe(epoch, ExtSeq(107));
    assert_eq!(list.len(), 2, "it is said once");
    list.on_keyframe(epoch, ExtSeq(6));
    assert_eq!(list.len(), 2, "so old is another stream");
}
