//! How many conferences there may be, and how many of them one network may have made.

use std::net::IpAddr;

use super::Focus;
use crate::muc::is_breakout;

/// Breakout rooms are counted apart: so many times as there may be meetings.
const BREAKOUTS: usize = 4;
/// One network has at most this part of the conferences (an office may be one),
const PART: usize = 2;
/// and not less than this, when there may be few.
const LEAST: usize = 4;

impl Focus {
    fn max_like(&self, room: &str) -> usize {
        let meetings = self.desk.config.max_rooms;
        if is_breakout(room) { meetings.saturating_mul(BREAKOUTS) } else { meetings }
    }

    /// There are as many rooms like this one as there may be.
    pub(super) fn is_full(&self, room: &str) -> bool {
        let like = self.conferences.keys().filter(|other| is_breakout(other) == is_breakout(room));
        like.count() >= self.max_like(room)
    }

    /// The network has made as many rooms like this one as it may. Of whom nothing is known, nothing is counted.
    pub(super) fn has_enough(&self, room: &str, network: Option<IpAddr>) -> bool {
        let its = self.conferences.iter().filter(|(other, conference)| {
            network.is_some() && conference.network == network && is_breakout(other) == is_breakout(room)
        });
        its.count() >= (self.max_like(room) / PART).max(LEAST)
    }
}
