use crate::world::*;
use bridge::core::BridgeConfig;
use bridge::core::packet::{Seq, Ssrc};
use bridge::core::rtcp::{Block, Compound, NtpTime, SenderInfo};
use bridge::core::stats::EndpointReport;
use jitsi_wire::colibri2::*;
use serde_json::json;

const ALL: [u32; 3] = [0, 1, 2];

fn encodings(stream: &[&Rtp]) -> Vec<u8> {
    stream.iter().map(|rtp| *rtp.payload().last().unwrap()).collect()
}

#[test]
fn checklist_83_everybody_gets_the_highest_encoding_under_the_primary_ssrc() {
    let mut world = World::meeting(3);
    world.film(1, 500, 30, true, &ALL);
    for number in [2, 3] {
        let primary = world.client(1).video_ssrc(0);
        let client = world.client(number);
        let stream = client.stream(primary);
        assert_eq!(client.rtp.len(), stream.len(), "nothing under another SSRC");
        assert!(stream.len() >= 30);
        assert_eq!(*encodings(&stream).last().unwrap(), 2);
        assert!(stream[0].header.sequence.0 < 1 << 14);
        for pair in stream.windows(2) {
            assert_eq!(pair[1].header.sequence, pair[0].header.sequence.next());
            assert!((pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp) as i32) > 0);
        }
    }
    assert!(world.client(1).rtp.is_empty(), "nobody gets its own");
}

#[test]
fn picture_ids_run_on_over_switches() {
    let mut world = World::meeting(2);
    world.film(1, 500, 10, true, &ALL);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":180}}"#);
    world.film(1, 510, 20, false, &ALL);
    world.film(1, 530, 20, true, &ALL);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.film(1, 550, 20, false, &ALL);
    world.film(1, 570, 20, true, &ALL);
    let ssrc = world.client(1).video_ssrc(0);
    let client = world.client(2);
    let stream = client.stream(ssrc);
    let shown = encodings(&stream);
    assert!(shown.windows(2).filter(|pair| pair[0] != pair[1]).count() >= 3, "{shown:?}");
    assert_eq!((shown[5], shown[35], *shown.last().unwrap()), (2, 0, 2));
    for pair in stream.windows(2) {
        let id = |rtp: &Rtp| u16::from_be_bytes([rtp.payload()[2] & 0x7f, rtp.payload()[3]]);
        assert_eq!(id(pair[1]), (id(pair[0]) + 1) % 0x8000);
        assert_eq!(pair[1].payload()[4], pair[0].payload()[4].wrapping_add(1), "TL0PICIDX");
        if shown.is_empty() || pair[0].payload().last() != pair[1].payload().last() {
            assert_eq!(pair[1].payload()[6] & 1, 0, "a switch happens at a key frame");
        }
    }
}

