//! What all conferences of one focus share: what goes out, open orders, randomness, the cache of capabilities.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use jitsi_wire::colibri2::ConferenceModify;
use jitsi_wire::xmpp::{Element, stanza};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::bridge_port::{Order, OrderId};
use super::features::CapsCache;
use super::limits::Allowances;
use super::{FocusConfig, FocusOutput};

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) config: FocusConfig,
    pub(super) outputs: VecDeque<FocusOutput>,
    pub(super) caps: CapsCache,
    pub(super) parted: Allowances,
    /// Orders whose answer matters, with the moment at which they are given up.
    pub(super) orders: BTreeMap<OrderId, OpenOrder>,
    rng: ChaCha8Rng,
    next_order: u64,
    next_iq: u64,
}

/// An order that the bridge has not answered.
#[derive(Debug, Clone)]
pub(super) struct OpenOrder {
    pub(super) room: String,
    pub(super) nick: String,
    /// Session that it is about.
    pub(super) sid: String,
    pub(super) kind: OrderKind,
    /// Which life of the conference at the bridge it belongs to.
    pub(super) epoch: u64,
    pub(super) until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderKind {
    /// Makes an endpoint, and the conference when it is the first.
    Create {
        conference: bool,
    },
    Update,
    /// New ICE credentials for a running session.
    IceRestart,
}

impl Desk {
    pub(super) fn new(config: FocusConfig, rng: ChaCha8Rng) -> Self {
        Desk {
            config,
            outputs: VecDeque::new(),
            caps: CapsCache::default(),
            parted: Allowances::default(),
            orders: BTreeMap::new(),
            rng,
            next_order: 1,
            next_iq: 1,
        }
    }

    pub(super) fn emit(&mut self, output: FocusOutput) {
        self.outputs.push_back(output);
    }

    pub(super) fn send(&mut self, room: &str, nick: &str, stanza: Element) {
        self.emit(FocusOutput::ToOccupant { room: room.to_owned(), nick: nick.to_owned(), stanza });
    }

    /// Sends an IQ with this payload and returns its id.
    pub(super) fn ask(&mut self, room: &str, nick: &str, kind: &str, payload: Element) -> String {
        let id = format!("focus-{}", self.next_iq);
        self.next_iq = self.next_iq.wrapping_add(1);
        self.send(room, nick, stanza::iq(kind, &id).with_child(payload));
        id
    }

    /// Sends an order whose answer is awaited.
    pub(super) fn order(&mut self, open: OpenOrder, client_is_local: bool, request: ConferenceModify) -> OrderId {
        let id = self.send_order(client_is_local, request);
        self.orders.insert(id, open);
        id
    }

    /// Sends an order whose answer does not matter.
    pub(super) fn send_order(&mut self, client_is_local: bool, request: ConferenceModify) -> OrderId {
        let id = OrderId(self.next_order);
        self.next_order = self.next_order.wrapping_add(1);
        self.emit(FocusOutput::Bridge(Order { id, client_is_local, request }));
        id
    }

    /// A random UUID (RFC 9562, version 4).
    pub(super) fn uuid(&mut self) -> String {
        let mut bytes = [0u8; 16];
        self.rng.fill_bytes(&mut bytes);
        let value = u128::from_be_bytes(bytes);
        let value = value & !(0xf000 << 64) | 0x4000 << 64;
        let value = value & !(0xc000 << 48) | 0x8000 << 48;
        let hex = format!("{value:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }

    /// A fresh session id.
    pub(super) fn sid(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    #[test]
    fn uuids_are_of_version_4_and_differ() {
        let mut desk = Desk::new(FocusConfig::new("d"), ChaCha8Rng::from_seed([1; 32]));
        let (a, b) = (desk.uuid(), desk.uuid());
        assert_ne!(a, b);
        assert_eq!(a.len(), 36);
        assert_eq!(a.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&a.as_bytes()[19]));
    }
}
