use std::time::Duration;

use bytes::BytesMut;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rtc_rtcp::packet::Packet;
use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc_shared::marshal::Marshal;

use super::*;
use crate::core::Discard;
use crate::core::packet::Seq;

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = [0; 1500];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer);
    let len = writer.len();
    buffer[..len].to_vec()
}

fn theirs(bytes: &[u8]) -> Vec<Box<dyn Packet>> {
    rtc_rtcp::packet::unmarshal(&mut BytesMut::from(bytes)).unwrap()
}

fn only<'a>(bytes: &'a [u8]) -> Block<'a> {
    let mut blocks = Compound::iter(bytes);
    let block = blocks.next().unwrap();
    assert!(blocks.next().is_none());
    block
}

fn report(n: u32) -> ReportBlock {
    ReportBlock {
        ssrc: Ssrc(n),
        fraction_lost: 3,
        cumulative_lost: 70000,
        highest_sequence: 0x1_FFFF,
        jitter: 12,
        last_sender_report: 0xAABB_CCDD,
        delay_since: 65536,
    }
}

fn their_report(n: u32) -> ReceptionReport {
    ReceptionReport {
        ssrc: n,
        fraction_lost: 3,
        total_lost: 70000,
        last_sequence_number: 0x1_FFFF,
        jitter: 12,
        last_sender_report: 0xAABB_CCDD,
        delay: 65536,
    }
}

#[test]
fn reports_are_read_by_the_other_implementation_and_the_other_way_round() {
    let info = SenderInfo { ntp: NtpTime(0x0102_0304_0506_0708), rtp_timestamp: 9, packets: 10, octets: 11 };
    let ours = written(|writer| {
        writer.sender_report(Ssrc(1), &info, &[report(5)]).unwrap();
        writer.receiver_report(Ssrc(2), &[report(6), report(7)]).unwrap();
    });
    let packets = theirs(&ours);
    let sr = packets[0].as_any().downcast_ref::<SenderReport>().unwrap();
    assert_eq!((sr.ssrc, sr.ntp_time, sr.rtp_time, sr.packet_count, sr.octet_count), (1, info.ntp.0, 9, 10, 11));
    assert_eq!(sr.reports, [their_report(5)]);
    let rr = packets[1].as_any().downcast_ref::<ReceiverReport>().unwrap();
    assert_eq!((rr.ssrc, &rr.reports), (2, &vec![their_report(6), their_report(7)]));

    let bytes = [sr.marshal().unwrap(), rr.marshal().unwrap()].concat();
    let blocks: Vec<_> = Compound::iter(&bytes).collect();
    let Block::SenderReport { ssrc: Ssrc(1), info: read, reports } = blocks[0].clone() else { panic!("{blocks:?}") };
    assert_eq!((read, reports.collect::<Vec<_>>()), (info, vec![report(5)]));
    let Block::ReceiverReport { ssrc: Ssrc(2), reports } = blocks[1].clone() else { panic!("{blocks:?}") };
    assert_eq!(reports.collect::<Vec<_>>(), [report(6), report(7)]);
}

#[test]
fn checklist_70_a_report_holds_at_most_31_blocks_and_negative_loss() {
    let many: Vec<_> = (0..40).map(report).collect();
    let bytes = written(|writer| writer.receiver_report(Ssrc(2), &many).unwrap());
    let Block::ReceiverReport { reports, .. } = only(&bytes) else { panic!() };
    assert_eq!(reports.count(), 31);
    let negative = ReportBlock { cumulative_lost: -5, ..report(1) };
    let bytes = written(|writer| writer.receiver_report(Ssrc(2), &[negative]).unwrap());
    let Block::ReceiverReport { mut reports, .. } = only(&bytes) else { panic!() };
    assert_eq!(reports.next(), Some(negative));
}

