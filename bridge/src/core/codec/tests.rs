use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::core::Discard;

#[test]
fn names_are_taken_in_any_case() {
    assert_eq!(Codec::from_name("vp8"), Codec::Vp8);
    assert_eq!(Codec::from_name("H264"), Codec::H264);
    assert_eq!(Codec::from_name("OPUS"), Codec::Opus);
    assert_eq!(Codec::from_name("ulpfec"), Codec::Unknown);
    assert!(Codec::Av1.is_video() && !Codec::Opus.is_video());
}

/// A VP8 key frame of 640x360 with every descriptor field, 15-bit picture id.
const VP8_KEY: &[u8] =
    &[0x90, 0xF0, 0x92, 0x34, 0x56, 0x65, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 7, 7];

#[test]
fn vp8_descriptor_fields() {
    let descriptor = vp8::Descriptor::parse(VP8_KEY).unwrap();
    assert_eq!(descriptor.picture_id, Some(vp8::PictureId { value: 0x1234, long: true }));
    assert_eq!(
        (descriptor.tl0_picture_index, descriptor.temporal_layer, descriptor.key_index),
        (Some(0x56), Some(1), Some(5))
    );
    assert!(descriptor.layer_sync && descriptor.partition_start && !descriptor.non_reference);
    assert_eq!(descriptor.len, 6);
    let short = vp8::Descriptor::parse(&[0xB0, 0x80, 0x11, 0x01]).unwrap();
    assert_eq!(short.picture_id, Some(vp8::PictureId { value: 0x11, long: false }));
    assert_eq!((short.temporal_layer, short.tl0_picture_index, short.non_reference, short.len), (None, None, true, 3));
}

#[test]
fn vp8_key_frames_and_their_size() {
    assert!(keyframe_start(Codec::Vp8, VP8_KEY, None));
    assert_eq!(resolution(Codec::Vp8, VP8_KEY), Some((640, 360)));
    let mut delta = VP8_KEY.to_vec();
    delta[6] |= 1;
    assert!(!keyframe_start(Codec::Vp8, &delta, None));
    assert_eq!(resolution(Codec::Vp8, &delta), None);
    let mut second_packet = VP8_KEY.to_vec();
    second_packet[0] &= !0x10;
    assert!(!keyframe_start(Codec::Vp8, &second_packet, None));
    let mut second_partition = VP8_KEY.to_vec();
    second_partition[0] |= 1;
    assert!(!keyframe_start(Codec::Vp8, &second_partition, None));
    assert!(keyframe_start(Codec::Vp8, &[0x10, 0x50, 0, 0], None), "without extension");
}

#[test]
fn vp8_descriptor_without_frame_is_no_key_frame_and_a_cut_one_is_nothing() {
    assert!(!keyframe_start(Codec::Vp8, &VP8_KEY[..6], None));
    assert!(vp8::Descriptor::parse(&VP8_KEY[..6]).is_some());
    for len in 0..6 {
        let cut = vp8::Descriptor::parse(&VP8_KEY[..len]);
        assert!(cut.is_none(), "{len}");
    }
    assert_eq!(resolution(Codec::Vp8, &VP8_KEY[..12]), None);
}

#[test]
fn vp8_ids_are_rewritten_in_place() {
    let descriptor = vp8::Descriptor::parse(VP8_KEY).unwrap();
    let mut payload = VP8_KEY.to_vec();
    descriptor.rewrite(&mut payload, 0x7ABC, 0xEE).unwrap();
    let after = vp8::Descriptor::parse(&payload).unwrap();
    assert_eq!(after.picture_id, Some(vp8::PictureId { value: 0x7ABC, long: true }));
    assert_eq!(after.tl0_picture_index, Some(0xEE));
    assert_eq!((payload[..2].to_vec(), payload[5..].to_vec()), (VP8_KEY[..2].to_vec(), VP8_KEY[5..].to_vec()));

    let mut short = vec![0x90, 0x80, 0x11, 0x01];
    vp8::Descriptor::parse(&short).unwrap().rewrite(&mut short, 0x1FF, 3).unwrap();
    assert_eq!(short, [0x90, 0x80, 0x7F, 0x01], "seven bits stay seven bits");
    let mut none = vec![0x10, 0x01];
    vp8::Descriptor::parse(&none).unwrap().rewrite(&mut none, 0x1FF, 3).unwrap();
    assert_eq!(none, [0x10, 0x01]);
    assert_eq!(descriptor.rewrite(&mut [0x90, 0xF0, 0x92], 1, 1), Err(Discard::Malformed));
}

