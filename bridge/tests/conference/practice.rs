//! What goes wrong in practice, on virtual time.
use crate::world::*;
use bridge::core::allocate::constraints::{Candidate, Settings};
use bridge::core::packet::{Seq, Ssrc};
use bridge::core::rtcp::{Block, Compound, NtpTime, SenderInfo};
use jitsi_wire::bridge_channel::{ReceiverVideoConstraints, VideoConstraint};
use serde_json::json;
use std::collections::BTreeMap;

const ALL: [u32; 3] = [0, 1, 2];

/// A small generator for what people do.
struct Whims(u64);

impl Whims {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// All orders of `count` things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, count - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..count).map(move |at| insert(order, at))).collect()
}

#[test]
fn chapter_9_2_a_key_frame_may_come_in_any_order() {
    let all = orders(5);
    assert_eq!(all.len(), 120);
    for order in all {
        let mut world = World::meeting(2);
        world.film(1, 1, 10, true, &[0]);
        let ssrc = world.client(1).video_ssrc(0);
        let asked = world.bridge.stats().key_frame_requests;
        world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":0}}"#);
        world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
        world.forget();
        let part = |part: u16| {
            let mut payload = vp8(0, 11, part == 0);
            if part > 0 {
                payload[0] &= !0x10;
            }
            packet(VP8, part == 4, 11 + part, 33_000, ssrc, &[(TRANSPORT_CC, part.to_be_bytes().to_vec())], &payload)
        };
        for index in &order {
            world.send(1, &part(*index as u16));
            world.run_ms(2);
        }
        let client = world.client(2);
        let mut numbers: Vec<u16> = client.stream(ssrc).iter().map(|rtp| rtp.header.sequence.0).collect();
        numbers.sort_unstable();
        assert_eq!(numbers.len(), 5, "{order:?}");
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{order:?}: {numbers:?}");
        let more = world.bridge.stats().key_frame_requests - asked;
        assert!(more <= 1, "{order:?}: {more} key frames asked for");
    }
}

#[test]
fn chapter_9_8_receivers_that_miss_much_and_ask_wildly_get_a_bounded_share() {
    let mut world = World::meeting(20);
    world.film(1, 1, 30, true, &ALL);
    let ssrc = world.client(1).video_ssrc(0);
    let before = world.bridge.stats();
    let mut newest = BTreeMap::new();
    for step in 0..300_u16 {
        world.film(1, 31 + step, 1, false, &ALL);
        for number in 2..=20 {
            let last = world.client(number).stream(ssrc).last().map(|rtp| rtp.header.sequence);
            if let Some(last) = last {
                newest.insert(number, last);
            }
        }
        world.forget();
        if step % 5 == 0 {
            for (number, last) in &newest {
                // Every fifth is lost, and asked for three times in a row, with numbers that never were.
                for _ in 0..3 {
                    let asked = [*last, Seq(last.0.wrapping_add(900)), Seq(last.0.wrapping_sub(9000))];
                    world.send_rtcp(*number, |w| w.nack(Ssrc(1), Ssrc(ssrc), &asked).map(|_| ()));
                }
            }
        }
    }
    let after = world.bridge.stats();
    let (forwarded, again) = (after.forwarded - before.forwarded, after.retransmitted - before.retransmitted);
    assert!(forwarded > 5000 && again > 500, "{forwarded} {again}");
    assert!(again * 100 <= forwarded * 35, "{again} of {forwarded}");
}

/// A clock that is a little fast, and what the packets of one sender said of it.
struct Drifting {
    start: std::time::Instant,
    factor: f64,
}

impl Drifting {
    fn elapsed(&self, now: std::time::Instant) -> f64 {
        now.duration_since(self.start).as_secs_f64() * self.factor
    }

    fn ntp(&self, now: std::time::Instant) -> u64 {
        (5000_u64 << 32) + (self.elapsed(now) * 4_294_967_296.0) as u64
    }

    fn rtp(&self, now: std::time::Instant, rate: f64, offset: u32) -> u32 {
        offset.wrapping_add((self.elapsed(now) * rate) as u64 as u32)
    }
}

