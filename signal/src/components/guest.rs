//! A session that uses services.

use std::time::Instant;

use crate::c2s::Bucket;

/// What one session may ask of services at once, in bytes that others are told.
const BURST: u32 = 64 * 1024;
/// And in a second.
const PER_SECOND: u32 = 4 * 1024;

/// From its first room until the stream ends: who leaves and comes again may ask for no more by that.
#[derive(Debug)]
pub(super) struct Guest {
    /// Those that it is in.
    pub(super) rooms: Vec<Box<str>>,
    orders: Bucket,
}

impl Guest {
    pub(super) fn new(now: Instant) -> Self {
        Self { rooms: Vec::new(), orders: Bucket::full(now, BURST) }
    }

    pub(super) fn enter(&mut self, room: &str) {
        if !self.rooms.iter().any(|name| **name == *room) {
            self.rooms.push(room.into());
        }
    }

    pub(super) fn leave(&mut self, room: &str) {
        self.rooms.retain(|name| **name != *room);
    }

    /// Counts what it asks for; false when it is too much.
    pub(super) fn charge(&mut self, now: Instant, cost: usize) -> bool {
        self.orders.take(now, u32::try_from(cost).unwrap_or(u32::MAX), PER_SECOND, BURST)
    }
}
