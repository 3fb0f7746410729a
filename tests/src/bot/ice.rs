//! The browser's side of ICE: one socket, checks until it is connected and then every 2.5 s. A bridge of ours controls; towards a
//! server that lets its clients offer, the client does.

use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Message, Setter, TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CHECK_EVERY: Duration = Duration::from_millis(50);
const KEEP_ALIVE: Duration = Duration::from_millis(2500);

/// ICE agent with one remote candidate.
pub struct Ice {
    pub ufrag: String,
    pub pwd: String,
    /// It nominates the only pair there is, with every check.
    pub controlling: bool,
    remote: Option<(String, String, SocketAddr)>,
    crypto: Arc<dyn RTCCryptoProvider>,
    next_check: Option<Instant>,
    transaction: u64,
    /// A check of ours was answered.
    pub writable: bool,
    /// The bridge nominated the pair.
    pub nominated: bool,
    pub checks_answered: u32,
    pub role_conflicts: u32,
}

impl Ice {
    pub fn new(ufrag: String, pwd: String, crypto: Arc<dyn RTCCryptoProvider>) -> Self {
        Self {
            ufrag,
            pwd,
            controlling: false,
            remote: None,
            crypto,
            next_check: None,
            transaction: 0,
            writable: false,
            nominated: false,
            checks_answered: 0,
            role_conflicts: 0,
        }
    }

    pub fn set_remote(&mut self, now: Instant, ufrag: String, pwd: String, addr: SocketAddr) {
        self.remote = Some((ufrag, pwd, addr));
        self.next_check = Some(now);
    }

    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.remote.as_ref().map(|(_, _, addr)| *addr)
    }

    pub fn next_wakeup(&self) -> Option<Instant> {
        self.next_check
    }

    /// A check that is due.
    pub fn poll_check(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if self.next_check? > now {
            return None;
        }
        self.next_check = Some(now + if self.writable { KEEP_ALIVE } else { CHECK_EVERY });
        self.check()
    }

    /// One more check.
    pub fn check(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let (ufrag, pwd, addr) = self.remote.clone()?;
        self.transaction += 1;
        let id = transaction_id(self.transaction);
        let mut message = Message::new();
        message.set_type(BINDING_REQUEST);
        message.transaction_id = id;
        message.write_header();
        message.add(ATTR_USERNAME, format!("{ufrag}:{}", self.ufrag).as_bytes());
        if self.controlling {
            message.add(ATTR_ICE_CONTROLLING, &77u64.to_be_bytes());
            message.add(ATTR_USE_CANDIDATE, &[]);
        } else {
            message.add(ATTR_ICE_CONTROLLED, &77u64.to_be_bytes());
        }
        message.add(ATTR_PRIORITY, &1_845_501_695u32.to_be_bytes());
        Some((addr, self.finish(message, &pwd)))
    }

    fn finish(&self, mut message: Message, pwd: &str) -> Vec<u8> {
        MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), self.crypto.crypto())
            .add_to(&mut message)
            .expect("integrity");
        FINGERPRINT.add_to(&mut message).expect("fingerprint");
        message.raw
    }

    /// Takes a STUN message; the answer, if it wants one.
    pub fn handle(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        match message.typ.class {
            CLASS_REQUEST => {
                MessageIntegrity::check(&mut message, self.pwd.as_bytes(), self.crypto.crypto()).ok()?;
                self.nominated |= message.contains(ATTR_USE_CANDIDATE);
                let mut answer = Message::new();
                answer.set_type(BINDING_SUCCESS);
                answer.transaction_id = message.transaction_id;
                answer.write_header();
                XorMappedAddress { ip: from.ip(), port: from.port() }.add_to(&mut answer).expect("mapped address");
                Some(self.finish(answer, &self.pwd.clone()))
            }
            CLASS_SUCCESS_RESPONSE => {
                let pwd = self.remote.as_ref()?.1.clone();
                MessageIntegrity::check(&mut message, pwd.as_bytes(), self.crypto.crypto()).ok()?;
                self.writable = true;
                self.checks_answered += 1;
                None
            }
            _ => {
                self.role_conflicts += 1;
                None
            }
        }
    }
}

fn transaction_id(number: u64) -> TransactionId {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&number.to_be_bytes());
    TransactionId(id)
}