#[test]
fn only_what_receivers_ask_for_is_sent() {
    let mut world = World::meeting(3);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":0}}"#);
    world.say(3, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":180}}"#);
    world.film(1, 1, 20, true, &ALL);
    assert!(world.client(2).rtp.is_empty());
    let ssrc = world.client(1).video_ssrc(0);
    assert!(encodings(&world.client(3).stream(ssrc)).iter().all(|e| *e == 0));
}

#[test]
fn a_receiver_without_a_channel_is_shown_thumbnails_after_ten_seconds() {
    let mut world = World::new();
    world.join(1, 3);
    world.join(2, 3);
    world.film(1, 1, 10, true, &ALL);
    assert!(world.client(2).rtp.is_empty());
    world.run_ms(10_000);
    world.film(1, 320, 10, true, &ALL);
    let ssrc = world.client(1).video_ssrc(0);
    let shown = encodings(&world.client(2).stream(ssrc));
    assert!(shown.len() >= 9 && shown.iter().all(|e| *e == 0), "{shown:?}");
}

#[test]
fn a_newcomer_makes_the_bridge_ask_for_a_key_frame_of_the_encoding_it_needs() {
    let mut world = World::meeting(2);
    world.film(1, 1, 60, true, &ALL);
    world.forget();
    world.join(3, 3);
    world.open_channel(3);
    world.say(3, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.film(1, 61, 1, false, &ALL);
    let requests: Vec<u32> = requests(&mut world, 1);
    assert_eq!(requests, [world.client(1).video_ssrc(2)]);
    assert!(world.client(3).rtp.is_empty());
    world.film(1, 62, 5, true, &ALL);
    assert!(!world.client(3).rtp.is_empty());
}

/// Media SSRCs of the PLIs that a participant got.
fn requests(world: &mut World, number: u32) -> Vec<u32> {
    let datagrams = world.client(number).rtcp.clone();
    let blocks = datagrams.iter().flat_map(|datagram| Compound::iter(datagram));
    blocks.filter_map(|block| if let Block::Pli { media, .. } = block { Some(media.0) } else { None }).collect()
}

#[test]
fn checklist_73_chapter_9_9_two_hundred_requests_of_receivers_become_one() {
    let mut world = World::meeting(21);
    world.film(1, 1, 30, true, &ALL);
    world.forget();
    let ssrc = world.client(1).video_ssrc(0);
    for round in 0..10 {
        for number in 2..=21 {
            world.send_rtcp(number, |w| w.pli(Ssrc(1), Ssrc(ssrc)));
        }
        world.run_ms(if round == 9 { 0 } else { 10 });
    }
    assert_eq!(requests(&mut world, 1).len(), 1);
    world.film(1, 31, 90, false, &ALL);
    let count = requests(&mut world, 1).len();
    assert!((2..=5).contains(&count), "an unanswered request is repeated with patience: {count}");
}

#[test]
fn checklist_74_fir_and_several_requests_in_one_compound_are_all_carried_out() {
    let mut world = World::meeting(3);
    world.film(1, 1, 30, true, &ALL);
    world.film(2, 1, 30, true, &ALL);
    world.forget();
    let (first, second) = (world.client(1).video_ssrc(0), world.client(2).rtx_ssrc(0));
    world.send_rtcp(3, |w| {
        w.fir(Ssrc(1), Ssrc(first), 1)?;
        w.pli(Ssrc(1), Ssrc(second))
    });
    assert_eq!(requests(&mut world, 1).len(), 1);
    assert_eq!(requests(&mut world, 2).len(), 1, "the RTX SSRC stands for its source");
}

#[test]
fn checklist_76_a_missed_packet_comes_again_as_rtx_once_in_a_round_trip() {
    let mut world = World::meeting(2);
    world.film(1, 1, 20, true, &ALL);
    let (ssrc, rtx) = (world.client(1).video_ssrc(0), world.client(1).rtx_ssrc(0));
    let missed = world.client(2).stream(ssrc)[15].clone();
    world.forget();
    let nack =
        |world: &mut World| world.send_rtcp(2, |w| w.nack(Ssrc(1), Ssrc(ssrc), &[missed.header.sequence]).map(|_| ()));
    nack(&mut world);
    nack(&mut world);
    let again: Vec<Rtp> = world.client(2).stream(rtx).into_iter().cloned().collect();
    assert_eq!(again.len(), 1);
    let payload = again[0].payload();
    assert_eq!(payload[..2], missed.header.sequence.0.to_be_bytes());
    assert_eq!(&payload[2..], missed.payload());
    assert_eq!((again[0].header.payload_type, again[0].header.timestamp), (VP8_RTX, missed.header.timestamp));
    assert!(again[0].header.sequence.0 < 1 << 15);
    world.run_ms(200);
    nack(&mut world);
    assert_eq!(world.client(2).stream(rtx).len(), 2);
    let sequences: Vec<u16> = world.client(2).stream(rtx).iter().map(|r| r.header.sequence.0).collect();
    assert_eq!(sequences[1], sequences[0] + 1);
}

#[test]
fn checklist_76_chapter_9_7_what_was_never_sent_or_went_before_a_switch_is_not_sent_again() {
    let mut world = World::meeting(2);
    world.film(1, 1, 10, true, &ALL);
    let ssrc = world.client(1).video_ssrc(0);
    let stream: Vec<Seq> = world.client(2).stream(ssrc).iter().map(|rtp| rtp.header.sequence).collect();
    let newest = *stream.last().unwrap();
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":180}}"#);
    world.film(1, 11, 12, false, &ALL);
    world.film(1, 23, 5, true, &ALL);
    world.forget();
    let asked = [newest, newest.plus(5000)];
    world.send_rtcp(2, |w| w.nack(Ssrc(1), Ssrc(ssrc), &asked).map(|_| ()));
    assert!(world.client(2).rtp.is_empty());
    assert_eq!(world.bridge.stats().retransmitted, 0);
}

#[test]
fn what_nobody_can_send_any_more_is_asked_for_as_a_key_frame_if_it_is_needed() {
    let mut world = World::meeting(2);
    // Longer than packets are kept.
    world.film(1, 1, 90, true, &ALL);
    let ssrc = world.client(1).video_ssrc(0);
    let stream: Vec<Seq> = world.client(2).stream(ssrc).iter().map(|rtp| rtp.header.sequence).collect();
    world.forget();
    let nack = |world: &mut World, lost| world.send_rtcp(2, |w| w.nack(Ssrc(1), Ssrc(ssrc), &[lost]).map(|_| ()));
    nack(&mut world, stream[5]);
    nack(&mut world, stream[6]);
    assert_eq!(requests(&mut world, 1).len(), 1, "once for all of them");
    world.film(1, 91, 60, true, &ALL);
    world.forget();
    nack(&mut world, stream[6]);
    assert!(requests(&mut world, 1).is_empty(), "the key frame since then needs nothing of it");
}

#[test]
fn only_what_somebody_gets_is_kept_and_the_key_frame_that_begins_more_of_it() {
    let mut world = World::meeting(2);
    world.film(1, 1, 1, true, &ALL);
    let frame = world.bridge.stats().kept_bytes / 3;
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":180}}"#);
    world.film(1, 2, 60, true, &ALL);
    let kept = world.bridge.stats().kept_bytes;
    assert!((frame * 28..=frame * 36).contains(&kept), "a second of one encoding, not {kept} bytes");
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":0}}"#);
    world.film(1, 62, 60, false, &ALL);
    assert_eq!(world.bridge.stats().kept_bytes, 0);
    // The encoding that comes to life with this packet is allocated because of it, and still it is there.
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.film(1, 122, 30, false, &[0]);
    world.forget();
    world.film(1, 152, 3, true, &[2]);
    let (ssrc, rtx) = (world.client(1).video_ssrc(0), world.client(1).rtx_ssrc(0));
    let first = world.client(2).stream(ssrc)[0].header.sequence;
    world.send_rtcp(2, |w| w.nack(Ssrc(1), Ssrc(ssrc), &[first]).map(|_| ()));
    assert_eq!(encodings(&world.client(2).stream(rtx)), [2]);
}

#[test]
fn what_is_kept_of_one_participant_is_bounded_over_all_encodings() {
    let config = BridgeConfig { history_bytes: 2000, ..BridgeConfig::default() };
    let mut world = World::meeting_with(config, 2);
    for step in 0..60 {
        world.film(1, 4 + step, 1, step == 0, &[0, 1, 2]);
        // Each encoding keeps its newest, whatever the others take.
        assert!(world.bridge.stats().kept_bytes <= 2000 + 3 * 200, "{}", world.bridge.stats().kept_bytes);
    }
    assert!(world.bridge.stats().kept_bytes > 1000, "{}", world.bridge.stats().kept_bytes);
}

#[test]
fn checklist_75_77_losses_of_senders_are_asked_for_and_what_comes_finds_its_place() {
    let mut world = World::meeting(2);
    world.film(1, 1, 10, true, &[0]);
    let lost = world.video(1, 0, 11, false);
    world.film(1, 12, 3, false, &[0]);
    let nacked: Vec<Seq> = world
        .client(1)
        .rtcp
        .iter()
        .flat_map(|datagram| Compound::iter(datagram))
        .filter_map(|block| if let Block::Nack { lost, .. } = block { Some(lost.collect::<Vec<_>>()) } else { None })
        .flatten()
        .collect();
    assert_eq!(nacked[0], Seq(11));
    let ssrc = world.client(1).video_ssrc(0);
    let rtx_ssrc = world.client(1).rtx_ssrc(0);
    let mut payload = 11_u16.to_be_bytes().to_vec();
    payload.extend(vp8(0, 11, false));
    assert_eq!(
        lost.len(),
        packet(VP8, true, 11, 33_000, ssrc, &[(5, vec![0, 0]), (10, b"mid".to_vec())], &vp8(0, 11, false)).len()
    );
    world.send(1, &packet(VP8_RTX, true, 1, 33_000, rtx_ssrc, &[], &payload));
    let client = world.client(2);
    let stream = client.stream(ssrc);
    let recovered = stream.last().unwrap();
    assert_eq!(recovered.header.sequence.distance_from(stream[0].header.sequence), 10);
    assert_eq!(recovered.header.timestamp, 33_000);
    let count = stream.len();
    world.send(1, &packet(VP8_RTX, true, 2, 33_000, rtx_ssrc, &[], &payload));
    assert_eq!(world.client(2).stream(ssrc).len(), count, "a duplicate is dropped");
    world.send(1, &packet(VP8_RTX, true, 3, 33_000, rtx_ssrc, &[], &[]));
    assert_eq!(world.client(2).stream(ssrc).len(), count, "a probe is dropped");
}

#[test]
fn what_senders_send_again_to_probe_their_path_neither_counts_nor_keeps_an_encoding_alive() {
    let mut world = World::meeting(2);
    let ladder = |world: &World| {
        let all = world.bridge.report(world.now);
        let sends = |one: &EndpointReport| one.sends.iter().find(|(name, _)| name.ends_with("-v0")).cloned();
        let sender = all[0].endpoints.iter().find(|one| one.id == World::id(1)).unwrap();
        sends(sender).unwrap().1
    };
    // The second encoding is watched; the first one is sent as well.
    let wants = r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":360}}"#;
    world.say(2, wants);
    world.film(1, 1, 60, true, &[0, 1]);
    let before = ladder(&world);
    assert_eq!(before.len(), 2, "{before:?}");
    let rtx_ssrc = world.client(1).rtx_ssrc(0);
    for step in 0..200_u16 {
        let mut payload = (20 + step % 30).to_be_bytes().to_vec();
        payload.extend(vp8(0, 20 + step % 30, false));
        world.send(1, &packet(VP8_RTX, true, step, 33_000, rtx_ssrc, &[], &payload));
        if step % 20 == 0 {
            world.film(1, 61 + step / 20, 1, false, &[0, 1]);
        }
    }
    let cost = ladder(&world)[0].bps;
    assert!(cost <= before[0].bps * 11 / 10, "{cost} after, {before:?} before");
    for step in 200..1200_u16 {
        let mut payload = 20_u16.to_be_bytes().to_vec();
        payload.extend(vp8(0, 20, false));
        world.send(1, &packet(VP8_RTX, true, step, 33_000, rtx_ssrc, &[], &payload));
        if step % 10 == 0 {
            world.film(1, 71 + (step - 200) / 10, 1, false, &[1]);
        }
    }
    let after = ladder(&world);
    assert_eq!(after.iter().map(|e| e.encoding).collect::<Vec<_>>(), [1], "{after:?}");
}

#[test]
fn checklist_78_chapter_9_3_padding_leaves_no_gap_behind() {
    let mut world = World::meeting(2);
    world.film(1, 1, 5, true, &[0]);
    let ssrc = world.client(1).video_ssrc(0);
    for sequence in 6..9 {
        let mut padding = packet(VP8, false, sequence, 15_000, ssrc, &[(5, vec![0, 0])], &[0; 9]);
        padding.push(10);
        padding[0] |= 0x20;
        world.send(1, &padding);
    }
    world.film(1, 9, 5, false, &[0]);
    let client = world.client(2);
    let stream = client.stream(ssrc);
    assert_eq!(stream.len(), 10);
    for pair in stream.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.next());
        assert_eq!(pair[1].bytes[0] & 0x20, 0);
    }
    assert!(!world.rtcp_of(1).contains_key(&(205, 1)), "nothing is missing");
}

