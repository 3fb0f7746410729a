//! Wrong tokens by address: nobody tries them all.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Wrong ones without a pause.
const BURST: u32 = 10;
/// After them, one in so long.
const EVERY: Duration = Duration::from_secs(30);
/// Whoever tried last longest ago is forgotten.
const REMEMBERED: usize = 256;

/// Wrong tokens of the last time.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// When each network has all its tries again; the latest one last. `None` stands for all whose address is not known.
    by_network: VecDeque<(Option<IpAddr>, Instant)>,
}

impl Attempts {
    /// How long this network has to wait until it may try again.
    pub(super) fn wait(&self, now: Instant, network: Option<IpAddr>) -> Duration {
        let full = self.by_network.iter().find(|(known, _)| *known == network).map_or(now, |(_, full)| *full);
        (full + EVERY).saturating_duration_since(now + EVERY * BURST)
    }

    /// It was wrong.
    pub(super) fn count(&mut self, now: Instant, network: Option<IpAddr>) {
        let place = self.by_network.iter().position(|(known, _)| *known == network);
        let full = place.and_then(|place| self.by_network.remove(place)).map_or(now, |(_, full)| full.max(now));
        if self.by_network.len() == REMEMBERED {
            self.by_network.pop_front();
        }
        self.by_network.push_back((network, full + EVERY));
    }
}

/// Requests of those who may ask: they have programs, and programs have errors.
#[derive(Debug)]
pub(super) struct Budget {
    /// When all of it has come back.
    full: Instant,
}

/// Requests at once.
const REQUESTS: u32 = 100;
/// And then one each.
const REQUEST_EVERY: Duration = Duration::from_millis(100);

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { full: now }
    }

    /// False if it is too much.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let full = self.full.max(now) + REQUEST_EVERY;
        let fits = full <= now + REQUEST_EVERY * REQUESTS;
        if fits {
            self.full = full;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u32) -> Option<IpAddr> {
        Some(IpAddr::from((0x0a00_0000 + last).to_be_bytes()))
    }

    #[test]
    fn ten_tries_and_then_one_each_half_minute() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(attempts.wait(now, address(1)), Duration::ZERO);
            attempts.count(now, address(1));
        }
        assert_eq!(attempts.wait(now, address(1)), EVERY);
        assert_eq!(attempts.wait(now, address(2)), Duration::ZERO, "others may still try");
        assert_eq!(attempts.wait(now + EVERY, address(1)), Duration::ZERO);
        for other in 2..1000 {
            attempts.count(now, address(other));
        }
        assert_eq!(attempts.by_network.len(), REMEMBERED);
    }

    #[test]
    fn a_program_gone_wild_is_slowed_down() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        assert_eq!((0..1000).filter(|_| budget.take(now)).count(), 100);
        assert!(budget.take(now + REQUEST_EVERY) && !budget.take(now + REQUEST_EVERY));
    }
}
