//! Clients with SSRC rewriting: what they get is what they were told of.
use crate::world::*;
use bridge::core::packet::Ssrc;
use jitsi_wire::colibri2::*;
use jitsi_wire::jingle::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ALL: [u32; 3] = [0, 1, 2];

fn rewriting(id: &str, mids: bool) -> EndpointModify {
    let capabilities =
        Capabilities { source_names: true, ssrc_rewriting: true, rtp_mid_demux: mids, ..Default::default() };
    EndpointModify { capabilities, ..creating(id) }
}

/// What a client was told: source name to (SSRC, RTX SSRC), the newest entry of each SSRC.
fn told(world: &mut World, number: u32, class: &str) -> BTreeMap<u64, (String, Option<u64>)> {
    let entries = world.client(number).of_class(class).into_iter().flat_map(|t| t["mappedSources"].as_array().unwrap());
    let entry = |e: &Value| {
        (e["ssrc"].as_u64().unwrap(), (e["source"].as_str().unwrap().to_owned(), e.get("rtx").and_then(Value::as_u64)))
    };
    entries.map(entry).collect()
}

fn ssrcs(world: &mut World, number: u32) -> BTreeSet<u64> {
    world.client(number).rtp.iter().map(|rtp| u64::from(rtp.header.ssrc.0)).collect()
}

fn slot_of(world: &mut World, number: u32, source: &str) -> u32 {
    let maps = ["VideoSourcesMap", "AudioSourcesMap"].map(|class| told(world, number, class));
    let found = maps.iter().flatten().find(|(_, (name, _))| name == source).map(|(ssrc, _)| *ssrc);
    u32::try_from(found.unwrap_or_else(|| panic!("{source} in {maps:?}"))).unwrap()
}

/// `a` and `c` as usual, `b` with rewriting.
fn meeting(mids: bool) -> World {
    let mut world = World::new();
    world.join(1, 3);
    let mut b = rewriting("b", mids);
    for media in &mut b.media {
        media.header_extensions.push(RtpHeaderExtension { id: 10, uri: "urn:ietf:params:rtp-hdrext:sdes:mid".into() });
    }
    world.join_as(2, 3, b);
    world.join(3, 3);
    world
}

fn open(world: &mut World) {
    for number in 1..=3 {
        world.open_channel(number);
        world.say(number, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    }
}

#[test]
fn checklist_58_63_nothing_comes_under_an_ssrc_that_was_not_told_before() {
    let mut world = meeting(false);
    world.film(1, 1, 10, true, &ALL);
    assert!(world.client(2).rtp.is_empty(), "without a channel nobody can be told");
    open(&mut world);
    let mut announced = BTreeSet::new();
    for step in 0..100_u16 {
        for number in [1, 3] {
            let mut packets = vec![world.audio(number, step, 20)];
            packets.extend(ALL.map(|encoding| world.video(number, encoding, 100 + step, step % 20 == 0)));
            for packet in packets {
                world.send(number, &packet);
                let got = ssrcs(&mut world, 2);
                assert!(got.is_subset(&announced), "{got:?} of {announced:?}");
                announced.extend(told(&mut world, 2, "VideoSourcesMap").into_keys());
                announced.extend(told(&mut world, 2, "AudioSourcesMap").into_keys());
            }
        }
        world.run_ms(20);
    }
    assert_eq!(ssrcs(&mut world, 2).len(), 4, "two voices, two pictures");
    let videos = told(&mut world, 2, "VideoSourcesMap");
    let names: Vec<&str> = videos.values().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&"a-v0", &"c-v0"]));
    let rtx: BTreeSet<u64> = videos.values().map(|(_, rtx)| rtx.unwrap()).collect();
    assert!(
        rtx.len() == 2 && rtx.iter().all(|rtx| *rtx != 0 && u32::try_from(*rtx).is_ok() && !videos.contains_key(rtx))
    );
    let entry = world.client(2).of_class("VideoSourcesMap")[0]["mappedSources"][0].clone();
    assert_eq!((&entry["videoType"], &entry["owner"]), (&Value::from("CAMERA"), &Value::from("a")));
    assert_eq!(entry.get("mid"), None);
    let own = [1, 3].map(|number| world.client(number).video_ssrc(0));
    assert!(own.iter().all(|ssrc| !ssrcs(&mut world, 2).contains(&u64::from(*ssrc))));
}

