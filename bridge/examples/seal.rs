//! Seals and opens packets and does nothing else, so that what one packet costs can be counted from outside:
//! `seal gcm|cm PACKETS`. Says nothing; the difference between two runs is the cost of the difference in packets.
#![expect(clippy::expect_used, reason = "a crash is a failed measurement")]

use std::hint::black_box;

use bridge::core::srtp::{Inbound, KeyMaterial, Outbound, Profile};

/// What a video packet carries.
const PAYLOAD: usize = 1000;
/// RTP version 2, payload type 96; sequence number, timestamp and SSRC follow (RFC 3550, 5.1).
const HEADER: [u8; 12] = [0x80, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn main() {
    let mut args = std::env::args().skip(1);
    let (profile, salt) = match args.next().as_deref() {
        Some("gcm") => (Profile::AeadAes128Gcm, &[2; 12][..]),
        _ => (Profile::Aes128CmHmacSha1_80, &[2; 14][..]),
    };
    let packets: u16 = args.next().and_then(|text| text.parse().ok()).expect("how many packets");
    let key = KeyMaterial::new([1; 16], salt).expect("the salt has the length of its profile");
    let (mut outbound, mut inbound) = (Outbound::new(profile, &key), Inbound::new(profile, &key));
    let mut packet = vec![0; HEADER.len() + PAYLOAD + 32];
    for sequence in 0..packets {
        let (header, _) = packet.split_at_mut(HEADER.len());
        header.copy_from_slice(&HEADER);
        header.get_mut(2..4).expect("a header").copy_from_slice(&sequence.to_be_bytes());
        let sealed = outbound.protect_rtp(&mut packet, HEADER.len() + PAYLOAD).expect("a key and room");
        let opened = inbound.unprotect_rtp(black_box(packet.get_mut(..sealed).expect("inside"))).expect("its own tag");
        assert_eq!(opened, HEADER.len() + PAYLOAD, "what was sealed comes out");
    }
}
