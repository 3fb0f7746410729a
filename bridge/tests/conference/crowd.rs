//! Large meetings: who is heard, who is told what.
use crate::world::*;
use jitsi_wire::colibri2::*;
use serde_json::{Value, json};

/// `size` people whose channels are open and who want to see nothing.
fn crowd(size: u32) -> World {
    let mut world = World::new();
    for number in 1..=size {
        world.join_as(number, 1, creating(&name(number)));
    }
    for number in 1..=size {
        world.open_channel(number);
        world.say(number, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":0}}"#);
    }
    // What came after the first is introduced to it.
    world.run_ms(600);
    world.forget();
    world
}

fn name(number: u32) -> String {
    World::id(number)
}

/// Everybody's level for some packets of 20 ms.
fn talk(world: &mut World, from: u16, packets: u16, levels: &[(u32, u8)]) {
    for step in 0..packets {
        for (number, level) in levels {
            let packet = world.audio(*number, from + step, *level);
            world.send(*number, &packet);
        }
        world.run_ms(20);
    }
}

fn heard(world: &mut World, by: u32, of: &[u32]) -> Vec<usize> {
    let ssrcs: Vec<u32> = of.iter().map(|number| world.client(*number).audio_ssrc()).collect();
    ssrcs.iter().map(|ssrc| world.client(by).stream(*ssrc).len()).collect()
}

const HUM: u8 = 100;

#[test]
fn checklist_102_of_many_who_talk_the_loudest_three_are_heard() {
    let mut world = crowd(24);
    let everybody: Vec<(u32, u8)> = (1..=24).map(|number| (number, HUM)).collect();
    talk(&mut world, 1, 50, &everybody);
    let with = |loud: &[(u32, u8)]| -> Vec<(u32, u8)> {
        let level = |number| loud.iter().find(|(who, _)| *who == number).map_or(HUM, |(_, level)| *level);
        (1..=24).map(|number| (number, level(number))).collect()
    };
    let loud = with(&[(2, 20), (3, 30), (4, 40), (5, 50)]);
    talk(&mut world, 51, 100, &loud);
    world.forget();
    talk(&mut world, 151, 50, &loud);
    assert_eq!(heard(&mut world, 1, &[2, 3, 4]), [50; 3]);
    let others = heard(&mut world, 1, &[5, 6, 20]);
    assert!(others.iter().all(|packets| *packets <= 1), "a sign of life at most: {others:?}");
    // What is left out leaves no gap.
    let ssrc = world.client(2).audio_ssrc();
    let stream: Vec<u16> = world.client(1).stream(ssrc).iter().map(|rtp| rtp.header.sequence.0).collect();
    assert!(stream.windows(2).all(|pair| pair[1] == pair[0] + 1));
    // Whoever is asked for by name is heard all the same.
    world.say(1, r#"{"colibriClass":"ReceiverAudioSubscription","all":true,"include":["f-a0"],"exclude":[]}"#);
    world.forget();
    talk(&mut world, 201, 20, &loud);
    assert_eq!(heard(&mut world, 1, &[6]), [20]);
    // Who falls silent makes room after 150 ms, and is heard to the end of the word.
    world.forget();
    let quiet = with(&[(2, HUM), (3, 30), (4, 40), (5, 50)]);
    talk(&mut world, 221, 50, &quiet);
    let faded = heard(&mut world, 1, &[2]);
    assert!(heard(&mut world, 1, &[5])[0] > 35 && (15..50).contains(&faded[0]), "{faded:?}");
}

#[test]
fn checklist_102_the_dominant_speaker_is_heard_however_loud_others_are() {
    let mut world = crowd(24);
    let hum: Vec<(u32, u8)> = (1..=24).map(|number| (number, HUM)).collect();
    talk(&mut world, 1, 50, &hum);
    let one = |loud: u8| -> Vec<(u32, u8)> { (1..=24).map(|n| (n, if n == 2 { loud } else { HUM })).collect() };
    talk(&mut world, 51, 100, &one(10));
    // Three cough for a moment.
    let mut coughs = one(40);
    for (number, level) in &mut coughs {
        if (3..=5).contains(number) {
            *level = 5;
        }
    }
    world.forget();
    talk(&mut world, 151, 10, &coughs);
    let heard = heard(&mut world, 1, &[2, 3, 4, 5]);
    assert!(heard[0] == 10 && heard[1..].iter().all(|packets| *packets >= 7), "{heard:?}");
}

#[test]
fn in_a_small_meeting_everybody_is_heard() {
    let mut world = crowd(20);
    let everybody: Vec<(u32, u8)> = (1..=20).map(|number| (number, 20)).collect();
    talk(&mut world, 1, 50, &everybody);
    assert_eq!(heard(&mut world, 1, &[2, 10, 20]), [50; 3]);
}

#[test]
fn checklist_103_unknown_and_removed_audio_is_not_routed_and_made_audio_only_by_name() {
    let mut world = crowd(3);
    let stray = packet(OPUS, false, 1, 960, 424_242, &[(AUDIO_LEVEL, vec![10])], &[0xfc, 1]);
    world.send(1, &stray);
    assert!(world.client(2).rtp.is_empty());
    let mut list = sources("a", 1, 1);
    list[0].synthetic = true;
    world.modify(EndpointModify { id: "a".into(), sources: Some(list), ..Default::default() });
    world.modify(EndpointModify { id: "a".into(), sources: Some(vec![]), ..Default::default() });
    talk(&mut world, 1, 5, &[(1, 10)]);
    assert_eq!(heard(&mut world, 2, &[1]), [0], "just removed");
    let mut list = sources("a", 1, 1);
    list[0].synthetic = true;
    world.modify(EndpointModify { id: "a".into(), sources: Some(list), ..Default::default() });
    world.run_ms(600);
    let subscribe = |all: bool, include: &[&str], exclude: &[&str]| {
        json!({"colibriClass": "ReceiverAudioSubscription", "all": all, "include": include, "exclude": exclude})
            .to_string()
    };
    for (round, (text, expected)) in (1_u16..).zip([
        (None, 0),
        (Some(subscribe(true, &[], &[])), 0),
        (Some(subscribe(false, &["a-a0"], &[])), 5),
        (Some(subscribe(true, &["a-a0"], &["a-a0"])), 0),
    ]) {
        if let Some(text) = text {
            world.say(2, &text);
        }
        world.forget();
        talk(&mut world, round * 10, 5, &[(1, 10)]);
        assert_eq!(heard(&mut world, 2, &[1]), [expected], "round {round}");
    }
}

fn stats(of: u32) -> String {
    json!({"colibriClass": "EndpointStats", "bitrate": {"upload": of}}).to_string()
}

#[test]
fn checklist_42_in_a_large_meeting_numbers_go_to_those_who_care() {
    let mut world = crowd(22);
    let got = |world: &mut World, by: u32, from: u32| {
        world.forget();
        world.say(from, &stats(from));
        assert!(world.client(from).of_class("EndpointStats").is_empty(), "not back to the sender");
        world.client(by).of_class("EndpointStats").len()
    };
    assert_eq!(got(&mut world, 1, 5), 0);
    let constraints = |more: Value| {
        let mut all = json!({"colibriClass": "ReceiverVideoConstraints", "defaultConstraints": {"maxHeight": 0},
            "constraints": {}, "onStageSources": [], "selectedSources": []});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all.to_string()
    };
    for wish in [
        json!({"constraints": {"e-v0": {"maxHeight": 180}}}),
        json!({"selectedSources": ["e-v0"]}),
        json!({"onStageSources": ["e-v0"]}),
    ] {
        world.say(1, &constraints(wish.clone()));
        assert_eq!((got(&mut world, 1, 5), got(&mut world, 2, 5), got(&mut world, 1, 6)), (1, 0, 0), "{wish}");
        world.say(1, &constraints(json!({})));
        assert_eq!(got(&mut world, 1, 5), 0);
    }
    talk(&mut world, 1, 60, &[(7, 10), (8, 100)]);
    assert_eq!(got(&mut world, 1, 7), 1, "a recent speaker");
}

#[test]
fn checklist_41_visitors_say_nothing_to_anybody() {
    let mut world = crowd(2);
    let visitor = EndpointModify { visitor: true, ..creating("z") };
    world.join_visitor(26, visitor);
    world.open_channel(26);
    world.forget();
    world.say(26, r#"{"colibriClass":"EndpointMessage","to":"","msgPayload":{}}"#);
    world.say(26, r#"{"colibriClass":"EndpointMessage","to":"a","msgPayload":{}}"#);
    world.say(26, &stats(1));
    assert!(world.client(1).texts.is_empty() && world.client(2).texts.is_empty());
    world.say(1, r#"{"colibriClass":"EndpointMessage","to":"","msgPayload":{}}"#);
    assert_eq!(world.client(26).of_class("EndpointMessage").len(), 1, "but they are told");
    world.run_ms(16_000);
    let named = world.client(1).texts.iter().any(|text| text["endpoint"] == "z");
    assert!(!named, "nobody hears whether they are there");
}

#[test]
fn checklist_54_the_message_names_ten_former_speakers_at_most_and_none_who_left() {
    let mut world = crowd(14);
    let mut sequence = 1;
    for speaker in 1..=14 {
        let levels: Vec<(u32, u8)> = (1..=14).map(|n| (n, if n == speaker { 5 } else { HUM })).collect();
        talk(&mut world, sequence, 75, &levels);
        sequence += 75;
    }
    let last = |world: &mut World| {
        world.client(1).of_class("DominantSpeakerEndpointChangeEvent").last().map(|text| (*text).clone()).unwrap()
    };
    let told = last(&mut world);
    assert_eq!(told["dominantSpeakerEndpoint"], name(14));
    let expected: Vec<Value> = (4..=13).rev().map(|number| name(number).into()).collect();
    assert_eq!(told["previousSpeakers"], json!(expected), "newest first, ten of them");
    world.leave(13);
    let told = last(&mut world);
    let expected: Vec<Value> = (3..=12).rev().map(|number| name(number).into()).collect();
    assert_eq!(told["previousSpeakers"], json!(expected));
    world.leave(14);
    assert_eq!(last(&mut world)["dominantSpeakerEndpoint"], name(12));
}

#[test]
fn checklist_27_every_stream_begins_with_a_low_number() {
    let mut world = World::meeting(8);
    for number in 1..=8 {
        world.film(number, 60_000, 8, true, &[0, 1, 2]);
        let voice = world.audio(number, 65_000, 20);
        world.send(number, &voice);
    }
    let mut firsts = std::collections::BTreeMap::new();
    for number in 1..=8 {
        let missed: Vec<_> =
            world.client(number).rtp.iter().map(|rtp| (rtp.header.ssrc, rtp.header.sequence)).collect();
        world.run_ms(150);
        for (ssrc, sequence) in missed {
            world.send_rtcp(number, |w| w.nack(bridge::core::packet::Ssrc(1), ssrc, &[sequence]).map(|_| ()));
        }
        for rtp in &world.client(number).rtp {
            firsts.entry((number, rtp.header.ssrc.0)).or_insert(rtp.header.sequence.0);
        }
    }
    let kinds = |from: u32, to: u32| firsts.keys().filter(|(_, ssrc)| (from..to).contains(&(ssrc % 1000))).count();
    assert!(kinds(1, 2) == 56 && kinds(100, 104) > 50 && kinds(200, 204) > 10, "audio, video and what is sent again");
    assert!(firsts.values().all(|first| *first < 1 << 15), "{firsts:?}");
}

#[test]
fn checklist_46_an_assumed_bandwidth_counts_where_that_is_allowed_and_up_to_a_bound() {
    for limit in [None, Some(10_000)] {
        let config = bridge::core::BridgeConfig { assumed_bandwidth_limit: limit, ..Default::default() };
        let mut world = World::with_config(config);
        for number in 1..=2 {
            world.join(number, 1);
            world.open_channel(number);
            world.say(number, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
        }
        world.run_ms(600);
        world.film(1, 1, 40, true, &[0]);
        let ssrc = world.client(1).video_ssrc(0);
        let mut sequence = 41;
        // One picture costs some thirty kilobit a second.
        for (assumed, shown) in [(5_000, false), (-1, true), (1_000_000, false)] {
            let text = json!({"colibriClass": "ReceiverVideoConstraints", "assumedBandwidthBps": assumed});
            world.say(2, &text.to_string());
            world.film(1, sequence, 10, true, &[0]);
            world.forget();
            world.film(1, sequence + 10, 10, true, &[0]);
            sequence += 20;
            let flows = !world.client(2).stream(ssrc).is_empty();
            assert_eq!(flows, limit.is_none() || shown, "{limit:?} {assumed}");
        }
    }
}
