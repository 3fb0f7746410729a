//! One participant, or a stranger, means harm: nobody else notices, and the bridge does not grow.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may"
)]

use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tests::bot::receiver::Ask;
use tests::bot::sender::Load;
use tests::meeting::{good, join, world};
use tests::world::World;

fn measure_anew(world: &mut World) {
    world.bots.iter_mut().flat_map(|b| b.receiver.tracks.values_mut()).for_each(|t| t.longest_gap = Duration::ZERO);
}

/// The first `count` see and hear each other without a break since [`measure_anew`].
fn unharmed(world: &World, count: usize) {
    for viewer in 0..count {
        assert_eq!(world.bots[viewer].undecryptable, 0, "SRTP");
        for of in (0..count).filter(|of| *of != viewer) {
            let bot = &world.bots[of];
            let video = &world.bots[viewer].receiver.tracks[&bot.video_ssrc().expect("video")];
            assert!(video.faults.is_empty(), "{of} at {viewer}: {:?}", video.faults);
            let age = world.now - video.last_frame.expect("a frame");
            let gap = video.longest_gap.max(age);
            assert!(gap <= Duration::from_millis(400), "{of} at {viewer} stood still for {gap:?}");
            let audio = &world.bots[viewer].receiver.tracks[&bot.sender.audio_ssrc];
            assert_eq!(audio.broken, 0, "{of} at {viewer}: holes in the sound");
            let age = world.now - audio.last_frame.expect("sound");
            assert!(age <= Duration::from_millis(100), "{of} at {viewer} was last heard {age:?} ago");
        }
    }
}

fn victim(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, number], 5000))
}

#[test]
fn checklist_7_media_goes_to_no_address_that_has_not_answered_a_check() {
    let mut world = world(41, good());
    join(&mut world, 3, Load::default());
    world.run(Duration::from_secs(3));
    measure_anew(&mut world);
    world.tap = Some(world.bots[2].addr);
    // The third sends good checks, and what it sends anyway, under the addresses of others.
    for round in 0..100_u8 {
        let check = world.bots[2].ice.check().expect("a check").1;
        world.inject(victim(round % 20), &check);
        let datagram = world.tapped.last().cloned();
        datagram.into_iter().for_each(|datagram| world.inject(victim(round % 20), &datagram));
        world.run(Duration::from_millis(50));
    }
    world.run(Duration::from_secs(5));
    assert_eq!(world.astray_media, 0, "nothing but checks");
    // An answer and a few checks of ours, for each of the few paths that one endpoint may have.
    assert!(world.astray <= 100 + 300, "{} datagrams to who never asked", world.astray);
    unharmed(&world, 2);
}

#[test]
fn what_was_overheard_and_is_sent_again_changes_nothing() {
    let mut world = world(42, good());
    join(&mut world, 3, Load::default());
    world.tap = Some(world.bots[0].addr);
    world.run(Duration::from_secs(3));
    world.tap = None;
    measure_anew(&mut world);
    let heard: Vec<Vec<u8>> = world.tapped.iter().filter(|datagram| datagram[0] >= 128).cloned().collect();
    assert!(heard.len() > 200);
    let (own, forwarded) = (world.bots[0].addr, world.bridge.stats().forwarded);
    for datagram in &heard {
        world.inject(own, datagram);
        world.inject(victim(1), datagram);
    }
    assert_eq!(world.bridge.stats().forwarded, forwarded, "nothing is forwarded twice");
    world.run(Duration::from_secs(3));
    assert_eq!(world.astray, 0);
    unharmed(&world, 3);
}