/// `owners` people (from `c` on) with twenty cameras of one encoding each.
fn crowd(world: &mut World, owners: u32) -> Vec<(u32, String, u32)> {
    let mut all = Vec::new();
    for number in 3..3 + owners {
        world.join(number, 1);
        let id = World::id(number);
        let list: Vec<MediaSource> = (0..20)
            .map(|n| MediaSource {
                id: format!("{id}-v{n}"),
                kind: MediaKind::Video,
                ssrcs: vec![number * 1000 + 300 + n],
                groups: vec![],
                desktop: false,
                synthetic: false,
            })
            .collect();
        all.extend(list.iter().map(|source| (number, source.id.clone(), source.ssrcs[0])));
        world.modify(EndpointModify { id, sources: Some(list), ..Default::default() });
    }
    all
}

fn show(world: &mut World, who: &(u32, String, u32), sequence: u16) {
    for step in 0..3 {
        let payload = vp8(0, sequence + step, step == 0);
        let frame = packet(VP8, true, sequence + step, u32::from(step) * 3000, who.2, &[(5, vec![0, 9])], &payload);
        world.send(who.0, &frame);
        world.run_ms(33);
    }
}

#[test]
fn checklist_59_the_place_that_was_used_longest_ago_goes_to_the_next_of_fifty() {
    let mut world = World::new();
    world.join_as(2, 1, rewriting("b", false));
    let cameras = crowd(&mut world, 3);
    world.open_channel(2);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    let first = told(&mut world, 2, "VideoSourcesMap");
    assert_eq!(first.len(), 50);
    world.run_ms(600);
    for camera in &cameras {
        show(&mut world, camera, 1);
    }
    let shown: BTreeSet<&String> = first.values().map(|(name, _)| name).collect();
    let waiting: Vec<&(u32, String, u32)> = cameras.iter().filter(|(_, name, _)| !shown.contains(name)).collect();
    assert_eq!(waiting.len(), 10);
    world.forget();
    // Ten that had no place are wanted now, and ten of the others no more.
    let names: Vec<&str> = waiting.iter().map(|(_, name, _)| name.as_str()).collect();
    let select = serde_json::json!({"colibriClass": "ReceiverVideoConstraints", "selectedSources": names[..1]});
    world.run_ms(1100);
    world.say(2, &select.to_string());
    let news = told(&mut world, 2, "VideoSourcesMap");
    assert_eq!(news.len(), 1, "only what changed: {news:?}");
    let (ssrc, (name, _)) = news.iter().next().unwrap();
    assert_eq!(name, names[0]);
    let (former, _) = &first[ssrc];
    let last_of_order = cameras.iter().rfind(|(_, name, _)| shown.contains(name)).unwrap();
    assert!(former == &last_of_order.1 || former != names[0]);
    show(&mut world, waiting[0], 10);
    assert_eq!(ssrcs(&mut world, 2), BTreeSet::from([*ssrc]));
    world.forget();
    world.open_channel(2);
    let all = told(&mut world, 2, "VideoSourcesMap");
    assert_eq!(all.len(), 50, "a new channel is told everything");
    assert!(all.keys().all(|ssrc| first.contains_key(ssrc)), "and never of a fifty-first SSRC");
    assert_eq!(all[ssrc].0, names[0]);
}