#[test]
fn key_frame_requests_are_read_by_the_other_implementation() {
    let ours = written(|writer| {
        writer.pli(Ssrc(1), Ssrc(2)).unwrap();
        writer.fir(Ssrc(1), Ssrc(3), 9).unwrap();
    });
    let packets = theirs(&ours);
    let pli = packets[0].as_any().downcast_ref::<PictureLossIndication>().unwrap();
    assert_eq!((pli.sender_ssrc, pli.media_ssrc), (1, 2));
    let fir = packets[1].as_any().downcast_ref::<FullIntraRequest>().unwrap();
    assert_eq!((fir.sender_ssrc, fir.fir[0].ssrc, fir.fir[0].sequence_number), (1, 3, 9));
    let blocks: Vec<_> = Compound::iter(&ours).collect();
    assert!(matches!(blocks[0], Block::Pli { sender: Ssrc(1), media: Ssrc(2) }));
    let Block::Fir { sender: Ssrc(1), entries } = blocks[1].clone() else { panic!("{blocks:?}") };
    assert_eq!(entries.collect::<Vec<_>>(), [FirEntry { ssrc: Ssrc(3), sequence: 9 }]);
}

#[test]
fn a_nack_names_exactly_what_is_missing_across_the_wrap() {
    let mut rng = ChaCha8Rng::seed_from_u64(30);
    for _ in 0..2000 {
        let mut seq = Seq(65500u16.wrapping_add(u16::try_from(rng.next_u32() % 60).unwrap()));
        let count = rng.next_u32() % 60 + 1;
        let lost: Vec<_> = (0..count)
            .map(|_| {
                seq = seq.plus(u16::try_from(rng.next_u32() % 20 + 1).unwrap());
                seq
            })
            .collect();
        let bytes = written(|writer| assert_eq!(writer.nack(Ssrc(1), Ssrc(2), &lost), Ok(lost.len())));
        let Block::Nack { sender: Ssrc(1), media: Ssrc(2), lost: read } = only(&bytes) else { panic!() };
        assert_eq!(read.collect::<Vec<_>>(), lost);
        let packets = theirs(&bytes);
        let nack = packets[0].as_any().downcast_ref::<TransportLayerNack>().unwrap();
        let mut listed: Vec<_> = nack.nacks.iter().flat_map(|pair| pair.packet_list()).map(Seq).collect();
        listed.sort_by_key(|seq| seq.distance_from(lost[0]));
        assert_eq!(listed, lost);
    }
}

#[test]
fn a_nack_without_room_says_how_far_it_came() {
    let lost: Vec<_> = (0..40).map(|n| Seq(n * 20)).collect();
    let mut buffer = [0; 12 + 8];
    let mut writer = Writer::new(&mut buffer);
    assert_eq!(writer.nack(Ssrc(1), Ssrc(2), &lost), Ok(2));
    assert_eq!(writer.len(), 20);
    assert_eq!(writer.pli(Ssrc(1), Ssrc(2)), Err(Discard::TooLarge));
    assert_eq!(writer.nack(Ssrc(1), Ssrc(2), &lost), Err(Discard::TooLarge));
    assert_eq!(writer.len(), 20);
    assert_eq!(Writer::new(&mut [0; 100]).nack(Ssrc(1), Ssrc(2), &[]), Err(Discard::NotWanted));
}

#[test]
fn a_nack_names_no_more_than_its_bound() {
    let mut bytes = vec![0x81, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    for pid in 0..300u16 {
        bytes.extend_from_slice(&(pid * 20).to_be_bytes());
        bytes.extend_from_slice(&[0xFF, 0xFF]);
    }
    let words = u16::try_from(bytes.len() / 4 - 1).unwrap();
    bytes[2..4].copy_from_slice(&words.to_be_bytes());
    let Block::Nack { lost, .. } = only(&bytes) else { panic!() };
    assert_eq!(lost.count(), usize::from(MAX_NACKED));
}

#[test]
fn remb_of_the_other_implementation_is_read() {
    for bitrate in [0.0f32, 1000.0, 262_143.0, 8_927_168.0, 1.0e12] {
        let remb = ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate, ssrcs: vec![7, 8] };
        let bytes = remb.marshal().unwrap();
        let Block::Remb(read) = only(&bytes) else { panic!() };
        assert_eq!(read.ssrcs().collect::<Vec<_>>(), [Ssrc(7), Ssrc(8)]);
        assert!((read.bitrate as f32 - bitrate).abs() <= bitrate / 100_000.0, "{} for {bitrate}", read.bitrate);
    }
    let overflow = [0x8F, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xFF, 0xFF, 0xFF];
    assert!(matches!(only(&overflow), Block::Other { packet_type: 206 }));
}

