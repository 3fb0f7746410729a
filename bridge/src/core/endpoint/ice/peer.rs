//! A browser's half of ICE for tests, written over `rtc-stun` alone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use jitsi_wire::jingle::IceUdpTransport;
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::*;
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::*;
use rtc_stun::xoraddr::XorMappedAddress;

use crate::core::Path;
use crate::core::endpoint::transport::LocalParams;

pub(crate) struct Peer {
    pub(crate) crypto: Arc<dyn RTCCryptoProvider>,
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    pub(crate) bridge: LocalParams,
    pub(crate) controlling: bool,
    pub(crate) tie_breaker: u64,
    counter: u64,
}

/// A path from made-up peer port `port` at 192.0.2.`host`.
pub(crate) fn path(host: u8, port: u16) -> Path {
    Path {
        local: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
        remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port),
    }
}

pub(crate) fn bridge_params() -> LocalParams {
    LocalParams { ufrag: "bridge01".to_owned(), pwd: "bridge-password-of-22-chars".to_owned() }
}

pub(crate) fn decode(datagram: &[u8]) -> Message {
    let mut message = Message::new();
    message.unmarshal_binary(datagram).unwrap();
    message
}

pub(crate) fn error_code(message: &Message) -> u16 {
    let mut error = ErrorCodeAttribute::default();
    error.get_from(message).unwrap();
    error.code.0
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self {
            crypto: rtc_crypto::default_provider().unwrap(),
            ufrag: "peer".to_owned(),
            pwd: "peer-password-of-22-chars".to_owned(),
            bridge: bridge_params(),
            controlling: false,
            tie_breaker: 7,
            counter: 0,
        }
    }

    pub(crate) fn signalled(&self) -> IceUdpTransport {
        IceUdpTransport { ufrag: Some(self.ufrag.clone()), pwd: Some(self.pwd.clone()), ..IceUdpTransport::default() }
    }

    pub(crate) fn request(&mut self) -> Vec<u8> {
        let password = self.bridge.pwd.clone();
        self.request_with(&password, |_| {})
    }

    pub(crate) fn request_with(&mut self, password: &str, more: impl FnOnce(&mut Message)) -> Vec<u8> {
        self.counter += 1;
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&self.counter.to_be_bytes());
        let mut message = Message::new();
        message.typ = BINDING_REQUEST;
        message.transaction_id = TransactionId(transaction);
        message.write_header();
        message.add(ATTR_USERNAME, format!("{}:{}", self.bridge.ufrag, self.ufrag).as_bytes());
        // As Chrome does: GOOG-NETWORK-INFO, which nobody else knows.
        message.add(AttrType(0xC057), &[0, 1, 0, 10]);
        let role = if self.controlling { ATTR_ICE_CONTROLLING } else { ATTR_ICE_CONTROLLED };
        message.add(role, &self.tie_breaker.to_be_bytes());
        message.add(ATTR_PRIORITY, &0x6e00_01ff_u32.to_be_bytes());
        more(&mut message);
        self.seal(message, password)
    }

    fn seal(&self, mut message: Message, password: &str) -> Vec<u8> {
        MessageIntegrity::new_raw_integrity_with_provider(password.as_bytes(), self.crypto.crypto())
            .add_to(&mut message)
            .unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message.raw
    }

    /// Answers a check of the bridge with success, after making sure that it is a good one.
    pub(crate) fn answer(&self, check: &[u8], from: SocketAddr) -> Vec<u8> {
        let mut check = decode(check);
        self.expect_proven(&mut check, &self.pwd);
        let name = format!("{}:{}", self.ufrag, self.bridge.ufrag);
        assert_eq!(check.get(ATTR_USERNAME).unwrap(), name.as_bytes());
        assert!(check.contains(ATTR_PRIORITY));
        let mut message = self.begin(BINDING_SUCCESS, &check);
        XorMappedAddress { ip: from.ip(), port: from.port() }.add_to(&mut message).unwrap();
        self.seal(message, &self.pwd)
    }

    pub(crate) fn refuse(&self, check: &[u8], code: u16) -> Vec<u8> {
        let check = decode(check);
        let mut message = self.begin(BINDING_ERROR, &check);
        let error = ErrorCodeAttribute { code: rtc_stun::error_code::ErrorCode(code), reason: b"no".to_vec() };
        error.add_to(&mut message).unwrap();
        self.seal(message, &self.pwd)
    }

    fn begin(&self, kind: MessageType, question: &Message) -> Message {
        let mut message = Message::new();
        message.typ = kind;
        message.transaction_id = question.transaction_id;
        message.write_header();
        message
    }

    pub(crate) fn expect_proven(&self, message: &mut Message, password: &str) {
        FINGERPRINT.check(message).unwrap();
        MessageIntegrity::check(message, password.as_bytes(), self.crypto.crypto()).unwrap();
    }
}