/// Key picture start of L3T3_KEY with a scalability structure, non-flexible.
const VP9_KEY: &[u8] =
    &[0xAA, 0x92, 0x34, 0x00, 0x77, 0x58, 0, 160, 0, 90, 1, 64, 0, 180, 2, 128, 1, 104, 1, 0x04, 1, 0xAB];

#[test]
fn vp9_descriptor_fields() {
    let descriptor = vp9::Descriptor::parse(VP9_KEY).unwrap();
    assert_eq!(descriptor.picture_id, Some(vp8::PictureId { value: 0x1234, long: true }));
    assert_eq!(descriptor.layer, Some(vp9::Layer { temporal: 0, spatial: 0, switching_up: false, inter_layer: false }));
    assert_eq!(
        (descriptor.tl0_picture_index, descriptor.spatial_layers, descriptor.largest),
        (Some(0x77), Some(3), Some((640, 360)))
    );
    assert_eq!(VP9_KEY[descriptor.len], 0xAB);
    assert!(keyframe_start(Codec::Vp9, VP9_KEY, None));
    assert_eq!(resolution(Codec::Vp9, VP9_KEY), Some((640, 360)));
    assert_eq!(heights(Codec::Vp9, VP9_KEY, None).unwrap(), [90, 180, 360]);
}

#[test]
fn vp9_key_pictures_start_with_the_base_layer() {
    let upper = [0xAC & !0x40, 0x92, 0x34, 0x03, 0x77, 0xAB];
    assert!(!keyframe_start(Codec::Vp9, &upper, None));
    let delta = [0xE8, 0x92, 0x35, 0x20, 0x78, 0xAB];
    let descriptor = vp9::Descriptor::parse(&delta).unwrap();
    assert!(descriptor.inter_picture && !keyframe_start(Codec::Vp9, &delta, None));
    assert_eq!(descriptor.layer.unwrap().temporal, 1);
    assert!(keyframe_start(Codec::Vp9, &[0x88, 0x11, 0xAB], None), "without layers");
}

#[test]
fn vp9_frames_tell_what_they_need_and_who_needs_them() {
    let of = |payload: &[u8]| vp9::Descriptor::parse(payload).unwrap().spatial();
    let key = of(VP9_KEY);
    assert_eq!((key.layer, key.reach, key.earlier, key.beside), (0, 0xff, 0, 0));
    let key_of_middle = of(&[0xA4, 0x11, 0x03, 0x00, 1]);
    assert_eq!((key_of_middle.layer, key_of_middle.reach), (1, 0xfe));
    assert_eq!((key_of_middle.earlier, key_of_middle.beside, key_of_middle.ends), (0, 1, true));
    let later_of_lowest = of(&[0xE1, 0x11, 0x40, 0x00, 1]);
    assert_eq!((later_of_lowest.reach, later_of_lowest.earlier, later_of_lowest.ends), (1, 1, false));
    let later_of_highest = of(&[0xE4, 0x11, 0x25, 0x00, 1]);
    assert_eq!((later_of_highest.layer, later_of_highest.earlier, later_of_highest.beside), (2, 4, 2));
    let highest_there_is = of(&[0xE5, 0x11, 0x23, 0x00, 1]);
    assert_eq!((highest_there_is.layer, highest_there_is.reach), (1, 0xfe));
    assert_eq!(of(&[0x8C, 0x11, 1]), Spatial::default(), "without layers");
}

#[test]
fn vp9_flexible_mode_has_up_to_three_references() {
    let two = [0xF8, 0x11, 0x00, 0x03, 0x04, 0xAB];
    assert_eq!(vp9::Descriptor::parse(&two).unwrap().len, 5);
    assert_eq!(vp9::Descriptor::parse(&[0xF8, 0x11, 0x00, 0x03, 0x05, 0x07, 0x08]), None);
}

