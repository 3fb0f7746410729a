use super::*;

fn at(epoch: Instant, ms: u64) -> Instant {
    epoch + Duration::from_millis(ms)
}

#[test]
fn checklist_70_loss_is_counted_since_the_last_report_and_in_total() {
    let epoch = Instant::now();
    let mut reception = Reception::new(90_000);
    for seq in (0..100u16).filter(|seq| seq % 4 != 3) {
        reception.on_packet(at(epoch, u64::from(seq) * 20), Seq(65_500u16.wrapping_add(seq)), u32::from(seq) * 1800);
    }
    let block = reception.report_block(at(epoch, 2000), Ssrc(5)).unwrap();
    // The last packet of the hundred is lost and not yet known to be.
    assert_eq!(
        (block.ssrc, block.cumulative_lost, block.fraction_lost),
        (Ssrc(5), 24, u8::try_from(24 * 256 / 99).unwrap())
    );
    assert_eq!(block.highest_sequence, 65_500 + 98);
    assert_eq!(block.jitter, 0);
    assert_eq!((block.last_sender_report, block.delay_since), (0, 0));
    assert_eq!(reception.report_block(at(epoch, 2000), Ssrc(5)), None, "nothing new");
    for seq in 100..110u16 {
        reception.on_packet(at(epoch, u64::from(seq) * 20), Seq(65_500u16.wrapping_add(seq)), u32::from(seq) * 1800);
    }
    let block = reception.report_block(at(epoch, 3000), Ssrc(5)).unwrap();
    assert_eq!((block.cumulative_lost, block.fraction_lost), (25, u8::try_from(256 / 11).unwrap()));
}

#[test]
fn duplicates_make_the_loss_negative_but_not_the_fraction() {
    let epoch = Instant::now();
    let mut reception = Reception::new(90_000);
    for seq in [1u16, 2, 2, 2] {
        reception.on_packet(epoch, Seq(seq), 0);
    }
    let block = reception.report_block(epoch, Ssrc(5)).unwrap();
    assert_eq!((block.cumulative_lost, block.fraction_lost), (-2, 0));
}

#[test]
fn checklist_70_jitter_follows_rfc_3550_and_ignores_packets_of_one_frame() {
    let epoch = Instant::now();
    let mut reception = Reception::new(90_000);
    let mut expected = 0f64;
    let mut last_delay = 0i64;
    for frame in 0..500u32 {
        let delay = i64::from(frame * 7919 % 13);
        if frame > 0 {
            expected += (((delay - last_delay).unsigned_abs() * 90) as f64 - expected) / 16.0;
        }
        last_delay = delay;
        let arrival = at(epoch, u64::from(frame) * 33 + u64::try_from(delay).unwrap());
        for packet in 0..3u16 {
            let spread = Duration::from_micros(u64::from(packet) * 300);
            let seq = Seq(u16::try_from(frame * 3).unwrap().wrapping_add(packet));
            reception.on_packet(arrival + spread, seq, frame * 33 * 90);
        }
    }
    assert!((f64::from(reception.jitter()) - expected).abs() < 3.0, "{} for {expected}", reception.jitter());
}

#[test]
fn checklist_70_a_sender_report_is_echoed_with_its_age() {
    let epoch = Instant::now();
    let mut reception = Reception::new(48_000);
    reception.on_sender_report(epoch, NtpTime(0x1122_3344_5566_7788));
    reception.on_packet(epoch, Seq(1), 0);
    let block = reception.report_block(at(epoch, 250), Ssrc(1)).unwrap();
    assert_eq!((block.last_sender_report, block.delay_since), (0x3344_5566, 65536 / 4));
}

#[test]
fn a_wild_number_is_dropped_and_a_second_one_restarts() {
    let epoch = Instant::now();
    let mut reception = Reception::new(90_000);
    reception.on_packet(epoch, Seq(10), 0);
    assert_eq!(reception.on_packet(epoch, Seq(30_000), 0), Accepted::Suspect);
    let Accepted::Packet(next) = reception.on_packet(epoch, Seq(11), 0) else { panic!() };
    assert_eq!(reception.on_packet(epoch, Seq(40_000), 0), Accepted::Suspect);
    let Accepted::Restarted(after) = reception.on_packet(epoch, Seq(40_001), 0) else { panic!() };
    assert!(after > next);
    assert_eq!(after.seq(), Seq(40_001));
    let block = reception.report_block(epoch, Ssrc(1)).unwrap();
    assert_eq!((block.cumulative_lost, block.highest_sequence), (0, 40_001), "cycles unchanged");
}

#[test]
fn a_late_retransmission_is_no_restart() {
    let epoch = Instant::now();
    let mut reception = Reception::new(90_000);
    for seq in 0..2000u16 {
        reception.on_packet(epoch, Seq(seq), 0);
    }
    for seq in [1200, 1201, 1202] {
        assert!(matches!(reception.on_packet(epoch, Seq(seq), 0), Accepted::Packet(at) if at.seq() == Seq(seq)));
    }
}

#[test]
fn checklist_70_cycles_are_counted() {
    let epoch = Instant::now();
    let mut reception = Reception::new(90_000);
    for seq in 0..200_000u32 {
        reception.on_packet(epoch, Seq(u16::try_from(seq % 65536).unwrap()), 0);
    }
    let block = reception.report_block(epoch, Ssrc(1)).unwrap();
    assert_eq!((block.highest_sequence, block.cumulative_lost), (199_999, 0));
    assert_eq!(reception.expected_and_received(), (200_000, 200_000));
}
