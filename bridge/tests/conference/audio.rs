use crate::world::*;
use jitsi_wire::colibri2::*;

fn talk(world: &mut World, number: u32, from: u16, count: u16, level: u8) {
    for step in 0..count {
        let packet = world.audio(number, from.wrapping_add(step), level);
        world.send(number, &packet);
        world.run_ms(20);
    }
}

#[test]
fn audio_goes_to_everybody_unchanged_but_for_its_numbers() {
    let mut world = World::meeting(3);
    talk(&mut world, 1, 65_530, 20, 20);
    let ssrc = world.client(1).audio_ssrc();
    for number in [2, 3] {
        let client = world.client(number);
        let stream = client.stream(ssrc);
        assert_eq!(stream.len(), 20);
        assert!(stream[0].header.sequence.0 < 1 << 14);
        for (step, rtp) in stream.iter().enumerate() {
            assert_eq!(rtp.header.sequence, stream[0].header.sequence.plus(step as u16));
            assert_eq!(rtp.header.audio_level(&rtp.bytes, AUDIO_LEVEL).unwrap().level, 20);
            assert_eq!(rtp.payload(), [0xfc, 1, 2, 3]);
        }
    }
}

#[test]
fn checklist_69_chapter_9_18_digital_silence_is_dropped_after_its_first_packets_and_numbers_stay_dense() {
    let mut world = World::meeting(2);
    talk(&mut world, 1, 1, 10, 20);
    talk(&mut world, 1, 11, 50, 127);
    talk(&mut world, 1, 61, 10, 20);
    let ssrc = world.client(1).audio_ssrc();
    let client = world.client(2);
    let stream = client.stream(ssrc);
    assert_eq!(stream.len(), 23);
    for pair in stream.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.next());
    }
    let markers: Vec<usize> = stream.iter().enumerate().filter(|(_, rtp)| rtp.header.marker).map(|(i, _)| i).collect();
    assert_eq!(markers, [13], "the first packet after the silence");
    assert_eq!(stream[13].header.timestamp, 61 * 960);
}

#[test]
fn checklist_91_force_mute_drops_audio_and_leaves_no_gap() {
    let mut world = World::meeting(2);
    let mute = |audio| EndpointModify {
        id: "a".into(),
        force_mute: Some(ForceMute { audio, ..Default::default() }),
        ..Default::default()
    };
    talk(&mut world, 1, 1, 5, 20);
    world.modify(mute(true));
    talk(&mut world, 1, 6, 50, 20);
    world.modify(mute(false));
    talk(&mut world, 1, 56, 5, 20);
    let ssrc = world.client(1).audio_ssrc();
    let client = world.client(2);
    let stream = client.stream(ssrc);
    assert_eq!(stream.len(), 10);
    assert_eq!(stream[9].header.sequence, stream[0].header.sequence.plus(9));
}