#[test]
fn checklist_73_storms_of_requests_cost_the_others_nothing() {
    let mut world = world(43, good());
    join(&mut world, 3, Load { encodings: 3, ..Load::default() });
    world.run(Duration::from_secs(4));
    measure_anew(&mut world);
    let ssrcs: Vec<u32> = world.bots[..2].iter().filter_map(|bot| bot.video_ssrc()).collect();
    let (keys, before) = (world.bots[0].rtcp.key_frame_requests, world.bridge.stats());
    for round in 0..500_u32 {
        for ssrc in &ssrcs {
            let sequences: Vec<u16> = (0..400).map(|n| (round * 131 + n) as u16).collect();
            world.bots[2].ask(&Ask::Nack { ssrc: *ssrc, sequences });
            world.bots[2].ask(&Ask::KeyFrame { ssrc: *ssrc });
            world.bots[2].full_intra_request(*ssrc, round as u8);
        }
        world.run(Duration::from_millis(10));
    }
    unharmed(&world, 2);
    let keys = world.bots[0].rtcp.key_frame_requests - keys;
    assert!(keys <= 5, "{keys} key frames in five seconds for one who asks a thousand times");
    let stats = world.bridge.stats();
    let (again, forwarded) = (stats.retransmitted - before.retransmitted, stats.forwarded - before.forwarded);
    assert!(again <= forwarded, "{again} sent again of {forwarded}");
    assert!(stats.kept_bytes < 2_000_000, "{}", stats.kept_bytes);
}

#[test]
fn checklist_2_forged_checks_make_no_paths_and_end_none() {
    let mut world = world(44, good());
    join(&mut world, 2, Load::default());
    world.run(Duration::from_secs(2));
    measure_anew(&mut world);
    let residue = world.bridge.residue();
    for round in 0..5000_u32 {
        let mut check = world.bots[1].ice.check().expect("a check").1;
        let (at, bit) = (30 + round as usize % (check.len() - 40), 1 << (round % 8));
        check[at] ^= bit;
        let from = SocketAddr::from(([198, 51, (round / 250) as u8, (round % 250) as u8], 5000));
        world.inject(if round % 2 == 0 { from } else { world.bots[1].addr }, &check);
        if round % 50 == 0 {
            world.run(Duration::from_millis(50));
        }
    }
    assert_eq!(world.bridge.residue(), residue);
    world.run(Duration::from_secs(35));
    unharmed(&world, 2);
}

#[test]
fn checklist_39_floods_of_words_end_at_who_floods() {
    let mut world = world(45, good());
    let channels = join(&mut world, 3, Load::default());
    world.run(Duration::from_secs(2));
    measure_anew(&mut world);
    world.messages.clear();
    let long =
        json!({"colibriClass": "EndpointMessage", "to": "", "msgPayload": {"text": "x".repeat(60_000)}}).to_string();
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let names: Vec<String> = (0..4000).map(|n| format!("{n:08x}-v0")).collect();
    let wide = json!({"colibriClass": "ReceiverVideoConstraints", "selectedSources": names}).to_string();
    let huge = "y".repeat(1 << 20);
    let chat =
        json!({"colibriClass": "EndpointMessage", "to": "", "msgPayload": {"text": "z".repeat(20_000)}}).to_string();
    let words = [long.as_str(), &deep, &wide, &huge, "{", "null", "\u{0}", r#"{"colibriClass":7}"#, &chat];
    for round in 0..3000 {
        world.say_text(channels[2], words[round % words.len()]);
        if round % 10 == 0 {
            world.run(Duration::from_millis(10));
        }
    }
    let bytes = |index: usize| {
        let messages = world.messages.get(&index).into_iter().flatten();
        messages.filter(|m| m["colibriClass"] == "EndpointMessage").map(|m| m.to_string().len()).sum::<usize>()
    };
    // Half a megabyte at once and a quarter for each second.
    assert!(bytes(0) > 0 && bytes(0) < 1_500_000, "{}", bytes(0));
    assert!(world.closed.is_empty(), "nobody's channel is closed");
    world.say(channels[0], &json!({"colibriClass": "EndpointMessage", "to": "00000002", "msgPayload": {"n": 1}}));
    assert!(world.messages[&1].iter().any(|m| m["from"] == "00000001"), "others still talk");
    world.run(Duration::from_secs(1));
    unharmed(&world, 2);
}