#[test]
fn vp9_ids_are_rewritten_in_place() {
    let descriptor = vp9::Descriptor::parse(VP9_KEY).unwrap();
    let mut payload = VP9_KEY.to_vec();
    descriptor.rewrite(&mut payload, 0x0102, 9).unwrap();
    let after = vp9::Descriptor::parse(&payload).unwrap();
    assert_eq!((after.picture_id.unwrap().value, after.tl0_picture_index), (0x0102, Some(9)));
    assert_eq!(payload[5..], VP9_KEY[5..]);
}

#[test]
fn checklist_88_h264_key_frames_start_with_parameters_or_an_idr() {
    let starts: [&[u8]; 6] = [
        &[0x67, 0x42],
        &[0x65, 0x88],
        &[0x78, 0, 2, 0x09, 0x10, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE],
        &[0x78, 0, 1, 0x06, 0, 1, 0x65],
        &[0x7C, 0x85, 0x88],
        &[0x7C, 0x87, 0x42],
    ];
    for payload in starts {
        assert!(keyframe_start(Codec::H264, payload, None), "{payload:02x?}");
    }
    let others: [&[u8]; 9] = [
        &[],
        &[0x41, 0x9A],
        &[0x68, 0xCE],
        &[0x06, 0x05],
        &[0x7C, 0x05, 0x88],
        &[0x7C, 0x81],
        &[0x78, 0, 2, 0x68, 0xCE],
        &[0x78, 0, 9, 0x67],
        &[0x7C],
    ];
    for payload in others {
        assert!(!keyframe_start(Codec::H264, payload, None), "{payload:02x?}");
    }
}

/// Writes bits, most significant first.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    len: usize,
}

impl BitWriter {
    fn put(&mut self, value: u32, count: u32) -> &mut Self {
        for shift in (0..count).rev() {
            if self.len.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::try_from((value >> shift) & 1).unwrap();
            *self.bytes.last_mut().unwrap() |= bit << (7 - self.len % 8);
            self.len += 1;
        }
        self
    }

    fn golomb(&mut self, value: u32) -> &mut Self {
        let width = 32 - (value + 1).leading_zeros();
        self.put(0, width - 1).put(value + 1, width)
    }
}

#[test]
fn h264_resolution_with_cropping_and_high_profile() {
    for high in [false, true] {
        let mut bits = BitWriter::default();
        bits.put(0x67, 8).put(if high { 100 } else { 66 }, 8).put(0x001F, 16).golomb(0);
        if high {
            bits.golomb(1).golomb(0).golomb(0).put(0, 1).put(1, 1).put(0, 8);
        }
        bits.golomb(0).golomb(2).golomb(1).put(0, 1);
        // 120 by 68 macroblocks: 1080 lines need 8 cropped, in units of two.
        bits.golomb(119).golomb(67).put(1, 1).put(1, 1).put(1, 1);
        bits.golomb(0).golomb(0).golomb(0).golomb(4).put(0, 1).put(1, 1);
        let escaped: Vec<u8> = escape(&bits.bytes);
        assert_eq!(resolution(Codec::H264, &escaped), Some((1920, 1080)), "high: {high}");
        let mut bundle = vec![0x78, 0, 2, 0x09, 0x10, 0, u8::try_from(escaped.len()).unwrap()];
        bundle.extend_from_slice(&escaped);
        assert_eq!(resolution(Codec::H264, &bundle), Some((1920, 1080)));
        assert_eq!(resolution(Codec::H264, &escaped[..6]), None);
    }
}

fn escape(plain: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::new();
    for &byte in plain {
        if escaped.ends_with(&[0, 0]) && byte <= 3 {
            escaped.push(3);
        }
        escaped.push(byte);
    }
    escaped
}

/// A descriptor with a two-template structure for one target: template `offset` is a key frame, the next refers one back.
fn descriptor(start: bool, template: u32, offset: u32, structure: bool) -> Vec<u8> {
    descriptor_with(start, template, offset, structure.then_some([&[], &[0]]))
}

