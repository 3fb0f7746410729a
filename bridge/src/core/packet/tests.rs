use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

fn plain(extension: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 111, 0x12, 0x34, 0, 0, 0, 9, 1, 2, 3, 4];
    if !extension.is_empty() {
        packet[0] |= 0x10;
        packet.extend_from_slice(extension);
    }
    packet.extend_from_slice(payload);
    packet
}

const ONE_BYTE: &[u8] = &[0xBE, 0xDE, 0, 3, 0x10, 0xB7, 0x51, 0xAA, 0xBB, 0, 0x32, 1, 2, 3, 0, 0];

#[test]
fn fields_are_where_rfc_3550_puts_them() {
    let mut packet = plain(ONE_BYTE, b"hello");
    packet[1] |= 0x80;
    let header = RtpHeader::parse(&packet).unwrap();
    assert_eq!((header.payload_type, header.marker), (111, true));
    assert_eq!((header.sequence, header.timestamp, header.ssrc), (Seq(0x1234), 9, Ssrc(0x0102_0304)));
    assert_eq!(header.payload(&packet), b"hello");
    assert_eq!(header.audio_level(&packet, 1), Some(AudioLevel { voice: true, level: 0x37 }));
    assert_eq!(header.transport_sequence(&packet, 5), Some(Seq(0xAABB)));
    assert_eq!(header.element(&packet, 3), Some(&[1u8, 2, 3][..]));
    assert_eq!(header.element(&packet, 4), None);
}

#[test]
fn csrcs_are_skipped() {
    let mut packet = vec![0x82, 96, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4];
    packet.extend_from_slice(&[9; 8]);
    packet.extend_from_slice(b"x");
    assert_eq!(RtpHeader::parse(&packet).unwrap().payload(&packet), b"x");
    assert_eq!(RtpHeader::parse(&packet[..18]), Err(Discard::Malformed));
}

#[test]
fn two_byte_elements_may_be_empty_and_long() {
    let mut block = vec![0x10, 0x00, 0, 6, 0, 7, 0, 200, 18];
    block.extend_from_slice(&[5; 18]);
    block.push(0);
    let packet = plain(&block, b"p");
    let header = RtpHeader::parse(&packet).unwrap();
    let found: Vec<_> = header.elements(&packet).collect();
    assert_eq!(found, [(7, &[][..]), (200, &[5u8; 18][..])]);
}

#[test]
fn an_element_past_its_block_is_absent_and_id_15_ends_the_block() {
    let past = plain(&[0xBE, 0xDE, 0, 1, 0x10, 0x01, 0x23, 1], b"payload");
    let header = RtpHeader::parse(&past).unwrap();
    assert_eq!(header.elements(&past).collect::<Vec<_>>(), [(1, &[1u8][..])]);
    let ended = plain(&[0xBE, 0xDE, 0, 1, 0xF0, 0, 0x10, 7], b"payload");
    assert_eq!(RtpHeader::parse(&ended).unwrap().element(&ended, 1), None);
}

#[test]
fn an_unknown_profile_is_skipped() {
    let packet = plain(&[0xAB, 0xCD, 0, 1, 0x10, 1, 0x10, 1], b"pay");
    let header = RtpHeader::parse(&packet).unwrap();
    assert_eq!(header.elements(&packet).count(), 0);
    assert_eq!(header.payload(&packet), b"pay");
}

#[test]
fn padding_is_no_payload() {
    let mut packet = plain(&[], b"abc\0\0\x03");
    packet[0] |= 0x20;
    let header = RtpHeader::parse(&packet).unwrap();
    assert_eq!((header.payload(&packet), header.padding), (&b"abc"[..], 3));
    let mut probe = plain(&[], &[0, 0, 0, 4]);
    probe[0] |= 0x20;
    assert!(RtpHeader::parse(&probe).unwrap().is_padding_only());
    let mut lie = plain(&[], &[0, 3]);
    lie[0] |= 0x20;
    assert_eq!(RtpHeader::parse(&lie), Err(Discard::Malformed));
    assert_eq!(RtpHeader::parse_sealed(&lie).unwrap().payload_len(), 2);
}

#[test]
fn a_block_longer_than_the_packet_is_refused() {
    assert_eq!(RtpHeader::parse(&plain(&[0xBE, 0xDE, 0, 2, 0, 0, 0, 0], b"")), Err(Discard::Malformed));
    assert_eq!(RtpHeader::parse(&plain(&[0xBE, 0xDE, 0xFF, 0xFF], &[0; 40])), Err(Discard::Malformed));
    assert_eq!(RtpHeader::parse(&[0x80; 11]), Err(Discard::Malformed));
    assert_eq!(RtpHeader::parse(&[0x40; 20]), Err(Discard::Malformed));
}