#[test]
fn checklist_72_chapter_9_11_lips_and_voice_stay_together_for_half_an_hour_of_drift_and_switches() {
    for drift in [200e-6, -200e-6] {
        let mut world = World::meeting(2);
        let clock = Drifting { start: world.now, factor: 1.0 + drift };
        let (voice, picture) = (world.client(1).audio_ssrc(), world.client(1).video_ssrc(0));
        let offsets = [1000, 2_000_000_000, 4_294_000_000_u32];
        let mut reports: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
        // What a packet of each stream shows, by the receiver's reckoning, minus when it was recorded.
        let mut errors: BTreeMap<u32, f64> = BTreeMap::new();
        let (mut worst, mut switches) = (0.0_f64, 0);
        let mut shown = None;
        let mut first: Option<(f64, u32)> = None;
        for step in 0..18_000_u32 {
            let now = world.now;
            let sequence = (step % 65_536) as u16;
            if step % 100 == 0 {
                world.show_life();
                let height = if step % 200 == 0 { 720 } else { 180 };
                let wish =
                    json!({"colibriClass": "ReceiverVideoConstraints", "defaultConstraints": {"maxHeight": height}});
                world.say(2, &wish.to_string());
            }
            let level = [(AUDIO_LEVEL, vec![20])];
            world.send(1, &packet(OPUS, false, sequence, clock.rtp(now, 48_000.0, 77), voice, &level, &[0xfc, 1]));
            for encoding in ALL {
                let timestamp = clock.rtp(now, 90_000.0, offsets[encoding as usize]);
                let (ssrc, key) = (world.client(1).video_ssrc(encoding), step % 50 == 0);
                world.send(1, &packet(VP8, true, sequence, timestamp, ssrc, &[], &vp8(encoding, sequence, key)));
            }
            if step % 20 == 5 {
                let ssrcs: Vec<u32> = ALL.iter().map(|encoding| world.client(1).video_ssrc(*encoding)).collect();
                let info =
                    |rtp_timestamp| SenderInfo { ntp: NtpTime(clock.ntp(now)), rtp_timestamp, packets: 1, octets: 1 };
                world.send_rtcp(1, |w| {
                    w.sender_report(Ssrc(voice), &info(clock.rtp(now, 48_000.0, 77)), &[])?;
                    ssrcs.iter().zip(offsets).try_for_each(|(ssrc, offset)| {
                        w.sender_report(Ssrc(*ssrc), &info(clock.rtp(now, 90_000.0, offset)), &[])
                    })
                });
            }
            let client = world.client(2);
            for datagram in &client.rtcp {
                for block in Compound::iter(datagram) {
                    if let Block::SenderReport { ssrc, info, .. } = block {
                        reports.insert(ssrc.0, (info.ntp.0, info.rtp_timestamp));
                    }
                }
            }
            for rtp in &client.rtp {
                let (ssrc, rate) = (rtp.header.ssrc.0, if rtp.header.ssrc.0 == voice { 48_000.0 } else { 90_000.0 });
                if let Some((ntp, timestamp)) = reports.get(&ssrc) {
                    let ahead = f64::from(rtp.header.timestamp.wrapping_sub(*timestamp).cast_signed()) / rate;
                    let recorded = (clock.ntp(now).wrapping_sub(*ntp)).cast_signed() as f64 / 4_294_967_296.0;
                    errors.insert(ssrc, ahead - recorded);
                }
                if ssrc == picture {
                    let encoding = rtp.payload().last().copied();
                    switches += u32::from(shown != encoding);
                    shown = encoding;
                    let (since, origin) = *first.get_or_insert((clock.elapsed(now), rtp.header.timestamp));
                    let passed = (rtp.header.timestamp.wrapping_sub(origin)) as f64 / 90_000.0;
                    if step > 300 {
                        let off = passed - (clock.elapsed(now) - since);
                        assert!(off.abs() < 0.085, "the picture's time is {off} off after {step}");
                    }
                }
            }
            if let (Some(a), Some(v)) = (errors.get(&voice), errors.get(&picture)) {
                worst = worst.max((a - v).abs());
            }
            world.forget();
            world.run_ms(100);
        }
        assert!(switches > 300, "{switches}");
        assert!(worst < 0.080, "{worst} apart");
    }
}

