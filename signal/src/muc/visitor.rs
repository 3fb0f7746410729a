//! What a session has to do with rooms, and what it may do in all of them together.

use std::net::IpAddr;
use std::time::Instant;

use jitsi_wire::xmpp::{Condition, StanzaError};

use super::attempts::Attempts;
use super::component::Sender;
use super::limits::MucLimits;
use crate::c2s::Bucket;

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
    /// Messages that it may write.
    chat: Bucket,
    /// Knocks, and guesses of one whose network address is not known.
    pub(super) attempts: Attempts,
}

impl Visitor {
    pub(super) fn new(sender: Sender<'_>, limits: &MucLimits) -> Self {
        Self {
            bare: sender.jid.to_bare().to_string().into(),
            address: sender.address,
            rooms: Vec::new(),
            voice: Bucket::full(sender.now, limits.voice_burst),
            chat: Bucket::full(sender.now, limits.chat_burst),
            attempts: Attempts::new(sender.now, limits.attempts),
        }
    }

    pub(super) fn bare(&self) -> &str {
        &self.bare
    }

    /// Pays for so many bytes; false when it has said too much.
    #[must_use]
    pub(super) fn pay(&mut self, now: Instant, bytes: usize, limits: &MucLimits) -> bool {
        let cost = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.voice.take(now, cost, limits.voice_per_second, limits.voice_burst)
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