#[test]
fn cname_is_a_whole_sdes() {
    let bytes = written(|writer| writer.cname(Ssrc(1), "moothall").unwrap());
    assert!(matches!(only(&bytes), Block::Sdes));
    let packets = theirs(&bytes);
    let sdes = packets[0].as_any().downcast_ref::<rtc_rtcp::source_description::SourceDescription>().unwrap();
    assert_eq!(sdes.chunks[0].items[0].text, "moothall");
}

/// A random pattern of arrivals in ticks: loss, jitter, reordering, pauses.
fn arrivals(rng: &mut ChaCha8Rng, count: usize, loss: u32) -> Vec<Option<i64>> {
    let mut tick = i64::from(rng.next_u32() % 1_000_000);
    let burst = rng.next_u32() % 3;
    (0..count)
        .map(|_| {
            tick += match rng.next_u32() % 50 {
                0 => i64::from(rng.next_u32() % 5000),
                1 => -i64::from(rng.next_u32() % 100),
                _ if burst == 0 => 0,
                _ => i64::from(rng.next_u32() % 40),
            };
            tick = tick.max(0);
            (rng.next_u32() % 100 >= loss).then_some(tick)
        })
        .collect()
}

/// Writes feedbacks until all arrivals are told, and reads them back.
fn round_trip_feedback(base: Seq, arrivals: &[Option<i64>]) -> (Vec<Vec<u8>>, Vec<(Seq, Arrival)>) {
    let (mut told, mut datagrams, mut read) = (0, Vec::new(), Vec::new());
    while told < arrivals.len() {
        let rest = &arrivals[told..];
        let next = base.plus(u16::try_from(told).unwrap());
        let number = u8::try_from(datagrams.len()).unwrap();
        let bytes = written(|writer| {
            told += writer.transport_feedback(Ssrc(1), Ssrc(2), number, next, rest.iter().copied(), 77).unwrap();
        });
        let Block::TransportFeedback(feedback) = only(&bytes) else { panic!("{:?}", only(&bytes)) };
        assert_eq!(
            (feedback.sender, feedback.media, feedback.base, feedback.feedback_count),
            (Ssrc(1), Ssrc(2), next, number)
        );
        read.extend(feedback.statuses());
        datagrams.push(bytes);
    }
    (datagrams, read)
}

#[test]
fn transport_feedback_survives_a_round_trip() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    for round in 0..3000 {
        let base = Seq(u16::try_from(rng.next_u32() % 65536).unwrap());
        let count = usize::try_from(rng.next_u32() % 700 + 1).unwrap();
        let loss = [0, 2, 50, 98, 100][round % 5];
        let arrivals = arrivals(&mut rng, count, loss);
        let (_, read) = round_trip_feedback(base, &arrivals);
        assert_eq!(read.len(), count);
        for (n, ((seq, status), arrival)) in read.iter().zip(&arrivals).enumerate() {
            assert_eq!(*seq, base.plus(u16::try_from(n).unwrap()));
            assert_eq!(*status, arrival.map_or(Arrival::Lost, Arrival::At), "packet {n} of round {round}");
        }
    }
}

#[test]
fn chapter_9_23_transport_feedback_is_read_by_the_other_implementation() {
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    for round in 0..500 {
        let arrivals = arrivals(&mut rng, 200, [0, 10, 50][round % 3]);
        let (datagrams, _) = round_trip_feedback(Seq(65500), &arrivals);
        let mut told = 0;
        for bytes in datagrams {
            let packets = theirs(&bytes);
            let feedback = packets[0].as_any().downcast_ref::<TransportLayerCc>().unwrap();
            let symbols: Vec<_> = feedback
                .packet_chunks
                .iter()
                .flat_map(|chunk| match chunk {
                    PacketStatusChunk::RunLengthChunk(run) => {
                        vec![run.packet_status_symbol; usize::from(run.run_length)]
                    }
                    PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
                })
                .take(usize::from(feedback.packet_status_count))
                .collect();
            let mut tick = i64::from(feedback.reference_time) * 256;
            let mut deltas = feedback.recv_deltas.iter();
            for symbol in symbols {
                let read = (symbol != SymbolTypeTcc::PacketNotReceived).then(|| {
                    tick += deltas.next().unwrap().delta / 250;
                    tick
                });
                assert_eq!(read, arrivals[told]);
                told += 1;
            }
        }
        assert_eq!(told, 200);
    }
}