#[test]
fn checklist_67_extensions_are_stripped_and_transport_numbers_are_our_own() {
    let mut world = World::meeting(2);
    world.film(1, 1, 10, true, &ALL);
    let client = world.client(2);
    let numbers: Vec<u16> = client
        .rtp
        .iter()
        .map(|rtp| {
            assert_eq!(rtp.header.element(&rtp.bytes, 10), None, "mid of the sender");
            assert_eq!(rtp.header.elements(&rtp.bytes).count(), 1);
            rtp.header.transport_sequence(&rtp.bytes, TRANSPORT_CC).unwrap().0
        })
        .collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

/// Firefox then takes what it does not know yet for nobody's, instead of the camera's own line's.
#[test]
fn the_line_on_which_a_client_sends_is_held_by_the_bridges_own_source() {
    let mut world = World::new();
    let mut naming = creating("a");
    for media in &mut naming.media {
        media
            .header_extensions
            .push(jitsi_wire::jingle::RtpHeaderExtension { id: 10, uri: "urn:ietf:params:rtp-hdrext:sdes:mid".into() });
    }
    world.join_as(1, 3, naming);
    world.join(2, 3);
    let ssrc = world.bridge_ssrc;
    world.film(1, 500, 20, true, &ALL);
    let held = world.client(1).stream(ssrc);
    assert_eq!(held.len(), 3, "one may be lost");
    for (step, rtp) in (1..).zip(&held) {
        assert_eq!((rtp.header.payload_type, rtp.header.sequence, rtp.payload()), (VP8, Seq(step), &[][..]));
        assert_eq!(rtp.header.element(&rtp.bytes, 10), Some(&b"mid"[..]), "the client's own word for the line");
        assert!(rtp.header.transport_sequence(&rtp.bytes, TRANSPORT_CC).is_some());
    }
    world.film(2, 500, 20, true, &ALL);
    assert!(world.client(2).stream(ssrc).is_empty(), "who negotiated no MID is told none");
}

#[test]
fn checklist_66_unsignalled_streams_are_dropped() {
    let mut world = World::meeting(2);
    world.film(1, 1, 3, true, &[0]);
    let before = world.client(2).rtp.len();
    world.send(1, &packet(VP8, true, 1, 0, 424_242, &[(5, vec![0, 9])], &vp8(0, 1, true)));
    assert_eq!(world.client(2).rtp.len(), before);
    assert_eq!(world.bridge.stats().discarded, 1);
}

#[test]
fn checklist_65_payload_types_are_translated_for_a_receiver_with_other_numbers() {
    let mut world = World::new();
    world.join(1, 1);
    let mut other = creating("b");
    for media in &mut other.media {
        for payload in &mut media.payload_types {
            if payload.name == "VP8" {
                payload.id = 121;
            }
        }
        media.payload_types.retain(|payload| payload.name != "rtx");
    }
    // The same participant with the usual numbers is replaced by one with its own.
    world.join(2, 1);
    world.modify(EndpointModify { id: "b".into(), expire: true, ..Default::default() });
    world.modify(other);
    let keys_of_b = world.bridge.stats().endpoints;
    assert_eq!(keys_of_b, 2);
    world.reconnect(2);
    world.open_channel(2);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.film(1, 1, 5, true, &[0]);
    let ssrc = world.client(1).video_ssrc(0);
    let missed = {
        let client = world.client(2);
        let stream = client.stream(ssrc);
        assert!(stream.len() == 5 && stream.iter().all(|rtp| rtp.header.payload_type == 121));
        stream[2].header.sequence
    };
    world.forget();
    world.send_rtcp(2, |w| w.nack(Ssrc(1), Ssrc(ssrc), &[missed]).map(|_| ()));
    assert!(world.client(2).rtp.is_empty(), "without RTX nothing is sent twice");
}

#[test]
fn an_encoding_that_falls_silent_is_replaced_by_one_that_lives() {
    let mut world = World::meeting(2);
    world.film(1, 1, 30, true, &ALL);
    world.forget();
    // The top encoding stops; after its silence is noticed a key frame is asked for and comes.
    let mut sequence = 31;
    while requests(&mut world, 1).is_empty() {
        world.film(1, sequence, 1, false, &[0, 1]);
        sequence += 1;
        assert!(sequence < 31 + 30, "no more than a second");
    }
    assert_eq!(requests(&mut world, 1), [world.client(1).video_ssrc(1)]);
    world.film(1, sequence, 5, true, &[0, 1]);
    let ssrc = world.client(1).video_ssrc(0);
    assert_eq!(*encodings(&world.client(2).stream(ssrc)).last().unwrap(), 1);
    // It comes back with a key frame of its own and is taken at once.
    world.forget();
    world.film(1, sequence + 60, 1, true, &ALL);
    assert_eq!(*encodings(&world.client(2).stream(ssrc)).last().unwrap(), 2);
}

#[test]
fn checklist_71_sender_reports_carry_our_counts_and_map_the_same_moment() {
    let mut world = World::meeting(2);
    let top = world.client(1).video_ssrc(2);
    world.film(1, 1, 20, true, &ALL);
    // The report says: timestamp 60000 was at NTP second 5000.
    let info = SenderInfo { ntp: NtpTime(5000 << 32), rtp_timestamp: 60_000, packets: 1, octets: 1 };
    world.send_rtcp(1, |w| w.sender_report(Ssrc(top), &info, &[]));
    let reported_at = world.now;
    world.film(1, 21, 40, false, &ALL);
    let ssrc = world.client(1).video_ssrc(0);
    let sent = world.client(2).stream(ssrc).len();
    let shift = {
        let client = world.client(2);
        let last = client.stream(ssrc).last().unwrap().header.timestamp;
        last.wrapping_sub(60 * 3000)
    };
    let reports: Vec<SenderInfo> = world
        .client(2)
        .rtcp
        .iter()
        .flat_map(|datagram| Compound::iter(datagram))
        .filter_map(|block| match block {
            Block::SenderReport { ssrc: about, info, .. } => {
                assert_eq!(about.0, ssrc);
                Some(info)
            }
            _ => None,
        })
        .collect();
    assert!((1..=3).contains(&reports.len()), "one a second: {}", reports.len());
    let report = reports.last().unwrap();
    assert!(report.packets as usize <= sent && report.packets > 20);
    let since = (report.ntp.0 - (5000 << 32)) as f64 / 4_294_967_296.0;
    let media = f64::from(report.rtp_timestamp.wrapping_sub(shift).wrapping_sub(60_000)) / 90_000.0;
    assert!((since - media).abs() < 0.001, "{since} {media}");
    assert!(since <= world.now.duration_since(reported_at).as_secs_f64() + 0.001);
}

#[test]
fn checklist_70_80_receiver_reports_and_feedback_go_to_senders_at_their_pace() {
    let mut world = World::meeting(2);
    world.film(1, 1, 91, true, &ALL);
    let counts = world.rtcp_of(1);
    let reports = counts.iter().filter(|((kind, _), _)| *kind == 201).map(|(_, n)| n).sum::<usize>();
    assert!((5..=6).contains(&reports), "every 500 ms for 3 s: {reports}");
    let feedback = counts[&(205, 15)];
    assert!((25..=160).contains(&feedback), "every 20 to 100 ms: {feedback}");
    world.run_ms(3000);
    world.forget();
    world.run_ms(4000);
    assert!(world.client(1).rtcp.is_empty(), "silence is not reported on");
}

#[test]
fn an_idle_meeting_sleeps() {
    let mut world = World::meeting(5);
    world.film(1, 1, 30, true, &ALL);
    world.run_ms(3000);
    let mut wakeups = 0;
    let end = world.now + std::time::Duration::from_secs(5);
    while let Some((at, _)) = world.bridge.next_wakeup().filter(|(at, _)| *at <= end) {
        world.now = world.now.max(at);
        world.bridge.on_wakeup(world.now, &mut world.outbox);
        wakeups += 1;
    }
    assert!(wakeups <= 5, "{wakeups} wake-ups in 5 s");
}

#[test]
fn checklist_91_force_mute_stops_video_where_it_comes_in_and_its_end_asks_for_a_key_frame() {
    let mut world = World::meeting(2);
    world.film(1, 1, 10, true, &ALL);
    let mute = |video| EndpointModify {
        id: "a".into(),
        force_mute: Some(ForceMute { video, ..Default::default() }),
        ..Default::default()
    };
    world.modify(mute(true));
    world.forget();
    world.film(1, 11, 30, false, &ALL);
    assert!(world.client(2).rtp.is_empty());
    assert!(requests(&mut world, 1).is_empty());
    assert_eq!(world.client(2).of_class("ForwardedSources"), Vec::<&serde_json::Value>::new());
    world.modify(mute(false));
    world.film(1, 41, 1, false, &ALL);
    assert_eq!(requests(&mut world, 1).len(), 1);
    assert!(world.client(2).rtp.is_empty(), "no delta frame first");
    world.film(1, 42, 5, true, &ALL);
    let ssrc = world.client(1).video_ssrc(0);
    assert!(world.client(2).stream(ssrc).len() >= 5);
}

#[test]
fn force_mute_tells_screens_from_cameras() {
    let mut world = World::meeting(2);
    let camera = world.client(1).video_ssrc(0);
    let passes = |world: &mut World, from: u16, mute: ForceMute| {
        world.modify(EndpointModify { id: "a".into(), force_mute: Some(mute), ..Default::default() });
        world.forget();
        world.film(1, from, 3, true, &ALL);
        !world.client(2).stream(camera).is_empty()
    };
    let (video, desktop) =
        (ForceMute { video: true, ..Default::default() }, ForceMute { desktop: true, ..Default::default() });
    assert!(passes(&mut world, 1, desktop));
    assert!(!passes(&mut world, 10, video));
    // The client says that it is a screen: then that is what it is taken for.
    world.say(1, r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"a-v0","videoType":"desktop"}"#);
    assert!(!passes(&mut world, 20, desktop));
    assert!(passes(&mut world, 30, video));
    // What was announced as a screen does not become a camera by a word on the channel.
    let mut list = sources("a", 1, 3);
    list[1].desktop = true;
    world.modify(EndpointModify { id: "a".into(), sources: Some(list), ..Default::default() });
    world.say(1, r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"a-v0","videoType":"camera"}"#);
    world.run_ms(600);
    assert!(!passes(&mut world, 40, desktop));
    assert!(passes(&mut world, 50, video));
}

#[test]
fn a_source_that_comes_back_under_its_ssrc_goes_on_in_numbers_and_time_towards_those_who_had_it() {
    let mut world = World::meeting(2);
    world.film(1, 1, 5, true, &ALL);
    let camera = world.client(1).video_ssrc(0);
    let newest = |world: &mut World| {
        world.client(2).stream(camera).last().map(|rtp| (rtp.header.sequence, rtp.header.timestamp))
    };
    let list = sources("a", 1, 3);
    for round in 0..3_u16 {
        let (sequence, timestamp) = newest(&mut world).unwrap();
        let without = vec![list[0].clone()];
        world.modify(EndpointModify { id: "a".into(), sources: Some(without), ..Default::default() });
        world.run_ms(700);
        world.modify(EndpointModify { id: "a".into(), sources: Some(list.clone()), ..Default::default() });
        // Towards a client that is told of it now.
        world.run_ms(600);
        world.forget();
        world.film(1, 100 * (round + 1), 5, true, &ALL);
        let first = world.client(2).stream(camera).first().map(|rtp| rtp.header).unwrap();
        let ahead = first.sequence.0.wrapping_sub(sequence.0);
        assert!((1..100).contains(&ahead), "round {round}: {ahead} numbers further");
        let later = first.timestamp.wrapping_sub(timestamp);
        assert!((1..90_000 * 10).contains(&later), "round {round}: {later} ticks later");
    }
}

#[test]
fn checklist_50_senders_are_told_the_largest_wish_more_at_once_and_less_after_a_while() {
    let mut world = World::meeting(3);
    let told = |world: &mut World| -> Vec<i64> {
        let heights = world
            .client(1)
            .of_class("SenderSourceConstraints")
            .into_iter()
            .map(|t| t["maxHeight"].as_i64().unwrap())
            .collect();
        world.forget();
        heights
    };
    assert_eq!(told(&mut world), [720]);
    let ask = |height: i32| {
        json!({"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":height}}).to_string()
    };
    world.say(2, &ask(180));
    world.run_ms(600);
    assert_eq!(told(&mut world), Vec::<i64>::new(), "the other one still wants 720");
    world.say(3, &ask(360));
    world.run_ms(400);
    assert_eq!(told(&mut world), Vec::<i64>::new());
    world.run_ms(200);
    assert_eq!(told(&mut world), [360]);
    world.say(2, &ask(-1));
    assert_eq!(told(&mut world), [-1], "unlimited beats all");
    world.say(2, &ask(0));
    world.say(3, &ask(0));
    world.run_ms(600);
    assert_eq!(told(&mut world), [0]);
}

