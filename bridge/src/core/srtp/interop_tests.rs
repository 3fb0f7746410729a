//! Both directions against `rtc-srtp`, an independent implementation.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::*;
use crate::core::Discard;

pub(super) const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80];

pub(super) fn keys(profile: Profile, rng: &mut ChaCha8Rng) -> (KeyMaterial, Vec<u8>, Vec<u8>) {
    let (mut key, mut salt) = ([0; 16], vec![0; profile.salt_len()]);
    rng.fill_bytes(&mut key);
    rng.fill_bytes(&mut salt);
    (KeyMaterial::new(key, &salt).unwrap(), key.to_vec(), salt)
}

fn peer(profile: Profile, key: &[u8], salt: &[u8]) -> Context {
    let theirs = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let provider = rtc_crypto::default_provider().unwrap();
    let replay = Some(srtp_replay_protection(1024));
    Context::new(key, salt, theirs, replay, Some(srtcp_replay_protection(1024)), provider.crypto()).unwrap()
}

/// An RTP packet with CSRCs, an extension block and a payload of random length.
pub(super) fn packet(rng: &mut ChaCha8Rng, ssrc: u32, seq: u16) -> Vec<u8> {
    let csrcs = u8::try_from(rng.next_u32() % 3).unwrap();
    let mut packet = vec![0x90 | csrcs, 100];
    packet.extend_from_slice(&seq.to_be_bytes());
    packet.extend_from_slice(&rng.next_u32().to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.resize(packet.len() + usize::from(csrcs) * 4, 7);
    packet.extend_from_slice(&[0xBE, 0xDE, 0, 1, 0x51, 1, 2, 0]);
    let start = packet.len();
    packet.resize(start + usize::try_from(rng.next_u32() % 1200).unwrap(), 0);
    rng.fill_bytes(&mut packet[start..]);
    packet
}

#[test]
fn checklist_26_the_peer_opens_what_we_seal_over_several_wraps() {
    for profile in PROFILES {
        let mut rng = ChaCha8Rng::seed_from_u64(10);
        let (material, key, salt) = keys(profile, &mut rng);
        let mut outbound = Outbound::new(profile, &material);
        let mut peer = peer(profile, &key, &salt);
        for step in 0..200_000u64 / 7 {
            let seq = u16::try_from((step * 7 + 100) % 65536).unwrap();
            let plain = packet(&mut rng, 0x0102_0304 + u32::try_from(step % 2).unwrap(), seq);
            let mut buffer = vec![0; plain.len() + 16];
            buffer[..plain.len()].copy_from_slice(&plain);
            let len = outbound.protect_rtp(&mut buffer, plain.len()).unwrap();
            let opened = peer.decrypt_rtp(&buffer[..len]).unwrap();
            assert_eq!(opened, plain, "{profile:?} step {step}");
        }
    }
}

#[test]
fn checklist_28_we_open_what_the_peer_seals_with_loss_reordering_and_repetition() {
    for profile in PROFILES {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (material, key, salt) = keys(profile, &mut rng);
        let mut inbound = Inbound::new(profile, &material);
        let mut peer = peer(profile, &key, &salt);
        let mut held: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut opened = 0;
        for step in 0..150_000u64 {
            let seq = u16::try_from((step + 30_000) % 65536).unwrap();
            if rng.next_u32().is_multiple_of(3) {
                continue;
            }
            let plain = packet(&mut rng, 99, seq);
            let sealed = peer.encrypt_rtp(&plain).unwrap().to_vec();
            held.push((plain, sealed));
            if held.len() < 20 {
                continue;
            }
            let (plain, sealed) = held.swap_remove(usize::try_from(rng.next_u32() % 20).unwrap());
            if rng.next_u32().is_multiple_of(10) {
                let mut bad = sealed.clone();
                let at = usize::try_from(rng.next_u64() % u64::try_from(bad.len() - 28).unwrap()).unwrap() + 28;
                bad[at] ^= 1 << (rng.next_u32() % 8);
                assert_eq!(inbound.unprotect_rtp(&mut bad), Err(Discard::BadTag));
            }
            let mut buffer = sealed.clone();
            let len = inbound.unprotect_rtp(&mut buffer).unwrap();
            assert_eq!(buffer[..len], plain, "{profile:?} step {step}");
            assert_eq!(inbound.unprotect_rtp(&mut sealed.clone()), Err(Discard::Replay));
            opened += 1;
        }
        assert!(opened > 90_000);
    }
}

#[test]
fn rtcp_passes_both_ways() {
    for profile in PROFILES {
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        let (material, key, salt) = keys(profile, &mut rng);
        let (mut outbound, mut inbound) = (Outbound::new(profile, &material), Inbound::new(profile, &material));
        let (mut sender, mut receiver) = (peer(profile, &key, &salt), peer(profile, &key, &salt));
        for step in 0..2000u32 {
            let words = rng.next_u32() % 30 + 1;
            let mut plain = vec![0x80, 201];
            plain.extend_from_slice(&u16::try_from(words).unwrap().to_be_bytes());
            plain.extend_from_slice(&(step % 3).to_be_bytes());
            plain.resize(usize::try_from(words + 1).unwrap() * 4, 5);

            let mut buffer = plain.clone();
            buffer.resize(plain.len() + MAX_RTCP_OVERHEAD, 0);
            let len = outbound.protect_rtcp(&mut buffer, plain.len()).unwrap();
            assert_eq!(receiver.decrypt_rtcp(&buffer[..len]).unwrap(), plain);

            let sealed = sender.encrypt_rtcp(&plain).unwrap();
            let mut buffer = sealed.to_vec();
            let len = inbound.unprotect_rtcp(&mut buffer).unwrap();
            assert_eq!(buffer[..len], plain);
            assert_eq!(inbound.unprotect_rtcp(&mut sealed.to_vec()), Err(Discard::Replay));
            let mut bad = sealed.to_vec();
            let at = 8 + usize::try_from(step).unwrap() % (bad.len() - 8);
            bad[at] ^= 4;
            assert!(inbound.unprotect_rtcp(&mut bad).is_err());
        }
    }
}

#[test]
fn chapter_9_5_a_stream_that_wrapped_before_its_first_packet_arrived_is_opened() {
    for profile in PROFILES {
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        let (material, key, salt) = keys(profile, &mut rng);
        let mut inbound = Inbound::new(profile, &material);
        let mut peer = peer(profile, &key, &salt);
        for step in 0..200u64 {
            let seq = u16::try_from((step + 65530) % 65536).unwrap();
            let plain = packet(&mut rng, 5, seq);
            let mut sealed = peer.encrypt_rtp(&plain).unwrap().to_vec();
            if step >= 10 {
                let len = inbound.unprotect_rtp(&mut sealed).unwrap();
                assert_eq!(sealed[..len], plain);
            }
        }
    }
}

#[test]
fn chapter_9_6_a_stream_is_found_again_after_a_long_sleep() {
    for profile in PROFILES {
        for pause in [1000u64, 20_000, 40_000, 60_000, 65_000, 70_000] {
            let mut rng = ChaCha8Rng::seed_from_u64(14);
            let (material, key, salt) = keys(profile, &mut rng);
            let mut inbound = Inbound::new(profile, &material);
            let mut peer = peer(profile, &key, &salt);
            let mut failed = 0;
            for step in 0..pause + 2200 {
                let seq = u16::try_from((step + 40_000) % 65536).unwrap();
                let plain = packet(&mut rng, 5, seq);
                let mut sealed = peer.encrypt_rtp(&plain).unwrap().to_vec();
                if (100..100 + pause).contains(&step) {
                    continue;
                }
                match inbound.unprotect_rtp(&mut sealed) {
                    Ok(len) => assert_eq!(sealed[..len], plain),
                    Err(_) => failed += 1,
                }
            }
            // Where opening destroys the packet, the first one is the price of noticing.
            assert!(failed <= 1, "{profile:?} after {pause}: {failed} failed");
        }
    }
}
