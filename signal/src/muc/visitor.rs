//! What a session has to do with rooms, and what it may do in all of them together.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use jitsi_wire::xmpp::{Condition, StanzaError};

use super::attempts::Attempts;
use super::component::Sender;
use super::limits::MucLimits;
use crate::c2s::{Bucket, SessionId};

/// What it costs at least to tell everybody something, in bytes: the addresses and the item of a frame.
pub(super) const LEAST: usize = 512;

/// A session, from its first stanza to a room until it ends: who leaves and comes again has no more to say by that.
#[derive(Debug)]
pub(super) struct Visitor {
    bare: Box<str>,
    /// Network address, if it is known.
    pub(super) address: Option<IpAddr>,
    /// Rooms that it is in, waits for, or has left with its standing in them.
    pub(super) rooms: Vec<Box<str>>,
    /// Bytes that it may send to everybody.
    voice: Bucket,
    /// The same for all sessions of its network together.
    network: Option<Rc<Cell<Bucket>>>,
    /// Messages that it may write.
    chat: Bucket,
    /// Knocks.
    pub(super) knocks: Attempts,
    /// Passwords that it tried, whatever its neighbours try.
    pub(super) guesses: Attempts,
}

/// Everybody who has had to do with rooms and is not gone.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    by_session: BTreeMap<SessionId, Visitor>,
    /// Of networks with a visitor, and of those that have said much a moment ago: a new stream costs nothing.
    networks: BTreeMap<IpAddr, Rc<Cell<Bucket>>>,
}

impl Visitors {
    pub(super) fn get(&self, session: SessionId) -> Option<&Visitor> {
        self.by_session.get(&session)
    }

    /// Who sends, and what it may.
    pub(super) fn of(&mut self, sender: Sender<'_>, limits: &MucLimits) -> &mut Visitor {
        let networks = &mut self.networks;
        self.by_session.entry(sender.session).or_insert_with(|| {
            let network = sender.address.map(|address| share_of(networks, address, sender.now, limits));
            Visitor::new(sender, network, limits)
        })
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Visitor> {
        self.by_session.remove(&session)
    }
}

/// What the network at this address may still say.
fn share_of(
    networks: &mut BTreeMap<IpAddr, Rc<Cell<Bucket>>>,
    address: IpAddr,
    now: Instant,
    limits: &MucLimits,
) -> Rc<Cell<Bucket>> {
    let (per_second, burst) = limits.voice_of_network();
    networks.retain(|_, network| {
        let mut bucket = network.get();
        Rc::strong_count(network) > 1 || !bucket.is_full(now, per_second, burst)
    });
    Rc::clone(networks.entry(address).or_insert_with(|| Rc::new(Cell::new(Bucket::full(now, burst)))))
}

impl Visitor {
    fn new(sender: Sender<'_>, network: Option<Rc<Cell<Bucket>>>, limits: &MucLimits) -> Self {
        Self {
            bare: sender.jid.to_bare().to_string().into(),
            address: sender.address,
            rooms: Vec::new(),
            voice: Bucket::full(sender.now, limits.voice_burst),
            chat: Bucket::full(sender.now, limits.chat_burst),
            network,
            knocks: Attempts::new(sender.now, limits.attempts),
            guesses: Attempts::new(sender.now, limits.attempts),
        }
    }

    pub(super) fn bare(&self) -> &str {
        &self.bare
    }

    /// Pays for so many bytes; false when it has said too much.
    #[must_use]
    pub(super) fn pay(&mut self, now: Instant, bytes: usize, limits: &MucLimits) -> bool {
        let cost = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.voice.take(now, cost, limits.voice_per_second, limits.voice_burst) && self.network_pays(now, cost, limits)
    }

    fn network_pays(&self, now: Instant, cost: u32, limits: &MucLimits) -> bool {
        let Some(network) = &self.network else {
            return true;
        };
        let (per_second, burst) = limits.voice_of_network();
        let mut bucket = network.get();
        let pays = bucket.take(now, cost, per_second, burst);
        network.set(bucket);
        pays
    }

    /// Pays for what everybody in a room is told.
    pub(super) fn broadcast(&mut self, now: Instant, bytes: usize, limits: &MucLimits) -> Result<(), StanzaError> {
        if self.pay(now, bytes.max(LEAST), limits) {
            return Ok(());
        }
        Err(too_much())
    }

    /// Counts a chat message or reaction; false when there are too many.
    #[must_use]
    pub(super) fn chat(&mut self, now: Instant, limits: &MucLimits) -> bool {
        self.chat.take(now, 1, limits.chat_per_second, limits.chat_burst)
    }
}

pub(super) fn too_much() -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint).with_text("Too much at once")
}
