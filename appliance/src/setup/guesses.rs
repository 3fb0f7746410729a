//! Who may try a password: a few tries each, so that nobody who guesses keeps the owner out for long.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Tries without a pause.
const BURST: u32 = 5;
/// After them, one in so long.
const EVERY: Duration = Duration::from_secs(30);
/// All together, so that the processor is not busy with passwords only.
const ALL_EVERY: Duration = Duration::from_secs(2);
/// Whoever tried last longest ago is forgotten.
const REMEMBERED: usize = 256;

/// Tries of the last time.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    all: Option<Instant>,
    /// When each network has all its tries again; the latest one last.
    by_network: VecDeque<(IpAddr, Instant)>,
}

impl Guesses {
    /// Counts a try, or says how long to wait for the next one.
    pub(crate) fn count(&mut self, now: Instant, from: IpAddr) -> Result<(), Duration> {
        let network = network(from);
        let place = self.by_network.iter().position(|(known, _)| *known == network);
        let full = place.and_then(|place| self.by_network.get(place)).map_or(now, |(_, full)| (*full).max(now));
        let wait = (full + EVERY).saturating_duration_since(now + EVERY * BURST);
        let wait = wait.max(self.all.map_or(Duration::ZERO, |all| all.saturating_duration_since(now)));
        if !wait.is_zero() {
            return Err(wait);
        }
        self.all = Some(now + ALL_EVERY);
        if let Some(place) = place {
            self.by_network.remove(place);
        } else if self.by_network.len() == REMEMBERED {
            self.by_network.pop_front();
        }
        self.by_network.push_back((network, full + EVERY));
        Ok(())
    }

    /// It was right.
    pub(crate) fn forgive(&mut self, from: IpAddr) {
        self.by_network.retain(|(known, _)| *known != network(from));
    }
}

/// An IPv4 address or an IPv6 /64; link-local ones each by itself, for all of them are in one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_unicast_link_local() => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Tries that are allowed to one address within a time, as fast as that is possible.
    fn tries(guesses: &mut Guesses, from: &str, now: Instant, within: Duration) -> usize {
        let (mut at, mut count) = (now, 0);
        while at < now + within {
            match guesses.count(at, ip(from)) {
                Ok(()) => count += 1,
                Err(wait) => at += wait,
            }
        }
        count
    }

    #[test]
    fn five_tries_and_then_one_each_half_minute() {
        let mut guesses = Guesses::default();
        let now = Instant::now();
        assert_eq!(tries(&mut guesses, "10.0.0.1", now, Duration::from_secs(20)), 5);
        let later = now + Duration::from_secs(20);
        assert_eq!(tries(&mut guesses, "10.0.0.1", later, Duration::from_secs(3600)), 120);
        let later = later + Duration::from_secs(3600);
        assert_eq!(guesses.count(later, ip("10.0.0.2")), Ok(()), "others may still try");
        guesses.forgive(ip("10.0.0.1"));
        assert_eq!(tries(&mut guesses, "10.0.0.1", later + ALL_EVERY, Duration::from_secs(10)), 5);
    }

    #[test]
    fn all_together_are_limited_and_remembered_within_bounds() {
        let mut guesses = Guesses::default();
        let now = Instant::now();
        assert_eq!(guesses.count(now, ip("fd00::1")), Ok(()));
        assert_eq!(guesses.count(now, ip("fd00:1::1")), Err(ALL_EVERY));
        for n in 1..1000_u32 {
            let from = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            assert_eq!(guesses.count(now + ALL_EVERY * n, from), Ok(()));
        }
        assert_eq!(guesses.by_network.len(), REMEMBERED);
    }

    #[test]
    fn an_ipv6_network_is_one_and_link_local_addresses_are_many() {
        assert_eq!(network(ip("fd00::1")), network(ip("fd00::2")));
        assert_ne!(network(ip("fe80::1")), network(ip("fe80::2")));
        assert_eq!(network(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
    }
}
