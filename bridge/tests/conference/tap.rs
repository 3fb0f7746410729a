use crate::world::*;
use bridge::core::BridgeConfig;
use bridge::core::packet::{RtpHeader, Ssrc};
use bridge::core::rtcp::{NtpTime, SenderInfo};
use bridge::core::taps::{Extent, TapId, TapRefusal, Tapped};
use media_tap::{Body, Frames, Happening, Kind, Note, Report};
use std::time::Duration;

const ALL: [u32; 3] = [0, 1, 2];

/// What a tap was given.
#[derive(Debug, Default)]
struct Got {
    notes: Vec<Note>,
    rtp: Vec<(Duration, Vec<u8>)>,
    reports: Vec<Report>,
}

impl Got {
    fn stream(&self, ssrc: u32) -> Vec<(RtpHeader, &[u8])> {
        let all = self.rtp.iter().map(|(_, packet)| (RtpHeader::parse(packet).unwrap(), packet.as_slice()));
        all.filter(|(header, _)| header.ssrc == Ssrc(ssrc)).collect()
    }

    /// Number of the encoding, which is the last byte of a picture here.
    fn encodings(&self, ssrc: u32) -> Vec<u8> {
        self.stream(ssrc).iter().map(|(_, packet)| *packet.last().unwrap()).collect()
    }
}

fn tap(world: &mut World) -> Result<(), TapRefusal> {
    let outcome = world.bridge.tap(world.now, MEETING, TapId(1), Extent::Everything, &mut world.outbox);
    world.deliver();
    outcome
}

fn drain(world: &mut World) -> Got {
    let mut got = Got::default();
    world.bridge.drain_taps(&mut |id, tapped| {
        assert_eq!(id, TapId(1));
        let (Tapped::Notes(bytes) | Tapped::Media(bytes)) = tapped;
        for frame in Frames::new(bytes).map(Result::unwrap) {
            match frame.body {
                Body::Rtp(packet) => got.rtp.push((frame.at, packet.to_vec())),
                Body::Report(report) => got.reports.push(report),
                Body::Note(json) => got.notes.push(serde_json::from_slice(json).unwrap()),
            }
        }
    });
    got
}

