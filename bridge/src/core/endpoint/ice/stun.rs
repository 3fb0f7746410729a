//! STUN as ICE uses it (RFC 8489): a checked view of what comes in, a writer for what goes out.
//!
//! The view looks at the received bytes in place and knows nothing that stands behind MESSAGE-INTEGRITY, where anybody could
//! have added attributes. Messages are written with `rtc-stun`.

use std::net::SocketAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use bytes::BytesMut;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::error_code::{ErrorCode, ErrorCodeAttribute};
use rtc_stun::fingerprint::{FINGERPRINT, fingerprint_value};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MAGIC_COOKIE, Message, MessageType, Setter, TransactionId,
};
use rtc_stun::uattrs::UnknownAttributes;
use rtc_stun::xoraddr::XorMappedAddress;

const HEADER: usize = 20;
/// No ICE message comes near this; whatever is longer is not for us.
const MAX_MESSAGE: usize = 1280;
/// Chrome sends about a dozen.
const MAX_ATTRIBUTES: usize = 32;
const INTEGRITY_ATTRIBUTE: usize = 24;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const MAPPED_ADDRESS: u16 = 0x0001;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT_ATTRIBUTE: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802A;

/// The four things a Binding message can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Indication,
    Success,
    Error,
}

/// Which role the sender claims, with its tie-breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Controlling(u64),
    Controlled(u64),
}

/// The attributes of a Binding message that ICE looks at, found in front of MESSAGE-INTEGRITY.
#[derive(Debug)]
pub(crate) struct View<'a> {
    message: &'a [u8],
    pub(crate) kind: Kind,
    pub(crate) transaction: [u8; 12],
    pub(crate) username: Option<&'a str>,
    pub(crate) role: Option<Role>,
    pub(crate) use_candidate: bool,
    pub(crate) error: Option<u16>,
    /// Attributes that a receiver must understand and we do not (RFC 8489, 6.3.1).
    pub(crate) unknown: heapless::Vec<u16, 8>,
    /// Where MESSAGE-INTEGRITY starts and what it says.
    integrity: Option<(usize, &'a [u8])>,
}

impl<'a> View<'a> {
    /// `None` when this is no well-formed Binding message, or carries a FINGERPRINT that does not fit.
    pub(crate) fn parse(message: &'a [u8]) -> Option<Self> {
        let kind = binding_kind(message)?;
        let mut view = Self {
            message,
            kind,
            transaction: message.get(8..HEADER)?.try_into().ok()?,
            username: None,
            role: None,
            use_candidate: false,
            error: None,
            unknown: heapless::Vec::new(),
            integrity: None,
        };
        for attribute in Attributes::of(message) {
            let attribute = attribute?;
            view.note(&attribute)?;
        }
        Some(view)
    }

    fn note(&mut self, attribute: &Attribute<'a>) -> Option<()> {
        if attribute.kind == FINGERPRINT_ATTRIBUTE {
            let said = u32::from_be_bytes(attribute.value.try_into().ok()?);
            // It is the last attribute by definition, so the header's length already counts up to its end.
            let covered = self.message.get(..attribute.start)?;
            let last = attribute.start.checked_add(8)? == self.message.len();
            return (last && said == fingerprint_value(covered)).then_some(());
        }
        if self.integrity.is_some() {
            return Some(());
        }
        match attribute.kind {
            USERNAME => self.username = Some(std::str::from_utf8(attribute.value).ok()?),
            MESSAGE_INTEGRITY => {
                if attribute.value.len() != 20 {
                    return None;
                }
                self.integrity = Some((attribute.start, attribute.value));
            }
            ERROR_CODE => {
                let class = u16::from(attribute.value.get(2)? & 7);
                let number = u16::from(*attribute.value.get(3)?);
                self.error = Some(class * 100 + number);
            }
            USE_CANDIDATE => self.use_candidate = true,
            ICE_CONTROLLED => self.role = Some(Role::Controlled(u64::from_be_bytes(attribute.value.try_into().ok()?))),
            ICE_CONTROLLING => {
                self.role = Some(Role::Controlling(u64::from_be_bytes(attribute.value.try_into().ok()?)))
            }
            PRIORITY | XOR_MAPPED_ADDRESS | MAPPED_ADDRESS | UNKNOWN_ATTRIBUTES | MESSAGE_INTEGRITY_SHA256 => {}
            other if other < 0x8000 => {
                // A full list is answered all the same, with the first eight.
                let _ = self.unknown.push(other);
            }
            _ => {}
        }
        Some(())
    }