#[test]
fn a_place_that_changes_hands_goes_on_without_a_break() {
    let mut world = World::new();
    world.join_as(2, 1, rewriting("b", false));
    world.join(1, 1);
    world.open_channel(2);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.run_ms(600);
    world.film(1, 1, 20, true, &[0]);
    let slot = slot_of(&mut world, 2, "a-v0");
    let before = world.client(2).stream(slot).last().map(|rtp| (*rtp).clone()).unwrap();
    world.leave(1);
    world.forget();
    world.join(3, 1);
    world.run_ms(3000);
    assert_eq!(slot_of(&mut world, 2, "c-v0"), slot, "the place is free");
    world.film(3, 40_000, 3, false, &[0]);
    assert!(world.client(2).rtp.is_empty(), "no delta frame first");
    world.film(3, 40_003, 5, true, &[0]);
    let stream: Vec<Rtp> = world.client(2).stream(slot).into_iter().cloned().collect();
    assert_eq!(stream.len(), 5);
    let after = &stream[0];
    assert_eq!(after.header.sequence, before.header.sequence.next());
    let id = |rtp: &Rtp| (u16::from_be_bytes([rtp.payload()[2] & 0x7f, rtp.payload()[3]]), rtp.payload()[4]);
    assert_eq!(id(after), (id(&before).0 + 1, id(&before).1.wrapping_add(1)));
    assert_eq!(after.payload()[6] & 1, 0, "a key frame");
    // 33 ms to the end of the first film, then 3 s and three frames.
    let passed = after.header.timestamp.wrapping_sub(before.header.timestamp);
    assert!((90 * 3132 - 90..=90 * 3132 + 90).contains(&passed), "{passed}");
}

#[test]
fn checklist_61_feedback_on_a_place_reaches_whoever_is_shown_there() {
    let mut world = meeting(false);
    open(&mut world);
    world.run_ms(600);
    world.film(1, 1, 30, true, &ALL);
    world.film(3, 1, 30, true, &ALL);
    let (slot, own) = (slot_of(&mut world, 2, "a-v0"), world.client(1).video_ssrc(0));
    let rtx = u32::try_from(told(&mut world, 2, "VideoSourcesMap")[&u64::from(slot)].1.unwrap()).unwrap();
    for (round, (about, asked)) in (1_u16..).zip([(slot, 1), (own, 0), (rtx, 1), (4242, 0)]) {
        world.run_ms(1500);
        world.forget();
        world.send_rtcp(2, |w| w.pli(Ssrc(1), Ssrc(about)));
        assert_eq!(world.rtcp_of(1).get(&(206, 1)).copied().unwrap_or(0), asked, "{about}");
        assert_eq!(world.rtcp_of(3).get(&(206, 1)), None);
        world.film(1, 30 + round, 1, true, &ALL);
    }
    let missed = world.client(2).stream(slot).last().unwrap().header.sequence;
    world.forget();
    world.send_rtcp(2, |w| w.nack(Ssrc(1), Ssrc(slot), &[missed]).map(|_| ()));
    assert_eq!(world.client(2).rtp.len(), 1);
    assert!(world.client(2).rtp.iter().all(|rtp| rtp.header.ssrc.0 == rtx), "sent again at the place's own SSRC");
}

