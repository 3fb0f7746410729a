use crate::world::*;
use serde_json::json;

const ALL: [u32; 3] = [0, 1, 2];
const REMB: &str = "goog-remb";

/// Sends frames of `size` bytes in the lowest encoding and twice as many in each next one, 33 ms apart.
fn film(world: &mut World, number: u32, from: u16, count: u16, key: bool, size: usize) {
    for step in 0..count {
        for encoding in ALL {
            let mut payload = vp8(encoding, from + step, key && step == 0);
            payload.resize(size << encoding, encoding as u8);
            let ssrc = world.client(number).video_ssrc(encoding);
            let sequence = from + step;
            let frame = packet(VP8, true, sequence, u32::from(sequence) * 3000, ssrc, &[], &payload);
            world.send(number, &frame);
        }
        world.run_ms(33);
    }
}

fn last_encoding(world: &mut World, number: u32, of: u32) -> Option<u8> {
    let ssrc = world.client(of).video_ssrc(0);
    world.client(number).stream(ssrc).last().and_then(|rtp| rtp.payload().last().copied())
}

/// A client that knows no transport-wide numbers.
fn without_numbers(id: &str) -> jitsi_wire::colibri2::EndpointModify {
    let mut endpoint = creating(id);
    for media in &mut endpoint.media {
        media.header_extensions.retain(|extension| extension.id != TRANSPORT_CC);
        for payload in &mut media.payload_types {
            payload.feedback.retain(|feedback| feedback.kind != "transport-cc");
            payload.feedback.push(jitsi_wire::jingle::RtcpFeedback { kind: REMB.into(), subtype: None });
        }
    }
    endpoint
}

fn remb(world: &mut World, number: u32, bps: u32) {
    let (mantissa, exponent) = (bps >> 4, 4);
    let mut plain = vec![0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0];
    plain.extend(b"REMB");
    plain.extend(((1 << 24) | (exponent << 18) | mantissa).to_be_bytes());
    plain.extend([0, 0, 0, 9]);
    world.send_plain_rtcp(number, &plain);
}

/// The first sends pictures; the second knows numbers, the third does not. All want to see 720p.
fn meeting() -> World {
    let mut world = World::new();
    world.join(1, 3);
    world.join(2, 0);
    world.join_as(3, 0, without_numbers(&World::id(3)));
    for number in 1..=3 {
        world.open_channel(number);
        world.say(number, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    }
    world
}

#[test]
fn checklist_81_what_receivers_say_they_can_take_counts_only_where_there_are_no_numbers() {
    let mut world = meeting();
    film(&mut world, 1, 1, 45, true, 250);
    assert_eq!((last_encoding(&mut world, 2, 1), last_encoding(&mut world, 3, 1)), (Some(2), Some(2)));
    remb(&mut world, 2, 150_000);
    remb(&mut world, 3, 150_000);
    film(&mut world, 1, 46, 10, true, 250);
    assert_eq!((last_encoding(&mut world, 2, 1), last_encoding(&mut world, 3, 1)), (Some(2), Some(1)));
    remb(&mut world, 3, 90_000);
    film(&mut world, 1, 56, 10, true, 250);
    assert_eq!(last_encoding(&mut world, 3, 1), Some(0));
}

#[test]
fn checklist_98_it_is_decided_anew_when_layers_come_wishes_change_or_costs_grow() {
    let mut world = meeting();
    world.film(1, 1, 30, true, &[0]);
    assert_eq!(last_encoding(&mut world, 2, 1), Some(0));
    world.film(1, 31, 1, true, &ALL);
    assert_eq!(last_encoding(&mut world, 2, 1), Some(2), "with the packet that brings the layer");
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":180}}"#);
    world.run_ms(400);
    world.film(1, 32, 1, true, &ALL);
    assert_eq!(last_encoding(&mut world, 2, 1), Some(0), "by the next key frame");
    film(&mut world, 1, 33, 40, true, 250);
    remb(&mut world, 3, 300_000);
    film(&mut world, 1, 73, 20, true, 250);
    assert_eq!(last_encoding(&mut world, 3, 1), Some(2));
    // The receiver says nothing new, but what it gets has become too much for it.
    film(&mut world, 1, 93, 155, false, 350);
    film(&mut world, 1, 248, 1, true, 350);
    assert_eq!(last_encoding(&mut world, 3, 1), Some(1), "five seconds later");
}

#[test]
fn checklist_98_it_is_decided_anew_when_somebody_else_speaks() {
    let mut world = World::meeting(3);
    world.say(3, &json!({"colibriClass": "ReceiverVideoConstraints", "lastN": 1}).to_string());
    for step in 0..150_u16 {
        for number in 1..=3 {
            let level = if number == 2 && step > 50 { 5 } else { 80 };
            let speech = world.audio(number, step, level);
            world.send(number, &speech);
        }
        world.run_ms(20);
    }
    let told = world.client(3).of_class("ForwardedSources").last().map(|text| text["forwardedSources"].clone());
    assert_eq!(told, Some(json!(["b-v0"])));
}