    /// Whether MESSAGE-INTEGRITY is there and was made with `key`.
    pub(crate) fn proves(&self, key: &hmac::Key) -> bool {
        let Some((start, tag)) = self.integrity else {
            return false;
        };
        // The length that was hashed ends with MESSAGE-INTEGRITY, whatever follows it (RFC 8489, 14.5).
        let Ok(length) = u16::try_from(start + INTEGRITY_ATTRIBUTE - HEADER) else {
            return false;
        };
        let (Some(first), Some(rest)) = (self.message.get(..2), self.message.get(4..start)) else {
            return false;
        };
        let mut context = hmac::Context::with_key(key);
        context.update(first);
        context.update(&length.to_be_bytes());
        context.update(rest);
        verify_slices_are_equal(context.sign().as_ref(), tag).is_ok()
    }
}

/// The receiver's username fragment in a Binding request: what stands before the first colon of USERNAME. Checks the form of the
/// message, computes no hash: the demultiplexer asks this for every message from an unknown address.
pub fn ufrag_of(message: &[u8]) -> Option<&str> {
    if binding_kind(message)? != Kind::Request {
        return None;
    }
    for attribute in Attributes::of(message) {
        let attribute = attribute?;
        if attribute.kind == USERNAME {
            let (receiver, _) = std::str::from_utf8(attribute.value).ok()?.split_once(':')?;
            return (!receiver.is_empty()).then_some(receiver);
        }
        if attribute.kind == MESSAGE_INTEGRITY {
            return None;
        }
    }
    None
}

fn binding_kind(message: &[u8]) -> Option<Kind> {
    if message.len() < HEADER || message.len() > MAX_MESSAGE {
        return None;
    }
    let field = |at: usize| -> Option<u16> { Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?)) };
    let cookie = u32::from_be_bytes(message.get(4..8)?.try_into().ok()?);
    if cookie != MAGIC_COOKIE || usize::from(field(2)?) + HEADER != message.len() {
        return None;
    }
    match field(0)? {
        0x0001 => Some(Kind::Request),
        0x0011 => Some(Kind::Indication),
        0x0101 => Some(Kind::Success),
        0x0111 => Some(Kind::Error),
        _ => None,
    }
}

struct Attribute<'a> {
    start: usize,
    kind: u16,
    value: &'a [u8],
}

struct Attributes<'a> {
    message: &'a [u8],
    offset: usize,
    left: usize,
}

impl<'a> Attributes<'a> {
    fn of(message: &'a [u8]) -> Self {
        Self { message, offset: HEADER, left: MAX_ATTRIBUTES }
    }
}

impl<'a> Iterator for Attributes<'a> {
    /// `None` inside: the message is broken here.
    type Item = Option<Attribute<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.message.len() {
            return None;
        }
        let attribute = self.left.checked_sub(1).and_then(|left| {
            self.left = left;
            attribute_at(self.message, self.offset)
        });
        self.offset = match &attribute {
            Some(found) => found.start + 4 + found.value.len().next_multiple_of(4),
            None => self.message.len(),
        };
        Some(attribute)
    }
}

fn attribute_at(message: &[u8], start: usize) -> Option<Attribute<'_>> {
    let header: [u8; 4] = message.get(start..start.checked_add(4)?)?.try_into().ok()?;
    let [k0, k1, l0, l1] = header;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let body = start + 4;
    // The padding has to be there as well.
    message.get(body..body + length.next_multiple_of(4))?;
    Some(Attribute { start, kind: u16::from_be_bytes([k0, k1]), value: message.get(body..body + length)? })
}

/// What a check says.
pub(crate) struct Check<'a> {
    pub(crate) transaction: [u8; 12],
    /// `theirs:ours`.
    pub(crate) username: &'a str,
    pub(crate) priority: u32,
    pub(crate) role: Role,
    pub(crate) use_candidate: bool,
}

/// Writes messages that are authenticated with one password. An error of the writer (there is none to be expected: everything
/// that goes in is bounded by us) yields nothing to send.
pub(crate) struct Writer<'a> {
    pub(crate) password: &'a str,
    pub(crate) crypto: &'a dyn rtc_crypto::RTCCrypto,
}