#[test]
fn chapter_9_23_the_reference_time_is_signed_and_wraps() {
    let late = (1i64 << 24) * 256 - 100;
    let (_, read) = round_trip_feedback(Seq(1), &[Some(late), Some(late + 200)]);
    assert_eq!(read, [(Seq(1), Arrival::At(-100)), (Seq(2), Arrival::At(100))]);
}

#[test]
fn feedback_without_times_or_with_reserved_symbols() {
    let loss_only = [0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 3, 0, 0, 1, 5, 0x20, 3, 0, 0];
    let Block::TransportFeedback(feedback) = only(&loss_only) else { panic!() };
    assert_eq!(feedback.statuses().map(|(_, status)| status).collect::<Vec<_>>()[..2], [Arrival::Untimed; 2]);
    let reserved = [0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 3, 0, 0, 1, 5, 0xFF, 0xFF, 0, 0];
    assert!(matches!(only(&reserved), Block::Other { .. }));
    let endless_empty_runs = [0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0xFF, 0xFF, 0, 0, 1, 5, 0x20, 0, 0x20, 0];
    assert!(matches!(only(&endless_empty_runs), Block::Other { .. }));
}

#[test]
fn chapter_9_30_round_trip_times_are_sane_or_absent() {
    let sent = NtpTime::from_unix(Duration::from_secs(1_800_000_000));
    let block = ReportBlock { last_sender_report: sent.compact(), delay_since: 65536 / 2, ..ReportBlock::default() };
    let rtt = round_trip(sent.plus(Duration::from_millis(600)), &block).unwrap();
    assert!(rtt.abs_diff(Duration::from_millis(100)) < Duration::from_millis(1), "{rtt:?}");
    assert_eq!(round_trip(sent.plus(Duration::from_millis(400)), &block), None);
    assert_eq!(round_trip(sent.plus(Duration::from_secs(9)), &block), None);
    assert_eq!(round_trip(sent, &ReportBlock::default()), None);
    assert_eq!(round_trip(sent, &ReportBlock { delay_since: u32::MAX, ..block }), None);
}

#[test]
fn a_block_that_runs_over_ends_the_walk_and_padding_is_cut() {
    let mut bytes = written(|writer| writer.pli(Ssrc(1), Ssrc(2)).unwrap());
    bytes.extend_from_slice(&[0x81, 206, 0, 9, 0, 0]);
    assert_eq!(Compound::iter(&bytes).count(), 1);
    let padded = [0xA1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4];
    assert!(matches!(only(&padded), Block::Pli { media: Ssrc(2), .. }));
    let all_padding = [0xA1, 206, 0, 1, 0, 0, 0, 200];
    assert!(matches!(only(&all_padding), Block::Other { .. }));
}

#[test]
fn random_bytes_never_panic_and_never_run_forever() {
    let mut rng = ChaCha8Rng::seed_from_u64(33);
    let kinds = [200u8, 201, 202, 203, 205, 206, 207];
    let mut blocks = 0u64;
    for _ in 0..100_000 {
        let mut bytes = [0u8; 120];
        rng.fill_bytes(&mut bytes);
        bytes[0] = 0x80 | (bytes[0] & 0x2F);
        bytes[1] = kinds[usize::from(bytes[1]) % kinds.len()];
        bytes[2] = 0;
        bytes[3] %= 32;
        if bytes[1] == 206 && bytes[0] & 31 == 15 {
            bytes[12..16].copy_from_slice(b"REMB");
        }
        for block in Compound::iter(&bytes[..usize::try_from(rng.next_u32() % 121).unwrap()]) {
            blocks += match block {
                Block::SenderReport { reports, .. } | Block::ReceiverReport { reports, .. } => reports.count() as u64,
                Block::Nack { lost, .. } => lost.count() as u64,
                Block::Fir { entries, .. } => entries.count() as u64,
                Block::Remb(remb) => remb.ssrcs().count() as u64,
                Block::TransportFeedback(feedback) => feedback.statuses().count() as u64,
                _ => 1,
            };
        }
    }
    assert!(blocks > 10_000, "{blocks} blocks: the bytes are too random to mean anything");
}
