use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::core::rtcp::{Arrival, Block, Compound};

fn ms(epoch: Instant, ms: u64) -> Instant {
    epoch + Duration::from_millis(ms)
}

/// Writes all that is due and reads it back: (base, statuses) of each feedback.
fn flush(log: &mut ArrivalLog, now: Instant) -> Vec<(u8, Vec<(Seq, Arrival)>)> {
    let mut feedbacks = Vec::new();
    loop {
        let mut buffer = [0; 1400];
        let mut writer = Writer::new(&mut buffer);
        let Ok(more) = log.write_feedback(now, Ssrc(1), &mut writer) else { break };
        let len = writer.len();
        let Some(Block::TransportFeedback(feedback)) = Compound::iter(&buffer[..len]).next() else { panic!() };
        feedbacks.push((feedback.feedback_count, feedback.statuses().collect()));
        if !more {
            break;
        }
    }
    feedbacks
}

#[test]
fn checklist_80_slow_senders_hear_every_100_ms_and_fast_ones_after_each_frame() {
    for (len, marker_pace) in [(100, 100), (1200, 33)] {
        let epoch = Instant::now();
        let mut log = ArrivalLog::new(epoch);
        let mut told = Vec::new();
        for n in 0..600u64 {
            // Three packets every 33 ms, the last with the marker.
            let now = ms(epoch, n / 3 * 33 + n % 3);
            if log.on_packet(now, Seq(u16::try_from(n).unwrap()), Ssrc(9), n % 3 == 2, len) {
                told.push(now);
                flush(&mut log, now);
            }
        }
        let settled: Vec<_> = told.windows(2).skip(30).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        assert!(!settled.is_empty());
        assert!(settled.iter().all(|gap| (marker_pace..marker_pace + 35).contains(gap)), "{len}: {settled:?}");
    }
}

#[test]
fn the_last_packets_of_a_burst_are_told_by_the_timer() {
    let epoch = Instant::now();
    let mut log = ArrivalLog::new(epoch);
    assert_eq!(log.next_wakeup(), None);
    assert!(log.on_packet(ms(epoch, 500), Seq(1), Ssrc(9), false, 100));
    flush(&mut log, ms(epoch, 500));
    assert!(!log.on_packet(ms(epoch, 510), Seq(2), Ssrc(9), false, 100));
    assert_eq!(log.next_wakeup(), Some((ms(epoch, 600), Wake::TransportFeedback)));
    let told = flush(&mut log, ms(epoch, 600));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.iter().map(|(seq, _)| seq.0).collect::<Vec<_>>(), [2]);
    assert_eq!(log.next_wakeup(), None);
    let mut buffer = [0; 100];
    assert_eq!(log.write_feedback(ms(epoch, 700), Ssrc(1), &mut Writer::new(&mut buffer)), Err(Discard::NotWanted));
}

#[test]
fn a_late_packet_moves_from_lost_to_received() {
    let epoch = Instant::now();
    let mut log = ArrivalLog::new(epoch);
    for seq in [65_534u16, 65_535, 1, 2] {
        log.on_packet(ms(epoch, 100), Seq(seq), Ssrc(9), false, 100);
    }
    let told = flush(&mut log, ms(epoch, 100));
    assert_eq!(told[0].1[2], (Seq(0), Arrival::Lost));
    log.on_packet(ms(epoch, 150), Seq(3), Ssrc(9), false, 100);
    log.on_packet(ms(epoch, 160), Seq(0), Ssrc(9), false, 100);
    let told = flush(&mut log, ms(epoch, 200));
    let at = |millis: i64| Arrival::At(millis * 4);
    assert_eq!(told[0].1, [(Seq(0), at(160)), (Seq(1), at(100)), (Seq(2), at(100)), (Seq(3), at(150))]);
}

