use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::interop_tests::{PROFILES, keys, packet};
use super::*;
use crate::core::Discard;

fn pair(profile: Profile, seed: u64) -> (Outbound, Inbound, ChaCha8Rng) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (material, _, _) = keys(profile, &mut rng);
    (Outbound::new(profile, &material), Inbound::new(profile, &material), rng)
}

fn sealed(outbound: &mut Outbound, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_RTP_OVERHEAD, 0);
    let len = outbound.protect_rtp(&mut buffer, plain.len()).unwrap();
    buffer.truncate(len);
    buffer
}

#[test]
fn the_exporter_block_is_cut_as_rfc_5764_says() {
    for profile in PROFILES {
        let block: Vec<u8> = (0..60).collect();
        let block = &block[..profile.exporter_len()];
        let client = Keys::from_exporter(profile, block, true).unwrap();
        let server = Keys::from_exporter(profile, block, false).unwrap();
        let salt = profile.salt_len();
        let client_write = KeyMaterial::new(block[..16].try_into().unwrap(), &block[32..32 + salt]).unwrap();
        assert_eq!(client.local, client_write);
        assert_eq!((&client.local, &client.remote), (&server.remote, &server.local));
        assert_ne!(client.local, client.remote);
        assert_eq!(Keys::from_exporter(profile, &block[1..], true), None);
    }
    assert_eq!(Profile::Aes128CmHmacSha1_80.exporter_len(), 60);
    assert_eq!(Profile::AeadAes128Gcm.exporter_len(), 56);
    assert_eq!(KeyMaterial::new([0; 16], &[0; 13]), None);
}

#[test]
fn keys_do_not_print() {
    let material = KeyMaterial::new([0xAB; 16], &[0xCD; 14]).unwrap();
    assert_eq!(format!("{material:?}"), "KeyMaterial");
}

#[test]
fn what_does_not_fit_is_refused() {
    for profile in PROFILES {
        let (mut outbound, _, mut rng) = pair(profile, 20);
        let mut buffer = packet(&mut rng, 1, 1);
        let len = buffer.len();
        assert_eq!(outbound.protect_rtp(&mut buffer, len), Err(Discard::TooLarge));
        assert_eq!(outbound.protect_rtcp(&mut buffer, len), Err(Discard::TooLarge));
        assert_eq!(outbound.protect_rtp(&mut buffer, 5), Err(Discard::Malformed));
        assert_eq!(outbound.protect_rtcp(&mut buffer, 5), Err(Discard::Malformed));
    }
}

#[test]
fn a_number_is_sealed_once_with_gcm() {
    let (mut outbound, _, mut rng) = pair(Profile::AeadAes128Gcm, 21);
    let mut first = packet(&mut rng, 1, 9);
    let second = packet(&mut rng, 1, 9);
    sealed(&mut outbound, &first);
    let mut buffer = second.clone();
    buffer.resize(second.len() + 16, 0);
    assert_eq!(outbound.protect_rtp(&mut buffer, second.len()), Err(Discard::Replay));
    first[3] = 8;
    sealed(&mut outbound, &first);
}

#[test]
fn plain_retransmission_works_with_cm() {
    let (mut outbound, mut inbound, mut rng) = pair(Profile::Aes128CmHmacSha1_80, 22);
    let plain = packet(&mut rng, 1, 9);
    let first = sealed(&mut outbound, &plain);
    let mut second = sealed(&mut outbound, &plain);
    assert_eq!(first, second);
    assert!(inbound.unprotect_rtp(&mut second).is_ok());
}

#[test]
fn checklist_28_a_packet_behind_the_window_is_too_old_but_1000_back_is_not() {
    for profile in PROFILES {
        let (mut outbound, mut inbound, mut rng) = pair(profile, 23);
        let mut packets: Vec<_> = (0..3000u16).map(|seq| sealed(&mut outbound, &packet(&mut rng, 1, seq))).collect();
        assert!(inbound.unprotect_rtp(&mut packets[2000]).is_ok());
        assert!(inbound.unprotect_rtp(&mut packets[1000]).is_ok());
        assert_eq!(inbound.unprotect_rtp(&mut packets[900].clone()), Err(Discard::TooOld));
        assert!(inbound.unprotect_rtp(&mut packets[1001]).is_ok());
    }
}

#[test]
fn checklist_28_garbage_leaves_no_state() {
    for profile in PROFILES {
        let (mut outbound, mut inbound, mut rng) = pair(profile, 24);
        for ssrc in 0..5000 {
            let mut garbage = packet(&mut rng, ssrc, 77);
            garbage.extend_from_slice(&[0; 16]);
            assert_eq!(inbound.unprotect_rtp(&mut garbage), Err(Discard::BadTag));
        }
        assert_eq!(format!("{inbound:?}"), "Inbound { streams: 0, .. }");
        // And an SSRC that garbage used first is not spoiled by it.
        assert!(inbound.unprotect_rtp(&mut sealed(&mut outbound, &packet(&mut rng, 3, 1))).is_ok());
    }
}

#[test]
fn at_most_256_streams_are_remembered_and_the_used_ones_stay() {
    let (mut outbound, mut inbound, mut rng) = pair(Profile::AeadAes128Gcm, 25);
    let kept = sealed(&mut outbound, &packet(&mut rng, 7, 1));
    inbound.unprotect_rtp(&mut kept.clone()).unwrap();
    for ssrc in 1000..1600 {
        inbound.unprotect_rtp(&mut sealed(&mut outbound, &packet(&mut rng, ssrc, 1))).unwrap();
        assert_eq!(inbound.unprotect_rtp(&mut kept.clone()), Err(Discard::Replay));
    }
    assert_eq!(format!("{inbound:?}"), "Inbound { streams: 256, .. }");
}

#[test]
fn random_bytes_never_panic() {
    for profile in PROFILES {
        let (mut outbound, mut inbound, mut rng) = pair(profile, 26);
        for _ in 0..20_000 {
            let mut bytes = [0u8; 80];
            rng.fill_bytes(&mut bytes);
            let len = usize::try_from(rng.next_u32() % 81).unwrap();
            assert!(inbound.unprotect_rtp(&mut bytes[..len]).is_err());
            assert!(inbound.unprotect_rtcp(&mut bytes[..len]).is_err());
            let _ = outbound.protect_rtp(&mut bytes, len);
            let _ = outbound.protect_rtcp(&mut bytes, len);
        }
    }
}

#[test]
fn checklist_29_the_rollover_counter_is_known_over_a_million_packets_with_bursts_of_loss_and_packets_left_sealed() {
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80] {
        let (mut outbound, mut inbound, mut rng) = pair(profile, 29);
        let (mut index, mut opened) = (60_000_u64, 0);
        while index < 1_060_000 {
            // A run that arrives, then one that is lost, or one that nobody needs and that stays sealed.
            for _ in 0..1 + rng.next_u32() % 200 {
                let plain = packet(&mut rng, 7, (index % 0x1_0000).try_into().unwrap());
                let mut datagram = sealed(&mut outbound, &plain);
                assert_eq!(inbound.unprotect_rtp(&mut datagram), Ok(plain.len()), "{index}");
                opened += 1;
                index += 1;
            }
            let longest = if rng.next_u32() % 20 == 0 { 10_000 } else { 1000 };
            index += u64::from(rng.next_u32() % longest);
        }
        assert!(opened > 50_000 && index > 15 << 16);
    }
}