fn rewrite<'a>(kept: &'a [(u8, u8)], stamped: &'a [(u8, &'a [u8])]) -> Rewrite<'a> {
    Rewrite {
        payload_type: 96,
        marker: true,
        sequence: Seq(7),
        timestamp: 77,
        ssrc: Ssrc(777),
        kept,
        stamped,
        allow_two_byte: false,
    }
}

#[test]
fn checklist_67_a_rewritten_packet_keeps_only_what_is_named() {
    let mut source = plain(ONE_BYTE, b"payload\0\x02");
    source[0] |= 0x20;
    let header = RtpHeader::parse(&source).unwrap();
    let mut slot = [0xEE; 200];
    let plan = rewrite(&[(1, 2)], &[(5, &[0xCC, 0xDD]), (9, b"a0")]);
    let written = plan.write(&mut slot, &header, &source, &[0xAA, 0xBB], header.payload(&source)).unwrap();
    let packet = &slot[..written.len];
    let out = RtpHeader::parse(packet).unwrap();
    assert_eq!(
        (out.payload_type, out.marker, out.sequence, out.timestamp, out.ssrc),
        (96, true, Seq(7), 77, Ssrc(777))
    );
    assert_eq!(out.payload(packet), b"\xAA\xBBpayload");
    assert_eq!(&packet[written.payload.clone()], b"payload");
    assert_eq!(out.padding, 0);
    let elements: Vec<_> = out.elements(packet).collect();
    assert_eq!(elements, [(2, &[0xB7u8][..]), (5, &[0xCC, 0xDD][..]), (9, b"a0")]);
}

#[test]
fn checklist_68_two_byte_form_is_written_only_where_it_is_allowed() {
    let source = plain(ONE_BYTE, b"p");
    let header = RtpHeader::parse(&source).unwrap();
    let mut slot = [0; 200];
    let long = [7u8; 20];
    let stamped: &[(u8, &[u8])] = &[(11, &long), (5, &[1, 2])];
    let plan = rewrite(&[], stamped);
    let written = plan.write(&mut slot, &header, &source, &[], b"p").unwrap();
    let out = RtpHeader::parse(&slot[..written.len]).unwrap();
    assert_eq!(out.elements(&slot[..written.len]).collect::<Vec<_>>(), [(5, &[1u8, 2][..])]);
    let written = Rewrite { allow_two_byte: true, ..plan }.write(&mut slot, &header, &source, &[], b"p").unwrap();
    let out = RtpHeader::parse(&slot[..written.len]).unwrap();
    assert_eq!(out.elements(&slot[..written.len]).collect::<Vec<_>>(), [(11, &long[..]), (5, &[1, 2])]);
}

#[test]
fn without_extensions_there_is_no_block() {
    let source = plain(ONE_BYTE, b"p");
    let header = RtpHeader::parse(&source).unwrap();
    let mut slot = [0; 13];
    assert_eq!(
        rewrite(&[], &[]).write(&mut slot, &header, &source, &[], b"p").unwrap(),
        Written { len: 13, payload: 12..13 }
    );
    assert_eq!(rewrite(&[], &[]).write(&mut slot, &header, &source, &[], b"pp"), Err(Discard::TooLarge));
}

#[test]
fn abs_send_time_is_6_18_fixed_point() {
    use std::time::Duration;
    assert_eq!(abs_send_time(Duration::from_millis(1500)), [0x06, 0, 0]);
    assert_eq!(abs_send_time(Duration::from_secs(64)), [0, 0, 0]);
    assert_eq!(abs_send_time(Duration::new(63, 999_999_999)), [0xFF, 0xFF, 0xFF]);
}

#[test]
fn random_bytes_never_panic_and_accepted_ones_survive_a_rewrite() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut slot = [0; 4096];
    for _ in 0..100_000 {
        let mut bytes = [0u8; 96];
        rng.fill_bytes(&mut bytes);
        let len = usize::try_from(rng.next_u32() % 97).unwrap();
        bytes[0] = 0x80 | (bytes[0] & 0x31);
        if bytes[0] & 0x10 != 0 && rng.next_u32().is_multiple_of(2) {
            bytes[12..16].copy_from_slice(&[0xBE, 0xDE, 0, 3]);
        }
        let packet = &bytes[..len];
        let Ok(header) = RtpHeader::parse(packet) else { continue };
        let kept: Vec<_> = (1..15).map(|id| (id, id)).collect();
        let plan = Rewrite { allow_two_byte: true, ..rewrite(&kept, &[]) };
        let written = plan.write(&mut slot, &header, packet, &[], header.payload(packet)).unwrap();
        let out = RtpHeader::parse(&slot[..written.len]).unwrap();
        assert_eq!(out.payload(&slot[..written.len]), header.payload(packet));
        let before: Vec<_> = header.elements(packet).filter(|(id, _)| *id < 15).collect();
        assert_eq!(out.elements(&slot[..written.len]).collect::<Vec<_>>(), before);
    }
}