#[test]
fn feedbacks_are_numbered_and_what_did_not_fit_is_kept() {
    let epoch = Instant::now();
    let mut log = ArrivalLog::new(epoch);
    for seq in 0..900u16 {
        log.on_packet(ms(epoch, u64::from(seq)), Seq(seq), Ssrc(9), false, 100);
    }
    let mut small = [0; 40];
    assert_eq!(log.write_feedback(ms(epoch, 900), Ssrc(1), &mut Writer::new(&mut small)), Err(Discard::TooLarge));
    let told = flush(&mut log, ms(epoch, 900));
    assert_eq!(told.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(told.iter().map(|(_, statuses)| statuses.len()).sum::<usize>(), 900);
}

#[test]
fn a_pause_of_ten_seconds_splits_the_feedback() {
    let epoch = Instant::now();
    let mut log = ArrivalLog::new(epoch);
    log.on_packet(ms(epoch, 0), Seq(7), Ssrc(9), false, 100);
    log.on_packet(ms(epoch, 10_000), Seq(8), Ssrc(9), false, 100);
    let told = flush(&mut log, ms(epoch, 10_000));
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].1, [(Seq(8), Arrival::At(40_000))]);
}

#[test]
fn losses_across_a_pause_are_told() {
    let epoch = Instant::now();
    let mut log = ArrivalLog::new(epoch);
    log.on_packet(ms(epoch, 0), Seq(7), Ssrc(9), false, 100);
    flush(&mut log, ms(epoch, 100));
    log.on_packet(ms(epoch, 10_000), Seq(12), Ssrc(9), false, 100);
    let told = flush(&mut log, ms(epoch, 10_000));
    let lost = told[0].1.iter().filter(|(_, arrival)| *arrival == Arrival::Lost).map(|(seq, _)| seq.0);
    assert_eq!(lost.collect::<Vec<_>>(), [8, 9, 10, 11]);
}

#[test]
fn checklist_80_every_arrival_is_told_with_its_time_under_loss_reordering_and_wraps() {
    for seed in 0..20 {
        let epoch = Instant::now();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut log = ArrivalLog::new(epoch);
        let (mut truth, mut told) = (BTreeMap::new(), BTreeMap::new());
        let mut held: Vec<u64> = Vec::new();
        let start = u64::from(rng.next_u32() % 65536);
        let mut reader = Unwrapper::default();
        let mut read = |feedbacks: Vec<(u8, Vec<(Seq, Arrival)>)>| {
            for (seq, arrival) in feedbacks.into_iter().flat_map(|(_, statuses)| statuses) {
                // A reader's numbers start in cycle 1.
                let number = reader.unwrap_seq(seq).0 - (1 << 16);
                if let Arrival::At(tick) = arrival {
                    let before = told.insert(number, u64::try_from(tick).unwrap());
                    assert!(before.is_none_or(|before| i64::try_from(before) == Ok(tick)));
                }
            }
        };
        for n in 0..30_000u64 {
            let now = ms(epoch, n * 2);
            if rng.next_u32().is_multiple_of(2) || n == 0 {
                held.push(start + n);
            }
            if n > 0 && held.len() < 4 {
                continue;
            }
            let pick = usize::try_from(rng.next_u32()).unwrap() % held.len();
            let number = held.swap_remove(pick);
            let seq = Seq(u16::try_from(number % 65536).unwrap());
            truth.insert(number, n * 8);
            if log.on_packet(now, seq, Ssrc(9), rng.next_u32().is_multiple_of(3), 1000) {
                read(flush(&mut log, now));
            }
        }
        read(flush(&mut log, ms(epoch, 60_000)));
        let difference = truth.iter().find(|(number, tick)| told.get(number) != Some(tick));
        assert_eq!(difference, None, "seed {seed}");
        assert_eq!(told.len(), truth.len());
        assert!(truth.len() > 10_000);
    }
}

#[test]
fn random_numbers_never_grow_the_log() {
    let epoch = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(50);
    let mut log = ArrivalLog::new(epoch);
    for n in 0..100_000u64 {
        let seq = Seq(u16::try_from(rng.next_u32() % 65536).unwrap());
        log.on_packet(ms(epoch, n), seq, Ssrc(9), false, 100);
        assert!(log.arrivals.len() <= 1024);
        if n % 100 == 0 {
            flush(&mut log, ms(epoch, n));
        }
    }
}
