//! What may be tried a few times only: passwords, and knocks.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jitsi_wire::xmpp::{Condition, StanzaError};

use crate::c2s::Bucket;

/// A wrong password or a knock is forgiven after this.
const EVERY: Duration = Duration::from_secs(12);

/// Pairs of a network address and a room whose guesses are counted.
const MAX_COUNTED: usize = 4096;

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

/// Guesses at the password of a room by network address: a new stream costs nothing, and brings no new guesses. Who guesses
/// at one room does not keep its neighbours out of another.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    counted: BTreeMap<(IpAddr, Box<str>), (Instant, Attempts)>,
}

impl Guesses {
    /// Those of an address at a room. When there are too many, those that were made longest ago are forgotten.
    pub(super) fn of(&mut self, now: Instant, address: IpAddr, room: &str, burst: u32) -> &mut Attempts {
        let key = (address, room.into());
        if self.counted.len() >= MAX_COUNTED && !self.counted.contains_key(&key) {
            let oldest = self.counted.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
            oldest.map(|oldest| self.counted.remove(&oldest));
        }
        let (at, attempts) = self.counted.entry(key).or_insert_with(|| (now, Attempts::new(now, burst)));
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
        assert!(guesses.of(now, address(0), "r", 1).guess(now, false, 1).is_ok());
        assert!(guesses.of(now, address(0), "r", 1).guess(now, true, 1).is_err());
        assert!(guesses.of(now, address(0), "other", 1).guess(now, true, 1).is_ok());
        for n in 1..5000 {
            let now = now + Duration::from_millis(1);
            assert!(guesses.of(now, address(n), "r", 1).guess(now, true, 1).is_ok());
        }
        assert_eq!(guesses.counted.len(), MAX_COUNTED);
        assert!(guesses.of(now, address(0), "r", 1).guess(now, true, 1).is_ok());
    }
}
