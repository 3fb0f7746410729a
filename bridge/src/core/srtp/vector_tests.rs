//! The test vectors of the RFCs, with the session keys that they give.

use aws_lc_rs::aead::LessSafeKey;

use super::cipher::{Aead, CounterMode, test_gcm_rtcp, test_gcm_rtp};
use super::kdf::{Label, derive};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn block(text: &str) -> [u8; 16] {
    hex(text).try_into().unwrap()
}

#[test]
fn counter_mode_gives_the_key_stream_of_rfc_3711_b_2() {
    let cipher = CounterMode::new(&block("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let mut stream = vec![0; 0xFF02 * 16];
    cipher.apply(block("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"), &mut stream).unwrap();
    let expected = [
        (0x0000, "E03EAD0935C95E80E166B16DD92B4EB4"),
        (0x0001, "D23513162B02D0F72A43A2FE4A5F97AB"),
        (0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xFEFF, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
        (0xFF00, "362B7C3C6773516318A077D7FC5073AE"),
        (0xFF01, "6A2CC3787889374FBEB4C81B17BA6C44"),
    ];
    for (counter, stream_block) in expected {
        assert_eq!(stream[counter * 16..][..16], block(stream_block), "block {counter:04x}");
    }
}

#[test]
fn key_derivation_gives_the_keys_of_rfc_3711_b_3() {
    let master =
        KeyMaterial::new(block("E1F97A0D3E018BE0D64FA32C06DE4139"), &hex("0EC675AD498AFEEBB6960B3AABE6")).unwrap();
    assert_eq!(derive::<16>(&master, Label::RtpEncryption).unwrap(), block("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derive::<14>(&master, Label::RtpSalt).unwrap(), *hex("30CBBC08863D8C85D49DB34A9AE1"));
    let authentication = hex(
        "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2DC68",
    );
    assert_eq!(derive::<94>(&master, Label::RtpAuthentication).unwrap()[..], authentication[..94]);
}

const GCM_KEY: &str = "000102030405060708090a0b0c0d0e0f";
const GCM_SALT: &str = "517569642070726f2071756f";

#[test]
fn gcm_gives_the_rtp_packet_of_rfc_7714_16_1_1() {
    let plain =
        hex("8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573");
    let sealed = hex(
        "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
    );
    let cipher = test_gcm_rtp(block(GCM_KEY), hex(GCM_SALT).try_into().unwrap());
    let mut packet = plain.clone();
    packet.resize(plain.len() + 16, 0);
    cipher.seal(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
    assert_eq!(packet, sealed);
    cipher.open(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn gcm_gives_the_rtcp_packet_of_rfc_7714_17_1() {
    let plain =
        hex("81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef");
    let sealed = hex(
        "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
    );
    let cipher = test_gcm_rtcp(block(GCM_KEY), hex(GCM_SALT).try_into().unwrap());
    let mut packet = plain.clone();
    packet.resize(plain.len() + 20, 0);
    cipher.seal(&mut packet, 0x4d61_7273, 0x5d4).unwrap();
    assert_eq!(packet, sealed);
    assert_eq!(cipher.read_index(&packet), Some((0x5d4, true)));
    cipher.open(&mut packet, 0x4d61_7273, 0x5d4, true).unwrap();
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn an_aead_refuses_other_associated_data() {
    let aead = <LessSafeKey as Aead>::new(&block(GCM_KEY)).unwrap();
    let mut data = *b"hello";
    let tag = aead.seal([1; 12], b"header", &mut data).unwrap();
    assert!(aead.open([1; 12], b"Header", &mut data.clone(), &tag).is_err());
    aead.open([1; 12], b"header", &mut data, &tag).unwrap();
    assert_eq!(&data, b"hello");
}