#[test]
fn chapter_9_16_a_thousand_messages_end_in_the_state_that_their_rules_fold_to() {
    let names = ["a-v0", "b-v0", "c-v0", "d-v0"];
    let candidates: Vec<Candidate<'_>> =
        names.iter().map(|name| Candidate { name, owner: &name[..1], enabled: true }).collect();
    let mut whims = Whims(16);
    let mut settings = Settings::new(None);
    let (mut last_n, mut default, mut constraints) = (-1, 0, BTreeMap::<String, i32>::new());
    let (mut stage, mut selected) = (Vec::<String>::new(), Vec::<String>::new());
    let heights = [-1, 0, 180, 360, 720];
    for message in 0..1000 {
        let list = |whims: &mut Whims| -> Vec<String> {
            let mut list: Vec<String> =
                (0..whims.below(3)).map(|_| names[whims.below(4) as usize].to_owned()).collect();
            list.dedup();
            list
        };
        let mut wish = ReceiverVideoConstraints::default();
        if whims.below(3) == 0 {
            last_n = whims.below(5) as i32 - 1;
            wish.last_n = Some(last_n);
        }
        if whims.below(3) == 0 {
            default = heights[whims.below(5) as usize];
            wish.default_constraints = Some(VideoConstraint::height(default));
        } else if message == 0 {
            default = 180;
        }
        if whims.below(3) == 0 {
            constraints = list(&mut whims).into_iter().map(|name| (name, heights[whims.below(5) as usize])).collect();
            let map = constraints.iter().map(|(name, height)| (name.clone(), VideoConstraint::height(*height)));
            wish.constraints = Some(map.collect());
        }
        if whims.below(3) == 0 {
            stage = list(&mut whims);
            wish.on_stage_sources = Some(stage.clone());
        }
        if whims.below(3) == 0 {
            selected = list(&mut whims);
            wish.selected_sources = Some(selected.clone());
        }
        settings.merge(wish);
        let mut order: Vec<&str> = stage.iter().chain(&selected).map(String::as_str).chain(names).collect();
        let mut seen = Vec::new();
        order.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
        let mut left = if last_n < 0 { 50 } else { last_n };
        let expected: Vec<(usize, i32)> = order
            .into_iter()
            .map(|name| {
                let asked = constraints.get(name).copied().unwrap_or(default);
                let height = if left > 0 { asked } else { 0 };
                left -= i32::from(height != 0);
                (names.iter().position(|known| *known == name).unwrap(), height)
            })
            .collect();
        let effective: Vec<(usize, i32)> =
            settings.effective(&candidates).iter().map(|wanted| (wanted.candidate, wanted.max_height)).collect();
        assert_eq!(effective, expected, "message {message}");
    }
}

#[test]
fn chapter_9_20_picture_ids_run_on_over_their_end_and_two_hundred_switches() {
    let mut world = World::meeting(2);
    let ssrc = world.client(1).video_ssrc(0);
    let mut last: Option<(u16, u8, u16)> = None;
    let (mut frames, mut switches, mut shown) = (0_u32, 0, None);
    for step in 0..40_500_u32 {
        if step % 200 == 0 {
            world.show_life();
            let height = if step % 400 == 0 { 720 } else { 180 };
            let wish = json!({"colibriClass": "ReceiverVideoConstraints", "defaultConstraints": {"maxHeight": height}});
            world.say(2, &wish.to_string());
        }
        let sequence = (step % 65_536) as u16;
        for encoding in [0, 2] {
            let frame = world.video(1, encoding, sequence, step % 100 == 0);
            world.send(1, &frame);
        }
        world.run_ms(33);
        for rtp in world.client(2).stream(ssrc) {
            let payload = rtp.payload();
            let now = (u16::from_be_bytes([payload[2] & 0x7f, payload[3]]), payload[4], rtp.header.sequence.0);
            if let Some(last) = last {
                assert_eq!(now, ((last.0 + 1) % 0x8000, last.1.wrapping_add(1), last.2.wrapping_add(1)), "{step}");
            }
            last = Some(now);
            frames += 1;
            let encoding = payload.last().copied();
            switches += u32::from(shown != encoding);
            shown = encoding;
        }
        world.forget();
    }
    assert!(frames >= 40_000 && switches >= 200, "{frames} frames, {switches} switches");
}

#[test]
fn chapter_9_32_a_slide_that_stands_still_stays_on_the_stage() {
    let mut world = World::meeting(2);
    world.say(1, r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"a-v0","videoType":"desktop"}"#);
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","onStageSources":["a-v0"]}"#);
    // Of a screen only the highest encoding is sent.
    world.film(1, 1, 3, true, &[2]);
    world.forget();
    let asked = world.bridge.stats().key_frame_requests;
    for slide in 0..24 {
        world.film(1, 4 + slide, 1, false, &[2]);
        world.run_ms(4967);
    }
    let ssrc = world.client(1).video_ssrc(0);
    let client = world.client(2);
    assert_eq!(client.stream(ssrc).len(), 24);
    assert!(client.of_class("ForwardedSources").is_empty(), "it is never suspended");
    assert_eq!(world.bridge.stats().key_frame_requests, asked);
}