#[test]
fn checklist_62_116_who_comes_back_gets_fresh_places_and_leaves_none_behind() {
    let mut world = meeting(false);
    open(&mut world);
    let before = world.bridge.residue();
    let mut seen = BTreeSet::new();
    for round in 0..100_u16 {
        world.forget();
        world.leave(1);
        world.join(1, 3);
        world.run_ms(500);
        world.open_channel(1);
        world.film(1, round * 50, 5, true, &ALL);
        let voice = world.audio(1, round * 50, 20);
        world.send(1, &voice);
        let videos = told(&mut world, 2, "VideoSourcesMap");
        assert_eq!(videos.values().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a-v0"], "round {round}");
        let slot = slot_of(&mut world, 2, "a-v0");
        assert!(world.client(2).stream(slot).len() >= 3, "round {round}");
        seen.extend(ssrcs(&mut world, 2));
    }
    assert!(seen.len() <= 4, "{seen:?}");
    assert_eq!(world.bridge.residue(), before);
    world.forget();
    world.open_channel(2);
    let all = told(&mut world, 2, "VideoSourcesMap");
    let names: Vec<&str> = all.values().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{names:?}");
}

#[test]
fn checklist_64_each_packet_names_its_place_by_mid_where_that_is_wanted() {
    let mut world = meeting(true);
    open(&mut world);
    world.run_ms(600);
    world.film(1, 1, 30, true, &ALL);
    let entry = world.client(2).of_class("VideoSourcesMap")[0]["mappedSources"][0].clone();
    assert_eq!(entry["mid"], "v0");
    let slot = slot_of(&mut world, 2, "a-v0");
    let stream: Vec<Rtp> = world.client(2).stream(slot).into_iter().cloned().collect();
    assert!(stream.len() > 5);
    assert!(stream.iter().all(|rtp| rtp.header.element(&rtp.bytes, 10) == Some(&b"v0"[..])));
    world.forget();
    let missed = stream.last().unwrap().header.sequence;
    world.send_rtcp(2, |w| w.nack(Ssrc(1), Ssrc(slot), &[missed]).map(|_| ()));
    let again = &world.client(2).rtp[0];
    assert_ne!(again.header.ssrc.0, slot);
    assert_eq!(again.header.element(&again.bytes, 10), Some(&b"v0"[..]));
}

#[test]
fn chapter_9_15_whatever_is_shown_has_a_place_that_was_told() {
    for seed in 1..=20_u64 {
        let mut world = meeting(false);
        open(&mut world);
        world.run_ms(600);
        let mut dice = seed;
        let mut below = |limit: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % limit
        };
        let mut mapped: BTreeMap<String, u64> = BTreeMap::new();
        for step in 0..60_u16 {
            let who = if below(2) == 0 { 1 } else { 3 };
            let name = World::id(who);
            match below(5) {
                0 => {
                    let kind = ["camera", "none", "desktop"][below(3) as usize];
                    let text = serde_json::json!({"colibriClass": "SourceVideoTypeMessage",
                        "sourceName": format!("{name}-v0"), "videoType": kind});
                    world.say(who, &text.to_string());
                }
                1 => {
                    let height = [0, 180, 720][below(3) as usize];
                    let text = serde_json::json!({"colibriClass": "ReceiverVideoConstraints",
                        "constraints": {format!("{name}-v0"): {"maxHeight": height}}});
                    world.say(2, &text.to_string());
                }
                2 => {
                    let text = serde_json::json!({"colibriClass": "LastNChangedEvent", "lastN": below(4) as i64 - 1});
                    world.say(2, &text.to_string());
                }
                3 => {
                    world.leave(who);
                    world.join(who, 3);
                    world.open_channel(who);
                }
                _ => world.open_channel(2),
            }
            for (ssrc, (name, _)) in told(&mut world, 2, "VideoSourcesMap") {
                mapped.retain(|_, known| *known != ssrc);
                mapped.insert(name, ssrc);
            }
            let forwarded = world.client(2).of_class("ForwardedSources").last().map(|t| t["forwardedSources"].clone());
            for name in forwarded.iter().flat_map(|list| list.as_array().unwrap()) {
                assert!(mapped.contains_key(name.as_str().unwrap()), "seed {seed}, step {step}: {name} of {mapped:?}");
            }
            world.client(2).rtp.clear();
            for number in [1, 3] {
                world.film(number, step * 20 + 1, 2, true, &ALL);
            }
            let known: BTreeSet<u64> = mapped.values().copied().collect();
            let videos: BTreeSet<u64> = world
                .client(2)
                .rtp
                .iter()
                .filter(|rtp| rtp.header.payload_type == VP8)
                .map(|rtp| u64::from(rtp.header.ssrc.0))
                .collect();
            assert!(videos.is_subset(&known), "seed {seed}, step {step}");
        }
    }
}
