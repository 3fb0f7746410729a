//! What may be tried a few times only: passwords, and knocks.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jitsi_wire::xmpp::{Condition, StanzaError};

use crate::c2s::Bucket;

/// A wrong password or a knock is forgiven after this.
const EVERY: Duration = Duration::from_secs(12);

/// Network addresses whose guesses are counted.
const MAX_ADDRESSES: usize = 1024;

/// What somebody may still try.
#[derive(Debug)]
pub(super) struct Attempts(Bucket);

impl Attempts {
    /// `burst` of them may be made at once.
    pub(super) fn new(now: Instant, burst: u32) -> Self {
        Self(Bucket::full(now, cost().saturating_mul(burst)))
    }

    /// Counts one.
    pub(super) fn count(&mut self, now: Instant, burst: u32) -> Result<(), StanzaError> {
        if self.0.take(now, cost(), 1000, cost().saturating_mul(burst)) {
            return Ok(());
        }
        Err(StanzaError::new(Condition::ResourceConstraint).with_text("Too many attempts. Wait a minute"))
    }

    /// Counts a guess unless it is right. Who has guessed too often does not learn whether it is.
    pub(super) fn guess(&mut self, now: Instant, is_right: bool, burst: u32) -> Result<(), StanzaError> {
        self.count(now, burst)?;
        if is_right {
            self.0.give_back(cost(), cost().saturating_mul(burst));
        }
        Ok(())
    }
}

/// The bucket counts milliseconds, because there are several seconds to an attempt.
fn cost() -> u32 {
    u32::try_from(EVERY.as_millis()).unwrap_or(u32::MAX)
}

/// Guesses at passwords by network address: a new stream costs nothing, and brings no new guesses.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    by_address: BTreeMap<IpAddr, (Instant, Attempts)>,
}

impl Guesses {
    /// Those of an address. When there are too many addresses, the one that guessed longest ago is forgotten.
    pub(super) fn of(&mut self, now: Instant, address: IpAddr, burst: u32) -> &mut Attempts {
        if self.by_address.len() >= MAX_ADDRESSES && !self.by_address.contains_key(&address) {
            let oldest = self.by_address.iter().min_by_key(|(_, (at, _))| *at).map(|(address, _)| *address);
            self.by_address.retain(|address, _| Some(*address) != oldest);
        }
        let (at, attempts) = self.by_address.entry(address).or_insert_with(|| (now, Attempts::new(now, burst)));
        *at = now;
        attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_remembered_until_too_many_others_have_guessed() {
        let now = Instant::now();
        let mut guesses = Guesses::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!(guesses.of(now, address(0), 1).guess(now, false, 1).is_ok());
        assert!(guesses.of(now, address(0), 1).guess(now, true, 1).is_err());
        for n in 1..2000 {
            let now = now + Duration::from_millis(1);
            assert!(guesses.of(now, address(n), 1).guess(now, true, 1).is_ok());
        }
        assert_eq!(guesses.by_address.len(), MAX_ADDRESSES);
        assert!(guesses.of(now, address(0), 1).guess(now, true, 1).is_ok());
    }
}