impl Writer<'_> {
    pub(crate) fn check(&self, check: &Check<'_>) -> Option<BytesMut> {
        let mut message = begin(BINDING_REQUEST, check.transaction);
        message.add(ATTR_USERNAME, check.username.as_bytes());
        message.add(ATTR_PRIORITY, &check.priority.to_be_bytes());
        match check.role {
            Role::Controlling(tie) => message.add(ATTR_ICE_CONTROLLING, &tie.to_be_bytes()),
            Role::Controlled(tie) => message.add(ATTR_ICE_CONTROLLED, &tie.to_be_bytes()),
        }
        if check.use_candidate {
            message.add(ATTR_USE_CANDIDATE, &[]);
        }
        self.seal(message)
    }

    pub(crate) fn success(&self, transaction: [u8; 12], mapped: SocketAddr) -> Option<BytesMut> {
        let mut message = begin(BINDING_SUCCESS, transaction);
        XorMappedAddress { ip: mapped.ip().to_canonical(), port: mapped.port() }.add_to(&mut message).ok()?;
        self.seal(message)
    }

    pub(crate) fn role_conflict(&self, transaction: [u8; 12]) -> Option<BytesMut> {
        let mut message = begin(BINDING_ERROR, transaction);
        ErrorCodeAttribute { code: ErrorCode(487), reason: b"Role Conflict".to_vec() }.add_to(&mut message).ok()?;
        self.seal(message)
    }

    pub(crate) fn unknown_attributes(&self, transaction: [u8; 12], unknown: &[u16]) -> Option<BytesMut> {
        let mut message = begin(BINDING_ERROR, transaction);
        ErrorCodeAttribute { code: ErrorCode(420), reason: b"Unknown Attribute".to_vec() }.add_to(&mut message).ok()?;
        let unknown = unknown.iter().map(|kind| rtc_stun::attributes::AttrType(*kind)).collect();
        UnknownAttributes(unknown).add_to(&mut message).ok()?;
        self.seal(message)
    }

    fn seal(&self, mut message: Message) -> Option<BytesMut> {
        MessageIntegrity::new_raw_integrity_with_provider(self.password.as_bytes(), self.crypto)
            .add_to(&mut message)
            .ok()?;
        FINGERPRINT.add_to(&mut message).ok()?;
        Some(BytesMut::from(message.raw.as_slice()))
    }
}

fn begin(kind: MessageType, transaction: [u8; 12]) -> Message {
    let mut message = Message::new();
    message.typ = kind;
    message.transaction_id = TransactionId(transaction);
    message.write_header();
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769, 2.1: sample request.
    const REQUEST: [u8; 108] = [
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
        0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c,
        0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f,
        0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76,
        0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
        0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
    ];
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    fn key(password: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
    }

    #[test]
    fn the_sample_request_of_rfc_5769_is_read_and_proven() {
        let view = View::parse(&REQUEST).unwrap();
        assert_eq!(view.kind, Kind::Request);
        assert_eq!(view.username, Some("evtj:h6vY"));
        assert_eq!(view.role, Some(Role::Controlled(0x932f_f9b1_5126_3b36)));
        assert!(view.proves(&key(PASSWORD)));
        assert!(!view.proves(&key("another password here")));
        assert_eq!(ufrag_of(&REQUEST), Some("evtj"));
    }

    #[test]
    fn one_flipped_bit_up_to_the_integrity_is_noticed() {
        for bit in 0..100 * 8 {
            let mut message = REQUEST;
            message[bit / 8] ^= 1 << (bit % 8);
            assert!(View::parse(&message).is_none_or(|view| !view.proves(&key(PASSWORD))), "bit {bit}");
        }
    }

    #[test]
    fn attributes_behind_the_integrity_are_ignored() {
        // Insert USE-CANDIDATE between integrity and fingerprint, and make the fingerprint fit again.
        let mut message = REQUEST[..100].to_vec();
        message.extend([0x00, 0x25, 0x00, 0x00, 0x80, 0x28, 0x00, 0x04]);
        message[3] += 4;
        let crc = fingerprint_value(&message[..104]);
        message.extend(crc.to_be_bytes());
        let view = View::parse(&message).unwrap();
        assert!(view.proves(&key(PASSWORD)));
        assert!(!view.use_candidate);
    }

    #[test]
    fn every_truncation_is_refused() {
        for length in 0..REQUEST.len() {
            assert!(View::parse(&REQUEST[..length]).is_none());
            assert!(ufrag_of(&REQUEST[..length]).is_none());
        }
    }

    #[test]
    fn what_is_written_can_be_read_and_proven() {
        let provider = rtc_crypto::default_provider().unwrap();
        let writer = Writer { password: PASSWORD, crypto: provider.crypto() };
        let check = writer
            .check(&Check {
                transaction: *b"transaction!",
                username: "peer:mine",
                priority: 1,
                role: Role::Controlling(u64::MAX),
                use_candidate: true,
            })
            .unwrap();
        let view = View::parse(&check).unwrap();
        assert!(view.use_candidate && view.proves(&key(PASSWORD)));
        assert_eq!(view.role, Some(Role::Controlling(u64::MAX)));
        let answer = writer.unknown_attributes(*b"transaction!", &[0x7ffe]).unwrap();
        let view = View::parse(&answer).unwrap();
        assert_eq!((view.kind, view.error), (Kind::Error, Some(420)));
        assert!(view.proves(&key(PASSWORD)));
    }
}