#[test]
fn checklist_56_a_subscription_names_what_is_heard() {
    let mut world = World::meeting(3);
    let both = |world: &mut World, from: u16| {
        world.forget();
        talk(world, 1, from, 3, 20);
        talk(world, 2, from, 3, 20);
        let (a, b) = (world.client(1).audio_ssrc(), world.client(2).audio_ssrc());
        let client = world.client(3);
        (client.stream(a).len(), client.stream(b).len())
    };
    assert_eq!(both(&mut world, 1), (3, 3));
    world.say(3, r#"{"colibriClass":"ReceiverAudioSubscription","all":true,"include":[],"exclude":["a-a0"]}"#);
    assert_eq!(both(&mut world, 4), (0, 3));
    world.say(3, r#"{"colibriClass":"ReceiverAudioSubscription","mode":"Include","list":["a-a0"]}"#);
    assert_eq!(both(&mut world, 7), (3, 0));
    world.say(3, r#"{"colibriClass":"ReceiverAudioSubscription","all":true,"include":["a-a0"],"exclude":["a-a0"]}"#);
    assert_eq!(both(&mut world, 10), (0, 3), "excluded beats included");
}

#[test]
fn the_one_who_speaks_becomes_dominant_and_everybody_is_told() {
    let mut world = World::meeting(3);
    for step in 0..150_u16 {
        for number in 1..=3 {
            // Everybody hums; b speaks up after a second.
            let level = if number == 2 && step > 50 { 5 } else { 80 };
            let packet = world.audio(number, step, level);
            world.send(number, &packet);
        }
        world.run_ms(20);
    }
    for number in 1..=3 {
        let texts = world
            .client(number)
            .of_class("DominantSpeakerEndpointChangeEvent")
            .into_iter()
            .cloned()
            .collect::<Vec<_>>();
        let last = texts.last().unwrap();
        assert_eq!(last["dominantSpeakerEndpoint"], "b");
        assert_eq!(last["silence"], false);
    }
    world.forget();
    world.leave(2);
    let texts = world.client(1).of_class("DominantSpeakerEndpointChangeEvent").into_iter().cloned().collect::<Vec<_>>();
    assert!(texts.iter().all(|text| text["dominantSpeakerEndpoint"] != "b"
        && text["previousSpeakers"].as_array().unwrap().iter().all(|s| s != "b")));
}

#[test]
fn whoever_is_muted_does_not_become_dominant() {
    let mut world = World::meeting(3);
    let force_mute = Some(ForceMute { audio: true, ..Default::default() });
    world.modify(EndpointModify { id: "b".into(), force_mute, ..Default::default() });
    for step in 0..150_u16 {
        for number in 1..=3 {
            let level = if number == 2 { 5 } else { 40 };
            let packet = world.audio(number, step, level);
            world.send(number, &packet);
        }
        world.run_ms(20);
    }
    let texts = world.client(1).of_class("DominantSpeakerEndpointChangeEvent").into_iter().cloned().collect::<Vec<_>>();
    assert!(!texts.is_empty());
    assert!(texts.iter().all(|text| text["dominantSpeakerEndpoint"] != "b"), "{texts:?}");
}

#[test]
fn checklist_104_a_new_dominant_speaker_is_asked_for_a_key_frame_only_if_somebody_has_a_camera_on_stage() {
    for on_stage in [true, false] {
        let mut world = World::meeting(3);
        world.run_ms(500);
        if on_stage {
            world.say(1, r#"{"colibriClass":"ReceiverVideoConstraints","onStageSources":["c-v0"]}"#);
        }
        for number in 1..=3 {
            world.film(number, 1, 2, true, &[0, 1, 2]);
        }
        world.forget();
        for step in 0..150_u16 {
            for number in 1..=3 {
                let level = if number == 2 && step > 50 { 5 } else { 80 };
                let packet = world.audio(number, step, level);
                world.send(number, &packet);
            }
            // Its video flows, or nobody could be asked.
            for encoding in 0..3 {
                let frame = world.video(2, encoding, 3 + step, false);
                world.send(2, &frame);
            }
            world.run_ms(20);
        }
        let asked = world.rtcp_of(2).get(&(206, 1)).copied().unwrap_or(0);
        assert_eq!(asked > 0, on_stage, "{asked}");
    }
}

#[test]
fn checklist_79_redundant_audio_passes_or_is_unpacked_and_fills_the_holes() {
    const RED: u8 = 112;
    let with_red = |id: &str| {
        let mut endpoint = creating(id);
        endpoint.media[0].payload_types.push(payload_type(RED, "red", 48_000, &[]));
        endpoint
    };
    let mut world = World::new();
    world.join_as(1, 1, with_red("a"));
    world.join_as(2, 1, creating("b"));
    world.join_as(3, 1, with_red("c"));
    let ssrc = world.client(1).audio_ssrc();
    let red = |sequence: u16| {
        let (old, older) = (sequence as u8 - 1, sequence as u8 - 2);
        let mut payload = vec![0x80 | OPUS, 0x1e, 0, 2, 0x80 | OPUS, 0x0f, 0, 2, OPUS];
        payload.extend([older, 0xaa, old, 0xaa, sequence as u8, 0xaa]);
        let level = [(AUDIO_LEVEL, vec![20])];
        packet(RED, false, sequence, u32::from(sequence) * 960, ssrc, &level, &payload)
    };
    // Two are lost in a row, and one comes late.
    for sequence in [10, 11, 12, 15, 16, 18, 17, 22, 23] {
        world.send(1, &red(sequence));
        world.run_ms(20);
    }
    let plain = world.client(2);
    let stream = plain.stream(ssrc);
    let got: Vec<u8> = stream.iter().map(|rtp| rtp.payload()[0]).collect();
    assert_eq!(got, [10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23], "of three in a row two come back");
    for rtp in &stream {
        let number = u16::from(rtp.payload()[0] - 10);
        assert_eq!((rtp.header.payload_type, rtp.payload().len()), (OPUS, 2));
        assert_eq!(rtp.header.sequence, stream[0].header.sequence.plus(number));
        assert_eq!(rtp.header.timestamp, stream[0].header.timestamp + u32::from(number) * 960);
    }
    let redundant = world.client(3);
    let passed: Vec<(u8, usize)> =
        redundant.stream(ssrc).iter().map(|rtp| (rtp.header.payload_type, rtp.payload().len())).collect();
    assert_eq!(passed, [(RED, 15); 9], "who takes it gets it as it is, its blocks in a row");
}