/// The references of both templates, as frame difference - 1.
fn descriptor_with(start: bool, template: u32, offset: u32, structure: Option<[&[u32]; 2]>) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.put(u32::from(start), 1).put(0, 1).put(template, 6).put(0x1234, 16);
    if let Some(references) = structure {
        bits.put(0b10000, 5).put(offset, 6).put(0, 5);
        bits.put(0, 2).put(3, 2);
        bits.put(2, 2).put(2, 2);
        for template in references {
            for reference in template {
                bits.put(1, 1).put(*reference, 4);
            }
            bits.put(0, 1);
        }
        // One chain protects the only target.
        bits.put(1, 1);
        bits.put(0, 4).put(1, 4);
        bits.put(1, 1).put(639, 16).put(359, 16);
    }
    bits.bytes
}

#[test]
fn av1_key_frames_bring_a_structure_and_depend_on_nothing() {
    let key = descriptor(true, 62, 62, true);
    assert!(keyframe_start(Codec::Av1, &[0x00], Some(&key)));
    let read = DependencyDescriptor::parse(&key).unwrap();
    let structure = read.structure.unwrap();
    assert_eq!((read.frame_number, structure.templates, structure.decode_targets), (0x1234, 2, 1));
    assert_eq!((structure.spatial_layers, structure.temporal_layers, structure.largest), (1, 1, Some((640, 360))));
    assert!(!keyframe_start(Codec::Av1, &[0x08], Some(&descriptor(true, 63, 62, true))), "refers back");
    assert!(!keyframe_start(Codec::Av1, &[0x08], Some(&descriptor(false, 62, 62, true))), "not the first packet");
    assert!(!keyframe_start(Codec::Av1, &[0x08], Some(&descriptor(true, 62, 62, false))), "no structure");
    let cut = &key[..7];
    assert_eq!(DependencyDescriptor::parse(cut), None);
}

#[test]
fn av1_template_ids_wrap_and_unknown_ones_are_no_key_frames() {
    let second_is_key = |template| descriptor_with(true, template, 63, Some([&[0, 1], &[]]));
    assert!(keyframe_start(Codec::Av1, &[0], Some(&second_is_key(0))));
    assert!(!keyframe_start(Codec::Av1, &[0], Some(&second_is_key(63))));
    assert!(!keyframe_start(Codec::Av1, &[0], Some(&second_is_key(1))));
}

#[test]
fn av1_without_descriptor_starts_where_a_sequence_does() {
    assert!(keyframe_start(Codec::Av1, &[0x18, 0x0A], None));
    assert!(!keyframe_start(Codec::Av1, &[0x10, 0x0A], None));
    assert!(!keyframe_start(Codec::Av1, &[0x98, 0x0A], None));
    assert!(!keyframe_start(Codec::Av1, &[], None));
}

#[test]
fn audio_never_starts_a_key_frame() {
    for codec in [Codec::Opus, Codec::Red, Codec::TelephoneEvent, Codec::Rtx, Codec::Unknown] {
        assert!(!keyframe_start(codec, VP8_KEY, None));
        assert_eq!(resolution(codec, VP8_KEY), None);
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(60);
    let first = [0x67, 0x78, 0x7C, 0x90, 0xAA, 0xFF];
    let mut understood = 0;
    for round in 0..100_000usize {
        let mut bytes = [0u8; 64];
        rng.fill_bytes(&mut bytes);
        if round % 2 == 0 {
            bytes[0] = first[round / 2 % first.len()];
        }
        let mut element = [0u8; 40];
        rng.fill_bytes(&mut element);
        let payload = &bytes[..usize::try_from(rng.next_u32() % 65).unwrap()];
        let element = &element[..usize::try_from(rng.next_u32() % 41).unwrap()];
        for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
            understood += usize::from(keyframe_start(codec, payload, Some(element)));
            understood += usize::from(resolution(codec, payload).is_some());
        }
        let mut copy = payload.to_vec();
        if let Some(descriptor) = vp8::Descriptor::parse(payload) {
            descriptor.rewrite(&mut copy, 1, 2).unwrap();
        }
        if let Some(descriptor) = vp9::Descriptor::parse(payload) {
            descriptor.rewrite(&mut copy, 1, 2).unwrap();
        }
    }
    assert!(understood > 10_000);
}
