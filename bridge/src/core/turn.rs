//! What a conference needs of the world while it handles one input.

use std::collections::VecDeque;
use std::time::Instant;

use super::allocate::Uplink;
use super::demux::Demux;
use super::stats::Totals;
use super::{Event, Sink};

/// The time, and where outputs go.
pub struct Turn<'a> {
    pub now: Instant,
    pub sink: &'a mut dyn Sink,
    pub events: &'a mut VecDeque<Event>,
    pub demux: &'a mut Demux,
    pub counters: &'a mut Counters,
    pub uplink: &'a mut Uplink,
}

impl std::fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Totals of a bridge's life.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    pub datagrams_in: u64,
    pub bytes_in: u64,
    pub forwarded: u64,
    pub retransmitted: u64,
    pub key_frame_requests: u64,
    pub strangers: u64,
    pub discarded: u64,
    /// Sent by transports and by endpoints that are gone.
    pub datagrams_out: u64,
    pub bytes_out: u64,
    pub totals: Totals,
    pub padding: u64,
}