#[test]
fn a_tap_is_told_of_every_stream_and_gets_the_best_of_each_as_one_run() {
    let mut world = World::meeting(3);
    // Nobody else wants more than a thumbnail.
    for number in 1..=3 {
        world.say(number, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":180}}"#);
    }
    tap(&mut world).unwrap();
    let notes = drain(&mut world).notes;
    let streams: Vec<_> = notes
        .iter()
        .map(|note| match note {
            Note::Stream(stream) => (stream.endpoint.clone(), stream.kind, stream.ssrc),
            other => panic!("{other:?}"),
        })
        .collect();
    let of = |number: u32, world: &mut World| {
        let (audio, video) = (world.client(number).audio_ssrc(), world.client(number).video_ssrc(0));
        [(World::id(number), Kind::Audio, audio), (World::id(number), Kind::Video, video)]
    };
    let expected: Vec<_> = (1..=3).flat_map(|number| of(number, &mut world)).collect();
    assert_eq!(streams, expected);
    world.film(1, 500, 10, true, &ALL);
    world.film(1, 510, 20, false, &ALL);
    let got = drain(&mut world);
    let primary = world.client(1).video_ssrc(0);
    let shown = got.encodings(primary);
    assert!(shown.len() >= 28 && *shown.last().unwrap() == 2, "{shown:?}");
    for pair in got.stream(primary).windows(2) {
        assert_eq!(pair[1].0.sequence, pair[0].0.sequence.next());
        let id = |packet: &[u8]| u16::from_be_bytes([packet[14] & 0x7f, packet[15]]);
        assert_eq!(id(pair[1].1), (id(pair[0].1) + 1) % 0x8000, "picture ids run on");
    }
    let asked = world.client(1).of_class("SenderSourceConstraints").last().map(|message| message["maxHeight"].clone());
    assert_eq!(asked, Some(4320.into()), "the sender is asked for its best");
}

#[test]
fn a_tap_alone_is_a_receiver() {
    let mut world = World::meeting(1);
    tap(&mut world).unwrap();
    world.film(1, 1, 10, true, &ALL);
    let ssrc = world.client(1).video_ssrc(0);
    assert_eq!(*drain(&mut world).encodings(ssrc).last().unwrap(), 2);
    // It came in the midst of a picture: a key frame is asked for when it says so.
    world.forget();
    world.run_ms(3000);
    world.bridge.on_tap_wish(world.now, TapId(1), Ssrc(ssrc), &mut world.outbox);
    world.deliver();
    assert_eq!(world.rtcp_of(1).get(&(206, 1)), Some(&1));
    world.bridge.untap(world.now, TapId(1), &mut world.outbox);
    world.film(1, 11, 10, true, &ALL);
    let got = drain(&mut world);
    assert!(got.rtp.is_empty() && got.notes.is_empty());
}

#[test]
fn a_tap_alone_gets_what_came_before_a_key_frame_that_begins_late() {
    let mut world = World::meeting(1);
    tap(&mut world).unwrap();
    for (sequence, key) in [(11, false), (10, true), (12, false)] {
        let packet = world.video(1, 0, sequence, key);
        world.send(1, &packet);
    }
    let ssrc = world.client(1).video_ssrc(0);
    let numbers: Vec<u16> = drain(&mut world).stream(ssrc).iter().map(|(header, _)| header.sequence.0).collect();
    assert_eq!(numbers, [0, 1, 2]);
}

#[test]
fn a_key_frame_from_before_there_were_keys_is_completed() {
    let mut world = World::meeting(1);
    tap(&mut world).unwrap();
    for (sequence, key) in [(13, false), (10, true)] {
        let packet = world.video(1, 0, sequence, key);
        world.send(1, &packet);
    }
    world.run_ms(20);
    assert_eq!(world.rtcp_of(1).get(&(205, 1)), Some(&1), "the rest is asked for");
    for sequence in [11, 12, 14] {
        let packet = world.video(1, 0, sequence, false);
        world.send(1, &packet);
    }
    let ssrc = world.client(1).video_ssrc(0);
    let numbers: Vec<u16> = drain(&mut world).stream(ssrc).iter().map(|(header, _)| header.sequence.0).collect();
    assert_eq!(numbers, [0, 3, 1, 2, 4]);
}

#[test]
fn all_speech_goes_to_a_tap_however_many_are_louder_and_silence_as_well() {
    let config = BridgeConfig { loudest_above: 3, ..BridgeConfig::default() };
    let mut world = World::meeting_with(config, 12);
    tap(&mut world).unwrap();
    drain(&mut world);
    for sequence in 0..50 {
        for number in 1..=12 {
            // Number 12 is silent, 11 the quietest who is not.
            let level = if number == 12 { 127 } else { u8::try_from(20 + number * 5).unwrap() };
            let packet = world.audio(number, 100 + sequence, level);
            world.send(number, &packet);
        }
        world.run_ms(20);
    }
    let got = drain(&mut world);
    for number in [1, 11, 12] {
        let ssrc = world.client(number).audio_ssrc();
        let sequences: Vec<u16> = got.stream(ssrc).iter().map(|(header, _)| header.sequence.0).collect();
        assert_eq!(sequences, (100..150).collect::<Vec<_>>(), "{number}");
    }
    let (loud, quiet) = (world.client(1).audio_ssrc(), world.client(11).audio_ssrc());
    let speaks =
        |note: &&Note| matches!(note, Note::Happened(Happening::Speaker { endpoint }) if *endpoint == World::id(1));
    assert_eq!(got.notes.iter().filter(speaks).count(), 1, "{:?}", got.notes);
    let heard = |ssrc, world: &mut World| world.client(12).stream(ssrc).len();
    let (loud, quiet) = (heard(loud, &mut world), heard(quiet, &mut world));
    assert!(loud > 40 && quiet < 40, "others get only the loudest: {loud} {quiet}");
}

#[test]
fn a_tap_learns_of_clocks_of_those_who_come_and_of_those_who_go() {
    let mut world = World::meeting(2);
    tap(&mut world).unwrap();
    drain(&mut world);
    let audio = world.client(1).audio_ssrc();
    let info = SenderInfo { ntp: NtpTime(7 << 32), rtp_timestamp: 48_000, packets: 1, octets: 1 };
    world.send_rtcp(1, |w| w.sender_report(Ssrc(audio), &info, &[]));
    assert_eq!(drain(&mut world).reports, [Report { ssrc: audio, ntp: 7 << 32, rtp: 48_000 }]);
    world.join(3, 3);
    world.leave(1);
    let notes = drain(&mut world).notes;
    let came = notes.iter().filter(|note| matches!(note, Note::Stream(s) if s.endpoint == World::id(3))).count();
    let gone = notes.iter().filter(|note| matches!(note, Note::StreamEnded { .. })).count();
    assert_eq!((came, gone), (2, 2), "{notes:?}");
}

#[test]
fn a_meeting_has_one_tap_and_one_that_is_not_there_has_none() {
    let mut world = World::meeting(1);
    let other = world.bridge.tap(world.now, "of tomorrow", TapId(7), Extent::Everything, &mut world.outbox);
    assert_eq!(other, Err(TapRefusal::NoMeeting));
    tap(&mut world).unwrap();
    assert_eq!(tap(&mut world), Err(TapRefusal::Taken));
}

#[test]
fn a_tap_of_speech_gets_no_pictures_asks_for_none_and_learns_how_loud_it_is() {
    let mut world = World::meeting(2);
    world.forget();
    let outcome = world.bridge.tap(world.now, MEETING, TapId(1), Extent::Speech, &mut world.outbox);
    world.deliver();
    assert_eq!(outcome, Ok(()));
    let streams = drain(&mut world).notes;
    let audio = |note: &Note| matches!(note, Note::Stream(stream) if stream.kind == Kind::Audio);
    assert!(streams.len() == 2 && streams.iter().all(audio), "{streams:?}");
    world.film(1, 1, 10, true, &ALL);
    let packet = world.audio(1, 100, 30);
    world.send(1, &packet);
    let got = drain(&mut world);
    let [(_, packet)] = &got.rtp[..] else { panic!("{}", got.rtp.len()) };
    let header = RtpHeader::parse(packet).unwrap();
    assert_eq!(header.audio_level(packet, media_tap::AUDIO_LEVEL).map(|level| level.level), Some(30));
    assert_eq!((header.ssrc.0, header.sequence.0), (world.client(1).audio_ssrc(), 100));
    let asked = world.client(1).of_class("SenderSourceConstraints").last().map(|message| message["maxHeight"].clone());
    assert_ne!(asked, Some(4320.into()));
}

#[test]
fn one_tap_of_everything_and_several_of_speech_go_side_by_side() {
    let mut world = World::meeting(1);
    tap(&mut world).unwrap();
    let speech =
        |world: &mut World, id| world.bridge.tap(world.now, MEETING, TapId(id), Extent::Speech, &mut world.outbox);
    assert_eq!((speech(&mut world, 2), speech(&mut world, 3)), (Ok(()), Ok(())));
    assert_eq!(speech(&mut world, 3), Err(TapRefusal::Taken), "its name");
    for id in 4..18 {
        speech(&mut world, id).unwrap();
    }
    assert_eq!(speech(&mut world, 18), Err(TapRefusal::Taken), "there is a limit");
    world.bridge.untap(world.now, TapId(1), &mut world.outbox);
    world.bridge.untap(world.now, TapId(17), &mut world.outbox);
    world.bridge.drain_taps(&mut |_, _| {});
    let packet = world.audio(1, 100, 30);
    world.send(1, &packet);
    let mut got = Vec::new();
    world.bridge.drain_taps(&mut |id, _| got.push(id.0));
    assert_eq!(got, (2..17).collect::<Vec<_>>());
}

#[test]
fn redundant_audio_comes_to_a_tap_as_the_packets_that_are_in_it() {
    const RED: u8 = 112;
    let mut world = World::new();
    let mut endpoint = creating("a");
    endpoint.media[0].payload_types.push(payload_type(RED, "red", 48_000, &[]));
    world.join_as(1, 1, endpoint);
    tap(&mut world).unwrap();
    let ssrc = world.client(1).audio_ssrc();
    // What 10 and 11 said, again, and 12 itself.
    let mut payload = vec![0x80 | OPUS, 0x1e, 0, 2, 0x80 | OPUS, 0x0f, 0, 2, OPUS];
    payload.extend([10, 0xaa, 11, 0xaa, 12, 0xaa]);
    let red = packet(RED, false, 12, 12 * 960, ssrc, &[(AUDIO_LEVEL, vec![20])], &payload);
    world.send(1, &red);
    let got = drain(&mut world);
    let blocks: Vec<_> = got
        .stream(ssrc)
        .iter()
        .map(|(header, packet)| (header.payload_type, header.sequence.0, header.timestamp / 960, packet[12..].to_vec()))
        .collect();
    let expected = [10_u8, 11, 12].map(|said| (OPUS, u16::from(said), u32::from(said), vec![said, 0xaa]));
    assert_eq!(blocks, expected);
}

#[test]
fn a_camera_that_becomes_a_screen_is_told_anew() {
    let mut world = World::meeting(1);
    tap(&mut world).unwrap();
    drain(&mut world);
    let source = format!("{}-v0", World::id(1));
    let mut kinds = |video_type: &str| {
        let message = r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"NAME","videoType":"TYPE"}"#;
        world.say(1, &message.replace("NAME", &source).replace("TYPE", video_type));
        let notes = drain(&mut world).notes;
        notes
            .iter()
            .filter_map(|note| if let Note::Stream(stream) = note { Some(stream.desktop) } else { None })
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("desktop"), [true]);
    assert_eq!(kinds("none"), [false; 0], "nothing is shown for the moment");
    assert_eq!(kinds("camera"), [false]);
}
