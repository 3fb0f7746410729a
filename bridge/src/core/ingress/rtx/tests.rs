use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::core::packet::Rewrite;

fn rtx(payload: &[u8], padding: u8) -> Vec<u8> {
    let mut packet = vec![0x90, 0x80 | 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0xBE, 0xDE, 0, 1, 0x51, 1, 2, 0];
    packet.extend_from_slice(payload);
    if padding > 0 {
        packet[0] |= 0x20;
        packet.resize(packet.len() + usize::from(padding) - 1, 0);
        packet.push(padding);
    }
    packet
}

#[test]
fn checklist_77_the_original_comes_back_without_padding() {
    let mut packet = rtx(b"\x12\x34payload", 5);
    let header = RtpHeader::parse(&packet).unwrap();
    let Ok(Restored::Packet { len }) = restore(&mut packet, &header, Ssrc(8), 100) else { panic!() };
    let packet = &packet[..len];
    let header = RtpHeader::parse(packet).unwrap();
    assert_eq!(
        (header.payload_type, header.marker, header.sequence, header.timestamp, header.ssrc),
        (100, true, Seq(0x1234), 9, Ssrc(8))
    );
    assert_eq!((header.payload(packet), header.padding), (&b"payload"[..], 0));
    assert_eq!(header.transport_sequence(packet, 5), Some(Seq(0x0102)));
}

#[test]
fn checklist_77_a_probe_is_never_unwrapped() {
    for (payload, padding) in [(&b""[..], 200), (b"\x12", 3), (b"", 0)] {
        let mut packet = rtx(payload, padding);
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(restore(&mut packet, &header, Ssrc(8), 100), Ok(Restored::Probe));
    }
}

#[test]
fn an_original_may_be_empty() {
    let mut packet = rtx(b"\x12\x34", 0);
    let header = RtpHeader::parse(&packet).unwrap();
    let Ok(Restored::Packet { len }) = restore(&mut packet, &header, Ssrc(8), 100) else { panic!() };
    assert_eq!(RtpHeader::parse(&packet[..len]).unwrap().payload_len(), 0);
}

#[test]
fn what_the_writer_wraps_is_restored() {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    for _ in 0..1000 {
        let mut payload = vec![0; usize::try_from(rng.next_u32() % 1200).unwrap()];
        rng.fill_bytes(&mut payload);
        let mut original = vec![0x80, 100, 0xAB, 0xCD, 0, 0, 0, 9, 0, 0, 0, 8];
        original.extend_from_slice(&payload);
        let header = RtpHeader::parse(&original).unwrap();
        let plan = Rewrite {
            payload_type: 96,
            marker: false,
            sequence: Seq(3),
            timestamp: 9,
            ssrc: Ssrc(7),
            kept: &[],
            stamped: &[],
            allow_two_byte: false,
        };
        let mut slot = [0; 1500];
        let written = plan.write(&mut slot, &header, &original, &header.sequence.0.to_be_bytes(), &payload).unwrap();
        let wrapped = &mut slot[..written.len];
        let header = RtpHeader::parse(wrapped).unwrap();
        let Ok(Restored::Packet { len }) = restore(wrapped, &header, Ssrc(8), 100) else { panic!() };
        assert_eq!(wrapped[..len], original);
    }
}