/// Firefox and gst-meet lose a stream for good whose packets come before they have made a place for it.
#[test]
fn a_source_that_comes_later_is_introduced_before_it_flows() {
    let mut world = World::meeting(2);
    let (early, late) = (world.client(1).video_ssrc(0), world.client(2).video_ssrc(0));
    world.film(1, 500, 3, true, &ALL);
    assert!(world.client(2).stream(early).len() >= 3, "it stands in the invitation of the second");
    world.film(2, 500, 3, true, &ALL);
    assert!(world.client(1).rtp.is_empty(), "the first has only just been told");
    assert_eq!(world.rtcp_of(2).get(&(206, 1)), None, "a key frame that nobody gets is not asked for");
    world.run_ms(500);
    world.film(2, 503, 1, false, &ALL);
    assert!(world.rtcp_of(2).contains_key(&(206, 1)), "now one is needed");
    world.film(2, 504, 3, true, &ALL);
    assert!(world.client(1).stream(late).len() >= 3);
}

#[test]
fn whoever_takes_long_to_answer_is_given_as_long_for_each_source() {
    let mut world = World::new();
    let slow = world.invite(1, 3, creating(&World::id(1)));
    world.run_ms(300);
    world.join(2, 3);
    let early = world.client(2).video_ssrc(0);
    world.run_ms(500);
    world.answer(1, slow);
    world.open_channel(1);
    world.say(1, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.run_ms(790);
    world.film(2, 500, 3, true, &ALL);
    assert!(world.client(1).rtp.is_empty(), "it was told while it was still answering, and begins with that only now");
    world.run_ms(10);
    world.film(2, 503, 3, true, &ALL);
    assert!(world.client(1).stream(early).len() >= 3);

    world.join(3, 3);
    let late = world.client(3).video_ssrc(0);
    world.run_ms(790);
    world.film(3, 500, 3, true, &ALL);
    assert!(world.client(1).stream(late).is_empty());
    world.run_ms(10);
    world.film(3, 503, 3, true, &ALL);
    assert!(world.client(1).stream(late).len() >= 3);
}

#[test]
fn a_key_frame_that_begins_late_is_shown_with_all_that_came_before_its_start() {
    let mut world = World::meeting(2);
    for (sequence, key) in [(11, false), (12, false), (13, false), (10, true), (14, false)] {
        let packet = world.video(1, 0, sequence, key);
        world.send(1, &packet);
    }
    let ssrc = world.client(1).video_ssrc(0);
    let client = world.client(2);
    let stream = client.stream(ssrc);
    let numbers: Vec<u16> = stream.iter().map(|rtp| rtp.header.sequence.0 - stream[0].header.sequence.0).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert_eq!(stream[0].payload()[6] & 1, 0, "the start of the key frame comes first");
}

#[test]
fn a_receiver_that_cannot_take_the_codec_costs_the_sender_no_key_frames() {
    let mut world = World::new();
    world.join(1, 1);
    let mut endpoint = creating(&World::id(2));
    for media in &mut endpoint.media {
        media.payload_types.retain(|payload| payload.id != VP8 && payload.id != VP8_RTX);
    }
    world.join_as(2, 1, endpoint);
    world.open_channel(2);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.film(1, 1, 100, false, &[0]);
    assert!(world.client(2).rtp.is_empty());
    assert_eq!(world.bridge.stats().key_frame_requests, 0);
}

#[test]
fn what_a_receiver_without_rtx_misses_under_gcm_is_healed_by_a_key_frame() {
    let mut world = World::new();
    world.join(1, 1);
    let mut endpoint = creating(&World::id(2));
    for media in &mut endpoint.media {
        media.payload_types.retain(|payload| payload.id != VP8_RTX);
    }
    world.join_as(2, 1, endpoint);
    world.open_channel(2);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.film(1, 1, 60, true, &[0]);
    let ssrc = world.client(1).video_ssrc(0);
    let missed = world.client(2).stream(ssrc).last().unwrap().header.sequence;
    let asked = world.bridge.stats().key_frame_requests;
    world.send_rtcp(2, |w| w.nack(Ssrc(1), Ssrc(ssrc), &[missed]).map(|_| ()));
    let stats = world.bridge.stats();
    assert_eq!((stats.key_frame_requests - asked, stats.retransmitted), (1, 0));
}

#[test]
fn a_camera_of_one_frame_a_second_loses_none_of_its_encodings() {
    let mut world = World::meeting(2);
    world.film(1, 1, 30, true, &ALL);
    let asked = world.bridge.stats().key_frame_requests;
    for number in 31..41 {
        world.film(1, number, 1, false, &ALL);
        world.run_ms(967);
    }
    assert_eq!(world.bridge.stats().key_frame_requests, asked);
    let ssrc = world.client(1).video_ssrc(0);
    let client = world.client(2);
    let shown = encodings(&client.stream(ssrc));
    assert_eq!(shown[shown.len() - 10..], [2; 10]);
}
